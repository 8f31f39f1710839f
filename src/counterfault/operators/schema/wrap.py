"""A tool's answers come in an envelope.

What it does
    Puts the whole of every answer of the tool under one new member: `data` (`one`), or `response` and in it `data`
    (`two`).

Which real incident it imitates
    An API moves behind a gateway or to a framework that wraps: Laravel's API resources put everything under `data`
    unless told not to, and JSON:API asks for it.

What a good agent does
    It looks inside and goes on as before: nothing is missing, nothing is in doubt.

Example
    `{"order_id": "ORD-88213", "total": 129.9}` becomes `{"data": {"order_id": "ORD-88213", "total": 129.9}}`.
"""

from collections.abc import Iterator

from counterfault.core.edit import Wrap
from counterfault.core.mutant import Example, Mutation
from counterfault.core.scan import Leaf, Scan
from counterfault.operators._build import drift
from counterfault.operators._sites import used_leaves

examples: tuple[Example, ...] = (
    Example(
        {"order_id": "ORD-88213", "total": 129.9},
        {"data": {"order_id": "ORD-88213", "total": 129.9}},
        arguments={"order_id": "ORD-88213", "amount": 129.9},
    ),
)


def propose(scan: Scan) -> Iterator[Mutation]:
    """Both envelopes for each tool of whose answers something was used."""
    best: dict[str, Leaf] = {}
    for leaf in used_leaves(scan):
        best.setdefault(leaf.tool, leaf)
    for leaf in best.values():
        yield drift("schema.wrap one", "invariant", leaf, Wrap("", "data"), pointer="")
        yield drift("schema.wrap two", "invariant", leaf, Wrap("", "data"), Wrap("", "response"), pointer="")
