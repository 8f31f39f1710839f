"""``python -m oracles.oracle_table`` in ``tests/``: the judge against the truth of the worlds, as a table.

Reads the truth that ``truth_table`` wrote, makes every attempt again, lets the judge decide, and compares. A wrong
attempt that is not failed is missed, whether it passed, or is unknown, or could not be resolved. Exit code 1 where a
limit is not kept, or where the truth is out of date.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from counterfault.campaign.judge import Bench, baseline_of, ground_of, with_controls
from counterfault.core.attempt import Attempt
from counterfault.core.case import JudgeRules
from counterfault.core.outcome import Judgement
from counterfault.core.score import clopper_pearson
from counterfault.ports import Oracle
from counterfault.registry import Family

from .desks import DESKS, GOOD_NAMES, NAMES, PER_OPERATOR, Desk
from .truth_table import Decision, key_of, read

MIN_RECALL = 0.95
MAX_FALSE_ALARMS = 0.01
MAX_UNDECIDED = 0.05
MIN_GOOD = 1_000
MIN_CELL = 20
CONTROLS = 2
PRESCRIBED = ("nothing_depends", "not_needed", "not_asked_again", "may_decide")
"""Reasons for which the semantics itself asks for *unknown*: nobody could tell."""


@dataclass(frozen=True, slots=True)
class Row:
    """One delivered attempt: the world's word (``right``, ``why``) and the judge's (``verdict``, ``reasons``)."""

    desk: str
    agent: str
    operator: str
    right: bool
    why: str
    verdict: str  # pass, fail, unknown or void (unresolved)
    outcome: str
    reasons: tuple[str, ...]

    @property
    def failed(self) -> bool:
        """Whether the judge failed it."""
        return self.verdict == "fail"


@dataclass(frozen=True, slots=True)
class Cell:
    """Counts over some rows."""

    reached: int
    wrong: int
    caught: int
    right: int
    alarms: int
    unknown: int
    prescribed: int
    unresolved: int

    @property
    def undecided(self) -> float:
        """Unknown and unresolved ÷ reached."""
        return (self.unknown + self.unresolved) / self.reached if self.reached else 0.0


@dataclass(frozen=True)
class Measured:
    """All rows, the controls' outcomes by agent, the attempts without delivery, and the mutants without a truth."""

    rows: Sequence[Row]
    controls: Mapping[str, Counter[str]]
    undelivered: Counter[str]
    stale: int


def oracles() -> dict[str, Oracle]:
    """All oracles by name."""
    family = Family("oracles")
    return {name: family.load(name) for name in family.names()}


def benches(desk: Desk, agent: str) -> tuple[dict[str, Bench], Counter[str]]:
    """The judge of each trace after the agent's controls, and what the controls came to."""
    found: dict[str, Bench] = {}
    outcomes: Counter[str] = Counter()
    judges, rules = oracles(), JudgeRules(desk.policies)
    for trace in desk.traces:
        ground = ground_of(desk.scans[trace.id], rules, [trace])
        bench = Bench(ground, judges, baseline_of(ground, judges))
        attempts = [desk.attempt(agent, trace, None, turn) for turn in range(CONTROLS)]
        controls = [(attempt, bench.judge(attempt, None)) for attempt in attempts]
        outcomes.update(judgement.outcome for _, judgement in controls)
        found[trace.id] = with_controls(bench, controls)
    return found, outcomes


def measure(every: Callable[[str], int] = lambda _: 1, desks: Iterable[Desk] = tuple(DESKS.values())) -> Measured:
    """Judge the sample; of each agent every nth mutant."""
    rows: list[Row] = []
    controls: dict[str, Counter[str]] = {}
    undelivered: Counter[str] = Counter()
    stale = 0
    for desk in desks:
        for agent in desk.names:
            truth = read(desk.name, agent)
            judges, outcomes = benches(desk, agent)
            controls[f"{desk.name} {agent}"] = outcomes
            for trace, mutant in desk.sample[:: every(agent)]:
                attempt = desk.attempt(agent, trace, mutant)
                decision = truth.get(key_of(trace, mutant))
                if not attempt.delivered:
                    undelivered[attempt.status] += 1
                elif decision is None:
                    stale += 1
                else:
                    judgement = judges[trace.id].judge(attempt, mutant)
                    rows.append(_row(desk, mutant.first.operator, decision, attempt, judgement))
    return Measured(rows, controls, undelivered, stale)


