"""Result files of τ-bench: an array of ``{task_id, trial, reward, info, traj}``, ``traj`` in OpenAI's chat shape."""

from collections.abc import Iterator, Mapping
from typing import BinaryIO

from counterfault.codec import Place, shown
from counterfault.core.errors import InputError
from counterfault.core.jsontree import JSON
from counterfault.core.trace import Trace
from counterfault.formats._messages import Conversation, small_scalars
from counterfault.formats._records import records, shape

_FULL_REWARD = 1 - 1e-6


def sniff(head: bytes) -> bool:
    """Whether the records have a ``traj``, or the other keys that come with one."""
    keys = shape(head)
    return any(
        f"{outer}/traj" in keys or {f"{outer}/task_id", f"{outer}/reward", f"{outer}/info"} <= keys
        for outer in ("", "/*")
    )


def read(stream: BinaryIO, file: str) -> Iterator[Trace | InputError]:
    """Every run in the stream, and an InputError for each record that is none."""
    for number, value in records(stream, file):
        if isinstance(value, InputError):
            yield value
            continue
        try:
            yield _trace(value, Place(file, number))
        except InputError as error:
            yield error


def _trace(value: JSON, place: Place) -> Trace:
    if not isinstance(value, dict) or "traj" not in value:
        raise place.fault(f"expected a run (an object with 'traj'), found {shown(value)}")
    messages = value["traj"]
    if not isinstance(messages, list) or not messages:
        raise place.at("traj").fault(f"expected a list of messages, at least one, found {shown(messages)}")
    run = Conversation()
    for index, message in enumerate(messages):
        run.add(message, place.at("traj", index))
    task = value.get("task_id")
    return Trace(
        tuple(run.steps),
        task="" if task is None else f"{task}",
        source=f"{place.file}:{place.record}",
        format="tau_bench",
        labels=_labels(value, place),
        incomplete=run.unanswered(),
    )


def _labels(value: Mapping[str, JSON], place: Place) -> dict[str, JSON]:
    labels = small_scalars(value.get("info"))
    labels.pop("passed", None)
    reward = value.get("reward")
    if reward is not None:
        if isinstance(reward, bool) or not isinstance(reward, int | float):
            raise place.at("reward").fault(f"expected a number, found {shown(reward)}")
        labels |= {"passed": reward >= _FULL_REWARD, "reward": reward}
    return labels | small_scalars({"trial": value.get("trial")})
