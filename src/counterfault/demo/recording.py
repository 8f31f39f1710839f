"""Runs an agent live against a world, and writes what happened as a trace: OpenAI chat messages, one run a line.

``python -m counterfault.demo.recording`` writes ``traces.jsonl`` beside this file again, byte for byte the same.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from counterfault import Escalated
from counterfault.demo.agents import careful
from counterfault.demo.desk import TOOLS, Desk
from counterfault.demo.shop import TICKETS, scenario

Json = dict[str, Any]
Agent = Callable[[Any, Any], str]
TRACES = Path(__file__).with_name("traces.jsonl")
SYSTEM = (
    "You work for the support desk of a shop. Resolve the ticket by the refund policy. Every refund needs its own "
    "approval. Hand over to a person what the policy does not let you decide."
)


class World(Protocol):
    """What answers tool calls."""

    def call(self, name: str, **arguments: Any) -> Json:
        """Answer one call."""
        ...


@dataclass
class LiveTask:
    """The task as the agent sees it; ``replies`` are what the user will say, in order."""

    input: str
    messages: list[Json]
    replies: list[str] = field(default_factory=list)

    def say(self, text: str) -> str:
        """Say something to the user and get the next reply; with none left the user says nothing."""
        reply = self.replies.pop(0) if self.replies else ""
        self.messages += [{"role": "assistant", "content": text}, {"role": "user", "content": reply}]
        return reply


@dataclass
class LiveTools:
    """A world's tools as the agent sees them; each call is added to ``messages``. Sleeping takes no time."""

    world: World
    messages: list[Json]

    def call(self, name: str, **arguments: Any) -> Any:
        """Call a tool by name and return its parsed answer."""
        number = sum("tool_calls" in message for message in self.messages) + 1
        asked = {"name": name, "arguments": json.dumps(arguments)}
        call = {"id": f"call_{number:03}", "type": "function", "function": asked}
        answer = self.world.call(name, **arguments)
        self.messages += [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call["id"], "name": name, "content": json.dumps(answer)},
        ]
        return answer

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda **arguments: self.call(name, **arguments)

    def sleep(self, seconds: float) -> None:
        """Nothing here takes time."""


def record(world: World, agent: Agent, task: Json, system: str = SYSTEM) -> list[Json]:
    """Run the agent live on one scenario (``task`` its text, ``replies`` optional) and return all messages."""
    messages: list[Json] = [{"role": "system", "content": system}, {"role": "user", "content": task["task"]}]
    live = LiveTask(task["task"], messages, list(task.get("replies", ())))
    try:
        answer = agent(live, LiveTools(world, messages))
    except Escalated as escalated:
        answer = f"I hand this over to a person: {escalated.reason}"
    return [*messages, {"role": "assistant", "content": answer}]


def trace_line(task_id: str, messages: list[Json], tools: list[Json]) -> str:
    """One run as a line of a trace file."""
    run = {"task_id": task_id, "messages": messages, "tools": tools, "labels": {"passed": True}}
    return json.dumps(run, ensure_ascii=False) + "\n"


def traces(tickets: Iterable[str] = TICKETS) -> str:
    """The demo's trace file: the careful agent on every ticket, each in a fresh shop."""
    runs = ((ticket, scenario(ticket)) for ticket in tickets)
    return "".join(trace_line(ticket, record(Desk(task), careful, task), TOOLS) for ticket, task in runs)


if __name__ == "__main__":
    TRACES.write_text(traces(), encoding="utf-8")
