"""The ladder of reads: matching follows the state that the committed effects make, not the order of calls.

Rungs, highest first: the same call in the same state, here or in the pool · the nearest answer that no differing effect
touches · that answer with the differing effects laid over it · the record that a committed write answered with · an
answer that needs no recording (arithmetic, a pure tool that always says the same, a not-found error) · a miss.
"""

from collections import Counter
from collections.abc import Sequence

from counterfault.core.effects import ToolRule, call_key, is_refusal
from counterfault.core.jsontree import JSON, leaves
from counterfault.core.provenance import name_of
from counterfault.core.rendering import parse, style_of, write
from counterfault.core.values import identifiers, kind_of, norm
from counterfault.replay.overlay import grow, kin, lists, overlay
from counterfault.replay.progress import Committed, LiveCall, Match, Miss, Progress, answered_by, nearest
from counterfault.replay.recording import RecordedCall, Recording
from counterfault.replay.synthesis import calculation, not_found


def read(recording: Recording, call: LiveCall, progress: Progress, rule: ToolRule) -> Match | Miss:
    """The answer to a call that changes nothing."""
    same = recording.by_key.get(call.key, ())
    # What a pure tool answers depends on its arguments only.
    in_state = [recorded for recorded in same if rule.kind == "pure" or recorded.before == progress.state]
    if in_state:
        return answered_by(_next(in_state, progress), call)
    pooled = recording.pool.answers.get(call.key)
    if pooled is not None and not progress.committed:
        return _of_pool(pooled)
    untouched = [recorded for recorded in same if not _disturbed(recording, recorded, call, progress)]
    if untouched:
        earlier = [recorded for recorded in untouched if not _lacking(recorded, progress)]
        return answered_by(_nearest_state(earlier or untouched, progress), call, "no differing effect touches it")
    after = _after_effects(same, pooled, call, progress, recording)
    if after is not None:
        return after
    if same or pooled is not None:
        return Miss(_why_disturbed(same, progress, call))
    return _created(recording, call, progress) or _unrecorded(recording, call, progress, rule)


def _of_pool(text: str) -> Match:
    return Match("pooled", text, why="the same call in another recording")


def _next(calls: Sequence[RecordedCall], progress: Progress) -> RecordedCall:
    """The first of some recorded calls that is not used up, else the last."""
    return next((call for call in calls if call.step not in progress.consumed), calls[-1])


# -- effects on one side only ------------------------------------------------------------------------------------------


def _made(before: Sequence[str], progress: Progress) -> list[Committed]:
    """The effects that the attempt has and the recording had not at a call."""
    there = Counter(before)
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


def _nearest_state(calls: Sequence[RecordedCall], progress: Progress) -> RecordedCall:
    def distance(recorded: RecordedCall) -> int:
        return len(_made(recorded.before, progress)) + _lacking(recorded, progress).total()

    fewest = min(map(distance, calls))
    return _next([recorded for recorded in calls if distance(recorded) == fewest], progress)


def _disturbed(recording: Recording, recorded: RecordedCall, call: LiveCall, progress: Progress) -> bool:
    """Whether an effect on one side only names an identifier that the read or its answer names, or adds to, or removes
    from, the very list that was read."""
    mine = recorded.touches | call.named
    made = _made(recorded.before, progress)
    if any(effect.touches & mine for effect in made):
        return True
    lacking = [effect for key in _lacking(recorded, progress) for effect in recording.with_effect(key)]
    if any(effect.touches & mine or kin(call.tool, effect.tool) for effect in lacking):
        return True
    answer = recorded.result.value if made else None
    return any(grow(answer, effect, call) is not None for effect in made)


def _after_effects(
    same: Sequence[RecordedCall], pooled: str | None, call: LiveCall, progress: Progress, recording: Recording
) -> Match | None:
    """The nearest earlier answer with the effects since then laid over it. None: there is no such answer, or an effect
    on the entity that was asked for cannot be laid over it."""
    base = [one for one in same if not _lacking(one, progress) and not is_refusal(one.result)]
    if base:
        recorded = max(base, key=lambda one: (len(one.before), one.step))
        text, step, before = recorded.result.text, recorded.step, recorded.before
    elif pooled is not None:
        text, step, before = pooled, -1, ()
    else:
        return None
    answer, changed_by = _laid(parse(text), _made(before, progress), call, before, recording)
    if answer is None:
        return None
    if changed_by:
        return _overlaid(answer[0], text, changed_by, step)
    if not base:
        return _of_pool(text)
    return answered_by(recorded, call, "no differing effect changes it")


