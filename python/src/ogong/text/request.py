"""A request's body, read as docs/spec/request.md says, and its summary, whose hash names the request everywhere."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any

from ..wire import WireError, i32, i64, parse_json, sha256, text, u8, u16, u32

MOST_BODY_BYTES = 1 << 20
FILTERS = (0, 1, 2)
"""top-k, top-p, min-p: the order in which every request of this network has them."""


class RequestError(WireError):
    """A body that no role accepts. `key` names the place: `messages[0].content`; None: the body itself."""

    def __init__(self, key: str | None, reason: str) -> None:
        super().__init__(f"{key or 'the body'}: {reason}")
        self.key = key


class UnsupportedRequest(Exception):
    """A body whose grammar this package cannot make: nothing that depends on it can be checked here."""


@dataclass(frozen=True)
class Sampler:
    temperature: int
    """2^-16; 0 is greedy."""
    top_k: int
    """0 is off."""
    top_p: int
    """2^-24; 2^24 is off."""
    min_p: int
    presence: int
    """2^-16 nat."""
    frequency: int
    filters: tuple[int, ...] = FILTERS

    def encode(self) -> bytes:
        counts = u32(self.temperature) + u32(self.top_k) + u32(self.top_p) + u32(self.min_p)
        return counts + i32(self.presence) + i32(self.frequency) + u8(len(self.filters)) + bytes(self.filters)


@dataclass(frozen=True)
class TextRequest:
    endpoint: int
    """0 chat, 1 completion."""
    model: str
    exact: bool
    model_root: bytes | None
    settles_accepted: bool
    prompt_bound: int
    max_tokens: int
    sampler: Sampler
    bias: tuple[tuple[int, int], ...]
    choices: int
    seed: int | None
    thinking: tuple[int, int]
    stop: tuple[str, ...]
    grammar: str | None
    """GBNF, or None where any text may be answered."""
    body_hash: bytes

    @property
    def grammar_hash(self) -> bytes | None:
        return None if self.grammar is None else sha256(b"ogong-grammar-v1\n", self.grammar.encode("utf-8"))

    def summary(self) -> bytes:
        grammar = self.grammar_hash
        return b"".join(
            (
                b"ogong-text-request-v3\n",
                u8(self.endpoint),
                text(self.model, 768),
                u8(self.exact),
                u8(0) if self.model_root is None else u8(1) + self.model_root,
                u8(self.settles_accepted),
                u32(self.prompt_bound),
                u32(self.max_tokens),
                self.sampler.encode(),
                encode_bias(self.bias),
                u8(self.choices),
                u8(0) if self.seed is None else u8(1) + i64(self.seed),
                bytes(self.thinking),
                u8(len(self.stop)),
                u8(0) if grammar is None else u8(1) + grammar,
                self.body_hash,
            )
        )

    def hash(self) -> bytes:
        return sha256(self.summary())


def encode_bias(bias: tuple[tuple[int, int], ...]) -> bytes:
    return u16(len(bias)) + b"".join(u32(token) + i32(amount) for token, amount in bias)


# --- which keys an object knows -------------------------------------------------------------------------------------------------

_READ = "model temperature top_p min_p top_k presence_penalty frequency_penalty logit_bias max_tokens n seed stop stream stream_options"
_READ += " logprobs prompt_cache_key ogong usage provider grammar guided_grammar guided_json guided_choice structured_outputs"
_IGNORED = "user metadata store service_tier safety_identifier"
_DROPPED = "include_reasoning verbosity prediction models route transforms prompt_cache_retention cache_salt priority request_id"
_DROPPED += " session_id trace tags guided_decoding_backend"
_CHAT = "messages max_completion_tokens top_logprobs response_format modalities tools tool_choice parallel_tool_calls reasoning_effort"
_CHAT += " enable_thinking reasoning thinking chat_template_kwargs"
_COMPLETION = "prompt suffix echo parallel_tool_calls reasoning_effort reasoning thinking"

_NEVER: tuple[Any, ...] = ()
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "functions": ([],),
    "plugins": ([],),
    "stop_token_ids": ([],),
    "function_call": ("none", "auto"),
    **dict.fromkeys(("continue_final_message", "use_beam_search", "ignore_eos", "include_stop_str_in_output"), (False,)),
    **dict.fromkeys(("add_generation_prompt", "skip_special_tokens", "spaces_between_special_tokens"), (True,)),
    **dict.fromkeys(("best_of", "repetition_penalty", "length_penalty", "typical_p"), (1,)),
    **dict.fromkeys(("top_a", "min_tokens", "prompt_logprobs"), (0,)),
    "chat_template": ("",),
    "web_search_options": ({},),
    **dict.fromkeys(("audio", "truncate_prompt_tokens", "guided_regex"), _NEVER),
}
_NEUTRAL_CHAT: dict[str, tuple[Any, ...]] = {"echo": (False,), "suffix": ("",)}
_NEUTRAL_COMPLETION: dict[str, tuple[Any, ...]] = {
    "chat_template_kwargs": ({},),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
}
_NEUTRAL_PROVIDER: dict[str, tuple[Any, ...]] = {
    "data_collection": ("allow",),
    **dict.fromkeys(("zdr", "enforce_distillable_text"), (False,)),
    **dict.fromkeys(("only", "ignore", "quantizations"), ([],)),
    "max_price": _NEVER,
}
_PROVIDER = "require_parameters order sort allow_fallbacks preferred_min_throughput preferred_max_latency"


def _is_same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and a == b


def _known(value: Any, place: str, keys: str, neutral: dict[str, tuple[Any, ...]] | None = None) -> dict[str, Any]:
    """An object of these keys, and of `neutral` ones where they hold a value that changes nothing."""
    if not isinstance(value, dict):
        raise RequestError(place or None, "an object is expected")
    allowed = keys.split()
    for key, held in value.items():
        at = f"{place}.{key}" if place else key
        if neutral is not None and key in neutral:
            if held is not None and not any(_is_same(held, same) for same in neutral[key]):
                raise RequestError(at, "this is refused")
        elif key not in allowed and (held is not None or place != ""):
            raise RequestError(at, "this is not known")
    return value


def _text(value: Any, place: str, least: int = 0, most: int | None = None) -> str:
    if not isinstance(value, str):
        raise RequestError(place, "a text is expected")
    if _has_surrogate(value):
        raise RequestError(place, "a lone surrogate cannot be written in UTF-8")
    units = len(value.encode("utf-16-le")) // 2
    if units < least or (most is not None and units > most):
        raise RequestError(place, f"it has {units} characters, {least} to {most} are allowed")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(body: dict[str, Any], key: str, least: float, most: float, default: float) -> float:
    value = body.get(key)
    if value is None:
        return default
    if not _is_number(value) or not least <= value <= most:
        raise RequestError(key, f"a number from {least} to {most} is expected")
    return float(value)


def _whole(value: Any, place: str, least: int, most: int) -> int:
    if not _is_number(value) or value != value or int(value) != value or not least <= value <= most:
        raise RequestError(place, f"an integer from {least} to {most} is expected")
    return int(value)


def _integer(body: dict[str, Any], key: str, least: int, most: int, default: int) -> int:
    value = body.get(key)
    if value is None:
        return default
    if isinstance(value, float) and math.isinf(value):
        raise RequestError(key, "an integer is expected")
    return _whole(value, key, least, most)


def _boolean(body: dict[str, Any], key: str, place: str = "") -> bool:
    value = body.get(key)
    if value is not None and not isinstance(value, bool):
        raise RequestError(f"{place}.{key}" if place else key, "true or false is expected")
    return value is True


def _units(value: float, unit: int) -> int:
    amount = math.floor(abs(value) * unit + 0.5)
    return -amount if value < 0 else amount


# --- the parts of a body ----------------------------------------------------------------------------------------------------------

def _read_sampler(body: dict[str, Any]) -> Sampler:
    return Sampler(
        temperature=_units(_number(body, "temperature", 0, 2, 1), 1 << 16),
        top_k=max(0, _integer(body, "top_k", -1, 1 << 24, 0)),
        top_p=max(1, _units(_number(body, "top_p", 0, 1, 1), 1 << 24)),
        min_p=_units(_number(body, "min_p", 0, 1, 0), 1 << 24),
        presence=_units(_number(body, "presence_penalty", -2, 2, 0), 1 << 16),
        frequency=_units(_number(body, "frequency_penalty", -2, 2, 0), 1 << 16),
    )


def _read_bias(body: dict[str, Any]) -> tuple[tuple[int, int], ...]:
    value = body.get("logit_bias")
    if value is None:
        return ()
    if not isinstance(value, dict) or len(value) > 300:
        raise RequestError("logit_bias", "an object of at most 300 tokens is expected")
    bias = []
    for name, amount in value.items():
        if not re.fullmatch(r"0|[1-9][0-9]{0,7}", name) or int(name) >= 1 << 24:
            raise RequestError("logit_bias", f"{name} is no id of a token")
        if not _is_number(amount) or not -100 <= amount <= 100:
            raise RequestError("logit_bias", "an amount is from -100 to 100")
        bias.append((int(name), _units(float(amount), 1 << 16)))
    return tuple(sorted(bias))


def _read_stop(body: dict[str, Any]) -> tuple[str, ...]:
    value = body.get("stop")
    if value is None:
        return ()
    strings = [value] if isinstance(value, str) else value
    if not isinstance(strings, list) or len(strings) > 4:
        raise RequestError("stop", "a text, or at most 4, is expected")
    for string in strings:
        if "\ufffd" in _text(string, "stop", 1, 256):
            raise RequestError("stop", "U+FFFD stands in no text of a model")
    return tuple(strings)


def _read_ogong(body: dict[str, Any]) -> tuple[bool, bytes | None, bool, str | None]:
    value = body.get("ogong")
    if value is None:
        return False, None, False, None
    ogong = _known(value, "ogong", "exact model_root settle grammar")
    root, settle = ogong.get("model_root"), ogong.get("settle")
    if root is not None and (not isinstance(root, str) or not re.fullmatch(r"[0-9a-f]{64}", root)):
        raise RequestError("ogong.model_root", "64 lower-case hex digits are expected")
    if settle is not None and settle not in ("any", "accepted"):
        raise RequestError("ogong.settle", '"any" or "accepted" is expected')
    grammar = ogong.get("grammar")
    return (
        _boolean(ogong, "exact", "ogong"),
        None if root is None else bytes.fromhex(root),
        settle == "accepted",
        None if grammar is None else _text(grammar, "ogong.grammar"),
    )


_EFFORTS = {"none": (2, 0), "minimal": (1, 1), "low": (1, 1), "medium": (1, 2), "high": (1, 3), "xhigh": (1, 3), "max": (1, 3)}
_TYPES = {"enabled": (1, 0), "disabled": (2, 0), "adaptive": (0, 0)}


def _read_thinking(body: dict[str, Any]) -> tuple[int, int]:
    """What the fields say, together: whether it is wanted (0 nothing, 1 yes, 2 no), and the effort."""
    said: list[tuple[str, tuple[int, int]]] = []

    def word(holder: dict[str, Any], key: str, place: str, words: dict[str, tuple[int, int]]) -> None:
        value = holder.get(key)
        if value is None:
            return
        if not isinstance(value, str) or value not in words:
            raise RequestError(place, "this word is not known")
        said.append((place, words[value]))

    def flag(holder: dict[str, Any], key: str, place: str) -> None:
        value = holder.get(key)
        if value is None:
            return
        if not isinstance(value, bool):
            raise RequestError(place, "true or false is expected")
        said.append((place, (1 if value else 2, 0)))

    word(body, "reasoning_effort", "reasoning_effort", _EFFORTS)
    flag(body, "enable_thinking", "enable_thinking")
    if body.get("reasoning") is not None:
        keys = "effort enabled max_tokens exclude summary generate_summary"
        reasoning = _known(body["reasoning"], "reasoning", keys)
        word(reasoning, "effort", "reasoning.effort", _EFFORTS)
        flag(reasoning, "enabled", "reasoning.enabled")
    if body.get("thinking") is not None:
        thinking = _known(body["thinking"], "thinking", "type budget_tokens display")
        word(thinking, "type", "thinking.type", _TYPES)
    if body.get("chat_template_kwargs") is not None:
        kwargs = _known(body["chat_template_kwargs"], "chat_template_kwargs", "reasoning_effort enable_thinking thinking")
        word(kwargs, "reasoning_effort", "chat_template_kwargs.reasoning_effort", _EFFORTS)
        flag(kwargs, "enable_thinking", "chat_template_kwargs.enable_thinking")
        flag(kwargs, "thinking", "chat_template_kwargs.thinking")
    wanted = effort = 0
    for place, (is_wanted, how_much) in said:
        if (is_wanted and wanted and is_wanted != wanted) or (how_much and effort and how_much != effort):
            raise RequestError(place, "another field says something else")
        wanted, effort = wanted or is_wanted, effort or how_much
    return wanted, effort


# --- how many tokens a prompt can have at most ------------------------------------------------------------------------------------

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
    return len(write_json(value).encode("utf-8", "surrogatepass"))


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


_NAME = re.compile(r"[a-zA-Z0-9_.:/-]{1,128}\Z")


@dataclass(frozen=True)
class _Tool:
    name: str
    description: str | None
    parameters: Any


def _read_tools(body: dict[str, Any]) -> list[_Tool]:
    value = body.get("tools")
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > 128:
        raise RequestError("tools", "a list of at most 128 tools is expected")
    tools: list[_Tool] = []
    for at, item in enumerate(value):
        place = f"tools[{at}]"
        tool = _known(item, place, "type function")
        if tool.get("type") != "function":
            raise RequestError(place, 'a tool is of type "function"')
        function = _known(tool.get("function"), f"{place}.function", "name description parameters strict")
        name = function.get("name")
        if not isinstance(name, str) or not _NAME.match(name):
            raise RequestError(f"{place}.function.name", "a name has 1 to 128 letters, digits and _.:/-")
        if any(name == known.name for known in tools):
            raise RequestError("tools", f"{name} stands twice")
        description, parameters = function.get("description"), function.get("parameters")
        if description is not None:
            _text(description, f"{place}.function.description")
        if parameters is not None and not isinstance(parameters, dict):
            raise RequestError(f"{place}.function.parameters", "a schema is an object")
        tools.append(_Tool(name, description, parameters))
    return tools


@dataclass(frozen=True)
class _Choice:
    offered: list[_Tool]
    is_forced: bool


def _read_choice(body: dict[str, Any], tools: list[_Tool]) -> _Choice:
    value = body.get("tool_choice")
    if value is None or value == "auto":
        return _Choice(tools, False)
    if value == "none":
        return _Choice([], False)
    names = {tool.name: tool for tool in tools}
    if value == "required":
        if not tools:
            raise RequestError("tool_choice", "no tool is offered")
        return _Choice(tools, True)
    if not isinstance(value, dict):
        raise RequestError("tool_choice", "this choice is not known")

    def named(item: Any) -> _Tool:
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
        wanted = {named(item).name for item in listed}
        return _Choice([tool for tool in tools if tool.name in wanted], allowed["mode"] == "required")
    named(value)
    return _Choice(tools, True)


def _measure_tools(offered: list[_Tool]) -> int:
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


def _read_content(value: Any, place: str) -> str:
    if isinstance(value, str):
        return _text(value, place)
    if not isinstance(value, list) or not value:
        raise RequestError(place, "a text, or a list of parts, is expected")
    texts = []
    for at, item in enumerate(value):
        part = _known(item, f"{place}[{at}]", "type text")
        if part.get("type") != "text":
            raise RequestError(f"{place}[{at}].type", 'a part is of type "text"')
        texts.append(_text(part.get("text"), f"{place}[{at}].text"))
    return "".join(texts)


def _has_surrogate(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_surrogate(key) or _has_surrogate(item) for key, item in value.items())
    if isinstance(value, list):
        return any(map(_has_surrogate, value))
    return isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value)


def _measure_call(item: Any, place: str) -> int:
    if not isinstance(item, dict) or item.get("type", "function") != "function":
        raise RequestError(place, 'a call is of type "function"')
    call = _known(item, place, "id type function index")
    _text(call.get("id"), f"{place}.id", 1, 256)
    function = _known(call.get("function"), f"{place}.function", "name arguments")
    name = _text(function.get("name"), f"{place}.function.name", 1, 256)
    arguments = _text(function.get("arguments"), f"{place}.function.arguments")
    size = _measure(arguments, 1)
    try:
        said = parse_json(arguments.encode("utf-8"))
    except WireError:
        said = None
    if isinstance(said, dict):
        if _has_surrogate(said):
            raise RequestError(place, "its arguments hold a lone surrogate")
        size = max(size, _measure(said, 1))
    return 64 + 2 * _bytes(name) + size


def _measure_messages(body: dict[str, Any]) -> int:
    value = body.get("messages")
    if not isinstance(value, list) or not 1 <= len(value) <= 2_048:
        raise RequestError("messages", "a list of 1 to 2,048 messages is expected")
    size = 64
    for at, item in enumerate(value):
        place = f"messages[{at}]"
        if not isinstance(item, dict):
            raise RequestError(place, "a message is an object")
        role = item.get("role")
        keys, neutral = "role content name refusal annotations", {"function_call": _NEVER, "audio": _NEVER}
        if role == "assistant":
            keys += " tool_calls reasoning_content"
        else:
            neutral["tool_calls"] = ([],)
        if role == "tool":
            keys += " tool_call_id"
        message = {key: held for key, held in item.items() if held is not None}
        _known(message, place, keys, neutral)
        if role not in ("system", "developer", "user", "assistant", "tool"):
            raise RequestError(f"{place}.role", "this role is not known")
        if role == "tool":
            _text(message.get("tool_call_id"), f"{place}.tool_call_id", 1, 256)
        calls = message.get("tool_calls", []) if role == "assistant" else []
        if not isinstance(calls, list) or len(calls) > 128:
            raise RequestError(f"{place}.tool_calls", "a list of at most 128 calls is expected")
        reasoning = message.get("reasoning_content", "")
        size += 64 + _bytes(_text(reasoning, f"{place}.reasoning_content"))
        if "content" in message or not (calls or reasoning):
            size += _bytes(_read_content(message.get("content"), f"{place}.content"))
        for index, call in enumerate(calls):
            size += _measure_call(call, f"{place}.tool_calls[{index}]")
    return size


def _measure_prompt(body: dict[str, Any]) -> int:
    prompt, suffix = body.get("prompt"), body.get("suffix")
    if suffix is not None:
        _text(suffix, "suffix")
    if isinstance(prompt, list) and len(prompt) == 1 and isinstance(prompt[0], (str, list)):
        prompt = prompt[0]
    _boolean(body, "echo")
    if isinstance(prompt, list):
        if not prompt:
            raise RequestError("prompt", "it is empty")
        for token in prompt:
            _whole(token, "prompt", 0, (1 << 24) - 1)
        if suffix:
            raise RequestError("suffix", "a prompt of tokens has none")
        return 64 + len(prompt)
    return 64 + _bytes(_text(prompt, "prompt")) + _bytes(suffix or "")


# --- grammars ------------------------------------------------------------------------------------------------------------------

def _write_literal(value: str) -> str:
    out = ""
    for c in value:
        out += {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(c, c)
    return f'"{out}"'


def _read_grammar(body: dict[str, Any], ogong: str | None, choice: _Choice) -> str | None:
    """
    The GBNF of what an answer may be. Schemas, and calls that are forced, become one by rules that docs/spec/grammar.md leaves to the
    code. @raises UnsupportedRequest
    """
    structured = body.get("structured_outputs")
    if structured is not None:
        neutral = {"regex": _NEVER, "structural_tag": _NEVER, "disable_any_whitespace": (False,)}
        structured = _known(structured, "structured_outputs", "json choice grammar", neutral)
    structured = structured or {}
    response = body.get("response_format")
    kind = None
    if response is not None:
        keys = {"json_object": "type schema", "json_schema": "type json_schema"}
        kind = response.get("type") if isinstance(response, dict) else None
        _known(response, "response_format", keys.get(str(kind), "type"))
        if kind not in ("text", "json_object", "json_schema"):
            raise RequestError("response_format.type", "this type is not known")
    schemas = [body.get("guided_json"), structured.get("json"), response if kind in ("json_object", "json_schema") else None]
    texts = [
        (ogong, "ogong.grammar"),
        (body.get("grammar"), "grammar"),
        (body.get("guided_grammar"), "guided_grammar"),
        (structured.get("grammar"), "structured_outputs.grammar"),
    ]
    lists = [(body.get("guided_choice"), "guided_choice"), (structured.get("choice"), "structured_outputs.choice")]
    named = [value for value in schemas if value is not None]
    written = [(value, place) for value, place in texts + lists if value is not None]
    if len(named) + len(written) > 1:
        raise RequestError(written[-1][1] if written else "response_format", "two fields say what the answer may be")
    may_call = bool(choice.offered) and not choice.is_forced
    if written and may_call:
        raise RequestError(written[0][1], "a grammar that is no schema stands beside no tools")
    if named or choice.is_forced:
        raise UnsupportedRequest("the grammar of a JSON schema cannot be made here")
    if not written:
        return None
    value, place = written[0]
    if isinstance(value, list):
        if not 1 <= len(value) <= 256:
            raise RequestError(place, "1 to 256 texts are expected")
        return "root ::= (" + " | ".join(_write_literal(_text(item, place)) for item in value) + ")"
    return _text(value, place)


# --- the whole ---------------------------------------------------------------------------------------------------------------------

def parse_request(data: bytes, endpoint: str) -> TextRequest:
    """
    @param data: the exact bytes of the body. @param endpoint: `chat` or `completion`.
    @raises RequestError where no role accepts it. @raises UnsupportedRequest where its grammar cannot be made here.
    """
    if len(data) > MOST_BODY_BYTES:
        raise RequestError(None, "it has more than 1 MiB")
    try:
        value = parse_json(data)
    except WireError as error:
        raise RequestError(None, str(error)) from None
    is_chat = endpoint == "chat"
    keys = " ".join((_READ, _IGNORED, _DROPPED, _CHAT if is_chat else _COMPLETION))
    body = _known(value, "", keys, {**_NEUTRAL, **(_NEUTRAL_CHAT if is_chat else _NEUTRAL_COMPLETION)})
    model = _text(body.get("model"), "model", 1, 256)
    if body.get("prompt_cache_key") is not None:
        _text(body["prompt_cache_key"], "prompt_cache_key", 0, 256)
    _read_stream(body)
    if body.get("usage") is not None:
        _boolean(_known(body["usage"], "usage", "include"), "include", "usage")
    if body.get("provider") is not None:
        _known(body["provider"], "provider", _PROVIDER, _NEUTRAL_PROVIDER)
    _read_logprobs(body, is_chat)
    exact, model_root, settles_accepted, ogong_grammar = _read_ogong(body)
    if is_chat and body.get("modalities") is not None and body["modalities"] != ["text"]:
        raise RequestError("modalities", 'only ["text"] is served')
    limit = _integer(body, "max_tokens", 1, 131_072, 256)
    if is_chat:
        limit = _integer(body, "max_completion_tokens", 1, 131_072, limit)
        choice = _read_choice(body, _read_tools(body))
        bound = _measure_messages(body) + _measure_tools(choice.offered)
    else:
        choice = _Choice([], False)
        bound = _measure_prompt(body)
    if bound > 4 << 20:
        raise RequestError("messages" if is_chat else "prompt", "the prompt may have more than 4 MiB")
    seed = body.get("seed")
    return TextRequest(
        endpoint=0 if is_chat else 1,
        model=model,
        exact=exact,
        model_root=model_root,
        settles_accepted=settles_accepted,
        prompt_bound=bound,
        max_tokens=limit,
        sampler=_read_sampler(body),
        bias=_read_bias(body),
        choices=_integer(body, "n", 1, 8, 1),
        seed=None if seed is None else _whole(seed, "seed", -(2**53 - 1), 2**53 - 1),
        thinking=_read_thinking(body) if is_chat else (0, 0),
        stop=_read_stop(body),
        grammar=_read_grammar(body, ogong_grammar, choice),
        body_hash=sha256(data),
    )


def _read_stream(body: dict[str, Any]) -> None:
    is_stream = _boolean(body, "stream")
    options = body.get("stream_options")
    if options is None:
        return
    if not is_stream:
        raise RequestError("stream_options", "it stands beside stream alone")
    options = {key: held for key, held in options.items() if held is not None} if isinstance(options, dict) else options
    _known(options, "stream_options", "include_usage include_obfuscation")
    _boolean(options, "include_usage", "stream_options")


def _read_logprobs(body: dict[str, Any], is_chat: bool) -> None:
    if not is_chat:
        _integer(body, "logprobs", 0, 5, 0)
        return
    asks = _boolean(body, "logprobs")
    if body.get("top_logprobs") is not None and not asks:
        raise RequestError("top_logprobs", "it stands beside logprobs: true alone")
    _integer(body, "top_logprobs", 0, 20, 0)
