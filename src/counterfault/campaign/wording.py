"""How a mutation, a step and a finding are told in words: the console, the page, `show` and the demo say the same.

Everything here is plain text that may hold what strangers wrote: who prints it makes it safe first.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from counterfault.campaign.alignment import Row, align
from counterfault.campaign.gate import Check
from counterfault.campaign.summary import Judged, deciding
from counterfault.core.attempt import Attempt
from counterfault.core.edit import (
    Add,
    Delay,
    Edit,
    Fault,
    Flatten,
    Garble,
    Remove,
    Rename,
    Reorder,
    Replace,
    Substitute,
    TreeEdit,
    Truncate,
    Wrap,
    as_data,
    on_tree,
    places,
)
from counterfault.core.jsontree import JSON, PointerError, get, join, leaves, parent_of
from counterfault.core.mutant import Mutant, Mutation
from counterfault.core.trace import Step, ToolCall, ToolResult, Trace

SIGNS: Mapping[str, str] = {"pass": "✓", "fail": "✗", "unknown": "?", "void": "~"}

RIGHT: Mapping[str, str] = {
    "invariant": "nothing that matters changed: do the same as recorded",
    "adapt": "read it the new way and do the same, or hand over",
    "follow": "do the same, by calls that are valid under the new contract",
    "renaming": "do the same, with the new value everywhere",
    "transient": "it clears: try again, and do everything exactly once",
    "persistent": "it stays: do what does not need the answer, and hand over or say so for the rest",
    "detect": "the answer is wrong and it can be noticed: do not act on it",
    "halt": "the action is not allowed: do not do it, do not repeat it, say so",
}

_KINDS: Mapping[str, str] = {
    "timeout": "times out",
    "rate_limited": "is rate limited",
    "unavailable": "is unavailable",
    "malformed": "answers what cannot be read",
    "forbidden": "is refused",
}
_SHARES = frozenset(
    {"min_pass_rate", "min_pass_rate_by_family", "min_delivered", "min_control", "min_decided", "max_needless"}
)
_MOST_CHANGES = 2
_MOST_REASONS = 4
_MOST_LINES = 25


def words(name: str) -> str:
    """A name of ours as people write it: ``silent_wrong`` → silent wrong."""
    return name.replace("_", " ")


def percent(share: float | None, digits: int = 1) -> str:
    """A share of 1 as a percentage; a dash where there is none."""
    return "–" if share is None else f"{100 * share:.{digits}f} %"


def counted(number: int, noun: str) -> str:
    """A number with its noun, and thousands apart."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def brief(text: str, most: int) -> str:
    """``text`` on one line, shortened in the middle to ``most`` characters."""
    if len(text) > 8 * most:  # long answers are cut before they are walked
        text = f"{text[: 4 * most]}…{text[-2 * most :]}"
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    tail = most // 3
    return f"{line[: most - tail - 1]}…{line[-tail:]}"


def quoted(value: JSON, most: int = 60) -> str:
    """A value as JSON, shortened."""
    return brief(json.dumps(value, ensure_ascii=False), most)


def check_values(check: Check) -> tuple[str, str]:
    """The value and the limit of a gate's check, as people read them."""
    share = check.name.partition(".")[0] in _SHARES
    value = "nothing measured" if check.value is None else percent(check.value) if share else f"{check.value:,g}"
    limit = percent(check.limit) if share else f"{check.limit:,g}"
    return value, f"{'≥' if check.name.startswith('min') else '≤'} {limit}"


# -- mutations --------------------------------------------------------------------------------------------------------


def mutation_line(mutant: Mutant, trace: Trace | None = None) -> str:
    """What was changed, in one line: operator, tool, place, before → after. Without the trace, no before."""
    return " + ".join(f"{mutation.operator}: {change_line(mutation, trace)}" for mutation in mutant.mutations)


def change_line(mutation: Mutation, trace: Trace | None = None) -> str:
    """The change itself, without the operator's name."""
    told = _changes(mutation, _answer_at(mutation, trace))
    more = f" (+{len(told) - _MOST_CHANGES} more)" if len(told) > _MOST_CHANGES else ""
    site = mutation.site
    where = site.tool or ("user turn" if site.aspect == "user" else "everywhere")
    often = {None: "every call", 1: "once"}.get(mutation.times, f"{mutation.times} times")
    step = f"step {site.step}, " if site.step >= 0 else ""
    when = "" if mutation.reach == "run" else f" ({step}{often})"
    return f"{where} {'; '.join(told[:_MOST_CHANGES])}{more}{when}"


def _answer_at(mutation: Mutation, trace: Trace | None) -> ToolResult | None:
    at = mutation.site.step
    step = trace.steps[at] if trace and 0 <= at < len(trace.steps) else None
    return step.result if isinstance(step, ToolCall) else None


