"""A trace made answerable: its calls indexed by what they asked and by the effects that had been committed before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from counterfault.core.effects import State, ToolRules, call_key, effect_key, is_refusal
from counterfault.core.jsontree import JSON
from counterfault.core.scan import Corpus
from counterfault.core.trace import ToolCall, ToolResult, ToolSchema, Trace
from counterfault.core.values import identifiers


@dataclass(frozen=True)
class RecordedCall:
    """One answered call of the recording. ``before`` are the keys of the effects committed before it, sorted."""

    step: int
    tool: str
    arguments: Mapping[str, JSON]
    result: ToolResult
    key: str
    effect: str
    state: State | None
    before: tuple[str, ...]

    @cached_property
    def touches(self) -> frozenset[str]:
        """The identifiers that the call or its answer names."""
        return identifiers(dict(self.arguments)) | identifiers(self.result.value)


@dataclass(frozen=True)
class Pool:
    """Read answers of the whole corpus: (call key) → text, kept only where every recording answers alike.

    ``conflicts`` counts the calls that recordings answered differently; those are not pooled.
    """

    answers: Mapping[str, str] = field(default_factory=dict)
    conflicts: int = 0


def pool_of(traces: Iterable[Trace], rules: ToolRules) -> Pool:
    """Pool the reads that were made before any effect: after one, an answer holds for that run only."""
    answers: dict[str, str] = {}
    conflicting: set[str] = set()
    for trace in traces:
        for call in Recording(trace, rules).calls:
            poolable = call.state is None and not call.before and not is_refusal(call.result)
            if poolable and answers.setdefault(call.key, call.result.text) != call.result.text:
                conflicting.add(call.key)
    return Pool({key: text for key, text in answers.items() if key not in conflicting}, len(conflicting))


@dataclass(frozen=True)
class Recording:
    """A trace and what answers from it: its own calls, the pool, and what the corpus knows of the tools."""

    trace: Trace
    rules: ToolRules
    pool: Pool = field(default_factory=Pool)
    corpus: Corpus = field(default_factory=Corpus)

    @cached_property
    def calls(self) -> tuple[RecordedCall, ...]:
        """The answered calls in order."""
        found: list[RecordedCall] = []
        committed: list[str] = []
        for step, call in self.trace.calls():
            if call.result is None:
                continue
            effect = effect_key(call.tool, call.arguments)
            state: State | None = None
            if self.rules[call.tool].writes:
                state = "refused" if is_refusal(call.result) else "committed"
            before = tuple(sorted(committed))
            key = call_key(call.tool, call.arguments)
            found.append(RecordedCall(step, call.tool, call.arguments, call.result, key, effect, state, before))
            if state == "committed":
                committed.append(effect)
        return tuple(found)

    @cached_property
    def by_key(self) -> Mapping[str, tuple[RecordedCall, ...]]:
        """The calls by what they asked."""
        found: dict[str, tuple[RecordedCall, ...]] = {}
        for call in self.calls:
            found[call.key] = (*found.get(call.key, ()), call)
        return found

    @cached_property
    def at(self) -> Mapping[int, RecordedCall]:
        """The calls by step."""
        return {call.step: call for call in self.calls}

    def of_tool(self, tool: str) -> tuple[RecordedCall, ...]:
        """The calls of one tool, in order."""
        return tuple(call for call in self.calls if call.tool == tool)

    @cached_property
    def opening(self) -> tuple[int, ...]:
        """The steps before the agent's first: the system text and the user's first message or messages."""
        steps: list[int] = []
        for index, step in enumerate(self.trace.steps):
            if isinstance(step, ToolCall) or step.role == "assistant":
                break
            steps.append(index)
        return tuple(steps)

    @cached_property
    def user_turns(self) -> tuple[int, ...]:
        """The steps of the later user turns, in order."""
        return tuple(step for step, _ in self.trace.messages("user") if step not in self.opening)

    @cached_property
    def known_tools(self) -> frozenset[str]:
        """Every tool that exists in the trace, its schemas, the corpus or the config."""
        declared = self.rules.declared
        lists = (declared.write, declared.read, declared.escalation, declared.approval, declared.irreversible)
        return frozenset(
            [call.tool for _, call in self.trace.calls()]
            + [schema.name for schema in self.trace.tools]
            + [*self.corpus.answers, *self.corpus.errors]
            + [name for names in lists for name in names]
        )

    def schema(self, tool: str) -> ToolSchema | None:
        """What is known of a tool's interface."""
        return next((schema for schema in self.trace.tools if schema.name == tool), None)

    def said_before(self, step: int) -> str:
        """The agent's last message before a step of the recording."""
        texts = [message.text for index, message in self.trace.messages("assistant") if index < step]
        return texts[-1] if texts else ""
