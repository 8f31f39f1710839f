"""What a mutant does to the answers of one attempt, and the proofs of it. The session decides when."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from counterfault.core.edit import Delay, Edit, Fault, Substitute, TreeEdit, inverse, on_text, places, substitute
from counterfault.core.effects import ToolRule
from counterfault.core.jsontree import JSON, digest, leaves
from counterfault.core.mutant import Mutant, Mutation
from counterfault.core.rendering import parse
from counterfault.core.values import identifiers, norm
from counterfault.replay.progress import LiveCall, Match, Miss

Pairs = tuple[tuple[str, str], ...]


@dataclass
class Acting:
    """A mutant at work: its mutations, its renaming of the whole run, and how often each mutation has acted on which
    call, with these arguments."""

    mutant: Mutant | None
    _acted: dict[tuple[int, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.mutations = self.mutant.mutations if self.mutant else ()
        self._renamings = {index: _pairs_of(one) for index, one in enumerate(self.mutations) if one.reach == "run"}
        self.pairs: Pairs = tuple(pair for pairs in self._renamings.values() for pair in pairs)

    def renamed(self, text: str) -> str:
        """What the agent is shown of a recorded text."""
        return on_text(text, Substitute(self.pairs)) if self.pairs else text

    def renames(self, text: str) -> list[int]:
        """The mutations whose renaming changes a text."""
        return [index for index, pairs in self._renamings.items() if on_text(text, Substitute(pairs)) != text]

    def as_recorded(self, tree: JSON) -> JSON:
        """What the agent says, in the recording's words."""
        return substitute(tree, inverse(self.pairs)) if self.pairs else tree

    def acts(self, index: int, call: LiveCall, match: Match | Miss, rule: ToolRule) -> bool:
        """Whether a mutation acts on the answer to this call: on the tool's every answer, on the answer to the call at
        its site, or, for what is no read, to the one made in its place; and again until it clears."""
        mutation = self.mutations[index]
        if mutation.reach == "run" or call.tool != mutation.site.tool:
            return False
        done = self._acted.get((index, call.key), 0)
        if mutation.times is not None and done >= mutation.times:
            return False
        if mutation.reach == "tool" or done:
            return True
        if isinstance(match, Match) and match.recorded >= 0:
            return match.recorded == mutation.site.step
        return rule.kind != "read" and isinstance(match, Match) and match.place == mutation.site.step

    def count(self, index: int, call: LiveCall) -> int:
        """Book that a mutation acted; gives how often it has."""
        number = self._acted[index, call.key] = self._acted.get((index, call.key), 0) + 1
        return number


def _pairs_of(mutation: Mutation) -> Pairs:
    return tuple(pair for edit in mutation.edits if isinstance(edit, Substitute) for pair in edit.pairs)


def fault_of(mutation: Mutation, timeout_s: float | None) -> Fault | None:
    """The mutation's fault; a delay beyond the caller's deadline is one too."""
    for edit in mutation.edits:
        if isinstance(edit, Fault):
            return edit
        if isinstance(edit, Delay) and timeout_s is not None and edit.seconds > timeout_s:
            return Fault("timeout", "exception", after=timeout_s)
    return None


def delay_of(mutation: Mutation) -> float:
    """The seconds by which the mutation delays an answer."""
    return sum(edit.seconds for edit in mutation.edits if isinstance(edit, Delay))


def rewritten(text: str, mutation: Mutation) -> str:
    """An answer's text after the mutation's edits."""
    for edit in mutation.edits:
        text = on_text(text, edit)
    return text


def brought_in(before: str, after: str) -> set[str]:
    """The values (normal forms) that stand in the text after a mutation and not before: leaves and identifiers."""
    return _values_of(after) - _values_of(before)


def _values_of(text: str) -> set[str]:
    tree = parse(text)
    return {norm(value) for _, value in leaves(tree)} | identifiers(tree)


def data_proof(before: str, after: str, edits: tuple[Edit, ...]) -> dict[str, JSON]:
    """The proof of a changed text."""
    value = parse(before)
    touched: list[JSON] = [place for edit in edits if isinstance(edit, TreeEdit) for place in places(value, edit)]
    size = len(after.encode("utf-8", "surrogatepass"))
    return {"pointers": touched, "before": digest(before), "after": digest(after), "bytes": size}


def fault_proof(fault: Fault, number: int) -> Mapping[str, JSON]:
    """The proof of a fault: its form, and which call with these arguments it answers."""
    return {"form": fault.form, "kind": fault.kind, "status": fault.status, "number": number}


def delay_proof(before: float, after: float) -> Mapping[str, JSON]:
    """The proof of a delay: the replay clock before and after, in seconds."""
    return {"clock_before": before, "clock_after": after, "clock": "virtual"}
