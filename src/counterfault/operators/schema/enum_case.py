"""A word of a fixed set is written in another case.

What it does
    Writes a status-like word in capitals, or in small letters where it was in capitals, at every place of the member,
    in every answer of the tool.

Which real incident it imitates
    PayPal's payments API answers `completed` in its first version and `COMPLETED` in its second.

What a good agent does
    It takes the word for the same one and goes on as before. An agent that compares texts exactly takes the other
    branch, and often says that all is well.

Example
    `{"order_id": "ORD-88213", "status": "completed"}` becomes `{"order_id": "ORD-88213", "status": "COMPLETED"}`.
"""

from collections.abc import Iterator

from counterfault.core.edit import Respell
from counterfault.core.mutant import Example, Mutation
from counterfault.core.scan import Scan
from counterfault.operators._build import drift
from counterfault.operators._enums import enum_fields

examples: tuple[Example, ...] = (
    Example(
        {"order_id": "ORD-88213", "status": "completed"},
        {"order_id": "ORD-88213", "status": "COMPLETED"},
        arguments={"order_id": "ORD-88213"},
    ),
)


def propose(scan: Scan) -> Iterator[Mutation]:
    """The other case of each enum-like member."""
    for field in enum_fields(scan):
        yield drift("schema.enum_case", "invariant", field.leaf, Respell(field.pattern, "other_case"))
