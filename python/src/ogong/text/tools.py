"""Tools that a request offers, and which of them may or must be called (docs/spec/request.md, tools)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from .fields import RequestError, read_object, read_text


_NAME = re.compile(r"[a-zA-Z0-9_.:/-]{1,128}\Z")


@dataclass(frozen=True)
class Tool:
    name: str
    description: str | None
    parameters: Any


def is_foreign(kind: Any, place: str) -> bool:
    """Whether a tool is no function. The model is not offered it."""
    if not isinstance(kind, str) or kind == "":
        raise RequestError(place, 'a tool is of type "function"')
    return kind != "function"


def read_tools(body: dict[str, Any]) -> list[Tool]:
    value = body.get("tools")
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > 128:
        raise RequestError("tools", "a list of at most 128 tools is expected")
    tools: list[Tool] = []
    for at, item in enumerate(value):
        place = f"tools[{at}]"
        tool = read_object(item, place)
        if is_foreign(tool.get("type"), place):
            continue
        function = read_object(tool.get("function"), f"{place}.function")
        name = function.get("name")
        if not isinstance(name, str) or not _NAME.match(name):
            raise RequestError(f"{place}.function.name", "a name has 1 to 128 letters, digits and _.:/-")
        if any(name == known.name for known in tools):
            raise RequestError("tools", f"{name} stands twice")
        description, parameters = function.get("description"), function.get("parameters")
        if description is not None:
            read_text(description, f"{place}.function.description")
        if parameters is not None and not isinstance(parameters, dict):
            raise RequestError(f"{place}.function.parameters", "a schema is an object")
        tools.append(Tool(name, description, parameters))
    return tools


@dataclass(frozen=True)
class Choice:
    offered: list[Tool]
    is_forced: bool


def read_choice(body: dict[str, Any], tools: list[Tool]) -> Choice:
    value = body.get("tool_choice")
    if value is None or value == "auto":
        return Choice(tools, False)
    if value == "none":
        return Choice([], False)
    names = {tool.name: tool for tool in tools}
    if value == "required":
        if not tools:
            raise RequestError("tool_choice", "no tool is offered")
        return Choice(tools, True)
    if not isinstance(value, dict):
        raise RequestError("tool_choice", "this choice is not known")

    def named(item: Any) -> Tool:
        function = item.get("function") if isinstance(item, dict) and item.get("type") == "function" else None
        name = function.get("name") if isinstance(function, dict) else None
        if not isinstance(name, str) or name not in names:
            raise RequestError("tool_choice", "it names no tool that is offered")
        return names[name]

    if value.get("type") == "allowed_tools":
        allowed = value.get("allowed_tools")
        if not isinstance(allowed, dict) or allowed.get("mode") not in ("auto", "required"):
            raise RequestError("tool_choice", "allowed_tools has a mode and tools")
        listed = allowed.get("tools")
        if not isinstance(listed, list):
            raise RequestError("tool_choice", "allowed_tools lists tools")
        place = "tool_choice.allowed_tools.tools"
        own = [item for item in listed if not is_foreign(read_object(item, place).get("type"), place)]
        wanted = {named(item).name for item in own}
        if not wanted and allowed["mode"] == "required":
            raise RequestError("tool_choice", "no tool is offered")
        return Choice([tool for tool in tools if tool.name in wanted], allowed["mode"] == "required")
    named(value)
    return Choice(tools, True)
