"""What every report owes its readers: the same words and numbers, nothing hidden, nothing that a stranger can steer."""

import dataclasses
import io
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import unicodedata
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfault.campaign.alignment import align
from counterfault.campaign.gate import gate
from counterfault.campaign.summary import Judged, summarise
from counterfault.campaign.wording import brief, mutation_line, story, tell
from counterfault.core.events import AttemptJudged, CampaignFinished, CampaignStarted
from counterfault.core.outcome import Finding, Judgement
from counterfault.core.safe_text import safe_text, visible
from counterfault.core.score import Scored, rate
from counterfault.core.trace import Message, Step, Trace
from counterfault.reports import console, html, jsonl, summary_json
from counterfault.reports.progress import Progress
from samples.campaign import CAMPAIGN, LIMITS, ONE, Sample, attempt, call, sample

GOLDEN = Path(__file__).parents[1] / "golden/reports"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
STEERING = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def same_as_golden(name: str, text: str) -> None:
    """Write the files anew with COUNTERFAULT_UPDATE_GOLDEN=1, and read the diff."""
    path = GOLDEN / name
    if os.environ.get("COUNTERFAULT_UPDATE_GOLDEN"):
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")


def rendered(one: Sample, width: int = 100, colour: bool = False) -> str:
    return console.render(one.summary, one.judged, one.gate, width, colour, one.traces)


def page_of(one: Sample) -> str:
    return html.page(one.summary, one.judged, one.gate, one.traces)


