"""The plan: which mutants of which recordings are tried, in which order, within the budget. Deterministic and seeded.

The budget is shared round-robin over tier × family × tool (tier 1 first), inside a cell over operator and form, and
inside those in an order that the seed gives. The same mutant proposed twice is tried once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from counterfault.config import CampaignConfig
from counterfault.core.attempt import WorkItem
from counterfault.core.jsontree import digest
from counterfault.core.mutant import FAMILIES, Mutant, Mutation
from counterfault.core.scan import Scan
from counterfault.ports import Operator

_Proposal: TypeAlias = tuple[str, Mutant]


@dataclass(frozen=True, slots=True)
class Plan:
    """``controls`` run first, then ``mutants``, then ``closing`` (one more control of each trace).

    ``eligible`` are the families that have a site at all, ``proposed`` counts what each operator proposed, ``notes``
    say what was left out and why.
    """

    controls: tuple[WorkItem, ...]
    mutants: tuple[WorkItem, ...]
    closing: tuple[WorkItem, ...]
    eligible: tuple[str, ...]
    proposed: Mapping[str, int]
    notes: tuple[str, ...]

    @property
    def items(self) -> tuple[WorkItem, ...]:
        """All items in their order."""
        return (*self.controls, *self.mutants, *self.closing)


def plan(scans: Sequence[Scan], operators: Mapping[str, Operator], config: CampaignConfig, agent: str) -> Plan:
    """The items of a campaign over these recordings."""
    cells: dict[tuple[int, str, str], dict[tuple[str, str], list[_Proposal]]] = {}
    proposed = dict.fromkeys(operators, 0)
    known: set[tuple[str, str]] = set()
    for scan in scans:
        for name, mutation in _proposals(scan, operators, config):
            mutant = Mutant((mutation,))
            if (scan.trace.id, mutant.id) in known:
                continue
            known.add((scan.trace.id, mutant.id))
            proposed[name] += 1
            cell = cells.setdefault((mutation.tier, mutation.family, mutation.site.tool), {})
            cell.setdefault((name, mutation.variant), []).append((scan.trace.id, mutant))
    chosen = list(_shared(cells, config.budget.attempts // config.replicates, config.seed))
    mutants = tuple(
        WorkItem(trace, mutant, "mutant", agent, replicate, config.seed)
        for replicate in range(config.replicates)
        for trace, mutant in chosen
    )
    traces = [scan.trace.id for scan in scans]
    rounds = max(1, config.controls)
    turns = range(rounds)
    controls = [WorkItem(trace, None, "control", agent, turn, config.seed) for turn in turns for trace in traces]
    closing = [WorkItem(trace, None, "control", agent, rounds, config.seed) for trace in traces]
    eligible = tuple(family for family in FAMILIES if any(key[1] == family for key in cells))
    notes = tuple(_notes(proposed, len(known), len(chosen), eligible))
    return Plan(tuple(controls), mutants, tuple(closing), eligible, proposed, notes)


def _proposals(
    scan: Scan, operators: Mapping[str, Operator], config: CampaignConfig
) -> Iterator[tuple[str, Mutation]]:
    for name, operator in operators.items():
        for mutation in operator.propose(scan):
            if mutation.tier <= 3 or config.arid:
                yield name, mutation


def _shared(
    cells: Mapping[tuple[int, str, str], Mapping[tuple[str, str], list[_Proposal]]], budget: int, seed: int
) -> Iterator[_Proposal]:
    """Deal ``budget`` proposals round-robin over the cells, and inside each over operator and form."""
    queues = [_interleaved(cells[key], seed) for key in sorted(cells)]
    dealt = 0
    while queues:
        for queue in list(queues):
            if dealt >= budget:
                return
            proposal = next(queue, None)
            if proposal is None:
                queues.remove(queue)
                continue
            dealt += 1
            yield proposal


def _interleaved(forms: Mapping[tuple[str, str], list[_Proposal]], seed: int) -> Iterator[_Proposal]:
    queues = [iter(_shuffled(forms[form], seed)) for form in sorted(forms)]
    while queues:
        for queue in list(queues):
            proposal = next(queue, None)
            if proposal is None:
                queues.remove(queue)
            else:
                yield proposal


def _shuffled(proposals: Iterable[_Proposal], seed: int) -> list[_Proposal]:
    return sorted(proposals, key=lambda proposal: digest(seed, proposal[0], proposal[1].id))


def _notes(proposed: Mapping[str, int], found: int, chosen: int, eligible: Sequence[str]) -> Iterator[str]:
    if chosen < found:
        yield f"{chosen} of {found} mutants are within the budget"
    silent = sorted(name for name, count in proposed.items() if not count)
    if silent:
        yield f"no eligible site for: {', '.join(silent)}"
    for family in FAMILIES:
        if family not in eligible and any(name.startswith(family) for name in proposed):
            yield f"family {family} has no eligible site in these recordings"
    if any(name.startswith("policy") for name in proposed) and "policy" not in eligible:
        yield "policy mutants need an approval step or an irreversible call: list them under [tools]"
