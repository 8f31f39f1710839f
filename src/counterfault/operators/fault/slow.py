"""An answer comes late.

What it does
    Delays every answer of a tool to 80 % of the caller's deadline (`within the deadline`), or one answer, or all of
    them, to three times the deadline (`beyond the deadline`), where the caller gets a timeout. Time is virtual.

Which real incident it imitates
    The tail of every large service: Dean and Barroso, "The Tail at Scale" (2013), show how one slow answer in a hundred
    becomes most requests as soon as a request needs many answers.

What a good agent does
    Within the deadline it goes on as before. Beyond it, it tries again a few times, then does what needs nothing from
    the tool and hands over the rest.

Example
    `get_order` answers after 2.4 s where the deadline is 3 s.
"""

from collections.abc import Iterator

from counterfault.core.edit import Delay, Edit
from counterfault.core.mutant import Example, Mutation
from counterfault.core.scan import Scan
from counterfault.operators._faults import deadline, fault, persistent, transient
from counterfault.operators._sites import Answer, answers, by_tier, first_per_tool

examples: tuple[Example, ...] = (
    Example(
        {"order_id": "ORD-88213", "total": 129.9},
        {"order_id": "ORD-88213", "total": 129.9},
        arguments={"amount": 129.9},
    ),
)

_WITHIN, _BEYOND = 0.8, 3.0


def propose(scan: Scan) -> Iterator[Mutation]:
    """Each tool slow within the deadline; each used answer, and each tool, beyond it."""
    limit = deadline(scan)
    found = answers(scan)
    late = Delay(round(limit * _WITHIN, 3))

    def beyond(_: Answer) -> Iterator[tuple[str, Edit]]:
        yield "beyond the deadline", Delay(round(limit * _BEYOND, 3))

    within = [
        fault("fault.slow within the deadline", "invariant", answer, late, times=None)
        for answer in first_per_tool(found)
    ]
    return by_tier([*within, *transient("fault.slow", found, beyond), *persistent("fault.slow", found, beyond)])
