"""Attempts, plans and judgements as plain JSON and back, exactly: what a store keeps and a report shows.

``x_of(x_data(x)) == x``, also after the data went through JSON text. The data comes from our own store, so a wrong
shape is a KeyError, TypeError or ValueError for the store to report, not an error of the user's.
"""

from typing import Any

from counterfault.core.attempt import Answered, Attempt, Injection, WorkItem
from counterfault.core.edit import KINDS, Edit, Substitute
from counterfault.core.jsontree import JSON
from counterfault.core.mutant import Mutant, Mutation, Site, mutation_data
from counterfault.core.outcome import Finding, Judgement
from counterfault.core.trace import Message, Step, ToolCall, ToolResult


def _flat(value: Any) -> dict[str, Any]:
    # Not dataclasses.asdict: it copies every JSON tree, and attempts are written by the thousand.
    return {name: getattr(value, name) for name in value.__slots__}


def step_data(step: Step) -> dict[str, JSON]:
    """The step as plain JSON: a tool call has the key ``tool``, a message ``role``."""
    data = _flat(step)
    if isinstance(step, ToolCall):
        data["result"] = None if step.result is None else _flat(step.result)
    return data


def step_of(data: dict[str, Any]) -> Step:
    """The step that ``step_data`` wrote."""
    if "role" in data:
        return Message(**data)
    result = data["result"]
    return ToolCall(**{**data, "result": None if result is None else ToolResult(**result)})


def attempt_data(attempt: Attempt) -> dict[str, JSON]:
    """The attempt as plain JSON."""
    return {
        **_flat(attempt),
        "steps": [step_data(step) for step in attempt.steps],
        "answered": [_flat(note) for note in attempt.answered],
        "injections": [_flat(injection) for injection in attempt.injections],
        "unmatched": list(attempt.unmatched),
        "unconsumed": list(attempt.unconsumed),
    }


def attempt_of(data: dict[str, Any]) -> Attempt:
    """The attempt that ``attempt_data`` wrote."""
    return Attempt(
        **{
            **data,
            "steps": tuple(map(step_of, data["steps"])),
            "answered": tuple(Answered(**note) for note in data["answered"]),
            "injections": tuple(Injection(**injection) for injection in data["injections"]),
            "unmatched": tuple(data["unmatched"]),
            "unconsumed": tuple(data["unconsumed"]),
        }
    )


def mutant_data(mutant: Mutant) -> dict[str, JSON]:
    """The mutant as plain JSON, with its id."""
    return {"id": mutant.id, "mutations": [mutation_data(mutation) for mutation in mutant.mutations]}


def mutant_of(data: dict[str, Any]) -> Mutant:
    """The mutant that ``mutant_data`` wrote."""
    return Mutant(tuple(map(_mutation_of, data["mutations"])), data["id"])


def _mutation_of(data: dict[str, Any]) -> Mutation:
    edits = tuple(map(_edit_of, data["edits"]))
    return Mutation(**{**data, "site": Site(**data["site"]), "edits": edits, "blocks": tuple(data["blocks"])})


def _edit_of(data: dict[str, Any]) -> Edit:
    kind = KINDS[data["edit"]]
    values = {key: value for key, value in data.items() if key != "edit"}
    if kind is Substitute:
        return Substitute(tuple((old, new) for old, new in values["pairs"]))
    edit: Edit = kind(**values)
    return edit


def work_item_data(item: WorkItem) -> dict[str, JSON]:
    """The work item as plain JSON."""
    return {**_flat(item), "mutant": None if item.mutant is None else mutant_data(item.mutant)}


def work_item_of(data: dict[str, Any]) -> WorkItem:
    """The work item that ``work_item_data`` wrote."""
    mutant = data["mutant"]
    return WorkItem(**{**data, "mutant": None if mutant is None else mutant_of(mutant)})


def judgement_data(judgement: Judgement) -> dict[str, JSON]:
    """The judgement as plain JSON."""
    return {**_flat(judgement), "findings": [_flat(finding) for finding in judgement.findings]}


def judgement_of(data: dict[str, Any]) -> Judgement:
    """The judgement that ``judgement_data`` wrote."""
    return Judgement(**{**data, "findings": tuple(Finding(**finding) for finding in data["findings"])})
