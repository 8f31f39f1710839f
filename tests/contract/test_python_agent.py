"""What a Python agent is promised: its recording, its faults in their own form, virtual time, and no real tool."""

import asyncio
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import counterfault
from counterfault import AttemptEnded, Escalated, ToolError, UsageError
from counterfault.agents._decorator import in_replay, replay_mode
from counterfault.agents.python import PythonAgent, load
from counterfault.campaign.worker import Worker
from counterfault.config import AgentConfig, ToolsConfig
from counterfault.core.attempt import Attempt, WorkItem
from counterfault.core.edit import Delay, Edit, Fault, Garble, Rename, Truncate
from counterfault.core.effects import ToolRules
from counterfault.core.mutant import Mutant, Mutation, Site
from counterfault.core.scan import corpus_of
from counterfault.core.trace import Message, Step, ToolCall, ToolResult, Trace
from counterfault.replay.recording import Recording
from counterfault.replay.session import Limits, Session

ORDER = {"order_id": "ORD-7", "total": 30.0, "status": "delivered"}
TRACE = Trace(
    (
        Message("system", "You are the shop's desk."),
        Message("user", "Refund ORD-7, please."),
        ToolCall("get_order", {"order_id": "ORD-7"}, ToolResult(json.dumps(ORDER)), "call_2", 1),
        ToolCall("refund", {"order_id": "ORD-7", "amount": 30.0}, ToolResult('{"refund_id": "RF-1"}'), "call_3", 2),
        Message("assistant", "Refunded 30.0 for ORD-7."),
    ),
    id="small",
)
TALK = Trace(
    (
        Message("user", "I want a refund."),
        Message("assistant", "Which order?"),
        Message("user", "ORD-7."),
        ToolCall("get_order", {"order_id": "ORD-7"}, ToolResult(json.dumps(ORDER)), "call_3", 1),
        Message("assistant", "Shall I refund ORD-7?"),
        Message("user", "Yes."),
    ),
    id="talk",
)


def attempt(
    agent: Any, *edits: Edit, trace: Trace = TRACE, times: int | None = 1, seen: list[Session] | None = None
) -> Attempt:
    """One attempt of an agent; edits act on the answer to the call at step 2."""
    mutation = Mutation("test", "", "fault", "transient", Site(2, "get_order", "result"), edits, times=times)
    item = WorkItem(trace.id, Mutant((mutation,)) if edits else None, "mutant" if edits else "control", "agent")
    runs = agent if isinstance(agent, PythonAgent) else PythonAgent(agent, {}, (), ("escalated",))
    sessions: list[Session] = [] if seen is None else seen
    recording = Recording(trace, ToolRules(), corpus=corpus_of([trace]))
    return Worker(runs, lambda _: recording, Limits(3.0), lambda session, _: sessions.append(session)).run(item)


def asked(made: Attempt) -> list[tuple[str, dict[str, Any]]]:
    return [(step.tool, dict(step.arguments)) for step in made.steps if isinstance(step, ToolCall)]


def refunding(task: Any, tools: Any) -> str:
    order = tools.call("get_order", order_id=task.input.split()[1].strip(","))
    tools.refund(order_id=order["order_id"], amount=order["total"])
    return f"Refunded {order['total']} for {order['order_id']}."


RECORDED = [("get_order", {"order_id": "ORD-7"}), ("refund", {"order_id": "ORD-7", "amount": 30.0})]


# -- the forms of an agent -------------------------------------------------------------------------------------------


async def async_refunding(task: Any, tools: Any) -> str:
    order = await tools.acall("get_order", order_id="ORD-7")
    await tools.acall("refund", order_id=order["order_id"], amount=order["total"])
    return "Refunded 30.0 for ORD-7."


class Called:
    def __call__(self, task: Any, tools: Any) -> str:
        return refunding(task, tools)


class WithRun:
    async def run(self, task: Any, tools: Any) -> str:
        return await async_refunding(task, tools)


class Late:
    """A class is a factory of its objects."""

    def __init__(self, model: str = "small") -> None:
        self.model = model

    def run(self, task: Any, *, tools: Any) -> str:
        return refunding(task, tools)


