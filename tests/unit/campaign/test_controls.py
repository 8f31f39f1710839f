"""Sentinels must fail, and state that leaks between attempts must show, without blaming an agent that is unsteady."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from campaigns.shop import TRACES, MakeShop, recorded
from counterfault.campaign.controls import leaking, passing_sentinels, sentinels
from counterfault.campaign.judge import Bench, attempt_of, ground_of
from counterfault.campaign.summary import Judged
from counterfault.core.case import JudgeRules
from counterfault.core.effects import Declared, ToolRules
from counterfault.core.outcome import Judgement, Outcome
from counterfault.core.trace import Message, ToolCall, ToolResult, Trace
from counterfault.wiring import benches_of

WRITING = {"dropped_write", "failed_write", "doubled_write", "invented_value"}
ASKED = Trace(
    (
        Message("user", "What did order O-1001 cost?"),
        ToolCall("get_order", {"order_id": "O-1001"}, ToolResult('{"order_id": "O-1001", "total": 40.5}', False), "c1"),
        Message("assistant", "Order O-1001 cost 40.5 EUR."),
    ),
    task="asked",
)


def bench(shop: MakeShop, trace: Trace) -> Bench:
    return benches_of(shop(traces=(trace,)).study)[trace.id]


HANDED_OVER = recorded(1004, 12.0, escalates=True)


# A run that hands over may leave a write out, so that is no violation to plant there.
PLANTED = {ASKED.id: {"missing_fact"}, HANDED_OVER.id: WRITING - {"dropped_write", "failed_write"}}


@pytest.mark.parametrize("trace", [*TRACES, ASKED, HANDED_OVER], ids=lambda trace: trace.task)
def test_each_forged_record_fails(shop: MakeShop, trace: Trace) -> None:
    judge = bench(shop, trace)
    forged = list(sentinels(judge, "agent"))
    assert {one.reason for one in forged} == PLANTED.get(trace.id, WRITING)
    assert {one.arm for one in forged} == {"sentinel"}
    verdicts = {one.reason: judge.judge(one, None).verdict for one in forged}
    assert set(verdicts.values()) == {"fail"}, verdicts


@pytest.mark.parametrize("kind", ["approval", "pure", "read"])
def test_a_missing_fact_is_seen_whatever_kind_of_tool_answered_it(shop: MakeShop, kind: str) -> None:
    asked = bench(shop, ASKED)
    rules = ToolRules(Declared(**{kind: ("get_order",)}))
    judge = replace(asked, ground=ground_of(replace(asked.ground.scan, rules=rules), JudgeRules()))
    (forged,) = sentinels(judge, "agent")
    assert judge.judge(forged, None).verdict == "fail"


def test_the_recording_itself_does_not_fail(shop: MakeShop) -> None:
    judge = bench(shop, TRACES[0])
    assert judge.judge(attempt_of(TRACES[0]), None).verdict == "pass"


def test_sentinels_have_ids_of_their_own_that_do_not_change(shop: MakeShop) -> None:
    judge = bench(shop, TRACES[0])
    ids = [one.id for one in sentinels(judge, "agent")]
    assert ids == [one.id for one in sentinels(judge, "agent")]
    assert len({*ids, *(one.id for one in sentinels(judge, "other"))}) == 2 * len(ids)


def test_a_sentinel_that_is_not_failed_is_named(shop: MakeShop) -> None:
    judge = bench(shop, TRACES[0])
    forged = next(sentinels(judge, "agent"))
    assert passing_sentinels([(forged, judge.judge(forged, None))]) == []
    (reason,) = passing_sentinels([(forged, Judgement("recovered", "pass"))])
    assert "dropped_write" in reason
    assert forged.trace_id[:8] in reason


def judged_controls(shop: MakeShop, conducts: Sequence[str]) -> tuple[Mapping[str, list[Judged]], Mapping[str, Bench]]:
    """Controls of as many traces as there are words; each letter is a turn, and like letters are like conduct."""
    turns: dict[str, list[Judged]] = {}
    judge = bench(shop, TRACES[0])
    for number, conduct in enumerate(conducts):
        controls = []
        for turn, letter in enumerate(conduct):
            outcome: Outcome = "recovered" if letter == "A" else "silent_wrong"
            attempt = replace(attempt_of(TRACES[0]), trace_id=f"trace {number}", replicate=turn)
            controls.append(Judged(attempt, None, Judgement(outcome, "pass" if letter == "A" else "fail")))
        turns[f"trace {number}"] = controls
    return turns, dict.fromkeys(turns, judge)


@pytest.mark.parametrize(
    ("conducts", "blamed"),
    [
        (["AAA", "AAA"], ""),
        (["AAA", "AAB"], "closing"),
        (["AAB"], "closing"),
        (["AB"], ""),
        (["ABA", "AAA"], ""),
        (["ABA", "AAB"], ""),
        (["ABB", "AAA"], ""),
        (["ABB", "ABB", "ABB", "ABB", "ABB"], "first"),
        (["ABA", *["AAB"] * 9], "closing"),
        (["ABA", "ABB", "AAB", "AAA", "ABA", "AAB"], ""),
        (["AAAAB", "AAAAA"], "closing"),
    ],
)
def test_state_leaks_where_the_turn_and_not_chance_decides(shop: MakeShop, conducts: list[str], blamed: str) -> None:
    reasons = leaking(*judged_controls(shop, conducts))
    assert len(reasons) == bool(blamed)
    for reason in reasons:
        assert f"the {blamed} control" in reason
