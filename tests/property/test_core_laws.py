"""Laws of the pure core: pointers, path copying, digests, renderings, edits, normal forms."""

import ast
import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from counterfault.core import jsontree as jt
from counterfault.core.edit import (
    KINDS,
    Add,
    Delay,
    Edit,
    Fault,
    Flatten,
    Garble,
    Remove,
    Rename,
    Reorder,
    Replace,
    Respell,
    Spelling,
    Substitute,
    TreeEdit,
    Truncate,
    Wrap,
    apply,
    as_data,
    generalise,
    generalised,
    inverse,
    on_text,
    on_tree,
    places,
    substitute,
    substitute_text,
)
from counterfault.core.errors import InputError, ToolTimeout
from counterfault.core.jsontree import JSON
from counterfault.core.mutant import Mutant, Mutation, Site
from counterfault.core.rendering import form_of, parse, rewrite, style_of, write
from counterfault.core.trace import Trace
from counterfault.core.values import kind_of, minted, norm, tokens

KEYS = st.sampled_from(["", "0", "1", "01", "a", "b", "~", "/", "~1", "*", "é", "order_id", "-"]) | st.text(max_size=3)
SCALARS: st.SearchStrategy[JSON] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(["W-1", "2024-05-20", "yes", "", "12", 0, 1, 10**40])
)
TREES: st.SearchStrategy[JSON] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=12
)
CONTAINERS: st.SearchStrategy[JSON] = st.lists(TREES, max_size=3) | st.dictionaries(KEYS, TREES, max_size=3)
SPELLINGS: list[Spelling] = ["text", "number", "word", "other_case", "versioned"]


def exactly(value: JSON) -> str:
    return repr(value)


def pointers(tree: JSON) -> list[str]:
    return [pointer for pointer, _ in jt.nodes(tree)]


@st.composite
def with_pointer(draw: st.DrawFn) -> tuple[JSON, str]:
    tree = draw(TREES)
    return tree, draw(st.sampled_from(pointers(tree)))


@st.composite
def with_edit(draw: st.DrawFn) -> tuple[JSON, TreeEdit]:
    tree = draw(TREES)
    pointer = draw(st.sampled_from(pointers(tree)) | KEYS.map(lambda key: jt.join((key,))))
    if draw(st.booleans()):
        pointer = jt.join(tuple(draw(st.sampled_from([token, "*"])) for token in jt.split(pointer)))
    key, value = draw(KEYS), draw(TREES)
    edits: list[TreeEdit] = [Replace(pointer, value), Remove(pointer), Add(pointer, key, value), Rename(pointer, key)]
    edits += [
        Reorder(pointer),
        Wrap(pointer, key),
        Flatten(pointer),
        Respell(pointer, draw(st.sampled_from(SPELLINGS))),
    ]
    return tree, draw(st.sampled_from(edits))


# -- pointers and trees ------------------------------------------------------------------------------------------------


@given(st.lists(KEYS).map(tuple))
def test_a_path_survives_its_pointer(path: tuple[str, ...]) -> None:
    assert jt.split(jt.join(path)) == path


@given(TREES)
def test_every_node_is_found_at_its_pointer_and_no_two_share_one(tree: JSON) -> None:
    found = list(jt.nodes(tree))
    assert all(jt.get(tree, pointer) is node for pointer, node in found)
    assert len({pointer for pointer, _ in found}) == len(found)
    empty = [(pointer, node) for pointer, node in found if not isinstance(node, dict | list) or not node]
    assert list(jt.leaves(tree)) == empty


@given(TREES, st.lists(KEYS | st.just("*"), max_size=3).map(tuple))
def test_expanding_a_pattern_finds_just_the_nodes_that_match_it(tree: JSON, path: tuple[str, ...]) -> None:
    pattern = jt.join(path)
    assert sorted(jt.expand(tree, pattern)) == sorted(p for p in pointers(tree) if jt.matches(pattern, p))


