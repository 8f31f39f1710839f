"""A first ``counterfault.toml``, guessed from the recordings, with the reason for each guess beside it."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from counterfault.core.effects import ToolRule, ToolRules
from counterfault.core.safe_text import safe_text
from counterfault.core.scan import Scan
from counterfault.core.trace import ToolCall, Trace

_ENTRY = "my_agent:run"
_HEAD = """\
# Settings of Counterfault. Every key is optional; what is left out has its default.
# Next: counterfault scan shows what the recordings depend on, counterfault run tries your agent.

[agent]
entry = {entry}{todo}
kind = "python"          # entry is called as run(task, tools); "recorded" and "trusting" need no agent at all
isolation = "process"    # worker processes; "inline" runs it in this one
timeout_s = 60           # wall time of one attempt

# What a recording cannot say. {count}. Please check what was guessed:
# a tool that is neither listed nor recognised counts as a write.
[tools]
"""
_LISTS: Mapping[str, str] = {
    "write": "they change something: the effects by which a run is judged",
    "irreversible": "of those, what cannot be called back",
    "escalation": "handing over to a person: safe, and counted",
    "approval": "the policy operators deny, delay and swap their answers",
}
_TAIL = """\
timeout_s = 30           # a slower tool is a timeout to the agent, on the replay clock

[campaign]
operators = ["core"]     # packs, names or globs; `counterfault operators` lists them
replicates = 1           # more for an agent that does not do the same twice
seed = 0
budget = { attempts = 2000, minutes = 30 }
"""
_GATE = """\

[gate]
min_pass_rate = 0.85
max_policy_violations = 0
min_delivered = 0.95     # of the mutations whose call the agent made
min_control = 0.8        # of the traces, replayed unchanged
max_needless = 0.3       # an agent that always escalates is not a perfect agent
min_decided = 0.8
"""


def draft(traces: Sequence[Trace], entry: str = "") -> str:
    """The text of a config file for these recordings; ``entry`` is the agent's, a placeholder where there is none."""
    rules = ToolRules()
    calls = Counter(call.tool for trace in traces for _, call in trace.calls())
    tools = [rules[tool] for tool in sorted(calls)]
    tokens = list(_approved(traces, rules))
    count = f"{len(tools)} tools are called in {len(traces)} recordings" if traces else "No recording is imported yet"
    todo = "" if entry else "    # TODO: module:callable of your agent"
    parts = [_HEAD.format(entry=_quoted(entry or _ENTRY), todo=todo, count=count)]
    for name, meaning in _LISTS.items():
        parts.append(f"# {meaning}\n{name} = {_list(_guesses(name, tools, calls))}\n")
    reads = [f"#   {safe_text(rule.name)}: {rule.why}\n" for rule in tools if rule.kind in ("read", "pure")]
    if reads:
        parts.append("# taken for reads; list those that are not under write:\n" + "".join(reads))
    return "".join([*parts, _TAIL, _policy(tokens), _GATE])


def _guesses(name: str, tools: Iterable[ToolRule], calls: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    for rule in tools:
        seen = f"{calls[rule.name]} calls"
        if name == "irreversible" and rule.irreversible:
            yield rule.name, f"its name says that it is final; {seen}"
        elif rule.kind == name:
            yield rule.name, f"{rule.why}; {seen}"


def _list(guesses: Iterable[tuple[str, str]]) -> str:
    lines = [f"  {_quoted(tool)},  # {safe_text(why)}\n" for tool, why in guesses]
    return "[\n" + "".join(lines) + "]" if lines else "[]"


def _quoted(text: str) -> str:
    # TOML's basic strings are JSON's, but for DEL, which must be escaped too.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _approved(traces: Iterable[Trace], rules: ToolRules) -> Iterator[tuple[str, str, str, str]]:
    """Where a write took a value from an approval's answer: (write, argument, approval, result), each once."""
    found: dict[tuple[str, str, str, str], None] = {}
    for trace in traces:
        scan = Scan(trace, rules)
        for use in scan.uses:
            call, source = trace.steps[use.step], use.sources[0] if use.sources else None
            if not isinstance(call, ToolCall) or not rules[call.tool].writes or source is None:
                continue
            prior = trace.steps[source.place.step]
            if isinstance(prior, ToolCall) and rules[prior.tool].kind == "approval":
                found[call.tool, use.pointer, prior.tool, source.place.pointer] = None
    return iter(found)


def _policy(tokens: Sequence[tuple[str, str, str, str]]) -> str:
    if not tokens:
        return ""
    call, argument, prior, result = tokens[0]
    match = f"{_quoted('/args' + argument)} = {_quoted('/result' + result)}"
    rule = f"call = {_quoted(call)}, prior = {_quoted(prior)}, match = {{ {match} }}, once = true"
    return (
        f"\n# In the recordings {safe_text(call)}{safe_text(argument)} is what {safe_text(prior)} answered. "
        "If that is a rule, let it be one:\n"
        f"# [[policy]]\n# name = {_quoted(f'{call} needs its own approval')}\n# requires_before = {{ {rule} }}\n"
    )