class Reader(HTMLParser):
    """The text of a page, one line a block, and its tags with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.lines: list[str] = [""]
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._silent = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._silent = self._silent or tag in ("style", "script")
        if tag not in ("b", "code", "i", "em", "span", "strong", "small", "wbr", "a"):
            self.lines.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "script"):
            self._silent = False

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.lines[-1] += data

    @property
    def text(self) -> str:
        told = (" ".join(line.split()) for line in self.lines)
        return "\n".join(line for line in told if line) + "\n"


# -- snapshots of one fixed campaign ----------------------------------------------------------------------------------


def test_the_console_report_of_a_fixed_campaign_stays_as_it_is() -> None:
    same_as_golden("console.txt", rendered(sample()))


def test_the_json_lines_of_a_fixed_campaign_stay_as_they_are() -> None:
    one = sample()
    same_as_golden("attempts.jsonl", "".join(f"{line}\n" for line in jsonl.lines(CAMPAIGN, one.judged, one.traces)))


def test_the_summary_of_a_fixed_campaign_stays_as_it_is() -> None:
    one = sample()
    data = {"run": summary_json.data(one.summary, one.gate, "report.html")}
    data["gate"] = summary_json.gate_data(one.summary, one.gate)
    same_as_golden("summary.json", json.dumps(data, indent=2) + "\n")


def test_the_text_of_the_page_of_a_fixed_campaign_stays_as_it_is() -> None:
    same_as_golden("page.txt", Reader(page_of(sample())).text)


def test_the_stories_of_the_findings_stay_as_they_are() -> None:
    one = sample()
    control = one.judged[0].attempt
    told = ["\n".join(story(group.example, ONE, control)) for group in one.summary.groups]
    same_as_golden("stories.txt", "\n\n".join(told) + "\n")


# -- what a reader must be told --------------------------------------------------------------------------------------


def test_an_invalid_campaign_says_so_before_any_number() -> None:
    one = sample("invalid", ("state leaks between attempts",))
    assert rendered(one).startswith("!! INVALID")
    assert rendered(one).index("state leaks between attempts") < rendered(one).index(" % (mean over")
    text = Reader(page_of(one)).text
    assert text.index("state leaks between attempts") < text.index(" % (mean over")
    assert "Invalid campaign" in text


def test_every_number_can_be_recomputed_from_the_json_lines() -> None:
    one = sample()
    rows = [json.loads(line) for line in jsonl.lines(CAMPAIGN, one.judged)]
    scored = [
        Scored(
            trace_id=row["trace_id"],
            arm=row["arm"],
            family=row["family"],
            operator=row["operator"],
            outcome=row["outcome"],
            verdict=row["verdict"],
            delivered=row["delivered"],
            reached=row["reached"],
            needless=row["needless"],
        )
        for row in rows
        if row["arm"] == "mutant" and row["control_holds"]
    ]
    assert rate(scored) == one.summary.overall


def test_a_record_names_what_was_changed_and_which_effects_followed() -> None:
    one = sample()
    rows = [json.loads(line) for line in jsonl.lines(CAMPAIGN, one.judged, one.traces)]
    doubled = next(row for row in rows if row["outcome"] == "duplicated")
    assert [effect["tool"] for effect in doubled["effects"]] == ["refund", "refund"]
    assert doubled["site"] == {"step": 3, "tool": "refund", "aspect": "transport", "pointer": ""}
    renamed = next(row for row in rows if row["operator"] == "schema.rename")
    assert renamed["mutation"] == "schema.rename: get_order /status → /state (step 1, every call)"
    control = next(row for row in rows if row["arm"] == "control")
    assert control["operator"] is None
    assert control["mutant_id"] is None


def test_a_mutation_is_told_with_the_value_before_it_where_the_recording_is_at_hand() -> None:
    flipped = next(one.mutant for one in sample().judged if one.mutant and one.mutant.first.operator[-4:] == "flip")
    assert "/total 40.5 → -40.5 (step 1, once)" in mutation_line(flipped, ONE)
    assert "/total → -40.5 (step 1, once)" in mutation_line(flipped)


def test_a_story_shows_the_injection_the_divergence_and_the_way_to_reproduce_it() -> None:
    example = next(group.example for group in sample().summary.groups if group.outcome == "duplicated")
    told = tell(example, ONE)
    assert any("injected here" in line for line in told.replayed)
    assert any("first divergence" in line for line in told.replayed)
    assert told.reproduce == f"counterfault reproduce {example.attempt.id[:12]}"
    assert len(story(example, ONE)) <= 25


def test_what_the_control_does_too_is_no_divergence() -> None:
    reordered = (ONE.steps[0], call("list_orders", "[]"), *ONE.steps[1:])
    rows = align(ONE, attempt(50, reordered, at=2), control=attempt(51, reordered))
    assert not any(row.first for row in rows)
    assert any(row.usual for row in rows)


def test_a_renaming_is_no_difference_between_recording_and_replay() -> None:
    renamed = next(one for one in sample().judged if one.mutant and one.mutant.first.operator == "value.renaming")
    assert {row.relation for row in align(ONE, renamed.attempt, renamed.mutant)} == {"same"}


def test_the_page_needs_no_script_no_network_and_no_other_file(tmp_path: Path) -> None:
    one = sample()
    html.write(tmp_path / "deep" / "report.html", one.summary, one.judged, one.gate, one.traces)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["report.html"]
    reader = Reader((tmp_path / "deep" / "report.html").read_text("utf-8"))
    links = [value for _, found in reader.tags for key, value in found.items() if key in ("href", "src", "action")]
    assert links
    assert all(link and link.startswith("#") for link in links)
    assert not any(key.startswith("on") for _, found in reader.tags for key in found)
    policy = next(f["content"] for tag, f in reader.tags if tag == "meta" and "http-equiv" in f)
    assert policy
    assert "default-src 'none'" in policy
    assert "'unsafe-inline'; script-src 'sha256-" in policy


def test_the_page_can_be_read_without_seeing_it() -> None:
    reader = Reader(page_of(sample()))
    tags = [tag for tag, _ in reader.tags]
    assert tags.count("h1") == 1
    assert tags.count("main") == 1
    assert all("scope" in found for tag, found in reader.tags if tag == "th")
    assert all("aria-labelledby" in found for tag, found in reader.tags if tag == "section")
    ids = [found["id"] for _, found in reader.tags if "id" in found]
    assert len(ids) == len(set(ids))
    named = {found["aria-labelledby"] for _, found in reader.tags if "aria-labelledby" in found}
    assert named <= set(ids)


def test_colour_adds_nothing_but_colour() -> None:
    coloured = rendered(sample(), colour=True)
    assert "\x1b[" in coloured
    bare = [line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m", "", coloured).splitlines()]
    assert bare == rendered(sample()).splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_the_console_report_keeps_to_its_width(width: int) -> None:
    assert max(map(len, rendered(sample(), width).splitlines())) <= width


def test_a_campaign_without_attempts_or_gate_can_be_shown() -> None:
    nothing = dataclasses.replace(summarise(CAMPAIGN, "", []), status="invalid", reasons=("no mutant was tried",))
    assert "no mutant was tried" in console.render(nothing, [], None)
    assert "no mutant was tried" in Reader(html.page(nothing, [], None)).text
    assert summary_json.data(nothing, None, None)["gate"] is None


def test_ten_thousand_attempts_make_a_page_under_six_megabytes() -> None:
    small = sample()
    mutants = [one for one in small.judged if one.mutant]
    many = list(small.judged)
    for number in range(10_000 // len(mutants)):
        for one in mutants:
            assert one.mutant
            first = one.mutant.first
            site = dataclasses.replace(first.site, tool=f"{first.site.tool}_{number % 50}")
            mutant = dataclasses.replace(one.mutant, mutations=(dataclasses.replace(first, site=site),))
            renumbered = dataclasses.replace(one.attempt, id=f"{len(many):032x}")
            many.append(dataclasses.replace(one, attempt=renumbered, mutant=mutant))
    summary = summarise(CAMPAIGN, "a" * 32, many)
    text = html.page(summary, many, gate(summary, LIMITS), small.traces)
    assert len(text.encode()) < 6_000_000
    assert f"The worst {html.MOST_ATTEMPTS:,} of" in text


# -- strangers' texts -----------------------------------------------------------------------------------------------

_OURS = {
    *("arm", "status", "outcome", "verdict", "role", "origin", "state", "implies", "relation", "aspect", "reach"),
    *("form", "spelling", "decision", "raised", "kind", "family"),
}


def payloads(host: str) -> list[str]:
    run = "document.title='pwned'"
    return [
        f"<script>{run}</script>",
        f'"><img src="http://{host}/img" onerror="{run}">',
        f"</style><script>{run}</script>",
        f"</title></head><body onload=\"{run}\">",
        f"</script><svg onload=\"{run}\"><script>{run}</script>",
        f'<meta http-equiv="refresh" content="0;url=http://{host}/refresh">',
        f'<link rel="stylesheet" href="http://{host}/css"><base href="http://{host}/">',
        f"javascript:{run}",
        "{{ ''.__class__ }}{% raw %}",
        f"' autofocus onfocus={run} x='",
        f"--><iframe srcdoc=\"<script>parent.{run}</script>\"></iframe>",
        f'<details open ontoggle="{run}"><form action="http://{host}/form"><input type=image src="http://{host}/in">',
        f'<style>@import url("http://{host}/import");*{{background:url(http://{host}/bg)}}</style>',
        "\x1b]8;;http://x\x07\x1b[2J\x9b31m\x00\x85\u2028",
        "\u202e\u2066\u200b\ud800 reversed",
        "::error::pwned ##[command]pwned\n::stop-commands::x",
        "[bold red]markup[/nothing] [link=http://x]x[/link]",
    ]


def poisoned(value: Any, supply: Iterator[str]) -> Any:
    """The value with every text of a stranger replaced by an attack, all the way down."""
    if isinstance(value, str):
        return next(supply) + value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [f.name for f in dataclasses.fields(value) if f.init and f.name not in _OURS]
        ids = {name for name in names if name in ("id", "trace_id", "pointer")}  # links between values, and pointers
        return dataclasses.replace(
            value, **{name: poisoned(getattr(value, name), supply) for name in names if name not in ids}
        )
    if isinstance(value, tuple | list):
        return type(value)(poisoned(item, supply) for item in value)
    if isinstance(value, dict):
        return {poisoned(key, supply): poisoned(item, supply) for key, item in value.items()}
    return value


def hostile(host: str = "example.invalid") -> Sample:
    """The sample written by an enemy."""

    def endless() -> Iterator[str]:
        while True:
            yield from payloads(host)

    supply = endless()
    clean = sample()
    judged = []
    for one in clean.judged:
        findings = tuple(
            dataclasses.replace(poisoned(finding, supply), implies=finding.implies)
            for finding in (*one.judgement.findings, *(Finding("o", "c", text, 0) for text in payloads(host)))
        )
        changed = poisoned(dataclasses.replace(one, judgement=Judgement("recovered", "pass")), supply)
        judgement = dataclasses.replace(one.judgement, findings=findings)
        judged.append(dataclasses.replace(changed, judgement=judgement, control_holds=one.control_holds))
    traces = tuple(poisoned(trace, supply) for trace in clean.traces)
    bad = payloads(host)
    summary = summarise(bad[0] + bad[5], bad[1], judged, ("schema",), bad)
    summary = dataclasses.replace(summary, status="invalid", reasons=tuple(bad))
    return Sample(summary, tuple(judged), gate(summary, LIMITS), traces)


def test_no_tag_of_a_stranger_stands_in_the_page() -> None:
    mine, theirs = Reader(page_of(sample())), Reader(page_of(hostile()))
    assert {tag for tag, _ in theirs.tags} <= {tag for tag, _ in mine.tags} | {"wbr"}
    assert {key for _, found in theirs.tags for key in found} <= {key for _, found in mine.tags for key in found} | {
        "title"
    }
    assert "<script>document.title" in theirs.text


def test_nothing_that_steers_reaches_the_page_or_the_terminal() -> None:
    one = hostile()
    for text in (page_of(one), rendered(one), *story(one.summary.groups[0].example, one.traces[0])):
        shown = text if text.count("\n") else safe_text(text)
        assert not {char for char in shown if unicodedata.category(char) in STEERING} - {"\n"}
    assert "‹U+202E›" in page_of(one)
    assert not re.search(r"^\s*::|##\[", rendered(one, 60), re.MULTILINE)
    assert set(re.findall(r"\x1b.?", rendered(one, colour=True))) == {"\x1b["}


def test_every_json_line_of_a_hostile_campaign_can_be_read_by_anyone() -> None:
    one = hostile()
    nan = dataclasses.replace(one.judged[4], attempt=dataclasses.replace(one.judged[4].attempt, answer=float("nan")))
    lines = list(jsonl.lines(one.summary.campaign_id, (*one.judged, nan), one.traces))
    assert all(line.isascii() and "\n" not in line for line in lines)

    def refused(text: str) -> None:
        raise AssertionError(f"{text} is not JSON")

    rows = [json.loads(line, parse_constant=refused) for line in lines]
    assert rows[4]["findings"][-1]["message"].endswith(payloads("example.invalid")[-1])


@pytest.fixture
def sink() -> Iterator[tuple[str, list[bytes]]]:
    """A listener that keeps what anyone asks of it."""
    listener = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []

    def listen() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                heard.append(connection.recv(200))
                connection.sendall(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    yield f"127.0.0.1:{listener.getsockname()[1]}", heard
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


def browsed(page: str, folder: Path) -> str:
    """The page's DOM after a browser has opened it and run what runs."""
    (folder / "page.html").write_text(page, "utf-8", "surrogatepass")
    assert CHROMIUM
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    flags += " --disable-component-update --disable-sync --virtual-time-budget=3000 --timeout=10000 --dump-dom"
    command = [CHROMIUM, *flags.split(), f"--user-data-dir={folder / 'profile'}", (folder / "page.html").as_uri()]
    done = subprocess.run(command, capture_output=True, timeout=90, check=True)
    return done.stdout.decode("utf-8", "replace")


