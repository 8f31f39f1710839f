"""A campaign from plan to end: controls first, then mutants, then a closing control of each trace. Resumable.

The driver is the only writer. What a store holds is never run again: resume = plan − store.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic

from counterfault.campaign.controls import leaking, passing_sentinels, sentinels
from counterfault.campaign.judge import Bench, with_controls
from counterfault.campaign.summary import Judged, Summary, Tally
from counterfault.config import Budget, GateConfig
from counterfault.core.attempt import Attempt, WorkItem
from counterfault.core.events import AttemptJudged, CampaignFinished, CampaignStarted, Event
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
    driver = _Driver(campaign, store, attempt_all, listen)
    planned = {arm: sum(item.arm == arm for item in campaign.items) for arm in ("control", "mutant")}
    listen(CampaignStarted(campaign.id, campaign.agent, planned, len(driver.done), campaign.notes))  # type: ignore[arg-type]
    opening, mutants, closing = _phases(campaign.items)
    driver.open(opening)
    in_time = driver.attempt(mutants) and driver.attempt(closing)
    summary = _concluded(campaign, driver.tally, driver.done, in_time)
    listen(CampaignFinished(campaign.id, summary.status, summary.reasons))
    return summary


def _phases(items: Sequence[WorkItem]) -> tuple[list[WorkItem], list[WorkItem], list[WorkItem]]:
    last = _closing_turn(items)
    opening = [item for item in items if item.arm == "control" and item.replicate < last]
    closing = [item for item in items if item.arm == "control" and item.replicate == last]
    return opening, [item for item in items if item.arm == "mutant"], closing


def _closing_turn(items: Iterable[WorkItem]) -> int:
    return max((item.replicate for item in items if item.arm == "control"), default=0)


class _Driver:
    """Runs and judges the items of one campaign. ``done`` are the ids of those that are on the disk."""

    def __init__(
        self,
        campaign: Campaign,
        store: Store,
        attempt_all: Callable[[Iterable[WorkItem]], Iterator[Attempt]],
        listen: Callable[[Event], None],
    ) -> None:
        self._campaign, self._store, self._attempt_all, self._listen = campaign, store, attempt_all, listen
        self._mutants = {item.id: item.mutant for item in campaign.items}
        self._benches = campaign.benches
        self._ends = monotonic() + campaign.budget.minutes * 60
        self.done = {*store.attempt_ids(campaign.id)} & self._mutants.keys()
        self.tally = Tally()

    def open(self, opening: Sequence[WorkItem]) -> None:
        """Run the opening controls, forge the sentinels, judge both, and count what the store held already."""
        wanted = {item.id for item in opening}
        stored = [attempt for attempt in self._known() if attempt.id in wanted]
        made = [attempt for batch in self._made(opening) for attempt in batch]
        self._benches = benches_after(self._campaign, [*stored, *made])
        forged = [one for bench in self._benches.values() for one in sentinels(bench, self._campaign.agent)]
        self._store.put_attempts(self._campaign.id, forged)
        self._judge(stored, tell=False)
        self._judge([*made, *forged])
        self._count(attempt for attempt in self._known() if attempt.id not in wanted)

    def _known(self) -> Iterator[Attempt]:
        if self.done:
            yield from (attempt for attempt in self._store.attempts(self._campaign.id) if attempt.id in self.done)

    def _count(self, attempts: Iterable[Attempt]) -> None:
        """Count what an earlier run had made, and judge what it had no time to judge."""
        judgements, left = self._store.judgements(self._campaign.id), []
        for attempt in attempts:
            if attempt.id in judgements:
                self.tally.add(self._judged(attempt, judgements[attempt.id]))
            else:
                left.append(attempt)
        self._judge(left, tell=False)

    def attempt(self, items: Sequence[WorkItem]) -> bool:
        """Run the items that are not stored, and judge them. False: out of time."""
        for batch in self._made(items):
            self._judge(batch)
        return monotonic() <= self._ends

    def _made(self, items: Iterable[WorkItem]) -> Iterator[list[Attempt]]:
        """The attempts of the items that are not stored, in batches, each of them once it is on the disk."""
        batch: list[Attempt] = []
        since = monotonic()
        try:
            for attempt in self._attempt_all(self._in_time([item for item in items if item.id not in self.done])):
                batch.append(attempt)
                if len(batch) >= _BATCH or monotonic() - since > _BATCH_S:
                    done, batch = batch, []
                    yield self._kept(done)
                    since = monotonic()
        except BaseException:
            self._kept(batch)
            raise
        yield self._kept(batch)

    def _kept(self, batch: list[Attempt]) -> list[Attempt]:
        if batch:
            self._store.put_attempts(self._campaign.id, batch)
            self.done.update(attempt.id for attempt in batch)
        return batch

    def _in_time(self, items: Iterable[WorkItem]) -> Iterator[WorkItem]:
        for item in items:
            if monotonic() > self._ends:
                return
            yield item

    def _judge(self, attempts: Iterable[Attempt], tell: bool = True) -> None:
        judged = [self._judged(attempt) for attempt in attempts]
        if judged:
            self._store.put_judgements(self._campaign.id, [(one.attempt.id, one.judgement) for one in judged])
        for one in judged:
            self.tally.add(one)
            if tell:
                self._listen(AttemptJudged(one.attempt, one.mutant, one.judgement, one.control_holds))

    def _judged(self, attempt: Attempt, judgement: Judgement | None = None) -> Judged:
        mutant, bench = self._mutants.get(attempt.id), self._benches[attempt.trace_id]
        return Judged(attempt, mutant, judgement or bench.judge(attempt, mutant), bench.held)


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
    attempts = list(store.attempts(campaign.id))
    benches = benches or benches_after(campaign, attempts)
    mutants = {item.id: item.mutant for item in campaign.items}
    judgements = store.judgements(campaign.id)
    found = []
    for attempt in attempts:
        mutant, bench = mutants.get(attempt.id), benches[attempt.trace_id]
        judgement = judgements.get(attempt.id) or bench.judge(attempt, mutant)
        found.append(Judged(attempt, mutant, judgement, bench.held))
    return found


def conclude(campaign: Campaign, store: Store, complete: bool = True) -> Summary:
    """The summary of what is stored, with the campaign's status and the reasons for it."""
    tally, done = Tally(), set()
    for one in judged_of(campaign, store):
        tally.add(one)
        done.add(one.attempt.id)
    return _concluded(campaign, tally, done, complete)


