"""A read's answer as a committed effect left it (SEMANTICS 2, docs/replay.md).

By the write's own result where that is the record of the same entity; else a record appended to, or removed from, a
list of such records; else by the write's arguments, whose same-named members the entity takes on.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from counterfault.core.effects import words_of
from counterfault.core.jsontree import JSON, nodes, replace, split
from counterfault.core.values import is_identifying, norm
from counterfault.replay.progress import Committed, LiveCall

_REMOVES = frozenset(("remove", "delete", "drop", "detach"))
_MAKES = frozenset(["add", "append", "attach", "book", "create", "insert", "leave", "log", "new", "post", "register"])
_ADDS = _MAKES | frozenset(["open", "put", "save", "submit", "write"])
_LISTS = frozenset(["all", "get", "list", "fetch", "read", "show", "view"])
_ANYTHING = _LISTS | {"data", "entry", "entrie", "find", "item", "query", "record", "result", "row", "search", "value"}
_COUNT = re.compile(r"(?:^|_)(?:count|total|size|length)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Entity:
    """A record in an answer that an effect is about, and the member that holds its own identifier, if any does."""

    pointer: str
    node: dict[str, JSON]
    key: str | None


def overlay(answer: JSON, effect: Committed, call: LiveCall) -> JSON | None:
    """The answer to ``call`` after the effect; the same where it says so already; None where no rule applies."""
    entities = sorted(_entities(answer, effect, call), key=lambda entity: -len(split(entity.pointer)))
    adds = bool(_ADDS.intersection(words_of(effect.tool)))
    says_so = False
    for rule in (_by_record, _by_named_list, *((_by_list, _by_arguments) if adds else (_by_arguments, _by_list))):
        for entity in entities:
            changed = rule(entity, effect)
            if changed is not None and changed != entity.node:
                return replace(answer, entity.pointer, changed)
            says_so = says_so or changed is not None
    grown = grow(answer, effect, call)
    return grown if grown is not None else answer if says_so else None


def lists(answer: JSON, targets: frozenset[str], call: LiveCall) -> bool:
    """Whether an answer lists an entity that has one of these identifiers as its own, under its name: ``orders``,
    ``list_orders``. A list of requests that only refer to orders does not list them."""
    found = (
        [(call.tool, answer)] if isinstance(answer, list) else list(answer.items()) if isinstance(answer, dict) else []
    )
    for name, rows in found:
        key = _row_key(rows, _nouns(name)) if isinstance(rows, list) else None
        named = key is not None and (_nouns(key) <= _nouns(name))
        if named and isinstance(rows, list) and any(_own(row, key) in targets for row in rows):
            return True
    return False


# -- who is meant ------------------------------------------------------------------------------------------------------


def _entities(answer: JSON, effect: Committed, call: LiveCall) -> Iterator[_Entity]:
    for pointer, node in nodes(answer):
        if not isinstance(node, dict):
            continue
        noun = _nouns(next((token for token in reversed(split(pointer)) if not token.isdecimal()), call.tool))
        key = _own_key(node, noun, call.named if pointer == "" else frozenset())
        if pointer and key is not None and not _is_its_own(key, noun):
            continue
        asked = pointer == "" and bool(call.named) and call.named <= effect.named
        if asked or (key is not None and norm(node[key]) in effect.touches):
            yield _Entity(pointer, node, key)


def _is_its_own(key: str, noun: set[str]) -> bool:
    """Whether an inner record is identified by this member, and does not merely refer to another one by it: an item of
    ``orders`` by ``order_id``, but not a wish by the booking that it is about."""
    return key.lower() in ("id", "uuid") or bool(_nouns(key) & noun) or noun <= _ANYTHING


def _own_key(node: Mapping[str, JSON], noun: set[str], asked: frozenset[str] = frozenset()) -> str | None:
    """The member that holds a record's own identifier, not a reference: what was asked for, else ``id``, else the one
    that is named as the list in which the record stands, else the first."""
    keys = [key for key, value in node.items() if is_identifying(key) and _is_scalar(value)]
    wanted: Sequence[Callable[[str], bool]] = (
        lambda key: norm(node[key]) in asked,
        lambda key: key.lower() in ("id", "uuid"),
        lambda key: bool(noun & _nouns(key)),
        lambda _: True,
    )
    return next((key for is_own in wanted for key in keys if is_own(key)), None)


def _row_key(rows: Sequence[JSON], noun: set[str]) -> str | None:
    return _own_key(rows[0], noun) if rows and isinstance(rows[0], dict) else None


def _own(row: JSON, key: str | None) -> str | None:
    return norm(row[key]) if isinstance(row, dict) and key in row else None


def _nouns(name: str) -> set[str]:
    """The words of a name in the singular."""
    return {word[:-1] if word.endswith("s") and len(word) > 3 else word for word in words_of(name)} - {"id", "ids"}


def _is_scalar(value: JSON) -> bool:
    return not isinstance(value, dict | list)


def _ids(node: Mapping[str, JSON]) -> set[str]:
    return {norm(value) for key, value in node.items() if is_identifying(key) and _is_scalar(value)}


# -- records -----------------------------------------------------------------------------------------------------------


def _by_record(entity: _Entity, effect: Committed) -> dict[str, JSON] | None:
    """The entity's record as the write answered it; of a part of it, the members that the entity has."""
    node, result, key = entity.node, effect.record, entity.key
    if not isinstance(result, dict) or key is None or key not in result or norm(result[key]) != norm(node[key]):
        return None
    if result.keys() >= node.keys():
        return result
    # {"order_id": …, "refund_id": …} as the answer of ``refund`` is the record of the refund, not of the order.
    acts = _nouns(effect.tool)
    if any(is_identifying(name) and name not in node and _nouns(name) & acts for name in result):
        return None
    changed = {name: result.get(name, value) for name, value in node.items()}
    return changed if changed != node else None


