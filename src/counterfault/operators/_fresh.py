"""New values in the clothes of old ones: same kind, same format, never seen in the run, and always the same ones."""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal

from counterfault.core.jsontree import JSON, canonical, digest, leaves
from counterfault.core.provenance import seen_in
from counterfault.core.trace import Message, Trace
from counterfault.core.values import as_number, norm, tokens

Taken = Callable[[JSON], bool]
"""Whether a value already occurs in the run, in any spelling."""

_NAMES = (
    *("Avery", "Rowan", "Quinn", "Emerson", "Marlowe", "Sutton", "Finley", "Harlow", "Lennox", "Tatum"),
    *("Ellery", "Briar", "Merritt", "Hollis", "Linden", "Winslow"),
)
_SURNAMES = (
    *("Okafor", "Lindqvist", "Marchetti", "Haverford", "Castellan", "Bergstrom", "Delacroix", "Whitcombe"),
    *("Ferreira", "Novakova", "Abernathy", "Kowalczyk", "Thornbury", "Vasquez", "Ashdown", "Pemberton"),
)
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_TRIES = 64
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})((?:[T ].*)?)", re.DOTALL)


def taken_in(trace: Trace) -> Taken:
    """What the run already holds: in results, arguments and messages, the agent's own included."""
    index = seen_in(trace.steps)
    forms: set[str] = set()
    texts: list[str] = []
    for step in trace.steps:
        if isinstance(step, Message):
            texts.append(step.text)
            forms.update(token.norm for token in tokens(step.text))
            continue
        forms.update(norm(value) for _, value in leaves(dict(step.arguments)))
        texts.append(canonical(dict(step.arguments)).decode())
        texts.append(step.result.text if step.result else "")
    whole = "\n".join(texts).casefold()

    def taken(value: JSON) -> bool:
        form = norm(value)
        return index.knows(form) or form in forms or (isinstance(value, str) and value.casefold() in whole)

    return taken


def identifier_like(old: JSON, taken: Taken) -> JSON:
    """Another identifier of the same format and length; None where none can be made.

    The last run of three or more digits is drawn anew; a code without one is drawn anew as a whole, after its prefix.
    """
    if isinstance(old, bool) or not isinstance(old, int | str):
        return None
    text = str(old)
    for candidate in _candidates(text):
        value: JSON = candidate if isinstance(old, str) else int(candidate)
        if len(str(value)) == len(text) and not taken(value):
            return value
    return None


def _candidates(text: str) -> Iterator[str]:
    # A UUID is hexadecimal throughout; elsewhere letters carry meaning as long as there are digits to draw.
    hexadecimal = re.fullmatch(r"[0-9a-f]{8,}(?:-[0-9a-f]{4,})*", text) is not None and not text.isdecimal()
    runs = list(re.finditer(r"\d{3,}", text))
    prefix = re.match(r"(?:[A-Za-z]+[-_#:/])*", text)
    start, end = (prefix.end() if prefix else 0), len(text)
    if runs and not hexadecimal:
        start, end = runs[-1].span()
    for attempt in range(_TRIES):
        stream = _stream(text, attempt)
        yield text[:start] + "".join(_drawn(char, stream, hexadecimal) for char in text[start:end]) + text[end:]


def _stream(text: str, attempt: int) -> Iterator[int]:
    block = 0
    while True:
        yield from bytes.fromhex(digest(text, attempt, block))
        block += 1


def _drawn(char: str, stream: Iterator[int], hexadecimal: bool) -> str:
    if hexadecimal and char != "-":
        return "0123456789abcdef"[next(stream) % 16]
    if char.isdecimal():
        # No zero: a leading one would shorten a number.
        return "123456789"[next(stream) % 9]
    if "a" <= char <= "z":
        return chr(ord("a") + next(stream) % 26)
    return chr(ord("A") + next(stream) % 26) if "A" <= char <= "Z" else char


def name_like(old: str, key: str, taken: Taken) -> str | None:
    """Another person's name, in the same case; None where every known one occurs in the run."""
    pool = _SURNAMES if re.search(r"last|sur|family", key, re.IGNORECASE) else _NAMES
    start = next(_stream(old, 0)) % len(pool)
    for offset in range(len(pool)):
        name = pool[(start + offset) % len(pool)]
        name = name.upper() if old.isupper() else name.lower() if old.islower() else name
        if not taken(name):
            return name
    return None


def shifted_date(text: str, days: int) -> str | None:
    """An ISO date (with or without a time) moved by some days, in its own spelling; None if it is none."""
    match = _ISO.fullmatch(text)
    if not match:
        return None
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    if not (1 <= month <= 12 and 1 <= day <= _length(year, month)):
        return None
    day += days
    while day < 1:
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
        day += _length(year, month)
    while day > _length(year, month):
        day -= _length(year, month)
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return f"{year:04}-{month:02}-{day:02}{match[4]}"


def impossible_date(text: str) -> str | None:
    """The 45th of the 13th month of the same year, in the same spelling; None if it is no ISO date."""
    match = _ISO.fullmatch(text)
    return f"{match[1]}-13-45{match[4]}" if match else None


def _length(year: int, month: int) -> int:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 29 if month == 2 and leap else _MONTH_DAYS[month - 1]


def number_like(old: JSON, new: Decimal) -> JSON:
    """``new`` written as ``old`` is: an integer, a float, or a text with as many decimals; None if it cannot."""
    if isinstance(old, bool):
        return None
    if isinstance(old, int):
        return int(new) if new == new.to_integral_value() else None
    if isinstance(old, float):
        return float(new)
    if isinstance(old, str) and re.fullmatch(r"-?\d+(?:\.\d+)?", old):
        decimals = len(old.partition(".")[2])
        return f"{new:.{decimals}f}"
    return None


def number_in(value: JSON) -> Decimal | None:
    """The number that a leaf holds; of texts only those with decimals, for digits alone may be a code. None if none."""
    if isinstance(value, str) and not re.fullmatch(r"-?\d+\.\d+", value):
        return None
    return as_number(value)
