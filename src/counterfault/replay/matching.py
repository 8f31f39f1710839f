"""The ladder: how a live call is answered from a recording. Matching follows state, not the order of calls.

The state of a run is the multiset of the effects committed in it. Rungs, highest first (SEMANTICS 2): the same call in
the same state · the nearest answer that no differing effect touches · that answer with the differing effects laid over
it · the same call in another recording · an answer that needs no recording (arithmetic, a constant tool, a not-found
error) · for writes, a recorded refusal or an acknowledgement in a seen shape · a miss, with the nearest recorded call.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from counterfault.core.attempt import Origin
from counterfault.core.effects import State, ToolRule, call_key, effect_key, is_refusal
from counterfault.core.jsontree import JSON, leaves
from counterfault.core.rendering import parse, style_of, write
from counterfault.core.values import identifiers, norm
from counterfault.replay.recording import RecordedCall, Recording
from counterfault.replay.synthesis import acknowledgement, calculation, fault_body, not_found, overlay


@dataclass(frozen=True, slots=True)
class Committed:
    """An effect that the attempt committed, in the recording's vocabulary, and what it was answered."""

    tool: str
    arguments: Mapping[str, JSON]
    key: str
    result: str

    @property
    def touches(self) -> frozenset[str]:
        """The identifiers that the write or its answer names."""
        return identifiers(dict(self.arguments)) | identifiers(parse(self.result))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an attempt is: the effects it committed, the recorded calls it used up, and the values that the mutation
    brought in (normal forms)."""

    committed: tuple[Committed, ...] = ()
    consumed: frozenset[int] = frozenset()
    introduced: frozenset[str] = frozenset()
    calls: int = 0

    @property
    def state(self) -> tuple[str, ...]:
        """The keys of the committed effects, sorted."""
        return tuple(sorted(effect.key for effect in self.committed))


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A call of the agent, in the recording's vocabulary."""

    tool: str
    arguments: Mapping[str, JSON]
    key: str = field(default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", call_key(self.tool, self.arguments))


@dataclass(frozen=True, slots=True)
class Match:
    """An answer: from which rung, the text and error flag, the recorded step behind it (-1: none), and, for a write,
    what becomes of the effect. ``why`` says what an inexact match rests on."""

    origin: Origin
    text: str
    error: bool | None = None
    recorded: int = -1
    state: State | None = None
    why: str = ""
    raises: str | None = None


@dataclass(frozen=True, slots=True)
class Miss:
    """No rung answers: the nearest recorded call and why it differed."""

    why: str


def find(recording: Recording, call: LiveCall, progress: Progress) -> Match | Miss:
    """The highest rung of the ladder that answers the call."""
    rule = recording.rules[call.tool]
    if call.tool not in recording.known_tools:
        return Match("synthesised", fault_body("unknown_tool", call.tool, recording.corpus), True, why="unknown tool")
    if rule.kind == "write":
        return _write(recording, call, progress)
    if rule.kind in ("approval", "escalation"):
        return _request(recording, call, progress)
    return _read(recording, call, progress, rule)


def _origin(recorded: RecordedCall, call: LiveCall) -> Origin:
    return "recorded" if dict(recorded.arguments) == dict(call.arguments) else "normalised"


def _from(recorded: RecordedCall, call: LiveCall, why: str = "") -> Match:
    result = recorded.result
    return Match(_origin(recorded, call), result.text, result.error, recorded.step, recorded.state, why, result.raised)


def _next(calls: Sequence[RecordedCall], progress: Progress) -> RecordedCall:
    """The first of some recorded calls that is not used up, else the last."""
    return next((call for call in calls if call.step not in progress.consumed), calls[-1])


# -- reads ------------------------------------------------------------------------------------------------------------


def _read(recording: Recording, call: LiveCall, progress: Progress, rule: ToolRule) -> Match | Miss:
    same = recording.by_key.get(call.key, ())
    in_state = [recorded for recorded in same if recorded.before == progress.state]
    if in_state:
        return _from(_next(in_state, progress), call)
    untouched = [recorded for recorded in same if not _disturbed(recorded, call, progress)]
    if untouched:
        earlier = [recorded for recorded in untouched if not _lacking(recorded, progress)]
        return _from(_next(earlier or untouched, progress), call, "no differing effect touches it")
    if laid := _overlaid(same, progress):
        return laid
    if pooled := _pooled(recording, call, progress):
        return pooled
    if same:
        return Miss(f"{call.tool} was recorded, but an effect on the same entity differs and cannot be laid over it")
    return _unrecorded_read(recording, call, progress, rule)


def _made(recorded: RecordedCall, progress: Progress) -> list[Committed]:
    """The effects that the attempt has and the recording had not at this call."""
    there = Counter(recorded.before)
    extra = []
    for effect in progress.committed:
        if there[effect.key]:
            there[effect.key] -= 1
        else:
            extra.append(effect)
    return extra


def _lacking(recorded: RecordedCall, progress: Progress) -> Counter[str]:
    """The keys of the effects that the recording had at this call and the attempt has not."""
    return Counter(recorded.before) - Counter(progress.state)


def _disturbed(recorded: RecordedCall, call: LiveCall, progress: Progress) -> bool:
    """Whether an effect on one side only names an identifier that the read or its answer names."""
    mine = recorded.touches | identifiers(dict(call.arguments))
    if any(effect.touches & mine for effect in _made(recorded, progress)):
        return True
    # An effect key is the tool's name and its arguments as JSON, so the identifiers can be read off it.
    return any(identifiers(parse(key[key.index("{") :])) & mine for key in _lacking(recorded, progress))


def _overlaid(same: Sequence[RecordedCall], progress: Progress) -> Match | None:
    base = [recorded for recorded in same if not _lacking(recorded, progress)]
    if not base:
        return None
    recorded = max(base, key=lambda candidate: (len(candidate.before), candidate.step))
    if is_refusal(recorded.result):
        return None
    answer = recorded.result.value
    for effect in _made(recorded, progress):
        if not effect.touches & recorded.touches:
            continue
        changed = overlay(answer, effect.tool, effect.arguments, parse(effect.result))
        if changed == answer and _names_entity(recorded, effect):
            return None
        answer = changed
    text = write(answer, style_of(recorded.result.text))
    return Match("overlaid", text, recorded.result.error, recorded.step, why="as the committed effects left it")


def _names_entity(recorded: RecordedCall, effect: Committed) -> bool:
    """Whether the read asked for an entity that the effect names in its arguments."""
    return bool(identifiers(dict(recorded.arguments)) & identifiers(dict(effect.arguments)))


def _pooled(recording: Recording, call: LiveCall, progress: Progress) -> Match | None:
    """The answer that other recordings gave before any effect, where no effect of the attempt touches it."""
    pooled = recording.pool.answers.get(call.key)
    if pooled is None:
        return None
    touches = identifiers(parse(pooled)) | identifiers(dict(call.arguments))
    if any(effect.touches & touches for effect in progress.committed):
        return None
    return Match("pooled", pooled, why="the same call in another recording")


def _unrecorded_read(recording: Recording, call: LiveCall, progress: Progress, rule: ToolRule) -> Match | Miss:
    if rule.kind == "pure":
        text = calculation(call.arguments)
        if text is not None:
            return Match("synthesised", text, why="plain arithmetic")
        if _constant(recording, call.tool) is None:
            return Match("synthesised", "null", why="a pure tool, and no plain arithmetic")
    constant = _constant(recording, call.tool)
    if constant is not None:
        return Match("synthesised", constant, why="this tool has always answered the same")
    reason = _cannot_exist(recording, call, progress)
    if reason:
        return Match("synthesised", not_found(call.tool, recording.corpus), True, why=reason)
    return Miss(nearest(recording, call))


def _constant(recording: Recording, tool: str) -> str | None:
    """The one answer of a tool that gave it to two or more different calls, or that answers with nothing."""
    calls = [call for call in recording.of_tool(tool) if not is_refusal(call.result)]
    texts = {call.result.text for call in calls} | {text for _, text in recording.corpus.answers.get(tool, ())}
    asked = {call.key for call in calls} | {call_key(tool, args) for args, _ in recording.corpus.answers.get(tool, ())}
    return texts.pop() if len(texts) == 1 and (len(asked) > 1 or texts == {""}) else None


def _cannot_exist(recording: Recording, call: LiveCall, progress: Progress) -> str | None:
    """Why the real tool could only say "not found": the mutation made the identifier up, or it is missing."""
    for pointer, value in leaves(dict(call.arguments)):
        if value is None and _always_given(recording, call.tool, pointer):
            return f"{pointer} is null, which no recorded call has"
        if norm(value) in progress.introduced and isinstance(value, str | int | float):
            return f"{value!r} was brought in by the mutation"
    return None


def _always_given(recording: Recording, tool: str, pointer: str) -> bool:
    recorded = recording.of_tool(tool)
    return bool(recorded) and all(dict(leaves(dict(call.arguments))).get(pointer) is not None for call in recorded)


# -- writes and requests ----------------------------------------------------------------------------------------------


def _write(recording: Recording, call: LiveCall, progress: Progress) -> Match:
    key = effect_key(call.tool, call.arguments)
    same = [recorded for recorded in recording.of_tool(call.tool) if recorded.effect == key]
    free = [recorded for recorded in same if recorded.step not in progress.consumed]
    in_state = [recorded for recorded in free if recorded.before == progress.state]
    if in_state or free:
        return _from((in_state or free)[0], call)
    refused = [recorded for recorded in same if recorded.state == "refused"]
    if refused:
        return _from(refused[-1], call, "refused again, as recorded")
    aligned = aligned_write(recording, call.tool, progress)
    if aligned is not None and aligned.state == "refused" and not same:
        why = f"in the place of the call that the recording shows refused at step {aligned.step}"
        return Match("synthesised", aligned.result.text, aligned.result.error, aligned.step, "unknown", why)
    text = same[-1].result.text if same else _acknowledged(recording, call, progress)
    why = "made once more" if same else nearest(recording, call)
    return Match("synthesised", text, None, -1, "committed", why)


def aligned_write(recording: Recording, tool: str, progress: Progress) -> RecordedCall | None:
    """The recorded write in whose place a changed call of the same tool stands: the next one not used up."""
    return next((call for call in recording.of_tool(tool) if call.step not in progress.consumed), None)


def _acknowledged(recording: Recording, call: LiveCall, progress: Progress) -> str:
    schema = recording.schema(call.tool)
    return acknowledgement(call.tool, call.arguments, recording.corpus, schema, progress.calls)


def _request(recording: Recording, call: LiveCall, progress: Progress) -> Match:
    """Approvals and escalations change nothing that the recording holds; asked anew, they are acknowledged."""
    same = [recorded for recorded in recording.of_tool(call.tool) if recorded.key == call.key]
    if not same:
        effect = effect_key(call.tool, call.arguments)
        same = [recorded for recorded in recording.of_tool(call.tool) if recorded.effect == effect]
    if same:
        return _from(_next(same, progress), call)
    aligned = aligned_write(recording, call.tool, progress)
    step = aligned.step if aligned else -1
    return Match("synthesised", _acknowledged(recording, call, progress), None, step, None, nearest(recording, call))


def nearest(recording: Recording, call: LiveCall) -> str:
    """The recorded call that is most like a live one, and in what they differ, in one sentence."""
    candidates = recording.of_tool(call.tool)
    if not candidates:
        return f"{call.tool} was never called in the recording"
    mine = dict(leaves(dict(call.arguments)))
    best = max(candidates, key=lambda recorded: _agreeing(mine, dict(leaves(dict(recorded.arguments)))))
    theirs = dict(leaves(dict(best.arguments)))
    differing = [
        f"{pointer or '/'} is {mine.get(pointer)!r}, recorded {theirs.get(pointer)!r}"
        for pointer in dict.fromkeys([*mine, *theirs])
        if norm(mine.get(pointer)) != norm(theirs.get(pointer))
    ]
    return f"nearest is step {best.step}: " + ("; ".join(differing[:3]) or "the same call, used up")


def _agreeing(mine: Mapping[str, JSON], theirs: Mapping[str, JSON]) -> int:
    return sum(norm(value) == norm(theirs[pointer]) for pointer, value in mine.items() if pointer in theirs)


def unconsumed(recording: Recording, consumed: Iterable[int]) -> tuple[int, ...]:
    """The recorded calls that the attempt never made."""
    used = set(consumed)
    return tuple(call.step for call in recording.calls if call.step not in used)
