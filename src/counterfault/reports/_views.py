"""What the page shows, as plain values: the template only lays them out."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from counterfault.campaign.alignment import Row, align
from counterfault.campaign.summary import FindingGroup, Judged, Summary, deciding
from counterfault.campaign.wording import (
    SIGNS,
    Story,
    answer_changes,
    answer_line,
    brief,
    call_line,
    change_line,
    tell,
    why,
    words,
)
from counterfault.core.attempt import Attempt
from counterfault.core.mutant import FAMILIES
from counterfault.core.outcome import FAILURES
from counterfault.core.score import Rate
from counterfault.core.trace import Step, ToolCall, Trace

_MOST_CALL, _MOST_ANSWER, _MOST_TEXT = 220, 360, 500
_MOST_CHANGES = 8
_ORDER = ("fail", "unknown", "void", "pass")


@dataclass(frozen=True, slots=True)
class Told:
    """A step of a column: its number, who acts, what was done, what came back."""

    step: int
    who: str
    text: str
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the three columns: recording | what was injected | replay; ``decided`` are findings of this step."""

    tone: str
    mark: str
    recorded: Told | None
    replayed: Told | None
    changes: tuple[str, ...] = ()
    first: bool = False
    decided: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive lines; ``folded`` ones are equal on both sides and need no reading."""

    lines: tuple[Line, ...]
    folded: bool


@dataclass(frozen=True, slots=True)
class GroupView:
    """A finding group with the story of its clearest attempt."""

    group: FindingGroup
    outcome: str
    code: str
    change: str
    place: str
    story: Story
    blocks: tuple[Block, ...]


def group_view(group: FindingGroup, trace: Trace | None, control: Attempt | None) -> GroupView:
    """The group's example, told."""
    example = group.example
    assert example.mutant is not None
    return GroupView(
        group,
        words(group.outcome),
        words(group.code),
        change_line(example.mutant.first, trace),
        group_place(group),
        tell(example, trace, control),
        tuple(_blocks(example, trace, control)) if trace else (),
    )


def group_place(group: FindingGroup) -> str:
    """Where a group's mutation acts."""
    return f"{group.tool or 'everywhere'} {group.pointer}".strip()


def _blocks(judged: Judged, trace: Trace, control: Attempt | None) -> list[Block]:
    rows = align(trace, judged.attempt, judged.mutant, control)
    finding = deciding(judged.judgement)
    seen = {row.replayed for row in rows if row.replayed is not None}
    decided: dict[int, tuple[str, ...]] = {}
    if finding and finding.step in seen:
        decided[finding.step] = (finding.message,)
    blocks: list[Block] = []
    for row in rows:
        line = _line(row, judged.attempt, trace, decided.get(-1 if row.replayed is None else row.replayed, ()))
        folded = (row.relation == "same" or row.usual) and not (row.injected or row.first or line.decided)
        if blocks and blocks[-1].folded == folded:
            blocks[-1] = Block((*blocks[-1].lines, line), folded)
        else:
            blocks.append(Block((line,), folded))
    return [block if len(block.lines) > 1 else Block(block.lines, False) for block in blocks]


_MARKS: Mapping[str, str] = {
    "same": "same",
    "answer": "answered differently",
    "differs": "done differently",
    "left_out": "only recorded",
    "added": "only replayed",
}


def _line(row: Row, attempt: Attempt, trace: Trace, decided: tuple[str, ...]) -> Line:
    recorded = None if row.recorded is None else trace.steps[row.recorded]
    replayed = None if row.replayed is None else attempt.steps[row.replayed]
    changes: tuple[str, ...] = ()
    if row.injected and isinstance(replayed, ToolCall):
        before = recorded.result if isinstance(recorded, ToolCall) else None
        found = answer_changes(before, replayed.result)
        hidden = len(found) - _MOST_CHANGES
        changes = tuple(found[:_MOST_CHANGES] + ([f"and {hidden} more"] if hidden > 0 else []))
        changes = changes or (answer_line(replayed.result, 160),)
    mark = "injected here" if row.injected else "as in the control" if row.usual else _MARKS[row.relation]
    tone = "injected" if row.injected else "same" if row.usual or row.relation in ("same", "answer") else "other"
    return Line(tone, mark, _told(row.recorded, recorded), _told(row.replayed, replayed), changes, row.first, decided)


def _told(number: int | None, step: Step | None) -> Told | None:
    if step is None or number is None:
        return None
    if isinstance(step, ToolCall):
        return Told(number, "call", call_line(step, _MOST_CALL), answer_line(step.result, _MOST_ANSWER))
    return Told(number, "agent" if step.role == "assistant" else step.role, brief(step.text, _MOST_TEXT))


# -- rates ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RateView:
    """A row of the table of rates; ``kind`` is family, operator or all."""

    kind: str
    name: str
    rate: Rate


