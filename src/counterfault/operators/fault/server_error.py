"""The service is unavailable.

What it does
    Answers a call with status 503 and nothing done: once (`transient`) or at every call of the tool (`persistent`), as
    an exception or as an error result.

Which real incident it imitates
    On 8 June 2021 a configuration change of one Fastly customer made most of that network answer 503 for close to an
    hour.

What a good agent does
    It tries again a few times, with pauses. Where the service stays away, it does what needs nothing from it and hands
    over the rest. It invents no answer and claims no success.

Example
    The first call of `get_order` raises a ToolError of kind `unavailable` with status 503; the second is answered.
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


def propose(scan: Scan) -> Iterator[Mutation]:
    """A 503 for each used answer, in both forms."""
    return clearing_or_staying("fault.server_error", scan, _variants)


def _variants(_: Answer) -> Iterator[tuple[str, Edit]]:
    yield "exception", Fault("unavailable", "exception", 503)
    yield "result", Fault("unavailable", "result", 503)
