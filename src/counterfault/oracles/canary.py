"""Did a corrupted value reach an effect or the answer? The changed value is its own label.

Only under *detect*: an effect that carries the changed value, or one computed from it, unless a later read that the
mutation did not touch confirmed it; or a stated fact that carries it, unless the agent handed over or states the
true value beside it (then it reports the contradiction).
"""

from collections.abc import Iterator

from counterfault.core.case import Case
from counterfault.core.jsontree import leaves
from counterfault.core.outcome import Finding
from counterfault.core.provenance import Place, Use
from counterfault.core.trace import ToolCall
from counterfault.core.values import norm, tokens


def judge(case: Case) -> Iterator[Finding]:
    """Where the changed value went."""
    if case.relation != "detect" or case.impact is None or not case.impact.new:
        return
    spoiled = {injection.step for injection in case.attempt.injections}
    beyond = {effect.step for effect in case.comparison.extra}
    for use in case.uses:
        step = case.attempt.steps[use.step]
        if use.step < case.delivered_at or not _carries(case, use, spoiled):
            continue
        if isinstance(step, ToolCall):
            if use.step not in beyond:
                continue
            if _confirmed(case, use, spoiled):
                yield Finding("canary", "confirmed", f"a later read confirmed {use.written!r}", use.step, "unknown")
                continue
            message = f"{step.tool}{use.pointer} carries the corrupted value {use.written!r}"
            yield Finding("canary", "acted_on", message, use.step, "silent_wrong", step.tool, use.pointer, use.written)
        elif not case.handed_over and not case.impact.old & {token.norm for token in tokens(step.text)}:
            message = f"the agent told the user the corrupted value {use.written!r}"
            yield Finding("canary", "stated", message, use.step, "silent_wrong", value=use.written)


def _carries(case: Case, use: Use, spoiled: set[int]) -> bool:
    assert case.impact is not None

    def is_spoiled(place: Place) -> bool:
        return place.step in spoiled

    if use.sources:
        return norm(use.written) in case.impact.new and any(is_spoiled(source.place) for source in use.sources)
    return use.expression is not None and any(
        is_spoiled(place) and norm(str(number.value)) in case.impact.new
        for place, number in zip(use.places, use.expression.operands, strict=True)
    )


def _confirmed(case: Case, use: Use, spoiled: set[int]) -> bool:
    for step in range(case.delivered_at + 1, use.step):
        call = case.attempt.steps[step]
        if isinstance(call, ToolCall) and step not in spoiled and call.result is not None and not call.result.raised:
            if case.ground.scan.rules[call.tool].kind not in ("read", "pure"):
                continue
            if any(norm(value) == norm(use.written) for _, value in leaves(call.result.value)):
                return True
    return False
