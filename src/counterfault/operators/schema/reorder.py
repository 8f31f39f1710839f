"""The members of an object stand in another order.

What it does
    Reverses the order of the members of the object that holds a used one, in every answer of the tool. The order of
    lists, which may mean something, is never touched.

Which real incident it imitates
    A service changes its JSON library, or iterates over a map whose order is not fixed (Go's is random on purpose).
    RFC 8259 calls an object an unordered collection, so nobody announces it.

What a good agent does
    Exactly what it did before.

Example
    `{"order_id": "ORD-88213", "total": 129.9}` becomes `{"total": 129.9, "order_id": "ORD-88213"}`.
"""

from collections.abc import Iterator

from counterfault.core.edit import Reorder
from counterfault.core.jsontree import get
from counterfault.core.mutant import Example, Mutation
from counterfault.core.scan import Scan
from counterfault.operators._build import drift
from counterfault.operators._sites import answer_at, holders

examples: tuple[Example, ...] = (
    Example(
        {"order_id": "ORD-88213", "total": 129.9},
        {"total": 129.9, "order_id": "ORD-88213"},
        arguments={"order_id": "ORD-88213", "amount": 129.9},
    ),
)


def propose(scan: Scan) -> Iterator[Mutation]:
    """The reverse order for each object with a used member and at least one more."""
    for holder in holders(scan):
        node = get(answer_at(scan, holder.leaf.step), holder.pointer)
        if isinstance(node, dict) and len(node) > 1:
            yield drift("schema.reorder", "invariant", holder.leaf, Reorder(holder.pattern), pointer=holder.pointer)
