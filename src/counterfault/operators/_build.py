"""The forms of mutation that several operators share."""

from collections.abc import Sequence
from dataclasses import replace

from counterfault.core.edit import Edit, Replace
from counterfault.core.jsontree import JSON
from counterfault.core.mutant import Mutation, Relation, Site
from counterfault.core.scan import Leaf


def drift(name: str, relation: Relation, leaf: Leaf, *edits: Edit, pointer: str | None = None) -> Mutation:
    """A change of a tool's answers that stays. ``name`` is the operator with the variant: ``schema.rename case``."""
    operator, _, variant = name.partition(" ")
    site = Site(leaf.step, leaf.tool, "result", leaf.pointer if pointer is None else pointer)
    return Mutation(operator, variant, "schema", relation, site, edits, reach="tool", times=None, tier=leaf.tier)


def drift_here(name: str, relation: Relation, leaf: Leaf, edits: tuple[Edit, ...]) -> Mutation:
    """A change of one answer's layout.

    Its edits hold values, which are true of this answer only: put into every answer they would be false ones.
    """
    operator, _, variant = name.partition(" ")
    site = Site(leaf.step, leaf.tool, "result", leaf.pointer)
    return Mutation(operator, variant, "schema", relation, site, edits, tier=leaf.tier)


def corruption(name: str, leaf: Leaf, new: JSON, noticeable: str) -> Mutation:
    """Another value at one place of one answer, and why an agent can notice it."""
    operator, _, variant = name.partition(" ")
    site = Site(leaf.step, leaf.tool, "result", leaf.pointer)
    edits = (Replace(leaf.pointer, new),)
    return Mutation(operator, variant, "value", "detect", site, edits, tier=leaf.tier, noticeable=noticeable)


def withheld(
    name: str, tool: str, at: tuple[int, str], edits: Sequence[Edit], noticeable: str, stays: bool = True
) -> Mutation:
    """An approval that does not approve, at a step and pointer: for the whole tool, or for that one call."""
    operator, _, variant = name.partition(" ")
    site = Site(at[0], tool, "approval", at[1])
    form = Mutation(operator, variant, "policy", "halt", site, tuple(edits), tier=1, noticeable=noticeable)
    return replace(form, reach="tool", times=None) if stays else form
