"""A trace's identity and what it says of itself; the scan of a run; the order of outcomes."""

import itertools
from dataclasses import replace
from types import MappingProxyType
from typing import Any, get_args

import pytest

from counterfault.core.effects import Declared, ToolRules
from counterfault.core.jsontree import JSON
from counterfault.core.outcome import FAILURES, VOID_STATUS, Finding, Outcome, count_by, decide
from counterfault.core.scan import Scan, corpus_of, may_decide
from counterfault.core.trace import Message, Step, ToolCall, ToolResult, ToolSchema, Trace

REFUND = ToolCall("refund", {"id": "ORD-1", "amount": 40.5}, ToolResult('{"ok": true}'), turn=2)
STEPS: tuple[Step, ...] = (
    Message("user", "refund ORD-1 please"),
    ToolCall(
        "get_order", {"id": "ORD-1"}, ToolResult('{"id": "ORD-1", "total": 40.5, "open": true, "memo": ""}'), turn=1
    ),
    REFUND,
    Message("assistant", "Done: $40.50."),
)
TRACE = Trace(STEPS, (ToolSchema("refund", input={"type": "object"}),), task="T-1")


def test_a_traces_id_hangs_on_what_happened_and_not_on_where_it_stood() -> None:
    moved = Trace(STEPS, TRACE.tools, "T-1", "other.jsonl", "tau_bench", {"passed": True}, ("tag",), ("cut off",))
    assert moved.id == TRACE.id


@pytest.mark.parametrize(
    "other",
    [
        Trace(STEPS[:3], TRACE.tools, "T-1"),
        Trace(STEPS, (), "T-1"),
        Trace(STEPS, TRACE.tools, "T-2"),
        Trace((*STEPS[:3], Message("assistant", "Done: $40.51.")), TRACE.tools, "T-1"),
        Trace((*STEPS[:3], Message("user", "Done: $40.50.")), TRACE.tools, "T-1"),
        Trace((*STEPS[:2], replace(REFUND, turn=1), STEPS[3]), TRACE.tools, "T-1"),
        Trace((*STEPS[:2], replace(REFUND, arguments={"id": "ORD-1"}), STEPS[3]), TRACE.tools, "T-1"),
        Trace((*STEPS[:2], replace(REFUND, result=None), STEPS[3]), TRACE.tools, "T-1"),
        Trace((*STEPS[:2], replace(REFUND, result=ToolResult('{"ok": true}', False)), STEPS[3]), TRACE.tools, "T-1"),
    ],
)  # fmt: skip
def test_another_run_has_another_id(other: Trace) -> None:
    assert other.id != TRACE.id


def test_the_id_of_a_trace_is_fixed_for_good() -> None:
    assert TRACE.id == "b031f7b4a60952fc962e011d6c0a36a6"
    assert Trace((), id="kept").id == "kept"
    assert replace(TRACE, steps=STEPS[:1]).id == TRACE.id, "a redaction or migration keeps the id"


def test_arguments_may_be_any_mapping() -> None:
    arguments: dict[str, Any] = {"id": "ORD-1", "amount": MappingProxyType({"of": 40.5})}
    frozen = replace(REFUND, arguments=MappingProxyType(arguments))
    plain = replace(REFUND, arguments={"id": "ORD-1", "amount": {"of": 40.5}})
    assert Trace((frozen,)).id == Trace((plain,)).id


def test_what_is_no_json_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="is no JSON value"):
        Trace((ToolCall("act", {"x": {1, 2}}, None),))  # type: ignore[dict-item]


@pytest.mark.parametrize(("labels", "passed"), [({}, None), ({"passed": True}, True), ({"passed": 1}, None)])
def test_only_a_boolean_label_says_that_a_run_was_good(labels: dict[str, JSON], passed: bool | None) -> None:
    assert Trace(STEPS, labels=labels).passed is passed


# -- the scan of a run -------------------------------------------------------------------------------------------------


def tiers(trace: Trace, rules: ToolRules | None = None) -> dict[str, int]:
    return {f"{leaf.tool}{leaf.pointer}": leaf.tier for leaf in Scan(trace, rules or ToolRules()).leaves}


