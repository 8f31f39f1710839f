"""Python values as JSON: arguments, results and answers. It never raises, and equal values give equal JSON."""

import datetime as dt
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from numbers import Number
from pathlib import PurePath
from typing import Any
from uuid import UUID

from counterfault.core.jsontree import JSON, canonical

_DEPTH = 100
_BITS = 14_000  # of integers that every JSON reader of ours takes: 4,300 digits


def plain(value: Any, opaque: Callable[[Any], Any] | None = None, above: tuple[int, ...] = ()) -> JSON:
    """``value`` as JSON.

    What JSON lacks is written as text (dates in ISO 8601, decimals, identifiers, paths, NaN), keys as JSON writes them,
    enums by their values, sets in a fixed order, records as objects. An object of another kind, a cycle, and what is
    nested deeper than 100 levels is named by its type, ``"<Session>"``; ``opaque`` may show an object in another way.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return plain(value.value, opaque, above)
    if isinstance(value, int):
        return int(value) if value.bit_length() <= _BITS else hex(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else json.dumps(float(value))  # NaN, Infinity, as text
    if isinstance(value, str):
        return str.__str__(value)
    if id(value) in above or len(above) > _DEPTH:
        return name_of(value)
    above = (*above, id(value))
    simple = _text(value)
    if simple is not None:
        return simple
    content = _content(value)
    if content is None and opaque is not None:
        content = opaque(value)
    if isinstance(content, Mapping):
        return {_key(key): plain(item, opaque, above) for key, item in list(content.items())}
    if isinstance(content, list | tuple):
        return [plain(item, opaque, above) for item in list(content)]
    if isinstance(content, set | frozenset):
        return sorted((plain(item, opaque, above) for item in list(content)), key=canonical)
    return name_of(value) if content is None else plain(content, opaque, above)


def attributes(value: Any) -> Any:
    """An object by its public attributes, else by its own text, else None."""
    held = getattr(value, "__dict__", None)
    if isinstance(held, Mapping) and not isinstance(value, type):
        return {key: item for key, item in held.items() if not key.startswith("_")}
    return _said(value) if "__str__" in {name for kind in type(value).__mro__[:-1] for name in vars(kind)} else None


def name_of(value: Any) -> str:
    """The type of an object, as it stands for it."""
    return f"<{type(value).__name__}>"


def _said(value: Any) -> str:
    try:
        return str(value)
    except Exception:
        return name_of(value)


def _key(key: Any) -> str:
    written = plain(key.value if isinstance(key, Enum) else key)
    return written if isinstance(written, str) else canonical(written).decode()


def _text(value: Any) -> JSON:
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, Number | UUID | PurePath):
        return str(value)
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode(errors="replace")
    return f"{type(value).__name__}: {_said(value)}" if isinstance(value, BaseException) else None


def _content(value: Any) -> Any:
    """What a container or record holds: a mapping, a list, a set or another value. None: it is neither."""
    if isinstance(value, type):
        return None
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return value._asdict()
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return value
    try:
        return _record(value)
    except Exception:  # a record's own code may fail; it is then named by its type
        return None


def _record(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True, round_trip=True)
    if hasattr(value, "__struct_fields__"):
        import msgspec

        return msgspec.to_builtins(value, enc_hook=plain)
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if hasattr(type(value), "__attrs_attrs__"):
        return {attribute.name: getattr(value, attribute.name) for attribute in type(value).__attrs_attrs__}
    return value.tolist() if hasattr(value, "tolist") else None
