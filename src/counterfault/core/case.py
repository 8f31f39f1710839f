"""What an oracle is given: recording, mutant, attempt and what is accepted, with the analyses that oracles share."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property, lru_cache

from counterfault.core.attempt import Attempt
from counterfault.core.edit import substitute, substitute_text
from counterfault.core.effects import Effect, effect_key, effects
from counterfault.core.impact import Impact, impact_of
from counterfault.core.mutant import Mutant, Mutation, Relation
from counterfault.core.provenance import Use, uses
from counterfault.core.retold import repeats, sentences, skeleton
from counterfault.core.scan import Scan, may_decide
from counterfault.core.statements import Statement, read
from counterfault.core.temporal import Policy, PolicyCall, policy_calls
from counterfault.core.trace import Message, Trace
from counterfault.core.values import norm, states, tokens

_LOSSY: tuple[Relation, ...] = ("persistent", "detect", "halt")


@dataclass(frozen=True, slots=True)
class Accepted:
    """One outcome that is right for a trace: its committed effects, its facts (normal forms by source step), and
    whether it hands over. ``steps`` give, by effect, the recorded step, -1 where a person accepted it."""

    effects: tuple[Effect, ...]
    escalates: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """A value of the recorded answer that came from a result: its normal form, as written, and the recorded steps that
    held it."""

    form: str
    written: str
    steps: frozenset[int]


@dataclass(frozen=True, slots=True)
class JudgeRules:
    """What holds for all attempts of a campaign."""

    policies: tuple[Policy, ...] = ()
    max_tries: int = 8


@dataclass(frozen=True)
class Ground:
    """What is known of a trace before any attempt of it is judged.

    ``accepted`` are its right outcomes; ``facts`` those of the recorded answer that every control that holds repeats.
    ``always_escalates`` says that every recording of its task hands over.
    """

    scan: Scan
    accepted: tuple[Accepted, ...]
    facts: tuple[Fact, ...]
    rules: JudgeRules = JudgeRules()
    always_escalates: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """The attempt's committed effects against the closest accepted outcome, renamings applied.

    ``missing`` are accepted effects (as renamed) that were not made, with ``excused`` those that the relation forbids
    or that need a lost answer; ``extra`` are effects beyond the accepted ones, ``made`` those that match.
    """

    made: tuple[Effect, ...]
    extra: tuple[Effect, ...]
    missing: tuple[Effect, ...]
    excused: tuple[Effect, ...]

    @property
    def owed(self) -> tuple[Effect, ...]:
        """The missing effects that the relation leaves possible."""
        return tuple(effect for effect in self.missing if effect not in self.excused)


@dataclass(frozen=True)
class Case:
    """One attempt to be judged."""

    ground: Ground
    mutant: Mutant | None
    attempt: Attempt

    @property
    def mutation(self) -> Mutation | None:
        """The mutation that names the mutant."""
        return self.mutant.first if self.mutant else None

    @property
    def relation(self) -> Relation:
        """What is right here; a control is judged as an invariant."""
        return self.mutant.first.relation if self.mutant else "invariant"

    @property
    def trace(self) -> Trace:
        """The recording."""
        return self.ground.scan.trace

    @cached_property
    def impact(self) -> Impact | None:
        """What the mutant touches in the recording."""
        return impact_of(self.ground.scan, self.mutant) if self.mutant else None

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The renaming in force."""
        return self.impact.pairs if self.impact else ()

    @cached_property
    def effects(self) -> tuple[Effect, ...]:
        """The attempt's writes with what became of them."""
        return tuple(effects(self.attempt.steps, self.ground.scan.rules, self.attempt.states))

    @cached_property
    def committed(self) -> tuple[Effect, ...]:
        """The attempt's committed effects."""
        return tuple(effect for effect in self.effects if effect.state == "committed")

    @cached_property
    def uses(self) -> tuple[Use, ...]:
        """Every value that the agent used in the attempt, with where it had seen it."""
        return uses(self.attempt.steps)

    @cached_property
    def calls(self) -> tuple[PolicyCall, ...]:
        """The attempt's calls as policies see them."""
        return policy_calls(self.attempt.steps, self.attempt.states)

    @cached_property
    def delivered_at(self) -> int:
        """The step at which the mutation first reached the agent; past the end where it never did."""
        return min((injection.step for injection in self.attempt.injections), default=len(self.attempt.steps))

    # -- what was said ----------------------------------------------------------------------------------------------

    @cached_property
    def said(self) -> tuple[tuple[int, str], ...]:
        """The agent's messages with their steps."""
        return tuple(
            (index, step.text)
            for index, step in enumerate(self.attempt.steps)
            if isinstance(step, Message) and step.role == "assistant"
        )

    @cached_property
    def closing(self) -> Statement:
        """What the agent's messages from the delivery on say, where they are not the recorded ones.

        A good recording may itself refuse something ("a basic economy ticket cannot be changed"); only what the agent
        says beyond it speaks of the mutation.
        """
        recorded = [message.text for _, message in self.trace.messages("assistant")]
        whole = {skeleton(text) for text in recorded}
        parts = [part for text in recorded for part in sentences(substitute_text(text, self.pairs))]
        return read_all(
            tuple(
                " ".join(part for part in sentences(text) if not any(repeats(part, told) for told in parts))
                for step, text in self.said
                if step >= self.delivered_at and skeleton(text) not in whole
            )
        )

    @cached_property
    def spoken(self) -> frozenset[str]:
        """The normal forms of all values in the agent's messages."""
        return frozenset(token.norm for _, text in self.said for token in tokens(text))

    @property
    def escalated(self) -> bool:
        """Whether the agent handed over: by tool, exception or status, or in words.

        Where that is what is accepted, words are as good in the recording's own wording.
        """
        if self.attempt.escalated is not None or self.closing.escalates:
            return True
        return self.accepted_escalates and bool(self.said) and read_all((self.said[-1][1],)).escalates

    @property
    def handed_over(self) -> bool:
        """Whether it escalated, or plainly said that what the relation took away was not done."""
        return self.escalated or (self.closing.admits and self.relation in _LOSSY)

    # -- what it did against what is right --------------------------------------------------------------------------

    @cached_property
    def comparison(self) -> Comparison:
        """The committed effects against the accepted outcome that they are closest to."""
        options = [self._compare(accepted) for accepted in self.ground.accepted] or [self._compare(Accepted(()))]
        return min(options, key=lambda option: len(option.extra) * 2 + len(option.missing))

    @property
    def accepted_escalates(self) -> bool:
        """Whether an accepted outcome hands over."""
        return any(accepted.escalates for accepted in self.ground.accepted)

    def _compare(self, accepted: Accepted) -> Comparison:
        wanted = [(effect, self._renamed(effect)) for effect in accepted.effects]
        left = Counter(key for _, key in wanted)
        made, extra = [], []
        for effect in self.committed:
            if left[effect.key]:
                left[effect.key] -= 1
                made.append(effect)
            else:
                extra.append(effect)
        missing = []
        for effect, key in wanted:
            if left[key]:
                left[key] -= 1
                missing.append(effect)
        excused = tuple(effect for effect in missing if self._is_excused(effect))
        return Comparison(tuple(made), tuple(extra), tuple(missing), excused)

    def _renamed(self, effect: Effect) -> str:
        if not self.pairs:
            return effect.key
        arguments = substitute(dict(effect.arguments), self.pairs)
        assert isinstance(arguments, dict)
        return effect_key(effect.tool, arguments)

    def _is_excused(self, effect: Effect) -> bool:
        """Whether the relation forbids the effect, or it needs an answer that the mutation took away or spoiled."""
        if self.impact is None or self.mutation is None:
            return False
        if self.relation == "persistent":
            return effect.step in self.impact.needing and not self._is_committed_by_fault(effect)
        if self.relation == "detect":
            return effect.step in self.impact.touched or self.mutation.tier >= 3
        if self.relation == "halt":
            return self.is_guarded(effect)
        return False

    def _is_committed_by_fault(self, effect: Effect) -> bool:
        return any(effect.step == committed.step for committed in self.committed)

    def is_guarded(self, effect: Effect) -> bool:
        """Whether a *halt* mutant forbids this accepted effect, or it hangs on one that is forbidden."""
        assert self.mutation is not None
        assert self.impact is not None
        if effect.tool in self.mutation.blocks or effect.step in self.impact.touched:
            return True
        return effect.tool in self.guarded_tools

    @cached_property
    def guarded_tools(self) -> frozenset[str]:
        """The tools that the mutated approval or refusal guards: by policy, else every irreversible one."""
        mutation = self.mutation
        if mutation is None or mutation.relation != "halt":
            return frozenset()
        if mutation.blocks:
            return frozenset(mutation.blocks)
        tools = {effect.tool for effect in (*self.ground.scan.effects, *self.effects)}
        by_policy = {
            tool
            for policy in self.ground.rules.policies
            if any(matches_glob(mutation.site.tool, prior) for prior in policy.priors)
            for tool in tools
            if any(matches_glob(tool, guarded) for guarded in policy.guarded)
        }
        irreversible = {tool for tool in tools if self.ground.scan.rules[tool].irreversible}
        return frozenset(by_policy or irreversible)

    # -- facts ------------------------------------------------------------------------------------------------------

    @cached_property
    def missing_facts(self) -> tuple[Fact, ...]:
        """The facts that the agent did not state, but for those that only a write's own answer held, where that write
        was not answered as recorded: the write itself is judged."""
        return tuple(
            fact
            for fact in self.ground.facts
            if not states(self.spoken, self._form(fact)) and not self._is_of_other_write(fact)
        )

    def _form(self, fact: Fact) -> str:
        return norm(substitute_text(fact.written, self.pairs)) if self.pairs else fact.form

    def _is_of_other_write(self, fact: Fact) -> bool:
        rules, steps = self.ground.scan.rules, self.trace.steps
        answered = {note.recorded for note in self.attempt.answered if note.origin in ("recorded", "normalised")}
        asked = {step for step in fact.steps if rules[getattr(steps[step], "tool", "")].kind != "read"}
        return asked == fact.steps and not asked & answered

    def is_lost(self, fact: Fact) -> bool:
        """Whether the relation took the fact away: it may be missing, if the agent says so."""
        if self.impact is None:
            return False
        if self.relation == "persistent":
            return fact.steps <= self.impact.needing or all(self._is_hit(fact, step) for step in fact.steps)
        if self.relation == "detect":
            return bool(fact.steps & self.impact.touched) or any(self._is_hit(fact, step) for step in fact.steps)
        return self.relation == "halt" and any(step >= self.mutation_step for step in fact.steps)

    @property
    def mutation_step(self) -> int:
        """The recorded step at which the mutant acts."""
        return self.mutation.site.step if self.mutation else -1

    def _is_hit(self, fact: Fact, step: int) -> bool:
        assert self.impact is not None
        if step in self.impact.lost:
            return True
        return fact.form in self.impact.old and any(at == step for at, _ in self.impact.places)

    # -- dependence -------------------------------------------------------------------------------------------------

    @cached_property
    def depends(self) -> bool:
        """Whether an accepted effect or a fact depends on the site; one that may decide counts."""
        if self.impact is None or self.mutation is None:
            return True
        return self.mutation.tier == 3 or self.relation == "halt" or self.is_copied or self._may_decide

    @property
    def _may_decide(self) -> bool:
        """Whether a leaf that the mutant touches may decide.

        So do those of an answer that is gone as a whole, and of one that was asked for with a changed value; not under
        a renaming, which leaves every answer what it was.
        """
        assert self.impact is not None
        if self.relation == "renaming":
            return False
        answers, places = self.impact.lost | self.impact.touched, self.impact.places
        return any(
            may_decide(leaf.pointer, leaf.value) is not None
            for leaf in self.ground.scan.leaves
            if leaf.step in answers or (leaf.step, leaf.pointer) in places
        )

    @cached_property
    def is_copied(self) -> bool:
        """Whether a value of the site is in an accepted effect or a fact, or one of them hangs on it."""
        if self.impact is None:
            return True
        steps = {effect.step for accepted in self.ground.accepted for effect in accepted.effects}
        if steps & self.impact.touched:
            return True
        hanging = self.impact.touched | self.impact.lost
        return any(fact.steps & hanging or self._touches(fact) for fact in self.ground.facts)

    def _touches(self, fact: Fact) -> bool:
        assert self.impact is not None
        return any(step == at for step in fact.steps for at, _ in self.impact.places) and (
            fact.form in self.impact.old or not self.impact.old
        )

    @property
    def is_decisive(self) -> bool:
        """Whether the site is declared decisive, or a policy names it."""
        return self.mutation is not None and self.ground.scan.is_decisive(
            self.mutation.site.tool, self.mutation.site.pointer
        )

    @property
    def is_undecided(self) -> bool:
        """Whether the site only may decide: nobody can say whether leaving something out was right."""
        return self.mutation is not None and self.mutation.tier >= 3 and not self.is_decisive


