"""An answer with status 200 whose body says that the call failed.

What it does
    Answers a call with an error body and no error flag, and nothing was done: once (`transient`) or at every call of
    the tool (`persistent`). The body is one that the tool itself was recorded with (`observed`), else a common one
    (`generic`).

Which real incident it imitates
    Slack's web API answers every handled request with status 200 and says `"ok": false` in the body; GraphQL does the
    same with `errors`. Clients that look at the status see success.

What a good agent does
    It reads the body. It takes no value from it, does not say that the write was done, and tries again or hands over.

Example
    `{"order_id": "ORD-88213", "total": 129.9}` becomes
    `{"status": "error", "message": "the request could not be processed"}`.
"""

from collections.abc import Iterator

from counterfault.core.edit import Fault
from counterfault.core.mutant import Example, Mutation
from counterfault.core.scan import Scan
from counterfault.core.values import tokens
from counterfault.operators._faults import fault
from counterfault.operators._sites import Answer, answers, by_tier, first_per_tool

examples: tuple[Example, ...] = (
    Example(
        {"order_id": "ORD-88213", "total": 129.9},
        {"status": "error", "message": "the request could not be processed"},
        arguments={"amount": 129.9},
    ),
)

_GENERIC = '{"status": "error", "message": "the request could not be processed"}'
_WHY = "the body says that the call failed"


def propose(scan: Scan) -> Iterator[Mutation]:
    """An unflagged error body for each used answer, and for each tool."""
    found = answers(scan)
    return by_tier(
        [
            *(_failed(scan, answer, "transient", 1) for answer in found),
            *(_failed(scan, answer, "persistent", None) for answer in first_per_tool(found)),
        ]
    )


def _failed(scan: Scan, answer: Answer, how: str, times: int | None) -> Mutation:
    observed = _own_error(scan, answer.call.tool)
    body, origin = (observed, "observed") if observed else (_GENERIC, "generic")
    edit = Fault("error", "result", 200, body=body, flag=False)
    return fault(f"fault.error_in_ok {origin} {how}", "detect", answer, edit, times, _WHY)


def _own_error(scan: Scan, tool: str) -> str | None:
    """A recorded error of the tool that speaks of no record, number or date: those would be another run's."""
    foreign = ("identifier", "number", "date")
    texts = scan.corpus.errors.get(tool, ())
    return next((text for text in texts if not any(token.kind in foreign for token in tokens(text))), None)
