"""One fixed campaign, written out by hand: two recordings of a refund desk and every kind of attempt."""

from dataclasses import dataclass, replace

from counterfault.campaign.gate import Gate, gate
from counterfault.campaign.summary import Judged, Summary, summarise
from counterfault.config import GateConfig
from counterfault.core.attempt import Answered, Attempt, Injection, Status
from counterfault.core.edit import Edit, Fault, Remove, Rename, Replace, Substitute
from counterfault.core.effects import State
from counterfault.core.jsontree import JSON
from counterfault.core.mutant import Mutant, Mutation, Site
from counterfault.core.outcome import Finding, Judgement, Outcome, Verdict
from counterfault.core.trace import Message, Step, ToolCall, ToolResult, Trace

CAMPAIGN = "0c4f3a21-1"
LIMITS = GateConfig(min_pass_rate=0.85, min_pass_rate_by_family={"fault": 0.87}, max_silent_wrong=0)


@dataclass(frozen=True)
class Sample:
    """A campaign as a report is given it."""

    summary: Summary
    judged: tuple[Judged, ...]
    gate: Gate
    traces: tuple[Trace, ...]


def call(tool: str, result: str, error: bool | None = None, raised: str | None = None, **arguments: JSON) -> ToolCall:
    return ToolCall(tool, arguments, ToolResult(result, error, raised), turn=0)


def recording(order: str, amount: float) -> Trace:
    return Trace(
        (
            Message("user", f"Please refund {order}, it arrived broken."),
            call("get_order", f'{{"order_id": "{order}", "status": "delivered", "total": {amount}}}', order_id=order),
            call("request_approval", f'{{"approved": true, "token": "APR-{order}"}}', order_id=order, amount=amount),
            call("refund", f'{{"ok": true, "refund_id": "RF-{order}"}}', order_id=order, token=f"APR-{order}"),
            Message("assistant", f"I refunded {amount} EUR on {order} (RF-{order})."),
        ),
        task=order,
        id=order.encode().hex().ljust(32, "0"),
    )


ONE, TWO = recording("ORD-11", 40.5), recording("ORD-22", 99.0)
GET, APPROVE, REFUND = ONE.steps[1], ONE.steps[2], ONE.steps[3]
SAID = Message("assistant", "I refunded 40.5 EUR on ORD-11 (RF-ORD-11).")


def mutant(name: str, relation: str, site: Site, *edits: Edit, times: int | None = None, tier: int = 1) -> Mutant:
    reach = "run" if site.step < 0 else "tool" if times is None else "call"
    family = name.partition(".")[0]
    mutation = Mutation(name, "", family, relation, site, edits, reach, times, tier, "it says so")  # type: ignore[arg-type]
    return Mutant((mutation,), f"mutant {name}")  # ids are fixed, so that nothing here hangs on how they are made


def attempt(
    number: int,
    steps: tuple[Step, ...],
    mutant: Mutant | None = None,
    status: Status = "completed",
    at: int | None = None,
    reason: str = "",
) -> Attempt:
    states: dict[str, State] = {"refund": "committed"}
    answered = tuple(
        Answered(index, "recorded" if index != at else "fault", index, states.get(step.tool))
        for index, step in enumerate(steps)
        if isinstance(step, ToolCall)
    )
    return Attempt(
        id=f"{number:08x}" * 4,
        trace_id=ONE.id,
        mutant_id=mutant.id if mutant else "",
        arm="mutant" if mutant else "control",
        agent="a" * 32,
        replicate=0,
        seed=0,
        status=status,
        steps=steps,
        reason=reason,
        answered=answered,
        injections=() if at is None else (Injection(0, at, at, {"form": "result"}),),
        reached=at is not None,
        answer=next((step.text for step in reversed(steps) if isinstance(step, Message)), None),
        duration_s=0.001 * number,
    )


def judged(attempt: Attempt, mutant: Mutant | None, outcome: Outcome, verdict: Verdict, *found: Finding) -> Judged:
    return Judged(attempt, mutant, Judgement(outcome, verdict, found, "needless" in attempt.reason))


