"""``counterfault judge [ID]``"""

from dataclasses import dataclass
from typing import Annotated

import typer

from counterfault.campaign.run import conclude, judge_again
from counterfault.cli._command import Flags
from counterfault.cli._out import tell
from counterfault.cli._project import has_settings, project
from counterfault.cli._results import ended, show_result
from counterfault.wiring import adopt, stored_campaign


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Flags):
    """See ``command``."""

    campaign: Annotated[str | None, typer.Argument(metavar="[ID]", help="Else the latest.")] = None


def command(options: Options) -> int:
    """Judge a campaign's stored attempts again, by the project's present rules; no agent is run.

    [tools], [judge], [[policy]] and [gate] are taken from the settings; with --store and without --config, from the
    campaign. Exit 0, or 3 where the campaign means nothing.
    """
    place = project(options)
    place.require()
    with place.writing() as store:
        campaign, study = stored_campaign(store, options.campaign)
        if has_settings(place.config, options):
            adopt(store, campaign.id, place.config)
            campaign, study = stored_campaign(store, campaign.id)
        before = dict(store.judgements(campaign.id))
        judge_again(campaign, store)
        after = store.judgements(campaign.id)
        changed = sum(before.get(key) != judgement for key, judgement in after.items())
        verdicts = sum(key in before and before[key].verdict != one.verdict for key, one in after.items())
        result = ended(store, campaign, study, conclude(campaign, store), None)
    tell(f"{len(after)} attempts judged: {changed} judgements changed, {verdicts} of them in their verdict")
    return show_result(place, options, result, page=False)
