"""``counterfault traces list|show``"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import typer

from counterfault.cli._command import Flags, NothingSelected
from counterfault.cli._out import give, say, table
from counterfault.cli._project import project
from counterfault.cli._views import steps_of
from counterfault.codec import trace_json
from counterfault.core.effects import is_refusal
from counterfault.core.errors import UsageError
from counterfault.core.jsontree import leaves
from counterfault.core.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Flags):
    """See ``command``."""

    what: Annotated[Literal["list", "show"], typer.Argument(metavar="list|show", help="What to do.")]
    trace: Annotated[str | None, typer.Argument(metavar="[ID]", help="A trace's id, or how it begins.")] = None


def command(options: Options) -> int:
    """List the imported traces, or show one of them step by step."""
    with project(options).reading() as store:
        known = list(store.traces())
    if options.what == "show":
        return _show(known, options)
    if options.json:
        give({"traces": [_row(trace) for trace in known]})
        return 0
    if not known:
        raise NothingSelected("no trace is imported yet; `counterfault import FILE` reads some")
    rows = [("id", "task", "calls", "errors", "label", "tools")]
    for trace in known:
        row = _row(trace)
        label = {True: "good", False: "failed", None: "-"}[trace.passed] + (" incomplete" if trace.incomplete else "")
        tools = ", ".join(row["tools"])
        short = tools if len(tools) <= 40 else tools[:39] + "…"
        rows.append((trace.id[:12], trace.task[:20] or "-", row["tool_calls"], row["errors"], label, short))
    say(table(rows, ""))
    return 0


def _show(known: list[Trace], options: Options) -> int:
    if options.trace is None:
        raise UsageError("traces show: expected a trace's id; `counterfault traces list` shows them")
    trace = find(known, options.trace)
    if options.json:
        give(trace_json(trace))
        return 0
    say(f"trace {trace.id}  task {trace.task or '-'}  {trace.format}  {trace.source}")
    for reason in trace.incomplete:
        say(f"incomplete: {reason}")
    for line in steps_of(trace):
        say(line)
    return 0


def find(known: list[Trace], prefix: str) -> Trace:
    """The one trace whose id begins so. Raises UsageError."""
    found = [trace for trace in known if trace.id.startswith(prefix)]
    if len(found) != 1:
        raise UsageError(f"{prefix!r} begins the ids of {len(found)} traces; `counterfault traces list` shows them")
    return found[0]


def _row(trace: Trace) -> dict[str, Any]:
    calls = [call for _, call in trace.calls()]
    results = [call.result for call in calls if call.result is not None]
    return {
        "id": trace.id,
        "source": trace.source,
        "format": trace.format,
        "task": trace.task,
        "tool_calls": len(calls),
        "tool_results": len(results),
        "errors": sum(is_refusal(result) for result in results),
        "tools": list(dict.fromkeys(call.tool for call in calls)),
        "argument_leaves": sum(len(list(leaves(dict(call.arguments)))) for call in calls if call.arguments),
        "incomplete": list(trace.incomplete),
        "labels": dict(trace.labels),
        "tags": list(trace.tags),
    }
