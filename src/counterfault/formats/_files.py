"""Files and folders of traces: which format each one has is told by its content, never by its name."""

import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from counterfault.core.errors import InputError
from counterfault.core.trace import Trace
from counterfault.registry import Family

FORMATS = Family("formats")
HEAD_BYTES = 64 << 10

_GZIP = b"\x1f\x8b"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_FREE_BYTES = 8 << 20
_RATIO = 100
_LIKE_JSON = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*[\[{]\s*[\"\[\]{}\d-]")

_Item: TypeAlias = tuple[Path, Trace | InputError]


def read_files(paths: Iterable[Path], skipped: Callable[[Path], object] = lambda _: None) -> Iterator[_Item]:
    """Every trace in the files, and in the files of the folders, with the file that it stands in.

    Folders are walked in the order of the names; dot files and links to folders in them are left out. A file that no
    format claims is an InputError where it was named or looks like JSON; else ``skipped`` is told. A gzip file is read
    as what it holds. Nothing about content raises; a file that yields no trace yields at least one InputError.
    """
    formats = {name: FORMATS.load(name) for name in FORMATS.names()}
    for path in paths:
        for file in [path] if not path.is_dir() else _walk(path):
            yield from ((file, item) for item in _items(file, file is path, formats, skipped))


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)
        elif path.is_file():
            yield path


def _items(
    file: Path, named: bool, formats: dict[str, Any], skipped: Callable[[Path], object]
) -> Iterator[Trace | InputError]:
    name = str(file)
    try:
        with io.BufferedReader(io.FileIO(name), HEAD_BYTES) as raw:
            inflated = _Inflated(raw) if raw.peek(2)[:2] == _GZIP else None
            stream: io.BufferedReader[Any] = io.BufferedReader(inflated, HEAD_BYTES) if inflated else raw
            head = stream.peek(HEAD_BYTES)[:HEAD_BYTES]
            chosen = next((reader for reader in formats.values() if reader.sniff(head)), None)
            if chosen:
                yield from _read(chosen, stream, name)
            elif named or _LIKE_JSON.match(head):
                yield InputError(_unrecognised(head, formats), file=name)
            else:
                skipped(file)
            if inflated and inflated.trouble:
                yield InputError(inflated.trouble, file=name)
    except OSError as error:
        yield InputError(f"cannot be read: {error.strerror or error}", file=name)


def _read(chosen: Any, stream: BinaryIO, name: str) -> Iterator[Trace | InputError]:
    empty = True
    for item in chosen.read(stream, name):
        empty = False
        yield item
    if empty:
        yield InputError("holds no record", file=name)


def _unrecognised(head: bytes, formats: Iterable[str]) -> str:
    if not head.strip():
        return "not a trace file: it is empty"
    hint = "; it looks like UTF-16, save it as UTF-8" if head[:2] in _UTF16 else ""
    return f"not a trace file: not recognised as any of: {', '.join(formats)}{hint}"


class _Inflated(io.RawIOBase):
    """The content of a gzip file, up to where it is damaged or turns out to be a bomb: ``trouble`` says why.

    A bomb inflates to more than 100 times of what was read, counted after the first 8 MiB.
    """

    def __init__(self, raw: "io.BufferedReader[Any]") -> None:
        self._raw, self._gzip, self._count = raw, gzip.GzipFile(fileobj=raw), 0
        self.trouble = ""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        try:
            data = b"" if self.trouble else self._gzip.read1(min(len(buffer), HEAD_BYTES))
        except (OSError, EOFError, zlib.error) as error:
            data, self.trouble = b"", f"the compressed data is damaged: {error}"
        self._count += len(data)
        if self._count > max(_FREE_BYTES, _RATIO * self._raw.tell()):
            data, self.trouble = b"", f"the compressed data inflates more than {_RATIO} times: the rest was not read"
        buffer[: len(data)] = data
        return len(data)
