"""The shop behind the desk: customers, orders and tickets, as plain data. Amounts are in euros, dates in ISO 8601."""

from typing import Any

Json = dict[str, Any]

TODAY = "2026-03-18"
POLICY: Json = {
    "policy_id": "POL-7",
    "today": TODAY,
    "currency": "EUR",
    "window_days": {"standard": 30, "plus": 60},
    "max_refund": 500.00,
    "summary": "Refunds within 30 days of delivery, 60 for plus customers. Over 500.00 EUR a person decides.",
}


def _line(sku: str, name: str, unit_price: float, quantity: int = 1) -> Json:
    return {"sku": sku, "name": name, "unit_price": unit_price, "quantity": quantity}


LAMP = ("LMP-20", "Desk lamp", 62.50)
CHAIR = ("CHR-11", "Swivel chair", 189.00)
MUG = ("MUG-03", "Stoneware mug", 12.95)
RUG = ("RUG-77", "Wool rug", 245.00)
SHELF = ("SHF-42", "Oak shelf", 329.50)
VASE = ("VAS-08", "Glass vase", 38.40)
CLOCK = ("CLK-15", "Wall clock", 54.25)

# order, customer, status, placed, delivered, shipping, items, amounts refunded before
_ORDERS: list[tuple[str, str, str, str, str | None, float, list[Json], list[float]]] = [
    ("ORD-88213", "CUS-5521", "delivered", "2026-02-27", "2026-03-03", 4.90, [_line(*LAMP, 2)], []),
    ("ORD-88240", "CUS-5521", "delivered", "2026-03-02", "2026-03-06", 4.90, [_line(*VASE)], []),
    ("ORD-87102", "CUS-5533", "delivered", "2025-12-29", "2026-01-04", 9.90, [_line(*CHAIR)], []),
    ("ORD-88301", "CUS-5533", "shipped", "2026-03-12", None, 4.90, [_line(*CLOCK)], []),
    ("ORD-88119", "CUS-5547", "refunded", "2026-02-18", "2026-02-23", 4.90, [_line(*MUG, 6)], [82.60]),
    ("ORD-88277", "CUS-5547", "delivered", "2026-03-05", "2026-03-09", 4.90, [_line(*MUG, 4), _line(*VASE)], []),
    ("ORD-87590", "CUS-5560", "delivered", "2026-01-22", "2026-01-28", 12.50, [_line(*RUG)], []),
    ("ORD-88195", "CUS-5560", "cancelled", "2026-02-25", None, 4.90, [_line(*LAMP)], []),
    ("ORD-88322", "CUS-5572", "delivered", "2026-03-01", "2026-03-07", 19.00, [_line(*SHELF, 2)], []),
    ("ORD-88350", "CUS-5572", "processing", "2026-03-16", None, 4.90, [_line(*CLOCK, 2)], []),
    ("ORD-88154", "CUS-5588", "lost", "2026-02-20", None, 9.90, [_line(*CHAIR)], []),
    ("ORD-88261", "CUS-5588", "delivered", "2026-03-04", "2026-03-08", 4.90, [_line(*CLOCK), _line(*MUG, 2)], []),
    ("ORD-88230", "CUS-5594", "delivered", "2026-03-01", "2026-03-05", 4.90, [_line(*VASE, 3)], [38.40]),
    ("ORD-88288", "CUS-5594", "delivered", "2026-03-06", "2026-03-11", 4.90, [_line(*LAMP), _line(*CLOCK)], []),
    ("ORD-88205", "CUS-5601", "delivered", "2026-02-26", "2026-03-02", 9.90, [_line(*CHAIR), _line(*MUG, 2)], []),
    ("ORD-88312", "CUS-5601", "delivered", "2026-03-09", "2026-03-13", 4.90, [_line(*VASE, 2)], []),
    ("ORD-88330", "CUS-5615", "delivered", "2026-03-10", "2026-03-14", 12.50, [_line(*RUG), _line(*MUG, 3)], []),
    ("ORD-87944", "CUS-5615", "delivered", "2026-02-06", "2026-02-12", 4.90, [_line(*CLOCK)], []),
]

