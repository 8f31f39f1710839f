"""What agents, tools and users wrote never steers the terminal or the CI log in which it is printed."""

import json
import re
from pathlib import Path

import pytest

from .conftest import Ran, Shell

NASTY = (
    "\x1b[2J\x1b]0;owned\x07\x9b31m\u202eevil\r\n::error::pwned\n##[command]x [/foo] "
    "[link=file:///etc]y[/link] \x00\x7f"
)


def hostile_trace() -> dict[str, object]:
    answer = json.dumps({"order_id": "ORD-88213", "total": 129.9, "note": NASTY, f"key {NASTY}": 1, "status": "open"})
    calls = [
        ("get_order", {"order_id": "ORD-88213", "why": NASTY}, answer),
        (f"tool{NASTY}", {"order_id": "ORD-88213"}, f"error: {NASTY}"),
        ("refund", {"order_id": "ORD-88213", "amount": 129.9, "note": NASTY}, '{"ok": true}'),
    ]
    messages: list[dict[str, object]] = [{"role": "user", "content": f"Refund ORD-88213 {NASTY}"}]
    for at, (tool, arguments, result) in enumerate(calls):
        asked = {"name": tool, "arguments": json.dumps(arguments)}
        messages.append(
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": str(at), "type": "function", "function": asked}],
            }
        )
        messages.append({"role": "tool", "tool_call_id": str(at), "name": tool, "content": result})
    messages.append({"role": "assistant", "content": f"Refunded 129.90 on ORD-88213. {NASTY}"})
    return {"task_id": f"task {NASTY}", "messages": messages}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    shell = Shell(tmp_path_factory.mktemp("hostile"))
    (shell.folder / "hostile.jsonl").write_text(json.dumps(hostile_trace()) + "\n" + '{"messages": 5}\n', "utf-8")
    shell("import", "hostile.jsonl")
    shell("init", "--entry", "mine:run")
    (shell.folder / "mine.py").write_text(f"def run(task, tools):\n    raise RuntimeError({NASTY!r})\n")
    shell("run", "--agent", "trusting", "--budget", "30")
    return shell


def tame(ran: Ran) -> None:
    for text in (ran.out, ran.err):
        raw = [char for char in text if (char < " " and char != "\n") or "\x7f" <= char <= "\x9f"]
        assert not raw, (raw, text)
        assert not re.search("[\u202a-\u202e\u2066-\u2069]", text)
        assert not any(line.lstrip().startswith("::") for line in text.splitlines())
        assert "##[" not in text


def attempt_of(stage: Shell) -> str:
    lines = stage("report", "--format", "jsonl").out.splitlines()
    records = [json.loads(line) for line in lines]
    return str(next((r for r in records if r["arm"] == "mutant"), records[0])["attempt_id"])


@pytest.mark.parametrize(
    "words",
    [
        ("import", "hostile.jsonl"),
        ("import", f"no-such-{NASTY[:12]}"),
        ("traces", "list"),
        ("traces", "list", "--json"),
        ("scan",),
        ("scan", "--json"),
        ("plan", "--agent", "recorded"),
        ("audit",),
        ("run", "--agent", "recorded", "--budget", "20"),
        ("run", "--agent", "mine:run", "--executor", "inline", "--budget", "5"),
        ("report", "--format", "console"),
        ("report", "--format", "jsonl"),
        ("show", NASTY[:12].replace("\x00", "")),
        ("doctor",),
    ],
    ids=lambda words: " ".join(words[:4]).encode("ascii", "ignore").decode().replace("\x1b", "ESC"),
)
def test_hostile_text_is_never_printed_raw(stage: Shell, words: tuple[str, ...]) -> None:
    ran = stage(*words)
    assert "Traceback" not in ran.err
    tame(ran)


def test_an_attempt_and_a_trace_full_of_it_can_be_shown(stage: Shell) -> None:
    trace = stage.ok("traces", "list", "--json").data["traces"][0]
    assert NASTY in trace["task"]  # JSON is exact
    tame(stage.ok("traces", "show", trace["id"]))
    attempt = attempt_of(stage)
    tame(stage.ok("show", attempt))
    reproduced = stage("reproduce", attempt)
    assert reproduced.code in (0, 1)
    tame(reproduced)


def test_the_guessed_settings_hold_it_as_data(stage: Shell) -> None:
    from counterfault.config import read_config

    config = read_config(stage.folder / "counterfault.toml")
    assert f"tool{NASTY}" in config.tools.write
    text = Path(stage.folder / "counterfault.toml").read_text("utf-8")
    assert "\x1b" not in text
