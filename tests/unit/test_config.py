"""The settings: where they come from, in which order, and what an error says."""

import dataclasses
from pathlib import Path

import pytest

from counterfault.config import Config, read_config
from counterfault.core.errors import UsageError


def written(folder: Path, text: str, name: str = "counterfault.toml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def refusal(folder: Path, text: str, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(UsageError) as caught:
        read_config(written(folder, text), environment)
    return str(caught.value)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_a_file_the_defaults_hold(here: Path) -> None:
    assert dataclasses.replace(read_config(), folder=".") == Config()
    assert read_config().folder == str(here)


def test_every_section_of_the_documented_file_is_read(tmp_path: Path) -> None:
    config = read_config(
        written(
            tmp_path,
            """
            [agent]
            entry = "my_agent:run"
            timeout_s = 60
            [tools]
            write = ["close_ticket", "refund"]
            raises = { timeout = "requests.exceptions:Timeout" }
            timeout_s = 3
            [campaign]
            operators = ["core"]
            budget = { attempts = 2000, minutes = 30 }
            [[policy]]
            name = "a refund needs its own approval"
            requires_before = { call = "refund", prior = "request_approval", once = true }
            [gate]
            min_pass_rate_by_family = { fault = 0.87 }
            max_silent_wrong = 0
            """,
        )
    )
    assert config.agent.entry == "my_agent:run"
    assert config.tools.declared.write == ("close_ticket", "refund")
    assert config.tools.timeout_s == 3.0
    assert config.campaign.budget.minutes == 30.0
    assert config.policy[0].form[0] == "requires_before"
    assert config.gate.min_pass_rate_by_family == {"fault": 0.87}
    assert config.folder == str(tmp_path)


def test_the_projects_own_file_goes_before_its_pyproject(here: Path) -> None:
    written(here, '[tool.counterfault.agent]\nkind = "recorded"\n', "pyproject.toml")
    assert read_config().agent.kind == "recorded"
    written(here, '[agent]\nkind = "trusting"\n')
    assert read_config().agent.kind == "trusting"


def test_a_pyproject_without_our_section_is_none_of_ours_unless_it_is_named(here: Path) -> None:
    path = written(here, '[tool.other]\nkey = 1\n[project]\nname = "x"\n', "pyproject.toml")
    assert read_config().agent.kind == "python"
    with pytest.raises(UsageError, match=r"has no section \[tool.counterfault\]"):
        read_config(path)
    written(here, "tool = 3\n", "pyproject.toml")
    assert read_config().agent.kind == "python"


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "[agent]\ntimeout_s = 60\nworkers = 4\n")
    config = read_config(
        path,
        {
            "COUNTERFAULT_AGENT__TIMEOUT_S": "5.5",
            "COUNTERFAULT_CAMPAIGN__BUDGET__ATTEMPTS": "7",
            "COUNTERFAULT_CAMPAIGN__ARID": "true",
            "COUNTERFAULT_TOOLS__TIMEOUT_S": "2",
            "COUNTERFAULT_STORE": "elsewhere",
            "HOME": "/x",
        },
    )
    assert (config.agent.timeout_s, config.agent.workers) == (5.5, 4)
    assert (config.campaign.budget.attempts, config.campaign.budget.minutes) == (7, 30.0)
    assert config.campaign.arid is True
    assert config.tools.timeout_s == 2.0


