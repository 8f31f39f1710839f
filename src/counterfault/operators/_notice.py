"""Why an agent could notice a corrupted value. What nobody could notice is no fair test, and is not proposed.

Either a second source says otherwise (a user turn, or the same record in another answer), or the value is impossible
by what the tool was seen to answer.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

from counterfault.core.edit import generalise
from counterfault.core.jsontree import JSON, get, parent_of, split
from counterfault.core.provenance import Place, Use
from counterfault.core.scan import Leaf, Scan
from counterfault.core.trace import Message, ToolCall
from counterfault.core.values import Kind, as_number, kind_of, norm, tokens
from counterfault.operators._sites import answer_at, used_leaves

_FEWEST_SEEN = 3
_MAGNITUDE = re.compile(
    r"(?:^|_)(?:price|amount|total|cost|fee|fare|quantity|qty|count|balance|subtotal|tax|stock)", re.IGNORECASE
)
_LEDGER = re.compile(r"histor|transaction|ledger|entries|refund|adjust|delta|change", re.IGNORECASE)


def telling(scan: Scan, use: Use) -> bool:
    """Whether a use counts for the judge: an argument of a tool that acts, or a fact told to the user.

    A thought, and a plain word inside a longer text, say nothing.
    """
    step = scan.trace.steps[use.step]
    if isinstance(step, Message):
        return use.kind in ("identifier", "date", "number", "name")
    if scan.rules[step.tool].kind in ("pure", "escalation"):
        return False
    return use.token < 0 or use.kind in ("identifier", "date")


def second_source(scan: Scan, leaf: Leaf) -> str:
    """Who else says what this leaf says, in another step; empty where nobody does."""
    if reason := next(_from_uses(scan, leaf), ""):
        return reason
    return _same_record_elsewhere(scan, leaf) if leaf.tier == 3 else ""


def _from_uses(scan: Scan, leaf: Leaf) -> Iterator[str]:
    kind, first = kind_of(leaf.value, leaf.name), first_sink(scan, leaf)
    for source in first.sources if first else ():
        if reason := source_says(scan, (leaf.step, leaf.pointer), source.place, kind):
            yield reason


def first_sink(scan: Scan, leaf: Leaf) -> Use | None:
    """The first write that takes the leaf's value, else the first telling use: what is seen later comes too late."""
    found = [use for use in leaf.flows_to if telling(scan, use)]
    return next((use for use in found if is_write(scan, use)), found[0] if found else None)


def is_write(scan: Scan, use: Use) -> bool:
    """Whether a use is in an argument of a write."""
    step = scan.trace.steps[use.step]
    return isinstance(step, ToolCall) and scan.rules[step.tool].writes


def source_says(scan: Scan, at: tuple[int, str], other: Place, kind: Kind | None) -> str:
    """How another occurrence of the value contradicts a change at ``at``; empty where it does not.

    An identifier speaks for itself. A name must stand beside another fact of the same person; a number or date that the
    user said must be too special for chance; elsewhere it must be the same member of the same record.
    """
    step = scan.trace.steps[other.step]
    if other.step == at[0]:
        return ""
    if isinstance(step, Message):
        return "the user said it" if step.role == "user" and _no_chance(scan, at, step.text, kind) else ""
    there = (other.step, other.pointer)
    if kind == "identifier" or (_same_person if kind == "name" else _same_member)(scan, at, there):
        return f"{step.tool} also says"
    return ""


def _no_chance(scan: Scan, at: tuple[int, str], said: str, kind: Kind | None) -> bool:
    if kind == "name":
        beside = _beside(scan, *at)
        return not beside or bool(beside & {token.norm for token in tokens(said)})
    return kind != "number" or _is_special(get(answer_at(scan, at[0]), at[1]))


def _is_special(value: JSON) -> bool:
    """Whether a number has three significant digits or more: 129.90 and 253, not 20 or 100."""
    return len(norm(value).strip("-0").replace(".", "").strip("0")) >= 3


def _same_person(scan: Scan, here: tuple[int, str], there: tuple[int, str]) -> bool:
    ours, theirs = _beside(scan, *here), _beside(scan, *there)
    return not ours or bool(ours & theirs)


def _beside(scan: Scan, step: int, pointer: str) -> set[str]:
    """The other names, dates and identifiers in the object that holds a leaf."""
    if not pointer:
        return set()
    parent, name = parent_of(pointer)
    node = get(answer_at(scan, step), parent)
    if not isinstance(node, dict):
        return set()
    telling_kinds = ("name", "date", "identifier")
    return {norm(value) for key, value in node.items() if key != name and kind_of(value, key) in telling_kinds}


