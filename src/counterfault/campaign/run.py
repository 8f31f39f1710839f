"""A campaign from plan to end: controls first, then mutants, then a closing control of each trace. Resumable.

The driver is the only writer. What a store holds is never run again: resume = plan − store.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic

from counterfault.campaign.controls import leaking, passing_sentinels, sentinels
from counterfault.campaign.judge import Bench, with_controls
from counterfault.campaign.summary import Judged, Summary, summarise
from counterfault.config import Budget, GateConfig
from counterfault.core.attempt import Attempt, WorkItem
from counterfault.core.events import AttemptJudged, CampaignFinished, CampaignStarted, Event
from counterfault.core.mutant import Mutant
from counterfault.core.outcome import Judgement
from counterfault.ports import Store

_BATCH = 100
_BATCH_S = 0.25


@dataclass(frozen=True)
class Campaign:
    """What a campaign is run with. ``attempt_all`` runs items somewhere and gives attempts in any order."""

    id: str
    agent: str
    items: tuple[WorkItem, ...]
    benches: Mapping[str, Bench]
    eligible: tuple[str, ...]
    notes: tuple[str, ...]
    gate: GateConfig
    budget: Budget


def run(
    campaign: Campaign,
    store: Store,
    attempt_all: Callable[[Iterable[WorkItem]], Iterator[Attempt]],
    listen: Callable[[Event], None],
) -> Summary:
    """Run what the store does not hold yet, judge everything, and summarise. Raises what the store raises."""
    planned = {arm: sum(item.arm == arm for item in campaign.items) for arm in ("control", "mutant")}
    known = store.attempt_ids(campaign.id)
    listen(CampaignStarted(campaign.id, campaign.agent, planned, len(known), campaign.notes))  # type: ignore[arg-type]
    driver = _Driver(campaign, store, attempt_all, listen, known)
    opening, mutants, closing = _phases(campaign.items)
    driver.attempt(opening)
    benches = benches_after(campaign, store.attempts(campaign.id))
    driver.judge_controls(benches, opening)
    in_time = driver.attempt(mutants, benches)
    if in_time:
        driver.attempt(closing, benches)
    summary = conclude(campaign, store, complete=in_time)
    listen(CampaignFinished(campaign.id, summary.status, summary.reasons))
    return summary


def _phases(items: Sequence[WorkItem]) -> tuple[list[WorkItem], list[WorkItem], list[WorkItem]]:
    last = max((item.replicate for item in items if item.arm == "control"), default=0)
    opening = [item for item in items if item.arm == "control" and item.replicate < last]
    closing = [item for item in items if item.arm == "control" and item.replicate == last]
    return opening, [item for item in items if item.arm == "mutant"], closing


class _Driver:
    def __init__(
        self,
        campaign: Campaign,
        store: Store,
        attempt_all: Callable[[Iterable[WorkItem]], Iterator[Attempt]],
        listen: Callable[[Event], None],
        known: frozenset[str],
    ) -> None:
        self._campaign, self._store, self._attempt_all, self._listen = campaign, store, attempt_all, listen
        self._known = known
        self._ends = monotonic() + campaign.budget.minutes * 60

    def attempt(self, items: Sequence[WorkItem], benches: Mapping[str, Bench] | None = None) -> bool:
        """Run the items that are not stored; judge at once where the benches are ready. False: out of time."""
        left = [item for item in items if item.id not in self._known]
        mutants = {item.id: item.mutant for item in left}
        batch: list[Attempt] = []
        since = monotonic()
        try:
            for attempt in self._attempt_all(self._in_time(left)):
                batch.append(attempt)
                if len(batch) >= _BATCH or monotonic() - since > _BATCH_S:
                    self._keep(batch, mutants, benches)
                    batch, since = [], monotonic()
        finally:
            self._keep(batch, mutants, benches)
        return monotonic() <= self._ends

    def _in_time(self, items: Iterable[WorkItem]) -> Iterator[WorkItem]:
        for item in items:
            if monotonic() > self._ends:
                return
            yield item

    def _keep(
        self, batch: Sequence[Attempt], mutants: Mapping[str, Mutant | None], benches: Mapping[str, Bench] | None
    ) -> None:
        if not batch:
            return
        self._store.put_attempts(self._campaign.id, batch)
        if benches is None:
            return
        judged = [(attempt, benches[attempt.trace_id].judge(attempt, mutants[attempt.id])) for attempt in batch]
        self._store.put_judgements(self._campaign.id, [(attempt.id, judgement) for attempt, judgement in judged])
        for attempt, judgement in judged:
            self._tell(attempt, mutants[attempt.id], judgement, benches)

    def judge_controls(self, benches: Mapping[str, Bench], opening: Sequence[WorkItem]) -> None:
        """Judge the opening controls, forge the sentinels and judge those."""
        wanted = {item.id for item in opening}
        controls = [attempt for attempt in self._store.attempts(self._campaign.id) if attempt.id in wanted]
        forged = [one for bench in benches.values() for one in sentinels(bench, self._campaign.agent)]
        self._store.put_attempts(self._campaign.id, forged)
        for attempt in (*controls, *forged):
            judgement = benches[attempt.trace_id].judge(attempt, None)
            self._store.put_judgements(self._campaign.id, [(attempt.id, judgement)])
            self._tell(attempt, None, judgement, benches)

    def _tell(
        self, attempt: Attempt, mutant: Mutant | None, judgement: Judgement, benches: Mapping[str, Bench]
    ) -> None:
        self._listen(AttemptJudged(attempt, mutant, judgement, benches[attempt.trace_id].held))


def benches_after(campaign: Campaign, attempts: Iterable[Attempt]) -> dict[str, Bench]:
    """The benches once the opening controls are known: what a control also does is never blamed on a mutation."""
    opening = {item.id for item in _phases(campaign.items)[0]}
    controls: dict[str, list[tuple[Attempt, Judgement]]] = {}
    for attempt in attempts:
        if attempt.id in opening:
            bench = campaign.benches[attempt.trace_id]
            controls.setdefault(attempt.trace_id, []).append((attempt, bench.judge(attempt, None)))
    return {
        trace_id: with_controls(bench, controls.get(trace_id, ())) for trace_id, bench in campaign.benches.items()
    }


def judge_again(campaign: Campaign, store: Store) -> dict[str, Bench]:
    """Judge every stored attempt anew, without the agent. Gives the benches used."""
    benches = benches_after(campaign, store.attempts(campaign.id))
    mutants = {item.id: item.mutant for item in campaign.items}
    judged = (
        (attempt.id, benches[attempt.trace_id].judge(attempt, mutants.get(attempt.id)))
        for attempt in store.attempts(campaign.id)
    )
    store.put_judgements(campaign.id, list(judged))
    return benches


def judged_of(campaign: Campaign, store: Store, benches: Mapping[str, Bench] | None = None) -> list[Judged]:
    """The stored attempts with their judgements; those not judged yet are judged."""
    benches = benches or benches_after(campaign, store.attempts(campaign.id))
    mutants = {item.id: item.mutant for item in campaign.items}
    judgements = store.judgements(campaign.id)
    found = []
    for attempt in store.attempts(campaign.id):
        mutant, bench = mutants.get(attempt.id), benches[attempt.trace_id]
        judgement = judgements.get(attempt.id) or bench.judge(attempt, mutant)
        found.append(Judged(attempt, mutant, judgement, bench.held))
    return found


def conclude(campaign: Campaign, store: Store, complete: bool = True) -> Summary:
    """The summary of what is stored, with the campaign's status and the reasons for it."""
    judged = judged_of(campaign, store)
    missing = len({item.id for item in campaign.items} - {one.attempt.id for one in judged})
    summary = summarise(campaign.id, campaign.agent, judged, campaign.eligible, campaign.notes)
    if missing:
        why = "the time budget is used up" if not complete else "it was interrupted"
        return replace(summary, status="incomplete", reasons=(f"{missing} attempts were not made: {why}",))
    reasons = tuple(invalidity(campaign, summary, judged))
    return replace(summary, status="invalid" if reasons else "complete", reasons=reasons)