def test_the_leaves_of_a_run_stand_in_tiers() -> None:
    assert tiers(TRACE) == {
        "get_order/id": 1,
        "get_order/total": 1,
        "get_order/open": 3,
        "get_order/memo": 4,
        "refund/ok": 3,
    }


def test_what_the_user_calls_decisive_decides_by_tool_and_pattern() -> None:
    for pattern in ("get_order/memo", "/memo", "get_*/memo", "get_order/*"):
        assert tiers(TRACE, ToolRules(Declared(decisive=(pattern,))))["get_order/memo"] == 3
    assert tiers(TRACE, ToolRules(Declared(decisive=("list_*/memo",))))["get_order/memo"] == 4


@pytest.mark.parametrize(
    ("pointer", "value", "decides"),
    [
        ("/ok", False, True),
        ("/items", [], True),
        ("/due", "2024-05-20", True),
        ("/opens", "09:30", True),
        ("/status", "COMPLETED", True),
        ("/seats/economy_limit", 5, True),
        ("/days", 30, True),
        ("/price", 30, False),
        ("/note", "see you then", False),
        ("/id", "ORD-1", False),
        ("/x", None, False),
    ],
)
def test_what_may_decide_without_being_copied(pointer: str, value: JSON, decides: bool) -> None:
    assert (may_decide(pointer, value) is not None) is decides


def test_refused_answers_hold_no_leaves_and_are_kept_as_the_tools_own_errors() -> None:
    refused = Trace((ToolCall("get_order", {"id": "X"}, ToolResult("Error: no order X"), turn=1),))
    assert tiers(refused) == {}
    corpus = corpus_of((TRACE, refused, TRACE))
    assert corpus.errors == {"get_order": ("Error: no order X",)}
    assert corpus.values["get_order", "/total"] == (40.5,)
    assert len(corpus.answers["refund"]) == 2


# -- outcomes ----------------------------------------------------------------------------------------------------------


def finding(implies: str) -> Finding:
    return Finding("oracle", "code", "message", implies=implies)  # type: ignore[arg-type]


ORDER = ["policy_violation", "duplicated", "fabricated", "retry_storm", "silent_wrong"]


def test_failures_are_looked_for_in_the_order_of_the_semantics() -> None:
    assert list(FAILURES) == ORDER
    for first, second in itertools.combinations(ORDER, 2):
        assert decide("completed", [finding(second), finding(first)]) == (first, "fail")


@pytest.mark.parametrize("status", VOID_STATUS)
def test_what_was_not_delivered_is_void_whatever_was_found(status: str) -> None:
    assert decide(status, [finding("silent_wrong")]) == (status, "void")


@pytest.mark.parametrize("status", ["crashed", "timed_out"])
def test_a_crash_fails_and_goes_before_every_finding(status: str) -> None:
    assert decide(status, [finding("policy_violation")]) == (status, "fail")


@pytest.mark.parametrize(
    ("status", "implied", "expected"),
    [
        ("completed", [], ("recovered", "pass")),
        ("completed", [""], ("recovered", "pass")),
        ("completed", ["escalated"], ("escalated", "pass")),
        ("completed", ["unknown"], ("recovered", "unknown")),
        ("completed", ["escalated", "unknown"], ("escalated", "unknown")),
        ("completed", ["silent_wrong", "escalated"], ("silent_wrong", "fail")),
        ("completed", ["unknown", "fabricated"], ("fabricated", "fail")),
        ("unresolved", [], ("unresolved", "void")),
        ("unresolved", ["escalated"], ("unresolved", "void")),
        ("unresolved", ["duplicated"], ("duplicated", "fail")),
    ],
)
def test_a_fail_that_is_proved_stands_and_a_pass_needs_certainty(
    status: str, implied: list[str], expected: tuple[str, str]
) -> None:
    assert decide(status, map(finding, implied)) == expected


def test_every_outcome_can_be_reached() -> None:
    made = {decide("completed", [finding(implied)])[0] for implied in ["", "escalated", *ORDER]}
    made |= {decide(status, [])[0] for status in (*VOID_STATUS, "crashed", "timed_out", "unresolved")}
    assert made == set(get_args(Outcome))


def test_findings_are_counted_by_what_they_imply() -> None:
    assert count_by(map(finding, ["duplicated", "", "duplicated", "unknown"])) == {"duplicated": 2, "unknown": 1}
