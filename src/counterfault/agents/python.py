"""A Python callable as the agent: ``run(task)`` or ``run(task, tools)``, sync or async, or a factory of one.

The agent's own waiting is virtual: ``time.sleep`` and ``asyncio.sleep`` advance the replay clock while it runs.
"""

import asyncio
import importlib
import inspect
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from counterfault.agents._decorator import replaying
from counterfault.agents._tools import Task, Tools
from counterfault.config import AgentConfig, ToolsConfig
from counterfault.core.errors import Escalated, UsageError
from counterfault.core.jsontree import JSON
from counterfault.core.trace import Trace
from counterfault.ports import Ending, ToolHost


def load(agent: AgentConfig, tools: ToolsConfig, folder: str) -> "PythonAgent":
    """The agent that ``entry`` names. Raises UsageError with the last frame where it cannot be imported."""
    raises = {kind: resolve(entry, folder) for kind, entry in tools.raises.items()}
    handing_over = tuple(resolve(entry, folder) for entry in agent.escalates)
    return PythonAgent(resolve(agent.entry, folder), raises, handing_over, agent.escalated_status)


def resolve(entry: str, folder: str) -> Any:
    """The object that ``module:name`` names, with the project's folder first on the path. Raises UsageError."""
    module_name, colon, name = entry.partition(":")
    if not colon or not module_name or not name:
        raise UsageError(f"entry {entry!r}: expected 'module:callable', such as 'my_agent:run'")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        found: Any = importlib.import_module(module_name)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{frame.filename}:{frame.lineno}"
        raise UsageError(f"entry {entry!r} does not import: {type(error).__name__}: {error} ({where})") from None
    return found


class PythonAgent:
    """Runs the callable once per attempt."""

    def __init__(
        self,
        entry: Callable[..., Any],
        raises: dict[str, type[BaseException]],
        handing_over: tuple[type[BaseException], ...],
        escalated_status: tuple[str, ...],
    ) -> None:
        if not callable(entry):
            raise UsageError(f"entry is {entry!r}: expected a callable")
        self._entry, self._raises = entry, raises
        self._handing_over: tuple[type[BaseException], ...] = (Escalated, *handing_over)
        self._escalated_status = escalated_status

    def run(self, trace: Trace, host: ToolHost) -> Ending:
        """One attempt. What the agent raises passes through, but for the exceptions that mean handing over."""
        task, tools = Task(trace, host), Tools(trace, host, self._raises)
        with replaying(tools), _virtual_time(host):
            try:
                answer = _plain(self._start(task, tools))
            except self._handing_over as escalation:
                return Ending(None, str(escalation) or type(escalation).__name__)
        status = answer.get("status") if isinstance(answer, dict) else None
        return Ending(answer, f"status {status}" if status in self._escalated_status else None)

    def _start(self, task: Task, tools: Tools) -> Any:
        takes = _arity(self._entry)
        entry = self._entry() if takes == 0 else self._entry
        result = entry(task) if _arity(entry) == 1 else entry(task, tools)
        return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result


async def _awaited(result: Any) -> Any:
    return await result


def _arity(entry: Callable[..., Any]) -> int:
    """How many positional arguments a callable takes, two at most."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(entry).parameters.values()
    if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters):
        return 2
    return min(2, sum(parameter.kind in kinds for parameter in parameters))


def _plain(answer: Any) -> JSON:
    """The answer as JSON; an object that is none is shown by its attributes or its text."""
    if answer is None or isinstance(answer, bool | int | float | str):
        return answer
    if isinstance(answer, dict):
        return {str(key): _plain(value) for key, value in answer.items()}
    if isinstance(answer, list | tuple | set | frozenset):
        return [_plain(item) for item in answer]
    if hasattr(answer, "model_dump"):
        return _plain(answer.model_dump())
    slots = getattr(answer, "__struct_fields__", None) or getattr(answer, "__dataclass_fields__", None)
    if slots:
        return {name: _plain(getattr(answer, name)) for name in slots}
    return _plain(vars(answer)) if hasattr(answer, "__dict__") else str(answer)


@contextmanager
def _virtual_time(host: ToolHost) -> Iterator[None]:
    real_sleep, real_async_sleep = time.sleep, asyncio.sleep

    async def asleep(delay: float, result: Any = None) -> Any:
        host.sleep(delay)
        return await real_async_sleep(0, result)

    setattr(time, "sleep", host.sleep)
    setattr(asyncio, "sleep", asleep)
    try:
        yield
    finally:
        setattr(time, "sleep", real_sleep)
        setattr(asyncio, "sleep", real_async_sleep)
