"""One attempt: whatever the agent does becomes a record, and a fault of ours is never the agent's."""

from typing import Any

import pytest

from campaigns.shop import TRACES, MakeShop
from counterfault.agents.python import PythonAgent
from counterfault.campaign.worker import Worker
from counterfault.core.attempt import Attempt, WorkItem
from counterfault.core.errors import AttemptEnded, ToolError
from counterfault.replay.recording import Recording
from counterfault.replay.session import Limits


def attempted(shop: MakeShop, agent: Any, recording: Recording | None = None) -> Attempt:
    """A control of the first recording by a function."""
    found = recording or shop().study.recording(TRACES[0])
    worker = Worker(PythonAgent(agent, {}, (), ()), lambda _: found, Limits())
    return worker.run(WorkItem(TRACES[0].id, None, "control", "agent"))


def raising(error: BaseException) -> Any:
    def agent(task: Any, tools: Any) -> str:
        tools.get_order(order_id="O-1001")
        raise error

    return agent


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), MemoryError(), RecursionError(), ToolError("no")])
def test_what_the_agent_raises_is_a_crash_with_its_last_frames_and_all_it_did(
    shop: MakeShop, error: BaseException
) -> None:
    attempt = attempted(shop, raising(error))
    assert attempt.status == "crashed"
    assert type(error).__name__ in attempt.reason
    assert "test_worker.py" in attempt.reason
    assert attempt.steps[:2] == TRACES[0].steps[:2] or len(attempt.steps) == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt(), GeneratorExit()])
def test_the_user_s_interrupt_is_not_the_agent_s_crash(shop: MakeShop, error: BaseException) -> None:
    with pytest.raises(type(error)):
        attempted(shop, raising(error))


def test_a_call_that_nothing_answers_ends_the_attempt_as_unresolved_however_the_agent_takes_it(shop: MakeShop) -> None:
    def agent(task: Any, tools: Any) -> str:
        try:
            tools.get_order(order_id="O-9999")
        except AttemptEnded:
            raise ValueError("swallowed") from None
        return "fine"

    attempt = attempted(shop, agent)
    assert attempt.status == "unresolved"
    assert "O-9999" in attempt.reason or "get_order" in attempt.reason


class Broken(Recording):
    """A recording that breaks when it is asked."""

    @property
    def by_key(self) -> Any:
        raise KeyError(self.trace.id)


def broken(shop: MakeShop) -> Recording:
    whole = shop().study.recording(TRACES[0])
    return Broken(whole.trace, whole.rules, whole.pool, whole.corpus)


def wrapping(task: Any, tools: Any) -> str:
    try:
        tools.get_order(order_id="O-1001")
    except Exception as error:
        raise ValueError("the tool is broken") from error
    return "fine"


@pytest.mark.parametrize("agent", [raising(ValueError()), wrapping])
def test_a_fault_of_the_session_is_ours_and_not_a_crash_of_the_agent(shop: MakeShop, agent: Any) -> None:
    attempt = attempted(shop, agent, broken(shop))
    assert attempt.status == "harness_error"
    assert "KeyError" in attempt.reason
