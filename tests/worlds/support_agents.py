"""Ten agents that work the support desk: two good ones and eight with one planted defect each (``conduct.py``)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

from counterfault import Escalated

from .conduct import CONDUCTS, Approval, Conduct, Decision, Doubt, Json, Run, same

KINDS = ("full_refund", "goods_refund", "item_refund", "delivery_question")
STATUSES = ("processing", "shipped", "delivered", "cancelled", "lost", "refunded")
TICKET = ("ticket_id", "status", "customer", "requests", "body")
ORDER = ("order_id", "customer_id", "status", "items", "total", "shipping", "delivered_at", "refunds", "currency")
APPROVAL = Approval("request_approval", "token", "status", "approved", "used", "expires_at", "approval_id")
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Case:
    """What a ticket is about: its requests and text, the customer and the policy."""

    body: str
    requests: list[Json]
    customer: Json
    policy: Json


def open_case(run: Run, ticket_id: str) -> Case:
    """Read ticket, customer and policy, and compare what the ticket says of the customer."""
    ticket = run.ask("get_ticket", TICKET, ticket_id=ticket_id)
    run.check(run.need(ticket, "ticket_id", str) == ticket_id, "another ticket was answered", "ticket_id")
    known = ticket.get("customer") if isinstance(ticket.get("customer"), dict) else {}
    customer_id = run.need(known or {}, "customer_id", str)
    customer = run.ask("get_customer", ("customer_id", "tier", "flags", "orders"), customer_id=customer_id)
    for key in ("customer_id", "name", "tier"):
        run.check(same(run.need(customer, key, str), run.need(known or {}, key, str)), "the customers differ", key)
    requests = run.need(ticket, "requests", list)
    run.check(bool(requests) and all(isinstance(row, dict) for row in requests), "nothing is asked for", "requests")
    policy = run.ask("get_refund_policy", ("today", "window_days", "max_refund", "summary"))
    return Case(run.need(ticket, "body", str), [row for row in requests if isinstance(row, dict)], customer, policy)


def read_order(run: Run, order_id: str) -> Json:
    """An order; its items, total, status, dates and refunds should agree."""
    order = run.ask("get_order", ORDER, order_id=order_id)
    run.check(run.need(order, "order_id", str) == order_id, "another order was answered", "order_id")
    total, paid_back, status = run.need(order, "total", Decimal), refunded(run, order), status_of(run, order)
    goods = Decimal(0)
    for line in run.need(order, "items", list):
        goods += run.need(line, "unit_price", Decimal) * run.need(line, "quantity", Decimal)
    parts = ("total", "items", "shipping", "unit_price", "quantity")
    shipping = run.need(order, "shipping", Decimal)
    run.check(shipping >= 0 and goods + shipping == total, "the order does not add up", *parts)
    about = ("status", "refunds", "amount", "total")
    run.check((status == "refunded") == (paid_back == total), "status and refunds disagree", *about)
    run.check(same(order.get("currency"), "EUR"), "the order is not in euros", "currency")
    return order


def status_of(run: Run, order: Json) -> str:
    """An order's status, which should fit its delivery date."""
    status = run.word(order, "status", STATUSES)
    arrived = "delivered_at" in order and order["delivered_at"] is not None
    expected = status == "refunded" or arrived == (status == "delivered")
    run.check(expected, "status and delivery date disagree", "status", "delivered_at")
    return status


def refunded(run: Run, order: Json) -> Decimal:
    """What was paid back on an order so far."""
    return sum((run.need(row, "amount", Decimal) for row in run.need(order, "refunds", list)), Decimal(0))