# customer, name, tier, flags
_CUSTOMERS: list[tuple[str, str, str, list[str]]] = [
    ("CUS-5521", "Ines Duarte", "standard", []),
    ("CUS-5533", "Tomasz Wilk", "standard", []),
    ("CUS-5547", "Amara Okafor", "standard", []),
    ("CUS-5560", "Lena Vogt", "plus", []),
    ("CUS-5572", "Jonas Lindqvist", "plus", []),
    ("CUS-5588", "Marta Rossi", "standard", []),
    ("CUS-5594", "Pavel Novak", "standard", []),
    ("CUS-5601", "Sofia Marin", "plus", ["fraud_review"]),
    ("CUS-5615", "Idris Haddad", "standard", []),
]

# ticket, customer, subject, [(kind, order, item, quantity, whether the customer names the order)]
Ask = tuple[str, str, tuple[str, str, float] | None, int, bool]
_TICKETS: list[tuple[str, str, str, list[Ask]]] = [
    ("T-1042", "CUS-5521", "Lamps arrived scratched", [("full_refund", "ORD-88213", None, 0, True)]),
    ("T-1043", "CUS-5521", "Vase not as pictured", [("goods_refund", "ORD-88240", None, 0, True)]),
    ("T-1044", "CUS-5533", "Chair squeaks", [("full_refund", "ORD-87102", None, 0, True)]),
    ("T-1045", "CUS-5533", "Where is my clock?", [("delivery_question", "ORD-88301", None, 0, True)]),
    ("T-1046", "CUS-5547", "Still waiting for my money", [("full_refund", "ORD-88119", None, 0, True)]),
    ("T-1047", "CUS-5547", "Two mugs broken", [("item_refund", "ORD-88277", MUG, 2, True)]),
    ("T-1048", "CUS-5560", "Rug sheds", [("full_refund", "ORD-87590", None, 0, True)]),
    ("T-1049", "CUS-5560", "Cancelled, not paid back", [("full_refund", "ORD-88195", None, 0, True)]),
    ("T-1050", "CUS-5572", "Shelves warped", [("full_refund", "ORD-88322", None, 0, True)]),
    ("T-1051", "CUS-5572", "Changed my mind", [("full_refund", "ORD-88350", None, 0, True)]),
    ("T-1052", "CUS-5588", "Parcel never came", [("full_refund", "ORD-88154", None, 0, True)]),
    (
        "T-1053",
        "CUS-5588",
        "Clock and one mug broken",
        [("item_refund", "ORD-88261", CLOCK, 1, True), ("item_refund", "ORD-88261", MUG, 1, True)],
    ),
    ("T-1054", "CUS-5594", "The rest of the vases too", [("full_refund", "ORD-88230", None, 0, True)]),
    ("T-1055", "CUS-5594", "Clock stopped", [("item_refund", "ORD-88288", CLOCK, 1, False)]),
    ("T-1056", "CUS-5601", "Chair damaged", [("item_refund", "ORD-88205", CHAIR, 1, True)]),
    ("T-1057", "CUS-5615", "Rug has a hole", [("item_refund", "ORD-88330", RUG, 1, True)]),
    ("T-1058", "CUS-5615", "Clock too loud", [("goods_refund", "ORD-87944", None, 0, True)]),
    (
        "T-1059",
        "CUS-5588",
        "Two refunds please",
        [("full_refund", "ORD-88154", None, 0, True), ("item_refund", "ORD-88261", MUG, 2, True)],
    ),
    (
        "T-1060",
        "CUS-5521",
        "Send both back",
        [("goods_refund", "ORD-88213", None, 0, True), ("goods_refund", "ORD-88240", None, 0, True)],
    ),
    ("T-1061", "CUS-5547", "When did it come?", [("delivery_question", "ORD-88277", None, 0, True)]),
    (
        "T-1062",
        "CUS-5533",
        "Old chair, new clock",
        [("full_refund", "ORD-87102", None, 0, True), ("delivery_question", "ORD-88301", None, 0, True)],
    ),
    ("T-1063", "CUS-5572", "One shelf only", [("item_refund", "ORD-88322", SHELF, 1, False)]),
    ("T-1064", "CUS-5594", "Everything back", [("goods_refund", "ORD-88288", None, 0, True)]),
    ("T-1065", "CUS-5560", "Refund for the old lamp order", [("full_refund", "ORD-88195", None, 0, False)]),
]
TICKETS: tuple[str, ...] = tuple(row[0] for row in _TICKETS)