@given(with_pointer(), TREES)
def test_what_is_put_at_a_place_stands_there_and_nothing_else_moves(case: tuple[JSON, str], value: JSON) -> None:
    tree, pointer = case
    before = copy.deepcopy(tree)
    after = jt.replace(tree, pointer, value)
    assert jt.get(after, pointer) is value
    assert exactly(tree) == exactly(before)
    outside = [p for p in pointers(tree) if not p.startswith(pointer) and not pointer.startswith(p)]
    assert all(jt.get(after, p) is jt.get(tree, p) for p in outside)


@given(with_pointer())
def test_what_is_taken_out_is_gone_and_the_original_keeps_it(case: tuple[JSON, str]) -> None:
    tree, pointer = case
    assume(pointer)
    before = copy.deepcopy(tree)
    after = jt.remove(tree, pointer)
    assert len(jt.members(jt.get(after, jt.parent_of(pointer)[0]))) + 1 == len(
        jt.members(jt.get(tree, jt.parent_of(pointer)[0]))
    )
    assert exactly(tree) == exactly(before)


@pytest.mark.parametrize("pointer", ["/01", "/-", "/1", "/٠", "/+0", "/0 ", "/" + "9" * 5000])
def test_an_index_has_one_spelling(pointer: str) -> None:
    assert jt.has([7], "/0")
    assert not jt.has([7], pointer)
    assert jt.expand([7], pointer) == []


@pytest.mark.parametrize("pointer", ["a", "0", " /a"])
def test_a_pointer_without_its_slash_is_refused_by_name(pointer: str) -> None:
    with pytest.raises(jt.PointerError, match="leading '/'"):
        jt.split(pointer)


@given(TREES, TREES)
def test_a_digest_is_equal_for_equal_values_only(left: JSON, right: JSON) -> None:
    alike = json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)
    assert (jt.digest(left) == jt.digest(right)) == alike
    assert jt.digest(left) == jt.digest(copy.deepcopy(left))


@given(st.dictionaries(KEYS, TREES, max_size=4))
def test_the_order_of_members_is_no_part_of_a_digest(tree: dict[str, JSON]) -> None:
    assert jt.digest(dict(reversed(tree.items()))) == jt.digest(tree)


def test_numbers_booleans_and_lone_surrogates_keep_apart() -> None:
    values: list[JSON] = [1, 1.0, True, "1", [1], 0, 0.0, -0.0, False, None, "", "\ud800", "\udc00", "\\ud800"]
    assert len({jt.digest(value) for value in values}) == len(values)


# -- renderings --------------------------------------------------------------------------------------------------------

LAYOUTS: list[dict[str, Any]] = [
    {},
    {"separators": (",", ":")},
    {"indent": 2},
    {"indent": 4},
    {"indent": 1},
    {"indent": "\t"},
    {"separators": (" ,", " : ")},
    {"indent": 3, "separators": (",", ":")},
]


@st.composite
def rendered(draw: st.DrawFn) -> tuple[JSON, str]:
    tree = draw(CONTAINERS)
    layout = draw(st.sampled_from(LAYOUTS))
    text = json.dumps(tree, ensure_ascii=draw(st.booleans()), **layout)
    python = repr(tree)
    return tree, draw(st.sampled_from([text, "\n " + text + "\n", text.replace("/", "\\/"), python]))


@given(rendered())
def test_what_was_written_is_read_and_its_style_repeats_known_layouts(case: tuple[JSON, str]) -> None:
    tree, text = case
    assert exactly(parse(text)) == exactly(tree)
    assert exactly(parse(write(tree, style_of(text)))) == exactly(tree)


@given(CONTAINERS, st.sampled_from([{}, {"separators": (",", ":")}, {"indent": 2}, {"indent": 4}, {"indent": "\t"}]))
def test_a_known_layout_is_repeated_to_the_letter(tree: JSON, layout: dict[str, Any]) -> None:
    for ascii_only in (True, False):
        text = json.dumps(tree, ensure_ascii=ascii_only, **layout)
        assert write(parse(text), style_of(text)) == text


