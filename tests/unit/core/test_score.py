import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]
from statsmodels.stats.proportion import proportion_confint  # type: ignore[import-untyped]

from counterfault.core.score import (
    Rate,
    Scored,
    beta_quantile,
    by_family,
    by_operator,
    clopper_pearson,
    headline,
    interval,
    rate,
    student_t_quantile,
    wilson,
)

RECOVERED = Scored(
    trace_id="t0",
    arm="mutant",
    family="fault",
    operator="fault.timeout",
    outcome="recovered",
    verdict="pass",
    delivered=True,
    reached=True,
    needless=False,
)
ESCALATED = replace(RECOVERED, outcome="escalated")
NEEDLESS = replace(ESCALATED, needless=True)
FAILED = replace(RECOVERED, outcome="silent_wrong", verdict="fail")
UNKNOWN = replace(RECOVERED, verdict="unknown")
UNRESOLVED = replace(RECOVERED, outcome="unresolved", verdict="void")
NOT_REACHED = replace(RECOVERED, outcome="not_reached", verdict="void", delivered=False, reached=False)
NOT_DELIVERED = replace(RECOVERED, outcome="not_delivered", verdict="void", delivered=False)
HARNESS_ERROR = replace(RECOVERED, outcome="harness_error", verdict="void", delivered=False, reached=False)

DECIDED = (RECOVERED, ESCALATED, NEEDLESS, FAILED)
UNDECIDED = (UNKNOWN, UNRESOLVED)
VOID = (UNRESOLVED, NOT_REACHED, NOT_DELIVERED, HARNESS_ERROR)


def scored(kinds: Sequence[Scored]) -> st.SearchStrategy[list[Scored]]:
    names = st.sampled_from([f"t{number}" for number in range(14)])
    return st.lists(st.builds(lambda kind, name: replace(kind, trace_id=name), st.sampled_from(kinds), names))


def trace(name: str, passed: int, failed: int) -> list[Scored]:
    return [replace(RECOVERED, trace_id=name)] * passed + [replace(FAILED, trace_id=name)] * failed


def ends(found: Rate) -> tuple[float, float, float]:
    assert found.low is not None
    assert found.rate is not None
    assert found.high is not None
    return found.low, found.rate, found.high


# What a rate is


def test_every_trace_weighs_the_same_however_often_it_was_attempted() -> None:
    found = rate(trace("often", 9, 1) + trace("once", 0, 1))
    assert found.rate == 0.45
    assert (found.passed, found.decided, found.traces) == (9, 11, 2)


def test_each_count_counts_its_own_kind() -> None:
    kinds = (RECOVERED, ESCALATED, NEEDLESS, FAILED, UNKNOWN, UNRESOLVED, NOT_REACHED, NOT_DELIVERED, HARNESS_ERROR)
    rows = [row for times, kind in enumerate(kinds, start=1) for row in [kind] * times]
    counts = asdict(rate(rows))
    for name in ("rate", "low", "high", "lower_bound", "upper_bound"):
        del counts[name]
    assert counts == {
        "attempts": 45,
        "traces": 1,
        "passed": 6,
        "recovered": 1,
        "escalated": 5,
        "needless": 3,
        "failed": 4,
        "unknown": 5,
        "void": 30,
        "unresolved": 6,
        "not_reached": 16,
        "not_delivered": 8,
        "delivered": 21,
        "exercised": True,
    }


def test_bounds_let_undecided_attempts_all_fail_or_all_pass() -> None:
    rows = [*trace("a", 2, 1), replace(UNKNOWN, trace_id="a"), replace(UNRESOLVED, trace_id="b"), NOT_REACHED]
    found = rate(rows)
    assert found.rate == 2 / 3
    assert found.lower_bound == (2 / 4 + 0) / 2
    assert found.upper_bound == (3 / 4 + 1) / 2


def test_an_undelivered_attempt_leaves_the_bounds_alone() -> None:
    found = rate([*trace("a", 2, 1), NOT_REACHED, NOT_DELIVERED, HARNESS_ERROR])
    assert found.lower_bound == found.rate == found.upper_bound


@pytest.mark.parametrize("rows", [[], [NOT_REACHED]])
def test_without_delivery_nothing_is_claimed(rows: list[Scored]) -> None:
    found = rate(rows)
    assert (found.rate, found.low, found.high) == (None, None, None)
    assert (found.lower_bound, found.upper_bound) == (0.0, 1.0)
    assert not found.exercised


