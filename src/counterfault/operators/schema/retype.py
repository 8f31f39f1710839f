"""A member of an answer has another JSON type.

What it does
    Writes a number as a string, a numeric string as a number, and a boolean as `"yes"` or `"no"`, at every place of
    the member, in every answer of the tool.

Which real incident it imitates
    In 2010 Twitter's status ids outgrew the 53 bits of a JavaScript number; clients had to change from the number `id`
    to the string `id_str`.

What a good agent does
    Where the value can be read back for sure (`number to string`, `string to number`) it goes on as before. `"yes"`
    for true can be understood or be handed over; it is not taken for its opposite.

Example
    `{"order_id": "ORD-88213", "total": 129.9}` becomes `{"order_id": "ORD-88213", "total": "129.9"}`.
"""

from collections.abc import Iterator

from counterfault.core.edit import Respell, Spelling
from counterfault.core.jsontree import JSON
from counterfault.core.mutant import Example, Mutation, Relation
from counterfault.core.scan import Scan
from counterfault.core.values import number_norm
from counterfault.operators._build import drift
from counterfault.operators._sites import fields

examples: tuple[Example, ...] = (
    Example(
        {"order_id": "ORD-88213", "total": 129.9},
        {"order_id": "ORD-88213", "total": "129.9"},
        arguments={"order_id": "ORD-88213", "amount": 129.9},
    ),
    Example({"order_id": "ORD-88213", "paid": True}, {"order_id": "ORD-88213", "paid": "yes"}),
)


def propose(scan: Scan) -> Iterator[Mutation]:
    """The other type of each used member whose value has one."""
    for field in fields(scan):
        form = _form(field.leaf.value)
        if form is not None and field.leaf.pointer == field.pointer:
            variant, relation, spelling = form
            yield drift(f"schema.retype {variant}", relation, field.leaf, Respell(field.pattern, spelling))


def _form(value: JSON) -> tuple[str, Relation, Spelling] | None:
    if isinstance(value, bool):
        return "boolean to word", "adapt", "word"
    if isinstance(value, int | float):
        return "number to string", "invariant", "text"
    # A leading zero, a trailing one or more digits than a double holds would be lost on the way back.
    exact = isinstance(value, str) and len(value) <= 15 and number_norm(value) == value
    return ("string to number", "invariant", "number") if exact else None
