"""``@counterfault.tool``: an existing function as a tool, in production, while recording, and in replay."""

from collections.abc import Iterator
from contextlib import contextmanager

from counterfault.agents._tools import Tools

_current: list[Tools] = []


@contextmanager
def replaying(tools: Tools) -> Iterator[None]:
    """Answer decorated calls from ``tools``, in every thread of this process, until the block ends."""
    _current.append(tools)
    try:
        yield
    finally:
        _current.pop()
