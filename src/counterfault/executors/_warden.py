"""Ends what workers leave behind: also run as a process of its own, which outlives a killed driver for that long.

It waits at a pipe that only the driver holds open. When the driver closes it, or dies however it dies, the warden kills
the workers and all their descendants, and removes the folder of their journals. It imports nothing of ours: it must
start at once, and work when little else does.
"""

import contextlib
import os
import signal
import sys
import time

MARK = "COUNTERFAULT_WORKER"

_ROUNDS = 200


def end_group(group: int) -> None:
    """Kill a process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def end_marked(mark: str) -> None:
    """Kill every process that has ``mark`` in the environment it was started with (Linux; elsewhere none is found).

    A descendant that left the group and the session of its worker still carries the mark. What it forks meanwhile is
    found in the next round.
    """
    for _ in range(_ROUNDS):
        found = _marked(mark.encode())
        if not found:
            return
        for process in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.002)


def _marked(mark: bytes) -> list[int]:
    found = []
    try:
        names = os.listdir("/proc")
    except OSError:
        return []
    for name in names:
        if name.isdecimal() and int(name) != os.getpid():
            with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:
                if mark in file.read():
                    found.append(int(name))
    return found


def clear(folder: str) -> None:
    """Remove a folder of plain files."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            os.unlink(entry.path)
        os.rmdir(folder)


def watch(descriptor: int, mark: str, folder: str) -> None:
    """Wait for the driver's end, then clear up. The driver says ``+group`` and ``-group`` as workers come and go."""
    groups: set[int] = set()
    rest = b""
    while chunk := os.read(descriptor, 4096):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            group = int(line)
            groups = groups | {group} if group > 0 else groups - {-group}
    for group in groups:
        end_group(group)
    end_marked(mark)
    clear(folder)


if __name__ == "__main__":
    watch(int(sys.argv[1]), sys.argv[2], sys.argv[3])