@given(CONTAINERS)
def test_a_python_literal_is_repeated_to_the_letter(tree: JSON) -> None:
    text = repr(tree)
    assert write(parse(text), style_of(text)) == text


@given(rendered(), with_edit())
def test_an_edit_of_a_text_is_the_edit_of_its_value(case: tuple[JSON, str], other: tuple[JSON, TreeEdit]) -> None:
    text, edit = case[1], other[1]
    after = on_text(text, edit)
    changed = on_tree(parse(text), edit)
    assert parse(after) == changed or not isinstance(changed, dict | list)
    if exactly(changed) == exactly(parse(text)):
        assert after == text


NUMERALS = st.sampled_from(["1.10", "1E5", "1e-3", "-0", "0.0", "100.00", "12345678901234567890.5", "7", "-1"])
STRINGS = st.sampled_from(['"a\\/b"', '"\\u00E9"', '"é"', '"\\ud83d\\ude00"', '"\\ud800"', '"a\\nb"', '"{"'])


@st.composite
def odd_json(draw: st.DrawFn, depth: int = 2) -> str:
    """A JSON text with spellings that no writer of ours repeats."""
    if depth == 0 or draw(st.booleans()):
        return draw(NUMERALS | STRINGS | st.sampled_from(["true", "null"]))
    gap = draw(st.sampled_from(["", " ", "\n  ", "\t"]))
    parts = [draw(odd_json(depth - 1)) for _ in range(draw(st.integers(0, 3)))]
    if draw(st.booleans()):
        return "[" + gap + f" ,{gap}".join(parts) + gap + "]"
    return "{" + f"{gap},".join(f'{gap}"k{index}"{gap}: {part}' for index, part in enumerate(parts)) + gap + "}"


@given(odd_json(), st.data())
def test_only_the_edited_place_changes_its_characters(text: str, data: st.DataObject) -> None:
    tree = parse(text)
    places_ = [pointer for pointer, node in jt.leaves(tree)]
    place = data.draw(st.sampled_from(places_))
    new = "\x00new\x00"
    after = on_text(text, Replace(place, new))
    if form_of(text) == "text" or place == "":
        return
    head, tail = after.split(json.dumps(new))
    assert text.startswith(head)
    assert text.endswith(tail)
    gone = text[len(head) : len(text) - len(tail)]
    assert exactly(json.loads(gone)) == exactly(jt.get(tree, place))


@pytest.mark.parametrize(
    ("text", "edit", "after"),
    [
        ('{"a": 1.10, "b": 2}', Replace("/b", 3), '{"a": 1.10, "b": 3}'),
        ('{"a": 1E5, "b": 2}', Remove("/b"), '{"a": 1E5}'),
        ('{"a": 1E5, "b": 2}', Remove("/a"), '{"b": 2}'),
        ('{"a": 1.10, "b": 2}', Rename("/a", "c"), '{"c": 1.10, "b": 2}'),
        ('{"a": 1.10, "b": 2}', Wrap("/a", "v"), '{"a": {"v": 1.10}, "b": 2}'),
        ('{"a": {"x": 1.10}, "b": 2}', Flatten("/a"), '{"x": 1.10, "b": 2}'),
        ('{"a": 1.10, "b": 2}', Reorder(""), '{"b": 2, "a": 1.10}'),
        ('{"a":1.10,"b":[1e1,2.0,3.50]}', Remove("/b/1"), '{"a":1.10,"b":[1e1,3.50]}'),
        ('{"a":1.10,"b":{"c":"d"}}', Add("/b", "e", [1]), '{"a":1.10,"b":{"c":"d","e":[1]}}'),
        ('{"a": 1.10, "u": "x\\/y", "b": 2}', Replace("/b", "/"), '{"a": 1.10, "u": "x\\/y", "b": "/"}'),
        ('{ "a" : 1.10 ,\n  "b" : 2 }', Add("", "c", 3), '{ "a" : 1.10 ,\n  "b" : 2 ,\n  "c" : 3 }'),
        ('{"a": 1, "a": 1.10, "b": 2}', Replace("/b", 3), '{"a": 1, "a": 1.10, "b": 3}'),
        ("{'a': (1, 2.50), 'b': \"c\"}", Replace("/b", "d"), "{'a': (1, 2.50), 'b': 'd'}"),
        ("{'a': (1, 2.50), 'b': 2}", Replace("/a/0", 7), "{'a': (7, 2.50), 'b': 2}"),
        ('{"big": 123456789012345678901234567890, "b": 1}', Remove("/b"), '{"big": 123456789012345678901234567890}'),
        ('  {"a": 1}\n', Replace("/a", 2), '  {"a": 2}\n'),
        ("plain words", Replace("", "other words"), "other words"),
        ("7", Replace("", 8), "8"),
    ],
)
def test_what_an_edit_leaves_alone_keeps_its_spelling(text: str, edit: Edit, after: str) -> None:
    assert on_text(text, edit) == after