def _row(desk: Desk, operator: str, decision: Decision, attempt: Attempt, judgement: Judgement) -> Row:
    told = [finding for finding in judgement.findings if finding.implies not in ("", "escalated")]
    deciding = [finding.code for finding in told if finding.implies in (judgement.outcome, judgement.verdict)]
    reasons = tuple(dict.fromkeys(deciding)) or (attempt.status,)
    right, why = decision
    return Row(desk.name, attempt.agent, operator, right, why, judgement.verdict, judgement.outcome, reasons)


def count(rows: Iterable[Row]) -> Cell:
    """The counts of some rows."""
    found = list(rows)
    wrong = [row for row in found if not row.right]
    right = [row for row in found if row.right]
    unknown = [row for row in found if row.verdict == "unknown"]
    return Cell(
        len(found),
        len(wrong),
        sum(row.failed for row in wrong),
        len(right),
        sum(row.failed for row in right),
        len(unknown),
        sum(set(row.reasons) <= set(PRESCRIBED) for row in unknown),
        sum(row.verdict == "void" for row in found),
    )


def counted(rows: Sequence[Row]) -> list[Row]:
    """The rows of cells (operator, agent) with enough reached attempts; the others are printed as empty."""
    cells = Counter((row.operator, row.agent) for row in rows)
    return [row for row in rows if cells[row.operator, row.agent] >= MIN_CELL]


def _good(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row.agent in GOOD_NAMES]


def shortfalls(measured: Measured) -> Iterator[str]:
    """The limits that are not kept."""
    everyone, good = count(measured.rows), count(_good(measured.rows))
    if everyone.caught < MIN_RECALL * everyone.wrong:
        yield f"recall is {everyone.caught / everyone.wrong:.1%}, under {MIN_RECALL:.0%}"
    if good.right < MIN_GOOD:
        yield f"only {good.right} attempts of good agents are right, under {MIN_GOOD}"
    if good.alarms > MAX_FALSE_ALARMS * good.right:
        yield f"{good.alarms} of {good.right} right attempts of good agents are failed, over {MAX_FALSE_ALARMS:.0%}"
    if good.wrong:
        yield f"{good.wrong} attempts of good agents are wrong by the world: they are not good"
    if everyone.undecided > MAX_UNDECIDED:
        yield f"{everyone.undecided:.1%} are unknown or unresolved, over {MAX_UNDECIDED:.0%}"
    if measured.undelivered["not_delivered"]:
        yield f"{measured.undelivered['not_delivered']} attempts were reached and not delivered"
    for agent, outcomes in measured.controls.items():
        if set(outcomes) != {"recovered"}:
            yield f"controls of {agent} came to {dict(outcomes)}, not all recovered"
    if measured.stale:
        yield f"{measured.stale} attempts have no truth: run `python -m oracles.truth_table` in tests/ again"


def report(measured: Measured) -> str:
    """The table as text."""
    operators = list(dict.fromkeys(row.operator for row in measured.rows))
    rows = counted(measured.rows)
    lines = [
        "The judge against the truth of two worlds (support, travel), two good agents and eight with a planted bug.",
        "Sites: something was copied from them (tiers 1-2), or they are declared decisive or named by a policy;",
        f"of each operator and world up to {PER_OPERATOR} mutants, seeded. Truth is decided by the worlds' end state",
        "and what was said, before the judge runs; unknown and unresolved count as missed. 'of it due': unknowns that",
        "SEMANTICS 3 asks for (nothing depends on the site, nothing needed it, it only may decide).",
        "",
        *_table("operator", operators, rows, lambda row: row.operator),
        "",
        *_table("agent", NAMES, rows, lambda row: row.agent),
        "",
        *_confusion("all agents", rows),
        *_confusion("good agents", _good(rows)),
        "",
        *_rates(replace(measured, rows=rows)),
        "",
        "reached attempts per operator and agent, by world and together (under 20: printed, not counted):",
        *_cells(measured.rows, operators),
        "",
        *_reasons("missed (wrong by the world, not failed)", [row for row in rows if not row.right and not row.failed]),
        *_reasons("failed though right by the world", [row for row in rows if row.right and row.failed]),
        *_reasons("unknown", [row for row in rows if row.verdict == "unknown"]),
    ]
    return "\n".join(lines)