@pytest.mark.parametrize(
    ("variable", "value", "parts"),
    [
        ("COUNTERFAULT_AGENTT__KIND", "x", ("'agentt'", "did you mean 'agent'?")),
        ("COUNTERFAULT_AGENT__KNID", "x", ("'knid'", "did you mean 'kind'?")),
        ("COUNTERFAULT_AGENT__TIMEOUT_S", "soon", ("'soon'", "float")),
        ("COUNTERFAULT_AGENT__ISOLATION", "jail", ("jail", "inline, process, fresh")),
        ("COUNTERFAULT_TOOLS__WRITE", "a,b", ("sets no single value", "counterfault.toml")),
        ("COUNTERFAULT_POLICY__NAME", "x", ("sets no single value",)),
        ("COUNTERFAULT_AGENT__KIND__X", "x", ("sets no single value",)),
        ("COUNTERFAULT_GATE__MIN_PASS_RATE", "85", ("<= 1",)),
    ],
)
def test_an_error_in_the_environment_names_the_variable(
    tmp_path: Path, variable: str, value: str, parts: tuple[str, ...]
) -> None:
    said = refusal(tmp_path, "", {variable: value})
    assert variable in said
    assert all(part in said for part in parts), said


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[agent]\nentrypoint = 1\n", ("'agent.entrypoint'", "did you mean 'entry'?")),
        ("[agnet]\n", ("'agnet'", "did you mean 'agent'?")),
        ("[campaign.budget]\nattemps = 1\n", ("'campaign.budget.attemps'", "did you mean 'attempts'?")),
        ("[zzz]\n", ("'zzz'", "known: agent, tools, campaign")),
        ('[[policy]]\nname = "a"\nnever = {}\n[[policy]]\nnme = "b"\n', ("'policy[1].nme'", "'name'")),
        ('folder = "/"\n', ("'folder'",)),
        ('[agent]\ntimeout_s = "60"\n', ("'agent.timeout_s'", "float", "str")),
        ('[tools]\nwrite = "refund"\n', ("'tools.write'", "array")),
        ("[tools]\nwrite = [1]\n", ("'tools.write[0]'", "str")),
        ('agent = "x"\n', ("'agent'", "object")),
        ('[agent]\nisolation = "jail"\n', ("'agent.isolation'", "expected one of inline, process, fresh")),
        ("[gate]\nmin_pass_rate = 85\n", ("'gate.min_pass_rate'", "<= 1")),
        ("[gate.min_pass_rate_by_family]\nfaults = 0.5\n", ("min_pass_rate_by_family", "faults")),
        ('[gate]\nmin_families = ["schemas"]\n', ("'gate.min_families[0]'", "schema, fault, value, policy")),
        ("[campaign]\nreplicates = 0\n", ("'campaign.replicates'", ">= 1")),
        ("[agent]\ntimeout_s = 0\n", ("'agent.timeout_s'", "> 0")),
        ("policy = 3\n", ("'policy'", "array")),
        ("[[policy]]\nnever = {}\n", ("policy", "name")),
        ("[agent\n", ("not valid TOML",)),
        ("x = " + "[" * 5000, ("not valid TOML",)),
    ],
)
def test_an_error_in_the_file_names_the_file_the_key_and_the_way_out(
    tmp_path: Path, text: str, parts: tuple[str, ...]
) -> None:
    said = refusal(tmp_path, text)
    assert said.startswith(str(tmp_path / "counterfault.toml"))
    assert all(part in said for part in parts), said


@pytest.mark.parametrize(
    "forms", ["", "never = {}\nat_most = {}\n", "never = {}\nat_most = {}\nrequires_before = {}\n"]
)
def test_a_policy_has_exactly_one_form(tmp_path: Path, forms: str) -> None:
    said = refusal(tmp_path, f'[[policy]]\nname = "no refunds"\n{forms}')
    assert "'no refunds'" in said
    assert f"got {forms.count('=')}" in said


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_files_from_other_editors_are_read(tmp_path: Path, mark: bytes, end: bytes) -> None:
    path = tmp_path / "counterfault.toml"
    path.write_bytes(mark + b"[agent]" + end + b'entry = "a:\xc3\xa9"' + end)
    assert read_config(path).agent.entry == "a:é"


def test_a_file_that_is_not_utf8_is_refused_with_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "counterfault.toml"
    path.write_bytes(b'[agent]\nentry = "\xe9"\n')
    with pytest.raises(UsageError, match="byte 17 is not UTF-8; save the file as UTF-8"):
        read_config(path)


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such config file; `counterfault init` writes one"):
        read_config(tmp_path / "missing.toml")
