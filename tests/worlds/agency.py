"""The agency behind the travel desk: fares, flights, bookings, travellers and requests, as plain data."""

from typing import Any

Json = dict[str, Any]
TODAY = "2026-04-20"
OUTCOMES = ("CHANGED", "CANCELLED", "COMPENSATED", "NOT_POSSIBLE", "ALREADY_DONE", "DECLINED", "ANSWERED", "MIXED")


def eur(amount: float) -> Json:
    """A price."""
    return {"amount": round(amount, 2), "currency": "EUR"}


# fare class: changeable, refundable, change fee, cancellation fee
FARES: dict[str, tuple[bool, bool, float, float]] = {
    "LIGHT": (False, False, 0.0, 0.0),
    "CLASSIC": (True, True, 35.0, 60.0),
    "FLEX": (True, True, 0.0, 0.0),
}
# flight: origin, destination, departs, arrives
ROUTES: dict[str, tuple[str, str, str, str]] = {
    "LX1618": ("ZRH", "MXP", "07:05", "08:00"),
    "LX1622": ("ZRH", "MXP", "12:20", "13:15"),
    "LH1132": ("FRA", "BCN", "10:10", "12:15"),
    "LH1138": ("FRA", "BCN", "17:30", "19:35"),
    "OS565": ("VIE", "ZRH", "09:40", "11:05"),
    "SN2905": ("BRU", "VIE", "15:25", "17:15"),
}
# (flight, date): price, seats; only these can be sold
SALE: dict[tuple[str, str], tuple[float, int]] = {
    ("LX1618", "2026-05-09"): (148.20, 7), ("LX1622", "2026-05-09"): (121.40, 3),
    ("LX1618", "2026-05-10"): (139.90, 0), ("LX1622", "2026-05-10"): (164.30, 2),
    ("LH1132", "2026-05-16"): (205.75, 4), ("LH1138", "2026-05-16"): (231.10, 9),
    ("LH1132", "2026-05-23"): (188.60, 1), ("OS565", "2026-05-12"): (112.35, 5),
    ("SN2905", "2026-05-14"): (176.80, 6), ("SN2905", "2026-05-19"): (159.45, 8),
}  # fmt: skip
# (flight, date): status, actual arrival, minutes late
FLOWN: dict[tuple[str, str], tuple[str, str | None, int]] = {
    ("LX1618", "2026-04-11"): ("DELAYED", "10:35", 155),
    ("LH1132", "2026-04-09"): ("CANCELLED", None, 0),
    ("OS565", "2026-04-14"): ("DELAYED", "11:50", 45),
    ("SN2905", "2026-04-15"): ("DELAYED", "20:05", 170),
    ("LH1138", "2026-04-12"): ("ON_TIME", "19:35", 0),
    ("LX1622", "2026-04-16"): ("CANCELLED", None, 0),
}
# booking: traveller, fare class, flight, date, base, taxes, status
_BOOKINGS: dict[str, tuple[str, str, str, str, float, float, str]] = {
    "Q7K2LM": ("TR-318", "CLASSIC", "LX1618", "2026-05-02", 96.00, 32.50, "CONFIRMED"),
    "Q8R4TX": ("TR-318", "LIGHT", "OS565", "2026-05-05", 58.00, 27.90, "CONFIRMED"),
    "W3D9PA": ("TR-327", "FLEX", "LH1132", "2026-05-08", 171.00, 44.60, "CONFIRMED"),
    "W5N6HC": ("TR-327", "CLASSIC", "LX1618", "2026-04-11", 88.00, 31.20, "FLOWN"),
    "E2M7ZB": ("TR-340", "CLASSIC", "LH1132", "2026-04-09", 134.00, 39.80, "CONFIRMED"),
    "E6T3VK": ("TR-340", "CLASSIC", "SN2905", "2026-05-07", 102.00, 36.40, "CONFIRMED"),
    "R4X8JD": ("TR-352", "FLEX", "SN2905", "2026-04-15", 149.00, 41.00, "FLOWN"),
    "R9C5WQ": ("TR-352", "FLEX", "SN2905", "2026-05-13", 118.00, 36.40, "CONFIRMED"),
    "T6H2NY": ("TR-365", "CLASSIC", "OS565", "2026-04-14", 64.00, 28.10, "FLOWN"),
    "T8P4KS": ("TR-365", "CLASSIC", "LH1138", "2026-05-11", 142.00, 42.35, "CONFIRMED"),
    "Y5G9MF": ("TR-371", "FLEX", "LH1138", "2026-05-15", 498.00, 71.25, "CONFIRMED"),
    "Y7B3RL": ("TR-371", "CLASSIC", "LX1622", "2026-05-03", 79.00, 30.60, "CONFIRMED"),
    "U4S6XG": ("TR-388", "CLASSIC", "LX1622", "2026-04-16", 91.00, 31.00, "CONFIRMED"),
    "U8V2DT": ("TR-388", "FLEX", "OS565", "2026-05-06", 83.00, 29.40, "CANCELLED"),
    "I3F7CB": ("TR-394", "CLASSIC", "LX1618", "2026-05-04", 93.00, 32.10, "CONFIRMED"),
    "I9L5QH": ("TR-394", "CLASSIC", "SN2905", "2026-05-07", 105.00, 37.15, "CONFIRMED"),
}
_TRAVELLERS: dict[str, tuple[str, str, list[str]]] = {
    "TR-318": ("Nadia Brunner", "BLUE", []), "TR-327": ("Oskar Lund", "SILVER", []),
    "TR-340": ("Chiara Gallo", "BLUE", []), "TR-352": ("Mehmet Aydin", "BLUE", []),
    "TR-365": ("Elise Moreau", "GOLD", []), "TR-371": ("Bram de Wit", "SILVER", []),
    "TR-388": ("Hanna Keller", "BLUE", []), "TR-394": ("Rafael Costa", "BLUE", ["LEGAL_CLAIM"]),
}  # fmt: skip
_VOUCHERS = {"TR-352": [("R4X8JD", 47.50)]}
# request: traveller, [(kind, booking, new date, flight wished, most to spend)], replies of the traveller
Wish = tuple[str, str, str | None, str | None, float | None]
_REQUESTS: dict[str, tuple[str, list[Wish], list[str]]] = {
    "RQ-701": ("TR-318", [("CHANGE", "Q7K2LM", "2026-05-09", None, 40.0)], []),
    "RQ-702": ("TR-318", [("CHANGE", "Q7K2LM", "2026-05-09", "LX1618", None)], ["Yes, please go ahead."]),
    "RQ-703": ("TR-318", [("CHANGE", "Q8R4TX", "2026-05-12", None, 90.0)], []),
    "RQ-704": ("TR-318", [("CANCEL", "Q7K2LM", None, None, None)], []),
    "RQ-705": ("TR-318", [("CANCEL", "Q8R4TX", None, None, None)], []),
    "RQ-706": ("TR-327", [("CHANGE", "W3D9PA", "2026-05-16", "LH1132", 50.0)], []),
    "RQ-707": ("TR-327", [("COMPENSATE", "W5N6HC", None, None, None)], []),
    "RQ-708": ("TR-327", [("CANCEL", "W3D9PA", None, None, None), ("COMPENSATE", "W5N6HC", None, None, None)], []),
    "RQ-709": ("TR-340", [("COMPENSATE", "E2M7ZB", None, None, None)], []),
    "RQ-710": ("TR-340", [("CHANGE", "E6T3VK", "2026-05-14", "SN2905", 20.0)], []),
    "RQ-711": ("TR-352", [("COMPENSATE", "R4X8JD", None, None, None)], []),
    "RQ-712": ("TR-352", [("CHANGE", "R9C5WQ", "2026-05-19", None, 25.0)], []),
    "RQ-713": ("TR-365", [("COMPENSATE", "T6H2NY", None, None, None)], []),
    "RQ-714": ("TR-365", [("CHANGE", "T8P4KS", "2026-05-16", None, 60.0)], []),
    "RQ-715": ("TR-371", [("CANCEL", "Y5G9MF", None, None, None)], []),
    "RQ-716": ("TR-371", [("CHANGE", "Y7B3RL", "2026-05-10", None, None)], ["No, that is too much."]),
    "RQ-717": ("TR-388", [("COMPENSATE", "U4S6XG", None, None, None)], []),
    "RQ-718": ("TR-388", [("CANCEL", "U8V2DT", None, None, None)], []),
    "RQ-719": ("TR-394", [("CANCEL", "I3F7CB", None, None, None)], []),
    "RQ-720": ("TR-365", [("ASK", "T8P4KS", None, None, None)], []),
    "RQ-721": ("TR-340", [("CANCEL", "E6T3VK", None, None, None), ("COMPENSATE", "E2M7ZB", None, None, None)], []),
    "RQ-722": ("TR-371", [("ASK", "Y7B3RL", None, None, None), ("CANCEL", "Y7B3RL", None, None, None)], []),
    "RQ-723": ("TR-352", [("CANCEL", "R9C5WQ", None, None, None)], []),
    "RQ-724": ("TR-365", [("CHANGE", "T8P4KS", "2026-05-23", None, None)], ["Yes, do that."]),
}
REQUESTS = tuple(_REQUESTS)


