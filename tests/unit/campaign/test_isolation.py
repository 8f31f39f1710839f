"""The same campaign in worker processes: the same verdicts, and what an agent did before it took it along."""

from collections.abc import Iterator

import pytest

from campaigns.shop import MakeShop, Shop
from counterfault.config import Budget
from counterfault.core.attempt import Attempt
from counterfault.core.trace import ToolCall

BROKEN = {"operators": ("schema.rename",), "budget": Budget(4, 5), "controls": 1}


def made(attempt: Attempt) -> list[tuple[str, str | None]]:
    """The calls of an attempt, with what became of the writes."""
    return [
        (step.tool, attempt.states.get(at)) for at, step in enumerate(attempt.steps) if isinstance(step, ToolCall)
    ]


def broken(one: Shop) -> Iterator[Attempt]:
    """The attempts in which the agent saw an unusual order."""
    changed = {item.id for item in one.campaign.items if item.mutant and item.mutant.first.site.tool == "get_order"}
    return (attempt for attempt in one.attempts.values() if attempt.id in changed and attempt.delivered)


def test_worker_processes_give_the_same_attempts_and_verdicts_as_this_one(shop: MakeShop) -> None:
    here, there = shop(), shop(isolation="process")
    mine, theirs = here.run(), there.run()
    assert there.attempts.keys() == here.attempts.keys()
    assert there.verdicts == here.verdicts
    assert (theirs.status, theirs.counts, theirs.overall) == (mine.status, mine.counts, mine.overall)


def test_a_forked_process_for_each_attempt_keeps_no_state(shop: MakeShop) -> None:
    plain, forgetful = shop("remembering", "fresh"), shop()
    summary, usual = plain.run(), forgetful.run()
    assert (summary.status, summary.counts) == ("complete", usual.counts)


@pytest.mark.parametrize("isolation", ["process", "fresh"])
@pytest.mark.parametrize(
    ("agent", "status", "reason"),
    [
        ("crashing", "crashed", "KeyError"),
        ("exiting", "crashed", "exit code 7"),
        ("killed", "crashed", "signal 9"),
        ("hungry", "crashed", "MemoryError"),
        ("hanging", "timed_out", "no answer within 1 s"),
    ],
)
def test_what_an_agent_did_before_it_was_lost_is_kept_and_judged(
    shop: MakeShop, agent: str, status: str, reason: str, isolation: str
) -> None:
    one = shop(agent, isolation, timeout_s=1.0, **BROKEN)
    summary = one.run()
    lost = list(broken(one))
    assert lost
    for attempt in lost:
        assert attempt.status == status
        assert reason in attempt.reason
        assert made(attempt) == [("get_order", None), ("refund", "committed")]
        assert one.verdicts[attempt.id] == (status, "fail")
    assert summary.controls_kept == summary.traces == 3
    assert summary.counts[status] >= len(lost)


def test_a_crash_does_not_hide_a_refund_that_was_wrong(shop: MakeShop) -> None:
    one = shop("exiting", "process", operators=("schema.rename",), budget=Budget(20, 5), controls=1)
    summary = one.run()
    hidden = [
        attempt
        for attempt in broken(one)
        if any(finding.implies == "silent_wrong" for finding in one.judgements[attempt.id].findings)
    ]
    assert hidden
    assert {one.verdicts[attempt.id][0] for attempt in hidden} == {"crashed"}
    assert summary.findings["silent_wrong"] >= len(hidden)


def test_an_agent_that_is_not_there_is_one_error_and_no_attempt(shop: MakeShop) -> None:
    for isolation in ("inline", "process"):
        one = shop("nobody", isolation)
        with pytest.raises(Exception, match=r"campaigns\.agents:nobody"):
            one.run()
        assert one.attempts == {}