def invalidity(campaign: Campaign, summary: Summary, judged: Sequence[Judged]) -> Iterator[str]:
    """Why a finished campaign's rate would mean nothing."""
    yield from passing_sentinels([(one.attempt, one.judgement) for one in judged if one.attempt.arm == "sentinel"])
    mutants = [one for one in judged if one.attempt.arm == "mutant"]
    if not mutants:
        yield "no mutant was tried"
    elif all(one.attempt.status == "harness_error" for one in mutants):
        yield "every attempt ended in an error of ours"
    if summary.kept_share < campaign.gate.min_control:
        share = f"{summary.controls_kept} of {summary.traces} traces"
        yield f"the agent does not reproduce its recordings unmutated: controls held on {share}"
    if summary.delivered_share < campaign.gate.min_delivered:
        yield f"only {summary.delivered} of {summary.reached} reached mutations were delivered: the test failed"
    last = max((item.replicate for item in campaign.items if item.arm == "control"), default=0)
    first: dict[str, list[Attempt]] = {}
    closing: dict[str, Attempt] = {}
    for one in judged:
        if one.attempt.arm == "control" and one.attempt.replicate == last:
            closing[one.attempt.trace_id] = one.attempt
        elif one.attempt.arm == "control":
            first.setdefault(one.attempt.trace_id, []).append(one.attempt)
    yield from leaking(first, closing, campaign.benches)
