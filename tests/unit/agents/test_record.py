"""``counterfault.record`` and decorated functions in production: what is written, and what is left alone."""

import asyncio
import json
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import counterfault
from counterfault import Escalated, ToolError, UsageError
from counterfault.agents._decorator import replay_mode
from counterfault.agents.python import PythonAgent
from counterfault.campaign.worker import Worker
from counterfault.core.attempt import Attempt, WorkItem
from counterfault.core.effects import ToolRules
from counterfault.core.jsontree import JSON
from counterfault.core.trace import Message, ToolCall, ToolResult, Trace
from counterfault.formats import counterfault_jsonl
from counterfault.replay.recording import Recording
from counterfault.replay.session import Limits


@dataclass
class Order:
    order_id: str
    total: float


@counterfault.tool
def get_order(order_id: str, detail: bool = False) -> Order:
    return Order(order_id, 30.0)


@counterfault.tool
async def refund(order_id: str, amount: float) -> dict[str, str]:
    await asyncio.sleep(0)
    return {"refund_id": "RF-1"}


@counterfault.tool
def both(order_id: str) -> float:
    """Calls another tool."""
    return get_order(order_id).total


@counterfault.tool
def broken(error: str) -> None:
    kinds: dict[str, Callable[[str], Exception]] = {
        "t": TimeoutError,
        "c": ConnectionResetError,
        "v": ValueError,
        "r": rate_limited,
    }
    raise kinds[error]("no luck")


def rate_limited(message: str) -> ToolError:
    return ToolError(message, kind="rate_limited", status=429)


@counterfault.tool
def untyped(which: str) -> Any:
    return {"text": "words", "json": '{"a": 1}', "order": Order("1", 2.0), "pair": (1, 2), "rows": [{"a": 1}]}[which]


@counterfault.tool
def connect() -> threading.Thread:
    raise AssertionError("must not run")


def traces(path: Path) -> list[Trace]:
    with path.open("rb") as stream:
        found = list(counterfault_jsonl.read(stream, path.name))
    assert all(isinstance(trace, Trace) for trace in found)
    return found  # type: ignore[return-value]


def calls(trace: Trace) -> list[ToolCall]:
    return [call for _, call in trace.calls()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.jsonl"


def replayed(agent: Callable[..., Any], trace: Trace) -> Attempt:
    recording = Recording(trace, ToolRules())
    worker = Worker(PythonAgent(agent, {}, (), ()), lambda _: recording, Limits())
    return worker.run(WorkItem(trace.id, None, "control", "agent"))


async def agent(task: Any) -> str:
    order = get_order("ORD-7")
    await refund(order_id=order.order_id, amount=order.total)
    return f"Refunded {order.total}."


def test_a_run_is_recorded_and_its_replay_reproduces_it(path: Path) -> None:
    with counterfault.record("Refund ORD-7.", to=path, task_id="t-1") as run:
        run.finish(asyncio.run(agent("Refund ORD-7.")))
    (trace,) = traces(path)
    assert trace.steps == (
        Message("user", "Refund ORD-7."),
        ToolCall(
            "get_order",
            {"order_id": "ORD-7", "detail": False},
            ToolResult('{"order_id": "ORD-7", "total": 30.0}'),
            "call_1",
            1,
        ),
        ToolCall("refund", {"order_id": "ORD-7", "amount": 30.0}, ToolResult('{"refund_id": "RF-1"}'), "call_2", 2),
        Message("assistant", "Refunded 30.0."),
    )
    assert (trace.task, trace.labels, trace.incomplete) == ("t-1", {}, ())
    made = replayed(agent, trace)
    assert (made.status, made.steps) == ("completed", trace.steps)


def test_production_outside_a_run_just_calls_through(path: Path) -> None:
    assert get_order("1") == Order("1", 30.0)
    assert asyncio.run(refund("1", 2.0)) == {"refund_id": "RF-1"}
    assert asyncio.iscoroutinefunction(refund)
    assert (get_order.__name__, both.__doc__) == ("get_order", "Calls another tool.")
    with pytest.raises(TypeError):
        get_order()  # type: ignore[call-arg]


def test_runs_are_added_to_a_file_that_only_its_owner_reads(path: Path) -> None:
    for number in range(3):
        with counterfault.record(f"task {number}", to=str(path)) as run:
            run.finish({"number": number})
    assert [trace.steps[-1] for trace in traces(path)] == [
        Message("assistant", json.dumps({"number": number})) for number in range(3)
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_without_a_file_the_projects_store_takes_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFAULT_STORE", str(tmp_path / "store"))
    with counterfault.record("x") as run:
        run.finish("y")
    assert len(traces(tmp_path / "store" / "recorded.jsonl")) == 1
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o700


def test_a_file_that_cannot_be_written_is_an_error_before_the_work(tmp_path: Path) -> None:
    worked = []
    with pytest.raises(OSError), counterfault.record("x", to=tmp_path / "no" / "such" / "folder"):  # noqa: PT011
        worked.append(1)
    assert worked == []


def test_a_conversation_is_recorded_turn_by_turn(path: Path) -> None:
    class Given:
        messages = ({"role": "developer", "content": "Be kind."}, {"role": "user", "content": "Hello"})

    opening = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}]
    for task in (opening, type("Task", (), {"messages": list(Given.messages)})()):
        with counterfault.record(task, to=path) as run:
            run.say("Which order?")
            run.user("ORD-7")
            get_order("ORD-7")
    roles = ["system", "user", "assistant", "user"]
    for trace in traces(path):
        assert [step.role for step in trace.steps if isinstance(step, Message)] == roles
        assert trace.incomplete == ()


