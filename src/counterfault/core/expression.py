"""Simple arithmetic over seen numbers: how a value that stands nowhere may have been computed.

One operation only: + − × ÷ over two seen numbers, or sum or count over one member of a list, of all its rows or of
those in which another member has one value; rounded, half up, to the decimals that the value shows. A minimum or
maximum stands where it was seen. With two nested operations over all seen numbers a random amount is "explained" 77 %
of the time, with one 14 %, literally 0.4 % (SEMANTICS 3).
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, DecimalException
from typing import Literal, TypeAlias

from counterfault.core.jsontree import JSON
from counterfault.core.values import as_number

Operation: TypeAlias = Literal["+", "-", "*", "/", "sum", "count"]

_BINARY: Mapping[str, Callable[[Decimal, Decimal], Decimal]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}
_MOST_NUMBERS = 400


@dataclass(frozen=True, slots=True)
class Number:
    """A number that the agent saw, and where. ``row`` are the scalars beside it in a list's item: name, normal form."""

    value: Decimal
    step: int
    pointer: str
    token: int
    key: str
    row: frozenset[tuple[str, str]] = field(default=frozenset(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Expression:
    """An operation and the numbers it takes, rounded to ``decimals``."""

    operation: Operation
    operands: tuple[Number, ...]
    decimals: int

    def evaluate(self, values: Sequence[Decimal]) -> Decimal | None:
        """The result for other values of the operands; None where there is none (division by zero)."""
        exact = self._exact(values)
        try:
            return None if exact is None else exact.quantize(Decimal(1).scaleb(-self.decimals), ROUND_HALF_UP)
        except DecimalException:
            return None

    def _exact(self, values: Sequence[Decimal]) -> Decimal | None:
        if self.operation == "count":
            return Decimal(len(values))
        try:
            return sum(values, Decimal(0)) if self.operation == "sum" else _BINARY[self.operation](values[0], values[1])
        except (DecimalException, IndexError):
            return None

    def is_exact(self, target: Decimal) -> bool:
        """Whether the operands give ``target`` without rounding."""
        return self._exact([number.value for number in self.operands]) == target


def find(value: JSON, numbers: Sequence[Number]) -> Expression | None:
    """The simplest expression over ``numbers`` that gives ``value``.

    Sums and counts of one list come before two numbers, exact results before rounded ones, numbers seen later before
    earlier ones.
    """
    target = as_number(value)
    if target is None or not numbers:
        return None
    decimals = _decimals(value)
    return _aggregate(target, numbers, decimals) or _binary(target, numbers, decimals)


def _decimals(value: JSON) -> int:
    # As written: 12.50 was rounded to cents, 12.5 to tenths.
    match = re.search(r"\.(\d+)", value if isinstance(value, str) else f"{Decimal(repr(value)):f}")
    return len(match[1]) if match else 0


def _aggregate(target: Decimal, numbers: Sequence[Number], decimals: int) -> Expression | None:
    columns: dict[tuple[int, str, str], list[Number]] = {}
    for number in numbers:
        head, _, name = number.pointer.rpartition("/")
        rows, _, index = head.rpartition("/")
        if number.token < 0 and index.isdecimal():
            columns.setdefault((number.step, rows, name), []).append(number)
    operations: tuple[Operation, ...] = ("sum", "count")
    for column in reversed(columns.values()):
        for group in _groups(column):
            for operation in operations:
                expression = Expression(operation, tuple(group), decimals)
                if expression.evaluate([number.value for number in group]) == target:
                    return expression
    return None


def _groups(column: list[Number]) -> Iterator[list[Number]]:
    """The whole column, then its rows of which another member has one value; of two rows at least."""
    if len(column) < 2:
        return
    yield column
    for label in sorted(frozenset.union(*(number.row for number in column))):
        group = [number for number in column if label in number.row]
        if 1 < len(group) < len(column):
            yield group


def _binary(target: Decimal, numbers: Sequence[Number], decimals: int) -> Expression | None:
    latest: dict[Decimal, Number] = {}
    for number in reversed(numbers[-_MOST_NUMBERS:]):
        latest.setdefault(number.value, number)
    ordered = sorted(latest)
    half = Decimal(1).scaleb(-decimals) / 2
    rounded = None
    for first, number in latest.items():
        for operation, low, high in _ranges(target, first, half):
            for second in _within(ordered, low, high):
                expression = Expression(operation, (number, latest[second]), decimals)
                if _is_trivial(operation, first, second) or expression.evaluate((first, second)) != target:
                    continue
                if expression.is_exact(target):
                    return expression
                rounded = rounded or expression
    return rounded


def _ranges(target: Decimal, first: Decimal, half: Decimal) -> Iterator[tuple[Operation, Decimal, Decimal]]:
    """For each operation, the range of second operands that give ``target`` within its rounding."""
    yield "+", target - half - first, target + half - first
    yield "-", first - target - half, first - target + half
    if first != 0:
        one, other = (target - half) / first, (target + half) / first
        yield "*", min(one, other), max(one, other)
        if abs(target) > half:
            one, other = first / (target - half), first / (target + half)
            yield "/", min(one, other), max(one, other)


def _is_trivial(operation: Operation, first: Decimal, second: Decimal) -> bool:
    if operation in "+-":
        return first == 0 or second == 0
    return second in (0, 1) or first in (0, 1)


def _within(ordered: Sequence[Decimal], low: Decimal, high: Decimal) -> Iterable[Decimal]:
    at = bisect_left(ordered, low)
    while at < len(ordered) and ordered[at] <= high:
        yield ordered[at]
        at += 1
