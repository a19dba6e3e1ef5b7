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
class Marks:
    """The texts around the reasoning of a reply, and those around the answer behind it, if there are any."""

    open: str
    close: str
    answer: tuple[str, str] | None = None


MARKS = {
    "think": Marks("<think>", "</think>"),
    "bracketed": Marks("[THINK]", "[/THINK]"),
    "channel": Marks("<|channel>thought", "<channel|>"),
    "thinking": Marks("<|START_THINKING|>", "<|END_THINKING|>"),
    "seed": Marks("<seed:think>", "</seed:think>"),
    "inner": Marks("<|inner_prefix|>", "<|inner_suffix|>"),
    "response": Marks("<think>", "</think>", ("<response>", "</response>")),
    "steps": Marks("Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]", ("", "[END FINAL RESPONSE]")),
}


@dataclass(frozen=True)
class Format:
    """How a reply is read."""

    family: str = FAMILIES[0]
    reasoning: str = REASONING[0]
    marks: str = "think"


def name_format(numbers: tuple[int, int, int]) -> Format:
    """@param numbers: as a header has them."""
    family, reasoning, marks = numbers
    return Format(FAMILIES[family], REASONING[reasoning], list(MARKS)[marks])


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


def read_answer(reply: str, answer_format: Format, terms: Terms) -> Said:
    """@param reply: the text that is signed. @param answer_format: as its header names it."""
    r = Reader(Text(reply), Pieces(), terms.tools)
    text, pieces = r.text, r.pieces
    if terms.is_forced:
        text.space()
        read_list(r)
    elif terms.is_formed:
        if terms.tools and text.peek() == "<":
            read_hermes(r)
    else:
        if answer_format.reasoning != "none":
            _read_reasoning(r, MARKS[answer_format.marks], answer_format.reasoning == "opened")
        if terms.tools or answer_format.family == "harmony":
            _READ[answer_format.family](r)
    pieces.write_content(text.until([])[0])
    return pieces.end()


def _read_reasoning(r: Reader, marks: Marks, is_opened: bool) -> None:
    text, pieces = r.text, r.pieces
    space = text.space()
    if not text.take(marks.open) and not is_opened:
        pieces.write_content(space)
        return
    pieces.write_reasoning(text.until([marks.close])[0])
    pieces.end_section()
    if marks.answer is not None:
        text.space()
        if text.take(marks.answer[0]):
            text.drop_at_end(marks.answer[1])


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


def check_answer(shown: Said | None, reply: bytes, answer_format: tuple[int, int, int], body: bytes) -> Check:
    """Whether content, reasoning and calls that were shown are what the signed text says under the signed format."""
    if shown is None:
        return failed("answer", "the shown value is no message")
    try:
        terms = read_terms(body)
    except (RequestError, WireError) as error:
        return failed("answer", f"the request cannot be read: {error}")
    said = read_answer(reply.decode("utf-8", "replace"), name_format(answer_format), terms)
    for name in ("content", "reasoning", "calls"):
        if getattr(said, name) != getattr(shown, name):
            return failed("answer", f"other {name} were shown than the signed text has")
    return passed("answer", f"content, reasoning and {len(said.calls)} calls are those of the signed text")
