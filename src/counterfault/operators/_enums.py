"""Members whose values come from a small fixed set of words."""

import re
from collections.abc import Iterator

from counterfault.core.edit import generalise
from counterfault.core.jsontree import get, members, parent_of
from counterfault.core.scan import Scan
from counterfault.operators._sites import Field, answer_at, fields

_STATUS_LIKE = re.compile(
    r"(?:^|[_\-]|(?<=[a-z])(?=[A-Z]))(?:status|state|type|tier|class|cabin|kind|level|priority|severity|outcome|phase|stage"
    r"|mode|category|result|resolution|membership|decision|verdict|condition)$",
    re.IGNORECASE,
)
_STATE = re.compile(r"(?:status|state|outcome|phase|stage|resolution|result|decision)$", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z]+(?:[_-][A-Za-z]+)*")
_PLACE = frozenset({"city", "zip", "country", "postal_code", "province", "street"})
_MOST_WORDS = 12


def enum_fields(scan: Scan) -> Iterator[Field]:
    """The used members whose value is a word of a set.

    Either the member's name says so (status, type …), or the recordings hold a few plain words for it and nothing else.
    Codes of two or three capitals (currencies, airports, states of a country) are values, not states.
    """
    for field in fields(scan):
        value = field.leaf.value
        if not isinstance(value, str) or field.leaf.pointer != field.pointer or not _is_word(value):
            continue
        tree = answer_at(scan, field.leaf.step)
        address = field.name == "state" and _PLACE & set(members(get(tree, parent_of(field.pointer)[0])))
        if (_STATUS_LIKE.search(field.name) and not address) or _recurs(scan, field):
            yield field


def is_state(name: str) -> bool:
    """Whether a member of this name says how far something has come."""
    return bool(_STATE.search(name))


def _is_word(value: str) -> bool:
    return bool(_WORD.fullmatch(value)) and not (value.isupper() and len(value) <= 3)


def _recurs(scan: Scan, field: Field) -> bool:
    tree = answer_at(scan, field.leaf.step)
    seen = scan.corpus.values.get((field.leaf.tool, generalise(field.leaf.pointer, tree)), ())
    words = [value for value in seen if isinstance(value, str) and value.islower() and _is_word(value)]
    return 2 <= len(words) == len(seen) <= _MOST_WORDS
