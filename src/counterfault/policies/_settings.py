"""Reading a rule's settings strictly: every error names the policy, the form, the key and the way out."""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from counterfault.core.errors import UsageError
from counterfault.core.jsontree import JSON, Path, PointerError, join, split
from counterfault.core.values import as_number
from counterfault.policies._conditions import COMPARISONS, Condition, full_date

ARGS = ("args",)
BOTH = ("args", "result")
_SHOWN = 60


def shown(value: JSON) -> str:
    """A value in a message, on one line and not too long."""
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def nearest(word: str, known: Collection[str]) -> str:
    """The way out for a word that is not known."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one rule. Every method raises UsageError for a setting that is missing or wrong."""

    policy: str
    form: str
    table: Mapping[str, Any]

    def only(self, *known: str) -> "Settings":
        """These settings, checked to hold no other keys."""
        if not isinstance(self.table, Mapping):
            raise UsageError(f"policy {self.policy!r}: {self.form} is {shown(self.table)}; expected a table")
        for key in self.table:
            if key not in known:
                raise self.wrong(f"unknown key {key!r}; {nearest(key, known)}")
        return self

    def wrong(self, problem: str) -> UsageError:
        """The error that says what is wrong with this rule."""
        return UsageError(f"policy {self.policy!r}: {self.form}: {problem}")

    def tools(self, key: str) -> tuple[str, ...]:
        """The tools that a key names: one name or glob, or a list of them."""
        value = self.table.get(key)
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list | tuple) or not names or not all(isinstance(n, str) and n for n in names):
            given = "is missing" if value is None else f"is {shown(value)}"
            raise self.wrong(
                f"{key!r} {given}; expected a tool's name, or a glob such as 'delete_*', or a list of them"
            )
        return tuple(names)

    def flag(self, key: str) -> bool:
        """A setting that is on or off; off by default."""
        value = self.table.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(f"{key!r} is {shown(value)}; expected true or false")
        return value

    def limit(self, key: str) -> Decimal:
        """A number, zero or more."""
        value = self.table.get(key)
        number = as_number(value) if isinstance(value, int | float) else None
        if number is None or number < 0:
            raise self.wrong(f"{key!r} is {shown(value)}; expected a number, zero or more")
        return number

    def path(self, key: str, pointer: Any, roots: tuple[str, ...] = ARGS) -> Path:
        """A JSON Pointer whose first token is one of ``roots``."""
        expected = " or ".join(f"'/{root}/…'" for root in roots)
        try:
            path = split(pointer) if isinstance(pointer, str) else ()
        except PointerError:
            path = ()
        if not path or path[0] not in roots:
            raise self.wrong(f"{key!r} has the pointer {shown(pointer)}; expected {expected}")
        if "*" in path:
            raise self.wrong(f"{key!r} has the pointer {pointer!r}; a pointer names one place, '*' is not understood")
        return path

    def paths(self, key: str) -> tuple[Path, ...]:
        """A list of pointers into the call's arguments."""
        value = self.table.get(key, ())
        if not isinstance(value, list | tuple):
            raise self.wrong(f"{key!r} is {shown(value)}; expected a list of pointers, such as ['/args/order_id']")
        return tuple(self.path(key, pointer) for pointer in value)

    def pairs(self, key: str) -> tuple[tuple[Path, Path], ...]:
        """Places of the guarded call, each with the place of the prior call that must hold the same value."""
        return tuple((self.path(key, left), self.path(key, right, BOTH)) for left, right in self._members(key))

    def conditions(self, key: str, roots: tuple[str, ...] = ARGS) -> tuple[Condition, ...]:
        """Places, each with the value or the comparisons that must hold there."""
        found = []
        for pointer, wanted in self._members(key):
            path = self.path(key, pointer, roots)
            tests = wanted if isinstance(wanted, Mapping) else {"equals": wanted}
            if not tests:
                raise self.wrong(f"{key!r} has no comparison for {pointer!r}; expected {{ gt = 500 }} or the like")
            found.append(Condition(path, tuple(self._test(key, join(path), *test) for test in tests.items())))
        return tuple(found)

    def _members(self, key: str) -> list[tuple[str, Any]]:
        value = self.table.get(key, {})
        if not isinstance(value, Mapping):
            raise self.wrong(f"{key!r} is {shown(value)}; expected a table with pointers as keys")
        return list(value.items())

    def _test(self, key: str, pointer: str, comparison: str, operand: Any) -> tuple[str, JSON]:
        if comparison not in COMPARISONS:
            expected = ", ".join(sorted(COMPARISONS))
            raise self.wrong(f"{key!r} compares {pointer!r} by the unknown {comparison!r}; expected {expected}")
        operand = [_plain(item) for item in operand] if isinstance(operand, list | tuple) else _plain(operand)
        number_or_date = as_number(operand) is not None or full_date(operand) is not None
        fits, expected = {
            "exists": (isinstance(operand, bool), "true or false"),
            "in": (isinstance(operand, list) and bool(operand), "a list that is not empty"),
            "equals": (operand is not None, "a value"),
        }.get(comparison, (number_or_date, "a number or a date"))
        if not fits:
            raise self.wrong(f"{key!r}: {comparison!r} of {pointer!r} is {shown(operand)}; expected {expected}")
        return comparison, operand


def _plain(value: Any) -> JSON:
    # TOML has dates of its own; a run holds them as text.
    plain: JSON = value.isoformat() if hasattr(value, "isoformat") else value
    return plain
