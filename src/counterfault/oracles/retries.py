"""Did the agent hammer a failing tool? More identical calls answered by faults than ``[judge] max_tries``."""

from collections import Counter
from collections.abc import Iterator

from counterfault.core.case import Case
from counterfault.core.effects import call_key
from counterfault.core.outcome import Finding
from counterfault.core.trace import ToolCall


def judge(case: Case) -> Iterator[Finding]:
    """Storms of retries."""
    tries: Counter[str] = Counter()
    limit = case.ground.rules.max_tries
    for note in case.attempt.answered:
        call = case.attempt.steps[note.step]
        if note.origin != "fault" or not isinstance(call, ToolCall):
            continue
        key = call_key(call.tool, call.arguments)
        tries[key] += 1
        if tries[key] == limit + 1:
            message = f"{call.tool} was called more than {limit} times with the same arguments while it was failing"
            yield Finding("retries", "storm", message, note.step, "retry_storm", call.tool)
