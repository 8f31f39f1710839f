"""The attempts as JSON lines, one flat record each: the report that the others can be recomputed from."""

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from counterfault.campaign.record import record
from counterfault.campaign.summary import Judged
from counterfault.core.trace import Trace


def lines(campaign_id: str, judged: Iterable[Judged], traces: Iterable[Trace] = ()) -> Iterator[str]:
    """One JSON object per attempt, without a line break. ``traces`` give the values before a mutation."""
    by_id = {trace.id: trace for trace in traces}
    for one in judged:
        yield _line(record(campaign_id, one, by_id.get(one.attempt.trace_id)))


def _line(data: Any) -> str:
    try:
        return json.dumps(data, allow_nan=False)
    except ValueError:
        # An agent may return what JSON has no number for; every line stays readable to every parser.
        return json.dumps(_finite(data), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value
