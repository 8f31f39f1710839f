"""Where the values that an agent used came from: the flow from what it saw to what it did and said.

A *place* is where a value was seen: a leaf of a tool result, a key of one, or a token of a text. A *use* is where the
agent put a value: an argument leaf, or a token of a longer text. A value flows if both have one normal form
(core.values), or if one operation over seen numbers gives it (core.expression). Small integers, enum-like words and
booleans say little by being equal, so they flow only between members of the same name.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Literal, TypeAlias

from counterfault.core.effects import is_refusal
from counterfault.core.expression import Expression, Number, find
from counterfault.core.jsontree import JSON, PointerError, child, escaped, get, leaves, members, nodes, split
from counterfault.core.rendering import parse
from counterfault.core.trace import Message, Step, ToolCall
from counterfault.core.values import Kind, Token, as_number, is_free_text, kind_of, norm, tokens

Rule: TypeAlias = Literal["exact", "normalised", "expression", "none"]
_SMALL = 20
_DATED = re.compile(r"(?P<day>\d{4}-\d{2}-\d{2})(?P<time>T.*)?")
_FLOWING: tuple[Kind, ...] = ("identifier", "number", "date", "time", "name")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value was seen. ``token`` is the ordinal of a token in the text there, -1 for the whole leaf or key."""

    step: int
    pointer: str = ""
    token: int = -1
    is_key: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """One occurrence of a value: its place, the name of the member it stood under, and how it was written."""

    place: Place
    key: str
    written: JSON
    role: Literal["result", "user", "system"]


@dataclass(frozen=True, slots=True)
class Use:
    """A value in an argument (``pointer`` into the arguments) or in a message, and every place it may come from.

    ``sources`` are in the order seen. ``expression`` is set where no place holds the value but one operation over
    seen numbers gives it.
    """

    step: int
    pointer: str
    token: int
    written: JSON
    kind: Kind | None
    key: str
    sources: tuple[Seen, ...] = ()
    expression: Expression | None = None

    @property
    def rule(self) -> Rule:
        """How the value was traced."""
        if self.sources:
            exact = any(source.written == self.written for source in self.sources)
            return "exact" if exact else "normalised"
        return "expression" if self.expression else "none"

    @property
    def places(self) -> tuple[Place, ...]:
        """The places it may come from, those of an expression's operands included."""
        if self.sources or self.expression is None:
            return tuple(source.place for source in self.sources)
        return tuple(Place(number.step, number.pointer, number.token) for number in self.expression.operands)

    @property
    def read(self) -> Seen | None:
        """The occurrence that a trusting reader takes: in the latest event, same-named members first, the last one."""
        if not self.sources:
            return None
        latest = [source for source in self.sources if source.place.step == self.sources[-1].place.step]
        named = [source for source in latest if source.key == self.key]
        return (named or latest)[-1]


@dataclass(frozen=True, slots=True)
class _Shown:
    """A value that an event shows, in whatever step: the normal forms it answers to, and its number if it is one."""

    key: str
    written: JSON
    pointer: str
    token: int
    is_key: bool
    forms: tuple[str, ...]
    number: Decimal | None
    row: frozenset[tuple[str, str]] = frozenset()

    def at(self, step: int, role: Literal["result", "user", "system"]) -> Seen:
        return Seen(Place(step, self.pointer, self.token, self.is_key), self.key, self.written, role)


_At: TypeAlias = tuple[int, Literal["result", "user", "system"], _Shown]


