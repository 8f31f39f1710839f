"""The main job on real traces: the 37 τ-bench airline runs labelled good, with the two agents that need no model."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfault.campaign.judge import Bench, with_controls
from counterfault.campaign.worker import Worker
from counterfault.config import AgentConfig, Config, ToolsConfig
from counterfault.core.attempt import Attempt, WorkItem
from counterfault.core.mutant import Mutant, Mutation
from counterfault.core.outcome import Judgement
from counterfault.core.scan import Scan
from counterfault.core.trace import Trace
from counterfault.formats import read_files
from counterfault.replay.session import Limits
from counterfault.wiring import Study, agent_of, operators_of, oracles, usable

CORPUS = Path(__file__).parents[3] / "shared" / "corpora" / "tau_bench_airline"
pytestmark = [
    pytest.mark.corpora,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the τ-bench airline corpus is not beside this checkout"),
]
PER_FORM = 1 if os.environ.get("COUNTERFAULT_TAU") != "full" else 1000


@pytest.fixture(scope="module")
def study() -> Study:
    config = Config(tools=ToolsConfig(timeout_s=3.0))
    traces = tuple(trace for _, trace in read_files([CORPUS]) if isinstance(trace, Trace))
    good = tuple(trace for trace in usable(traces, config) if trace.passed)
    return Study(config, good, good)


class Arena:
    """One bounding agent on every trace, with its controls judged."""

    def __init__(self, study: Study, kind: str) -> None:
        self.study = study
        agent = agent_of(Config(agent=AgentConfig(kind=kind)))
        recordings = {trace.id: study.recording(trace) for trace in study.traces}
        self._worker = Worker(agent, recordings.__getitem__, Limits(3.0))
        judges = oracles()
        self.benches: dict[str, Bench] = {}
        self.controls: list[Judgement] = []
        for trace in study.traces:
            bench = study.bench(trace, judges)
            attempt = self._worker.run(WorkItem(trace.id, None, "control", kind))
            judgement = bench.judge(attempt, None)
            self.controls.append(judgement)
            self.benches[trace.id] = with_controls(bench, [(attempt, judgement)])

    def run(self, trace: Trace, mutation: Mutation) -> tuple[Attempt, Judgement]:
        mutant = Mutant((mutation,))
        attempt = self._worker.run(WorkItem(trace.id, mutant, "mutant", "agent"))
        return attempt, self.benches[trace.id].judge(attempt, mutant)


@pytest.fixture(scope="module")
def arenas(study: Study) -> dict[str, Arena]:
    return {kind: Arena(study, kind) for kind in ("recorded", "trusting")}


def mutations_of(study: Study, name: str) -> Iterator[tuple[Trace, Scan, Mutation]]:
    operator = operators_of([name])[name]
    for trace in study.traces:
        scan = study.scan(trace)
        for mutation in operator.propose(scan):
            yield trace, scan, mutation


def committed_steps(scan: Scan) -> set[int]:
    return {effect.step for effect in scan.effects if effect.state == "committed"}


def test_the_corpus_has_37_good_runs_and_their_controls_hold_for_both_agents(
    study: Study, arenas: dict[str, Arena]
) -> None:
    assert len(study.traces) == 37
    for kind, arena in arenas.items():
        assert [control.outcome for control in arena.controls] == ["recovered"] * 37, kind


def test_every_renaming_that_reaches_a_committed_write_passes_trusting_and_fails_recorded(
    study: Study, arenas: dict[str, Arena]
) -> None:
    qualifying = 0
    wrong = []
    for trace, scan, mutation in mutations_of(study, "value.renaming"):
        (pairs,) = [edit.pairs for edit in mutation.edits if hasattr(edit, "pairs")]
        steps = committed_steps(scan)
        old = {before for before, _ in pairs}
        if not any(use.step in steps and str(use.written) in old for use in scan.uses):
            continue
        qualifying += 1
        verdicts = {kind: arena.run(trace, mutation)[1].verdict for kind, arena in arenas.items()}
        if verdicts != {"recorded": "fail", "trusting": "pass"}:
            wrong.append((trace.id[:8], pairs, verdicts))
    print(f"renamings that qualify: {qualifying}")
    assert qualifying >= 50
    assert wrong == []


def test_every_contradiction_that_reaches_a_committed_write_fails_trusting_and_none_fails_recorded(
    study: Study, arenas: dict[str, Arena]
) -> None:
    qualifying = 0
    wrong = []
    for trace, scan, mutation in mutations_of(study, "value.contradiction"):
        steps = committed_steps(scan)
        site = (mutation.site.step, mutation.site.pointer)
        reaches = any(
            use.step in steps and use.read is not None and (use.read.place.step, use.read.place.pointer) == site
            for use in scan.uses
        )
        recorded = arenas["recorded"].run(trace, mutation)[1]
        if recorded.verdict == "fail":
            wrong.append((trace.id[:8], site, "recorded", [f.message for f in recorded.findings]))
        if reaches:
            qualifying += 1
            trusting = arenas["trusting"].run(trace, mutation)[1]
            if trusting.verdict != "fail":
                wrong.append((trace.id[:8], site, "trusting", [f.message for f in trusting.findings]))
    print(f"contradictions that qualify: {qualifying}")
    assert qualifying >= 30
    assert wrong == []


def test_after_a_persistent_timeout_of_a_committed_write_both_agents_fail_by_the_claim_oracle(
    study: Study, arenas: dict[str, Arena]
) -> None:
    tried = 0
    wrong = []
    for trace, scan, mutation in mutations_of(study, "fault.timeout"):
        if mutation.site.step not in committed_steps(scan) or mutation.times is not None:
            continue
        tried += 1
        for kind, arena in arenas.items():
            attempt, judgement = arena.run(trace, mutation)
            if judgement.verdict != "fail" or not any(finding.oracle == "claims" for finding in judgement.findings):
                said = [f"{finding.oracle}:{finding.code}" for finding in judgement.findings]
                wrong.append((trace.id[:8], kind, mutation.site.tool, attempt.status, judgement.outcome, said))
    print(f"persistent timeouts of committed writes: {tried}")
    assert tried >= 20
    assert wrong == []


def test_what_is_reached_is_delivered_and_little_is_unresolved(study: Study, arenas: dict[str, Arena]) -> None:
    reached = delivered = resolved = unresolved = 0
    families: Counter[str] = Counter()
    left: Counter[str] = Counter()
    for name in operators_of(["all"]):
        seen: Counter[tuple[str, str]] = Counter()
        for trace, scan, mutation in mutations_of(study, name):
            seen[trace.id, mutation.variant] += 1
            if seen[trace.id, mutation.variant] > PER_FORM:
                continue
            read_stays_away = mutation.times is None and "timeout" in name and not scan.rules[mutation.site.tool].writes
            for arena in arenas.values():
                attempt, judgement = arena.run(trace, mutation)
                reached += attempt.reached
                delivered += attempt.reached and attempt.delivered
                families[mutation.family] += attempt.delivered
                if not read_stays_away and attempt.delivered:
                    unresolved += judgement.outcome == "unresolved"
                    resolved += 1
                    left[f"{name} {judgement.outcome}"] += judgement.outcome == "unresolved"
    print(f"delivered {delivered} of {reached}; unresolved {unresolved} of {resolved}; {+left}; {dict(families)}")
    assert delivered >= 0.99 * reached
    assert unresolved <= 0.15 * resolved
    assert all(families[family] for family in ("schema", "fault", "value", "policy"))
