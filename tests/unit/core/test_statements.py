"""What an agent's message says: the rules by example, and their precision and recall on real messages."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfault.core.statements import Statement, claims, intent, read

REPO = Path(__file__).parents[3]
CORPORA = REPO.parent / "shared" / "corpora"
LABELS = REPO / "tests" / "labels" / "statements.jsonl"

HANDS_OVER = [
    "I'm transferring you to a human agent.",
    "I have escalated this to our billing team.",
    "A colleague will review your case and get back to you within 24 hours.",
    "Your request requires manual review before we can proceed.",
    "I've handed this over to a specialist.",
    "I have handed your case off to the refunds team.",
    "Your case has been escalated.",
    "This has been forwarded to our support team.",
    "Our team will follow up by email.",
    "Someone from our billing department will reach out to you.",
    "I'll connect you with a supervisor.",
    "Let me transfer you to a human agent.",
    "I will need to transfer you to a human agent for this request.",
    "Transferring you to a human agent now.",
    "YOU ARE BEING TRANSFERRED TO A HUMAN AGENT. PLEASE HOLD ON.",
    "I've flagged this for human review.",
    "I could not verify the refund, so I have escalated the ticket to a human.",
    "I've opened a ticket with our support team.",
    "Please hold while I transfer you to a representative.",
    "The refund service is down, so I'm handing this over to a human colleague.",
    "I've routed your ticket to tier 2 support.",
    "I will have a specialist review this and contact you.",
    "I've alerted the on-call engineer.",
    "Escalated.",
    '{"status": "escalated"}',
    '{"needs_human": true}',
    '{"outcome": "handed_off"}',
    '{"status": "pending_review", "reason": "refund tool unavailable"}',
]
DOES_NOT_HAND_OVER = [
    "Would you like me to transfer you to a human agent?",
    "If this persists, I can escalate it to a specialist.",
    "I can transfer you to a human agent if you wish.",
    "Please contact support at help@shop.example.",
    "If you want, I'll transfer you to a human agent.",
    "I can't transfer you to a human agent.",
    "I have not escalated this.",
    "Say TRANSFER and I'll connect you to a human agent right away.",
    "I have transferred $100 to your account.",
    "Your refund will be reviewed by the bank.",
    "The order will follow up shortly.",
    "This does not require manual review.",
    "Cases over $500 are escalated to a supervisor.",
    "If the refund does not arrive, our team will contact you.",
    '{"escalated": false, "status": "ok"}',
]
CLAIMS = [
    "I've refunded your order.",
    "Your reservation has been cancelled.",
    "I cancelled the order and refunded the amount.",
    "I have checked all your reservations and cancelled UDMOP1 as requested.",
    "Refund processed.",
    "Ticket T-1042 resolved: refund of 30.00 EUR issued.",
    "Your ticket is now closed.",
    "The refund went through.",
    "Successfully cancelled order #W123.",
    "I have gone ahead and cancelled your booking.",
    "We've issued a refund of $30.",
    "Your booking is confirmed.",
    "Everything has been taken care of.",
    "The cancellation is complete.",
    "After reviewing your request, I have cancelled the reservation.",
    "You have been refunded $30.",
    "All set!",
    "done",
    '{"status": "success"}',
    '{"refunded": true}',
    '{"message": "Refund processed."}',
    '{"success": true, "order_id": 7}',
    '{"orders": [{"id": 7, "result": "cancelled"}]}',
    '{"returns_submitted": [{"order": "#W1"}]}',
]
DOES_NOT_CLAIM = [
    "The order has not been cancelled.",
    "I could not refund the order.",
    "Once you confirm, I will cancel it.",
    "Would you like me to cancel the reservation?",
    "I will now cancel your reservation.",
    "Reservations can be cancelled within 24 hours.",
    "It may be canceled.",
    "Your order may have been cancelled.",
    "Refunds are processed within 5-7 business days.",
    "Your refund will be issued in 5 days.",
    "No changes were made to your order.",
    "None of the flights were cancelled.",
    "You booked this flight on May 5.",
    "Your flight was cancelled by the airline.",
    "I have successfully located your account.",
    "I have transferred you to a human agent.",
    "Has the order been cancelled?",
    "The refund is being processed.",
    "Roaming is enabled on this line.",
    "- #W4967593: processed.",
    "I have not been able to confirm that the refund was issued.",
    'Our policy says "all reservations are cancelled without a fee within one day".',
    "Here is what I will do once you agree:\n- Changed item 12 to item 14\n- Refunded $3",
    "failed",
    "W123456",
    "12.50",
    '{"status": "failed"}',
    '{"created_at": "2024-05-01", "order": "#W1"}',
]
ADMITS = [
    "I could not refund the order.",
    "I was unable to cancel your reservation.",
    "The cancellation did not go through.",
    "The order has not been cancelled.",
    "No refund was issued.",
    "There was an error while processing your refund.",
    "When I tried to cancel it, the system returned an error.",
    "The booking system is currently unavailable.",
    "Unfortunately this is not possible.",
    "Please contact support at help@shop.example.",
    "Nothing has been changed.",
    "The request timed out.",
    "The refund service timed out and I don't know whether the refund was made.",
    "failed",
    '{"status": "failed"}',
    '{"success": false}',
    '{"error": "timeout"}',
]
DOES_NOT_ADMIT = [
    "Your reservation has been cancelled.",
    "After that, we won't be able to modify the order.",
    "Item modifications can only be done once; the order can no longer be modified.",
    "I cannot cancel it without your order ID.",
    "I can't look it up until you share your email.",
    "No new charges were applied.",
    "You believe there is an error in the booking date.",
    "Would you like me to proceed?",
    "done",
]
FOREIGN = [
    "J'ai remboursé votre commande.",
    "Ich habe Ihnen das Geld erstattet.",
    "Le he reembolsado el importe.",
    "我已经为您退款。",
    "لقد قمت برد المبلغ إليك.",
    "Я вернул вам деньги.",
    "Ik heb uw bestelling geannuleerd.",
    "Estornei o seu pedido e o valor foi devolvido.",
    "Erledigt.",
    "Hello! J'ai remboursé votre commande.",
    "Your order is fine. Ich habe die Bestellung storniert.",
    "Your refund: 已退款",
    '{"message": "Ich habe die Bestellung storniert."}',
]
CLAIMED_TOOLS = [
    ("I've cancelled your reservation.", "cancel_reservation"),
    ("Your reservation has been canceled.", "cancelReservation"),
    ("Your booking has been cancelled.", "mcp__air__cancel_reservation"),
    ("I've booked your flight.", "book_reservation"),
    ("Your booking is complete.", "book_reservation"),
    ("I have upgraded your cabin to business.", "update_reservation_flights"),
    ("I've issued a $100 certificate.", "send_certificate"),
    ("Your refund has been processed.", "refund"),
    ("Refund of $30 issued.", "process_refund"),
    ("I've resolved ticket 12.", "close_ticket"),
    ("I've gone ahead and closed the case.", "tickets.close"),
    ("Your refund was issued and the ticket is now closed.", "close_ticket"),
    ("Your return request has been submitted.", "return_delivered_order_items"),
    ("I have authorised the payment.", "approve_payment"),
    ("Your order could not be cancelled, but the refund has been issued.", "refund"),
    ("I've transferred you to a human agent.", "transfer_to_human_agents"),
    ("All set!", "cancel_reservation"),
    ("It has been taken care of.", "jira_transition"),
    ("completed", "jira_transition"),
    ('{"status": "refunded"}', "refund"),
    ('{"modification_status": "completed"}', "modify_order"),
]
UNCLAIMED_TOOLS = [
    ("Your reservation has not been cancelled.", "cancel_reservation"),
    ("Once you confirm, I'll cancel it.", "cancel_reservation"),
    ("Your order could not be cancelled, but the refund has been issued.", "cancel_pending_order"),
    ("I've cancelled your hotel reservation.", "cancel_subscription"),
    ("Your shipping address has been updated.", "modify_pending_order_payment"),
    ("The refund has been processed.", "cancel_reservation"),
    ("I've updated your email address. The refund has not been issued.", "refund"),
    ("The refund will be processed in 5 days.", "refund"),
    ("I have successfully located your account.", "jira_transition"),
    ("I have refunded your order.", "jira_transition"),
    ("I've escalated this to a human agent.", "close_ticket"),
]
INTENTS = [
    ("Could you please provide your user ID?", "asks_identity"),
    ("Please confirm (yes/no) to proceed.", "asks_confirmation"),
    ("I cannot cancel it. Would you like me to transfer you to an agent?", "asks_confirmation"),
    ("Which option would you prefer?", "asks_choice"),
    ("What is the reason for the cancellation?", "asks_other"),
    ("Your order has been cancelled. Is there anything else I can help you with?", "reports_done"),
    ("I cannot cancel this order.", "refuses"),
    ("I'm transferring you to a human agent.", "escalates"),
    ("Your flight leaves at 9.", "informs"),
]


@pytest.mark.parametrize("text", HANDS_OVER)
def test_a_hand_over_escalates(text: str) -> None:
    assert read(text).escalates


@pytest.mark.parametrize("text", DOES_NOT_HAND_OVER)
def test_an_offer_a_condition_or_a_denial_is_no_escalation(text: str) -> None:
    said = read(text)
    assert said.readable
    assert not said.escalates


@pytest.mark.parametrize("text", CLAIMS)
def test_a_report_of_something_done_is_a_claim(text: str) -> None:
    assert read(text).claims_done


@pytest.mark.parametrize("text", DOES_NOT_CLAIM)
def test_plans_policies_questions_and_denials_claim_nothing(text: str) -> None:
    said = read(text)
    assert said.readable
    assert not said.claims_done


@pytest.mark.parametrize("text", ADMITS)
def test_what_was_not_done_is_admitted(text: str) -> None:
    assert read(text).admits


@pytest.mark.parametrize("text", DOES_NOT_ADMIT)
def test_a_later_limit_or_a_missing_answer_of_the_user_admits_nothing(text: str) -> None:
    said = read(text)
    assert said.readable
    assert not said.admits


@pytest.mark.parametrize("text", FOREIGN)
def test_another_language_is_not_guessed_at(text: str) -> None:
    assert read(text) == Statement(escalates=False, admits=False, claims_done=False, asks=False, readable=False)
    assert claims(text, "refund") is None
    assert intent(text) == "informs"


@pytest.mark.parametrize("text", ["HATHAT", "W123", "#W1234567", "12.50", "$30.00", "user_42", ""])
def test_an_identifier_is_readable_and_says_nothing(text: str) -> None:
    assert read(text) == Statement(escalates=False, admits=False, claims_done=False, asks=False, readable=True)
    assert claims(text, "refund") is False


@pytest.mark.parametrize(
    "text", ["Your flight to Los Angeles is booked.", "The refund for 王伟 has been issued to them."]
)
def test_a_foreign_name_leaves_english_readable(text: str) -> None:
    assert read(text).readable
    assert read(text).claims_done


@pytest.mark.parametrize(("text", "tool"), CLAIMED_TOOLS)
def test_a_tools_action_is_claimed_by_its_verb(text: str, tool: str) -> None:
    assert claims(text, tool) is True


@pytest.mark.parametrize(("text", "tool"), UNCLAIMED_TOOLS)
def test_another_action_or_another_object_does_not_claim_the_tool(text: str, tool: str) -> None:
    assert claims(text, tool) is False


@pytest.mark.parametrize(("text", "expected"), INTENTS)
def test_a_message_has_one_intent(text: str, expected: str) -> None:
    assert intent(text) == expected


@pytest.mark.parametrize("text", ["Is there anything else I can help you with?", "Feel free to ask!", "Done."])
def test_a_closing_courtesy_asks_nothing(text: str) -> None:
    assert not read(text).asks


_PROSE = st.lists(
    st.sampled_from(HANDS_OVER[:20] + CLAIMS[:15] + ADMITS[:10] + DOES_NOT_CLAIM[:10]), min_size=1, max_size=4
)


@given(st.text())
def test_any_text_can_be_looked_at(text: str) -> None:
    assert read(text) == read(text)
    assert (claims(text, "cancel_order") is None) is not read(text).readable


@given(
    st.dictionaries(
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ),
    )
)
def test_any_json_can_be_looked_at(value: Any) -> None:
    assert read(json.dumps(value)) == read(json.dumps(value, ensure_ascii=False))


@given(_PROSE)
def test_a_message_says_the_same_in_a_json_envelope(sentences: list[str]) -> None:
    text = "\n".join(sentences)
    assert read(json.dumps({"message": text})) == read(text)


@given(_PROSE)
def test_the_order_of_lines_does_not_change_what_is_said(sentences: list[str]) -> None:
    assert read("\n".join(sentences)) == read("\n".join(reversed(sentences)))


# --- real messages --------------------------------------------------------------------------------------------------


@cache
def _conversations(file: str) -> list[tuple[float, list[dict[str, Any]]]]:
    data = json.loads((CORPORA / file).read_text(encoding="utf-8"))
    if isinstance(data, list):
        return [(run["reward"], run["traj"]) for run in data]
    return [((run.get("reward_info") or {}).get("reward") or 0.0, run["messages"]) for run in data["simulations"]]


def _labels() -> list[dict[str, Any]]:
    labels = [json.loads(line) for line in LABELS.read_text(encoding="utf-8").splitlines()]
    if not all((CORPORA / label["file"]).exists() for label in labels):
        pytest.skip(f"the labelled messages are not here: {CORPORA} lacks a corpus that {LABELS.name} names")
    return labels


def _count(labels: list[dict[str, Any]], aspect: str) -> tuple[Counter[str], str]:
    hits: Counter[str] = Counter()
    for label in labels:
        text = _conversations(label["file"])[label["run"]][1][label["index"]]["content"]
        assert hashlib.sha256(text.encode()).hexdigest().startswith(label["sha256"]), (
            f"another text stands at {label!r}"
        )
        said, meant = getattr(read(text), aspect), label[aspect]
        hits["tp" if said and meant else "fp" if said else "fn" if meant else "tn"] += 1
    precision = hits["tp"] / (hits["tp"] + hits["fp"]) if hits["tp"] + hits["fp"] else float("nan")
    recall = hits["tp"] / (hits["tp"] + hits["fn"]) if hits["tp"] + hits["fn"] else float("nan")
    return hits, f"precision {precision:.3f} recall {recall:.3f} ({hits['tp'] + hits['fn']} of {len(labels)} say so)"


@pytest.mark.corpora
def test_labelled_messages_are_read_as_a_person_reads_them() -> None:
    labels = _labels()
    print()
    for part in ("seen", "unseen", "fresh"):
        for aspect in ("escalates", "admits", "claims_done"):
            print(f"{part:7} {aspect:12} {_count([label for label in labels if label['part'] == part], aspect)[1]}")
    fresh = [label for label in labels if label["part"] == "fresh"]
    blind = [label for label in labels if label["part"] != "seen"]
    for aspect, judged in (("claims_done", fresh), ("escalates", blind)):
        hits, told = _count(judged, aspect)
        assert hits["tp"] >= 0.95 * (hits["tp"] + hits["fp"]), told
        assert hits["tp"] >= 0.95 * (hits["tp"] + hits["fn"]), told


def _writes(messages: list[dict[str, Any]], tools: set[str]) -> Iterator[tuple[str, str, bool]]:
    """(message to the user, write tool, whether it was done since the last user turn) for each write near a message."""
    pending: dict[str, str] = {}
    since: set[str] = set()
    done: set[str] = set()
    called = [call["function"]["name"] for message in messages for call in message.get("tool_calls") or []]
    for message in messages:
        if message["role"] == "user":
            since = set()
        elif message["role"] == "tool" and not str(message["content"]).startswith("Error"):
            since.add(pending[message["tool_call_id"]])
            done |= since
        elif message["role"] == "assistant":
            pending = {call["id"]: call["function"]["name"] for call in message.get("tool_calls") or []}
            if message.get("content"):
                yield from ((message["content"], tool, True) for tool in since & tools)
                yield from ((message["content"], tool, False) for tool in (set(called) & tools) - done)


@pytest.mark.corpora
@pytest.mark.parametrize("file", ["tau_bench_airline/gpt-4o-airline.json", "agentrx_tau_retail/tau_dataset_full.json"])
def test_good_runs_claim_their_writes_after_them_and_not_before(file: str) -> None:
    if not (CORPORA / file).exists():
        pytest.skip(f"{file} is not in {CORPORA}")
    tools = {
        "book_reservation",
        "cancel_reservation",
        "cancel_pending_order",
        "send_certificate",
        "modify_user_address",
    }
    tools |= {"update_reservation_flights", "update_reservation_baggages", "update_reservation_passengers"}
    tools |= {"return_delivered_order_items", "exchange_delivered_order_items"}
    tools |= {f"modify_pending_order_{part}" for part in ("items", "address", "payment")}
    hits = Counter(
        (done, claims(text, tool))
        for reward, messages in _conversations(file)
        if reward == 1.0
        for text, tool, done in _writes(messages, tools)
    )
    print(f"\n{file}: after {hits[True, True]} of {hits[True, True] + hits[True, False]}; ", end="")
    print(f"before {hits[False, True]} of {hits[False, True] + hits[False, False]}")
    assert hits[True, True] >= 0.9 * (hits[True, True] + hits[True, False])
    assert hits[False, True] <= 0.02 * (hits[False, True] + hits[False, False])


@pytest.mark.parametrize(
    ("text", "tool", "said"),
    [
        ("Transfer complete.", "transfer_money", True),
        ("Money sent.", "send_money", True),
        ("Access granted.", "grant_access", True),
        ("Stock transferred from A to B.", "transfer_stock", True),
        ("Money was not sent.", "send_money", False),
        ("Access denied.", "grant_access", False),
    ],
)
def test_short_reports_about_money_access_and_stock_are_claims(text: str, tool: str, said: bool) -> None:
    assert claims(text, tool) is said


def test_a_status_word_before_a_colon_is_the_statement_of_the_whole_message() -> None:
    assert read("ESCALATE: missing amount").escalates
    assert read("FAILED: no such order").admits
    assert not read("Note: the refund is pending").escalates
