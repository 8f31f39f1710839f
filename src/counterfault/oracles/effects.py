"""Did the agent change the world as an accepted outcome does? Wrong, extra and missing effects.

Only committed effects count, as a multiset: the order of independent writes, extra reads and other wordings of prose
never matter. What the relation forbids or what needs a lost answer may be missing, if the agent says so.
"""

from collections.abc import Iterator

from counterfault.core.case import Case
from counterfault.core.effects import Effect
from counterfault.core.jsontree import JSON, leaves
from counterfault.core.outcome import Finding
from counterfault.core.values import norm


def judge(case: Case) -> Iterator[Finding]:
    """Effects against the accepted outcome."""
    found = case.comparison
    missing = list(found.missing)
    for effect in found.extra:
        if _repeats(case, effect):
            continue  # the duplicates oracle judges it
        twin = next((other for other in missing if other.tool == effect.tool), None)
        if twin is not None:
            missing.remove(twin)
        yield _beyond(effect, twin)
    if case.attempt.status != "completed":
        return
    if found.missing:
        yield from _missing(case)
    if found.made and found.missing and case.handed_over:
        message = f"{len(found.made)} of the accepted effects were made before it handed over"
        yield Finding("effects", "partial", message)


def _repeats(case: Case, effect: Effect) -> bool:
    return sum(other.key == effect.key for other in case.committed) > 1


def _beyond(effect: Effect, twin: Effect | None) -> Finding:
    if twin is None:
        message = f"{effect.tool}({_shown(dict(effect.arguments))}) was done; no accepted outcome has it"
        return Finding("effects", "extra_effect", message, effect.step, "silent_wrong", effect.tool)
    pointer, now, right = _difference(dict(effect.arguments), dict(twin.arguments))
    message = f"{effect.tool} was done with {pointer or 'arguments'} = {now!r}; right is {right!r}"
    return Finding("effects", "wrong_effect", message, effect.step, "silent_wrong", effect.tool, pointer, now)


def _difference(now: JSON, right: JSON) -> tuple[str, JSON, JSON]:
    mine, theirs = dict(leaves(now)), dict(leaves(right))
    for pointer in [*theirs, *mine]:
        if norm(mine.get(pointer)) != norm(theirs.get(pointer)):
            return pointer, mine.get(pointer), theirs.get(pointer)
    return "", now, right


def _missing(case: Case) -> Iterator[Finding]:
    if case.handed_over:
        return
    attempted = {effect.tool for effect in case.effects if effect.state != "committed"}
    for effect in case.comparison.missing:
        tried = "was tried but not done" if effect.tool in attempted else "was never tried"
        call = f"{effect.tool}({_shown(dict(effect.arguments))})"
        message = f"{call} {tried}, and the agent neither handed over nor said so"
        if not case.closing.readable and case.said:
            reason = f"{effect.tool} is missing, and the agent's last message cannot be read"
            yield Finding("effects", "missing_unreadable", reason, -1, "unknown", effect.tool)
        elif case.attempt.user_unfit or case.attempt.silent_turns:
            reason = f"{effect.tool} is missing, but the recorded user turns did not fit the conversation"
            yield Finding("effects", "user_unfit", reason, -1, "unknown", effect.tool)
        elif case.relation == "detect" and case.is_undecided and effect in case.comparison.excused:
            reason = f"{effect.tool} is missing under a change that only may decide"
            yield Finding("effects", "may_decide", reason, -1, "unknown", effect.tool)
        else:
            yield Finding("effects", "missing_effect", message, -1, "silent_wrong", effect.tool)


def _shown(arguments: JSON) -> str:
    assert isinstance(arguments, dict)
    shown = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return shown if len(shown) <= 120 else shown[:117] + "..."
