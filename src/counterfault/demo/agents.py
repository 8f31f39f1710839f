"""The two agents of the demo: one as it is first written, one as it is after a year of incidents."""

from counterfault.demo.careful import careful
from counterfault.demo.hasty import hasty

__all__ = ["careful", "hasty"]
