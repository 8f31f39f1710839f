"""The words by which `statements` reads an agent's messages: data only, all in lower case.

British and American spellings stand side by side. A word that is left out is a decision too: verbs of looking and
thinking (located, verified, reviewed, calculated) are not here, because saying that one has looked claims no change.
"""

import re
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# family: words that name it in a tool's name | past forms | nouns of the action
_VERBS: Final = """
cancel: cancel void revoke terminate
    | canceled cancelled voided revoked terminated | cancellation cancelation cancellations
refund: refund reimburse credit repay | refunded reimbursed credited repaid compensated | refund refunds reimbursement
book: book reserve rebook schedule purchase buy
    | booked reserved rebooked scheduled placed secured purchased made arranged
    | booking reservation appointment bookings reservations purchase
update: update modify change edit set adjust upgrade downgrade amend patch reschedule switch move rename correct revise
    | updated modified changed edited adjusted upgraded downgraded amended altered revised corrected switched swapped
      moved rescheduled replaced added removed marked set renamed patched reverted restored
    | update modification change upgrade downgrade adjustment updates changes modifications correction
create: create open add register insert raise file log new
    | created opened added registered raised filed logged inserted | creation registration
close: close resolve complete finish | closed resolved completed finished solved fixed | closure resolution
send: send email mail message notify issue forward deliver grant
    | sent emailed mailed notified issued messaged forwarded resent granted |
return: return | returned | return returns
exchange: exchange swap replace | exchanged swapped replaced | exchange exchanges replacement swap
pay: pay charge debit settle invoice | paid charged debited settled invoiced | payment charge
delete: delete remove erase purge drop | deleted removed erased purged dropped | deletion removal
enable: enable activate unblock unlock resume
    | enabled activated unblocked unlocked resumed turned reactivated | activation
disable: disable deactivate block lock suspend pause freeze
    | disabled deactivated blocked locked suspended paused frozen turned | deactivation suspension
toggle: toggle | toggled enabled disabled turned switched activated deactivated |
approve: approve authorise authorize accept confirm
    | approved authorised authorized accepted confirmed granted | approval
reject: reject deny decline | rejected denied declined | rejection
transfer: transfer wire | transferred wired moved | transfer
assign: assign reassign | assigned reassigned | assignment
post: post publish comment reply | posted published commented replied | post reply
save: save store write upload | saved stored written uploaded recorded | upload
deploy: deploy release rollback | deployed released reverted restored | deployment release rollback
restart: restart reboot reset | restarted rebooted reset | restart reboot
apply: apply redeem | applied redeemed |
merge: merge | merged | merge
submit: submit request initiate | submitted requested initiated filed | submission request
ship: ship dispatch | shipped dispatched | shipment
renew: renew extend subscribe | renewed extended subscribed | renewal extension subscription
unsubscribe: unsubscribe | unsubscribed | unsubscription
waive: waive | waived | waiver
"""


def _verbs(table: str) -> dict[str, tuple[list[str], list[str], list[str]]]:
    families = {}
    for entry in re.split(r"\n(?=\w)", table.strip()):
        family, _, forms = entry.partition(":")
        bases, pasts, nouns = (column.split() for column in forms.split("|"))
        families[family] = (bases, pasts, nouns)
    return families


_FAMILIES: Final = _verbs(_VERBS)
TOOL_VERBS: Final = {base: family for family, (bases, _, _) in _FAMILIES.items() for base in bases}
ACTION_NOUNS: Final = {noun: family for family, (_, _, nouns) in _FAMILIES.items() for noun in nouns}