def test_of_nested_calls_only_the_outermost_is_recorded(path: Path) -> None:
    with counterfault.record("x", to=path) as run:
        run.finish(both("ORD-7"))
    assert [(call.tool, call.result) for call in calls(traces(path)[0])] == [("both", ToolResult("30.0"))]


@pytest.mark.parametrize(
    ("error", "kind", "raised"),
    [
        ("t", "timeout", TimeoutError),
        ("c", "unavailable", ConnectionError),
        ("v", "error", ValueError),
        ("r", "rate_limited", ToolError),
    ],
)
def test_an_exception_is_recorded_as_its_kind_and_raised(
    path: Path, error: str, kind: str, raised: type[Exception]
) -> None:
    with counterfault.record("x", to=path) as run:
        with pytest.raises(raised, match="no luck"):
            broken(error)
        run.finish("gave up")
    trace = traces(path)[0]
    assert calls(trace)[0].result == ToolResult("no luck", True, kind)
    made = replayed(lambda task: _caught(broken, error), trace)
    assert made.answer == ["ToolError" if kind in ("error", "rate_limited") else f"Tool{kind.title()}", kind]


def _caught(function: Callable[..., Any], *args: Any) -> list[str]:
    try:
        function(*args)
    except ToolError as error:
        return [type(error).__name__, error.kind]
    return []


def test_a_run_that_raised_is_written_with_its_reason_and_no_verdict(path: Path) -> None:
    with pytest.raises(KeyError), counterfault.record("x", to=path):  # noqa: PT012
        get_order("1")
        raise KeyError("lost")
    (trace,) = traces(path)
    assert trace.labels == {"raised": "KeyError: 'lost'"}
    assert trace.passed is None
    assert trace.incomplete == ("the run raised KeyError",)


def test_a_run_that_handed_over_is_whole(path: Path) -> None:
    with pytest.raises(Escalated), counterfault.record("x", to=path):
        raise Escalated("the amount is unclear")
    (trace,) = traces(path)
    assert trace.labels == {"raised": "Escalated: the amount is unclear"}
    assert trace.steps[-1] == Message("assistant", "I hand this over to a person: the amount is unclear")
    assert trace.incomplete == ()


def test_a_call_without_an_answer_and_a_run_without_one_are_incomplete(path: Path) -> None:
    @counterfault.tool
    async def forever() -> None:
        await asyncio.sleep(60)

    async def impatient() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(forever(), 0.01)

    with counterfault.record("x", to=path) as run:
        asyncio.run(impatient())
        run.finish("it took too long")
    with counterfault.record("x", to=path):
        pass
    assert [trace.incomplete for trace in traces(path)] == [
        ("forever at step 1 was not answered",),
        ("the run has no answer: run.finish(answer) was not called",),
    ]


@pytest.mark.parametrize("which", ["json", "order", "pair"])
def test_a_result_that_a_replay_could_not_give_back_is_an_error_at_the_end(path: Path, which: str) -> None:
    returned = []
    with pytest.raises(UsageError, match="untyped returned"), counterfault.record("x", to=path) as run:  # noqa: PT012
        returned.append(untyped(which))
        run.finish("done")
    assert len(returned) == 1
    assert path.read_bytes() == b""


@pytest.mark.parametrize("which", ["text", "rows"])
def test_plain_results_need_no_annotation(path: Path, which: str) -> None:
    with counterfault.record("x", to=path) as run:
        given = untyped(which)
        run.finish("done")
    assert replayed(lambda task: untyped(which), traces(path)[0]).answer == given


def test_an_annotation_that_can_never_be_rebuilt_is_an_error_before_the_call(path: Path) -> None:
    with pytest.raises(UsageError, match=r"connect cannot be rebuilt: 'Thread'"), counterfault.record("x", to=path):
        connect()


def test_threads_and_pools_record_into_the_run_they_were_started_in(path: Path) -> None:
    shared = ThreadPoolExecutor(1)
    for task in ("first", "second"):
        with counterfault.record(task, to=path) as run:
            thread = threading.Thread(target=get_order, args=[f"{task} thread"])
            thread.start()
            thread.join()
            shared.submit(get_order, f"{task} pool").result()
            asyncio.run(asyncio.to_thread(get_order, f"{task} task"))
            run.finish("done")
    shared.submit(get_order, "after").result()
    shared.shutdown()
    for task, trace in zip(("first", "second"), traces(path), strict=True):
        asked = [call.arguments["order_id"] for call in calls(trace)]
        assert asked == [f"{task} thread", f"{task} pool", f"{task} task"]


