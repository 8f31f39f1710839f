"""A tool's answers hold a member that they did not hold before.

What it does
    Adds a member to the object that holds a used one, in every answer of the tool: a harmless one (`plain`), or one
    that stands beside the used member and looks as if it were meant (`tempting`: `suggested_amount`, `legacy_status`,
    `old_order_id`).

Which real incident it imitates
    On 1 August 2012 Knight Capital reused a flag that old code on one server still obeyed, and lost 440 million dollars
    in 45 minutes: a field that was supposed to be ignored.

What a good agent does
    Exactly what it did before. The new member is ignored; the value that it always used is still there.

Example
    `{"order_id": "ORD-88213", "total": 129.9}` becomes
    `{"order_id": "ORD-88213", "total": 129.9, "suggested_total": 162.9}`.
"""

from collections.abc import Iterator
from decimal import Decimal

from counterfault.core.edit import Add, generalise
from counterfault.core.jsontree import JSON, get, members, parent_of
from counterfault.core.mutant import Example, Mutation
from counterfault.core.scan import Leaf, Scan
from counterfault.core.values import kind_of
from counterfault.operators._build import drift
from counterfault.operators._fresh import (
    Taken,
    identifier_like,
    name_like,
    number_in,
    number_like,
    shifted_date,
    taken_in,
)
from counterfault.operators._names import beside
from counterfault.operators._sites import answer_at, fields, holders

examples: tuple[Example, ...] = (
    Example(
        {"order_id": "ORD-88213", "total": 129.9},
        {"order_id": "ORD-88213", "total": 129.9, "suggested_total": 162.9},
        arguments={"order_id": "ORD-88213", "amount": 129.9},
    ),
    Example(
        {"order_id": "ORD-88213", "total": 129.9},
        {"order_id": "ORD-88213", "total": 129.9, "api_revision": "stable"},
        arguments={"order_id": "ORD-88213", "amount": 129.9},
    ),
)

_PLAIN = ("api_revision", "stable")


def propose(scan: Scan) -> Iterator[Mutation]:
    """One tempting neighbour for each used member that can have one, and one plain member for each object."""
    taken = taken_in(scan.trace)
    found = [*_tempting(scan, taken), *_plain(scan)]
    yield from sorted(found, key=lambda mutation: mutation.tier)


def _tempting(scan: Scan, taken: Taken) -> Iterator[Mutation]:
    for field in fields(scan):
        parent, name = parent_of(field.pointer)
        if field.leaf.pointer != field.pointer:
            continue
        offer = _offer(scan, field.leaf, taken)
        if offer is None:
            continue
        prefix, value = offer
        key = beside(prefix, name)
        if key not in members(get(answer_at(scan, field.leaf.step), parent)):
            edit = Add(parent_of(field.pattern)[0], key, value)
            yield drift("schema.extra_field tempting", "invariant", field.leaf, edit)


def _offer(scan: Scan, leaf: Leaf, taken: Taken) -> tuple[str, JSON] | None:
    """The prefix of the tempting member's name and its value, which the run does not hold."""
    kind = kind_of(leaf.value, leaf.name)
    number = number_in(leaf.value)
    if kind == "number" and number is not None:
        tenths = (number * Decimal("1.246") + 1).quantize(Decimal("0.1"))
        new = number_like(leaf.value, tenths if isinstance(leaf.value, float | str) else tenths.quantize(Decimal(1)))
        return None if new is None or taken(new) else ("suggested", new)
    if kind == "identifier":
        identifier = identifier_like(leaf.value, taken)
        return None if identifier is None else ("old", identifier)
    if not isinstance(leaf.value, str):
        return None
    if kind == "date":
        date = next((d for days in (9, 16, 23) if (d := shifted_date(leaf.value, days)) and not taken(d)), None)
        return ("previous", date) if date else None
    if kind == "name" and "name" in leaf.name:
        name = name_like(leaf.value, leaf.name, taken) if " " not in leaf.value else None
        return ("former", name) if name else None
    return _other_word(scan, leaf, taken) if kind == "word" else None


def _other_word(scan: Scan, leaf: Leaf, taken: Taken) -> tuple[str, JSON] | None:
    """Another word that the member was seen with: one that this run does not hold, if there is one."""
    place = (leaf.tool, generalise(leaf.pointer, answer_at(scan, leaf.step)))
    others = [value for value in scan.corpus.values.get(place, ()) if isinstance(value, str) and value != leaf.value]
    words = [value for value in others if kind_of(value, leaf.name) == "word"]
    return ("legacy", min(words, key=taken)) if words else None


def _plain(scan: Scan) -> Iterator[Mutation]:
    key, value = _PLAIN
    for holder in holders(scan):
        if key not in members(get(answer_at(scan, holder.leaf.step), holder.pointer)):
            edit = Add(holder.pattern, key, value)
            yield drift("schema.extra_field plain", "invariant", holder.leaf, edit, pointer=holder.pointer)
