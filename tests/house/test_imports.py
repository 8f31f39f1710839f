"""What is heavy is imported when it is used: not by ``import counterfault``, which agents do in production, nor to
print a page of help."""

import subprocess
import sys

import pytest

HEAVY = ("rich", "jinja2", "msgspec", "sqlite3")
HELP = """
import sys
from counterfault.cli.main import main
sys.argv = ["counterfault", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""


def imported_by(code: str) -> set[str]:
    """The modules that are loaded after the code has run in a new interpreter."""
    shown = f"{code}\nimport sys\nprint('loaded', *sys.modules, file=sys.stderr)"
    path = [entry for entry in sys.path if entry]
    command = [sys.executable, "-c", f"import sys; sys.path[:] = {path!r}\n{shown}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {*done.stderr.splitlines()[-1].split()[1:]}


@pytest.mark.parametrize("code", ["import counterfault", HELP], ids=["import", "help"])
def test_no_heavy_library_is_loaded_before_it_is_needed(code: str) -> None:
    loaded = imported_by(code)
    assert "counterfault" in loaded
    assert sorted(loaded & {*HEAVY}) == []


def test_importing_counterfault_loads_little_of_itself() -> None:
    ours = {name for name in imported_by("import counterfault") if name.startswith("counterfault.")}
    assert ours <= {"counterfault.core", "counterfault.core.errors"}


def test_the_check_sees_what_it_looks_for() -> None:
    assert {*HEAVY} <= imported_by("import rich, jinja2, msgspec, sqlite3")
