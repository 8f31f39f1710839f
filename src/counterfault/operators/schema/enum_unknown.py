"""A member holds a word that its set did not have before.

What it does
    Puts a word never seen into a status-like member: in every answer of the tool the known word with a version
    (`versioned`), or in one answer another state altogether (`new state`).

Which real incident it imitates
    With the API version of 11 February 2019 Stripe renamed a payment's status `requires_source` to
    `requires_payment_method`; integrations that switched on the old words fell through to their default branch.

What a good agent does
    It works out what the word means, asks, or hands over; all three are right. It does not treat a state that it does
    not know as the one that it hoped for.

Example
    `{"order_id": "ORD-88213", "status": "completed"}` becomes `{"order_id": "ORD-88213", "status": "completed_v2"}`.
"""

from collections.abc import Iterator

from counterfault.core.edit import Replace, Respell, generalise, respelled
from counterfault.core.mutant import Example, Mutation
from counterfault.core.scan import Scan
from counterfault.operators._build import drift, drift_here
from counterfault.operators._enums import enum_fields, is_state
from counterfault.operators._sites import answer_at

examples: tuple[Example, ...] = (
    Example(
        {"order_id": "ORD-88213", "status": "completed"},
        {"order_id": "ORD-88213", "status": "completed_v2"},
        arguments={"order_id": "ORD-88213"},
    ),
    Example(
        {"order_id": "ORD-88213", "status": "completed"},
        {"order_id": "ORD-88213", "status": "pending_settlement"},
        arguments={"order_id": "ORD-88213"},
    ),
)


def propose(scan: Scan) -> Iterator[Mutation]:
    """An unknown word for each enum-like member, and a second one where it is a state."""
    for field in enum_fields(scan):
        leaf = field.leaf
        seen = scan.corpus.values.get((leaf.tool, generalise(leaf.pointer, answer_at(scan, leaf.step))), ())
        if respelled(leaf.value, "versioned") not in seen:
            yield drift("schema.enum_unknown versioned", "adapt", leaf, Respell(field.pattern, "versioned"))
        new = "PENDING_SETTLEMENT" if str(leaf.value).isupper() else "pending_settlement"
        if is_state(field.name) and new not in seen:
            yield drift_here("schema.enum_unknown new state", "adapt", leaf, (Replace(leaf.pointer, new),))
