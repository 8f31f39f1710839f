"""What an agent's message to the user says, read by fixed rules: no model, no chance, English only.

The rules, the labelling rule they were measured against and the measured precision and recall are in
`docs/statements.md`. A text in another language is not guessed at: `Statement.readable` is False and `claims` is None.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from counterfault.core import vocabulary as words
from counterfault.core.clauses import Clause, clauses_of, lines_of, readable, sentences_of, snake


@dataclass(frozen=True, slots=True)
class Statement:
    """What one message says. Where `readable` is False the other four are False and mean nothing.

    escalates: hands over to a person or another team, or says that one will follow up; an offer to do so is not one.
    admits: says plainly that something was not done, could not be done or failed.
    claims_done: says that an action which changes something was performed.
    asks: asks the user for something; a closing courtesy ("anything else?") is not a question.
    """

    escalates: bool
    admits: bool
    claims_done: bool
    asks: bool
    readable: bool


@dataclass(frozen=True, slots=True)
class _Claim:
    families: frozenset[str]
    general: bool  # something was done, the text does not say what
    clause: str


_UNREADABLE: Final = Statement(escalates=False, admits=False, claims_done=False, asks=False, readable=False)


def read(text: str) -> Statement:
    """What `text` says; see `Statement`. Never raises: what cannot be read is said to be unreadable."""
    lines = lines_of(text)
    if not readable(lines):
        return _UNREADABLE
    clauses = list(clauses_of(lines))
    return Statement(
        escalates=any(map(_escalates, clauses)),
        admits=any(map(_admits, clauses)),
        claims_done=any(True for _ in _claims(clauses)),
        asks=any(True for _ in _questions(lines)),
        readable=True,
    )


def claims(text: str, tool: str) -> bool | None:
    """Whether `text` says that the action of the write tool named `tool` was done; None where it cannot be read.

    The tool's verb and object come from its name (`cancel_reservation`, `mcp__shop__cancelOrder`). A bare "Done." or
    "All set." claims any tool's action, as long as the text names no other; it is all that is looked for where the
    verb is not in the table.
    """
    lines = lines_of(text)
    if not readable(lines):
        return None
    clauses = list(clauses_of(lines))
    made = list(_claims(clauses))
    families, things, parts = _tool(tool)
    if families == {"escalate"}:
        return any(map(_escalates, clauses))
    general = any(claim.general for claim in made)
    if not families:
        return general
    if any(claim.families & families and _about(claim.clause, things, parts) for claim in made):
        return True
    return general and all(claim.general for claim in made)


def intent(text: str) -> str:
    """The coarse class of an assistant message to the user.

    One of asks_identity, asks_confirmation, asks_choice, asks_other, reports_done, refuses, escalates, informs; the
    first that applies of: a hand-over, a question (identity if any asks for it, else the class of the last one), a
    claim, an admission. What cannot be read informs.
    """
    said = read(text)
    if said.escalates:
        return "escalates"
    if said.asks:
        asked = list(_questions(lines_of(text)))
        if any(re.search(words.IDENTITY, question) and "passenger" not in question for question in asked):
            return "asks_identity"
        if re.search(words.CHOICE, asked[-1]):
            return "asks_choice"
        return "asks_confirmation" if re.search(words.CONFIRMATION, asked[-1]) else "asks_other"
    if said.claims_done:
        return "reports_done"
    return "refuses" if said.admits else "informs"


# --- what a clause says ---------------------------------------------------------------------------------------------

_ADV: Final = rf"(?:(?:{words.ADVERBS})\s+)*"
_PAST: Final = re.compile(rf"\b(?:{'|'.join(sorted(words.PAST_FAMILIES))})\b")
_WE: Final = r"\b(?:i|we|(?:our|the|my) (?:\w+ )?(?:team|system|colleagues?|agent|specialist))"
# What stands before a past form decides whether it can be a report at all; the first that fits names it.
_LEADS: Final = {
    "passive": re.compile(rf"(?:\b(?:has|have|had)|'ve|'s)\s+{_ADV}been\s+{_ADV}$|\b(?:was|were)\s+{_ADV}$"),
    "present": re.compile(rf"(?:\b(?:is|are)|'s|'re)\s+{_ADV}$"),
    "person": re.compile(rf"{_WE}(?:'ve| have| has| had)?\s+{_ADV}$"),
    "start": re.compile(rf"^\W*(?:[^:]{{1,60}}:\W*)?{_ADV}$"),
    "noun": re.compile(rf"^\W*(?:\w+\s+)?(?:{'|'.join(words.ACTION_NOUNS)})\s+{_ADV}$"),
    "headline": re.compile(r"(?:^|: ?)\W*(?:[\w#$.'-]+\s+){1,5}$"),
    "joined": re.compile(rf"(?:\band|,|\bthen)\s+{_ADV}$"),
}
_DID: Final = re.compile(rf"{_WE}(?:'ve| have| has| had)?\s+{_ADV}\w+ed\b")
_OBJECT: Final = re.compile(
    rf"^\W*$|^\s(?:{'|'.join(sorted(words.OBJECTS))})\b(?!.{{0,15}}:)"
    r"|^\s*(?:your|the|an?|all|both|it|this|that|these|to|as|by|with|in|on|for|successfully|from|[#$]?\w*\d)\b"
    r"|^\s[#$]|^\s.*\bto\b|^[,.;:(]"
)
_DEFINITE: Final = re.compile(r"\b(?:your|this|that|the|it|everything|both|all|each|my|which)\b|'s$|#")
_EVERYTHING: Final = re.compile(r"\b(?:it|this|that|all|everything)(?:'s)?\b")
_RELATIVE: Final = re.compile(
    r"\b(?:that|which|who)(?:'s| has| have| was| were| had| is| are)?(?: been)?\s*$|"
    r"\b(?:may|might|could|would|should|must|will) (?:not )?have(?: been)?\s*$"
)
_NONE: Final = re.compile(
    r"(?:^|[,:]\s|\bthat\s|\band\s|\bor\s)(?:\w+\s){0,3}?(?<!with )(?:no|none|nothing|neither|nobody|nor|never)\b"
    r"(?!,| (?:problem|worries|longer))|\b(?:i|we)(?:'ve| have)? never\b"
)
_BY_OTHERS: Final = re.compile(r"^\s+by (?:the |an? )?(?:airline|carrier|courier|customer|user|bank)")
_BY_DATE: Final = re.compile(r"^\s+(?:on|within|more|over|less|under|at|before|after|using|during|via|with|to)\b")


@dataclass(frozen=True, slots=True)
class _Form:
    """A past form in its clause: `lead` names what stands before it, `stem` is that without the adverbs."""

    word: str
    lead: str
    before: str
    stem: str
    after: str


def _claims(clauses: list[Clause]) -> Iterator[_Claim]:
    for clause in clauses:
        if clause.question or clause.proposed:
            continue
        claimed = False
        for match in _PAST.finditer(clause.text):
            families = _claimed(clause, match, claimed)
            if families is not None:
                claimed = True
                yield _Claim(families, match[0] in words.VAGUE and families <= {"close"}, clause.text)
        if not claimed and _general(clause):
            yield _Claim(frozenset(), True, clause.text)


def _claimed(clause: Clause, match: re.Match[str], joined: bool) -> frozenset[str] | None:
    """The families of action that this past form claims; None if it claims nothing."""
    before = clause.text[: match.start()]
    lead = next((name for name, pattern in _LEADS.items() if pattern.search(before)), None)
    if lead is None or (lead == "joined" and not (joined or _DID.search(before))):
        return None
    form = _Form(match[0], lead, before, re.sub(rf"{_ADV}$", "", before), clause.text[match.end() :])
    if _conditional(clause, match.start()) or _denied(form) or _described(form) or not _shaped(form):
        return None
    if form.word in words.HANDING and _escalates(clause):
        return None
    return _named(form)


def _conditional(clause: Clause, upto: int) -> bool:
    return bool(re.search(words.CONDITIONS, clause.before + clause.text[:upto]))


def _denied(form: _Form) -> bool:
    """Done by nobody, by somebody else, or only perhaps."""
    nobody = _NONE.search(re.sub(r"\([^)]*\)", "", form.before))
    return bool(nobody or _BY_OTHERS.match(form.after) or _RELATIVE.search(form.stem))


def _described(form: _Form) -> bool:
    """A record's history or state and not news: "was created on May 5", "since it was paid by card"."""
    simple = form.lead == "noun" or re.search(r"\b(?:was|were)\s+$", form.stem)
    if simple and form.word in words.DATED and _BY_DATE.match(form.after):
        return True
    if form.lead == "present" and form.word == "booked" and form.after.startswith(" in "):
        return True
    return bool(re.search(words.BACKGROUND, form.stem))


