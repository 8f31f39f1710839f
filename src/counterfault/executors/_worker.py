"""The driver's side of one worker process: its socket, its files, what it was given, and its end."""

import os
import pickle
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from counterfault.core.attempt import Attempt, WorkItem
from counterfault.executors._output import read_output
from counterfault.executors._serve import Job, ending, frame, take_frames
from counterfault.executors._warden import MARK, end_group, end_marked

_REAPED_S = 5.0


class Worker:
    """A spawned process that runs the items of ``queue`` in order; ``began`` is when it began the first of them.

    ``closed`` says that nothing more can come from it. All times are seconds of the monotonic clock.
    """

    def __init__(
        self, start: Callable[[str | None], Callable[[WorkItem], Attempt]], name: Path, mark: str, fresh: bool
    ) -> None:
        """Spawn it. ``name`` is the path that its files begin with, ``mark`` what all its descendants carry."""
        self.queue: deque[WorkItem] = deque()
        self.began: float | None = None
        self.born = time.monotonic()
        self.ready = self.closed = False
        self._mark = mark
        self._inbox, self._outbox = bytearray(), bytearray()
        self._journal, self._output = name.with_suffix(".journal"), name.with_suffix(".output")
        job = pickle.dumps(Job(start, str(self._journal), str(self._output), fresh))
        self._journal.touch(0o600)
        self.socket, theirs = socket.socketpair()
        self.socket.setblocking(False)
        with theirs, open(self._output, "ab") as output:
            self.process = _spawned(theirs.fileno(), output.fileno(), mark)
        self._send(job)

    def give(self, item: WorkItem) -> None:
        """Put an item behind those it has."""
        self._send(pickle.dumps(item, pickle.HIGHEST_PROTOCOL))
        self.queue.append(item)

    def _send(self, payload: bytes) -> None:
        self._outbox += frame(0, payload)
        self.flush()

    def flush(self) -> bool:
        """Send what it can take now; True where something is left to send."""
        # A dead worker's end is seen where it is read.
        with suppress(BlockingIOError, ConnectionError):
            while self._outbox:
                del self._outbox[: self.socket.send(self._outbox)]
        return bool(self._outbox)

    def receive(self) -> list[tuple[int, bytes]]:
        """The whole messages that have come since."""
        while not self.closed:
            try:
                received = self.socket.recv(1 << 18)
            except BlockingIOError:
                break
            except ConnectionError:
                received = b""
            self._inbox += received
            self.closed = not received
        return list(take_frames(self._inbox))

    def end(self) -> str:
        """Kill it and all that it started; gives what had ended it, in words."""
        end_group(self.process.pid)
        end_marked(self._mark)
        with suppress(subprocess.TimeoutExpired):
            return ending(self.process.wait(_REAPED_S))
        return "no end"

    def printed(self) -> int:
        """How many bytes of output its file holds."""
        return self._output.stat().st_size

    def left(self) -> tuple[bytes, str]:
        """Its journal, and what it printed: of the item that ran last."""
        with open(self._output, "rb") as output:
            return self._journal.read_bytes(), read_output(output.fileno())


def _spawned(wire: int, output: int, mark: str) -> "subprocess.Popen[bytes]":
    # Not multiprocessing: it imports the user's main module again, and leaves a tracker process behind.
    path = [entry for entry in sys.path if isinstance(entry, str)]
    code = f"import sys; sys.path[:] = {path!r}; from counterfault.executors._serve import serve; serve({wire})"
    return subprocess.Popen(
        [sys.executable, "-u", "-c", code],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        pass_fds=(wire,),
        start_new_session=True,
        # Where we run inside a worker ourselves, that one's mark must stay on ours.
        env={**os.environ, MARK: os.environ.get(MARK, "") + mark},
    )
