"""Did the agent hammer a failing tool? More identical calls answered by faults than ``[judge] max_tries``.

An answer that was handed over cut off, garbled or empty is a fault as well: no error says so, but asking on and on
for the same broken answer is the same storm. What the recording itself asked more often is no storm.
"""

from collections import Counter
from collections.abc import Iterator

from counterfault.core.case import Case
from counterfault.core.effects import call_key
from counterfault.core.outcome import Finding
from counterfault.core.trace import ToolCall


def judge(case: Case) -> Iterator[Finding]:
    """Storms of retries."""
    tries: Counter[str] = Counter()
    recorded = Counter(call_key(call.tool, call.arguments) for _, call in case.ground.scan.calls)
    spoilt = _spoilt(case)
    for note in case.attempt.answered:
        call = case.attempt.steps[note.step]
        if not isinstance(call, ToolCall) or (note.origin != "fault" and note.step not in spoilt):
            continue
        key = call_key(call.tool, call.arguments)
        limit = max(case.ground.rules.max_tries, recorded[key])
        tries[key] += 1
        if tries[key] == limit + 1:
            message = f"{call.tool} was called more than {limit} times with the same arguments while it was failing"
            yield Finding("retries", "storm", message, note.step, "retry_storm", call.tool)


def _spoilt(case: Case) -> set[int]:
    """The steps at which a fault that is no error was handed over."""
    mutations = case.mutant.mutations if case.mutant else ()
    faults = {
        index
        for index, mutation in enumerate(mutations)
        if mutation.family == "fault" and mutation.relation != "invariant"
    }
    return {injection.step for injection in case.attempt.injections if injection.mutation in faults}
