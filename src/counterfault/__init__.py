"""Counterfault: replay the runs your agent has already had, under the faults it has not had yet."""

from counterfault.core.errors import Escalated, ToolError, ToolTimeout, ToolUnavailable

__all__ = ["Escalated", "ToolError", "ToolTimeout", "ToolUnavailable"]