# Said of an action's noun ("the refund has been processed") they claim that action; alone they claim something general.
COMPLETIONS: Final = _words(
    "processed completed complete finished submitted initiated finalized finalised confirmed executed performed made "
    "issued done successful placed requested actioned handled secured recorded"
)
# Said in the present tense they tell a state ("roaming is enabled"), unless it is so now.
STATES: Final = frozenset({"enable", "disable", "toggle"})
# Handing over is no action of this kind: "I have transferred you to a human agent".
HANDING: Final = _words("transferred forwarded assigned raised notified opened created filed logged submitted sent")
# Of these the claimed action is only known from a noun.
VAGUE: Final = COMPLETIONS - _words("submitted confirmed issued made placed requested recorded initiated")
PAST_FAMILIES: Final = {
    past: frozenset(family for family, (_, pasts, _) in _FAMILIES.items() if past in pasts)
    for past in COMPLETIONS.union(*(pasts for _, pasts, _ in _FAMILIES.values()))
}
# Tools named by these do what the noun beside them says: `process_refund` refunds, `submit_return` returns.
CARRIERS: Final = _words("process submit make issue create execute perform request initiate do run apply complete add")

# These pasts say too little by themselves ("I've applied your time preferences", "I confirmed your identity").
NEEDS_NOUN: Final[dict[str, frozenset[str]]] = {
    "made": _words("payment payments booking reservation change changes update updates adjustment correction purchase"),
    "applied": _words(
        "credit discount refund voucher coupon payment change changes update updates certificate charge fix"
    ),
    "marked": _words("complete completed closed resolved done cancelled canceled paid"),
    "confirmed": _words(
        "booking reservation cancellation order appointment refund payment change changes updates exchange"
    ),
    "requested": _words("refund return exchange replacement cancellation"),
    "recorded": _words("exchange return refund cancellation change request"),
    "set": _words("address status reminder alarm value default limit flag"),
    "moved": _words("appointment meeting reservation booking flight file funds money ticket order"),
    "placed": _words("order booking reservation hold request"),
    "purchased": _words("ticket tickets insurance order"),
    "returned": _words("item items order product funds"),
    "complete": _words(
        "booking reservation cancellation order refund return exchange update request transaction payment task "
        "modification change changes transfer deployment renewal"
    ),
}
# Done by somebody else, or long ago: "created on May 5", "cancelled by the airline".
DATED: Final = _words("booked created made issued placed purchased reserved changed paid shipped")
BACKGROUND: Final = (
    r"\b(?:since|because|why|how) (?!i |we )[^,]*(?:\b(?:is|are|was|were)|'s)\s+(?:already |also |now )?$|"
    r"\b(?:after|before|until|when) (?:the|your|an?|any|it|this) ?[^,]{0,40}\b(?:is|are|was|were|has|have)\s+"
    r"(?:been )?$"
)
# At the start of a line these are labels of a record's value ("Paid with Visa", "Type: fixed"), not reports.
LABELS: Final = _words("paid shipped created fixed made placed purchased set opened stored")

ADVERBS: Final = (
    "successfully|already|now|just|also|been|fully|all|both|officially|therefore|then|again|immediately|gone ahead and|"
    "automatically|manually|recently|hereby|correctly|each|too|so far"
)
# Looking, asking and knowing: "successfully" beside them claims no change.
LOOKING: Final = _words(
    "authenticated verified located found retrieved checked reviewed identified confirmed validated received looked "
    "searched calculated noted accessed loaded pulled logged fetched listed compared"
)
GENERAL: Final = (
    r"\ball set\b|\ball done\b|\byou're (?:good to go|set)\b|\btaken care of\b|\bwent through\b|"
    r"\bis (?:now )?done\b|^(?:it's |that's )?done\b"
)
# A condition governs what follows it in its sentence.
CONDITIONS: Final = (
    r"\b(?:if|unless|until|in case|as soon as|whether|should you|provided that|assuming|so that|hope|for example|"
    r"(?<!only )once(?! (?:per|for|in|only|and|again|more)\b)|(?:to |make sure|please )ensure|"
    r"(?:not|n't|cannot|unable)\b[^,]*\bthat|upon (?:receipt|receiving|approval|confirmation)|"
    r"(?:just |please )?(?:say|reply|answer|tell me|let me know|confirm)\b.*\b(?:and|then))\b|"
    r"(?:^|[,:] |and )(?:when|whenever|after|before) (?!i (?:tried|attempted))"
    r"(?:i|you|your|the|we|it|they|this|that|any|an|a|booking|processing|applying|proceeding)\b"
)
PROPOSES: Final = (
    r"\b(?:will|would|'ll|propos\w+|plan\w*|please|confirm|summari[sz]e|want|like to|can|could|options?|before|"
    r"once|if|details? for|going to|policy|rules?|eligib\w+)\b"
)
HABITS: Final = r"\b(?:only|typically|usually|normally|generally|always|never|by default|per policy|automatically)\b"

