"""The closed set of edits and the one interpreter that applies them.

Operators propose edits as plain data; nothing else in the project changes a result. Tree edits act on the parsed
answer; a token ``*`` in their pointer stands for any one token, and a pointer that names nothing changes nothing.
Text edits act on the rendered answer. A substitution acts on everything the agent sees, and backward on what it says.
A fault takes the place of the answer; a delay comes before it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import is_
from typing import Any, Literal, TypeAlias

from counterfault.core.jsontree import JSON, child, escaped, expand, get, join, parent_of, remove, replace, split
from counterfault.core.rendering import form_of, rewrite
from counterfault.core.values import kind_of


@dataclass(frozen=True, slots=True)
class Replace:
    """Exchange the value at ``pointer``."""

    pointer: str
    value: JSON


@dataclass(frozen=True, slots=True)
class Remove:
    """Take out the member or item at ``pointer``."""

    pointer: str


@dataclass(frozen=True, slots=True)
class Add:
    """Put a new member ``key`` into the object at ``pointer``, or a new item before index ``key`` of the list there.

    ``-`` is the end of a list. A key that is there already, or that is no index, changes nothing.
    """

    pointer: str
    key: str
    value: JSON


@dataclass(frozen=True, slots=True)
class Rename:
    """Give the member at ``pointer`` the name ``key``, at its old place in the object."""

    pointer: str
    key: str


@dataclass(frozen=True, slots=True)
class Reorder:
    """Put the members of the container at ``pointer`` in reverse order."""

    pointer: str


@dataclass(frozen=True, slots=True)
class Wrap:
    """Put the value at ``pointer`` into an object with the one member ``key``."""

    pointer: str
    key: str


@dataclass(frozen=True, slots=True)
class Flatten:
    """Move the members of the object at ``pointer`` up into its parent, in its place."""

    pointer: str


Spelling: TypeAlias = Literal["text", "number", "word", "other_case", "versioned"]


@dataclass(frozen=True, slots=True)
class Respell:
    """Write the scalar at ``pointer`` in another way, whatever it is there.

    ``text``: a number as a string; ``number``: a numeric string as a number; ``word``: a boolean as "yes" or "no";
    ``other_case``: a word in capitals, or in small letters where it was; ``versioned``: a word with ``_v2`` behind it.
    """

    pointer: str
    spelling: Spelling


@dataclass(frozen=True, slots=True)
class Truncate:
    """Hand over only the first ``keep`` (0–1) of the answer's characters."""

    keep: float


@dataclass(frozen=True, slots=True)
class Garble:
    """Break the answer's syntax without shortening it: every quote and closing bracket is lost."""


@dataclass(frozen=True, slots=True)
class Substitute:
    """Write ``new`` for each ``old``: whole tokens, in keys, values and texts, everywhere in the run."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Delay:
    """The answer takes ``seconds`` longer, on the replay clock."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Fault:
    """An error in place of the answer.

    ``kind`` as in ToolError.kind. In the *result* form the agent is given ``body`` (None: the tool's own recorded
    error, else a generic one) with the error flag ``flag``; in the *exception* form its call raises. ``commits`` says
    that the tool had done its work before it failed. ``after`` are the seconds that pass first, on the replay clock.
    """

    kind: str
    form: Literal["result", "exception"]
    status: int | None = None
    retry_after: float | None = None
    body: str | None = None
    flag: bool = True
    commits: bool = False
    after: float = 0.0


TreeEdit: TypeAlias = Replace | Remove | Add | Rename | Reorder | Wrap | Flatten | Respell
TextEdit: TypeAlias = Truncate | Garble
Edit: TypeAlias = TreeEdit | TextEdit | Substitute | Delay | Fault

KINDS: Mapping[str, type[Any]] = {
    kind.__name__.lower(): kind
    for kind in (
        *(Replace, Remove, Add, Rename, Reorder, Wrap, Flatten, Respell),
        *(Truncate, Garble, Substitute, Delay, Fault),
    )
}


