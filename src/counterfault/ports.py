"""Every seam of the house on one page. A plug-in is one module (or entry point) that fits one of these protocols."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, BinaryIO, Protocol, TypeVar

from counterfault.core.attempt import Attempt, WorkItem
from counterfault.core.errors import InputError
from counterfault.core.events import Event
from counterfault.core.mutant import Example, Mutation
from counterfault.core.outcome import Finding, Judgement
from counterfault.core.scan import Scan
from counterfault.core.trace import Trace

Item = TypeVar("Item", contravariant=True)
Result = TypeVar("Result", covariant=True)


class Operator(Protocol):
    """``operators/<family>/<name>.py``: a pure, named proposer of mutations."""

    examples: Sequence[Example]

    def propose(self, scan: Scan) -> Iterator[Mutation]:
        """Every mutation that this operator has for the recording, lowest tier first; the plan samples, not it."""


class TraceFormat(Protocol):
    """``formats/<name>.py``: reads one kind of trace file."""

    def sniff(self, head: bytes) -> bool:
        """Whether a file that begins with ``head`` is in this format, by content."""

    def read(self, stream: BinaryIO, file: str) -> Iterator[Trace | InputError]:
        """The traces of the file; a damaged record is an InputError, and the rest goes on."""
