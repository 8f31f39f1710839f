"""Simple arithmetic over seen numbers: how a value that stands nowhere may have been computed.

One operation only: + − × ÷ over two seen numbers, or sum, count, minimum or maximum over one member of a list,
rounded to the decimals that the value shows. With two nested operations over all seen numbers a random amount is
"explained" 77 % of the time, with one 14 %, literally 0.4 % (SEMANTICS 3).
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, DivisionByZero, InvalidOperation
from typing import Literal, TypeAlias

from counterfault.core.jsontree import JSON
from counterfault.core.values import as_number

Operation: TypeAlias = Literal["+", "-", "*", "/", "sum", "count", "min", "max"]

_BINARY: Mapping[str, Callable[[Decimal, Decimal], Decimal]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}
_AGGREGATES: Mapping[str, Callable[[Sequence[Decimal]], Decimal]] = {
    "sum": lambda values: sum(values, Decimal(0)),
    "count": lambda values: Decimal(len(values)),
    "min": min,
    "max": max,
}
_MOST_NUMBERS = 400


@dataclass(frozen=True, slots=True)
class Number:
    """A number that the agent saw, and where."""

    value: Decimal
    step: int
    pointer: str
    token: int
    key: str


@dataclass(frozen=True, slots=True)
class Expression:
    """An operation and the numbers it takes, rounded to ``decimals``."""

    operation: Operation
    operands: tuple[Number, ...]
    decimals: int

    def evaluate(self, values: Sequence[Decimal]) -> Decimal | None:
        """The result for other values of the operands; None where there is none (division by zero)."""
        try:
            if self.operation in _BINARY:
                result = _BINARY[self.operation](values[0], values[1])
            else:
                result = _AGGREGATES[self.operation](values)
            return round(result, self.decimals)
        except (DivisionByZero, InvalidOperation, IndexError, ValueError):
            return None


def find(value: JSON, numbers: Sequence[Number]) -> Expression | None:
    """The simplest expression over ``numbers`` that gives ``value``: aggregates of one list first, then two numbers."""
    target = as_number(value)
    if target is None or not numbers:
        return None
    decimals = max(0, -int(target.as_tuple().exponent))
    return _aggregate(target, numbers, decimals) or _binary(target, numbers, decimals)


def _aggregate(target: Decimal, numbers: Sequence[Number], decimals: int) -> Expression | None:
    groups: dict[tuple[int, str, str], list[Number]] = {}
    for number in numbers:
        head, _, name = number.pointer.rpartition("/")
        rows, _, index = head.rpartition("/")
        if number.token < 0 and index.isdecimal():
            groups.setdefault((number.step, rows, name), []).append(number)
    for group in reversed(groups.values()):
        operations: tuple[Operation, ...] = ("sum", "min", "max") if len(group) > 1 else ()
        for operation in operations:
            expression = Expression(operation, tuple(group), decimals)
            if expression.evaluate([number.value for number in group]) == target:
                return expression
    return None


def _binary(target: Decimal, numbers: Sequence[Number], decimals: int) -> Expression | None:
    latest = {number.value: number for number in numbers[-_MOST_NUMBERS:]}
    ordered = sorted(latest)
    half = Decimal(1).scaleb(-decimals) / 2
    for number in reversed(latest.values()):
        first = number.value
        for operation, second in _partners(target, first):
            for candidate in _near(second, half if operation in "*/" else Decimal(0), ordered):
                if _is_trivial(operation, first, candidate):
                    continue
                expression = Expression(operation, (number, latest[candidate]), decimals)
                if expression.evaluate((first, candidate)) == target:
                    return expression
    return None


def _partners(target: Decimal, first: Decimal) -> Iterable[tuple[Operation, Decimal]]:
    yield "+", target - first
    yield "-", first - target
    if first != 0:
        yield "*", target / first
    if target != 0:
        yield "/", first / target


def _is_trivial(operation: Operation, first: Decimal, second: Decimal) -> bool:
    if operation in "+-":
        return first == 0 or second == 0
    return second in (0, 1) or first in (0, 1)


def _near(value: Decimal, slack: Decimal, ordered: Sequence[Decimal]) -> Iterable[Decimal]:
    width = abs(value) * Decimal("0.02") if slack else Decimal(0)
    at = bisect_left(ordered, value - width)
    while at < len(ordered) and ordered[at] <= value + width:
        yield ordered[at]
        at += 1
