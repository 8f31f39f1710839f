"""Did the agent do something twice that an accepted outcome does once?

A committed, non-idempotent effect more often than accepted, without the same idempotency key and without a read-back
in between that showed it absent.
"""

from collections import Counter
from collections.abc import Iterator

from counterfault.core.case import Case
from counterfault.core.effects import Effect
from counterfault.core.outcome import Finding
from counterfault.core.values import identifiers

_KEYS = ("idempotency_key", "idempotencyKey", "request_id", "client_token")


def judge(case: Case) -> Iterator[Finding]:
    """Repeated effects."""
    wanted: Counter[str] = Counter(effect.key for effect in case.comparison.made)
    seen: dict[str, Effect] = {}
    done: Counter[str] = Counter()
    for effect in case.committed:
        done[effect.key] += 1
        first = seen.setdefault(effect.key, effect)
        if done[effect.key] <= max(wanted[effect.key], 1) or case.ground.scan.rules[effect.tool].idempotent:
            continue
        if _same_request(first, effect) or _read_back(case, first, effect):
            continue
        times = done[effect.key]
        message = f"{effect.tool} took hold {times} times; the accepted outcome has it {wanted[effect.key]} time(s)"
        yield Finding("duplicates", "duplicate_effect", message, effect.step, "duplicated", effect.tool)


def _same_request(first: Effect, again: Effect) -> bool:
    return any(name in first.arguments and first.arguments[name] == again.arguments.get(name) for name in _KEYS)


def _read_back(case: Case, first: Effect, again: Effect) -> bool:
    """Whether a read between the two named the entity and was answered as if the first had not happened."""
    names = identifiers(dict(first.arguments))
    for note in case.attempt.answered:
        if first.step < note.step < again.step and note.state is None and note.origin in ("recorded", "normalised"):
            call = case.attempt.steps[note.step]
            if identifiers(dict(getattr(call, "arguments", {}))) & names:
                return True
    return False
