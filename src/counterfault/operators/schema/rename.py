"""A member of a tool's answers has another name.

What it does
    Renames a used member in every answer of the tool, at its old place: in another case (`case`), by another word
    (`synonym`), or by a name that says nothing (`opaque`).

Which real incident it imitates
    The airline data set of τ-bench calls a part of an address `state` today; agents recorded earlier were answered
    `province`. No version number says so.

What a good agent does
    Under another case it goes on as before: the name is plainly the same. Under a synonym or an opaque name it finds
    the value by what it is and where it stands, or hands over. It never fills the gap with a value of its own.

Example
    `{"order_id": "ORD-88213", "total": 129.9}` becomes `{"order_id": "ORD-88213", "grand_total": 129.9}`.
"""

from collections.abc import Iterator

from counterfault.core.edit import Rename
from counterfault.core.jsontree import get, members, parent_of
from counterfault.core.mutant import Example, Mutation, Relation
from counterfault.core.scan import Scan
from counterfault.operators._build import drift
from counterfault.operators._names import opaque, other_case, synonym
from counterfault.operators._sites import Field, answer_at, fields

examples: tuple[Example, ...] = (
    Example(
        {"order_id": "ORD-88213", "total": 129.9},
        {"order_id": "ORD-88213", "grand_total": 129.9},
        arguments={"order_id": "ORD-88213", "amount": 129.9},
    ),
    Example(
        {"order_id": "ORD-88213", "total": 129.9},
        {"orderId": "ORD-88213", "total": 129.9},
        arguments={"order_id": "ORD-88213", "amount": 129.9},
    ),
)


def propose(scan: Scan) -> Iterator[Mutation]:
    """Up to three other names for each used member."""
    for field in fields(scan):
        parent, name = parent_of(field.pointer)
        siblings = members(get(answer_at(scan, field.leaf.step), parent))
        for variant, relation, new in _names(field):
            if new and new != name and new not in siblings:
                yield drift(f"schema.rename {variant}", relation, field.leaf, Rename(field.pattern, new))


def _names(field: Field) -> Iterator[tuple[str, Relation, str | None]]:
    yield "case", "invariant", other_case(field.name)
    yield "synonym", "adapt", synonym(field.name)
    yield "opaque", "adapt", opaque(field.leaf.tool, field.name)
