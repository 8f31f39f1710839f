"""What a campaign must show before its rate means anything: controls that hold, sentinels that fail, no leaking state.

A sentinel is a forged record with a planted violation: the recording itself, spoiled. No agent is involved; the judge
must fail it. A campaign in which one passes is invalid.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from counterfault.campaign.judge import Bench, attempt_of
from counterfault.core.attempt import Answered, Attempt
from counterfault.core.effects import Effect, effects
from counterfault.core.jsontree import JSON, digest, leaves
from counterfault.core.jsontree import replace as put
from counterfault.core.outcome import Judgement
from counterfault.core.trace import Message, Step, ToolCall, ToolResult, Trace
from counterfault.core.values import kind_of, minted


def sentinels(bench: Bench, agent: str) -> Iterator[Attempt]:
    """Forged records of a trace, each with one violation that the judge must see."""
    scan = bench.ground.scan
    trace = scan.trace
    committed = [effect for effect in scan.effects if effect.state == "committed"]
    for effect in committed[:1]:
        yield _forged("dropped_write", trace, agent, _without(trace, effect))
        yield _forged("failed_write", trace, agent, _failing(trace, effect), {effect.step: "refused"})
    for effect in [effect for effect in committed if not scan.rules[effect.tool].idempotent][:1]:
        yield _forged("doubled_write", trace, agent, _doubled(trace, effect))
    for effect, pointer, value in _alterable(committed):
        yield _forged("invented_value", trace, agent, _altered(trace, effect, pointer, value))
        break
    if not committed and bench.ground.facts:
        yield _forged("missing_fact", trace, agent, _silent(trace))


def _forged(
    name: str, trace: Trace, agent: str, steps: tuple[Step, ...], states: Mapping[int, str] | None = None
) -> Attempt:
    answered = tuple(Answered(step, "fault", state="refused") for step in states or ())
    identity = digest(trace.id, "sentinel", name, agent)
    forged = attempt_of(trace)
    return replace(forged, id=identity, arm="sentinel", agent=agent, steps=steps, reason=name, answered=answered)


def _without(trace: Trace, effect: Effect) -> tuple[Step, ...]:
    return tuple(step for index, step in enumerate(trace.steps) if index != effect.step)


def _failing(trace: Trace, effect: Effect) -> tuple[Step, ...]:
    call = trace.steps[effect.step]
    assert isinstance(call, ToolCall)
    failed = replace(call, result=ToolResult("the tool did not answer in time", True, "timeout"))
    return tuple(failed if index == effect.step else step for index, step in enumerate(trace.steps))


def _doubled(trace: Trace, effect: Effect) -> tuple[Step, ...]:
    at = effect.step
    return (*trace.steps[: at + 1], trace.steps[at], *trace.steps[at + 1 :])


def _alterable(committed: Sequence[Effect]) -> Iterator[tuple[Effect, str, JSON]]:
    for effect in committed:
        for pointer, value in leaves(dict(effect.arguments)):
            if kind_of(value, pointer.rpartition("/")[2]) == "identifier" and isinstance(value, str):
                yield effect, pointer, minted(value, digest(effect.key))


def _altered(trace: Trace, effect: Effect, pointer: str, value: JSON) -> tuple[Step, ...]:
    call = trace.steps[effect.step]
    assert isinstance(call, ToolCall)
    arguments = put(dict(call.arguments), pointer, value)
    assert isinstance(arguments, dict)
    forged = replace(call, arguments=arguments)
    return tuple(forged if index == effect.step else step for index, step in enumerate(trace.steps))


def _silent(trace: Trace) -> tuple[Step, ...]:
    """The run with an answer that states nothing."""
    silent = Message("assistant", "Here you go.")
    return tuple(
        silent if isinstance(step, Message) and step.role == "assistant" else step for step in trace.steps
    )


def passing_sentinels(judged: Sequence[tuple[Attempt, Judgement]]) -> list[str]:
    """The sentinels that the judge did not fail, as reasons why the campaign is invalid."""
    return [
        f"sentinel {attempt.reason} of trace {attempt.trace_id[:8]} was judged {judgement.verdict}, not failed"
        for attempt, judgement in judged
        if judgement.verdict != "fail"
    ]


def leaking(
    first: Mapping[str, Sequence[Attempt]], closing: Mapping[str, Attempt], bench_of: Mapping[str, Bench]
) -> list[str]:
    """The traces whose closing control did something that no opening control did: state leaks between attempts.

    Only agents whose opening controls agree with each other can show it.
    """
    reasons = []
    for trace_id, last in closing.items():
        opening = {_conduct(attempt, bench_of[trace_id]) for attempt in first.get(trace_id, ())}
        if len(opening) == 1 and len(first[trace_id]) > 1 and _conduct(last, bench_of[trace_id]) not in opening:
            reasons.append(f"state leaks between attempts: the closing control of trace {trace_id[:8]} differs")
    return reasons


def _conduct(attempt: Attempt, bench: Bench) -> tuple[str, tuple[str, ...]]:
    made = effects(attempt.steps, bench.ground.scan.rules, attempt.states)
    return attempt.status, tuple(sorted(effect.key for effect in made if effect.state == "committed"))