def find_order(run: Run, request: Json, case: Case) -> Json:
    """The order of a request, and what customer, list and request say of it."""
    customer_id = run.need(case.customer, "customer_id", str)
    listed = run.need(run.ask("list_orders", ("orders",), customer_id=customer_id), "orders", list)
    key = "order_id" if request.get("order_id") else "placed_at"
    wanted = run.need(request, key, str)
    rows = [row for row in listed if isinstance(row, dict) and row.get(key) == wanted]
    run.check(len(rows) == 1, "the order is not one of the customer's, or there are several", key, "orders")
    order = read_order(run, run.need(rows[0] if rows else request, "order_id", str))
    run.check(run.need(order, "customer_id", str) == customer_id, "it is another customer's order", "customer_id")
    mine = run.need(case.customer, "orders", list)
    run.check(order.get("order_id") in mine, "the customer does not have this order", "orders", "order_id")
    row = rows[0] if rows else order
    paid, total = run.need(request, "amount_paid", Decimal), run.need(order, "total", Decimal)
    run.check(paid == total == run.need(row, "total", Decimal), "the totals disagree", "amount_paid", "total")
    run.check(same(run.need(row, "status", str), order["status"]) if "status" in order else True, "statuses disagree")
    run.check(
        str(row.get("delivered_at"))[:10] == str(order.get("delivered_at"))[:10], "dates disagree", "delivered_at"
    )
    run.check(f"{total:.2f}" in case.body, "the text names another amount", "total", "body")
    run.check(key == "placed_at" or wanted in case.body, "the text names another order", "order_id", "body")
    return order


def amount_for(run: Run, kind: str, request: Json, order: Json, case: Case) -> Decimal:
    """What the customer gets back, in euros."""
    total = run.need(order, "total", Decimal)
    if kind == "goods_refund":
        return total - run.need(order, "shipping", Decimal)
    if kind == "full_refund":
        return total - refunded(run, order)
    sku, quantity = run.need(request, "sku", str), run.need(request, "quantity", Decimal)
    run.check(f"{quantity:.0f} x {sku} " in case.body, "the text asks for something else", "sku", "quantity", "body")
    lines = [line for line in run.need(order, "items", list) if line.get("sku") == sku]
    line = lines[0] if lines else {}
    bought = run.need(line, "quantity", Decimal)
    run.check(len(lines) == 1 and 1 <= quantity <= bought, "that was not bought", "sku", "quantity", "items")
    return (run.need(line, "unit_price", Decimal) * quantity).quantize(CENT)


def may_refund(run: Run, order: Json, case: Case) -> bool:
    """Whether the policy lets the order be refunded today."""
    status, tier = status_of(run, order), run.word(case.customer, "tier", ("standard", "plus"))
    windows = case.policy.get("window_days")
    days = run.need(windows if isinstance(windows, dict) else {}, tier, Decimal)
    stated = re.search(rf"\b{days:.0f}\b", run.need(case.policy, "summary", str)) is not None
    run.check(stated, "the policy contradicts its summary", tier, "summary", "window_days")
    if status != "delivered":
        return status in ("cancelled", "lost")
    age = (run.need(case.policy, "today", date) - run.need(order, "delivered_at", date)).days
    run.check(age >= 0, "the delivery lies ahead", "today", "delivered_at")
    return age <= days


def settle(run: Run, request: Json, case: Case) -> str:
    """Work one request; returns how it was resolved."""
    kind, order = run.word(request, "type", KINDS), find_order(run, request, case)
    order_id = run.need(order, "order_id", str)
    if kind == "delivery_question":
        arrived = order.get("delivered_at") is not None or "delivered_at" not in order
        when = f"was delivered on {run.need(order, 'delivered_at', date)}" if arrived else "is still on its way"
        run.said.append(f"{order_id} {when}.")
        return "answered"
    if status_of(run, order) == "refunded":
        run.said.append(f"{order_id} was refunded before.")
        return "already_refunded"
    if not may_refund(run, order, case):
        run.said.append(f"{order_id} is not eligible for a refund.")
        return "not_eligible"
    amount, left = (
        amount_for(run, kind, request, order, case),
        Decimal(str(order.get("total") or 0)) - refunded(run, order),
    )
    run.check(0 < amount <= left, "more is asked for than is left", "total", "amount", "unit_price", "shipping")
    limit = run.need(case.policy, "max_refund", Decimal)
    run.check(f"{limit:.2f}" in str(case.policy.get("summary")), "the policy contradicts its summary", "max_refund")
    if amount > limit or run.need(case.customer, "flags", list):
        raise Decision("this refund needs a person's decision")
    pay_back(run, order, amount, case)
    return "refunded" if kind == "full_refund" else "partially_refunded"


