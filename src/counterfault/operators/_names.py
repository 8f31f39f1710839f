"""Other names for a member, as another version of an API would spell it."""

import re

from counterfault.core.jsontree import digest

_SYNONYMS = {
    "amount": "total_amount",
    "total": "grand_total",
    "price": "cost",
    "cost": "price",
    "status": "state",
    "state": "status",
    "id": "identifier",
    "token": "access_token",
    "name": "display_name",
    "email": "email_address",
    "phone": "phone_number",
    "quantity": "qty",
    "qty": "quantity",
    "count": "total_count",
    "currency": "currency_code",
    "address": "postal_address",
    "reason": "cause",
    "type": "kind",
    "date": "day",
    "items": "line_items",
    "orders": "order_list",
    "first_name": "given_name",
    "last_name": "family_name",
    "dob": "date_of_birth",
    "zip": "postal_code",
    "approved": "is_approved",
    "available": "in_stock",
}
_SUFFIXES = {"id": "ref", "at": "time", "date": "day", "name": "label", "number": "no", "code": "key"}


def other_case(name: str) -> str | None:
    """snake_case as camelCase and the other way round; a single word capitalised; None where nothing changes."""
    if re.fullmatch(r"[a-z0-9]+(?:_[a-z0-9]+)+", name):
        return camel(name)
    if re.search(r"[a-z0-9][A-Z]", name):
        return snake(name)
    return name.capitalize() if re.fullmatch(r"[a-z]+", name) else None


def camel(name: str) -> str:
    """``order_id`` → ``orderId``."""
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


def snake(name: str) -> str:
    """``orderId`` → ``order_id``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def synonym(name: str) -> str:
    """Another word for the member, in its own spelling: from a small table, else ``<name>_value``."""
    plain = snake(name)
    head, joined, last = plain.rpartition("_")
    other = _SYNONYMS.get(plain) or (head + joined + _SUFFIXES[last] if joined and last in _SUFFIXES else "")
    other = other or plain + "_value"
    return camel(other) if re.search(r"[a-z0-9][A-Z]", name) else other


def opaque(tool: str, name: str) -> str:
    """A name that says nothing, always the same for one member of one tool."""
    return "f_" + digest(tool, name)[:6]


def beside(prefix: str, name: str) -> str:
    """``prefix`` put before the name in its own spelling: ``old_status``, ``oldStatus``."""
    return prefix + name[:1].upper() + name[1:] if re.search(r"[a-z0-9][A-Z]", name) else f"{prefix}_{name}"
