"""Bringing what an older Counterfault wrote up to this version's shape, one step a version, over plain JSON.

A step takes a tree of format n and returns one of format n + 1; ``STEPS[n - 1]`` is the step from n. A step never
touches ``id``: an id is computed once, at import, and kept.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from counterfault.core.errors import InputError
from counterfault.core.jsontree import JSON

Step: TypeAlias = Callable[[dict[str, JSON]], dict[str, JSON]]

VERSION_KEY = "counterfault"
STEPS: tuple[Step, ...] = ()
CURRENT = len(STEPS) + 1


def upgrade(tree: dict[str, JSON], steps: Sequence[Step] = STEPS) -> dict[str, JSON]:
    """``tree`` in the newest format that ``steps`` lead to.

    Raises InputError (without file and record) where the tree names no version, or one that is newer.
    """
    newest = len(steps) + 1
    version = tree.get(VERSION_KEY)
    if type(version) is not int or version < 1:
        raise InputError(
            f"{version!r:.80} is no format version: expected {newest}" + (" or less" if newest > 1 else ""),
            path=f"/{VERSION_KEY}",
        )
    if version > newest:
        raise InputError(
            f"written by a newer Counterfault (format {version}; this one reads up to {newest}); please update",
            path=f"/{VERSION_KEY}",
        )
    for number in range(version, newest):
        tree = {**steps[number - 1](tree), VERSION_KEY: number + 1}
    return tree