def _overlaid(answer: JSON, like: str, changed_by: Sequence[str], step: int = -1) -> Match:
    why = f"as the committed effects left it: {', '.join(dict.fromkeys(changed_by))}"
    return Match("overlaid", write(answer, style_of(like)), None, step, why=why, place=step)


def _laid(
    answer: JSON, effects: Sequence[Committed], call: LiveCall, before: Sequence[str], recording: Recording
) -> tuple[tuple[JSON] | None, list[str]]:
    """The answer with the effects laid over it, and the tools that changed it."""
    changed_by = []
    for effect in effects:
        after = overlay(answer, effect, call)
        if after is None:
            again = effect.key in before and recording.rules[effect.tool].idempotent
            about = effect.named & call.named or lists(answer, effect.targets, call)
            if about and not again:
                return None, []
        elif after != answer:
            answer = after
            changed_by.append(effect.tool)
    return (answer,), changed_by


def _why_disturbed(same: Sequence[RecordedCall], progress: Progress, call: LiveCall) -> str:
    if not same:
        return f"{call.tool} stands in another recording, but an effect of this attempt on the same entity hides it"
    nearest = max(same, key=lambda one: (not _lacking(one, progress), one.step))
    made = [effect.tool for effect in _made(nearest.before, progress)]
    lacking = [key.partition("{")[0] for key in _lacking(nearest, progress)]
    sides = [f"this attempt made {', '.join(made)}"] * bool(made) + [f"it lacks {', '.join(lacking)}"] * bool(lacking)
    return (
        f"nearest is step {nearest.step}, the same call, but effects on the same entity differ and cannot be laid over "
        f"its answer: {'; '.join(sides)}"
    )


def _created(recording: Recording, call: LiveCall, progress: Progress) -> Match | None:
    """The record that a committed write answered with, where the tool's answers are such records."""
    sample = next((text for _, text in _answers(recording, call.tool) if isinstance(parse(text), dict)), None)
    shape = parse(sample) if sample is not None else None
    if sample is None or not isinstance(shape, dict) or not call.named:
        return None
    for at, effect in enumerate(progress.committed):
        record = effect.record
        if isinstance(record, dict) and record.keys() >= shape.keys() and call.named <= identifiers(record):
            answer, changed_by = _laid(record, progress.committed[at + 1 :], call, (), recording)
            return None if answer is None else _overlaid(answer[0], sample, [effect.tool, *changed_by])
    return None


# -- answers that nobody recorded --------------------------------------------------------------------------------------


def _unrecorded(recording: Recording, call: LiveCall, progress: Progress, rule: ToolRule) -> Match | Miss:
    if rule.kind == "pure":
        text = calculation(call.arguments)
        if text is not None:
            return Match("synthesised", text, why="plain arithmetic")
        constant = _constant(recording, call.tool)
        return Match(
            "synthesised", "null" if constant is None else constant, why="a pure tool, and no plain arithmetic"
        )
    reason = _cannot_exist(recording, call, progress)
    if reason:
        return Match("synthesised", not_found(call.tool, call.arguments, recording.corpus), True, why=reason)
    return Miss(nearest(recording, call))


def _answers(recording: Recording, tool: str) -> list[tuple[str, str]]:
    """The good answers of a tool, here and in the corpus, with the keys of their calls."""
    own = [(call.key, call.result.text) for call in recording.of_tool(tool) if not is_refusal(call.result)]
    return own + [(call_key(tool, asked), text) for asked, text in recording.corpus.answers.get(tool, ())]


def _constant(recording: Recording, tool: str) -> str | None:
    """The one answer of a tool that gave it to two or more different calls, or that answers with nothing."""
    answers = _answers(recording, tool)
    texts = {text for _, text in answers}
    return texts.pop() if len(texts) == 1 and (len({key for key, _ in answers}) > 1 or texts == {""}) else None


def _cannot_exist(recording: Recording, call: LiveCall, progress: Progress) -> str | None:
    """Why the real tool could only say "not found": the mutation made the identifier up, or it is missing."""
    for pointer, value in leaves(dict(call.arguments)):
        if _is_blank(value) and _always_given(recording, call.tool, pointer):
            return f"{pointer} is {value!r}, which no recorded call has"
        if kind_of(value, name_of(pointer)) == "identifier" and norm(value) in progress.introduced:
            return f"{value!r} was brought in by the mutation"
    return None


def _always_given(recording: Recording, tool: str, pointer: str) -> bool:
    recorded = recording.of_tool(tool)
    return bool(recorded) and not any(_is_blank(dict(leaves(dict(call.arguments))).get(pointer)) for call in recorded)


def _is_blank(value: JSON) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
