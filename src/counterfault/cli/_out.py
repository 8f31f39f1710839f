"""The one way out: results to stdout, everything else to stderr, and nothing untrusted reaches a terminal raw."""

import json
import math
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TextIO

from counterfault.core.safe_text import no_command, safe_text, visible

Colour = Literal["red", "green", "yellow", "bold"]

WIDTH = 100
_CODES = {"red": "31", "green": "32", "yellow": "33", "bold": "1"}
# A line that is a command of ours is written as this user can type it.
_COMMAND = re.compile(r"^(\s*(?:again\s+)?)counterfault(?= (?:reproduce|resume) )")


def say(text: str = "", colour: Colour | None = None) -> None:
    """Print lines of a result."""
    _write(sys.stdout, text, colour)


def tell(text: str, colour: Colour | None = None) -> None:
    """Print what is not the result: progress, notes, errors."""
    sys.stdout.flush()
    _write(sys.stderr, text, colour)
    sys.stderr.flush()


def give(result: Any) -> None:
    """Print a result as JSON, exactly: control characters and all of Unicode beyond ASCII as escapes."""
    try:
        text = json.dumps(result, indent=2, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(result), indent=2)
    give_line(text)


def give_line(text: str) -> None:
    """Print JSON that is written already."""
    # The same value: JSON has no "##" outside of strings, and a CI runner finds no command in it.
    sys.stdout.write(text.replace("##", "#\\u0023") + "\n")


def _finite(value: Any) -> Any:
    """The value with NaN and the infinities, which agents may answer and JSON has not, as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def pass_on(rendered: str) -> None:
    """Print what a report has rendered for this terminal and made safe itself."""
    for line in rendered.removesuffix("\n").split("\n"):
        sys.stdout.write(_tame(line) + "\n")


def colourful(stream: TextIO) -> bool:
    """Whether a stream takes colours: a terminal, unless NO_COLOR or TERM=dumb says otherwise."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def table(rows: Iterable[Sequence[object]], indent: str = "  ") -> str:
    """Rows in columns, as wide as their longest cells; numbers stand to the right."""
    cells = [[safe_text(str(value)) for value in row] for row in rows]
    widths = [max(len(row[at]) for row in cells if at < len(row)) for at in range(max(map(len, cells), default=0))]
    numbers = [all(_is_number(row[at]) for row in cells[1:] if at < len(row)) for at in range(len(widths))]
    lines = []
    for row in cells:
        columns = zip(row, widths, numbers, strict=False)
        line = "  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in columns)
        lines.append((indent + line).rstrip())
    return "\n".join(lines)


def _is_number(cell: str) -> bool:
    return cell.replace(".", "", 1).replace("%", "").strip().isdecimal() or cell in ("", "-")


def _write(stream: TextIO, text: str, colour: Colour | None) -> None:
    for line in visible(text).split("\n"):
        tame = _tame(line)
        stream.write((f"\x1b[{_CODES[colour]}m{tame}\x1b[0m" if colour and colourful(stream) else tame) + "\n")


def _tame(line: str) -> str:
    return no_command(_COMMAND.sub(lambda match: match[1] + _program(), line))


@lru_cache(maxsize=1)
def _program() -> str:
    """How this program was called: by its name where the shell finds that, else by its path."""
    called = Path(sys.argv[0])
    found = shutil.which("counterfault")
    if called.name != "counterfault" or (found and Path(found).resolve() == called.resolve()):
        return "counterfault"
    return shlex.quote(os.path.relpath(called))
