"""A Python callable as the agent: ``run(task)`` or ``run(task, tools)``, sync or async, an object with such a method,
or a factory of one that is called for each attempt.

The agent's own waiting is virtual: ``time.sleep`` and ``asyncio.sleep`` advance the replay clock while it runs.
"""

from collections.abc import Mapping
from typing import Any

from counterfault.agents._entry import exception_type, finished, resolve, starter
from counterfault.agents._plain import attributes, plain
from counterfault.agents._scope import replaying
from counterfault.agents._time import virtual_time
from counterfault.agents._tools import MESSAGES, Latch, Task, Tools
from counterfault.config import AgentConfig, ToolsConfig
from counterfault.core.errors import Escalated, UsageError
from counterfault.core.trace import Trace
from counterfault.ports import Ending, ToolHost

__all__ = ["PythonAgent", "load", "resolve"]


def load(agent: AgentConfig, tools: ToolsConfig, folder: str) -> "PythonAgent":
    """The agent that ``entry`` names. Raises UsageError with the last frame where it cannot be imported."""
    for kind in tools.raises:
        if kind not in MESSAGES:
            raise UsageError(f"[tools.raises] {kind!r}: expected a kind of ToolError: {', '.join(MESSAGES)}")
    raises = {kind: exception_type(entry, folder, f"[tools.raises] {kind}") for kind, entry in tools.raises.items()}
    handing_over = tuple(exception_type(entry, folder, "[agent] escalates") for entry in agent.escalates)
    return PythonAgent(resolve(agent.entry, folder), raises, handing_over, agent.escalated_status, agent.entry)


class PythonAgent:
    """Runs the callable once per attempt."""

    def __init__(
        self,
        entry: Any,
        raises: Mapping[str, type[BaseException]],
        handing_over: tuple[type[BaseException], ...],
        escalated_status: tuple[str, ...],
        name: str = "entry",
    ) -> None:
        self._start = starter(entry, f"entry {name!r}" if name != "entry" else name)
        self._raises = raises
        self._handing_over: tuple[type[BaseException], ...] = (Escalated, *handing_over)
        self._escalated_status = escalated_status

    def run(self, trace: Trace, host: ToolHost) -> Ending:
        """One attempt. What the agent raises passes through, but for the exceptions that mean handing over."""
        with Latch(host) as latch:
            task, tools = Task(trace, latch), Tools(trace, latch, self._raises)
            with virtual_time(), replaying(tools):
                try:
                    answer = finished(self._start(task, tools))
                except self._handing_over as escalation:
                    return _handed_over(escalation)
                except BaseExceptionGroup as group:  # a task group of asyncio wraps what its tasks raise
                    escalations = group.subgroup(self._handing_over)
                    if escalations is None:
                        raise
                    return _handed_over(_first(escalations))
                status = _status(answer)
                reason = f"status {status}" if status in self._escalated_status else None
                return Ending(plain(answer, attributes), reason)


def _handed_over(escalation: BaseException) -> Ending:
    return Ending(None, str(escalation) or type(escalation).__name__)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _status(answer: Any) -> Any:
    return plain(answer.get("status") if isinstance(answer, Mapping) else getattr(answer, "status", None))
