"""A value stands at the edge of its type.

What it does
    Puts 0, −1 or 2³¹ in the place of a number, or an empty text in the place of an identifier, name or date, at one
    place of one answer. Only where a second source says the true one, or the value cannot be.

Which real incident it imitates
    On 25 December 2004 Comair's crew scheduling passed 32,767 changes in a month, the most that its counter of 16 bits
    could hold, and all flights of the airline were cancelled.

What a good agent does
    It sees that the value cannot be, and reads again, asks or hands over. An empty identifier is not sent on.

Example
    `{"order_id": "ORD-88213", "total": 129.9}` becomes `{"order_id": "ORD-88213", "total": -1.0}`.
"""

from collections.abc import Iterator
from decimal import Decimal

from counterfault.core.jsontree import JSON
from counterfault.core.mutant import Example, Mutation
from counterfault.core.scan import Leaf, Scan
from counterfault.core.values import kind_of
from counterfault.operators._build import corruption
from counterfault.operators._fresh import number_in, number_like, taken_in
from counterfault.operators._notice import largest_seen, never_empty, never_negative, reason, told_leaves

examples: tuple[Example, ...] = (
    Example(
        {"order_id": "ORD-88213", "total": 129.9},
        {"order_id": "ORD-88213", "total": -1.0},
        arguments={"order_id": "ORD-88213", "amount": 129.9},
    ),
    Example(
        {"order_id": "ORD-88213", "refund_token": "RT-5512"},
        {"order_id": "ORD-88213", "refund_token": ""},
        arguments={"order_id": "ORD-88213", "token": "RT-5512"},
    ),
)

_INTEGER_END = Decimal(2**31)
_FAR = 1000


def propose(scan: Scan) -> Iterator[Mutation]:
    """The edge values of each used leaf that stand out."""
    taken = taken_in(scan.trace)
    for leaf in told_leaves(scan):
        for variant, new, impossible in _edges(scan, leaf):
            fresh = new == "" or (new is not None and not taken(new))
            why = reason(scan, leaf, impossible) if fresh else ""
            if why:
                yield corruption(f"value.boundary {variant}", leaf, new, why)


def _edges(scan: Scan, leaf: Leaf) -> Iterator[tuple[str, JSON, str]]:
    kind = kind_of(leaf.value, leaf.name)
    number = number_in(leaf.value)
    if kind == "number" and number is not None:
        largest = largest_seen(scan, leaf)
        far = largest is not None and largest * _FAR < _INTEGER_END
        beyond = f"far beyond every {leaf.name} that {leaf.tool} was seen to answer" if far else ""
        yield "zero", number_like(leaf.value, Decimal(0)), ""
        yield "minus one", number_like(leaf.value, Decimal(-1)), never_negative(scan, leaf)
        yield "2^31", number_like(leaf.value, _INTEGER_END), beyond
    elif kind in ("identifier", "name", "date") and isinstance(leaf.value, str) and leaf.value:
        yield "empty", "", f"{leaf.tool} never leaves {leaf.name} empty" if never_empty(scan, leaf) else ""
