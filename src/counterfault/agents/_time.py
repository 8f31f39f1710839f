"""Virtual waiting: inside an attempt ``time.sleep`` and ``asyncio.sleep`` advance the replay clock instead of waiting.

They are exchanged by name while an agent is imported and while an attempt runs. A thread that does not belong to an
attempt really sleeps. ``time.time``, ``time.monotonic`` and timeouts of other calls stay real.
"""

import asyncio
import functools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from counterfault.agents._scope import inherited_attempt

_FREE = 1000
_PAUSE_S = 0.05
_sleep, _async_sleep = time.sleep, asyncio.sleep


class _Exchange:
    """How many blocks need the exchange, what stood there before, and the sleeps since the last block began."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.blocks = 0
        self.slept = 0
        self.before: tuple[Any, Any] = (_sleep, _async_sleep)


_exchange = _Exchange()


def _pause(seconds: float) -> float:
    """How long a sleep really takes. A loop that polls in the background must not run the replay clock out while the
    agent really waits, for its model say: so an attempt's sleeps cost no time until there are very many."""
    _exchange.slept += 1
    return min(seconds, _PAUSE_S) if _exchange.slept > _FREE else 0.0


@functools.wraps(_sleep)
def _virtual_sleep(seconds: float, /) -> None:
    attempt = inherited_attempt()
    if attempt is None or not seconds > 0:
        _sleep(seconds)
        return
    attempt.sleep(seconds)
    _sleep(_pause(seconds))


@functools.wraps(_async_sleep)
async def _virtual_async_sleep(delay: float, result: Any = None) -> Any:
    attempt = inherited_attempt()
    if attempt is None or not delay > 0:
        return await _async_sleep(delay, result)
    attempt.sleep(delay)
    return await _async_sleep(_pause(delay), result)


@contextmanager
def virtual_time() -> Iterator[None]:
    """Exchange the two functions until the block ends."""
    with _exchange.lock:
        _exchange.slept = 0
        _exchange.blocks += 1
        if _exchange.blocks == 1:
            _exchange.before = time.sleep, asyncio.sleep
            _put(_virtual_sleep, _virtual_async_sleep)
    try:
        yield
    finally:
        with _exchange.lock:
            _exchange.blocks -= 1
            if not _exchange.blocks:
                _put(*_exchange.before)


def _put(sleep: Any, async_sleep: Any) -> None:
    setattr(time, "sleep", sleep)
    setattr(asyncio, "sleep", async_sleep)
