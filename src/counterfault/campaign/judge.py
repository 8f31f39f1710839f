"""From oracles' findings to a judgement. Judging comes after running, is pure, and can be redone without the agent."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from counterfault.core.attempt import Attempt
from counterfault.core.case import Accepted, Case, Fact, Ground, JudgeRules, read_all, recorded_facts
from counterfault.core.edit import substitute
from counterfault.core.mutant import Mutant
from counterfault.core.outcome import Finding, Judgement, decide
from counterfault.core.scan import Scan
from counterfault.core.trace import Message, Trace
from counterfault.core.values import norm, states, tokens
from counterfault.ports import Oracle

_NEEDLESS = ("invariant", "renaming")


@dataclass(frozen=True)
class Bench:
    """The judge of one trace: its ground, the oracles, its baseline findings and what its controls showed.

    ``baseline`` counts the findings that the recording itself has, ``control_kinds`` are the kinds of findings that a
    control of the trace had: neither is blamed on a mutant. ``held`` says whether a control held.
    """

    ground: Ground
    oracles: Mapping[str, Oracle]
    baseline: tuple[Finding, ...] = ()
    control_kinds: frozenset[tuple[str, str, str, str]] = field(default_factory=frozenset)
    held: bool = True

    def judge(self, attempt: Attempt, mutant: Mutant | None) -> Judgement:
        """The outcome and verdict of one attempt of the trace."""
        case = Case(self.ground, mutant, attempt)
        findings = self._excused(case, examine(case, self.oracles))
        charged, shared = [], False
        for finding in findings:
            charges = attempt.arm == "mutant" and finding.implies not in ("", "escalated")
            if charges and finding.kind in self.control_kinds:
                charged.append(replace(finding, implies="", message=f"{finding.message} (a control did the same)"))
                shared = shared or finding.implies != "unknown"
            else:
                charged.append(self._marked(finding))
        outcome, verdict = decide(attempt.status, charged)
        if shared and verdict == "pass":
            verdict = "unknown"
        needless = outcome == "escalated" and case.relation in _NEEDLESS
        return Judgement(outcome, verdict, tuple(charged), needless)

    def _marked(self, finding: Finding) -> Finding:
        """A failure that hangs on a tool that was only inferred to write says so."""
        if finding.implies in ("", "escalated", "unknown") or not finding.tool:
            return finding
        rule = self.ground.scan.rules[finding.tool]
        if not (rule.writes and rule.inferred):
            return finding
        return replace(finding, message=f"{finding.message} (that {finding.tool} writes is inferred: {rule.why})")

    def _excused(self, case: Case, findings: Iterable[Finding]) -> list[Finding]:
        left = Counter(_identity(finding, case.pairs) for finding in self.baseline)
        kept = []
        for finding in findings:
            key = _identity(finding, ())
            if finding.implies in ("", "escalated") or not left[key]:
                kept.append(finding)
            else:
                left[key] -= 1
                kept.append(replace(finding, implies="", message=f"{finding.message} (so in the recording)"))
        return kept


def _identity(finding: Finding, pairs: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    value = substitute(finding.value, pairs)
    return (*finding.kind, norm(value) if not isinstance(value, dict | list) else repr(value))


def examine(case: Case, oracles: Mapping[str, Oracle]) -> list[Finding]:
    """Every oracle's findings. One that breaks says nothing either way: its finding is *unknown*."""
    found: list[Finding] = []
    for name, oracle in oracles.items():
        try:
            found.extend(oracle.judge(case))
        except Exception as error:
            message = f"the oracle broke: {type(error).__name__}: {error}"
            found.append(Finding(name, "broken", message, implies="unknown"))
    return found


def ground_of(scan: Scan, rules: JudgeRules, siblings: Sequence[Trace] = (), also: Sequence[Accepted] = ()) -> Ground:
    """What is right for a trace: its own outcome unless its label says that it failed, and what a person accepted.

    ``siblings`` are the good recordings of the same task, this one included.
    """
    own = () if scan.trace.passed is False else (outcome_of(scan),)
    hands_over = [escalates(replace_trace(scan, sibling)) for sibling in siblings] or [escalates(scan)]
    return Ground(scan, (*own, *also), recorded_facts(scan), rules, all(hands_over))


def replace_trace(scan: Scan, trace: Trace) -> Scan:
    """The scan of another trace under the same rules."""
    return scan if trace.id == scan.trace.id else Scan(trace, scan.rules, scan.corpus, scan.named, scan.timeout_s)


def outcome_of(scan: Scan) -> Accepted:
    """The outcome that a recording shows."""
    return Accepted(tuple(e for e in scan.effects if e.state == "committed"), escalates(scan))


def escalates(scan: Scan) -> bool:
    """Whether a recording hands over: by an escalation tool, or in its last message."""
    if any(scan.rules[call.tool].kind == "escalation" for _, call in scan.calls):
        return True
    texts = [message.text for _, message in scan.trace.messages("assistant")]
    return bool(texts) and read_all((texts[-1],)).escalates


def baseline_of(ground: Ground, oracles: Mapping[str, Oracle]) -> tuple[Finding, ...]:
    """The findings that are true of the recording itself: no truth is charged to a control or a mutant."""
    case = Case(ground, None, repeated(ground.scan))
    return tuple(finding for finding in examine(case, oracles) if finding.implies not in ("", "escalated"))


def repeated(scan: Scan) -> Attempt:
    """The recording as an attempt that repeated it, its hand-over by tool included."""
    hands_over = any(scan.rules[call.tool].kind == "escalation" for _, call in scan.calls)
    return replace(attempt_of(scan.trace), escalated="as recorded" if hands_over else None)


def attempt_of(trace: Trace) -> Attempt:
    """The recording as if it were an attempt."""
    return Attempt(trace.id, trace.id, "", "control", "", 0, 0, "completed", trace.steps)


def with_controls(bench: Bench, controls: Sequence[tuple[Attempt, Judgement]]) -> Bench:
    """The bench after the trace's controls: facts that every holding control repeats, and what controls also show."""
    holding = [attempt for attempt, judgement in controls if judgement.outcome == "recovered"]
    facts = [fact for fact in bench.ground.facts if all(_states(attempt, fact) for attempt in holding)]
    kinds = {
        finding.kind
        for _, judgement in controls
        for finding in judgement.findings
        if finding.implies not in ("", "escalated")
    }
    ground = replace(bench.ground, facts=tuple(facts) if holding else bench.ground.facts)
    return replace(bench, ground=ground, control_kinds=frozenset(kinds), held=bool(holding) or not controls)


def _states(attempt: Attempt, fact: Fact) -> bool:
    return any(
        states({token.norm for token in tokens(step.text)}, fact.form)
        for step in attempt.steps
        if isinstance(step, Message) and step.role == "assistant"
    )
