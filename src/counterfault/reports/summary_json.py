"""A campaign and its gate as one JSON object: what `run`, `resume` and `gate` print with ``--json``."""

from collections.abc import Mapping

from counterfault.campaign.gate import Gate
from counterfault.campaign.summary import Summary
from counterfault.core.jsontree import JSON
from counterfault.core.score import Rate

_KEYS = (
    *("rate", "low", "high", "lower_bound", "upper_bound", "attempts", "traces", "passed", "recovered", "escalated"),
    *("needless", "failed", "unknown", "void", "unresolved", "not_reached", "not_delivered", "delivered", "exercised"),
)


def data(summary: Summary, gate: Gate | None, report_path: str | None) -> dict[str, JSON]:
    """What `run` and `resume` print. ``gate`` is null where it was not applied; paths are as given."""
    return {
        "campaign_id": summary.campaign_id,
        "agent": summary.agent,
        "status": summary.status,
        "reasons": list(summary.reasons),
        "counts": dict(summary.counts),
        "findings": dict(summary.findings),
        "rates": _rates(summary),
        "control": {**_rate(summary.control), "kept": summary.controls_kept, "of": summary.traces},
        "reached": summary.reached,
        "delivered": summary.delivered,
        "origins": dict(summary.origins),
        "load": {name: getattr(summary.load, name) for name in summary.load.__slots__},
        "notes": list(summary.notes),
        "gate": _decision(gate) if gate else None,
        "report_path": report_path,
    }


def gate_data(summary: Summary, gate: Gate) -> dict[str, JSON]:
    """What `gate` prints."""
    return {
        "campaign_id": summary.campaign_id,
        **_decision(gate),
        "rates": _rates(summary),
        "counts": dict(summary.counts),
    }


def _decision(gate: Gate) -> dict[str, JSON]:
    checks: list[JSON] = [
        {"name": check.name, "value": check.value, "limit": check.limit, "ok": check.ok} for check in gate.checks
    ]
    return {"decision": gate.decision, "reasons": list(gate.reasons), "checks": checks}


def _rates(summary: Summary) -> dict[str, JSON]:
    def table(rates: Mapping[str, Rate]) -> dict[str, JSON]:
        return {name: _rate(rate) for name, rate in rates.items()}

    return {
        "overall": _rate(summary.overall),
        "by_family": table(summary.by_family),
        "by_operator": table(summary.by_operator),
    }


def _rate(rate: Rate) -> dict[str, JSON]:
    return {key: getattr(rate, key) for key in _KEYS}
