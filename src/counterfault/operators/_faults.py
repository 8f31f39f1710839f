"""The forms in which a fault is proposed: for one call, then cleared; or for a tool, until the end."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from counterfault.core.edit import Edit
from counterfault.core.mutant import Mutation, Relation, Site
from counterfault.core.scan import Scan
from counterfault.operators._sites import Answer, answers, by_tier, first_per_tool

DEADLINE_S = 3.0
"""The caller's deadline where the config names none, in seconds."""

Variants = Callable[[Answer], Iterable[tuple[str, Edit]]]
"""The faults for one answer, each with the name of its form."""


def deadline(scan: Scan) -> float:
    """The caller's deadline for a tool, in seconds of the replay clock."""
    return DEADLINE_S if scan.timeout_s is None else scan.timeout_s


def transient(operator: str, found: Iterable[Answer], variants: Variants) -> Iterator[Mutation]:
    """Each fault once, at each distinct call; the same call made again is answered."""
    for answer in found:
        for form, edit in variants(answer):
            yield fault(f"{operator} {form} transient", "transient", answer, edit)


def persistent(operator: str, found: Iterable[Answer], variants: Variants) -> Iterator[Mutation]:
    """Each fault for each tool, until the end."""
    for answer in first_per_tool(found):
        for form, edit in variants(answer):
            yield fault(f"{operator} {form} persistent", "persistent", answer, edit, times=None)


def clearing_or_staying(operator: str, scan: Scan, variants: Variants) -> Iterator[Mutation]:
    """Each fault both ways, at every answer that the agent used, lowest tier first."""
    found = answers(scan)
    return by_tier([*transient(operator, found, variants), *persistent(operator, found, variants)])


def fault(
    name: str, relation: Relation, answer: Answer, edit: Edit, times: int | None = 1, noticeable: str = ""
) -> Mutation:
    """One fault. ``name`` is the operator with the variant; without ``times`` it holds for the whole tool."""
    operator, _, variant = name.partition(" ")
    site = Site(answer.step, answer.call.tool, "transport")
    reach: Literal["call", "tool"] = "call" if times else "tool"
    return Mutation(
        operator, variant, "fault", relation, site, (edit,), reach, times, tier=answer.tier, noticeable=noticeable
    )
