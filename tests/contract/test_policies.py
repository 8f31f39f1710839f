"""What every form of a policy promises: examples that hold, strict settings, and the same word on equal runs."""

import inspect
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from counterfault.config import POLICY_FORMS, read_config
from counterfault.core.effects import Declared, ToolRules, effects
from counterfault.core.errors import UsageError
from counterfault.core.temporal import Policy, PolicyCall, PolicyExample, policy_calls, worst
from counterfault.core.trace import ToolCall
from counterfault.registry import Family

FORMS = Family("policies")
GUIDE = Path(__file__).parents[2] / "docs" / "policies.md"
EXAMPLES = [(form, example) for form in POLICY_FORMS for example in FORMS.load(form).examples]


# -- every form -------------------------------------------------------------------------------------------------------


def test_the_forms_of_the_settings_are_the_forms_that_exist() -> None:
    assert FORMS.names() == sorted(POLICY_FORMS)


@pytest.mark.parametrize("form", POLICY_FORMS)
def test_every_form_says_what_it_says_its_settings_and_an_example(form: str) -> None:
    doc = inspect.getdoc(FORMS.load(form)) or ""
    assert re.findall(r"^(What it says|Settings|Example): ", doc, re.MULTILINE) == [
        "What it says",
        "Settings",
        "Example",
    ]


@pytest.mark.parametrize("form", POLICY_FORMS)
def test_the_example_in_the_docstring_compiles(form: str) -> None:
    doc = inspect.getdoc(FORMS.load(form)) or ""
    example = re.search(r"^Example: ``(.*?)``", doc, re.MULTILINE | re.DOTALL)
    assert example
    settings = tomllib.loads(" ".join(example[1].split()))[form]
    assert FORMS.load(form).compile("the example", settings).guarded


@pytest.mark.parametrize(("form", "example"), EXAMPLES)
def test_every_example_holds(form: str, example: PolicyExample) -> None:
    policy: Policy = FORMS.load(form).compile("the example", example.settings)
    seen = list(policy.judge(policy_calls(example.steps, example.states)))
    assert worst(violation.truth for violation in seen) == example.truth, [violation.message for violation in seen]


@pytest.mark.parametrize("form", POLICY_FORMS)
def test_the_examples_show_a_rule_kept_a_rule_broken_and_one_in_doubt(form: str) -> None:
    assert {example.truth for own, example in EXAMPLES if own == form} == {"true", "unknown", "false"}


@pytest.mark.parametrize(("form", "example"), [pair for pair in EXAMPLES if pair[1].truth == "false"])
def test_a_violation_names_the_rule_its_form_the_call_and_the_place(form: str, example: PolicyExample) -> None:
    policy: Policy = FORMS.load(form).compile("no harm", example.settings)
    for seen in policy.judge(policy_calls(example.steps, example.states)):
        call = example.steps[seen.step]
        assert isinstance(call, ToolCall)
        assert (seen.policy, seen.code, seen.tool) == ("no harm", form, call.tool)
        assert seen.message.startswith("'no harm': ")
        assert call.tool in seen.message
        assert f"at step {seen.step}" in seen.message
        assert seen.message.endswith(".")
        assert seen.pointer == "" or seen.pointer.startswith("/args/")


@pytest.mark.parametrize(("form", "example"), EXAMPLES)
def test_another_layout_of_the_answers_changes_no_verdict(form: str, example: PolicyExample) -> None:
    policy: Policy = FORMS.load(form).compile("the example", example.settings)
    calls = policy_calls(example.steps, example.states)
    relaid = [_relaid(call) for call in calls]
    assert list(policy.judge(relaid)) == list(policy.judge(calls))


def _relaid(call: PolicyCall) -> PolicyCall:
    return call if isinstance(call.result, str) else replace(call, text=json.dumps(call.result, indent=2))


@pytest.mark.parametrize(("form", "example"), [pair for pair in EXAMPLES if not pair[1].states])
def test_a_recording_and_a_replay_that_did_the_same_are_judged_alike(form: str, example: PolicyExample) -> None:
    policy: Policy = FORMS.load(form).compile("the example", example.settings)
    states = {effect.step: effect.state for effect in effects(example.steps, ToolRules(Declared()))}
    recorded, replayed = policy_calls(example.steps), policy_calls(example.steps, states)
    assert list(policy.judge(recorded)) == list(policy.judge(replayed))