def title_of(dom: str) -> str:
    return "".join(re.findall(r"<title>(.*?)</title>", dom, re.DOTALL)[:1])


@pytest.mark.skipif(not CHROMIUM, reason="needs a Chromium to open the page in")
def test_a_browser_runs_nothing_of_a_stranger_and_asks_nobody(tmp_path: Path, sink: tuple[str, list[bytes]]) -> None:
    host, heard = sink
    dom = browsed(page_of(hostile(host)), tmp_path)
    assert title_of(dom).startswith("Counterfault")
    assert re.search(r"\d+ of \d+ shown", dom), "our own script did not run"
    assert heard == []


@pytest.mark.skipif(not CHROMIUM, reason="needs a Chromium to open the page in")
def test_the_attacks_do_work_on_a_page_that_does_not_escape(tmp_path: Path, sink: tuple[str, list[bytes]]) -> None:
    host, heard = sink
    attacks = [text.encode("utf-8", "replace").decode() for text in payloads(host) if "refresh" not in text]
    dom = browsed(f"<!doctype html><title>quiet</title>{''.join(attacks)}", tmp_path)
    assert "pwned" in title_of(dom)
    assert heard


# -- laws -------------------------------------------------------------------------------------------------------------

_STEPS = st.lists(
    st.one_of(
        st.builds(Message, st.sampled_from(["user", "assistant"]), st.sampled_from("ab")),
        st.builds(lambda tool, about: call(tool, "{}", about=about), st.sampled_from("xyz"), st.integers(0, 2)),
    ),
    max_size=9,
).map(tuple)


