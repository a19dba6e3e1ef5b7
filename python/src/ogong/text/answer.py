"""
Content, reasoning and calls of tools of a reply (docs/spec/answer.md): the text that a gateway shows is compared with the signed text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..checks import Check, failed, passed
from ..wire import WireError, parse_json
from .answer_families import read_deepseek, read_harmony, read_hermes, read_kimi, read_llama, read_mistral
from .answer_gemma import read_gemma
from .answer_pythonic import read_pythonic
from .answer_text import Pieces, Reader, Said, Text, read_list
from .fields import RequestError
from .tools import read_choice, read_tools

FAMILIES = "hermes llama mistral deepseek gemma harmony kimi pythonic".split()
REASONING = "none marked opened".split()


@dataclass(frozen=True)
class Terms:
    """The parts of the request that decide how its replies are read."""

    tools: frozenset[str] = frozenset()
    is_forced: bool = False
    is_formed: bool = False


def read_terms(body: bytes) -> Terms:
    """@raises RequestError, WireError"""
    value = parse_json(body)
    if not isinstance(value, dict):
        raise RequestError(None, "it is no object")
    choice = read_choice(value, read_tools(value))

    def within(name: str, keys: str) -> bool:
        held = value.get(name)
        return isinstance(held, dict) and any(held.get(key) is not None for key in keys.split())

    response = value.get("response_format")
    has_form = (
        any(value.get(name) is not None for name in ("guided_json", "guided_grammar", "guided_choice", "grammar"))
        or within("structured_outputs", "json choice grammar")
        or within("ogong", "grammar")
        or (isinstance(response, dict) and response.get("type") in ("json_object", "json_schema"))
    )
    return Terms(frozenset(tool.name for tool in choice.offered), choice.is_forced, has_form and not choice.is_forced)


_READ: dict[str, Callable[[Reader], None]] = {
    "hermes": read_hermes,
    "llama": read_llama,
    "mistral": read_mistral,
    "deepseek": read_deepseek,
    "gemma": read_gemma,
    "harmony": read_harmony,
    "kimi": read_kimi,
    "pythonic": read_pythonic,
}


def read_answer(reply: str, family: str, reasoning: str, terms: Terms) -> Said:
    """@param reply: the text that is signed. @param family, reasoning: as its header names them."""
    r = Reader(Text(reply), Pieces(), terms.tools)
    text, pieces = r.text, r.pieces
    if terms.is_forced:
        text.space()
        read_list(r)
    elif terms.is_formed:
        if terms.tools and text.peek() == "<":
            read_hermes(r)
    else:
        if reasoning != "none":
            opened, close = ("[THINK]", "[/THINK]") if family == "mistral" else ("<think>", "</think>")
            space = text.space()
            if text.take(opened) or reasoning == "opened":
                pieces.write_reasoning(text.until([close])[0])
                pieces.end_section()
            else:
                pieces.write_content(space)
        if terms.tools or family == "harmony":
            _READ[family](r)
    pieces.write_content(text.until([])[0])
    return pieces.end()


def read_message(message: Any) -> Said | None:
    """Returns the shown parts of a chat message; None if it is none."""
    if not isinstance(message, dict):
        return None
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        return None
    said = Said(message.get("content") or "", message.get("reasoning_content") or "")
    for call in calls:
        function = call.get("function") if isinstance(call, dict) else None
        held = function if isinstance(function, dict) else {}
        said.calls.append([held.get("name") or "", held.get("arguments") or ""])
    texts = [said.content, said.reasoning, *(part for call in said.calls for part in call)]
    return said if all(isinstance(text, str) for text in texts) else None


def check_answer(shown: Said | None, reply: bytes, answer_format: tuple[int, int], body: bytes) -> Check:
    """Whether content, reasoning and calls that were shown are what the signed text says under the signed format."""
    if shown is None:
        return failed("answer", "the shown value is no message")
    try:
        terms = read_terms(body)
    except (RequestError, WireError) as error:
        return failed("answer", f"the request cannot be read: {error}")
    family, reasoning = FAMILIES[answer_format[0]], REASONING[answer_format[1]]
    said = read_answer(reply.decode("utf-8", "replace"), family, reasoning, terms)
    for name in ("content", "reasoning", "calls"):
        if getattr(said, name) != getattr(shown, name):
            return failed("answer", f"other {name} were shown than the signed text has")
    return passed("answer", f"content, reasoning and {len(said.calls)} calls are those of the signed text")
