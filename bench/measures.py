"""What is measured. Each function gives rows of the table."""

import copy
import itertools
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench._rounds import Row, side_by_side
from bench.desk import TRACES, BareTask, BareTools, five, settings
from counterfault.campaign.run import run
from counterfault.core.attempt import Attempt, WorkItem
from counterfault.core.edit import Rename, Replace, apply
from counterfault.core.mutant import Mutant
from counterfault.core.records import attempt_data
from counterfault.executors.inline import Inline
from counterfault.executors.process import Processes
from counterfault.stores.memory import Memory
from counterfault.wiring import Study, attempts_with, new_campaign, open_store, operators_of

ATTEMPTS = 600


def attempts() -> Iterator[Row]:
    """A whole campaign in this process: plan, replay, judge, SQLite store; by the attempt of five tool calls."""

    def campaign() -> int:
        study = Study(settings(ATTEMPTS), TRACES, TRACES)
        with tempfile.TemporaryDirectory() as folder:
            store = open_store(Path(folder))
            found = new_campaign(study, store)
            run(found, store, attempts_with(study), lambda _: None)
            store.close()
        return len(found.items)

    def bare() -> int:
        for _ in range(100):
            for trace in TRACES:
                five(BareTask(trace), BareTools(trace))
        return 100 * len(TRACES)

    taken = side_by_side({"ours": campaign, "bare": bare})
    yield Row("a campaign", "attempts", taken["ours"], "the bare agent loop", taken["bare"])
    yield from _replays(taken["bare"])


def _replays(bare: float) -> Iterator[Row]:
    """The parts of it."""
    study = Study(settings(ATTEMPTS), TRACES, TRACES)
    campaign = new_campaign(study, Memory())
    replayed: list[Attempt] = []
    mutants = {item.id: item.mutant for item in campaign.items}

    def replay() -> int:
        replayed[:] = attempts_with(study)(campaign.items)
        return len(replayed)

    def judge() -> int:
        for attempt in replayed:
            campaign.benches[attempt.trace_id].judge(attempt, mutants[attempt.id])
        return len(replayed)

    taken = side_by_side({"replay": replay, "judge": judge})
    yield Row("  its replays", "attempts", taken["replay"], "the bare agent loop", bare)
    yield Row("  its judge", "attempts", taken["judge"], "the bare agent loop", bare)


def mutants() -> Iterator[Row]:
    """Every mutant of the recordings, described and identified, from scratch."""
    operators = operators_of(["all"])

    def described() -> int:
        study = Study(settings(1), TRACES, TRACES)
        scans = [study.scan(trace) for trace in TRACES]
        found = (one for scan in scans for operator in operators.values() for one in operator.propose(scan))
        return len([Mutant((one,)).id for one in found])

    yield Row("describing", "mutants", side_by_side({"ours": described})["ours"])


def edits() -> Iterator[Row]:
    """One change of a 2 KB result, written out again as the agent is given it."""
    rows = [{"sku": f"SKU-{n}", "name": f"thing number {n}", "price": 3.5 * n, "tags": ["a", "b"]} for n in range(26)]
    text = json.dumps({"order_id": "O-1", "lines": rows, "status": "delivered"})
    pairs = ((Replace("/status", "lost"),), (Rename("/lines/*/price", "amount"),))
    value = json.loads(text)

    def ours(each: tuple[Replace] | tuple[Rename]) -> Callable[[], int]:
        return lambda: sum(1 for _ in range(300) if apply(text, each))

    def bare() -> int:
        for _ in range(300):
            changed = copy.deepcopy(value)
            changed["status"] = "lost"
            json.dumps(changed)
        return 300

    taken = side_by_side({"replace": ours(pairs[0]), "rename": ours(pairs[1]), "bare": bare})
    yield Row(f"replacing in {len(text)} B", "edits", taken["replace"], "deepcopy, set, dumps", taken["bare"])
    yield Row(f"renaming in {len(text)} B", "edits", taken["rename"], "deepcopy, set, dumps", taken["bare"])


def rows() -> Iterator[Row]:
    """Attempts into the store, 100 a commit, each on the disk before the next."""
    study = Study(settings(100), TRACES, TRACES)
    made = list(attempts_with(study)(new_campaign(study, Memory()).items))[:100]
    texts = [(attempt.id, json.dumps(attempt_data(attempt))) for attempt in made]
    numbers = itertools.count()
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder, "ours"))
        database = sqlite3.connect(Path(folder, "bare"), isolation_level=None)
        database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (id, payload)")

        def ours() -> int:
            for _ in range(5):
                store.put_attempts(str(next(numbers)), made)
            return 5 * len(made)

        def bare() -> int:
            for _ in range(5):
                database.execute("BEGIN")
                database.executemany("INSERT INTO t VALUES (?, ?)", texts)
                database.execute("COMMIT")
            return 5 * len(made)

        taken = side_by_side({"ours": ours, "bare": bare})
        store.close()
        database.close()
    yield Row("the store", "attempts", taken["ours"], "sqlite3, ready texts", taken["bare"])


def nothing(_: str | None) -> Callable[[WorkItem], Attempt]:
    """Makes the function of a worker that has nothing to do."""

    def attempt(item: WorkItem) -> Attempt:
        return Attempt(item.id, item.trace_id, "", "control", "agent", item.replicate, 0, "completed", ())

    return attempt


def processes() -> Iterator[Row]:
    """What an executor adds to an attempt: wall time, of attempts in which nothing is done."""
    items = [WorkItem("trace", None, "control", "agent", number) for number in range(20_000)]
    crew = Processes(1, 60.0, lambda *_: nothing(None)(items[0]))
    started = side_by_side({"start": lambda: len(list(crew.map(nothing, items[:1])))}, time.perf_counter, 3)["start"]

    def spawned() -> int:
        return len(list(crew.map(nothing, items)))

    def inline() -> int:
        return len(list(Inline().map(nothing, items)))

    taken = side_by_side({"process": spawned, "inline": inline}, time.perf_counter, 3)
    each = taken["process"] - started / len(items)
    yield Row("a worker process", "attempts (wall)", each, "in this process", taken["inline"])
    yield Row("starting a worker process", "starts (wall)", started)
