"""A stream of bytes as records: the elements of a JSON array, JSON lines, or objects one after another.

One record is held at a time. Where a record is damaged, the next one is found by what damage leaves standing: the end
of the line; in an array the comma outside of brackets and strings, or the indentation of the elements.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO, Literal

from counterfault.codec import RECORD_BYTES, strict_json, trail
from counterfault.core.errors import InputError
from counterfault.core.jsontree import JSON, join

FILE_BYTES = 2 << 30
RECORDS = 1_000_000

_CHUNK = 64 << 10
_STEP = 8 << 20
_BOM = b"\xef\xbb\xbf"
_TOO_LONG = f"a record of more than {RECORD_BYTES} bytes"
# A raw line feed never stands in a JSON string, so a string that is not closed ends there.
_TOKEN = re.compile(rb'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"|["\[\]{},]')
_OPENER = {ord("]"): ord("["), ord("}"): ord("{")}


class _Window:
    """The bytes of a stream that were read and are not yet used up: ``data`` from ``start`` on."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.data, self.start, self.total = b"", 0, 0
        self.ended = False
        self.trouble = ""
        self.cut = ""
        self.indent: bytes | None = None
        self.more()
        self.start = len(_BOM) if self.data.startswith(_BOM) else 0

    @property
    def held(self) -> int:
        return len(self.data) - self.start

    def more(self) -> bool:
        """Read on; as much again as is held, so that a long record is not scanned over and over. False at the end."""
        want = min(max(_CHUNK, self.held), _STEP)
        parts = [self.data[self.start :]]
        while want > 0 and not self.ended:
            part = self.stream.read(want)
            want -= len(part)
            self.total += len(part)
            parts.append(part)
            self.ended = not part
            if self.total > FILE_BYTES:
                self.ended, self.trouble = True, f"more than {FILE_BYTES} bytes: the rest was not read"
        grown = b"".join(parts)
        more = len(grown) > self.held
        self.data, self.start = grown, 0
        return more

    def take(self, end: int) -> bytes:
        """The bytes up to ``end``, used up."""
        piece = self.data[self.start : end]
        self.start = end
        return piece


def records(stream: BinaryIO, file: str) -> Iterator[tuple[int, JSON | InputError]]:
    """Every record of the stream with its number from 1; an InputError in the place of each damaged one."""
    window = _Window(stream)
    number, value = 0, None
    for piece in _pieces(window):
        for part in _apart(piece, window.indent, file):
            number += 1
            value = _value(part, file, number)
            yield number, value
            if number == RECORDS:
                window.trouble = f"more than {RECORDS} records: the rest was not read"
        if number >= RECORDS:
            break
    if window.trouble or (window.cut and not isinstance(value, InputError)):
        yield number + 1, InputError(window.trouble or window.cut, file=file, record=number + 1)


def shape(head: bytes) -> frozenset[str]:
    """The pointers of the keys near the root of the records in ``head``, list indices as ``*``.

    ``head`` may end anywhere, and a record in it may be damaged: every line that starts one is looked at by itself too.
    """
    text = head.removeprefix(_BOM).decode(errors="replace")
    texts = [text, *(line for line in text.split("\n") if line[:1] in ("{", "["))]
    return frozenset(
        join(tuple("*" if isinstance(token, int) else token or "" for token in path))
        for part in texts
        for path in trail(part)
        if len(path) < 6 and path and isinstance(path[-1], str)
    )


def _value(piece: bytes | str, file: str, number: int) -> JSON | InputError:
    if isinstance(piece, str):
        return InputError(piece, file=file, record=number)
    try:
        return strict_json(piece, file=file, record=number)
    except InputError as error:
        return error


def _apart(piece: bytes | str, indent: bytes | None, file: str) -> list[bytes] | list[str]:
    """The piece, or, where it is damaged, the elements in it that start a line as the first element did."""
    if isinstance(piece, str):
        return [piece]
    if indent is None or not isinstance(_value(piece, file, 0), InputError):
        return [piece]
    parts = re.split(rb"(?:(?<=,)|(?<=[\]}]))[ \t\r]*\n" + indent + rb"(?=[\[{])", piece)
    if len(parts) > 1 and parts[-1].lstrip().startswith(b"{"):
        parts[-1] = parts[-1].rstrip().removesuffix(b"]")
    return [*(part.rstrip().removesuffix(b",") for part in parts[:-1]), parts[-1]]


def _pieces(window: _Window) -> Iterator[bytes | str]:
    match _layout(window):
        case "lines":
            return _lines(window)
        case "array":
            return _elements(window)
        case "values":
            return _values(window)


def _layout(window: _Window) -> Literal["lines", "array", "values"]:
    """How the records are laid out, by the first two lines that are not blank."""
    while True:
        whole = window.data[window.start :] if window.ended else window.data[window.start : window.data.rfind(b"\n") + 1]
        lines = [line.strip() for line in whole.split(b"\n", 1000) if line.strip()]
        if len(lines) > 1 or window.held > RECORD_BYTES or not window.more():
            break
    first, second = [*lines, b"", b""][:2]
    by_opener: Literal["array", "values"] = (
        "array" if window.data[window.start :][:_CHUNK].lstrip().startswith(b"[") else "values"
    )
    if _balanced(first):
        return "lines" if first.startswith(b"{") or second[:1] in (b"{", b"[") else "array"
    if first[:1] not in (b"{", b"["):
        return "lines" if second[:1] in (b"{", b"[") else by_opener
    return "lines" if first[-1:] not in b",:{[" and _balanced(second) else by_opener


def _balanced(line: bytes) -> bool:
    """Whether the line is one array or object, as far as its brackets say."""
    stack = bytearray()
    for match in _TOKEN.finditer(line):
        mark = line[match.start()]
        if mark in b"[{":
            stack.append(mark)
        elif mark in b"]}":
            if not stack or stack.pop() != _OPENER[mark]:
                return False
            if not stack:
                return match.end() == len(line) and line[:1] in (b"{", b"[")
    return False


def _lines(window: _Window) -> Iterator[bytes | str]:
    while True:
        end = window.data.find(b"\n", window.start)
        if end >= 0:
            line = window.take(end + 1)
        elif window.held > RECORD_BYTES:
            while end < 0 and (window.take(len(window.data)) or True) and window.more():
                end = window.data.find(b"\n")
            window.take(end + 1 if end >= 0 else len(window.data))
            yield _TOO_LONG
            continue
        elif window.more():
            continue
        else:
            line = window.take(len(window.data))
        if line.strip():
            yield line
        elif end < 0:
            return