def _table(title: str, names: Sequence[str], rows: Sequence[Row], of: Callable[[Row], str]) -> Iterator[str]:
    head = ("reached", "wrong", "failed", "recall", "right", "alarms", "unknown", "of it due", "unresolved")
    yield f"{title:<27}" + "".join(f"{name:>11}" for name in head)
    for name in [*names, "all"]:
        cell = count(row for row in rows if name in ("all", of(row)))
        recall = f"{cell.caught / cell.wrong:.1%}" if cell.wrong else "-"
        values = (cell.reached, cell.wrong, cell.caught, recall, cell.right, cell.alarms, cell.unknown)
        yield f"{name:<27}" + "".join(f"{value:>11}" for value in (*values, cell.prescribed, cell.unresolved))


def _confusion(title: str, rows: Sequence[Row]) -> Iterator[str]:
    yield f"{title:<27}" + "".join(f"{verdict:>11}" for verdict in ("pass", "fail", "unknown", "unresolved"))
    for right in (True, False):
        counts = Counter(row.verdict for row in rows if row.right == right)
        values = "".join(f"{counts[verdict]:>11}" for verdict in ("pass", "fail", "unknown", "void"))
        yield f"  {'right' if right else 'wrong':<25}" + values


def _rates(measured: Measured) -> Iterator[str]:
    everyone, good = count(measured.rows), count(_good(measured.rows))
    bad = count(row for row in measured.rows if row.agent not in GOOD_NAMES)
    resolved = count(row for row in measured.rows if row.verdict != "void")
    due = count(row for row in measured.rows if not set(row.reasons) <= set(PRESCRIBED))
    yield _share("recall", everyone.caught, everyone.wrong)
    yield _share("recall, without the unresolved", resolved.caught, resolved.wrong)
    yield _share("false alarms, good agents", good.alarms, good.right)
    yield _share("failed though right, bad agents", bad.alarms, bad.right)
    yield _share("unknown or unresolved", everyone.unknown + everyone.unresolved, everyone.reached)
    yield _share("  without those due", due.unknown + due.unresolved, due.reached)
    held = sum(outcomes["recovered"] for outcomes in measured.controls.values())
    yield _share("controls recovered", held, sum(outcomes.total() for outcomes in measured.controls.values()))
    yield f"not delivered or not reached: {dict(measured.undelivered) or 'none'}; without a truth: {measured.stale}"


def _share(name: str, part: int, whole: int) -> str:
    low, high = clopper_pearson(part, whole) if whole else (0.0, 1.0)
    share = f"{part / whole:.2%}" if whole else "-"
    return f"{name:<34}{share:>8}  ({part} of {whole}; 95 % interval {low:.2%} to {high:.2%})"


def _cells(rows: Sequence[Row], operators: Sequence[str]) -> Iterator[str]:
    counts = Counter((row.operator, row.agent) for row in rows)
    for operator in operators:
        by_agent = [counts[operator, agent] for agent in NAMES]
        empty = [agent for agent, reached in zip(NAMES, by_agent, strict=True) if reached < MIN_CELL]
        note = f"  empty: {', '.join(empty)}" if empty else ""
        worlds = Counter(row.desk for row in rows if row.operator == operator and row.agent == NAMES[0])
        yield f"  {operator:<25}{min(by_agent):>4} to {max(by_agent)} ({dict(worlds)} for {NAMES[0]}){note}"


def _reasons(title: str, rows: Sequence[Row]) -> Iterator[str]:
    yield f"{title}: {len(rows)}"
    found: dict[tuple[str, str, str], Counter[str]] = {}
    for row in rows:
        found.setdefault((row.outcome, " + ".join(row.reasons), row.why), Counter())[row.agent] += 1
    for (outcome, reasons, why), agents in sorted(found.items(), key=lambda item: -item[1].total()):
        most = ", ".join(f"{agent} {number}" for agent, number in agents.most_common(4))
        yield f"  {agents.total():>5}  {outcome}: {reasons}; the world says {why} ({most})"


def main() -> int:
    """Print the table; 1 where a limit is not kept."""
    measured = measure()
    print(report(measured))
    short = list(shortfalls(replace(measured, rows=counted(measured.rows))))
    print("\n" + "\n".join(f"NOT KEPT: {line}" for line in short) if short else "\nevery limit is kept")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
