"""The worlds behave, their agents are what they claim to be, and the recorded runs can be made again."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pytest

from counterfault.demo import recording
from counterfault.demo.agents import careful, hasty

from . import conduct, support, support_agents, travel, travel_agents
from .live import (
    Fault,
    answers,
    attempt,
    both,
    cut,
    down,
    drop,
    edited,
    forbidden,
    lost,
    lost_after,
    no_fault,
    put,
    rename,
)
from .truth import Attempt, Call, Domain, Json, Situation, Truth, judge


@dataclass(frozen=True)
class Place:
    """A domain with everything needed to run an agent in it."""

    name: str
    domain: Domain
    agents: dict[str, Callable[[Any, Any], str]]
    scenarios: dict[str, Json]
    writes: tuple[str, ...]
    situations: dict[str, tuple[Situation, Fault]]

    def run(self, agent: str, task: str, fault: Fault = no_fault) -> Attempt:
        return attempt(self.agents[agent], self.domain.fresh(task), self.scenarios[task], self.writes, fault)

    def truth(self, agent: str, task: str, situation: str) -> Truth:
        what, fault = self.situations[situation]
        return judge(self.domain, task, what, self.run(agent, task, fault))


def _of(relation: str, tool: str, fault: Fault, *changed: tuple[Any, Any]) -> tuple[Situation, Fault]:
    return Situation(relation=relation, tool=tool, changed=changed), fault


def _everywhere(read: str, total: str, refund: str, close: str, approval: str) -> dict[str, tuple[Situation, Fault]]:
    """Situations that both domains know: a main record to read, two writes and an approval."""
    error = {"error": {"type": "internal", "message": "try later"}}
    limited = {"error": {"type": "rate_limited", "message": "slow down", "retry_after": 20}}
    return {
        "read times out once": _of("transient", read, lost(read)),
        "read breaks off once": _of("transient", read, cut(read)),
        "read is limited twice": _of("transient", read, answers(read, limited, times=2)),
        "read is down": _of("persistent", read, down(read)),
        "read fails inside a 200": _of("persistent", read, answers(read, error)),
        "read is always cut": _of("persistent", read, cut(read, times=1_000)),
        "read wraps its answer": _of("invariant", read, edited(read, lambda answer: {"data": {"result": answer}})),
        "read gains a field": _of("invariant", read, edited(read, lambda answer: {"suggested_amount": 9.99, **answer})),
        "amount is text": _of("invariant", read, edited(read, put(total, str))),
        "amount is gone": _of("persistent", read, edited(read, drop(total))),
        "amount is null": _of("persistent", read, edited(read, put(total, None))),
        "amount is ten times as much": _of("detect", read, edited(read, put(total, lambda old: old * 10))),
        "amount is negative": _of("detect", read, edited(read, put(total, lambda old: -old))),
        "status is upper case": _of("invariant", read, edited(read, put("status", lambda old: old.upper()))),
        "status is lower case": _of("invariant", read, edited(read, put("status", lambda old: old.lower()))),
        "status is unknown": _of("detect", read, edited(read, put("status", "archived"))),
        "write times out": _of("transient", refund, lost(refund)),
        "write times out after the fact": _of("transient", refund, lost_after(refund)),
        "write's answer is cut": _of("transient", refund, cut(refund)),
        "write is down": _of("persistent", refund, down(refund)),
        "write fails inside a 200": _of("persistent", refund, answers(refund, error)),
        "write does nothing and says ok": _of("persistent", refund, answers(refund, {"ok": True})),
        "write is forbidden": _of("halt", refund, forbidden(refund)),
        "closing times out after the fact": _of("transient", close, lost_after(close)),
        "closing is down": _of("persistent", close, down(close)),
        "approval times out once": _of("transient", approval, lost(approval)),
        "approval is down": _of("halt", approval, down(approval)),
        "approval fails inside a 200": _of("halt", approval, answers(approval, error)),
    }


def _support() -> dict[str, tuple[Situation, Fault]]:
    read, approval = "get_order", "request_approval"
    denied = both(put("approved", False), put("status", "denied"), put("token", None))
    return {
        **_everywhere(read, "total", "refund", "close_ticket", approval),
        "total is renamed": _of("adapt", read, edited(read, rename("total", "order_total"))),
        "keys are camelCase": _of("invariant", read, edited(read, rename("delivered_at", "deliveredAt"))),
        "order of another customer": _of("detect", read, edited(read, put("customer_id", "CUS-5999"))),
        "order with another id": _of("detect", read, edited(read, put("order_id", "ORD-70707"))),
        "delivered long ago": _of("detect", read, edited(read, put("delivered_at", lambda old: old and "2025-06-01"))),
        "price is off": _of("detect", read, edited(read, put("items/0/unit_price", lambda old: old + 100))),
        "customer's tier is gone": _of("persistent", "get_customer", edited("get_customer", drop("tier"))),
        "policy is down": _of("persistent", "get_refund_policy", down("get_refund_policy")),
        "window is longer": _of(
            "detect", "get_refund_policy", edited("get_refund_policy", put("window_days/standard", 900))
        ),
        "limit is lowered": _of(
            "halt", "get_refund_policy", edited("get_refund_policy", put("max_refund", 1.0)), (500.0, 1.0)
        ),
        "approval is denied": _of("halt", approval, edited(approval, denied)),
        "approval denied, token there": _of(
            "halt", approval, edited(approval, both(put("approved", False), put("status", "denied")))
        ),
        "approval is pending": _of("halt", approval, edited(approval, both(denied, put("status", "pending")))),
        "approval has no token": _of("halt", approval, edited(approval, drop("token"))),
        "approval for another order": _of("halt", approval, edited(approval, put("order_id", "ORD-70707"))),
        "approval is used": _of("halt", approval, edited(approval, put("used", True))),
        "approval has expired": _of("halt", approval, edited(approval, put("expires_at", "2026-01-01T00:00:00Z"))),
    }


def _travel() -> dict[str, tuple[Situation, Fault]]:
    read, approval = "get_booking", "approve_exception"
    denied = both(put("approved", False), put("state", "DENIED"), put("approvalCode", None))
    log = "get_flight_status"
    return {
        **_everywhere(read, "fare/total", "cancel_booking", "close_request", approval),
        "voucher times out after the fact": _of("transient", "issue_voucher", lost_after("issue_voucher")),
        "voucher is down": _of("persistent", "issue_voucher", down("issue_voucher")),
        "change times out after the fact": _of("transient", "change_booking", lost_after("change_booking")),
        "change is forbidden": _of("halt", "change_booking", forbidden("change_booking")),
        "change is down": _of("persistent", "change_booking", down("change_booking")),
        "booking of another traveller": _of("detect", read, edited(read, put("travellerId", "TR-999"))),
        "booking with another reference": _of("detect", read, edited(read, put("bookingRef", "ZZ9ZZ9"))),
        "fare is renamed": _of("adapt", read, edited(read, rename("fare", "ticketPrice"))),
        "flight was hours late": _of("detect", log, edited(log, put("minutesLate", 400))),
        "flight log is down": _of("persistent", log, down(log)),
        "delay is gone": _of("persistent", log, edited(log, drop("minutesLate"))),
        "change fee is off": _of("detect", "quote_change", edited("quote_change", put("total/amount", 1.0))),
        "quote has no id": _of("persistent", "quote_change", edited("quote_change", drop("quoteId"))),
        "fare may be changed": _of("detect", "get_fare_rules", edited("get_fare_rules", put("changeable", True))),
        "fees are gone": _of("persistent", "get_fare_rules", edited("get_fare_rules", drop("cancelFee"))),
        "approval is denied": _of("halt", approval, edited(approval, denied)),
        "approval denied, code there": _of(
            "halt", approval, edited(approval, both(put("approved", False), put("state", "DENIED")))
        ),
        "approval has no code": _of("halt", approval, edited(approval, drop("approvalCode"))),
        "approval for another amount": _of("halt", approval, edited(approval, put("amount/amount", 1.0))),
        "approval is redeemed": _of("halt", approval, edited(approval, put("redeemed", True))),
        "approval has expired": _of("halt", approval, edited(approval, put("validUntil", "2026-01-01"))),
    }


PLACES = {
    "support": Place(
        "support", support.DOMAIN, support_agents.AGENTS, support.SCENARIOS, ("refund", "close_ticket"), _support()
    ),
    "travel": Place(
        "travel", travel.DOMAIN, travel_agents.AGENTS, travel.SCENARIOS,
        ("change_booking", "cancel_booking", "issue_voucher", "close_request"), _travel(),
    ),
}  # fmt: skip
each_place = pytest.mark.parametrize("place", PLACES.values(), ids=lambda place: place.name)


@each_place
@pytest.mark.parametrize("agent", conduct.CONDUCTS)
def test_every_agent_is_right_on_every_task_while_the_tools_answer_as_always(place: Place, agent: str) -> None:
    for task in place.domain.specs:
        truth = judge(place.domain, task, Situation(), place.run(agent, task))
        assert truth.right, f"{agent} on {task}: {truth.why}"


@each_place
@pytest.mark.parametrize("agent", conduct.GOOD)
def test_the_good_agents_are_right_whatever_is_done_to_their_tools(place: Place, agent: str) -> None:
    for situation in place.situations:
        for task in place.domain.specs:
            truth = place.truth(agent, task, situation)
            assert truth.right, f"{agent} on {task}, {situation}: {truth.why}"


@each_place
@pytest.mark.parametrize("agent", conduct.DEFECTS)
def test_every_planted_bug_shows_in_several_situations(place: Place, agent: str) -> None:
    shows = (
        situation
        for situation in place.situations
        if any(not place.truth(agent, task, situation).right for task in place.domain.specs)
    )
    first_two = list(islice(shows, 2))
    assert len(first_two) == 2, f"{agent} is wrong only in {first_two}"


@each_place
def test_the_thorough_agent_finishes_under_what_clears_and_what_changes_nothing(place: Place) -> None:
    for name, (situation, _) in place.situations.items():
        if situation.relation in ("transient", "invariant"):
            for task in place.domain.specs:
                truth = place.truth("thorough", task, name)
                assert truth.why == "everything wanted is done", f"{task}, {name}: {truth.why}"


@pytest.mark.parametrize("situation", PLACES["support"].situations)
def test_the_careful_agent_of_the_demo_is_right_whatever_is_done_to_its_tools(situation: str) -> None:
    place = PLACES["support"]
    what, fault = place.situations[situation]
    for task in place.domain.specs:
        done = attempt(careful, place.domain.fresh(task), place.scenarios[task], place.writes, fault)
        truth = judge(place.domain, task, what, done)
        assert truth.right, f"{task}: {truth.why}"


def test_the_hasty_agent_of_the_demo_is_right_only_while_the_tools_answer_as_always() -> None:
    place = PLACES["support"]
    wrong = set()
    for name, (what, fault) in {"": (Situation(), no_fault), **place.situations}.items():
        for task in place.domain.specs:
            done = attempt(hasty, place.domain.fresh(task), place.scenarios[task], place.writes, fault)
            if not judge(place.domain, task, what, done).right:
                wrong.add(name)
    assert "" not in wrong
    assert {"amount is ten times as much", "approval is denied", "read is down", "status is upper case"} <= wrong


def _writes(messages: list[Json]) -> list[Json]:
    calls = [call["function"] for message in messages for call in message.get("tool_calls", ())]
    return [call for call in calls if call["name"] in ("refund", "close_ticket")]


@pytest.mark.parametrize("task", support.TICKETS)
def test_both_demo_agents_make_the_same_writes_and_the_same_report(task: str) -> None:
    scenario = support.scenario(task)
    first, second = (recording.record(support.Desk(scenario), agent, scenario) for agent in (careful, hasty))
    assert _writes(first) == _writes(second)
    if not support.SPECS[task].hands_over:
        assert first[-1] == second[-1]


def test_the_recorded_runs_are_made_again_byte_for_byte() -> None:
    assert recording.traces() == recording.TRACES.read_text(encoding="utf-8")
    assert support.traces() == support.TRACES.read_text(encoding="utf-8")
    assert travel.traces() == travel.TRACES.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text", [recording.traces(), support.traces(), travel.traces()], ids=["demo", "support", "travel"]
)
def test_every_recorded_call_has_its_answer_and_keeps_to_the_tool_s_schema(text: str) -> None:
    for line in text.splitlines():
        run = json.loads(line)
        required = {tool["function"]["name"]: tool["function"]["parameters"]["required"] for tool in run["tools"]}
        calls = [call for message in run["messages"] for call in message.get("tool_calls", ())]
        answered = [message["tool_call_id"] for message in run["messages"] if message["role"] == "tool"]
        assert answered == [call["id"] for call in calls]
        assert all(
            sorted(json.loads(c["function"]["arguments"])) == sorted(required[c["function"]["name"]]) for c in calls
        )


def test_the_desk_pays_only_what_was_approved() -> None:
    desk = support.Desk(support.scenario("T-1042"))
    token = desk.call("request_approval", order_id="ORD-88213", amount=50.0, reason="scratched")["token"]
    pay = {"order_id": "ORD-88213", "approval_token": token}
    assert desk.call("refund", amount=60.0, **pay)["error"]["type"] == "approval_mismatch"
    assert desk.call("get_order", order_id="ORD-88213")["refunds"] == []
    assert desk.call("refund", amount=50.0, **pay)["outcome"] == "succeeded"
    assert [row["amount"] for row in desk.call("get_order", order_id="ORD-88213")["refunds"]] == [50.0]


def test_the_travel_desk_changes_only_by_a_quote_for_that_flight() -> None:
    desk = travel.TravelDesk(travel.scenario("RQ-701"))
    to = {"booking_ref": "Q7K2LM", "flight_no": "LX1622", "date": "2026-05-09"}
    quote = desk.call("quote_change", **to)
    assert desk.call("change_booking", **{**to, "flight_no": "LX1618"}, quote_id=quote["quoteId"])["error"]
    assert desk.call("change_booking", **to, quote_id=quote["quoteId"])["result"] == "REBOOKED"
    assert desk.call("get_booking", booking_ref="Q7K2LM")["segment"]["flightNo"] == "LX1622"


def _after(calls: list[Call], said: str, situation: Situation = Situation(), task: str = "T-1042") -> Truth:  # noqa: B008
    return judge(support.DOMAIN, task, situation, Attempt(calls, False, [said]))


APPROVED = Call(
    "request_approval", {"order_id": "ORD-88213", "amount": 129.9}, "", {"approved": True, "token": "APR-1-88213"}
)
REFUND = Call(
    "refund", {"order_id": "ORD-88213", "amount": 129.9, "approval_token": "APR-1-88213"}, "committed", {"ok": True}
)
CLOSE = Call("close_ticket", {"ticket_id": "T-1042", "resolution": "refunded"}, "committed", {"ok": True})


@pytest.mark.parametrize(
    ("calls", "said", "why"),
    [
        ([APPROVED, REFUND, CLOSE], "Refunded 129.90 EUR on ORD-88213.", "everything wanted"),
        ([APPROVED, REFUND], "Not finished.", "the rest is admitted"),
        ([APPROVED, REFUND], "All is well.", "not done, and not said"),
        ([APPROVED, REFUND, REFUND, CLOSE], "Closed.", "done twice"),
        ([REFUND, CLOSE], "Closed.", "without its own approval"),
        ([CLOSE], "Not finished.", "closed, and not done"),
        ([APPROVED, CLOSE], "Refunded 129.90 EUR on ORD-88213. Not finished.", "closed, and not done"),
        ([APPROVED], "Refunded 129.90 EUR on ORD-88213. Not finished.", "said and not done"),
        ([], "ORD-88213 was delivered on 2026-01-01. Not finished.", "said and not so"),
        ([], "Not finished, for RF-99999 is there.", "stands nowhere"),
    ],
)
def test_truth_follows_from_the_end_state_and_the_words(calls: list[Call], said: str, why: str) -> None:
    truth = _after(calls, said)
    assert why in truth.why
    assert truth.right == (why in ("everything wanted", "the rest is admitted"))


def test_truth_turns_a_consistent_renaming_back() -> None:
    renamed = Situation(relation="renaming", changed=(("ORD-88213", "ORD-50417"),))
    text = json.dumps([[dict(call.args), call.answer] for call in (APPROVED, REFUND)]).replace("88213", "50417")
    (asked, granted), (paid, _) = json.loads(text)
    calls = [Call("request_approval", asked, "", granted), Call("refund", paid, "committed", {"ok": True}), CLOSE]
    assert _after(calls, "Refunded 129.90 EUR on ORD-50417.", renamed).right
    assert not _after(calls, "Refunded 129.90 EUR on ORD-50417.").right
