"""Values as people write them: numbers, dates and identifiers in their different spellings, and tokens in prose.

Two spellings are one value when their ``norm`` is equal: ``1,240.50`` and ``1240.5``, ``May 22, 2024`` and
``2024-05-22``, ``"7"`` and ``7``.
"""

import re
import unicodedata
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Literal, TypeAlias

from counterfault.core.jsontree import JSON

Kind: TypeAlias = Literal["identifier", "number", "date", "time", "name", "word"]

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH = {name[:length]: index for index, name in enumerate(_MONTHS, 1) for length in (3, len(name))} | {"sept": 9}
_MONTH_WORD = r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?"
_MONTH_WORD += r"|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
_WEEKDAY = r"(?:(?:Mon|Tue(?:s)?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?\.?,?\s+)?"
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_HALF = r"(?:[AaPp][Mm]\b|[AaPp]\.[Mm]\.)"
_CLOCK = rf"(?:\d{{1,2}}:\d{{2}}(?::\d{{2}}(?:\.\d+)?)?(?:\s?{_HALF}|Z|[+-]\d{{2}}:?\d{{2}})?|\d{{1,2}}\s?{_HALF})"
_TIME = re.compile(
    r"(\d{1,2})(?::(\d{2})(?::(\d{2})(?:\.\d+)?)?)?(?:\s?([AaPp])\.?[Mm]\.?)?(?:Z|[+-]\d{2}:?\d{2})?", re.ASCII
)
_DATES = tuple(
    re.compile(_WEEKDAY + pattern, re.IGNORECASE | re.ASCII)
    for pattern in (
        r"(?P<year>\d{4})[-/](?P<month>\d{1,2})[-/](?P<day>\d{1,2})(?:[T ]\s*(?P<time>\d.*))?",
        r"(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4})",
        r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})",
        rf"(?P<name>{_MONTH_WORD})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s+(?P<year>\d{{4}}))?",
        rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[\s-]+(?:of\s+)?(?P<name>{_MONTH_WORD})\.?(?:,?[\s-]+(?P<year>\d{{4}}))?",
    )
)
_GROUPED = (
    r"(?:\+\d{7,15}|\+\d{1,3}[-. ]?(?:\(\d{1,4}\)[-. ]?)?\d{2,4}(?:[-. ]\d{2,4}){1,4}"
    r"|\(\d{3}\)\s?\d{3}[-. ]\d{4}|\d{3}[-.]\d{3}[-.]\d{4}|\d{4}(?:[- ]\d{4}){3})"
)
_MAIL = r"[\w.+-]{1,64}+@[\w-]+(?:\.[\w-]+)+"
_SIGN = "[$€£¥₹]"
_DIGITS = r"(?>\d{1,3}(?:,\d{2,3})*,\d{3}(?![\d,])|\d+)"
_NUMBER = re.compile(rf"([-+]?)(?:{_SIGN}\s?)?([-+]?)({_DIGITS})(?:\.(\d+))?(?:\s?[%€£¥₹])?", re.ASCII)

# Repetitions are possessive or bounded: a text of one long run must cost time in proportion to its length.
_TOKEN = re.compile(
    rf"""
    (?P<mail>(?<![\w.+-]){_MAIL})
  | (?P<url>https?://[^\s<>"'`]{{1,2000}}(?<![.,;:!?)\]}}]))
  | (?P<date>
        (?<![\w-])\d{{4}}[-/]\d{{1,2}}[-/]\d{{1,2}}(?:[T ]{_CLOCK})?(?![-/:]?\w)
      | \b{_MONTH_WORD}\.?\s+\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s+\d{{4}})?\b
      | \b\d{{1,2}}(?:st|nd|rd|th)?[\s-]+(?:of\s+)?{_MONTH_WORD}\b(?:\.?,?[\s-]+\d{{4}}\b)?
      | (?<![\w/.-])\d{{1,2}}(?P<sep>[/.])\d{{1,2}}(?P=sep)\d{{4}}(?![-/.]?\w)
    )
  | (?P<time>(?<![\w.:]){_CLOCK}(?![\w:]))
  | (?P<grouped>(?<![\w.-]){_GROUPED}(?![-.]?\w))
  | (?P<number>
        (?<![\w.])[-+]?(?:{_SIGN}\s?)?[-+]?{_DIGITS}(?>\.\d+)?+(?:\s?[%€£¥₹])?+
        (?!\.?\d)(?![\w-]*[A-Za-z_])(?!-\d+-\d|/\d)
    )
  | (?P<word>[^\W_](?:\w|[-.:/\#](?=[^\W_])|(?<=\b[A-Z])['’](?=[A-Z]))*)
    """,
    re.VERBOSE,
)
_MONEY = re.compile(rf"{_SIGN}|\.\d\d\b|\.\d\b")
_MONEY_BEFORE = re.compile(r"\b(?:USD|EUR|GBP|CHF|JPY|INR)\s?$")
_MONEY_AFTER = re.compile(r"\s?(?:USD|EUR|GBP|CHF|JPY|INR|dollars?|euros?|pounds?)\b", re.IGNORECASE)

