"""A campaign on the terminal: whether it counts, the rate, the worst findings, what was left out, the gate.

Meaning never hangs on colour. Every text of a stranger is drawn so that it cannot steer the terminal.
"""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from counterfault.campaign.gate import Check, Gate
from counterfault.campaign.left_out import control_views, unknown_reasons, unresolved_reasons
from counterfault.campaign.summary import FindingGroup, Judged, Summary
from counterfault.campaign.wording import (
    check_values,
    counted,
    mutation_line,
    percent,
    reproduce_line,
    why,
    words,
)
from counterfault.core.safe_text import no_command, safe_text
from counterfault.core.score import Rate, headline
from counterfault.core.trace import Trace

_MOST_GROUPS = 10
_MOST_REASONS = 4
_MOST_CONTROLS = 5
_WIDE = ("rate", "95 % CI", "recovered", "escalated", "needless", "✗ failed", "? unknown", "~ void")
_NARROW = ("rate", "95 % CI", "recov", "escal", "needl", "✗ fail", "? unkn", "~ void")
_WIDE_FROM = 90
_STYLES = {"good": "green", "bad": "bold red", "doubt": "yellow", "head": "bold", "quiet": "dim"}


def render(
    summary: Summary,
    judged: Sequence[Judged],
    gate: Gate | None,
    width: int = 100,
    colour: bool = False,
    traces: Iterable[Trace] = (),
) -> str:
    """The report as text of at most ``width`` columns. ``traces`` give the values before a mutation."""
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=max(width, 40),
        force_terminal=colour,
        color_system="standard" if colour else None,
        no_color=not colour,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        force_jupyter=False,
        _environ={},
    )
    by_id = {trace.id: trace for trace in traces}
    for part in _parts(summary, judged, gate, by_id, console.width):
        console.print(part)
    return "".join(no_command(line.rstrip()) + "\n" for line in stream.getvalue().split("\n")[:-1])


def _parts(
    summary: Summary, judged: Sequence[Judged], gate: Gate | None, traces: Mapping[str, Trace], width: int
) -> Iterator[RenderableType]:
    if summary.status != "complete":
        yield from _alarm(summary)
    yield _line(headline(summary.overall, "under fault injection"), "head")
    yield from _qualified(summary)
    yield ""
    yield _rates(summary, width)
    yield from _findings(summary.groups, traces)
    yield from _left_out(summary, judged)
    yield from _conditions(summary, judged)
    if gate:
        yield from _gate(gate)


def _line(text: str, style: str = "", indent: int = 0) -> RenderableType:
    told = Text(safe_text(text), style=_STYLES.get(style, ""))
    return Padding(told, (0, 0, 0, indent)) if indent else told


def _alarm(summary: Summary) -> Iterator[RenderableType]:
    what = {"invalid": "INVALID: the numbers below say nothing about the agent", "incomplete": "INCOMPLETE"}
    yield _line(f"!! {what.get(summary.status, summary.status.upper())} !!", "bad")
    for reason in summary.reasons:
        yield _line(f"! {reason}", "bad", 3)
    yield ""


def _qualified(summary: Summary) -> Iterator[RenderableType]:
    overall, load = summary.overall, summary.load
    undecided = overall.unknown + overall.unresolved
    if undecided:
        low, high = percent(overall.lower_bound, 0), percent(overall.upper_bound, 0)
        yield _line(f"between {low} and {high} if the {undecided:,} undecided had all failed or all passed", "quiet")
    if load.requests:
        yield _line(
            f"a load test of the same attempts sees: p50 {_time(load.p50_s)}, p99 {_time(load.p99_s)}, "
            f"{percent(load.error_rate)} errors",
            "quiet",
        )


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.1f} ms"


def _rates(summary: Summary, width: int) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=_STYLES["quiet"])
    table.add_column("family", no_wrap=True)
    for name in _WIDE if width >= _WIDE_FROM else _NARROW:
        table.add_column(name, justify="right", no_wrap=True)
    for name, rate in {**summary.by_family, "all": summary.overall}.items():
        style = _STYLES["head"] if name == "all" else ""
        table.add_row(*(Text(safe_text(cell), style=style) for cell in _rate_cells(name, rate)))
    return table


