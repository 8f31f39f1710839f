"""How far a campaign is: one live line on a terminal, elsewhere a line now and then."""

import shutil
from collections.abc import Callable
from time import monotonic
from typing import TextIO

from counterfault.campaign.summary import deciding
from counterfault.core.events import AttemptJudged, CampaignFinished, CampaignStarted, Event

_EVERY_S = 30.0
_EVERY_SHARE = 0.1
_REDRAW_S = 0.1


class Progress:
    """Listens to a campaign. On a terminal it redraws one line; else it prints one per 30 s or 10 %."""

    def __init__(self, stream: TextIO, is_tty: bool, clock: Callable[[], float] = monotonic) -> None:
        self._stream, self._is_tty, self._clock = stream, is_tty, clock
        self._planned = self._known = self._made = 0
        self._verdicts = {"fail": 0, "unknown": 0, "void": 0}
        self._groups: set[tuple[str, ...]] = set()
        self._began = self._shown_at = clock()
        self._shown_share = 0.0
        self._live = False

    def on(self, event: Event) -> None:
        """Take in one event."""
        if isinstance(event, CampaignStarted):
            self._planned, self._known = sum(event.planned.values()), event.known
            self._began = self._shown_at = self._clock()
            self._shown_share = self._share
        elif isinstance(event, AttemptJudged) and event.attempt.arm != "sentinel":
            self._count(event)
            self._maybe_show()
        elif isinstance(event, CampaignFinished):
            self._show()

    def close(self) -> None:
        """Leave the cursor on a fresh line."""
        if self._live:
            self._stream.write("\n")
            self._stream.flush()
            self._live = False

    @property
    def line(self) -> str:
        """How far it is, in words."""
        failed = self._verdicts["fail"]
        groups = f" ({len(self._groups)} group{'s' * (len(self._groups) != 1)})" if failed else ""
        passed_s = max(self._clock() - self._began, 1e-9)
        speed = self._made / passed_s
        parts = [
            f"{self._done}/{self._planned}",
            f"✗ {failed} failed{groups}",
            f"? {self._verdicts['unknown']} unknown",
            f"~ {self._verdicts['void']} void",
        ]
        if self._made and passed_s >= 1:
            parts.append(f"{speed:.0f}/s" if speed >= 10 else f"{speed:.1f}/s")
            if left := self._planned - self._done:
                parts.append(f"eta {_span(left / speed)}")
        return "  ".join(parts)

    def _count(self, event: AttemptJudged) -> None:
        self._made += 1
        if event.attempt.arm != "mutant" or event.mutant is None:
            return
        verdict, mutation = event.judgement.verdict, event.mutant.first
        if verdict in self._verdicts:
            self._verdicts[verdict] += 1
        if verdict == "fail":
            finding = deciding(event.judgement)
            code = finding.code if finding else event.judgement.outcome
            site = mutation.site
            self._groups.add((mutation.operator, event.judgement.outcome, code, site.tool, site.pointer))

    @property
    def _done(self) -> int:
        # A resumed campaign judges its stored opening controls once more; they are not counted past the plan.
        return min(self._known + self._made, self._planned)

    @property
    def _share(self) -> float:
        return self._done / self._planned if self._planned else 0.0

    def _maybe_show(self) -> None:
        waited = self._clock() - self._shown_at
        due = waited >= _REDRAW_S if self._is_tty else (
            waited >= _EVERY_S or self._share - self._shown_share >= _EVERY_SHARE
        )
        if due:
            self._show()

    def _show(self) -> None:
        self._shown_at, self._shown_share = self._clock(), self._share
        if self._is_tty:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(f"\r\x1b[2K{self.line[:width]}")
            self._live = True
        else:
            self._stream.write(f"{self.line}\n")
        self._stream.flush()


def _span(seconds: float) -> str:
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    return f"{whole // 60}m{whole % 60:02}s" if whole < 3600 else f"{whole // 3600}h{whole % 3600 // 60:02}m"
