"""Which attempt or recorded run a call belongs to, in whatever thread it is made, and whether real tools may run here.

An attempt or run is carried by a context variable, which tasks of asyncio inherit by themselves. From the first one on,
threads and the tasks of thread pools inherit it too.
"""

import functools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from counterfault.core.errors import UsageError
from counterfault.core.jsontree import JSON

REPLAY = "COUNTERFAULT_REPLAY"
"""The environment variable that says "replay" to the processes which an agent starts."""


class Answers(Protocol):
    """What answers decorated calls in a replay: the Tools of an attempt."""

    @property
    def raw(self) -> str:
        """The rendering of this thread's last answer."""

    def call(self, name: str, /, **arguments: JSON) -> Any:
        """Answer a call."""

    def arguments_of(self, name: str) -> frozenset[str]:
        """The names of the arguments that recorded calls of a tool give."""

    def sleep(self, seconds: float) -> None:
        """Advance the replay clock."""


class Records(Protocol):
    """What records decorated calls in production: a run."""

    @property
    def is_open(self) -> bool:
        """Whether it still records."""

    def asked(self, name: str, arguments: dict[str, JSON]) -> int:
        """A call begins; gives its number."""

    def answered(self, call: int, value: Any, rebuild: Callable[[str], Any]) -> None:
        """It has returned."""

    def failed(self, call: int, error: Exception) -> None:
        """It has raised."""


_attempt: ContextVar[Answers | None] = ContextVar("counterfault_attempt", default=None)
_run: ContextVar[Records | None] = ContextVar("counterfault_run", default=None)
_lock = threading.Lock()
_running: list[Answers] = []
_replays: list[str] = [REPLAY] if REPLAY in os.environ else []


def enter_replay() -> None:
    """From now on no decorated function runs in this process, or in one that it starts, for good.

    A worker calls this before it imports the agent.
    """
    with _lock:
        _replays.append(REPLAY)
        os.environ[REPLAY] = "1"


@contextmanager
def replay_mode() -> Iterator[None]:
    """``enter_replay`` for the length of a block."""
    enter_replay()
    try:
        yield
    finally:
        with _lock:
            _replays.pop()
            if not _replays:
                os.environ.pop(REPLAY, None)


def in_replay() -> bool:
    """Whether real tools may not run here."""
    return bool(_replays)


@contextmanager
def replaying(tools: Answers) -> Iterator[None]:
    """Answer decorated calls from ``tools``, in every thread of this process, until the block ends."""
    _follow_threads()
    outer = _attempt.get()
    with replay_mode():
        _running.append(tools)
        _attempt.set(tools)
        try:
            yield
        finally:
            _attempt.set(outer)
            _running.remove(tools)


@contextmanager
def recording(run: Records | None) -> Iterator[None]:
    """Record decorated calls into ``run``; with None they belong to the call around them and are not recorded."""
    if run is not None:
        _follow_threads()
    outer = _run.get()
    _run.set(run)
    try:
        yield
    finally:
        _run.set(outer)


def inherited_attempt() -> Answers | None:
    """The attempt that this thread or task was started in."""
    return _attempt.get()


def attempt_for(name: str) -> Answers | None:
    """The attempt that a call of the tool ``name`` belongs to, None outside a replay.

    A thread that inherited none (it is older than the attempt) gets the one that runs. Raises UsageError in a replay
    where no attempt can be found: the real function must not run.
    """
    inherited = _attempt.get()
    if inherited is not None or not _replays:
        return inherited
    running = tuple(_running)
    if len(running) == 1:
        return running[0]
    raise UsageError(
        f"tool {name!r} was called in replay mode by a thread with no attempt ({len(running)} are running): the real "
        "function does not run here. Call it from the agent's entry, not while a module is imported or after the end"
    )


def current_run() -> Records | None:
    """The run that this thread or task is recorded into; a thread may have outlived its run."""
    run = _run.get()
    return run if run is not None and run.is_open else None


def _inside(attempt: Answers | None, run: Records | None, body: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    outer = _attempt.get(), _run.get()
    _attempt.set(attempt)
    _run.set(run)
    try:
        return body(*args, **kwargs)
    finally:
        _attempt.set(outer[0])
        _run.set(outer[1])


@functools.cache
def _follow_threads() -> None:
    """Let threads and pool tasks inherit. It is never undone: others may have patched on top of it meanwhile."""
    start: Callable[..., Any] = threading.Thread.start
    submit: Callable[..., Any] = ThreadPoolExecutor.submit

    @functools.wraps(start)
    def started(thread: threading.Thread) -> None:
        scope = _attempt.get(), _run.get()
        if scope != (None, None):
            setattr(thread, "run", functools.partial(_inside, *scope, thread.run))
        start(thread)

    @functools.wraps(submit)
    def submitted(pool: ThreadPoolExecutor, body: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        # Set for each task, even to None: the pool's thread may have inherited another one.
        return submit(pool, functools.partial(_inside, _attempt.get(), _run.get(), body), *args, **kwargs)

    setattr(threading.Thread, "start", started)
    setattr(ThreadPoolExecutor, "submit", submitted)
