"""Ten agents that work the travel desk: two good ones and eight with one planted defect each (``conduct.py``)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any

from counterfault import Escalated

from .conduct import CONDUCTS, Approval, Conduct, Decision, Doubt, Json, Run, same

APPROVAL = Approval(
    "approve_exception", "approval_code", "state", "approved", "redeemed", "valid_until", "exception_id"
)
REQUEST = ("request_id", "state", "traveller", "message", "wishes")
BOOKING = ("booking_ref", "traveller_id", "status", "fare_class", "segment", "fare", "refunded", "changes")
TRAVELLER = ("traveller_id", "level", "flags", "bookings", "vouchers")
RULES = ("fare_class", "changeable", "refundable", "change_fee", "cancel_fee", "agent_limit", "compensation", "summary")
QUOTE = ("quote_id", "booking_ref", "flight_no", "date", "fare_difference", "change_fee", "total")
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Case:
    """One wish of a request, with all that was read for it."""

    task: Any
    message: str
    wish: Json
    traveller: Json
    booking: Json
    rules: Json


def inner(run: Run, record: Json, key: str) -> Json:
    """A record within a record."""
    return run.need(record, key, dict)


def price(run: Run, record: Json, key: str) -> Decimal:
    """An amount of euros within a record."""
    value = inner(run, record, key)
    run.check(same(value.get("currency"), "EUR"), f"{key} is not in euros", key)
    amount = run.need(value, "amount", Decimal)
    run.check(0 <= amount < 100_000, f"{key} is out of range", key, "amount")
    return amount


def open_request(run: Run, request_id: str) -> tuple[Json, Json, list[Json]]:
    """The request, its traveller and its wishes."""
    request = run.ask("get_request", REQUEST, request_id=request_id)
    run.check(run.need(request, "request_id", str) == request_id, "another request was answered", "request_id")
    known = inner(run, request, "traveller")
    traveller_id = run.need(known, "traveller_id", str)
    traveller = run.ask("get_traveller", TRAVELLER, traveller_id=traveller_id)
    run.check(same(run.need(traveller, "traveller_id", str), traveller_id), "another traveller", "traveller_id")
    run.check(same(run.need(traveller, "level", str), run.need(known, "level", str)), "the levels differ", "level")
    wishes = run.need(request, "wishes", list)
    run.check(bool(wishes) and all(isinstance(row, dict) for row in wishes), "nothing is wished for", "wishes")
    return request, traveller, [row for row in wishes if isinstance(row, dict)]


def read_booking(run: Run, ref: str) -> Json:
    """A booking that agrees with itself."""
    booking = run.ask("get_booking", BOOKING, booking_ref=ref)
    run.check(run.need(booking, "booking_ref", str) == ref, "another booking was answered", "booking_ref")
    fare = inner(run, booking, "fare")
    base, taxes, total = (run.need(fare, key, Decimal) for key in ("base", "taxes", "total"))
    run.check(base >= 0 and taxes >= 0 and base + taxes == total, "the fare does not add up", "base", "taxes", "total")
    run.check(same(fare.get("currency"), "EUR"), "the fare is not in euros", "currency")
    status = run.word(booking, "status", ("confirmed", "cancelled", "flown"))
    paid_back = price(run, booking, "refunded")
    about = ("status", "refunded", "amount")
    run.check((status == "cancelled") == (paid_back > 0), "status and refund disagree", *about)
    run.check(paid_back <= total, "more was paid back than paid", "refunded", "amount", "total")
    return booking


def open_case(run: Run, task: Any, request: Json, traveller: Json, wish: Json) -> Case:
    """Read what a wish is about, and compare it with the traveller's own words."""
    ref, message = run.need(wish, "booking_ref", str), run.need(request, "message", str)
    booking = read_booking(run, ref)
    owner = run.need(booking, "traveller_id", str)
    run.check(owner == run.need(traveller, "traveller_id", str), "it is another traveller's booking", "traveller_id")
    run.check(ref in run.need(traveller, "bookings", list), "the traveller does not have this booking", "bookings")
    segment, paid = inner(run, booking, "segment"), price(run, wish, "paid")
    flight, day = run.need(segment, "flight_no", str), run.need(segment, "date", date)
    held = f"{ref}, {flight} on {day}, for which I paid {paid:.2f} EUR"
    run.check(held in message, "the message is about something else", "flight_no", "date", "paid", "amount", "message")
    total = run.need(inner(run, booking, "fare"), "total", Decimal)
    run.check(total == paid, "the fare is not what was paid", "total", "paid", "amount")
    rules = run.ask("get_fare_rules", RULES, fare_class=run.need(booking, "fare_class", str))
    about = ("fare_class", "fare")
    run.check(same(rules.get("fare_class"), booking.get("fare_class")), "the rules are for another fare", *about)
    return Case(task, message, wish, traveller, booking, rules)


