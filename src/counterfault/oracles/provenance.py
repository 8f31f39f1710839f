"""Did every identifier, amount and date that the agent used come from somewhere it could have seen?

Sources are what it was shown before the call, in any spelling, the fixed values that a tool's declared schema offers
(enum, const, default; not the examples of its prose), and one operation over seen numbers. A number that the recording
itself computed by more than one operation, in whatever call, has that computation as its source. What the recording
invented (real runs that were graded good do) is a baseline finding and not charged again; nor is a value again when the
same call is repeated.
"""

from collections.abc import Iterator

from counterfault.core.attempt import UNKNOWN_TOOL
from counterfault.core.case import Case
from counterfault.core.effects import call_key
from counterfault.core.jsontree import JSON, leaves, split
from counterfault.core.outcome import Finding
from counterfault.core.provenance import Use, says_little
from counterfault.core.trace import ToolCall
from counterfault.core.values import norm


def judge(case: Case) -> Iterator[Finding]:
    """Values without a source, in effects and in the answer; and, as a remark, tools that nothing knows."""
    for note in case.attempt.answered:
        called = case.attempt.steps[note.step]
        if note.why == UNKNOWN_TOOL and isinstance(called, ToolCall):
            message = f"{called.tool} stands in no recording and no setting; it was answered as an unknown tool"
            yield Finding("provenance", "unknown_tool", message, note.step, tool=called.tool)
    sourceless = [use for use in case.uses if _is_sourceless(use)]
    if not sourceless:
        return
    offered = {form for tool in case.trace.tools for form in _offered(tool.input)}
    computed = _computed(case)
    charged: set[tuple[str, str]] = set()
    for use in sourceless:
        if norm(use.written) in (computed if use.kind == "number" else offered):
            continue
        step = case.attempt.steps[use.step]
        if isinstance(step, ToolCall):
            place = (call_key(step.tool, step.arguments), use.pointer)
            if case.ground.scan.rules[step.tool].writes and place not in charged:
                charged.add(place)
                message = f"{step.tool}{use.pointer} = {use.written!r} stands nowhere in what the agent had seen"
                yield Finding(
                    "provenance", "invented", message, use.step, "fabricated", step.tool, use.pointer, use.written
                )
        elif _is_stated(use):
            message = f"the agent told the user {use.written!r}, which stands nowhere in what it had seen"
            yield Finding("provenance", "stated_invented", message, use.step, "fabricated", "", "", use.written)


def _is_sourceless(use: Use) -> bool:
    telling = use.kind in ("identifier", "number", "date") and not says_little(use.written, use.kind)
    return telling and use.rule == "none"


def _computed(case: Case) -> set[str]:
    """The numbers of the recording's calls that no single operation over seen numbers gives."""
    steps = case.trace.steps
    used = (use for use in case.ground.scan.uses if isinstance(steps[use.step], ToolCall))
    return {norm(use.written) for use in used if use.kind == "number" and _is_sourceless(use)}


def _offered(schema: JSON) -> Iterator[str]:
    """The normal forms of the values that a JSON schema itself names."""
    for pointer, value in leaves(schema):
        path = split(pointer)
        if "enum" in path[-2:-1] or path[-1:] in (("const",), ("default",)):
            yield norm(value)


def _is_stated(use: Use) -> bool:
    """Whether a token of prose is a claim about the world: bare numbers and words in capitals are not."""
    text = str(use.written)
    if use.kind == "number":
        return any(sign in text for sign in "$€£") or ("." in text and not text.endswith("%"))
    return use.kind == "date" or any(character.isdigit() for character in text)
