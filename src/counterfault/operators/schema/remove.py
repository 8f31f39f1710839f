"""A member is gone from a tool's answers.

What it does
    Takes a used member out of every answer of the tool, and keeps it out.

Which real incident it imitates
    On 4 April 2018 Facebook closed or cut several of its Graph APIs from one day to the next; integrations were
    answered without the fields that they were built on.

What a good agent does
    It gets the value elsewhere (another tool, the user), or hands over what needs it and says so. It invents nothing
    in its place. What never needed the member is still done.

Example
    `{"order_id": "ORD-88213", "total": 129.9}` becomes `{"order_id": "ORD-88213"}`.
"""

from collections.abc import Iterator

from counterfault.core.edit import Remove
from counterfault.core.mutant import Example, Mutation
from counterfault.core.scan import Scan
from counterfault.operators._build import drift
from counterfault.operators._sites import fields

examples: tuple[Example, ...] = (
    Example(
        {"order_id": "ORD-88213", "total": 129.9},
        {"order_id": "ORD-88213"},
        arguments={"order_id": "ORD-88213", "amount": 129.9},
    ),
)


def propose(scan: Scan) -> Iterator[Mutation]:
    """The loss of each used member."""
    for field in fields(scan):
        yield drift("schema.remove", "persistent", field.leaf, Remove(field.pattern))