def _by_arguments(entity: _Entity, effect: Committed) -> dict[str, JSON] | None:
    """The entity with the members that the write named; itself where it has every one of them already."""
    node, arguments, key = entity.node, effect.arguments, entity.key
    if entity.pointer and (key is None or norm(node[key]) not in effect.named):
        return None
    if _makes_another(effect) or _removes(effect):
        return None
    said = {name: value for name, value in arguments.items() if key is None or norm(value) != norm(node[key])}
    shared = {name: value for name, value in said.items() if name in node and _shape(node[name]) == _shape(value)}
    differing = {name: value for name, value in shared.items() if norm(value) != norm(node[name])}
    if differing:
        return {**node, **differing}
    return node if shared and all(name in shared or is_identifying(name) for name in said) else None


def _makes_another(effect: Committed) -> bool:
    """Whether the write made a record of its own, whose members say nothing about the one that it was made for."""
    result = effect.record
    if isinstance(result, dict) and _ids(result):
        return bool(_ids(result) - effect.named)
    return bool(_MAKES.intersection(words_of(effect.tool)))


def _shape(value: JSON) -> str:
    return "list" if isinstance(value, list) else "record" if isinstance(value, dict) else "scalar"


# -- lists -------------------------------------------------------------------------------------------------------------


def _by_named_list(entity: _Entity, effect: Committed) -> dict[str, JSON] | None:
    return _in_lists(entity.node, effect, lambda name, _: bool(_nouns(name) & _nouns(effect.tool)))


def _by_list(entity: _Entity, effect: Committed) -> dict[str, JSON] | None:
    return _in_lists(entity.node, effect, lambda name, rows: _is_such(rows, _nouns(name), effect))


def grow(answer: JSON, effect: Committed, call: LiveCall) -> JSON | None:
    """A list of records, or an envelope without an identifier around one, with what the write added or removed; None
    where the read asks for something else, or the write's record is not of that list."""
    if not call.named <= effect.touches or not _fits_filter(call, effect):
        return None
    related = kin(call.tool, effect.tool)
    if isinstance(answer, list):
        noun = _nouns(call.tool)
        changed = _rows_after(answer, noun, effect, set()) if related or _is_such(answer, noun, effect) else None
        return changed if changed != answer else None
    if not isinstance(answer, dict) or _ids(answer):
        return None

    def fits(name: str, rows: list[JSON]) -> bool:
        noun = _nouns(name)
        return (related and bool(noun & _nouns(effect.tool))) or _is_such(rows, noun, effect)

    grown = _in_lists(answer, effect, fits)
    return grown if grown != answer else None


