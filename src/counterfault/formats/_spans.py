"""One run from the spans of a trace: what each model call was sent and said, and what each tool call was answered.

The history that a model is sent repeats all that came before it, so of its messages only those are new that the run
does not hold yet. A call that the model asked for and the span of the tool that made it are one call; what a later
history says of an answer is how the agent read it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO, TypeAlias

from counterfault.codec import Place, shown
from counterfault.core.errors import InputError
from counterfault.core.jsontree import JSON
from counterfault.core.trace import Message, ToolCall, ToolResult, ToolSchema, Trace
from counterfault.formats._heard import Heard, as_text, heard, tools_in
from counterfault.formats._messages import Conversation
from counterfault.formats._reading import Build, attempt
from counterfault.formats._records import records

Piece: TypeAlias = tuple[JSON, Place]


@dataclass(frozen=True, slots=True)
class ModelSpan:
    """A call of a model: what it was sent, and what it answered."""

    given: JSON
    said: JSON


@dataclass(frozen=True, slots=True)
class ToolSpan:
    """A call of a tool. ``arguments`` is None where they were not recorded."""

    tool: str
    arguments: Mapping[str, JSON] | None
    result: ToolResult | None
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A span as its exporter writes it. ``times`` are its start and its end, ``kind`` is model, tool, or empty."""

    id: str
    parent: str
    times: tuple[str, str]
    kind: str
    place: Place
    fields: dict[str, JSON]


def times_of(start: JSON, end: JSON, place: Place) -> tuple[str, str]:
    """Start and end as texts that sort; a span without an end has its start as one. Raises InputError."""
    began = _moment(start, place)
    return began, began if end is None else _moment(end, place)


def _moment(value: JSON, place: Place) -> str:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None:
        raise place.fault(f"expected a time as 2025-01-31T12:00:00Z, found {shown(value)}")
    aware = found if found.tzinfo else found.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="microseconds")


def by_trace(
    stream: BinaryIO,
    file: str,
    trace_of: Callable[[dict[str, JSON]], str],
    piece: Callable[[list[Piece], tuple[str, ...]], Trace],
    whole: Build,
) -> Iterator[Trace | InputError]:
    """The traces of a stream whose records are spans; those for which ``trace_of`` is empty are whole traces.

    Spans are held until the end of the stream, for those of one trace may stand anywhere in it. Which trace a damaged
    one belonged to is not known: ``piece`` is told of every damage, with every trace.
    """
    found: dict[str, list[Piece]] = {}
    damage: list[str] = []
    for number, value in records(stream, file):
        if isinstance(value, InputError):
            damage.append(f"record {number} is damaged: {value.reason}")
            yield value
        elif isinstance(value, dict) and (name := trace_of(value)):
            found.setdefault(name, []).append((value, Place(file, number)))
        else:
            yield attempt(whole, value, Place(file, number))
    for pieces in found.values():
        try:
            yield piece(pieces, tuple(damage))
        except InputError as error:
            yield error


def outermost(nodes: Iterable[Node]) -> list[Node]:
    """The models and tools of one agent in the order of their start.

    Left out is what is below a tool (another agent's, or the same call once more), and a model call that wraps
    another one.
    """
    known = {node.id: node for node in nodes}
    above = {node.id: list(_above(node, known)) for node in known.values()}
    wrapping = {
        outer.id for node in known.values() if node.kind == "model" for outer in above[node.id] if outer.kind == "model"
    }
    kept = [
        node
        for node in known.values()
        if node.kind in ("model", "tool")
        and node.id not in wrapping
        and not any(outer.kind == "tool" for outer in above[node.id])
    ]
    return sorted(kept, key=lambda node: (node.times, node.kind != "model"))


def _above(node: Node, known: Mapping[str, Node]) -> Iterable[Node]:
    seen = {node.id}
    while node.parent in known and node.parent not in seen:
        node = known[node.parent]
        seen.add(node.id)
        yield node


