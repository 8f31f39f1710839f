"""Measuring side by side: the candidates take turns, and the median of their rounds counts. CPU time, not wall time,
where the work is in this process: other work on the machine disturbs it far less."""

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. ``seconds`` are for one unit; ``bare`` for one unit of what it is compared with."""

    name: str
    unit: str
    seconds: float
    against: str = ""
    bare: float = 0.0


def side_by_side(
    candidates: Mapping[str, Callable[[], int]], clock: Callable[[], float] = time.process_time, rounds: int = ROUNDS
) -> dict[str, float]:
    """Seconds for one unit by candidate; each does some units and gives their number."""
    taken: dict[str, list[float]] = {name: [] for name in candidates}
    for work in candidates.values():
        work()
    for _ in range(rounds):
        for name, work in candidates.items():
            gc.collect()
            began = clock()
            units = work()
            taken[name].append((clock() - began) / units)
    return {name: median(found) for name, found in taken.items()}


def shown(rows: list[Row]) -> str:
    """The rows as a table."""
    lines = [f"{'':34}{'per second':>12}{'us each':>10}   against"]
    for row in rows:
        ratio = f"   {row.seconds / row.bare:.3g}x {row.against} ({row.bare * 1e6:.3g} us)" if row.bare else ""
        lines.append(f"{row.name + ', ' + row.unit:34}{1 / row.seconds:>12,.0f}{row.seconds * 1e6:>10,.1f}{ratio}")
    return "\n".join(lines)
