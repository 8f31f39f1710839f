"""The answers that grant something, and the members in them that say so."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from counterfault.core.effects import is_refusal, listed
from counterfault.core.jsontree import JSON, leaves, matches
from counterfault.core.provenance import name_of
from counterfault.core.scan import Scan
from counterfault.core.trace import ToolCall
from counterfault.core.values import kind_of, norm
from counterfault.operators._names import snake

_GRANTS = re.compile(
    r"(?:is_|was_)?(?:approved|granted|allowed|authori[sz]ed|permitted|accepted|confirmed|cleared|valid|verified|eligible)$"
)
_GRANTED_WORDS = frozenset({"approved", "granted", "allowed", "authorized", "authorised", "permitted", "accepted"})
_TOKENS = re.compile(
    r"(?:.*_)?(?:token|signature|grant|nonce)$|(?:approval|authori[sz]ation|auth|confirmation)_?(?:code|key|number|reference)$"
)
_TOKEN_IDS = re.compile(r"(?:approval|authori[sz]ation)_id$")


@dataclass(frozen=True, slots=True)
class Approval:
    """A recorded answer that grants something.

    ``grants`` are the members that say yes, each with what would say no; ``tokens`` what the grant is proved by later;
    ``subjects`` the identifiers of what it was asked for, repeated in the answer.
    """

    step: int
    call: ToolCall
    value: JSON
    grants: tuple[tuple[str, JSON], ...]
    tokens: tuple[str, ...]
    subjects: tuple[str, ...]


def approvals(scan: Scan) -> Iterator[Approval]:
    """The good answers of approval tools, and of tools whose answers a policy names, in the order of the run."""
    for step, call in scan.calls:
        assert call.result is not None
        patterns = [pattern for tool, pattern in scan.named if listed(call.tool, (tool,))]
        if is_refusal(call.result) or not (scan.rules[call.tool].kind == "approval" or patterns):
            continue
        value = call.result.value
        if isinstance(value, dict):
            yield _approval(step, call, value, patterns)


def first_of_each_tool(scan: Scan) -> list[Approval]:
    """The first grant of each tool."""
    kept: dict[str, Approval] = {}
    for approval in approvals(scan):
        kept.setdefault(approval.call.tool, approval)
    return list(kept.values())


def _approval(step: int, call: ToolCall, value: JSON, patterns: list[str]) -> Approval:
    asked = {norm(item) for name, item in call.arguments.items() if kind_of(item, name) == "identifier"}
    grants: list[tuple[str, JSON]] = []
    tokens: list[str] = []
    fallback: list[str] = []
    subjects: list[str] = []
    for pointer, leaf in leaves(value):
        name = snake(name_of(pointer))
        no = _denial(name, leaf, any(matches(pattern, pointer) for pattern in patterns))
        if no is not None:
            grants.append((pointer, no))
        elif isinstance(leaf, str | int) and not isinstance(leaf, bool) and norm(leaf) in asked:
            subjects.append(pointer)
        elif isinstance(leaf, str) and leaf:
            tokens.extend([pointer] if _TOKENS.match(name) else [])
            fallback.extend([pointer] if _TOKEN_IDS.match(name) else [])
    return Approval(step, call, value, tuple(grants), tuple(tokens or fallback), tuple(subjects))


def _denial(name: str, leaf: JSON, named: bool) -> JSON:
    """What would say no in place of a value that says yes; None where the value says nothing of the kind."""
    if leaf is True and (named or _GRANTS.match(name)):
        return False
    if isinstance(leaf, str) and leaf.casefold() in _GRANTED_WORDS:
        return "DENIED" if leaf.isupper() else "Denied" if leaf[0].isupper() else "denied"
    return None
