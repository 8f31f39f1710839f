"""Runs an agent live against a world, with one thing done to its tools by hand, and writes down what it did."""

import copy
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from counterfault import Escalated, ToolError, ToolTimeout, ToolUnavailable
from counterfault.demo.recording import LiveTask

from .truth import Attempt, Call, Json

Act = Callable[[], Json]
Fault = Callable[[str, int, Act], Any]  # the tool, the number of this call to it from 1, and the real call


def no_fault(tool: str, number: int, act: Act) -> Any:
    """The tools as they are."""
    return act()


@dataclass
class WatchedTools:
    """A world's tools as the agent sees them, through a fault; every call is kept with what became of it."""

    world: Any
    fault: Fault
    writes: tuple[str, ...]
    calls: list[Call] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    slept: float = 0.0

    def call(self, name: str, **arguments: Any) -> Any:
        """Call a tool by name."""
        self.counts[name] += 1
        real: list[Json] = []

        def act() -> Json:
            real.append(self.world.call(name, **arguments))
            return copy.deepcopy(real[-1])

        answer, kind = None, ""
        try:
            answer = self.fault(name, self.counts[name], act)
        except ToolError as error:
            kind = error.kind
            raise
        finally:
            took_hold = bool(real) and "error" not in real[-1]
            state = ("committed" if took_hold else "refused") if name in self.writes else ""
            self.calls.append(Call(name, arguments, state, answer, kind))
        return answer

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda **arguments: self.call(name, **arguments)

    def sleep(self, seconds: float) -> None:
        """Count the seconds."""
        self.slept += seconds


def attempt(agent: Callable[[Any, Any], str], world: Any, task: Json, writes: tuple[str, ...], fault: Fault) -> Attempt:
    """Run the agent on a task (``task`` its text, ``replies`` optional) through a fault."""
    messages: list[Json] = []
    tools = WatchedTools(world, fault, writes)
    escalated = False
    try:
        last = agent(LiveTask(task["task"], messages, list(task.get("replies", ()))), tools)
    except Escalated as handed:
        escalated, last = True, handed.reason
    except Exception as crash:
        return Attempt(tools.calls, False, [repr(crash)], crashed=True)
    said = [message["content"] for message in messages if message["role"] == "assistant"]
    return Attempt(tools.calls, escalated, [*said, last])


# Faults.


def lost(tool: str, times: int = 1) -> Fault:
    """The first calls time out before they do anything."""

    def fault(name: str, number: int, act: Act) -> Any:
        if name == tool and number <= times:
            raise ToolTimeout("no answer", kind="timeout")
        return act()

    return fault


def lost_after(tool: str) -> Fault:
    """The first call does its work, and times out."""

    def fault(name: str, number: int, act: Act) -> Any:
        answer = act()
        if name == tool and number == 1:
            raise ToolTimeout("no answer", kind="timeout")
        return answer

    return fault


def down(tool: str) -> Fault:
    """Every call finds the service down."""

    def fault(name: str, number: int, act: Act) -> Any:
        if name == tool:
            raise ToolUnavailable("503", kind="unavailable", status=503)
        return act()

    return fault


def forbidden(tool: str) -> Fault:
    """Every call is refused: the agent may not use this tool here."""

    def fault(name: str, number: int, act: Act) -> Any:
        if name == tool:
            raise ToolError("not allowed", kind="forbidden", status=403)
        return act()

    return fault


def answers(tool: str, body: Any, times: int = 1_000) -> Fault:
    """The first calls are answered with this body, and do nothing."""

    def fault(name: str, number: int, act: Act) -> Any:
        return copy.deepcopy(body) if name == tool and number <= times else act()

    return fault


def cut(tool: str, times: int = 1) -> Fault:
    """The first answers break off in the middle."""

    def fault(name: str, number: int, act: Act) -> Any:
        answer = act()
        return json.dumps(answer)[: len(json.dumps(answer)) // 2] if name == tool and number <= times else answer

    return fault


def edited(tool: str, edit: Callable[[Json], Any]) -> Fault:
    """Every answer is edited; ``edit`` changes it in place or returns another."""

    def fault(name: str, number: int, act: Act) -> Any:
        answer = act()
        if name != tool or "error" in answer:
            return answer
        other = edit(answer)
        return answer if other is None else other

    return fault


def put(path: str, value: Any) -> Callable[[Json], Any]:
    """Set the value at ``a/b/0/c``; ``value`` may be a function of the old one."""

    def edit(answer: Json) -> None:
        *way, last = path.split("/")
        place: Any = answer
        for name in way:
            place = place[int(name)] if isinstance(place, list) else place.get(name, {})
        if last in place:
            place[last] = value(place[last]) if callable(value) else value

    return edit


def drop(path: str) -> Callable[[Json], Any]:
    """Remove the field at ``a/b/0/c``."""

    def edit(answer: Json) -> None:
        *way, last = path.split("/")
        place: Any = answer
        for name in way:
            place = place[int(name)] if isinstance(place, list) else place.get(name, {})
        place.pop(last, None)

    return edit


def rename(old: str, new: str) -> Callable[[Json], Any]:
    """Give a top-level field another name."""

    def edit(answer: Json) -> Json:
        return {new if key == old else key: value for key, value in answer.items()}

    return edit


def both(*edits: Callable[[Json], Any]) -> Callable[[Json], Any]:
    """Several edits in place."""

    def edit(answer: Json) -> None:
        for one in edits:
            one(answer)

    return edit
