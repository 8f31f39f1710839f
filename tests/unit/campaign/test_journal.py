"""The journal of an attempt: what it holds is enough to rebuild an attempt whose process was lost."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.shop import TRACES, MakeShop, Shop
from counterfault.campaign.journal import read_lost, writer
from counterfault.core.attempt import WorkItem
from counterfault.core.trace import ToolCall
from counterfault.replay.session import Session
from counterfault.wiring import Study


def mutant_of(one: Shop, tool: str = "get_order") -> WorkItem:
    return next(item for item in one.campaign.items if item.mutant and item.mutant.first.site.tool == tool)


def refunding(study: Study, item: WorkItem, path: Path) -> Session:
    """A session that has been asked for the order and the refund, as far as an agent got before it was lost."""
    trace = next(trace for trace in study.traces if trace.id == item.trace_id)
    session = Session(study.recording(trace), item.mutant, observe=writer(str(path)))
    for _, call in trace.calls():
        answer = session.call(call.tool, call.arguments)
        session.hand_over(answer, raised=answer.raises)
    return session


def test_a_lost_attempt_is_rebuilt_as_the_session_had_it(shop: MakeShop, tmp_path: Path) -> None:
    one = shop(operators=("schema.rename",))
    item = mutant_of(one)
    session = refunding(one.study, item, tmp_path / "journal")
    lost = read_lost(item, "crashed", "signal 9", (tmp_path / "journal").read_bytes())
    assert (lost.id, lost.status, lost.reason) == (item.id, "crashed", "signal 9")
    assert lost.steps == session.steps
    assert lost.answered == session.answered
    assert lost.injections == session.injections != ()
    assert lost.reached


def test_a_committed_refund_is_in_the_journal_before_the_agent_has_its_answer(shop: MakeShop, tmp_path: Path) -> None:
    one = shop(operators=("schema.rename",))
    item = mutant_of(one)
    trace = next(trace for trace in TRACES if trace.id == item.trace_id)
    session = Session(one.study.recording(trace), item.mutant, observe=writer(str(tmp_path / "journal")))
    for _, call in trace.calls():
        session.call(call.tool, call.arguments)
    lost = read_lost(item, "crashed", "", (tmp_path / "journal").read_bytes())
    calls = [at for at, step in enumerate(lost.steps) if isinstance(step, ToolCall)]
    assert [lost.states.get(at) for at in calls] == [None, "committed"]
    assert lost.injections == ()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(share=st.floats(0, 1))
def test_a_journal_torn_anywhere_is_read_up_to_its_last_whole_line(
    shop: MakeShop, tmp_path: Path, share: float
) -> None:
    one = shop(operators=("schema.rename",))
    item, path = mutant_of(one), tmp_path / "journal"
    path.write_bytes(b"")
    session = refunding(one.study, item, path)
    written = path.read_bytes()
    torn = written[: int(len(written) * share)]
    lost = read_lost(item, "timed_out", "late", torn)
    indexes = {json.loads(line)["index"] for line in torn.split(b"\n")[:-1]}
    assert len(lost.steps) in (len(indexes), len(indexes) + 1)  # the last line may be whole but for its end
    for mine, theirs in zip(lost.steps, session.steps, strict=False):
        assert type(mine) is type(theirs)


def test_a_mutant_lost_before_its_mutation_is_void_and_never_a_failure(shop: MakeShop) -> None:
    one = shop(operators=("schema.rename",))
    item = mutant_of(one)
    assert read_lost(item, "crashed", "exit code 1", b"").status == "not_reached"
    reached = json.dumps({"index": 0, "step": {"role": "user", "text": "go"}, "answered": [], "injections": []} | {
        "reached": True, "escalated": None, "clock": 0.0
    })
    assert read_lost(item, "timed_out", "", reached.encode()).status == "not_delivered"
    assert read_lost(item, "harness_error", "", b"").status == "harness_error"
    control = WorkItem(item.trace_id, None, "control", "agent")
    assert read_lost(control, "crashed", "exit code 1", b"").status == "crashed"


@pytest.mark.parametrize("line", [b"", b"\xff\xfe", b"[]", b"3", b'{"ind', b"null"])
def test_what_is_no_line_of_a_journal_is_passed_over(line: bytes) -> None:
    control = WorkItem("t", None, "control", "agent")
    assert read_lost(control, "crashed", "", line).steps == ()


def test_the_journal_survives_an_agent_that_closes_files_it_did_not_open(shop: MakeShop, tmp_path: Path) -> None:
    one = shop(operators=("schema.rename",))
    item, path = mutant_of(one), tmp_path / "journal"
    write = writer(str(path))
    trace = next(trace for trace in TRACES if trace.id == item.trace_id)
    before = {int(name) for name in os.listdir("/dev/fd")}
    for number in before - {0, 1, 2}:
        if os.path.realpath(f"/dev/fd/{number}") == str(path.resolve()):
            os.close(number)
    with (tmp_path / "theirs").open("wb") as theirs:
        Session(one.study.recording(trace), item.mutant, observe=write)
        assert theirs.tell() == 0
    assert (tmp_path / "theirs").read_bytes() == b""
    assert read_lost(item, "crashed", "", path.read_bytes()).steps == trace.steps[:1]
