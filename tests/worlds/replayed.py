"""From an attempt of Counterfault to what truth is asked: what the agent did and was given, nothing of the judge."""

from typing import Any

from counterfault.core.attempt import Attempt as Replay
from counterfault.core.edit import Replace, Substitute
from counterfault.core.mutant import Mutation
from counterfault.core.trace import Message, ToolCall, Trace

from .truth import Attempt, Call, Situation


def attempt_of(replay: Replay) -> Attempt:
    """What the agent did in a replay."""
    states, calls, said = replay.states, list[Call](), list[str]()
    for index, step in enumerate(replay.steps):
        if isinstance(step, ToolCall):
            result = step.result
            answer = None if result is None or result.raised else result.value
            fault = "unanswered" if result is None else result.raised or ""
            calls.append(Call(step.tool, step.arguments, states.get(index, ""), answer, fault))
        elif step.role == "assistant":
            said.append(step.text)
    said += [text for text in (replay.answer, replay.escalated) if isinstance(text, str) and text not in said]
    return Attempt(calls, replay.escalated is not None, said, crashed=replay.status == "crashed")


def situation_of(mutation: Mutation, trace: Trace) -> Situation:
    """What was done to the tools, with the values changed where the edits say them."""
    site = mutation.site
    changed: list[tuple[Any, Any]] = []
    for edit in mutation.edits:
        if isinstance(edit, Substitute):
            changed += edit.pairs
        elif isinstance(edit, Replace) and site.step >= 0:
            changed.append((_recorded(trace, site.step, edit.pointer), edit.value))
    return Situation(
        mutation.operator, mutation.family, mutation.relation, mutation.variant, site.tool, site.step, tuple(changed)
    )


def _recorded(trace: Trace, step: int, pointer: str) -> Any:
    place = trace.steps[step]
    value: Any = place.text if isinstance(place, Message) else place.result.value if place.result else None
    for name in pointer.split("/")[1:]:
        if isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            value = value.get(name) if isinstance(value, dict) else None
    return value
