"""What a tool does to the world, and the effects that a run had on it.

Whether a tool writes: declared > annotated > inferred from its name. What cannot be inferred counts as a write.
An effect is committed, refused (the tool answered with an error) or unknown (nobody can tell).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from counterfault.core.jsontree import JSON, canonical
from counterfault.core.trace import Step, ToolCall, ToolResult
from counterfault.core.values import is_free_text, norm, tokens

State: TypeAlias = Literal["committed", "refused", "unknown"]
ToolKind: TypeAlias = Literal["read", "write", "pure", "approval", "escalation"]

_READS = frozenset(
    re.findall(
        r"\w+",
        "get list search find read fetch lookup look query check describe show view count validate verify retrieve "
        "inspect browse estimate quote preview summarize summarise is has status select scan peek compare",
    )
)
_PURE = ("calculate", "calculator", "calc", "compute", "evaluate", "think", "thought", "convert", "now", "today")
_ESCALATES = (
    *("escalate", "handoff", "hand_off", "hand_over", "handover", "transfer_to_human", "contact_human"),
    *("transfer_to_agent", "human_agent", "ask_human", "human_agents", "human_handoff", "page_oncall"),
)
_APPROVES = ("approve", "approval", "authorize", "authorise", "authorization", "authorisation", "sign_off", "signoff")
_FINAL = ("delete", "refund", "cancel", "pay", "send", "transfer", "charge", "remove", "purge", "wire", "payout")
_SAME_TWICE = ("set", "update", "close", "put", "cancel", "delete", "remove", "mark", "assign", "modify", "change")


@dataclass(frozen=True, slots=True)
class Declared:
    """What the user says of the tools, by name or glob: the ``[tools]`` lists of the config."""

    write: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    irreversible: tuple[str, ...] = ()
    idempotent: tuple[str, ...] = ()
    escalation: tuple[str, ...] = ()
    approval: tuple[str, ...] = ()
    pure: tuple[str, ...] = ()
    decisive: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolRule:
    """What one tool is, why we think so, and whether that was inferred rather than declared."""

    name: str
    kind: ToolKind
    why: str
    inferred: bool
    irreversible: bool = False
    idempotent: bool = False

    @property
    def writes(self) -> bool:
        """Whether its calls are effects."""
        return self.kind == "write"


@dataclass(frozen=True)
class ToolRules:
    """The rule of every tool; tools not met before are classified when asked for."""

    declared: Declared = Declared()
    _known: dict[str, ToolRule] = field(default_factory=dict, compare=False, repr=False)

    def __getitem__(self, tool: str) -> ToolRule:
        if tool not in self._known:
            self._known[tool] = _classify(tool, self.declared)
        return self._known[tool]


@dataclass(frozen=True, slots=True)
class Effect:
    """A state-changing call: the step that made it, what it asked for, and whether it took hold."""

    step: int
    tool: str
    arguments: Mapping[str, JSON]
    state: State

    @property
    def key(self) -> str:
        """Equal for two calls that ask for the same effect."""
        return effect_key(self.tool, self.arguments)


def words_of(tool: str) -> list[str]:
    """The lower-case words of a tool's name: ``mcp__shop__getOrder`` → mcp, shop, get, order."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", tool)]


def _names(tool: str, phrases: Iterable[str]) -> str | None:
    spelled = "_" + "_".join(words_of(tool)) + "_"
    return next((phrase for phrase in phrases if f"_{phrase}_" in spelled), None)


def listed(tool: str, patterns: Iterable[str]) -> bool:
    """Whether a tool is named in a declared list; ``*`` in a pattern stands for any characters."""
    return any(re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), tool) for pattern in patterns)


def _classify(tool: str, declared: Declared) -> ToolRule:
    kind, why, inferred = _kind(tool, declared)
    irreversible = listed(tool, declared.irreversible)
    idempotent = listed(tool, declared.idempotent)
    if kind == "write" and not declared.irreversible:
        irreversible = _names(tool, _FINAL) is not None
    if kind == "write" and not idempotent:
        idempotent = bool(words_of(tool)) and _leading_verb(tool) in _SAME_TWICE and not irreversible
    return ToolRule(tool, kind, why, inferred, irreversible, idempotent)


