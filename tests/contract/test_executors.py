"""What every executor promises, and what the process executor survives."""

import ctypes
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from counterfault.core.attempt import Attempt, Status, WorkItem
from counterfault.core.errors import UsageError
from counterfault.executors.inline import Inline
from counterfault.executors.process import Processes
from counterfault.ports import Executor
from counterfault.registry import Family

Run = Callable[[WorkItem], Attempt]


def item(task: str, replicate: int = 0) -> WorkItem:
    """An item whose trace id tells the worker's function what to do."""
    return WorkItem(task, None, "mutant", "agent", replicate)


def attempt(work: WorkItem, status: Status = "completed", reason: str = "") -> Attempt:
    return Attempt(work.id, work.trace_id, "", work.arm, work.agent, work.replicate, work.seed, status, (), reason)


def lost(work: WorkItem, status: Status, reason: str, journal: bytes) -> Attempt:
    return attempt(work, status, f"{reason}|{journal.decode()}" if journal else reason)


def start(journal: str | None, folder: str = "") -> Run:
    """Makes the function that does what an item's trace id says."""
    return partial(perform, journal, folder)


def perform(journal: str | None, folder: str, work: WorkItem) -> Attempt:
    task, _, argument = work.trace_id.partition(" ")
    if folder:
        Path(folder, str(os.getpid())).touch()
    if journal and task != "plain":
        with open(journal, "a") as file:
            file.write(f"began {task}")
    if task in DEEDS:
        DEEDS[task](argument)
    return attempt(work, reason=f"did {task}")


def _leave_child(folder: str) -> None:
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    Path(folder, str(child.pid)).touch()