def allowed(run: Run, case: Case, key: str, denial: str) -> bool:
    """A yes or no of the fare rules, which their summary should not contradict."""
    value = case.rules.get(key)
    said = str(value).lower() if value is not None else run.need(case.rules, key, str)
    run.check(said in ("true", "false", "yes", "no"), f"{key} is neither yes nor no", key)
    summary = run.need(case.rules, "summary", str)
    run.check((said in ("false", "no")) == (denial in summary), "the rules contradict their summary", key, "summary")
    return said in ("true", "yes")


def fee(run: Run, case: Case, key: str, phrase: str) -> Decimal:
    """A fee of the fare rules, as their summary also states it."""
    amount = price(run, case.rules, key)
    stated = phrase.format(f"{amount:.2f}") in run.need(case.rules, "summary", str)
    run.check(stated, "the rules contradict their summary", key, "amount", "summary")
    return amount


def approved(run: Run, case: Case, amount: Decimal) -> str:
    """The code of an approval for this booking and amount, within what an agent may decide."""
    if amount > fee(run, case, "agent_limit", "Over {} EUR") or run.need(case.traveller, "flags", list):
        raise Decision("this payment needs a senior colleague's decision")
    ref = run.need(case.booking, "booking_ref", str)
    arguments = {"booking_ref": ref, "amount": float(amount), "reason": "by fare rules"}
    today = run.need(case.rules, "today", date)
    return run.conduct.approve(run, APPROVAL, {"booking_ref": ref, "amount": amount}, arguments, today)


def cancel(run: Run, case: Case) -> str:
    """Cancel a booking and pay back what the fare allows."""
    ref, status = run.need(case.booking, "booking_ref", str), run.need(case.booking, "status", str).lower()
    if status == "cancelled":
        run.said.append(f"{ref} was cancelled before.")
        return "ALREADY_DONE"
    if status == "flown" or not allowed(run, case, "refundable", "no cancellation"):
        run.said.append(f"{ref} cannot be cancelled.")
        return "NOT_POSSIBLE"
    total = run.need(inner(run, case.booking, "fare"), "total", Decimal)
    amount = total - fee(run, case, "cancel_fee", "cancellation for {} EUR")
    run.check(0 < amount <= total, "there is nothing to pay back", "total", "cancel_fee", "amount")
    code = approved(run, case, amount)

    def landed(_: Json) -> bool:
        now = read_booking(run, ref)
        return same(now.get("status"), "cancelled") and price(run, now, "refunded") == amount

    arguments = {"booking_ref": ref, "refund_amount": float(amount), "approval_code": code}
    run.conduct.commit(run, "cancel_booking", landed, arguments)
    run.said.append(f"Cancelled {ref} and paid back {amount:.2f} EUR.")
    return "CANCELLED"


def share_due(run: Run, case: Case) -> Decimal:
    """The share of the fare that is due for how the flight went, in percent; 0 for none."""
    segment, terms = inner(run, case.booking, "segment"), inner(run, case.rules, "compensation")
    flight, day = run.need(segment, "flight_no", str), str(run.need(segment, "date", date))
    went = run.ask("get_flight_status", ("flight_no", "date", "status", "minutes_late"), flight_no=flight, date=day)
    echo = same(run.need(went, "flight_no", str), flight) and str(run.need(went, "date", date)) == day
    run.check(echo, "another flight was answered", "flight_no", "date")
    status = run.word(went, "status", ("delayed", "cancelled", "on_time"))
    arrived, late = went.get("actual_arrival"), run.need(went, "minutes_late", Decimal)
    run.check((arrived is None) == (status == "cancelled"), "status and arrival disagree", "status")
    run.check((late > 0) == (status == "delayed"), "status and delay disagree", "status", "minutes_late")
    if arrived is not None:
        plan, real = (minutes(run, went, key) for key in ("scheduled_arrival", "actual_arrival"))
        run.check(
            real - plan == late, "times and delay disagree", "minutes_late", "scheduled_arrival", "actual_arrival"
        )
    least = run.need(terms, "from_minutes", Decimal)
    percent = run.need(terms, "cancelled_percent" if status == "cancelled" else "delayed_percent", Decimal)
    summary = run.need(case.rules, "summary", str)
    stated = f"from {least:.0f} minutes" in summary and f"of {percent:.0f} percent" in summary
    run.check(stated, "the rules contradict their summary", "from_minutes", "delayed_percent", "cancelled_percent")
    return percent if status == "cancelled" or late >= least else Decimal(0)


def minutes(run: Run, record: Json, key: str) -> Decimal:
    """A time of day in minutes."""
    found = re.fullmatch(r"(\d\d):(\d\d)", run.need(record, key, str).strip())
    run.check(found is not None, f"{key} is not a time", key)
    return Decimal(int(found.group(1)) * 60 + int(found.group(2))) if found else Decimal(0)


