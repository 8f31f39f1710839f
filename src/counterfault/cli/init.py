"""``counterfault init``"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from counterfault.campaign.init import draft
from counterfault.cli._command import Flags, NothingSelected
from counterfault.cli._out import give, say, tell
from counterfault.cli._project import FOLDER, Project
from counterfault.config import FILE, Config
from counterfault.core.errors import UsageError
from counterfault.core.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Flags):
    """See ``command``."""

    entry: Annotated[str, typer.Option(metavar="MODULE:CALLABLE", help="Your agent.")] = ""
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False


def command(options: Options) -> int:
    """Write a commented counterfault.toml: which tools write, which cannot be undone, and why each was guessed.

    --config names another file to write. A file that is there is left alone without --force.
    """
    path = options.config or Path(FILE)
    if path.name == "pyproject.toml":
        raise UsageError(f"{path}: init writes a file of its own; name one that ends in {FILE}")
    if path.exists() and not options.force:
        raise UsageError(f"{path} is there already; --force writes over it")
    traces = _imported(Project(Config(), options.store or path.parent / FOLDER))
    text = draft(traces, options.entry)
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
    if options.json:
        give({"path": str(path), "traces": len(traces), "entry": options.entry or None})
    else:
        say(f"wrote {path}, guessed from {len(traces)} recordings")
    if not traces:
        tell("no recording is imported yet: import some, then init --force guesses the tools")
    if not options.entry:
        tell("set [agent] entry to your agent, as module:callable")
    return 0


def _imported(place: Project) -> list[Trace]:
    try:
        with place.reading() as store:
            return list(store.traces())
    except NothingSelected:
        return []
