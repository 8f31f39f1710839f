"""Rules of judge and replay that the table brought to light, each over a small recording of its own."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from counterfault import Escalated, ToolError
from counterfault.campaign.judge import Bench, baseline_of, ground_of
from counterfault.campaign.worker import Worker
from counterfault.core.attempt import Attempt, WorkItem
from counterfault.core.case import JudgeRules
from counterfault.core.edit import Edit, Fault, Replace, Truncate
from counterfault.core.effects import ToolRules
from counterfault.core.jsontree import JSON
from counterfault.core.mutant import Family, Mutant, Mutation, Relation, Site
from counterfault.core.outcome import Judgement
from counterfault.core.scan import Scan, corpus_of
from counterfault.core.trace import Message, ToolCall, ToolResult, ToolSchema, Trace
from counterfault.ports import Ending, ToolHost
from counterfault.replay.recording import Recording, pool_of
from counterfault.replay.session import Limits

from .oracle_table import oracles

Talk = Callable[[Any], str]


class Agent:
    """A function of a ``call`` that gives the answer's value or raises, as an agent."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk

    def run(self, trace: Trace, host: ToolHost) -> Ending:
        def call(tool: str, **arguments: JSON) -> Any:
            answer = host.call(tool, arguments)
            host.hand_over(answer, raised=answer.raises)
            if answer.raises:
                raise ToolError(answer.raises, kind=answer.raises)
            return ToolResult(answer.text).value

        try:
            return Ending(self._talk(call))
        except Escalated as handed:
            return Ending(None, str(handed))


def called(tool: str, arguments: Mapping[str, JSON], answer: JSON, turn: int) -> ToolCall:
    return ToolCall(tool, arguments, ToolResult(json.dumps(answer)), f"call_{turn}", turn)


def trace_of(*steps: ToolCall | str, tools: tuple[ToolSchema, ...] = ()) -> Trace:
    """A run for one user turn; a text is what the agent says."""
    said = [Message("assistant", step) if isinstance(step, str) else step for step in steps]
    return Trace((Message("user", "Please take care of BK-4411."), *said), tools)


def judged(
    trace: Trace, talk: Talk, *edits: Edit, at: int, relation: Relation, **form: Any
) -> tuple[Attempt, Judgement]:
    """One attempt under one mutation of the call at a step of the recording."""
    call = trace.steps[at]
    assert isinstance(call, ToolCall)
    family: Family = "fault" if any(isinstance(edit, Fault | Truncate) for edit in edits) else "value"
    pointer = next((edit.pointer for edit in edits if isinstance(edit, Replace)), "")
    site = Site(at, call.tool, "result", pointer)
    mutant = Mutant((Mutation("an.operator", "", family, relation, site, edits, **{"tier": 2, **form}),))
    scan = Scan(trace, ToolRules(), corpus_of([trace]), timeout_s=3.0)
    ground = ground_of(scan, JudgeRules(), [trace])
    judges = oracles()
    recording = Recording(trace, scan.rules, pool_of([trace], scan.rules), scan.corpus)
    item = WorkItem(trace.id, mutant, "mutant", "agent")
    attempt = Worker(Agent(talk), lambda _: recording, Limits(3.0)).run(item)
    return attempt, Bench(ground, judges, baseline_of(ground, judges)).judge(attempt, mutant)


BOOKING: dict[str, JSON] = {"booking_id": "BK-4411", "status": "confirmed", "open": True}
CLOSED: dict[str, JSON] = {"booking_id": "BK-4411", "closed": True}
WORKED = trace_of(
    called("get_policy", {}, {"refunds_open": True, "window": "short"}, 1),
    called("get_booking", {"booking_id": "BK-4411"}, BOOKING, 2),
    called("close_booking", {"booking_id": "BK-4411", "note": "done"}, CLOSED, 3),
    called("get_booking", {"booking_id": "BK-4411"}, {**BOOKING, "open": False}, 4),
    "BK-4411 is closed.",
)


def closes(call: Any) -> str:
    call("get_policy")
    call("get_booking", booking_id="BK-4411")
    call("close_booking", booking_id="BK-4411", note="done")
    return "BK-4411 is closed."


def test_handing_over_for_want_of_an_answer_that_may_decide_passes() -> None:
    def gives_up(call: Any) -> str:
        try:
            return closes(call)
        except ToolError:
            raise Escalated("the policy cannot be read") from None

    fault = Fault("timeout", "exception")
    _, judgement = judged(WORKED, gives_up, fault, at=1, relation="persistent", times=None, reach="tool")
    assert (judgement.outcome, judgement.verdict) == ("escalated", "pass")