def _changes(mutation: Mutation, answer: ToolResult | None) -> list[str]:
    value: JSON = answer.value if answer else None
    told = []
    for edit in mutation.edits:
        told.append(_change(edit, value, known=answer is not None))
        if isinstance(edit, TreeEdit) and answer is not None:
            value = on_tree(value, edit)
    return told or [words(mutation.variant) or "changed"]


def _change(edit: Edit, value: JSON, known: bool) -> str:
    if isinstance(edit, Fault):
        return _fault(edit)
    if isinstance(edit, Delay):
        return f"answers {edit.seconds:g} s later"
    if isinstance(edit, Truncate):
        return f"has its answer cut after {edit.keep:.0%}"
    if isinstance(edit, Garble):
        return "has its answer's quotes and closing brackets lost"
    if isinstance(edit, Substitute):
        return ", ".join(f"{quoted(old, 40)} → {quoted(new, 40)}" for old, new in edit.pairs[:3])
    return _tree_change(edit, value, known)


def _fault(fault: Fault) -> str:
    if fault.form == "result" and not fault.flag:
        status = "" if fault.status is None else f" and status {fault.status}"
        return f"answers with an error in its body{status}"
    parts = [_KINDS.get(fault.kind, f"fails ({fault.kind})")]
    if fault.status is not None:
        parts.append(f"with status {fault.status}")
    if fault.after:
        parts.append(f"after {fault.after:g} s")
    if fault.commits:
        parts.append("although it had done its work")
    if fault.retry_after is not None:
        parts.append(f"(retry after {fault.retry_after:g} s)")
    return f"{' '.join(parts)}, {'raised' if fault.form == 'exception' else 'as an error answer'}"


def _tree_change(edit: TreeEdit, value: JSON, known: bool) -> str:
    found = places(value, edit) if known else []
    at = found[0] if found else edit.pointer
    more = f" (and {len(found) - 1} more places)" if len(found) > 1 else ""
    place = at or "whole answer"
    before = _value_at(value, at) if found else None
    if isinstance(edit, Remove):
        return f"{place} {f'{before} → ' if before else ''}removed{more}"
    if isinstance(edit, Add):
        return f"{at}{join((edit.key,))} added: {quoted(edit.value)}{more}"
    if isinstance(edit, Rename):
        return f"{place} → {parent_of(at)[0]}{join((edit.key,))}{more}"
    if isinstance(edit, Reorder):
        return f"{place} in reverse order{more}"
    if isinstance(edit, Wrap):
        return f"{place} wrapped in {{{quoted(edit.key)}: …}}{more}"
    if isinstance(edit, Flatten):
        return f"{place}: its members moved up{more}"
    after = _value_at(on_tree(value, edit), at) if found else None
    if before and after:
        return f"{place} {before} → {after}{more}"
    if isinstance(edit, Replace):
        return f"{place} → {quoted(edit.value)}"
    settings = ", ".join(f"{words(str(item))}" for key, item in as_data(edit).items() if key not in ("edit", "pointer"))
    return f"{place} written otherwise: {settings}"


def _value_at(value: JSON, pointer: str) -> str | None:
    try:
        return quoted(get(value, pointer))
    except PointerError:
        return None


# -- steps ------------------------------------------------------------------------------------------------------------


def call_line(call: ToolCall, most: int = 100) -> str:
    """A call as ``tool(name="value")``."""
    arguments = ", ".join(f"{name}={quoted(value)}" for name, value in call.arguments.items())
    return brief(f"{call.tool}({arguments})", most)


def answer_line(result: ToolResult | None, most: int = 60) -> str:
    """What a call was answered with."""
    if result is None:
        return "no answer"
    form = f"raised {result.raised}: " if result.raised else "error: " if result.error else ""
    return form + brief(result.text, most)


def answer_changes(before: ToolResult | None, after: ToolResult | None) -> list[str]:
    """What one answer has otherwise than another, leaf by leaf; nothing where either is no structure."""
    if before is None or after is None or after.raised:
        return []
    old, new = before.value, after.value
    if not isinstance(old, dict | list) or not isinstance(new, dict | list):
        return []
    was, now = dict(leaves(old)), dict(leaves(new))
    kept = [at for at in was if at in now and not _equal(was[at], now[at])]
    told = [f"{at} {quoted(was[at], 40)} → {quoted(now[at], 40)}" for at in kept]
    told += [f"{at} removed (was {quoted(value, 40)})" for at, value in was.items() if at not in now]
    return told + [f"{at} added: {quoted(value, 40)}" for at, value in now.items() if at not in was]


def _equal(one: JSON, other: JSON) -> bool:
    return type(one) is type(other) and one == other  # 1 and true are one value to Python, and not to an agent


def step_line(step: Step) -> str:
    """A step in one line: who said what, or the call with its answer."""
    if isinstance(step, ToolCall):
        return f"{call_line(step)} → {answer_line(step.result)}"
    return f"{'agent' if step.role == 'assistant' else step.role}: {quoted(step.text, 140)}"


