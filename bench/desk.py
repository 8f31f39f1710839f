"""A desk whose agent makes five tool calls: what an attempt costs is measured on it."""

import json
from collections.abc import Callable
from typing import Any

from counterfault.config import AgentConfig, Budget, CampaignConfig, Config, PolicyConfig, ToolsConfig
from counterfault.core.trace import Message, Step, ToolCall, ToolResult, Trace

CALLS = 5


def five(task: Any, tools: Any) -> str:
    """Works one ticket in five calls, and escalates where it cannot."""
    try:
        ticket = tools.get_ticket(ticket_id=task.input.split()[-1])
        customer = tools.get_customer(customer_id=ticket["customer_id"])
        order = tools.get_order(order_id=ticket["order_id"])
        amount = order["total"]
        refund = tools.refund(order_id=order["order_id"], amount=amount)
        tools.close_ticket(ticket_id=ticket["ticket_id"], resolution="refunded")
        return f"Refunded {amount} EUR to {customer['name']} for {order['order_id']}: {refund['refund_id']}."
    except Exception:
        return "I am handing this over to a human agent."


def recorded(number: int) -> Trace:
    """One recorded run."""
    ticket_id, order_id, customer_id = f"T-{number}", f"O-{number + 3000}", f"C-{number + 70_000}"
    total = 20.5 + number
    lines = [{"sku": f"SKU-{number + index}", "unit_price": 10.25 + index, "quantity": 1} for index in range(4)]
    body = f"Please refund order {order_id}, it came broken."
    asked: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        (
            "get_ticket",
            {"ticket_id": ticket_id},
            {"ticket_id": ticket_id, "status": "open", "customer_id": customer_id, "order_id": order_id, "body": body},
        ),
        (
            "get_customer",
            {"customer_id": customer_id},
            {"customer_id": customer_id, "name": f"Ada Byron {number}", "tier": "plus", "orders": [order_id]},
        ),
        (
            "get_order",
            {"order_id": order_id},
            {"order_id": order_id, "status": "delivered", "lines": lines, "total": total, "placed_at": "2026-03-02"},
        ),
        ("refund", {"order_id": order_id, "amount": total}, {"refund_id": f"RF-{number + 900}", "state": "paid"}),
        ("close_ticket", {"ticket_id": ticket_id, "resolution": "refunded"}, {"ok": True}),
    ]
    steps: list[Step] = [Message("user", f"Work ticket {ticket_id}")]
    for at, (tool, arguments, result) in enumerate(asked, 1):
        steps.append(ToolCall(tool, arguments, ToolResult(json.dumps(result), False), f"c{at}", at))
    name, refund_id = asked[1][2]["name"], asked[3][2]["refund_id"]
    steps.append(Message("assistant", f"Refunded {total} EUR to {name} for {order_id}: {refund_id}."))
    return Trace(tuple(steps), task=ticket_id)


TRACES = tuple(recorded(1001 + number) for number in range(12))


def settings(attempts: int) -> Config:
    """The settings of a campaign over the desk."""
    tools = ToolsConfig(write=("refund", "close_ticket"), irreversible=("refund",), timeout_s=3.0)
    campaign = CampaignConfig(("all",), controls=1, budget=Budget(attempts, 60))
    once = PolicyConfig("one refund a ticket", at_most={"call": "refund", "count": 1})
    return Config(AgentConfig("bench.desk:five", isolation="inline", version="1"), tools, campaign, policy=(once,))


class BareTools:
    """The same tools without Counterfault: a dictionary of recorded texts."""

    def __init__(self, trace: Trace) -> None:
        self._answers = {call.tool: call.result.text for _, call in trace.calls() if call.result}

    def __getattr__(self, tool: str) -> Callable[..., Any]:
        return lambda **_: json.loads(self._answers[tool])


class BareTask:
    """The same task without Counterfault."""

    def __init__(self, trace: Trace) -> None:
        first = trace.steps[0]
        self.input = first.text if isinstance(first, Message) else ""
