"""Did the agent change the world as an accepted outcome does? Wrong, extra and missing effects.

Only committed effects count, as a multiset: the order of independent writes, extra reads and other wordings of prose
never matter. What the relation forbids or what needs a lost answer may be missing, if the agent says so.

An argument whose JSON type the tool's own schema does not admit is wrong however it reads ("42.5" for 42.5): the replay
takes it for the same value, the tool behind it need not. Only where the schema is known, not inferred, and the
recording itself keeps to it at that place.
"""

from collections.abc import Iterator, Mapping

from counterfault.core.case import Case
from counterfault.core.effects import Effect
from counterfault.core.jsontree import JSON, leaves
from counterfault.core.outcome import Finding
from counterfault.core.values import norm


def judge(case: Case) -> Iterator[Finding]:
    """Effects against the accepted outcome."""
    found = case.comparison
    missing = list(found.missing)
    for effect in found.extra:
        if _repeats(case, effect):
            continue  # the duplicates oracle judges it
        twin = next((other for other in missing if other.tool == effect.tool), None)
        if twin is not None:
            missing.remove(twin)
        yield _beyond(effect, twin)
    for effect in found.made:
        yield from _mistyped(case, effect)
    if case.attempt.status != "completed":
        return
    if found.missing:
        yield from _missing(case)
    if found.made and found.missing and case.handed_over:
        message = f"{len(found.made)} of the accepted effects were made before it handed over"
        yield Finding("effects", "partial", message)


_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def _mistyped(case: Case, effect: Effect) -> Iterator[Finding]:
    schema = next((known.input for known in case.trace.tools if known.name == effect.tool), None)
    if any(known.name == effect.tool and known.origin == "inferred" for known in case.trace.tools):
        return
    recorded = (call for _, call in case.ground.scan.calls if call.tool == effect.tool)
    lax = {name for call in recorded for name, *_ in _not_admitted(schema, dict(call.arguments))}
    for name, value, wanted in _not_admitted(schema, dict(effect.arguments)):
        if name not in lax:
            message = f"{effect.tool} was called with {name} = {value!r}; its schema asks for {' or '.join(wanted)}"
            yield Finding("effects", "wrong_type", message, effect.step, "silent_wrong", effect.tool, f"/{name}", value)


def _not_admitted(schema: JSON, arguments: dict[str, JSON]) -> Iterator[tuple[str, JSON, tuple[str, ...]]]:
    """The arguments whose type the schema does not admit, each with the types that it asks for."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    for name, declared in properties.items() if isinstance(properties, dict) else ():
        types = declared.get("type") if isinstance(declared, dict) else None
        wanted = tuple(str(kind) for kind in (types if isinstance(types, list) else [types] if types else []))
        if name in arguments and wanted and not any(_admits(kind, arguments[name]) for kind in wanted):
            yield name, arguments[name], wanted


def _admits(kind: str, value: JSON) -> bool:
    if isinstance(value, bool) and kind != "boolean":
        return False
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(kind, (object,)))


def _repeats(case: Case, effect: Effect) -> bool:
    return sum(other.key == effect.key for other in case.committed) > 1


def _beyond(effect: Effect, twin: Effect | None) -> Finding:
    if twin is None:
        message = f"{effect.tool}({_shown(dict(effect.arguments))}) was done; no accepted outcome has it"
        return Finding("effects", "extra_effect", message, effect.step, "silent_wrong", effect.tool)
    pointer, now, right = _difference(dict(effect.arguments), dict(twin.arguments))
    message = f"{effect.tool} was done with {pointer or 'arguments'} = {now!r}; right is {right!r}"
    return Finding("effects", "wrong_effect", message, effect.step, "silent_wrong", effect.tool, pointer, now)


def _difference(now: JSON, right: JSON) -> tuple[str, JSON, JSON]:
    mine, theirs = dict(leaves(now)), dict(leaves(right))
    for pointer in [*theirs, *mine]:
        if norm(mine.get(pointer)) != norm(theirs.get(pointer)):
            return pointer, mine.get(pointer), theirs.get(pointer)
    return "", now, right


def _missing(case: Case) -> Iterator[Finding]:
    if case.handed_over:
        return
    attempted = {effect.tool for effect in case.effects if effect.state != "committed"}
    for effect in case.comparison.missing:
        tried = "was tried but not done" if effect.tool in attempted else "was never tried"
        call = f"{effect.tool}({_shown(dict(effect.arguments))})"
        message = f"{call} {tried}, and the agent neither handed over nor said so"
        if not case.closing.readable and case.said:
            reason = f"{effect.tool} is missing, and the agent's last message cannot be read"
            yield Finding("effects", "missing_unreadable", reason, -1, "unknown", effect.tool)
        elif case.attempt.user_unfit or case.attempt.silent_turns:
            reason = f"{effect.tool} is missing, but the recorded user turns did not fit the conversation"
            yield Finding("effects", "user_unfit", reason, -1, "unknown", effect.tool)
        elif case.relation == "detect" and case.is_undecided and effect in case.comparison.excused:
            reason = f"{effect.tool} is missing under a change that only may decide"
            yield Finding("effects", "may_decide", reason, -1, "unknown", effect.tool)
        else:
            yield Finding("effects", "missing_effect", message, -1, "silent_wrong", effect.tool)


def _shown(arguments: JSON) -> str:
    assert isinstance(arguments, dict)
    shown = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return shown if len(shown) <= 120 else shown[:117] + "..."
