"""A call times out, and nothing was done.

What it does
    Answers a call with a timeout at the caller's deadline, before the tool did anything: once (`transient`) or at every
    call of the tool (`persistent`), as an exception or as an error result.

Which real incident it imitates
    On 7 December 2021 a congested network in one AWS region made calls to many services slow or fail for hours.

What a good agent does
    It tries again a few times, not for ever. Where the tool stays away, it does what needs nothing from it and hands
    over the rest. It invents no answer and claims no success.

Example
    The first call of `get_order` raises a ToolError of kind `timeout` after 3 s; the second is answered.
"""

from collections.abc import Iterator

from counterfault.core.edit import Edit, Fault
from counterfault.core.mutant import Example, Mutation
from counterfault.core.scan import Scan
from counterfault.operators._faults import clearing_or_staying, deadline
from counterfault.operators._sites import Answer

examples: tuple[Example, ...] = (
    Example({"order_id": "ORD-88213", "total": 129.9}, raises="timeout", arguments={"amount": 129.9}),
)


def propose(scan: Scan) -> Iterator[Mutation]:
    """A timeout of each used answer, in both forms."""
    after = deadline(scan)

    def variants(_: Answer) -> Iterator[tuple[str, Edit]]:
        yield "exception", Fault("timeout", "exception", after=after)
        yield "result", Fault("timeout", "result", after=after)

    return clearing_or_staying("fault.timeout", scan, variants)
