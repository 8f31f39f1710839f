"""A member of a tool's answers is null.

What it does
    Puts null in the place of a used member in every answer of the tool, and keeps it there.

Which real incident it imitates
    GitHub's user API answers `"email": null` for people who keep their address private: the member is there, the
    value is not.

What a good agent does
    It gets the value elsewhere (another tool, the user), or hands over what needs it and says so. It does not write
    null, an empty text or a likely value into the next call.

Example
    `{"order_id": "ORD-88213", "total": 129.9}` becomes `{"order_id": "ORD-88213", "total": null}`.
"""

from collections.abc import Iterator

from counterfault.core.edit import Replace
from counterfault.core.jsontree import get
from counterfault.core.mutant import Example, Mutation
from counterfault.core.scan import Scan
from counterfault.operators._build import drift
from counterfault.operators._sites import answer_at, fields

examples: tuple[Example, ...] = (
    Example(
        {"order_id": "ORD-88213", "total": 129.9},
        {"order_id": "ORD-88213", "total": None},
        arguments={"order_id": "ORD-88213", "amount": 129.9},
    ),
)


def propose(scan: Scan) -> Iterator[Mutation]:
    """Null for each used member that is not null already."""
    for field in fields(scan):
        if get(answer_at(scan, field.leaf.step), field.pointer) is not None:
            yield drift("schema.null", "persistent", field.leaf, Replace(field.pattern, None))