# What holds digits and is no identifier: a number with its unit ("30-day", "2nd", "16GB"), a version, a known name.
_ORDINARY = re.compile(
    r"\d{1,4}(?:\.\d+)?-[A-Za-z]?[a-z]+(?:-[a-z]+)*|\d{1,3}(?:\.\d+)?[a-z]+|v?\d+(?:\.\d+){1,2}"
    r"|\d+(?:\.\d+)?(?i:[kmgt]b|[kmg]?hz|[mg]bps|kwh?|[kcm]m|k?g|mg|lbs?|oz|ml|mph|usd|eur|gbp)"
    r"|(?i:covid-?19|mp[34]|b2[bc]|p2p|co2|24/7|24x7|k8s|i18n|md5|sha-?\d+|utf-?8|base64|ipv[46]|oauth2|x64|x86|web3"
    r"|gpt-\d[\w.]*|http/[123](?:\.\d)?|iso-?\d+)"
)
_IDENTIFIER = re.compile(
    rf"(?=.*\d)(?=.*[A-Za-z])[\w\-.:/#@+?=&%~]{{3,}}|\d{{5,}}|\d+(?:-\d+){{2,}}|\d{{1,3}}(?:\.\d{{1,3}}){{3}}|{_MAIL}"
)
# The letter pairs that make up 93 % of the pairs in 37,000 English words: a record locator ("SDZQKO") has others.
_PAIRS = {
    pairs[0]: pairs[1:]
    for pairs in re.findall(
        r"\w+",
        "AABCDEFGHIKLMNPRSTUVWXYZ BABCDEIJLMOPRSTUY CACDEFHIKLMOPRSTUY DABCDEFGILMNOPRSTUY EABCDEFGHIKLMNOPQRSTUVWXY "
        "FADEFILNOPRSTUY GACDEGHILMNOPRSTUZ HAEHILMNORSTUY IABCDEFGKLMNOPRSTUVXZ JAEIOSU KADEILNORSTU "
        "LABCDEFGIKLMNOPSTUVY MABCDEILMNOPRSTUY NACDEFGHIKLMNOPRSTUVWY OABCDEFGHIKLMNOPRSTUVWXY PACDEFGHILMNOPRSTUY QU "
        "RABCDEFGIKLMNOPRSTUVWY SABCDEFGHIKLMNOPQRSTUVWY TABCDEFGHIKLMNOPRSTUVWXYZ UABCDEFGILMNOPRST VAEIMOS "
        "WACEHILNORS XACEIMPSTVX YABCEGILMNOPRSTU ZAEIL",
    )
}
_OWNERS = "user|order|account|customer|client|session|request|item|product|event|file|message|thread|channel|record"
_OWNERS += "|ticket|case|invoice|payment|transaction|device|object|reservation|booking|card|chat|issue|project|task"
_IDENTIFYING_KEY = re.compile(
    r"(?:^|[_\-. ]|(?<=[a-z0-9])(?=[A-Z]))"
    r"(?i:ids?|uuid|guid|token|number|code|reference|ref|key|e?-?mail|sku|iban|isbn|phone)$"
    rf"|(?i:^(?:{_OWNERS})ids?)$"
)
_NAMING_KEY = re.compile(
    r"(?:^|[_\- ]|(?<=[a-z0-9])(?=[A-Z]))(?i:name|surname|title|label)$|(?i:^(?:sur|user|nick|file)name$)"
)
_PROSE_KEY = re.compile(
    r"(?:^|[_\- ]|(?<=[a-z0-9])(?=[A-Z]))(?i:reasons?|notes?|comments?|remarks?|message|body|description|summary|text"
    r"|content|explanation|justification|details?|instructions?|thought|subject|memo)$"
)
_MANY_WORDS = 8


