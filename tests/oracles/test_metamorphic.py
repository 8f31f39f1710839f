"""What must not change a verdict: an extra read, another order, another rendering, other ids, another agent's name."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import counterfault
from counterfault.campaign.controls import passing_sentinels, sentinels
from counterfault.campaign.judge import Bench
from counterfault.campaign.worker import Worker
from counterfault.core.attempt import Answer, Attempt, WorkItem
from counterfault.core.jsontree import JSON
from counterfault.core.mutant import Mutant
from counterfault.core.outcome import Judgement
from counterfault.core.provenance import uses
from counterfault.core.trace import Step, ToolCall, Trace
from counterfault.ports import Agent, Ending, ToolHost
from counterfault.replay.recording import Recording
from counterfault.replay.session import Limits, Session

from .desks import DESKS, NAMES, Desk
from .oracle_table import benches

AGENTS = ("thorough", "swallows_errors", "trusts_stale_value", "claims_success", "repeats_write", "ignores_denial")
Sample = list[tuple[Desk, Bench, Mutant, Attempt, Judgement]]


@cache
def judges(desk: str, agent: str) -> Mapping[str, Bench]:
    return benches(DESKS[desk], agent)[0]


@pytest.fixture(scope="module")
def sample() -> Sample:
    """Delivered attempts of several agents, each with its judgement."""
    found: Sample = []
    for desk in DESKS.values():
        for number, agent in enumerate(AGENTS):
            for trace, mutant in desk.sample[number :: 12 * len(AGENTS) // 6]:
                attempt = desk.attempt(agent, trace, mutant)
                bench = judges(desk.name, agent)[trace.id]
                found.append((desk, bench, mutant, attempt, bench.judge(attempt, mutant)))
    return found


def assert_same(sample: Sample, change: Callable[[Attempt, Bench], Attempt | None]) -> None:
    """The judge says the same of every changed attempt; enough passed and enough failed ones could be changed."""
    seen: list[str] = []
    for desk, bench, mutant, attempt, before in sample:
        changed = change(attempt, bench)
        if changed is None:
            continue
        after = bench.judge(changed, mutant)
        seen.append(before.verdict)
        where = f"{desk.name} {attempt.agent} {bench.ground.scan.trace.task} {mutant.first.operator}: {after.findings}"
        assert (after.outcome, after.verdict) == (before.outcome, before.verdict), where
    assert min(seen.count("pass"), seen.count("fail")) >= 20


def renumbered(attempt: Attempt, steps: tuple[Step, ...], new: Mapping[int, int]) -> Attempt:
    """The attempt with other steps; ``new`` gives the places of those that moved."""
    answered = tuple(replace(note, step=new.get(note.step, note.step)) for note in attempt.answered)
    proofs = tuple(replace(proof, step=new.get(proof.step, proof.step)) for proof in attempt.injections)
    return replace(attempt, steps=steps, answered=answered, injections=proofs)


def plain_reads(attempt: Attempt, bench: Bench) -> Iterator[tuple[int, ToolCall]]:
    """The answered reads that the mutation did not touch."""
    spoilt = {injection.step for injection in attempt.injections}
    for index, step in enumerate(attempt.steps):
        if not isinstance(step, ToolCall) or index in spoilt or step.result is None or step.result.raised:
            continue
        if bench.ground.scan.rules[step.tool].kind == "read":
            yield index, step


@pytest.mark.parametrize("place", ["at once", "at the end"])
def test_a_harmless_read_more_never_changes_a_verdict(sample: Sample, place: str) -> None:
    def with_read(attempt: Attempt, bench: Bench) -> Attempt | None:
        index, read = next(plain_reads(attempt, bench), (-1, None))
        if read is None:
            return None
        at = index + 1 if place == "at once" else len(attempt.steps) - 1
        steps = (*attempt.steps[:at], replace(read, id="again"), *attempt.steps[at:])
        return renumbered(attempt, steps, {old: old + 1 for old in range(at, len(attempt.steps))})

    assert_same(sample, with_read)


def test_the_order_of_independent_calls_never_changes_a_verdict(sample: Sample) -> None:
    def swapped(attempt: Attempt, bench: Bench) -> Attempt | None:
        reads = dict(plain_reads(attempt, bench))
        for first, one in reads.items():
            other = reads.get(first + 1)
            if other is None or any(
                use.step == first + 1 and any(place.step == first for place in use.places)
                for use in uses(attempt.steps[: first + 2])
            ):
                continue
            steps = (*attempt.steps[:first], other, one, *attempt.steps[first + 2 :])
            return renumbered(attempt, steps, {first: first + 1, first + 1: first})
        return None

    assert_same(sample, swapped)


def test_another_rendering_of_the_same_json_never_changes_a_verdict(sample: Sample) -> None:
    def rendered(attempt: Attempt, _: Bench) -> Attempt:
        return replace(attempt, steps=tuple(map(_rendered, attempt.steps)))

    assert_same(sample, rendered)


def _rendered(step: Step) -> Step:
    if not isinstance(step, ToolCall):
        return step
    arguments = dict(reversed(list(step.arguments.items())))
    if step.result is None or not isinstance(step.result.value, dict | list):
        return replace(step, arguments=arguments)
    text = json.dumps(step.result.value, indent=2, ensure_ascii=True)
    return replace(step, arguments=arguments, result=replace(step.result, text=text))


def test_other_call_ids_never_change_a_verdict(sample: Sample) -> None:
    def renamed(attempt: Attempt, _: Bench) -> Attempt:
        steps = (replace(s, id=f"toolu_{n:05}") if isinstance(s, ToolCall) else s for n, s in enumerate(attempt.steps))
        return replace(attempt, steps=tuple(steps))

    assert_same(sample, renamed)


def test_another_agent_s_name_never_changes_a_verdict(sample: Sample) -> None:
    def swapped(attempt: Attempt, _: Bench) -> Attempt:
        return replace(attempt, agent=NAMES[(NAMES.index(attempt.agent) + 5) % len(NAMES)])

    assert_same(sample, swapped)


def test_no_code_of_the_judge_names_an_agent_or_a_tool_of_these_worlds() -> None:
    package = Path(counterfault.__file__).parent
    files = [*(package / "core").rglob("*.py"), *(package / "oracles").rglob("*.py"), package / "campaign" / "judge.py"]
    rules = (desk.config.tools for desk in DESKS.values())
    tools = {tool for rule in rules for tool in (*rule.write, *rule.irreversible, *rule.approval)}
    names = sorted({*NAMES, *(tool for tool in tools if "_" in tool)})  # a bare verb is a word of the language
    words = re.compile(rf"""["'](?:{"|".join(names)})["']""")
    found = {file.name: match.group() for file in files if (match := words.search(file.read_text(encoding="utf-8")))}
    assert not found


@pytest.mark.parametrize("agent", NAMES)
@pytest.mark.parametrize("desk", DESKS)
def test_every_agent_s_controls_recover(desk: str, agent: str) -> None:
    place = DESKS[desk]
    for trace in place.traces:
        judgement = judges(desk, agent)[trace.id].judge(place.attempt(agent, trace, None, 2), None)
        assert judgement.outcome == "recovered", f"{trace.task}: {judgement.findings}"


@pytest.mark.parametrize("desk", DESKS)
def test_every_forged_sentinel_fails(desk: str) -> None:
    forged = [(bench, one) for bench in judges(desk, "thorough").values() for one in sentinels(bench, "thorough")]
    assert len({one.reason for _, one in forged}) >= 4
    assert passing_sentinels([(one, bench.judge(one, None)) for bench, one in forged]) == []


class Dropping:
    """A broken adapter: it asks for the answer as it should, and hands over what an unmutated replay answers."""

    def __init__(self, agent: Agent, recording: Recording, limits: Limits) -> None:
        self._agent, self._recording, self._limits = agent, recording, limits

    def run(self, trace: Trace, host: ToolHost) -> Ending:
        return self._agent.run(trace, _Dropped(host, Session(self._recording, None, self._limits)))


class _Dropped:
    def __init__(self, host: ToolHost, clean: Session) -> None:
        self._host, self._clean = host, clean
        self._given: dict[int, Answer] = {}

    def call(self, tool: str, arguments: Mapping[str, JSON], turn: int | None = None) -> Answer:
        asked = self._host.call(tool, arguments, turn)
        answer = replace(self._clean.call(tool, arguments, turn), step=asked.step)
        self._given[asked.step] = asked
        return answer

    def hand_over(self, answer: Answer, text: str | None = None, raised: str | None = None) -> None:
        given = answer.text if text is None else text
        self._host.hand_over(self._given[answer.step], given, raised)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)


def test_an_adapter_that_drops_the_mutation_has_delivered_nothing() -> None:
    dropped = set()
    for desk in DESKS.values():
        limits = Limits(desk.config.tools.timeout_s)
        for trace, mutant in desk.sample[::9]:
            if mutant.first.reach == "run" or mutant.first.operator == "fault.slow":
                continue  # a renaming is in the task's own words, and a delay is no answer
            adapter = Dropping(desk.agents["thorough"], desk.recordings[trace.id], limits)
            item = WorkItem(trace.id, mutant, "mutant", "thorough")
            attempt = Worker(adapter, desk.recordings.__getitem__, limits).run(item)
            judgement = judges(desk.name, "thorough")[trace.id].judge(attempt, mutant)
            where = f"{mutant.first.operator} {mutant.first.variant} on {trace.task}"
            assert (attempt.status, judgement.outcome, judgement.verdict) == (
                "not_delivered",
                "not_delivered",
                "void",
            ), where
            dropped.add(mutant.first.operator)
    assert len(dropped) >= 25
