"""The worker's side of ``process``: it makes its function once, then runs the items from the socket, one at a time.

Each answer goes out before the next item begins, so that what was finished is never lost with the worker.
"""

import os
import pickle
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from counterfault.core.attempt import Attempt, WorkItem
from counterfault.core.errors import UsageError
from counterfault.executors._output import read_output

# The kinds of frames that a worker sends. FAILED: it could not start. LOST: an item ended without an attempt.
READY, STARTED, RESULT, LOST, FAILED = range(5)

_HEAD = struct.Struct("!BQ")
_SECONDS = struct.Struct("!d")


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker needs: how to make its function, and the files of its journal and its output."""

    start: Callable[[str | None], Callable[[WorkItem], Attempt]]
    journal: str
    output: str
    fresh: bool


def frame(kind: int, payload: bytes = b"") -> bytes:
    """One message on the socket."""
    return _HEAD.pack(kind, len(payload)) + payload


def take_frames(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """The whole messages at the front of ``buffer``, each taken out as it is given."""
    while len(buffer) >= _HEAD.size:
        kind, length = _HEAD.unpack_from(buffer)
        if kind > FAILED:
            length = 0  # not ours: told as it is, for the driver to see
        end = _HEAD.size + length
        if len(buffer) < end:
            return
        payload = bytes(buffer[_HEAD.size : end])
        del buffer[:end]
        yield kind, payload


def read_result(payload: bytes) -> tuple[float, Attempt]:
    """How long an item took, in seconds, and its attempt."""
    attempt: Attempt = pickle.loads(payload[_SECONDS.size :])
    return _SECONDS.unpack_from(payload)[0], attempt


def serve(descriptor: int) -> None:
    """Work until the driver closes the socket."""
    os.set_inheritable(descriptor, False)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    with socket.socket(fileno=descriptor) as wire:
        inbox = _Inbox(wire)
        try:
            job: Job = pickle.loads(inbox.wait() or b"")
            run = job.start(job.journal)
        except BaseException as error:
            traceback.print_exc()
            wire.sendall(frame(FAILED, _portable(error)))
            return
        wire.sendall(frame(READY))
        _Worker(job, run, wire).work(inbox)


class _Inbox:
    """The items that came through the socket."""

    def __init__(self, wire: socket.socket) -> None:
        self._wire, self._buffer = wire, bytearray()

    def ready(self) -> bytes | None:
        """The next item, if it is here already."""
        return next((payload for _, payload in take_frames(self._buffer)), None)

    def wait(self) -> bytes | None:
        """The next item; None when the driver has closed."""
        while (payload := self.ready()) is None:
            received = self._wire.recv(1 << 18)
            if not received:
                return None
            self._buffer += received
        return payload


class _Worker:
    def __init__(self, job: Job, run: Callable[[WorkItem], Attempt], wire: socket.socket) -> None:
        self._job, self._run, self._wire = job, run, wire
        self._journal = os.open(job.journal, os.O_RDWR)
        self._output = os.open(job.output, os.O_RDWR)

    def work(self, inbox: _Inbox) -> None:
        """Run each item; an answer waits for nothing but the next item that is here already."""
        answer = b""
        while True:
            item = inbox.ready()
            if item is None:
                if answer:
                    self._wire.sendall(answer)
                answer = b""
                item = inbox.wait()
            if item is None:
                return
            self._wire.sendall(answer + frame(STARTED))
            os.ftruncate(self._journal, 0)
            os.ftruncate(self._output, 0)
            answer = self._forked(item) if self._job.fresh else self._answer(item)
            if not self._job.fresh and answer[0] == LOST:
                # What let an item raise out of its function is not known: this worker is not to be trusted further.
                self._wire.sendall(answer)
                return

    def _answer(self, item: bytes) -> bytes:
        me = os.getpid()
        began = time.perf_counter()
        try:
            attempt = self._run(pickle.loads(item))
            seconds = time.perf_counter() - began
            output = self._printed()
            if output:
                attempt = replace(attempt, output=output)
            answer = frame(RESULT, _SECONDS.pack(seconds) + pickle.dumps(attempt, pickle.HIGHEST_PROTOCOL))
        except BaseException as error:
            with suppress(Exception):
                traceback.print_exc()
            answer = self._lost(f"{type(error).__name__}: {error}")
        if os.getpid() != me:
            os._exit(0)  # a child that the agent forked, and let run out of its code, is not the worker
        return answer

    def _forked(self, item: bytes) -> bytes:
        """Run the item in a child. The answer comes in a file: a child that dies leaves none, or none that is whole."""
        path = self._job.output + ".answer"
        child = os.fork()
        if not child:
            try:
                with open(path, "wb") as file:
                    file.write(self._answer(item))
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        with suppress(FileNotFoundError), open(path, "rb") as file:
            whole = bytearray(file.read())
            os.unlink(path)
            for kind, payload in take_frames(whole):
                return frame(kind, payload)
        return self._lost(ending(os.waitstatus_to_exitcode(status)))

    def _lost(self, reason: str) -> bytes:
        journal = os.pread(self._journal, os.fstat(self._journal).st_size, 0)
        return frame(LOST, pickle.dumps((reason[:2000], journal, self._printed())))

    def _printed(self) -> str:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        return read_output(self._output)


def ending(code: int) -> str:
    """What ended a process, in words."""
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _portable(error: BaseException) -> bytes:
    """The exception, pickled; told as a UsageError where it would end the driver, as a RuntimeError where it must."""
    if not isinstance(error, Exception):
        told = UsageError(f"the agent ended its process while it was loaded: {type(error).__name__}: {error}")
        return pickle.dumps(told)
    with suppress(Exception):
        payload = pickle.dumps(error)
        same: Any = pickle.loads(payload)
        if type(same) is type(error) and str(same) == str(error):
            return payload
    return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
