"""Calling tools that may fail: bounded retries for reads, read-back before a write is repeated."""

from collections.abc import Callable
from typing import Any

from counterfault import ToolError
from counterfault.demo.records import Doubt, Json, plain, record

WAITS = (1.0, 4.0, 15.0)  # seconds between tries


def pause(error: ToolError | None, answer: Any, wait: float) -> float:
    """How long to wait before the next try: as long as the service asked for, else our own schedule."""
    said = plain(answer).get("error") if isinstance(answer, dict) else None
    asked = error.retry_after if error else said.get("retry_after") if isinstance(said, dict) else None
    return max(wait, float(asked)) if isinstance(asked, int | float) else wait


def read(tools: Any, name: str, fields: tuple[str, ...], **arguments: Any) -> Json:
    """Read a record; what fails is tried again a few times, what is forbidden is not."""
    for wait in (*WAITS, None):
        error, answer = None, None
        try:
            answer = tools.call(name, **arguments)
            return record(answer, fields)
        except ToolError as failure:
            error = failure
        except Doubt:
            pass
        if wait is None or (error and error.kind == "forbidden"):
            break
        tools.sleep(pause(error, answer, wait))
    raise Doubt(f"{name} gave no usable answer")


def write(tools: Any, name: str, landed: Callable[[], bool], **arguments: Any) -> None:
    """Make one change. It is done when reading back shows it, and repeated only when an unclear try did not land."""
    for wait in (*WAITS, None):
        error, answer = None, None
        try:
            answer = tools.call(name, **arguments)
        except ToolError as failure:
            error = failure
        try:
            if landed():
                return
        except Doubt as doubt:
            raise Doubt(f"{name} was sent, and whether it took effect could not be checked") from doubt
        clear = isinstance(answer, dict) and not answer.get("error")
        if wait is None or clear or (error and error.kind == "forbidden"):
            break
        tools.sleep(pause(error, answer, wait))
    raise Doubt(f"{name} did not take effect")
