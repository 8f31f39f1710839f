"""Did the agent hand over to a human, and was that what the recording did?"""

from collections.abc import Iterator

from counterfault.core.case import Case
from counterfault.core.outcome import Finding


def judge(case: Case) -> Iterator[Finding]:
    """Handing over, and not handing over where the accepted outcome does."""
    if case.attempt.status != "completed":
        return
    if case.handed_over:
        if not (case.accepted_escalates and not case.comparison.missing):
            how = case.attempt.escalated or ("in words" if case.closing.escalates else "it said what was not done")
            yield Finding("escalation", "handed_over", f"the agent handed over: {how}", -1, "escalated")
        return
    if case.accepted_escalates and not case.comparison.missing:
        if case.ground.always_escalates:
            message = "every recording of this task hands over to a human; the agent did not"
            yield Finding("escalation", "not_handed_over", message, -1, "silent_wrong")
        else:
            message = "the recording hands over to a human and the agent did not; good runs of one task differ in this"
            yield Finding("escalation", "not_handed_over", message, -1, "unknown")
