"""Agents of a small shop: each refunds the order that its task names. They are imported by name, as a user's are."""

import os
import re
import resource
import signal
import threading
from collections.abc import Callable
from typing import Any

USUAL = {"order_id", "status", "total", "note"}
SEEN: list[str] = []


def _refunded(task: Any, tools: Any, after: Callable[[], None] | None = None) -> str:
    order_id = re.findall(r"O-\d+", task.input)[0]
    order = tools.get_order(order_id=order_id)
    amount = order.get("total", 40.5)
    done = tools.refund(order_id=order_id, amount=amount)
    if after and set(order) != USUAL:
        after()
    return f"Refunded {amount} EUR on {order_id}, number {done['refund_id']}."


def plain(task: Any, tools: Any) -> str:
    """Trusts what it is told, and raises what its tools raise."""
    return _refunded(task, tools)


def idle(task: Any, tools: Any) -> str:
    """Does nothing, and says that it did."""
    return f"Refunded {re.findall(r'O-[0-9]+', task.input)[0]}."


def remembering(task: Any, tools: Any) -> str:
    """Keeps what it has done in its module, and after some time does it no more."""
    SEEN.append(task.input)
    return _refunded(task, tools) if len(SEEN) <= 12 else "It was refunded before."


def counting(task: Any, tools: Any) -> str:
    """Keeps what it has done in its module, and each second time says something else of a second order."""
    SEEN.append(task.input)
    return _refunded(task, tools) if SEEN.count(task.input) % 2 else "Nothing was done."


def talkative(task: Any, tools: Any) -> str:
    """Prints."""
    print("refunding")
    return _refunded(task, tools)


def _stumble() -> None:
    raise KeyError("gone")


def _hang() -> None:
    threading.Event().wait()  # time.sleep would only move the replay clock


def _grow() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
    _ = bytearray(8 << 30)


def crashing(task: Any, tools: Any) -> str:
    """Raises after the refund, where the order is not as usual."""
    return _refunded(task, tools, _stumble)


def hanging(task: Any, tools: Any) -> str:
    """Waits for ever after the refund, where the order is not as usual."""
    return _refunded(task, tools, _hang)


def exiting(task: Any, tools: Any) -> str:
    """Ends its process after the refund, where the order is not as usual."""
    return _refunded(task, tools, lambda: os._exit(7))


def killed(task: Any, tools: Any) -> str:
    """Is killed after the refund, as by the kernel when memory is short, where the order is not as usual."""
    return _refunded(task, tools, lambda: os.kill(os.getpid(), signal.SIGKILL))


def hungry(task: Any, tools: Any) -> str:
    """Takes more memory than there is after the refund, where the order is not as usual."""
    return _refunded(task, tools, _grow)
