"""What a campaign tells those who listen: reports, the progress line. Plain frozen values, in the order they happen."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from counterfault.core.attempt import Arm, Attempt
from counterfault.core.mutant import Mutant
from counterfault.core.outcome import Judgement


@dataclass(frozen=True, slots=True)
class CampaignStarted:
    """``planned`` attempts by arm; ``known`` of them are stored already. ``notes`` are for the reader."""

    campaign_id: str
    agent: str
    planned: Mapping[Arm, int]
    known: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AttemptJudged:
    """One attempt ended, was judged and is stored."""

    attempt: Attempt
    mutant: Mutant | None
    judgement: Judgement
    control_holds: bool


@dataclass(frozen=True, slots=True)
class CampaignFinished:
    """``status`` is complete, invalid or incomplete; ``reasons`` say why it is not complete."""

    campaign_id: str
    status: str
    reasons: tuple[str, ...]


Event: TypeAlias = CampaignStarted | AttemptJudged | CampaignFinished
