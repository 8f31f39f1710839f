"""The summary: what is counted where, and what is not."""

import itertools
from dataclasses import replace
from typing import Any

from counterfault.campaign.left_out import unknown_reasons, unresolved_reasons
from counterfault.campaign.summary import Judged, Summary, summarise
from counterfault.core.attempt import Answered, Attempt, Injection
from counterfault.core.mutant import Mutant, Mutation, Site
from counterfault.core.outcome import Finding, Judgement
from counterfault.core.trace import Message

_NUMBERS = itertools.count()
FAILING = ("policy_violation", "duplicated", "fabricated", "silent_wrong", "retry_storm", "crashed", "timed_out")
VOID = ("unresolved", "not_reached", "not_delivered", "harness_error")


def judged(outcome: str, trace: str = "t1", arm: str = "mutant", **more: Any) -> Judged:
    """A judged attempt; ``implies`` are findings beside the one that decided."""
    delivered = outcome not in ("not_reached", "not_delivered", "harness_error")
    implies = [*([outcome] if outcome in FAILING[:5] else []), *more.get("implies", ())]
    attempt = Attempt(
        id=f"{next(_NUMBERS):06}",
        trace_id=trace,
        mutant_id="m",
        arm=arm,  # type: ignore[arg-type]
        agent="agent",
        replicate=0,
        seed=0,
        status=outcome if outcome in (*VOID, "crashed", "timed_out") else "completed",  # type: ignore[arg-type]
        steps=(Message("user", "go"),) * more.get("steps", 1),
        answered=(Answered(0, "recorded"), Answered(1, "fault")),
        injections=(Injection(0, 0, 0, {}),) if delivered and arm == "mutant" else (),
        reached=outcome != "not_reached",
        duration_s=more.get("seconds", 0.01),
    )
    site = Site(0, more.get("tool", "get"), "result", more.get("pointer", "/a"))
    operator = more.get("operator", "schema.rename")
    mutation = Mutation(operator, "", operator.partition(".")[0], "adapt", site, (), tier=more.get("tier", 1))
    verdict = more.get("verdict") or ("fail" if outcome in FAILING else "void" if outcome in VOID else "pass")
    findings = tuple(Finding("oracle", more.get("code", "wrong"), "it was", implies=kind) for kind in implies)
    return Judged(
        attempt,
        Mutant((mutation,)) if arm == "mutant" else None,
        Judgement(outcome, verdict, findings, more.get("needless", False)),  # type: ignore[arg-type]
        more.get("holds", True),
    )


def control(outcome: str, trace: str, holds: bool) -> Judged:
    return judged(outcome, trace, "control", holds=holds)


def summed(*attempts: Judged) -> Summary:
    return summarise("c-1", "agent", attempts)


def test_rates_are_over_traces_whose_control_holds() -> None:
    found = summed(
        control("recovered", "t1", True),
        control("silent_wrong", "t2", False),
        judged("recovered"),
        judged("silent_wrong"),
        *(judged("silent_wrong", "t2", holds=False) for _ in range(5)),
    )
    assert found.overall.rate == 0.5
    every = (found.overall, found.by_family["schema"], found.by_operator["schema.rename"])
    assert [one.attempts for one in every] == [2, 2, 2]
    assert (found.traces, found.controls_kept, found.unheld, found.kept_share) == (2, 1, ("t2",), 0.5)
    assert found.counts == {"recovered": 1, "silent_wrong": 6}


def test_a_closing_control_that_recovers_does_not_bring_a_trace_back() -> None:
    controls = [control(outcome, "t1", False) for outcome in ("silent_wrong", "recovered")]
    found = summed(*controls, judged("recovered", holds=False))
    assert (found.controls_kept, found.unheld, found.overall.attempts) == (0, ("t1",), 0)


def test_what_fails_without_the_mutation_is_in_no_group_and_in_no_count_of_findings() -> None:
    found = summed(
        control("silent_wrong", "t1", False),
        judged("silent_wrong", holds=False),
        judged("crashed", holds=False),
    )
    assert found.groups == ()
    assert found.findings == {}


def test_a_policy_counts_in_controls_and_on_every_trace_too() -> None:
    found = summed(
        control("policy_violation", "t1", False),
        judged("policy_violation", holds=False),
        judged("recovered", "t2", implies=("policy_violation",)),
        judged("policy_violation", "t3", "sentinel"),
    )
    assert found.findings == {"policy_violation": 3}


