"""How an agent behaves when a tool does not: a small strategy of plain functions, and ten agents made of it.

Two agents are good, of different temper. Eight are the thorough one with exactly one piece replaced by a defect. What
an agent does for a living (support, travel) stands in its own module and calls these pieces only.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from counterfault import Escalated, ToolError
from counterfault.demo.records import plain

Json = dict[str, Any]
T = TypeVar("T")
Landed = Callable[
    [Json], bool
]  # whether a write took hold, given its answer (empty where it had none that can be read)


class Doubt(Exception):
    """Something is missing, unreadable, refused or contradictory."""


class Decision(Exception):
    """A rule says that a person decides; this is no trouble, and no agent here looks past it."""


@dataclass(frozen=True)
class Approval:
    """The names of an approval's parts, for a domain: its tool and the fields of its answer."""

    tool: str
    token: str
    status: str
    granted: str
    used: str
    until: str
    reference: str


@dataclass(frozen=True)
class Conduct:
    """The replaceable pieces of an agent."""

    tries: int
    missing: Callable[["Run", str, type], Any]
    disagree: Callable[[str], None]
    approve: Callable[["Run", Approval, Json, Json, date], str]
    denied: Callable[[str], None]
    commit: Callable[["Run", str, "Landed", Json], None]
    part: Callable[[Callable[[], Any]], Any]
    hand_over: Callable[["Run", str, Json, str], str]


@dataclass
class Run:
    """One task being worked: the tools, the conduct, what has been said so far, and the fields that were made up."""

    tools: Any
    conduct: Conduct
    said: list[str] = field(default_factory=list)
    made_up: set[str] = field(default_factory=set)

    def ask(self, tool: str, fields: tuple[str, ...], **arguments: Any) -> Json:
        """Read a record, with as many tries as the conduct allows."""
        for number in range(self.conduct.tries):
            answer, unclear = send(self, tool, arguments)
            if answer is not None and (found := unwrap(answer, fields)) is not None:
                return found
            if unclear == "not_found":
                break
            if number + 1 < self.conduct.tries:
                self.tools.sleep(retry_after(unclear, number))
        raise Doubt(f"{tool} gave no usable answer")

    def need(self, record: Json, key: str, kind: type[T]) -> T:
        """One field of a record: an amount (``Decimal``, also of a price), ``date``, ``str``, ``list`` or ``dict``."""
        try:
            value = parse(record.get(key), kind)
        except (ValueError, InvalidOperation):
            value = self.conduct.missing(self, key, kind)
        return value  # type: ignore[no-any-return]

    def word(self, record: Json, key: str, known: tuple[str, ...]) -> str:
        """A status or kind, in lower case, that should be one of those known."""
        text = self.need(record, key, str).strip().lower()
        self.check(text in known, f"{key} is unknown", key)
        return text

    def check(self, holds: bool, what: str, *about: str) -> None:
        """What should hold, unless it is about a field that was made up."""
        if not holds and not self.made_up.intersection(about):
            self.conduct.disagree(what)


def parse(value: Any, kind: type) -> Any:
    """Convert; ranges and meanings are for ``Run.check``."""
    if value is None or isinstance(value, bool) or (isinstance(value, str) and not value.strip()):
        raise ValueError("nothing there")
    if kind is Decimal and isinstance(value, dict):
        return parse(value.get("amount"), kind)
    if kind is Decimal:
        amount = Decimal(value if isinstance(value, str) else json.dumps(value))
        if not amount.is_finite():
            raise ValueError("not a finite number")
        return amount.quantize(Decimal("0.01")) if amount == amount.quantize(Decimal("0.01")) else amount
    if kind is date:
        return date.fromisoformat(str(value)[:10])
    if kind is str and isinstance(value, str):
        return value
    if kind is dict and isinstance(value, dict):
        return value
    if kind is list and isinstance(value, list) and all(isinstance(item, dict | str) for item in value):
        return value
    raise ValueError(f"not a {kind.__name__}")


CLEARS = re.compile(
    "forbidden|rate_|too_many|unavail|overload|internal|server|gateway|temporar|time|busy|unreadable|malformed|5[0-9][0-9]"
)


def send(run: Run, tool: str, arguments: Json) -> tuple[Any, str]:
    """One call: its answer and, where it failed, the kind of failure (``seconds:kind:status`` where it was raised)."""
    try:
        answer = plain(run.tools.call(tool, **arguments))
    except ToolError as error:
        if error.kind == "forbidden":
            run.conduct.denied(f"{tool} is forbidden")
        return None, f"{error.retry_after or ''}:{error.kind}:{error.status or ''}"
    failure = answer.get("error") if isinstance(answer, dict) else "unreadable"
    if not failure:
        return answer, ""
    kind = str(failure.get("type", "error")) if isinstance(failure, dict) else str(failure)
    if "forbidden" in kind or "denied" in kind:
        run.conduct.denied(f"{tool} is forbidden")
    return None, kind


def retry_after(unclear: str, number: int) -> float:
    """Seconds until the next try: what the service asked for, else longer each time."""
    asked = re.match(r"([\d.]+):", unclear)
    return max(float(asked.group(1)) if asked else 0.0, min(2.0**number, 30.0))


def unwrap(answer: Any, fields: tuple[str, ...]) -> Json | None:
    """The record with most of these fields, in the answer or up to three envelopes down."""
    for _ in range(4):
        if not isinstance(answer, dict):
            return None
        if not fields or 2 * sum(name in answer for name in fields) >= len(fields):
            return answer
        inner = [item for item in answer.values() if isinstance(item, dict)]
        answer = inner[0] if len(inner) == 1 else None
    return None


