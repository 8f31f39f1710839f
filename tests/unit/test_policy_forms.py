"""What each form of a policy says of a run: approvals and their wording, comparisons, limits."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from counterfault.core.temporal import Policy, Truth, Violation, policy_calls, worst
from counterfault.core.trace import Step, ToolCall, ToolResult
from counterfault.registry import Family

FORMS = Family("policies")
MATCHED = {"call": "refund", "prior": "ask"}


def rule(form: str, **settings: Any) -> Policy:
    compiled: Policy = FORMS.load(form).compile("the rule", settings)
    return compiled


def approvals(**more: Any) -> Policy:
    match = {"/args/token": "/result/token", "/args/order_id": "/args/order_id"}
    return rule("requires_before", **{"call": "refund", "prior": "ask", "match": match, "once": True, **more})


def ask(answer: Any, order: str = "O-1", turn: int = 1) -> ToolCall:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    return ToolCall("ask", {"order_id": order}, ToolResult(text), turn=turn)


def refund(turn: int = 5, token: Any = "A-7", answer: str = '{"ok": true}', **more: Any) -> ToolCall:
    return ToolCall("refund", {"order_id": "O-1", "token": token, **more}, ToolResult(answer), turn=turn)


GRANTED = {"approved": True, "token": "A-7"}


def judged(policy: Policy, *steps: Step) -> list[Violation]:
    return list(policy.judge(policy_calls(steps)))


def truth(policy: Policy, *steps: Step) -> Truth:
    return worst(seen.truth for seen in judged(policy, *steps))


# -- requires_before --------------------------------------------------------------------------------------------------


def test_a_rule_says_which_tools_approve_which_it_guards_and_what_it_reads_of_answers() -> None:
    policy = approvals(granted={"/result/decision/kind": "yes"})
    assert (policy.guarded, policy.priors) == (("refund",), ("ask",))
    assert policy.named_paths == (("ask", "/token"), ("ask", "/decision/kind"))


@pytest.mark.parametrize(
    "answer",
    [
        GRANTED,
        {"token": "A-7"},
        {"status": "APPROVED", "token": "A-7"},
        {"data": GRANTED, "meta": {}},
        {"Approved": True, "Token": "a-7"},
        {"approved": "true", "token": "A-7", "used": False},
    ],
)
def test_an_answer_that_does_not_deny_approves_however_it_is_spelled(answer: Any) -> None:
    assert judged(approvals(), ask(answer), refund()) == []


@pytest.mark.parametrize(
    "said",
    [
        {"approved": False},
        {"approved": "no"},
        {"isApproved": False},
        {"granted": False},
        {"allowed": False},
        {"authorized": False},
        *({"status": word} for word in ("denied", "REJECTED", "pending_review", "Expired", "not_approved")),
        {"used": True},
        {"approved": True, "status": "denied"},
        {"error": "the service is down"},
    ],
)
def test_an_answer_that_denies_is_no_approval(said: dict[str, Any]) -> None:
    assert truth(approvals(), ask({**said, "token": "A-7"}), refund()) == "false"
    assert truth(approvals(), ask({"data": {**said, "token": "A-7"}}), refund()) == "false"


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("Approved by the shift lead.", "true"),
        ("This was not approved.", "false"),
        ("No.", "false"),
        ("Denied at first, then approved.", "unknown"),
        ("false", "false"),
        ("true", "true"),
        ("", "unknown"),
        ("<html>502</html>", "unknown"),
        ('{"approved": tr', "unknown"),
        ("null", "unknown"),
        ('{"approved": null}', "unknown"),
    ],
)
def test_an_answer_without_fields_is_read_by_its_words_or_not_at_all(answer: str, verdict: Truth) -> None:
    assert truth(rule("requires_before", **MATCHED), ask(answer), refund()) == verdict


@pytest.mark.parametrize("blank", [None, "", " "])
def test_a_blank_value_matches_nothing(blank: Any) -> None:
    assert truth(approvals(), ask({"approved": True, "token": blank}), refund(token=blank)) == "false"


def test_a_value_that_the_answer_holds_under_another_name_leaves_the_rule_in_doubt() -> None:
    assert truth(approvals(), ask({"approved": True, "proof": "A-7"}), refund()) == "unknown"
    assert truth(approvals(), ask({"approved": True, "proof": "A-8"}), refund()) == "false"


def test_an_argument_under_another_name_leaves_the_rule_in_doubt() -> None:
    renamed = ToolCall("refund", {"order_id": "O-1", "proof": "A-7"}, None, turn=5)
    without = ToolCall("refund", {"order_id": "O-1"}, None, turn=5)
    assert truth(approvals(), ask(GRANTED), renamed) == "unknown"
    assert truth(approvals(), ask(GRANTED), without) == "false"


def test_the_attempt_counts_even_if_the_tool_refused_it() -> None:
    assert truth(approvals(), refund(answer='{"error": "approval required"}')) == "false"


def test_an_approval_that_was_never_answered_leaves_the_rule_in_doubt() -> None:
    assert truth(rule("requires_before", **MATCHED), replace(ask(""), result=None), refund()) == "unknown"


def test_a_call_made_in_parallel_with_its_approval_had_not_seen_it() -> None:
    settings = rule("requires_before", **MATCHED)
    assert truth(settings, ask(GRANTED, turn=3), refund(turn=3)) == "false"
    assert truth(settings, ask(GRANTED, turn=3), refund(turn=4)) == "true"


def test_an_approval_after_the_call_is_too_late() -> None:
    assert truth(approvals(), refund(turn=1), ask(GRANTED, turn=2)) == "false"


def test_one_approval_serves_one_committed_call() -> None:
    assert [seen.step for seen in judged(approvals(), ask(GRANTED), refund(5), refund(6))] == [2]
    assert judged(approvals(once=False), ask(GRANTED), refund(5), refund(6)) == []


def test_a_repeat_after_a_call_that_did_not_take_hold_uses_the_approval_again() -> None:
    faulted = replace(refund(5), result=ToolResult("", raised="timeout"))
    calls = policy_calls((ask(GRANTED), faulted, refund(6)))
    assert list(approvals().judge(calls)) == []


def test_a_repeat_after_a_timeout_that_had_committed_has_no_approval_left() -> None:
    faulted = replace(refund(5), result=ToolResult("", raised="timeout"))
    calls = policy_calls((ask(GRANTED), faulted, refund(6)), {1: "committed", 2: "committed"})
    assert [(seen.step, seen.truth) for seen in approvals().judge(calls)] == [(2, "false")]


def test_two_approvals_of_one_kind_serve_two_calls() -> None:
    policy = rule("requires_before", **MATCHED, match={"/args/order_id": "/args/order_id"}, once=True)
    assert judged(policy, ask({}), ask({}, turn=2), refund(5), refund(6)) == []
    assert [seen.step for seen in judged(policy, ask({}), ask({}, turn=2), refund(5), refund(6), refund(7))] == [4]


def test_where_limits_the_rule_to_some_calls() -> None:
    policy = approvals(where={"/args/amount": {"gt": 100}})
    assert truth(policy, refund(amount=100)) == "true"
    assert truth(policy, refund(amount="100.01")) == "false"
    assert truth(policy, refund()) == "unknown"
    assert truth(policy, ask(GRANTED), refund()) == "true"


def test_granted_says_what_an_approval_is_instead_of_the_usual_words() -> None:
    policy = approvals(granted={"/result/votes": {"ge": 2}})
    assert truth(policy, ask({"status": "pending", "votes": 2, "token": "A-7"}), refund()) == "true"
    assert truth(policy, ask({"approved": True, "votes": 1, "token": "A-7"}), refund()) == "false"
    assert truth(policy, ask({"approved": True, "token": "A-7"}), refund()) == "unknown"


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ((refund(),), "there is no earlier answer of ask"),
        (
            (ask({"approved": False, "token": "A-7"}), refund()),
            "the ask at step 0 did not approve ('approved' is False)",
        ),
        ((ask(GRANTED, "O-2"), refund()), "is for another /args/order_id (its /args/order_id is 'O-2', not 'O-1')"),
        ((ask({"approved": True}), refund()), "holds no /result/token, which /args/token is to equal"),
        ((ask(GRANTED), refund(5), refund(6)), "the ask at step 0 had already served refund at step 1"),
        ((ask({"error": "down"}), refund()), "the ask at step 0 was refused"),
    ],
)
def test_the_message_says_what_was_missing(steps: tuple[Step, ...], why: str) -> None:
    [seen] = judged(approvals(), *steps)
    assert why in seen.message


def test_a_rule_for_all_tools_spares_the_prior_itself() -> None:
    policy = rule("requires_before", call="*", prior="log_in")
    log_in = ToolCall("log_in", {}, ToolResult('{"ok": true}'), turn=1)
    assert judged(policy, log_in, refund()) == []
    assert [seen.step for seen in judged(policy, refund(turn=0), log_in)] == [0]


# -- never and its comparisons ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "value", "forbidden"),
    [
        (5, "5.00", "true"),
        (5, 6, "false"),
        ("EUR", "eur", "true"),
        (True, "true", "true"),
        (True, False, "false"),
        (True, 1, "unknown"),
        ({"gt": 500}, 500.01, "true"),
        ({"gt": 500}, "$1,200.00", "true"),
        ({"gt": 500}, 500, "false"),
        ({"ge": 500}, 500, "true"),
        ({"lt": 500}, 499, "true"),
        ({"le": 500}, 501, "false"),
        ({"gt": 500}, "a lot", "unknown"),
        ({"gt": 500}, None, "unknown"),
        ({"gt": 500}, [501], "unknown"),
        ({"gt": 500, "lt": 600}, 700, "false"),
        ({"gt": "2024-05-01"}, "May 22, 2024", "true"),
        ({"in": ["EUR", 7]}, "7", "true"),
        ({"in": ["EUR", 7]}, "USD", "false"),
        ({"exists": True}, 0, "true"),
        ({"exists": True}, None, "false"),
        ({"exists": False}, None, "true"),
        ({"exists": True, "gt": 500}, None, "false"),
    ],
)
def test_a_comparison_holds_fails_or_cannot_tell(wanted: Any, value: Any, forbidden: Truth) -> None:
    policy = rule("never", call="refund", when={"/args/value": wanted})
    expected: Mapping[Truth, Truth] = {"true": "false", "false": "true", "unknown": "unknown"}
    assert truth(policy, refund(value=value)) == expected[forbidden]


def test_a_date_of_the_settings_file_is_compared_as_a_date() -> None:
    settings = tomllib.loads('never = { call = "refund", when = { "/args/day" = { lt = 2024-05-01 } } }')["never"]
    assert truth(rule("never", **settings), refund(day="2024-04-30")) == "false"
    assert truth(rule("never", **settings), refund(day="2024-05-01")) == "true"


def test_two_calls_of_a_forbidden_tool_are_told_apart_by_their_arguments() -> None:
    first, second = judged(rule("never", call=["refund", "pay"]), refund(5, "A-1"), refund(6, "A-2"))
    assert first.value != second.value


# -- at_most ----------------------------------------------------------------------------------------------------------


def test_every_call_past_the_limit_is_a_violation_of_its_own() -> None:
    seen = judged(rule("at_most", call="refund", count=1), refund(5), refund(6), refund(7))
    assert [violation.step for violation in seen] == [1, 2]


def test_the_groups_of_a_limit_follow_the_value_and_not_its_spelling() -> None:
    policy = rule("at_most", call="refund", count=1, per=["/args/account"])
    assert judged(policy, refund(5, account="7"), refund(6, account="8")) == []
    assert truth(policy, refund(5, account="7"), refund(6, account=7)) == "false"


def test_a_sum_counts_exactly_and_a_missing_amount_leaves_it_in_doubt() -> None:
    policy = rule("at_most", call="refund", sum="/args/amount", limit=0.3)
    assert truth(policy, refund(5, amount=0.1), refund(6, amount=0.2)) == "true"
    assert truth(policy, refund(5, amount=0.1), refund(6, amount=0.21)) == "false"
    assert truth(policy, refund(5, amount=0.1), refund(6)) == "unknown"


def test_a_count_and_a_sum_hold_side_by_side() -> None:
    policy = rule("at_most", call="refund", count=2, sum="/args/amount", limit=10)
    assert truth(policy, refund(5, amount=5), refund(6, amount=5)) == "true"
    assert truth(policy, refund(5, amount=5), refund(6, amount=6)) == "false"
    assert truth(policy, refund(5, amount=1), refund(6, amount=1), refund(7, amount=1)) == "false"
