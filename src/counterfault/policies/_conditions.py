"""What stands at a place of a call, and simple comparisons of it, in three truth values.

A null counts as missing. A comparison on what is missing, unreadable or not comparable is unknown, never true.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from counterfault.core.effects import call_key, words_of
from counterfault.core.jsontree import JSON, Path, get, has, join, nodes, split
from counterfault.core.temporal import PolicyCall, Truth, best, worst
from counterfault.core.values import as_number, date_norm


class Gap(Enum):
    """Why there is no value: the place is not there, or the answer cannot be read."""

    MISSING = "missing"
    UNREADABLE = "unreadable"


Found: TypeAlias = JSON | Gap


def at(call: PolicyCall, path: Path) -> Found:
    """What stands at a place of a call: ``args`` or ``result``, then the tokens of a pointer.

    Where the exact place is not there, it is the one value whose path ends in the same words: an answer that was
    wrapped (``/result/data/token``) or respelled (``/result/orderId``) says the same.
    """
    root, *rest = path
    if root == "result" and unreadable(call, deep=bool(rest)):
        return Gap.UNREADABLE
    tree: JSON = dict(call.arguments) if root == "args" else call.result
    found = _placed(tree, tuple(rest))
    return Gap.MISSING if found is None else found


def standing_at(call: PolicyCall, path: Path) -> JSON:
    """What stands at a place, or None; for the empty path the arguments as a whole."""
    found = at(call, path or ("args",))
    return None if isinstance(found, Gap) else found


def unreadable(call: PolicyCall, deep: bool = False) -> bool:
    """Whether an answer says nothing: there is none, it is blank, cut off or no data; ``deep``: or it is prose."""
    if not call.answered or call.raised:
        return True
    return isinstance(call.result, str) and (deep or not call.result.strip() or call.result.lstrip()[0] in "{[<")


def _placed(tree: JSON, path: Path) -> Found:
    if has(tree, join(path)):
        return get(tree, join(path))
    wanted = _spelled(path)
    ends = [value for where, value in nodes(tree) if _spelled(split(where))[-len(wanted) :] == wanted]
    if not ends:
        return Gap.MISSING
    return ends[0] if all(same(ends[0], end) for end in ends) else Gap.UNREADABLE


def _spelled(path: Path) -> list[tuple[str, ...]]:
    return [tuple(words_of(token)) or (token,) for token in path]


def same(left: JSON, right: JSON) -> bool:
    """Whether two values are one, in any spelling; within containers nulls do not count."""
    return call_key("", {"": left}) == call_key("", {"": right})


def occurs(value: JSON, tree: JSON) -> bool:
    """Whether a value stands anywhere in a tree."""
    return any(same(value, node) for _, node in nodes(tree))


def _equals(found: JSON, wanted: JSON) -> Truth:
    if isinstance(found, bool) or isinstance(wanted, bool):
        spelled = {str(found).casefold(), str(wanted).casefold()}
        return "unknown" if not spelled <= {"true", "false"} else "true" if len(spelled) == 1 else "false"
    if isinstance(found, list | dict) != isinstance(wanted, list | dict):
        return "unknown"
    return "true" if same(found, wanted) else "false"


def _ordered(keeps: Callable[[Any, Any], bool]) -> Callable[[JSON, JSON], Truth]:
    def compare(found: JSON, wanted: JSON) -> Truth:
        for read in (as_number, full_date):
            left, right = read(found), read(wanted)
            if left is not None and right is not None:
                return "true" if keeps(left, right) else "false"
        return "unknown"

    return compare


def full_date(value: JSON) -> str | None:
    """The ISO form of a date that names its year; None if it is none."""
    day = date_norm(value) if isinstance(value, str) else None
    return None if day is None or day.startswith("-") else day


def _among(found: JSON, wanted: JSON) -> Truth:
    return best(_equals(found, item) for item in wanted) if isinstance(wanted, list | tuple) else "unknown"


COMPARISONS: Mapping[str, Callable[[JSON, JSON], Truth]] = {
    "equals": _equals,
    "gt": _ordered(operator.gt),
    "ge": _ordered(operator.ge),
    "lt": _ordered(operator.lt),
    "le": _ordered(operator.le),
    "in": _among,
    "exists": lambda _, wanted: "true" if wanted else "false",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A place of a call and the comparisons that must all hold there."""

    path: Path
    tests: tuple[tuple[str, JSON], ...]

    def holds(self, call: PolicyCall) -> Truth:
        """Whether the comparisons hold for this call."""
        found = at(call, self.path)
        return worst(_test(found, comparison, wanted) for comparison, wanted in self.tests)

    @property
    def pointer(self) -> str:
        """The place, as the user wrote it."""
        return join(self.path)


def _test(found: Found, comparison: str, wanted: JSON) -> Truth:
    if isinstance(found, Gap):
        known = comparison == "exists" and found is Gap.MISSING
        return "unknown" if not known else "false" if wanted else "true"
    return COMPARISONS[comparison](found, wanted)


def all_hold(conditions: tuple[Condition, ...], call: PolicyCall) -> Truth:
    """Whether every condition holds for a call."""
    return worst(condition.holds(call) for condition in conditions)


def known(value: Found) -> bool:
    """Whether a value can prove anything: there is one, and it is not blank."""
    return not isinstance(value, Gap) and value != "" and not (isinstance(value, str) and value.isspace())