def kin(read: str, write: str) -> bool:
    """Whether a tool lists what another one adds or removes, by their names: ``list_notes`` and ``add_note``."""
    reads, writes = set(words_of(read)), set(words_of(write))
    verbs = _LISTS | _ADDS | _REMOVES
    return bool(reads & _LISTS and writes & (_ADDS | _REMOVES) and (_nouns(read) - verbs) & (_nouns(write) - verbs))


def _fits_filter(call: LiveCall, effect: Committed) -> bool:
    """Whether nothing that the read asks for speaks against the write's record. Numbers may be pages and limits."""
    record = _record_of(effect, set())
    return all(
        norm(record[name]) == norm(value) if name in record else norm(value) in effect.touches or type(value) is int
        for name, value in call.arguments.items()
    )


def _is_such(rows: Sequence[JSON], noun: set[str], effect: Committed) -> bool:
    """Whether the rows are such records as the write made or named: with half of their members, their identifier
    among them, or, where it removes, at all."""
    if _removes(effect):
        return True
    first, record = rows[0] if rows else None, _record_of(effect, set())
    if not isinstance(first, dict) or len(first.keys() & record.keys()) * 2 < len(first):
        return False
    key = _own_key(first, noun)
    return bool(first) and (key is None or key in record)


def _removes(effect: Committed) -> bool:
    return bool(_REMOVES.intersection(words_of(effect.tool)))


def _record_of(effect: Committed, own: set[str]) -> dict[str, JSON]:
    """What the write made: its arguments, and the answer where that is a record with an identifier of its own."""
    result = effect.record
    return {**effect.arguments, **(result if isinstance(result, dict) and _ids(result) - own else {})}


def _made_by(effect: Committed, own: set[str]) -> dict[str, JSON]:
    """The first row of a list: the record that the write answered with, else its arguments, without what stands in the
    entity around the list."""
    result = effect.record
    record = result if isinstance(result, dict) and _ids(result) - own else dict(effect.arguments)
    return {name: value for name, value in record.items() if not (_is_scalar(value) and norm(value) in own)}


def _in_lists(
    node: dict[str, JSON], effect: Committed, fits: Callable[[str, list[JSON]], bool]
) -> dict[str, JSON] | None:
    says_so = False
    for name, rows in node.items():
        if isinstance(rows, list) and name not in effect.arguments and fits(name, rows):
            changed = _rows_after(rows, _nouns(name), effect, _ids(node))
            if changed is not None and changed != rows:
                return _counted({**node, name: changed}, len(rows), len(changed))
            says_so = says_so or changed is not None
    return node if says_so else None


def _counted(node: dict[str, JSON], before: int, after: int) -> dict[str, JSON]:
    """The record with its counts of a list's rows put right."""
    return {
        name: after if _COUNT.search(name) and type(value) is int and value == before else value
        for name, value in node.items()
    }


def _rows_after(rows: list[JSON], noun: set[str], effect: Committed, own: set[str]) -> list[JSON] | None:
    """The rows with the write's record, or without it; the same where they show it already; None where none fits."""
    key = _row_key(rows, noun)
    if _removes(effect):
        gone = {norm(value) for value in effect.arguments.values() if _is_scalar(value)} - own
        kept = [row for row in rows if (_own(row, key) if isinstance(row, dict) else norm(row)) not in gone]
        return kept if len(kept) != len(rows) else None
    record = _record_of(effect, own)
    first = rows[0] if rows else None
    if isinstance(first, dict):
        if key in record and any(_own(row, key) == norm(record[key]) for row in rows):
            return None
        row = {name: record[name] for name in first if name in record}
        return [*rows, row] if row else None
    value = _scalar_of(record, noun, own, bool(rows))
    if value is None:
        return None if rows else [_made_by(effect, own)]
    return rows if value in rows else [*rows, value]


def _scalar_of(record: Mapping[str, JSON], noun: set[str], own: set[str], among_others: bool) -> JSON:
    """The value of a record that a list of plain values holds: the only one, else the member named as the list is."""
    values = {name: value for name, value in record.items() if not (_is_scalar(value) and norm(value) in own)}
    only = next(iter(values.values()), None) if len(values) == 1 else None
    if only is not None and _is_scalar(only):
        return only
    named = (value for name, value in values.items() if _nouns(name) and _nouns(name) <= noun and _is_scalar(value))
    return next(named, None) if among_others else None