@pytest.mark.parametrize(
    "text", ['{"a": NaN}', "[1e999]", "{1: 2}", "{'a': {1}}", "'\\d'", "Tuesday", "-", "", " ", "007"]
)
def test_what_is_no_json_value_stays_a_text(text: str) -> None:
    assert form_of(text) == "text"
    assert parse(text) == text


def test_what_is_nested_too_deep_stays_a_text() -> None:
    assert form_of("[" * 200 + "]" * 200) == "json"
    assert form_of("[" * 300 + "]" * 300) == "text"
    assert form_of("[" * 100_000) == "text"


def test_a_lone_surrogate_is_written_as_an_escape_and_so_has_bytes() -> None:
    after = on_text('{"a":"\\ud800", "b":"é"}', Replace("/b", "\ud801é"))
    assert after.encode().decode() == after
    assert parse(after) == {"a": "\ud800", "b": "\ud801é"}


@given(rendered())
def test_a_rewriting_that_changes_nothing_returns_the_text(case: tuple[JSON, str]) -> None:
    assert rewrite(case[1], lambda tree: tree) == case[1]


# -- edits -------------------------------------------------------------------------------------------------------------


@given(with_edit())
def test_an_edit_never_touches_the_original_and_is_the_same_each_time(case: tuple[JSON, TreeEdit]) -> None:
    tree, edit = case
    before = copy.deepcopy(tree)
    after = on_tree(tree, edit)
    assert exactly(tree) == exactly(before)
    assert exactly(on_tree(tree, edit)) == exactly(after)
    if not places(tree, edit):
        assert after is tree


@given(with_edit())
def test_an_edit_survives_its_plain_data(case: tuple[JSON, TreeEdit]) -> None:
    data = json.loads(json.dumps(as_data(case[1])))
    kind = KINDS[data.pop("edit")]
    assert as_data(kind(**data)) == as_data(case[1])


# A member that is really called "*" has no pattern of its own.
@given(st.dictionaries(KEYS.filter(lambda key: key != "*"), TREES, min_size=1, max_size=3), st.data())
def test_renaming_and_wrapping_are_undone_by_their_opposites(tree: dict[str, JSON], data: st.DataObject) -> None:
    old, new = data.draw(st.sampled_from(list(tree))), data.draw(KEYS.filter(lambda key: key not in {"*", *tree}))
    place, renamed = jt.join((old,)), jt.join((new,))
    assert exactly(on_tree(on_tree(tree, Rename(place, new)), Rename(renamed, old))) == exactly(tree)
    assert exactly(on_tree(on_tree(tree, Wrap(place, new)), Replace(place, jt.get(tree, place)))) == exactly(tree)
    assert exactly(on_tree(on_tree(tree, Reorder("")), Reorder(""))) == exactly(tree)


