"""What a campaign must show before its rate means anything: controls that hold, sentinels that fail, no leaking state.

A sentinel is a forged record with a planted violation: the recording itself, spoiled. No agent is involved; the judge
must fail it. A campaign in which one passes is invalid.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import comb

from counterfault.campaign.judge import Bench, attempt_of
from counterfault.campaign.summary import Judged
from counterfault.core.attempt import Answered, Attempt
from counterfault.core.effects import Effect, effects
from counterfault.core.jsontree import JSON, digest, leaves
from counterfault.core.jsontree import replace as put
from counterfault.core.outcome import Judgement
from counterfault.core.trace import Message, Step, ToolCall, ToolResult, Trace
from counterfault.core.values import kind_of, minted

_RARE = 0.01


def sentinels(bench: Bench, agent: str) -> Iterator[Attempt]:
    """Forged records of a trace, each with one violation that the judge must see."""
    scan = bench.ground.scan
    trace = scan.trace
    committed = [effect for effect in scan.effects if effect.state == "committed"]
    # A run that hands over may leave a write out: there, its absence is no violation.
    hands_over = any(accepted.escalates for accepted in bench.ground.accepted)
    for effect in [] if hands_over else committed[:1]:
        yield _forged("dropped_write", trace, agent, _without(trace, effect))
        yield _forged("failed_write", trace, agent, _failing(trace, effect), [_refused(effect)])
    for effect in [effect for effect in committed if not scan.rules[effect.tool].idempotent][:1]:
        yield _forged("doubled_write", trace, agent, _doubled(trace, effect))
    for effect, pointer, value in _alterable(committed):
        yield _forged("invented_value", trace, agent, _altered(trace, effect, pointer, value))
        break
    if not committed and not hands_over and bench.ground.facts:
        yield _forged("missing_fact", trace, agent, _silent(trace), _as_recorded(trace))


def _forged(name: str, trace: Trace, agent: str, steps: tuple[Step, ...], answered: Iterable[Answered] = ()) -> Attempt:
    identity = digest(trace.id, "sentinel", name, agent)
    forged = attempt_of(trace)
    return replace(forged, id=identity, arm="sentinel", agent=agent, steps=steps, reason=name, answered=tuple(answered))


def _refused(effect: Effect) -> Answered:
    return Answered(effect.step, "fault", state="refused")


def _as_recorded(trace: Trace) -> Iterator[Answered]:
    return (Answered(step, "recorded", step) for step, call in enumerate(trace.steps) if isinstance(call, ToolCall))


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


def leaking(turns: Mapping[str, Sequence[Judged]], bench_of: Mapping[str, Bench]) -> list[str]:
    """Why the controls of the traces, in the order of their turns, say that state leaks between attempts.

    An agent whose controls differ anyway shows it only if it is too often the same turn, the first or the last, that
    stands alone among turns that agree. Where nothing leaks the turns are exchangeable, so that each of n stands alone
    with a chance of 1 in n: an exact binomial test, at 1 %. An agent whose opening controls all agree needs no chance.
    """
    conducts = [[_conduct(one, bench_of[trace_id]) for one in those] for trace_id, those in turns.items()]
    split = {trace_id: those for trace_id, those in zip(turns, conducts, strict=True) if len(set(those)) > 1}
    last = [trace_id for trace_id, those in split.items() if len(those) > 2 and len(set(those[:-1])) == 1]
    first = [trace_id for trace_id, those in split.items() if len(those) > 2 and len(set(those[1:])) == 1]
    for alone, which in ((last, "closing"), (first, "first")):
        certain = which == "closing" and len(alone) == len(split)
        fewest = min((len(those) for those in split.values()), default=1)
        if alone and (certain or _chance(len(alone), len(split), 1 / fewest) < _RARE):
            more = f" and {len(alone) - 1} more" if len(alone) > 1 else ""
            return [f"state leaks between attempts: the {which} control of trace {alone[0][:8]}{more} differs"]
    return []


def _chance(least: int, n: int, p: float) -> float:
    """How likely at least ``least`` of ``n`` are, each with chance ``p``."""
    return sum(comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(least, n + 1))


def _conduct(one: Judged, bench: Bench) -> tuple[str, str, tuple[str, ...]]:
    attempt = one.attempt
    made = effects(attempt.steps, bench.ground.scan.rules, attempt.states)
    committed = sorted(effect.key for effect in made if effect.state == "committed")
    return attempt.status, one.judgement.outcome, tuple(committed)