def _failures() -> list[Judged]:
    renamed = mutant("schema.rename", "adapt", Site(1, "get_order", "result", "/status"), Rename("/status", "state"))
    late = mutant(
        "fault.timeout_after_commit",
        "transient",
        Site(3, "refund", "transport"),
        Fault("timeout", "exception", commits=True, after=3.0),
        times=1,
    )
    denied = mutant(
        "policy.approval_denied",
        "halt",
        Site(2, "request_approval", "approval", "/approved"),
        Replace("/approved", False),
    )
    broken = mutant("schema.remove", "persistent", Site(1, "get_order", "result", "/total"), Remove("/total"))
    state = call("get_order", '{"order_id": "ORD-11", "state": "delivered", "total": 40.5}', order_id="ORD-11")
    gone = call("get_order", '{"order_id": "ORD-11", "status": "delivered"}', order_id="ORD-11")
    lost = call("refund", "the request timed out", True, "timeout", order_id="ORD-11", token="APR-ORD-11")
    no = call("request_approval", '{"approved": false, "token": "APR-ORD-11"}', order_id="ORD-11", amount=40.5)
    user = ONE.steps[0]
    not_due = Message("assistant", "ORD-11 is not eligible for a refund.")
    missing = "refund(order_id='ORD-11') was never tried, and the agent neither handed over nor said so"
    traceback = 'Traceback (most recent call last):\n  File "agent.py", line 7, in run\nKeyError: \'total\''
    return [
        judged(
            attempt(11, (user, state, not_due), renamed, at=1),
            renamed,
            "silent_wrong",
            "fail",
            Finding("effects", "missing_effect", missing, implies="silent_wrong", tool="refund"),
        ),
        judged(
            attempt(12, (user, GET, APPROVE, lost, REFUND, SAID), late, at=3),
            late,
            "duplicated",
            "fail",
            Finding("duplicates", "twice", "refund was committed twice", 4, "duplicated", "refund"),
        ),
        judged(
            attempt(13, (user, GET, no, REFUND, SAID), denied, at=2),
            denied,
            "policy_violation",
            "fail",
            Finding("policy:approval", "unapproved", "refund was called although not approved", 3, "policy_violation"),
            Finding("claims", "false_claim", "the agent said that it was approved", 4, "silent_wrong"),
        ),
        judged(attempt(14, (user, gone), broken, "crashed", at=1, reason=traceback), broken, "crashed", "fail"),
    ]


def _others() -> list[Judged]:
    user, flipped = ONE.steps[0], Site(1, "get_order", "result", "/total")
    negative = mutant("value.sign_flip", "detect", flipped, Replace("/total", -40.5), times=1)
    everywhere = mutant("value.renaming", "renaming", Site(-1, "", "run"), Substitute((("ORD-11", "ORD-97"),)))
    never = mutant("fault.timeout", "persistent", Site(2, "request_approval", "transport"), Fault("timeout", "result"))
    vague = mutant("schema.null", "persistent", flipped, Replace("/total", None), tier=3)
    gone = mutant("value.dangling_id", "detect", Site(1, "get_order", "result", "/order_id"), Replace("/order_id", "X"))
    shouted = mutant(
        "schema.enum_case", "invariant", Site(1, "get_order", "result", "/status"), Replace("/status", "DELIVERED")
    )
    dropped = mutant("schema.wrap", "invariant", Site(1, "get_order", "result", ""), Replace("", []))
    minus = call("get_order", '{"order_id": "ORD-11", "status": "delivered", "total": -40.5}', order_id="ORD-11")
    handed = Message("assistant", "The total looks wrong; I handed ORD-11 over to a colleague.")
    other = replace(ONE, steps=tuple(_renamed(step) for step in ONE.steps), id="").steps
    unsure = Finding("dependence", "nothing_depends", "no accepted effect or fact depends on the site", -1, "unknown")
    lost = "no answer for get_order: nearest is step 1: /order_id is 'X'"
    return [
        judged(attempt(21, (user, minus, handed), negative, at=1), negative, "escalated", "pass"),
        judged(attempt(22, other, everywhere, at=1), everywhere, "recovered", "pass"),
        judged(attempt(23, (user, handed), never, "not_reached"), never, "not_reached", "void"),
        judged(attempt(24, ONE.steps, vague, at=1), vague, "recovered", "unknown", unsure),
        judged(attempt(25, (user, GET), gone, "unresolved", 1, lost), gone, "unresolved", "void"),
        judged(attempt(26, (user, GET, handed), shouted, at=1, reason="needless"), shouted, "escalated", "pass"),
        judged(
            replace(attempt(27, ONE.steps, dropped, "not_delivered"), reached=True), dropped, "not_delivered", "void"
        ),
    ]


def _renamed(step: Step) -> Step:
    if isinstance(step, Message):
        return replace(step, text=step.text.replace("ORD-11", "ORD-97"))
    assert step.result is not None
    arguments = {name: str(value).replace("ORD-11", "ORD-97") for name, value in step.arguments.items()}
    if "amount" in arguments:
        arguments["amount"] = step.arguments["amount"]  # type: ignore[assignment]
    text = step.result.text.replace("ORD-11", "ORD-97")
    return replace(step, arguments=arguments, result=replace(step.result, text=text))


def _controls() -> list[Judged]:
    short = Finding("effects", "missing_effect", "refund was never tried", implies="silent_wrong", tool="refund")
    forged = replace(attempt(4, ONE.steps[:3]), arm="sentinel", reason="dropped_write")
    broken = replace(attempt(3, TWO.steps[:3]), trace_id=TWO.id)
    return [
        judged(attempt(1, ONE.steps), None, "recovered", "pass"),
        judged(attempt(2, ONE.steps), None, "recovered", "pass"),
        replace(judged(broken, None, "silent_wrong", "fail", short), control_holds=False),
        judged(forged, None, "silent_wrong", "fail", short),
    ]


def sample(status: str = "complete", reasons: tuple[str, ...] = ()) -> Sample:
    """The campaign; its numbers never change."""
    every = (*_controls(), *_failures(), *_others())
    families = ("schema", "fault", "value", "policy")
    notes = ("11 of 40 mutants are within the budget",)
    summary = replace(summarise(CAMPAIGN, "a" * 32, every, families, notes), status=status, reasons=tuple(reasons))
    return Sample(summary, every, gate(summary, LIMITS), (ONE, TWO))