def variadic(*args: Any, **kwargs: Any) -> str:
    return refunding(*args, **kwargs)


def keyword_first(tools: Any, task: Any) -> str:
    return refunding(task, tools)


AGENTS = {
    "function": refunding,
    "async function": async_refunding,
    "object with __call__": Called(),
    "object with run": WithRun(),
    "class": Late,
    "factory of a function": lambda: refunding,
    "factory of an async function": lambda: async_refunding,
    "factory of an object": lambda: WithRun(),
    "other names": lambda ticket, services: refunding(ticket, services),
    "arguments in another order": keyword_first,
    "any arguments": variadic,
    "a default that is not the tools": lambda task, tools, retries=3: refunding(task, tools),
}


@pytest.mark.parametrize("form", AGENTS)
def test_every_form_of_an_agent_reproduces_its_recording(form: str) -> None:
    made = attempt(AGENTS[form])
    assert (made.status, made.answer, asked(made)) == ("completed", "Refunded 30.0 for ORD-7.", RECORDED)
    assert made.steps == TRACE.steps


def test_an_agent_may_take_the_task_alone_and_is_told_what_the_agent_of_the_recording_was() -> None:
    def told(task: Any, verbose: bool = False) -> dict[str, Any]:
        return {"input": task.input, "messages": task.messages, "trace": task.trace_id, "verbose": verbose}

    assert attempt(told).answer == {
        "input": "Refund ORD-7, please.",
        "messages": [
            {"role": "system", "content": "You are the shop's desk."},
            {"role": "user", "content": "Refund ORD-7, please."},
        ],
        "trace": "small",
        "verbose": False,
    }


def test_a_factory_is_called_once_per_attempt() -> None:
    made: list[list[str]] = []

    def factory() -> Callable[..., str]:
        memory: list[str] = []
        made.append(memory)
        return lambda task: memory.append(task.input) or str(len(memory))  # type: ignore[func-returns-value]

    agent = PythonAgent(factory, {}, (), ())
    assert [attempt(agent).answer, attempt(agent).answer] == ["1", "1"]
    assert len(made) == 2


@pytest.mark.parametrize("entry", [7, object(), lambda a, b, c: None, lambda *, model: None, min])
def test_what_can_be_no_agent_is_refused_before_any_attempt(entry: Any) -> None:
    with pytest.raises(UsageError, match="expected run"):
        PythonAgent(entry, {}, (), ())


def test_a_generator_is_no_answer() -> None:
    def forgetful(task: Any) -> Iterator[str]:
        yield "half an answer"

    made = attempt(forgetful)
    assert made.status == "crashed"
    assert "not a generator" in made.reason


# -- what arrives ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        (Fault("timeout", "exception"), (counterfault.ToolTimeout, TimeoutError)),
        (Fault("unavailable", "exception"), (counterfault.ToolUnavailable, ConnectionError)),
        (Fault("rate_limited", "exception", status=429, retry_after=2.5), (ToolError,)),
        (Fault("error", "exception", status=500), (ToolError,)),
        (Fault("malformed", "exception"), (ToolError,)),
        (Fault("forbidden", "exception", status=403), (ToolError,)),
        (Delay(10.0), (counterfault.ToolTimeout, TimeoutError)),
    ],
)
def test_a_fault_in_the_exception_form_is_raised_as_its_type(fault: Edit, kinds: tuple[type, ...]) -> None:
    caught: list[ToolError] = []

    def agent(task: Any, tools: Any) -> str:
        try:
            tools.get_order(order_id="ORD-7")
        except ToolError as error:
            caught.append(error)
        return refunding(task, tools)

    made = attempt(agent, fault)
    assert all(isinstance(caught[0], kind) for kind in kinds)
    if isinstance(fault, Fault):
        told = (caught[0].kind, caught[0].status, caught[0].retry_after)
        assert told == (fault.kind, fault.status, fault.retry_after)
    assert made.delivered
    assert made.status == "completed"
    assert asked(made) == [RECORDED[0], *RECORDED]


