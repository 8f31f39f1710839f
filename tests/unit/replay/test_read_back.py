"""After a timeout, before or after the write took hold, an agent that reads back sees the truth (SEMANTICS 2).

The truth of the two desks is their world itself; of the airline runs it is what the recording shows: the read before
the write, and after it the recorded read, or the write's own answer where that is the same record.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from counterfault.core.edit import Fault
from counterfault.core.effects import ToolRules
from counterfault.core.errors import Unanswerable
from counterfault.core.jsontree import JSON
from counterfault.core.mutant import Mutant, Mutation, Site
from counterfault.core.rendering import parse
from counterfault.core.scan import corpus_of
from counterfault.core.trace import Trace
from counterfault.formats import read_files
from counterfault.replay.recording import RecordedCall, Recording, pool_of
from counterfault.replay.session import Session
from oracles.desks import DESKS

AIRLINE = Path(__file__).parents[4] / "shared" / "corpora" / "tau_bench_airline"
FORMS = (
    *(Fault("timeout", "exception", commits=commits) for commits in (False, True)),
    *(Fault("timeout", "result", commits=commits) for commits in (False, True)),
)


def timeouts(write: RecordedCall) -> Iterator[tuple[Mutant, bool]]:
    """Each timeout of a write, for one call and for all, and whether the write was done."""
    site = Site(write.step, write.tool, "transport")
    for fault in FORMS:
        once = Mutation("test", "", "fault", "transient", site, (fault,))
        for one in (once, replace(once, reach="tool", times=None)):
            yield Mutant((one,)), fault.commits


def read_back(recording: Recording, mutant: Mutant, write: RecordedCall, read: RecordedCall) -> tuple[str, JSON]:
    """How the read was answered, and what with, after the run up to the write."""
    session = Session(recording, mutant)
    earlier = [call for call in recording.calls if call.step <= write.step]
    # A timeout of the whole tool hits its earlier calls too; here only what comes after this write is asked.
    calls = (
        earlier
        if mutant.first.reach == "call"
        else [c for c in earlier if c.tool != write.tool or c.step == write.step]
    )
    for call in calls:
        answer = session.call(call.tool, call.arguments)
        session.hand_over(answer, raised=answer.raises)
    try:
        answer = session.call(read.tool, read.arguments)
    except Unanswerable:
        return "unanswerable", None
    return session.answered[-1].origin, parse(answer.text)


def committed(recording: Recording) -> list[RecordedCall]:
    return [call for call in recording.calls if call.state == "committed"]


@pytest.mark.parametrize("cut", [False, True], ids=["whole recording", "recording ends with the write"])
@pytest.mark.parametrize("name", DESKS)
def test_what_the_desk_would_answer_is_what_is_read_back(name: str, cut: bool) -> None:
    desk = DESKS[name]
    counts: Counter[str] = Counter()
    for trace in desk.traces:
        whole = desk.recordings[trace.id]
        for write in committed(whole):
            short = replace(trace, steps=trace.steps[: write.step + 1], id="")
            recording = replace(whole, trace=short) if cut else whole
            reads = {call.key: call for call in recording.calls if desk.rules[call.tool].kind == "read"}
            for mutant, commits in timeouts(write):
                if mutant.first.reach == "tool" and any(
                    call.tool == write.tool and call.step < write.step for call in recording.calls
                ):
                    continue
                world, before = desk.domain.fresh(trace.task), desk.domain.fresh(trace.task)
                for call in whole.calls:
                    if call.step < write.step or (call.step == write.step and commits):
                        world.call(call.tool, **call.arguments)
                    if call.step < write.step:
                        before.call(call.tool, **call.arguments)
                for read in reads.values():
                    origin, answer = read_back(recording, mutant, write, read)
                    truth = world.call(read.tool, **read.arguments)
                    counts[origin if answer == truth or origin == "unanswerable" else f"{origin}, partly"] += 1
                    if origin == "overlaid":
                        # What the write changed beyond its own words nobody can know; that it was made must be seen.
                        assert answer == truth or answer != before.call(read.tool, **read.arguments)
                    elif origin != "unanswerable":
                        assert answer == truth, (trace.task, write.tool, read.tool, commits)
    print(name, "cut" if cut else "whole", dict(counts))
    assert counts["recorded"] >= 900
    assert counts["unanswerable"] <= 0.15 * counts.total()


def airline() -> Iterator[Recording]:
    traces = [trace for _, trace in read_files([AIRLINE]) if isinstance(trace, Trace)]
    rules, good = ToolRules(), [trace for trace in traces if trace.passed]
    pool, corpus = pool_of(traces, rules), corpus_of(traces)
    return (Recording(trace, rules, pool, corpus) for trace in good)


def truth_of(recording: Recording, write: RecordedCall, read: RecordedCall, commits: bool) -> list[JSON]:
    """What a read of the write's entity may say: the recorded answers in that state, and the write's own record."""
    state = [*write.before, *([write.effect] if commits else [])]
    found = [
        call.result.value for call in recording.calls if call.key == read.key and sorted(state) == list(call.before)
    ]
    own, shape = write.result.value, read.result.value
    if commits and isinstance(own, dict) and isinstance(shape, Mapping) and own.keys() >= shape.keys():
        found.append(own)
    return found


@pytest.mark.corpora
@pytest.mark.skipif(not AIRLINE.is_dir(), reason="the τ-bench airline corpus is not beside this checkout")
def test_reading_an_airline_entity_back_shows_the_write_exactly_where_it_was_committed() -> None:
    counts: Counter[str] = Counter()
    for recording in airline():
        for write in committed(recording):
            entity = write.named
            reads = {
                call.key: call
                for call in recording.calls
                if recording.rules[call.tool].kind == "read" and call.named and call.named & entity
            }
            for read in reads.values():
                for mutant, commits in timeouts(write):
                    if mutant.first.reach == "tool" and any(
                        call.tool == write.tool and call.step < write.step for call in recording.calls
                    ):
                        continue
                    origin, answer = read_back(recording, mutant, write, read)
                    truth = truth_of(recording, write, read, commits)
                    before = truth_of(recording, write, read, False)
                    when = "after" if commits else "before"
                    if origin == "unanswerable":
                        counts[f"{when}: unanswerable"] += 1
                    elif truth:
                        assert answer in truth, (write.tool, read.tool, origin)
                        counts[f"{when}: checked, {origin}"] += 1
                    elif commits:
                        assert answer not in before, (write.tool, read.tool, origin)
                        counts[f"{when}: seen to be made, {origin}"] += 1
                    else:
                        counts[f"{when}: nothing to compare with"] += 1
    print(dict(counts))
    checked = sum(count for what, count in counts.items() if "checked" in what)
    assert checked >= 100
