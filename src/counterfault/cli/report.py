"""``counterfault report [ID]``"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from counterfault.campaign.run import conclude
from counterfault.cli._command import Flags
from counterfault.cli._out import give, give_line, pass_on, say
from counterfault.cli._project import project
from counterfault.cli._results import Ended, console, ended, write_page
from counterfault.core.errors import UsageError
from counterfault.registry import Family
from counterfault.wiring import stored_campaign


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Flags):
    """See ``command``."""

    campaign: Annotated[str | None, typer.Argument(metavar="[ID]", help="Else the latest.")] = None
    format: Annotated[Literal["html", "jsonl", "json", "console"], typer.Option(help="What to write.")] = "html"
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to; html has a place of its own.")] = None


def command(options: Options) -> int:
    """Write a campaign's report: a page, one JSON record an attempt, one JSON object, or the text that run prints."""
    place = project(options)
    with place.reading() as store:
        campaign, study = stored_campaign(store, options.campaign)
        result = ended(store, campaign, study, conclude(campaign, store), campaign.gate)
    if options.format == "html":
        path = write_page(result, options.output or place.folder / "reports" / f"{campaign.id}.html")
        if path is None:
            return 3
        give({"report_path": str(path)}) if options.json else say(str(path))
        return 0
    lines = _lines(result, options.format)
    if options.output is None:
        write = pass_on if options.format == "console" else give_line
        for line in lines:
            write(line)
        return 0
    try:
        options.output.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    except OSError as error:
        raise UsageError(f"{options.output}: cannot be written: {error.strerror}") from None
    give({"report_path": str(options.output)}) if options.json else say(str(options.output))
    return 0


def _lines(result: Ended, form: str) -> Iterable[str]:
    reports = Family("reports")
    if form == "jsonl":
        lines: Iterable[str] = reports.load("jsonl").lines(
            result.summary.campaign_id, result.judged, result.study.traces
        )
        return lines
    if form == "json":
        return [json.dumps(reports.load("summary_json").data(result.summary, result.gate, None), indent=2)]
    return [console(result).rstrip("\n")]
