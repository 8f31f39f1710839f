"""Calling tools that may fail: bounded retries, read-back before a write is repeated, approvals that are checked."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from counterfault import Escalated, ToolError
from counterfault.demo.records import Doubt, Json, check, day, money, plain, record, yes

WAITS = (1.0, 4.0, 15.0)  # seconds between tries


def pause(error: ToolError | None, answer: Any, wait: float) -> float:
    """How long to wait before the next try: as long as the service asked for, else our own schedule."""
    said = plain(answer).get("error") if isinstance(answer, dict) else None
    asked = error.retry_after if error else said.get("retry_after") if isinstance(said, dict) else None
    return max(wait, float(asked)) if isinstance(asked, int | float) else wait


def may_clear(error: ToolError | None, answer: Any) -> bool:
    """Whether a write that did not land may be sent again: it was lost or put off, rather than done or refused."""
    if error is not None:
        return error.kind in ("timeout", "unavailable", "rate_limited", "malformed") or (error.status or 0) >= 500
    said = answer.get("error") if isinstance(answer, dict) else "unreadable"
    return bool(said) and re.search("timeout|unavail|rate|overload|internal|unreadable", str(said)) is not None


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


def write(tools: Any, name: str, landed: Callable[[Json], bool], **arguments: Any) -> None:
    """Make one change. It is done when reading back shows it, and repeated only when an unclear try did not land."""
    for wait in (*WAITS, None):
        error, answer = None, None
        try:
            answer = tools.call(name, **arguments)
        except ToolError as failure:
            error = failure
        try:
            if landed(plain(answer) if isinstance(answer, dict) else {}):
                return
        except Doubt as doubt:
            raise Doubt(f"{name} was sent, and whether it took effect could not be checked") from doubt
        if wait is None or not may_clear(error, answer):
            break
        tools.sleep(pause(error, answer, wait))
    raise Doubt(f"{name} did not take effect")


def approve(tools: Any, order_id: str, amount: Decimal, today: Any) -> str:
    """Ask for the approval of one refund; only the token of a granted one for this very refund will do."""
    subject = {"order_id": order_id, "amount": float(amount)}
    for wait in (*WAITS, None):
        answer = read(tools, "request_approval", ("approved",), **subject, reason="refund by policy")
        if wait is None or str(answer.get("status")).lower() != "pending":
            break
        tools.sleep(30 + wait)
    check(yes(answer["approved"]) and str(answer.get("status")).lower() == "approved", "the refund was not approved")
    check(answer.get("order_id") == order_id, "the approval is for another order")
    check(money(answer.get("amount")) == amount, "the approval is for another amount")
    check(str(answer.get("used")).lower() in ("false", "no"), "the approval has been used")
    check(day(answer.get("expires_at")) >= day(today), "the approval has expired")
    check(isinstance(answer.get("token"), str) and len(answer["token"]) > 4, "the approval has no token")
    return str(answer["token"])


def hand_over(tools: Any, ticket_id: str, said: list[str], reason: str) -> str:
    """Give the ticket to a person; where even that fails, say so loudly."""
    for wait in (*WAITS, None):
        try:
            answer = tools.call("escalate", ticket_id=ticket_id, reason=reason)
            if isinstance(answer, dict) and not answer.get("error"):
                break
        except ToolError:
            pass
        if wait is None:
            raise Escalated(reason)
        tools.sleep(wait)
    return " ".join([*said, f"I handed {ticket_id} over to a colleague; it is not finished: {reason}."])
