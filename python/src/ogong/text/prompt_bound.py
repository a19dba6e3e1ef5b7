"""The most tokens that a prompt can have (docs/spec/request.md, tools): it bounds the bill of a reply."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from ..wire import WireError, WrittenFloat, WrittenInt, parse_json
from .fields import NEVER, RequestError, has_surrogate, read_boolean, read_object, read_text, read_whole
from .tools import Tool


def _measure(value: Any, depth: int) -> int:
    """Bytes of a value as JSON with each item on a line of its own, indented by its depth."""
    if isinstance(value, (list, dict)):
        size = 2 + (2 + 4 * depth)
        for item in value.items() if isinstance(value, dict) else value:
            size += 2 + 4 * depth
            if isinstance(value, dict):
                key, item = item
                size += _measure(key, depth) + 2
            size += _measure(item, depth + 1)
        return size
    if isinstance(value, (WrittenInt, WrittenFloat)):
        return _measure_number(value)
    return len(write_json(value).encode("utf-8", "surrogatepass"))


_MOST_DIGITS = 4_300


def _measure_number(value: WrittenInt | WrittenFloat) -> int:
    """A whole number counts its digits. Any other counts as ECMAScript writes it, and 2 for what Python writes more."""
    if re.fullmatch(r"-?\d+", value.written):
        if len(value.written) > _MOST_DIGITS:
            raise RequestError("tools", f"a number has more than {_MOST_DIGITS} digits")
        return 1 if value.written == "-0" else len(value.written)
    return 2 + (len("Infinity") + (value < 0) if math.isinf(value) else len(write_number(value)))


def write_json(value: Any) -> str:
    """A string, number or word as `JSON.stringify` writes it."""
    if isinstance(value, str):
        out = json.dumps(value, ensure_ascii=False)
        return "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in out)
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    return write_number(value)


def write_number(value: int | float) -> str:
    """A double as ECMAScript writes it: the shortest digits, an exponent from 10^21 on and below 10^-6."""
    number = float(value)
    if number == 0:
        return "0"
    sign = "-" if number < 0 else ""
    mantissa, exponent = f"{abs(number)!r}e0".split("e")[:2] if "e" in repr(number) else (repr(abs(number)), "0")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent) - (len(whole + fraction) - len((whole + fraction).lstrip("0")))
    digits = digits.rstrip("0") or "0"
    if 0 < point <= 21:
        body = digits.ljust(point, "0")
        return sign + (body if len(digits) <= point else digits[:point] + "." + digits[point:])
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    power = point - 1
    tail = f"e{'+' if power > 0 else '-'}{abs(power)}"
    return sign + digits[0] + ("." + digits[1:] if len(digits) > 1 else "") + tail


def measure_tools(offered: list[Tool]) -> int:
    if not offered:
        return 0
    size = 1024
    for tool in offered:
        members: dict[str, Any] = {"name": tool.name}
        if tool.description is not None:
            members["description"] = tool.description
        if tool.parameters is not None:
            members["parameters"] = tool.parameters
        size += 128 + _measure(members, 3)
    return size


def _bytes(value: str) -> int:
    return len(value.encode("utf-8"))


_REFERENCE = re.compile(r"ogong:media/[0-9a-f]{64}\Z", re.ASCII)
_MOST_PICTURES = 100
_PICTURE_TOKENS = 2_048


def _is_picture(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "image_url"


def _read_picture(part: dict[str, Any], place: str) -> None:
    value = part.get("image_url")
    url = read_object(value, f"{place}.image_url").get("url") if isinstance(value, dict) else value
    if not isinstance(url, str) or not _REFERENCE.match(url):
        raise RequestError(f"{place}.image_url", "a data URL of a picture is expected")


def count_pictures(body: dict[str, Any]) -> int:
    contents = [message.get("content") for message in body["messages"]]
    count = sum(_is_picture(part) for content in contents if isinstance(content, list) for part in content)
    if count > _MOST_PICTURES:
        raise RequestError("messages", f"a request has at most {_MOST_PICTURES} pictures")
    return count


def _measure_content(value: Any, place: str, may_show: bool) -> int:
    if not may_show or not isinstance(value, list):
        return _bytes(_read_content(value, place))
    shown = [at for at, part in enumerate(value) if _is_picture(part)]
    for at in shown:
        _read_picture(read_object(value[at], f"{place}[{at}]"), f"{place}[{at}]")
    texts = [part for part in value if not _is_picture(part)]
    return len(shown) * _PICTURE_TOKENS + (_bytes(_read_content(texts, place)) if texts or not shown else 0)


def _read_content(value: Any, place: str) -> str:
    if isinstance(value, str):
        return read_text(value, place)
    if not isinstance(value, list) or not value:
        raise RequestError(place, "a text, or a list of parts, is expected")
    texts = []
    for at, item in enumerate(value):
        part = read_object(item, f"{place}[{at}]")
        if part.get("type") != "text":
            raise RequestError(f"{place}[{at}].type", 'a part is of type "text"')
        texts.append(read_text(part.get("text"), f"{place}[{at}].text"))
    return "".join(texts)


def _has_endless(value: Any) -> bool:
    """Whether a value holds a number that no reader takes. Arguments with one are a text."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return any(map(_has_endless, value))
    written = value.written if isinstance(value, (WrittenInt, WrittenFloat)) else ""
    return len(written) > _MOST_DIGITS and re.fullmatch(r"-?\d+", written) is not None