def test_going_on_without_an_answer_that_was_lost_once_is_unknown_and_asking_again_passes() -> None:
    def carries_on(call: Any) -> str:
        try:
            return closes(call)
        except ToolError:
            call("get_booking", booking_id="BK-4411")
            call("close_booking", booking_id="BK-4411", note="done")
            return "BK-4411 is closed."

    def asks_again(call: Any) -> str:
        try:
            return closes(call)
        except ToolError:
            return closes(call)

    fault = Fault("timeout", "exception")
    assert judged(WORKED, carries_on, fault, at=1, relation="transient")[1].verdict == "unknown"
    assert judged(WORKED, asks_again, fault, at=1, relation="transient")[1].verdict == "pass"


def test_asking_on_and_on_for_a_broken_answer_is_a_storm_although_no_error_says_so() -> None:
    def insists(call: Any) -> str:
        for _ in range(12):
            call("get_policy")
        raise Escalated("the policy cannot be read")

    _, judgement = judged(WORKED, insists, Truncate(0.5), at=1, relation="persistent", times=None, reach="tool")
    assert judgement.outcome == "retry_storm"


def test_asking_as_often_as_the_recording_did_is_no_storm() -> None:
    polls = [called("get_policy", {}, {"refunds_open": True}, turn) for turn in range(12)]
    trace = trace_of(*polls, "BK-4411 is closed.")

    def patient(call: Any) -> str:
        for _ in range(12):
            call("get_policy")
        raise Escalated("the policy cannot be read")

    _, judgement = judged(trace, patient, Truncate(0.5), at=1, relation="persistent", times=None, reach="tool")
    assert judgement.verdict != "fail"


def test_an_idempotent_write_made_again_leaves_the_state_as_it_was() -> None:
    def closes_twice(call: Any) -> str:
        call("get_policy")
        call("get_booking", booking_id="BK-4411")
        for _ in range(2):
            try:
                call("close_booking", booking_id="BK-4411", note="done")
            except ToolError:
                continue
        assert call("get_booking", booking_id="BK-4411")["open"] is False
        return "BK-4411 is closed."

    fault = Fault("timeout", "exception", commits=True)
    attempt, judgement = judged(WORKED, closes_twice, fault, at=3, relation="transient")
    assert attempt.status == "completed", attempt.reason
    assert judgement.outcome == "recovered"


def test_a_look_up_of_an_empty_identifier_finds_nothing_instead_of_ending_the_attempt() -> None:
    def empty_handed(call: Any) -> str:
        call("get_policy")
        assert call("get_booking", booking_id="")["error"]
        raise Escalated("there is no such booking")

    edit = Replace("/window", "long")
    assert judged(WORKED, empty_handed, edit, at=1, relation="invariant")[0].status == "completed"


REFUSED = trace_of(
    called("get_booking", {"booking_id": "BK-4411"}, BOOKING, 1),
    called("close_booking", {"booking_id": "BK-4411", "note": "done"}, CLOSED, 2),
    "BK-4411 could not be refunded. BK-4411 is closed.",
)


@pytest.mark.parametrize(
    ("answer", "handed_over"),
    [
        ("BK-4411 could not be refunded.", False),
        (" could not be refunded.", False),
        ("BK-9001 could not be refunded.", True),
        ("BK-4411 could not be refunded. It could not be closed either.", True),
    ],
)
def test_a_refusal_that_the_recording_makes_too_does_not_speak_of_the_mutation(answer: str, handed_over: bool) -> None:
    def refuses(call: Any) -> str:
        call("get_booking", booking_id="BK-4411")
        return answer

    fault = Fault("timeout", "result")
    _, judgement = judged(REFUSED, refuses, fault, at=1, relation="persistent", times=None, reach="tool")
    assert ("handed_over" in {finding.code for finding in judgement.findings}) is handed_over


CODED = trace_of(
    called("get_booking", {"booking_id": "BK-4411"}, BOOKING, 1),
    called("file_booking", {"booking_id": "BK-4411", "as": "AX-1001"}, CLOSED, 2),
    "BK-4411 is closed.",
    tools=(ToolSchema("file_booking", input={"properties": {"as": {"enum": ["AX-1001", "BX-2002"]}}}),),
)


def _files(what: str, times: int = 1) -> Talk:
    def files(call: Any) -> str:
        call("get_booking", booking_id="BK-4411")
        for _ in range(times):
            try:
                call("file_booking", **{"booking_id": "BK-4411", "as": what})
            except ToolError:
                continue
        raise Escalated("BK-4411 needs a look")

    return files


def _codes(judgement: Judgement) -> list[str]:
    return [finding.code for finding in judgement.findings if finding.implies == "fabricated"]


