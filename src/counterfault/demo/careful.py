"""A support agent that has been in production for a year: it retries, checks second sources, and asks when in doubt."""

import re
from decimal import Decimal
from typing import Any

from counterfault import Escalated
from counterfault.demo.calls import approve, hand_over, read, write
from counterfault.demo.records import Doubt, Json, check, count, day, money, plain, rows, word

KINDS = ("full_refund", "goods_refund", "item_refund", "delivery_question")
STATUSES = ("processing", "shipped", "delivered", "cancelled", "lost", "refunded")
TICKET = ("ticket_id", "status", "customer", "requests", "body")
ORDER = ("order_id", "customer_id", "status", "items", "total", "shipping", "delivered_at", "refunds", "currency")
CUSTOMER = ("customer_id", "tier", "flags", "orders")
POLICY = ("today", "window_days", "max_refund", "summary")


def read_order(tools: Any, order_id: str) -> Json:
    """An order that agrees with itself."""
    order = read(tools, "get_order", ORDER, order_id=order_id)
    check(order["order_id"] == order_id, "another order was answered than the one asked for")
    goods = sum(money(line.get("unit_price")) * count(line.get("quantity")) for line in rows(order["items"]))
    check(goods + money(order["shipping"]) == money(order["total"]), "the order's items do not add up to its total")
    status, paid_back = word(order["status"], STATUSES), refunded(order)
    check((status == "refunded") == (paid_back == money(order["total"])), "the order's status and refunds disagree")
    check((status in ("delivered", "refunded")) or not order["delivered_at"], "the order's status and dates disagree")
    return order


def refunded(order: Json) -> Decimal:
    """What has been paid back on an order so far."""
    return sum((money(row.get("amount")) for row in rows(order["refunds"])), Decimal(0))


def find_order(tools: Any, request: Json, customer: Json) -> Json:
    """The order a request is about, compared with the customer's list and with what the customer says was paid."""
    listed = read(tools, "list_orders", ("orders", "customer_id"), customer_id=customer["customer_id"])
    if request.get("order_id"):
        mine = [row for row in rows(listed["orders"]) if row.get("order_id") == request["order_id"]]
    else:
        mine = [row for row in rows(listed["orders"]) if row.get("placed_at") == request.get("placed_at")]
    check(len(mine) == 1, "the order is not one of the customer's, or there are several")
    order = read_order(tools, str(mine[0].get("order_id")))
    check(order["customer_id"] == customer["customer_id"], "the order belongs to another customer")
    check(order["order_id"] in (customer["orders"] or []), "the customer does not have this order")
    check(money(order["total"]) == money(mine[0].get("total")) == money(request.get("amount_paid")), "totals disagree")
    check(str(order["currency"]).upper() == "EUR" == str(request.get("currency")).upper(), "it was not paid in euros")
    check(word(order["status"], STATUSES) == word(mine[0].get("status"), STATUSES), "statuses disagree")
    check(bool(order["delivered_at"]) == bool(mine[0].get("delivered_at")), "delivery dates disagree")
    if order["delivered_at"]:
        check(day(order["delivered_at"]) == day(mine[0]["delivered_at"]), "delivery dates disagree")
    return order


def amount_for(request: Json, order: Json, body: str) -> Decimal:
    """What the customer gets back."""
    if request["type"] == "goods_refund":
        return money(order["total"]) - money(order["shipping"])
    if request["type"] == "full_refund":
        return money(order["total"]) - refunded(order)
    wanted = count(request.get("quantity"))
    check(f"{wanted} x {request.get('sku')} " in body, "the ticket's text asks for something else")
    lines = [line for line in order["items"] if line.get("sku") == request["sku"]]
    check(len(lines) == 1 and wanted <= count(lines[0]["quantity"]), "the items asked for were not bought")
    return money(lines[0]["unit_price"]) * wanted


