"""The one frozen tree of settings, read from ``counterfault.toml`` or ``[tool.counterfault]`` in ``pyproject.toml``.

Flag > environment ``COUNTERFAULT_*`` > project file > default. An unknown key is an error that names the nearest one.
Its parts are passed down whole.
"""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from counterfault.core.effects import Declared
from counterfault.core.errors import UsageError

FILE = "counterfault.toml"
SECTION = "counterfault"


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """The agent under test. ``entry`` is ``module:callable``; ``timeout_s`` is wall time for one attempt, in seconds.

    ``escalates`` names exceptions (``module:Class``) and ``escalated_status`` values of a returned ``status`` that
    mean "handed over". ``version`` stands for the code in the agent's fingerprint.
    """

    entry: str = ""
    kind: str = "python"
    isolation: Literal["inline", "process", "fresh"] = "process"
    timeout_s: float = 60.0
    workers: int = 2
    version: str = ""
    escalates: tuple[str, ...] = ()
    escalated_status: tuple[str, ...] = ("escalated",)


@dataclass(frozen=True, slots=True)
class ToolsConfig:
    """What the recording cannot say of the tools, by name or glob.

    ``decisive`` are paths of results that decide (``get_order/status``). ``timeout_s`` is the caller's deadline on the
    replay clock, in seconds. ``raises`` maps a kind of ToolError to the exception type that the agent catches.
    """

    write: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    irreversible: tuple[str, ...] = ()
    idempotent: tuple[str, ...] = ()
    escalation: tuple[str, ...] = ()
    approval: tuple[str, ...] = ()
    pure: tuple[str, ...] = ()
    decisive: tuple[str, ...] = ()
    timeout_s: float | None = None
    raises: Mapping[str, str] = field(default_factory=dict)
    max_replay_s: float = 604800.0

    @property
    def declared(self) -> Declared:
        """The lists, for the core."""
        return Declared(
            self.write,
            self.read,
            self.irreversible,
            self.idempotent,
            self.escalation,
            self.approval,
            self.pure,
            self.decisive,
        )


@dataclass(frozen=True, slots=True)
class Budget:
    """Where a campaign stops planning or running: attempts of mutants, and minutes of wall time."""

    attempts: int = 2000
    minutes: float = 30.0


@dataclass(frozen=True, slots=True)
class CampaignConfig:
    """What is run: operators (packs, names or globs), repeats, and how much."""

    operators: tuple[str, ...] = ("core",)
    replicates: int = 1
    controls: int = 2
    seed: int = 0
    budget: Budget = Budget()
    include_failed: bool = False
    include_incomplete: bool = False
    arid: bool = False


@dataclass(frozen=True, slots=True)
class JudgeConfig:
    """``max_tries``: identical calls answered by faults, beyond which it is a retry storm."""

    max_tries: int = 8


@dataclass(frozen=True, slots=True)
class PolicyConfig:
    """A rule that every trace must keep: a name and exactly one form."""

    name: str
    requires_before: Mapping[str, Any] | None = None
    never: Mapping[str, Any] | None = None
    at_most: Mapping[str, Any] | None = None

    @property
    def form(self) -> tuple[str, Mapping[str, Any]]:
        """The rule's form and its settings. Raises UsageError unless there is exactly one."""
        given = [(name, spec) for name in POLICY_FORMS if (spec := getattr(self, name)) is not None]
        if len(given) != 1:
            forms = ", ".join(POLICY_FORMS)
            raise UsageError(f"policy {self.name!r}: expected exactly one of {forms}, got {len(given)}")
        return given[0]


POLICY_FORMS = ("requires_before", "never", "at_most")


@dataclass(frozen=True, slots=True)
class GateConfig:
    """The limits of the gate. Rates are shares of 1; counts are attempts. None: not checked."""

    min_pass_rate: float | None = 0.85
    min_pass_rate_by_family: Mapping[str, float] = field(default_factory=dict)
    max_silent_wrong: int | None = None
    max_policy_violations: int | None = 0
    max_fabricated: int | None = None
    max_duplicated: int | None = None
    max_retry_storms: int | None = None
    max_crashed: int | None = None
    min_delivered: float = 0.95
    min_control: float = 0.8
    max_needless: float | None = 0.3
    min_decided: float = 0.8
    min_families: tuple[str, ...] = ("schema", "fault", "value", "policy")


@dataclass(frozen=True, slots=True)
class Config:
    """All settings, and the folder they were found in: entries resolve with it first on the path."""

    agent: AgentConfig = AgentConfig()
    tools: ToolsConfig = ToolsConfig()
    campaign: CampaignConfig = CampaignConfig()
    judge: JudgeConfig = JudgeConfig()
    gate: GateConfig = GateConfig()
    policy: tuple[PolicyConfig, ...] = ()
    folder: str = "."


def read_config(path: Path | None = None, environment: Mapping[str, str] | None = None) -> Config:
    """The settings of a file, or of the project in the working folder. Raises UsageError; no file means defaults.

    Of the environment, ``COUNTERFAULT_<SECTION>__<KEY>`` overrides a scalar: ``COUNTERFAULT_AGENT__TIMEOUT_S=5``.
    """
    found = path or _project_file(Path.cwd())
    table = _read(found, explicit=path is not None) if found else {}
    for name, value in (environment or {}).items():
        section, _, key = name.removeprefix("COUNTERFAULT_").lower().partition("__")
        if name.startswith("COUNTERFAULT_") and key:
            table = {**table, section: {**table.get(section, {}), key: value}}
    where = str(found) if found else "the settings"
    _known(table, Config, where, "")
    table.pop("folder", None)
    try:
        config = msgspec.convert(table, Config, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"{where}: {error}") from None
    for rule in config.policy:
        _ = rule.form
    folder = str(found.resolve().parent) if found else str(Path.cwd())
    return replace(config, folder=folder)


def _project_file(folder: Path) -> Path | None:
    own = folder / FILE
    if own.is_file():
        return own
    shared = folder / "pyproject.toml"
    return shared if shared.is_file() and SECTION in _table(shared).get("tool", {}) else None


def _table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not valid TOML: {error}") from None


def _read(path: Path, explicit: bool) -> dict[str, Any]:
    if explicit and not path.is_file():
        raise UsageError(f"{path}: no such config file; `counterfault init` writes one")
    table = _table(path)
    if path.name == "pyproject.toml":
        section: dict[str, Any] = table.get("tool", {}).get(SECTION, {})
        return section
    return table


def _known(table: Any, shape: Any, where: str, at: str) -> None:
    """Check every key of a table against the dataclass it fills."""
    if get_origin(shape) is tuple and isinstance(table, list):
        for row in table:
            _known(row, get_args(shape)[0], where, at)
    if not is_dataclass(shape) or not isinstance(table, dict):
        return
    hints = get_type_hints(shape)
    names = [f.name for f in fields(shape) if f.name != "folder"]
    for key, value in table.items():
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
            raise UsageError(f"{where}: unknown key {f'{at}.{key}'.lstrip('.')!r}; {hint}")
        _known(value, hints[key], where, f"{at}.{key}".lstrip("."))
