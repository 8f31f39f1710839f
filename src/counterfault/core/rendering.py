"""How a tool result was written, and writing a changed value in the same style.

The model reads bytes, not values: a mutated answer goes back in the rendering that the agent knew.
"""

import ast
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from counterfault.core.jsontree import JSON

_LITERAL_LIMIT = 200_000
_DEPTH_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Rendering:
    """``form`` says what the text parses as; the rest, how JSON was laid out."""

    form: Literal["json", "python", "text"]
    indent: int | None = None
    compact: bool = False
    ascii: bool = True


def _is_json(value: Any, depth: int = 0) -> bool:
    if depth > _DEPTH_LIMIT:
        return False
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(item, depth + 1) for key, item in value.items())
    if isinstance(value, list):
        return all(_is_json(item, depth + 1) for item in value)
    if isinstance(value, float):
        return value == value and value not in (float("inf"), float("-inf"))
    return value is None or isinstance(value, bool | int | str)


def _listed(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_listed(item) for item in value]
    return {key: _listed(item) for key, item in value.items()} if isinstance(value, dict) else value


def parse(text: str) -> JSON:
    """The value that ``text`` holds: JSON, else a Python literal, else the text itself."""
    return _parse(text)[0]


def form_of(text: str) -> Literal["json", "python", "text"]:
    """What ``text`` parses as."""
    return _parse(text)[1]


def _parse(text: str) -> tuple[JSON, Literal["json", "python", "text"]]:
    head = text.lstrip()[:1]
    if not head or head not in '{["-0123456789tfnTFN(\'':
        return text, "text"
    try:
        value = json.loads(text)
        if _is_json(value):
            return value, "json"
    except (ValueError, RecursionError):
        pass
    if head in "{[('TFN" and len(text) <= _LITERAL_LIMIT:
        try:
            value = _listed(ast.literal_eval(text.strip()))
            if _is_json(value):
                return value, "python"
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            pass
    return text, "text"


def _dump(value: JSON, style: Rendering) -> str:
    separators = (",", ":") if style.compact else None
    return json.dumps(value, indent=style.indent, separators=separators, ensure_ascii=style.ascii)


_LAYOUTS = [
    Rendering("json", indent, compact, ascii_only)
    for ascii_only in (True, False)
    for indent, compact in ((None, False), (None, True), (2, False), (4, False))
]


@lru_cache(maxsize=4096)
def style_of(text: str) -> Rendering:
    """The layout in which ``text`` was written; the default layout where none of the known ones repeats it."""
    value, form = _parse(text)
    if form != "json":
        return Rendering(form)
    for style in _LAYOUTS:
        if _dump(value, style) == text:
            return style
    return Rendering("json", ascii=False)


def write(value: JSON, style: Rendering) -> str:
    """``value`` in ``style``. A bare string stays bare unless the style is JSON or Python."""
    if style.form == "python":
        return repr(value)
    if style.form == "text":
        return value if isinstance(value, str) else _dump(value, Rendering("json", ascii=False))
    return _dump(value, style)