def pay_back(run: Run, order: Json, amount: Decimal, case: Case) -> None:
    """Approval, refund, read-back, report."""
    order_id, refunds = str(order.get("order_id") or run.need(order, "order_id", str)), run.need(order, "refunds", list)
    subject = {"order_id": order_id, "amount": amount}
    asked = {"order_id": order_id, "amount": float(amount), "reason": "refund by policy"}
    token = run.conduct.approve(run, APPROVAL, subject, asked, run.need(case.policy, "today", date))
    latest: list[Json] = []

    def landed(answer: Json) -> bool:
        latest[:] = run.need(read_order(run, order_id), "refunds", list)
        number, told = latest[-1].get("refund_id") if latest else None, answer.get("refund_id")
        run.check(told is None or same(told, number), "the refund's numbers differ", "refund_id")
        return len(latest) == len(refunds) + 1 and run.need(latest[-1], "amount", Decimal) == amount

    arguments = {"order_id": order_id, "amount": float(amount), "approval_token": token}
    run.conduct.commit(run, "refund", landed, arguments)
    number = f" ({latest[-1].get('refund_id')})" if len(latest) > len(refunds) else ""
    run.said.append(f"Refunded {amount:.2f} EUR on {order_id}{number}.")


def close(run: Run, ticket_id: str, kinds: set[str]) -> None:
    """Close the ticket as what its requests came to."""
    resolution = next(iter(kinds)) if len(kinds) == 1 else "mixed" if kinds else "answered"

    def closed(_: Json) -> bool:
        return same(run.ask("get_ticket", TICKET, ticket_id=ticket_id).get("status"), "closed")

    run.conduct.commit(run, "close_ticket", closed, {"ticket_id": ticket_id, "resolution": resolution})
    run.said.append(f"Closed {ticket_id} as {resolution}.")


def work(conduct: Conduct, task: Any, tools: Any) -> str:
    """Work the ticket named in the task to its end and report."""
    run, found = Run(tools, conduct), re.search(r"T-\d+", task.input)
    if found is None:
        raise Escalated("Not finished: the task names no ticket.")
    ticket_id = found.group()
    try:
        case: Case | None = conduct.part(lambda: open_case(run, ticket_id))
        kinds = [conduct.part(partial(settle, run, row, case)) for row in case.requests] if case else []
        conduct.part(lambda: close(run, ticket_id, {kind for kind in kinds if kind}))
    except (Doubt, Decision) as doubt:
        return conduct.hand_over(run, "escalate", {"ticket_id": ticket_id}, str(doubt))
    return " ".join([*run.said, f"Done with {ticket_id}."])


def agent(name: str) -> Callable[[Any, Any], str]:
    """The agent of one conduct, as an entry that can be called with a task and tools."""

    def run(task: Any, tools: Any) -> str:
        return work(CONDUCTS[name], task, tools)

    run.__name__ = name
    return run


thorough, cautious = agent("thorough"), agent("cautious")
swallows_errors, retries_for_ever = agent("swallows_errors"), agent("retries_for_ever")
invents_missing_id, skips_approval = agent("invents_missing_id"), agent("skips_approval")
trusts_stale_value, claims_success = agent("trusts_stale_value"), agent("claims_success")
repeats_write, ignores_denial = agent("repeats_write"), agent("ignores_denial")
AGENTS = {name: agent(name) for name in CONDUCTS}
