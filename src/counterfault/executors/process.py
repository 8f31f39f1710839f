"""Runs the attempts in spawned worker processes, so that no agent can hang, end or litter the campaign.

An attempt ends with an answer, or its worker is killed with all that it started and replaced; what it was given and had
not begun goes to another. Nothing survives the driver, not even a killed one: a warden process sees to that.
"""

import os
import pickle
import secrets
import selectors
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from counterfault.core.attempt import Attempt, Status, WorkItem
from counterfault.core.errors import UsageError
from counterfault.executors import _warden
from counterfault.executors._serve import FAILED, LOST, READY, RESULT, STARTED, read_result
from counterfault.executors._worker import Worker

_Start = Callable[[str | None], Callable[[WorkItem], Attempt]]
_Lost = Callable[[WorkItem, Status, str, bytes], Attempt]

_TICK_S = 0.2
_START_S = 60.0
# A worker has as many short items in hand as last this long: enough to hide the way to us and back, and little enough
# that at the end of a campaign no worker sits on what an idle one could do.
_AHEAD_S = 0.02
_MOST_AHEAD = 32
_STILLBORN = 3
_MOST_PRINTED = 1 << 30


@dataclass(frozen=True, slots=True)
class Processes:
    """See ``ports.Executor``.

    ``timeout_s`` is wall time for one attempt. ``lost(item, status, reason, journal)`` makes the attempt of an item
    that gave none: *timed_out*, or *crashed* with a reason such as "exit code 3" or "signal 9"; ``journal`` is what
    the worker's function had written into the file whose path ``start`` was given. With ``fresh`` a worker forks a
    child for each item, which has the state that ``start`` left.
    """

    workers: int
    timeout_s: float
    lost: _Lost
    fresh: bool = False

    def map(self, start: _Start, items: Iterable[WorkItem]) -> Iterator[Attempt]:
        """The attempts in the order in which they end. Raises what ``start`` raises in a worker.

        What an item prints is in the output of its attempt. When the iterator ends or is closed, so have all workers.
        """
        crew = _Crew(self, start, iter(items))
        try:
            yield from crew.attempts()
        finally:
            crew.close()


