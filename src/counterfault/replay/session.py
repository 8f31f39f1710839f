"""The sans-I/O replay: a call goes in, an answer comes out. It logs all, applies the mutation, and proves delivery.

A shell (an agent adapter, a proxy) asks ``call`` for the answer, gives it to the agent in its own form, and reports
with ``hand_over`` what it really gave. Only what was handed over is delivered.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from counterfault.core.attempt import Answer, Answered, Attempt, Injection, Status, WorkItem
from counterfault.core.edit import Delay, Edit, Fault, Substitute, TreeEdit, inverse, on_text, places, substitute
from counterfault.core.effects import State, effect_key
from counterfault.core.errors import AttemptEnded, ConversationOver, Unanswerable
from counterfault.core.jsontree import JSON, digest, leaves
from counterfault.core.mutant import Mutant, Mutation
from counterfault.core.rendering import Rendering, parse, write
from counterfault.core.statements import intent
from counterfault.core.trace import Message, Role, Step, ToolCall, ToolResult
from counterfault.core.values import norm, tokens
from counterfault.replay.matching import Committed, LiveCall, Match, Miss, Progress, aligned_write, find, unconsumed
from counterfault.replay.recording import Recording
from counterfault.replay.synthesis import fault_body

_MOST_CALLS = 400
_MOST_FAULTED = 60


@dataclass(frozen=True, slots=True)
class Limits:
    """The caller's deadline for a tool, and the length of a replay, in seconds of the replay clock."""

    timeout_s: float | None = None
    max_replay_s: float = 7 * 86400.0


@dataclass
class _Counts:
    """How often each mutation has acted, per call key; and how often a key was answered by a fault."""

    acted: dict[tuple[int, str], int] = field(default_factory=dict)
    faulted: dict[str, int] = field(default_factory=dict)


