"""The ladder: how a live call is answered from a recording. Matching follows state, not the order of calls.

The state of a run is the multiset of the effects committed in it. For reads see ``replay.reads``. A write is answered
by the same call in the same state · the next unconsumed same call · a recorded refusal · an acknowledgement in a seen
shape.
"""

from collections.abc import Iterable, Sequence

from counterfault.core.attempt import UNKNOWN_TOOL
from counterfault.core.effects import is_refusal
from counterfault.core.jsontree import digest
from counterfault.replay.progress import LiveCall, Match, Miss, Progress, answered_by, nearest
from counterfault.replay.reads import read
from counterfault.replay.recording import RecordedCall, Recording
from counterfault.replay.synthesis import Sample, Stamp, acknowledgement, fault_body


def find(recording: Recording, call: LiveCall, progress: Progress) -> Match | Miss:
    """The highest rung of the ladder that answers the call."""
    rule = recording.rules[call.tool]
    if not recording.knows(call.tool):
        body = fault_body("unknown_tool", call.tool, recording.corpus)
        return Match("synthesised", body, True, state="refused" if rule.writes else None, why=UNKNOWN_TOOL)
    if rule.kind == "write":
        return _write(recording, call, progress)
    if rule.kind in ("approval", "escalation"):
        return _request(recording, call, progress)
    return read(recording, call, progress, rule)


def unconsumed(recording: Recording, consumed: Iterable[int]) -> tuple[int, ...]:
    """The recorded calls that the attempt never made."""
    used = set(consumed)
    return tuple(call.step for call in recording.calls if call.step not in used)


def _first(calls: Sequence[RecordedCall], call: LiveCall, progress: Progress) -> RecordedCall | None:
    """The first unconsumed one: those in the same words before others, of them those in the same state."""
    free = [recorded for recorded in calls if recorded.step not in progress.consumed]
    exact = [recorded for recorded in free if recorded.key == call.key] or free
    in_state = [recorded for recorded in exact if recorded.before == progress.state] or exact
    return in_state[0] if in_state else None


def _write(recording: Recording, call: LiveCall, progress: Progress) -> Match:
    same = [recorded for recorded in recording.of_tool(call.tool) if recorded.effect == call.effect]
    found = _first(same, call, progress)
    if found is not None:
        return answered_by(found, call)
    if same:
        return _once_more(recording, same[-1], call, progress)
    aligned = _aligned(recording, call.tool, progress)
    place = aligned.step if aligned else -1
    if aligned is not None and aligned.state == "refused":
        why = f"in the place of the call that the recording shows refused at step {place}"
        refusal = aligned.result
        return Match("synthesised", refusal.text, refusal.error, place, "unknown", why, refusal.raised, place)
    text = _acknowledged(recording, call, progress)
    return Match("synthesised", text, None, -1, "committed", nearest(recording, call), place=place)


def _once_more(recording: Recording, last: RecordedCall, call: LiveCall, progress: Progress) -> Match:
    """A write that the recording holds less often: refused again where it was refused in the end, else made again."""
    if last.state == "refused":
        return answered_by(last, call, "refused again, as recorded")
    if recording.rules[call.tool].idempotent:
        return Match("synthesised", last.result.text, last.result.error, -1, "committed", "made once more")
    return Match("synthesised", _acknowledged(recording, call, progress), None, -1, "committed", "made once more")


def _request(recording: Recording, call: LiveCall, progress: Progress) -> Match:
    """Approvals and escalations change nothing that the recording holds; asked anew, they are acknowledged."""
    of_tool = recording.of_tool(call.tool)
    same = [recorded for recorded in of_tool if recorded.key == call.key]
    same = same or [recorded for recorded in of_tool if recorded.effect == call.effect]
    if same:
        return answered_by(_first(same, call, progress) or same[-1], call)
    aligned = _aligned(recording, call.tool, progress)
    text = _acknowledged(recording, call, progress)
    place = aligned.step if aligned else -1
    return Match("synthesised", text, None, -1, None, nearest(recording, call), place=place)


def _aligned(recording: Recording, tool: str, progress: Progress) -> RecordedCall | None:
    """The recorded call in whose place a changed call of the same tool stands: the next one in order."""
    done = progress.consumed | progress.replaced
    return next((call for call in recording.of_tool(tool) if call.step not in done), None)


def _acknowledged(recording: Recording, call: LiveCall, progress: Progress) -> str:
    """The answer to a request or write that nobody recorded, in a seen shape, with identifiers of its own."""
    own = [
        Sample(one.arguments, one.result.text, recording.known_before(one.step))
        for one in recording.of_tool(call.tool)
        if not is_refusal(one.result)
    ]
    corpus = [Sample(asked, text) for asked, text in recording.corpus.answers.get(call.tool, ())]
    taken = frozenset(recording.first_seen).union(*(effect.touches for effect in progress.committed))
    stamp = Stamp(digest(call.tool, dict(call.arguments), progress.calls), taken)
    return acknowledgement(call.arguments, [*own, *corpus], recording.schema(call.tool), stamp)
