"""The session's door: what a live agent calls with becomes JSON here, once, so that nothing behind it breaks or leaks.

The rule (docs/replay.md): tuples are lists; sets are lists in a fixed order; keys are written as JSON writes them; NaN,
the infinities, decimals and fractions are texts; an integer of more than 4,300 digits is its hexadecimal text; bytes
are read as UTF-8. What is no JSON at all, what contains itself, and what is nested deeper than 100 levels is named by
its type: ``"<Session>"``. Everything is copied.
"""

import math
from collections.abc import Mapping
from numbers import Number
from typing import Any

from counterfault.core.jsontree import JSON, canonical

_DEPTH = 100
_BITS = 14_000  # 4,300 decimal digits: the most that Python converts to text by default


def as_arguments(arguments: Any) -> dict[str, JSON]:
    """The arguments of a call. None is no arguments; what is no object is kept as ``{"_raw": …}``, as in imports."""
    if arguments is None:
        return {}
    found = as_json(arguments)
    return found if isinstance(found, dict) else {"_raw": found}


def as_json(value: Any, above: tuple[int, ...] = ()) -> JSON:
    """``value`` as JSON of its own: equal values give equal JSON, and it never raises."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value) if value.bit_length() <= _BITS else hex(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else _unwritable(value)
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode(errors="replace")
    if id(value) in above or len(above) >= _DEPTH:
        return _named(value)
    above = (*above, id(value))
    if isinstance(value, Mapping):
        return {_key(key): as_json(item, above) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item, above) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((as_json(item, above) for item in value), key=canonical)
    return _named(value)


def _key(key: Any) -> str:
    plain = as_json(key) if key is None or isinstance(key, bool | int | float | str) else _named(key)
    return plain if isinstance(plain, str) else canonical(plain).decode()


def _unwritable(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _named(value: Any) -> str:
    return f"<{type(value).__name__}>"
