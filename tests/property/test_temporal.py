"""The three truth values keep the laws of their logic, and the rules built on them speak of the past only."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import product
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from counterfault.core.temporal import (
    ENDLESS,
    Policy,
    PolicyCall,
    Span,
    Truth,
    Violation,
    best,
    implies,
    negate,
    tally,
    weighed,
    worst,
)
from counterfault.policies import at_most, never, requires_before

TRUTHS: tuple[Truth, ...] = ("true", "unknown", "false")
truths = st.sampled_from(TRUTHS)
runs_of_truths = st.lists(truths, max_size=6)
numbers = st.integers(-5, 5).map(Decimal)
spans = st.tuples(numbers, numbers).map(lambda pair: Span(min(pair), max(pair)))


def test_one_broken_part_breaks_the_whole_and_one_unknown_part_leaves_it_unknown() -> None:
    assert worst(["true", "unknown", "false"]) == "false"
    assert worst(["true", "unknown"]) == "unknown"
    assert worst([]) == "true"
    assert best(["false", "unknown", "true"]) == "true"
    assert best([]) == "false"


@given(runs_of_truths)
def test_not_all_is_some_not_and_not_some_is_all_not(values: list[Truth]) -> None:
    assert negate(worst(values)) == best(map(negate, values))
    assert negate(best(values)) == worst(map(negate, values))


@given(truths, truths)
def test_an_implication_is_its_contraposition(left: Truth, right: Truth) -> None:
    assert implies(left, right) == implies(negate(right), negate(left))
    assert implies("true", right) == right
    assert implies("false", right) == "true"


@given(runs_of_truths)
def test_some_hold_where_at_least_one_does_and_none_where_at_most_zero_do(values: list[Truth]) -> None:
    assert tally(values).at_least(Decimal(1)) == best(values)
    assert tally(values).at_most(Decimal(0)) == worst(map(negate, values))


@given(spans, numbers)
def test_at_most_is_the_opposite_of_at_least_one_more(span: Span, limit: Decimal) -> None:
    assert span.at_most(limit) == negate(span.at_least(limit + 1))


@given(spans, spans, st.data())
def test_a_span_holds_every_number_that_its_parts_allow(left: Span, right: Span, data: st.DataObject) -> None:
    a = data.draw(st.integers(int(left.low), int(left.high)))
    b = data.draw(st.integers(int(right.low), int(right.high)))
    assert (left + right).low <= a + b <= (left + right).high
    assert (left - right).low <= a - b <= (left - right).high
    for counted in (0, a):
        assert weighed("unknown", left).low <= counted <= weighed("unknown", left).high


def test_an_amount_without_bound_never_proves_a_limit_kept() -> None:
    assert Span(Decimal(0), ENDLESS).at_most(Decimal(10**9)) == "unknown"


RULES: dict[str, Policy] = {
    "its own approval": requires_before.compile(
        "its own approval",
        {"call": "pay", "prior": "ask", "match": {"/args/token": "/result/token"}, "once": True},
    ),
    "an approval": requires_before.compile("an approval", {"call": "pay", "prior": "ask"}),
    "large ones approved": requires_before.compile(
        "large ones approved", {"call": "pay", "prior": "ask", "where": {"/args/amount": {"gt": 5}}, "once": True}
    ),
    "never large": never.compile("never large", {"call": "p*", "when": {"/args/amount": {"gt": 5}}}),
    "once a token": at_most.compile(
        "once a token", {"call": "pay", "count": 1, "per": ["/args/token"], "state": "committed"}
    ),
    "a sum": at_most.compile("a sum", {"call": "pay", "sum": "/args/amount", "limit": 9, "state": "committed"}),
    "two attempts": at_most.compile("two attempts", {"call": "pay", "count": 2}),
}
rules = st.sampled_from(sorted(RULES))
tokens = st.sampled_from(["K-1", "K-2"])


def asked(token: str | None, approved: bool = True) -> PolicyCall:
    """A request for approval, answered; without a token, the answer was cut off."""
    if token is None:
        return PolicyCall(0, "ask", {}, '{"approved": tr', text='{"approved": tr')
    text = f'{{"approved": {str(approved).lower()}, "token": "{token}"}}'
    return PolicyCall(0, "ask", {}, {"approved": approved, "token": token}, text=text)


def unanswered() -> PolicyCall:
    return PolicyCall(0, "ask", {}, answered=False)


def paid(token: str, amount: int | None, state: Any) -> PolicyCall:
    return PolicyCall(0, "pay", {"token": token, "amount": amount}, {"ok": True}, state, text='{"ok": true}')


calls = st.one_of(
    st.builds(asked, st.one_of(st.none(), tokens), st.booleans()),
    st.builds(unanswered),
    st.builds(paid, tokens, st.sampled_from([None, 2, 7]), st.sampled_from(["committed", "refused", "unknown"])),
)


def numbered(run: Sequence[PolicyCall]) -> tuple[PolicyCall, ...]:
    return tuple(replace(call, step=index) for index, call in enumerate(run))


runs = st.lists(calls, max_size=6).map(numbered)


def judged(rule: str, run: Sequence[PolicyCall]) -> list[Violation]:
    return list(RULES[rule].judge(run))


@given(rules, runs, st.integers(0, 6))
def test_what_is_proved_of_a_call_stays_however_the_run_goes_on(
    rule: str, run: tuple[PolicyCall, ...], length: int
) -> None:
    assert judged(rule, run[:length]) == [seen for seen in judged(rule, run) if seen.step < length]


@given(rules, runs, st.integers(0, 6))
def test_an_extra_call_of_an_unrelated_tool_changes_no_verdict(
    rule: str, run: tuple[PolicyCall, ...], place: int
) -> None:
    look = PolicyCall(99, "look_up", {"token": "K-1", "amount": 7}, {"token": "K-1"}, "committed", text="{}")
    assert judged(rule, (*run[:place], look, *run[place:])) == judged(rule, run)


@given(runs)
def test_never_is_at_most_zero(run: tuple[PolicyCall, ...]) -> None:
    forbidden = never.compile("no", {"call": "pay"}).judge(run)
    exceeded = at_most.compile("no", {"call": "pay", "count": 0}).judge(run)
    assert [(seen.step, seen.truth) for seen in forbidden] == [(seen.step, seen.truth) for seen in exceeded]


@given(runs)
def test_what_satisfies_once_satisfies_the_rule_without_it(run: tuple[PolicyCall, ...]) -> None:
    settings = {"call": "pay", "prior": "ask", "match": {"/args/token": "/result/token"}}
    strict = {seen.step: seen.truth for seen in judged("its own approval", run)}
    for seen in requires_before.compile("loose", settings).judge(run):
        assert worst((strict[seen.step], seen.truth)) == strict[seen.step]


def worlds(run: Sequence[PolicyCall]) -> Iterator[tuple[PolicyCall, ...]]:
    """Every run that this one may really have been: cut answers whole, unknown states and amounts known."""
    yield from product(*map(_ways, run))


def _ways(call: PolicyCall) -> list[PolicyCall]:
    if call.tool == "ask":
        cut = not call.answered or isinstance(call.result, str)
        whole = [asked("K-1"), asked("K-2"), asked("K-1", approved=False)]
        return [replace(answer, step=call.step) for answer in whole] if cut else [call]
    amounts = [2, 7] if call.arguments["amount"] is None else [call.arguments["amount"]]
    states = ["committed", "refused"] if call.state == "unknown" else [call.state]
    token = str(call.arguments["token"])
    return [replace(paid(token, amount, state), step=call.step) for amount in amounts for state in states]  # type: ignore[arg-type]


def verdicts(rule: str, run: Sequence[PolicyCall]) -> Mapping[int, Truth]:
    found = {seen.step: seen.truth for seen in judged(rule, run)}
    return {call.step: found.get(call.step, "true") for call in run}


@given(rules, st.lists(calls, max_size=4).map(numbered))
def test_what_a_rule_proves_holds_in_every_run_that_this_may_have_been(rule: str, run: tuple[PolicyCall, ...]) -> None:
    proved = {step: truth for step, truth in verdicts(rule, run).items() if truth != "unknown"}
    for world in worlds(run):
        settled = verdicts(rule, world)
        assert "unknown" not in settled.values()
        assert {step: settled[step] for step in proved} == proved
