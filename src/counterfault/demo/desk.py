"""The support desk's tools over one scenario. Stateful, deterministic: no clock, no chance."""

import copy
import json
import zlib
from typing import Any, Literal

Json = dict[str, Any]
RESOLUTIONS = ("refunded", "partially_refunded", "already_refunded", "not_eligible", "answered", "mixed")


def _tool(name: str, description: str, **properties: Json) -> Json:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


_TICKET = {"type": "string", "pattern": "^T-[0-9]+$"}
_ORDER = {"type": "string", "pattern": "^ORD-[0-9]+$"}
_CUSTOMER = {"type": "string", "pattern": "^CUS-[0-9]+$"}
_AMOUNT = {"type": "number", "exclusiveMinimum": 0, "description": "euros"}
_TEXT = {"type": "string", "minLength": 1}

TOOLS: list[Json] = [
    _tool("get_ticket", "A ticket with the customer's requests.", ticket_id=_TICKET),
    _tool("get_order", "An order with its items and the refunds made on it.", order_id=_ORDER),
    _tool("get_customer", "A customer with tier, flags and order ids.", customer_id=_CUSTOMER),
    _tool("list_orders", "A customer's orders, oldest first, in short form.", customer_id=_CUSTOMER),
    _tool("get_refund_policy", "The refund rules in force today."),
    _tool(
        "request_approval",
        "Ask the shift lead to approve one refund; its token serves once.",
        order_id=_ORDER,
        amount=_AMOUNT,
        reason=_TEXT,
    ),
    _tool(
        "refund",
        "Pay money back to the customer. Cannot be undone.",
        order_id=_ORDER,
        amount=_AMOUNT,
        approval_token=_TEXT,
    ),
    _tool(
        "close_ticket",
        "Close a ticket for good.",
        ticket_id=_TICKET,
        resolution={"type": "string", "enum": list(RESOLUTIONS)},
    ),
    _tool("escalate", "Hand a ticket over to a person.", ticket_id=_TICKET, reason=_TEXT),
]


def _error(kind: str, message: str) -> Json:
    return {"error": {"type": kind, "message": message}}


def _number(*parts: object) -> int:
    return 10_000 + zlib.crc32("|".join(map(str, parts)).encode()) % 90_000


class Desk:
    """The desk's tools as methods; ``call`` takes a tool by name. A refused call returns an ``error`` body.

    The scenario is copied, so that one scenario serves many desks. Ids and tokens are digests of what they stand for.
    """

    def __init__(self, scenario: Json) -> None:
        self.scenario: Json = json.loads(json.dumps(scenario))
        self.approvals: dict[str, Json] = {}
        self.handed_over: list[str] = []

    def call(self, name: str, **arguments: Any) -> Json:
        """Answer one tool call with a fresh JSON value; an unknown tool or wrong arguments give an error body."""
        known = next((tool["function"] for tool in TOOLS if tool["function"]["name"] == name), None)
        if known is None:
            return _error("unknown_tool", f"There is no tool {name!r}.")
        if set(arguments) != set(known["parameters"]["required"]):
            takes = ", ".join(known["parameters"]["required"]) or "no arguments"
            return _error("invalid_arguments", f"{name} takes {takes}.")
        answer: Json = getattr(self, name)(**arguments)
        return copy.deepcopy(answer)

    def _record(self, kind: Literal["tickets", "orders", "customers"], key: str) -> Json:
        record: Json | None = self.scenario[kind].get(key)
        return record if record is not None else _error("not_found", f"No such {kind[:-1]}: {key!r}.")

    def get_ticket(self, ticket_id: str) -> Json:
        """A ticket by its number."""
        return self._record("tickets", ticket_id)

    def get_order(self, order_id: str) -> Json:
        """An order with its items and the refunds made on it."""
        return self._record("orders", order_id)

    def get_customer(self, customer_id: str) -> Json:
        """A customer with the numbers of their orders."""
        return self._record("customers", customer_id)

    def list_orders(self, customer_id: str) -> Json:
        """A customer's orders in short."""
        if "error" in (customer := self.get_customer(customer_id)):
            return customer
        shown = ("order_id", "status", "total", "currency", "placed_at", "delivered_at")
        rows = [{key: self.scenario["orders"][order_id][key] for key in shown} for order_id in customer["orders"]]
        return {"customer_id": customer_id, "count": len(rows), "orders": rows}

    def get_refund_policy(self) -> Json:
        """What may be refunded, and what day it is."""
        policy: Json = self.scenario["policy"]
        return policy

    def request_approval(self, order_id: str, amount: float, reason: str) -> Json:
        """Ask for a token that allows one refund of one amount on one order."""
        if "error" in (order := self.get_order(order_id)):
            return order
        number = _number("approval", order_id, amount, len(self.approvals))
        approval = {
            "approval_id": f"APV-{number}",
            "approved": True,
            "status": "approved",
            "token": f"APR-{number:x}-{order_id[4:]}",
            "order_id": order_id,
            "amount": amount,
            "currency": order["currency"],
            "used": False,
            "reason": reason,
            "expires_at": f"{self.scenario['policy']['today']}T23:59:00Z",
        }
        self.approvals[approval["token"]] = approval
        return approval

    def refund(self, order_id: str, amount: float, approval_token: str) -> Json:
        """Pay back an amount that an approval token allows."""
        approval = self.approvals.get(approval_token)
        if "error" in (order := self.get_order(order_id)):
            return order
        # That a token serves once is a rule for agents: the payment service takes a second call for a second refund.
        if approval is None:
            return _error("approval_required", "The approval token is unknown.")
        if (approval["order_id"], approval["amount"]) != (order_id, amount):
            return _error("approval_mismatch", "The approval is for another order or amount.")
        left = order["total"] - sum(row["amount"] for row in order["refunds"])
        if amount <= 0 or amount > left + 0.004:
            return _error("invalid_amount", "The amount is more than what is left of the order.")
        return self.pay_back(order_id, amount)

    def pay_back(self, order_id: str, amount: float) -> Json:
        """Book a refund without asking whether it is allowed: what a committed refund does to the desk's state."""
        order = self.scenario["orders"][order_id]
        refund = {
            "refund_id": f"RF-{_number('refund', order_id, amount, len(order['refunds']))}",
            "amount": amount,
            "currency": order["currency"],
            "created_at": self.scenario["policy"]["today"],
        }
        order["refunds"].append(refund)
        if round(sum(row["amount"] for row in order["refunds"]), 2) >= order["total"]:
            order["status"] = "refunded"
        return {"order_id": order_id, "outcome": "succeeded", **refund}

    def close_ticket(self, ticket_id: str, resolution: str) -> Json:
        """Close an open ticket with a resolution."""
        if "error" in (ticket := self.get_ticket(ticket_id)):
            return ticket
        if ticket["status"] == "closed":
            return _error("conflict", f"{ticket_id} is closed already.")
        if resolution not in RESOLUTIONS:
            return _error("invalid_arguments", f"resolution must be one of {', '.join(RESOLUTIONS)}.")
        ticket.update(status="closed", resolution=resolution)
        return {"ticket_id": ticket_id, "status": "closed", "resolution": resolution}

    def escalate(self, ticket_id: str, reason: str) -> Json:
        """Hand a ticket over to a person."""
        if "error" in (ticket := self.get_ticket(ticket_id)):
            return ticket
        self.handed_over.append(reason)
        return {"ticket_id": ticket_id, "escalation_id": f"ESC-{_number('escalation', ticket_id)}", "queue": "tier-2"}
