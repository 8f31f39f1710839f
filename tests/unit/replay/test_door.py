"""What a live agent calls with becomes JSON of our own, whatever it is."""

import json
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfault.core.jsontree import canonical
from counterfault.replay.door import as_arguments, as_json


class Word(StrEnum):
    OPEN = "open"


class Thing:
    pass


@pytest.mark.parametrize(
    ("odd", "plain"),
    [
        ((1, ("a",)), [1, ["a"]]),
        ({"b", "a"}, ["a", "b"]),
        (frozenset({2, 10}), [10, 2]),
        ({7: "x", None: "y", True: "z"}, {"7": "x", "null": "y", "true": "z"}),
        ({2.5: 1, (1, 2): 2}, {"2.5": 1, "<tuple>": 2}),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (Decimal("12.50"), "12.50"),
        (b"caf\xc3\xa9 \xff", "café \ufffd"),
        (Word.OPEN, "open"),
        (Thing(), "<Thing>"),
        (Thing, "<type>"),
        ("\ud800", "\ud800"),
        (-0.0, -0.0),
    ],
)
def test_what_is_no_json_is_written_as_json(odd: Any, plain: Any) -> None:
    assert as_json(odd) == plain
    assert type(as_json(odd)) is type(plain)


def test_an_integer_that_nobody_could_print_is_its_hexadecimal_text() -> None:
    assert as_json(1 << 20_000) == hex(1 << 20_000)
    assert as_json(10**4000) == 10**4000


def test_what_contains_itself_or_is_too_deep_is_named_by_its_type() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    assert as_json(loop) == [1, "<list>"]
    deep: Any = "end"
    for _ in range(5000):
        deep = {"in": deep}
    assert '"<dict>"' in json.dumps(as_json(deep))


@pytest.mark.parametrize(
    ("odd", "plain"), [(None, {}), ("text", {"_raw": "text"}), ([1], {"_raw": [1]}), ({"a": (1,)}, {"a": [1]})]
)
def test_arguments_are_always_an_object(odd: Any, plain: Any) -> None:
    assert as_arguments(odd) == plain


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3), inner, max_size=3
        )
    ),
    max_leaves=10,
)


@given(values)
def test_it_never_raises_gives_strict_json_and_changes_no_json(value: Any) -> None:
    plain = as_json(value)
    json.dumps(plain, allow_nan=False)
    assert canonical(as_json(plain)) == canonical(plain)


def test_what_comes_out_shares_nothing_with_what_went_in() -> None:
    rows = [{"a": [1]}]
    plain: Any = as_json(rows)
    rows[0]["a"].append(2)
    assert plain == [{"a": [1]}]
