"""An answer is not in the syntax that it should be in.

What it does
    Breaks the syntax of an answer without shortening it much: quotes and closing brackets are lost (`text`), or the
    call raises because nothing can be parsed (`exception`). Once (`transient`) or at every call of the tool
    (`persistent`). What the tool did, it did.

Which real incident it imitates
    A template that writes JSON by hand and forgets to escape; a proxy that answers in another content type. The bytes
    arrive with status 200.

What a good agent does
    It asks again, or hands over. Values that can still be read for sure may be used; none is guessed. A write is not
    repeated without looking whether it was done.

Example
    `{"order_id": "ORD-88213", "total": 129.9}` becomes `{order_id: ORD-88213, total: 129.9`.
"""

from collections.abc import Iterator

from counterfault.core.edit import Edit, Fault, Garble, on_text
from counterfault.core.mutant import Example, Mutation
from counterfault.core.rendering import form_of
from counterfault.core.scan import Scan
from counterfault.operators._faults import clearing_or_staying
from counterfault.operators._sites import Answer

examples: tuple[Example, ...] = (
    Example(
        {"order_id": "ORD-88213", "total": 129.9},
        "{order_id: ORD-88213, total: 129.9",
        arguments={"amount": 129.9},
    ),
    Example({"order_id": "ORD-88213", "total": 129.9}, raises="malformed", arguments={"amount": 129.9}),
)


def propose(scan: Scan) -> Iterator[Mutation]:
    """Broken syntax for each used answer that has one."""
    return clearing_or_staying("fault.malformed", scan, _variants)


def _variants(answer: Answer) -> Iterator[tuple[str, Edit]]:
    broken = on_text(answer.text, Garble())
    if form_of(answer.text) != "text" and broken != answer.text and form_of(broken) == "text":
        yield "text", Garble()
        yield "exception", Fault("malformed", "exception", commits=answer.writes)