def may_refund(order: Json, policy: Json, tier: str) -> bool:
    """Whether the policy lets the order be refunded today; the numbers must be those of its summary."""
    days = count(plain(policy["window_days"]).get(tier))
    check(re.search(rf"\b{days}\b", str(policy["summary"])) is not None, "the policy contradicts its summary")
    status = word(order["status"], STATUSES)
    if status != "delivered":
        return status in ("cancelled", "lost")
    age = (day(policy["today"]) - day(order["delivered_at"])).days
    check(age >= 0, "the delivery date lies ahead")
    return age <= days


def settle(tools: Any, request: Json, customer: Json, policy: Json, body: str) -> tuple[str, str]:
    """Work one request of a ticket; returns how it was resolved, and the sentence for the report."""
    kind, order = word(request.get("type"), KINDS), find_order(tools, request, customer)
    order_id = order["order_id"]
    check(not request.get("order_id") or order_id in body, "the ticket's text names another order")
    check(f"{money(order['total']):.2f}" in body, "the ticket's text names another amount")
    if kind == "delivery_question":
        arrived = order["delivered_at"]
        when = f"was delivered on {day(arrived)}" if arrived else "is still on its way"
        return "answered", f"{order_id} {when}."
    if word(order["status"], STATUSES) == "refunded":
        return "already_refunded", f"{order_id} was refunded before."
    if not may_refund(order, policy, word(customer["tier"], ("standard", "plus"))):
        return "not_eligible", f"{order_id} is not eligible for a refund."
    amount = amount_for({**request, "type": kind}, order, body)
    left = money(order["total"]) - refunded(order)
    check(0 < amount <= left, "more is asked for than is left of the order")
    # Flags that are missing are not flags that are empty.
    check(customer["flags"] == [] and amount <= money(policy["max_refund"]), "this refund needs a person's decision")
    token, refunds = approve(tools, order_id, amount, policy["today"]), list(order["refunds"])

    def landed(answer: Json) -> bool:
        refunds[:] = read_order(tools, order_id)["refunds"]
        told = answer.get("refund_id")
        check(told is None or (bool(refunds) and told == refunds[-1].get("refund_id")), "the refund's numbers differ")
        return len(refunds) == len(order["refunds"]) + 1 and money(refunds[-1].get("amount")) == amount

    write(tools, "refund", landed, order_id=order_id, amount=float(amount), approval_token=token)
    sentence = f"Refunded {amount:.2f} EUR on {order_id} ({refunds[-1].get('refund_id')})."
    return "refunded" if kind == "full_refund" else "partially_refunded", sentence


def careful(task: Any, tools: Any) -> str:
    """Work the ticket named in the task and report."""
    found, said = re.search(r"T-\d+", task.input), list[str]()
    if found is None:
        raise Escalated("the task names no ticket")
    ticket_id, kinds = found.group(), set()
    try:
        ticket = read(tools, "get_ticket", TICKET, ticket_id=ticket_id)
        check(ticket["ticket_id"] == ticket_id, "another ticket was answered than the one asked for")
        known = ticket["customer"] if isinstance(ticket["customer"], dict) else {}
        check(isinstance(known.get("customer_id"), str), "the ticket names no customer")
        customer = read(tools, "get_customer", CUSTOMER, customer_id=known["customer_id"])
        check(all(customer.get(key) == known.get(key) for key in ("customer_id", "name")), "the customers differ")
        check(str(customer["tier"]).lower() == str(known.get("tier")).lower(), "the customer's tiers differ")
        check(bool(rows(ticket["requests"])), "the ticket asks for nothing")
        policy = read(tools, "get_refund_policy", POLICY)
        for request in ticket["requests"]:
            kind, sentence = settle(tools, request, customer, policy, str(ticket["body"]))
            kinds.add(kind)
            said.append(sentence)
        resolution = kinds.pop() if len(kinds) == 1 else "mixed"

        def closed(_: Json) -> bool:
            return str(read(tools, "get_ticket", TICKET, ticket_id=ticket_id)["status"]).lower() == "closed"

        write(tools, "close_ticket", closed, ticket_id=ticket_id, resolution=resolution)
    except Doubt as doubt:
        return hand_over(tools, ticket_id, said, str(doubt))
    return " ".join([*said, f"Closed {ticket_id} as {resolution}."])
