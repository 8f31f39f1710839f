"""Results and their way through JSON: what comes back is what went in; what no longer fits fails as decoding does."""

import collections
import datetime as dt
import enum
import json
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, NamedTuple, NewType, Optional, TypedDict
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfault import UsageError
from counterfault.agents._plain import attributes, plain
from counterfault.agents._rebuild import rebuilder, same
from counterfault.core.rendering import Rendering, write

pydantic = pytest.importorskip("pydantic")


class Colour(enum.Enum):
    RED = "red"
    ONE = "1"


class Level(enum.IntEnum):
    LOW = 1


class Point(NamedTuple):
    x: int
    y: int = 0


@dataclass(frozen=True)
class Item:
    sku: str
    price: Decimal
    tags: frozenset[str] = frozenset()


@dataclass
class Order:
    order_id: str
    placed: dt.datetime
    items: list[Item] = field(default_factory=list)
    parent: "Order | None" = None
    loaded: bool = field(default=True, init=False)


class Row(TypedDict, total=False):
    name: str
    item: Item


class Ticket(msgspec.Struct, rename="camel"):
    ticket_id: str
    opened: dt.date


class User(pydantic.BaseModel):  # type: ignore[misc, name-defined]
    user_id: int = pydantic.Field(alias="userId")
    since: dt.date


OrderId = NewType("OrderId", str)
ITEM = Item("A", Decimal("12.50"), frozenset({"b", "a"}))
NOON = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)
ORDER = Order("1", NOON, [ITEM], Order("0", NOON))
VALUES: list[tuple[Any, Any]] = [
    (str, "12"),
    (str, '{"a": 1}'),
    (str, ""),
    (str | None, None),
    (str | None, "words"),
    (str | int, 3),
    (str | dict[str, int], {"a": 1}),
    (int, 7),
    (float, 1.5),
    (bool, True),
    (None, None),
    (Any, {"a": [1, None]}),
    (dict, {"a": 1}),
    (dict[int, Item], {3: ITEM}),
    (list[Order], [ORDER]),
    (tuple[int, ...], (1, 2)),
    (tuple[str, Item], ("x", ITEM)),
    (set[int], {3, 1}),
    (Optional[Order], ORDER),  # noqa: UP045
    (Order | Item, ITEM),
    (Item | None, None),
    (Row, {"name": "n", "item": ITEM}),
    (Point, Point(1, 2)),
    (Ticket, Ticket("T-1", dt.date(2024, 1, 2))),
    (list[Ticket], [Ticket("T-1", dt.date(2024, 1, 2))]),
    (User, User(userId=3, since=dt.date(2024, 1, 2))),
    (User | None, User(userId=3, since=dt.date(2024, 1, 2))),
    (Colour, Colour.ONE),
    (Level, Level.LOW),
    (Decimal, Decimal("0.1000000000000000000001")),
    (UUID, UUID(int=5)),
    (PurePosixPath, PurePosixPath("7")),
    (dt.date, dt.date(2024, 1, 2)),
    (dt.timedelta, dt.timedelta(minutes=1.5)),
    (Annotated[list[Item], "x"], [ITEM]),
    (OrderId, OrderId("9")),
    (Literal["a", 2], "a"),
    (collections.abc.Mapping[str, Item], {"a": ITEM}),
]


def returning(hint: Any) -> Any:
    def function() -> Any: ...

    function.__annotations__["return"] = hint
    return rebuilder(function)


@pytest.mark.parametrize(("hint", "value"), VALUES, ids=[str(hint) for hint, _ in VALUES])
def test_a_result_comes_back_as_it_was(hint: Any, value: Any) -> None:
    back = returning(hint)(write(plain(value), Rendering("text")))
    assert back == value
    assert type(back) is type(value)
    assert same(back, value)


def test_a_field_too_many_is_dropped() -> None:
    assert returning(Item)('{"sku": "A", "price": "1", "legacy": 3}') == Item("A", Decimal(1))
    assert returning(Item | None)('{"sku": "A", "price": "1", "legacy": 3}') == Item("A", Decimal(1))
    assert returning(Ticket)('{"ticketId": "A", "opened": "2024-01-02", "x": 1}') == Ticket("A", dt.date(2024, 1, 2))


@pytest.mark.parametrize(
    ("hint", "text", "error"),
    [
        (Item, '{"sku": "A", "cost": "1"}', TypeError),
        (Item | None, '{"sku": "A", "cost": "1"}', TypeError),
        (list[Item], '{"data": []}', TypeError),
        (Item, "null", TypeError),
        (Item, '{"error": {"type": "unavailable"}}', TypeError),
        (Ticket, '{"ticket": "A"}', msgspec.ValidationError),
        (User, '{"userId": "x"}', pydantic.ValidationError),
        (Item, '{"sku": "A", ', json.JSONDecodeError),
        (dict[str, int], "{sku: A", json.JSONDecodeError),
        (list[Item] | None, "[", json.JSONDecodeError),
        (Colour, "teal", ValueError),
        (dt.date, "yesterday", ValueError),
        (tuple[int, int], "[1]", ValueError),
    ],
)
def test_an_answer_that_no_longer_fits_fails_as_decoding_it_would(hint: Any, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        returning(hint)(text)


@pytest.mark.parametrize(
    ("hint", "text", "value"),
    [
        (int, '"12"', "12"),
        (int, "not a number", "not a number"),
        (dict, "[1]", [1]),
        (Row, '{"title": "x"}', {"title": "x"}),
        (list[int], '{"data": [1]}', {"data": [1]}),
        (int | None, '"12"', "12"),
    ],
)
def test_what_python_does_not_check_arrives_as_it_is(hint: Any, text: str, value: Any) -> None:
    assert returning(hint)(text) == value


@pytest.mark.parametrize("hint", [object.__class__, collections.abc.Iterator[int], Exception, "Nowhere"])
def test_a_type_that_no_json_makes_is_a_usage_error(hint: Any) -> None:
    with pytest.raises(UsageError, match="cannot be re"):
        returning(hint)


class Holder:
    def __init__(self) -> None:
        self.name, self._key, self.me = "n", "secret", self


def test_other_objects_are_named_by_their_type_or_shown_by_their_attributes() -> None:
    assert plain(Holder()) == "<Holder>"
    assert plain(Holder(), attributes) == {"name": "n", "me": "<Holder>"}
    assert plain(object(), attributes) == "<object>"
    assert plain([ValueError("x"), b"ab", float("-inf")]) == ["ValueError: x", "ab", "-Infinity"]


def test_what_is_too_deep_or_breaks_is_named() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert "<list>" in json.dumps(plain(deep))

    class Breaks:
        def model_dump(self, **_: Any) -> Any:
            raise RuntimeError

        def __str__(self) -> str:
            raise RuntimeError

    assert plain(Breaks()) == "<Breaks>"
    keys = [Breaks(), None, True, Colour.RED, 5, (6, 7)]
    assert plain(dict.fromkeys(keys, 0)) == dict.fromkeys(["<Breaks>", "null", "true", "red", "5", "[6,7]"], 0)


@given(st.lists(st.text() | st.integers() | st.none()))
def test_equal_sets_give_equal_json(items: list[Any]) -> None:
    backwards = set()
    for item in reversed(items):
        backwards.add(item)
    assert plain(set(items)) == plain(backwards)
    assert json.loads(json.dumps(plain(items))) == plain(items)