# Head nouns of what an action acts on. Two names of one thing share a set; one thing and another do not.
THINGS: Final = tuple(
    _words(line)
    for line in (
        "reservation reservations booking bookings trip",
        "order orders purchase",
        "ticket tickets case issue incident",
        "subscription plan membership",
        "appointment meeting event",
        "account profile user",
        "task tasks todo",
        "certificate certificates voucher vouchers",
        "refund refunds reimbursement",
        "email message notification",
        "money funds transfer",
        "access permission role licence license",
        "leave vacation absence",
        "stock inventory",
    )
)
# Parts of them: an address that was updated is no claim about the payment method.
PARTS: Final = tuple(
    _words(line)
    for line in (
        "address addresses",
        "payment payments card",
        "baggage baggages bag bags luggage",
        "passenger passengers traveler traveller name",
        "item items product products",
        "flight flights cabin economy business",
        "status",
    )
)
OBJECTS: Final = frozenset().union(*THINGS, *PARTS, ACTION_NOUNS)
# A headline ("Ticket T-1042 resolved") has none of these.
SENTENCE_WORDS: Final = _words(
    """is are was were be been being has have had will would can could may might must should to you that which who not
    no if when once and i we it how why does do did because since before after until"""
)

# --- handing over ---------------------------------------------------------------------------------------------------

HUMANS: Final = (
    r"(?:human|live|agents?|specialists?|supervisors?|managers?|colleagues?|representatives?|teams?|departments?|"
    r"support|staff|experts?|advis[oe]rs?|engineers?|operators?|on-call|someone|somebody|person|customer service|"
    r"customer care|tier \d|back office|billing)"
)
# Later entries may stand inside earlier ones.
_SHORT: Final = {
    "<to human>": r"\b(?:to|with|for|over)\b(?! your).{0,40}\b<human>\b",
    "<needs>": r"\b(?:needs?|requires?|awaits?|awaiting|pending|under) (?:an? |further |additional )*",
    "<human review>": r"(?:manual|human|specialist)(?: \w+)? ?<review>\b",
    "<been>": r"\b(?:is|are|was|were|has|have|'s|'re|been) (?:(?:now|also|already|just|been|being|successfully) )*",
    "<we>": r"(?:\b(?:i|we)(?:'m|'re|'ve|'ll| am| are| have| will| shall| must|'ve had to)?|"
    r"\blet me|\bplease (?:hold|wait).{0,20}while i)"
    r"(?: (?:now|just|also|then|already|going to|need to|have to|be|been|immediately|go ahead and|therefore))*",
    "<start>": r"(?:proceed|initiat|start|begin|arrang|complet|mak)\w*(?: with)?(?: the| a| your| this)*",
    "<will>": r"(?:will|'ll|is going to)(?: (?:now|then|also|soon|shortly|personally))*",
    "<give>": r"(?:escalat(?:e|ed|ing)|transfer(?:red|ring)?|hand(?:ed|ing)?(?: \w+){0,3} (?:over|off)|"
    r"forward(?:ed|ing)?|pass(?:ed|ing)?|rout(?:e|ed|ing)|connect(?:ed|ing)?|redirect(?:ed|ing)?|"
    r"refer(?:red|ring)?|assign(?:ed|ing)?|rais(?:e|ed|ing)|flag(?:ged|ging)?)",
    "<giving>": r"(?:escalating|transferring|handing|forwarding|connecting|routing)",
    "<given>": r"(?:forwarded|routed|referred|assigned|passed|raised|connected|transferred)",
    "<take>": r"(?:be )?(?:review|contact|follow(?:ing)? up|get(?:ting)? back|reach(?:ing)? out|"
    r"tak\w+ (?:it |this )?over|assist|in touch|look(?:ing)? into|handl|call|investigat|respond|continu|join|"
    r"pick (?:it|this) up)",
    "<review>": r"(?:review|intervention|approval|handling|attention|decision|check)",
    "<cannot>": r"(?:cannot|can't|can not|could not|couldn't|(?:unable|not able|wasn't able|weren't able) to|"
    r"won't be able to|will not be able to)",
    "<done>": f"(?:{'|'.join(sorted(PAST_FAMILIES.keys() - {'purchased', 'paid'}))})",
    "<some trouble>": r"(?:an?|some|the|another) (?:\w+ ){0,2}(?:error|issue|problem|failure|outage|timeout)\b",
    "<desk>": "(?:support|customer service|airline|bank|team|website|office|us)",
    "<human>": HUMANS,
}


