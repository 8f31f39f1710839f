"""``counterfault show ID``"""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from counterfault.campaign.lookup import attempt_named
from counterfault.campaign.record import record
from counterfault.campaign.run import conclude, judged_of
from counterfault.campaign.summary import Judged
from counterfault.campaign.wording import controls_by_trace
from counterfault.cli._command import Flags
from counterfault.cli._out import give, say
from counterfault.cli._project import Project, project
from counterfault.cli._results import ended, show_result
from counterfault.cli._views import attempt_lines, steps_of
from counterfault.codec import trace_json
from counterfault.core.errors import UsageError
from counterfault.core.trace import Trace
from counterfault.ports import Store
from counterfault.wiring import stored_campaign


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Flags):
    """See ``command``."""

    id: Annotated[str, typer.Argument(metavar="ID", help="Of an attempt, a trace or a campaign, or how it begins.")]


def command(options: Options) -> int:
    """Show one attempt: what was changed, what the agent did, what was found. Or a trace, or a campaign."""
    place = project(options)
    with place.reading() as store:
        named = attempt_named(store, options.id)
        if named:
            return _attempt(store, *named, options.json)
        trace = next((trace for trace in store.traces() if trace.id.startswith(options.id)), None)
        if trace:
            return _trace(trace, options.json)
        if not any(known.startswith(options.id) for known, _ in store.campaigns()):
            raise UsageError(f"{options.id!r} begins the id of no attempt, trace or campaign in {place.folder}")
        return _campaign(place, store, options)


def _attempt(store: Store, campaign_id: str, attempt_id: str, as_json: bool) -> int:
    campaign, study = stored_campaign(store, campaign_id)
    judged = judged_of(campaign, store)
    one = next(one for one in judged if one.attempt.id == attempt_id)
    trace = next(trace for trace in study.traces if trace.id == one.attempt.trace_id)
    if as_json:
        give(attempt_json(campaign_id, one, trace))
        return 0
    control = controls_by_trace(judged).get(trace.id) if one.mutant else None
    for line in attempt_lines(campaign_id, one, trace, control):
        say(line)
    return 0


def attempt_json(campaign_id: str, one: Judged, trace: Trace) -> dict[str, Any]:
    """The attempt's record with the trace that the agent produced."""
    return {**record(campaign_id, one, trace), "trace": trace_json(one.attempt.as_trace(trace.tools))}


def _trace(trace: Trace, as_json: bool) -> int:
    if as_json:
        give(trace_json(trace))
        return 0
    say(f"trace {trace.id}  task {trace.task or '-'}")
    for line in steps_of(trace):
        say(line)
    return 0


def _campaign(place: Project, store: Store, options: Options) -> int:
    campaign, study = stored_campaign(store, options.id)
    show_result(place, options, ended(store, campaign, study, conclude(campaign, store), None), page=False)
    return 0
