"""``counterfault operators``"""

import inspect
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from counterfault import demo
from counterfault.cli._command import Flags
from counterfault.cli._out import give, say
from counterfault.config import read_config
from counterfault.core.mutant import Mutation
from counterfault.core.scan import Scan
from counterfault.core.trace import Trace
from counterfault.formats import read_files
from counterfault.ports import Operator
from counterfault.wiring import CORE, Study, operators_of

_SAMPLES = 2
_PARTS = {
    "what": "What it does",
    "incident": "Which real incident it imitates",
    "good_agent": "What a good agent does",
    "example": "Example",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Flags):
    """See ``command``."""

    globs: Annotated[list[str], typer.Argument(metavar="[GLOB…]", help="Packs, names or globs; else all.")] = field(
        default_factory=list
    )


def command(options: Options) -> int:
    """What can be changed: each operator, what is right under it, and the real incident that it imitates."""
    chosen = operators_of(options.globs or ["all"])
    scans = _samples()
    found = [_row(name, operator, scans) for name, operator in chosen.items()]
    if options.json:
        give({"operators": found})
        return 0
    for row in found:
        relations = f"  ({', '.join(row['relations'])})" if row["relations"] else ""
        say(f"{row['name']}{relations}{'' if row['core'] else '  not in core'}", "bold")
        say(f"    {row['summary']}")
        say(f"    incident: {row['incident']}\n")
    return 0


def _row(name: str, operator: Operator, scans: list[Scan]) -> dict[str, Any]:
    text = inspect.getdoc(operator) or ""
    proposed: list[Mutation] = [mutation for scan in scans for mutation in operator.propose(scan)]
    return {
        "name": name,
        "family": name.partition(".")[0],
        "relations": sorted({mutation.relation for mutation in proposed}),
        "variants": sorted({mutation.variant for mutation in proposed if mutation.variant}),
        "core": name in CORE,
        "summary": text.partition("\n")[0],
        **{key: _part(text, title) for key, title in _PARTS.items()},
    }


def _part(text: str, title: str) -> str:
    found = re.search(rf"^{title}\n((?:[ \t]+.*\n?|\n)+)", text, re.MULTILINE)
    return " ".join(found[1].split()) if found else ""


def _samples() -> list[Scan]:
    """Recordings of the demo: relations and variants are what an operator proposes, so it is asked to."""
    folder = Path(demo.__file__).parent
    config = read_config(folder / "counterfault.toml")
    read = (item for _, item in read_files([folder / "traces.jsonl"]) if isinstance(item, Trace))
    study = Study(config, tuple(trace for trace, _ in zip(read, range(_SAMPLES), strict=False)))
    return [study.scan(trace) for trace in study.traces]
