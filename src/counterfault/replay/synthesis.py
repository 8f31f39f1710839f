"""Answers that nobody recorded, in the shape of those that were: acknowledgements and errors.

Everything made here is marked *synthesised* by the session. Identifiers are minted in the seen format.
"""

import ast
import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from counterfault.core.effects import call_key
from counterfault.core.jsontree import JSON, digest, leaves
from counterfault.core.provenance import name_of
from counterfault.core.rendering import Rendering, parse, style_of, write
from counterfault.core.scan import Corpus
from counterfault.core.trace import ToolSchema
from counterfault.core.values import as_number, is_identifying, kind_of, minted, norm, tokens

_MOST_MINTED = 16
_NOT_FOUND = re.compile(r"not[ _]?found|no such|does not exist|unknown|invalid", re.IGNORECASE)
_ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


@dataclass(frozen=True, slots=True)
class Sample:
    """A recorded answer to take the shape from: what was asked, the text, and the identifiers that were known before it
    (those are references; the others in it are its own)."""

    asked: Mapping[str, JSON]
    text: str
    known: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Stamp:
    """What makes an answer's own identifiers: a hexadecimal seed, and the identifiers that are taken already."""

    seed: str
    taken: frozenset[str] = frozenset()

    def mint(self, written: str) -> str:
        """Another identifier in the format of ``written``."""
        for turn in range(_MOST_MINTED):
            fresh = minted(written, digest(self.seed, turn))
            if norm(fresh) not in self.taken:
                return fresh
        return f"{written}-{self.seed[:8]}"


def acknowledgement(
    arguments: Mapping[str, JSON], samples: Sequence[Sample], schema: ToolSchema | None, stamp: Stamp
) -> str:
    """What a request or write that nobody recorded is answered: in the shape of the tool's output schema, else of its
    likeliest other answer, else ``{"ok": true}``. Members that echoed the arguments echo these."""
    asked = dict(leaves(dict(arguments)))
    sample = max(samples, key=lambda one: _likeness(one, asked)) if samples else None
    likely = _Echo(sample, arguments, stamp).of(parse(sample.text), "") if sample else None
    output = schema.output if schema else None
    if isinstance(output, dict) and isinstance(output.get("properties"), dict):
        shaped = _of_schema(output, likely if isinstance(likely, dict) else {}, arguments, stamp.seed)
        return write(shaped, style_of(sample.text) if sample and isinstance(likely, dict) else Rendering("json"))
    return write(likely, style_of(sample.text)) if sample else '{"ok": true}'


def _likeness(sample: Sample, arguments: Mapping[str, JSON]) -> int:
    theirs = dict(leaves(dict(sample.asked)))
    return sum(norm(theirs[pointer]) == norm(value) for pointer, value in arguments.items() if pointer in theirs)


class _Echo:
    """A sample as the answer to other arguments: what it echoed of its own echoes these now, and every identifier that
    was its own is another."""

    def __init__(self, sample: Sample, arguments: Mapping[str, JSON], stamp: Stamp) -> None:
        self._sample, self._arguments, self._stamp = sample, arguments, stamp
        now = dict(leaves(dict(arguments)))
        pairs = [
            (name_of(pointer), old, now[pointer])
            for pointer, old in leaves(dict(sample.asked))
            if pointer in now and not isinstance(old, dict | list)
        ]
        self._by_name = {(name, norm(old)): new for name, old, new in reversed(pairs)}
        self._by_value = {
            norm(old): new for name, old, new in reversed(pairs) if kind_of(old, name) in ("identifier", "name", "date")
        }

    def of(self, node: JSON, key: str) -> JSON:
        """The node under ``key``, echoed."""
        arguments, asked = self._arguments, self._sample.asked
        if isinstance(node, dict | list) and key in arguments and key in asked and _agree(node, asked[key]):
            return node if _agree(node, arguments[key]) else arguments[key]
        if isinstance(node, dict):
            return {name: self.of(item, name) for name, item in node.items()}
        if isinstance(node, list):
            return [self.of(item, key) for item in node]
        form = norm(node)
        if (key, form) in self._by_name:
            return _spelled(node, self._by_name[key, form])
        if isinstance(node, str) and len(node.split()) > 1 and not form.isdecimal():
            return self._retold(node)
        if kind_of(node, key) != "identifier":
            return node
        if form in self._by_value:
            return _spelled(node, self._by_value[form])
        return self._own(node) if form not in self._sample.known and _is_own(node, key) else node

    def _own(self, node: JSON) -> JSON:
        if isinstance(node, str):
            return self._stamp.mint(node)
        fresh = self._stamp.mint(str(node))
        return int(fresh) if isinstance(node, int) and fresh.isdecimal() else node

    def _retold(self, text: str) -> str:
        """Prose with the arguments' values in the places of the sample's, and its own identifiers exchanged."""
        numbers = {form: new for (_, form), new in self._by_name.items()}
        for token in reversed(tokens(text)):
            now: JSON = token.text
            if token.norm in self._by_value:
                now = _spelled(token.text, self._by_value[token.norm])
            elif token.kind == "number" and token.norm in numbers:
                now = _renumbered(token.text, numbers[token.norm])
            elif token.kind == "identifier" and token.norm not in self._sample.known and _is_own(token.text, ""):
                now = self._stamp.mint(token.text)
            text = text[: token.start] + str(now) + text[token.start + len(token.text) :]
        return text