class _Crew:
    """The workers of one ``map``."""

    def __init__(self, settings: Processes, start: _Start, source: Iterator[WorkItem]) -> None:
        self._settings, self._start, self._source = settings, start, source
        self._returned: deque[WorkItem] = deque()
        self._workers: list[Worker] = []
        self._spawned = self._stillborn = 0
        self._slowest = float("inf")
        self._selector = selectors.DefaultSelector()
        self._mark = f"{secrets.token_hex(8)}:"
        self._folder = tempfile.mkdtemp(prefix="counterfault-")
        watched, self._lifeline = os.pipe()
        command = [sys.executable, "-I", "-S", _warden.__file__, str(watched), self._mark, self._folder]
        quiet = subprocess.DEVNULL
        self._warden = subprocess.Popen(
            command, stdin=quiet, stdout=quiet, stderr=quiet, pass_fds=(watched,), start_new_session=True
        )
        os.close(watched)

    def attempts(self) -> Iterator[Attempt]:
        """The attempts of all items."""
        self._staff()
        while any(worker.queue for worker in self._workers):
            done = self._turn()
            self._staff()  # before the caller takes its time over what is done
            yield from done

    # -- work goes out ----------------------------------------------------------------------------------------------

    def _staff(self) -> None:
        """Give each worker an item, spawn the workers still missing, then give out what is short enough to wait."""
        for worker in self._workers:
            self._fill(worker, 1)
        while len(self._workers) < self._settings.workers and (item := self._next()):
            self._spawn().give(item)
        ahead = min(_MOST_AHEAD, int(_AHEAD_S / max(self._slowest, 1e-6)))
        for worker in self._workers:
            self._fill(worker, 1 + ahead)
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.flush() else 0)
            if self._selector.get_key(worker.socket).events != wanted:
                self._selector.modify(worker.socket, wanted, worker)

    def _fill(self, worker: Worker, number: int) -> None:
        while len(worker.queue) < number and (item := self._next()):
            worker.give(item)

    def _next(self) -> WorkItem | None:
        return self._returned.popleft() if self._returned else next(self._source, None)

    def _spawn(self) -> Worker:
        self._spawned += 1
        name = Path(self._folder, str(self._spawned))
        worker = Worker(self._start, name, f"{self._mark}{self._spawned};", self._settings.fresh)
        self._workers.append(worker)
        self._selector.register(worker.socket, selectors.EVENT_READ, worker)
        self._tell_warden(worker.process.pid)
        return worker

    def _tell_warden(self, group: int) -> None:
        with suppress(BrokenPipeError):
            os.write(self._lifeline, f"{group}\n".encode())

    # -- answers come in --------------------------------------------------------------------------------------------

    def _turn(self) -> list[Attempt]:
        """Wait for something to happen, and see to it."""
        done: list[Attempt] = []
        for key, _ in self._selector.select(self._patience()):
            done += self._heard(key.data)
        for worker in tuple(self._workers):
            if worker.closed or worker.process.poll() is not None:
                done += self._buried(worker, "crashed")
            elif worker.printed() > _MOST_PRINTED:
                done += self._buried(worker, "crashed", f"printed more than {_MOST_PRINTED >> 20} MiB")
            elif self._is_late(worker):
                # It may have answered while we were away: only silence counts.
                done += self._heard(worker)
                if self._is_late(worker):
                    self._slowest = self._settings.timeout_s
                    done += self._buried(worker, "timed_out", f"no answer within {self._settings.timeout_s:g} s")
        return done

    def _patience(self) -> float:
        ends = [worker.began + self._settings.timeout_s for worker in self._workers if worker.began is not None]
        return max(0.0, min([_TICK_S, *(end - time.monotonic() for end in ends)]))

    def _is_late(self, worker: Worker) -> bool:
        now = time.monotonic()
        limit = max(_START_S, self._settings.timeout_s)
        if not worker.ready and now - worker.born > limit:
            raise UsageError(f"the agent did not load within {limit:g} s; its import must not wait for anything")
        return worker.began is not None and now - worker.began > self._settings.timeout_s

    def _heard(self, worker: Worker) -> list[Attempt]:
        done = []
        for kind, payload in worker.receive():
            if kind == FAILED:
                raise pickle.loads(payload)
            if kind == READY:
                worker.ready = True
            elif kind == STARTED:
                worker.began, self._stillborn = time.monotonic(), 0
            elif kind in (RESULT, LOST) and worker.began is not None:
                worker.began = None
                done.append(self._answered(worker.queue.popleft(), kind, payload))
            else:
                worker.closed = True  # not the worker's words: the agent wrote on its socket
        return done

    def _answered(self, item: WorkItem, kind: int, payload: bytes) -> Attempt:
        try:
            if kind == RESULT:
                seconds, attempt = read_result(payload)
                # One slow item is a reason to keep little in hand for a while.
                self._slowest = max(seconds, 0.9 * self._slowest if self._slowest < float("inf") else 0.0)
                return attempt
            reason, journal, output = pickle.loads(payload)
        except Exception as error:
            reason, journal, output = f"its answer cannot be read: {error!r}", b"", ""
        return self._lost(item, "crashed", reason, (journal, output))

    def _lost(self, item: WorkItem, status: Status, reason: str, left: tuple[bytes, str]) -> Attempt:
        journal, output = left
        attempt = self._settings.lost(item, status, reason, journal)
        return replace(attempt, output=output) if output else attempt

    def _buried(self, worker: Worker, status: Literal["crashed", "timed_out"], reason: str = "") -> list[Attempt]:
        """End a worker; its item in hand is lost, unless its last words say otherwise, and the rest is returned."""
        ended = worker.end()
        reason = reason or ended
        done = self._heard(worker)
        self._dismiss(worker)
        left = worker.left()
        if not worker.ready:
            raise UsageError(f"a worker ended while it loaded the agent ({reason}): {left[1][-2000:].strip() or '-'}")
        if worker.began is None and worker.queue:
            self._stillborn += 1
        if worker.queue and (worker.began is not None or self._stillborn >= _STILLBORN):
            done.append(self._lost(worker.queue.popleft(), status, reason, left))
        self._returned.extendleft(reversed(worker.queue))
        return done

    def _dismiss(self, worker: Worker) -> None:
        self._workers.remove(worker)
        self._selector.unregister(worker.socket)
        worker.socket.close()
        self._tell_warden(-worker.process.pid)

    def close(self) -> None:
        """End all workers, and all that they started."""
        for worker in self._workers:
            _warden.end_group(worker.process.pid)
        os.close(self._lifeline)
        try:
            swept = self._warden.wait(10) == 0
        except subprocess.TimeoutExpired:
            self._warden.kill()
            self._warden.wait()
            swept = False
        if not swept:
            _warden.end_marked(self._mark)
            _warden.clear(self._folder)
        for worker in self._workers:
            with suppress(subprocess.TimeoutExpired):
                worker.process.wait(5)
            worker.socket.close()
        self._selector.close()
