"""A call needs an earlier call that grants it.

What it says: every call of ``call`` comes after an answered call of ``prior`` that approves it: the answer is no
refusal and does not deny (or says what ``granted`` asks for), and holds the values that ``match`` pairs. The attempt
counts, even if the tool refused it. A call made in parallel with its approval had not seen it.

Settings: ``call``, ``prior`` (names or globs; a call of the prior itself is never guarded); ``match`` (pointer into the
call = pointer into the prior); ``once`` (one approval serves one committed call; a repeat of one that did not take hold
may use it again); ``where`` (only the calls for which this holds are guarded); ``granted`` (what an approval says).

Example: ``requires_before = { call = "refund", prior = "request_approval", match = { "/args/approval_token" =
"/result/token" }, once = true }``
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from counterfault.core.effects import call_key, listed
from counterfault.core.jsontree import Path, join
from counterfault.core.temporal import (
    ONE,
    PolicyCall,
    PolicyExample,
    Span,
    Truth,
    Violation,
    implies,
    tally,
    weighed,
    worst,
)
from counterfault.core.trace import ToolCall, ToolResult
from counterfault.policies._approval import Reading, agree, approves
from counterfault.policies._conditions import Condition, Gap, all_hold, at, standing_at
from counterfault.policies._settings import BOTH, Settings, shown


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a prior serves a call; ``why`` it does not, or may not, and the place of the call at which they part."""

    prior: PolicyCall
    truth: Truth
    agreements: int
    why: str
    place: Path

    @property
    def closeness(self) -> tuple[int, int, int]:
        """The greater, the nearer the prior came to serving."""
        return (("false", "unknown", "true").index(self.truth), self.agreements, self.prior.step)


@dataclass(frozen=True, slots=True)
class RequiresBefore:
    """The compiled rule."""

    name: str
    guarded: tuple[str, ...]
    priors: tuple[str, ...]
    match: tuple[tuple[Path, Path], ...] = ()
    once: bool = False
    where: tuple[Condition, ...] = ()
    granted: tuple[Condition, ...] = ()

    @property
    def named_paths(self) -> tuple[tuple[str, str], ...]:
        """The places of the prior's answer that the rule names."""
        read = [right for _, right in self.match] + [condition.path for condition in self.granted]
        return tuple((tool, join(path[1:])) for tool in self.priors for path in read if path[0] == "result")

    def judge(self, calls: Sequence[PolicyCall]) -> Iterator[Violation]:
        """The guarded calls that no earlier approval serves."""
        asked: list[tuple[PolicyCall, Reading]] = []
        spent: dict[str, Span] = {}
        served: dict[str, PolicyCall] = {}
        for call in calls:
            if listed(call.tool, self.priors):
                asked.append((call, self._approves(call)))
                continue
            bound = all_hold(self.where, call) if listed(call.tool, self.guarded) else "false"
            if bound == "false":
                continue
            subject = self._subject(call)
            fits = [self._fit(call, prior, answer) for prior, answer in asked if call.saw(prior)]
            left = tally(fit.truth for fit in fits) - spent.get(subject, Span())
            truth = left.at_least(Decimal(1))
            if implies(bound, truth) != "true":
                near = max(fits, key=lambda fit: fit.closeness, default=None)
                yield self._violation(call, bound, truth, near, served)
            # A call that nothing served has used nothing up; neither has one that did not take hold.
            if self.once and truth != "false" and call.took_hold != "false":
                spent[subject] = spent.get(subject, Span()) + weighed(worst((bound, truth, call.took_hold)), ONE)
                served[subject] = call

    def _subject(self, call: PolicyCall) -> str:
        """Equal for two calls that the same approvals serve.

        ``match`` asks for equality only, so calls and approvals fall into classes, and counting within a class is
        enough to know whether every call can have an approval of its own.
        """
        return call_key("", {str(index): standing_at(call, left) for index, (left, _) in enumerate(self.match)})

    def _fit(self, call: PolicyCall, prior: PolicyCall, answer: Reading) -> Fit:
        parts: list[tuple[Truth, str, Path]] = [(*answer, ())]
        parts += [(*agree(call, left, prior, right), left) for left, right in self.match]
        truth = worst(part[0] for part in parts)
        _, why, place = next(part for part in parts if part[0] == truth)
        return Fit(prior, truth, sum(part[0] == "true" for part in parts), why, place)

    def _approves(self, prior: PolicyCall) -> Reading:
        if not self.granted or prior.refused or not prior.answered:
            return approves(prior)
        truth = all_hold(self.granted, prior)
        decisive = next(condition for condition in self.granted if condition.holds(prior) == truth)
        found = at(prior, decisive.path)
        says = f"is {found.value}" if isinstance(found, Gap) else f"is {shown(found)}"
        return truth, f"does not say what the rule asks for ({decisive.pointer} {says})"

    def _violation(
        self, call: PolicyCall, bound: Truth, truth: Truth, near: Fit | None, served: Mapping[str, PolicyCall]
    ) -> Violation:
        what = f"{call.tool} at step {call.step}"
        if near is None:
            why = f"there is no earlier answer of {' or '.join(self.priors)}"
        elif near.truth == "true":
            user = served[self._subject(call)]
            why = f"the {near.prior.tool} at step {near.prior.step} {_spent(user)} {user.tool} at step {user.step}"
        else:
            why = f"the {near.prior.tool} at step {near.prior.step} {near.why}"
        said = f"{what} was not approved" if truth == "false" else f"nobody can tell whether {what} was approved"
        if bound == "unknown":
            said = f"nobody can tell whether the rule covers {what}; if it does, an approval is missing or in doubt"
        place = (near.place if near else ()) or (self.match[0][0] if self.match else ())
        return Violation(
            policy=self.name,
            code="requires_before",
            step=call.step,
            tool=call.tool,
            message=f"{self.name!r}: {said}: {why}.",
            truth=implies(bound, truth),
            pointer=join(place),
            value=standing_at(call, place),
        )