class Session:
    """One replay of one recording under one mutant. ``observe`` is told of each step that was logged or changed."""

    def __init__(
        self,
        recording: Recording,
        mutant: Mutant | None = None,
        limits: Limits | None = None,
        observe: Callable[["Session", int], None] | None = None,
    ) -> None:
        self.recording, self.mutant, self.limits = recording, mutant, limits or Limits()
        self._observe = observe
        self.mutations: tuple[Mutation, ...] = mutant.mutations if mutant else ()
        self.pairs = tuple(
            pair
            for mutation in self.mutations
            for edit in mutation.edits
            if isinstance(edit, Substitute)
            for pair in edit.pairs
        )
        self.clock = 0.0
        self.over: str = ""
        self.status: Status = "completed"
        self.reached = False
        self.escalated: str | None = None
        self.user_unfit = False
        self.said = 0
        self._steps: list[Step] = []
        self._answered: list[Answered] = []
        self._injections: list[Injection] = []
        self._unmatched: list[str] = []
        self._progress = Progress()
        self._counts = _Counts()
        self._turns = 0
        self._users = list(recording.user_turns)
        for step in recording.opening:
            self._show(step)

    # -- the conversation -------------------------------------------------------------------------------------------

    @property
    def steps(self) -> tuple[Step, ...]:
        """The run so far, as the agent saw it."""
        return tuple(self._steps)

    @property
    def answered(self) -> tuple[Answered, ...]:
        """How each call was answered."""
        return tuple(self._answered)

    @property
    def injections(self) -> tuple[Injection, ...]:
        """What was delivered."""
        return tuple(self._injections)

    def _changed(self, step: int) -> None:
        if self._observe is not None:
            self._observe(self, step)

    def _show(self, recorded: int) -> str:
        """Log a recorded message as the agent is shown it."""
        message = self.recording.trace.steps[recorded]
        assert isinstance(message, Message)
        text = message.text
        for index, mutation in enumerate(self.mutations):
            aimed = mutation.reach == "run" or (mutation.site.aspect == "user" and mutation.site.step == recorded)
            if not aimed:
                continue
            changed = _rewritten(text, mutation)
            if changed != text:
                self.reached = True
                proof: dict[str, JSON] = {"before": digest(text), "after": digest(changed), "bytes": len(changed)}
                self._injections.append(Injection(index, len(self._steps), recorded, proof))
                text = changed
        self._steps.append(Message(message.role, text))
        self._changed(len(self._steps) - 1)
        return text

    def say(self, text: str) -> str:
        """The agent says ``text`` to the user; the next recorded user turn comes back. Raises ConversationOver."""
        self._refuse()
        self.said += 1
        self.note("assistant", text)
        if not self._users:
            self.over = "the recording holds no further user turn"
            raise ConversationOver(self.over)
        recorded = self._users.pop(0)
        if not _asks_the_same(text, substitute_in(self.recording.said_before(recorded), self.pairs)):
            self.user_unfit = True
        return self._show(recorded)

    def note(self, role: Role, text: str) -> None:
        """Log a text that accompanies a call without waiting for the user."""
        self._steps.append(Message(role, text))
        self._changed(len(self._steps) - 1)

    def sleep(self, seconds: float) -> None:
        """Waiting advances the replay clock; nothing waits for real."""
        self._refuse()
        self.clock += max(0.0, float(seconds))
        if self.clock > self.limits.max_replay_s:
            self._end("timed_out", f"the replay clock passed {self.limits.max_replay_s} s")
            raise AttemptEnded(self.over)

    # -- calls --------------------------------------------------------------------------------------------------------

    def call(self, tool: str, arguments: Mapping[str, JSON], turn: int | None = None) -> Answer:
        """The answer to a call of the agent. Raises Unanswerable where no rung of the ladder answers.

        Calls that one model turn makes in parallel share ``turn``.
        """
        self._refuse()
        if turn is None:
            self._turns += 1
        step = len(self._steps)
        self._steps.append(ToolCall(tool, arguments, None, f"call_{step}", self._turns if turn is None else turn))
        asked = substitute(dict(arguments), inverse(self.pairs))
        assert isinstance(asked, dict)
        live = LiveCall(tool, asked)
        self._progress = replace(self._progress, calls=self._progress.calls + 1)
        if self._progress.calls > _MOST_CALLS:
            self._end("timed_out", f"more than {_MOST_CALLS} tool calls")
            raise AttemptEnded(self.over)
        match = find(self.recording, live, self._progress)
        answer = self._faulted(step, live, match)
        if answer is None:
            if isinstance(match, Miss):
                self._miss(step, live, match)
            assert isinstance(match, Match)
            answer = self._replied(step, live, match)
        self._changed(step)
        return answer

    def hand_over(self, answer: Answer, text: str | None = None, raised: str | None = None) -> None:
        """Report what the agent was really given: a text, or an exception of a kind. Proves or disproves delivery."""
        call = self._steps[answer.step]
        assert isinstance(call, ToolCall)
        given = answer.text if text is None else text
        result = ToolResult(given, answer.error, raised)
        self._steps[answer.step] = replace(call, result=result)
        if given == answer.text and raised == answer.raises:
            self._injections.extend(answer.pending)
        self._changed(answer.step)

    def _miss(self, step: int, live: LiveCall, miss: Miss) -> None:
        self._unmatched.append(f"{live.tool} at step {step}: {miss.why}")
        self._answered.append(Answered(step, "none", why=miss.why))
        self._end("unresolved", f"no answer for {live.tool}: {miss.why}")
        raise Unanswerable(self.over)

    def _replied(self, step: int, live: LiveCall, match: Match) -> Answer:
        if match.origin in ("synthesised", "overlaid"):
            self._unmatched.append(f"{live.tool} at step {step}: {match.why}")
        self._commit(step, live, match)
        text, pending = substitute_in(match.text, self.pairs), []
        if self.pairs and text != match.text:
            index = next(i for i, mutation in enumerate(self.mutations) if mutation.reach == "run")
            pending.append(Injection(index, step, match.recorded, _data_proof(match.text, text, ())))
        for index, mutation in enumerate(self.mutations):
            if mutation.reach != "run" and self._acts(index, mutation, live, match):
                before, began = text, self.clock
                text = self._edited(text, mutation)
                if before != text:
                    pending.append(Injection(index, step, match.recorded, _data_proof(before, text, mutation.edits)))
                elif self.clock > began:
                    waited: dict[str, JSON] = {"clock_before": began, "clock_after": self.clock, "clock": "virtual"}
                    pending.append(Injection(index, step, match.recorded, waited))
                else:
                    continue
                self.reached = True
                self._count(index, live)
        if pending:
            self.reached = True
            self._introduce(match.text, text)
        return Answer(step, text, match.error, match.raises, pending=tuple(pending))

    def _edited(self, text: str, mutation: Mutation) -> str:
        for edit in mutation.edits:
            if isinstance(edit, Delay):
                self.clock += edit.seconds
            text = on_text(text, edit)
        return text

    def _commit(self, step: int, live: LiveCall, match: Match) -> None:
        """Book the call: it uses up its recorded call, and a committed write enters the ledger."""
        progress = self._progress
        if match.recorded >= 0:
            progress = replace(progress, consumed=progress.consumed | {match.recorded})
        if match.state == "committed":
            effect = Committed(live.tool, live.arguments, effect_key(live.tool, live.arguments), match.text)
            progress = replace(progress, committed=(*progress.committed, effect))
        self._progress = progress
        self._answered.append(Answered(step, match.origin, match.recorded, match.state, match.why))
        if self.recording.rules[live.tool].kind == "escalation":
            self.escalated = self.escalated or f"called {live.tool}"

    # -- the mutation -------------------------------------------------------------------------------------------------

    def _acts(self, index: int, mutation: Mutation, live: LiveCall, match: Match | Miss) -> bool:
        """Whether a mutation acts on this call."""
        site = mutation.site
        if live.tool != site.tool:
            return False
        done = self._counts.acted.get((index, live.key), 0)
        if mutation.times is not None and done >= mutation.times:
            return False
        if mutation.reach == "tool":
            return True
        if done:
            return True
        if isinstance(match, Match) and match.recorded >= 0:
            return match.recorded == site.step
        aligned = aligned_write(self.recording, live.tool, self._progress)
        return self.recording.rules[live.tool].kind != "read" and aligned is not None and aligned.step == site.step

    def _count(self, index: int, live: LiveCall) -> None:
        self._counts.acted[index, live.key] = self._counts.acted.get((index, live.key), 0) + 1

    def _faulted(self, step: int, live: LiveCall, match: Match | Miss) -> Answer | None:
        for index, mutation in enumerate(self.mutations):
            fault = self._fault_of(mutation)
            if fault is None or not self._acts(index, mutation, live, match):
                continue
            self.reached = True
            self._count(index, live)
            recorded = match.recorded if isinstance(match, Match) else -1
            self._answer_by_fault(step, live, match, fault)
            number = self._counts.acted[index, live.key]
            proof: dict[str, JSON] = {"form": fault.form, "kind": fault.kind, "status": fault.status, "number": number}
            text = fault.body if fault.body is not None else fault_body(fault.kind, live.tool, self.recording.corpus)
            raises = fault.kind if fault.form == "exception" else None
            pending = (Injection(index, step, recorded, proof),)
            return Answer(step, text, fault.flag, raises, fault.status, fault.retry_after, pending)
        return None

    def _fault_of(self, mutation: Mutation) -> Fault | None:
        """The mutation's fault; a delay beyond the caller's deadline is one too."""
        for edit in mutation.edits:
            if isinstance(edit, Fault):
                return edit
            if isinstance(edit, Delay) and self.limits.timeout_s is not None and edit.seconds > self.limits.timeout_s:
                return Fault("timeout", "exception", after=self.limits.timeout_s)
        return None

    def _answer_by_fault(self, step: int, live: LiveCall, match: Match | Miss, fault: Fault) -> None:
        self.clock += fault.after
        writes = self.recording.rules[live.tool].writes
        if fault.commits and isinstance(match, Match):
            self._commit(step, live, match)
            self._answered[-1] = replace(self._answered[-1], origin="fault")
        else:
            state: State | None = "refused" if writes else None
            self._answered.append(Answered(step, "fault", state=state, why=fault.kind))
        tries = self._counts.faulted[live.key] = self._counts.faulted.get(live.key, 0) + 1
        if tries > _MOST_FAULTED:
            self._end("completed", f"ended after {tries} identical calls of {live.tool} that faults answered")
            raise AttemptEnded(self.over)

    def _introduce(self, before: str, after: str) -> None:
        old = {norm(value) for _, value in leaves(parse(before))}
        fresh = {norm(value) for _, value in leaves(parse(after))} - old
        self._progress = replace(self._progress, introduced=self._progress.introduced | fresh)

    # -- the end ----------------------------------------------------------------------------------------------------

    def _refuse(self) -> None:
        if self.over:
            raise AttemptEnded(self.over)

    def _end(self, status: Status, reason: str) -> None:
        self.status, self.over = status, reason

    def finish(self, item: WorkItem, answer: JSON, status: Status | None = None, reason: str = "") -> Attempt:
        """Close the session and give the attempt record. ``status`` is what the shell saw, where it saw trouble."""
        if answer not in (None, "") and not self.over:
            self._steps.append(Message("assistant", write(answer, Rendering("text"))))
        final = status or self.status
        if self.mutations and not self._injections and final != "harness_error":
            # Whatever ended the attempt, it was not the mutation.
            final = "not_delivered" if self.reached else "not_reached"
        self.over = self.over or "the attempt is over"
        return Attempt(
            id=item.id,
            trace_id=item.trace_id,
            mutant_id=item.mutant.id if item.mutant else "",
            arm=item.arm,
            agent=item.agent,
            replicate=item.replicate,
            seed=item.seed,
            status=final,
            steps=self.steps,
            reason=reason or (self.over if self.status != "completed" else ""),
            answered=tuple(self._answered),
            injections=tuple(self._injections),
            reached=self.reached,
            answer=answer,
            escalated=self.escalated,
            unmatched=tuple(self._unmatched),
            unconsumed=unconsumed(self.recording, self._progress.consumed),
            user_unfit=self.user_unfit,
            silent_turns=bool(self.recording.user_turns) and not self.said,
            replay_s=self.clock,
        )


def substitute_in(text: str, pairs: tuple[tuple[str, str], ...]) -> str:
    """A rendered answer under a renaming."""
    return on_text(text, Substitute(pairs)) if pairs else text


def _rewritten(text: str, mutation: Mutation) -> str:
    for edit in mutation.edits:
        text = on_text(text, edit)
    return text


def _data_proof(before: str, after: str, edits: tuple[Edit, ...]) -> dict[str, JSON]:
    value = parse(before)
    touched: list[JSON] = [place for edit in edits if isinstance(edit, TreeEdit) for place in places(value, edit)]
    return {"pointers": touched, "before": digest(before), "after": digest(after), "bytes": len(after.encode())}


def _asks_the_same(text: str, recorded: str) -> bool:
    """Whether a message shares the facts or the intent class of the recorded one that a user turn answered."""
    kinds: tuple[Literal["identifier", "number", "date"], ...] = ("identifier", "number", "date")
    mine = {token.norm for token in tokens(text) if token.kind in kinds}
    theirs = {token.norm for token in tokens(recorded) if token.kind in kinds}
    return not recorded or bool(mine & theirs) or intent(text) == intent(recorded)