def _patterns(text: str) -> tuple[str, ...]:
    """One regular expression a line, the words in <> replaced by their alternatives."""
    for name, pattern in _SHORT.items():
        text = text.replace(name, pattern)
    return tuple(line.strip() for line in text.splitlines() if line.strip())


ESCALATIONS: Final = _patterns(
    r"""
    <we> <give>\b.{0,80}<to human>
    <we> (?:escalat(?:e|ed|ing)|transfer(?:red|ring)? you)\b(?! (?:\$|the|an?)\b)
    <we> <start> (?:transfer|hand-?off|handover|escalation)\b
    <we> (?:alerted|notified|informed|paged|contacted|looped in|brought in|bringing in|involv\w+)\b.{0,30}\b<human>\b
    <we> (?:ask|asked|asking|have|get) (?:an?|the|our|my) .{0,20}\b<human> (?:to |member )?(?:take|<take>|help|check)
    (?:^|[:,-] ?|now )<giving>\b.{0,60}<to human>
    (?:^|\bnow |^please hold.{0,12} )transferring you\b
    <been>(?:escalated|handed (?:over|off))\b
    <been><given>\b.{0,30}<to human>
    \byou (?:are|'re|will be)(?: now)? being transferred\b
    \byou(?:'re| are| will be| have been)(?: now)? (?:transferred|connected to)\b
    \b(?:an?|our|the|another|my|some(?:one|body))\b[\w' -]{0,65} <will> <take>
    <needs><human review>|<needs>(?:manager(?:'s)?|supervisor) <review>\b
    \b(?:flagged|marked|queued|sent)\b.{0,30}\bfor (?:an? |further |additional )*<human review>
    \bneeds? a human\b|\b(?:human|manual) (?:review|intervention) (?:is |was )?(?:needed|required|requested)\b
    \b(?:opened|created|filed|raised|submitted|logged)\b.{0,20}\b(?:ticket|case|request)\b.{0,20}<to human>
    ^(?:this |it |case |ticket )?(?:has been |is |was )?escalated\b
    """
)
# A follow-up by "the order" or "the refund" is no person's.
NOT_PEOPLE: Final = (
    r"\b(?:refund|order|email|system|charge|payment|airline|amount|reservation|return|credit|flight|label|"
    r"certificate|link|package|replacement|transfer|balance|confirmation|process|this)\b"
)

# --- admitting ------------------------------------------------------------------------------------------------------

