"""What an attempt did so far, written as it happens, so that a crash of the process cannot hide a refund.

One JSON line per step that was logged or changed; the last line of a step counts, a torn last line does not.
"""

import json
import os
from collections.abc import Callable
from typing import Any

from counterfault.core.attempt import Attempt, Status, WorkItem
from counterfault.core.records import attempt_of, step_data
from counterfault.replay.session import Session


def writer(path: str) -> Callable[[Session, int], None]:
    """An observer that appends to the journal file. Whoever begins an attempt empties the file."""
    journal = _Journal(path)

    def write(session: Session, step: int) -> None:
        line = {
            "index": step,
            "step": step_data(session.steps[step]),
            "answered": [_flat(note) for note in session.answered if note.step == step],
            "injections": [_flat(injection) for injection in session.injections if injection.step == step],
            "reached": session.reached,
            "escalated": session.escalated,
            "clock": session.clock,
            "ended": [session.status, session.over],
        }
        journal.append(json.dumps(line).encode() + b"\n")

    return write


class _Journal:
    """The file, kept open, for a step must not cost an open of a file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = self._opened()

    def _opened(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def append(self, line: bytes) -> None:
        # An agent may close what it did not open, and the number may then stand for a file of its own.
        if not self._is_open():
            self._descriptor = self._opened()
        os.write(self._descriptor, line)

    def _is_open(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._descriptor), os.stat(self._path))
        except OSError:
            return False


def _flat(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}


def read_lost(item: WorkItem, status: Status, reason: str, journal: bytes) -> Attempt:
    """The record of an attempt whose process was lost, from what its journal holds."""
    lines = [line for line in map(_line, journal.splitlines()) if line is not None]
    steps = {line["index"]: line for line in lines}
    ordered = [steps[index] for index in sorted(steps)]
    last: dict[str, Any] = lines[-1] if lines else {"reached": False, "escalated": None, "clock": 0.0}
    ended, why = last.get("ended", ("", ""))
    if why and ended != "completed":
        status, reason = ended, why  # the attempt was over before its process was
    injections = [injection for line in ordered for injection in line["injections"]]
    final: Status = status
    if item.mutant is not None and not injections and status != "harness_error":
        final = "not_delivered" if last["reached"] else "not_reached"
    return attempt_of(
        {
            "id": item.id,
            "trace_id": item.trace_id,
            "mutant_id": item.mutant.id if item.mutant else "",
            "arm": item.arm,
            "agent": item.agent,
            "replicate": item.replicate,
            "seed": item.seed,
            "status": final,
            "reason": reason,
            "steps": [line["step"] for line in ordered],
            "answered": [note for line in ordered for note in line["answered"]],
            "injections": injections,
            "reached": last["reached"],
            "escalated": last["escalated"],
            "replay_s": last["clock"],
            "unmatched": [],
            "unconsumed": [],
        }
    )


def _line(raw: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(raw)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
