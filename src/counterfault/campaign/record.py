"""The flat record of an attempt: what `report --format jsonl` writes, and what every other report can be made from."""

from counterfault.campaign.summary import Judged
from counterfault.campaign.wording import mutation_line
from counterfault.core.attempt import Attempt
from counterfault.core.jsontree import JSON
from counterfault.core.mutant import Mutation
from counterfault.core.trace import Message, ToolCall, Trace


def record(campaign_id: str, one: Judged, trace: Trace | None = None) -> dict[str, JSON]:
    """The attempt as one flat JSON object; keys are only ever added.

    ``unmatched`` and ``synthesised`` count calls that the recording did not hold, and those of them that got a made-up
    or overlaid answer. ``model_calls`` and ``model_calls_replayed`` are null: nothing of them is visible. ``mutation``
    tells the change in words, with the value before where the trace is given. Durations are in seconds.
    """
    attempt, judgement = one.attempt, one.judgement
    return {
        "attempt_id": attempt.id,
        "campaign_id": campaign_id,
        "agent": attempt.agent,
        "trace_id": attempt.trace_id,
        "mutant_id": attempt.mutant_id or None,
        "arm": attempt.arm,
        **_mutation_keys(one.mutant.first if one.mutant else None),
        "mutation": mutation_line(one.mutant, trace) if one.mutant else None,
        "replicate": attempt.replicate,
        "seed": attempt.seed,
        "status": attempt.status,
        "reason": attempt.reason,
        "reached": attempt.reached,
        "delivered": attempt.delivered,
        "outcome": judgement.outcome,
        "verdict": judgement.verdict,
        "needless": judgement.needless,
        "findings": [
            {"oracle": f.oracle, "code": f.code, "message": f.message, "step": f.step, "implies": f.implies}
            for f in judgement.findings
        ],
        "effects": _effects(attempt),
        "answer": _answer(attempt),
        "escalated": attempt.escalated,
        "control_holds": one.control_holds,
        "unmatched": len(attempt.unmatched),
        "unmatched_calls": list(attempt.unmatched),
        "synthesised": sum(note.origin in ("synthesised", "overlaid") for note in attempt.answered),
        "tool_calls": sum(isinstance(step, ToolCall) for step in attempt.steps),
        "model_calls": None,
        "model_calls_replayed": None,
        "duration_s": attempt.duration_s,
    }


def _mutation_keys(mutation: Mutation | None) -> dict[str, JSON]:
    if mutation is None:
        return dict.fromkeys(
            ("operator", "variant", "family", "relation", "site", "tier", "noticeable", "persistence")
        )
    site = mutation.site
    return {
        "operator": mutation.operator,
        "variant": mutation.variant,
        "family": mutation.family,
        "relation": mutation.relation,
        "site": {"step": site.step, "tool": site.tool, "aspect": site.aspect, "pointer": site.pointer},
        "tier": mutation.tier,
        "noticeable": mutation.noticeable,
        "persistence": mutation.persistence,
    }


def _effects(attempt: Attempt) -> list[JSON]:
    found: list[JSON] = []
    for step, state in sorted(attempt.states.items()):
        call = attempt.steps[step]
        if isinstance(call, ToolCall):
            found.append({"step": step, "tool": call.tool, "args": dict(call.arguments), "state": state})
    return found


def _answer(attempt: Attempt) -> JSON:
    """What the run returned; else everything that the agent said to the user."""
    if attempt.answer is not None:
        return attempt.answer
    said = [step.text for step in attempt.steps if isinstance(step, Message) and step.role == "assistant"]
    return "\n\n".join(said) or None
