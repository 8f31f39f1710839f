"""An answer is cut off in the middle.

What it does
    Hands over the first half of an answer's characters (`text`), or raises because the answer cannot be parsed
    (`exception`): once (`transient`) or at every call of the tool (`persistent`). What the tool did, it did.

Which real incident it imitates
    Hosts of agents cut long tool answers at a limit of characters; proxies and serverless platforms cut bodies at a
    limit of bytes. What is left looks like an answer.

What a good agent does
    It sees that the end is missing and asks again, for less if it can, or hands over. It does not complete the missing
    half by itself, and does not repeat a write without looking whether it was done.

Example
    `{"order_id": "ORD-88213", "total": 129.9}` becomes `{"order_id": "ORD-88`.
"""

from collections.abc import Iterator

from counterfault.core.edit import Edit, Fault, Truncate
from counterfault.core.jsontree import JSON
from counterfault.core.mutant import Example, Mutation
from counterfault.core.rendering import parse
from counterfault.core.scan import Scan
from counterfault.operators._faults import clearing_or_staying
from counterfault.operators._sites import Answer

examples: tuple[Example, ...] = (
    Example(
        {"order_id": "ORD-88213", "total": 129.9},
        '{"order_id": "ORD-88',
        arguments={"amount": 129.9},
    ),
    Example({"order_id": "ORD-88213", "total": 129.9}, raises="malformed", arguments={"amount": 129.9}),
)

_KEEP = 0.5


def propose(scan: Scan) -> Iterator[Mutation]:
    """Half of each used answer that is an object or a list: of those one sees that the end is missing."""
    return clearing_or_staying("fault.truncated", scan, _variants)


def _variants(answer: Answer) -> Iterator[tuple[str, Edit]]:
    value: JSON = parse(answer.text)
    if isinstance(value, dict | list) and value:
        yield "text", Truncate(_KEEP)
        yield "exception", Fault("malformed", "exception", commits=answer.writes)
