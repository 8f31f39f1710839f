"""Rules over finite runs, in three truth values, and what a policy sees of a run.

A rule is *true* (kept), *unknown* (the run does not show it) or *false* (broken). The values are ordered true < unknown
< false, from good to bad; several are merged by the worst of them. This is strong Kleene logic (S. C. Kleene,
*Introduction to Metamathematics*, 1952, §64): ``worst`` is its "and", ``best`` its "or".

Every rule here is a safety property that speaks of the past only: what it says of a call depends on that call and the
calls before it. So a violation, once proved, stays proved however the run goes on. Counts of which not every occurrence
is sure are a ``Span``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, Protocol, TypeAlias

from counterfault.core.effects import State, is_refusal
from counterfault.core.jsontree import JSON
from counterfault.core.trace import Step, ToolCall, ToolResult

Truth: TypeAlias = Literal["true", "unknown", "false"]

_BY_BADNESS: tuple[Truth, ...] = ("true", "unknown", "false")
_STANDING: Mapping[State, Truth] = {"committed": "true", "unknown": "unknown", "refused": "false"}
ZERO = Decimal(0)
ENDLESS = Decimal("Infinity")


def worst(truths: Iterable[Truth]) -> Truth:
    """Whether all hold: the worst of them; true where there are none."""
    return max(truths, key=_BY_BADNESS.index, default="true")


def best(truths: Iterable[Truth]) -> Truth:
    """Whether any holds: the best of them; false where there are none."""
    return min(truths, key=_BY_BADNESS.index, default="false")


def negate(truth: Truth) -> Truth:
    """The opposite; what is unknown stays unknown."""
    return _BY_BADNESS[2 - _BY_BADNESS.index(truth)]


def implies(condition: Truth, conclusion: Truth) -> Truth:
    """Whether ``conclusion`` holds where ``condition`` does."""
    return best((negate(condition), conclusion))


@dataclass(frozen=True, slots=True)
class Span:
    """A number of which the run shows only the bounds, both inclusive."""

    low: Decimal = ZERO
    high: Decimal = ZERO

    def __add__(self, other: "Span") -> "Span":
        return Span(self.low + other.low, self.high + other.high)

    def __sub__(self, other: "Span") -> "Span":
        return Span(self.low - other.high, self.high - other.low)

    def at_most(self, limit: Decimal) -> Truth:
        """Whether the number is ``limit`` or less."""
        return "true" if self.high <= limit else "false" if self.low > limit else "unknown"

    def at_least(self, limit: Decimal) -> Truth:
        """Whether the number is ``limit`` or more."""
        return "true" if self.low >= limit else "false" if self.high < limit else "unknown"


ONE = Span(Decimal(1), Decimal(1))


def tally(truths: Iterable[Truth]) -> Span:
    """How many of these hold: from the sure ones to those that may."""
    return sum((weighed(truth, ONE) for truth in truths), Span())


def weighed(truth: Truth, amount: Span) -> Span:
    """What an occurrence adds to a sum: its amount where it is true, nothing where it is false, else either."""
    if truth == "true":
        return amount
    return Span() if truth == "false" else Span(min(ZERO, amount.low), max(ZERO, amount.high))


@dataclass(frozen=True, slots=True)
class PolicyCall:
    """A tool call as a policy sees it: what was asked, what was answered, and what became of it.

    ``result`` is the parsed answer (the text, where it does not parse; None without an answer or where one was raised).
    ``state`` is None where nobody said. ``error`` is the recorded error flag. Calls that share a ``turn`` were made in
    parallel: neither had seen the other's answer; None: made alone.
    """

    step: int
    tool: str
    arguments: Mapping[str, JSON]
    result: JSON = None
    state: State | None = None
    answered: bool = True
    text: str = ""
    raised: str | None = None
    error: bool | None = None
    turn: int | None = None

    @property
    def refused(self) -> bool:
        """Whether the answer says that the call failed (``effects.is_refusal``)."""
        return self.answered and is_refusal(ToolResult(self.text, self.error, self.raised))

    @property
    def took_hold(self) -> Truth:
        """Whether the call was committed: what is known of it, else what its answer shows."""
        if self.state is not None:
            return _STANDING[self.state]
        return "unknown" if not self.answered else "false" if self.refused else "true"

    def saw(self, earlier: "PolicyCall") -> bool:
        """Whether the agent could know the answer to an ``earlier`` call when it made this one."""
        return self.turn is None or self.turn != earlier.turn


def policy_calls(steps: Iterable[Step], states: Mapping[int, State] | None = None) -> tuple[PolicyCall, ...]:
    """The tool calls of a run, recorded or replayed, in order. ``states`` says by step what became of the writes."""
    return tuple(
        _seen(index, step, (states or {}).get(index)) for index, step in enumerate(steps) if isinstance(step, ToolCall)
    )


def _seen(index: int, call: ToolCall, state: State | None) -> PolicyCall:
    result = call.result
    if result is None:
        return PolicyCall(index, call.tool, call.arguments, state=state, answered=False, turn=call.turn)
    value = None if result.raised else result.value
    return PolicyCall(
        index, call.tool, call.arguments, value, state, True, result.text, result.raised, result.error, call.turn
    )


@dataclass(frozen=True, slots=True)
class Violation:
    """A call at which a policy is broken (``truth`` false), or may be (unknown).

    ``policy`` is the rule's name, ``code`` its form. ``message`` is one sentence for a stranger. ``pointer`` names what
    the rule read of the call (empty: the call as a whole), ``value`` what stood there.
    """

    policy: str
    code: str
    step: int
    tool: str
    message: str
    truth: Truth = "false"
    pointer: str = ""
    value: JSON = None


class Policy(Protocol):
    """A rule that every run must keep, compiled by ``policies/<form>.py``: ``compile(name, settings) -> Policy``."""

    @property
    def name(self) -> str:
        """What the user calls the rule."""

    @property
    def named_paths(self) -> tuple[tuple[str, str], ...]:
        """What the rule reads of answers: a tool's name or glob, and a pointer into its result."""

    @property
    def priors(self) -> tuple[str, ...]:
        """The tools, by name or glob, whose answers grant an approval."""

    @property
    def guarded(self) -> tuple[str, ...]:
        """The tools, by name or glob, that the rule restricts."""

    def judge(self, calls: Sequence[PolicyCall]) -> Iterable[Violation]:
        """The calls that break the rule or may do so, in order; a run without any keeps it."""


@dataclass(frozen=True, slots=True)
class PolicyExample:
    """A rule's settings, a run, and whether the run keeps the rule: the contract test runs it."""

    settings: Mapping[str, Any]
    steps: tuple[Step, ...]
    truth: Truth
    states: Mapping[int, State] = field(default_factory=dict)
