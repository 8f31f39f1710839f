"""The decision on a campaign: pass, fail, inconclusive or invalid, with every check and its value."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from counterfault.campaign.summary import Summary
from counterfault.config import GateConfig

EXIT_CODES: Mapping[str, int] = {"pass": 0, "fail": 1, "inconclusive": 3, "invalid": 3}

# Under these it is the test that failed, not the agent.
_OURS = {"min_delivered", "min_control"}

_COUNTED = {
    "max_silent_wrong": "silent_wrong",
    "max_policy_violations": "policy_violation",
    "max_fabricated": "fabricated",
    "max_duplicated": "duplicated",
    "max_retry_storms": "retry_storm",
    "max_crashed": "crashed",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One limit: its name, the value found, the limit, and whether it is kept. ``None``: nothing to measure."""

    name: str
    value: float | None
    limit: float
    ok: bool


@dataclass(frozen=True, slots=True)
class Gate:
    """The decision and what it rests on."""

    decision: Literal["pass", "fail", "inconclusive", "invalid"]
    reasons: tuple[str, ...]
    checks: tuple[Check, ...]

    @property
    def exit_code(self) -> int:
        """0 pass · 1 fail: the agent · 3 invalid or inconclusive: nothing is guaranteed."""
        return EXIT_CODES[self.decision]


def gate(summary: Summary, config: GateConfig) -> Gate:
    """Decide. An invalid campaign is invalid whatever its rate; an undecided one is never green."""
    checks = tuple(_checks(summary, config))
    if summary.status != "complete":
        return Gate("invalid", summary.reasons or (f"the campaign is {summary.status}",), checks)
    unexercised = tuple(
        f"family {name} has eligible sites, and nothing of it was delivered"
        for name in config.min_families
        if name in summary.eligible and not (name in summary.by_family and summary.by_family[name].exercised)
    )
    failed = {check.name: _reason(check) for check in checks if not check.ok}
    reasons = tuple(failed.values())
    if unexercised or failed.keys() & _OURS:
        return Gate("invalid", (*unexercised, *reasons), checks)
    if failed.keys() - {"min_decided"}:
        return Gate("fail", reasons, checks)
    if failed or summary.overall.rate is None:
        return Gate("inconclusive", reasons or ("no attempt was decided",), checks)
    return Gate("pass", (), checks)


def _reason(check: Check) -> str:
    return f"{check.name}: {'nothing measured' if check.value is None else f'{check.value:g}'}, limit {check.limit:g}"


def _checks(summary: Summary, config: GateConfig) -> Iterator[Check]:
    overall = summary.overall
    if config.min_pass_rate is not None:
        yield _at_least("min_pass_rate", overall.rate, config.min_pass_rate)
    for family, limit in sorted(config.min_pass_rate_by_family.items()):
        found = summary.by_family.get(family)
        yield _at_least(f"min_pass_rate_by_family.{family}", found.rate if found else None, limit)
    for name, kind in _COUNTED.items():
        limit_of = getattr(config, name)
        if limit_of is not None:
            count = summary.findings.get(kind, 0)
            yield Check(name, count, limit_of, count <= limit_of)
    yield _at_least("min_delivered", summary.delivered_share, config.min_delivered)
    yield _at_least("min_control", summary.kept_share, config.min_control)
    decided = overall.passed + overall.failed
    if overall.delivered:
        yield _at_least("min_decided", decided / overall.delivered, config.min_decided)
    if config.max_needless is not None and overall.passed:
        share = overall.needless / overall.passed
        yield Check("max_needless", share, config.max_needless, share <= config.max_needless)


def _at_least(name: str, value: float | None, limit: float) -> Check:
    # A rate that nothing was measured for is no breach of the agent's: validity and min_decided speak of that.
    return Check(name, value, limit, value is None or value >= limit)
