"""``counterfault resume [ID]``"""

from dataclasses import dataclass
from typing import Annotated

import typer

from counterfault.campaign.lookup import unfinished
from counterfault.cli._command import Flags
from counterfault.cli._out import tell
from counterfault.cli._project import project
from counterfault.cli._results import INTERRUPTED, carry_out, ended, show_result
from counterfault.core.errors import UsageError
from counterfault.registry import Family
from counterfault.wiring import fingerprint, stored_campaign


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Flags):
    """See ``command``."""

    campaign: Annotated[str | None, typer.Argument(metavar="[ID]", help="Else the latest unfinished one.")] = None
    no_gate: Annotated[bool, typer.Option("--no-gate", help="Exit 0, or 3 where the campaign means nothing.")] = False


def command(options: Options) -> int:
    """Go on with a campaign that was interrupted: resume is the plan without what is stored.

    Damaged rows are dropped and run again. A campaign goes on with the agent that it began with, or not at all.
    """
    place = project(options)
    place.require()
    for line in Family("stores").load("sqlite").repair(place.folder):
        tell(f"damaged: {line}", "yellow")
    with place.writing() as store:
        campaign, study = stored_campaign(store, options.campaign or unfinished(store))
        now = fingerprint(study.config)
        if now != campaign.agent:
            raise UsageError(
                f"campaign {campaign.id} was begun with agent {campaign.agent}, and {study.config.agent.entry!r} is "
                f"now {now}: its code has changed; put it back, or begin anew with `counterfault run`"
            )
        tell(f"campaign {campaign.id}: {len(store.attempt_ids(campaign.id))} attempts are stored")
        summary = carry_out(place, store, campaign, study)
        if summary is None:
            return INTERRUPTED
        result = ended(store, campaign, study, summary, None if options.no_gate else campaign.gate)
    return show_result(place, options, result, page=True)
