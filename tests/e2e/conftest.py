"""The real command line, as a user runs it: in a process of its own, in a folder of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import counterfault

SOURCE = Path(counterfault.__file__).parent
DEMO = SOURCE / "demo"


@dataclass(frozen=True)
class Ran:
    """What one command did."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The JSON object on stdout."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Shell:
    """A working folder in which commands run."""

    folder: Path

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a command: nothing of ours but what is given."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERFAULT_")}
        return {**kept, "PYTHONPATH": str(SOURCE.parent), "NO_COLOR": "1", **more}

    def command(self, *words: str) -> list[str]:
        """The command line of a command."""
        return [sys.executable, "-m", "counterfault", *words]

    def __call__(self, *words: str, **more: str) -> Ran:
        """Run a command to its end."""
        done = subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def ok(self, *words: str) -> Ran:
        """Run a command that must exit 0."""
        ran = self(*words)
        assert ran.code == 0, f"{words}: exit {ran.code}\n{ran.out}\n{ran.err}"
        return ran


def settings(agent: str = "hasty", extra: str = "") -> str:
    """The demo's settings with one of its agents."""
    text = (DEMO / "counterfault.toml").read_text("utf-8")
    return text.replace("demo.agents:hasty", f"demo.agents:{agent}", 1) + extra


def demo_lines(first: int, last: int) -> str:
    """Some of the demo's recordings."""
    return "".join((DEMO / "traces.jsonl").read_text("utf-8").splitlines(keepends=True)[first:last])


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """An empty working folder."""
    return Shell(tmp_path)


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A folder with six recordings and the demo's settings. Tests that share it must not change them."""
    here = Shell(tmp_path_factory.mktemp("desk"))
    (here.folder / "traces.jsonl").write_text(demo_lines(0, 6), "utf-8")
    (here.folder / "counterfault.toml").write_text(settings(), "utf-8")
    here.ok("import", "traces.jsonl")
    return here


@pytest.fixture(scope="session")
def ran(desk: Shell) -> tuple[Shell, Ran]:
    """The desk after a campaign of the hasty agent, and what `run --json` gave."""
    return desk, desk("run", "--budget", "60", "--json")
