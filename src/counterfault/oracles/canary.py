"""Did a corrupted value reach an effect or the answer? The changed value is its own label.

Only under *detect*: an effect that carries the changed value, or one computed from it, unless a later read that the
mutation did not touch confirmed it; or a stated fact that carries it, unless the agent handed over or states what is
true at its place beside it (then it reports the contradiction). Where it only says that something was not done, or
states another true value, nobody can tell a report from a belief: *unknown*.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

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
        elif not case.escalated and not _true_there(case, use) & _told(step.text):
            message = f"the agent told the user the corrupted value {use.written!r}"
            if case.handed_over or case.impact.old & _told(step.text):
                doubt = f"{message}; whether it took it for true cannot be seen"
                yield Finding("canary", "told", doubt, use.step, "unknown", value=use.written)
            else:
                yield Finding("canary", "stated", message, use.step, "silent_wrong", value=use.written)


def _told(text: str) -> set[str]:
    return {token.norm for token in tokens(text)}


def _true_there(case: Case, use: Use) -> AbstractSet[str]:
    """What the mutation took from the places where the agent had the value; all that it took where none is known.

    The recorded answer is looked up at the same pointer: a change of a value moves nothing.
    """
    assert case.impact is not None
    changed = {injection.step: injection.recorded for injection in case.attempt.injections}
    found: set[str] = set()
    for place in (source.place for source in use.sources):
        was = case.trace.steps[changed[place.step]] if changed.get(place.step, -1) >= 0 else None
        if isinstance(was, ToolCall) and was.result is not None:
            values = [value for pointer, value in leaves(was.result.value) if pointer == place.pointer]
            found |= {form for value in values for form in (norm(value), *_told(str(value)))}
    return found & case.impact.old or case.impact.old


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
