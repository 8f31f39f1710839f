"""Values as people and systems write them: which kind each is, and which spellings are one value."""

import time

import pytest

from counterfault.core.jsontree import JSON
from counterfault.core.values import (
    as_number,
    date_norm,
    identifiers,
    is_identifying,
    is_prose,
    kind_of,
    minted,
    norm,
    number_norm,
    time_norm,
    tokens,
)


def apart(text: str) -> list[str]:
    return text.split()


IDENTIFIERS = apart("""
#W2378156 W2378156 ORD-88213 mia_li_3668 credit_card_7334 gift_card_8020792 ZFA04Y SDZQKO HAT136 UA-123 BA2490 A320-200
550e8400-e29b-41d4-a716-446655440000 bob@example.com first.last+tag@mail.example.co.uk 555-123-4567 +15551234567
4111-1111-1111-1111 978-3-16-148410-0 123-45-6789 192.168.0.1 10042 00123 sk_live_4eC39HqLyjWDarjtT1zdp7dc
cus_NffrFeUfNV2Hib arn:aws:s3:::bucket-1 9f86d081884c7d65 1e5 12A item-10 INV/2024/0042
https://example.com/orders/42 feature/ABC-123 DGZSYX 12345-abc
""")
WORDS = apart("""
completed COMPLETED PENDING CANCELLED ACTIVE CLOSED REFUND URGENT economy basic_economy round_trip JFK LAX USD AM 30-day
24-Hour 3.5-hour two-way 24/7 COVID-19 MP3 CO2 1st 2nd 21st 5kg 16GB 100ml 2.4GHz v1.2.3 3.11.4 k8s read-only yes no
IMPORTANT EXCHANGED mastercard 1/2 GPT-4o http/1.1 state-of-the-art
""")
NAMES = ["Anya", "Müller", "Łukasz", "Élodie", "O'Brien", "Jean-Luc", "McDonald", "İstanbul", "Ægir", "Noé"]
NUMBERS = ["7", "-7", "0", "3.50", "1,240.50", "$1,240.50", "$ 5", "-$5", "$-5", "€5", "50€", "£1,200.00", "15%", "+5"]
DATES = [
    *("2024-05-20", "2024-5-3", "2024/05/20", "05/20/2024", "5/20/2024", "20/05/2024", "20.05.2024"),
    *(
        "May 20, 2024",
        "May 20 2024",
        "May 20th, 2024",
        "20 May 2024",
        "20th of May 2024",
        "20-May-2024",
        "Sept. 5, 2024",
    ),
    *("Monday, May 20, 2024", "Mon May 20 2024", "may 20", "May 20", "20th of May", "2024-05-20T14:30:00Z"),
    *("2024-05-20 14:30", "2024-05-20T14:30:00.123+02:00", "2024-02-29"),
]
# In prose a bare number may be an amount, a leading sign is none of the token, and an empty part ends one.
ALONE = ("#W2378156", "10042", "arn:aws:s3:::bucket-1")
TIMES = ["10:30", "10:30 AM", "10:30pm", "5 PM", "5PM", "5 p.m.", "23:59:59", "14:30Z", "00:00"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *(("identifier", text) for text in IDENTIFIERS),
        *(("word", text) for text in WORDS),
        *(("name", text) for text in NAMES),
        *(("number", text) for text in NUMBERS),
        *(("date", text) for text in DATES),
        *(("time", text) for text in TIMES),
    ],
)
def test_a_value_is_told_by_its_shape(kind: str, text: str) -> None:
    assert kind_of(text) == kind


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *(("identifier", text) for text in IDENTIFIERS if text not in ALONE),
        *(("word", text) for text in WORDS),
        *(("name", text) for text in NAMES),
        *(("number", text) for text in NUMBERS),
        *(("date", text) for text in DATES if text not in ("may 20", "Monday, May 20, 2024", "Mon May 20 2024")),
        *(("time", text) for text in TIMES),
    ],
)
def test_it_is_one_token_of_the_same_kind_in_a_sentence(kind: str, text: str) -> None:
    found = {token.text: token.kind for token in tokens(f"see {text}, please. Is it {text}?")}
    assert found.get(text) == kind


