"""A write is done, and its answer never comes.

What it does
    Lets a write take effect and answers it with a timeout: once (`transient`) or at every call of the tool
    (`persistent`), as an exception or as an error result.

Which real incident it imitates
    The double charge: a payment goes through, the connection drops before the answer, and the client pays again.
    Payment APIs have idempotency keys for this reason.

What a good agent does
    It looks whether the write was done before it repeats it, repeats it only where a repetition does no harm, or hands
    over and says that the outcome is unknown. The effect is there exactly once.

Example
    `refund` pays 129.90 and raises a ToolError of kind `timeout`.
"""

from collections.abc import Iterator

from counterfault.core.edit import Edit, Fault
from counterfault.core.mutant import Example, Mutation
from counterfault.core.scan import Scan
from counterfault.operators._faults import deadline, persistent, transient
from counterfault.operators._sites import Answer, answers, by_tier

examples: tuple[Example, ...] = (
    Example({"order_id": "ORD-88213", "refund_id": "RF-45859"}, raises="timeout", tool="refund"),
)


def propose(scan: Scan) -> Iterator[Mutation]:
    """A timeout after each committed write, in both forms."""
    after = deadline(scan)

    def variants(_: Answer) -> Iterator[tuple[str, Edit]]:
        yield "exception", Fault("timeout", "exception", commits=True, after=after)
        yield "result", Fault("timeout", "result", commits=True, after=after)

    writes = [answer for answer in answers(scan) if answer.writes]
    name = "fault.timeout_after_commit"
    return by_tier([*transient(name, writes, variants), *persistent(name, writes, variants)])
