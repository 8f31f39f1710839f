"""``@counterfault.tool``: an existing function as a tool, in production, while recording, and in replay.

Production calls through. Inside ``counterfault.record`` it calls through and is recorded. In a replay the function
never runs: the attempt's recording answers.
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, overload

from counterfault.agents._plain import plain
from counterfault.agents._scope import (
    Answers,
    Records,
    attempt_for,
    current_run,
    enter_replay,
    in_replay,
    recording,
    replay_mode,
    replaying,
)
from counterfault.core.errors import UsageError
from counterfault.core.jsontree import JSON

__all__ = ["enter_replay", "in_replay", "replay_mode", "replaying", "tool"]

F = TypeVar("F", bound=Callable[..., Any])


@overload
def tool(function: F, /) -> F: ...


@overload
def tool(*, name: str) -> Callable[[F], F]: ...


def tool(function: Any = None, /, *, name: str = "") -> Any:
    """Declare a function or method a tool, under its own name or ``name``. Sync stays sync, async stays async.

    Raises UsageError for a generator or a class.
    """
    if function is None:
        return functools.partial(_declared, name=name)
    return _declared(function, name=name)


def _declared(function: Any, *, name: str) -> Any:
    if isinstance(function, staticmethod | classmethod):
        return type(function)(_declared(function.__func__, name=name))
    if isinstance(function, type) or not callable(function):
        raise UsageError(f"@counterfault.tool on {function!r}: expected a function or method")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise UsageError(f"@counterfault.tool on {function!r}: a generator cannot be replayed; return a list")
    if not (name or hasattr(function, "__name__")):
        raise UsageError(f"@counterfault.tool on {function!r}: it has no name of its own; use tool(name=...)")
    declared = _Declared(function, name or function.__name__)
    return _async(declared) if inspect.iscoroutinefunction(function) else _sync(declared)


def _sync(declared: "_Declared") -> Callable[..., Any]:
    function = declared.function

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        attempt = attempt_for(declared.name)
        if attempt is not None:
            return declared.replayed(attempt, args, kwargs)
        run = current_run()
        if run is None:
            return function(*args, **kwargs)
        with declared.recorded(run, args, kwargs) as result:
            result.append(function(*args, **kwargs))
        return result[0]

    return called


def _async(declared: "_Declared") -> Callable[..., Any]:
    function = declared.function

    @functools.wraps(function)
    async def called(*args: Any, **kwargs: Any) -> Any:
        attempt = attempt_for(declared.name)
        if attempt is not None:
            return declared.replayed(attempt, args, kwargs)
        run = current_run()
        if run is None:
            return await function(*args, **kwargs)
        with declared.recorded(run, args, kwargs) as result:
            result.append(await function(*args, **kwargs))
        return result[0]

    return called


class _Declared:
    """A function that was declared a tool."""

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self.function, self.name = function, name
        self._signature = inspect.signature(function)

    @functools.cached_property
    def rebuild(self) -> Callable[[str], Any]:
        """What makes the return value from an answer. Raises UsageError where the annotation does not allow it."""
        from counterfault.agents._rebuild import rebuilder

        return rebuilder(self.function)

    def replayed(self, attempt: Answers, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The attempt's answer, as the function would return it. The function does not run."""
        rebuild = self.rebuild
        arguments = self.arguments(args, kwargs)
        if recorded := attempt.arguments_of(self.name):
            # A recording of other origin does not spell out the defaults.
            given = self._signature.bind(*args, **kwargs).arguments
            defaulted = self._signature.parameters.keys() - given.keys() - recorded
            arguments = {name: value for name, value in arguments.items() if name not in defaulted}
        attempt.call(self.name, **arguments)
        return rebuild(attempt.raw)

    @contextmanager
    def recorded(self, run: Records, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[list[Any]]:
        """Record the call that the block makes; the block appends its result. Calls inside it are a part of it."""
        rebuild = self.rebuild
        call = run.asked(self.name, self.arguments(args, kwargs))
        result: list[Any] = []
        try:
            with recording(None):
                yield result
        except Exception as error:
            run.failed(call, error)
            raise
        run.answered(call, result[0], rebuild)

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, JSON]:
        """The arguments by name, defaults included, ``self`` left out. Raises TypeError as the call would."""
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        named: dict[str, Any] = {}
        for parameter in list(self._signature.parameters.values())[self._of_a_class :]:
            value = bound.arguments[parameter.name]
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                named |= value
            elif parameter.kind is not inspect.Parameter.VAR_POSITIONAL or value:
                named[parameter.name] = value
        return {name: plain(value) for name, value in named.items()}

    @functools.cached_property
    def _of_a_class(self) -> bool:
        """Whether the first parameter is the object or class that the function is called on."""
        inner = str(getattr(self.function, "__qualname__", "")).rpartition("<locals>.")[2]
        return "." in inner and next(iter(self._signature.parameters), "") in ("self", "cls")
