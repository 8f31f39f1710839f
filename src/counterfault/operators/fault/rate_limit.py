"""A call is refused because there were too many.

What it does
    Answers a call with status 429 and nothing done: with a time to wait (`told`, Retry-After: 2) or without one
    (`untold`), once or at every call of the tool, as an exception or as an error result.

Which real incident it imitates
    GitHub's secondary rate limits: an integration that works for months is answered 429 (RFC 6585) or 403 with
    Retry-After on the first busy day.

What a good agent does
    It waits as long as it was told, or a growing while, and tries again a few times. Where the limit stays, it does
    what needs nothing from the tool and hands over the rest.

Example
    The first call of `get_order` raises a ToolError of kind `rate_limited` with `retry_after` 2; the next is answered.
"""

from collections.abc import Iterator

from counterfault.core.edit import Edit, Fault
from counterfault.core.mutant import Example, Mutation
from counterfault.core.scan import Scan
from counterfault.operators._faults import clearing_or_staying
from counterfault.operators._sites import Answer

examples: tuple[Example, ...] = (
    Example({"order_id": "ORD-88213", "total": 129.9}, raises="rate_limited", arguments={"amount": 129.9}),
)

_RETRY_AFTER_S = 2.0
_TOLD = (
    '{"error": {"type": "rate_limited", "message": "429 Too Many Requests, retry after 2 seconds", "retry_after": 2}}'
)


def propose(scan: Scan) -> Iterator[Mutation]:
    """A refusal of each used answer, in both forms, with and without a time to wait."""
    return clearing_or_staying("fault.rate_limit", scan, _variants)


def _variants(_: Answer) -> Iterator[tuple[str, Edit]]:
    yield "told exception", Fault("rate_limited", "exception", 429, _RETRY_AFTER_S)
    # In the result form the body is all that the agent sees, so the time to wait stands in it.
    yield "told result", Fault("rate_limited", "result", 429, _RETRY_AFTER_S, body=_TOLD)
    yield "untold exception", Fault("rate_limited", "exception", 429)