def test_arms_are_never_mixed_in_one_rate() -> None:
    with pytest.raises(ValueError, match=r"\['control', 'mutant'\]"):
        rate([RECOVERED, replace(RECOVERED, arm="control")])


def test_a_pass_without_delivery_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'pass' without delivery .* trace 't0', operator 'fault.timeout'"):
        replace(RECOVERED, delivered=False)


def test_a_delivery_that_was_not_reached_is_refused() -> None:
    with pytest.raises(ValueError, match="set reached"):
        replace(RECOVERED, reached=False)


def test_a_verdict_that_no_count_would_hold_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'passed'.*expected one of"):
        replace(RECOVERED, verdict="passed")  # type: ignore[arg-type]


def test_families_and_operators_come_sorted_and_apart() -> None:
    schema = replace(FAILED, family="schema", operator="schema.rename")
    policy = replace(NOT_REACHED, family="policy", operator="policy.denied")
    rows = [schema, RECOVERED, policy]
    assert list(by_family(rows)) == ["fault", "policy", "schema"]
    assert {name: found.rate for name, found in by_operator(rows).items()} == {
        "fault.timeout": 1.0,
        "policy.denied": None,
        "schema.rename": 0.0,
    }


def test_a_family_of_which_nothing_was_delivered_is_not_exercised() -> None:
    found = by_family([RECOVERED, replace(NOT_DELIVERED, family="policy")])
    assert {name: family.exercised for name, family in found.items()} == {"fault": True, "policy": False}


# What a person reads


def test_the_headline_gives_rate_traces_attempts_and_interval() -> None:
    rows = [row for number in range(10) for row in trace(f"t{number}", 3, 1 if number < 4 else 0)] + [UNKNOWN]
    assert headline(rate(rows), "under fault injection") == (
        "90.0 % (mean over 10 traces; 30 of 34 attempts) passed under fault injection, 95 % CI 73–97"
    )


def test_the_headline_of_one_attempt_is_in_the_singular() -> None:
    line = headline(rate([RECOVERED]), "unmutated")
    assert line.startswith("100.0 % (mean over 1 trace; 1 of 1 attempt) passed unmutated, 95 % CI ")


def test_the_headline_says_when_nothing_was_decided() -> None:
    assert headline(rate([UNKNOWN, NOT_REACHED, NOT_DELIVERED]), "under fault injection") == (
        "nothing was decided under fault injection: 3 attempts, 1 delivered, 1 unknown, 2 void"
    )


# Intervals


def test_one_trace_alone_has_an_interval() -> None:
    low, found, high = ends(rate(trace("only", 3, 1)))
    assert (low, found) == (0.0, 0.75)
    assert high == pytest.approx(0.975)


def test_a_mean_just_under_one_stays_inside_its_interval() -> None:
    low, found, high = ends(rate(trace("only", 99, 1)))
    assert (low, high) == (0.0, found)


@pytest.mark.parametrize(
    ("shares", "whole"),
    [
        ([Fraction(1)] * 20, 20),
        ([Fraction(0)] * 20, 0),
        ([Fraction(3, 5)] * 12, 7),
        ([Fraction(1, 2)] * 5 + [Fraction(1)] * 4, 6),
        ([Fraction(1)] * 59 + [Fraction(3, 5)], 59),
    ],
    ids=["all pass", "all fail", "no spread", "few traces", "near one"],
)
def test_where_the_spread_is_no_guide_whole_traces_are_counted(shares: list[Fraction], whole: int) -> None:
    expected = proportion_confint(whole, len(shares), method="beta")
    assert interval(shares, 5 * len(shares)) == pytest.approx(expected, abs=1e-9)


def test_with_enough_traces_the_interval_is_wilsons_at_the_effective_number_of_attempts() -> None:
    shares = [Fraction(1)] * 8 + [Fraction(4, 5)] * 3 + [Fraction(1, 5)] * 2
    values = np.array([float(share) for share in shares])
    p, t = values.mean(), stats.t.ppf(0.975, len(values) - 1)
    effective = p * (1 - p) / (values.var(ddof=1) / len(values))
    assert 1 < effective < 65
    expected = proportion_confint(p * effective, effective, alpha=2 * stats.norm.sf(t), method="wilson")
    assert interval(shares, 65) == pytest.approx(expected, abs=1e-9)


def test_agreement_between_traces_never_claims_more_attempts_than_were_decided() -> None:
    shares = [Fraction(3, 5)] * 11 + [Fraction(2, 5)]
    t = stats.t.ppf(0.975, 11)
    p = float(sum(shares) / 12)
    expected = proportion_confint(p * 60, 60, alpha=2 * stats.norm.sf(t), method="wilson")
    assert interval(shares, 60) == pytest.approx(expected, abs=1e-9)


