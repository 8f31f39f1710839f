"""The judge as a measuring instrument: a bounded sample of the table that ``python -m oracles.oracle_table`` prints."""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from .desks import DESKS, GOOD_NAMES, NAMES
from .oracle_table import MIN_RECALL, Measured, count, measure, oracles, report, shortfalls
from .truth_table import decide, file_of, key_of, read

TESTS = Path(__file__).parents[1]
JUDGING = ("counterfault.oracles", "counterfault.campaign.judge", "counterfault.core.case", "counterfault.core.outcome")
TRUTH = ("oracles/desks.py", "oracles/truth_table.py", "worlds/truth.py", "worlds/replayed.py", "worlds/conduct.py")
MOST_BYTES = 3_000_000


def every(agent: str) -> int:
    """Every third mutant of the good agents, every sixth of the others: enough, and quick."""
    return 3 if agent in GOOD_NAMES else 6


@pytest.fixture(scope="module")
def measured() -> Measured:
    return measure(every)


def test_the_judge_keeps_its_limits_on_a_sample(measured: Measured) -> None:
    assert list(shortfalls(measured)) == [], report(measured)


def test_every_planted_bug_is_caught_wherever_the_replay_could_answer(measured: Measured) -> None:
    for agent in set(NAMES) - set(GOOD_NAMES):
        cell = count(row for row in measured.rows if row.agent == agent and row.verdict != "void")
        assert cell.caught >= MIN_RECALL * cell.wrong > 0, f"{agent}: {cell}"


def test_every_operator_and_both_worlds_are_in_the_sample(measured: Measured) -> None:
    worlds = {(row.desk, row.operator) for row in measured.rows}
    assert {operator for _, operator in worlds} == {mutant.first.operator for _, mutant in DESKS["support"].sample}
    assert {desk for desk, _ in worlds} == set(DESKS)


def test_no_oracle_broke(measured: Measured) -> None:
    assert not [row for row in measured.rows if "broken" in row.reasons]


def test_the_table_prints_an_empty_cell_as_empty_and_does_not_count_it(measured: Measured) -> None:
    few = Measured(measured.rows[:5], measured.controls, Counter(), 0)
    text = report(few)
    assert "empty: thorough" in text
    assert "(0 of 0;" in text


@pytest.mark.parametrize("agent", NAMES)
@pytest.mark.parametrize("desk", DESKS)
def test_the_worlds_still_say_what_was_written_down(desk: str, agent: str) -> None:
    known = read(desk, agent)
    place = DESKS[desk]
    for trace, mutant in place.sample[::40]:
        attempt = place.attempt(agent, trace, mutant)
        now = decide(place, trace, mutant, attempt)
        assert known[key_of(trace, mutant)] == now, "run `python -m oracles.truth_table` in tests/ again"


def test_the_written_truth_is_small() -> None:
    assert sum(file_of(desk, agent).stat().st_size for desk in DESKS for agent in NAMES) < MOST_BYTES


@pytest.mark.parametrize("file", TRUTH)
def test_truth_does_not_import_the_judge(file: str) -> None:
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    named = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    named |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not [name for name in named if name.startswith(JUDGING)]


def test_deciding_truth_loads_no_oracle() -> None:
    told = "import sys, oracles.truth_table; print([name for name in sys.modules if name in sys.argv[1:]])"
    names = [*(f"counterfault.oracles.{name}" for name in oracles()), "counterfault.campaign.judge"]
    done = subprocess.run([sys.executable, "-c", told, *names], cwd=TESTS, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
