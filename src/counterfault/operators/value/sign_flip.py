"""A positive number is negative.

What it does
    Puts a minus before a number at one place of one answer. Only where a second source says the true one, or where the
    tool was never seen to answer such a value below zero.

Which real incident it imitates
    On 20 April 2020 the price of oil for May fell to −37.63 dollars; trading software that had never met a negative
    price showed wrong values and took wrong orders.

What a good agent does
    It sees that the value cannot be, and reads again, asks or hands over. It pays out no negative amount, nor its
    opposite.

Example
    `{"order_id": "ORD-88213", "total": 129.9}` becomes `{"order_id": "ORD-88213", "total": -129.9}`.
"""

from collections.abc import Iterator

from counterfault.core.mutant import Example, Mutation
from counterfault.core.scan import Scan
from counterfault.core.values import kind_of
from counterfault.operators._build import corruption
from counterfault.operators._fresh import number_in, number_like, taken_in
from counterfault.operators._notice import never_negative, reason, told_leaves

examples: tuple[Example, ...] = (
    Example(
        {"order_id": "ORD-88213", "total": 129.9},
        {"order_id": "ORD-88213", "total": -129.9},
        arguments={"order_id": "ORD-88213", "amount": 129.9},
    ),
)


def propose(scan: Scan) -> Iterator[Mutation]:
    """The opposite of each used positive number where it stands out."""
    taken = taken_in(scan.trace)
    for leaf in told_leaves(scan):
        number = number_in(leaf.value)
        if number is None or number <= 0 or kind_of(leaf.value, leaf.name) != "number":
            continue
        new = number_like(leaf.value, -number)
        why = reason(scan, leaf, never_negative(scan, leaf))
        if why and new is not None and not taken(new):
            yield corruption("value.sign_flip", leaf, new, why)