@pytest.mark.parametrize("edit", [Remove(""), Rename("", "x"), Flatten(""), Remove("/no"), Rename("/no", "x")])
@pytest.mark.parametrize("text", ['{"a": 1}', "[1]", "7", "words"])
def test_what_names_no_member_changes_nothing(text: str, edit: Edit) -> None:
    assert apply(text, [edit]) == text


@pytest.mark.parametrize(
    ("tree", "edit", "after"),
    [
        ({"r": [{"a": 1}, {"b": 2}, {"a": 3}]}, Rename("/r/*/a", "z"), {"r": [{"z": 1}, {"b": 2}, {"z": 3}]}),
        ({"r": [1, 2, 3]}, Remove("/r/*"), {"r": []}),
        ({"r": [[1, 2], [3, 4]]}, Remove("/r/*/0"), {"r": [[2], [4]]}),
        ({"a": 1, "b": 2}, Rename("/a", "b"), {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, Rename("/*", "c"), {"a": 1, "c": 2}),
        ({"a": {"x": 1, "b": 2}, "b": 3}, Flatten("/a"), {"a": {"x": 1, "b": 2}, "b": 3}),
        ({"a": {"a": 1}, "b": 3}, Flatten("/a"), {"a": 1, "b": 3}),
        ({"a": {}, "b": 3}, Flatten("/a"), {"b": 3}),
        ({"a": [1]}, Flatten("/a"), {"a": [1]}),
        ([{"a": 1}], Flatten("/0"), [{"a": 1}]),
        ([1, 2], Add("", "1", 9), [1, 9, 2]),
        ([1, 2], Add("", "2", 9), [1, 2, 9]),
        ([1, 2], Add("", "-", 9), [1, 2, 9]),
        ([1, 2], Add("", "3", 9), [1, 2]),
        ([1, 2], Add("", "x", 9), [1, 2]),
        ([1, 2], Add("", "-1", 9), [1, 2]),
        ({"a": 1}, Add("", "a", 9), {"a": 1}),
        ({"a": 1}, Add("/a", "b", 9), {"a": 1}),
        ({"r": [{"a": 1}, {"b": 1}]}, Add("/r/*", "b", 2), {"r": [{"a": 1, "b": 2}, {"b": 1}]}),
        ({"0": {"1": 5}}, Replace("/0/1", 6), {"0": {"1": 6}}),
        ({"": 1}, Replace("/", 2), {"": 2}),
        ([3, 1], Reorder(""), [1, 3]),
        ({"n": 12.5, "s": "x"}, Respell("/*", "text"), {"n": "12.5", "s": "x"}),
        ({"n": "12.5", "m": "012", "k": "7"}, Respell("/*", "number"), {"n": 12.5, "m": "012", "k": 7}),
        ({"n": "9" * 400}, Respell("/*", "number"), {"n": "9" * 400}),
        ({"n": True, "m": 1}, Respell("/*", "word"), {"n": "yes", "m": 1}),
        ({"n": "Open", "m": "OPEN", "k": ""}, Respell("/*", "other_case"), {"n": "OPEN", "m": "open", "k": ""}),
        ({"n": "open", "m": "OPEN"}, Respell("/*", "versioned"), {"n": "open_v2", "m": "OPEN_V2"}),
    ],
)
def test_every_kind_of_edit_acts_at_its_places(tree: JSON, edit: TreeEdit, after: JSON) -> None:
    assert exactly(on_tree(tree, edit)) == exactly(after)


def test_faults_and_delays_leave_the_text_alone_and_text_edits_break_it() -> None:
    text = '{"a": [1, "x"]}'
    assert apply(text, [Delay(3.0), Fault("timeout", "exception")]) == text
    assert apply(text, [Truncate(0.5)]) == text[:7]
    assert apply(text, [Truncate(0.0)]) == ""
    assert form_of(apply(text, [Garble()])) == "text"
    assert apply(text, [Replace("/a/0", 2), Remove("/a/1")]) == '{"a": [2]}'


# -- substitution ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("W-1, (W-1) and W-1.", "Z-9, (Z-9) and Z-9."),
        ("W-10 W-1a aW-1 W-1-2 W-1.5 w-1 W-1_x éW-1 W-1é", "W-10 W-1a aW-1 W-1-2 W-1.5 w-1 W-1_x éW-1 W-1é"),
        ("#W-1 W-1/W-1 id=W-1 RF-W-1", "#Z-9 Z-9/Z-9 id=Z-9 RF-Z-9"),
        ('{"W-1": {"note": "first\\nW-1\\tW-1", "x": "W-10"}}', '{"Z-9": {"note": "first\\nZ-9\\tZ-9", "x": "W-10"}}'),
        ("{'W-1': 1.50, 'b': ('W-1',)}", "{'Z-9': 1.50, 'b': ('Z-9',)}"),
        ('{"x": 1.50, "y": "W-1"}', '{"x": 1.50, "y": "Z-9"}'),
    ],
)
def test_a_substitution_writes_whole_tokens_anew(text: str, after: str) -> None:
    assert on_text(text, Substitute((("W-1", "Z-9"),))) == after


