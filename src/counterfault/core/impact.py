"""What a mutant touches in the recording, and what of the recorded run hangs on it.

An effect *depends* on a place if a value of it occurs there before the use; it *needs* the place if the value occurs
nowhere else that the agent saw (SEMANTICS 3). Both follow the run: what a call was asked with, its answer hangs on.
"""

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from counterfault.core.edit import Fault, Garble, Substitute, Truncate, apply
from counterfault.core.jsontree import JSON, leaves
from counterfault.core.mutant import Mutant, Mutation
from counterfault.core.provenance import Use
from counterfault.core.rendering import parse
from counterfault.core.scan import Scan
from counterfault.core.values import norm


@dataclass(frozen=True, slots=True)
class Impact:
    """``lost`` are the recorded calls whose whole answer is gone, ``places`` the (step, pointer) of changed leaves,
    ``new`` and ``old`` the normal forms that came and went, ``pairs`` a renaming.

    ``touched`` and ``needing`` are the recorded steps (calls and messages) that depend on the change, and those that
    need what it took away.
    """

    lost: frozenset[int]
    places: frozenset[tuple[int, str]]
    new: frozenset[str]
    old: frozenset[str]
    pairs: tuple[tuple[str, str], ...]
    touched: frozenset[int]
    needing: frozenset[int]


def impact_of(scan: Scan, mutant: Mutant) -> Impact:
    """What the mutant touches."""
    lost: set[int] = set()
    places: set[tuple[int, str]] = set()
    new: set[str] = set()
    old: set[str] = set()
    pairs: list[tuple[str, str]] = []
    for mutation in mutant.mutations:
        pairs.extend(pair for edit in mutation.edits if isinstance(edit, Substitute) for pair in edit.pairs)
        for step in _steps(scan, mutation):
            if _loses_all(mutation):
                lost.add(step)
                continue
            changed, came, went = _changed(scan, step, mutation)
            places |= changed
            new |= came
            old |= went
    renamed = {norm(before) for before, _ in pairs}

    def hits(use: Use, hanging: AbstractSet[int]) -> list[bool]:
        return [p.step in lost or (p.step, p.pointer) in places or p.step in hanging for p in use.places]

    def touches(use: Use, hanging: AbstractSet[int]) -> bool:
        return any(hits(use, hanging)) or norm(use.written) in renamed

    def needs(use: Use, hanging: AbstractSet[int]) -> bool:
        found = hits(use, hanging)
        return bool(found) and (all(found) if use.sources else any(found))

    touched, needing = _following(scan, touches, lost), _following(scan, needs, lost)
    return Impact(frozenset(lost), frozenset(places), frozenset(new), frozenset(old), tuple(pairs), touched, needing)


def _steps(scan: Scan, mutation: Mutation) -> Iterable[int]:
    if mutation.reach == "call":
        return [mutation.site.step]
    return [step for step, call in scan.calls if mutation.reach == "run" or call.tool == mutation.site.tool]


def _loses_all(mutation: Mutation) -> bool:
    return any(isinstance(edit, Fault | Truncate | Garble) for edit in mutation.edits)


def _changed(scan: Scan, step: int, mutation: Mutation) -> tuple[set[tuple[int, str]], set[str], set[str]]:
    call = next((call for at, call in scan.calls if at == step), None)
    if call is None or call.result is None:
        return set(), set(), set()
    before = dict(leaves(call.result.value))
    after = dict(leaves(parse(apply(call.result.text, mutation.edits))))
    changed = {(step, pointer) for pointer, value in before.items() if repr(after.get(pointer, _GONE)) != repr(value)}
    if step == mutation.site.step:
        # What an edit does not change but reorders, wraps or sits beside is its site all the same.
        changed |= {(step, pointer) for pointer in before if _under(pointer, mutation.site.pointer)}
    came = _forms(after.values()) - _forms(before.values())
    return changed, came, _forms(before.values()) - _forms(after.values())


_GONE: JSON = {"<gone>": True}


def _under(pointer: str, top: str) -> bool:
    return pointer == top or pointer.startswith(top + "/")


def _forms(values: Iterable[JSON]) -> set[str]:
    return {norm(value) for value in values if not isinstance(value, bool) and value not in (None, "", [], {})}


def _following(scan: Scan, hangs: Callable[[Use, AbstractSet[int]], bool], lost: Iterable[int]) -> frozenset[int]:
    """The steps that hang on the change, directly or through the answers of calls that do."""
    steps: set[int] = set(lost)
    for use in scan.uses:
        # Uses come in the order of the run, so what a step hangs on is known before it is asked.
        if use.step not in steps and hangs(use, steps):
            steps.add(use.step)
    return frozenset(steps)