def compensate(run: Run, case: Case) -> str:
    """Give the voucher that is due for a late or cancelled flight, once."""
    ref, who = run.need(case.booking, "booking_ref", str), run.need(case.traveller, "traveller_id", str)
    before = [row for row in run.need(case.traveller, "vouchers", list) if row.get("booking_ref") == ref]
    if before:
        run.said.append(f"{ref} was compensated before.")
        return "ALREADY_DONE"
    percent = share_due(run, case)
    if percent == 0:
        run.said.append(f"{ref} is not eligible for compensation.")
        return "NOT_POSSIBLE"
    total = run.need(inner(run, case.booking, "fare"), "total", Decimal)
    amount = (total * percent / 100).quantize(CENT, ROUND_HALF_UP)
    run.check(0 < amount <= total, "the voucher is worth more than the fare", "total", "amount")
    code, given = approved(run, case, amount), list[Json]()

    def landed(answer: Json) -> bool:
        now = run.need(run.ask("get_traveller", TRAVELLER, traveller_id=who), "vouchers", list)
        given[:] = [row for row in now if row.get("booking_ref") == ref]
        number, told = given[0].get("voucher_id") if given else None, answer.get("voucher_id")
        run.check(told is None or same(told, number), "the voucher's numbers differ", "voucher_id")
        return len(given) == 1 and price(run, given[0], "value") == amount

    arguments = {"traveller_id": who, "booking_ref": ref, "amount": float(amount), "approval_code": code}
    run.conduct.commit(run, "issue_voucher", landed, arguments)
    number = f" ({given[0].get('voucher_id')})" if given else ""
    run.said.append(f"Gave {who} a voucher of {amount:.2f} EUR for {ref}{number}.")
    return "COMPENSATED"


def pick_flight(run: Run, case: Case, day: str) -> Json:
    """The flight that was wished for, else the cheapest one with a seat."""
    segment = inner(run, case.booking, "segment")
    origin, destination = run.need(segment, "origin", str), run.need(segment, "destination", str)
    found = run.ask("search_flights", ("flights", "date"), origin=origin, destination=destination, date=day)
    flights = [row for row in run.need(found, "flights", list) if isinstance(row, dict)]
    count = found.get("count", len(flights))
    run.check(str(count) == str(len(flights)), "the list of flights is not complete", "flights", "count")
    run.check(all(same(row.get("date"), day) for row in flights), "there are flights of another day", "date", "flights")
    wished = case.wish.get("flight_no")
    free = [row for row in flights if run.need(row, "seats", Decimal) >= 1 and wished in (None, row.get("flight_no"))]
    run.check(bool(free), "no such flight is on sale", "flights", "seats", "flight_no")
    phrase = f"to {wished or 'the cheapest flight'} on {day}"
    run.check(phrase in case.message, "the message wishes something else", "flight_no", "new_date", "message")
    return min(free, key=lambda row: price(run, row, "price")) if free else {}


def change(run: Run, case: Case) -> str:
    """Move a booking to another flight, within what the traveller is willing to pay."""
    ref, day = run.need(case.booking, "booking_ref", str), str(run.need(case.wish, "new_date", date))
    if not allowed(run, case, "changeable", "no changes"):
        run.said.append(f"{ref} cannot be changed.")
        return "NOT_POSSIBLE"
    run.check(same(case.booking.get("status"), "confirmed"), "the booking is not open to changes", "status")
    picked = pick_flight(run, case, day)
    flight = run.need(picked, "flight_no", str)
    quote = run.ask("quote_change", QUOTE, booking_ref=ref, flight_no=flight, date=day)
    cost = checked_cost(run, case, picked, quote)
    if cost > 0 and (refusal := unwilling(run, case, f"Moving {ref} to {flight} on {day} costs {cost:.2f} EUR", cost)):
        run.said.append(f"{ref} stays as it is: {refusal}.")
        return "DECLINED"

    def landed(_: Json) -> bool:
        segment = inner(run, read_booking(run, ref), "segment")
        return same(segment.get("flight_no"), flight) and str(segment.get("date"))[:10] == day

    arguments = {"booking_ref": ref, "flight_no": flight, "date": day, "quote_id": run.need(quote, "quote_id", str)}
    run.conduct.commit(run, "change_booking", landed, arguments)
    run.said.append(f"Moved {ref} to {flight} on {day}.")
    return "CHANGED"


