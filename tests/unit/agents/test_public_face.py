"""What ``import counterfault`` gives, and what it costs an agent in production."""

import subprocess
import sys

import pytest

import counterfault


def test_every_public_name_is_there_and_they_are_sorted() -> None:
    assert list(counterfault.__all__) == sorted(counterfault.__all__)
    assert all(getattr(counterfault, name).__name__ == name for name in counterfault.__all__)
    with pytest.raises(AttributeError, match="no attribute 'toool'"):
        counterfault.toool  # noqa: B018


@pytest.mark.parametrize("used", ["counterfault", "counterfault.tool", "counterfault.record"])
def test_using_it_in_production_imports_nothing_heavy(used: str) -> None:
    heavy = "{'msgspec', 'rich', 'typer', 'jinja2', 'sqlite3', 'asyncio'}"
    script = f"import sys, counterfault; {used}; sys.exit(repr({heavy} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ran.stderr.strip() == "set()"