def _concluded(campaign: Campaign, tally: Tally, done: Collection[str], in_time: bool) -> Summary:
    summary = tally.summary(campaign.id, campaign.agent, campaign.eligible, campaign.notes)
    missing = len({item.id for item in campaign.items}.difference(done))
    if missing:
        why = "it was interrupted" if in_time else "the time budget is used up"
        return replace(summary, status="incomplete", reasons=(f"{missing} attempts were not made: {why}",))
    reasons = tuple(invalidity(campaign, summary, tally))
    return replace(summary, status="invalid" if reasons else "complete", reasons=reasons)


def invalidity(campaign: Campaign, summary: Summary, tally: Tally) -> Iterator[str]:
    """Why a finished campaign's rate would mean nothing."""
    yield from passing_sentinels([(one.attempt, one.judgement) for one in tally.sentinels])
    if not summary.counts:
        yield "no mutant was tried"
    elif set(summary.counts) == {"harness_error"}:
        yield "every attempt ended in an error of ours"
    if summary.kept_share < campaign.gate.min_control:
        share = f"{summary.controls_kept} of {summary.traces} traces"
        yield f"the agent does not reproduce its recordings unmutated: controls held on {share}"
    if summary.delivered_share < campaign.gate.min_delivered:
        yield f"only {summary.delivered} of {summary.reached} reached mutations were delivered: the test failed"
    turns: dict[str, list[Judged]] = {}
    for one in sorted(tally.controls, key=lambda one: one.attempt.replicate):
        turns.setdefault(one.attempt.trace_id, []).append(one)
    yield from leaking(turns, campaign.benches)