def test_findings_count_whatever_the_outcome_but_not_without_delivery() -> None:
    found = summed(
        judged("crashed", implies=("silent_wrong", "duplicated")),
        judged("unresolved", implies=("fabricated",)),
        judged("duplicated", implies=("duplicated", "silent_wrong")),
        judged("not_reached", implies=("silent_wrong",)),
        judged("not_delivered", implies=("silent_wrong",)),
        judged("harness_error", implies=("silent_wrong",)),
        judged("recovered", verdict="unknown", implies=("unknown",)),
    )
    assert found.findings == {"crashed": 1, "duplicated": 2, "fabricated": 1, "silent_wrong": 2}
    assert found.counts["unknown"] == 1
    assert sum(found.counts.values()) == 7


def test_delivery_is_over_the_sites_reached() -> None:
    found = summed(judged("recovered"), judged("not_delivered"), judged("not_reached"), judged("unresolved"))
    assert (found.reached, found.delivered) == (3, 2)
    assert found.delivered_share == 2 / 3
    assert summed().delivered_share == 1.0
    assert summed().kept_share == 0.0


def test_groups_are_by_root_worst_first_with_the_shortest_example() -> None:
    short = judged("silent_wrong", "t2", steps=1)
    found = summed(
        judged("timed_out"),
        judged("silent_wrong", "t1", steps=9),
        short,
        judged("silent_wrong", "t2", steps=5),
        judged("silent_wrong", pointer="/b"),
        judged("silent_wrong", pointer="/c", tier=3),
        judged("silent_wrong", code="missing"),
        judged("policy_violation", tier=3),
        judged("recovered"),
        judged("unresolved"),
    )
    shown = [(group.outcome, group.code, group.pointer, group.attempts, group.traces) for group in found.groups]
    assert shown == [
        ("policy_violation", "wrong", "/a", 1, 1),
        ("silent_wrong", "wrong", "/a", 3, 2),
        ("silent_wrong", "missing", "/a", 1, 1),
        ("silent_wrong", "wrong", "/b", 1, 1),
        ("silent_wrong", "wrong", "/c", 1, 1),
        ("timed_out", "timed_out", "/a", 1, 1),
    ]
    assert found.groups[1].example == short


def test_the_order_of_attempts_changes_nothing() -> None:
    attempts = [judged(outcome, f"t{n}", steps=n + 1) for outcome in (*FAILING, *VOID, "recovered") for n in range(3)]
    assert summed(*attempts) == summed(*reversed(attempts))


def test_the_load_view_is_of_mutants_and_an_error_is_what_did_not_complete() -> None:
    found = summed(
        *(judged("recovered", seconds=0.1) for _ in range(98)),
        judged("crashed", seconds=0.5),
        judged("timed_out", seconds=2.0),
        control("recovered", "t1", True),
    ).load
    assert (found.requests, found.p50_s, found.p99_s, found.error_rate) == (100, 0.1, 2.0, 0.02)
    assert summed().load.requests == 0


def test_origins_count_how_calls_were_answered_and_nothing_is_answered_in_a_forged_record() -> None:
    attempts = (judged("recovered"), control("recovered", "t1", True), judged("silent_wrong", arm="sentinel"))
    assert summed(*attempts).origins == {"fault": 2, "recorded": 2}


def test_an_agent_that_never_speaks_in_a_conversation_is_reported_once() -> None:
    mute = [control("recovered", trace, True) for trace in ("t1", "t1", "t2")]
    mute = [replace(one, attempt=replace(one.attempt, silent_turns=True)) for one in mute]
    notes = summed(*mute, control("recovered", "t3", True), judged("recovered")).notes
    assert len(notes) == 1
    assert "2 of 3 traces" in notes[0]
    assert summed(control("recovered", "t3", True)).notes == ()


def test_the_reasons_of_what_is_left_out_of_the_rate_add_up_to_it() -> None:
    attempts = [
        judged(outcome, trace, verdict=verdict, holds=trace == "t1")
        for outcome, verdict in (("recovered", "unknown"), ("unresolved", "void"), ("unresolved", "void"))
        for trace in ("t1", "t2")
    ]
    overall = summed(control("recovered", "t1", True), control("crashed", "t2", False), *attempts).overall
    assert sum(count for _, count in unknown_reasons(attempts)) == overall.unknown == 1
    assert sum(count for _, count in unresolved_reasons(attempts)) == overall.unresolved == 2