def total_of(items: list[Json], shipping: float) -> float:
    """What an order cost, rounded to cents."""
    goods: float = sum(line["unit_price"] * line["quantity"] for line in items)
    return round(goods + shipping, 2)


def _order(row: tuple[str, str, str, str, str | None, float, list[Json], list[float]]) -> Json:
    order_id, customer_id, status, placed, delivered, shipping, items, refunded = row
    refunds = [
        {"refund_id": f"RF-{order_id[4:]}{number}", "amount": amount, "currency": "EUR", "created_at": "2026-03-10"}
        for number, amount in enumerate(refunded)
    ]
    return {
        "order_id": order_id,
        "customer_id": customer_id,
        "status": status,
        "currency": "EUR",
        "items": [dict(line) for line in items],
        "shipping": shipping,
        "total": total_of(items, shipping),
        "placed_at": placed,
        "delivered_at": delivered,
        "refunds": refunds,
    }


def _request(ask: Ask, order: Json) -> Json:
    kind, order_id, item, quantity, named = ask
    return {
        "type": kind,
        "order_id": order_id if named else None,
        "placed_at": order["placed_at"],
        "amount_paid": order["total"],
        "currency": order["currency"],
        "sku": item[0] if item else None,
        "quantity": quantity if item else None,
    }


def _wish(ask: Ask, order: Json) -> str:
    kind, order_id, item, quantity, named = ask
    which = f"order {order_id}" if named else "my order"
    bought = f"{which} of {order['placed_at']}, for which I paid {order['total']:.2f} EUR"
    return {
        "full_refund": f"Please refund {bought}, in full.",
        "goods_refund": f"I am sending back {bought}. I know that shipping is not refunded.",
        "item_refund": f"Please refund {quantity} x {item[0] if item else ''} from {bought}.",
        "delivery_question": f"When was or will {bought}, be delivered?",
    }[kind]


def shop() -> Json:
    """The whole shop, fresh: ``customers``, ``orders`` and ``tickets`` by id, and the refund ``policy``."""
    orders = {row[0]: _order(row) for row in _ORDERS}
    names = {row[0]: row for row in _CUSTOMERS}
    customers = {
        customer_id: {
            "customer_id": customer_id,
            "name": name,
            "email": name.lower().replace(" ", ".") + "@example.com",
            "tier": tier,
            "flags": list(flags),
            "orders": [order["order_id"] for order in orders.values() if order["customer_id"] == customer_id],
        }
        for customer_id, name, tier, flags in _CUSTOMERS
    }
    tickets = {
        ticket_id: {
            "ticket_id": ticket_id,
            "status": "open",
            "created_at": "2026-03-17",
            "customer": {
                "customer_id": customer_id,
                "name": names[customer_id][1],
                "tier": names[customer_id][2],
            },
            "subject": subject,
            "body": " ".join(_wish(ask, orders[ask[1]]) for ask in asks),
            "requests": [_request(ask, orders[ask[1]]) for ask in asks],
            "resolution": None,
        }
        for ticket_id, customer_id, subject, asks in _TICKETS
    }
    return {"customers": customers, "orders": orders, "tickets": tickets, "policy": POLICY}


def scenario(ticket_id: str) -> Json:
    """One task: the shop, and the ticket that the agent is given."""
    return {"name": ticket_id, "task": f"Please work ticket {ticket_id} to its end.", **shop()}