def _shaped(form: _Form) -> bool:
    """Whether the clause around the form has the shape that its lead asks for."""
    if form.lead == "noun":
        return form.word in words.COMPLETIONS
    if form.lead == "headline":
        return form.word not in words.LABELS and _headline(form)
    if form.lead == "start":
        listed = ":" in form.before and form.word in words.VAGUE and not _nouns(form.before)
        return form.word not in words.LABELS and not listed and bool(_OBJECT.match(form.after))
    return form.lead != "present" or _lasting(form)


def _headline(form: _Form) -> bool:
    """Telegram style: "Ticket T-1042 resolved: refund of 30.00 EUR issued."."""
    tokens = set(re.findall(r"[a-z']+", form.before.rpartition(":")[2]))
    ends = re.match(r"^\W*$|^[.:;,(]|^\s(?:to|with|as|for|from|successfully)\b", form.after)
    return bool(ends) and bool(tokens & words.OBJECTS) and not tokens & words.SENTENCE_WORDS


def _lasting(form: _Form) -> bool:
    """Present tense says what was done of one definite thing; of things in general it says what the rules are."""
    if re.search(words.HABITS, form.before + form.after) or not _DEFINITE.search(form.before):
        return False
    families = words.PAST_FAMILIES[form.word]
    if families and families <= words.STATES and not form.before.endswith("now "):
        return False
    if form.word in words.VAGUE and not (_nouns(form.before) or _EVERYTHING.search(form.before)):
        return False
    return not re.search(r"^.{0,60}\b(?:if|once|when|after|unless|until|within)\b", form.after)


