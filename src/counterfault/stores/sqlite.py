"""The store of a project: one SQLite file, one writer, any number of readers beside it.

What ``put_*`` acknowledges is on the disk (WAL, synchronous=FULL): a kill loses nothing of it, a power cut neither.
Every row carries a checksum over its table, its keys and its bytes, which each read verifies, so damage is an error
that names the row and never a wrong value. Identity is a digest and the first attempt of an id wins: what is lost is
seen as missing, and run again.
"""

import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from counterfault.codec import decode_trace, trace_json
from counterfault.core.attempt import Attempt, WorkItem
from counterfault.core.errors import InputError, StoreError
from counterfault.core.jsontree import JSON
from counterfault.core.mutant import Mutant
from counterfault.core.outcome import Judgement
from counterfault.core.records import (
    attempt_data,
    attempt_of,
    judgement_data,
    judgement_of,
    mutant_data,
    mutant_of,
    work_item_data,
    work_item_of,
)
from counterfault.core.trace import Trace
from counterfault.stores._database import open_reader, open_writer, told, transaction
from counterfault.stores._folder import WriterLock, prepare, refuse_link
from counterfault.stores._repair import rebuilt
from counterfault.stores._rows import checksum, pack, unpack

FILE = "counterfault.db"

_CHUNK = 200
_END = "end"
_WAYS_OUT = {
    "traces": ("trace", "`counterfault import` its file again"),
    "campaigns": ("campaign", "`counterfault run` makes a new one"),
    "mutants": ("mutant", "`counterfault run` with the same settings plans it again"),
    "plan": ("planned attempt", "`counterfault run` with the same settings plans it again"),
    "attempts": ("attempt", "`counterfault resume` drops it and runs it again"),
    "judgements": ("judgement of attempt", "`counterfault judge` gives it again"),
}
_T = TypeVar("_T")


def repair(folder: str | Path) -> tuple[str, ...]:
    """Drop what is damaged of a store, so that resume = plan − store runs it again; all that is whole stays.

    Gives a line for each thing that was found, none where all is whole. The damaged file stays beside the new one.
    Raises StoreError where nothing can be read, or where another process is writing.
    """
    path = Path(folder) / FILE
    refuse_link(path.parent)
    if not path.exists():
        return ()
    lock = WriterLock(path.parent)
    try:
        return rebuilt(path)
    finally:
        lock.release()


class Sqlite:
    """See ``ports.Store``. Every method raises StoreError, with the way out, where the file cannot serve."""

    def __init__(self, folder: str | Path, write: bool = True) -> None:
        """Open the store in ``folder``: to write, as its only writer, or to read beside one."""
        self.path = Path(folder) / FILE
        self._lock: WriterLock | None = None
        if not write:
            refuse_link(self.path.parent)
            self._database = open_reader(self.path)
            return
        prepare(self.path.parent)
        self._lock = WriterLock(self.path.parent)
        try:
            self._database = open_writer(self.path)
        except BaseException:
            self._lock.release()
            raise

    def put_trace(self, trace: Trace) -> bool:
        """Keep a trace; False where it is known."""
        (known,) = self._query("SELECT count(*) FROM traces WHERE campaign = '' AND id = ?", (trace.id,))[0]
        if known and self._one("traces", trace.id) is not None:
            return False
        with transaction(self._database, self.path):
            self._put("traces", "", [(trace.id, trace_json(trace))])
        return True

    def traces(self) -> Iterator[Trace]:
        """The traces in the order of their first import."""
        return (trace for _, trace in self._read("traces", "", decode_trace))

    def put_campaign(self, campaign_id: str, record: Mapping[str, JSON]) -> None:
        """Keep what defines a campaign, or replace it."""
        with transaction(self._database, self.path):
            self._put("campaigns", "", [(campaign_id, dict(record))])

    def campaigns(self) -> Iterator[tuple[str, Mapping[str, JSON]]]:
        """The campaigns, oldest first."""
        return self._read("campaigns", "", dict)

    def put_plan(self, campaign_id: str, items: Iterable[WorkItem]) -> None:
        """Keep a campaign's items in order; known ones are left alone, damaged ones mended."""
        rest = iter(items)
        with transaction(self._database, self.path):
            whole = {key for key, row in self._scan("plan", campaign_id) if row is not None}
            self._keep_only("plan", campaign_id, whole)
            while chunk := tuple(islice(rest, _CHUNK)):
                mutants = {item.mutant.id: item.mutant for item in chunk if item.mutant}
                self._put("mutants", "", [(key, mutant_data(mutant)) for key, mutant in mutants.items()])
                self._put("plan", campaign_id, [(item.id, _planned(item)) for item in chunk])
            self._put("plan", campaign_id, [(_END, {"items": self._count("plan", campaign_id, _END)})])

    def plan(self, campaign_id: str) -> Iterator[WorkItem]:
        """A campaign's items in order."""
        rows = (row for key, row in self._read("plan", campaign_id, dict) if key != _END)
        found = 0
        while chunk := tuple(islice(rows, _CHUNK)):
            mutants = self._mutants({row["mutant"] for row in chunk if row["mutant"]})
            for row in chunk:
                yield replace(work_item_of({**row, "mutant": None}), mutant=mutants.get(row["mutant"]))
            found += len(chunk)
        ends = [data for key, data in self._read("plan", campaign_id, dict, _END) if key == _END]
        if (found or ends) and ends != [{"items": found}]:
            raise StoreError(
                f"{self.path}: planned attempts of campaign {campaign_id!r} are missing; {_WAYS_OUT['plan'][1]}"
            )

    def put_attempts(self, campaign_id: str, attempts: Sequence[Attempt]) -> None:
        """Keep attempts, durably, before it returns; the first of an id stays. One commit: give it batches."""
        rows = [(attempt.id, attempt_data(attempt)) for attempt in attempts]
        with transaction(self._database, self.path):
            self._put("attempts", campaign_id, rows, "NOTHING")

    def attempts(self, campaign_id: str) -> Iterator[Attempt]:
        """A campaign's attempts, in the order in which they were kept."""
        return (attempt for _, attempt in self._read("attempts", campaign_id, attempt_of))

    def attempt_ids(self, campaign_id: str) -> frozenset[str]:
        """The ids of a campaign's stored attempts."""
        return frozenset(key for (key,) in self._query("SELECT id FROM attempts WHERE campaign = ?", (campaign_id,)))
