"""How a tool result was written, and writing a changed value in the same style.

The model reads bytes, not values: a mutated answer goes back in the rendering that the agent knew, and what was not
changed in it keeps its spelling.
"""

import ast
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Any, Literal, TypeAlias

from counterfault.core.jsontree import JSON, canonical
from counterfault.core.verbatim import read, weave

Form: TypeAlias = Literal["json", "python", "text"]

_LITERAL_LIMIT = 200_000
_DEPTH_LIMIT = 200
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Rendering:
    """``form`` says what the text parses as; the rest, how JSON was laid out."""

    form: Form
    indent: int | str | None = None
    compact: bool = False
    ascii: bool = True


def _is_json(value: Any) -> bool:
    level, depth = [value], 0
    while level and depth <= _DEPTH_LIMIT:
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                if not all(isinstance(key, str) for key in item):
                    return False
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, float):
                if not isfinite(item):
                    return False
            elif not (item is None or isinstance(item, str | int)):
                return False
        level, depth = below, depth + 1
    return not level


def _listed(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_listed(item) for item in value]
    return {key: _listed(item) for key, item in value.items()} if isinstance(value, dict) else value


def parse(text: str) -> JSON:
    """The value that ``text`` holds: JSON, else a Python literal, else the text itself.

    It is read as an agent's own ``json.loads`` reads it, which is lenient where ``codec.strict_json`` is strict: of a
    key that stands twice the last value counts, and a lone surrogate's escape is let through. What is no JSON value
    (NaN, a number too large, a Python set, more than 200 levels) leaves the whole a text.
    """
    return _parse(text)[0]


def form_of(text: str) -> Form:
    """What ``text`` parses as."""
    return _parse(text)[1]


def _parse(text: str) -> tuple[JSON, Form]:
    head = text.lstrip()[:1]
    if not head or head not in "{[\"-0123456789tfnTFN('":
        return text, "text"
    try:
        value = json.loads(text)
        if _is_json(value):
            return value, "json"
    except (ValueError, RecursionError):
        pass
    if head in "{[('TFN" and len(text) <= _LITERAL_LIMIT and not _has_odd_escape(text):
        try:
            value = _listed(ast.literal_eval(text.strip()))
            if _is_json(value):
                return value, "python"
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            pass
    return text, "text"


def _has_odd_escape(text: str) -> bool:
    # repr never writes them, and Python warns of them: what a text is must not hang on the warning filters.
    return any(match[1] not in "\n\\'\"abfnrtvxuUN0" for match in _ESCAPE.finditer(text))


def _dump(value: JSON, style: Rendering) -> str:
    separators = (",", ":") if style.compact else None
    text = json.dumps(value, indent=style.indent, separators=separators, ensure_ascii=style.ascii)
    # A lone surrogate has no bytes; as an escape it can be stored and sent.
    return text if style.ascii or text.isascii() or not _SURROGATE.search(text) else _dump(value, _as_ascii(style))


def _as_ascii(style: Rendering) -> Rendering:
    return Rendering(style.form, style.indent, style.compact)


_SURROGATE = re.compile("[\ud800-\udfff]")
_LAYOUTS = [
    Rendering("json", indent, compact, ascii_only)
    for ascii_only in (True, False)
    for indent, compact in ((None, False), (None, True), (2, False), (4, False), ("\t", False))
]


@lru_cache(maxsize=1024)
def _layout(text: str) -> tuple[Rendering, bool]:
    """The style of a text, and whether writing its value in that style repeats it."""
    value, form = _parse(text)
    if form == "text":
        return Rendering(form), True
    if form == "python":
        return Rendering(form), repr(value) == text
    for style in _LAYOUTS:
        if _dump(value, style) == text:
            return style, True
    return Rendering("json", ascii=text.isascii()), False


def style_of(text: str) -> Rendering:
    """The layout in which ``text`` was written; the default layout where none of the known ones repeats it."""
    return _layout(text)[0]


def write(value: JSON, style: Rendering) -> str:
    """``value`` in ``style``. A bare string stays bare unless the style is JSON or Python."""
    if style.form == "python":
        return repr(value)
    if style.form == "text":
        return value if isinstance(value, str) else _dump(value, Rendering("json", ascii=False))
    return _dump(value, style)


def rewrite(text: str, change: Callable[[JSON], JSON]) -> str:
    """``text`` with its value changed. Where nothing was changed, every character stays as it was.

    ``change`` copies paths (core.jsontree): it returns the very objects that it leaves alone.
    """
    style, regular = _layout(text)
    value = parse(text)
    if not regular:
        try:
            root = read(text, json.loads if style.form == "json" else ast.literal_eval)
        except (ValueError, SyntaxError, IndexError):
            root = None
        if root and canonical(root.value) == canonical(value):
            changed = change(root.value)
            return text if _same(changed, root.value) else weave(text, root, changed, lambda new: write(new, style))
    changed = change(value)
    return text if _same(changed, value) else write(changed, style)


def _same(left: JSON, right: JSON) -> bool:
    # Equality is not enough: 1 == 1.0 == True, and objects are equal in any order of their members.
    return left is right or repr(left) == repr(right)