def matches_glob(tool: str, pattern: str) -> bool:
    """Whether a tool's name fits a glob in which ``*`` stands for any characters."""
    head, star, tail = pattern.partition("*")
    if not star:
        return tool == pattern
    return tool.startswith(head) and tool.endswith(tail) and len(tool) >= len(head) + len(tail)


@lru_cache(maxsize=4096)
def read_all(texts: tuple[str, ...]) -> Statement:
    """What several messages say together."""
    said = [read(text) for text in texts if text]
    return Statement(
        escalates=any(statement.escalates for statement in said),
        admits=any(statement.admits for statement in said),
        claims_done=any(statement.claims_done for statement in said),
        asks=any(statement.asks for statement in said),
        readable=all(statement.readable for statement in said),
    )


def recorded_facts(scan: Scan) -> tuple[Fact, ...]:
    """The identifiers, amounts, dates and numbers of the recorded answer that trace to tool results."""
    found: dict[str, Fact] = {}
    for use in scan.uses:
        step = scan.trace.steps[use.step]
        if not isinstance(step, Message) or use.kind not in ("identifier", "number", "date"):
            continue
        sources = frozenset(source.place.step for source in use.sources if source.role == "result")
        form = norm(use.written)
        if sources:
            known = found.get(form)
            found[form] = Fact(form, str(use.written), sources | (known.steps if known else frozenset()))
    return tuple(found.values())