def test_a_thread_that_outlives_its_run_just_calls_through(path: Path) -> None:
    closed = threading.Event()
    found: list[threading.Thread] = []

    @counterfault.tool
    def current() -> threading.Thread:
        return threading.current_thread()

    def late() -> None:
        closed.wait(5)
        found.append(current())

    with counterfault.record("x", to=path) as run:
        thread = threading.Thread(target=late)
        thread.start()
        run.finish("done")
    closed.set()
    thread.join()
    assert found == [thread]


def test_runs_at_the_same_time_are_kept_apart(path: Path) -> None:
    met = threading.Barrier(2)

    def one(name: str) -> None:
        with counterfault.record(name, to=path) as run:
            met.wait(5)
            get_order(name)
            met.wait(5)
            run.finish(name)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, ["a", "b"]))
    assert sorted([call.arguments["order_id"] for call in calls(trace)] for trace in traces(path)) == [["a"], ["b"]]


def test_calls_share_a_turn_where_none_can_have_seen_anothers_answer(path: Path) -> None:
    @counterfault.tool
    async def wait(name: str, seconds: float) -> str:
        await asyncio.sleep(seconds)
        return name

    async def work() -> None:
        slow = asyncio.create_task(wait("slow", 0.1))
        await asyncio.gather(wait("a", 0.01), wait("b", 0.02))
        await wait("after", 0)
        await slow

    with counterfault.record("x", to=path) as run:
        asyncio.run(work())
        run.finish("done")
    turns = {str(call.arguments["name"]): call.turn for call in calls(traces(path)[0])}
    assert turns["a"] == turns["b"] == turns["slow"]
    assert turns["after"] > turns["a"]


def test_in_a_replay_a_run_records_nothing(path: Path) -> None:
    def whole(task: Any) -> str:
        with counterfault.record(task, to=path) as run:
            run.say("hm")
            answer = str(get_order("ORD-7").total)
            run.finish(answer)
            return answer

    assert replayed(whole, foreign({"order_id": "ORD-7"})).answer == "8.0"
    assert not path.exists()
    with replay_mode(), counterfault.record("x", to=path) as run:
        run.finish("y")
    assert not path.exists()


def foreign(arguments: dict[str, JSON]) -> Trace:
    """A trace that another tool recorded."""
    result = ToolResult('{"order_id": "ORD-7", "total": 8.0}')
    return Trace((Message("user", "x"), ToolCall("get_order", arguments, result, "c", 1)))


@pytest.mark.parametrize("spelled", [{}, {"detail": False}])
def test_a_recording_need_not_spell_out_the_defaults(spelled: dict[str, JSON]) -> None:
    asked: dict[str, JSON] = {"order_id": "ORD-7", **spelled}
    trace = foreign(asked)
    made = replayed(lambda task: get_order("ORD-7").total, trace)
    assert (made.answer, [dict(call.arguments) for _, call in made.as_trace().calls()]) == (8.0, [asked])
    assert replayed(lambda task: get_order("ORD-7", detail=True).total, trace).status == "unresolved"


def test_methods_leave_self_out_and_take_a_name(path: Path) -> None:
    class Shop:
        @counterfault.tool(name="find_order")
        def find(self, order_id: str, *tags: str, **more: int) -> list[str]:
            return [order_id, *tags]

        @counterfault.tool
        @classmethod
        def stock(cls, sku: str) -> int:
            return 3

    with counterfault.record("x", to=path) as run:
        Shop().find("1", "a", "b", limit=2)
        Shop().find("2")
        Shop.stock("S")
        run.finish("done")
    assert [(call.tool, dict(call.arguments)) for call in calls(traces(path)[0])] == [
        ("find_order", {"order_id": "1", "tags": ["a", "b"], "limit": 2}),
        ("find_order", {"order_id": "2"}),
        ("stock", {"sku": "S"}),
    ]


def test_what_cannot_be_a_tool_is_refused_where_it_is_decorated() -> None:
    def rows() -> Iterator[int]:
        yield 1

    async def pages() -> Any:
        yield 1

    wrong: Any
    for wrong in (rows, pages, Order, 3):
        with pytest.raises(UsageError, match=r"@counterfault\.tool on"):
            counterfault.tool(wrong)


def test_lines_of_many_processes_do_not_mix(path: Path) -> None:
    script = """
import sys, counterfault
for number in range(30):
    with counterfault.record("x" * 20_000, to=sys.argv[1]) as run:
        run.finish(f"{sys.argv[2]} {number}")
"""
    children = [subprocess.Popen([sys.executable, "-c", script, str(path), str(child)]) for child in range(3)]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    assert len({trace.steps[-1] for trace in traces(path)}) == 90
