"""The words of the ladder: how far an attempt is, a call in the recording's vocabulary, and its match or miss."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from counterfault.core.attempt import Origin
from counterfault.core.effects import State, call_key, effect_key
from counterfault.core.jsontree import JSON, leaves
from counterfault.core.rendering import parse
from counterfault.core.values import identifiers, kind_of, norm
from counterfault.replay.recording import RecordedCall, Recording

_MOST_SHOWN = 80


@dataclass(frozen=True)
class Committed:
    """An effect that the attempt committed, in the recording's vocabulary, and what it was answered."""

    tool: str
    arguments: Mapping[str, JSON]
    key: str
    result: str

    @cached_property
    def named(self) -> frozenset[str]:
        """The identifiers that the write asked for."""
        return identifiers(dict(self.arguments))

    @cached_property
    def record(self) -> JSON:
        """What it was answered, parsed."""
        return parse(self.result)

    @cached_property
    def touches(self) -> frozenset[str]:
        """The identifiers that the write or its answer names."""
        return self.named | identifiers(self.record)

    @cached_property
    def targets(self) -> frozenset[str]:
        """The identifiers that are arguments by themselves: the entities that the write is about."""
        return frozenset(norm(value) for name, value in self.arguments.items() if kind_of(value, name) == "identifier")


@dataclass(frozen=True)
class Progress:
    """How far an attempt is: the effects it committed, the recorded calls it used up, those in whose place it made
    another one, and the values that the mutation brought in (normal forms)."""

    committed: tuple[Committed, ...] = ()
    consumed: frozenset[int] = frozenset()
    replaced: frozenset[int] = frozenset()
    introduced: frozenset[str] = frozenset()
    calls: int = 0

    @cached_property
    def state(self) -> tuple[str, ...]:
        """The keys of the committed effects, sorted."""
        return tuple(sorted(effect.key for effect in self.committed))


@dataclass(frozen=True)
class LiveCall:
    """A call of the agent, in the recording's vocabulary."""

    tool: str
    arguments: Mapping[str, JSON]
    key: str = field(default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", call_key(self.tool, self.arguments))

    @cached_property
    def effect(self) -> str:
        """Its key as an effect."""
        return effect_key(self.tool, self.arguments)

    @cached_property
    def named(self) -> frozenset[str]:
        """The identifiers that it asks for."""
        return identifiers(dict(self.arguments))


@dataclass(frozen=True, slots=True)
class Match:
    """An answer: from which rung, the text and error flag, and, for a write, what becomes of the effect.

    ``recorded`` is the step of the recording that answers (-1: none), ``place`` the one in whose place the call stands,
    which is another where a changed call is answered with something synthesised. ``raises`` is the kind of a recorded
    exception. ``why`` says what an inexact match rests on.
    """

    origin: Origin
    text: str
    error: bool | None = None
    recorded: int = -1
    state: State | None = None
    why: str = ""
    raises: str | None = None
    place: int = -1


@dataclass(frozen=True, slots=True)
class Miss:
    """No rung answers: the nearest recorded call and why it differed."""

    why: str


def answered_by(recorded: RecordedCall, call: LiveCall, why: str = "") -> Match:
    """The recorded answer, as it is."""
    origin: Origin = "recorded" if dict(recorded.arguments) == dict(call.arguments) else "normalised"
    result, step = recorded.result, recorded.step
    return Match(origin, result.text, result.error, step, recorded.state, why, result.raised, step)


def nearest(recording: Recording, call: LiveCall) -> str:
    """The recorded call that is most like a live one, and in what they differ, in one sentence."""
    candidates = recording.of_tool(call.tool)
    if not candidates:
        return f"{call.tool} was never called in the recording"
    mine = dict(leaves(dict(call.arguments)))
    best = max(candidates, key=lambda recorded: _agreeing(mine, dict(leaves(dict(recorded.arguments)))))
    theirs = dict(leaves(dict(best.arguments)))
    differing = [
        f"{pointer or '/'} is {_short(mine.get(pointer))}, recorded {_short(theirs.get(pointer))}"
        for pointer in dict.fromkeys([*mine, *theirs])
        if norm(mine.get(pointer)) != norm(theirs.get(pointer))
    ]
    return f"nearest is step {best.step}: " + ("; ".join(differing[:3]) or "the same call, used up")


def _agreeing(mine: Mapping[str, JSON], theirs: Mapping[str, JSON]) -> int:
    return sum(norm(value) == norm(theirs[pointer]) for pointer, value in mine.items() if pointer in theirs)


def _short(value: JSON) -> str:
    shown = repr(value)
    return shown if len(shown) <= _MOST_SHOWN else shown[:_MOST_SHOWN] + "…"
