"""Can a pass mean anything here? Where nothing that was done hangs on the site, nobody can tell.

No accepted effect or fact depends on the site · a lost answer that nothing needed, or that was lost once, from which
nothing is copied, and which was not asked for again (a decision that copied no value cannot be seen) · a corrupted
value that only may decide, and no later read that confirmed it.
"""

from collections.abc import Iterator

from counterfault.core.case import Case
from counterfault.core.effects import call_key
from counterfault.core.outcome import Finding
from counterfault.core.trace import ToolCall


def judge(case: Case) -> Iterator[Finding]:
    """Why a pass would say nothing."""
    if case.mutation is None or case.impact is None or case.attempt.status != "completed":
        return
    if not case.depends:
        yield Finding("dependence", "nothing_depends", "no accepted effect or fact depends on the site", -1, "unknown")
        return
    made_all = not case.comparison.missing and not case.missing_facts
    if not made_all or case.handed_over:
        return
    if case.relation == "persistent" and not _needed(case):
        if case.is_decisive:
            message = "the agent acted without the answer that decides"
            yield Finding("dependence", "acted_blindly", message, -1, "silent_wrong", case.mutation.site.tool)
        else:
            message = "nothing needed the lost answer; whether it should have decided cannot be seen"
            yield Finding("dependence", "not_needed", message, -1, "unknown")
    if case.relation == "transient" and not case.is_copied and not _asked_again(case):
        message = "the lost answer was not asked for again; whether it should have decided cannot be seen"
        yield Finding("dependence", "not_asked_again", message, -1, "unknown")
    if case.relation == "detect" and not case.is_decisive and (case.is_undecided or not case.is_copied):
        message = "the changed value only may decide, and no later read confirmed it"
        yield Finding("dependence", "may_decide", message, -1, "unknown")


def _needed(case: Case) -> bool:
    assert case.impact is not None
    needing = case.impact.needing
    if any(effect.step in needing for accepted in case.ground.accepted for effect in accepted.effects):
        return True
    return any(fact.steps <= needing for fact in case.ground.facts)


def _asked_again(case: Case) -> bool:
    """Whether a call that the mutation hit was made once more and answered."""
    spoiled = {injection.step for injection in case.attempt.injections}
    calls = [(step, call) for step, call in enumerate(case.attempt.steps) if isinstance(call, ToolCall)]
    hit = {call_key(call.tool, call.arguments) for step, call in calls if step in spoiled}
    return any(
        call_key(call.tool, call.arguments) in hit and call.result is not None and not call.result.raised
        for step, call in calls
        if step > case.delivered_at and step not in spoiled
    )
