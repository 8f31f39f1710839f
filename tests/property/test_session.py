"""Whatever an agent calls, under whatever the operators propose: a replay never breaks, and always says what it did."""

import itertools
import json
from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterfault.core.attempt import Attempt, WorkItem
from counterfault.core.effects import ToolRules, effects
from counterfault.core.errors import AttemptEnded
from counterfault.core.jsontree import JSON
from counterfault.core.mutant import Mutant
from counterfault.core.records import attempt_data, attempt_of
from counterfault.core.scan import Scan, corpus_of
from counterfault.core.trace import Message, ToolCall, ToolResult, ToolSchema, Trace
from counterfault.registry import Family
from counterfault.replay.recording import Recording, pool_of
from counterfault.replay.session import Limits, Session

OPERATORS = Family("operators")
RULES = ToolRules()
IDS = ("ORD-10001", "ORD-10002", "CUS-77", "VAAOXJ", "RF-45859")
TOOLS = (
    *("get_order", "list_orders", "list_notes", "add_note", "remove_note", "refund", "update_order", "create_order"),
    *("calculate", "request_approval", "escalate"),
)

words = st.sampled_from(
    ["open", "COMPLETED", "standard", "20.00 EUR was paid on May 20, 2024 for ORD-10001", "", "é\ud800"]
)
scalars = (
    st.sampled_from(IDS) | words | st.integers(-5, 400) | st.sampled_from([129.9, 0.5]) | st.booleans() | st.none()
)
names = st.sampled_from(
    ["order_id", "customer_id", "status", "amount", "notes", "note_id", "orders", "count", "id", "token"]
)
members = st.dictionaries(names, scalars, max_size=5)
records = st.dictionaries(names, scalars | st.lists(members | scalars, max_size=3) | members, max_size=6)
arguments = st.dictionaries(names, scalars | members, max_size=3)
texts = st.one_of(
    records.map(json.dumps),
    st.lists(records, max_size=3).map(json.dumps),
    records.map(repr),
    words,
    st.sampled_from(
        ["Error: ORD-10002 not found", '{"error": {"type": "timeout"}}', "Refunded $20.00 on ORD-10001 as RF-1"]
    ),
)
results = st.builds(
    ToolResult, texts, st.sampled_from([None, None, False, True]), st.sampled_from([None] * 5 + ["timeout"])
)
calls = st.builds(ToolCall, st.sampled_from(TOOLS), arguments, results | st.none(), turn=st.integers(1, 6))
said = st.builds(
    Message, st.sampled_from(["user", "assistant"]), words | st.just("Refund ORD-10001 for CUS-77, please.")
)
schemas = st.builds(
    ToolSchema,
    st.sampled_from(TOOLS),
    output=st.none() | st.just({"properties": {"status": {"type": "string"}, "id": {}}}),
)


def told(steps: list[Message | ToolCall], last: int, tools: list[ToolSchema]) -> Trace:
    """A run; a write and an answer at its end take up values of the last answers, as agents do."""
    shown = [step.result.value for step in steps if isinstance(step, ToolCall) and step.result]
    seen = {name: value for found in shown for name, value in (found.items() if isinstance(found, dict) else ())}
    used = {name: value for name, value in seen.items() if not isinstance(value, dict | list)}
    ending: tuple[Message | ToolCall, ...] = ()
    if last:
        ending = (
            ToolCall("refund", used, ToolResult('{"refund_id": "RF-45859"}'), turn=9),
            Message("assistant", "Refunded " + " ".join(map(str, used.values()))),
        )
    return Trace((Message("user", "Please look at ORD-10001."), *steps, *ending[:last]), tuple(tools))


traces = st.builds(
    told,
    st.lists(calls | calls | said, min_size=1, max_size=9),
    st.sampled_from([0, 2, 2]),
    st.lists(schemas, max_size=2),
)

