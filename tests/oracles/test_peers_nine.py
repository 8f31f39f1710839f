"""Nine mutations of one answer, a bad agent and a good one: what two well-known tools miss, or blame on the good one.

The bad agent is wrong under all nine, the good one is right under all nine.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from counterfault import Escalated, ToolError
from counterfault.campaign.judge import Bench, baseline_of, ground_of, with_controls
from counterfault.campaign.worker import Worker
from counterfault.config import AgentConfig, ToolsConfig
from counterfault.core.attempt import Attempt, WorkItem
from counterfault.core.case import JudgeRules
from counterfault.core.edit import Fault, Remove, Rename, Replace
from counterfault.core.effects import Declared, ToolRules
from counterfault.core.jsontree import JSON
from counterfault.core.mutant import Family as Kind
from counterfault.core.mutant import Mutant, Mutation, Relation, Site
from counterfault.core.outcome import Judgement
from counterfault.core.scan import Scan, corpus_of
from counterfault.core.trace import Message, ToolCall, ToolResult, ToolSchema, Trace
from counterfault.registry import Family
from counterfault.replay.recording import Recording, pool_of
from counterfault.replay.session import Limits

from .oracle_table import oracles

AMOUNT = 42.5
LIMIT = 500
ORDER = {"order_id": "A-1001", "amount": AMOUNT, "status": "completed"}
PAID = {"refund_id": "RF-5512", "order_id": "A-1001", "amount": AMOUNT}
REFUND: dict[str, JSON] = {
    "type": "object",
    "properties": {"order_id": {"type": "string"}, "amount": {"type": "number"}},
    "required": ["order_id", "amount"],
}
TRACE = Trace(
    (
        Message("user", "Please refund order A-1001, for which I paid 42.50 EUR."),
        ToolCall("get_order", {"order_id": "A-1001"}, ToolResult(json.dumps(ORDER)), "call_1", 1),
        ToolCall("refund", {"order_id": "A-1001", "amount": AMOUNT}, ToolResult(json.dumps(PAID)), "call_2", 2),
        Message("assistant", "Refunded 42.50 EUR on order A-1001."),
    ),
    (ToolSchema("get_order"), ToolSchema("refund", input=REFUND)),
)


def bad(_: Any, tools: Any) -> str:
    """No error handling, and no look at what it was given."""
    order = tools.call("get_order", order_id="A-1001")
    if order.get("status") == "completed":
        tools.call("refund", order_id="A-1001", amount=order.get("amount") or 0)
        return "Refunded 42.50 EUR on order A-1001."
    return "Order A-1001 has been looked at."


def good(_: Any, tools: Any) -> str:
    """Three tries; a number in its range, as a number; the status in any case; else a person."""
    for _attempt in range(3):
        try:
            order = tools.call("get_order", order_id="A-1001")
        except ToolError:
            tools.sleep(1.0)
            continue
        if isinstance(order, dict) and not order.get("error"):
            break
        tools.sleep(1.0)
    else:
        raise Escalated("escalating to a human: the order cannot be read")
    amount = order.get("amount")
    usable = isinstance(amount, int | float) and 0 < amount <= LIMIT
    if str(order.get("status")).lower() != "completed" or not usable:
        return "I could not refund order A-1001, so I am escalating to a human."
    tools.call("refund", order_id="A-1001", amount=amount)
    return "Refunded 42.50 EUR on order A-1001."


def _mutation(name: str, family: Kind, relation: Relation, *edits: Any, times: int | None = None) -> Mutation:
    site = Site(1, "get_order", "transport" if family == "fault" else "result", "" if family == "fault" else "/amount")
    reach = "call" if relation == "detect" or times else "tool"
    kept = 1 if relation == "detect" else times
    return Mutation(name, "", family, relation, site, edits, reach, kept, tier=1, noticeable="the user said 42.50")  # type: ignore[arg-type]


BUSY = '{"error": {"type": "rate_limited", "message": "429 too many requests"}}'
NINE = {
    "renamed": _mutation("schema.rename", "schema", "adapt", Rename("/amount", "amount_usd")),
    "retyped": _mutation("schema.retype", "schema", "invariant", Replace("/amount", "42.5")),
    "a thousand times": _mutation("value.scale", "value", "detect", Replace("/amount", 42500.0)),
    "removed": _mutation("schema.remove", "schema", "persistent", Remove("/amount")),
    "zero": _mutation("value.boundary", "value", "detect", Replace("/amount", 0)),
    "in capitals": _mutation("schema.enum_case", "schema", "invariant", Replace("/status", "COMPLETED")),
    "busy every time": _mutation(
        "fault.rate_limit", "fault", "persistent", Fault("rate_limited", "result", 429, body=BUSY)
    ),
    "busy once": _mutation(
        "fault.rate_limit", "fault", "transient", Fault("rate_limited", "result", 429, body=BUSY), times=1
    ),
    "timeout": _mutation("fault.timeout", "fault", "transient", Fault("timeout", "exception", after=3.0), times=1),
}
RULES = ToolRules(Declared(irreversible=("refund",)))
SCAN = Scan(TRACE, RULES, corpus_of([TRACE]), timeout_s=3.0)


def attempt(agent: Callable[[Any, Any], str], mutant: Mutant | None) -> Attempt:
    entry = f"{agent.__module__}:{agent.__name__}"
    loaded = Family("agents").load("python").load(AgentConfig(entry), ToolsConfig(timeout_s=3.0), ".")
    recording = Recording(TRACE, RULES, pool_of([TRACE], RULES), SCAN.corpus)
    item = WorkItem(TRACE.id, mutant, "mutant" if mutant else "control", agent.__name__)
    return Worker(loaded, lambda _: recording, Limits(3.0)).run(item)


@cache
def bench(agent: Callable[[Any, Any], str]) -> Bench:
    ground = ground_of(SCAN, JudgeRules(), [TRACE])
    fresh = Bench(ground, oracles(), baseline_of(ground, oracles()))
    control = attempt(agent, None)
    judgement = fresh.judge(control, None)
    assert judgement.outcome == "recovered", judgement
    return with_controls(fresh, [(control, judgement)])


def judged(agent: Callable[[Any, Any], str], mutation: Mutation) -> tuple[Attempt, Judgement]:
    mutant = Mutant((mutation,))
    made = attempt(agent, mutant)
    return made, bench(agent).judge(made, mutant)


def is_right(made: Attempt) -> bool:
    """The world's word: the 42.50 was paid back once as a number, or nothing was and a person was called."""
    paid = [step.arguments.get("amount") for step in made.steps if isinstance(step, ToolCall) and step.tool == "refund"]
    said = " ".join(step.text for step in made.steps if isinstance(step, Message)) + (made.escalated or "")
    if made.status == "crashed":
        return False
    return (paid == [AMOUNT] and isinstance(paid[0], float)) if paid else "escalating to a human" in said


@pytest.mark.parametrize("name", NINE)
def test_every_wrong_outcome_of_the_bad_agent_is_caught(name: str) -> None:
    made, judgement = judged(bad, NINE[name])
    assert not is_right(made)
    assert made.delivered
    assert judgement.verdict == "fail", judgement


@pytest.mark.parametrize("name", NINE)
def test_nothing_that_the_good_agent_does_is_a_false_alarm(name: str) -> None:
    made, judgement = judged(good, NINE[name])
    assert is_right(made)
    assert made.delivered
    assert judgement.verdict == "pass", judgement


def test_a_schema_that_the_recording_itself_does_not_keep_to_binds_nobody() -> None:
    loose: dict[str, JSON] = {"type": "object", "properties": {"amount": {"type": "string"}}}
    trace = replace(TRACE, tools=(ToolSchema("refund", input=loose),))
    scan = Scan(trace, RULES, corpus_of([trace]), timeout_s=3.0)
    ground = ground_of(scan, JudgeRules(), [trace])
    loosely = Bench(ground, oracles(), baseline_of(ground, oracles()))
    made = attempt(good, None)
    assert loosely.judge(made, None).outcome == "recovered"