def _hang_deaf(folder: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if folder:
        _leave_child(folder)
    time.sleep(600)


def _nest(folder: str) -> None:
    list(processes(1, 60).map(partial(start, folder=folder), [item(f"hang {folder}")]))


def _print_much(count: str) -> None:
    print("first", flush=True)
    print("x" * int(count))
    print("last", file=sys.stderr)


def _fork_on(_: str) -> None:
    child = os.fork()
    if child:
        os.waitpid(child, 0)


def _raise(error: BaseException) -> None:
    raise error


DEEDS: dict[str, Callable[[str], object]] = {
    "exit": lambda code: os._exit(int(code)),
    "kill": lambda number: os.kill(os.getpid(), int(number)),
    "segfault": lambda _: ctypes.memmove(0, 1, 8),
    "memory": lambda _: _raise(MemoryError("none left")),
    "sys.exit": lambda code: sys.exit(int(code)),
    "hang": _hang_deaf,
    "leave": _leave_child,
    "nest": _nest,
    "print": print,
    "much": _print_much,
    "fork": _fork_on,
    "sleep": lambda seconds: time.sleep(float(seconds)),
    "close": lambda _: os.closerange(3, 200),
}


def start_badly(journal: str | None) -> Run:
    print("about to fail")
    raise UsageError("entry 'my_agent:run' cannot be imported; check [agent] entry")


def start_never(journal: str | None) -> Run:
    print("the agent's last words")
    os._exit(4)


def start_with_exit(journal: str | None) -> Run:
    sys.exit(0)


def start_with_memory(journal: str | None) -> Run:
    seen: list[str] = []

    def remember(work: WorkItem) -> Attempt:
        seen.append(work.trace_id)
        return attempt(work, reason=",".join(seen))

    return remember


def processes(workers: int = 2, timeout_s: float = 20.0, fresh: bool = False) -> Processes:
    return Processes(workers, timeout_s, lost, fresh)


EXECUTORS: dict[str, Callable[[], Executor]] = {
    "inline": Inline,
    "process": processes,
    "process, fresh": partial(processes, fresh=True),
}
SPAWNING = {name: make for name, make in EXECUTORS.items() if name != "inline"}


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers import this module by its name, and are given our path."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))


@pytest.fixture(params=EXECUTORS)
def executor(request: pytest.FixtureRequest) -> Executor:
    return EXECUTORS[request.param]()


@pytest.fixture(params=[False, True], ids=["process", "process, fresh"])
def fresh(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def by_id(attempts: Iterator[Attempt] | list[Attempt]) -> dict[str, Attempt]:
    """The attempts by id; fails where one came twice."""
    found: dict[str, Attempt] = {}
    for each in attempts:
        assert each.id not in found
        found[each.id] = each
    return found


def alive(folder: Path) -> list[int]:
    """The processes that left their id in the folder, and are there still."""
    return [int(entry.name) for entry in folder.iterdir() if entry.name.isdecimal() and _is_alive(int(entry.name))]


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


# --- every executor ---------------------------------------------------------------------------------------------------


def test_every_executor_stands_in_this_contract() -> None:
    ours = {name for name in Family("executors").names() if name != "ray"}
    assert ours == {name.partition(",")[0] for name in EXECUTORS}


def test_all_executors_give_the_same_attempts(executor: Executor) -> None:
    items = [item(task, number) for number in range(40) for task in ("plain", f"print {number}", "sleep 0.0001")]
    expected = by_id(Inline().map(start, items))
    assert len(expected) == len(items)
    assert by_id(executor.map(start, items)) == expected


def test_no_item_is_no_attempt(executor: Executor) -> None:
    assert list(executor.map(start, [])) == []


def test_what_start_raises_is_raised_once_and_as_it_was(executor: Executor, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError) as caught:
        list(executor.map(start_badly, [item("plain", number) for number in range(20)]))
    assert str(caught.value) == "entry 'my_agent:run' cannot be imported; check [agent] entry"
    assert capfd.readouterr() == ("", "")


def test_items_are_taken_as_they_are_needed_and_the_rest_can_be_left(executor: Executor) -> None:
    endless = (item("plain", number) for number in itertools.count())
    attempts = executor.map(start, endless)
    assert [next(attempts).status for _ in range(50)] == ["completed"] * 50
    attempts.close()  # type: ignore[attr-defined]
    assert next(endless).replicate < 250


def test_what_an_item_prints_is_in_its_attempt_only(executor: Executor, capfd: pytest.CaptureFixture[str]) -> None:
    items = [item("print hello"), item("plain"), item("print wörld \ud800")]
    outputs = {each.trace_id: each.output for each in executor.map(start, items)}
    assert outputs == {"print hello": "hello\n", "plain": "", "print wörld \ud800": "wörld \\ud800\n"}
    assert capfd.readouterr() == ("", "")


def test_of_much_output_the_head_and_the_tail_are_kept(executor: Executor) -> None:
    (only,) = executor.map(start, [item("much 3000000")])
    assert only.output.startswith("first\nxxx")
    assert only.output.endswith("xxx\nlast\n")
    assert f"{3000000 + 12 - 2 * 65536} bytes" in only.output
    assert len(only.output) < 2 * 65536 + 100


def test_large_items_and_attempts_pass(executor: Executor) -> None:
    items = [item("plain " + "x" * 3_000_000, number) for number in range(6)]
    assert by_id(executor.map(start, items)) == by_id(Inline().map(start, items))


# --- what the process executor survives -------------------------------------------------------------------------------

DEATHS = {
    "exit 3": "exit code 3",
    "exit 0": "exit code 0",
    "kill 9": "signal 9",
    "kill 15": "signal 15",
    "segfault": "signal 11",
    "memory": "MemoryError: none left",
    "sys.exit 5": "SystemExit: 5",
}


def test_an_item_that_ends_its_worker_is_reported_once_and_the_others_are_done(fresh: bool) -> None:
    deadly = [item(task) for task in DEATHS]
    items = [item("plain", number) for number in range(60)]
    for place, each in enumerate(deadly):
        items.insert(7 * place, each)
    found = by_id(processes(fresh=fresh).map(start, items))
    assert found.keys() == {each.id for each in items}
    for each in deadly:
        told = found[each.id]
        assert (told.status, told.reason.partition("|")[0]) == ("crashed", DEATHS[each.trace_id])
    assert sum(each.status == "completed" for each in found.values()) == 60


def test_an_item_that_hangs_is_ended_in_time_with_all_that_it_started(tmp_path: Path, fresh: bool) -> None:
    began = time.monotonic()
    items = [item(f"hang {tmp_path}"), *(item("plain", number) for number in range(5))]
    attempts = processes(2, 0.7, fresh).map(partial(start, folder=str(tmp_path)), items)
    for each in attempts:
        if each.status == "timed_out":
            assert each.reason.startswith("no answer within 0.7 s")
            hung = alive(tmp_path)
            assert len(hung) <= (3 if fresh else 1)  # the other worker, at most
        else:
            assert each.reason == "did plain"
    assert time.monotonic() - began < 10
    assert alive(tmp_path) == []


def test_an_item_that_hangs_in_workers_of_its_own_is_ended_with_them(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The inner warden is ended too, before it can clear its folder.
    monkeypatch.setenv("TMPDIR", str(tmp_path_factory.mktemp("temporary")))
    (only,) = processes(1, 1.5).map(partial(start, folder=str(tmp_path)), [item(f"nest {tmp_path}")])
    assert only.status == "timed_out"
    assert len(list(tmp_path.iterdir())) == 3  # the worker, its worker, and that one's child
    assert alive(tmp_path) == []


def test_the_journal_of_a_lost_item_holds_what_that_item_wrote(fresh: bool) -> None:
    items = [item("sleep 0"), item("plain"), item("exit 3"), item("plain", 1), item("memory"), item("hang")]
    found = {each.trace_id: each.reason for each in processes(1, 1, fresh).map(start, items)}
    assert found["exit 3"] == "exit code 3|began exit"
    assert found["memory"] == "MemoryError: none left|began memory"
    assert found["hang"] == "no answer within 1 s|began hang"


def test_what_a_lost_item_printed_is_in_its_attempt() -> None:
    (only,) = processes().map(start, [item("memory")])
    assert only.output.endswith("MemoryError: none left\n")


def test_a_child_that_the_agent_forks_does_not_answer_for_it(fresh: bool) -> None:
    items = [item("fork", number) for number in range(5)]
    assert by_id(processes(fresh=fresh).map(start, items)) == by_id(
        [attempt(each, reason="did fork") for each in items]
    )


def test_an_agent_that_closes_our_socket_is_reported_and_the_others_are_done() -> None:
    items = [item("close"), *(item("plain", number) for number in range(20))]
    found = by_id(processes(1, 5).map(start, items))
    assert found[items[0].id].status == "crashed"
    assert sum(each.status == "completed" for each in found.values()) == 20


def test_a_worker_that_dies_while_it_loads_the_agent_is_a_usage_error_with_its_last_words() -> None:
    with pytest.raises(UsageError, match=r"while it loaded the agent \(exit code 4\): the agent's last words"):
        list(processes().map(start_never, [item("plain")]))
    with pytest.raises(UsageError, match=r"ended its process while it was loaded: SystemExit: 0"):
        list(processes().map(start_with_exit, [item("plain")]))


def test_fresh_items_see_nothing_of_each_other() -> None:
    items = [item(name) for name in "abcd"]
    assert [each.reason for each in processes(1, fresh=True).map(start_with_memory, items)] == list("abcd")
    assert [each.reason for each in processes(1).map(start_with_memory, items)] == ["a", "a,b", "a,b,c", "a,b,c,d"]


def test_workers_killed_from_outside_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    items = [item("sleep 0.002", number) for number in range(300)]
    attempts = processes(2, 10).map(partial(start, folder=str(tmp_path)), items)
    found: dict[str, Attempt] = {}
    kills = 0
    for each in attempts:
        assert each.id not in found
        found[each.id] = each
        if len(found) % 30 == 0:
            for process in alive(tmp_path)[:1]:
                os.kill(process, signal.SIGKILL)
                kills += 1
    assert found.keys() == {each.id for each in items}
    crashed = [each for each in found.values() if each.status == "crashed"]
    assert kills >= 5
    assert len(crashed) <= kills
    assert all(each.reason.startswith("signal 9") for each in crashed)


# --- nothing is left behind -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SPAWNING)
def test_nothing_survives_the_end_of_the_map(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    items = [item(f"leave {tmp_path}", number) for number in range(4)]
    list(SPAWNING[name]().map(partial(start, folder=str(tmp_path)), items))
    assert len(list(tmp_path.iterdir())) > 4
    assert alive(tmp_path) == []
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize("name", SPAWNING)
def test_nothing_survives_a_consumer_that_stops_early(tmp_path: Path, name: str) -> None:
    items = [item("plain"), item(f"hang {tmp_path}"), item(f"hang {tmp_path}", 1)]
    attempts = SPAWNING[name]().map(partial(start, folder=str(tmp_path)), items)
    assert next(attempts).status == "completed"
    assert wait_until(lambda: len(alive(tmp_path)) >= 3)
    attempts.close()  # type: ignore[attr-defined]
    assert alive(tmp_path) == []


_DRIVER = """
import sys
sys.path[:] = {path!r}
import importlib
from functools import partial
contract = importlib.import_module({module!r})
hanging = [contract.item("hang {folder}", number) for number in range(4)]
try:
    list(contract.processes(2, 60, {fresh}).map(partial(contract.start, folder={folder!r}), hanging))
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_nothing_survives_a_driver_that_is_killed_or_interrupted(
    tmp_path: Path, fresh: bool, number: signal.Signals, code: int
) -> None:
    (tmp_path / "temporary").mkdir()
    script = _DRIVER.format(path=sys.path, module=__name__, folder=str(tmp_path), fresh=fresh)
    environment = {**os.environ, "TMPDIR": str(tmp_path / "temporary")}
    driver = subprocess.Popen([sys.executable, "-c", script], env=environment)
    try:
        assert wait_until(lambda: len(alive(tmp_path)) >= 4)  # two workers, and the child of each
    finally:
        driver.send_signal(number)
    assert driver.wait(10) == code
    assert wait_until(lambda: alive(tmp_path) == [], 2)
    assert wait_until(lambda: list((tmp_path / "temporary").iterdir()) == [], 2)