def test_an_error_result_is_returned() -> None:
    answers: list[Any] = []

    def agent(task: Any, tools: Any) -> str:
        answers.append(tools.get_order(order_id="ORD-7"))
        return "no"

    assert attempt(agent, Fault("error", "result", body='{"error": {"type": "x"}}')).delivered
    assert attempt(agent, Fault("unavailable", "result")).delivered
    assert answers[0] == {"error": {"type": "x"}}
    assert answers[1]["error"]["type"] == "unavailable"


@pytest.mark.parametrize("edit", [Truncate(0.5), Garble()])
def test_a_malformed_answer_arrives_as_the_raw_text(edit: Edit) -> None:
    def agent(task: Any, tools: Any) -> Any:
        answer = tools.get_order(order_id="ORD-7")
        return [type(answer).__name__, answer == tools.raw]

    made = attempt(agent, edit)
    assert made.answer == ["str", True]
    assert made.delivered


def test_raw_is_the_answer_as_it_was_written() -> None:
    assert attempt(lambda task, tools: (tools.get_order(order_id="ORD-7"), tools.raw)[1]).answer == json.dumps(ORDER)


class Picky(Exception):
    """Wants more than a message, as requests' and openai's errors do."""

    def __init__(self, message: str, *, response: object) -> None:
        super().__init__(message)
        self.response = response


def test_a_kind_can_be_raised_as_the_type_that_the_agent_catches() -> None:
    def agent(task: Any, tools: Any) -> str:
        try:
            tools.get_order(order_id="ORD-7")
        except (KeyError, Picky) as error:
            return f"{type(error).__name__} {error.args[0]}"
        return "nothing"

    mapped = PythonAgent(agent, {"timeout": KeyError, "error": Picky}, (), ())
    timed_out = attempt(mapped, Fault("timeout", "exception"))
    assert timed_out.answer == "KeyError get_order: the tool did not answer in time"
    assert timed_out.delivered
    assert attempt(mapped, Fault("error", "exception")).answer == "Picky get_order: the call failed"


def test_a_recorded_exception_is_raised_again_with_its_message() -> None:
    steps: tuple[Step, ...] = (
        Message("user", "Look."),
        ToolCall("get_order", {"order_id": "1"}, ToolResult("the shop is shut", True, "unavailable"), "c", 1),
    )

    def agent(task: Any, tools: Any) -> str:
        with pytest.raises(ConnectionError, match="get_order: the shop is shut"):
            tools.get_order(order_id="1")
        return "shut"

    assert attempt(agent, trace=Trace(steps)).answer == "shut"


def test_arguments_may_be_any_python_values() -> None:
    @dataclass
    class Line:
        sku: str
        price: float

    def agent(task: Any, tools: Any) -> None:
        tools.refund(order_id="ORD-7", lines=[Line("A", float("nan"))], keys={2: {3, 1}}, me=object(), n=10**5000)

    made = attempt(agent)
    arguments = asked(made)[0][1]
    assert made.status == "completed"
    assert arguments.pop("n").startswith("0x")
    assert arguments == {
        "order_id": "ORD-7",
        "lines": [{"sku": "A", "price": "NaN"}],
        "keys": {"2": [1, 3]},
        "me": "<object>",
    }


def test_tools_of_unknown_form_are_the_agents_mistake() -> None:
    made = attempt(lambda task, tools: tools.get_order("ORD-7"))
    assert made.status == "crashed"
    assert "tools.get_order() takes its arguments by name" in made.reason


# -- the conversation and its end ------------------------------------------------------------------------------------


def test_the_users_recorded_turns_answer_in_order_and_then_the_conversation_is_over() -> None:
    heard: list[str] = []

    def agent(task: Any, tools: Any) -> str:
        heard.append(task.say("Which order?"))
        tools.get_order(order_id="ORD-7")
        heard.append(task.say("Shall I refund ORD-7?"))
        task.say("Done.")
        return "never"

    made = attempt(agent, trace=TALK)
    assert heard == ["ORD-7.", "Yes."]
    assert (made.status, made.answer, made.steps[-1]) == ("completed", None, Message("assistant", "Done."))


