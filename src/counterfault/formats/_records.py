"""A stream of bytes as records: the elements of a JSON array, JSON lines, or objects one after another.

One record is held at a time. Where a record is damaged, the next one is found by what damage leaves standing: the end
of the line; in an array the comma outside of brackets and strings, or the indentation of the elements.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import BinaryIO, Literal

from counterfault.codec import DEPTH, RECORD_BYTES, shown, strict_json, trail
from counterfault.core.errors import InputError
from counterfault.core.jsontree import JSON, join

FILE_BYTES = 2 << 30
RECORDS = 1_000_000

_CHUNK = 64 << 10
_STEP = 8 << 20
_BOMB = 10_000
_BOM = b"\xef\xbb\xbf"
_TOO_LONG = f"a record of more than {RECORD_BYTES} bytes"
# A raw line feed never stands in a JSON string, so a string that is not closed ends there.
_TOKEN = re.compile(rb'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"|["\[\]{},]')
_OPENER = {ord("]"): ord("["), ord("}"): ord("{")}


class _Window:
    """The bytes of a stream that were read and are not yet used up: ``data`` from ``start`` on.

    ``trouble`` is why the stream was not read to its end, ``cut`` why its last record may be missing a part.
    """

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
        for value in _parsed(piece, window.indent, file, number + 1):
            number += 1
            yield number, value
            if number == RECORDS:
                window.trouble = f"more than {RECORDS} records: the rest was not read"
        if number >= RECORDS:
            break
    if window.trouble or (window.cut and not isinstance(value, InputError)):
        yield number + 1, InputError(window.trouble or window.cut, file=file, record=number + 1)


@lru_cache(maxsize=1)
def shape(head: bytes) -> frozenset[str]:
    """The pointers of the keys near the root of the records in ``head``, list indices as ``*``.

    ``head`` may end anywhere, and a record in it may be damaged: every line that starts one is looked at by itself too.
    Other text than JSON has none. Every format asks this of the same head, so the last answer is kept.
    """
    head = head.removeprefix(_BOM)
    whole = [head] if head.lstrip().startswith((b"{", b"[")) else []
    lines = [line for line in head.split(b"\n") if line.startswith((b"{", b"[")) and (whole or _balanced(line.strip()))]
    return frozenset(
        join(tuple("*" if isinstance(token, int) else token or "" for token in path))
        for part in (*whole, *lines)
        for path in trail(part.decode(errors="replace"))
        if len(path) < 6 and path and isinstance(path[-1], str)
    )


def _value(piece: bytes | str, file: str, number: int) -> JSON | InputError:
    if isinstance(piece, str):
        return InputError(piece, file=file, record=number)
    try:
        return strict_json(piece, file=file, record=number)
    except InputError as error:
        return error


def _parsed(piece: bytes | str, indent: bytes | None, file: str, number: int) -> Iterator[JSON | InputError]:
    value = _value(piece, file, number)
    parts: list[bytes] = []
    if isinstance(value, InputError) and isinstance(piece, bytes) and indent is not None:
        parts = _apart(piece, indent)
    if len(parts) < 2:
        yield value
        return
    values = [_value(part, file, number + offset) for offset, part in enumerate(parts)]
    yield from values
    if not any(isinstance(part, InputError) for part in values):
        yield InputError("a comma is missing between the records before", file=file, record=number + len(values))


def _apart(piece: bytes, indent: bytes) -> list[bytes]:
    """What a damaged piece of an array holds, cut where a line starts as the first element's did."""
    parts = re.split(rb"\n" + indent + rb"(?=[\[{])", piece.strip())
    if len(parts) > 1 and parts[-1].startswith(b"{"):
        parts[-1] = parts[-1].removesuffix(b"]")
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
        whole = (
            window.data[window.start :] if window.ended else window.data[window.start : window.data.rfind(b"\n") + 1]
        )
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
            _skip_line(window)
            yield _TOO_LONG
            continue
        elif window.more():
            continue
        else:
            line = window.take(len(window.data))
        if line.strip():
            yield line.rstrip(b"\r\n")
        elif end < 0:
            return


def _skip_line(window: _Window) -> None:
    end = -1
    while end < 0:
        window.take(len(window.data))
        if not window.more():
            return
        end = window.data.find(b"\n")
    window.take(end + 1)


def _values(window: _Window) -> Iterator[bytes | str]:
    """Arrays and objects one after another, each ending where its brackets do."""
    stack = bytearray()
    for mark, end in _marks(window):
        _step(stack, mark)
        if mark in b"]}" and not stack:
            yield window.take(end)
    rest = window.take(len(window.data))
    if rest.strip():
        yield rest


def _elements(window: _Window) -> Iterator[bytes | str]:
    """The elements of one array."""
    window.start = window.data.index(b"[", window.start) + 1
    stack = bytearray()
    number = 0
    for mark, end in _marks(window):
        if stack or mark in b"[{":
            _step(stack, mark)
        elif mark in b",]":
            piece = window.take(end)[:-1]
            if number == 0:
                window.indent = _indent(piece)
            number += 1
            if piece.strip() or number > 1 or mark == ord(","):
                yield piece
            if mark == ord("]"):
                _expect_end(window)
                return
        if len(stack) > _BOMB:
            window.trouble = f"a record nested deeper than {_BOMB} levels: the rest was not read"
            window.take(len(window.data))
            return
    window.cut = "cut off: the array is not closed"
    rest = window.take(len(window.data))
    if rest.strip():
        window.indent = _indent(rest) if number == 0 else window.indent
        yield rest


def _marks(window: _Window) -> Iterator[tuple[int, int]]:
    """Every bracket and comma outside of strings with the position after it, reading on as needed."""
    position = window.start
    while True:
        match = _TOKEN.search(window.data, position)
        open_string = match is not None and match[0] == b'"' and window.data.find(b"\n", match.end()) < 0
        if match is None or open_string:
            position = (match.start() if match else len(window.data)) - window.start
            if window.held > RECORD_BYTES:
                window.trouble = f"{_TOO_LONG}: the rest was not read"
                window.take(len(window.data))
                return
            if not window.more():
                return
        else:
            position = match.end()
            mark = window.data[match.start()]
            if mark != ord('"'):
                yield mark, position


def _step(stack: bytearray, mark: int) -> None:
    """Follow the brackets; one that closes an outer bracket closes those left open inside it too."""
    if mark in b"[{":
        stack.append(mark)
    elif mark in b"]}":
        opened = stack.rfind(_OPENER[mark], max(0, len(stack) - DEPTH))
        if opened >= 0:
            del stack[opened:]


def _indent(piece: bytes) -> bytes | None:
    margin = piece[: len(piece) - len(piece.lstrip())]
    return margin[margin.rindex(b"\n") + 1 :] if b"\n" in margin else None


def _expect_end(window: _Window) -> None:
    while True:
        rest = window.take(len(window.data)).strip()
        if rest:
            window.trouble = f"nothing may follow the array, found {shown(rest[:80].decode(errors='replace'))}"
        if rest or not window.more():
            return