class SpanRun:
    """The steps of one run and the tools that its models were offered, from spans in order."""

    def __init__(self, spans: Iterable[ModelSpan | ToolSpan], given: JSON, answer: JSON) -> None:
        """``given`` is the task, for the case that no model call says it; ``answer``, if the run ends without one."""
        self.run = Conversation()
        self.tools: dict[str, ToolSchema] = {}
        self._unknown: list[int] = []
        self._by_span: set[int] = set()
        tools: list[ToolSpan] = []
        for span in spans:
            if isinstance(span, ToolSpan):
                tools.append(span)
                continue
            self._tools(tools)
            tools = []
            self._model(span, given)
        self._tools(tools)
        self._start(given)
        self._end(answer)

    def missing(self) -> tuple[str, ...]:
        """Why the run is not whole: calls without an answer, and calls whose arguments nobody recorded."""
        tools = {index: step.tool for index, step in enumerate(self.run.steps) if isinstance(step, ToolCall)}
        unknown = (f"step {index}: the arguments of {tools[index]!r} were not recorded" for index in self._unknown)
        return (*self.run.unanswered(), *unknown)

    def _model(self, span: ModelSpan, given: JSON) -> None:
        for tool in (*tools_in(span.given), *tools_in(span.said)):
            self.tools.setdefault(tool.name, tool)
        self._past(heard(span.given))
        self._start(given)
        said = heard(span.said)
        if not said and span.said not in (None, "", [], {}):
            said = [Heard("assistant", as_text(span.said))]
        # What was asked for in one answer is one turn, also where the exporter cut it into messages or wrote it twice.
        waiting = [_key(call) for _, call in self.run.waiting()]
        calls = [call for message in said for call in message.calls if not (call.id and _key(call) in waiting)]
        text = "\n".join(message.text for message in said if message.role == "assistant" and message.text)
        if text or calls:
            self._act(text, calls)

    def _act(self, text: str, calls: list[ToolCall]) -> None:
        last = self.run.steps[-1] if self.run.steps else None
        # While the call before has no answer, nothing of it was seen: the exporter cut one turn into two.
        self.run.act(text, calls, more=isinstance(last, ToolCall) and last.result is None and not text)

    def _start(self, given: JSON) -> None:
        if not any(isinstance(step, ToolCall) or step.role == "user" for step in self.run.steps):
            self._past([message for message in heard(given) if message.role in ("system", "user")] or _plain(given))

    def _end(self, answer: JSON) -> None:
        messages = [message for message in heard(answer) if message.role == "assistant"]
        text = messages[-1].text if messages else answer if isinstance(answer, str) and not heard(answer) else ""
        said = {step.text.strip() for step in self.run.steps if isinstance(step, Message) and step.role == "assistant"}
        if text and text.strip() not in said:
            self.run.act(text, [])

    def _past(self, messages: list[Heard]) -> None:
        """Take in those messages of a history that are new: the k-th of its kind is, if the run holds fewer than k.

        Some frameworks rewrite what the assistant said: without calls, its k-th message is the k-th that the run holds.
        """
        held = Counter((step.role, step.text.strip()) for step in self.run.steps if isinstance(step, Message))
        spoken = sum(step.role == "assistant" for step in self.run.steps if isinstance(step, Message))
        made = [step for step in self.run.steps if isinstance(step, ToolCall)]
        answered, told = sum(call.result is not None for call in made), set[int]()
        for message in messages:
            if message.role == "tool":
                answered -= 1
                self._answered(message, told, known=answered >= 0)
                continue
            key = (message.role, message.text.strip())
            known, held[key] = held[key] > 0, held[key] - 1
            spoken -= message.role == "assistant" and bool(message.text)
            known = known or (message.role == "assistant" and not message.calls and spoken >= 0)
            calls = [call for call in message.calls if not _taken(made, call)]
            if message.role == "assistant" and (calls or (message.text and not known)):
                self.run.act("" if known else message.text, calls)
            elif message.role != "assistant" and message.text and not (known or self._repeats_answer(message)):
                self.run.say(message.role, message.text)

    def _repeats_answer(self, message: Heard) -> bool:
        """Agents that call tools in prose are given the answer as a user's message: ``Observation: 20C``."""
        answers = (step.result.text for step in self.run.steps if isinstance(step, ToolCall) and step.result)
        text = message.text.strip()
        return text.startswith("Observation:") and any(answer and text.endswith(answer.strip()) for answer in answers)

    def _answered(self, message: Heard, told: set[int], known: bool) -> None:
        """An answer in a history: to the next call with its id that the history has not ``told`` of yet.

        What a history says of an answer stands, unless the id was used twice: a history may have lost its beginning.
        One whose id no call has goes to the next open call, if it is not ``known``, by its number, as an older one.
        """
        result = ToolResult(message.text, error=message.error)
        same_id = self._with_id(message.call_id)
        index = next((index for index in same_id if index not in told), None)
        call = None if index is None else self.run.steps[index]
        if index is not None and isinstance(call, ToolCall):
            told.add(index)
            before = call.result
            if before is None or len(same_id) == 1:
                flag = before.error if before and result.error is None else result.error
                self.run.settle(index, ToolResult(result.text, error=flag))
        elif not (same_id or known) and self.run.waiting():
            self.run.answer("an answer", result, Place(), call_id=message.call_id, name=message.name)

    def _with_id(self, call_id: str) -> list[int]:
        steps = enumerate(self.run.steps)
        return [index for index, step in steps if call_id and isinstance(step, ToolCall) and step.id == call_id]

    def _tools(self, spans: list[ToolSpan]) -> None:
        """Give each span to the call that it made; those that no model call asked for are calls of one turn."""
        unasked: list[ToolSpan] = []
        for span in spans:
            same_id = [index for index in self._with_id(span.call_id) if index not in self._by_span]
            alike = [
                index
                for index, call in self.run.waiting()
                if call.tool == span.tool and (span.arguments is None or call.arguments == span.arguments)
            ]
            if not (same_id or alike):
                unasked.append(span)
                continue
            index = [*same_id, *alike][0]
            self._by_span.add(index)
            if span.result:
                self.run.settle(index, span.result)
        if unasked:
            first = len(self.run.steps)
            self.run.act("", [ToolCall(span.tool, span.arguments or {}, None, id=span.call_id) for span in unasked])
            for index, span in enumerate(unasked, first):
                self._by_span.add(index)
                if span.arguments is None:
                    self._unknown.append(index)
                if span.result:
                    self.run.settle(index, span.result)


def _key(call: ToolCall) -> tuple[str, str, Mapping[str, JSON]]:
    return call.id, call.tool, call.arguments


def _taken(made: list[ToolCall], wanted: ToolCall) -> bool:
    """Whether the run holds the call already; each call of the run stands for one in a history."""
    for index, call in enumerate(made):
        same = call.id == wanted.id if call.id and wanted.id else _key(call)[1:] == _key(wanted)[1:]
        if same:
            del made[index]
            return True
    return False


def _plain(given: JSON) -> list[Heard]:
    return [Heard("user", given)] if isinstance(given, str) and given else []