def stubborn(task: Any, tools: Any) -> str:
    for _ in range(3):
        with suppress(BaseException):
            task.say("Hello?")
    refused = []
    for call in (
        lambda: tools.get_order(order_id="ORD-7"),
        lambda: task.say("x"),
        lambda: tools.sleep(1),
        lambda: time.sleep(1),
    ):
        try:
            call()
        except AttemptEnded:
            refused.append(call)
    assert len(refused) == 4
    raise Escalated("too late")


async def stubborn_async(task: Any, tools: Any) -> str:
    async def talk() -> None:
        for _ in range(3):
            await task.asay("Hello?")

    with suppress(BaseException):
        async with asyncio.TaskGroup() as group:
            group.create_task(talk())
    return "never"


@pytest.mark.parametrize("agent", [stubborn, stubborn_async])
def test_an_end_that_the_agent_swallows_is_an_end(agent: Any) -> None:
    made = attempt(agent, trace=TALK)
    assert (made.status, made.answer, made.escalated) == ("completed", None, None)
    assert asked(made) == []


def test_a_call_that_nothing_answers_ends_the_attempt_whatever_the_agent_makes_of_it() -> None:
    def agent(task: Any, tools: Any) -> str:
        try:
            tools.get_order(order_id="ORD-8")
        except BaseException as ended:
            raise RuntimeError("framework error") from ended
        return "never"

    made = attempt(agent)
    assert made.status == "unresolved"
    assert "get_order" in made.reason


def test_keyboard_interrupt_passes_and_system_exit_is_a_crash() -> None:
    def interrupted(task: Any) -> None:
        raise KeyboardInterrupt

    def leaves(task: Any) -> None:
        sys.exit(3)

    with pytest.raises(KeyboardInterrupt):
        attempt(interrupted)
    assert attempt(leaves).status == "crashed"
    assert not in_replay()
    assert time.sleep.__module__ != "counterfault.agents._time"


def test_an_interrupt_passes_even_after_the_end() -> None:
    def agent(task: Any) -> None:
        with suppress(AttemptEnded):
            task.say("1")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempt(agent)


# -- handing over ----------------------------------------------------------------------------------------------------


class NeedsHuman(Exception):
    pass


@dataclass
class Report:
    status: str
    note: str = ""


class Plain:
    def __init__(self) -> None:
        self.status = "escalated"
        self._secret = "x"


class Property:
    @property
    def status(self) -> str:
        return "escalated"


async def grouped(task: Any) -> None:
    async def give_up() -> None:
        raise Escalated("in a group")

    async with asyncio.TaskGroup() as group:
        group.create_task(give_up())


def raising(error: Exception) -> Callable[..., None]:
    def agent(task: Any) -> None:
        raise error

    return agent


@pytest.mark.parametrize(
    ("agent", "reason"),
    [
        (raising(Escalated("ask Ann")), "ask Ann"),
        (raising(NeedsHuman()), "NeedsHuman"),
        (grouped, "in a group"),
        (lambda task: {"status": "escalated"}, "status escalated"),
        (lambda task: Report("needs_review"), "status needs_review"),
        (lambda task: Plain(), "status escalated"),
        (lambda task: Property(), "status escalated"),
        (lambda task, tools: tools.call("escalate_to_human", why="x") and "done", "called escalate_to_human"),
    ],
)
def test_every_way_of_handing_over_is_seen(agent: Any, reason: str) -> None:
    runs = PythonAgent(agent, {}, (NeedsHuman,), ("escalated", "needs_review"))
    known = Trace((*TRACE.steps, ToolCall("escalate_to_human", {"why": "x"}, ToolResult("ok"), "e", 3)))
    made = attempt(runs, trace=known)
    assert (made.status, made.escalated) == ("completed", reason)


def test_another_status_is_no_hand_over() -> None:
    made = attempt(lambda task: Report("closed", "all done"))
    assert (made.answer, made.escalated) == ({"status": "closed", "note": "all done"}, None)


# -- time ------------------------------------------------------------------------------------------------------------


def test_waiting_advances_the_replay_clock_and_takes_no_time() -> None:
    async def agent(task: Any, tools: Any) -> str:
        time.sleep(100)
        await asyncio.sleep(20)
        tools.sleep(3)
        await tools.asleep(0.5)
        return await asyncio.sleep(1, "slept")

    began = time.monotonic()
    made = attempt(agent)
    assert (made.answer, made.replay_s) == ("slept", 124.5)
    assert time.monotonic() - began < 5


