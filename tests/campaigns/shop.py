"""A small shop whose recordings campaigns are run over: three orders, each looked up and refunded."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from counterfault.campaign.run import Campaign, run
from counterfault.campaign.summary import Summary
from counterfault.config import AgentConfig, Budget, CampaignConfig, Config, GateConfig, ToolsConfig
from counterfault.core.attempt import Attempt, WorkItem
from counterfault.core.events import Event
from counterfault.core.outcome import Judgement
from counterfault.core.trace import Message, Step, ToolCall, ToolResult, Trace
from counterfault.ports import Store
from counterfault.stores.memory import Memory
from counterfault.wiring import Study, attempts_with, new_campaign

AttemptAll: TypeAlias = Callable[[Iterable[WorkItem]], Iterator[Attempt]]


def recorded(number: int, total: float, escalates: bool = False) -> Trace:
    """One recorded run of the shop."""
    order_id, refund_id = f"O-{number}", f"RF-{number + 4000}"
    order = {"order_id": order_id, "status": "delivered", "total": total, "note": "a gift"}
    steps: list[Step] = [
        Message("user", f"Please refund order {order_id}."),
        ToolCall("get_order", {"order_id": order_id}, ToolResult(json.dumps(order), False), "c1", 1),
        ToolCall(
            "refund",
            {"order_id": order_id, "amount": total},
            ToolResult(json.dumps({"refund_id": refund_id, "state": "paid"}), False),
            "c2",
            2,
        ),
        Message("assistant", f"Refunded {total} EUR on {order_id}, number {refund_id}."),
    ]
    if escalates:
        handed = ToolCall("escalate", {"reason": "for a person to confirm"}, ToolResult('{"ok": true}', False), "c3", 3)
        steps[3:] = [handed, Message("assistant", "I am transferring you to a human agent now.")]
    return Trace(tuple(steps), task=order_id)


TRACES = (recorded(1001, 40.5), recorded(1002, 17.25), recorded(1003, 250.0))
TOOLS = ToolsConfig(write=("refund",), irreversible=("refund",), escalation=("escalate",), timeout_s=3.0)
OPERATORS = ("schema.rename", "schema.remove", "fault.timeout", "fault.server_error", "value.scale", "value.renaming")


@dataclass
class Shop:
    """A campaign over the shop, with its store and all that was told of it."""

    config: Config
    traces: tuple[Trace, ...] = TRACES
    store: Store = field(default_factory=Memory)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.study = Study(self.config, self.traces, self.traces)
        self.campaign: Campaign = new_campaign(self.study, self.store)

    def run(self, attempt_all: AttemptAll | None = None, minutes: float | None = None) -> Summary:
        """Run what is left of it."""
        campaign = self.campaign if minutes is None else replace(self.campaign, budget=Budget(2000, minutes))
        return run(campaign, self.store, attempt_all or attempts_with(self.study), self.events.append)

    @property
    def attempts(self) -> dict[str, Attempt]:
        """What the store holds, by id; fails where an attempt is there twice."""
        found = list(self.store.attempts(self.campaign.id))
        assert len({attempt.id for attempt in found}) == len(found)
        return {attempt.id: attempt for attempt in found}

    @property
    def judgements(self) -> dict[str, Judgement]:
        """The stored judgements."""
        return dict(self.store.judgements(self.campaign.id))

    @property
    def verdicts(self) -> dict[str, tuple[str, str]]:
        """Outcome and verdict of each attempt."""
        return {key: (found.outcome, found.verdict) for key, found in self.judgements.items()}

    @property
    def planned(self) -> set[str]:
        """The ids of the plan."""
        return {item.id for item in self.campaign.items}


class MakeShop(Protocol):
    """Makes a campaign over the shop; settings of ``[campaign]`` are given by name."""

    def __call__(self, agent: str = "plain", isolation: str = "inline", **settings: Any) -> Shop: ...


def open_shop(
    agent: str = "plain",
    isolation: str = "inline",
    traces: tuple[Trace, ...] = TRACES,
    store: Store | None = None,
    timeout_s: float = 20.0,
    **campaign: Any,
) -> Shop:
    """A new campaign over the shop by one of the agents in ``campaigns.agents``."""
    config = Config(
        agent=AgentConfig(f"campaigns.agents:{agent}", isolation=isolation, timeout_s=timeout_s, version="1"),  # type: ignore[arg-type]
        tools=TOOLS,
        campaign=CampaignConfig(**{"operators": OPERATORS, **campaign}),
        gate=GateConfig(min_families=()),
        folder=str(Path(__file__).parents[1]),
    )
    return Shop(config, traces, store or Memory())
