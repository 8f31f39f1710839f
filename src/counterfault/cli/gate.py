"""``counterfault gate [ID]``"""

from dataclasses import dataclass, replace
from typing import Annotated

import typer

from counterfault.campaign.run import conclude
from counterfault.cli._command import Flags
from counterfault.cli._out import Colour, give, say
from counterfault.cli._project import has_settings, project
from counterfault.cli._results import ended
from counterfault.core.score import headline
from counterfault.registry import Family
from counterfault.wiring import stored_campaign


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Flags):
    """See ``command``."""

    campaign: Annotated[str | None, typer.Argument(metavar="[ID]", help="Else the latest.")] = None


def command(options: Options) -> int:
    """Decide on a stored campaign, by the project's present [gate]; exit 0 pass, 1 fail, 3 invalid.

    With --store and without --config, by the limits that the campaign was run with.
    """
    place = project(options)
    with place.reading() as store:
        campaign, study = stored_campaign(store, options.campaign)
        if has_settings(place.config, options):
            campaign = replace(campaign, gate=place.config.gate)
        result = ended(store, campaign, study, conclude(campaign, store), campaign.gate)
    assert result.gate is not None
    if options.json:
        give(Family("reports").load("summary_json").gate_data(result.summary, result.gate))
        return result.exit_code
    colours: dict[str, Colour] = {"pass": "green", "inconclusive": "yellow"}
    say(f"campaign {campaign.id}: {headline(result.summary.overall, 'under fault injection')}")
    say(f"gate  {result.gate.decision.upper()}", colours.get(result.gate.decision, "red"))
    for check in result.gate.checks:
        say(f"  {Family('reports').load('console').check_line(check)}")
    told = {check.name for check in result.gate.checks}
    for reason in result.gate.reasons:
        if reason.partition(":")[0] not in told:
            say(f"  ! {reason}")
    return result.exit_code