def _is_own(value: JSON, key: str) -> bool:
    """Whether a value that looks like an identifier is one: a word in capitals may be a status."""
    return is_identifying(key) or any(char.isdigit() for char in str(value))


def _agree(left: JSON, right: JSON) -> bool:
    return call_key("", {"": left}) == call_key("", {"": right})


def _spelled(old: JSON, new: JSON) -> JSON:
    """The new value; the old one's spelling where they are one value."""
    return old if not isinstance(new, dict | list) and norm(old) == norm(new) else new


def _renumbered(written: str, new: JSON) -> str:
    number = as_number(new)
    digits = re.search(r"\d[\d,]*(?:\.(\d+))?", written)
    if number is None or digits is None or number == as_number(written):
        return written
    return written[: digits.start()] + f"{number:.{len(digits[1] or '')}f}" + written[digits.end() :]


_EMPTY: Mapping[str, JSON] = {"boolean": True, "integer": 0, "number": 0, "array": [], "object": {}, "null": None}


def _of_schema(
    schema: Mapping[str, Any], likely: Mapping[str, JSON], arguments: Mapping[str, JSON], seed: str
) -> dict[str, JSON]:
    found: dict[str, JSON] = {}
    for name, declared in schema["properties"].items():
        part = declared if isinstance(declared, dict) else {}
        enum = part.get("enum")
        if name in likely:
            found[name] = likely[name]
        elif name in arguments:
            found[name] = arguments[name]
        elif isinstance(enum, list) and enum:
            found[name] = enum[0]
        elif isinstance(part.get("properties"), dict):
            found[name] = _of_schema(part, {}, arguments, seed)
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


def not_found(tool: str, arguments: Mapping[str, JSON], corpus: Corpus) -> str:
    """This tool's own recorded not-found error, said of what these arguments name, else a generic one."""
    asked = [
        str(value) for pointer, value in leaves(dict(arguments)) if kind_of(value, name_of(pointer)) == "identifier"
    ]
    told = (text for text in corpus.errors.get(tool, ()) if _NOT_FOUND.search(text))
    text = next(told, None)
    if text is None:
        return fault_body("not_found", tool, corpus)
    for token in reversed(tokens(text)):
        if asked and token.kind == "identifier" and _is_own(token.text, ""):
            text = text[: token.start] + asked[0] + text[token.start + len(token.text) :]
    return text


def calculation(arguments: Mapping[str, JSON]) -> str | None:
    """The value of a calculator's one text argument; None where it is no plain arithmetic."""
    if len(arguments) != 1:
        return None
    expression = next(iter(arguments.values()))
    if not isinstance(expression, str) or len(expression) > 500:
        return None
    plain = expression.replace("$", "").strip()
    # Python warns of some odd spellings of numbers; plain arithmetic has none of them.
    if not re.fullmatch(r"[0-9.+\-*/%()\s]+", plain, re.ASCII):
        return None
    try:
        return str(_evaluate(ast.parse(plain, mode="eval").body))
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError, RecursionError, MemoryError):
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