def _kind(tool: str, declared: Declared) -> tuple[ToolKind, str, bool]:
    lists: tuple[tuple[ToolKind, tuple[str, ...]], ...] = (
        ("escalation", declared.escalation),
        ("approval", declared.approval),
        ("write", declared.write + declared.irreversible),
        ("read", declared.read),
        ("pure", declared.pure),
    )
    for kind, patterns in lists:
        if listed(tool, patterns):
            return kind, f"declared in [tools] {kind}", False
    guesses: tuple[tuple[ToolKind, Iterable[str]], ...] = (("escalation", _ESCALATES), ("approval", _APPROVES))
    for kind, phrases in guesses:
        if phrase := _names(tool, phrases):
            return kind, f"its name says {phrase!r}", True
    verb = _leading_verb(tool)
    if verb in _PURE:
        return "pure", f"its name begins with {verb!r}", True
    if verb in _READS:
        return "read", f"its name begins with {verb!r}", True
    return "write", f"nothing says that {verb!r} only reads", True


def _leading_verb(tool: str) -> str:
    # Hosts and servers put a prefix before the verb: mcp__shop__get_order, orders.get, github-list-issues.
    parts = [part for part in re.split(r"__|[./:]", tool) if part]
    words = words_of(parts[-1]) if parts else []
    known = {*_READS, *_PURE}
    return next((word for word in words[:2] if word in known), words[0] if words else "")


def is_refusal(result: ToolResult) -> bool:
    """Whether an answer says that the call failed: the error flag, an exception, or the error-text rule.

    The rule: the text begins with "error", "failed" or "exception" (any case), or it is an object with a truthy
    ``error``, ``isError`` or ``errors``, or with ``ok`` or ``success`` false.
    """
    if result.error is not None:
        return result.error
    if result.raised:
        return True
    if re.match(r"\W*(?:error|failed|failure|exception|traceback)\b", result.text, re.IGNORECASE):
        return True
    value = result.value
    if not isinstance(value, dict):
        return False
    if any(value.get(key) for key in ("error", "isError", "errors")):
        return True
    return any(value.get(key) is False for key in ("ok", "success"))


def argument_key(value: JSON, key: str = "") -> Any:
    """An argument in normal form. Of free text only identifiers, amounts and dates count; nulls do not."""
    if isinstance(value, dict):
        return {name: argument_key(item, name) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [argument_key(item, key) for item in value]
    if is_free_text(value):
        assert isinstance(value, str)
        return sorted({token.norm for token in tokens(value) if token.kind in ("identifier", "date") or token.money})
    return norm(value)


def effect_key(tool: str, arguments: Mapping[str, JSON]) -> str:
    """Equal for two calls that ask for the same: other spellings of a value and other wordings of prose agree."""
    return tool + canonical(argument_key(dict(arguments))).decode()


def call_key(tool: str, arguments: Mapping[str, JSON]) -> str:
    """Equal for two calls of one tool whose arguments are the same values in any spelling; nulls do not count."""
    return tool + canonical(_spelling(dict(arguments))).decode()


def _spelling(value: JSON) -> Any:
    if isinstance(value, dict):
        return {name: _spelling(item) for name, item in value.items() if item is not None}
    return [_spelling(item) for item in value] if isinstance(value, list) else norm(value)


def effects(steps: tuple[Step, ...], rules: ToolRules, states: Mapping[int, State] | None = None) -> list[Effect]:
    """The effects of a run in order. ``states`` gives, by step, what a replay knows of them; a recording shows it."""
    found = []
    for index, step in enumerate(steps):
        if isinstance(step, ToolCall) and rules[step.tool].writes:
            state: State = "unknown" if step.result is None else "refused" if is_refusal(step.result) else "committed"
            found.append(Effect(index, step.tool, step.arguments, states.get(index, state) if states else state))
    return found