def _spent(user: PolicyCall) -> str:
    return "had already served" if user.took_hold == "true" else "may already have served"


def compile(name: str, spec: Mapping[str, Any]) -> RequiresBefore:  # noqa: A001
    """The rule of these settings. Raises UsageError where one is unknown, missing or wrong."""
    settings = Settings(name, "requires_before", spec).only("call", "prior", "match", "once", "where", "granted")
    guarded, priors = settings.tools("call"), settings.tools("prior")
    if set(guarded) <= set(priors):
        raise settings.wrong(f"'call' and 'prior' both are {shown(spec['call'])}; a call cannot approve itself")
    return RequiresBefore(
        name=name,
        guarded=guarded,
        priors=priors,
        match=settings.pairs("match"),
        once=settings.flag("once"),
        where=settings.conditions("where"),
        granted=settings.conditions("granted", BOTH),
    )


def _asks(answer: str, order: str = "O-1") -> ToolCall:
    return ToolCall("request_approval", {"order_id": order}, ToolResult(answer), turn=1)


def _pays(turn: int = 2, answer: str = '{"ok": true}', **arguments: str) -> ToolCall:
    return ToolCall("refund", arguments, ToolResult(answer), turn=turn)


_RULE = {
    "call": "refund",
    "prior": "request_approval",
    "match": {"/args/token": "/result/token", "/args/order_id": "/args/order_id"},
    "once": True,
}
_YES = '{"approved": true, "token": "A-7"}'
_REFUND = _pays(order_id="O-1", token="A-7")
_BUSY = _pays(answer='{"error": "busy"}', order_id="O-1", token="A-7")
_AGAIN = _pays(turn=3, order_id="O-1", token="A-7")

examples: tuple[PolicyExample, ...] = (
    PolicyExample(_RULE, (_asks(_YES), _REFUND), "true"),
    PolicyExample(_RULE, (_REFUND,), "false"),
    PolicyExample(_RULE, (_asks('{"approved": false, "token": "A-7"}'), _REFUND), "false"),
    PolicyExample(_RULE, (_asks('{"status": "pending", "token": "A-7"}'), _REFUND), "false"),
    PolicyExample(_RULE, (_asks(_YES, "O-2"), _REFUND), "false"),
    PolicyExample(_RULE, (_asks('{"error": "no such order"}'), _REFUND), "false"),
    PolicyExample(_RULE, (_asks('{"approved": true, "tok'), _REFUND), "unknown"),
    PolicyExample(_RULE, (_asks(_YES), _REFUND, _AGAIN), "false"),
    PolicyExample(_RULE, (_asks(_YES), _BUSY, _AGAIN), "true"),
)