def rate_views(summary: Summary) -> list[RateView]:
    """Each family with its operators below it, and everything last."""
    found = []
    for family, rate in summary.by_family.items():
        found.append(RateView("family", family, rate))
        found += [
            RateView("operator", name, of)
            for name, of in summary.by_operator.items()
            if name.partition(".")[0] == family
        ]
    others = [name for name in summary.by_operator if name.partition(".")[0] not in summary.by_family]
    found += [RateView("operator", name, summary.by_operator[name]) for name in others]
    return [*found, RateView("all", "all", summary.overall)]


@dataclass(frozen=True, slots=True)
class Share:
    """A part of all attempts: its name, sign, tone, count and share of 1."""

    name: str
    sign: str
    tone: str
    count: int
    share: float


def outcome_shares(rate: Rate) -> list[Share]:
    """What became of the attempts under a rate, best first."""
    parts = (
        ("recovered", "pass", rate.recovered),
        ("escalated", "safe", rate.escalated),
        ("failed", "fail", rate.failed),
        ("unknown", "unknown", rate.unknown),
        ("void", "void", rate.void),
    )
    signs = {"safe": "✓", **SIGNS}
    return [
        Share(name, signs[tone], tone, count, count / rate.attempts if rate.attempts else 0.0)
        for name, tone, count in parts
    ]


@dataclass(frozen=True, slots=True)
class Heat:
    """One cell: failed of decided attempts, and how many were made at all."""

    failed: int
    decided: int
    made: int

    @property
    def share(self) -> float | None:
        """Failed ÷ decided; None where nothing was decided."""
        return self.failed / self.decided if self.decided else None


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Share failed by operator (rows) and tool (columns), the worst columns first."""

    tools: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Heat | None, ...]], ...]


def heat_map(judged: Iterable[Judged]) -> HeatMap:
    """Where the agent fails, over the mutants of traces whose control holds."""
    cells: dict[tuple[str, str], list[str]] = {}
    for one in judged:
        if one.attempt.arm == "mutant" and one.mutant is not None and one.control_holds:
            mutation = one.mutant.first
            cells.setdefault((mutation.operator, mutation.site.tool), []).append(one.judgement.verdict)
    heats = {
        key: Heat(verdicts.count("fail"), verdicts.count("fail") + verdicts.count("pass"), len(verdicts))
        for key, verdicts in cells.items()
    }
    failed: dict[str, int] = {}
    for (_, tool), heat in heats.items():
        failed[tool] = failed.get(tool, 0) + heat.failed
    tools = tuple(sorted(failed, key=lambda tool: (-failed[tool], tool)))
    operators = sorted({operator for operator, _ in heats})
    return HeatMap(
        tuple(tool or "everywhere" for tool in tools),
        tuple((name, tuple(heats.get((name, tool)) for tool in tools)) for name in operators),
    )


# -- attempts ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AttemptView:
    """A row of the table of attempts."""

    id: str
    tone: str
    sign: str
    outcome: str
    family: str
    operator: str
    place: str
    trace: str
    says: str
    duration_ms: float


def attempt_views(judged: Iterable[Judged], most: int) -> tuple[list[AttemptView], int]:
    """The worst attempts first, at most ``most``, and how many there are; sentinels are left out."""
    shown = [one for one in judged if one.attempt.arm != "sentinel"]
    return [_attempt_view(one) for one in sorted(shown, key=_badness)[:most]], len(shown)


def _badness(one: Judged) -> tuple[int, int, str, str, str]:
    outcome, operator = one.judgement.outcome, one.mutant.first.operator if one.mutant else "control"
    rank = FAILURES.index(outcome) if outcome in FAILURES else len(FAILURES)
    return _ORDER.index(_tone(one)), rank, outcome, operator, one.attempt.id


def _tone(one: Judged) -> str:
    # The tone is written into class names: only ours may stand there.
    return one.judgement.verdict if one.judgement.verdict in _ORDER else "void"


def _attempt_view(one: Judged) -> AttemptView:
    mutation = one.mutant.first if one.mutant else None
    tone = _tone(one)
    said = why(one)[:1] if tone in ("fail", "unknown") or one.judgement.outcome == "unresolved" else ()
    seconds = one.attempt.duration_s
    return AttemptView(
        id=one.attempt.id[:12],
        tone=tone,
        sign=SIGNS[tone],
        outcome=words(one.judgement.outcome),
        family=mutation.family if mutation and mutation.family in FAMILIES else "",
        operator=mutation.operator if mutation else one.attempt.arm,
        place=f"{mutation.site.tool or 'everywhere'} {mutation.site.pointer}".strip() if mutation else "",
        trace=one.attempt.trace_id[:8],
        says=brief(said[0], 160) if said else "",
        duration_ms=1000 * seconds if math.isfinite(seconds) else 0.0,
    )


def sentinels_failed(judged: Sequence[Judged]) -> tuple[int, int]:
    """How many forged records the judge failed, of how many."""
    forged = [one for one in judged if one.attempt.arm == "sentinel"]
    return sum(one.judgement.verdict == "fail" for one in forged), len(forged)