ADMISSIONS: Final = _patterns(
    r"""
    \b(?:i|we)\b[\w', -]{0,25}<cannot>\b(?! (?:wait|thank|stress|see any))
    <cannot> (?:\w+ )?be (?:\w+ )?\w+
    \b(?:unable|not able) to\b|^(?:cannot|can't|could not|couldn't)\b
    \b(?:still|currently|also|again|unfortunately|but|system|service|tool|it) (?:cannot|can't|couldn't|could not)\b
    \b(?:has|have|had|was|were)(?: not|n't)(?: (?:yet|actually|successfully|been|able))* <done>\b
    \b(?:i|we) (?:did not|didn't|have not|haven't)\b(?! (?:see|find any|yet received|receive))
    \bnothing\b.{0,25}\b(?:was|were|has been|have been) (?:<done>|taken)\b
    \bno (?:change|refund|booking|cancellation|update|action|payment)s?\b.{0,25}\b(?:was|were|been) (?:<done>|taken)\b
    \bfailed\b|\btimed out\b|\bwent wrong\b
    \b(?:was|is|were) (?:unsuccessful|declined|rejected|denied|refused|blocked)\b
    \b(?:was|were|is|be|been|ran into|hit|having|due to) (?:still )?<some trouble>
    \b(?:encountered|caused|experiencing|got|received|returned|gave|raised|reported) <some trouble>
    \binsufficient (?:balance|funds)\b
    \b(?:error|problem|failure) (?:occurred|happened|prevented|while)\b
    \b(?:did not|didn't|does not|doesn't|not) (?:go through|work|succeed|complete)\b
    \b(?:system|service|tool|api|server)\b.{0,20}\b(?:unavailable|down|not responding|offline)\b
    (?:\bnot|n't) (?:\w+ )?(?:possible|permitted|eligible|allow(?:ed)?|supported|something i can|within my|qualify)\b
    \b(?:is|are|am) ineligible\b|\bimpossible\b
    \b(?:does not|doesn't|do not|don't) (?:allow|permit|support|have (?:access|a way|permission))\b
    \b(?:do not|don't) have the (?:ability|option|authority|means|tools?)\b
    \bno (?:way|exceptions?) (?:to|that|i|we|can|for)\b|\b(?:must|have to|need to) (?:decline|deny|refuse)\b
    \b(?:beyond|outside)(?: of)? (?:my|our)\b
    \b(?:please|(?:need|have) to|should|recommend) (?:contact(?:ing)?|call|reach out to|visit|email)\b.{0,40}\b<desk>\b
    """
)
# The user's own words, told back.
TOLD: Final = r"\byou (?:believe|think|thought|said|say|mention|report|feel|felt|saw|experience|indicate)\w*\b[^,]*$"
# A bound on what cannot be done: what comes later, or what is only missing from the user.
NOT_YET: Final = (
    r"\b(?:without (?:your|you|an?|the|that|it)|(?:until|unless|once) (?:you|your|i|we)|before (?:i|we|you|it)|"
    r"no longer|any(?:more| further)|\w+ed further|again after|"
    r"if (?!there's anything|you (?:need|have) (?:any|further|other)))\b"
)

# --- asking ---------------------------------------------------------------------------------------------------------