class Index:
    """What the agent has seen so far, by normal form."""

    def __init__(self) -> None:
        self._seen: dict[str, list[_At]] = {}
        self._numbers: list[tuple[int, _Shown]] = []

    def add(self, step: int, event: Step) -> None:
        """Take in what one step showed the agent; its own messages show it nothing."""
        role, found = _shown(event)
        for shown in found:
            for form in shown.forms:
                self._seen.setdefault(form, []).append((step, role, shown))
            if shown.number is not None:
                self._numbers.append((step, shown))

    @property
    def numbers(self) -> list[Number]:
        """The numbers seen, in order; identifiers made of digits are none."""
        return [
            Number(shown.number, step, shown.pointer, shown.token, shown.key, shown.row)
            for step, shown in self._numbers
            if shown.number is not None
        ]

    def lookup(self, written: JSON, key: str, kind: Kind | None) -> tuple[Seen, ...]:
        """The occurrences that a use of this value under this name may come from."""
        found = self._named(norm(written))
        if says_little(written, kind):
            found = [at for at in found if at[2].key == key and key]
        return tuple(shown.at(step, role) for step, role, shown in found)

    def _named(self, form: str) -> list[_At]:
        """The occurrences of a form and of its weaker spellings: "May 20" is a source of 2024-05-20, and vice versa."""
        found = self._seen.get(form, [])
        if match := _DATED.fullmatch(form):
            if not match["time"]:
                weaker = self._seen.get("-" + form[4:], [])
            elif found:
                return found
            else:
                day, time = self._named(match["day"]), self._seen.get(match["time"], [])
                weaker = [*day, *time] if day and time else []
        elif form.startswith("--"):
            weaker = self._seen.get(form[1:], [])
        else:
            weaker = self._seen.get(form[1:], []) if form.startswith("#") else []
        return sorted([*found, *weaker], key=lambda at: at[0]) if weaker else found

    def knows(self, form: str) -> bool:
        """Whether a value with this normal form was seen anywhere."""
        return form in self._seen

    def forms(self) -> Iterable[str]:
        """The normal forms seen."""
        return self._seen


def says_little(written: JSON, kind: Kind | None) -> bool:
    """Whether equality alone is no evidence of a flow: booleans, nulls, small integers, enum-like words."""
    if kind is None or kind == "word":
        return not is_free_text(written)
    number = as_number(written) if kind == "number" else None
    return number is not None and number == number.to_integral_value() and abs(number) < _SMALL


def _forms(written: JSON) -> tuple[str, ...]:
    """The normal forms by which a seen value is found: its own, its day with and without the year, its time."""
    form = norm(written)
    if match := _DATED.fullmatch(form):
        day, time = match["day"], match["time"]
        return (form, day[4:]) if not time else (form, day, day[4:], time)
    return (form, form[1:]) if form.startswith("#") and len(form) > 1 else (form,)


def _shown(event: Step) -> tuple[Literal["result", "user", "system"], tuple[_Shown, ...]]:
    """Every value that an event showed the agent."""
    if isinstance(event, Message):
        return ("result", ()) if event.role == "assistant" else (event.role, _of_message(event.text))
    if event.result is None or event.result.raised:
        return "result", ()
    return "result", _of_result(event.result.text)


def _entry(key: str, written: JSON, pointer: str, token: int, row: frozenset[tuple[str, str]] = frozenset()) -> _Shown:
    number = as_number(written) if kind_of(written, key) == "number" else None
    return _Shown(key, written, pointer, token, False, _forms(written), number, row)


@lru_cache(maxsize=2048)
def _of_message(text: str) -> tuple[_Shown, ...]:
    return tuple(_entry("", token.text, "", at) for at, token in _telling(text))


@lru_cache(maxsize=2048)
def _of_result(text: str) -> tuple[_Shown, ...]:
    found: list[_Shown] = []
    rows: dict[str, frozenset[tuple[str, str]]] = {}
    for pointer, node in nodes(parse(text)):
        if isinstance(node, list):
            rows |= {f"{pointer}/{index}": _row(item) for index, item in enumerate(node) if isinstance(item, dict)}
        elif isinstance(node, dict):
            identifiers = (name for name in node if kind_of(name) == "identifier")
            found.extend(
                _Shown("", name, f"{pointer}/{escaped(name)}", -1, True, _forms(name), None) for name in identifiers
            )
        else:
            key = name_of(pointer)
            found.append(_entry(key, node, pointer, -1, rows.get(pointer.rpartition("/")[0], frozenset())))
            if isinstance(node, str) and (pointer == "" or " " in node.strip()):
                found.extend(_entry(key, token.text, pointer, at) for at, token in _telling(node))
    return tuple(found)


def _row(item: Mapping[str, JSON]) -> frozenset[tuple[str, str]]:
    return frozenset((name, norm(value)) for name, value in item.items() if not isinstance(value, dict | list))


def _telling(text: str) -> Iterator[tuple[int, Token]]:
    return ((at, token) for at, token in enumerate(tokens(text)) if token.kind in _FLOWING or token.text.isupper())


@lru_cache(maxsize=8192)
def name_of(pointer: str) -> str:
    """The name of the member that a pointer leads to; indexes are passed over (``/ids/0`` → ids)."""
    return next((token for token in reversed(split(pointer)) if not token.isdecimal()), "")


