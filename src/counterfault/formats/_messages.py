"""Chat messages in OpenAI's shape as the steps of a trace, whatever file they stand in."""

from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

from counterfault.codec import Place, nearest, shown, strict_json
from counterfault.core.errors import InputError
from counterfault.core.jsontree import JSON, digest
from counterfault.core.trace import Message, Role, Step, ToolCall, ToolResult, ToolSchema

RAW = "_raw"
_LABEL_LENGTH = 200
_TEXT_PARTS = ("text", "input_text", "output_text")
_FOREIGN_PARTS = ("tool_use", "tool_result", "tool_call", "tool_call_response", "function_call", "function_response")
_ROLES = (*get_args(Role), "developer", "tool", "function")


class Conversation:
    """The steps of one run, collected from its messages in order.

    A tool message answers the next unanswered call with its id, else with its name, else the next one at all; ids
    repeat and are missing in real runs, so no table of ids is kept. Calls that a user turn has left behind come last.
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._open: list[int] = []
        self._left_behind: list[int] = []
        self._turn = 0

    def add(self, message: JSON, place: Place) -> None:
        """Take in one message. Raises InputError, with nothing taken in, for a damaged one."""
        if not isinstance(message, dict):
            raise place.fault(f"expected a message (an object), found {shown(message)}")
        role = message.get("role")
        if role == "assistant":
            self._assistant(message, place)
        elif role in ("tool", "function"):
            self._answer(message, place)
        elif role in ("system", "developer", "user"):
            text = _text(message.get("content"), place.at("content"))
            self.steps.append(Message("user" if role == "user" else "system", text))
            if role == "user":
                self._left_behind += self._open
                self._open = []
        elif "role" not in message:
            raise place.fault("the message has no 'role'")
        else:
            hint = f"; {nearest(role, _ROLES)}" if isinstance(role, str) else ""
            raise place.at("role").fault(f"{shown(role)} is no role{hint}")

    def unanswered(self) -> tuple[str, ...]:
        """What is missing for a whole run: one reason for each call that was never answered."""
        waiting = [(index, self.steps[index]) for index in sorted((*self._open, *self._left_behind))]
        return tuple(
            f"step {index}: the call of {step.tool!r} has no result"
            for index, step in waiting
            if isinstance(step, ToolCall)
        )

    def _assistant(self, message: Mapping[str, JSON], place: Place) -> None:
        texts = [_text(message.get("content"), place.at("content")), _plain(message, "refusal", place)]
        text = "\n".join(filter(None, texts))
        calls = _calls(message, self._turn, place)
        self._turn += 1
        if text or not calls:
            self.steps.append(Message("assistant", text))
        self._open += range(len(self.steps), len(self.steps) + len(calls))
        self.steps += calls

    def _answer(self, message: Mapping[str, JSON], place: Place) -> None:
        result = _result(message, place)
        wanted, name = _identifier(message, "tool_call_id", place), _plain(message, "name", place)
        waiting = [(index, step) for index in (*self._open, *self._left_behind) if (step := self._call(index))]
        if not waiting:
            raise place.fault(f"a {message['role']!r} message, but no call is waiting for an answer")
        same_id = [pair for pair in waiting if wanted and pair[1].id == wanted]
        same_name = [pair for pair in waiting if name and pair[1].tool == name]
        index, call = [*same_id, *same_name, *waiting][0]
        self.steps[index] = replace(call, result=result)
        self._open = [other for other in self._open if other != index]
        self._left_behind = [other for other in self._left_behind if other != index]

    def _call(self, index: int) -> ToolCall | None:
        step = self.steps[index]
        return step if isinstance(step, ToolCall) else None


def tool_schemas(request: Mapping[str, JSON], place: Place) -> tuple[ToolSchema, ...]:
    """The functions among ``tools``, or the older ``functions``; what a provider runs by itself is left out."""
    key = "tools" if request.get("tools") is not None else "functions"
    found: list[ToolSchema] = []
    for index, item in enumerate(_items(request, key, place)):
        at = place.at(key, index)
        if not isinstance(item, dict):
            raise at.fault(f"expected a tool (an object), found {shown(item)}")
        if item.get("type", "function") != "function":
            continue
        inner = item.get("function")
        function, at = (inner, at.at("function")) if isinstance(inner, dict) else (item, at)
        found.append(
            ToolSchema(_name(function, at), _plain(function, "description", at), input=function.get("parameters"))
        )
    return tuple(found)


def small_scalars(value: JSON) -> dict[str, JSON]:
    """The members of an object that serve as labels: numbers, booleans and short texts."""
    members = value.items() if isinstance(value, dict) else ()
    return {
        key: item
        for key, item in members
        if isinstance(item, bool | int | float) or (isinstance(item, str) and len(item) <= _LABEL_LENGTH)
    }


def _items(holder: Mapping[str, JSON], key: str, place: Place) -> list[JSON]:
    value = holder.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise place.at(key).fault(f"expected a list, found {shown(value)}")
    return value


def _plain(holder: Mapping[str, JSON], key: str, place: Place) -> str:
    value = holder.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise place.at(key).fault(f"expected a text, found {shown(value)}")
    return value


def _name(holder: Mapping[str, JSON], place: Place) -> str:
    name = _plain(holder, "name", place)
    if not name:
        raise place.at("name").fault("the function has no name")
    return name


def _identifier(holder: Mapping[str, JSON], key: str, place: Place) -> str:
    value = holder.get(key)
    return str(value) if type(value) is int else _plain(holder, key, place)


def _text(content: JSON, place: Place) -> str:
    """The text of a message: parts in a row, those that are no text as placeholders with a digest of the part."""
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise place.fault(f"expected a text, null or a list of parts, found {shown(content)}")
    return "".join(_part(part, place.at(index)) for index, part in enumerate(content))


def _part(part: JSON, place: Place) -> str:
    if isinstance(part, str):
        return part
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(part, dict) or not isinstance(kind, str):
        raise place.fault(f"expected a part (an object with a 'type'), found {shown(part)}")
    if kind in _FOREIGN_PARTS:
        raise place.fault(
            f"a part of type {kind!r} is not in OpenAI's chat shape: export 'tool_calls' and tool messages"
        )
    if kind in _TEXT_PARTS:
        return _plain(part, "text", place)
    if kind == "refusal":
        return _plain(part, "refusal", place)
    return f"[{kind.removeprefix('input_').removesuffix('_url')} {digest(part)[:12]}]"


def _calls(message: Mapping[str, JSON], turn: int, place: Place) -> list[ToolCall]:
    calls: list[ToolCall] = []
    for index, item in enumerate(_items(message, "tool_calls", place)):
        at = place.at("tool_calls", index)
        if not isinstance(item, dict):
            raise at.fault(f"expected a tool call (an object), found {shown(item)}")
        kind = "custom" if item.get("type") == "custom" else "function"
        call = _call(item.get(kind), at.at(kind), turn)
        calls.append(replace(call, id=_identifier(item, "id", at)))
    if message.get("function_call") is not None:
        calls.append(_call(message["function_call"], place.at("function_call"), turn))
    return calls


def _call(function: JSON, place: Place, turn: int) -> ToolCall:
    if not isinstance(function, dict):
        raise place.fault(f"expected an object with 'name' and 'arguments', found {shown(function)}")
    if "input" in function and "arguments" not in function:
        return ToolCall(_name(function, place), {RAW: _plain(function, "input", place)}, None, turn=turn)
    return ToolCall(_name(function, place), _arguments(function.get("arguments"), place), None, turn=turn)


def _arguments(value: JSON, place: Place) -> Mapping[str, JSON]:
    """The arguments of a call. A text that is no strict JSON object is kept as it is, for that is what was sent."""
    if value is None or isinstance(value, dict):
        return value or {}
    if not isinstance(value, str):
        raise place.at("arguments").fault(f"expected a JSON text or an object, found {shown(value)}")
    if not value.strip():
        return {}
    try:
        parsed = strict_json(value.encode(), file=place.file, record=place.record)
    except InputError:
        return {RAW: value}
    return parsed if isinstance(parsed, dict) else {RAW: value}


def _result(message: Mapping[str, JSON], place: Place) -> ToolResult:
    """The answer with its error flag, where there is one: ``is_error``, or ``error`` as a flag or a text."""
    text = _text(message.get("content"), place.at("content"))
    for key in ("is_error", "error"):
        flag = message.get(key)
        if isinstance(flag, bool):
            return ToolResult(text, error=flag)
        if isinstance(flag, str) and flag:
            return ToolResult(text or flag, error=True)
    return ToolResult(text)
