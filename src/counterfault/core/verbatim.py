"""A text in JSON's or Python's syntax, rewritten around a changed value: what did not change keeps its characters.

Numbers (``1.10``, ``1E5``), escapes (``\\/``), quotes, tuples, spacing and members that stand twice have several
spellings for one value; a rewriting from the value alone would change them where nothing was changed.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from counterfault.core.jsontree import JSON

_MARK = re.compile(
    r"""\s*([\[\](){},:] | "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | [^\s\[\](){},:"']+)""", re.VERBOSE | re.DOTALL
)
_CLOSING = {"[": "]", "(": ")", "{": "}"}


@dataclass(slots=True, eq=False)
class Node:
    """A value and the span of the text that spells it."""

    value: JSON
    start: int
    end: int
    members: list["_Member"] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Member:
    name: str
    start: int
    node: Node


def read(text: str, scalar: Callable[[str], JSON]) -> Node:
    """The value that ``text`` spells, with the spans of all its parts. ``scalar`` reads a literal.

    Of members that stand twice the last counts; the others go with the text before it. Raises ValueError or
    IndexError where the text is none of this syntax.
    """
    marks = [match.span(1) for match in _MARK.finditer(text)]

    def node(at: int) -> tuple[Node, int]:
        start, end = marks[at]
        if text[start] not in _CLOSING:
            return Node(scalar(text[start:end]), start, end), at + 1
        closing, found, at = _CLOSING[text[start]], dict[str, _Member](), at + 1
        while text[marks[at][0]] != closing:
            first, name = marks[at][0], str(len(found))
            if closing == "}":
                name, at = str(scalar(text[slice(*marks[at])])), at + 2
            item, at = node(at)
            found.pop(name, None)
            found[name] = _Member(name, first, item)
            if text[marks[at][0]] == ",":
                at += 1
        members = list(found.values())
        values = [member.node.value for member in members]
        value: JSON = values if closing != "}" else {m.name: v for m, v in zip(members, values, strict=True)}
        return Node(value, start, marks[at][1], members), at + 1

    root, after = node(0)
    if after != len(marks):
        raise ValueError("text goes on after the value")
    return root


def weave(text: str, root: Node, changed: JSON, dump: Callable[[JSON], str]) -> str:
    """``text`` with ``changed`` in place of the value of ``root``; ``dump`` spells a scalar that is new in it."""
    # Path copying keeps untouched objects what they are, so identity tells an old value that moved from a new one.
    kept = {id(node.value): node for node in _all(root) if isinstance(node.value, dict | list | float | str)}

    def spelled(new: JSON, old: Node | None) -> str:
        stays = old and (old.value is new or (not old.members and type(old.value) is type(new) and old.value == new))
        node = old if stays else kept.get(id(new))
        if node is not None:
            return text[node.start : node.end]
        if old and old.members and new and type(old.value) is type(new):
            return woven(new, old)
        if isinstance(new, dict):
            return "{" + ", ".join(f"{dump(key)}: {spelled(value, None)}" for key, value in new.items()) + "}"
        return "[" + ", ".join(spelled(item, None) for item in new) + "]" if isinstance(new, list) else dump(new)

    def woven(new: JSON, old: Node) -> str:
        first, last = old.members[0], old.members[-1]
        opening, between = text[old.start : first.start], _between(text, old)
        known = {member.name: (at, member) for at, member in enumerate(old.members)}
        moved = isinstance(new, list) and len(new) != len(old.members)
        out: list[str] = []
        for name, value in new.items() if isinstance(new, dict) else enumerate(new if isinstance(new, list) else ()):
            at, member = (-1, None) if moved else known.get(str(name), (-1, None))
            before = old.members[at - 1].node.end if at > 0 else -1
            out.append(opening if not out else text[before : member.start] if member and at > 0 else between)
            if isinstance(new, dict):
                colon = text[first.start : first.node.start]
                own = text[member.start : member.node.start] if member else ""
                out.append(own or dump(str(name)) + colon[len(colon.rstrip(": \t\r\n")) :])
            out.append(spelled(value, member.node if member else None))
        return "".join([*out, text[last.node.end : old.end]])

    return text[: root.start] + spelled(changed, root) + text[root.end :]


def _all(node: Node) -> Iterator[Node]:
    yield node
    for member in node.members:
        yield from _all(member.node)


def _between(text: str, node: Node) -> str:
    """What stands between two members of this container."""
    if len(node.members) > 1:
        return text[node.members[-2].node.end : node.members[-1].start]
    gap = text[node.start + 1 : node.members[0].start]
    return "," + (gap or ("" if re.search(r'[\]}"\d],["\d{\[]', text) else " "))
