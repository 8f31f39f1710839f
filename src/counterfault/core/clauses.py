"""From a message to its clauses: JSON answers become sentences, markup goes, and the language is looked at.

The ground under `statements`; the words are in `vocabulary`, the rules are told in `docs/statements.md`.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from counterfault.core import vocabulary as words


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a sentence, in lower case, with what governs it.

    before: the rest of its sentence up to it; a condition there governs the clause too.
    question: the clause is what its sentence asks.
    proposed: an item of a list that a heading announces as a plan.
    """

    text: str
    before: str
    question: bool
    proposed: bool


_FENCE: Final = re.compile(r"^\s*```\w*\s*|\s*```\s*$")
_MARKUP: Final = re.compile(r"\*\*|__(?=\W)|`|^[#>\s]+|^\s*[-*•]+\s+|^\s*\d+[.)]\s+")
_ITEM: Final = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s")
_QUOTED: Final = re.compile(r'"([^"\n]*)"')
_SENTENCE: Final = re.compile(r"(?<=[.!?;])[\"')]*\s+")
_CLAUSE: Final = re.compile(
    r"\s*(?:[,;]?\s+\b(?:but|however|although|though|whereas)\b|[—–]|\s-\s"
    r"|,\s+(?:and|so)\s+(?=(?:i|we|you|your|the|it|an?|this|no|there)\b)|\band\s+(?=(?:i|we|your|the|it)(?:'|\s))"
    r"|,\s+(?=(?:would you|do you|shall i|can i|could you|should i|what|how|which|is there|may i)\b)),?\s*"
)
_ADDRESS: Final = re.compile(r"\S*(?:://|www\.|@)\S*")
_LABEL: Final = re.compile(r"\W*([A-Za-z][A-Za-z _-]{2,28}?)\s*[:—–]\s")
_LONGEST: Final = 1000  # characters of a sentence looked at together: what is longer is no sentence
_DEEPEST: Final = 12
_NAME: Final = 3  # words: a longer quotation is another's speech, a shorter one a name or a status


@lru_cache(maxsize=256)
def lines_of(text: str) -> tuple[str, ...]:
    """The lines of prose of a message; a JSON value or a single status word is turned into sentences."""
    stripped = _FENCE.sub("", text.strip())
    try:
        value = json.loads(stripped, strict=False) if stripped[:1] in ("{", "[") else None
    except (ValueError, RecursionError):
        value = None
    found = list(_leaves(value, "", 0)) if isinstance(value, dict | list) else [*_labelled(stripped)]
    return tuple(line for part in found for line in _plain(part).splitlines() if line.strip())


def clauses_of(lines: tuple[str, ...]) -> Iterator[Clause]:
    """The clauses of these lines, in order."""
    announced = False
    for line in lines:
        item = bool(_ITEM.match(line))
        if not item:
            announced = line.rstrip(" *").endswith(":") and bool(re.search(words.PROPOSES, line.lower()))
        for sentence in sentences_of(line):
            asked = sentence.rstrip(" )\"'").endswith("?")
            start = 0
            for piece in [*_CLAUSE.finditer(sentence), None]:
                end = piece.start() if piece else len(sentence)
                yield Clause(sentence[start:end].strip(), sentence[:start], asked and piece is None, announced and item)
                start = piece.end() if piece else end


def sentences_of(line: str) -> Iterator[str]:
    """The sentences of a line without its markup, in lower case."""
    for sentence in _SENTENCE.split(_MARKUP.sub("", line).lower()):
        for start in range(0, len(sentence), _LONGEST):
            yield sentence[start : start + _LONGEST]


def readable(lines: tuple[str, ...]) -> bool:
    """English, or nothing but identifiers and numbers. One sentence that is surely foreign makes all unreadable."""
    english = total = 0
    for line in lines:
        for sentence in _SENTENCE.split(line):
            prose = _ADDRESS.sub(" ", sentence)
            letters = [char for char in prose if char.isalpha()]
            strange = sum(ord(char) > 0x24F for char in letters)
            names = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", prose)
            tokens = [name.lower() for name in names if not name.isupper()]
            known = sum(token in words.ENGLISH or token in words.PAST_FAMILIES for token in tokens)
            foreign = len({token for token in tokens if _foreign(token)})
            if strange * 5 > len(letters) or (foreign >= 2 and foreign > known):
                return False
            english, total = english + known, total + len(tokens)
    return english * 16 >= total