def as_data(edit: Edit) -> dict[str, Any]:
    """The edit as plain JSON, with its kind under ``edit``."""
    return {"edit": type(edit).__name__.lower(), **{name: getattr(edit, name) for name in edit.__slots__}}


def _add(tree: JSON, edit: Add) -> JSON:
    node = get(tree, edit.pointer)
    if isinstance(node, list):
        spots = {**{str(index): index for index in range(len(node) + 1)}, "-": len(node)}
        index = spots.get(edit.key)
        return tree if index is None else replace(tree, edit.pointer, [*node[:index], edit.value, *node[index:]])
    if not isinstance(node, dict) or edit.key in node:
        return tree
    return replace(tree, edit.pointer, {**node, edit.key: edit.value})


def _rename(tree: JSON, pointer: str, key: str) -> JSON:
    parent, old = parent_of(pointer)
    node = get(tree, parent)
    if not isinstance(node, dict) or key in node:
        return tree
    return replace(tree, parent, {(key if name == old else name): value for name, value in node.items()})


def _reorder(tree: JSON, pointer: str) -> JSON:
    node = get(tree, pointer)
    if isinstance(node, dict):
        return replace(tree, pointer, dict(reversed(node.items())))
    return replace(tree, pointer, node[::-1]) if isinstance(node, list) else tree


def _flatten(tree: JSON, pointer: str) -> JSON:
    parent, old = parent_of(pointer)
    node, inner = get(tree, parent), get(tree, pointer)
    if not isinstance(node, dict) or not isinstance(inner, dict) or (inner.keys() & (node.keys() - {old})):
        return tree
    flat: dict[str, JSON] = {}
    for name, value in node.items():
        flat |= inner if name == old else {name: value}
    return replace(tree, parent, flat)


def respelled(value: JSON, spelling: Spelling) -> JSON:
    """``value`` spelled another way; itself where that spelling does not apply to it."""
    if spelling == "text" and isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    if spelling == "word" and isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, str) or not value:
        return value
    if spelling == "number" and re.fullmatch(r"-?(?:0|[1-9][0-9]{0,299})(?:\.[0-9]+)?", value):
        return float(value) if "." in value else int(value)
    if spelling == "other_case":
        return value.lower() if value.isupper() else value.upper()
    if spelling == "versioned":
        return value + ("_V2" if value.isupper() else "_v2")
    return value


_TREE: dict[type[Any], Callable[[JSON, Any, str], JSON]] = {
    Replace: lambda tree, edit, at: replace(tree, at, edit.value),
    Remove: lambda tree, _, at: remove(tree, at),
    Add: lambda tree, edit, at: _add(tree, Add(at, edit.key, edit.value)),
    Rename: lambda tree, edit, at: _rename(tree, at, edit.key),
    Reorder: lambda tree, _, at: _reorder(tree, at),
    Wrap: lambda tree, edit, at: replace(tree, at, {edit.key: get(tree, at)}),
    Flatten: lambda tree, _, at: _flatten(tree, at),
    Respell: lambda tree, edit, at: replace(tree, at, respelled(get(tree, at), edit.spelling)),
}


def places(tree: JSON, edit: Edit) -> list[str]:
    """The pointers in ``tree`` at which a tree edit acts; none for other edits."""
    if not isinstance(edit, TreeEdit) or (edit.pointer == "" and isinstance(edit, Remove | Rename | Flatten)):
        return []
    return expand(tree, edit.pointer)


def on_tree(tree: JSON, edit: TreeEdit) -> JSON:
    """The tree after the edit; the same tree where the edit's pointer names nothing."""
    # The last place first: taking out an item must not shift the places still to come.
    for place in reversed(places(tree, edit)):
        tree = _TREE[type(edit)](tree, edit, place)
    return tree


