"""Reading what other people's services answer: tolerant of spelling and wrapping, strict about meaning."""

import re
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

Json = dict[str, Any]


class Doubt(Exception):
    """Something is missing, unreadable or does not add up: a person must look."""


def check(holds: bool, what: str) -> None:
    """Raise ``Doubt`` unless it holds."""
    if not holds:
        raise Doubt(what)


def plain(value: Any) -> Any:
    """The same JSON with every key in snake_case: ``orderId``, ``Order-Id`` and ``order_id`` are one field."""
    if isinstance(value, dict):
        return {re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[-\s]+", "_", key).lower(): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def record(answer: Any, fields: tuple[str, ...]) -> Json:
    """The record in an answer, taken out of an envelope where it has one; all the fields must be there.

    An ``error`` in the answer, text where a record was due, or a missing field raises ``Doubt``.
    """
    found = plain(answer)
    for _ in range(3):
        if not isinstance(found, dict) or found.get("error"):
            break
        if all(field in found for field in fields):
            return found
        inner = [item for item in found.values() if isinstance(item, dict)]
        found = inner[0] if len(inner) == 1 else None
    raise Doubt("an answer did not have the fields it should have")


def money(value: Any) -> Decimal:
    """A number of euros, zero or more, in whole cents; a numeric string will do."""
    try:
        amount = Decimal(value if isinstance(value, str) else repr(value))
    except InvalidOperation:
        raise Doubt("an amount is missing or is not a number") from None
    check(amount.is_finite() and 0 <= amount < 100_000 and amount == round(amount, 2), "an amount is out of range")
    return round(amount, 2)


def count(value: Any) -> int:
    """A whole number from 1 to 1000."""
    amount = money(value)
    check(amount == int(amount) and 1 <= amount <= 1000, "a quantity is not a whole number")
    return int(amount)


def day(value: Any) -> date:
    """An ISO 8601 date, with or without a time of day."""
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise Doubt("a date is missing or unreadable") from None


def word(value: Any, known: tuple[str, ...]) -> str:
    """A status or kind out of a known set, in any case and with any spaces around it."""
    text = str(value).strip().lower()
    check(text in known, "a status or kind is unknown")
    return text


def yes(value: Any) -> bool:
    """Whether a flag says yes, as a boolean or in words."""
    return value is True or str(value).strip().lower() in ("true", "yes")


def rows(value: Any) -> list[Json]:
    """A list of records."""
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise Doubt("a list of records is missing")
    return value