def _fare_of(booking: str) -> float:
    return round(_BOOKINGS[booking][4] + _BOOKINGS[booking][5], 2)


def _message(wish: Wish) -> str:
    kind, ref, to, flight, most = wish
    held = f"my booking {ref}, {_BOOKINGS[ref][2]} on {_BOOKINGS[ref][3]}, for which I paid {_fare_of(ref):.2f} EUR"
    limit = f" I will pay at most {most:.2f} EUR more." if most is not None else " Ask me about the price first."
    return {
        "CHANGE": f"Please move {held}, to {flight or 'the cheapest flight'} on {to}.{limit}",
        "CANCEL": f"Please cancel {held}, and pay back what the fare allows.",
        "COMPENSATE": f"What do I get for {held}? It was late or never went.",
        "ASK": f"When does {held}, leave?",
    }[kind]


def _booking(ref: str) -> Json:
    traveller, fare, flight, date, base, taxes, status = _BOOKINGS[ref]
    origin, destination, departs, arrives = ROUTES[flight]
    segment = {"flightNo": flight, "date": date, "origin": origin, "destination": destination, "departs": departs}
    return {
        "bookingRef": ref, "travellerId": traveller, "status": status, "fareClass": fare,
        "segment": {**segment, "arrives": arrives},
        "fare": {"base": base, "taxes": taxes, "total": round(base + taxes, 2), "currency": "EUR"},
        "refunded": eur(_fare_of(ref) if status == "CANCELLED" else 0.0), "changes": [],
    }  # fmt: skip


