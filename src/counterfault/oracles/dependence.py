"""Can a pass mean anything here? Where nothing that was done hangs on the site, nobody can tell.

No accepted effect or fact depends on the site · a lost answer that nothing needed (a decision that copied no value
cannot be seen) · a corrupted value that only may decide, and no later read that confirmed it.
"""

from collections.abc import Iterator

from counterfault.core.case import Case
from counterfault.core.outcome import Finding


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
    if case.relation == "detect" and case.is_undecided:
        message = "the changed value only may decide, and no later read confirmed it"
        yield Finding("dependence", "may_decide", message, -1, "unknown")


def _needed(case: Case) -> bool:
    assert case.impact is not None
    needing = case.impact.needing
    if any(effect.step in needing for accepted in case.ground.accepted for effect in accepted.effects):
        return True
    return any(fact.steps <= needing for fact in case.ground.facts)