def test_sleep_zero_lets_other_tasks_work_and_bad_lengths_fail_as_always() -> None:
    async def agent(task: Any) -> list[str]:
        order: list[str] = []

        async def step(name: str) -> None:
            order.append(name)
            await asyncio.sleep(0)
            order.append(name)

        await asyncio.gather(step("a"), step("b"))
        try:
            time.sleep(-1)
        except ValueError:
            order.append("refused")
        return order

    made = attempt(agent)
    assert made.answer == ["a", "b", "a", "b", "refused"]
    assert made.replay_s == 0


def test_a_loop_that_polls_in_the_background_does_not_run_the_clock_out() -> None:
    async def agent(task: Any) -> str:
        async def beat() -> None:
            while True:
                await asyncio.sleep(30)

        beating = asyncio.create_task(beat())
        await asyncio.to_thread(threading.Event().wait, 0.3)
        beating.cancel()
        return "done"

    made = attempt(agent)
    assert made.answer == "done"
    assert made.replay_s < 100_000


def test_sleeping_on_and_on_ends_the_attempt() -> None:
    def agent(task: Any) -> None:
        with suppress(BaseException):
            time.sleep(10**9)

    assert attempt(agent).status == "timed_out"


def test_parallel_calls_work_in_tasks_threads_and_pools() -> None:
    async def gathering(task: Any, tools: Any) -> list[str]:
        answers = await asyncio.gather(*(tools.acall("get_order", order_id="ORD-7") for _ in range(5)))
        threaded = await asyncio.to_thread(tools.get_order, order_id="ORD-7")
        return [answer["status"] for answer in (*answers, threaded)]

    def pooling(task: Any, tools: Any) -> list[str]:
        with ThreadPoolExecutor(4) as pool:
            raw = pool.map(lambda _: (tools.get_order(order_id="ORD-7"), tools.raw)[1], range(50))
            return [json.loads(text)["status"] for text in raw]

    assert attempt(gathering).answer == ["delivered"] * 6
    assert attempt(pooling).answer == ["delivered"] * 50


# -- the entry -------------------------------------------------------------------------------------------------------


def entry(folder: Path, source: str, name: str = "agent_under_test", **agent: Any) -> PythonAgent:
    sys.modules.pop(name, None)
    (folder / f"{name}.py").write_text(source)
    return load(AgentConfig(entry=f"{name}:run", **agent), ToolsConfig(), str(folder))


@pytest.fixture(autouse=True)
def _same_path() -> Iterator[None]:
    before = list(sys.path)
    yield
    sys.path[:] = before
    sys.modules.pop("agent_under_test", None)


def test_the_projects_folder_comes_first_on_the_path(tmp_path: Path) -> None:
    sys.path.append(str(tmp_path))
    made = attempt(entry(tmp_path, "def run(task): return 'from the folder'"))
    assert made.answer == "from the folder"
    assert sys.path[0] == str(tmp_path)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import nowhere_at_all", r"ModuleNotFoundError: No module named 'nowhere_at_all' \(.*test.py:1, in <module>"),
        ("def f():\n    1 / 0\nf()", r"ZeroDivisionError: division by zero \(.*agent_under_test.py:2, in f\)"),
        ("def run(:", "SyntaxError: .*agent_under_test.py, line 1"),
        ("import sys; sys.exit(1)", "SystemExit: 1"),
        ("def other(task): pass", "has no attribute 'run'"),
    ],
)
def test_an_import_error_is_one_usage_error_with_the_last_frame(tmp_path: Path, source: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"entry 'agent_under_test:run' does not import from .*{said}"):
        entry(tmp_path, source)


@pytest.mark.parametrize("name", ["", "agent", ":run", "agent:"])
def test_an_entry_without_module_or_name_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError, match="expected 'module:callable'"):
        load(AgentConfig(entry=name), ToolsConfig(), ".")