# -- settings ---------------------------------------------------------------------------------------------------------

MATCHED = {"call": "refund", "prior": "ask"}


@pytest.mark.parametrize(
    ("form", "settings", "named"),
    [
        ("never", {"cal": "refund"}, ["'cal'", "did you mean 'call'"]),
        ("requires_before", {**MATCHED, "onse": True}, ["'onse'", "did you mean 'once'"]),
        ("at_most", {"call": "refund", "counts": 1}, ["'counts'", "did you mean 'count'"]),
        ("never", {}, ["'call' is missing", "glob"]),
        ("never", {"call": ""}, ["'call' is ''"]),
        ("requires_before", {"call": "refund"}, ["'prior' is missing"]),
        ("requires_before", {"call": "ask", "prior": "ask"}, ["cannot approve itself"]),
        ("requires_before", {**MATCHED, "once": "yes"}, ["'once' is 'yes'", "true or false"]),
        ("requires_before", {**MATCHED, "match": ["/args/id"]}, ["'match'", "expected a table"]),
        ("requires_before", {**MATCHED, "match": {"args/id": "/args/id"}}, ["'args/id'", "'/args/…'"]),
        ("requires_before", {**MATCHED, "match": {"/result/id": "/result/id"}}, ["'/result/id'", "'/args/…'"]),
        ("requires_before", {**MATCHED, "match": {"/args/id": "/answer/id"}}, ["'/answer/id'", "'/result/…'"]),
        ("requires_before", {**MATCHED, "match": {"/args/id": 7}}, ["pointer 7"]),
        ("requires_before", {**MATCHED, "granted": {"/approved": True}}, ["'granted'", "'/approved'"]),
        ("never", {"call": "refund", "when": {"/args/*/amount": 5}}, ["'*' is not understood"]),
        ("never", {"call": "refund", "when": {"/args/amount": {"gte": 5}}}, ["'gte'", "ge, gt"]),
        ("never", {"call": "refund", "when": {"/args/amount": {"gt": "much"}}}, ["'much'", "a number or a date"]),
        ("never", {"call": "refund", "when": {"/args/amount": {}}}, ["no comparison"]),
        ("never", {"call": "refund", "when": {"/args/kind": {"in": []}}}, ["a list that is not empty"]),
        ("never", {"call": "refund", "when": {"/args/kind": {"exists": 1}}}, ["true or false"]),
        ("at_most", {"call": "refund"}, ["'count', or 'sum' with 'limit'"]),
        ("at_most", {"call": "refund", "sum": "/args/amount"}, ["'count', or 'sum' with 'limit'"]),
        ("at_most", {"call": "refund", "count": -1}, ["'count' is -1", "zero or more"]),
        ("at_most", {"call": "refund", "count": True}, ["'count' is True"]),
        ("at_most", {"call": "refund", "count": 1, "state": "comitted"}, ["'comitted'", "did you mean 'committed'"]),
        ("at_most", {"call": "refund", "count": 1, "per": "/args/id"}, ["'per'", "a list of pointers"]),
        ("at_most", {"call": "refund", "sum": "amount", "limit": 5}, ["'amount'", "'/args/…'"]),
    ],
)
def test_a_wrong_setting_is_an_error_that_names_the_policy_the_key_and_the_way_out(
    form: str, settings: Mapping[str, Any], named: list[str]
) -> None:
    with pytest.raises(UsageError) as caught:
        FORMS.load(form).compile("no harm", settings)
    assert str(caught.value).startswith(f"policy 'no harm': {form}: ")
    assert [part for part in named if part not in str(caught.value)] == []


# -- the guide --------------------------------------------------------------------------------------------------------

BLOCKS = re.findall(r"^```toml\n(.*?)^```", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_rule_of_the_guide_compiles(block: str, tmp_path: Path) -> None:
    file = tmp_path / "counterfault.toml"
    file.write_text(block, "utf-8")
    policies = read_config(file).policy
    assert policies
    for policy in policies:
        form, settings = policy.form
        assert FORMS.load(form).compile(policy.name, settings).name == policy.name


def test_the_guide_shows_every_form() -> None:
    shown = {form for block in BLOCKS for policy in tomllib.loads(block)["policy"] for form in policy if form != "name"}
    assert shown == set(POLICY_FORMS)
