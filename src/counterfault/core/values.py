"""Values as people write them: numbers, dates and identifiers in their different spellings, and tokens in prose.

Two spellings are one value when their ``norm`` is equal: ``1,240.50`` and ``1240.5``, ``May 22, 2024`` and
``2024-05-22``, ``"7"`` and ``7``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Literal, TypeAlias

from counterfault.core.jsontree import JSON

Kind: TypeAlias = Literal["identifier", "number", "date", "name", "word"]

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH = {name[:length]: index for index, name in enumerate(_MONTHS, 1) for length in (3, len(name))} | {"sept": 9}
_MONTH_WORD = r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?"
_MONTH_WORD += r"|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\.?"
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_TOKEN = re.compile(
    rf"""
    (?P<date>
        \d{{4}}-\d{{2}}-\d{{2}}(?:[T ]\d{{2}}:\d{{2}}(?::\d{{2}}(?:\.\d+)?)?(?:Z|[+-]\d{{2}}:?\d{{2}})?)?
      | {_MONTH_WORD}\s+\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s+\d{{4}})?\b
      | \b\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH_WORD}(?:,?\s+\d{{4}})?\b
      | \b\d{{1,2}}/\d{{1,2}}/\d{{4}}\b
    )
  | (?P<mail>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)
  | (?P<number>(?<![\w.])(?:[$€£]\s?)?[-+]?(?:[$€£]\s?)?(?:\d{{1,3}}(?:,\d{{3}})+|\d+)(?:\.\d+)?%?(?![\w-]*[A-Za-z_]))
  | (?P<word>[^\W_](?:[\w]|[-.:/\#](?=[^\W_]))*)
    """,
    re.VERBOSE,
)
_MONEY = re.compile(r"[$€£]|\.\d\d\b|\.\d\b")
# A number with a unit behind it ("30-day", "2nd", "24/7") is prose, not an identifier.
_IDENTIFIER = re.compile(r"(?!\d{1,3}-?[a-z]+$)(?=.*\d)(?=.*[A-Za-z])[\w\-.:/#@+]{3,}$|[A-Z]{5,}$|\d{5,}$")
_IDENTIFYING_KEY = re.compile(
    r"(?:^|[_\-. ]|(?<=[a-z])(?=[A-Z]))(?:id|ids|uuid|token|number|code|reference|ref|key|email|sku)$", re.IGNORECASE
)
_NAMING_KEY = re.compile(r"(?:^|_|-)(?:name|first_?name|last_?name|full_?name|surname|title|label)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Token:
    """A whole token of a text: what kind of value it is, as written, in its normal form, and where it stands."""

    kind: Kind
    text: str
    norm: str
    start: int
    money: bool = False


def number_norm(text: str) -> str | None:
    """The normal form of a number as written, without currency sign, separators and trailing zeros; None if none."""
    bare = text.strip().strip("$€£%").replace(",", "").replace("$", "").replace("€", "").replace("£", "").strip()
    if not re.fullmatch(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d{1,3})?", bare):
        return None
    try:
        return f"{Decimal(bare).normalize() + 0:f}"
    except InvalidOperation:
        return None


def date_norm(text: str) -> str | None:
    """The ISO form of a date as written, or ``--MM-DD`` where it names no year; None if it is no date."""
    text = text.strip()
    if match := re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})(?:[T ].*)?", text):
        return _iso(match[1], int(match[2]), int(match[3]))
    if match := re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", text):
        return _iso(match[3], int(match[1]), int(match[2]))
    if match := re.fullmatch(r"([A-Za-z]+)\.?\s+(\d{1,2})(?:st|nd|rd|th)?(?:,?\s+(\d{4}))?", text):
        return _iso(match[3], _MONTH.get(match[1].lower(), 0), int(match[2]))
    if match := re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th)?\s+(?:of\s+)?([A-Za-z]+)\.?(?:,?\s+(\d{4}))?", text):
        return _iso(match[3], _MONTH.get(match[2].lower(), 0), int(match[1]))
    return None


def _iso(year: str | None, month: int, day: int) -> str | None:
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1]:
        return None
    return f"{year or '-'}-{month:02}-{day:02}"


def norm(value: JSON) -> str:
    """The normal form of a scalar: equal for two spellings of one value. Booleans and null keep apart from texts."""
    if isinstance(value, bool) or value is None:
        return f"<{value}>"
    if isinstance(value, int | float):
        return number_norm(repr(value)) or repr(value)
    if isinstance(value, str):
        return number_norm(value) or date_norm(value) or " ".join(value.casefold().split())
    return repr(value)


@lru_cache(maxsize=16384)
def tokens(text: str) -> tuple[Token, ...]:
    """The tokens of a prose text in order: dates, numbers, identifiers, names (capitalised words) and words."""
    return tuple(_read(text))


def _read(text: str) -> Iterator[Token]:
    for match in _TOKEN.finditer(text):
        written, start = match.group(), match.start()
        if match["date"]:
            date = date_norm(written)
            if date:
                yield Token("date", written, date, start)
                continue
        if match["number"]:
            number = number_norm(written)
            if number is not None:
                yield Token("number", written, number, start, bool(_MONEY.search(written)))
                continue
        yield Token(_word_kind(written), written, written.casefold(), start)


def _word_kind(word: str) -> Kind:
    if _IDENTIFIER.match(word):
        return "identifier"
    return "name" if word[:1].isupper() and word[1:2].islower() else "word"


def kind_of(value: JSON, key: str = "") -> Kind | None:
    """What kind of value a scalar under ``key`` is; None for booleans, null and free text of several words."""
    if isinstance(value, bool) or value is None or isinstance(value, list | dict):
        return None
    if isinstance(value, int | float):
        return "identifier" if is_identifying(key) else "number"
    if date_norm(value):
        return "date"
    if is_identifying(key) and value.strip() and len(value.split()) == 1:
        return "identifier"
    if _NAMING_KEY.search(key) and value.strip():
        return "name"
    if number_norm(value) is not None:
        return "identifier" if re.fullmatch(r"\d{5,}", value) else "number"
    if len(value.split()) != 1:
        return None
    return _word_kind(value.strip())


def is_identifying(key: str) -> bool:
    """Whether a member of this name holds an identifier (``order_id``, ``token``, ``flight_number``)."""
    return bool(_IDENTIFYING_KEY.search(key))


def is_free_text(value: JSON) -> bool:
    """Whether a string is prose: three words or more, or longer than 60 characters with a space."""
    return isinstance(value, str) and (len(value.split()) >= 3 or (len(value) > 60 and " " in value))


def as_number(value: JSON) -> Decimal | None:
    """The number that a scalar holds, booleans excluded; None if none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = number_norm(value if isinstance(value, str) else repr(value))
    return Decimal(text) if text is not None else None


def identifiers(value: JSON, key: str = "") -> frozenset[str]:
    """The normal forms of the identifiers in a tree: its values, its keys, and the tokens of its texts."""
    found: set[str] = set()
    if isinstance(value, dict):
        for name, item in value.items():
            found |= identifiers(item, name)
            if _word_kind(name) == "identifier":
                found.add(norm(name))
    elif isinstance(value, list):
        for item in value:
            found |= identifiers(item, key)
    elif kind_of(value, key) == "identifier":
        found.add(norm(value))
    elif isinstance(value, str) and " " in value:
        found |= {token.norm for token in tokens(value) if token.kind == "identifier"}
    return frozenset(found)


def minted(text: str, seed: str) -> str:
    """Another identifier in the format of ``text``: its last run of digits, or else its letters, are others.

    ``seed`` is hexadecimal and chooses them; the same text and seed give the same identifier.
    """
    runs = list(re.finditer(r"\d+", text)) or list(re.finditer(r"[A-Za-z]+", text))
    if not runs:
        return f"{text}-{seed[:6]}"
    run = max(reversed(runs), key=lambda match: len(match.group()))
    fresh = "".join(_another(old, int(seed[index % len(seed)], 16)) for index, old in enumerate(run.group()))
    return text[: run.start()] + fresh + text[run.end() :]


def _another(character: str, step: int) -> str:
    if character.isdigit():
        return str((int(character) + 1 + step % 9) % 10) if character != "0" else str(1 + step % 9)
    first = "A" if character.isupper() else "a"
    return chr(ord(first) + (ord(character) - ord(first) + 1 + step % 25) % 26)
