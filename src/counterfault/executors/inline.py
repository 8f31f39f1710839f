"""Runs the attempts in this process, one after the other: for debugging, for tests, for agents that cannot be spawned.

Nothing protects this process: an agent that hangs or ends the process does so to the campaign.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from io import TextIOWrapper
from tempfile import TemporaryFile

from counterfault.core.attempt import Attempt, WorkItem
from counterfault.executors._output import read_output


class Inline:
    """See ``ports.Executor``."""

    def map(
        self, start: Callable[[str | None], Callable[[WorkItem], Attempt]], items: Iterable[WorkItem]
    ) -> Iterator[Attempt]:
        """The attempts in the order of the items; ``start`` is given no journal. Raises what it or an item raises.

        What Python code prints through ``sys.stdout`` and ``sys.stderr`` goes into the attempt's output.
        """
        with (
            TemporaryFile(buffering=0) as file,
            TextIOWrapper(file, "utf-8", "backslashreplace", write_through=True) as text,
            _restored(),
        ):
            with redirect_stdout(text), redirect_stderr(text):
                run = start(None)
            for item in items:
                file.seek(0)
                file.truncate()
                with redirect_stdout(text), redirect_stderr(text):
                    attempt = run(item)
                output = read_output(file.fileno())
                yield replace(attempt, output=output) if output else attempt


@contextmanager
def _restored() -> Iterator[None]:
    """Whatever happens inside, the streams are what they were: Ctrl-C may come in the middle of redirecting them."""
    streams = sys.stdout, sys.stderr
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams
