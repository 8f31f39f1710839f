"""Answers that nobody recorded, in the shape of those that were: acknowledgements, read-backs, errors.

Everything made here is marked *synthesised* or *overlaid* by the session. Identifiers are minted in the seen format.
"""

import ast
import json
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from counterfault.core.effects import words_of
from counterfault.core.jsontree import JSON, digest, nodes, replace
from counterfault.core.rendering import parse, style_of, write
from counterfault.core.scan import Corpus
from counterfault.core.trace import ToolSchema
from counterfault.core.values import identifiers, is_identifying, kind_of, minted, norm

_REMOVES = ("remove", "delete", "drop", "detach", "cancel")
_ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def acknowledgement(
    tool: str, arguments: Mapping[str, JSON], corpus: Corpus, schema: ToolSchema | None, nth: int
) -> str:
    """What a write that nobody recorded is answered: its tool's other answer about these arguments, else its schema's
    shape, else ``{"ok": true}``. ``nth`` keeps the identifiers of two such answers apart."""
    answers = corpus.answers.get(tool, ())
    if answers:
        asked, text = max(answers, key=lambda answer: _likeness(answer[0], arguments))
        return write(_echo(parse(text), asked, arguments, digest(tool, dict(arguments), nth)), style_of(text))
    output = schema.output if schema else None
    if isinstance(output, dict) and isinstance(output.get("properties"), dict):
        return json.dumps(_of_schema(output, arguments, digest(tool, dict(arguments), nth)))
    return '{"ok": true}'


def _likeness(asked: Mapping[str, JSON], arguments: Mapping[str, JSON]) -> int:
    return sum(norm(asked[name]) == norm(value) for name, value in arguments.items() if name in asked)


def _echo(value: JSON, asked: Mapping[str, JSON], arguments: Mapping[str, JSON], seed: str) -> JSON:
    """``value`` as the answer to other arguments: what it echoed of ``asked`` echoes ``arguments`` now, and every
    identifier that was its own is another."""
    echoes = {norm(asked[name]): arguments[name] for name in asked if name in arguments and _is_scalar(asked[name])}

    def walk(node: JSON, key: str) -> JSON:
        if isinstance(node, dict):
            return {name: walk(item, name) for name, item in node.items()}
        if isinstance(node, list):
            return [walk(item, key) for item in node]
        if key in arguments and key in asked and norm(asked[key]) == norm(node):
            return arguments[key]
        if kind_of(node, key) == "identifier":
            if norm(node) in echoes:
                return echoes[norm(node)]
            return minted(node, seed) if isinstance(node, str) else node
        return node

    return walk(value, "")


def _is_scalar(value: JSON) -> bool:
    return not isinstance(value, dict | list)


_EMPTY: Mapping[str, JSON] = {"boolean": True, "integer": 0, "number": 0, "array": [], "object": {}, "null": None}


def _of_schema(schema: dict[str, Any], arguments: Mapping[str, JSON], seed: str) -> JSON:
    found: dict[str, JSON] = {}
    for name, declared in schema["properties"].items():
        part = declared if isinstance(declared, dict) else {}
        if name in arguments:
            found[name] = arguments[name]
        elif part.get("enum"):
            found[name] = part["enum"][0]
        elif isinstance(part.get("properties"), dict):
            found[name] = _of_schema(part, arguments, seed)
        else:
            found[name] = _EMPTY.get(str(part.get("type")), f"{name}-{seed[:8]}")
    return found


def fault_body(kind: str, tool: str, corpus: Corpus) -> str:
    """An error as this tool is known to write errors: a generic message in the rendering of its own recorded ones."""
    message = _MESSAGES.get(kind, f"{tool} failed")
    recorded = corpus.errors.get(tool) or next(iter(corpus.errors.values()), ())
    if recorded and not isinstance(parse(recorded[0]), dict):
        return f"Error: {message}"
    return json.dumps({"error": {"type": kind, "message": message}})


_MESSAGES = {
    "timeout": "the request timed out",
    "rate_limited": "too many requests",
    "unavailable": "the service is temporarily unavailable",
    "error": "the request failed",
    "malformed": "the response could not be parsed",
    "forbidden": "this operation is not permitted",
    "not_found": "not found",
    "unknown_tool": "unknown tool",
}


