"""Counterfault: replay the runs your agent has already had, under the faults it has not had yet."""

from counterfault.core.errors import (
    AttemptEnded,
    ConversationOver,
    CounterfaultError,
    Escalated,
    InputError,
    StoreError,
    ToolError,
    ToolTimeout,
    ToolUnavailable,
    UsageError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from counterfault.agents._decorator import tool
    from counterfault.agents._recorder import Run, record
    from counterfault.agents._tools import Task, Tools

_LATER = {
    "Run": "counterfault.agents._recorder",
    "Task": "counterfault.agents._tools",
    "Tools": "counterfault.agents._tools",
    "record": "counterfault.agents._recorder",
    "tool": "counterfault.agents._decorator",
}

__all__ = [
    "AttemptEnded",
    "ConversationOver",
    "CounterfaultError",
    "Escalated",
    "InputError",
    "Run",
    "StoreError",
    "Task",
    "ToolError",
    "ToolTimeout",
    "ToolUnavailable",
    "Tools",
    "UsageError",
    "record",
    "tool",
]


def __getattr__(name: str) -> object:
    """What an agent in production rarely needs is imported when it is first named."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    found: object = getattr(importlib.import_module(_LATER[name]), name)
    globals()[name] = found
    return found