def _measure_call(item: Any, place: str) -> int:
    if not isinstance(item, dict) or item.get("type", "function") != "function":
        raise RequestError(place, 'a call is of type "function"')
    call = read_object(item, place)
    read_text(call.get("id"), f"{place}.id", 1, 256)
    function = read_object(call.get("function"), f"{place}.function")
    name = read_text(function.get("name"), f"{place}.function.name", 1, 256)
    arguments = read_text(function.get("arguments"), f"{place}.function.arguments")
    size = _measure(arguments, 1)
    try:
        said = parse_json(arguments.encode("utf-8"))
    except WireError:
        said = None
    if isinstance(said, dict) and not _has_endless(said):
        if has_surrogate(said):
            raise RequestError(place, "its arguments hold a lone surrogate")
        size = max(size, _measure(said, 1))
    return 64 + 2 * _bytes(name) + size


def measure_messages(body: dict[str, Any]) -> int:
    value = body.get("messages")
    if not isinstance(value, list) or not 1 <= len(value) <= 2_048:
        raise RequestError("messages", "a list of 1 to 2,048 messages is expected")
    size = 64
    for at, item in enumerate(value):
        place = f"messages[{at}]"
        if not isinstance(item, dict):
            raise RequestError(place, "a message is an object")
        role = item.get("role")
        neutral = {"function_call": NEVER, "audio": NEVER, "prefix": (False,), "partial": (False,)}
        if role != "assistant":
            neutral["tool_calls"] = ([],)
        message = {key: held for key, held in item.items() if held is not None}
        read_object(message, place, neutral)
        if role not in ("system", "developer", "user", "assistant", "tool"):
            raise RequestError(f"{place}.role", "this role is not known")
        if role == "tool":
            read_text(message.get("tool_call_id"), f"{place}.tool_call_id", 1, 256)
        calls = message.get("tool_calls", []) if role == "assistant" else []
        if not isinstance(calls, list) or len(calls) > 128:
            raise RequestError(f"{place}.tool_calls", "a list of at most 128 calls is expected")
        reasoning = message.get("reasoning_content", "") if role == "assistant" else ""
        size += 64 + _bytes(read_text(reasoning, f"{place}.reasoning_content"))
        if "content" in message or not (calls or reasoning):
            content = message.get("content")
            size += _measure_content(content, f"{place}.content", role in ("user", "tool"))
            # The pictures of a tool's answer may stand in a message of their own.
            if role == "tool" and isinstance(content, list) and any(map(_is_picture, content)):
                size += 64
        for index, call in enumerate(calls):
            size += _measure_call(call, f"{place}.tool_calls[{index}]")
    return size


def measure_prompt(body: dict[str, Any]) -> int:
    prompt, suffix = body.get("prompt"), body.get("suffix")
    if suffix is not None:
        read_text(suffix, "suffix")
    if isinstance(prompt, list) and len(prompt) == 1 and isinstance(prompt[0], (str, list)):
        prompt = prompt[0]
    read_boolean(body, "echo")
    if isinstance(prompt, list):
        if not prompt:
            raise RequestError("prompt", "it is empty")
        for token in prompt:
            read_whole(token, "prompt", 0, (1 << 24) - 1)
        if suffix:
            raise RequestError("suffix", "a prompt of tokens has none")
        return 64 + len(prompt)
    return 64 + _bytes(read_text(prompt, "prompt")) + _bytes(suffix or "")