def on_text(text: str, edit: Edit) -> str:
    """The rendered answer after one edit; faults and delays leave it alone."""
    if isinstance(edit, TreeEdit):
        return rewrite(text, lambda tree: on_tree(tree, edit))
    if isinstance(edit, Truncate):
        return text[: int(len(text) * edit.keep)]
    if isinstance(edit, Garble):
        return re.sub(r'["\'\]}]', "", text)
    if isinstance(edit, Substitute):
        if "\\" not in text and not any(old in text for old, _ in edit.pairs):
            return text
        # In a rendered value a token may stand behind an escaped line break, or be escaped itself.
        if form_of(text) == "text":
            return substitute_text(text, edit.pairs)
        return rewrite(text, lambda tree: substitute(tree, edit.pairs))
    return text


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The rendered answer after all edits, in order."""
    for edit in edits:
        text = on_text(text, edit)
    return text


@lru_cache(maxsize=1024)
def _tokens(olds: tuple[str, ...]) -> re.Pattern[str]:
    # A hyphen or point between two digits joins them: 12 is no token of 12.50, nor W-1 of W-1-2.
    longest_first = sorted(olds, key=len, reverse=True)
    return re.compile("|".join(_not_in_word(old) for old in longest_first))


def _not_in_word(old: str) -> str:
    before = (r"(?<!\w)" if re.match(r"\w", old) else "") + (r"(?<!\d[-.])" if old[0].isdecimal() else "")
    after = (r"(?!\w)" if re.match(r"\w", old[-1]) else "") + (r"(?![-.]\d)" if old[-1].isdecimal() else "")
    return before + re.escape(old) + after


def substitute_text(text: str, pairs: tuple[tuple[str, str], ...]) -> str:
    """``text`` with each whole token ``old`` written ``new``; other spellings of it (case) are left alone."""
    mapping = {old: new for old, new in pairs if old}
    return _tokens(tuple(mapping)).sub(lambda match: mapping[match.group()], text) if mapping else text


def substitute(tree: JSON, pairs: tuple[tuple[str, str], ...]) -> JSON:
    """``tree`` with each whole token ``old`` written ``new`` in its keys and strings; an integer is a token too.

    What holds no such token is the same object as before.
    """
    if isinstance(tree, str):
        return substitute_text(tree, pairs)
    if isinstance(tree, dict):
        renamed = {substitute_text(key, pairs): substitute(value, pairs) for key, value in tree.items()}
        unchanged = list(renamed) == list(tree) and all(renamed[key] is value for key, value in tree.items())
        return tree if unchanged else renamed
    if isinstance(tree, list):
        items = [substitute(item, pairs) for item in tree]
        return tree if all(map(is_, items, tree)) else items
    if isinstance(tree, int) and not isinstance(tree, bool):
        new = dict(pairs).get(str(tree), "")
        return int(new) if re.fullmatch(r"-?(?:0|[1-9][0-9]{0,299})", new) else tree
    return tree


def inverse(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The substitution that undoes ``pairs``."""
    return tuple((new, old) for old, new in pairs)


def generalise(pointer: str, tree: JSON) -> str:
    """``pointer`` with ``*`` for each list index and for each key of a map of records.

    A field that was renamed was renamed in every item. An object is a map of records, not a record, where all its
    members are objects, and they share a key or each key is an identifier (``payment_methods`` keyed by id).
    """
    path: list[str] = []
    node = tree
    for token in split(pointer):
        path.append("*" if _holds_alike(node) else token)
        node = child(node, token)
    return join(tuple(path))


def generalised(tree: JSON, prefix: str = "") -> Iterator[tuple[str, JSON]]:
    """Every leaf, as ``jsontree.leaves`` gives them, with its pointer generalised."""
    if isinstance(tree, list) and tree:
        for item in tree:
            yield from generalised(item, f"{prefix}/*")
    elif isinstance(tree, dict) and tree:
        alike = _holds_alike(tree)
        for key, value in tree.items():
            yield from generalised(value, f"{prefix}/{'*' if alike else escaped(key)}")
    else:
        yield prefix, tree


def _holds_alike(node: JSON) -> bool:
    if not isinstance(node, dict) or not node:
        return isinstance(node, list)
    rows = [value.keys() for value in node.values() if isinstance(value, dict)]
    if len(rows) < len(node):
        return False
    return (len(rows) > 1 and bool(set.intersection(*map(set, rows)))) or all(
        kind_of(key) == "identifier" for key in node
    )
