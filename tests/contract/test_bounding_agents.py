"""The two agents that bound every real one, on runs made by hand (SEMANTICS 1)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from counterfault.agents.recorded import Recorded
from counterfault.agents.trusting import Trusting
from counterfault.campaign.worker import Worker
from counterfault.core.attempt import Attempt, WorkItem
from counterfault.core.edit import Edit, Fault, Remove, Rename, Replace, Substitute
from counterfault.core.effects import ToolRules
from counterfault.core.jsontree import JSON
from counterfault.core.mutant import Mutant, Mutation, Site
from counterfault.core.scan import corpus_of
from counterfault.core.trace import Message, Step, ToolCall, ToolResult, Trace
from counterfault.ports import Agent
from counterfault.replay.recording import Recording, pool_of
from counterfault.replay.session import Limits

AGENTS: dict[str, Agent] = {"recorded": Recorded(), "trusting": Trusting()}
both = pytest.mark.parametrize("agent", AGENTS)


def call(tool: str, arguments: Mapping[str, JSON], result: Any, raised: str | None = None) -> ToolCall:
    text = result if isinstance(result, str) else json.dumps(result)
    return ToolCall(tool, dict(arguments), ToolResult(text, None, raised))


def run_of(*steps: Step) -> Trace:
    return Trace(tuple(replace(s, turn=at) if isinstance(s, ToolCall) else s for at, s in enumerate(steps, 1)))


def attempt(agent: str, trace: Trace, *mutations: Mutation, others: Sequence[Trace] = ()) -> Attempt:
    rules, known = ToolRules(), [trace, *others]
    recording = Recording(trace, rules, pool_of(known, rules), corpus_of(known))
    item = WorkItem(trace.id, Mutant(mutations) if mutations else None, "mutant" if mutations else "control", agent)
    return Worker(AGENTS[agent], lambda _: recording, Limits(3.0)).run(item)


def change(tool: str, step: int, *edits: Edit, stays: bool = False) -> Mutation:
    at = Mutation("test", "", "value", "detect", Site(step, tool, "result"), edits)
    return replace(at, reach="tool", times=None) if stays else at


def renaming(*pairs: tuple[str, str]) -> Mutation:
    return Mutation("test", "", "value", "renaming", Site(-1, "", "run"), (Substitute(pairs),), "run", None)


def asked(made: Attempt) -> list[tuple[str, Mapping[str, JSON]]]:
    return [(step.tool, step.arguments) for step in made.steps if isinstance(step, ToolCall)]


def said(made: Attempt) -> list[str]:
    return [step.text for step in made.steps if isinstance(step, Message) and step.role == "assistant"]


def shop() -> Trace:
    """The user names an order; its total and customer go into a refund and the answer."""
    return run_of(
        Message("user", "Please refund order ORD-88213."),
        call(
            "get_order", {"order_id": "ORD-88213"}, {"order_id": "ORD-88213", "total": 129.9, "customer_id": "CUS-5521"}
        ),
        call(
            "refund",
            {"order_id": "ORD-88213", "amount": 129.9, "note": "for CUS-5521 today"},
            {"refund_id": "RF-45859"},
        ),
        Message("assistant", "Refunded 129.90 as RF-45859 for ORD-88213."),
    )


def conversation() -> Trace:
    return run_of(
        Message("user", "I have a problem."),
        Message("assistant", "Which order is it?"),
        Message("user", "ORD-88213."),
        Message("assistant", "One moment."),
        call("get_order", {"order_id": "ORD-88213"}, {"order_id": "ORD-88213", "total": 50.5}),
        Message("assistant", "ORD-88213 cost 50.50. Shall I cancel it?"),
        Message("user", "Yes, and order ORD-99001 too."),
        call("cancel_order", {"order_id": "ORD-88213"}, {"ok": True}),
        call("cancel_order", {"order_id": "ORD-99001"}, {"ok": True}),
        Message("assistant", "Cancelled ORD-88213 and ORD-99001."),
        Message("user", "Thanks, bye."),
    )


@both
@pytest.mark.parametrize("trace", [shop(), conversation()], ids=["shop", "conversation"])
def test_without_a_mutation_the_run_is_repeated_to_the_letter(agent: str, trace: Trace) -> None:
    made = attempt(agent, trace)
    assert made.status == "completed"
    assert asked(made) == [(step.tool, step.arguments) for _, step in trace.calls()]
    assert [step for step in made.steps if isinstance(step, Message)] == [
        step for step in trace.steps if isinstance(step, Message)
    ]
    assert made.unconsumed == ()
    assert not made.user_unfit


@both
def test_user_turns_are_consumed_at_their_recorded_places(agent: str) -> None:
    made = attempt(agent, conversation(), renaming(("ORD-99001", "ORD-31377")))
    shown = [step.text for step in made.steps if isinstance(step, Message) and step.role == "user"]
    assert shown == ["I have a problem.", "ORD-88213.", "Yes, and order ORD-31377 too.", "Thanks, bye."]
    assert not made.silent_turns


def test_recorded_sends_the_old_values_and_is_answered_all_the_same() -> None:
    made = attempt("recorded", shop(), renaming(("ORD-88213", "ORD-67713")))
    assert asked(made) == asked(attempt("recorded", shop()))
    assert made.unconsumed == ()
    assert made.status == "completed"


def test_trusting_follows_a_renaming_everywhere() -> None:
    made = attempt("trusting", shop(), renaming(("ORD-88213", "ORD-67713"), ("CUS-5521", "CUS-9004")))
    assert asked(made) == [
        ("get_order", {"order_id": "ORD-67713"}),
        ("refund", {"order_id": "ORD-67713", "amount": 129.9, "note": "for CUS-9004 today"}),
    ]
    assert said(made) == ["Refunded 129.90 as RF-45859 for ORD-67713."]


@both
def test_a_contradiction_is_noticed_by_neither_and_copied_by_trusting_only(agent: str) -> None:
    made = attempt(agent, shop(), change("get_order", 1, Replace("/total", 912.9)))
    amount = {"recorded": 129.9, "trusting": 912.9}[agent]
    assert asked(made)[1][1]["amount"] == amount
    # The refund of another amount is another refund: trusting tells the identifier that it was answered with.
    started = {"recorded": "Refunded 129.90 as RF-45859 for ORD-88213.", "trusting": "Refunded 912.9 as RF-"}[agent]
    assert said(made)[0].startswith(started)
    assert ("RF-45859" in said(made)[0]) == (agent == "recorded")


def test_trusting_reads_the_latest_occurrence_before_the_use() -> None:
    trace = run_of(
        Message("user", "Refund ORD-88213, please."),
        call("get_order", {"order_id": "ORD-88213"}, {"order_id": "ORD-88213", "total": 129.9}),
        call("get_bill", {"order_id": "ORD-88213"}, {"order_id": "ORD-88213", "total": 129.9}),
        call("refund", {"order_id": "ORD-88213", "amount": 129.9}, {"ok": True}),
    )
    earlier = attempt("trusting", trace, change("get_order", 1, Replace("/total", 500.5)))
    assert asked(earlier)[2][1]["amount"] == 129.9
    latest = attempt("trusting", trace, change("get_bill", 2, Replace("/total", 500.5)))
    assert asked(latest)[2][1]["amount"] == 500.5


def test_within_one_event_it_reads_the_member_of_the_same_name_and_else_the_last() -> None:
    answer = {"parent_id": "ORD-88213", "order_id": "ORD-88213", "root_id": "ORD-88213"}
    trace = run_of(
        Message("user", "Go on."),
        call("find_order", {"q": "x"}, answer),
        call("close_order", {"order_id": "ORD-88213"}, {"ok": True}),
        call("lock", {"thing": "ORD-88213"}, {"ok": True}),
    )
    for pointer, step in (("/order_id", 1), ("/root_id", 2)):
        made = attempt("trusting", trace, change("find_order", 1, Replace(pointer, "ORD-00007")))
        sent = [next(iter(arguments.values())) for _, arguments in asked(made)]
        assert [value == "ORD-00007" for value in sent] == [False, step == 1, step == 2]


def test_small_numbers_booleans_and_status_words_are_read_from_members_of_the_same_name_only() -> None:
    answer = {"status": "open", "count": 3, "flag": True, "other": 3, "word": "open"}
    trace = run_of(
        Message("user", "Go on."),
        call("get_box", {"q": "x"}, answer),
        call("set_box", {"status": "open", "count": 3, "flag": True, "n": 3}, {"ok": True}),
    )
    edits = [Replace("/status", "shut"), Replace("/count", 7), Replace("/flag", False), Replace("/other", 9)]
    made = attempt("trusting", trace, change("get_box", 1, *edits))
    assert asked(made)[1][1] == {"status": "shut", "count": 7, "flag": False, "n": 3}


def test_a_renamed_key_that_is_an_identifier_is_found_by_its_position() -> None:
    answer = {"payment_methods": {"credit_card_1001": {"brand": "visa"}, "gift_card_2002": {"amount": 40.5}}}
    trace = run_of(
        Message("user", "Pay by gift card."),
        call("get_user", {"user_id": "mia_li_3668"}, answer),
        call("pay", {"payment_id": "gift_card_2002", "amount": 40.5}, {"ok": True}),
    )
    made = attempt("trusting", trace, renaming(("gift_card_2002", "gift_card_7447")))
    assert asked(made)[1][1] == {"payment_id": "gift_card_7447", "amount": 40.5}


def test_known_expressions_are_recomputed() -> None:
    trace = run_of(
        Message("user", "Refund all of it."),
        call("get_order", {"q": "x"}, {"items": [{"price": 61.25}, {"price": 23.5}, {"price": 44.1}]}),
        call("refund", {"amount": 128.85}, {"ok": True}),
        Message("assistant", "Refunded 128.85."),
    )
    made = attempt("trusting", trace, change("get_order", 1, Replace("/items/1/price", 33.5)))
    assert asked(made)[1][1] == {"amount": 138.85}
    assert said(made) == ["Refunded 138.85."]


def test_a_lost_place_is_null_in_an_argument_and_a_hole_in_prose() -> None:
    for edit in (Remove("/total"), Rename("/total", "sum"), Replace("/total", None)):
        made = attempt("trusting", shop(), change("get_order", 1, edit))
        assert asked(made)[1][1] == {"order_id": "ORD-88213", "amount": None, "note": "for CUS-5521 today"}
        assert said(made)[0].startswith("Refunded  as RF-")


@pytest.mark.parametrize("fault", [Fault("timeout", "exception"), Fault("unavailable", "result")])
def test_after_a_failed_call_trusting_sends_null_for_what_it_read_there_and_goes_on(fault: Fault) -> None:
    made = attempt("trusting", shop(), change("get_order", 1, fault, stays=True))
    assert asked(made)[1:] == [("refund", {"order_id": None, "amount": None, "note": "for  today"})]
    assert made.status == "completed"


def test_after_an_answer_in_prose_failed_in_prose_trusting_sends_null_too() -> None:
    trace = run_of(
        Message("user", "Go on."),
        call("find_order", {"q": "x"}, "Found order ORD-88213 of today"),
        call("close_order", {"order_id": "ORD-88213"}, {"ok": True}),
    )
    other = run_of(Message("user", "Go on."), call("find_order", {"q": "y"}, "Error: nothing was found there"))
    made = attempt("trusting", trace, change("find_order", 1, Fault("timeout", "result"), stays=True), others=[other])
    assert asked(made)[1][1] == {"order_id": None}


@both
def test_neither_ever_retries(agent: str) -> None:
    for stays in (False, True):
        made = attempt(agent, shop(), change("get_order", 1, Fault("timeout", "exception"), stays=stays))
        assert [tool for tool, _ in asked(made)] == ["get_order", "refund"]


def test_a_recorded_retry_is_repeated_as_recorded() -> None:
    trace = run_of(
        Message("user", "Go on."),
        call("get_order", {"order_id": "ORD-88213"}, "gone", "timeout"),
        call("get_order", {"order_id": "ORD-88213"}, {"total": 50.5}),
        call("refund", {"amount": 50.5}, {"ok": True}),
    )
    for agent in AGENTS:
        made = attempt(agent, trace)
        assert asked(made) == [(step.tool, step.arguments) for _, step in trace.calls()]
        first = made.steps[1]
        assert isinstance(first, ToolCall)
        assert first.result is not None
        assert first.result.raised == "timeout"


def test_a_calculators_text_is_a_template_and_its_answer_is_evaluated() -> None:
    trace = run_of(
        Message("user", "Refund half."),
        call("get_order", {"q": "x"}, {"total": 129.9}),
        call("calculate", {"expression": "129.9 / 2"}, "64.95"),
        call("refund", {"amount": 64.95}, {"ok": True}),
    )
    made = attempt("trusting", trace, change("get_order", 1, Replace("/total", 100.5)))
    assert asked(made)[1:] == [("calculate", {"expression": "100.5 / 2"}), ("refund", {"amount": 50.25})]


@both
def test_a_user_turn_that_follows_a_tool_answer_is_consumed_at_its_place(agent: str) -> None:
    trace = run_of(
        Message("user", "Refund it."),
        call("get_policy", {"of": "refunds"}, {"days": 30}),
        Message("user", "It is order ORD-88213."),
        call("get_order", {"order_id": "ORD-88213"}, {"total": 50.5}),
        Message("assistant", "It cost 50.50. Shall I go on?"),
        Message("user", "Yes, do."),
        Message("assistant", "Done."),
    )
    made = attempt(agent, trace, renaming(("ORD-88213", "ORD-67713")))
    shown = [step.text for step in made.steps if isinstance(step, Message) and step.role == "user"]
    assert shown == ["Refund it.", "It is order ORD-67713.", "Yes, do."]
    if agent == "trusting":
        assert asked(made)[1] == ("get_order", {"order_id": "ORD-67713"})