def snake(name: str) -> str:
    """`cancelOrder`, `cancel-order` and `Cancel order` as `cancel_order`."""
    return re.sub(r"[\s\-.]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)).lower().strip("_")


def _foreign(token: str) -> bool:
    head, apostrophe, _ = token.partition("'")
    return token in words.FOREIGN or (bool(apostrophe) and head in ("l", "d", "qu", "n", "c", "s"))


def _plain(text: str) -> str:
    straight = text.translate(str.maketrans("’‘“”\u00a0", "''\"\" "))
    bare = straight.strip().strip('"') if straight.count('"') == 2 else straight
    return _QUOTED.sub(lambda quoted: " " if len(quoted[1].split()) > _NAME else quoted[0], bare)


def _word(text: str) -> str:
    return re.sub(r"[\s-]+", "_", re.sub(r"[^\w\s-]", "", text).strip().lower())


def _labelled(text: str) -> Iterator[str]:
    """The text, or the sentence that it stands for; before it the one that its label states ("ESCALATE: no amount")."""
    label = _LABEL.match(text)
    if label and (stated := _stated(_word(label[1]))):
        yield stated
    yield _stated(_word(text)) or text


def _stated(word: str) -> str | None:
    """The sentence that a status word stands for."""
    if word in words.HANDED_WORDS:
        return "this has been escalated to a human."
    if word in words.FAILED_WORDS:
        return "it failed."
    if word in words.DONE_WORDS:
        return f"it has been {word}." if word in words.PAST_FAMILIES else "it is done."
    return None


def _leaves(value: object, key: str, depth: int) -> Iterator[str]:
    """The prose of a JSON value, and a sentence for each key or status that states an outcome."""
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        for name, child in value.items():
            yield from _leaves(child, str(name), depth + 1)
    elif isinstance(value, list):
        for child in value:
            yield from _leaves(child, key, depth + 1)
    if value not in (None, False, "", [], {}):
        yield from _keyed(snake(key), value)
    if isinstance(value, str):
        yield from _valued(snake(key), value, depth)
    elif isinstance(value, bool):
        yield from _flagged(snake(key), value)


def _keyed(key: str, value: object) -> Iterator[str]:
    """`returns_submitted: [...]` says that returns have been submitted; `created_at` says nothing."""
    *subject, last = key.removesuffix("_to").split("_")
    told = value is True or (bool(subject) and not isinstance(value, int | float))
    if last in words.PAST_FAMILIES and key not in words.HANDED_WORDS and told and not {"not", "no"} & set(subject):
        yield f"{' '.join(subject) or 'it'} has been {last}."
    if last == "confirmation" and subject and subject[-1] in words.ACTION_NOUNS and isinstance(value, dict):
        yield f"the {subject[-1]} is confirmed."


def _valued(key: str, value: str, depth: int) -> Iterator[str]:
    outcome = key in words.OUTCOME_KEYS or (depth <= 1 and (key in words.STATUS_KEYS or key.endswith("_status")))
    stated = _stated(snake(value.strip(" .!"))) if outcome else None
    if stated:
        subject = key.removesuffix("_status").rpartition("_")[2]
        yield stated.replace("it ", f"the {subject} ") if subject in words.ACTION_NOUNS else stated
    elif key in words.ERROR_KEYS and value.lower() not in ("", "none", "no", "null", "false"):
        yield "it failed."
    elif key in words.MESSAGE_KEYS:
        yield _stated(_word(value)) or value
    elif len(value.split()) >= 3 or "?" in value:
        yield value


def _flagged(key: str, value: bool) -> Iterator[str]:
    if key in words.TRUE_KEYS:
        yield "it is done." if value else "it failed."
    elif value and (key in words.HANDED_WORDS or key in words.ERROR_KEYS):
        yield _stated(key) or "it failed."