def test_settings_that_name_no_exception_are_usage_errors() -> None:
    good = AgentConfig(entry="builtins:len")
    with pytest.raises(UsageError, match=r"\[tools.raises\] 'timout'"):
        load(good, ToolsConfig(raises={"timout": "builtins:TimeoutError"}), ".")
    with pytest.raises(UsageError, match="expected an exception type"):
        load(good, ToolsConfig(raises={"timeout": "builtins:len"}), ".")
    with pytest.raises(UsageError, match="expected an exception type"):
        load(AgentConfig(entry="builtins:len", escalates=("builtins:dict",)), ToolsConfig(), ".")


def test_a_sleep_that_the_agents_module_imported_by_name_is_virtual_too(tmp_path: Path) -> None:
    agent = entry(tmp_path, "from time import sleep\ndef run(task):\n    sleep(500)\n    return 'slept'")
    assert attempt(agent).replay_s == 500


# -- decorated functions never run -----------------------------------------------------------------------------------


@dataclass
class Order:
    order_id: str
    total: float
    status: str


@pytest.fixture
def counter(tmp_path: Path) -> Callable[[], int]:
    """Counts, from outside, how often a real tool ran."""
    path = tmp_path / "ran"
    path.touch()
    Shop.path = path
    return lambda: len(path.read_bytes())


class Shop:
    path: Path

    @classmethod
    def ran(cls) -> None:
        with cls.path.open("ab") as file:
            file.write(b".")

    @counterfault.tool
    def get_order(self, order_id: str, detail: str | None = None) -> Order:
        self.ran()
        return Order(order_id, 30.0, "delivered")

    @counterfault.tool(name="refund")
    async def pay_back(self, order_id: str, amount: float) -> dict[str, str]:
        self.ran()
        return {"refund_id": "RF-1"}


@counterfault.tool(name="get_order")
def look_up(order_id: str) -> Order:
    Shop.ran()
    return Order(order_id, 30.0, "delivered")


async def decorated(task: Any) -> str:
    shop = Shop()
    order = shop.get_order("ORD-7")
    await shop.pay_back(order.order_id, amount=order.total)
    return f"Refunded {order.total} for {order.order_id}."


def test_decorated_functions_are_answered_from_the_recording(counter: Callable[[], int]) -> None:
    made = attempt(decorated)
    assert (made.status, made.answer) == ("completed", "Refunded 30.0 for ORD-7.")
    assert [tool for tool, _ in asked(made)] == ["get_order", "refund"]
    assert counter() == 0
    asyncio.run(decorated(None))
    assert counter() == 2


def test_a_fault_reaches_a_decorated_call(counter: Callable[[], int]) -> None:
    made = attempt(decorated, Fault("timeout", "exception"))
    assert made.delivered
    assert made.status == "crashed"
    assert "ToolTimeout" in made.reason
    renamed = attempt(decorated, Rename("/total", "amount"))
    assert renamed.delivered
    assert "missing 1 required positional argument: 'total'" in renamed.reason
    assert counter() == 0


def test_no_real_tool_runs_in_threads_pools_and_tasks(counter: Callable[[], int]) -> None:
    async def agent(task: Any) -> list[str]:
        def threaded() -> None:
            found.append(look_up("ORD-7").status)

        found: list[str] = []
        threads = [threading.Thread(target=threaded), threading.Timer(0, threaded)]
        for thread in threads:
            thread.start()
        await asyncio.gather(*(asyncio.to_thread(threaded) for _ in range(3)))
        with ThreadPoolExecutor(2) as pool:
            found += [order.status for order in pool.map(look_up, ["ORD-7"] * 3)]
        for thread in threads:
            thread.join()
        return found

    assert attempt(agent).answer == ["delivered"] * 8
    assert counter() == 0


def test_a_thread_that_is_older_than_the_attempt_gets_the_attempt_that_runs(counter: Callable[[], int]) -> None:
    asked_for, answered = threading.Event(), threading.Event()
    found: list[Any] = []

    def serve() -> None:
        asked_for.wait(5)
        found.append(look_up("ORD-7"))
        answered.set()

    old = threading.Thread(target=serve)
    old.start()

    def agent(task: Any) -> str:
        asked_for.set()
        answered.wait(5)
        return "ok"

    made = attempt(agent)
    old.join()
    assert asked(made) == RECORDED[:1]
    assert found == [Order("ORD-7", 30.0, "delivered")]
    assert counter() == 0


