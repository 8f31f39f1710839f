"""What a Python agent is given: its task and its tools (SEMANTICS 1)."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from counterfault.core.attempt import Answer
from counterfault.core.errors import ToolError, ToolTimeout, ToolUnavailable
from counterfault.core.jsontree import JSON
from counterfault.core.rendering import parse
from counterfault.core.trace import Message, Trace
from counterfault.ports import ToolHost

_MESSAGES = {
    "timeout": "the tool did not answer in time",
    "rate_limited": "too many requests",
    "unavailable": "the connection was reset",
    "malformed": "the answer could not be parsed",
    "forbidden": "this operation is not permitted",
}
_TYPES: Mapping[str, type[ToolError]] = {"timeout": ToolTimeout, "unavailable": ToolUnavailable}


class Task:
    """One task of the agent.

    ``input`` is the content of the first user message, ``messages`` are those before the agent's first, in OpenAI's
    shape, ``trace_id`` names the recording.
    """

    def __init__(self, trace: Trace, host: ToolHost) -> None:
        opening = [step for step in host.steps if isinstance(step, Message)]
        self.trace_id = trace.id
        self.messages = [{"role": step.role, "content": step.text} for step in opening]
        self.input = next((step.text for step in opening if step.role == "user"), "")
        self._host = host

    def say(self, text: str) -> str:
        """Send a message to the user; the user's next turn comes back. Raises ConversationOver where none is left."""
        return self._host.say(text)

    async def asay(self, text: str) -> str:
        """``say`` for async agents."""
        return self._host.say(text)


class Tools:
    """The agent's tools. ``call`` returns the parsed answer, or raises ToolError; ``raw`` is the last rendering."""

    def __init__(self, trace: Trace, host: ToolHost, raises: Mapping[str, type[BaseException]]) -> None:
        self.raw = ""
        self._trace, self._host, self._raises = trace, host, raises
        self._one_at_a_time = threading.RLock()

    def call(self, name: str, /, **arguments: JSON) -> Any:
        """Call a tool by name. Raises ToolError (ToolTimeout, ToolUnavailable) in the exception form of a fault."""
        with self._one_at_a_time:
            answer = self._host.call(name, arguments)
            if answer.raises is not None:
                error = self._error(name, answer)
                self._host.hand_over(answer, raised=answer.raises)
                raise error
            self.raw = answer.text
            self._host.hand_over(answer, self.raw)
            return parse(answer.text)

    async def acall(self, name: str, /, **arguments: JSON) -> Any:
        """``call`` for async agents."""
        return self.call(name, **arguments)

    def sleep(self, seconds: float) -> None:
        """Wait on the replay clock."""
        self._host.sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        """``sleep`` for async agents."""
        self._host.sleep(seconds)

    def schemas(self) -> list[dict[str, JSON]]:
        """Name, description, input and output schema of every tool as known; ``origin`` says from where."""
        known: list[dict[str, JSON]] = [
            {
                "name": schema.name,
                "description": schema.description,
                "input": schema.input,
                "output": schema.output,
                "origin": schema.origin,
            }
            for schema in self._trace.tools
        ]
        named = {schema.name for schema in self._trace.tools}
        unnamed = sorted({call.tool for _, call in self._trace.calls()} - named)
        return known + [
            {"name": tool, "description": "", "input": None, "output": None, "origin": "inferred"} for tool in unnamed
        ]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda **arguments: self.call(name, **arguments)

    def _error(self, name: str, answer: Answer) -> BaseException:
        kind = answer.raises or "error"
        message = f"{name}: {_MESSAGES.get(kind, 'the call failed')}"
        declared = self._raises.get(kind)
        if declared is not None:
            return declared(message)
        known = _TYPES.get(kind, ToolError)
        return known(message, kind=kind, status=answer.status, retry_after=answer.retry_after)