def test_a_substitution_reaches_names_that_json_escapes_and_numbers_that_are_identifiers() -> None:
    pairs = (("José", "Noël"), ("10042", "77777"), ("", "never"))
    assert on_text('{"n": "Jos\\u00e9", "id": 10042, "t": 10042.5}', Substitute(pairs)) == (
        '{"n": "No\\u00ebl", "id": 77777, "t": 10042.5}'
    )
    assert substitute({"id": 77777}, inverse(pairs)) == {"id": 10042}


def test_a_number_is_no_part_of_a_longer_one() -> None:
    assert substitute_text("12 12.50 2024-05-12 12.", (("12", "7"),)) == "7 12.50 2024-05-12 7."


WORDS = st.lists(st.sampled_from(["W-1", "W-2", "Ann", "x", "2024-05-20", "W-10", ",", "."]), max_size=8).map(" ".join)


@given(st.recursive(WORDS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3)))
def test_the_inverse_undoes_a_substitution_by_fresh_values(tree: JSON) -> None:
    pairs = (("W-1", "K-51"), ("W-2", "K-52"), ("Ann", "Zoe"))
    there = substitute(tree, pairs)
    assert substitute(there, inverse(pairs)) == tree
    if there == tree:
        assert there is tree


# -- patterns ----------------------------------------------------------------------------------------------------------


@given(TREES)
def test_a_generalised_pointer_still_finds_its_leaf_and_both_ways_agree(tree: JSON) -> None:
    leaves = list(jt.leaves(tree))
    patterns = [generalise(pointer, tree) for pointer, _ in leaves]
    assert all(jt.matches(pattern, pointer) for pattern, (pointer, _) in zip(patterns, leaves, strict=True))
    assert list(generalised(tree)) == [(pattern, leaf) for pattern, (_, leaf) in zip(patterns, leaves, strict=True)]


@pytest.mark.parametrize(
    ("tree", "pointer", "pattern"),
    [
        ({"rows": [{"a": 1}]}, "/rows/0/a", "/rows/*/a"),
        ({"cards": {"gift_card_1": {"amount": 1}}}, "/cards/gift_card_1/amount", "/cards/*/amount"),
        ({"x": {"a": 1}, "y": {"a": 2}}, "/x/a", "/*/a"),
        ({"x": {"a": 1}, "y": {"b": 2}}, "/x/a", "/x/a"),
        ({"address": {"city": "Rome"}}, "/address/city", "/address/city"),
        ({"a~/b": {"x": 1}}, "/a~0~1b/x", "/a~0~1b/x"),
    ],
)
def test_a_map_of_records_is_told_from_a_record(tree: JSON, pointer: str, pattern: str) -> None:
    assert generalise(pointer, tree) == pattern


