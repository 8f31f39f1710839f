"""Attempts: one run of (trace, mutant, agent, replicate), what it did, and the proof of what was done to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from counterfault.core.effects import State
from counterfault.core.jsontree import JSON, digest
from counterfault.core.mutant import Mutant
from counterfault.core.trace import Step, ToolSchema, Trace

Arm: TypeAlias = Literal["control", "mutant", "sentinel"]
Status: TypeAlias = Literal[
    "completed", "crashed", "timed_out", "unresolved", "not_reached", "not_delivered", "harness_error"
]
Origin: TypeAlias = Literal["recorded", "normalised", "pooled", "overlaid", "synthesised", "fault", "none"]
UNKNOWN_TOOL = "unknown tool"
"""Why a call was answered as it was: its tool stands in no recording and no setting."""


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One attempt to make. ``replicate`` counts repeats; ``agent`` is the fingerprint of the agent."""

    trace_id: str
    mutant: Mutant | None
    arm: Arm
    agent: str
    replicate: int = 0
    seed: int = 0

    @property
    def id(self) -> str:
        """The attempt id (SEMANTICS 5)."""
        mutant = self.mutant.id if self.mutant else ""
        return digest(self.trace_id, mutant, self.arm, self.agent, self.replicate, self.seed)


@dataclass(frozen=True, slots=True)
class Injection:
    """A mutation as it was really applied at one hand-over.

    ``mutation`` is its index in the mutant, ``step`` the step of the attempt, ``recorded`` the step of the recording
    that answered (-1: none). ``proof`` holds what was handed over: pointers, digests before and after and bytes for
    data; form, kind, status and call number for a fault; the replay clock before and after for a delay.
    """

    mutation: int
    step: int
    recorded: int
    proof: Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class Answered:
    """How one call of an attempt was answered: from where, by which recorded step (-1: none), and what it did."""

    step: int
    origin: Origin
    recorded: int = -1
    state: State | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call is to be answered with: a ``text`` with its error flag, or an exception of kind ``raises``.

    ``step`` identifies the call; ``pending`` is what the hand-over will prove.
    """

    step: int
    text: str = ""
    error: bool | None = None
    raises: str | None = None
    status: int | None = None
    retry_after: float | None = None
    pending: tuple[Injection, ...] = ()


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one replay did. ``steps`` is the run as the agent saw it, its own vocabulary and mutated answers included.

    ``escalated`` is the reason, where the agent handed over by tool, exception or status. ``reached`` says whether it
    made the call that the mutation changes; ``injections`` prove the delivery. ``unconsumed`` are the recorded calls
    it never made, ``unmatched`` the calls that the recording did not hold, each with the nearest recorded one and why
    it differed. ``user_unfit`` says that a user turn was served to a question which the agent did not ask.
    Durations are in seconds; ``replay_s`` is the replay clock.
    """

    id: str
    trace_id: str
    mutant_id: str
    arm: Arm
    agent: str
    replicate: int
    seed: int
    status: Status
    steps: tuple[Step, ...]
    reason: str = ""
    answered: tuple[Answered, ...] = ()
    injections: tuple[Injection, ...] = ()
    reached: bool = False
    answer: JSON = None
    escalated: str | None = None
    unmatched: tuple[str, ...] = ()
    unconsumed: tuple[int, ...] = ()
    user_unfit: bool = False
    silent_turns: bool = False
    output: str = ""
    duration_s: float = 0.0
    replay_s: float = 0.0

    @property
    def delivered(self) -> bool:
        """Whether the mutation verifiably reached the agent."""
        return bool(self.injections)

    @property
    def states(self) -> dict[int, State]:
        """What became of each write, by step."""
        return {note.step: note.state for note in self.answered if note.state is not None}

    def as_trace(self, tools: tuple[ToolSchema, ...] = ()) -> Trace:
        """The run as a trace."""
        return Trace(self.steps, tools, id=self.id)
