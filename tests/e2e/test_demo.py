"""The demo tells the whole story: a red finding, a rate by family, a page, and a line that reproduces."""

import re

from .conftest import Shell


def test_the_demo_tells_the_story_and_its_lines_work(shell: Shell) -> None:
    ran = shell("demo")
    assert ran.code == 0, ran.err
    assert all(len(line) <= 100 for line in ran.out.splitlines())
    assert "\x1b" not in ran.out + ran.err
    for family in ("schema", "fault", "value", "policy"):
        assert re.search(rf"^  {family} +\d", ran.out, re.MULTILINE)
    assert "gate: fail" in ran.out
    assert "gate: pass" in ran.out
    assert ran.out.count("✗") >= 4
    assert "The load test sees" in ran.out
    assert "all green" in ran.out
    assert "schema.rename: get_" in ran.out
    lines = re.findall(r"counterfault (reproduce .*)", ran.out)
    assert len(lines) == 4
    for line in lines[::3]:
        assert shell(*line.split()).code == 0
    pages = re.findall(r"page of \w+ +(\S+)", ran.out)
    assert len(pages) == 2
    assert all((shell.folder / page).is_file() for page in pages)
    assert (shell.folder / ".counterfault").stat().st_mode & 0o777 == 0o700