# -- normal forms ------------------------------------------------------------------------------------------------------

PIECES = [
    *("May", "20,", "2024", "$5", "10:30", "AM", "W-1", "bob@x.io", "+1", "555", "123", "4567", "1,240.50", "30-day"),
    *("Ann's", "(x)", "2024-05-20T10:00", "https://x.io/a1", "5 PM.", "#W1", "O'Neil", "12.", "1.2.3", "¥7"),
]
PROSE = st.text(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=8).map(" ".join)


@given(PROSE)
def test_a_token_stands_where_it_says_and_has_the_normal_form_of_its_text(text: str) -> None:
    found = tokens(text)
    for token in found:
        assert text[token.start :].startswith(token.text)
        assert token.norm == norm(token.text)
    ends = [token.start + len(token.text) for token in found]
    assert all(end <= later.start for end, later in zip(ends, found[1:], strict=False))


@given(SCALARS)
def test_every_scalar_has_a_normal_form_and_a_kind_or_none(value: JSON) -> None:
    assert isinstance(norm(value), str)
    assert kind_of(value) in (None, "identifier", "number", "date", "time", "name", "word")


@given(st.integers())
def test_an_integer_is_its_own_spelling_however_long(value: int) -> None:
    assert norm(value) == norm(str(value)) == norm(f"{value:,}")
    assert norm(value) != norm(value + 1)


@given(st.text(max_size=20), st.text("0123456789abcdef", min_size=1, max_size=8))
def test_a_minted_identifier_is_never_the_old_one(text: str, seed: str) -> None:
    assert minted(text, seed) != text
    assert minted(text, seed) == minted(text, seed)


# -- identity ----------------------------------------------------------------------------------------------------------


def test_a_mutant_is_what_it_changes_not_how_its_site_was_chosen_or_told() -> None:
    site = Site(1, "get_order", "result", "/total")
    one = Mutation("value.scale", "x10", "value", "detect", site, (Replace("/total", 5),), tier=1, noticeable="so")
    two = Mutation("value.scale", "x10", "value", "detect", site, (Replace("/total", 5),), tier=3, noticeable="or so")
    assert Mutant((one,)).id == Mutant((two,)).id
    other = Mutation("value.scale", "x10", "value", "detect", site, (Replace("/total", 5.0),), tier=1, noticeable="so")
    assert Mutant((one,)).id != Mutant((other,)).id
    assert Mutant((one,), "kept").id == "kept"


@given(TREES)
def test_errors_survive_their_way_between_processes(value: JSON) -> None:
    error = InputError(f"bad {value!r}", file="a.json", record=3, path="/x")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.reason, again.file, again.record, again.path) == (
        str(error), error.reason, "a.json", 3, "/x"
    )  # fmt: skip
    late = pickle.loads(pickle.dumps(ToolTimeout("late", kind="timeout", retry_after=2.0)))
    assert (late.kind, late.retry_after, str(late)) == ("timeout", 2.0, "late")


def test_an_input_error_names_the_record_where_it_has_no_path() -> None:
    assert str(InputError("empty", file="a.json", record=3)) == "a.json:3:(record): empty"
    assert str(InputError("empty", file="a.json", record=3, path="/")) == "a.json:3:/: empty"


@given(st.dictionaries(KEYS, TREES, max_size=2))
def test_a_python_literal_and_json_give_one_value(tree: dict[str, JSON]) -> None:
    assert parse(repr(tree)) == parse(json.dumps(tree)) == ast.literal_eval(repr(tree)) == tree


def test_a_trace_of_nothing_has_an_id() -> None:
    assert len(Trace(()).id) == 32