@given(_STEPS, _STEPS)
def test_every_step_stands_in_one_row_and_in_order(recorded: tuple[Step, ...], replayed: tuple[Step, ...]) -> None:
    rows = align(Trace(recorded), attempt(60, replayed))
    assert [row.recorded for row in rows if row.recorded is not None] == list(range(len(recorded)))
    assert [row.replayed for row in rows if row.replayed is not None] == list(range(len(replayed)))
    assert sum(row.first for row in rows) <= 1
    assert (recorded == replayed) == all(row.relation == "same" for row in rows)


@given(st.text())
def test_a_safe_text_steers_nothing_and_a_printable_one_is_left_alone(text: str) -> None:
    assert not {char for char in visible(text) if unicodedata.category(char) in STEERING} - {"\n", "\t"}
    assert not {char for char in safe_text(text) if unicodedata.category(char) in STEERING}
    assert not text.isprintable() or safe_text(text) == text


@given(st.text(max_size=400), st.integers(12, 60))
def test_a_brief_text_is_one_line_and_no_longer_than_asked(text: str, most: int) -> None:
    told = brief(text, most)
    assert len(told) <= most
    assert told == text or "\n" not in told


# -- progress ---------------------------------------------------------------------------------------------------------


class Clock:
    """A clock that moves when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def _campaign(progress: Progress, clock: Clock, planned: int, step_s: float) -> None:
    example: Judged = next(one for one in sample().judged if one.judgement.outcome == "duplicated")
    progress.on(CampaignStarted(CAMPAIGN, "agent", {"mutant": planned}, 0))
    for _ in range(planned):
        clock.now += step_s
        progress.on(AttemptJudged(example.attempt, example.mutant, example.judgement, True))
    progress.on(CampaignFinished(CAMPAIGN, "complete", ()))
    progress.close()


@pytest.mark.parametrize(("planned", "step_s", "most"), [(2000, 0.001, 11), (2000, 1.0, 80), (5, 100.0, 6)])
def test_away_from_a_terminal_progress_is_a_line_now_and_then(planned: int, step_s: float, most: int) -> None:
    stream, clock = io.StringIO(), Clock()
    _campaign(Progress(stream, is_tty=False, clock=clock), clock, planned, step_s)
    lines = stream.getvalue().splitlines()
    assert 1 <= len(lines) <= most
    assert lines[-1].startswith(f"{planned}/{planned}  ✗ {planned} failed (1 group)  ? 0 unknown  ~ 0 void")
    assert "\x1b" not in stream.getvalue()
    assert "\r" not in stream.getvalue()


def test_on_a_terminal_progress_is_one_line_redrawn() -> None:
    stream, clock = io.StringIO(), Clock()
    _campaign(Progress(stream, is_tty=True, clock=clock), clock, 100, 0.25)
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().endswith("\n")
    drawn = stream.getvalue().split("\r")
    assert len(drawn) > 50
    assert any("4.0/s" in line and "eta 1" in line for line in drawn)


def test_a_resumed_campaign_begins_where_it_was_and_does_not_pass_its_plan() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(stream, is_tty=False, clock=clock)
    example = sample().judged[0]
    progress.on(CampaignStarted(CAMPAIGN, "agent", {"control": 10}, 8))
    for _ in range(10):
        progress.on(AttemptJudged(example.attempt, None, example.judgement, True))
    progress.on(CampaignFinished(CAMPAIGN, "complete", ()))
    assert stream.getvalue().splitlines()[-1].startswith("10/10")
