"""The members of an inner object have moved up into the outer one.

What it does
    Moves the members of an inner object that holds a used one into its parent, in every answer of the tool, where no
    two names meet and none of them needs the inner object's name to be understood.

Which real incident it imitates
    An endpoint is rewritten from a document store to a table, and `name.first_name` becomes `first_name`; the reverse
    of the envelope that a gateway adds.

What a good agent does
    It finds the members one level higher and goes on as before.

Example
    `{"order_id": "ORD-88213", "payment": {"amount_paid": 129.9, "paid_at": "2026-02-27"}}` becomes
    `{"order_id": "ORD-88213", "amount_paid": 129.9, "paid_at": "2026-02-27"}`.
"""

from collections.abc import Iterator

from counterfault.core.edit import Flatten
from counterfault.core.jsontree import get, parent_of, split
from counterfault.core.mutant import Example, Mutation
from counterfault.core.scan import Scan
from counterfault.operators._build import drift
from counterfault.operators._sites import answer_at, holders

examples: tuple[Example, ...] = (
    Example(
        {"order_id": "ORD-88213", "payment": {"amount_paid": 129.9, "paid_at": "2026-02-27"}},
        {"order_id": "ORD-88213", "amount_paid": 129.9, "paid_at": "2026-02-27"},
        arguments={"order_id": "ORD-88213", "amount": 129.9},
    ),
)


def propose(scan: Scan) -> Iterator[Mutation]:
    """The loss of one level for each inner object with a used member."""
    for holder in holders(scan):
        path = split(holder.pattern)
        if not path or path[-1] == "*":
            continue
        tree = answer_at(scan, holder.leaf.step)
        outer, inner = get(tree, parent_of(holder.pointer)[0]), get(tree, holder.pointer)
        if not isinstance(outer, dict) or not isinstance(inner, dict):
            continue
        if inner.keys() & outer.keys() or not all(map(_speaks, inner)):
            continue
        yield drift("schema.flatten", "invariant", holder.leaf, Flatten(holder.pattern), pointer=holder.pointer)


def _speaks(name: str) -> bool:
    """Whether a member's name is of two words or more, and so understood without what it stands in.

    One level higher, a customer's ``name`` would be the ticket's.
    """
    return "_" in name or "-" in name or any(char.isupper() for char in name[1:])
