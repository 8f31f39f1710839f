"""A campaign that is killed at any moment and resumed ends as one that was left alone: nothing lost, nothing twice.

Run as a script this file is the process that is killed: it goes on with the store's campaign, or begins one.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from campaigns.shop import TOOLS, recorded
from counterfault.campaign.run import run
from counterfault.config import AgentConfig, Budget, CampaignConfig, Config, GateConfig
from counterfault.core.attempt import Attempt, WorkItem
from counterfault.ports import Store
from counterfault.wiring import attempts_with, new_campaign, open_store, stored_campaign, study_of

ATTEMPTS = 500
TRACES = tuple(recorded(1001 + number, 10.5 + 3.25 * number) for number in range(30))
SOAK_KILLS = 5 if os.environ.get("COUNTERFAULT_SOAK") == "short" else 20


def settings(isolation: str) -> Config:
    """A campaign over 30 runs of the small shop."""
    agent = AgentConfig("campaigns.agents:plain", isolation=isolation, version="1")  # type: ignore[arg-type]
    return Config(agent, TOOLS, CampaignConfig(("all",), budget=Budget(ATTEMPTS, 10)), gate=GateConfig(min_control=0.0))


def go_on(folder: Path, isolation: str) -> None:
    """Run what is left of the store's campaign; what is in the store already is asked for by nobody."""
    store = open_store(folder)
    config = settings(isolation)
    for trace in TRACES:
        store.put_trace(trace)
    if planned(store):
        campaign, study = stored_campaign(store)
    else:
        study = study_of(config, store)
        campaign = new_campaign(study, store)
    known = store.attempt_ids(campaign.id)
    attempt_all = attempts_with(study)

    def watched(items: Iterable[WorkItem]) -> Iterator[Attempt]:
        for attempt in attempt_all(items):
            assert attempt.id not in known, f"attempt {attempt.id} was run a second time"
            yield attempt

    summary = run(campaign, store, watched, lambda event: None)
    assert summary.status == "complete", summary.reasons
    store.close()


def planned(store: Store) -> bool:
    """Whether the store's campaign has its plan: one that was killed before has nothing that could go on."""
    return any(any(store.plan(campaign_id)) for campaign_id, _ in store.campaigns())


@dataclass(frozen=True)
class Ended:
    """What a finished campaign holds."""

    campaign_id: str
    planned: frozenset[str]
    attempts: tuple[str, ...]
    verdicts: dict[str, tuple[str, str]]


def ended(folder: Path) -> Ended:
    """What the store holds of its one campaign."""
    store = open_store(folder, write=False)
    (campaign_id,) = (key for key, _ in store.campaigns() if any(store.plan(key)))
    judgements = store.judgements(campaign_id)
    found = Ended(
        campaign_id,
        frozenset(item.id for item in store.plan(campaign_id)),
        tuple(sorted(attempt.id for attempt in store.attempts(campaign_id))),
        {key: (found.outcome, found.verdict) for key, found in judgements.items()},
    )
    store.close()
    return found


def spawned(folder: Path, isolation: str) -> "subprocess.Popen[bytes]":
    path = os.pathsep.join(entry for entry in sys.path if entry)
    command = [sys.executable, __file__, str(folder), isolation]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.PIPE)


def finished(process: "subprocess.Popen[bytes]") -> None:
    _, complaints = process.communicate()
    assert process.returncode == 0, complaints.decode(errors="replace")


def killed(folder: Path, isolation: str, after: float) -> bool:
    """Go on with the campaign and kill it then; False where it was done sooner."""
    process = spawned(folder, isolation)
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return True
    finished(process)
    return False


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, float]:
    """The campaign left alone, and how long it took, in seconds."""
    folder = tmp_path_factory.mktemp("undisturbed")
    began = time.monotonic()
    finished(spawned(folder, "inline"))
    took = time.monotonic() - began
    found = ended(folder)
    assert ATTEMPTS <= len(found.planned) <= len(found.attempts)
    return found, took


def disturbed(tmp_path: Path, isolation: str, kills: int, undisturbed: tuple[Ended, float]) -> None:
    expected, took = undisturbed
    seed = int(os.environ.get("COUNTERFAULT_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"COUNTERFAULT_SEED={seed}")
    moments = random.Random(seed)
    number = 0
    while kills:
        number += 1
        folder = tmp_path / str(number)
        # Kill by kill the same campaign, until it is done before it is hit.
        while kills and killed(folder, isolation, moments.uniform(0.2, 0.9) * took):
            kills -= 1
        finished(spawned(folder, isolation))
        found = ended(folder)
        assert found.planned == expected.planned
        assert found.attempts == expected.attempts
        assert len(set(found.attempts)) == len(found.attempts)
        assert found.verdicts == expected.verdicts


def test_a_campaign_killed_twice_ends_as_one_left_alone(tmp_path: Path, undisturbed: tuple[Ended, float]) -> None:
    disturbed(tmp_path, "inline", 2, undisturbed)


@pytest.mark.soak
@pytest.mark.parametrize("isolation", ["inline", "process"])
def test_a_campaign_killed_many_times_ends_as_one_left_alone(
    tmp_path: Path, isolation: str, undisturbed: tuple[Ended, float]
) -> None:
    disturbed(tmp_path, isolation, SOAK_KILLS, undisturbed)


if __name__ == "__main__":
    go_on(Path(sys.argv[1]), sys.argv[2])