def rules(fare: str) -> Json:
    changeable, refundable, change_fee, cancel_fee = FARES[fare]
    change = f"changes for {change_fee:.2f} EUR (free for GOLD)" if changeable else "no changes"
    cancel = f"cancellation for {cancel_fee:.2f} EUR" if refundable else "no cancellation"
    return {
        "fareClass": fare, "changeable": changeable, "refundable": refundable,
        "changeFee": eur(change_fee), "cancelFee": eur(cancel_fee), "agentLimit": eur(400.0), "today": TODAY,
        "compensation": {"fromMinutes": 120, "delayedPercent": 25, "cancelledPercent": 50},
        "summary": f"{fare}: {change}; {cancel}. Voucher of 25 percent of the fare from 120 minutes late, "
        "of 50 percent when cancelled. Over 400.00 EUR a person decides.",
    }  # fmt: skip


def scenario(request_id: str) -> Json:
    """One task: the whole agency, and the request that the agent is given."""
    travellers = {
        key: {
            "travellerId": key, "name": name, "level": level, "flags": list(flags),
            "bookings": [ref for ref, row in _BOOKINGS.items() if row[0] == key],
            "vouchers": [
                {"voucherId": f"VC-{ref}", "bookingRef": ref, "value": eur(amount)}
                for ref, amount in _VOUCHERS.get(key, [])
            ],
        }
        for key, (name, level, flags) in _TRAVELLERS.items()
    }  # fmt: skip
    requests = {
        key: {
            "requestId": key, "state": "OPEN", "outcome": None,
            "traveller": {"travellerId": traveller, "level": _TRAVELLERS[traveller][1]},
            "message": " ".join(map(_message, wishes)),
            "wishes": [
                {"kind": kind, "bookingRef": ref, "newDate": to, "flightNo": flight,
                 "maxExtra": None if most is None else eur(most), "paid": eur(_fare_of(ref))}
                for kind, ref, to, flight, most in wishes
            ],
        }
        for key, (traveller, wishes, _) in _REQUESTS.items()
    }  # fmt: skip
    return {
        "name": request_id, "task": f"Work travel request {request_id}.", "replies": list(_REQUESTS[request_id][2]),
        "travellers": travellers, "requests": requests, "bookings": {ref: _booking(ref) for ref in _BOOKINGS},
    }  # fmt: skip