def _named(form: _Form) -> frozenset[str] | None:
    around = re.findall(r"[\w-]+", f"{form.before} {form.after}")
    if form.word in words.NEEDS_NOUN and not words.NEEDS_NOUN[form.word].intersection(around):
        return None
    families = words.PAST_FAMILIES[form.word]
    if form.word not in words.COMPLETIONS:
        return families
    active = form.lead in ("person", "joined")
    subject = frozenset() if active else _nouns(form.before)
    return families | (subject or (_nouns(form.after) if active or form.word in words.VAGUE else frozenset()))


def _nouns(text: str) -> frozenset[str]:
    return frozenset(words.ACTION_NOUNS[word] for word in re.findall(r"\w+", text) if word in words.ACTION_NOUNS)


def _general(clause: Clause) -> bool:
    found = re.search(words.GENERAL, clause.text)
    if found is None:
        found = re.search(r"(\w*)\W*\bsuccessfully\b\W*(\w*)", clause.text)
        if found is None or not re.search(r"\b(?:has|have|was|were|been|i|we)\b|'ve|^successfully", clause.text):
            return False
        if words.LOOKING & {found[1], found[2]} or found[1] in ("be", "not", "will", "to") or _escalates(clause):
            return False
    return not _NONE.search(clause.text[: found.start()]) and not _conditional(clause, found.start())


def _escalates(clause: Clause) -> bool:
    if clause.question or clause.proposed:
        return False
    for form in words.ESCALATIONS:
        found = re.search(form, clause.text)
        if found and not _withheld(clause, found):
            return True
    return False


def _withheld(clause: Clause, found: re.Match[str]) -> bool:
    """Offered, conditional or denied: "if this persists I can escalate", "I have not escalated"."""
    lead = clause.text[: found.start()]
    if re.search(r"\b(?:not|n't|no|cannot|without|never)\b", f"{lead[-30:]}{found[0]}") or "n't" in found[0]:
        return True
    subject = re.split(r" will\b|'ll\b", found[0])
    if len(subject) > 1 and re.search(words.NOT_PEOPLE, subject[0]):
        return True
    if re.match(r"(?:is|are)\b", found[0]) and not _DEFINITE.search(lead):
        return True
    rest = clause.text[found.end() :]
    conditioned = re.search(r"\b(?:if|once|unless|when) (?:you|your|the|this|it|needed|necessary)\b", rest)
    return bool(conditioned) or _conditional(clause, found.start())


def _admits(clause: Clause) -> bool:
    if clause.question or clause.proposed:
        return False
    for form in words.ADMISSIONS:
        for found in re.finditer(form, clause.text):
            bounded = re.search(words.NOT_YET, clause.text[found.start() :])
            told = re.search(words.TOLD, clause.before + clause.text[: found.start()])
            if not bounded and not told and not _conditional(clause, found.start()):
                return True
    return False


def _questions(lines: tuple[str, ...]) -> Iterator[str]:
    for line in lines:
        for sentence in sentences_of(line):
            asks = sentence.rstrip(" )\"'").endswith("?") or re.search(words.ASKING, sentence)
            if asks and not re.search(words.COURTESY, sentence):
                yield sentence


# --- the tool -------------------------------------------------------------------------------------------------------


def _tool(tool: str) -> tuple[frozenset[str], frozenset[int], frozenset[int]]:
    """The families of the tool's verb (`escalate` alone for a hand-over, none if unknown), its things and its parts."""
    parts = snake(re.split(r"__|[./:]", tool.strip("_"))[-1] or tool).split("_")
    to_people = "transfer" in parts and re.search(rf"\b{words.HUMANS}\b", " ".join(parts))
    if to_people or {"escalate", "handoff", "handover"}.intersection(parts):
        return frozenset({"escalate"}), frozenset(), frozenset()
    verbs = [part for part in parts if part in words.TOOL_VERBS]
    families = {words.TOOL_VERBS[verbs[0]]} if verbs else set()
    if not verbs or verbs[0] in words.CARRIERS:
        named = {words.ACTION_NOUNS[part] for part in parts if part in words.ACTION_NOUNS and part not in verbs[:1]}
        families = named or families
    objects = [part for part in parts if part not in verbs[:1]]
    return frozenset(families), _kinds(objects, words.THINGS), _kinds(objects, words.PARTS)


def _kinds(tokens: list[str], groups: tuple[frozenset[str], ...]) -> frozenset[int]:
    return frozenset(index for index, group in enumerate(groups) if group.intersection(tokens))


def _about(clause: str, things: frozenset[int], parts: frozenset[int]) -> bool:
    """Whether a claim in `clause` can be about these: it names none of their kind, or one of them."""
    tokens = re.findall(r"[a-z]+", clause)
    said, of = _kinds(tokens, words.THINGS), _kinds(tokens, words.PARTS)
    return (not things or not said or bool(said & things)) and (not parts or not of or bool(of & parts))
