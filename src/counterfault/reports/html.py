"""A campaign as one page: a single file that opens anywhere, without network, fonts or scripts of others.

Escaping is the first wall (Jinja2 with autoescape; control and bidi characters are drawn), the page's own content
security policy the second: nothing may load, and of scripts only the one whose digest it names. Without JavaScript only
the filter of the attempts is missing.
"""

import base64
import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from counterfault.campaign.gate import Check, Gate
from counterfault.campaign.left_out import control_views, unknown_reasons, unresolved_reasons
from counterfault.campaign.summary import Judged, Summary
from counterfault.campaign.wording import (
    check_values,
    controls_by_trace,
    counted,
    percent,
    reproduce_line,
    words,
)
from counterfault.core.mutant import FAMILIES
from counterfault.core.safe_text import visible
from counterfault.core.score import headline
from counterfault.core.trace import Trace
from counterfault.reports import _views as views

MOST_ATTEMPTS = 2000
MOST_STORIES = 40
MOST_GROUPS = 400

_FOLDER = Path(__file__).parent / "templates"
_DECISIONS = {
    "pass": ("good", "✓", "Gate passed"),
    "fail": ("bad", "✗", "Gate failed"),
    "inconclusive": ("doubt", "?", "Inconclusive"),
    "invalid": ("bad", "!", "Invalid campaign"),
}


def write(
    path: Path, summary: Summary, judged: Sequence[Judged], gate: Gate | None, traces: Iterable[Trace] = ()
) -> None:
    """Write the page, whole or not at all. Raises OSError where the place cannot be written."""
    text = page(summary, judged, gate, traces)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, "utf-8", newline="\n")
    draft.replace(path)


def page(summary: Summary, judged: Sequence[Judged], gate: Gate | None, traces: Iterable[Trace] = ()) -> str:
    """The page as text."""
    script = (_FOLDER / "report.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return _environment().get_template("report.html").render(
        policy=policy,
        script=Markup(script),
        style=Markup((_FOLDER / "report.css").read_text("utf-8")),
        **_content(summary, judged, gate, {trace.id: trace for trace in traces}),
    )


def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=FileSystemLoader(_FOLDER),
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_drawn,
    )
    environment.filters.update(percent=percent, counted=counted, words=words, seconds=_seconds)
    return environment


def _drawn(value: Any) -> Any:
    """The one door for all text: autoescape comes after it."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value >= 1 else f"{1000 * value:.1f} ms"


def _content(
    summary: Summary, judged: Sequence[Judged], gate: Gate | None, traces: dict[str, Trace]
) -> dict[str, Any]:
    controls = controls_by_trace(judged)
    attempts, all_attempts = views.attempt_views(judged, MOST_ATTEMPTS)
    stories = []
    for group in summary.groups[:MOST_STORIES]:
        trace_id = group.example.attempt.trace_id
        stories.append(views.group_view(group, traces.get(trace_id), controls.get(trace_id)))
    return {
        "summary": summary,
        "decision": _decision(summary, gate),
        "gate": gate,
        "checks": [_check(check) for check in gate.checks] if gate else [],
        "limit": next((c.limit for c in gate.checks if c.name == "min_pass_rate"), None) if gate else None,
        "headline": headline(summary.overall, "under fault injection"),
        "rates": views.rate_views(summary),
        "shares": views.outcome_shares(summary.overall),
        "stories": stories,
        "more_groups": [
            (group, views.group_place(group), reproduce_line(group.example.attempt.id))
            for group in summary.groups[MOST_STORIES:MOST_GROUPS]
        ],
        "hidden_groups": max(0, len(summary.groups) - MOST_GROUPS),
        "heat": views.heat_map(judged),
        "controls": control_views(judged),
        "sentinels": views.sentinels_failed(judged),
        "attempts": attempts,
        "all_attempts": all_attempts,
        "families": FAMILIES,
        "unknown": unknown_reasons(judged),
        "unresolved": unresolved_reasons(judged),
        "idle": [name for name, rate in summary.by_operator.items() if not rate.exercised],
    }


def _decision(summary: Summary, gate: Gate | None) -> tuple[str, str, str]:
    if summary.status == "incomplete":
        return "bad", "!", "Incomplete campaign"
    if summary.status != "complete":
        return _DECISIONS["invalid"]
    return _DECISIONS[gate.decision] if gate else ("quiet", "–", "No gate applied")


def _check(check: Check) -> dict[str, Any]:
    value, limit = check_values(check)
    return {"name": check.name, "ok": check.ok, "value": value, "limit": limit}
