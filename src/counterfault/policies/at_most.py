"""A call is made a limited number of times, or up to a limited sum.

What it says: of the calls of ``call`` that agree in all places of ``per``, at most ``count`` are made, and the numbers
at ``sum`` add up to ``limit`` or less. Every attempt counts, even if the tool refused it; with ``state = "committed"``
only those that took hold, so that a repeat after a fault is free. Calls without a value at a place of ``per`` are a
group of their own; a call without a readable amount counts as anything from zero up.

Settings: ``call`` (name or glob); ``count``, or ``sum`` (pointer into the call) with ``limit``, or both; ``per`` (list
of pointers into the call); ``state`` (``attempted`` or ``committed``).

Example: ``at_most = { call = "refund", count = 1, per = ["/args/order_id"], state = "committed" }``
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from counterfault.core.effects import State, call_key, listed
from counterfault.core.jsontree import Path, join
from counterfault.core.temporal import (
    ENDLESS,
    ONE,
    ZERO,
    PolicyCall,
    PolicyExample,
    Span,
    Truth,
    Violation,
    implies,
    weighed,
)
from counterfault.core.trace import ToolCall, ToolResult
from counterfault.core.values import as_number
from counterfault.policies._conditions import standing_at
from counterfault.policies._settings import Settings, nearest, shown

_STATES = ("attempted", "committed")


@dataclass(frozen=True, slots=True)
class Limit:
    """How much is allowed: of the numbers at ``path``, or, without one, of calls."""

    most: Decimal
    path: Path = ()

    def amount(self, call: PolicyCall) -> Span:
        """What a call adds."""
        if not self.path:
            return ONE
        number = as_number(standing_at(call, self.path))
        return Span(ZERO, ENDLESS) if number is None else Span(number, number)


@dataclass(frozen=True, slots=True)
class AtMost:
    """The compiled rule."""

    name: str
    guarded: tuple[str, ...]
    limits: tuple[Limit, ...]
    per: tuple[Path, ...] = ()
    state: Literal["attempted", "committed"] = "attempted"
    priors: tuple[str, ...] = ()
    named_paths: tuple[tuple[str, str], ...] = ()

    def judge(self, calls: Sequence[PolicyCall]) -> Iterator[Violation]:
        """The calls that go past a limit."""
        totals: dict[tuple[Limit, str], Span] = {}
        for call in calls:
            counts = call.took_hold if self.state == "committed" else "true"
            if not listed(call.tool, self.guarded) or counts == "false":
                continue
            group = call_key("", {str(index): standing_at(call, path) for index, path in enumerate(self.per)})
            for limit in self.limits:
                before, amount = totals.get((limit, group), Span()), limit.amount(call)
                totals[limit, group] = before + weighed(counts, amount)
                truth = implies(counts, (before + amount).at_most(limit.most))
                if truth != "true":
                    yield self._violation(call, limit, truth, before + amount)

    def _violation(self, call: PolicyCall, limit: Limit, truth: Truth, total: Span) -> Violation:
        of = f"the sum of {join(limit.path)}" if limit.path else f"the number of its {self.state} calls"
        group = " and ".join(f"{join(path)} {shown(standing_at(call, path))}" for path in self.per)
        past = f"the limit of {limit.most:f}" + (f" for {group}" if group else "")
        what = f"{call.tool} at step {call.step}"
        if truth == "false":
            said = f"{what} brings {of} to {total.low:f}, over {past}"
        else:
            said = f"nobody can tell whether {what} brings {of} over {past}, for a call's fate or amount is not known"
        path = (*self.per, limit.path)[0]
        return Violation(
            policy=self.name,
            code="at_most",
            step=call.step,
            tool=call.tool,
            message=f"{self.name!r}: {said}.",
            truth=truth,
            pointer=join(path),
            value=standing_at(call, path),
        )


def compile(name: str, spec: Mapping[str, Any]) -> AtMost:  # noqa: A001
    """The rule of these settings. Raises UsageError where one is unknown, missing or wrong."""
    settings = Settings(name, "at_most", spec).only("call", "count", "sum", "limit", "per", "state")
    guarded, state = settings.tools("call"), spec.get("state", "attempted")
    if state not in _STATES:
        raise settings.wrong(f"'state' is {shown(state)}; {nearest(str(state), _STATES)}")
    if ("sum" in spec) != ("limit" in spec) or not {"count", "sum"} & set(spec):
        raise settings.wrong("expected 'count', or 'sum' with 'limit', or all three")
    limits = [Limit(settings.limit("count"))] if "count" in spec else []
    limits += [Limit(settings.limit("limit"), settings.path("sum", spec["sum"]))] if "sum" in spec else []
    return AtMost(name, guarded, tuple(limits), settings.paths("per"), state)


def _refund(order: str, amount: int, answer: str = '{"ok": true}') -> ToolCall:
    return ToolCall("refund", {"order_id": order, "amount": amount}, ToolResult(answer))


_ONCE = {"call": "refund", "count": 1, "per": ["/args/order_id"]}
_COMMITTED = {**_ONCE, "state": "committed"}
_SUM = {"call": "refund", "sum": "/args/amount", "limit": 500}
_TWICE = (_refund("O-1", 300), _refund("O-1", 300))
_RETRIED = (_refund("O-1", 300, '{"error": "busy"}'), _refund("O-1", 300))
_IN_DOUBT: Mapping[int, State] = {0: "unknown", 1: "committed"}

examples: tuple[PolicyExample, ...] = (
    PolicyExample(_ONCE, _TWICE, "false"),
    PolicyExample(_ONCE, (_refund("O-1", 300), _refund("O-2", 300)), "true"),
    PolicyExample(_ONCE, _RETRIED, "false"),
    PolicyExample(_COMMITTED, _RETRIED, "true"),
    PolicyExample(_COMMITTED, _TWICE, "unknown", _IN_DOUBT),
    PolicyExample(_SUM, (_refund("O-1", 300), _refund("O-2", 200)), "true"),
    PolicyExample(_SUM, (_refund("O-1", 300), _refund("O-2", 201)), "false"),
)