@pytest.mark.parametrize("value", [None, True, False, {}, [1], "", "two words", "see you on Monday"])
def test_what_names_no_value_has_no_kind(value: JSON) -> None:
    assert kind_of(value) in (None, "word") if value == "" else kind_of(value) is None


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("identifier", "order_id", 17),
        ("identifier", "orderId", "abc"),
        ("identifier", "userid", "bob"),
        ("identifier", "flight_number", "12"),
        ("identifier", "zip_code", "02134"),
        ("number", "amount_paid", 250),
        ("number", "bid", 12.5),
        ("word", "valid", "yes"),
        ("word", "grid", "dense"),
        ("word", "preference", "window"),
        ("name", "customer_name", "mary ann"),
        ("name", "firstName", "ada"),
        ("name", "customerName", "ada lovelace"),
        ("date", "order_id", "2024-05-20"),
    ],
)
def test_the_name_of_the_member_decides_where_the_shape_does_not(kind: str, key: str, value: JSON) -> None:
    assert kind_of(value, key) == kind


@pytest.mark.parametrize(
    "key", ["id", "ID", "ids", "order-id", "order.id", "orderID", "apiKey", "e_mail", "email", "chatid"]
)
def test_a_member_that_holds_an_identifier(key: str) -> None:
    assert is_identifying(key)


@pytest.mark.parametrize(
    "key", ["paid", "valid", "void", "avoid", "monkey", "broken", "preference", "idea", "identity", "did"]
)
def test_a_member_whose_name_only_ends_alike(key: str) -> None:
    assert not is_identifying(key)


@pytest.mark.parametrize(
    "spellings",
    [
        ("1240.5", 1240.5, "1,240.50", "$1,240.50", "1240.500", "+1240.5"),
        (7, 7.0, "7", "7.00", "$7", "7%"),
        (0, 0.0, -0.0, "0", "-0", "0.00"),
        (1e22, 10**22, "10000000000000000000000"),
        (1e-7, "0.0000001"),
        ("100000", "1,00,000", "100,000"),
        ("2024-05-20", "May 20, 2024", "20th of May 2024", "05/20/2024", "20.05.2024", "2024-05-20T00:00:00Z"),
        ("2024-05-20T14:30", "2024-05-20 14:30:00", "2024-05-20T14:30:00.000Z", "2024-05-20 2:30 PM"),
        ("May 20", "20 May", "may 20th", "20th of May"),
        ("10:30", "10:30 AM", "10:30:00", "10:30am", "10:30 a.m."),
        ("(555) 123-4567", "555-123-4567", "555.123.4567", "5551234567"),
        ("4111 1111 1111 1111", "4111-1111-1111-1111"),
        ("Ada  Lovelace", "ada lovelace", " ADA LOVELACE "),
        ("José", "José"),
    ],
)
def test_spellings_of_one_value(spellings: tuple[JSON, ...]) -> None:
    assert len({norm(spelling) for spelling in spellings}) == 1


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (True, "true"),
        (True, 1),
        (None, "None"),
        (False, 0),
        ("02134", "2134"),
        ("007", 7),
        ("1e5", 100000),
        ("5e10", "50000000000"),
        (10**29, 10**29 + 1),
        ("1,2,3", "123"),
        ("12,34", 1234),
        ("2024-05-20T10:00", "2024-05-20T15:00"),
        ("2024-05-20", "2024-05-20 to 2024-05-25"),
        ("2024-05-20", "May 20"),
        ("5 AM", "5 PM"),
        ("12 AM", "12 PM"),
        ("W-1", "W-10"),
        ("-5", "5"),
    ],
)
def test_two_values_stay_two(left: JSON, right: JSON) -> None:
    assert norm(left) != norm(right)