@dataclass(frozen=True, slots=True)
class Token:
    """A whole token of a text: what kind of value it is, as written, in its normal form, and where it stands."""

    kind: Kind
    text: str
    norm: str
    start: int
    money: bool = False


def number_norm(text: str) -> str | None:
    """The normal form of a number as written, without currency sign, separators and trailing zeros; None if none.

    A number with a leading zero (a postal code) or an exponent (a piece of a hash) is a text.
    """
    match = _NUMBER.fullmatch(text.strip())
    if not match or (match[1] and match[2]):
        return None
    whole, part = match[3].replace(",", ""), (match[4] or "").rstrip("0")
    if len(whole) > 1 and whole[0] == "0":
        return None
    bare = f"{whole}.{part}" if part else whole
    return f"-{bare}" if "-" in (match[1], match[2]) and bare != "0" else bare


def date_norm(text: str) -> str | None:
    """The ISO form of a day as written, or ``--MM-DD`` where it names no year; None if it is no date.

    Numbers are read as month/day/year, or as day/month/year where only that is a date. The time of a timestamp is
    left out; one that is no time makes the whole no date.
    """
    return _moment(text)[0]


def time_norm(text: str) -> str | None:
    """The normal form of a time of day as written (``10:30 PM`` → ``T22:30``), its zone left out; None if none."""
    match = _TIME.fullmatch(text.strip())
    if not match or not (match[2] or match[4]):
        return None
    hour, minute, second = (int(part or 0) for part in match.group(1, 2, 3))
    if match[4]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match[4] in "pP" else 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    return f"T{hour:02}:{minute:02}" + (f":{second:02}" if second else "")


@lru_cache(maxsize=16384)
def _moment(text: str) -> tuple[str | None, str]:
    """The day and the time of day that a date names; midnight counts as no time."""
    text = text.strip()
    match = next(filter(None, (pattern.fullmatch(text) for pattern in _DATES)), None) if len(text) < 60 else None
    if match is None:
        return None, ""
    parts = match.groupdict()
    month = _MONTH[parts["name"].lower()] if "name" in parts else int(parts["month"])
    time = time_norm(parts["time"]) if parts.get("time") else "T00:00"
    day = _iso(parts["year"], month, int(parts["day"]), swaps="/" in text and not parts.get("time"))
    return (day, "" if time == "T00:00" else time) if day and time else (None, "")


def _iso(year: str | None, month: int, day: int, swaps: bool = False) -> str | None:
    if swaps and month > 12 >= day:
        month, day = day, month
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1]:
        return None
    if year and (month, day) == (2, 29) and (int(year) % 4 or (int(year) % 100 == 0 and int(year) % 400)):
        return None
    return f"{year or '-'}-{month:02}-{day:02}"


def norm(value: JSON) -> str:
    """The normal form of a scalar: equal for two spellings of one value. Booleans and null keep apart from texts."""
    if isinstance(value, bool) or value is None:
        return f"<{value}>"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return number_norm(_plain(value)) or repr(value)
    return _text_norm(value) if isinstance(value, str) else repr(value)


@lru_cache(maxsize=16384)
def _text_norm(text: str) -> str:
    if number := number_norm(text):
        return number
    day, time = _moment(text)
    if day:
        return day + time
    if clock := time_norm(text):
        return clock
    if re.fullmatch(_GROUPED, text.strip()):
        return re.sub(r"\D", "", text)
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _plain(value: float) -> str:
    return f"{Decimal(repr(value)):f}"


@lru_cache(maxsize=16384)
def tokens(text: str) -> tuple[Token, ...]:
    """The tokens of a prose text in order: dates, numbers, identifiers, names (capitalised words) and words."""
    return tuple(_read(text))


def _read(text: str) -> Iterator[Token]:
    for match in _TOKEN.finditer(text):
        written, start = match.group(), match.start()
        kind: Kind = "word"
        money = False
        if match["date"] and date_norm(written):
            kind = "date"
        elif match["time"] and time_norm(written):
            kind = "time"
        elif match["grouped"] or match["mail"]:
            kind = "identifier"
        elif match["number"] and number_norm(written) is not None:
            kind, money = "number", _is_money(text, start, match.end())
        else:
            kind = _word_kind(written)
        yield Token(kind, written, norm(written), start, money)