def _same_record_elsewhere(scan: Scan, leaf: Leaf) -> str:
    # A second source that comes only after the next write comes too late for it.
    until = next((effect.step for effect in scan.effects if effect.step > leaf.step), len(scan.trace.steps))
    for other in scan.leaves:
        if other.step >= until:
            break
        at, there = (leaf.step, leaf.pointer), (other.step, other.pointer)
        same_value = other.step != leaf.step and other.name == leaf.name and norm(other.value) == norm(leaf.value)
        if same_value and _same_member(scan, at, there):
            return f"{other.tool} also says"
    kind = kind_of(leaf.value, leaf.name)
    if kind not in ("date", "number") or (kind == "number" and not _is_special(leaf.value)):
        return ""
    said = (token.norm for _, message in scan.trace.messages("user") for token in tokens(message.text))
    return "the user said it" if norm(leaf.value) in said else ""


def _same_member(scan: Scan, here: tuple[int, str], there: tuple[int, str]) -> bool:
    path, other = split(here[1]), split(there[1])
    if not path or not other or path[-1] != other[-1]:
        return False
    ours, theirs = _record(scan, *here), _record(scan, *there)
    clash = any(theirs.get(name, value) != value for name, value in ours.items())
    return not clash and bool(set(ours.values()) & set(theirs.values()))


def _record(scan: Scan, step: int, pointer: str) -> Mapping[str, str]:
    """The identifiers of the record that a leaf belongs to: of the nearest object that has any, else of the call."""
    tree = answer_at(scan, step)
    while pointer:
        pointer, name = parent_of(pointer)
        node = get(tree, pointer)
        holder = split(pointer)[-1] if pointer else ""
        found = _identifiers(node, but=name)
        if kind_of(holder) == "identifier" and not holder.isdecimal():
            found[""] = norm(holder)
        if found:
            return found
    call = scan.trace.steps[step]
    assert isinstance(call, ToolCall)
    return _identifiers(dict(call.arguments))


def _identifiers(node: JSON, but: str = "") -> dict[str, str]:
    if not isinstance(node, dict):
        return {}
    return {
        name: norm(value)
        for name, value in node.items()
        if name != but and not isinstance(value, dict | list) and kind_of(value, name) == "identifier"
    }


def _seen(scan: Scan, leaf: Leaf) -> list[Decimal]:
    values = scan.corpus.values.get((leaf.tool, generalise(leaf.pointer, answer_at(scan, leaf.step))), ())
    return [number for number in map(as_number, values) if number is not None]


def never_negative(scan: Scan, leaf: Leaf) -> str:
    """Why a value below zero stands out here; empty where it does not. A ledger knows both signs."""
    seen = _seen(scan, leaf)
    if any(number < 0 for number in seen) or _LEDGER.search(leaf.pointer):
        return ""
    if _MAGNITUDE.search(leaf.name):
        return f"{leaf.name} below zero"
    return f"{leaf.tool} never answers {leaf.name} below zero" if len(seen) >= _FEWEST_SEEN else ""


def largest_seen(scan: Scan, leaf: Leaf) -> Decimal | None:
    """The largest size of this member in all recordings; None where too few values were seen to know a range."""
    seen = [abs(number) for number in _seen(scan, leaf)]
    if len(seen) < _FEWEST_SEEN and not _MAGNITUDE.search(leaf.name):
        return None
    size = as_number(leaf.value)
    return max([*seen, abs(size)], default=None) if size is not None else None


def never_empty(scan: Scan, leaf: Leaf) -> bool:
    """Whether this member was never seen empty."""
    values = scan.corpus.values.get((leaf.tool, generalise(leaf.pointer, answer_at(scan, leaf.step))), ())
    return "" not in values


def told_leaves(scan: Scan) -> Iterator[Leaf]:
    """The used leaves at which a corruption can be judged: something telling was made of them, or they may decide.

    Where one answer holds a value several times at like places (a date in each row), the place that is read stands for
    all.
    """
    read = {use.read.place for use in scan.uses if use.read and telling(scan, use)}
    kept: dict[tuple[int, str, str], Leaf] = {}
    for leaf in used_leaves(scan):
        if leaf.tier < 3 and not any(telling(scan, use) for use in leaf.flows_to):
            continue
        like = (leaf.step, generalise(leaf.pointer, answer_at(scan, leaf.step)), repr(leaf.value))
        if like not in kept or Place(leaf.step, leaf.pointer) in read:
            kept[like] = leaf
    yield from sorted(kept.values(), key=lambda leaf: leaf.tier)


def reason(scan: Scan, leaf: Leaf, impossible: str) -> str:
    """Why another value can be noticed: it is impossible, or a second source. What only may decide needs the source."""
    if leaf.tier == 3 or not impossible:
        return second_source(scan, leaf)
    return impossible
