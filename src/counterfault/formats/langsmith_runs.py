"""Runs of LangSmith as its SDK gives them (``client.list_runs``): one run a record, or a tree with its ``child_runs``.

Recognised by ``run_type``. Runs are put together by ``trace_id`` and in order by their times. Those of type ``llm`` are
model calls, of type ``tool`` tool calls; the others (chains, prompts, parsers, retrievers) are the framework's own
steps. Messages are LangChain's or a provider's; their constructors are read as data and never called. ``error`` sets
the error flag; what the agent was told of it is known where a later model call repeats it. Feedback becomes labels.
"""

from collections.abc import Iterator
from typing import BinaryIO

from counterfault.codec import Place, shown
from counterfault.core.errors import InputError
from counterfault.core.jsontree import JSON
from counterfault.core.trace import ToolResult, Trace
from counterfault.formats._heard import opened, text_of_answer
from counterfault.formats._messages import arguments_of, items_of, plain, small_scalars
from counterfault.formats._reading import as_object, source_of, word
from counterfault.formats._records import shape
from counterfault.formats._spans import ModelSpan, Node, Piece, SpanRun, ToolSpan, by_trace, outermost, times_of

_KINDS = {"llm": "model", "tool": "tool"}
_BESIDE = ("trace_id", "dotted_order", "parent_run_id", "session_id", "inputs")


def sniff(head: bytes) -> bool:
    """Whether the records are runs with a type."""
    keys = shape(head)
    return any(f"{outer}/run_type" in keys and any(f"{outer}/{key}" in keys for key in _BESIDE) for outer in ("", "/*"))


def read(stream: BinaryIO, file: str) -> Iterator[Trace | InputError]:
    """Every trace in the stream, and an InputError for each record that is no run."""
    return by_trace(stream, file, _trace_of, _trace, _no_run)


def _trace_of(run: dict[str, JSON]) -> str:
    return (word(run.get("trace_id")) or word(run.get("id"))) if "run_type" in run else ""


def _no_run(value: JSON, place: Place) -> Trace:
    raise place.fault(f"expected a run (an object with 'run_type' and 'trace_id'), found {shown(value)}")


def _trace(found: list[Piece], damage: tuple[str, ...]) -> Trace:
    nodes = [node for value, place in found for node in _nodes(value, place)]
    place = found[0][1]
    known = {node.id for node in nodes}
    roots = [node for node in nodes if node.parent not in known]
    root = roots[0].fields if len(roots) == 1 else {}
    run = SpanRun([_span(node) for node in outermost(nodes)], _only(root.get("inputs")), _only(root.get("outputs")))
    if not run.run.steps:
        raise place.fault("the runs hold no message and no call")
    error = root.get("error")
    ended = f"the run ended in an error: {shown(error)}" if isinstance(error, str) and error else ""
    tags = root.get("tags")
    return Trace(
        tuple(run.run.steps),
        tools=tuple(run.tools.values()),
        source=source_of(place),
        format="langsmith_runs",
        labels=_labels(root),
        tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        incomplete=(*damage, *filter(None, [ended]), *run.missing()),
    )


def _labels(root: dict[str, JSON]) -> dict[str, JSON]:
    """The root's name and the average of each feedback: what a score means is not known here."""
    stats = root.get("feedback_stats")
    feedback: dict[str, JSON] = {
        key: item.get("avg")
        for key, item in (stats.items() if isinstance(stats, dict) else ())
        if isinstance(item, dict) and key != "passed"
    }
    return small_scalars({"name": root.get("name"), **feedback})


def _nodes(value: JSON, place: Place) -> Iterator[Node]:
    run = as_object(value, place, "a run")
    times = times_of(run.get("start_time"), run.get("end_time"), place)
    kind = _KINDS.get(word(run.get("run_type")), "")
    yield Node(word(run.get("id")), word(run.get("parent_run_id")), times, kind, place, run)
    for index, child in enumerate(items_of(run, "child_runs", place)):
        yield from _nodes(child, place.at("child_runs", index))


def _span(node: Node) -> ModelSpan | ToolSpan:
    run, place = node.fields, node.place
    extra = run.get("extra") if isinstance(run.get("extra"), dict) else {}
    if node.kind == "model":
        offered = extra.get("invocation_params") if isinstance(extra, dict) else None
        return ModelSpan([run.get("inputs"), offered], _only(run.get("outputs")))
    name = plain(run, "name", place)
    if not name:
        raise place.at("name").fault("the run of a tool without a name")
    text, call_id, flag = text_of_answer(_only(run.get("outputs")))
    error = plain(run, "error", place)
    asked_id = word(extra.get("tool_call_id")) if isinstance(extra, dict) else ""
    given = run.get("inputs")
    inner = opened(_only(given))
    arguments = None if given is None else arguments_of(inner if isinstance(inner, dict) else given, place)
    answered = run.get("outputs") or error or run.get("end_time")
    result = ToolResult(error or text, error=True if error else flag) if answered else None
    return ToolSpan(name, arguments, result, asked_id or call_id)


def _only(value: JSON) -> JSON:
    """What the SDK wraps: the one value of ``{"input": …}`` or ``{"output": …}``, the one text of any other object."""
    if isinstance(value, dict) and len(value) == 1:
        [(key, inner)] = value.items()
        return inner if key in ("input", "output") or isinstance(inner, str) else value
    return value