def _is_money(text: str, start: int, end: int) -> bool:
    if _MONEY.search(text, start, end) or _MONEY_AFTER.match(text, end):
        return True
    return _MONEY_BEFORE.search(text[max(0, start - 5) : start]) is not None


def _word_kind(word: str) -> Kind:
    if _IDENTIFIER.fullmatch(word) and not _ORDINARY.fullmatch(word):
        return "identifier"
    if re.fullmatch(r"[A-Z]{6}", word) and any(after not in _PAIRS[first] for first, after in pairwise(word)):
        return "identifier"
    return "name" if word[:1].isupper() and (word[1:2].islower() or word[1:2] in ("'", "’")) else "word"


def kind_of(value: JSON, key: str = "") -> Kind | None:
    """What kind of value a scalar under ``key`` is; None for booleans, null and free text of several words."""
    if isinstance(value, bool) or value is None or isinstance(value, list | dict):
        return None
    if isinstance(value, int | float):
        return "identifier" if is_identifying(key) else "number"
    return _kind_of_text(value, key)


@lru_cache(maxsize=16384)
def _kind_of_text(text: str, key: str) -> Kind | None:
    bare = text.strip()
    if date_norm(bare):
        return "date"
    single = len(bare.split()) == 1
    if (is_identifying(key) and single) or re.fullmatch(_GROUPED, bare):
        return "identifier"
    if _NAMING_KEY.search(key) and bare:
        return "name"
    if number_norm(bare) is not None:
        return "identifier" if re.fullmatch(r"\d{5,}", bare) else "number"
    if time_norm(bare):
        return "time"
    return _word_kind(bare) if single else None


def is_identifying(key: str) -> bool:
    """Whether a member of this name holds an identifier (``order_id``, ``token``, ``flight_number``)."""
    return bool(_IDENTIFYING_KEY.search(key))


def is_free_text(value: JSON) -> bool:
    """Whether a string is prose: three words or more, or longer than 60 characters with a space."""
    return isinstance(value, str) and (len(value.split()) >= 3 or (len(value) > 60 and " " in value))


def is_prose(value: JSON, key: str) -> bool:
    """Whether an argument is worded freely: of a name like ``reason`` with three words, else of eight words or more.

    A street or a person's name has three words too, and must be compared.
    """
    return is_free_text(value) and (bool(_PROSE_KEY.search(key)) or len(str(value).split()) >= _MANY_WORDS)


def as_number(value: JSON) -> Decimal | None:
    """The number that a scalar holds, booleans excluded; None if none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, int):
        return Decimal(value)
    text = number_norm(value if isinstance(value, str) else _plain(value))
    return Decimal(text) if text is not None else None


def states(forms: AbstractSet[str], form: str) -> bool:
    """Whether a text with these normal forms states a value: a date with or without its year is the same date."""
    if form in forms:
        return True
    if form.startswith("--"):
        return any(said.endswith(form[1:]) and _FULL_DATE.match(said) for said in forms)
    return _FULL_DATE.match(form) is not None and "-" + form[4:] in forms


_FULL_DATE = re.compile(r"\d{4}-\d{2}-\d{2}$")


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
    """Another identifier in the format of ``text``: its longest run of digits, or else of letters, is another.

    ``seed`` is hexadecimal and chooses it; the same text and seed give the same identifier. A leading digit that is
    not zero stays so, for a number would lose it.
    """
    runs = list(re.finditer(r"[0-9]+", text)) or list(re.finditer(r"[A-Za-z]+", text))
    if not runs:
        return f"{text}-{seed[:6]}"
    run = max(reversed(runs), key=lambda match: len(match.group()))
    steps = (int(seed[index % len(seed)], 16) for index in range(len(run.group())))
    fresh = "".join(
        _another(old, step, first=index == 0) for index, (old, step) in enumerate(zip(run.group(), steps, strict=True))
    )
    return text[: run.start()] + fresh + text[run.end() :]


def _another(character: str, step: int, first: bool) -> str:
    if not character.isdigit():
        start = "A" if character.isupper() else "a"
        return chr(ord(start) + (ord(character) - ord(start) + 1 + step % 25) % 26)
    if first and character != "0":
        return str((int(character) + step % 8) % 9 + 1)
    return str((int(character) + 1 + step % 9) % 10)
