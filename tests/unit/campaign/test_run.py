"""Running a campaign: what is stored is never run again, and however it stops, nothing done is lost."""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from campaigns.shop import AttemptAll, MakeShop, recorded
from counterfault.campaign.run import conclude, judge_again, judged_of
from counterfault.campaign.summary import summarise
from counterfault.config import Budget
from counterfault.core.attempt import Attempt, WorkItem
from counterfault.core.events import AttemptJudged, CampaignFinished, CampaignStarted
from counterfault.wiring import attempts_with, open_store


def stopping(attempt_all: AttemptAll, after: int, error: BaseException) -> AttemptAll:
    """An executor that raises once ``after`` attempts were made, over all its calls."""
    made = itertools.count()

    def attempts(items: Iterable[WorkItem]) -> Iterator[Attempt]:
        for attempt in attempt_all(items):
            if next(made) >= after:
                raise error
            yield attempt

    return attempts


def test_a_campaign_runs_judges_and_stores_its_whole_plan(shop: MakeShop) -> None:
    one = shop()
    summary = one.run()
    assert (summary.status, summary.reasons) == ("complete", ())
    assert one.planned <= one.attempts.keys() == one.judgements.keys()
    assert {one.attempts[key].arm for key in one.attempts.keys() - one.planned} == {"sentinel"}
    assert summary.controls_kept == summary.traces == 3
    assert summary.counts["recovered"]
    assert summary.overall.attempts == sum(summary.counts.values())


def test_each_attempt_is_told_once_between_the_start_and_the_end(shop: MakeShop) -> None:
    one = shop()
    one.run()
    first, *told, last = one.events
    assert isinstance(first, CampaignStarted)
    assert isinstance(last, CampaignFinished)
    assert first.known == 0
    assert sum(first.planned.values()) == len(one.planned)
    assert sorted(each.attempt.id for each in told if isinstance(each, AttemptJudged)) == sorted(one.attempts)


def test_the_summary_of_a_run_is_the_one_recomputed_from_the_store(shop: MakeShop) -> None:
    one = shop()
    summary = one.run()
    campaign = one.campaign
    assert conclude(campaign, one.store) == summary
    again = summarise(campaign.id, campaign.agent, judged_of(campaign, one.store), campaign.eligible, campaign.notes)
    assert again == summary


def test_resuming_a_finished_campaign_runs_nothing_and_says_the_same(shop: MakeShop) -> None:
    one = shop()
    summary, events = one.run(), len(one.events)

    def never(items: Iterable[WorkItem]) -> Iterator[Attempt]:
        assert list(items) == []
        return iter(())

    assert one.run(never) == summary
    started = one.events[events]
    assert isinstance(started, CampaignStarted)
    assert started.known == len(one.planned)


@pytest.mark.parametrize("after", [0, 1, 4, 6, 7, 30])
def test_resume_runs_only_what_is_missing_and_ends_as_an_undisturbed_run(shop: MakeShop, after: int) -> None:
    whole, cut = shop(), shop()
    undisturbed = whole.run()
    run_all = attempts_with(cut.study)
    with pytest.raises(KeyboardInterrupt):
        cut.run(stopping(run_all, after, KeyboardInterrupt()))
    stored = cut.attempts.keys() & cut.planned
    assert len(stored) == after
    assert conclude(cut.campaign, cut.store).status == "incomplete"
    again: list[str] = []

    def watched(items: Iterable[WorkItem]) -> Iterator[Attempt]:
        for attempt in run_all(items):
            again.append(attempt.id)
            yield attempt

    summary = cut.run(watched)
    assert not stored & {*again}
    assert sorted([*stored, *again]) == sorted(cut.planned)
    assert cut.attempts.keys() == whole.attempts.keys()
    assert cut.verdicts == whole.verdicts
    assert summary.counts == undisturbed.counts
    assert summary.overall == undisturbed.overall
    assert conclude(cut.campaign, cut.store) == summary


def test_what_was_stored_but_not_judged_is_judged_by_resume(shop: MakeShop) -> None:
    one = shop()
    one.run()
    other = shop()
    other.store.put_attempts(other.campaign.id, list(one.attempts.values()))
    summary = other.run()
    assert other.verdicts == one.verdicts
    assert summary.counts == conclude(one.campaign, one.store).counts


def test_a_campaign_out_of_time_is_incomplete_and_says_so(shop: MakeShop) -> None:
    one = shop()
    summary = one.run(minutes=0)
    assert summary.status == "incomplete"
    assert summary.reasons == (f"{len(one.planned)} attempts were not made: the time budget is used up",)
    assert one.run().status == "complete"


def test_an_interrupted_campaign_is_never_complete(shop: MakeShop) -> None:
    one = shop()
    with pytest.raises(KeyboardInterrupt):
        one.run(stopping(attempts_with(one.study), 10, KeyboardInterrupt()))
    missing = len(one.planned) - 10
    assert conclude(one.campaign, one.store).reasons == (f"{missing} attempts were not made: it was interrupted",)
    assert not any(isinstance(event, CampaignFinished) for event in one.events)


def test_judging_again_gives_the_same_verdicts(shop: MakeShop) -> None:
    one = shop()
    summary = one.run()
    before = one.judgements
    judge_again(one.campaign, one.store)
    assert one.judgements == before
    assert conclude(one.campaign, one.store) == summary


def test_two_campaigns_of_the_same_settings_make_the_same_attempts(shop: MakeShop) -> None:
    one, two = shop(), shop()
    one.run()
    two.run()
    assert one.verdicts == two.verdicts


def test_an_agent_that_does_not_reproduce_its_recordings_makes_the_campaign_invalid(shop: MakeShop) -> None:
    summary = shop("idle").run()
    assert summary.status == "invalid"
    assert any("controls held on 0 of 3 traces" in reason for reason in summary.reasons)
    assert summary.overall.attempts == 0
    assert summary.findings == {}


def test_state_that_an_agent_keeps_in_its_module_makes_the_campaign_invalid(shop: MakeShop) -> None:
    summary = shop("remembering").run()
    assert summary.status == "invalid"
    assert any(reason.startswith("state leaks between attempts: the closing control") for reason in summary.reasons)


def test_an_agent_whose_controls_differ_anyway_is_not_said_to_leak(shop: MakeShop) -> None:
    summary = shop("counting").run()
    assert not any("leaks" in reason for reason in summary.reasons)


def test_a_campaign_without_mutants_is_invalid(shop: MakeShop) -> None:
    summary = shop(budget=Budget(0, 1)).run()
    assert "no mutant was tried" in summary.reasons


def test_a_stored_plan_is_the_one_that_was_made_item_by_item(shop: MakeShop, tmp_path: Path) -> None:
    # The same change of two recordings may stand in another tier in each.
    traces = tuple(recorded(1001 + number, 10.5 + 3.25 * number) for number in range(30))
    with closing(open_store(tmp_path)) as store:
        one = shop(traces=traces, store=store, operators=("all",), budget=Budget(500, 10))
        stored = list(store.plan(one.campaign.id))
    differing = [mine.id for mine, planned in zip(stored, one.campaign.items, strict=True) if mine != planned]
    assert differing == []
