"""The connection breaks before an answer comes.

What it does
    Breaks a call off with no status, and nothing was done: once (`transient`) or at every call of the tool
    (`persistent`), as an exception, or as an error result that says so.

Which real incident it imitates
    A server closes an idle connection at the moment at which the client sends on it. Node's default of 5 seconds behind
    a load balancer that keeps connections for 60 is a known source of such resets.

What a good agent does
    It tries again a few times. Where the tool stays away, it does what needs nothing from it and hands over the rest.

Example
    The first call of `get_order` raises a ToolError of kind `unavailable` without a status; the second is answered.
"""

from collections.abc import Iterator

from counterfault.core.edit import Edit, Fault
from counterfault.core.mutant import Example, Mutation
from counterfault.core.scan import Scan
from counterfault.operators._faults import clearing_or_staying
from counterfault.operators._sites import Answer

examples: tuple[Example, ...] = (
    Example({"order_id": "ORD-88213", "total": 129.9}, raises="unavailable", arguments={"amount": 129.9}),
)

_BODY = '{"error": {"type": "unavailable", "message": "connection reset by peer"}}'


def propose(scan: Scan) -> Iterator[Mutation]:
    """A broken connection at each used answer, in both forms."""
    return clearing_or_staying("fault.connection_reset", scan, _variants)


def _variants(_: Answer) -> Iterator[tuple[str, Edit]]:
    yield "exception", Fault("unavailable", "exception")
    yield "result", Fault("unavailable", "result", body=_BODY)
