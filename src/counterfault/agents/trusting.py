"""The bounding agent that repeats the recording's decisions with arguments re-read from what the tools answer now.

It takes each value from the latest occurrence before its use and recomputes known expressions; where a place no
longer holds a value it sends null (in prose: leaves a hole) and goes on. It never retries and never checks.
"""

from collections.abc import Mapping

from counterfault.agents.recorded import Verbatim, retrace
from counterfault.config import AgentConfig, ToolsConfig
from counterfault.core.jsontree import JSON, PointerError, get, replace
from counterfault.core.provenance import Place, Use, reread, uses
from counterfault.core.trace import Message, ToolCall, Trace
from counterfault.core.values import as_number, tokens
from counterfault.ports import Ending, ToolHost


def load(_agent: AgentConfig, _tools: ToolsConfig, _folder: str) -> "Trusting":
    """The agent; it needs nothing from the config."""
    return Trusting()


class Trusting:
    """Walks the recording with values re-read."""

    def __init__(self) -> None:
        self._uses: dict[str, Mapping[int, tuple[Use, ...]]] = {}

    def run(self, trace: Trace, host: ToolHost) -> Ending:
        """Repeat the run's decisions; its last message, re-read, is the answer."""
        if trace.id not in self._uses:
            self._uses[trace.id] = _by_step(trace)
        return retrace(trace, host, _Rereading(trace, host, self._uses[trace.id]))


def _by_step(trace: Trace) -> Mapping[int, tuple[Use, ...]]:
    found: dict[int, tuple[Use, ...]] = {}
    for use in uses(trace.steps):
        found[use.step] = (*found.get(use.step, ()), use)
    return found


class _Rereading(Verbatim):
    def __init__(self, trace: Trace, host: ToolHost, found: Mapping[int, tuple[Use, ...]]) -> None:
        self._trace, self._host, self._uses = trace, host, found
        self._live: dict[int, int] = {}

    def saw(self, recorded: int, live: int) -> None:
        self._live[recorded] = live

    def arguments(self, step: int, call: ToolCall) -> Mapping[str, JSON]:
        tree: JSON = dict(call.arguments)
        texts: dict[str, list[Use]] = {}
        for use in self._uses.get(step, ()):
            if use.token >= 0:
                texts.setdefault(use.pointer, []).append(use)
            elif use.places:
                tree = replace(tree, use.pointer, self._now(use))
        for pointer, found in texts.items():
            tree = replace(tree, pointer, self._retold(str(get(dict(call.arguments), pointer)), found))
        assert isinstance(tree, dict)
        return tree

    def text(self, step: int, message: Message) -> str:
        return self._retold(message.text, [use for use in self._uses.get(step, ()) if use.token >= 0])

    def _retold(self, text: str, found: list[Use]) -> str:
        spans = tokens(text)
        for use in sorted(found, key=lambda use: -use.token):
            if not use.places:
                continue
            span, now = spans[use.token], self._now(use)
            if now != use.written:
                text = text[: span.start] + ("" if now is None else str(now)) + text[span.start + len(span.text) :]
        return text

    def _now(self, use: Use) -> JSON:
        """The value of a use as a trusting reader has it now; null where it is gone."""
        try:
            if use.read is not None:
                now = self._at(use.read.place)
                return use.written if now == use.read.written else now
            assert use.expression is not None
            operands = [as_number(self._at(place)) for place in use.places]
        except PointerError:
            return None
        numbers = [number for number in operands if number is not None]
        value = use.expression.evaluate(numbers) if len(numbers) == len(operands) else None
        if value is None:
            return None
        if value == as_number(use.written):
            return use.written
        return int(value) if value == value.to_integral_value() else float(value)

    def _at(self, place: Place) -> JSON:
        if place.step not in self._live:
            raise PointerError(f"step {place.step} was not repeated")
        return reread(self._host.steps[self._live[place.step]], place, self._trace.steps[place.step])
