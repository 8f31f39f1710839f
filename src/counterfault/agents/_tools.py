"""What a Python agent is given: its task and its tools (SEMANTICS 1)."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from counterfault.agents._plain import plain
from counterfault.core.attempt import Answer
from counterfault.core.errors import AttemptEnded, ToolError, ToolTimeout, ToolUnavailable
from counterfault.core.jsontree import JSON
from counterfault.core.rendering import parse
from counterfault.core.trace import Message, Role, Step, Trace
from counterfault.ports import ToolHost

MESSAGES = {
    "timeout": "the tool did not answer in time",
    "rate_limited": "too many requests",
    "unavailable": "the connection was reset",
    "error": "the call failed",
    "malformed": "the answer could not be parsed",
    "forbidden": "this operation is not permitted",
}
_TYPES: Mapping[str, type[ToolError]] = {"timeout": ToolTimeout, "unavailable": ToolUnavailable}


class Latch:
    """The host of one attempt, for one call at a time, that stays shut once the attempt is over.

    As a context manager it closes the attempt: an end that the agent swallowed is raised there once more, in the place
    of what the agent returned or raised after it.
    """

    def __init__(self, host: ToolHost) -> None:
        self._host = host
        self._one_at_a_time = threading.RLock()
        self._ended: AttemptEnded | None = None

    @property
    def steps(self) -> tuple[Step, ...]:
        """The run so far, as the agent saw it."""
        return self._host.steps

    def call(self, tool: str, arguments: Mapping[str, JSON], turn: int | None = None) -> Answer:
        """The answer to a call. Raises AttemptEnded."""
        with self._turn() as host:
            return host.call(tool, arguments, turn)

    def hand_over(self, answer: Answer, text: str | None = None, raised: str | None = None) -> None:
        """Report what the agent was really given."""
        with self._turn() as host:
            host.hand_over(answer, text, raised)

    def say(self, text: str) -> str:
        """The user's next turn. Raises ConversationOver."""
        with self._turn() as host:
            return host.say(text)

    def note(self, role: Role, text: str) -> None:
        """Log a text of the agent that waits for no reply."""
        with self._turn() as host:
            host.note(role, text)

    def sleep(self, seconds: float) -> None:
        """Advance the replay clock. Raises AttemptEnded."""
        with self._turn() as host:
            host.sleep(seconds)

    @contextmanager
    def _turn(self) -> Iterator[ToolHost]:
        with self._one_at_a_time:
            if self._ended is not None:
                raise AttemptEnded(str(self._ended))
            try:
                yield self._host
            except AttemptEnded as ended:
                self._ended = ended
                raise

    def __enter__(self) -> "Latch":
        return self

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _frames: TracebackType | None
    ) -> None:
        with self._one_at_a_time:
            ended = self._ended
            self._ended = ended or AttemptEnded("the attempt is over")
        if ended is not None and error is not ended and not isinstance(error, KeyboardInterrupt | GeneratorExit):
            raise ended


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
        return self._host.say(str(text))

    async def asay(self, text: str) -> str:
        """``say`` for async agents."""
        await asyncio.sleep(0)
        return self.say(text)


class Tools:
    """The agent's tools: ``tools.call("get_order", order_id="7")`` or ``tools.get_order(order_id="7")``.

    A tool that is named as one of the methods here is reached by ``call``.
    """

    def __init__(self, trace: Trace, host: ToolHost, raises: Mapping[str, type[BaseException]]) -> None:
        self._trace, self._host, self._raises = trace, host, raises
        self._last = threading.local()

    @property
    def raw(self) -> str:
        """This thread's last answer as it was written."""
        return getattr(self._last, "text", "")

    def call(self, name: str, /, **arguments: Any) -> Any:
        """Call a tool by name. Gives the parsed answer: JSON, else a Python literal, else the text.

        Raises ToolError (ToolTimeout, ToolUnavailable), or what ``[tools.raises]`` maps its kind to.
        """
        if not isinstance(name, str):
            raise TypeError(f"the name of a tool is a text, not {name!r}")
        answer = self._host.call(name, {key: plain(value) for key, value in arguments.items()})
        if answer.raises is not None:
            error = self._error(name, answer)
            self._host.hand_over(answer, raised=answer.raises)
            raise error
        self._last.text = answer.text
        self._host.hand_over(answer, answer.text)
        return parse(answer.text)

    async def acall(self, name: str, /, **arguments: Any) -> Any:
        """``call`` for async agents."""
        await asyncio.sleep(0)
        return self.call(name, **arguments)

    def sleep(self, seconds: float) -> None:
        """Wait on the replay clock."""
        self._host.sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        """``sleep`` for async agents."""
        self._host.sleep(seconds)
        await asyncio.sleep(0)

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

    def arguments_of(self, name: str) -> frozenset[str]:
        """The names of the arguments that recorded calls of a tool give."""
        return frozenset(key for _, call in self._trace.calls() if call.tool == name for key in call.arguments)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)

        def called(*positional: Any, **arguments: Any) -> Any:
            if positional:
                raise TypeError(f"tools.{name}() takes its arguments by name, found {len(positional)} without")
            return self.call(name, **arguments)

        return called

    def _error(self, name: str, answer: Answer) -> BaseException:
        kind = answer.raises or "error"
        recorded = "" if answer.pending else answer.text
        message = f"{name}: {recorded or MESSAGES.get(kind, 'the call failed')}"
        declared = self._raises.get(kind)
        if declared is None:
            known = _TYPES.get(kind, ToolError)
            return known(message, kind=kind, status=answer.status, retry_after=answer.retry_after)
        try:
            return declared(message)
        except TypeError:  # it wants more than a message; nobody but the real client could give that
            error = declared.__new__(declared, message)
            error.args = (message,)
            return error
