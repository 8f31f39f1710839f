"""Does the answer state what the recorded answer stated and the controls repeat?

Facts are the identifiers, amounts, dates and numbers of the recorded answer that trace to tool results. Where a run
writes nothing, the answer is the outcome.
"""

from collections.abc import Iterator

from counterfault.core.case import Case
from counterfault.core.outcome import Finding


def judge(case: Case) -> Iterator[Finding]:
    """Facts that the agent neither stated nor, where the mutation took them away, said that it could not."""
    if case.attempt.status != "completed" or case.handed_over:
        return
    for fact in case.missing_facts:
        message = f"the answer does not state {fact.written!r}, which the recorded answer took from a tool result"
        if not case.closing.readable and case.said:
            yield Finding("facts", "missing_unreadable", message, -1, "unknown", value=fact.form)
        elif case.attempt.user_unfit or case.attempt.silent_turns:
            yield Finding("facts", "user_unfit", message, -1, "unknown", value=fact.form)
        elif case.relation == "detect" and case.is_lost(fact) and case.is_undecided:
            yield Finding("facts", "may_decide", message, -1, "unknown", value=fact.form)
        else:
            yield Finding("facts", "missing_fact", message, -1, "silent_wrong", value=fact.form)
