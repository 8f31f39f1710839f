"""What a campaign showed, recomputed from its stored attempts: rates, controls, delivery, findings, load."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from counterfault.core.attempt import Attempt
from counterfault.core.mutant import FAMILIES, Mutant
from counterfault.core.outcome import Finding, Judgement
from counterfault.core.score import Rate, Scored, by_family, by_operator, rate

_WORST_FIRST = ("policy_violation", "duplicated", "fabricated", "silent_wrong", "retry_storm", "crashed", "timed_out")
_Root: TypeAlias = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Judged:
    """One stored attempt with its mutant and judgement, and whether its trace's control held."""

    attempt: Attempt
    mutant: Mutant | None
    judgement: Judgement
    control_holds: bool = True


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """Failed attempts with one root: operator, outcome, code and place. ``example`` is the clearest of them."""

    operator: str
    outcome: str
    code: str
    tool: str
    pointer: str
    attempts: int
    traces: int
    example: Judged


@dataclass(frozen=True, slots=True)
class LoadView:
    """The same attempts as a load test sees them: seconds, requests (attempts) per second, share of errors.

    An error is an attempt that did not complete.
    """

    requests: int
    p50_s: float
    p99_s: float
    requests_per_s: float
    error_rate: float


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything that reports print. ``overall`` and the other rates are over mutants of traces whose control holds."""

    campaign_id: str
    agent: str
    status: str
    reasons: tuple[str, ...]
    overall: Rate
    by_family: Mapping[str, Rate]
    by_operator: Mapping[str, Rate]
    control: Rate
    controls_kept: int
    traces: int
    unheld: tuple[str, ...]
    reached: int
    delivered: int
    counts: Mapping[str, int]
    findings: Mapping[str, int]
    groups: tuple[FindingGroup, ...]
    load: LoadView
    eligible: tuple[str, ...]
    notes: tuple[str, ...]
    origins: Mapping[str, int]

    @property
    def delivered_share(self) -> float:
        """Delivered ÷ reached; 1 where nothing was reached."""
        return self.delivered / self.reached if self.reached else 1.0

    @property
    def kept_share(self) -> float:
        """Traces whose control holds ÷ all traces; 0 where there is none."""
        return self.controls_kept / self.traces if self.traces else 0.0


def summarise(
    campaign_id: str,
    agent: str,
    judged: Iterable[Judged],
    eligible: Sequence[str] = FAMILIES,
    notes: Sequence[str] = (),
) -> Summary:
    """Recompute everything from the attempts of a campaign that ran to its end."""
    tally = Tally()
    for one in judged:
        tally.add(one)
    return tally.summary(campaign_id, agent, eligible, notes)


class Tally:
    """The numbers of the judged attempts seen so far, in any order. It keeps controls and sentinels whole, and of each
    group of findings the clearest; of all others only what the numbers are made of."""

    def __init__(self) -> None:
        self.controls: list[Judged] = []
        self.sentinels: list[Judged] = []
        self._rows: list[Scored] = []
        self._reached = self._delivered = self._errors = 0
        self._times: list[float] = []
        self._counts: Counter[str] = Counter()
        self._findings: Counter[str] = Counter()
        self._origins: Counter[str] = Counter()
        self._groups: dict[_Root, _Members] = {}

    def add(self, one: Judged) -> None:
        """Count one attempt."""
        self._findings.update(_counted(one))
        if one.attempt.arm == "sentinel":
            self.sentinels.append(one)
            return
        self._origins.update(note.origin for note in one.attempt.answered)
        if one.attempt.arm == "control":
            self.controls.append(one)
        else:
            self._add_mutant(one)

    def _add_mutant(self, one: Judged) -> None:
        attempt, judgement = one.attempt, one.judgement
        self._reached += attempt.reached
        self._delivered += attempt.reached and attempt.delivered
        self._errors += attempt.status in ("crashed", "timed_out", "harness_error")
        self._times.append(attempt.duration_s)
        self._counts["unknown" if judgement.verdict == "unknown" else judgement.outcome] += 1
        if one.control_holds:
            self._rows.append(_scored(one))
            if judgement.verdict == "fail" and one.mutant:
                self._groups.setdefault(_root(one, one.mutant), _Members(one)).add(one)

    def summary(self, campaign_id: str, agent: str, eligible: Sequence[str], notes: Sequence[str]) -> Summary:
        """The numbers of a complete campaign."""
        traces = {one.attempt.trace_id for one in self.controls}
        held = {one.attempt.trace_id for one in self.controls if one.control_holds}
        groups = [FindingGroup(*root, *members.counts, members.example) for root, members in self._groups.items()]
        return Summary(
            campaign_id=campaign_id,
            agent=agent,
            status="complete",
            reasons=(),
            overall=rate(self._rows),
            by_family=by_family(self._rows),
            by_operator=by_operator(self._rows),
            control=rate(_scored(one) for one in self.controls),
            controls_kept=len(held),
            traces=len(traces),
            unheld=tuple(sorted(traces - held)),
            reached=self._reached,
            delivered=self._delivered,
            counts=dict(sorted(self._counts.items())),
            findings=dict(sorted(self._findings.items())),
            groups=tuple(sorted(groups, key=_badness)),
            load=_load(sorted(self._times), self._errors),
            eligible=tuple(eligible),
            notes=(*notes, *self._silence()),
            origins=dict(sorted(self._origins.items())),
        )

    def _silence(self) -> Iterator[str]:
        traces = {one.attempt.trace_id for one in self.controls}
        if silent := {one.attempt.trace_id for one in self.controls if one.attempt.silent_turns}:
            yield (
                f"in {len(silent)} of {len(traces)} traces the recording goes on with further user turns and the agent "
                "never spoke to the user: what it left undone there is unknown; task.say(text) gives the next turn"
            )


def _scored(one: Judged) -> Scored:
    attempt, mutation = one.attempt, one.mutant.first if one.mutant else None
    is_control = attempt.arm != "mutant"
    return Scored(
        trace_id=attempt.trace_id,
        arm=attempt.arm,
        family=mutation.family if mutation else "",
        operator=mutation.operator if mutation else "",
        outcome=one.judgement.outcome,
        verdict=one.judgement.verdict,
        delivered=is_control or attempt.delivered,
        reached=is_control or attempt.reached,
        needless=one.judgement.needless,
    )


def _counted(one: Judged) -> set[str]:
    """The failures that an attempt counts for at the gate: by its findings, whatever its outcome.

    What a control does, or a mutant of a trace whose control does not hold, is not blamed on a mutation; a policy must
    hold there too.
    """
    if one.attempt.arm == "sentinel" or one.judgement.outcome in ("not_reached", "not_delivered", "harness_error"):
        return set()
    blamed = one.attempt.arm == "mutant" and one.control_holds
    implied: set[str] = {finding.implies for finding in one.judgement.findings}
    return (implied | {one.judgement.outcome}) & ({*_WORST_FIRST} if blamed else {"policy_violation"})


def deciding(judgement: Judgement) -> Finding | None:
    """The finding that decided a failed judgement."""
    return next((finding for finding in judgement.findings if finding.implies == judgement.outcome), None)


class _Members:
    """The attempts of one group so far: how many, of which traces, and the clearest of them."""

    def __init__(self, first: Judged) -> None:
        self.example = first
        self._attempts = 0
        self._traces: set[str] = set()

    def add(self, one: Judged) -> None:
        self._attempts += 1
        self._traces.add(one.attempt.trace_id)
        self.example = min(self.example, one, key=lambda each: (len(each.attempt.steps), each.attempt.id))

    @property
    def counts(self) -> tuple[int, int]:
        return self._attempts, len(self._traces)


def _root(one: Judged, mutant: Mutant) -> _Root:
    finding, mutation = deciding(one.judgement), mutant.first
    code = finding.code if finding else one.judgement.outcome
    return mutation.operator, one.judgement.outcome, code, mutation.site.tool, mutation.site.pointer


def _badness(found: FindingGroup) -> tuple[int, int, int, str, str, str, str]:
    rank = _WORST_FIRST.index(found.outcome) if found.outcome in _WORST_FIRST else len(_WORST_FIRST)
    tier = found.example.mutant.first.tier if found.example.mutant else 4
    return rank, tier, -found.attempts, found.operator, found.tool, found.pointer, found.code


def _load(ordered: Sequence[float], errors: int) -> LoadView:
    if not ordered:
        return LoadView(0, 0.0, 0.0, 0.0, 0.0)
    busy = sum(ordered) or 1e-9
    return LoadView(len(ordered), _at(ordered, 0.5), _at(ordered, 0.99), len(ordered) / busy, errors / len(ordered))


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
