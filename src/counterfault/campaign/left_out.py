"""What stands beside a campaign's rate, with the reasons: unknown, unresolved, and controls that do not hold."""

from collections.abc import Iterable
from dataclasses import dataclass

from counterfault.campaign.summary import Judged
from counterfault.campaign.wording import why, words


def unknown_reasons(judged: Iterable[Judged]) -> list[tuple[str, int]]:
    """Why attempts of mutants were judged unknown, with how many, most first; not those of traces that are left out."""
    counts: dict[tuple[str, str], int] = {}
    messages: dict[tuple[str, str], set[str]] = {}
    for one in judged:
        if not _counts(one) or one.judgement.verdict != "unknown":
            continue
        finding = next((f for f in one.judgement.findings if f.implies == "unknown"), None)
        key = (finding.oracle, finding.code) if finding else ("", "a control of the trace did the same")
        counts[key] = counts.get(key, 0) + 1
        messages.setdefault(key, set()).add(finding.message if finding else key[1])
    told = {key: next(iter(found)) if len(found) == 1 else words(key[1]) for key, found in messages.items()}
    return sorted(((told[key], count) for key, count in counts.items()), key=lambda item: (-item[1], item[0]))


def unresolved_reasons(judged: Iterable[Judged]) -> list[tuple[str, int]]:
    """The calls that no recording could answer and that ended attempts of the traces in the rate, most first."""
    counts: dict[str, int] = {}
    for one in judged:
        if _counts(one) and one.judgement.outcome == "unresolved":
            reason = one.attempt.reason.partition(":")[0] or "no answer"
            counts[reason] = counts.get(reason, 0) + 1
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _counts(one: Judged) -> bool:
    return one.attempt.arm == "mutant" and one.control_holds


@dataclass(frozen=True, slots=True)
class ControlView:
    """The controls of one trace: how many ran, how many held, and what the first that did not hold did."""

    trace_id: str
    made: int
    held: int
    wrong: str


def control_views(judged: Iterable[Judged]) -> list[ControlView]:
    """The controls by trace, worst first."""
    by_trace: dict[str, list[Judged]] = {}
    for one in judged:
        if one.attempt.arm == "control":
            by_trace.setdefault(one.attempt.trace_id, []).append(one)
    found = []
    for trace_id, controls in by_trace.items():
        broken = [one for one in controls if one.judgement.outcome != "recovered"]
        wrong = "; ".join((words(broken[0].judgement.outcome), *why(broken[0])[:1])) if broken else ""
        found.append(ControlView(trace_id, len(controls), len(controls) - len(broken), wrong))
    return sorted(found, key=lambda view: (view.held / view.made, view.trace_id))
