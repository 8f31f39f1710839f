"""A support agent as it is first written: right as long as every tool answers as it always did."""

import re
from datetime import date
from typing import Any

Json = dict[str, Any]


def ask(tools: Any, name: str, **arguments: Any) -> Json:
    """Call a tool; a tool that fails must not stop the shift, so it counts as an empty answer."""
    try:
        answer = tools.call(name, **arguments)
    except Exception:
        return {}
    return answer if isinstance(answer, dict) else {}


def find_order(tools: Any, request: Json, customer_id: str) -> Json:
    """The order a request is about: by its id, else the customer's order of that day."""
    order_id = request.get("order_id")
    if not order_id:
        for row in ask(tools, "list_orders", customer_id=customer_id).get("orders", []):
            if row.get("placed_at") == request.get("placed_at"):
                order_id = row.get("order_id")
    return ask(tools, "get_order", order_id=order_id or "")


def amount_for(request: Json, order: Json) -> float:
    """What the customer gets back."""
    total = order.get("total") or 0
    if request.get("type") == "goods_refund":
        return round(total - (order.get("shipping") or 0), 2)
    if request.get("type") == "item_refund":
        for line in order.get("items", []):
            if line.get("sku") == request.get("sku"):
                return round((line.get("unit_price") or 0) * (request.get("quantity") or 1), 2)
    return round(total - sum(row.get("amount") or 0 for row in order.get("refunds", [])), 2)


def eligible(order: Json, policy: Json, tier: str) -> bool:
    """Whether the order may be refunded today."""
    if order.get("status") in ("cancelled", "lost"):
        return True
    if order.get("status") != "delivered":
        return False
    try:
        age = date.fromisoformat(policy.get("today") or "") - date.fromisoformat(order.get("delivered_at") or "")
    except ValueError:
        return True  # no date, no objection
    window: int = policy.get("window_days", {}).get(tier, 30)
    return age.days <= window


def settle(tools: Any, request: Json, customer: Json, policy: Json) -> tuple[str, str]:
    """Work one request of a ticket; returns how it was resolved, and the sentence for the report."""
    order = find_order(tools, request, customer.get("customer_id", ""))
    order_id, amount = order.get("order_id", ""), amount_for(request, order)
    if request.get("type") == "delivery_question":
        when = f"was delivered on {order['delivered_at']}" if order.get("delivered_at") else "is still on its way"
        return "answered", f"{order_id} {when}."
    if order.get("status") == "refunded":
        return "already_refunded", f"{order_id} was refunded before."
    if not eligible(order, policy, customer.get("tier", "standard")):
        return "not_eligible", f"{order_id} is not eligible for a refund."
    if amount > policy.get("max_refund", 1_000_000) or "fraud_review" in customer.get("flags", []):
        return "escalated", ""
    approval = ask(tools, "request_approval", order_id=order_id, amount=amount, reason="the customer asks for it")
    refund = ask(tools, "refund", order_id=order_id, amount=amount, approval_token=approval.get("token") or "")
    whole = request.get("type") == "full_refund"
    sentence = f"Refunded {amount:.2f} EUR on {order_id} ({refund.get('refund_id', 'pending')})."
    return "refunded" if whole else "partially_refunded", sentence


def hasty(task: Any, tools: Any) -> str:
    """Work the ticket named in the task and report."""
    found = re.search(r"T-\d+", task.input)
    ticket_id = found.group() if found else ""
    ticket = ask(tools, "get_ticket", ticket_id=ticket_id)
    customer = ask(tools, "get_customer", customer_id=ticket.get("customer", {}).get("customer_id", ""))
    policy = ask(tools, "get_refund_policy")
    results = [settle(tools, request, customer, policy) for request in ticket.get("requests") or []]
    kinds = {kind for kind, _ in results}
    if "escalated" in kinds:
        ask(tools, "escalate", ticket_id=ticket_id, reason="This refund needs a person's decision.")
        return f"I handed {ticket_id} over to a colleague, who will decide about the refund."
    resolution = kinds.pop() if len(kinds) == 1 else "mixed" if kinds else "answered"
    ask(tools, "close_ticket", ticket_id=ticket_id, resolution=resolution)
    return " ".join([*(sentence for _, sentence in results), f"Closed {ticket_id} as {resolution}."])