def uses(steps: tuple[Step, ...]) -> tuple[Use, ...]:
    """Every value that the run's arguments and the agent's messages hold, with where each may come from."""
    found: list[Use] = []
    for step, _, index in walk(steps):
        event = steps[step]
        if isinstance(event, ToolCall):
            for pointer, value in leaves(dict(event.arguments)):
                found.extend(_uses_of_leaf(step, pointer, value, index))
        elif event.role == "assistant":
            found.extend(_uses_of_text(step, "", event.text, "", index))
    return tuple(found)


def walk(steps: tuple[Step, ...]) -> Iterator[tuple[int, Step, Index]]:
    """Each step with what the agent had seen before it: not its own result, nor those of its parallel siblings."""
    index = Index()
    pending: list[int] = []
    for step, event in enumerate(steps):
        turn = event.turn if isinstance(event, ToolCall) else None
        waiting = []
        for earlier in pending:
            sibling = steps[earlier]
            if turn is not None and isinstance(sibling, ToolCall) and sibling.turn == turn:
                waiting.append(earlier)
            else:
                index.add(earlier, sibling)
        yield step, event, index
        pending = [*waiting, step]
    for earlier in pending:
        index.add(earlier, steps[earlier])


def seen_in(steps: tuple[Step, ...]) -> Index:
    """Everything that the run showed the agent."""
    index = Index()
    for step, event in enumerate(steps):
        index.add(step, event)
    return index


def _uses_of_leaf(step: int, pointer: str, value: JSON, index: Index) -> Iterator[Use]:
    key = name_of(pointer)
    kind = kind_of(value, key)
    sources = index.lookup(value, key, kind) if not isinstance(value, dict | list) else ()
    if not sources and isinstance(value, str) and " " in value.strip() and kind in (None, "name"):
        yield from _uses_of_text(step, pointer, value, key, index)
        return
    unsourced = not sources and kind == "number" and not says_little(value, kind)
    computed = find(value, index.numbers) if unsourced else None
    yield Use(step, pointer, -1, value, kind, key, sources, computed)


def _uses_of_text(step: int, pointer: str, text: str, key: str, index: Index) -> Iterator[Use]:
    for at, token in _telling(text):
        if token.kind == "number" and says_little(token.text, "number"):
            continue
        sources = index.lookup(token.text, key, token.kind if token.kind != "word" else "name")
        computed = find(token.text, index.numbers) if not sources and token.kind == "number" else None
        if token.kind in ("identifier", "date", "number") or sources:
            yield Use(step, pointer, at, token.text, token.kind, key, sources, computed)


def reread(event: Step, place: Place, original: Step) -> JSON:
    """The value that stands at ``place`` in another version of the same event. Raises PointerError if none does.

    A member whose key was an identifier is found by its position, because a consistent renaming renames keys too.
    """
    if isinstance(event, Message):
        return _token(event.text, place.token)
    if event.result is None or event.result.raised or not isinstance(original, ToolCall) or original.result is None:
        raise PointerError(f"step {place.step} gave no answer")
    if is_refusal(event.result) and not is_refusal(original.result):
        raise PointerError(f"step {place.step} gave an error in place of the answer")
    node, shape, path = event.result.value, original.result.value, split(place.pointer)
    for depth, token in enumerate(path):
        position = members(shape).index(token)
        name = token
        if isinstance(node, dict) and token not in node and kind_of(token) == "identifier":
            name = ([*members(node), *[""] * len(members(shape))])[position]
        if place.is_key and depth == len(path) - 1:
            child(node, name)
            return name
        node, shape = child(node, name), child(shape, token)
    if isinstance(node, dict | list):
        raise PointerError(f"{place.pointer} no longer holds a scalar")
    if place.token >= 0:
        return _token(node if isinstance(node, str) else str(node), place.token)
    return node


def _token(text: str, ordinal: int) -> str:
    found = tokens(text)
    if ordinal >= len(found):
        raise PointerError(f"the text has no token {ordinal}")
    return found[ordinal].text


def value_at(steps: Mapping[int, Step] | tuple[Step, ...], place: Place) -> JSON:
    """What stood at a place of the run. Raises PointerError."""
    event = steps[place.step]
    if isinstance(event, Message):
        return _token(event.text, place.token)
    if event.result is None:
        raise PointerError(f"step {place.step} gave no answer")
    if place.is_key:
        return split(place.pointer)[-1]
    value = get(event.result.value, place.pointer)
    return _token(str(value), place.token) if place.token >= 0 else value
