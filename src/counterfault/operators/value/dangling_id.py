"""An identifier leads nowhere.

What it does
    Puts an identifier of the same format that exists nowhere in the place of one in an answer. Only where a later
    look-up needs it, and so finds nothing, or where a second source says the true one.

Which real incident it imitates
    A read from a replica that lags behind, or a row deleted without those that refer to it: the list names an order
    that the order service does not know.

What a good agent does
    It reads the list again, asks the user or hands over. It neither gives up in silence nor tries identifiers of its
    own making.

Example
    `{"customer_id": "CUS-5521", "orders": ["ORD-88213"]}` becomes
    `{"customer_id": "CUS-5521", "orders": ["ORD-67713"]}`.
"""

from collections.abc import Iterator

from counterfault.core.mutant import Example, Mutation
from counterfault.core.scan import Leaf, Scan
from counterfault.core.trace import ToolCall
from counterfault.core.values import kind_of
from counterfault.operators._build import corruption
from counterfault.operators._fresh import identifier_like, taken_in
from counterfault.operators._notice import first_sink, is_write, second_source, told_leaves

examples: tuple[Example, ...] = (
    Example(
        {"customer_id": "CUS-5521", "orders": ["ORD-88213"]},
        {"customer_id": "CUS-5521", "orders": ["ORD-67713"]},
        arguments={"order_id": "ORD-88213"},
        tool="get_customer",
    ),
)


def propose(scan: Scan) -> Iterator[Mutation]:
    """A dangling identifier for each used one."""
    taken = taken_in(scan.trace)
    for leaf in told_leaves(scan):
        if kind_of(leaf.value, leaf.name) != "identifier":
            continue
        why = _later_look_up(scan, leaf) or second_source(scan, leaf)
        new = identifier_like(leaf.value, taken) if why else None
        if new is not None:
            yield corruption("value.dangling_id", leaf, new, why)


def _later_look_up(scan: Scan, leaf: Leaf) -> str:
    sink = first_sink(scan, leaf)
    for use in leaf.flows_to:
        step = scan.trace.steps[use.step]
        if sink is not None and is_write(scan, sink) and use.step > sink.step:
            break
        if isinstance(step, ToolCall) and use.token < 0 and scan.rules[step.tool].kind == "read":
            return f"{step.tool} finds nothing under it"
    return ""