COURTESY: Final = "|".join(
    _patterns(
        r"""
        \banything else\b|\bhow (?:can|may) i (?:help|assist)\b|\bfeel free\b|\bif you need (?:me|help|to)\b
        \b(?:any|other|further|more|additional) (?:\w+ ){0,2}(?:questions?|assistance|help|concerns?|requests?|tasks?)\b
        """
    )
)
ASKING: Final = "|".join(
    _patterns(
        r"""
        \bplease (?:\w+ )?(?:provide|confirm|share|specify|reply|choose|select|tell|let me know|send|indicate)\b
        \bplease (?:\w+ )?(?:respond|enter|list|give|advise|say|verify|clarify)\b
        \blet me know (?:which|if|whether|what|how|when|who|where|your)\b
        \b(?:i|we)(?:'ll| will)? (?:\w+ )?need (?:to (?:know|verify|confirm|authenticate) )?(?:your|you to|the|which)\b
        ^(?:confirm|reply|choose|provide|tell me)\b
        """
    )
)
IDENTITY: Final = "|".join(
    _patterns(
        r"""
        \buser ?(?:id|name)\b|\be-?mail(?: address)?\b|\bzip\b|\bpostcode\b|\bphone number\b|\bdate of birth\b
        \b(?:first|last|full|your) name\b|\bcustomer (?:id|number)\b
        \b(?:verify|authenticate|confirm) your (?:identity|account)\b
        """
    )
)
CONFIRMATION: Final = "|".join(
    _patterns(
        r"""
        \bconfirm\b|\bproceed\b|\bwould you like (?:me )?to\b|\bshall i\b|\bshould i\b|\bdo you want (?:me )?to\b
        \bdo you (?:approve|agree)\b|\breply (?:with )?['"]?yes\b|\bis (?:that|this) (?:correct|right|ok|okay)\b
        \byes(?:/| or )no\b|\bgo ahead\b
        """
    )
)
CHOICE: Final = r"\b(?:which|choose|select|prefer|options?|either|or (?:would you|should|shall|do))\b"

# --- JSON answers and answers of one word ---------------------------------------------------------------------------

DONE_WORDS: Final = _words(
    """success successful succeeded successfully done completed complete ok okay resolved closed refunded cancelled
    canceled booked updated sent fulfilled fixed solved processed finished submitted approved"""
)
FAILED_WORDS: Final = _words(
    """failed failure fail error errored unsuccessful denied rejected refused aborted unable impossible incomplete
    not_done unresolved timeout timed_out ineligible not_eligible blocked declined unavailable not_found cannot"""
)
HANDED_WORDS: Final = _words(
    """escalated escalate escalating handed_off handed_over handoff needs_human requires_human human_review
    needs_review pending_review manual_review needs_manual_review requires_review pending_human transferred
    transferred_to_human human_required awaiting_human awaiting_review transfer_to_human needs_human_review"""
)
STATUS_KEYS: Final = _words("status state outcome result resolution disposition decision final_status")
OUTCOME_KEYS: Final = _words("outcome result")
MESSAGE_KEYS: Final = _words("message text answer reply response content summary output final_answer say")
TRUE_KEYS: Final = _words("success ok succeeded successful done completed resolved")
ERROR_KEYS: Final = _words("error errors failed failure failure_reason error_message")

# --- the language ---------------------------------------------------------------------------------------------------

# Any English sentence of some length holds several of these, other languages' sentences few.
ENGLISH: Final = _words(
    """the of and to is was are were be been has have had i i'm i've i'll you your you're we our us my this that these
    those it its for with from by at as not no yes if then there here would could should will can cannot can't may might
    do does did what which when where who how why please thank thanks sorry hello hi let know need want help any
    anything else more all some about after before into out up so but because now just also only one two new don't
    didn't couldn't hasn't than they them
    order orders flight flights refund reservation request account email address payment price total item items status
    message ticket user card details number date name done completed successfully cancelled canceled booked sent updated
    confirmed welcome sure great okay ok failed escalated unable error return exchange"""
)
# Words of French, German, Spanish, Italian, Portuguese, Dutch and some others that are no English words.
FOREIGN: Final = _words(
    """le la les des un une est je j'ai vous votre nous avez été pour dans que qui avec sur ce cette pas et au aux mais
    der das den dem ein eine einen ich sie wir ihr ihre ihnen und ist nicht mit für auf habe haben wurde wird werden zu
    von im bitte el los las del su sus por para con ha han he sido usted está están hemos y al mi tu como pero gracias
    il gli di che non è sono stato stata ho hai abbiamo per della nel suo o os um uma não foi seu sua você em com dos da
    na eu tenho het een ik u uw je jij niet zijn met van voor op wij heb hebben werd w z się jest nie do została jag och
    har det att inte på av ditt din er"""
) - _words("do he o")