def not_found(tool: str, corpus: Corpus) -> str:
    """This tool's own recorded not-found error, else a generic one."""
    for text in corpus.errors.get(tool, ()):
        if re.search(r"not[ _]?found|no such|does not exist|unknown|invalid", text, re.IGNORECASE):
            return text
    return fault_body("not_found", tool, corpus)


def calculation(arguments: Mapping[str, JSON]) -> str | None:
    """The value of a calculator's one text argument; None where it is no plain arithmetic."""
    if len(arguments) != 1:
        return None
    expression = next(iter(arguments.values()))
    if not isinstance(expression, str) or len(expression) > 500:
        return None
    try:
        return str(_evaluate(ast.parse(expression.replace("$", ""), mode="eval").body))
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError, RecursionError):
        return None


def _evaluate(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_evaluate(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        result: float = _ARITHMETIC[type(node.op)](_evaluate(node.left), _evaluate(node.right))
        return result
    raise ValueError("not plain arithmetic")


def overlay(answer: JSON, tool: str, arguments: Mapping[str, JSON], result: JSON) -> JSON:
    """A read's answer as a committed effect left it (SEMANTICS 2).

    By the write's own result where that is a record with that id, else by its arguments: same-named members, or a
    record appended to or removed from a list of such records. The same answer where neither changes it.
    """
    touched = identifiers(dict(arguments)) | identifiers(result)
    for pointer, node in nodes(answer):
        if not isinstance(node, dict) or not (_ids(node) & touched):
            continue
        changed = _by_record(node, result)
        if changed == node:
            changed = _by_list(node, tool, arguments, result)
        if changed == node:
            changed = _by_arguments(node, arguments)
        if changed != node:
            return replace(answer, pointer, changed)
    return answer


def _ids(node: Mapping[str, JSON]) -> set[str]:
    """The normal forms of a record's own identifiers: not those of the records inside it."""
    return {norm(value) for key, value in node.items() if is_identifying(key) and _is_scalar(value)}


def _by_record(node: dict[str, JSON], result: JSON) -> dict[str, JSON]:
    """The record after a write that answered with (part of) the same record: its own id is the node's id."""
    if not isinstance(result, dict):
        return node
    own = next(((key, value) for key, value in result.items() if is_identifying(key) and _is_scalar(value)), None)
    if own is None or own[0] not in node or norm(node[own[0]]) != norm(own[1]):
        return node
    return {key: result.get(key, value) for key, value in node.items()}


def _by_list(
    node: dict[str, JSON], tool: str, arguments: Mapping[str, JSON], result: JSON
) -> dict[str, JSON]:
    words = set(words_of(tool))
    own = _ids(node)
    record = result if isinstance(result, dict) and _ids(result) - own else dict(arguments)
    for key, rows in node.items():
        if not isinstance(rows, list):
            continue
        named = bool({word.rstrip("s") for word in words_of(key)} & {word.rstrip("s") for word in words})
        alike = bool(rows) and isinstance(rows[0], dict) and len(rows[0].keys() & record.keys()) * 2 >= len(rows[0])
        wanted = identifiers(dict(arguments))
        if words & set(_REMOVES):
            kept = [row for row in rows if not (isinstance(row, dict) and _ids(row) & (wanted - own))]
            if len(kept) != len(rows):
                return {**node, key: kept}
        elif named or alike:
            shape = rows[0].keys() if alike and isinstance(rows[0], dict) else record.keys()
            row = {name: record.get(name, arguments.get(name)) for name in shape}
            return {**node, key: [*rows, {name: value for name, value in row.items() if value is not None}]}
    return node


def _by_arguments(node: dict[str, JSON], arguments: Mapping[str, JSON]) -> dict[str, JSON]:
    own = {norm(value) for key, value in arguments.items() if is_identifying(key)} & _ids(node)
    return {
        key: arguments[key] if own and key in arguments and not is_identifying(key) else value
        for key, value in node.items()
    }