odd = st.recursive(
    scalars | st.floats() | st.integers() | st.text(max_size=4) | st.just(10**4000) | st.just(b"\xff"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.none() | st.integers() | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
deeds = st.one_of(
    st.tuples(st.just("recorded"), st.integers(0, 9), st.none()),
    st.tuples(st.just("recorded"), st.integers(0, 9), st.none()),
    st.tuples(st.just("perturbed"), st.integers(0, 9), scalars),
    st.tuples(st.just("other"), st.sampled_from([*TOOLS, "teleport", "", "{"]), arguments | odd),
    st.tuples(st.sampled_from(["say", "note"]), words, st.none()),
    st.tuples(st.just("sleep"), st.floats(), st.none()),
    st.tuples(st.just("drop"), st.integers(0, 9), st.none()),
)


def mutants(trace: Trace, operators: list[str], chosen: list[int]) -> Mutant | None:
    """Up to two mutations of a trace that some operators propose."""
    scan = Scan(trace, RULES, corpus_of([trace]), timeout_s=3.0)
    found = [one for name in operators for one in itertools.islice(OPERATORS.load(name).propose(scan), 20)]
    mutations = tuple(found[number % len(found)] for number in chosen) if found else ()
    return Mutant(mutations) if mutations else None


def perturbed(given: Mapping[str, JSON], value: JSON) -> dict[str, JSON]:
    return {name: value if at == 0 else old for at, (name, old) in enumerate(given.items())} or {"order_id": value}


def act(session: Session, trace: Trace, deed: tuple[str, Any, Any]) -> Any:
    """One deed of an agent; what it saw of it."""
    what, one, two = deed
    if what == "say":
        return session.say(one)
    if what == "note":
        return session.note("assistant", one)
    if what == "sleep":
        return session.sleep(one)
    recorded = [call for _, call in trace.calls()]
    if what == "other" or not recorded:
        answer = session.call(one if isinstance(one, str) else "get_order", two)
    else:
        call = recorded[one % len(recorded)]
        answer = session.call(call.tool, perturbed(call.arguments, two) if what == "perturbed" else call.arguments)
    if what != "drop":
        session.hand_over(answer, raised=answer.raises)
    return answer


def live(recording: Recording, mutant: Mutant | None, deeds_: list[tuple[str, Any, Any]]) -> tuple[list[Any], Attempt]:
    """An agent's whole run; after the end it just goes on."""
    session = Session(recording, mutant, Limits(timeout_s=3.0))
    seen: list[Any] = []
    made = 0
    for deed in deeds_:
        over = session.over
        try:
            seen.append(act(session, recording.trace, deed))
        except AttemptEnded as ended:
            seen.append(type(ended))
        made += not over and deed[0] not in ("say", "note", "sleep")
        assert not over or deed[0] == "note" or isinstance(seen[-1], type), "after the end everything is refused"
    attempt = session.finish(WorkItem(recording.trace.id, mutant, "mutant", "agent"), {"said": "Done."})
    calls = [at for at, step in enumerate(attempt.steps) if isinstance(step, ToolCall)]
    assert len(calls) == made, "every call is logged"
    assert [note.step for note in attempt.answered] == calls, "and it is noted how each was answered"
    return seen, attempt


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    traces,
    st.lists(st.sampled_from(OPERATORS.names()), min_size=6, max_size=6, unique=True),
    st.lists(st.integers(0, 50), min_size=1, max_size=2, unique=True),
    st.lists(deeds, min_size=4, max_size=16),
    st.lists(traces, max_size=1),
)
def test_any_conversation_under_any_mutant_is_answered_logged_and_repeatable(
    trace: Trace, operators: list[str], chosen: list[int], deeds_: list[tuple[str, Any, Any]], others: list[Trace]
) -> None:
    recording = Recording(trace, RULES, pool_of([trace, *others], RULES), corpus_of([trace, *others]))
    mutant = mutants(trace, operators, chosen)
    seen, attempt = live(recording, mutant, deeds_)
    again = Recording(trace, RULES, pool_of([trace, *others], RULES), corpus_of([trace, *others]))
    assert live(again, mutant, deeds_) == (seen, attempt), "the same calls get the same answers"
    assert attempt_of(json.loads(json.dumps(attempt_data(attempt)))) == attempt, "the record survives JSON"
    check_ledger(recording, attempt)
    if mutant is None or not attempt.injections:
        assert attempt.status in ("not_reached", "not_delivered") or mutant is None


def check_ledger(recording: Recording, attempt: Attempt) -> None:
    """Each write has one state, unless its call ended the attempt; nothing else has one."""
    writes = {effect.step: effect.state for effect in effects(attempt.steps, recording.rules, attempt.states)}
    unanswered = {note.step for note in attempt.answered if note.origin == "none"}
    assert attempt.states.keys() == writes.keys() - unanswered
    assert all(writes[step] == state for step, state in attempt.states.items())
    delivered = {injection.step for injection in attempt.injections}
    steps = dict(enumerate(attempt.steps))
    for at in delivered:
        step = steps[at]
        assert isinstance(step, Message) or step.result is not None, "what was delivered was handed over"
