"""House rules about the texts of this checkout: short pages, and nothing of the machine they were written on."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Spelled in pieces, so that this file is not the one that is found.
FOLDERS = [f"/{top}/" for top in ("home", "Users", "root", "work")]
PLACES = re.compile(r"(?<![\w.:/~*-])(?:" + "|".join(FOLDERS) + r")[\w.]")
HOSTS = re.compile("|".join(("py" + "pi\\.org", "python" + "hosted", "npm" + "js", "arti" + "factory")), re.I)
# A recorded conversation may name a folder of whoever recorded it, and one made up for a test names one of nobody.
DEBTS: set[str] = set()


def tracked() -> list[Path]:
    """The files that git knows, or would know with the next commit."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: nothing says which files are the project's")
    command = [git, "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, check=True).stdout.decode().split("\0")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def telling(pattern: re.Pattern[str]) -> Iterator[str]:
    """Where a text of the project matches, as file:line."""
    for path in tracked():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if pattern.search(line):
                yield f"{path.relative_to(ROOT)}:{number}"


@pytest.mark.parametrize("pattern", [PLACES, HOSTS], ids=["places", "hosts"])
def test_no_text_names_a_folder_of_this_machine_or_a_package_host(pattern: re.Pattern[str]) -> None:
    assert [where for where in telling(pattern) if where.rpartition(":")[0] not in DEBTS] == []


def test_the_rule_sees_what_it_looks_for() -> None:
    for folder in FOLDERS:
        assert PLACES.search(f"see {folder}ada/notes")
        assert PLACES.search(f"'{folder}.cache'")
        assert not PLACES.search(f"https://example.org{folder}ada")
        assert not PLACES.search(f"the folder {folder}")


def test_the_readme_is_short_and_shows_how_to_run_it_at_once() -> None:
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert len(lines) <= 150
    assert any(line.startswith("```") for line in lines[:29])


def test_the_map_is_one_page() -> None:
    assert len((ROOT / "ARCHITECTURE.md").read_text("utf-8").splitlines()) <= 120