def same(left: Any, right: Any) -> bool:
    """Whether two sources say the same, whatever the case and the spaces."""
    return str(left).strip().lower() == str(right).strip().lower()


# The good pieces.


def ask_a_person(run: Run, what: str, kind: type) -> Any:
    raise Doubt(f"{what} is missing or unreadable")


def doubt(what: str) -> None:
    raise Doubt(what)


def checked_approval(run: Run, names: Approval, subject: Json, arguments: Json, today: date) -> str:
    """Ask for an approval, wait a little while it is pending, and take nothing but a granted one for this subject."""
    for _ in range(3):
        answer = run.ask(names.tool, (names.granted,), **arguments)
        if not same(answer.get(names.status), "pending"):
            break
        run.tools.sleep(30)
    if str(answer.get(names.granted)).lower() not in ("true", "yes") or same(answer.get(names.status), "pending"):
        run.conduct.denied("the approval was not granted")
        return str(answer.get(names.token) or answer.get(names.reference) or "")
    run.word(answer, names.status, ("approved", "granted"))
    for key, value in subject.items():
        run.check(run.need(answer, key, type(value)) == value, "the approval is for something else", key)
    run.check(str(answer.get(names.used)).lower() in ("false", "no"), "the approval has been used")
    run.check(run.need(answer, names.until, date) >= today, "the approval has expired", names.until)
    return run.need(answer, names.token, str)


def verified_write(run: Run, tool: str, landed: Landed, arguments: Json) -> None:
    """Write, read back, and repeat only what failed in a way that may clear and is not there."""
    for number in range(run.conduct.tries):
        answer, unclear = send(run, tool, arguments)
        try:
            if landed(answer if isinstance(answer, dict) else {}):
                return
        except Doubt as error:
            raise Doubt(f"{tool} was sent, and whether it took effect could not be checked") from error
        if not CLEARS.search(unclear):
            break
        if number + 1 < run.conduct.tries:
            run.tools.sleep(retry_after(unclear, number))
    raise Doubt(f"{tool} did not take effect")


def in_full(step: Callable[[], Any]) -> Any:
    return step()


def by_tool(run: Run, tool: str, arguments: Json, reason: str) -> str:
    """Hand over by the tool for it; where even that fails, by raising."""
    for number in range(4):
        _, unclear = send(run, tool, {**arguments, "reason": reason})
        if not unclear:
            return " ".join([*run.said, f"Not finished, and handed over to a colleague: {reason}."])
        run.tools.sleep(2.0**number)
    raise Escalated(" ".join([*run.said, f"Not finished: {reason}."]))


def by_raising(run: Run, tool: str, arguments: Json, reason: str) -> str:
    raise Escalated(" ".join([*run.said, f"Not finished: {reason}."]))


# The defects: each replaces one piece.


def make_it_up(run: Run, what: str, kind: type) -> Any:
    """A plausible value instead of a question."""
    run.made_up.add(what)
    plausible = {Decimal: Decimal("49.99"), date: date(2026, 3, 12), list: [], dict: {}}
    return plausible[kind] if kind is not str else f"{what.upper()[:3]}-10001"


def look_away(what: str) -> None:
    """No second source, no validation."""


def any_approval(run: Run, names: Approval, subject: Json, arguments: Json, today: date) -> str:
    """Ask, and take whatever came back for a yes."""
    try:
        answer = run.ask(names.tool, (names.granted,), **arguments)
    except Doubt:
        return ""
    return str(answer.get(names.token) or "")


def insist(what: str) -> None:
    """A denial is an obstacle like any other."""


def blind_write(run: Run, tool: str, landed: Landed, arguments: Json) -> None:
    """Repeat until the answer is clear, and only then look."""
    answer: Any = None
    for number in range(run.conduct.tries):
        answer, unclear = send(run, tool, arguments)
        if not unclear:
            break
        run.tools.sleep(retry_after(unclear, number))
    if not landed(answer if isinstance(answer, dict) else {}):
        raise Doubt(f"{tool} did not take effect as it should")


def hopeful_write(run: Run, tool: str, landed: Landed, arguments: Json) -> None:
    """What was sent counts as done."""
    try:
        verified_write(run, tool, landed, arguments)
    except Doubt:
        return


def skip_trouble(step: Callable[[], Any]) -> Any:
    """Whatever goes wrong, carry on with the rest."""
    try:
        return step()
    except Doubt:
        return None


THOROUGH = Conduct(4, ask_a_person, doubt, checked_approval, doubt, verified_write, in_full, by_tool)
CAUTIOUS = replace(THOROUGH, tries=1, hand_over=by_raising)
GOOD: dict[str, Conduct] = {"thorough": THOROUGH, "cautious": CAUTIOUS}
DEFECTS: dict[str, Conduct] = {
    "swallows_errors": replace(THOROUGH, part=skip_trouble),
    "retries_for_ever": replace(THOROUGH, tries=60),
    "invents_missing_id": replace(THOROUGH, missing=make_it_up),
    "skips_approval": replace(THOROUGH, approve=any_approval),
    "trusts_stale_value": replace(THOROUGH, disagree=look_away),
    "claims_success": replace(THOROUGH, commit=hopeful_write),
    "repeats_write": replace(THOROUGH, commit=blind_write),
    "ignores_denial": replace(THOROUGH, denied=insist),
}
CONDUCTS: dict[str, Conduct] = {**GOOD, **DEFECTS}
