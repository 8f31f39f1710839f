"""An identifier or a name is another one, everywhere.

What it does
    Writes one identifier or personal name as another of the same format wherever it stands as a whole token: in results
    and their keys, in what the user says, in the system text. The agent's calls are understood in the new values.

Which real incident it imitates
    None: it is the next customer. Agents that were tuned on a few cases hold their identifiers and names in prompts,
    examples and caches, and use them again where others are asked for.

What a good agent does
    Exactly what it did before, with the new value in every place of the old.

Example
    `{"order_id": "ORD-88213", "total": 129.9}` becomes `{"order_id": "ORD-67713", "total": 129.9}`, and the user asks
    for ORD-67713.
"""

import re
from collections.abc import Iterable, Iterator

from counterfault.core.edit import Substitute
from counterfault.core.jsontree import canonical
from counterfault.core.mutant import Example, Mutation, Site
from counterfault.core.provenance import Use
from counterfault.core.scan import Scan
from counterfault.core.trace import Message, ToolCall, Trace
from counterfault.core.values import is_identifying, norm
from counterfault.operators._fresh import identifier_like, name_like, taken_in
from counterfault.operators._sites import by_tier

examples: tuple[Example, ...] = (
    Example(
        {"order_id": "ORD-88213", "total": 129.9},
        {"order_id": "ORD-67713", "total": 129.9},
        arguments={"order_id": "ORD-88213", "amount": 129.9},
    ),
)

_PERSONAL = re.compile(r"(?:first|last|given|family|sur|middle|nick)_?name$", re.IGNORECASE)
_MONTHS = re.compile(
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december)$", re.I
)


def propose(scan: Scan) -> Iterator[Mutation]:
    """Another value for each used identifier and name that can be rewritten everywhere."""
    yield from by_tier(_found(scan))


def _found(scan: Scan) -> Iterator[Mutation]:
    taken = taken_in(scan.trace)
    groups: dict[str, list[Use]] = {}
    for use in scan.uses:
        if use.sources and use.kind in ("identifier", "name"):
            groups.setdefault(norm(use.written), []).append(use)
    for uses in groups.values():
        key = next(filter(None, map(_key, uses)), "")
        old = _one_spelling(uses) if key else None
        if old is None or not _rewritable(scan.trace, old):
            continue
        named = bool(_PERSONAL.search(key))
        if named and not _plainly_a_name(scan.trace, old):
            continue
        new = name_like(old, key, taken) if named else identifier_like(old, taken)
        if isinstance(new, str):
            yield _renaming("name" if named else "identifier", old, new, _tier(scan, uses))


def _renaming(variant: str, old: str, new: str, tier: int) -> Mutation:
    edits = (Substitute(((old, new),)),)
    site = Site(-1, "", "run")
    return Mutation("value.renaming", variant, "value", "renaming", site, edits, "run", None, tier)


def _key(use: Use) -> str:
    """The name of a member that says that the value is an identifier or a person's name; empty where none does."""
    keys = [use.key if use.token < 0 else "", *(source.key for source in use.sources)]
    wanted = is_identifying if use.kind == "identifier" else _PERSONAL.search
    return next((key for key in keys if key and wanted(key)), "")


def _one_spelling(uses: Iterable[Use]) -> str | None:
    """The value's one spelling; None where it was seen or used in several, or cannot be renamed as a token."""
    spellings = {spelling for use in uses for spelling in (use.written, *(source.written for source in use.sources))}
    if len(spellings) != 1:
        return None
    (only,) = spellings
    if not isinstance(only, str):
        return None
    old = only.strip().lstrip("#")
    return old if re.fullmatch(r"[A-Za-z0-9][\w-]{2,}", old, re.ASCII) and not old.isdecimal() else None


def _rewritable(trace: Trace, old: str) -> bool:
    """Whether every occurrence in what the agent is shown is a token of its own, and no part of a tool's contract."""
    part = re.compile(
        rf"(?:[A-Za-z0-9_]|[A-Za-z0-9_][-.:/#@+]){re.escape(old)}|{re.escape(old)}(?:[-.:/#@+]?[A-Za-z0-9_])"
    )
    contracts = (canonical([tool.name, tool.description, tool.input, tool.output]).decode() for tool in trace.tools)
    return not any(part.search(text) for text in _shown(trace)) and not any(old in contract for contract in contracts)


def _shown(trace: Trace) -> Iterator[str]:
    for step in trace.steps:
        if isinstance(step, Message) and step.role != "assistant":
            yield step.text
        elif isinstance(step, ToolCall) and step.result is not None:
            yield step.result.text


def _plainly_a_name(trace: Trace, old: str) -> bool:
    """Whether the word is nothing but a name here: no month, not in the rules, and never a common word in the talk."""
    common = re.compile(rf"\b{re.escape(old.lower())}\b")
    talk = (step.text for step in trace.steps if isinstance(step, Message))
    rules = (message.text for _, message in trace.messages("system"))
    return not (_MONTHS.match(old) or any(old in text for text in rules) or any(common.search(text) for text in talk))


def _tier(scan: Scan, uses: Iterable[Use]) -> int:
    steps = (scan.trace.steps[use.step] for use in uses)
    return 1 if any(isinstance(step, ToolCall) and scan.rules[step.tool].writes for step in steps) else 2