def test_twenty_traces_at_the_threshold_of_nineteen_still_use_their_spread() -> None:
    at_threshold = [Fraction(1)] * 19 + [Fraction(0)]
    assert interval(at_threshold, 20) != pytest.approx(clopper_pearson(19, 20), abs=1e-6)


@pytest.mark.parametrize("n", [1, 2, 9, 40, 96, 1000])
def test_clopper_pearson_agrees_with_statsmodels(n: int) -> None:
    for passed in {0, 1, n // 3, n // 2, n - 1, n}:
        expected = proportion_confint(passed, n, method="beta")
        assert clopper_pearson(passed, n) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("n", [1, 7, 40.5, 1000])
@pytest.mark.parametrize("p", [0.0, 0.02, 0.5, 0.87, 1.0])
def test_wilson_agrees_with_statsmodels(p: float, n: float) -> None:
    expected = proportion_confint(p * n, n, alpha=0.05, method="wilson")
    assert wilson(p, n, stats.norm.ppf(0.975)) == pytest.approx(expected, abs=1e-9)


@given(st.floats(0.001, 0.999), st.floats(1, 100_000))
def test_student_quantiles_agree_with_scipy(q: float, df: float) -> None:
    assert student_t_quantile(q, df) == pytest.approx(stats.t.ppf(q, df), rel=1e-8, abs=1e-8)


@given(st.floats(0.001, 0.999), st.floats(0.5, 10_000), st.floats(0.5, 10_000))
def test_beta_quantiles_agree_with_scipy(q: float, a: float, b: float) -> None:
    assert beta_quantile(q, a, b) == pytest.approx(stats.beta.ppf(q, a, b), abs=1e-9)


def test_the_interval_covers_where_a_naive_one_does_not() -> None:
    """50 traces of 5 attempts, beta-binomial with mean .87 and intra-trace correlation .4, as measured on real runs."""
    truth, concentration, traces, attempts, runs = 0.87, 1 / 0.4 - 1, 50, 5, 1500
    chance = np.random.default_rng(20)
    chances = chance.beta(truth * concentration, (1 - truth) * concentration, size=(runs, traces))
    outcomes = chance.binomial(attempts, chances)
    ours = naive = 0
    for run in outcomes:
        low, high = interval([Fraction(int(passed), attempts) for passed in run], traces * attempts)
        ours += low <= truth <= high
        low, high = wilson(run.sum() / (traces * attempts), traces * attempts, 1.959964)
        naive += low <= truth <= high
    assert ours / runs >= 0.92
    assert naive / runs < 0.85


# What always holds


@given(scored(DECIDED + UNDECIDED + VOID), st.randoms(use_true_random=False))
def test_the_order_of_attempts_does_not_matter(rows: list[Scored], chance: Random) -> None:
    shuffled = list(rows)
    chance.shuffle(shuffled)
    assert rate(shuffled) == rate(rows)


@given(scored(DECIDED + UNDECIDED + VOID))
def test_interval_and_bounds_bracket_the_rate(rows: list[Scored]) -> None:
    found = rate(rows)
    assert 0 <= found.lower_bound <= found.upper_bound <= 1
    assume(found.rate is not None)
    low, middle, high = ends(found)
    assert 0 <= low <= middle <= high <= 1
    assert found.lower_bound <= middle <= found.upper_bound


@given(scored(DECIDED), scored(UNDECIDED + VOID))
def test_void_and_unknown_never_change_the_rate(decided: list[Scored], beside: list[Scored]) -> None:
    alone, together = rate(decided), rate(decided + beside)
    assert (together.rate, together.low, together.high) == (alone.rate, alone.low, alone.high)


@given(scored(DECIDED + UNDECIDED), st.sampled_from(["t0", "t1", "new"]))
def test_one_more_pass_never_lowers_the_rate(rows: list[Scored], name: str) -> None:
    before, after = rate(rows), rate([*rows, replace(RECOVERED, trace_id=name)])
    assert after.rate is not None
    assert after.rate >= (before.rate if before.rate is not None else -math.inf)


@given(scored(DECIDED + UNDECIDED + VOID))
def test_every_attempt_is_counted_once_on_each_axis(rows: list[Scored]) -> None:
    found = rate(rows)
    assert found.passed + found.failed + found.unknown + found.void == found.attempts == len(rows)
    assert found.delivered + found.not_delivered + found.not_reached == found.attempts
    assert found.recovered + found.escalated == found.passed
