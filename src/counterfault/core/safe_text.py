"""Text of strangers made safe to look at: what steers a terminal or reorders a line is drawn as a visible glyph.

Nothing is taken out, so that a report cannot hide what an agent or a tool really sent.
"""

import re
import unicodedata

_STEERING = ("Cc", "Cf", "Cs", "Zl", "Zp")  # controls, format and bidi characters, lone surrogates, line separators
# GitHub takes a line that begins with "::", and one that holds "##[", for a command; others "##vso[", "##teamcity[".
_COLONS = re.compile(r"^(\s*):(?=:)")
_HASHES = re.compile(r"##(?=(?:vso|teamcity)?\[)")


def visible(text: str) -> str:
    """``text`` with every control, bidi and other invisible character drawn; line breaks and tabs are kept."""
    if text.isprintable():
        return text
    return "".join(char if char in "\n\t" or char.isprintable() else _drawn(char) for char in text)


def safe_text(text: str) -> str:
    """``text`` for one line of a terminal: as ``visible``, with line breaks and tabs drawn too."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _drawn(char) for char in text)


def no_command(line: str) -> str:
    """A line of output, broken up where a CI runner would take it for a command."""
    return _HASHES.sub("## ", _COLONS.sub(r"\1: ", line))


def _drawn(char: str) -> str:
    code = ord(char)
    if char == "\n":
        return "⏎"
    if char == "\t":
        return " "
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return f"‹U+{code:04X}›" if unicodedata.category(char) in _STEERING else char
