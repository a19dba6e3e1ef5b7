"""A request's body, read as docs/spec/request.md says, and its summary, whose hash names the request everywhere."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from ..wire import WireError, i32, i64, parse_json, sha256, text, u8, u16, u32, u64
from .fields import (
    NEVER,
    RequestError,
    is_number,
    known,
    read_boolean,
    read_integer,
    read_number,
    read_object,
    read_text,
    read_whole,
)
from .preference import check_preference, read_amount, split_model
from .prompt_bound import count_pictures, measure_messages, measure_prompt, measure_tools
from .tools import Choice, read_choice, read_tools

MOST_BODY_BYTES = 1 << 20
NAT = 1 << 16
FILTERS = (0, 1, 2)
"""top-k, top-p, min-p: the order in which every request of this network has them."""


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
    repetition: int = 1 << 16
    """2^-16; 2^16 is off."""
    window: int = 0
    """Last tokens of prompt and reply that the repetition penalty covers; 0 is all of them."""
    filters: tuple[int, ...] = FILTERS

    def encode(self) -> bytes:
        counts = u32(self.temperature) + u32(self.top_k) + u32(self.top_p) + u32(self.min_p)
        penalties = i32(self.presence) + i32(self.frequency) + u32(self.repetition) + u32(self.window)
        return counts + penalties + u8(len(self.filters)) + bytes(self.filters)


@dataclass(frozen=True)
class TextRequest:
    endpoint: int
    """0 chat, 1 completion."""
    model: str
    exact: bool
    model_root: bytes | None
    settles_accepted: bool
    standby_per_1k: int | None
    """What 1,000 prompt tokens cost of a reply that its payer does not take (docs/spec/progress.md, standby orders)."""
    prompt_bound: int
    pictures: int
    """Number of pictures in the messages."""
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
                b"ogong-text-request-v1\n",
                u8(self.endpoint),
                text(self.model, 768),
                u8(self.exact),
                u8(0) if self.model_root is None else u8(1) + self.model_root,
                encode_paid(self.settles_accepted, self.standby_per_1k),
                u32(self.prompt_bound),
                u8(self.pictures),
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


# --- keys of an object ----------------------------------------------------------------------------------------------------------

_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "functions": ([],),
    "plugins": ([],),
    "stop_token_ids": ([],),
    "function_call": ("none", "auto"),
    **dict.fromkeys(("continue_final_message", "use_beam_search", "ignore_eos", "include_stop_str_in_output"), (False,)),
    **dict.fromkeys(("add_generation_prompt", "skip_special_tokens", "spaces_between_special_tokens"), (True,)),
    **dict.fromkeys(("best_of", "length_penalty", "typical_p", "tfs_z"), (1,)),
    **dict.fromkeys(("top_a", "min_tokens", "prompt_logprobs"), (0,)),
    **dict.fromkeys(("mirostat", "dynatemp_range", "xtc_probability", "dry_multiplier", "no_repeat_ngram_size"), (0,)),
    "top_n_sigma": (0, -1),
    **dict.fromkeys(("bad_words", "allowed_token_ids", "documents"), ([],)),
    "chat_template": ("",),
    "format": ("",),
    **dict.fromkeys(("n_predict", "num_predict", "max_new_tokens", "max_output_tokens"), (-1,)),
    # Keys of other APIs that decide about an answer there.
    **dict.fromkeys(("max_gen_len", "max_length", "max_tokens_to_sample", "min_new_tokens", "stop_sequences"), ("", [])),
    **dict.fromkeys(("output_config", "response_schema", "compaction"), ("", [])),
    **dict.fromkeys(("input", "instructions", "system", "images"), ("", [])),
    **dict.fromkeys(("web_search_options", "json_schema", "output_format", "moderation"), NEVER),
    **dict.fromkeys(("thread", "conversation", "previous_response_id"), NEVER),
    **dict.fromkeys(("audio", "truncate_prompt_tokens", "guided_regex", "regex", "ebnf"), NEVER),
}
_NEUTRAL_CHAT: dict[str, tuple[Any, ...]] = {"prompt": NEVER, "echo": (False,), "suffix": ("",)}
_NEUTRAL_COMPLETION: dict[str, tuple[Any, ...]] = {
    "messages": ([],),
    "modalities": (["text"],),
    "chat_template_kwargs": ({},),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
}
_NEUTRAL_PROVIDER: dict[str, tuple[Any, ...]] = {
    "data_collection": ("allow",),
    **dict.fromkeys(("zdr", "enforce_distillable_text"), (False,)),
    **dict.fromkeys(("only", "ignore", "quantizations"), ([],)),
    "max_price": NEVER,
}


def _units(value: float, unit: int) -> int:
    amount = math.floor(abs(value) * unit + 0.5)
    return -amount if value < 0 else amount


# --- the parts of a body ----------------------------------------------------------------------------------------------------------

def _read_repetition(body: dict[str, Any]) -> tuple[int, int]:
    """@returns the repetition penalty and its window, as the header has them."""
    whole, recent = (_units(read_number(body, key, 0.01, 2, 1), NAT) for key in ("repetition_penalty", "repeat_penalty"))
    if whole != NAT and recent != NAT:
        raise RequestError("repeat_penalty", "use either it or repetition_penalty")
    last = read_integer(body, "repeat_last_n", -1, 1 << 24, 64 if recent != NAT else -1)
    penalty = whole if recent == NAT else recent
    return (NAT, 0) if penalty == NAT or last == 0 else (penalty, max(0, last))


def _read_sampler(body: dict[str, Any]) -> Sampler:
    repetition, window = _read_repetition(body)
    return Sampler(
        temperature=_units(read_number(body, "temperature", 0, 2, 1), 1 << 16),
        top_k=max(0, read_integer(body, "top_k", -1, 1 << 24, 0)),
        top_p=max(1, _units(read_number(body, "top_p", 0, 1, 1), 1 << 24)),
        min_p=_units(read_number(body, "min_p", 0, 1, 0), 1 << 24),
        presence=_units(read_number(body, "presence_penalty", -2, 2, 0), 1 << 16),
        frequency=_units(read_number(body, "frequency_penalty", -2, 2, 0), 1 << 16),
        repetition=repetition,
        window=window,
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
        if not is_number(amount) or not -100 <= amount <= 100:
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
        if "\ufffd" in read_text(string, "stop", 1, 256):
            raise RequestError("stop", "U+FFFD stands in no text of a model")
    return tuple(strings)


def _check_sources(value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, list) or not 1 <= len(value) <= 16:
        raise RequestError("ogong.sources", "a list of 1 to 16 sources is expected")
    for i, each in enumerate(value):
        at = f"ogong.sources[{i}]"
        source = known(each, at, "url sha256")
        url, digest = source.get("url"), source.get("sha256")
        if not isinstance(url, str) or not re.fullmatch(r"https://[\x21-\x7e]+", url) or len(url) > 2_048:
            raise RequestError(f"{at}.url", "an address of https is expected")
        if not isinstance(digest, str) or not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise RequestError(f"{at}.sha256", "64 lower-case hex digits are expected")


def encode_paid(settles_accepted: bool, standby_per_1k: int | None) -> bytes:
    if standby_per_1k is None:
        return u8(settles_accepted)
    return u8(settles_accepted + 2) + u64(standby_per_1k)


def read_ogong(body: dict[str, Any], model: str, sort: str | None) -> tuple[bool, bytes | None, bool, str | None, int | None]:
    value = body.get("ogong")
    if value is None:
        return False, None, False, None, None
    ogong = known(
        value,
        "ogong",
        "exact model_root settle salt grammar sources sort max_price min_stake tier accept providers attested seal_suite hedge standby",
    )
    check_preference(ogong, model, sort)
    suite = ogong.get("seal_suite")
    if suite is not None and (isinstance(suite, bool) or suite not in (1, 2)):
        raise RequestError("ogong.seal_suite", "1 or 2 is expected")
    root, settle, salt = ogong.get("model_root"), ogong.get("settle"), ogong.get("salt")
    if root is not None and (not isinstance(root, str) or not re.fullmatch(r"[0-9a-f]{64}", root)):
        raise RequestError("ogong.model_root", "64 lower-case hex digits are expected")
    if settle is not None and settle not in ("any", "accepted"):
        raise RequestError("ogong.settle", '"any" or "accepted" is expected')
    if salt is not None and (not isinstance(salt, str) or not re.fullmatch(r"[0-9a-f]{32,64}", salt)):
        raise RequestError("ogong.salt", "32 to 64 lower-case hex digits are expected")
    _check_sources(ogong.get("sources"))
    grammar = ogong.get("grammar")
    return (
        read_boolean(ogong, "exact", "ogong"),
        None if root is None else bytes.fromhex(root),
        settle == "accepted",
        None if grammar is None else read_text(grammar, "ogong.grammar"),
        read_amount(ogong, "standby", 2**64 - 1),
    )


_EFFORTS = {"none": (2, 0), "minimal": (1, 1), "low": (1, 1), "medium": (1, 2), "high": (1, 3), "xhigh": (1, 3), "max": (1, 3)}
_TYPES = {"enabled": (1, 0), "disabled": (2, 0), "adaptive": (0, 0)}


def _read_thinking(body: dict[str, Any]) -> tuple[int, int]:
    """Combines the fields: whether reasoning is wanted (0 unset, 1 yes, 2 no), and the effort."""
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
        reasoning = read_object(body["reasoning"], "reasoning")
        word(reasoning, "effort", "reasoning.effort", _EFFORTS)
        flag(reasoning, "enabled", "reasoning.enabled")
    if body.get("thinking") is not None:
        thinking = read_object(body["thinking"], "thinking")
        word(thinking, "type", "thinking.type", _TYPES)
    if body.get("chat_template_kwargs") is not None:
        kwargs = known(body["chat_template_kwargs"], "chat_template_kwargs", "reasoning_effort enable_thinking thinking")
        word(kwargs, "reasoning_effort", "chat_template_kwargs.reasoning_effort", _EFFORTS)
        flag(kwargs, "enable_thinking", "chat_template_kwargs.enable_thinking")
        flag(kwargs, "thinking", "chat_template_kwargs.thinking")
    wanted = effort = 0
    for place, (is_wanted, how_much) in said:
        if (is_wanted and wanted and is_wanted != wanted) or (how_much and effort and how_much != effort):
            raise RequestError(place, "another field says something else")
        wanted, effort = wanted or is_wanted, effort or how_much
    return wanted, effort


# --- grammars ------------------------------------------------------------------------------------------------------------------

_DEEPEST_GROUP = 24
_MOST_CHOICES = 256
_MOST_CHOICE_CHARACTERS = 65_536
"""Of all choices together, in UTF-16."""


def _write_literal(value: str) -> str:
    out = ""
    for c in value:
        if c in '"\\':
            out += "\\" + c
        elif ord(c) < 0x20 or 0x7F <= ord(c) <= 0x9F:
            out += f"\\x{ord(c):02X}"
        else:
            out += c
    return f'"{out}"'


def write_options(texts: list[str], depth: int = 0) -> str:
    """One side of a rule that is one of the texts. Equal beginnings are written once (docs/spec/grammar.md)."""
    distinct = list(dict.fromkeys(texts))
    if len(distinct) == 1:
        return _write_literal(distinct[0])
    groups: dict[str, list[str]] = {}
    for value in distinct:
        groups.setdefault(value[:1], []).append(value)
    options: list[str] = []
    for group in groups.values():
        if len(group) == 1 or depth >= _DEEPEST_GROUP:
            options += map(_write_literal, group)
            continue
        # The first and the last text differ from each other where any two of them do.
        first, last = min(group), max(group)
        length = next((i for i, c in enumerate(first) if c != last[i]), len(first))
        rests = [value[length:] for value in group]
        options.append(f"{_write_literal(first[:length])} {write_options(rests, depth + 1)}")
    return options[0] if len(options) == 1 else f"({' | '.join(options)})"


def _read_grammar(body: dict[str, Any], ogong: str | None, choice: Choice) -> str | None:
    """
    The GBNF of what an answer may be. Schemas, and calls that are forced, become one by rules that docs/spec/grammar.md leaves to the
    code. @raises UnsupportedRequest
    """
    structured = body.get("structured_outputs")
    if structured is not None:
        neutral = {"regex": NEVER, "structural_tag": NEVER, "disable_any_whitespace": (False,)}
        structured = known(structured, "structured_outputs", "json choice grammar", neutral)
    structured = structured or {}
    response = body.get("response_format")
    kind = None
    if response is not None:
        kind = response.get("type") if isinstance(response, dict) else None
        without = {"json_object": ("json_schema",), "json_schema": ()}.get(str(kind), ("schema", "json_schema"))
        read_object(response, "response_format", dict.fromkeys(without, NEVER))
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
        if not 1 <= len(value) <= _MOST_CHOICES:
            raise RequestError(place, f"1 to {_MOST_CHOICES} texts are expected")
        choices = [read_text(item, place, 1) for item in value]
        if sum(len(item.encode("utf-16-le")) // 2 for item in choices) > _MOST_CHOICE_CHARACTERS:
            raise RequestError(place, f"there are more than {_MOST_CHOICE_CHARACTERS} characters")
        return f"root ::= {write_options(choices)}\n"
    return read_text(value, place)


# --- the whole ---------------------------------------------------------------------------------------------------------------------

def parse_request(data: bytes, endpoint: str) -> TextRequest:
    """
    @param data: the exact bytes of the body. @param endpoint: `chat` or `completion`.
    @raises RequestError if no role accepts it. @raises UnsupportedRequest if its grammar cannot be made here.
    """
    if len(data) > MOST_BODY_BYTES:
        raise RequestError(None, "it has more than 1 MiB")
    try:
        value = parse_json(data)
    except WireError as error:
        raise RequestError(None, str(error)) from None
    is_chat = endpoint == "chat"
    body = read_object(value, "", {**_NEUTRAL, **(_NEUTRAL_CHAT if is_chat else _NEUTRAL_COMPLETION)})
    model, sort = split_model(read_text(body.get("model"), "model", 1, 256))
    if body.get("prompt_cache_key") is not None:
        read_text(body["prompt_cache_key"], "prompt_cache_key", 0, 256)
    _read_stream(body)
    if body.get("usage") is not None:
        read_boolean(read_object(body["usage"], "usage"), "include", "usage")
    if body.get("provider") is not None:
        read_object(body["provider"], "provider", _NEUTRAL_PROVIDER)
    _read_logprobs(body, is_chat)
    exact, model_root, settles_accepted, ogong_grammar, standby_per_1k = read_ogong(body, model, sort)
    if is_chat and body.get("modalities") is not None and body["modalities"] != ["text"]:
        raise RequestError("modalities", 'only ["text"] is served')
    limit = read_integer(body, "max_completion_tokens", 1, 2**53 - 1, 0) or read_integer(body, "max_tokens", 1, 2**53 - 1, 256)
    if is_chat:
        choice = read_choice(body, read_tools(body))
        bound = measure_messages(body) + measure_tools(choice.offered)
    else:
        choice = Choice([], False)
        bound = measure_prompt(body)
    if bound > 4 << 20:
        raise RequestError("messages" if is_chat else "prompt", "the prompt may have more than 4 MiB")
    seed = body.get("seed")
    return TextRequest(
        endpoint=0 if is_chat else 1,
        model=model,
        exact=exact,
        model_root=model_root,
        settles_accepted=settles_accepted,
        standby_per_1k=standby_per_1k,
        prompt_bound=bound,
        pictures=count_pictures(body) if is_chat else 0,
        max_tokens=min(limit, 131_072),
        sampler=_read_sampler(body),
        bias=_read_bias(body),
        choices=read_integer(body, "n", 1, 8, 1),
        seed=None if seed is None else read_whole(seed, "seed", -(2**53 - 1), 2**53 - 1),
        thinking=_read_thinking(body) if is_chat else (0, 0),
        stop=_read_stop(body),
        grammar=_read_grammar(body, ogong_grammar, choice),
        body_hash=sha256(data),
    )


def _read_stream(body: dict[str, Any]) -> None:
    is_stream = read_boolean(body, "stream")
    options = body.get("stream_options")
    if options is None:
        return
    if not is_stream:
        raise RequestError("stream_options", "it stands beside stream alone")
    options = {key: held for key, held in options.items() if held is not None} if isinstance(options, dict) else options
    read_object(options, "stream_options")
    read_boolean(options, "include_usage", "stream_options")


def _read_logprobs(body: dict[str, Any], is_chat: bool) -> None:
    if not is_chat:
        read_integer(body, "logprobs", 0, 5, 0)
        return
    asks = read_boolean(body, "logprobs")
    if body.get("top_logprobs") is not None and not asks:
        raise RequestError("top_logprobs", "it stands beside logprobs: true alone")
    read_integer(body, "top_logprobs", 0, 20, 0)