@pytest.mark.parametrize(
    "text", ["2024-02-30", "2023-02-29", "1900-02-29", "2024-13-01", "31/31/2024", "Febtober 3", "May 32"]
)
def test_a_day_that_does_not_exist_is_no_date(text: str) -> None:
    assert date_norm(text) is None
    assert kind_of(text) != "date"


@pytest.mark.parametrize("text", ["24:00", "10:60", "13 PM", "0 AM", "7", "10:30:99", "noon"])
def test_a_time_that_does_not_exist_is_no_time(text: str) -> None:
    assert time_norm(text) is None


@pytest.mark.parametrize("text", ["", "abc", "1.2.3", "1,2", "--5", "1e5", "0x10", "½", "٣", "1_000", "nan", "$", "5-"])
def test_what_is_no_number(text: str) -> None:
    assert number_norm(text) is None
    assert as_number(text) is None


def test_numbers_with_a_currency_are_amounts() -> None:
    text = "It is $5, 6 €, USD 7, 8 dollars or 9.50; room 10 on floor 11."
    assert [token.text for token in tokens(text) if token.money] == ["$5", "6 €", "7", "8", "9.50"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("card ending in 7334", [("7334", "number")]),
        ("10-20 items", [("10", "number"), ("20", "number")]),
        ("rooms 100,200", [("100,200", "number")]),
        ("(from May 20 to May 24)", [("May 20", "date"), ("May 24", "date")]),
        ("May 2024", [("2024", "number")]),
        ("W123.", [("W123", "identifier")]),
        ("Is it 5?", [("5", "number")]),
        ("see https://a.example/x?id=7.", [("https://a.example/x?id=7", "identifier")]),
        ("write to bob@example.com.", [("bob@example.com", "identifier")]),
    ],
)
def test_the_telling_tokens_of_a_sentence(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(t.text, t.kind) for t in tokens(text) if t.kind not in ("word", "name")] == expected


def test_streets_and_names_are_no_prose_and_reasons_are() -> None:
    assert not is_prose("123 Main Street", "address")
    assert not is_prose("Mary Ann Smith", "name")
    assert not is_prose("late delivery", "reason")
    assert is_prose("the delivery was late", "refund_reason")
    assert is_prose("please call them before you come to the house", "anything")


def test_identifiers_of_a_tree_stand_in_values_keys_and_texts() -> None:
    tree: JSON = {"id": "A", "cards": {"gift_card_1": {"amount": 5}}, "note": "for W-77, thanks", "ok": True, "n": 12}
    assert identifiers(tree) == {"a", "gift_card_1", "w-77"}


@pytest.mark.parametrize("text", [*IDENTIFIERS, "", "___", "日本", "0000", "9"])
@pytest.mark.parametrize("seed", ["0", "f", "0123456789abcdef"])
def test_a_minted_identifier_is_another_in_the_same_format(text: str, seed: str) -> None:
    new = minted(text, seed)
    assert new != text
    assert minted(text, seed) == new
    if any(character.isascii() and character.isalnum() for character in text):
        shape = "".join("9" if c.isdigit() else "a" if c.islower() else "A" if c.isupper() else c for c in new)
        assert shape == "".join("9" if c.isdigit() else "a" if c.islower() else "A" if c.isupper() else c for c in text)


def test_a_minted_number_keeps_its_length() -> None:
    assert all(len(str(int(minted("10042", f"{seed:x}")))) == 5 for seed in range(256))


@pytest.mark.parametrize(
    "run", ["1" * 50_000 + "a", "a+" * 25_000, "1-" * 25_000, "1." * 25_000, "1," * 25_000, "a@" * 25_000]
)
def test_the_time_for_a_hostile_text_is_in_proportion_to_its_length(run: str) -> None:
    began = time.process_time()
    tokens(run)
    assert time.process_time() - began < 2.0
