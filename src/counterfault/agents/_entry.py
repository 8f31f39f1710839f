"""What ``entry`` names: importing it, and the ways in which a callable can be an agent."""

import asyncio
import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, TypeAlias

from counterfault.agents._scope import replay_mode
from counterfault.agents._time import virtual_time
from counterfault.agents._tools import Task, Tools
from counterfault.core.errors import UsageError

Start: TypeAlias = Callable[[Task, Tools], Any]

_FORMS = "expected run(task), run(task, tools), an object with such a 'run' or '__call__', or a factory of one"


def resolve(entry: str, folder: str) -> Any:
    """The object that ``module:name`` names, with the project's folder first on the path.

    No decorated tool runs while it is imported. Raises UsageError with the last frame where it does not import.
    """
    module_name, colon, name = entry.partition(":")
    if not colon or not module_name or not name:
        raise UsageError(f"entry {entry!r}: expected 'module:callable', such as 'my_agent:run'")
    first = os.path.abspath(folder)
    sys.path[:] = [first, *(path for path in sys.path if path != first)]
    try:
        with replay_mode(), virtual_time():
            found: Any = importlib.import_module(module_name)
        for part in name.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {error}{_where(error)}"
        raise UsageError(f"entry {entry!r} does not import from {first}: {said}") from None
    return found


def _where(error: BaseException) -> str:
    """The last frame of the user's code."""
    if isinstance(error, SyntaxError):
        return ""  # its text names file and line
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename != __file__ and not frame.filename.startswith(("<frozen", importlib.__file__ or "<frozen"))
    ]
    return f" ({frames[-1].filename}:{frames[-1].lineno}, in {frames[-1].name})" if frames else ""


def exception_type(entry: str, folder: str, where: str) -> type[BaseException]:
    """The exception type that ``entry`` names in the setting ``where``. Raises UsageError."""
    found = resolve(entry, folder)
    if not (isinstance(found, type) and issubclass(found, BaseException)):
        raise UsageError(f"{where}: {entry!r} is {found!r}: expected an exception type")
    return found


def starter(entry: Any, name: str) -> Start:
    """What starts one attempt of the agent. Raises UsageError where the entry can be no agent."""
    agent = _callable(entry, name)
    if not _is_factory(agent, name):
        return _given(agent, name)

    def made(task: Task, tools: Tools) -> Any:
        where = f"what {name} made"
        return _given(_callable(agent(), where), where)(task, tools)

    return made


def finished(result: Any) -> Any:
    """What the agent returned; what it left to be awaited runs in an event loop of its own."""
    if inspect.isgenerator(result) or inspect.isasyncgen(result):
        raise TypeError(f"the agent returned {result!r}: expected an answer, not a generator")
    return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result


async def _awaited(result: Any) -> Any:
    return await result


def _callable(entry: Any, name: str) -> Callable[..., Any]:
    if callable(entry):
        return entry  # type: ignore[no-any-return]
    run = getattr(entry, "run", None)
    if not callable(run):
        raise UsageError(f"{name} is {entry!r}: {_FORMS}")
    return run  # type: ignore[no-any-return]


def _is_factory(agent: Callable[..., Any], name: str) -> bool:
    signature = _signature(agent, name)
    return _takes(signature) and "task" not in signature.parameters and not _is_variadic(signature)


def _given(agent: Callable[..., Any], name: str) -> Start:
    """``agent`` as a function of task and tools."""
    signature = _signature(agent, name)
    if _takes(signature, task=None, tools=None) and "tools" in signature.parameters:
        return lambda task, tools: agent(task=task, tools=tools)
    if _takes(signature, None, tools=None) and "tools" in signature.parameters:
        return lambda task, tools: agent(task, tools=tools)
    if _takes(signature, None, None) and (_is_variadic(signature) or not _takes(signature, None)):
        return lambda task, tools: agent(task, tools)
    if _takes(signature, None):
        return lambda task, _: agent(task)
    raise UsageError(f"{name} is {agent!r}, which takes {signature}: {_FORMS}")


def _signature(agent: Callable[..., Any], name: str) -> inspect.Signature:
    try:
        return inspect.signature(agent)
    except ValueError:
        raise UsageError(f"{name} is {agent!r}, whose parameters cannot be seen: {_FORMS}") from None


def _takes(signature: inspect.Signature, *args: None, **kwargs: None) -> bool:
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        return False
    return True


def _is_variadic(signature: inspect.Signature) -> bool:
    return any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in signature.parameters.values())
