"""The bounding agent that repeats the recording's decisions with the recorded arguments, whatever the tools answer."""

from collections.abc import Mapping

from counterfault.config import AgentConfig, ToolsConfig
from counterfault.core.jsontree import JSON
from counterfault.core.trace import Message, ToolCall, Trace
from counterfault.ports import Ending, ToolHost


def load(_agent: AgentConfig, _tools: ToolsConfig, _folder: str) -> "Recorded":
    """The agent; it needs nothing from the config."""
    return Recorded()


class Recorded:
    """Walks the recording: every call, every message, in order."""

    def run(self, trace: Trace, host: ToolHost) -> Ending:
        """Repeat the run; its last message is the answer."""
        return retrace(trace, host, Verbatim())


class Verbatim:
    """Says and asks what was recorded."""

    def arguments(self, _step: int, call: ToolCall) -> Mapping[str, JSON]:
        """The arguments to send."""
        return call.arguments

    def text(self, _step: int, message: Message) -> str:
        """The text to say."""
        return message.text

    def saw(self, recorded: int, live: int) -> None:
        """A step of the recording was repeated as step ``live``."""


def retrace(trace: Trace, host: ToolHost, voice: Verbatim) -> Ending:
    """Repeat a recording step by step in a voice of its own. Both bounding agents consume user turns where recorded."""
    started = False
    spoken = ""
    for index, step in enumerate(trace.steps):
        if isinstance(step, ToolCall):
            started = True
            if step.result is None:
                continue
            answer = host.call(step.tool, dict(voice.arguments(index, step)), turn=step.turn)
            host.hand_over(answer, raised=answer.raises)
            voice.saw(index, answer.step)
        elif step.role == "assistant":
            started = True
            spoken = voice.text(index, step)
            if _waits(trace, index):
                host.say(spoken)
            elif any(True for _ in _rest(trace, index)):
                host.note("assistant", spoken)
            else:
                return Ending(spoken)
        elif not started:
            voice.saw(index, index)
        elif step.role == "user":
            if not _answers(trace, index):
                host.say("")  # the user went on by itself
            voice.saw(index, len(host.steps) - 1)
    return Ending(None)


def _waits(trace: Trace, index: int) -> bool:
    """Whether the user answers the message at this step."""
    following = trace.steps[index + 1] if index + 1 < len(trace.steps) else None
    return isinstance(following, Message) and following.role == "user"


def _answers(trace: Trace, index: int) -> bool:
    """Whether the user turn at this step answers a message of the agent."""
    before = trace.steps[index - 1]
    return isinstance(before, Message) and before.role == "assistant"


def _rest(trace: Trace, index: int) -> list[int]:
    return [
        later
        for later, step in enumerate(trace.steps[index + 1 :], index + 1)
        if isinstance(step, ToolCall) or step.role != "system"
    ]