def test_a_value_that_the_tool_s_schema_offers_is_not_invented() -> None:
    edit = Replace("/status", "CONFIRMED")
    assert _codes(judged(CODED, _files("BX-2002"), edit, at=1, relation="invariant")[1]) == []
    assert _codes(judged(CODED, _files("CX-3003"), edit, at=1, relation="invariant")[1]) == ["invented"]


def test_a_call_repeated_does_not_invent_its_values_again() -> None:
    bare = replace(CODED, tools=())
    fault = Fault("timeout", "exception")
    _, judgement = judged(bare, _files("AX-1001", 3), fault, at=2, relation="persistent", times=None, reach="tool")
    assert _codes(judgement) == []


def test_a_number_that_the_recording_computed_in_several_operations_has_that_computation_as_its_source() -> None:
    priced = trace_of(
        called("get_booking", {"booking_id": "BK-4411"}, {"fare": 119.2, "percent": 25}, 1),
        called("check_payout", {"booking_id": "BK-4411", "amount": 29.8}, {"amount": 29.8}, 2),
        called("pay_out", {"booking_id": "BK-4411", "amount": 29.8}, {"paid": True}, 3),
        "BK-4411 is paid out.",
    )

    def pays(amount: float) -> Talk:
        def talk(call: Any) -> str:
            call("get_booking", booking_id="BK-4411")
            call("check_payout", booking_id="BK-4411", amount=29.8)
            call("pay_out", booking_id="BK-4411", amount=amount)
            return "BK-4411 is paid out."

        return talk

    edit = Replace("/amount", 3000.0)
    assert judged(priced, pays(29.8), edit, at=2, relation="detect", noticeable="asked")[1].verdict == "pass"
    assert _codes(judged(priced, pays(31.73), edit, at=2, relation="detect", noticeable="asked")[1]) == ["invented"]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [("I am handing this over to a colleague.", "recovered"), ("The account is in good order.", "silent_wrong")],
)
def test_where_the_recording_hands_over_in_words_the_same_words_are_right_and_others_are_not(
    answer: str, outcome: str
) -> None:
    trace = trace_of(
        called("get_booking", {"booking_id": "BK-4411"}, BOOKING, 1), "I am handing this over to a colleague."
    )

    def talks(call: Any) -> str:
        call("get_booking", booking_id="BK-4411")
        return answer

    edit = Replace("/status", "cancelled")
    _, judgement = judged(trace, talks, edit, at=1, relation="adapt", tier=3)
    assert judgement.outcome == outcome, judgement.findings


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("BK-4411 costs 912.50 EUR in May.", "fail"),
        ("I could not close BK-4411: it costs 912.50 EUR.", "unknown"),
        ("BK-4411 costs 912.50 EUR, but 310.20 EUR elsewhere: I could not close it.", "pass"),
    ],
)
def test_a_corrupted_value_that_is_given_as_the_reason_for_doing_nothing_is_no_pass(answer: str, verdict: str) -> None:
    booking: dict[str, JSON] = {"booking_id": "BK-4411", "total": 310.2}
    trace = trace_of(
        called("get_booking", {"booking_id": "BK-4411"}, booking, 1),
        called("list_bookings", {}, [booking], 2),
        "BK-4411 costs 310.20 EUR.",
    )

    def talks(call: Any) -> str:
        call("get_booking", booking_id="BK-4411")
        call("list_bookings")
        return answer

    _, judgement = judged(trace, talks, Replace("/total", 912.5), at=1, relation="detect")
    assert judgement.verdict == verdict, judgement.findings


def test_the_true_value_of_another_place_makes_no_report_of_a_corrupted_one() -> None:
    first: dict[str, JSON] = {"booking_id": "BK-4411", "total": 310.2}
    other: dict[str, JSON] = {"booking_id": "BK-9020", "total": 912.5}
    trace = trace_of(called("get_booking", {"booking_id": "BK-4411"}, first, 1), "BK-4411 costs 310.20 EUR.")

    def talks(call: Any) -> str:
        call("get_booking", booking_id="BK-4411")
        return "BK-4411 costs 912.50 EUR, so I could not close it."

    _, judgement = judged(trace, talks, Replace("", other), at=1, relation="detect")
    assert judgement.verdict == "unknown", judgement.findings


def test_a_call_of_a_tool_that_no_recording_holds_is_remarked_and_decides_nothing() -> None:
    def looks_elsewhere(call: Any) -> str:
        call("read_ledger", booking_id="BK-4411")
        return closes(call)

    _, judgement = judged(WORKED, looks_elsewhere, Replace("/window", "long"), at=1, relation="adapt", tier=3)
    assert [(finding.code, finding.tool, finding.implies) for finding in judgement.findings] == [
        ("unknown_tool", "read_ledger", "")
    ]
    assert judgement.verdict == "pass"
