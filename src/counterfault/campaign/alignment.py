"""A recording and a replay side by side: which steps belong together, and where the agent first did something else."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Literal, TypeAlias

from counterfault.core.attempt import Attempt
from counterfault.core.edit import Substitute, substitute, substitute_text
from counterfault.core.effects import effect_key
from counterfault.core.mutant import Mutant
from counterfault.core.trace import Step, ToolCall, ToolResult, Trace

Relation: TypeAlias = Literal["same", "answer", "differs", "left_out", "added"]
_Pairs: TypeAlias = tuple[tuple[str, str], ...]
_OTHER = ("differs", "left_out", "added")


@dataclass(frozen=True, slots=True)
class Row:
    """Two steps that belong together, or one that has no partner (None), by their step numbers.

    *same*: the agent did the same and was answered the same · *answer*: only the answer differs · *differs*: another
    call or text · *left_out*: only the recording has the step · *added*: only the replay. ``injected`` marks a
    hand-over that the mutant changed, ``first`` the first step after it at which the agent did something else,
    ``usual`` what the agent did otherwise than recorded in its control too.
    """

    recorded: int | None
    replayed: int | None
    relation: Relation
    injected: bool = False
    first: bool = False
    usual: bool = False


def align(trace: Trace, attempt: Attempt, mutant: Mutant | None = None, control: Attempt | None = None) -> list[Row]:
    """The steps of a recording and of its replay in order, under the mutant's renaming.

    What ``control``, an unmutated replay of the trace, did otherwise than the recording too is no divergence.
    """
    pairs = tuple(
        pair
        for mutation in (mutant.mutations if mutant else ())
        for edit in mutation.edits
        if isinstance(edit, Substitute)
        for pair in edit.pairs
    )
    recorded = [_renamed(step, pairs) for step in trace.steps]
    rows = list(_rows(recorded, attempt.steps))
    injected = {injection.step for injection in attempt.injections}
    usual = {_habit(row, control.steps) for row in _rows(trace.steps, control.steps)} if control else set()
    rows = [
        replace(
            row,
            injected=row.replayed in injected,
            usual=row.relation in _OTHER and _habit(row, attempt.steps) in usual,
        )
        for row in rows
    ]
    at = _first_divergence(rows, attempt.steps)
    return [replace(row, first=index == at) for index, row in enumerate(rows)]


def _first_divergence(rows: Sequence[Row], steps: Sequence[Step]) -> int | None:
    begins = next((index for index, row in enumerate(rows) if row.injected), -1)
    other = [index for index, row in enumerate(rows) if index > begins and row.relation in _OTHER and not row.usual]
    # Agents word their texts anew each time: a call says more than a message.
    calls = [index for index in other if _is_call(rows[index], steps)]
    return next(iter(calls or other), None)


def _is_call(row: Row, steps: Sequence[Step]) -> bool:
    return row.replayed is None or isinstance(steps[row.replayed], ToolCall)


def _habit(row: Row, steps: Sequence[Step]) -> tuple[object, ...]:
    """What a row says of an agent, comparable between two replays of one trace."""
    return row.recorded, row.relation, "" if row.replayed is None else _doing(steps[row.replayed])


def _rows(recorded: Sequence[Step], replayed: Sequence[Step]) -> Iterator[Row]:
    for at, to in _paired(recorded, replayed):
        if at is None or to is None:
            yield Row(at, to, "left_out" if to is None else "added")
        else:
            yield Row(at, to, _relation(recorded[at], replayed[to]))


def _paired(recorded: Sequence[Step], replayed: Sequence[Step]) -> Iterator[tuple[int | None, int | None]]:
    """Steps that do the same first; between those, calls of one tool and messages of one role."""
    exact = _blocks([_doing(step) for step in recorded], [_doing(step) for step in replayed])
    for (a, a_end), (b, b_end), equal in exact:
        if equal:
            yield from zip(range(a, a_end), range(b, b_end), strict=True)
            continue
        near = _blocks([_speaker(s) for s in recorded[a:a_end]], [_speaker(s) for s in replayed[b:b_end]])
        for (c, c_end), (d, d_end), alike in near:
            if alike:
                yield from zip(range(a + c, a + c_end), range(b + d, b + d_end), strict=True)
            else:
                yield from ((index, None) for index in range(a + c, a + c_end))
                yield from ((None, index) for index in range(b + d, b + d_end))


def _blocks(a: list[str], b: list[str]) -> Iterator[tuple[tuple[int, int], tuple[int, int], bool]]:
    for tag, a_from, a_to, b_from, b_to in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        yield (a_from, a_to), (b_from, b_to), tag == "equal"


def _relation(recorded: Step, replayed: Step) -> Relation:
    if _doing(recorded) != _doing(replayed):
        return "differs"
    if isinstance(recorded, ToolCall) and isinstance(replayed, ToolCall):
        return "same" if recorded.result == replayed.result or _text(recorded) == _text(replayed) else "answer"
    return "same"


def _text(call: ToolCall) -> tuple[str, str] | None:
    return None if call.result is None else (call.result.text, call.result.raised or "")


def _doing(step: Step) -> str:
    return effect_key(step.tool, step.arguments) if isinstance(step, ToolCall) else f"{step.role}: {step.text}"


def _speaker(step: Step) -> str:
    return f"call {step.tool}" if isinstance(step, ToolCall) else step.role


def _renamed(step: Step, pairs: _Pairs) -> Step:
    if not pairs:
        return step
    if not isinstance(step, ToolCall):
        return replace(step, text=substitute_text(step.text, pairs))
    arguments = substitute(dict(step.arguments), pairs)
    assert isinstance(arguments, dict)
    result = step.result and ToolResult(
        substitute_text(step.result.text, pairs), step.result.error, step.result.raised
    )
    return replace(step, arguments=arguments, result=result)
