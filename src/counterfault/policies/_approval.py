"""Whether an answer grants an approval, where the rule does not say which field means so, and whether for this call.

The answer is an approval unless it denies, by the fields below in any spelling (``isApproved``), in the answer itself
or in the object that wraps it. Where one field grants and another denies, it denies. Of prose, the words decide.
"""

import re
from collections.abc import Iterator
from typing import TypeAlias

from counterfault.core.effects import words_of
from counterfault.core.jsontree import JSON, Path, join
from counterfault.core.temporal import PolicyCall, Truth
from counterfault.policies._conditions import Gap, at, known, occurs, same, unreadable
from counterfault.policies._settings import shown

Reading: TypeAlias = tuple[Truth, str]

# A field of these that is false, or of the second kind that is true, denies.
_GRANTING = {"approved", "granted", "allowed", "authorized", "authorised"}
_DENYING = {"denied", "rejected", "declined", "revoked", "expired", "pending", "used"}
_FAILING = {"error", "errors"}
_STATUS = {"status", "state", "decision"}
_WRAPPERS = {"data", "result", "response", "body", "payload", "output", "approval"}
_NO_STATUS = _DENYING | {"deny", "reject", "refused", "withdrawn", "waiting", "awaiting", "not", "unapproved"}
_FALSE, _TRUE = {"false", "no", "0"}, {"true", "yes"}
_DENIED = re.compile(
    r"\A\W*no\b|\b(?:denied|rejected|declined|refused|revoked|expired|pending|no approval"
    r"|not (?:yet |been )*(?:approved?|granted|allowed|authori[sz]ed)|cannot approve|unable to approve)\b",
    re.IGNORECASE,
)
_GRANTED = re.compile(r"\b(?:approved|granted|allowed|authori[sz]ed)\b", re.IGNORECASE)


def approves(call: PolicyCall) -> Reading:
    """Whether the answer to a call is an approval, and what says otherwise."""
    if not call.answered:
        return "unknown", "was never answered"
    if call.refused:
        return "false", "was refused"
    if unreadable(call) or call.result is None or call.result == []:
        return "unknown", "has an answer that cannot be read"
    value = call.result[0] if isinstance(call.result, list) and len(call.result) == 1 else call.result
    if isinstance(value, str):
        return _prose(value)
    if isinstance(value, list):
        return "unknown", "has a list for an answer, of which no one item is the approval"
    if value is False:
        return "false", "was answered with false"
    readings = list(_fields(value)) if isinstance(value, dict) else []
    denied = [reading for reading in readings if reading[0] == "false"]
    return (denied or readings or [("true", "")])[0]


def _fields(answer: dict[str, JSON]) -> Iterator[Reading]:
    for key, value in answer.items():
        if isinstance(value, dict) and (len(answer) == 1 or key.lower() in _WRAPPERS):
            yield from _fields(value)
            continue
        words = [word for word in words_of(key) if word not in ("is", "was")]
        name = words[0] if len(words) == 1 else ""
        said = str(value).casefold().strip()
        if name in _FAILING and value:
            yield "false", f"was refused ({key!r} is {shown(value)})"
        if name in _GRANTING and value is None:
            yield "unknown", f"does not say whether it is {name}"
        denies = (name in _GRANTING and said in _FALSE) or (name in _DENYING and said in _TRUE)
        if denies or (name in _STATUS and isinstance(value, str) and _NO_STATUS & set(words_of(value))):
            yield "false", f"did not approve ({key!r} is {shown(value)})"


def _prose(text: str) -> Reading:
    if not _DENIED.search(text):
        return "true", ""
    if _GRANTED.search(_DENIED.sub("", text)):
        return "unknown", "has an answer that both grants and denies"
    return "false", "did not approve, by the words of its answer"


def agree(call: PolicyCall, left: Path, prior: PolicyCall, right: Path) -> Reading:
    """Whether the call and the prior hold the same value, each at its place.

    Where a place is empty but its value stands elsewhere on that side, a field may have got another name: unknown.
    """
    mine, theirs = at(call, left), at(prior, right)
    if not known(mine):
        renamed = not isinstance(theirs, Gap) and known(theirs) and occurs(theirs, dict(call.arguments))
        return (
            "unknown" if renamed or mine is Gap.UNREADABLE else "false",
            f"is tied to {join(left)}, which the call does not hold",
        )
    assert not isinstance(mine, Gap)
    if theirs is Gap.UNREADABLE:
        return "unknown", f"has an answer in which {join(right)} cannot be read"
    if isinstance(theirs, Gap) or not known(theirs):
        elsewhere = occurs(mine, dict(prior.arguments) if right[0] == "args" else prior.result)
        if elsewhere:
            return "unknown", f"holds no {join(right)}, though the call's {join(left)} stands elsewhere in it"
        return "false", f"holds no {join(right)}, which {join(left)} is to equal"
    if same(mine, theirs):
        return "true", ""
    return "false", f"is for another {join(left)} (its {join(right)} is {shown(theirs)}, not {shown(mine)})"
