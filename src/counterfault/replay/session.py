"""The sans-I/O replay: a call goes in, an answer comes out. It logs all, applies the mutation, and proves delivery.

A shell (an agent adapter, a proxy) asks ``call`` for the answer, gives it to the agent in its own form, and reports
with ``hand_over`` what it really gave. Only what was handed over is delivered. docs/replay.md tells how it answers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NoReturn

from counterfault.core.attempt import Answer, Answered, Attempt, Injection, Status, WorkItem
from counterfault.core.edit import Fault
from counterfault.core.effects import State
from counterfault.core.errors import AttemptEnded, ConversationOver, Unanswerable
from counterfault.core.jsontree import JSON
from counterfault.core.mutant import Mutant
from counterfault.core.rendering import Rendering, write
from counterfault.core.statements import intent
from counterfault.core.trace import Message, Role, Step, ToolCall, ToolResult
from counterfault.core.values import tokens
from counterfault.replay.door import as_arguments, as_json
from counterfault.replay.matching import find, unconsumed
from counterfault.replay.mutating import (
    Acting,
    brought_in,
    data_proof,
    delay_of,
    delay_proof,
    fault_of,
    fault_proof,
    rewritten,
)
from counterfault.replay.progress import Committed, LiveCall, Match, Miss, Progress
from counterfault.replay.recording import Recording
from counterfault.replay.synthesis import fault_body

_MOST_CALLS = 400
_MOST_FAULTED = 60


@dataclass(frozen=True, slots=True)
class Limits:
    """The caller's deadline for a tool, and the length of a replay, in seconds of the replay clock."""

    timeout_s: float | None = None
    max_replay_s: float = 7 * 86400.0


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
        self._acting = Acting(mutant)
        self.clock = 0.0
        self.over: str = ""
        self.status: Status = "completed"
        self.reached = False
        self.user_unfit = False
        self.said = 0
        self._escalated: str | None = None
        self._steps: list[Step] = []
        self._answered: list[Answered] = []
        self._injections: list[Injection] = []
        self._unmatched: list[str] = []
        self._progress = Progress()
        self._faulted: dict[str, int] = {}
        self._due: dict[int, Answer] = {}
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

    @property
    def escalated(self) -> str | None:
        """The reason, where the agent handed over. Set after the end of the attempt, it counts no more."""
        return self._escalated

    @escalated.setter
    def escalated(self, reason: str | None) -> None:
        if not self.over:
            self._escalated = reason

    def _changed(self, step: int) -> None:
        if self._observe is not None:
            self._observe(self, step)

    def _log(self, step: Step) -> None:
        self._steps.append(step)
        self._changed(len(self._steps) - 1)

    def _show(self, recorded: int) -> str:
        """Log a recorded message as the agent is shown it."""
        message = self.recording.trace.steps[recorded]
        assert isinstance(message, Message)
        text = self._acting.renamed(message.text)
        acted = self._acting.renames(message.text) if text != message.text else []
        for index, mutation in enumerate(self._acting.mutations):
            site = mutation.site
            if mutation.reach != "run" and site.aspect == "user" and site.step == recorded:
                before, text = text, rewritten(text, mutation)
                acted += [index] if before != text else []
        if acted:
            self.reached = True
            proof = data_proof(message.text, text, ())
            self._injections += [Injection(index, len(self._steps), recorded, proof) for index in acted]
            self._introduce(message.text, text)
        self._log(Message(message.role, text))
        return text

    def say(self, text: str) -> str:
        """The agent says ``text`` to the user; the next recorded user turn comes back. Raises ConversationOver.

        An empty text is not logged: the user goes on by itself.
        """
        self._refuse()
        self.said += 1
        if text:
            self.note("assistant", text)
        if not self._users:
            self.over = "the recording holds no further user turn"
            raise ConversationOver(self.over)
        recorded = self._users.pop(0)
        if not _asks_the_same(text or self._last_said(), self._acting.renamed(self.recording.said_before(recorded))):
            self.user_unfit = True
        return self._show(recorded)

    def _last_said(self) -> str:
        said = (step.text for step in reversed(self._steps) if isinstance(step, Message) and step.role == "assistant")
        return next(said, "")

    def note(self, role: Role, text: str) -> None:
        """Log a text that accompanies a call without waiting for the user. After the end nothing is logged."""
        if not self.over:
            self._log(Message(role, text))

    def sleep(self, seconds: float) -> None:
        """Waiting advances the replay clock; nothing waits for real."""
        self._refuse()
        wait = float(seconds)
        # Not max(): of not-a-number it would make a clock that never passes any limit.
        self.clock += min(wait, self.limits.max_replay_s + 1) if wait > 0 else 0.0
        self._watch_clock()

    def _watch_clock(self) -> None:
        if self.clock > self.limits.max_replay_s:
            self._end("timed_out", f"the replay clock passed {self.limits.max_replay_s} s")
            raise AttemptEnded(self.over)

    # -- calls --------------------------------------------------------------------------------------------------------

    def call(self, tool: str, arguments: Mapping[str, JSON], turn: int | None = None) -> Answer:
        """The answer to a call of the agent. Raises Unanswerable where no rung of the ladder answers.

        Calls that one model turn makes in parallel share ``turn``. The arguments are copied, and made JSON where they
        are not (``replay.door``).
        """
        self._refuse()
        self._watch_clock()
        given = as_arguments(arguments)
        if turn is None:
            self._turns += 1
        step = len(self._steps)
        self._steps.append(ToolCall(tool, given, None, f"call_{step}", self._turns if turn is None else turn))
        asked = self._acting.as_recorded(given)
        assert isinstance(asked, dict)
        live = LiveCall(tool, asked)
        self._progress = replace(self._progress, calls=self._progress.calls + 1)
        if self._progress.calls > _MOST_CALLS:
            self._end("timed_out", f"more than {_MOST_CALLS} tool calls")
            self._changed(step)
            raise AttemptEnded(self.over)
        match = find(self.recording, live, self._progress)
        try:
            answer = self._faulty(step, live, match)
            if answer is None:
                if isinstance(match, Miss):
                    self._miss(step, live, match)
                answer = self._replied(step, live, match)
            self._due[step] = answer
        finally:
            self._changed(step)
        return answer

    def hand_over(self, answer: Answer, text: str | None = None, raised: str | None = None) -> None:
        """Report what the agent was really given: a text, or an exception of a kind. Proves or disproves delivery.

        The first report of an answer counts, and none after the end. What was due is the session's own record of it,
        so that a shell which changes the answer on the way proves nothing.
        """
        due = self._due.pop(answer.step, None)
        if due is None or self.over:
            return
        call = self._steps[due.step]
        assert isinstance(call, ToolCall)
        given = answer.text if text is None else text
        self._steps[due.step] = replace(call, result=ToolResult(given, due.error, raised))
        if given == due.text and raised == due.raises:
            self._injections.extend(due.pending)
        self._changed(due.step)

    def _miss(self, step: int, live: LiveCall, miss: Miss) -> NoReturn:
        self._unmatched.append(f"{live.tool} at step {step}: {miss.why}")
        self._answered.append(Answered(step, "none", why=miss.why))
        self._end("unresolved", f"no answer for {live.tool}: {miss.why}")
        raise Unanswerable(self.over)

    def _replied(self, step: int, live: LiveCall, match: Match) -> Answer:
        if match.origin in ("synthesised", "overlaid"):
            self._unmatched.append(f"{live.tool} at step {step}: {match.why}")
        self._commit(step, live, match)
        acting, rule = self._acting, self.recording.rules[live.tool]
        # What is raised has no text that the agent could see.
        text = match.text if match.raises else acting.renamed(match.text)
        pending: list[Injection] = []
        if text != match.text:
            proof = data_proof(match.text, text, ())
            pending += [Injection(index, step, match.recorded, proof) for index in acting.renames(match.text)]
        for index, mutation in enumerate(acting.mutations):
            if not acting.acts(index, live, match, rule):
                continue
            before, began = text, self.clock
            self.clock += delay_of(mutation)
            text = text if match.raises else rewritten(text, mutation)
            changed = before != text
            if changed or self.clock > began:
                proof = data_proof(before, text, mutation.edits) if changed else dict(delay_proof(began, self.clock))
                pending.append(Injection(index, step, match.recorded, proof))
                acting.count(index, live)
            # The call at the site was made, though its answer may not hold any more what the mutation changes.
            self.reached = self.reached or match.recorded == mutation.site.step
        if pending:
            self.reached = True
            self._introduce(match.text, text)
        return Answer(step, text, match.error, match.raises, pending=tuple(pending))

    def _commit(self, step: int, live: LiveCall, match: Match) -> None:
        """Book the call: it uses up its recorded call, and a committed write enters the ledger."""
        progress = self._progress
        if match.recorded >= 0:
            progress = replace(progress, consumed=progress.consumed | {match.recorded})
        elif match.place >= 0:
            progress = replace(progress, replaced=progress.replaced | {match.place})
        if match.state == "committed":
            effect = Committed(live.tool, live.arguments, live.effect, match.text)
            if not self.recording.changes_nothing(effect.tool, effect.key, [e.key for e in progress.committed]):
                progress = replace(progress, committed=(*progress.committed, effect))
        self._progress = progress
        self._answered.append(Answered(step, match.origin, match.recorded, match.state, match.why))
        if self.recording.rules[live.tool].kind == "escalation":
            self.escalated = self.escalated or f"called {live.tool}"

    # -- the mutation -------------------------------------------------------------------------------------------------

    def _faulty(self, step: int, live: LiveCall, match: Match | Miss) -> Answer | None:
        """The answer of the first fault that acts on this call."""
        acting, rule = self._acting, self.recording.rules[live.tool]
        for index, mutation in enumerate(acting.mutations):
            fault = fault_of(mutation, self.limits.timeout_s)
            if fault is None or not acting.acts(index, live, match, rule):
                continue
            self.reached = True
            recorded = match.recorded if isinstance(match, Match) else -1
            proof = fault_proof(fault, acting.count(index, live))
            self._answer_by_fault(step, live, match, fault)
            text = fault.body if fault.body is not None else fault_body(fault.kind, live.tool, self.recording.corpus)
            raises = fault.kind if fault.form == "exception" else None
            pending = (Injection(index, step, recorded, proof),)
            return Answer(step, acting.renamed(text), fault.flag, raises, fault.status, fault.retry_after, pending)
        return None

    def _answer_by_fault(self, step: int, live: LiveCall, match: Match | Miss, fault: Fault) -> None:
        self.clock += fault.after
        if fault.commits and isinstance(match, Match):
            self._commit(step, live, match)
            self._answered[-1] = replace(self._answered[-1], origin="fault")
        else:
            state: State | None = "refused" if self.recording.rules[live.tool].writes else None
            self._answered.append(Answered(step, "fault", state=state, why=fault.kind))
        tries = self._faulted[live.key] = self._faulted.get(live.key, 0) + 1
        if tries > _MOST_FAULTED:
            self._end("completed", f"ended after {tries} identical calls of {live.tool} that faults answered")
            raise AttemptEnded(self.over)

    def _introduce(self, before: str, after: str) -> None:
        fresh = brought_in(before, after)
        self._progress = replace(self._progress, introduced=self._progress.introduced | fresh)

    # -- the end ----------------------------------------------------------------------------------------------------

    def _refuse(self) -> None:
        if self.over:
            raise AttemptEnded(self.over)

    def _end(self, status: Status, reason: str) -> None:
        self.status, self.over = status, reason

    def finish(self, item: WorkItem, answer: JSON, status: Status | None = None, reason: str = "") -> Attempt:
        """Close the session and give the attempt record.

        ``status`` is what the shell saw, where it saw trouble. Where the session had ended the attempt before, what the
        agent returned or raised afterwards is not judged; trouble of ours still is shown.
        """
        if self.over and status != "harness_error":
            answer, status, reason = None, self.status, self.over
        answer = as_json(answer)
        if answer not in (None, "") and not self.over:
            self._steps.append(Message("assistant", write(answer, Rendering("text"))))
        final = status or self.status
        if self._acting.mutations and not self._injections and final != "harness_error":
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
            reason=reason,
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


def _asks_the_same(text: str, recorded: str) -> bool:
    """Whether a message shares the facts or the intent class of the recorded one that a user turn answered."""
    kinds: tuple[Literal["identifier", "number", "date"], ...] = ("identifier", "number", "date")
    mine = {token.norm for token in tokens(text) if token.kind in kinds}
    theirs = {token.norm for token in tokens(recorded) if token.kind in kinds}
    return not recorded or bool(mine & theirs) or intent(text) == intent(recorded)