def test_a_thread_that_outlives_its_attempt_is_refused_and_leaves_the_next_attempt_alone(
    counter: Callable[[], int],
) -> None:
    go, done = threading.Event(), threading.Event()
    refused: list[BaseException] = []

    def late() -> None:
        go.wait(5)
        for call in (lambda: look_up("ORD-7"), lambda: time.sleep(60)):
            try:
                call()
            except AttemptEnded as ended:
                refused.append(ended)
        done.set()

    def first(task: Any) -> str:
        threading.Thread(target=late).start()
        return "ok"

    def second(task: Any) -> str:
        go.set()
        done.wait(5)
        return "ok"

    attempt(first)
    made = attempt(second)
    assert len(refused) == 2
    assert (asked(made), made.replay_s, counter()) == ([], 0.0, 0)


def test_the_tools_of_an_attempt_end_with_it() -> None:
    kept: list[Any] = []
    session = Session(Recording(TRACE, ToolRules()))
    agent = PythonAgent(lambda task, tools: kept.extend([task, tools]), {}, (), ())
    agent.run(TRACE, session)
    late: list[Callable[[], Any]] = [
        lambda: kept[1].get_order(order_id="ORD-7"),
        lambda: kept[0].say("x"),
        lambda: kept[1].sleep(1),
    ]
    for call in late:
        with pytest.raises(AttemptEnded, match="the attempt is over"):
            call()
    assert not list(session.steps[2:])


def test_after_an_ended_attempt_no_real_tool_runs(counter: Callable[[], int]) -> None:
    def agent(task: Any) -> str:
        with suppress(BaseException):
            task.say("nobody answers")
        for _ in range(3):
            with suppress(BaseException):
                look_up("ORD-7")
        return "never"

    assert asked(attempt(agent)) == []
    assert counter() == 0


def test_in_replay_mode_a_call_without_an_attempt_raises(counter: Callable[[], int], tmp_path: Path) -> None:
    with replay_mode(), pytest.raises(UsageError, match="'get_order' was called in replay mode"):
        look_up("ORD-7")
    with pytest.raises(UsageError, match="'charge' was called in replay mode"):
        entry(
            tmp_path,
            "import counterfault\n@counterfault.tool\ndef charge(): pass\ncharge()\ndef run(task): pass",
        )
    assert counter() == 0


def test_processes_that_the_agent_starts_are_in_replay_mode(tmp_path: Path) -> None:
    import subprocess

    script = "import counterfault\n@counterfault.tool\ndef charge(): print('charged')\ncharge()"

    def agent(task: Any) -> list[Any]:
        ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        return [ran.returncode, ran.stdout, "called in replay mode" in ran.stderr]

    assert attempt(agent).answer == [1, "", True]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["ORD-7", "RF-1", "30.0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["get_order", "refund", "list_orders", "escalate", "approve", "calculate", "sleep"]) | st.text()
CALLS = st.lists(st.tuples(NAMES, st.dictionaries(st.text(), JSON, max_size=3)), max_size=30)


@settings(max_examples=150, deadline=None)
@given(calls=CALLS, order_ids=st.lists(JSON, max_size=5), answer=JSON)
def test_whatever_is_called_no_real_tool_runs_and_nothing_of_ours_breaks(
    calls: list[tuple[str, dict[str, Any]]], order_ids: list[Any], answer: Any
) -> None:
    ran: list[Any] = []

    @counterfault.tool(name="get_order")
    def real(order_id: Any) -> Any:
        ran.append(order_id)

    def agent(task: Any, tools: Any) -> Any:
        for order_id in order_ids:
            with suppress(ToolError):
                real(order_id)
        for name, arguments in calls:
            with suppress(ToolError):
                tools.call(name, **arguments)
        return answer

    for edits in ((), (Rename("/total", "amount"),), (Fault("timeout", "exception"),)):
        made = attempt(agent, *edits)
        assert made.status in ("completed", "unresolved", "not_reached", "not_delivered", "timed_out"), made.reason
    assert ran == []
