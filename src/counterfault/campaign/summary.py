"""What a campaign showed, recomputed from its stored attempts: rates, controls, delivery, findings, load."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from counterfault.core.attempt import Attempt
from counterfault.core.mutant import FAMILIES, Mutant
from counterfault.core.outcome import Finding, Judgement
from counterfault.core.score import Rate, Scored, by_family, by_operator, rate

_WORST_FIRST = ("policy_violation", "duplicated", "fabricated", "silent_wrong", "retry_storm", "crashed", "timed_out")


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
    """The same attempts as a load test sees them: seconds, requests (attempts) per second, share of errors."""

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
    judged: Sequence[Judged],
    eligible: Sequence[str] = FAMILIES,
    notes: Sequence[str] = (),
    status: str = "complete",
    reasons: Sequence[str] = (),
) -> Summary:
    """Recompute everything from the attempts."""
    mutants = [one for one in judged if one.attempt.arm == "mutant"]
    controls = [one for one in judged if one.attempt.arm == "control"]
    kept = [one for one in mutants if one.control_holds]
    rows = [_scored(one) for one in kept]
    held = {one.attempt.trace_id for one in controls if one.judgement.outcome == "recovered"}
    all_traces = {one.attempt.trace_id for one in controls}
    reached = [one for one in mutants if one.attempt.reached]
    return Summary(
        campaign_id=campaign_id,
        agent=agent,
        status=status,
        reasons=tuple(reasons),
        overall=rate(rows),
        by_family=by_family(rows),
        by_operator=by_operator(rows),
        control=rate(_scored(one) for one in controls),
        controls_kept=len(held),
        traces=len(all_traces),
        unheld=tuple(sorted(all_traces - held)),
        reached=len(reached),
        delivered=sum(one.attempt.delivered for one in reached),
        counts=_outcomes(mutants),
        findings=_findings(judged),
        groups=tuple(group(mutants)),
        load=load_view(one.attempt for one in mutants),
        eligible=tuple(eligible),
        notes=tuple(notes),
        origins=_origins(judged),
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


def _outcomes(judged: Iterable[Judged]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in judged:
        name = "unknown" if one.judgement.verdict == "unknown" else one.judgement.outcome
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items()))


def _findings(judged: Iterable[Judged]) -> dict[str, int]:
    """How many attempts have a finding of each kind, whatever their outcome; void attempts of no delivery excepted."""
    counts: dict[str, int] = {}
    for one in judged:
        if one.attempt.arm == "sentinel" or one.judgement.outcome in ("not_reached", "not_delivered", "harness_error"):
            continue
        implied = {finding.implies for finding in one.judgement.findings} | {one.judgement.outcome}
        for name in implied & {*_WORST_FIRST}:
            counts[name] = counts.get(name, 0) + 1
    return counts


def _origins(judged: Iterable[Judged]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in judged:
        for note in one.attempt.answered:
            counts[note.origin] = counts.get(note.origin, 0) + 1
    return dict(sorted(counts.items()))


def deciding(judgement: Judgement) -> Finding | None:
    """The finding that decided a failed judgement."""
    return next((finding for finding in judgement.findings if finding.implies == judgement.outcome), None)


def group(judged: Iterable[Judged]) -> list[FindingGroup]:
    """The failed attempts by root, worst first."""
    groups: dict[tuple[str, str, str, str, str], list[Judged]] = {}
    for one in judged:
        if one.judgement.verdict != "fail" or one.mutant is None:
            continue
        finding = deciding(one.judgement)
        mutation = one.mutant.first
        code = finding.code if finding else one.judgement.outcome
        key = (mutation.operator, one.judgement.outcome, code, mutation.site.tool, mutation.site.pointer)
        groups.setdefault(key, []).append(one)
    found = [
        FindingGroup(*key, len(members), len({one.attempt.trace_id for one in members}), _clearest(members))
        for key, members in groups.items()
    ]
    return sorted(found, key=_badness)


def _badness(found: FindingGroup) -> tuple[int, int, int, str, str, str]:
    rank = _WORST_FIRST.index(found.outcome) if found.outcome in _WORST_FIRST else len(_WORST_FIRST)
    tier = found.example.mutant.first.tier if found.example.mutant else 4
    return rank, tier, -found.attempts, found.operator, found.tool, found.pointer


def _clearest(members: Sequence[Judged]) -> Judged:
    return min(members, key=lambda one: (len(one.attempt.steps), one.attempt.id))


def load_view(attempts: Iterable[Attempt]) -> LoadView:
    """Latency and errors of attempts: an error is one that did not complete."""
    seen = list(attempts)
    times = sorted(attempt.duration_s for attempt in seen)
    if not times:
        return LoadView(0, 0.0, 0.0, 0.0, 0.0)
    errors = sum(attempt.status in ("crashed", "timed_out", "harness_error") for attempt in seen)
    busy = sum(times) or 1e-9
    return LoadView(len(times), _at(times, 0.5), _at(times, 0.99), len(times) / busy, errors / len(times))


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
