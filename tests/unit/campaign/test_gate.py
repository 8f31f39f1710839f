"""The gate: every limit, in the order in which trouble of ours comes before trouble of the agent's."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from counterfault.campaign.gate import gate
from counterfault.campaign.summary import Summary, summarise
from counterfault.config import GateConfig
from counterfault.core.score import Scored, by_family, rate

OPEN = GateConfig(
    min_pass_rate=None,
    max_policy_violations=None,
    max_needless=None,
    min_decided=0.0,
    min_delivered=0.0,
    min_control=0.0,
)


def rows(family: str, **numbers: int) -> list[Scored]:
    """So many attempts of a family as each outcome says, each on a trace of its own."""
    verdicts: dict[str, Any] = {"recovered": "pass", "needless": "pass", "silent_wrong": "fail", "unknown": "unknown"}
    return [
        Scored(
            trace_id=f"{family} {outcome} {index}",
            arm="mutant",
            family=family,
            operator=f"{family}.x",
            outcome={"needless": "escalated", "unknown": "recovered"}.get(outcome, outcome),
            verdict=verdicts.get(outcome, "void"),
            delivered=outcome not in ("not_reached", "not_delivered"),
            reached=outcome != "not_reached",
            needless=outcome == "needless",
        )
        for outcome, number in numbers.items()
        for index in range(number)
    ]


def summary(families: Mapping[str, Mapping[str, int]], **changes: Any) -> Summary:
    """A complete campaign with these outcomes by family; all controls hold."""
    all_rows = [row for family, numbers in families.items() for row in rows(family, **numbers)]
    empty = summarise("c-1", "agent", [], eligible=tuple(families))
    reached = sum(row.reached for row in all_rows)
    delivered = sum(row.delivered for row in all_rows)
    found = replace(empty, overall=rate(all_rows), by_family=by_family(all_rows), reached=reached, delivered=delivered)
    return replace(found, **{"controls_kept": 10, "traces": 10, **changes})


GREEN = {"schema": {"recovered": 9, "silent_wrong": 1}, "fault": {"recovered": 8, "needless": 2}}


def test_a_campaign_within_its_limits_passes() -> None:
    found = gate(summary(GREEN), GateConfig())
    assert (found.decision, found.reasons, found.exit_code) == ("pass", (), 0)
    assert {check.name for check in found.checks} == {
        *("min_pass_rate", "max_policy_violations", "min_delivered", "min_control", "min_decided", "max_needless")
    }


@pytest.mark.parametrize(
    ("limits", "broken"),
    [
        ({"min_pass_rate": 0.96}, "min_pass_rate"),
        ({"min_pass_rate_by_family": {"schema": 0.91}}, "min_pass_rate_by_family.schema"),
        ({"max_silent_wrong": 0}, "max_silent_wrong"),
        ({"max_policy_violations": 1}, "max_policy_violations"),
        ({"max_fabricated": 2}, "max_fabricated"),
        ({"max_duplicated": 3}, "max_duplicated"),
        ({"max_retry_storms": 4}, "max_retry_storms"),
        ({"max_crashed": 5}, "max_crashed"),
        ({"max_needless": 0.1}, "max_needless"),
    ],
)
def test_each_limit_fails_where_it_is_passed_and_only_there(limits: dict[str, Any], broken: str) -> None:
    names = ("silent_wrong", "policy_violation", "fabricated", "duplicated", "retry_storm", "crashed")
    found = summary(GREEN, findings={name: count for count, name in enumerate(names, 1)})
    (name,) = limits
    strict = gate(found, replace(OPEN, **limits))
    assert (strict.decision, strict.exit_code) == ("fail", 1)
    assert [check.name for check in strict.checks if not check.ok] == [broken]
    assert strict.reasons[0].startswith(f"{broken}: ")
    value = next(check.value for check in strict.checks if check.name == broken)
    assert value is not None
    just: Any = {"schema": value} if name == "min_pass_rate_by_family" else value
    kept = gate(found, replace(OPEN, **{name: just}))
    assert (kept.decision, kept.exit_code) == ("pass", 0)


@pytest.mark.parametrize(
    ("limits", "changes"),
    [
        (replace(OPEN, min_delivered=0.8), {"reached": 40}),
        (replace(OPEN, min_control=0.8, max_silent_wrong=0), {"controls_kept": 7, "findings": {"silent_wrong": 9}}),
    ],
)
def test_where_too_little_was_delivered_or_held_the_test_failed_and_not_the_agent(
    limits: GateConfig, changes: dict[str, Any]
) -> None:
    found = gate(summary(GREEN, **changes), limits)
    assert (found.decision, found.exit_code) == ("invalid", 3)
    assert found.reasons


def test_too_little_decided_is_inconclusive_and_never_green() -> None:
    found = gate(summary({"schema": {"recovered": 5, "unknown": 4, "unresolved": 1}}), replace(OPEN, min_decided=0.6))
    assert found.decision == "inconclusive"
    assert found.exit_code != 0
    assert found.reasons == ("min_decided: 0.5, limit 0.6",)


def test_what_the_agent_did_wrong_stands_however_little_was_decided() -> None:
    undecided = {"schema": {"silent_wrong": 1, "unknown": 9}}
    assert gate(summary(undecided), replace(OPEN, min_decided=0.8, min_pass_rate=0.5)).decision == "fail"


def test_nothing_decided_is_inconclusive_without_any_limit() -> None:
    found = gate(summary({"schema": {"unknown": 3}}), OPEN)
    assert (found.decision, found.reasons) == ("inconclusive", ("no attempt was decided",))


@pytest.mark.parametrize("status", ["invalid", "incomplete"])
def test_a_campaign_that_means_nothing_is_invalid_whatever_its_rate(status: str) -> None:
    red = {"schema": {"silent_wrong": 10}}
    for families in (GREEN, red):
        found = gate(summary(families, status=status, reasons=("why",)), GateConfig())
        assert (found.decision, found.reasons, found.exit_code) == ("invalid", ("why",), 3)


def test_a_family_with_sites_of_which_nothing_was_delivered_makes_it_invalid() -> None:
    families = {**GREEN, "value": {"not_reached": 3, "not_delivered": 1}}
    found = gate(summary(families), replace(OPEN, min_families=("schema", "value", "policy")))
    assert (found.decision, found.exit_code) == ("invalid", 3)
    assert found.reasons == ("family value has eligible sites, and nothing of it was delivered",)


def test_a_family_without_sites_or_not_asked_for_is_no_reason() -> None:
    families = {**GREEN, "value": {"not_reached": 3}}
    assert gate(summary(families), replace(OPEN, min_families=("schema", "policy"))).decision == "pass"


def test_a_family_limit_without_a_measured_rate_is_shown_as_such_and_not_blamed_on_the_agent() -> None:
    found = gate(summary(GREEN), replace(OPEN, min_pass_rate_by_family={"policy": 0.9}))
    (check,) = [check for check in found.checks if check.name.endswith("policy")]
    assert (check.value, check.ok, found.decision) == (None, True, "pass")
