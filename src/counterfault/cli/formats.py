"""``counterfault formats``"""

import inspect
from dataclasses import dataclass

from counterfault.cli._command import Flags
from counterfault.cli._out import give, say, table
from counterfault.registry import Family


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Flags):
    """See ``command``."""


def command(options: Options) -> int:
    """The trace formats that import reads. Which one a file has is told by its content."""
    family = Family("formats")
    found = [(name, _what(family.load(name))) for name in family.names()]
    if options.json:
        give({"formats": [{"name": name, "what": what} for name, what in found]})
    else:
        say(table(found, ""))
    return 0


def _what(reader: object) -> str:
    return (inspect.getdoc(reader) or "").partition("\n\n")[0].replace("\n", " ")
