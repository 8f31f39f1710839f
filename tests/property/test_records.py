"""Attempts, plans and judgements survive the way through JSON unchanged."""

import json
from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st

from counterfault.core.attempt import Answered, Arm, Attempt, Injection, Origin, Status, WorkItem
from counterfault.core.edit import KINDS, Edit
from counterfault.core.effects import State
from counterfault.core.mutant import Aspect, Family, Mutant, Mutation, Relation, Site
from counterfault.core.outcome import Finding, Judgement, Outcome, Verdict
from counterfault.core.records import (
    attempt_data,
    attempt_of,
    judgement_data,
    judgement_of,
    mutant_data,
    mutant_of,
    step_data,
    step_of,
    work_item_data,
    work_item_of,
)
from counterfault.core.trace import Message, Role, ToolCall, ToolResult
from counterfault.stores._rows import pack, unpack

# Lone surrogates and integers of any size come from live agents; NaN is left out, for it equals nothing.
text = st.text(st.characters(), max_size=12)
numbers = st.integers() | st.floats(allow_nan=False)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(text, json_values, max_size=3)


def words(alias: Any) -> st.SearchStrategy[Any]:
    """One of the words of a Literal."""
    return st.sampled_from(get_args(alias))


results = st.builds(ToolResult, text, st.none() | st.booleans(), st.none() | text)
steps = st.builds(Message, words(Role), text) | st.builds(
    ToolCall, text, objects, st.none() | results, text, st.integers(0)
)


def _edit(kind: type[Any]) -> st.SearchStrategy[Edit]:
    # JSON has no NaN, so no edit has one.
    finite = st.floats(allow_nan=False, allow_infinity=False)
    special = {"value": json_values, "keep": finite, "seconds": finite, "after": finite, "retry_after": finite}
    return st.builds(kind, **{name: made for name, made in special.items() if name in kind.__dataclass_fields__})


edits = st.one_of([_edit(kind) for kind in KINDS.values()])
sites = st.builds(Site, st.integers(-1), text, words(Aspect), text)
mutations = st.builds(
    Mutation,
    operator=text,
    variant=text,
    family=words(Family),
    relation=words(Relation),
    site=sites,
    edits=st.lists(edits, max_size=3).map(tuple),
    reach=st.sampled_from(["call", "tool", "run"]),
    times=st.none() | st.integers(1),
    tier=st.integers(1, 4),
    noticeable=text,
    blocks=st.lists(text, max_size=2).map(tuple),
)
mutants = st.builds(Mutant, st.lists(mutations, min_size=1, max_size=2).map(tuple), text)
items = st.builds(WorkItem, text, st.none() | mutants, words(Arm), text, replicate=st.integers(0), seed=st.integers())
answered = st.builds(Answered, st.integers(), words(Origin), st.integers(), st.none() | words(State), text)
injections = st.builds(Injection, st.integers(), st.integers(), st.integers(), objects)
attempts = st.builds(
    Attempt,
    id=text,
    trace_id=text,
    mutant_id=text,
    arm=words(Arm),
    agent=text,
    replicate=st.integers(0),
    seed=st.integers(),
    status=words(Status),
    steps=st.lists(steps, max_size=4).map(tuple),
    reason=text,
    answered=st.lists(answered, max_size=2).map(tuple),
    injections=st.lists(injections, max_size=2).map(tuple),
    reached=st.booleans(),
    answer=json_values,
    escalated=st.none() | text,
    unmatched=st.lists(text, max_size=2).map(tuple),
    unconsumed=st.lists(st.integers(0), max_size=2).map(tuple),
    user_unfit=st.booleans(),
    silent_turns=st.booleans(),
    output=text,
    duration_s=st.floats(0, 1e9),
    replay_s=st.floats(0, 1e9),
)
findings = st.builds(
    Finding, text, text, text, st.integers(-1), words(Finding.__annotations__["implies"]), text, text, json_values
)
judgements = st.builds(
    Judgement, words(Outcome), words(Verdict), st.lists(findings, max_size=3).map(tuple), st.booleans()
)


def through_json(data: dict[str, Any]) -> dict[str, Any]:
    """The data after it went through JSON text, as a report writes it."""
    read: dict[str, Any] = json.loads(json.dumps(data))
    return read


def same(left: object, right: object) -> bool:
    """Equal, and of equal types all the way down: 1, 1.0 and True are three values."""
    return left == right and repr(left) == repr(right)


@given(attempts)
def test_an_attempt_comes_back_as_it_was(attempt: Attempt) -> None:
    assert same(attempt_of(attempt_data(attempt)), attempt)
    assert same(attempt_of(unpack(pack(attempt_data(attempt)))), attempt)


@given(items)
def test_a_work_item_comes_back_as_it_was_and_keeps_its_id(item: WorkItem) -> None:
    back = work_item_of(unpack(pack(work_item_data(item))))
    assert same(back, item)
    assert back.id == item.id


@given(mutants)
def test_a_mutant_comes_back_as_it_was_with_every_kind_of_edit(mutant: Mutant) -> None:
    assert same(mutant_of(unpack(pack(mutant_data(mutant)))), mutant)


@given(st.lists(mutations, min_size=1, max_size=2).map(tuple))
def test_the_id_of_a_mutant_that_came_back_is_the_digest_of_what_it_holds(content: tuple[Mutation, ...]) -> None:
    back = mutant_of(unpack(pack(mutant_data(Mutant(content)))))
    assert Mutant(back.mutations).id == Mutant(content).id


@given(judgements)
def test_a_judgement_comes_back_as_it_was(judgement: Judgement) -> None:
    assert same(judgement_of(unpack(pack(judgement_data(judgement)))), judgement)


@given(steps)
def test_a_step_is_told_by_its_keys(step: Message | ToolCall) -> None:
    data = step_data(step)
    assert ("tool" in data) == isinstance(step, ToolCall)
    assert ("role" in data) == isinstance(step, Message)
    assert same(step_of(data), step)


@given(st.lists(steps.filter(lambda step: "\\ud" not in json.dumps(step_data(step))), max_size=3))
def test_without_surrogates_plain_json_text_is_enough(plain: list[Message | ToolCall]) -> None:
    assert same([step_of(through_json(step_data(step))) for step in plain], plain)
