"""Why an agent could notice a corrupted value. What nobody could notice is no fair test, and is not proposed.

Either a second source says otherwise (a user turn, or the same record in another answer), or the value is impossible
by what the tool was seen to answer.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

from counterfault.core.edit import generalise
from counterfault.core.jsontree import JSON, get, parent_of, split
from counterfault.core.provenance import Place, Use, says_little
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
    kind = kind_of(leaf.value, leaf.name)
    for use in leaf.flows_to:
        if telling(scan, use):
            for source in use.sources:
                if reason := source_says(scan, (leaf.step, leaf.pointer), source.place, kind):
                    yield reason


def source_says(scan: Scan, at: tuple[int, str], other: Place, kind: Kind | None) -> str:
    """How another occurrence of the value contradicts a change at ``at``; empty where it does not.

    An identifier or a name speaks for itself. A number, a date or a word may stand elsewhere by chance, so it must be
    the user's, or the same member of the same record.
    """
    step = scan.trace.steps[other.step]
    if other.step == at[0]:
        return ""
    if isinstance(step, Message):
        return "the user said it" if step.role == "user" else ""
    alone = kind in ("identifier", "name")
    return f"{step.tool} also says" if alone or _same_member(scan, at, (other.step, other.pointer)) else ""


def _same_record_elsewhere(scan: Scan, leaf: Leaf) -> str:
    for other in scan.leaves:
        at, there = (leaf.step, leaf.pointer), (other.step, other.pointer)
        same_value = other.step != leaf.step and other.name == leaf.name and norm(other.value) == norm(leaf.value)
        if same_value and _same_member(scan, at, there):
            return f"{other.tool} also says"
    kind = kind_of(leaf.value, leaf.name)
    if kind not in ("date", "number") or says_little(leaf.value, kind):
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
        return f"a {leaf.name} below zero"
    return f"{leaf.tool} never answers a {leaf.name} below zero" if len(seen) >= _FEWEST_SEEN else ""


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
    """The used leaves at which a corruption can be judged: something telling was made of them, or they may decide."""
    for leaf in used_leaves(scan):
        if leaf.tier == 3 or any(telling(scan, use) for use in leaf.flows_to):
            yield leaf


def reason(scan: Scan, leaf: Leaf, impossible: str) -> str:
    """Why another value can be noticed: it is impossible, or a second source. What only may decide needs the source."""
    if leaf.tier == 3 or not impossible:
        return second_source(scan, leaf)
    return impossible
