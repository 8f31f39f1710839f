"""Whether a message, or a sentence of it, tells again what another one told, whatever values it names."""

import re
from functools import lru_cache

from counterfault.core.values import Token, tokens


def sentences(text: str) -> list[str]:
    """The sentences of a message; a JSON answer is one."""
    return [text] if text.lstrip()[:1] in ("{", "[") else re.split(r"(?<=[.!?])\s+|\n+", text.strip())


def repeats(part: str, told: str) -> bool:
    """Whether a sentence says what another one told, or less: the same words, and none of its values is another."""
    return part == told or (skeleton(part) == skeleton(told) and _values(part) <= _values(told))


def _is_value(token: Token) -> bool:
    return token.kind != "word" or token.text.isupper()


@lru_cache(maxsize=8192)
def _values(text: str) -> frozenset[str]:
    return frozenset(token.norm for token in tokens(text) if _is_value(token))


@lru_cache(maxsize=8192)
def skeleton(text: str) -> str:
    """A text without its values: equal for two messages that differ only in the identifiers and numbers they name."""
    parts, end = [], 0
    for token in tokens(text):
        if _is_value(token):
            parts.append(text[end : token.start])
            end = token.start + len(token.text)
    return " ".join("".join([*parts, text[end:]]).split())