# -- findings ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Story:
    """A finding told to somebody who has not seen it: each part is one line or several."""

    mutation: str
    right: str
    recorded: tuple[str, ...]
    replayed: tuple[str, ...]
    wrong: tuple[str, ...]
    reproduce: str


def tell(judged: Judged, trace: Trace | None, control: Attempt | None = None) -> Story:
    """The parts of the story of one attempt."""
    rows = align(trace, judged.attempt, judged.mutant, control) if trace else []
    shown = _telling(rows, judged)
    steps = trace.steps if trace else ()
    mutation = judged.mutant.first if judged.mutant else None
    return Story(
        mutation_line(judged.mutant, trace) if judged.mutant else "none (a control)",
        RIGHT.get(mutation.relation if mutation else "invariant", ""),
        tuple(f"{row.recorded:>2}  {step_line(steps[row.recorded])}" for row in shown if row.recorded is not None),
        tuple(_did(row, judged, steps) for row in shown),
        why(judged),
        reproduce_line(judged.attempt.id),
    )


def story(judged: Judged, trace: Trace | None, control: Attempt | None = None) -> tuple[str, ...]:
    """The block of a finding, at most 25 lines: mutation, what is right, recorded, replayed, wrong, reproduce."""
    told = tell(judged, trace, control)
    parts = (
        ("mutation", (told.mutation,)),
        ("right", (told.right,)),
        ("recorded", told.recorded),
        ("replayed", told.replayed),
        ("wrong", told.wrong),
        ("reproduce", (told.reproduce,)),
    )
    lines = [
        f"{label if not index else '':<10} {line}" for label, lines in parts for index, line in enumerate(lines)
    ]
    return tuple(lines[: _MOST_LINES - 1] + lines[-1:] if len(lines) > _MOST_LINES else lines)


def _telling(rows: Sequence[Row], judged: Judged) -> list[Row]:
    """The rows that tell the story: the injection, the first divergence, the step that decided, the last words."""
    finding = deciding(judged.judgement)
    injected = next((row for row in rows if row.injected), None)
    chosen = [row for row in rows if row.first or (finding and finding.step >= 0 and row.replayed == finding.step)]
    last = next((row for row in reversed(rows) if row.relation != "left_out"), None)
    wanted = [row for row in (injected, *chosen, last) if row is not None]
    return [row for row in rows if row in wanted]


def _did(row: Row, judged: Judged, recorded: Sequence[Step]) -> str:
    if row.replayed is None:
        step = recorded[row.recorded or 0]
        name = call_line(step) if isinstance(step, ToolCall) else f"the {step.role}'s message"
        return f" –  {name} was never made{'   ← first divergence' if row.first else ''}"
    marks = ("   ← injected here" if row.injected else "") + ("   ← first divergence" if row.first else "")
    return f"{row.replayed:>2}  {_told_step(row, judged.attempt.steps[row.replayed], recorded)}{marks}"


def _told_step(row: Row, step: Step, recorded: Sequence[Step]) -> str:
    """The step; where its answer was mutated, what was changed in it instead of the whole answer."""
    partner = None if row.recorded is None else recorded[row.recorded]
    if row.injected and isinstance(step, ToolCall) and isinstance(partner, ToolCall):
        changes = answer_changes(partner.result, step.result)
        if 0 < len(changes) <= _MOST_CHANGES + 1:
            return f"{call_line(step)} → {'; '.join(changes)}"
    return step_line(step)


def why(judged: Judged) -> tuple[str, ...]:
    """Why the verdict is what it is: the findings that decided first, then the other failures; at most five lines."""
    outcome = judged.judgement.outcome
    implying = [f for f in judged.judgement.findings if f.implies not in ("", "escalated")]
    ordered = [f for f in implying if f.implies == outcome] + [f for f in implying if f.implies != outcome]
    lines = list(dict.fromkeys(f.message for f in ordered))
    if judged.attempt.reason and judged.attempt.arm != "sentinel" and outcome not in ("recovered", "escalated"):
        last = [line for line in judged.attempt.reason.splitlines() if line.strip()][-1:]
        reason = [f"{words(judged.attempt.status)}: {line.strip()}" for line in last]
        decided_by_status = outcome == judged.attempt.status
        lines = [*reason, *lines] if decided_by_status else [*lines, *reason]
    hidden = len(lines) - _MOST_REASONS
    return tuple(lines[:_MOST_REASONS] + ([f"and {hidden} more"] if hidden > 0 else []))


def reproduce_line(attempt_id: str) -> str:
    """The command that runs the attempt again."""
    return f"counterfault reproduce {attempt_id[:12]}"


def controls_by_trace(judged: Iterable[Judged]) -> dict[str, Attempt]:
    """One control of each trace to compare with, one that holds where there is one."""
    found: dict[str, Judged] = {}
    for one in judged:
        known = found.get(one.attempt.trace_id)
        if one.attempt.arm == "control" and (known is None or known.judgement.outcome != "recovered"):
            found[one.attempt.trace_id] = one
    return {trace_id: one.attempt for trace_id, one in found.items()}
