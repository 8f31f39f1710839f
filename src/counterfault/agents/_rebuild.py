"""Values from the text of an answer, by a return annotation: what a decorated function gives in a replay.

An answer that no longer fits reaches the agent as decoding it would in production. A record is built with the fields
that it knows, so a field too many is dropped; a missing or renamed one is the error of its own constructor (TypeError
of a dataclass, ValidationError of msgspec and pydantic). Text that holds no JSON where a container or record is due is
a JSONDecodeError. Scalars and TypedDicts are not checked, as Python does not.
"""

import collections.abc as abc
import dataclasses
import datetime as dt
import functools
import inspect
import json
import types
import typing
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, TypeAlias
from uuid import UUID

from counterfault.agents._plain import plain
from counterfault.core.errors import UsageError
from counterfault.core.rendering import parse

Make: TypeAlias = Callable[[Any], Any]

_AS_IS = (Any, object, None, type(None), bool, int, float, str, dict, list, abc.Mapping, abc.Sequence, inspect._empty)
_LISTS = (list, abc.Sequence, abc.MutableSequence, abc.Collection, abc.Iterable)
_SETS: dict[Any, Make] = {set: set, abc.Set: set, abc.MutableSet: set, frozenset: frozenset}
_MAPPINGS = (dict, abc.Mapping, abc.MutableMapping)
_PARSED: dict[Any, Make] = {
    dt.datetime: dt.datetime.fromisoformat,
    dt.date: dt.date.fromisoformat,
    dt.time: dt.time.fromisoformat,
    dt.timedelta: lambda seconds: dt.timedelta(seconds=seconds),
    Decimal: lambda written: Decimal(str(written)),
    UUID: lambda written: UUID(str(written)),
    tuple: tuple,
    **_SETS,
}


def rebuilder(function: Callable[..., Any]) -> Callable[[str], Any]:
    """What makes the function's return value from the text of an answer.

    Raises UsageError where the annotation cannot be resolved, or names a type that no JSON can be made into.
    """
    where = f"{function.__module__}.{function.__qualname__}"
    try:
        hints = typing.get_type_hints(inspect.unwrap(function))
    except Exception as error:
        raise UsageError(f"the annotations of {where} cannot be resolved: {error}") from None
    hint = hints.get("return", Any)
    try:
        make = _make(hint)
    except UsageError as error:
        raise UsageError(f"the results of {where} cannot be rebuilt: {error}") from None
    return functools.partial(_from_text, hint, make)


def same(value: Any, other: Any) -> bool:
    """Whether a rebuilt value stands for the original."""
    try:
        if value == other and isinstance(value, Enum) == isinstance(other, Enum):
            return True
    except Exception:
        return False
    return type(value) is type(other) and plain(value) == plain(other)


def _from_text(hint: Any, make: Make, text: str) -> Any:
    members, value = _members(hint), parse(text)
    held = any(map(_holds, members))
    if str in members:
        fits = type(value) in members or (held and isinstance(value, dict | list))
        return make(value) if fits and not isinstance(value, str) else text
    if isinstance(value, str) and all(_holds(member) for member in members if member is not type(None)):
        value = json.loads(text)
    return make(text if Decimal in members and isinstance(value, int | float) else value)


def _members(hint: Any) -> tuple[Any, ...]:
    hint = _bare(hint)
    return typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)


def _holds(hint: Any) -> bool:
    """Whether a type's values are containers or records, which no bare text can stand for."""
    kind = typing.get_origin(hint) or hint
    if kind in (*_LISTS, *_SETS, *_MAPPINGS, tuple):
        return True
    return isinstance(kind, type) and (_build(kind) is not None or typing.is_typeddict(kind))


def _make(hint: Any) -> Make:
    """What makes values of a type from JSON values."""
    hint = _bare(hint)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint in _AS_IS or isinstance(hint, typing.TypeVar) or origin is typing.Literal:
        return _as_is
    if len(args) == 0 and hint in _PARSED:
        return _PARSED[hint]
    if origin in (typing.Union, types.UnionType):
        return functools.partial(_first_that_fits, [(arg, _make(arg)) for arg in args])
    if origin in _LISTS:
        return functools.partial(_items, _make(args[0]))
    if origin in _SETS:
        make = _make(args[0])
        return lambda value: _SETS[origin](_items(make, value))
    if origin is tuple:
        return functools.partial(_tuple, [_make(arg) for arg in args if arg is not ...], ... in args)
    if origin in _MAPPINGS:
        return functools.partial(_mapping, int if args[0] is int else _make(args[0]), _make(args[1]))
    return _class(origin or hint)


