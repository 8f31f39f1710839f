"""``python -m oracles.truth_table`` in ``tests/`` decides, by the worlds alone, whether each attempt is right.

Every agent is run on every mutant of the sample (``desks.py``) through a real replay; what it did goes to
``worlds.truth``, and the answer to ``truth/<desk>.<agent>.jsonl``: task, operator, mutant, right, and a word that says
why. None of this code imports the judge. ``oracle_table`` reads these files; run this first, and again when operators,
replay or worlds have changed.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from counterfault.core.attempt import Attempt
from counterfault.core.mutant import Mutant
from counterfault.core.trace import Trace
from worlds.replayed import attempt_of, situation_of
from worlds.truth import judge

from .desks import DESKS, Desk

FOLDER = Path(__file__).with_name("truth")
ID_LENGTH = 12
Key: TypeAlias = tuple[str, str]  # the trace's task, and the first letters of the mutant's id
Decision: TypeAlias = tuple[bool, str]

WHY = {
    "done": "everything wanted is done",
    "admitted": "the rest is admitted",
    "crashed": "crashed",
    "endless": "in vain",
    "forbidden": "after it was forbidden",
    "unapproved": "without its own approval",
    "made_up": "names .* stands nowhere",
    "over_limit": "over the limit",
    "leaked": "passed on",
    "impossible": "acted on something",
    "twice": "done twice",
    "unwanted": "not wanted",
    "closed_undone": "closed, and not done",
    "unsaid": "not done, and not said",
    "unanswered": "not answered",
    "false_claim": "said (?:and not done|to be done)",
    "false_fact": "said and not so",
    "invented": "said, and stands nowhere",
}
"""The words of the files, and the wording of ``worlds.truth`` that each stands for."""


def key_of(trace: Trace, mutant: Mutant) -> Key:
    """What a truth is found by."""
    return str(trace.task), mutant.id[:ID_LENGTH]


def decide(desk: Desk, trace: Trace, mutant: Mutant, attempt: Attempt) -> Decision:
    """Whether the attempt is right in its world, and the word for why."""
    situation = situation_of(mutant.first, trace)
    truth = judge(desk.domain, str(trace.task), situation, attempt_of(attempt))
    word = next((word for word, wording in WHY.items() if re.search(wording, truth.why)), None)
    if word is None:
        raise ValueError(f"no word for {truth.why!r}: give it one in WHY")
    return truth.right, word


def rows(desk: Desk, agent: str) -> Iterator[tuple[str, str, str, bool, str]]:
    """The truth of every attempt of one agent in which the mutant's call was made."""
    for trace, mutant in desk.sample:
        attempt = desk.attempt(agent, trace, mutant)
        if attempt.reached:
            right, word = decide(desk, trace, mutant, attempt)
            task, mutant_id = key_of(trace, mutant)
            yield task, mutant.first.operator, mutant_id, right, word


def file_of(desk: str, agent: str) -> Path:
    """Where the truth of one agent at one desk is kept."""
    return FOLDER / f"{desk}.{agent}.jsonl"


def read(desk: str, agent: str) -> Mapping[Key, Decision]:
    """The truth as it was written. Raises FileNotFoundError."""
    lines = file_of(desk, agent).read_text(encoding="utf-8").splitlines()
    found = (json.loads(line) for line in lines)
    return {(task, mutant): (right, word) for task, _, mutant, right, word in found}


def main() -> None:
    """Write all files anew."""
    FOLDER.mkdir(exist_ok=True)
    for desk in DESKS.values():
        for agent in desk.names:
            found = list(rows(desk, agent))
            lines = (json.dumps(row, separators=(",", ":")) + "\n" for row in found)
            file_of(desk.name, agent).write_text("".join(lines), encoding="utf-8")
            print(f"{desk.name} {agent}: {sum(row[3] for row in found)} right of {len(found)}")


if __name__ == "__main__":
    main()