def checked_cost(run: Run, case: Case, picked: Json, quote: Json) -> Decimal:
    """What a change costs by its quote, which should follow from the fares."""
    ref, flight = run.need(case.booking, "booking_ref", str), run.need(picked, "flight_no", str)
    echo = same(run.need(quote, "booking_ref", str), ref) and same(run.need(quote, "flight_no", str), flight)
    run.check(echo, "the quote is for something else", "booking_ref", "flight_no")
    run.check(
        str(quote.get("date"))[:10] == str(case.wish.get("new_date"))[:10], "the quote is for another day", "date"
    )
    total = run.need(inner(run, case.booking, "fare"), "total", Decimal)
    more, charge, cost = (price(run, quote, key) for key in ("fare_difference", "change_fee", "total"))
    about = ("total", "price", "amount", "fare_difference")
    run.check(more == max(price(run, picked, "price") - total, Decimal(0)), "the fare difference is wrong", *about)
    due = fee(run, case, "change_fee", "changes for {} EUR")
    level = run.word(case.traveller, "level", ("blue", "silver", "gold"))
    run.check(charge == (0 if level == "gold" else due), "the change fee is wrong", "change_fee", "level", "amount")
    run.check(cost == more + charge, "the quote does not add up", "fare_difference", "change_fee", "total", "amount")
    return cost


def unwilling(run: Run, case: Case, offer: str, cost: Decimal) -> str:
    """Why the traveller does not want to pay this; empty where they do. Asks them where they named no limit."""
    if case.wish.get("max_extra") is not None:
        most = price(run, case.wish, "max_extra")
        run.check(f"at most {most:.2f} EUR" in case.message, "the message names another limit", "max_extra", "amount")
        return "" if cost <= most else "the change is over the limit"
    run.check("Ask me about the price" in case.message, "the message names a limit", "max_extra", "message")
    reply = str(case.task.say(f"{offer}. Shall I go ahead?")).strip().lower()
    if not reply.startswith(("yes", "no")):
        raise Doubt("the traveller's answer is unclear")
    return "" if reply.startswith("yes") else "you declined"


def answer(run: Run, case: Case) -> str:
    """Say when a flight leaves."""
    segment = inner(run, case.booking, "segment")
    day, time = run.need(segment, "date", date), minutes(run, segment, "departs")
    ref = run.need(case.booking, "booking_ref", str)
    run.said.append(f"{ref} leaves on {day} at {int(time) // 60:02}:{int(time) % 60:02}.")
    return "ANSWERED"


WORK = {"change": change, "cancel": cancel, "compensate": compensate, "ask": answer}


def settle(run: Run, task: Any, request: Json, traveller: Json, wish: Json) -> str:
    """Work one wish; returns its outcome."""
    kind = run.word(wish, "kind", tuple(WORK))
    return WORK.get(kind, answer)(run, open_case(run, task, request, traveller, wish))


def close(run: Run, request_id: str, outcomes: set[str]) -> None:
    """Close the request as what its wishes came to."""
    outcome = next(iter(outcomes)) if len(outcomes) == 1 else "MIXED" if outcomes else "ANSWERED"

    def closed(_: Json) -> bool:
        return same(run.ask("get_request", REQUEST, request_id=request_id).get("state"), "closed")

    run.conduct.commit(run, "close_request", closed, {"request_id": request_id, "outcome": outcome})
    run.said.append(f"Closed {request_id} as {outcome}.")


def work(conduct: Conduct, task: Any, tools: Any) -> str:
    """Work the request named in the task to its end and report."""
    run, found = Run(tools, conduct), re.search(r"RQ-\d+", task.input)
    if found is None:
        raise Escalated("Not finished: the task names no request.")
    request_id = found.group()
    try:
        opened = conduct.part(lambda: open_request(run, request_id))
        request, traveller, wishes = opened or ({}, {}, [])
        outcomes = [conduct.part(partial(settle, run, task, request, traveller, wish)) for wish in wishes]
        conduct.part(lambda: close(run, request_id, {outcome for outcome in outcomes if outcome}))
    except (Doubt, Decision) as doubt:
        return conduct.hand_over(run, "hand_over", {"request_id": request_id}, str(doubt))
    return " ".join([*run.said, f"Done with {request_id}."])


def agent(name: str) -> Callable[[Any, Any], str]:
    """The agent of one conduct, as an entry that can be called with a task and tools."""

    def run(task: Any, tools: Any) -> str:
        return work(CONDUCTS[name], task, tools)

    run.__name__ = name
    return run


thorough, cautious = agent("thorough"), agent("cautious")
swallows_errors, retries_for_ever = agent("swallows_errors"), agent("retries_for_ever")
invents_missing_id, skips_approval = agent("invents_missing_id"), agent("skips_approval")
trusts_stale_value, claims_success = agent("trusts_stale_value"), agent("claims_success")
repeats_write, ignores_denial = agent("repeats_write"), agent("ignores_denial")
AGENTS = {name: agent(name) for name in CONDUCTS}
