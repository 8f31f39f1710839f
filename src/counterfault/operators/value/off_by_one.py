"""A count or a date is one off.

What it does
    Adds or takes 1 from a whole number, or moves a date by a day, at one place of one answer. Only where another answer
    or the user says the true one.

Which real incident it imitates
    On 29 February 2012 Azure's servers made certificates that ended one year later by adding 1 to the year. There was
    no 29 February 2013, and the cloud stood still for hours. Time zones move dates by a day every day.

What a good agent does
    It notices that two sources disagree, and reads again, asks or hands over.

Example
    `{"order_id": "ORD-88213", "delivered_at": "2026-03-03"}` becomes
    `{"order_id": "ORD-88213", "delivered_at": "2026-03-04"}`, and the user had said 3 March.
"""

from collections.abc import Iterator

from counterfault.core.jsontree import JSON
from counterfault.core.mutant import Example, Mutation
from counterfault.core.scan import Leaf, Scan
from counterfault.core.values import kind_of
from counterfault.operators._build import corruption
from counterfault.operators._fresh import number_in, number_like, shifted_date, taken_in
from counterfault.operators._notice import second_source, told_leaves

examples: tuple[Example, ...] = (
    Example(
        {"order_id": "ORD-88213", "delivered_at": "2026-03-03"},
        {"order_id": "ORD-88213", "delivered_at": "2026-03-04"},
        arguments={"order_id": "ORD-88213", "delivered": "2026-03-03"},
    ),
)


def propose(scan: Scan) -> Iterator[Mutation]:
    """Both neighbours of each used whole number and date that has a second source."""
    taken = taken_in(scan.trace)
    for leaf in told_leaves(scan):
        near = [(variant, new) for variant, new in _neighbours(leaf) if not taken(new)]
        why = second_source(scan, leaf) if near else ""
        for variant, new in near if why else ():
            yield corruption(f"value.off_by_one {variant}", leaf, new, why)


def _neighbours(leaf: Leaf) -> Iterator[tuple[str, JSON]]:
    kind = kind_of(leaf.value, leaf.name)
    number = number_in(leaf.value)
    if kind == "number" and number is not None and "." not in str(leaf.value):
        yield "one more", number_like(leaf.value, number + 1)
        yield "one less", number_like(leaf.value, number - 1)
    elif kind == "date" and isinstance(leaf.value, str):
        for variant, days in (("next day", 1), ("day before", -1)):
            if date := shifted_date(leaf.value, days):
                yield variant, date
