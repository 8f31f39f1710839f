"""A call is forbidden, everywhere or where something holds of it.

What it says: no call of ``call`` is made; with ``when``, none for which every comparison holds. The attempt counts,
even if the tool refused it. Where a comparison cannot be made, because the argument is missing or of another kind,
nobody can tell whether the call was forbidden.

Settings: ``call`` (name or glob); ``when`` (pointer into the call = a value, or comparisons: ``gt``, ``ge``, ``lt``,
``le``, ``in``, ``exists``, ``equals``).

Example: ``never = { call = "delete_*", when = { "/args/amount" = { gt = 500 } } }``
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from counterfault.core.effects import listed
from counterfault.core.jsontree import join
from counterfault.core.temporal import PolicyCall, PolicyExample, Truth, Violation, negate
from counterfault.core.trace import ToolCall, ToolResult
from counterfault.policies._conditions import Condition, Gap, all_hold, at, standing_at
from counterfault.policies._settings import Settings, shown


@dataclass(frozen=True, slots=True)
class Never:
    """The compiled rule."""

    name: str
    guarded: tuple[str, ...]
    when: tuple[Condition, ...] = ()
    priors: tuple[str, ...] = ()
    named_paths: tuple[tuple[str, str], ...] = ()

    def judge(self, calls: Sequence[PolicyCall]) -> Iterator[Violation]:
        """The forbidden calls."""
        for call in calls:
            forbidden = all_hold(self.when, call) if listed(call.tool, self.guarded) else "false"
            if forbidden != "false":
                yield self._violation(call, negate(forbidden))

    def _violation(self, call: PolicyCall, truth: Truth) -> Violation:
        places = [_described(call, condition) for condition in self.when]
        where = f" where {' and '.join(places)}" if places else ""
        what = f"{call.tool} was called at step {call.step}{where}"
        decided = "and the rule forbids it" if truth == "false" else "and nobody can tell whether the rule forbids it"
        path = self.when[0].path if self.when else ()
        return Violation(
            policy=self.name,
            code="never",
            step=call.step,
            tool=call.tool,
            message=f"{self.name!r}: {what}, {decided}.",
            truth=truth,
            pointer=join(path),
            value=standing_at(call, path),
        )


def _described(call: PolicyCall, condition: Condition) -> str:
    found = at(call, condition.path)
    return f"{condition.pointer} is {found.value if isinstance(found, Gap) else shown(found)}"


def compile(name: str, spec: Mapping[str, Any]) -> Never:  # noqa: A001
    """The rule of these settings. Raises UsageError where one is unknown, missing or wrong."""
    settings = Settings(name, "never", spec).only("call", "when")
    return Never(name, settings.tools("call"), settings.conditions("when"))


def _call(tool: str, **arguments: int) -> ToolCall:
    return ToolCall(tool, arguments, ToolResult('{"error": "not here"}'))


_LIMIT = {"call": "refund", "when": {"/args/amount": {"gt": 500}}}

examples: tuple[PolicyExample, ...] = (
    PolicyExample({"call": "delete_*"}, (_call("delete_user", user=7),), "false"),
    PolicyExample({"call": "delete_*"}, (_call("undelete_user", user=7),), "true"),
    PolicyExample(_LIMIT, (_call("refund", amount=500),), "true"),
    PolicyExample(_LIMIT, (_call("refund", amount=501),), "false"),
    PolicyExample(_LIMIT, (_call("refund", cents=50100),), "unknown"),
)