def _rate_cells(name: str, rate: Rate) -> tuple[str, ...]:
    if not rate.exercised:
        return (name, "not exercised", "", "", "", "", "", str(rate.unknown), str(rate.void))
    span = "–" if rate.low is None or rate.high is None else f"{100 * rate.low:.0f}–{100 * rate.high:.0f}"
    counts = (rate.recovered, rate.escalated, rate.needless, rate.failed, rate.unknown, rate.void)
    return (name, percent(rate.rate), span, *map(str, counts))


def _findings(groups: Sequence[FindingGroup], traces: Mapping[str, Trace]) -> Iterator[RenderableType]:
    if not groups:
        return
    yield ""
    yield _line(f"worst findings  ({counted(len(groups), 'group')})", "head")
    for group in groups[:_MOST_GROUPS]:
        example = group.example
        assert example.mutant is not None
        many = f"{counted(group.attempts, 'attempt')}, {counted(group.traces, 'trace')}"
        yield _line(f"✗ {words(group.outcome)} · {words(group.code)}   {many}", "bad", 2)
        yield _line(mutation_line(example.mutant, traces.get(example.attempt.trace_id)), "", 4)
        for reason in why(example)[:1]:
            yield _line(reason, "", 4)
        yield _line(reproduce_line(example.attempt.id), "quiet", 4)
    if len(groups) > _MOST_GROUPS:
        yield _line(f"and {counted(len(groups) - _MOST_GROUPS, 'more group')} in the report", "quiet", 2)


def _left_out(summary: Summary, judged: Sequence[Judged]) -> Iterator[RenderableType]:
    overall = summary.overall
    lines: list[tuple[str, Sequence[tuple[str, int]]]] = []
    if overall.unknown:
        lines.append((f"? {overall.unknown:,} unknown", unknown_reasons(judged)))
    if overall.unresolved:
        lines.append((f"~ {overall.unresolved:,} unresolved", unresolved_reasons(judged)))
    if overall.not_reached:
        lines.append((f"~ {overall.not_reached:,} not reached: the agent never made the mutated call", ()))
    if overall.not_delivered:
        lines.append((f"~ {overall.not_delivered:,} not delivered: the mutated answer did not arrive", ()))
    if summary.unheld:
        lines.append((f"~ {counted(len(summary.unheld), 'trace')} left out: no control holds", ()))
    if lines:
        yield ""
        yield _line("left out of the rate", "head")
    for text, reasons in lines:
        yield _line(text, "doubt", 2)
        for reason, count in reasons[:_MOST_REASONS]:
            yield _line(f"{count:>5,}  {reason}", "quiet", 4)


def _conditions(summary: Summary, judged: Sequence[Judged]) -> Iterator[RenderableType]:
    yield ""
    kept = f"{summary.controls_kept} of {counted(summary.traces, 'trace')} reproduced unmutated"
    yield _fact("controls", f"{kept} ({percent(summary.kept_share, 0)})")
    broken = [view for view in control_views(judged) if view.held < view.made]
    for view in broken[:_MOST_CONTROLS]:
        yield _line(f"✗ {view.trace_id[:8]}  {view.held} of {view.made} held  {view.wrong}", "bad", 16)
    yield _fact(
        "delivered", f"{summary.delivered:,} of {summary.reached:,} reached ({percent(summary.delivered_share, 0)})"
    )
    idle = [name for name, rate in summary.by_operator.items() if not rate.exercised]
    if idle:
        yield _fact("not exercised", ", ".join(idle))
    yield _fact("answers", " · ".join(f"{name} {count:,}" for name, count in summary.origins.items()) or "none")
    for note in summary.notes:
        yield _fact("note", note)


def _fact(label: str, text: str) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=14, no_wrap=True, style=_STYLES["quiet"])
    table.add_column()
    table.add_row(label, Text(safe_text(text)))
    return table


def _gate(gate: Gate) -> Iterator[RenderableType]:
    yield ""
    sign = "✓" if gate.decision == "pass" else "✗"
    style = {"pass": "good", "inconclusive": "doubt"}.get(gate.decision, "bad")
    yield _line(f"gate  {sign} {gate.decision.upper()}", style)
    for check in gate.checks:
        yield _line(check_line(check), "" if check.ok else "bad", 2)
    told = {check.name for check in gate.checks}
    for reason in gate.reasons:
        if reason.partition(":")[0] not in told:
            yield _line(f"! {reason}", "bad", 2)


def check_line(check: Check) -> str:
    """One limit of the gate with its sign, value and limit."""
    value, limit = check_values(check)
    return f"{'✓' if check.ok else '✗'} {check.name}  {value}  (limit {limit})"