def _bare(hint: Any) -> Any:
    """A type without the names and notes that it was given."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _bare(args[0])
    if origin is not None and not args:  # typing.List
        return origin
    named = getattr(hint, "__supertype__", getattr(hint, "__value__", hint))
    return hint if named is hint else _bare(named)


def _class(kind: Any) -> Make:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return functools.partial(_enum, kind)
    if isinstance(kind, type) and issubclass(kind, PurePath):
        return lambda value: kind(str(value))
    if typing.is_typeddict(kind):
        return functools.partial(_typed_dict, kind)
    build = _build(kind) if isinstance(kind, type) else None
    if build is None:
        raise UsageError(
            f"{getattr(kind, '__qualname__', kind)!r} is no JSON type, dataclass, TypedDict, msgspec or pydantic type; "
            "annotate such a type, or decorate the function below it that returns plain data"
        )
    return build


def _as_is(value: Any) -> Any:
    return value


def _enum(kind: type[Enum], value: Any) -> Any:
    known = {member.value for member in kind}
    return kind(value if value in known or str(value) not in known else str(value))


def _items(make: Make, value: Any) -> Any:
    if make is _as_is:
        return value
    if not isinstance(value, list):
        raise TypeError(f"expected a list, found {type(value).__name__}")
    return [make(item) for item in value]


def _tuple(makes: list[Make], any_length: bool, value: Any) -> Any:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, found {type(value).__name__}")
    if any_length:
        return tuple(makes[0](item) for item in value)
    if len(value) != len(makes):
        raise ValueError(f"expected {len(makes)} values, found {len(value)}")
    return tuple(make(item) for make, item in zip(makes, value, strict=True))


def _mapping(key: Make, make: Make, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key(name): make(item) for name, item in value.items()}


def _first_that_fits(members: list[tuple[Any, Make]], value: Any) -> Any:
    """The record that holds all of the value, else the first member that can be made of it, plain containers last."""
    made: list[tuple[bool, Any]] = []
    failures: list[Exception] = []
    for hint, make in members:
        if make is _as_is:
            if _is_a(hint, value):
                made.append((isinstance(value, dict | list), value))
            continue
        try:
            found = make(value)
        except Exception as error:
            failures.append(error)
            continue
        if plain(found) == value:
            return found
        made.append((False, found))
    if not made and failures:
        raise failures[0]
    return min(made, key=lambda candidate: candidate[0])[1] if made else value


def _is_a(hint: Any, value: Any) -> bool:
    if typing.get_origin(hint) is typing.Literal:
        return value in typing.get_args(hint)
    if hint in (None, type(None)):
        return value is None
    kind = (int, float) if hint is float else hint
    return isinstance(value, kind) if isinstance(kind, type | tuple) else True


def _typed_dict(kind: Any, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    hints = _hints(kind)
    return {name: _make(hints[name])(item) if name in hints else item for name, item in value.items()}


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _build(kind: type[Any]) -> Make | None:
    """What builds a record of a class from an object; None where the class is no record."""
    if hasattr(kind, "model_validate_json"):
        return lambda value: kind.model_validate_json(json.dumps(value))
    if hasattr(kind, "__struct_fields__"):
        return functools.partial(_struct, kind)
    if dataclasses.is_dataclass(kind):
        return functools.partial(_fields, kind, tuple(f.name for f in dataclasses.fields(kind) if f.init))
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return functools.partial(_fields, kind, tuple(kind._fields))
    if hasattr(kind, "__attrs_attrs__"):
        return functools.partial(_fields, kind, tuple(attribute.name for attribute in kind.__attrs_attrs__))
    return None


def _struct(kind: type[Any], value: Any) -> Any:
    import msgspec

    return msgspec.convert(value, kind)


def _fields(kind: type[Any], names: tuple[str, ...], value: Any) -> Any:
    if not isinstance(value, dict):
        raise TypeError(f"{kind.__qualname__}() argument after ** must be a mapping, not {type(value).__name__}")
    hints = _hints(kind)  # type: ignore[arg-type]  # a class is hashable
    return kind(**{name: _make(hints.get(name, Any))(value[name]) for name in names if name in value})
