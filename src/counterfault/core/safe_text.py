"""Untrusted text made safe for a terminal and a CI log: what agents, tools and users wrote must not steer either.

Whole escape sequences go, and so does every other control, direction and invisible character; a line that a CI runner
would take for a command is broken up. Nothing visible is lost but that.
"""

import re

NEWLINE = "⏎"

_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # OSC, DCS: titles, links
    r"|\x1b[ -/]*[0-~]"  # the two-letter ones
)
_LINE_END = re.compile(r"\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_HIDDEN = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x9f]"  # C0 and C1
    r"|[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"  # directions, joiners, marks
    r"|[\U000e0000-\U000e007f]"  # tags
)
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# GitHub takes a line that begins with "::", and one that holds "##[", for a command; others "##vso[", "##teamcity[".
_COLONS = re.compile(r"^(\s*):(?=:)", re.MULTILINE)
_HASHES = re.compile(r"##(?=(?:vso|teamcity)?\[)")


def safe(text: str) -> str:
    """The text with its lines kept."""
    kept = _SEQUENCE.sub("", text)
    kept = _HIDDEN.sub("", _LINE_END.sub("\n", kept)).replace("\t", "    ")
    # What is left of a broken sequence could join into a command only now, so commands come last.
    return _HASHES.sub("## ", _COLONS.sub(r"\1: ", _SURROGATE.sub("\ufffd", kept)))


def safe_line(text: str, width: int | None = None) -> str:
    """The text on one line, a glyph for each line end, cut to ``width`` characters."""
    line = safe(text).replace("\n", NEWLINE)
    return line if width is None or len(line) <= width else line[: max(0, width - 1)] + "…"
