"""The replay session as a conversation: a call goes in, an answer comes out. SEMANTICS 2, sentence by sentence."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from counterfault.core.attempt import Answer, Answered, Attempt, WorkItem
from counterfault.core.edit import Add, Delay, Edit, Fault, Garble, Remove, Rename, Replace, Substitute, Truncate
from counterfault.core.effects import Declared, State, ToolRules
from counterfault.core.errors import AttemptEnded, ConversationOver, Unanswerable
from counterfault.core.jsontree import JSON
from counterfault.core.mutant import Aspect, Mutant, Mutation, Site
from counterfault.core.records import attempt_data, attempt_of
from counterfault.core.rendering import parse
from counterfault.core.scan import corpus_of
from counterfault.core.trace import Message, Step, ToolCall, ToolResult, ToolSchema, Trace
from counterfault.replay.recording import Recording, pool_of
from counterfault.replay.session import Limits, Session

ITEM = WorkItem("trace", None, "mutant", "agent")


@dataclass(frozen=True)
class Raised:
    """What the agent saw instead of an answer."""

    kind: str


def call(
    tool: str,
    arguments: Mapping[str, JSON],
    result: Any,
    error: bool | None = None,
    raised: str | None = None,
    turn: int = 0,
) -> ToolCall:
    text = result if isinstance(result, str) else json.dumps(result)
    return ToolCall(tool, dict(arguments), ToolResult(text, error, raised), turn=turn)


def run_of(*steps: Step, tools: Sequence[ToolSchema] = (), opening: str = "Please help me.") -> Trace:
    """A run; calls without a turn of their own get one each."""
    numbered = (
        replace(step, turn=100 + at) if isinstance(step, ToolCall) and not step.turn else step
        for at, step in enumerate(steps)
    )
    return Trace((Message("user", opening), *numbered), tuple(tools))


class Talk:
    """A conversation with a session: every answer is handed over as it is."""

    def __init__(
        self,
        trace: Trace,
        *mutations: Mutation,
        others: Sequence[Trace] = (),
        declared: Declared | None = None,
        limits: Limits | None = None,
    ) -> None:
        rules, known = ToolRules(declared or Declared()), [trace, *others]
        recording = Recording(trace, rules, pool_of(known, rules), corpus_of(known))
        self.session = Session(recording, Mutant(mutations) if mutations else None, limits)

    def raw(self, tool: str, arguments: Mapping[str, JSON], turn: int | None = None) -> str | Raised:
        """The rendering of the answer."""
        answer = self.session.call(tool, arguments, turn)
        self.session.hand_over(answer, raised=answer.raises)
        return Raised(answer.raises) if answer.raises else answer.text

    def ask(self, tool: str, **arguments: Any) -> Any:
        """The parsed answer."""
        found = self.raw(tool, arguments)
        return parse(found) if isinstance(found, str) else found

    @property
    def last(self) -> Answered:
        """How the last call was answered."""
        return self.session.answered[-1]

    @property
    def states(self) -> list[State]:
        """What became of each write."""
        return [note.state for note in self.session.answered if note.state is not None]

    def end(self, answer: JSON = None) -> Attempt:
        """The attempt record."""
        return self.session.finish(ITEM, answer)


def mutation(
    tool: str, step: int, *edits: Edit, stays: bool = False, times: int | None = 1, aspect: Aspect = "result"
) -> Mutation:
    reach: Any = "tool" if stays else "call"
    site = Site(step, tool, aspect)
    return Mutation("test", "", "schema", "invariant", site, edits, reach, None if stays else times)


def renaming(*pairs: tuple[str, str]) -> Mutation:
    return Mutation("test", "", "value", "renaming", Site(-1, "", "run"), (Substitute(pairs),), "run", None)


OPEN: dict[str, JSON] = {"ticket_id": "T-100", "status": "open", "owner": None, "notes": []}
CLOSED = {**OPEN, "status": "closed"}
READ = ("get_ticket", {"ticket_id": "T-100"})
CLOSE = ("close_ticket", {"ticket_id": "T-100", "status": "closed"})


def desk() -> Trace:
    """Read, close, read again, an unrelated read."""
    return run_of(
        call(*READ, OPEN),
        call(*CLOSE, {"ok": True}),
        call(*READ, CLOSED),
        call("get_customer", {"customer_id": "C-7"}, {"customer_id": "C-7", "name": "Ines"}),
        Message("assistant", "Closed T-100."),
    )


# -- state, not order --------------------------------------------------------------------------------------------------


def test_a_read_is_answered_as_before_the_write_until_the_write_is_committed_and_as_after_it_from_then_on() -> None:
    talk = Talk(desk())
    assert [talk.ask(*READ[:1], **READ[1])["status"] for _ in range(3)] == ["open"] * 3
    talk.ask("close_ticket", **CLOSE[1])
    assert [talk.ask("get_ticket", ticket_id="T-100")["status"] for _ in range(3)] == ["closed"] * 3
    assert {note.origin for note in talk.session.answered} == {"recorded"}


def test_answers_in_one_state_come_in_their_recorded_order_and_the_last_one_stays() -> None:
    polls = [call("get_job", {"job": "J-1"}, {"done": share}) for share in (10, 50, 100)]
    talk = Talk(run_of(*polls))
    assert [talk.ask("get_job", job="J-1")["done"] for _ in range(5)] == [10, 50, 100, 100, 100]


@pytest.mark.parametrize(
    ("recorded", "live"),
    [
        ({"order_id": "A-1", "amount": 12.5}, {"amount": "12.50", "order_id": "a-1"}),
        ({"day": "2024-05-20"}, {"day": "May 20, 2024"}),
        ({"n": 3}, {"n": "3.0"}),
        ({"id": "A-1"}, {"id": "A-1", "note": None}),
        ({"filter": {"b": 1, "a": [1, 2]}}, {"filter": {"a": ["1", 2], "b": "1"}}),
    ],
)
def test_another_spelling_of_the_same_arguments_is_the_same_read(
    recorded: dict[str, JSON], live: dict[str, JSON]
) -> None:
    talk = Talk(run_of(call("get_thing", recorded, {"found": True})))
    assert talk.ask("get_thing", **live) == {"found": True}
    assert talk.last.origin == "normalised"


def test_a_list_in_another_order_is_another_read() -> None:
    talk = Talk(run_of(call("get_things", {"ids": ["A-1", "B-2"]}, [1, 2])))
    with pytest.raises(Unanswerable):
        talk.ask("get_things", ids=["B-2", "A-1"])


def test_the_wording_of_a_writes_free_text_does_not_matter_but_its_amounts_do() -> None:
    note = {"ticket_id": "T-100", "text": "The customer was refunded 20.00 today"}
    talk = Talk(run_of(call("add_note", note, {"note_id": "N-55"})))
    same = talk.ask("add_note", ticket_id="T-100", text="We gave $20.00 back to our dear customer")
    assert same == {"note_id": "N-55"}
    other = talk.ask("add_note", ticket_id="T-100", text="We gave $21.00 back to our dear customer")
    assert other != same
    assert [note.origin for note in talk.session.answered] == ["normalised", "synthesised"]


def test_of_two_notes_that_differ_in_wording_only_each_gets_its_own_answer() -> None:
    notes = [("The customer was called today", "N-51"), ("The parcel was sent this morning", "N-52")]
    recorded = [call("add_note", {"ticket_id": "T-100", "text": text}, {"note_id": note}) for text, note in notes]
    talk = Talk(run_of(*recorded))
    assert [talk.ask("add_note", ticket_id="T-100", text=text)["note_id"] for text, _ in reversed(notes)] == [
        "N-52",
        "N-51",
    ]


def test_parallel_calls_are_answered_in_any_order_and_share_their_turn() -> None:
    reads = [call("get_order", {"order_id": order}, {"order_id": order}, turn=1) for order in ("A-1", "B-2")]
    writes = [call("refund", {"order_id": order}, {"refund_id": f"R{order}"}, turn=2) for order in ("A-1", "B-2")]
    talk = Talk(run_of(*reads, *writes))
    for order in ("B-2", "A-1"):
        assert json.loads(str(talk.raw("get_order", {"order_id": order}, 7)))["order_id"] == order
    for order in ("B-2", "A-1"):
        assert json.loads(str(talk.raw("refund", {"order_id": order}, 8)))["refund_id"] == f"R{order}"
    turns = [step.turn for step in talk.session.steps if isinstance(step, ToolCall)]
    assert turns == [7, 7, 8, 8]
    assert {note.origin for note in talk.session.answered} == {"recorded"}


def test_calls_without_a_turn_are_no_siblings() -> None:
    talk = Talk(desk())
    talk.ask("get_ticket", ticket_id="T-100")
    talk.ask("get_customer", customer_id="C-7")
    first, second = (step.turn for step in talk.session.steps if isinstance(step, ToolCall))
    assert first != second


# -- effects on one side only ------------------------------------------------------------------------------------------


def test_an_effect_elsewhere_leaves_the_nearest_earlier_answer() -> None:
    talk = Talk(desk())
    talk.ask("close_ticket", ticket_id="T-200", status="closed")
    assert talk.ask("get_customer", customer_id="C-7")["name"] == "Ines"
    assert talk.ask("get_ticket", ticket_id="T-100")["status"] == "open"
    assert talk.last.why == "no differing effect touches it"


def test_of_several_earlier_answers_the_one_nearest_in_state_serves() -> None:
    def stock(count: int) -> ToolCall:
        return call("count_stock", {}, {"left": count})

    trace = run_of(stock(5), call("take", {"item": "A-1"}, {"ok": True}), stock(4))
    talk = Talk(trace)
    talk.ask("take", item="A-1")
    talk.ask("take", item="B-2")
    assert talk.ask("count_stock") == {"left": 4}


def test_an_answer_recorded_after_an_effect_that_the_attempt_lacks_serves_only_where_nothing_is_shared() -> None:
    trace = run_of(call(*CLOSE, {"ok": True}), call(*READ, CLOSED), call("get_fx", {"pair": "x"}, {"rate": 2}))
    talk = Talk(trace)
    assert talk.ask("get_fx", pair="x") == {"rate": 2}
    with pytest.raises(Unanswerable):
        talk.ask("get_ticket", ticket_id="T-100")


def test_what_a_missing_write_would_have_created_is_not_there() -> None:
    made = {"ticket_id": "T-900", "title": "Lamp"}
    trace = run_of(call("create_ticket", {"title": "Lamp"}, made), call("get_ticket", {"ticket_id": "T-900"}, made))
    with pytest.raises(Unanswerable):
        Talk(trace).ask("get_ticket", ticket_id="T-900")


# -- overlay -----------------------------------------------------------------------------------------------------------


def test_the_writes_own_record_is_laid_over_an_earlier_read() -> None:
    after = {**OPEN, "status": "closed", "owner": "ann", "closed_at": "2024-05-20"}
    trace = run_of(call(*READ, OPEN), call("assign", {"ticket_id": "T-100", "to": "ann"}, after))
    talk = Talk(trace)
    talk.ask("assign", ticket_id="T-100", to="ann")
    assert talk.ask("get_ticket", ticket_id="T-100") == after
    assert talk.last.origin == "overlaid"
    assert talk.end().unmatched


def test_of_a_part_of_the_record_the_members_that_the_entity_has_are_taken() -> None:
    trace = run_of(call(*READ, OPEN), call("assign", {"ticket_id": "T-100", "to": "ann"}, {"id": 7, "status": "x"}))
    part = run_of(call(*READ, OPEN), call("assign", {"ticket_id": "T-100"}, {"ticket_id": "T-100", "status": "held"}))
    talk = Talk(part)
    talk.ask("assign", ticket_id="T-100")
    assert talk.ask("get_ticket", ticket_id="T-100") == {**OPEN, "status": "held"}
    other = Talk(trace)
    other.ask("assign", ticket_id="T-100", to="ann")
    with pytest.raises(Unanswerable):
        other.ask("get_ticket", ticket_id="T-100")


def test_the_record_of_the_act_is_not_taken_for_the_entitys() -> None:
    order = {"order_id": "A-10", "status": "delivered", "total": 20.0, "refunds": []}
    refund = {"order_id": "A-10", "refund_id": "R-1", "status": "succeeded", "amount": 20.0}
    trace = run_of(
        call("get_order", {"order_id": "A-10"}, order), call("refund", {"order_id": "A-10", "amount": 20.0}, refund)
    )
    talk = Talk(trace)
    talk.ask("refund", order_id="A-10", amount=20.0)
    now = talk.ask("get_order", order_id="A-10")
    assert now["status"] == "delivered"
    assert [row["refund_id"] for row in now["refunds"]] == ["R-1"]


def test_else_the_same_named_members_of_the_arguments_are_laid_over() -> None:
    trace = run_of(call(*READ, OPEN), call("set_owner", {"ticket_id": "T-100", "owner": "ann"}, {"ok": True}))
    talk = Talk(trace)
    talk.ask("set_owner", ticket_id="T-100", owner="bob")
    assert talk.ask("get_ticket", ticket_id="T-100") == {**OPEN, "owner": "bob"}
    talk.ask("set_owner", ticket_id="T-100", owner="ann")
    assert talk.ask("get_ticket", ticket_id="T-100") == {**OPEN, "owner": "ann"}


def test_an_identifier_that_is_no_key_of_the_entity_is_changed_as_any_member() -> None:
    user = {"user_id": "U-1", "email": "old@x.org"}
    trace = run_of(
        call("get_user", {"user_id": "U-1"}, user),
        call("set_email", {"user_id": "U-1", "email": "new@x.org"}, {"ok": True}),
    )
    talk = Talk(trace)
    talk.ask("set_email", user_id="U-1", email="new@x.org")
    assert talk.ask("get_user", user_id="U-1") == {"user_id": "U-1", "email": "new@x.org"}


def test_a_write_about_another_record_of_the_same_owner_changes_nothing() -> None:
    booking = {"booking_id": "B-1", "user_id": "U-1", "cabin": "economy"}
    trace = run_of(
        call("get_booking", {"booking_id": "B-1"}, booking),
        call(
            "book",
            {"user_id": "U-1", "cabin": "business"},
            {"booking_id": "B-2", "user_id": "U-1", "cabin": "business"},
        ),
    )
    talk = Talk(trace)
    talk.ask("book", user_id="U-1", cabin="business")
    assert talk.ask("get_booking", booking_id="B-1") == booking


NOTES = ("list_notes", {"ticket_id": "T-100"})
FIRST = {"note_id": "N-11", "text": "came in"}


@pytest.mark.parametrize(
    ("shape", "rows_at"),
    [
        (lambda rows: {"ticket_id": "T-100", "notes": rows, "count": len(rows)}, "notes"),
        (lambda rows: {"notes": rows, "count": len(rows)}, "notes"),
        (lambda rows: rows, None),
    ],
)
@pytest.mark.parametrize("rows", [[], [FIRST]])
def test_a_write_that_adds_appends_to_the_list_and_one_that_removes_takes_out_of_it(
    shape: Any, rows_at: str | None, rows: list[JSON]
) -> None:
    trace = run_of(
        call(*NOTES, shape(rows)),
        call("add_note", {"ticket_id": "T-100", "text": "called"}, {"note_id": "N-12", "text": "called"}),
        call("remove_note", {"ticket_id": "T-100", "note_id": "N-13"}, {"ok": True}),
    )
    talk = Talk(trace)

    def texts() -> list[str]:
        found = talk.ask("list_notes", ticket_id="T-100")
        listed = found[rows_at] if rows_at else found
        assert rows_at is None or found["count"] == len(listed)
        return [row["text"] for row in listed]

    before = texts()
    talk.ask("add_note", ticket_id="T-100", text="called")
    assert texts() == [*before, "called"]
    talk.ask("add_note", ticket_id="T-100", text="again")
    assert texts() == [*before, "called", "again"]
    talk.ask("remove_note", ticket_id="T-100", note_id="N-12")
    assert texts() == [*before, "again"]


def test_a_list_of_plain_values_grows_by_the_value_that_is_meant() -> None:
    user = {"user_id": "U-1", "reservations": ["AB12CD"], "tags": []}
    trace = run_of(
        call("get_user", {"user_id": "U-1"}, user),
        call("book_reservation", {"user_id": "U-1", "cabin": "x"}, {"reservation_id": "EF34GH", "user_id": "U-1"}),
        call("add_tag", {"user_id": "U-1", "tag": "vip"}, {"ok": True}),
    )
    talk = Talk(trace)
    talk.ask("book_reservation", user_id="U-1", cabin="x")
    talk.ask("add_tag", user_id="U-1", tag="vip")
    assert talk.ask("get_user", user_id="U-1") == {**user, "reservations": ["AB12CD", "EF34GH"], "tags": ["vip"]}


def test_a_list_without_identifiers_shows_what_was_added_too() -> None:
    item = {"name": "eggs", "amount": 6}
    trace = run_of(
        call("list_items", {}, [item]),
        call("add_item", {"name": "milk", "amount": 1}, "done"),
        call("list_items", {}, []),
    )
    talk = Talk(trace)
    assert talk.ask("list_items") == [item]
    talk.ask("add_item", name="flour", amount=2)
    assert talk.ask("list_items") == [item, {"name": "flour", "amount": 2}]


def test_a_list_for_another_ticket_is_left_alone() -> None:
    trace = run_of(
        call("list_notes", {"ticket_id": "T-200"}, [FIRST]),
        call("add_note", {"ticket_id": "T-100", "text": "called"}, {"note_id": "N-12"}),
    )
    talk = Talk(trace)
    talk.ask("add_note", ticket_id="T-100", text="called")
    assert talk.ask("list_notes", ticket_id="T-200") == [FIRST]


def test_a_row_that_the_write_names_is_changed_in_its_list_and_not_appended() -> None:
    rows = [{"ticket_id": "T-100", "status": "open"}, {"ticket_id": "T-200", "status": "open"}]
    trace = run_of(call("list_tickets", {}, rows), call(*CLOSE, {"ticket_id": "T-100", "status": "closed"}))
    talk = Talk(trace)
    talk.ask("close_ticket", ticket_id="T-100", status="closed")
    assert talk.ask("list_tickets") == [{"ticket_id": "T-100", "status": "closed"}, rows[1]]


def test_where_nothing_can_be_laid_over_a_read_of_the_touched_entity_it_is_unanswerable_and_says_why() -> None:
    trace = run_of(call(*READ, OPEN), call("archive", {"ticket_id": "T-100"}, {"ok": True}))
    talk = Talk(trace)
    talk.ask("archive", ticket_id="T-100")
    with pytest.raises(Unanswerable, match=r"nearest is step 1.*this attempt made archive"):
        talk.ask("get_ticket", ticket_id="T-100")


def test_a_list_under_the_entitys_own_name_is_a_read_of_it_too() -> None:
    trace = run_of(
        call("list_tickets", {}, [{"ticket_id": "T-100", "status": "open"}]),
        call("archive", {"ticket_id": "T-100"}, {"ok": True}),
    )
    talk = Talk(trace)
    talk.ask("archive", ticket_id="T-100")
    with pytest.raises(Unanswerable):
        talk.ask("list_tickets")


def test_an_idempotent_write_made_twice_leaves_what_was_recorded_after_it_once() -> None:
    talk = Talk(desk())
    for _ in range(2):
        talk.ask("close_ticket", **CLOSE[1])
    assert talk.ask("get_ticket", ticket_id="T-100")["status"] == "closed"
    assert talk.states == ["committed", "committed"]


def test_a_write_that_sets_what_is_so_already_leaves_the_read_as_it_is() -> None:
    trace = run_of(call(*READ, OPEN), call("put_status", {"ticket_id": "T-100", "status": "open"}, {"ok": True}))
    talk = Talk(trace)
    talk.ask("put_status", ticket_id="T-100", status="open")
    assert talk.ask("get_ticket", ticket_id="T-100") == OPEN


def test_a_record_that_a_write_created_can_be_read_back() -> None:
    made: dict[str, JSON] = {"ticket_id": "T-900", "status": "open", "owner": None, "notes": []}
    trace = run_of(call(*READ, OPEN), call("create_ticket", {"title": "Lamp"}, made))
    talk = Talk(trace, declared=Declared(write=("set_status",)))
    talk.ask("create_ticket", title="Lamp")
    assert talk.ask("get_ticket", ticket_id="T-900") == made
    talk.ask("set_status", ticket_id="T-900", status="closed")
    assert talk.ask("get_ticket", ticket_id="T-900")["status"] == "closed"


# -- the pool ----------------------------------------------------------------------------------------------------------


def test_the_same_call_of_another_recording_answers() -> None:
    talk = Talk(run_of(call(*READ, OPEN)), others=[run_of(call("get_ticket", {"ticket_id": "T-5"}, {"a": 1}))])
    assert talk.ask("get_ticket", ticket_id="t-5") == {"a": 1}
    assert talk.last.origin == "pooled"


def test_calls_that_recordings_answer_differently_are_not_pooled() -> None:
    others = [run_of(call("get_ticket", {"ticket_id": "T-5"}, {"a": n})) for n in (1, 2)]
    with pytest.raises(Unanswerable):
        Talk(run_of(call(*READ, OPEN)), others=others).ask("get_ticket", ticket_id="T-5")


def test_what_another_run_read_after_a_write_is_not_pooled() -> None:
    other = run_of(call("refund", {"order_id": "A-1"}, {"ok": True}), call("get_order", {"order_id": "A-9"}, {"a": 1}))
    with pytest.raises(Unanswerable):
        Talk(run_of(call(*READ, OPEN)), others=[other]).ask("get_order", order_id="A-9")


def test_after_an_effect_on_the_same_entity_the_pooled_answer_is_not_given_as_it_is() -> None:
    other = run_of(call("get_ticket", {"ticket_id": "T-5"}, {"ticket_id": "T-5", "status": "open"}))
    closing = Talk(run_of(call(*CLOSE, {"ok": True})), others=[other])
    closing.ask("close_ticket", ticket_id="T-5", status="closed")
    assert closing.ask("get_ticket", ticket_id="T-5") == {"ticket_id": "T-5", "status": "closed"}
    assert closing.last.origin == "overlaid"
    silent = Talk(run_of(call("archive", {"ticket_id": "T-1"}, {"ok": True})), others=[other])
    silent.ask("archive", ticket_id="T-1")
    assert silent.ask("get_ticket", ticket_id="T-5")["status"] == "open"
    silent.ask("archive", ticket_id="T-5")
    with pytest.raises(Unanswerable):
        silent.ask("get_ticket", ticket_id="T-5")


def test_a_pooled_answer_of_the_attempts_state_goes_before_one_recorded_in_another_state() -> None:
    mine = run_of(call(*CLOSE, {"ok": True}), call(*READ, CLOSED))
    talk = Talk(mine, others=[run_of(call(*READ, OPEN))])
    assert talk.ask("get_ticket", ticket_id="T-100") == OPEN
    assert talk.last.origin == "pooled"


# -- writes ------------------------------------------------------------------------------------------------------------


def test_a_write_that_was_refused_first_is_refused_first_and_committed_then() -> None:
    arguments = {"order_id": "A-1"}
    trace = run_of(call("refund", arguments, "Error: try later"), call("refund", arguments, {"refund_id": "R-77"}))
    talk = Talk(trace)
    assert talk.ask("refund", **arguments) == "Error: try later"
    assert talk.ask("refund", **arguments) == {"refund_id": "R-77"}
    again = talk.ask("refund", **arguments)
    assert again["refund_id"] != "R-77"
    assert talk.states == ["refused", "committed", "committed"]


def test_a_refused_write_made_more_often_is_refused_each_time() -> None:
    trace = run_of(call("refund", {"order_id": "A-1"}, "Error: not eligible"))
    talk = Talk(trace)
    assert [talk.ask("refund", order_id="A-1") for _ in range(3)] == ["Error: not eligible"] * 3
    assert talk.states == ["refused"] * 3


def test_the_same_write_in_the_same_state_goes_before_the_next_one_in_order() -> None:
    arguments = {"order_id": "A-1"}
    trace = run_of(
        call("refund", arguments, "Error: no approval"),
        call("unlock", {"order_id": "A-1"}, {"ok": True}),
        call("refund", arguments, {"refund_id": "R-77"}),
    )
    talk = Talk(trace)
    talk.ask("unlock", order_id="A-1")
    assert talk.ask("refund", **arguments) == {"refund_id": "R-77"}


def test_in_another_state_the_next_unconsumed_same_write_answers() -> None:
    talk = Talk(run_of(call(*READ, OPEN), call("unlock", {"id": "A-1"}, {"ok": True}), call(*CLOSE, {"closed": 1})))
    assert talk.ask("close_ticket", **CLOSE[1]) == {"closed": 1}
    assert talk.last.origin == "recorded"


def test_a_changed_write_in_the_place_of_a_refused_one_gets_that_refusal_and_nobody_knows_its_state() -> None:
    trace = run_of(call("refund", {"order_id": "A-1", "amount": 900}, "Error: over the limit"))
    talk = Talk(trace)
    assert talk.ask("refund", order_id="A-1", amount=950) == "Error: over the limit"
    assert talk.states == ["unknown"]


def test_a_changed_write_gets_the_refusal_as_the_exception_that_it_was() -> None:
    trace = run_of(call("refund", {"order_id": "A-1"}, "no", raised="forbidden"))
    assert Talk(trace).ask("refund", order_id="B-2") == Raised("forbidden")


def test_changed_writes_align_in_order_and_the_place_of_a_committed_one_is_not_taken_twice() -> None:
    trace = run_of(
        call("refund", {"order_id": "A-1"}, {"refund_id": "R-77"}), call("refund", {"order_id": "B-2"}, "Error: no")
    )
    talk = Talk(trace)
    assert talk.ask("refund", order_id="C-3")["refund_id"] != "R-77"
    assert talk.ask("refund", order_id="D-4") == "Error: no"
    assert talk.states == ["committed", "unknown"]
    assert talk.ask("refund", order_id="A-1") == {"refund_id": "R-77"}


def test_a_repeated_write_commits_again_with_identifiers_of_its_own() -> None:
    trace = run_of(call("refund", {"order_id": "A-10", "amount": 5}, {"refund_id": "R-77", "order_id": "A-10"}))
    talk = Talk(trace)
    answers = [talk.ask("refund", order_id="A-10", amount=5) for _ in range(3)]
    assert len({answer["refund_id"] for answer in answers}) == 3
    assert {answer["order_id"] for answer in answers} == {"A-10"}
    attempt = talk.end()
    assert list(attempt.states.values()) == ["committed"] * 3


# -- what has never been seen ------------------------------------------------------------------------------------------


def test_a_write_never_seen_is_answered_in_the_shape_of_its_tools_other_answers() -> None:
    seen = {"refund_id": "RF-45859", "order_id": "A-10", "amount": 5.0, "status": "COMPLETED", "created": "2024-05-20"}
    trace = run_of(
        call("get_order", {"order_id": "A-10"}, {"order_id": "A-10", "customer_id": "C-7"}),
        call("refund", {"order_id": "A-10", "amount": 5.0}, {**seen, "customer_id": "C-7"}),
    )
    talk = Talk(trace)
    made = talk.ask("refund", order_id="B-20", amount=7.5)
    assert talk.last.origin == "synthesised"
    assert talk.states == ["committed"]
    assert (made["order_id"], made["amount"], made["status"], made["created"]) == (
        "B-20",
        7.5,
        "COMPLETED",
        "2024-05-20",
    )
    assert made["refund_id"] != "RF-45859"
    assert made["refund_id"].startswith("RF-")
    assert len(made["refund_id"]) == len("RF-45859")
    # What was known before the recorded answer is a reference, not an identifier of its own.
    assert made["customer_id"] == "C-7"


def test_echoed_arguments_are_found_deep_in_the_answer_and_in_prose() -> None:
    deep = run_of(
        call("book", {"trip": {"flight_number": "AB123"}, "user_id": "U-1"}, {"legs": [{"flight_number": "AB123"}]})
    )
    assert Talk(deep).ask("book", trip={"flight_number": "CD456"}, user_id="U-1") == {
        "legs": [{"flight_number": "CD456"}]
    }
    prose = run_of(call("refund", {"order_id": "A-10", "amount": 5}, "Refunded $5.00 on A-10 as RF-45859."))
    told = Talk(prose).ask("refund", order_id="B-20", amount=7.5)
    assert told.startswith("Refunded $7.50 on B-20 as RF-")
    assert "45859" not in told


def test_a_number_that_is_an_identifier_is_minted_too() -> None:
    trace = run_of(call("create_order", {"sku": "S-1"}, {"id": 4711, "sku": "S-1", "quantity": 1}))
    made = Talk(trace).ask("create_order", sku="S-2")
    assert made["id"] != 4711
    assert isinstance(made["id"], int)
    assert made["quantity"] == 1


def test_a_write_never_seen_is_answered_in_the_shape_of_its_output_schema() -> None:
    output: JSON = {
        "type": "object",
        "properties": {
            "order_id": {"type": "string"},
            "state": {"enum": ["done", "open"]},
            "count": {"type": "integer"},
            "lines": {"type": "array"},
            "more": {"properties": {"flag": {"type": "boolean"}}},
        },
    }
    trace = run_of(call(*READ, OPEN), tools=[ToolSchema("ship", output=output)])
    made = Talk(trace).ask("ship", order_id="A-10")
    assert made == {"order_id": "A-10", "state": "done", "count": 0, "lines": [], "more": {"flag": True}}
    seen = run_of(
        call("ship", {"order_id": "A-1"}, {"state": "open", "extra": 1}), tools=[ToolSchema("ship", output=output)]
    )
    assert Talk(seen).ask("ship", order_id="A-10")["state"] == "open"
    assert "extra" not in Talk(seen).ask("ship", order_id="A-10")


def test_else_it_is_acknowledged() -> None:
    talk = Talk(run_of(call(*READ, OPEN)), declared=Declared(write=("ship_*",)))
    assert talk.ask("ship_order", order_id="A-10") == {"ok": True}
    assert talk.states == ["committed"]


def test_a_minted_identifier_can_be_used_and_counts_as_seen() -> None:
    trace = run_of(call("create_order", {"sku": "S-1"}, {"order_id": "A-10", "sku": "S-1"}))
    talk = Talk(trace)
    made = talk.ask("create_order", sku="S-2")["order_id"]
    attempt = talk.end()
    assert any(made in step.result.text for step in attempt.steps if isinstance(step, ToolCall) and step.result)


@pytest.mark.parametrize("declared", [("hand_over",), ("hand*",)])
def test_a_declared_escalation_is_always_acknowledged(declared: tuple[str, ...]) -> None:
    talk = Talk(run_of(call(*READ, OPEN)), declared=Declared(escalation=declared))
    assert talk.ask("hand_over", reason="too hard for me") == {"ok": True}
    assert talk.session.escalated == "called hand_over"
    assert talk.states == []


def test_a_read_of_an_identifier_that_the_mutation_brought_in_is_not_found() -> None:
    trace = run_of(
        call(*READ, OPEN),
        call("get_order", {"order_id": "A-10"}, {"order_id": "A-10", "customer_id": "C-7"}),
        call("get_customer", {"customer_id": "C-8"}, "Error: customer C-8 not found"),
    )
    talk = Talk(trace, mutation("get_order", 2, Replace("/customer_id", "C-99")))
    assert talk.ask("get_order", order_id="A-10")["customer_id"] == "C-99"
    assert talk.ask("get_customer", customer_id="C-99") == "Error: customer C-99 not found"
    assert talk.last.origin == "synthesised"
    generic = Talk(trace, mutation("get_ticket", 1, Replace("/ticket_id", "T-999")))
    generic.ask("get_ticket", ticket_id="T-100")
    assert "not found" in str(generic.ask("get_ticket", ticket_id="T-999"))


def test_an_identifier_brought_in_within_prose_or_a_key_is_not_found_either() -> None:
    trace = run_of(call("find", {"q": "x"}, "See order A-10 there."), call("get_order", {"order_id": "A-10"}, {"a": 1}))
    talk = Talk(trace, mutation("find", 1, Replace("", "See order A-99 there.")))
    talk.ask("find", q="x")
    assert "not found" in str(talk.ask("get_order", order_id="A-99"))
    keyed = run_of(call("find", {"q": "x"}, {"A-10": 1}), call("get_order", {"order_id": "A-10"}, {"a": 1}))
    talk = Talk(keyed, mutation("find", 1, Rename("/A-10", "A-99")))
    talk.ask("find", q="x")
    assert "not found" in str(talk.ask("get_order", order_id="A-99"))


def test_a_changed_amount_is_no_identifier_and_finds_no_answer() -> None:
    trace = run_of(call("get_fare", {"seat": "1A"}, {"fare": 100}), call("get_tax", {"fare": 100}, {"tax": 7}))
    talk = Talk(trace, mutation("get_fare", 1, Replace("/fare", 130)))
    talk.ask("get_fare", seat="1A")
    with pytest.raises(Unanswerable):
        talk.ask("get_tax", fare=130)


def test_null_where_no_recorded_call_has_it_is_not_found() -> None:
    assert "not found" in str(Talk(desk()).ask("get_ticket", ticket_id=None))


def test_an_unknown_tool_says_so_and_is_a_finding() -> None:
    talk = Talk(desk())
    assert "unknown tool" in str(talk.ask("teleport", to="Mars"))
    assert talk.states == ["refused"]
    assert any("unknown tool" in text for text in talk.end().unmatched)


def test_pure_tools_are_computed_or_answered_null_and_never_depend_on_the_state() -> None:
    trace = run_of(
        call("calculate", {"expression": "2 + 2"}, "4"),
        call("think", {"thought": "T-100 must be closed now"}, ""),
        call(*CLOSE, {"ok": True}),
    )
    talk = Talk(trace)
    talk.ask("close_ticket", ticket_id="T-100", status="reopened")
    assert talk.ask("calculate", expression="2 + 2") == 4
    assert talk.ask("calculate", expression="(3 - 1.5) * $4") == 6.0
    assert talk.ask("calculate", expression="__import__('os').getcwd()") is None
    assert talk.raw("think", {"thought": "T-100 must be closed now"}) == ""
    assert talk.raw("think", {"thought": "what else is there to do"}) == ""


def test_a_reads_usual_answer_is_no_answer_to_another_question() -> None:
    trace = run_of(*(call("search", {"q": word}, []) for word in ("a", "b")))
    with pytest.raises(Unanswerable):
        Talk(trace).ask("search", q="c")


# -- the end -----------------------------------------------------------------------------------------------------------


def test_an_unanswerable_call_ends_the_attempt_and_every_later_call_is_refused() -> None:
    talk = Talk(desk())
    talk.session.escalated = None
    with pytest.raises(Unanswerable) as ended:
        talk.ask("get_ticket", ticket_id="T-555")
    assert not isinstance(ended.value, Exception)  # an agent's `except Exception` does not swallow it
    assert "/ticket_id is 'T-555', recorded 'T-100'" in str(ended.value)
    steps = talk.session.steps
    for again in (
        lambda: talk.ask("get_ticket", ticket_id="T-100"),
        lambda: talk.ask("close_ticket", **CLOSE[1]),
        lambda: talk.session.say("hello"),
        lambda: talk.session.sleep(1),
    ):
        with pytest.raises(AttemptEnded):
            again()
    talk.session.note("assistant", "I closed it.")
    talk.session.escalated = "too late"
    assert talk.session.steps == steps
    attempt = talk.session.finish(ITEM, "All is done.", "crashed", "a late traceback")
    assert attempt.status == "unresolved"
    assert attempt.answer is None
    assert attempt.escalated is None
    assert "nearest is step 1" in attempt.reason
    assert attempt.unmatched == ("get_ticket at step 1: nearest is step 1: /ticket_id is 'T-555', recorded 'T-100'",)
    assert attempt.unconsumed == (1, 2, 3, 4)
    assert attempt.answered[-1].origin == "none"


def test_what_was_not_handed_over_before_the_end_is_not_delivered() -> None:
    talk = Talk(desk(), mutation("get_ticket", 1, Replace("/status", "lost")))
    late = talk.session.call("get_ticket", {"ticket_id": "T-100"}, 1)
    with pytest.raises(Unanswerable):
        talk.session.call("get_ticket", {"ticket_id": "T-555"}, 1)
    talk.session.hand_over(late)
    assert talk.end().status == "not_delivered"


def test_calls_that_were_never_made_are_reported() -> None:
    talk = Talk(desk())
    talk.ask("get_ticket", ticket_id="T-100")
    talk.ask("close_ticket", ticket_id="T-300", status="closed")
    assert talk.end("Done.").unconsumed == (2, 3, 4)


def test_endless_calling_and_endless_waiting_end() -> None:
    talk = Talk(desk(), limits=Limits(max_replay_s=60))
    with pytest.raises(AttemptEnded):
        [talk.ask("get_ticket", ticket_id="T-100") for _ in range(1000)]
    assert talk.end().status == "timed_out"
    for wait in (61, float("inf"), 1e300):
        waiting = Talk(desk(), limits=Limits(max_replay_s=60))
        with pytest.raises(AttemptEnded):
            waiting.session.sleep(wait)
        attempt = waiting.end()
        assert attempt.status == "timed_out"
        assert 60 < attempt.replay_s <= 121
    patient = Talk(desk())
    for wait in (-5, float("nan"), 0, 2.5):
        patient.session.sleep(wait)
    assert patient.session.clock == 2.5


# -- faults ------------------------------------------------------------------------------------------------------------


TIMEOUT = Fault("timeout", "exception", after=3.0)
SAID = Fault("timeout", "result", after=3.0)


def test_a_transient_fault_clears_per_tool_and_arguments() -> None:
    trace = run_of(call(*READ, OPEN), call("get_ticket", {"ticket_id": "T-200"}, {"other": True}))
    talk = Talk(trace, mutation("get_ticket", 1, TIMEOUT, times=2))
    assert talk.ask("get_ticket", ticket_id="T-200") == {"other": True}
    assert talk.ask("get_ticket", ticket_id="T-100") == Raised("timeout")
    assert talk.ask("get_ticket", ticket_id="t-100") == Raised("timeout")
    assert talk.ask("get_ticket", ticket_id="T-100") == OPEN
    assert talk.session.clock == 6.0
    assert [injection.proof["number"] for injection in talk.session.injections] == [1, 2]


def test_a_transient_fault_of_a_tool_hits_each_of_its_calls_once() -> None:
    trace = run_of(call(*READ, OPEN), call("get_ticket", {"ticket_id": "T-200"}, {"other": True}))
    wide = replace(mutation("get_ticket", 1, TIMEOUT), reach="tool")
    talk = Talk(trace, wide)
    found = [talk.ask("get_ticket", ticket_id=ticket) for ticket in ("T-100", "T-200", "T-100", "T-200")]
    assert found == [Raised("timeout"), Raised("timeout"), OPEN, {"other": True}]


def test_a_persistent_fault_holds_for_the_whole_tool_until_the_end() -> None:
    talk = Talk(desk(), mutation("get_ticket", 1, TIMEOUT, stays=True))
    for ticket in ("T-100", "T-555", "T-100"):
        assert talk.ask("get_ticket", ticket_id=ticket) == Raised("timeout")
    assert talk.ask("get_customer", customer_id="C-7")["name"] == "Ines"
    assert talk.end().status == "completed"


def test_a_fault_in_result_form_speaks_as_the_tool_is_known_to() -> None:
    fault = mutation("get_ticket", 1, SAID)
    assert Talk(desk(), fault).ask("get_ticket", ticket_id="T-100")["error"]["type"] == "timeout"
    prose = run_of(call(*READ, OPEN), call("get_ticket", {"ticket_id": "T-9"}, "Error: ticket T-9 not found"))
    assert Talk(prose, fault).ask("get_ticket", ticket_id="T-100") == "Error: the request timed out"
    own = mutation("get_ticket", 1, Fault("error", "result", 200, body='{"status": "error"}', flag=False))
    talk = Talk(desk(), own)
    assert talk.ask("get_ticket", ticket_id="T-100") == {"status": "error"}
    assert isinstance(talk.session.steps[-1], ToolCall)


def test_endless_retries_of_a_faulted_call_end_as_a_completed_attempt() -> None:
    talk = Talk(desk(), mutation("close_ticket", 2, TIMEOUT, stays=True))
    with pytest.raises(AttemptEnded):
        [talk.ask("close_ticket", **CLOSE[1]) for _ in range(1000)]
    attempt = talk.end()
    assert attempt.status == "completed"
    assert "identical calls" in attempt.reason
    assert set(attempt.states.values()) == {"refused"}


def test_a_delay_within_the_deadline_moves_the_clock_and_one_beyond_it_is_a_timeout_at_the_deadline() -> None:
    slow, slower = mutation("get_ticket", 1, Delay(2.0)), mutation("get_ticket", 1, Delay(9.0))
    talk = Talk(desk(), slow, limits=Limits(timeout_s=3))
    assert talk.ask("get_ticket", ticket_id="T-100") == OPEN
    assert talk.session.clock == 2.0
    assert talk.end().injections[0].proof == {"clock_before": 0.0, "clock_after": 2.0, "clock": "virtual"}
    late = Talk(desk(), slower, limits=Limits(timeout_s=3))
    assert late.ask("get_ticket", ticket_id="T-100") == Raised("timeout")
    assert late.session.clock == 3.0
    unlimited = Talk(desk(), slower)
    assert unlimited.ask("get_ticket", ticket_id="T-100") == OPEN
    assert unlimited.session.clock == 9.0


def test_a_write_that_is_late_beyond_the_deadline_was_not_done() -> None:
    talk = Talk(desk(), mutation("close_ticket", 2, Delay(9.0)), limits=Limits(timeout_s=3))
    assert talk.ask("close_ticket", **CLOSE[1]) == Raised("timeout")
    assert talk.states == ["refused"]


def test_a_fault_acts_on_the_changed_write_that_stands_in_the_place_of_its_site() -> None:
    talk = Talk(desk(), mutation("close_ticket", 2, TIMEOUT))
    changed = {"ticket_id": "T-100", "status": "solved"}
    assert talk.ask("close_ticket", **changed) == Raised("timeout")
    assert talk.ask("close_ticket", **changed) == {"ok": True}
    assert talk.states == ["refused", "committed"]


def test_a_truncated_answer_of_a_write_leaves_the_write_done() -> None:
    talk = Talk(desk(), mutation("close_ticket", 2, Truncate(0.5)))
    assert talk.raw("close_ticket", CLOSE[1]) == '{"ok":'
    assert talk.ask("get_ticket", ticket_id="T-100")["status"] == "closed"


@pytest.mark.parametrize("stays", [False, True])
@pytest.mark.parametrize("form", ["exception", "result"])
@pytest.mark.parametrize("commits", [False, True])
def test_after_a_timeout_an_agent_that_reads_back_sees_the_truth(form: Any, stays: bool, commits: bool) -> None:
    fault = Fault("timeout", form, commits=commits, after=3.0)
    talk = Talk(desk(), mutation("close_ticket", 2, fault, stays=stays))
    answer = talk.ask("close_ticket", **CLOSE[1])
    assert answer == Raised("timeout") if form == "exception" else answer["error"]["type"] == "timeout"
    assert talk.ask("get_ticket", ticket_id="T-100")["status"] == ("closed" if commits else "open")
    assert talk.states == ["committed" if commits else "refused"]
    if not stays:
        talk.ask("close_ticket", **CLOSE[1])
        assert talk.ask("get_ticket", ticket_id="T-100")["status"] == "closed"


@pytest.mark.parametrize("form", ["exception", "result"])
@pytest.mark.parametrize("commits", [False, True])
def test_after_a_timeout_a_list_shows_the_truth_too_and_duplicates(form: Any, commits: bool) -> None:
    arguments = {"ticket_id": "T-100", "text": "called"}
    trace = run_of(call(*NOTES, [FIRST]), call("add_note", arguments, {"note_id": "N-12", "text": "called"}))
    talk = Talk(trace, mutation("add_note", 2, Fault("timeout", form, commits=commits)))
    talk.ask("add_note", **arguments)
    assert len(talk.ask(NOTES[0], **NOTES[1])) == (2 if commits else 1)
    talk.ask("add_note", **arguments)
    assert len(talk.ask(NOTES[0], **NOTES[1])) == (3 if commits else 2)
    assert talk.states == (["committed", "committed"] if commits else ["refused", "committed"])


# -- data edits and delivery -------------------------------------------------------------------------------------------


def test_a_schema_edit_holds_for_every_answer_of_the_tool_synthesised_ones_included() -> None:
    trace = run_of(
        call("refund", {"order_id": "A-10"}, {"refund_id": "R-77", "order_id": "A-10"}),
        call("get_order", {"order_id": "A-10"}, {"order_id": "A-10"}),
    )
    talk = Talk(trace, mutation("refund", 1, Rename("/refund_id", "refundId"), stays=True))
    for order in ("A-10", "B-20", "C-30"):
        assert "refundId" in talk.ask("refund", order_id=order)
    assert talk.ask("get_order", order_id="A-10") == {"order_id": "A-10"}
    assert len(talk.end().injections) == 3


def test_an_edit_of_one_answer_holds_for_that_call_only_and_clears() -> None:
    talk = Talk(desk(), mutation("get_ticket", 1, Replace("/status", "lost")))
    assert [talk.ask("get_ticket", ticket_id="T-100")["status"] for _ in range(2)] == ["lost", "open"]


def test_the_proof_names_the_places_and_the_bytes() -> None:
    talk = Talk(desk(), mutation("get_ticket", 1, Replace("/status", "löst"), Add("", "extra", 1)))
    text = talk.raw("get_ticket", {"ticket_id": "T-100"})
    (injection,) = talk.end().injections
    assert (injection.mutation, injection.step, injection.recorded) == (0, 1, 1)
    assert injection.proof["pointers"] == ["/status", ""]
    assert injection.proof["bytes"] == len(str(text).encode())
    assert injection.proof["before"] != injection.proof["after"]


@pytest.mark.parametrize(
    "shell",
    [
        lambda session, answer: session.hand_over(answer, text=json.dumps(OPEN)),
        lambda session, answer: session.hand_over(answer, raised="timeout"),
        lambda session, answer: session.hand_over(replace(answer, text=json.dumps(OPEN))),
        lambda session, answer: None,
    ],
    ids=["hands over other text", "raises instead", "changes the answer", "drops it"],
)
def test_a_shell_that_does_not_hand_the_mutated_answer_over_delivers_nothing(shell: Any) -> None:
    talk = Talk(desk(), mutation("get_ticket", 1, Replace("/status", "lost")))
    shell(talk.session, talk.session.call("get_ticket", {"ticket_id": "T-100"}))
    attempt = talk.end("Done.")
    assert attempt.reached
    assert attempt.status == "not_delivered"


def test_a_fault_that_reaches_the_agent_in_another_form_is_not_delivered() -> None:
    talk = Talk(desk(), mutation("get_ticket", 1, TIMEOUT))
    answer = talk.session.call("get_ticket", {"ticket_id": "T-100"})
    talk.session.hand_over(answer, text="the tool did not answer")
    assert talk.end().status == "not_delivered"


def test_an_answer_is_handed_over_once() -> None:
    talk = Talk(desk(), mutation("get_ticket", 1, Replace("/status", "lost")))
    answer = talk.session.call("get_ticket", {"ticket_id": "T-100"})
    talk.session.hand_over(answer)
    talk.session.hand_over(answer, text="something else")
    talk.session.hand_over(Answer(99, "nobody asked"))
    attempt = talk.end()
    assert len(attempt.injections) == 1
    step = attempt.steps[1]
    assert isinstance(step, ToolCall)
    assert step.result is not None
    assert step.result.text == answer.text


def test_a_mutation_whose_call_is_never_made_is_not_reached() -> None:
    talk = Talk(desk(), mutation("get_ticket", 1, Replace("/status", "lost")))
    talk.ask("get_customer", customer_id="C-7")
    assert talk.end("Done.").status == "not_reached"


def test_where_the_call_was_made_and_its_answer_no_longer_holds_the_place_it_is_reached_and_not_delivered() -> None:
    trace = run_of(call(*READ, OPEN), call("set_owner", {"ticket_id": "T-100", "owner": "ann"}, {"ok": True}))
    talk = Talk(trace, mutation("get_ticket", 1, Remove("/gone")))
    talk.ask("get_ticket", ticket_id="T-100")
    assert talk.end().status == "not_delivered"


def test_a_recorded_exception_replays_as_the_exception_and_no_data_edit_touches_it() -> None:
    trace = run_of(call("get_ticket", {"ticket_id": "T-100"}, "it broke: (x)", raised="unavailable"))
    talk = Talk(trace, mutation("get_ticket", 1, Garble(), stays=True))
    assert talk.ask("get_ticket", ticket_id="T-100") == Raised("unavailable")
    attempt = talk.end()
    assert attempt.status == "not_delivered"
    step = attempt.steps[1]
    assert isinstance(step, ToolCall)
    assert step.result is not None
    assert step.result.raised == "unavailable"


# -- renaming ----------------------------------------------------------------------------------------------------------


def test_a_renaming_goes_forward_into_everything_shown_and_backward_on_everything_said() -> None:
    trace = run_of(
        call("get_order", {"order_id": "A-10"}, {"orders": {"A-10": {"note": "see A-10!", "A-100": 1}}}),
        call("refund", {"order": {"ids": ["A-10"]}, "by": {"A-10": 2}}, "Refunded A-10."),
        Message("assistant", "Refunded A-10."),
        Message("user", "Is A-10 done?"),
        opening="Refund A-10, not A-100.",
    )
    talk = Talk(trace, renaming(("A-10", "Z-77")))
    opening = talk.session.steps[0]
    assert isinstance(opening, Message)
    assert opening.text == "Refund Z-77, not A-100."
    assert talk.ask("get_order", order_id="Z-77") == {"orders": {"Z-77": {"note": "see Z-77!", "A-100": 1}}}
    assert talk.ask("refund", order={"ids": ["Z-77"]}, by={"Z-77": 2}) == "Refunded Z-77."
    assert {note.origin for note in talk.session.answered} == {"recorded"}
    assert talk.session.say("Refunded Z-77.") == "Is Z-77 done?"
    assert not talk.session.user_unfit
    attempt = talk.end()
    assert attempt.delivered
    # The agent's own words stay as it said them.
    assert isinstance(attempt.steps[1], ToolCall)
    assert attempt.steps[1].arguments == {"order_id": "Z-77"}


def test_the_old_value_is_still_matched() -> None:
    talk = Talk(run_of(call("get_order", {"order_id": "A-10"}, {"order_id": "A-10"})), renaming(("A-10", "Z-77")))
    assert talk.ask("get_order", order_id="A-10") == {"order_id": "Z-77"}


def test_a_renamed_number_is_understood_as_a_number() -> None:
    trace = run_of(call("get_order", {"order": 12345}, {"order": 12345, "next": 123456}))
    talk = Talk(trace, renaming(("12345", "67890")))
    assert talk.ask("get_order", order=67890) == {"order": 67890, "next": 123456}


def test_two_renamings_are_each_proved_and_a_synthesised_answer_is_renamed_too() -> None:
    trace = run_of(call("refund", {"order_id": "A-10"}, {"refund_id": "R-77", "order_id": "A-10", "by": "C-1"}))
    talk = Talk(trace, renaming(("A-10", "Z-77")), renaming(("C-1", "C-9")))
    assert talk.ask("refund", order_id="Z-77") == {"refund_id": "R-77", "order_id": "Z-77", "by": "C-9"}
    assert {injection.mutation for injection in talk.session.injections} == {0, 1}
    again = talk.ask("refund", order_id="Z-77")
    assert (again["order_id"], again["by"]) != ("A-10", "C-1")


def test_a_substitution_at_one_call_is_an_edit_of_that_answer_alone() -> None:
    trace = run_of(call("get_order", {"order_id": "A-10"}, {"order_id": "A-10"}))
    talk = Talk(trace, mutation("get_order", 1, Substitute((("A-10", "Z-77"),))))
    assert talk.ask("get_order", order_id="A-10") == {"order_id": "Z-77"}
    assert talk.ask("get_order", order_id="A-10") == {"order_id": "A-10"}


# -- the user ----------------------------------------------------------------------------------------------------------


def chat() -> Trace:
    return run_of(
        Message("assistant", "Which order do you mean?"),
        Message("user", "A-10."),
        Message("assistant", "Order A-10 costs 20.00. Shall I refund it?"),
        Message("user", "Yes."),
    )


def test_user_turns_come_in_order_and_then_the_conversation_is_over() -> None:
    talk = Talk(chat())
    assert talk.session.say("Which order is it?") == "A-10."
    assert talk.session.say("A-10 it is; shall I refund it?") == "Yes."
    assert not talk.session.user_unfit
    with pytest.raises(ConversationOver):
        talk.session.say("Done, refunded A-10.")
    with pytest.raises(AttemptEnded):
        talk.ask("get_order", order_id="A-10")
    attempt = talk.session.finish(ITEM, "late words", "crashed", "late trouble")
    assert attempt.status == "completed"
    assert attempt.answer is None
    last = attempt.steps[-1]
    assert isinstance(last, Message)
    assert last.text == "Done, refunded A-10."


def test_a_user_turn_that_answers_a_question_which_was_not_asked_is_unfit() -> None:
    talk = Talk(chat())
    talk.session.say("Which order do you mean?")
    assert not talk.session.user_unfit
    talk.session.say("I have handed you over to a colleague.")
    assert talk.session.user_unfit


def test_saying_nothing_lets_the_user_go_on_and_is_not_logged() -> None:
    trace = run_of(Message("assistant", "One moment."), Message("user", "Also"), Message("user", "one more thing"))
    talk = Talk(trace)
    talk.session.say("One moment.")
    assert talk.session.say("") == "one more thing"
    said = [step.text for step in talk.session.steps if isinstance(step, Message) and step.role == "assistant"]
    assert said == ["One moment."]
    assert not talk.session.user_unfit


def test_a_mutated_user_turn_is_delivered_when_it_is_said() -> None:
    change = mutation("", 2, Replace("", "B-20."), aspect="user")
    talk = Talk(chat(), change)
    assert not talk.session.injections
    assert talk.session.say("Which order do you mean?") == "B-20."
    assert talk.end().delivered


def test_an_agent_that_never_speaks_to_a_user_who_would_answer_is_silent() -> None:
    assert Talk(chat()).end("Done.").silent_turns
    talk = Talk(chat())
    talk.session.say("Which order do you mean?")
    assert not talk.end("Done.").silent_turns
    assert not Talk(desk()).end("Done.").silent_turns


# -- the door, and what stays inside -----------------------------------------------------------------------------------


def test_what_the_agent_does_to_its_own_arguments_later_changes_nothing_that_was_logged() -> None:
    talk = Talk(desk(), declared=Declared(write=("tag",)))
    arguments: dict[str, JSON] = {"ticket_id": "T-100", "tags": ["a"]}
    talk.raw("tag", arguments)
    tags = arguments["tags"]
    assert isinstance(tags, list)
    tags.append("b")
    arguments["ticket_id"] = "T-999"
    step = talk.end().steps[1]
    assert isinstance(step, ToolCall)
    assert step.arguments == {"ticket_id": "T-100", "tags": ["a"]}


def test_what_the_agent_does_to_an_answer_changes_no_later_answer() -> None:
    trace = run_of(call(*READ, OPEN), call("set_owner", {"ticket_id": "T-100", "owner": "ann"}, {"ok": True}))
    talk = Talk(trace)
    talk.ask("get_ticket", ticket_id="T-100")["notes"].append("mine")
    assert talk.ask("get_ticket", ticket_id="T-100")["notes"] == []
    talk.ask("set_owner", ticket_id="T-100", owner="bob")
    talk.ask("get_ticket", ticket_id="T-100")["notes"].append("mine")
    assert talk.ask("get_ticket", ticket_id="T-100")["notes"] == []


@pytest.mark.parametrize(
    "odd",
    [
        {"ids": ("A-1", "B-2")},
        {"ids": {"A-1", "B-2"}},
        {"amount": float("nan")},
        {"amount": 10**5000},
        {"text": "\ud800 half"},
        {1: {None: 1, True: 2, 2.5: 3}},
        {"thing": object()},
        None,
        "no object",
        [1, 2],
    ],
)
def test_arguments_that_are_no_json_are_made_json_at_the_door(odd: Any) -> None:
    talk = Talk(desk(), declared=Declared(write=("store",)))
    talk.raw("store", odd)
    talk.raw("store", odd)
    attempt = talk.end()
    again = attempt_of(json.loads(json.dumps(attempt_data(attempt))))
    assert again == attempt
    first, second = (step.arguments for step in attempt.steps if isinstance(step, ToolCall))
    assert first == second


def test_the_same_conversation_gets_the_same_answers() -> None:
    def answers() -> list[Any]:
        talk = Talk(desk(), mutation("get_ticket", 1, Replace("/status", "lost")), declared=Declared(write=("ship",)))
        asked = [("get_ticket", {"ticket_id": "T-100"}), ("ship", {"to": "A-1"}), CLOSE, READ, ("ship", {"to": "A-1"})]
        return [talk.ask(tool, **arguments) for tool, arguments in asked] + [talk.end("x")]

    assert answers() == answers()


def test_every_step_is_observed_the_one_that_ends_the_attempt_too() -> None:
    seen: list[tuple[int, int]] = []
    trace = desk()
    recording = Recording(trace, ToolRules())
    session = Session(recording, observe=lambda session, step: seen.append((step, len(session.answered))))
    session.hand_over(session.call("get_ticket", {"ticket_id": "T-100"}))
    with pytest.raises(Unanswerable):
        session.call("get_ticket", {"ticket_id": "T-9"})
    assert seen == [(0, 0), (1, 1), (1, 1), (2, 2)]
