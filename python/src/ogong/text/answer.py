"""Content, reasoning and calls of tools that a reply says (docs/spec/answer.md): what a gateway shows is held against the signed text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ..checks import Check, failed, passed
from ..wire import WireError, parse_json
from .fields import RequestError
from .tools import read_choice, read_tools

FAMILIES = "hermes llama mistral deepseek gemma harmony kimi pythonic".split()
REASONING = "none marked opened".split()
# White space as ECMAScript has it, which the first implementation is written in.
_SPACES = "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_SPACE = re.compile(f"[{_SPACES}]*")
_NAME = re.compile(r"[A-Za-z0-9_.:/-]*")
_WORD = re.compile(r"[A-Za-z0-9_.+-]*")
_KEY = re.compile(r"[A-Za-z0-9_]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\Z")
_MOST_DEPTH = 32


@dataclass(frozen=True)
class Terms:
    """What of the request says how its replies are read."""

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


@dataclass
class Said:
    """What a message says."""

    content: str = ""
    reasoning: str = ""
    calls: list[list[str]] = field(default_factory=list)
    """Name and arguments of each."""


class _Pieces:
    """White space between content, reasoning and calls is dropped; at the end of the content it is kept."""

    def __init__(self) -> None:
        self._parts: dict[str, list[str]] = {"content": [], "reasoning": []}
        self._calls: list[tuple[str, list[str]]] = []
        self._held: list[str] = []
        self._section, self._at_start = "content", False

    def _write(self, section: str, text: str) -> None:
        if self._section != section:
            self._held, self._at_start, self._section = [], True, section
        body = text.rstrip(_SPACES)
        if body == "":
            if not self._at_start:
                self._held.append(text)
            return
        self._parts[section] += [body.lstrip(_SPACES)] if self._at_start else [*self._held, body]
        self._held, self._at_start = [text[len(body) :]], False

    def write_content(self, text: str) -> None:
        self._write("content", text)

    def write_reasoning(self, text: str) -> None:
        self._write("reasoning", text)

    def end_section(self) -> None:
        self._held, self._section, self._at_start = [], "content", True

    def call(self, name: str, arguments: str = "") -> None:
        self.end_section()
        self._calls.append((name, [arguments]))

    def write_arguments(self, text: str) -> None:
        self._calls[-1][1].append(text)

    def end(self) -> Said:
        if self._section == "content":
            self._parts["content"] += self._held
        content, reasoning = ("".join(self._parts[name]) for name in ("content", "reasoning"))
        return Said(content, reasoning, [[name, "".join(parts)] for name, parts in self._calls])


@lru_cache(maxsize=64)
def _any_of(marks: tuple[str, ...]) -> re.Pattern[str]:
    """The first of them in the text; where two begin at one place, the first of the list. With none, nothing matches."""
    return re.compile("|".join(map(re.escape, marks)) if marks else r"(?!)")


class _Text:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def peek(self) -> str:
        """The next character; empty at the end."""
        return self.text[self.at : self.at + 1]

    def take(self, mark: str) -> bool:
        if not self.text.startswith(mark, self.at):
            return False
        self.at += len(mark)
        return True

    def run(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        assert found is not None
        self.at = found.end()
        return found.group()

    def space(self) -> str:
        return self.run(_SPACE)

    def until(self, marks: Sequence[str]) -> tuple[str, str | None]:
        """What stands before the first of the marks, which is read; the rest and None where there is none."""
        # One search for all: a search for each would read to the end of the text where one mark is missing, again and again.
        found = _any_of(tuple(marks)).search(self.text, self.at)
        if found is None:
            rest, self.at = self.text[self.at :], len(self.text)
            return rest, None
        before, self.at = self.text[self.at : found.start()], found.end()
        return before, found.group()

    def value(self) -> tuple[str, bool]:
        """One value of JSON as it is written, and whether it is whole."""
        start = self.at
        if self.peek() == "":
            return "", False
        if self.peek() not in '{["':
            word = self.run(_WORD)
            return word, word != ""
        depth, in_string, is_escaped = 0, False, False
        while self.at < len(self.text):
            c = self.text[self.at]
            self.at += 1
            if is_escaped:
                is_escaped = False
            elif in_string and c == "\\":
                is_escaped = True
            elif c == '"':
                in_string = not in_string
            elif not in_string and c in "{[":
                depth += 1
            elif not in_string and c in "}]":
                depth -= 1
            if depth == 0 and not in_string:
                return self.text[start : self.at], True
        return self.text[start:], False

    def string(self) -> str | None:
        if self.peek() != '"':
            return None
        text, is_whole = self.value()
        return _parse_string(text) if is_whole else None


def _parse_string(text: str) -> str | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, str) else None


def _quote(text: str) -> str:
    """As JSON.stringify has it: surrogates that are alone are escaped."""
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return "".join(f"\\u{ord(c):04x}" if 0xD800 <= ord(c) < 0xE000 else c for c in json.dumps(joined, ensure_ascii=False))


@dataclass(frozen=True)
class _Reader:
    text: _Text
    pieces: _Pieces
    tools: frozenset[str]


def _read_object(r: _Reader, opening: str = "", only_known: bool = False) -> bool:
    """`{"name": ..., "arguments": {...}}`. What is no call becomes content."""
    text, start = r.text, r.text.at
    name: str | None = None
    is_open = False
    given = ""

    def fail() -> bool:
        if not is_open:
            r.pieces.write_content(opening + text.text[start : text.at])
        return False

    if not text.take("{"):
        return fail()
    while True:
        text.space()
        if text.take("}"):
            break
        if text.take(","):
            continue
        key = text.string()
        text.space()
        if key is None or not text.take(":"):
            return fail()
        text.space()
        if key == "name" and name is None:
            name = text.string()
            if not name or (only_known and name not in r.tools):
                return fail()
        elif key in ("arguments", "parameters") and not is_open and given == "":
            if text.peek() == "{" and name is not None:
                r.pieces.call(name)
                is_open = True
            part, is_whole = text.value()
            if is_open:
                r.pieces.write_arguments(part)
            else:
                given += part
            if not is_whole:
                return fail()
        elif not text.value()[1]:
            return fail()
    if name is None:
        return fail()
    if not is_open:
        unwrapped = _parse_string(given) if given.startswith('"') else given
        r.pieces.call(name, "{}" if given in ("", "null") else given if unwrapped is None else unwrapped)
    return True


def _read_list(r: _Reader, opening: str = "", is_open: bool = False) -> None:
    text = r.text
    if not is_open and not text.take("["):
        _read_object(r, opening)
        return
    before = opening if is_open else f"{opening}["
    while True:
        text.space()
        if text.take("]") or not _read_object(r, before):
            return
        text.space()
        text.take(",")
        before = ""


def _hermes(r: _Reader) -> None:
    while True:
        before, mark = r.text.until(["<tool_call>"])
        r.pieces.write_content(before)
        if mark is None:
            return
        if not _read_object(r, mark + r.text.space()):
            continue
        r.text.space()
        r.text.take("</tool_call>")


def _llama(r: _Reader) -> None:
    while True:
        opening = r.text.space()
        # The tag is none of the content that follows it.
        if r.text.take("<|python_tag|>"):
            opening += r.text.space()
        if r.text.peek() != "{":
            r.pieces.write_content(opening)
            return
        if not _read_object(r, opening, only_known=True):
            return
        r.text.space()
        r.text.take(";")


def _mistral(r: _Reader) -> None:
    text = r.text
    while True:
        before, mark = text.until(["[TOOL_CALLS]"])
        r.pieces.write_content(before)
        if mark is None:
            return
        opening = mark + text.space()
        if text.peek() and text.peek() in "[{":
            _read_list(r, opening)
            continue
        start = text.at
        name = text.run(_NAME)
        if text.take("[CALL_ID]"):
            text.run(_NAME)
        text.take("[ARGS]")
        text.space()
        if name == "" or text.peek() != "{":
            r.pieces.write_content(opening + text.text[start : text.at])
            continue
        r.pieces.call(name, text.value()[0])


def _read_section(r: _Reader, begin_all: str, begin: str, end: str, end_all: str, read_name: Callable[[_Text], str | None]) -> None:
    """Calls between marks, and text that counts outside of them alone."""
    text, is_outside = r.text, True
    while True:
        before, mark = text.until([begin_all, begin, end_all])
        if is_outside:
            r.pieces.write_content(before)
        if mark is None:
            return
        is_outside = mark == end_all
        if mark != begin:
            continue
        start = text.at
        name = read_name(text)
        if name is None or text.peek() != "{":
            r.pieces.write_content(begin + text.text[start : text.at])
            is_outside = True
            continue
        arguments, is_whole = text.value()
        r.pieces.call(name, arguments)
        if not is_whole:
            return
        text.until([end])


_DEEPSEEK_NAME = re.compile(f"[^{_SPACES}<{{`]*")


def _deepseek(r: _Reader) -> None:
    def read_name(text: _Text) -> str | None:
        name = text.run(_DEEPSEEK_NAME)
        is_call = text.take("<｜tool▁sep｜>")
        if name == "function" and is_call:
            name = text.run(_DEEPSEEK_NAME) or name
        text.space()
        if text.take("```json"):
            text.space()
        return name if is_call and name else None

    marks = ("calls▁begin", "call▁begin", "call▁end", "calls▁end")
    _read_section(r, *(f"<｜tool▁{mark}｜>" for mark in marks), read_name)


_KIMI_ID = re.compile(r"(?:functions\.)?(.+?)(?::[0-9]+)?\Z")


def _kimi(r: _Reader) -> None:
    def read_name(text: _Text) -> str | None:
        text.space()
        found = _KIMI_ID.match(text.run(_NAME))
        text.space()
        is_marked = text.take("<|tool_call_argument_begin|>")
        text.space()
        return found.group(1) if found and is_marked else None

    marks = ("tool_calls_section_begin", "tool_call_begin", "tool_call_end", "tool_calls_section_end")
    _read_section(r, *(f"<|{mark}|>" for mark in marks), read_name)


_RECIPIENT = re.compile(r"(?<![A-Za-z0-9_])to=(?:functions\.)?([A-Za-z0-9_.:/-]+)")
_ANALYSIS = re.compile(r"(?<![A-Za-z0-9_])analysis(?![A-Za-z0-9_])")


def _harmony(r: _Reader) -> None:
    text, pieces = r.text, r.pieces
    is_first = text.peek() in ("", "<", " ", "t")
    if not is_first:
        before, mark = text.until(["<|start|>", "<|channel|>"])
        pieces.write_content(before)
        if mark is None:
            return
    while True:
        headers: list[str] = []
        mark = None
        while mark != "<|message|>":
            before, mark = text.until(["<|start|>", "<|channel|>", "<|constrain|>", "<|message|>"])
            headers.append(before)
            if mark is None:
                if is_first:
                    pieces.write_content(before)
                return
            is_first = False
        header = " ".join([*headers, ""])
        named = _RECIPIENT.search(header) if r.tools else None
        body, mark = text.until(["<|end|>", "<|start|>", "<|call|>", "<|return|>"])
        if named:
            pieces.call(named.group(1), body)
        elif _ANALYSIS.search(header):
            pieces.write_reasoning(body)
        else:
            pieces.write_content(body)
        if mark is None:
            return


_GEMMA = {"<start_function_call>": ("<end_function_call>", "<escape>"), "<|tool_call>": ("<tool_call|>", '<|"|>')}


def _gemma(r: _Reader) -> None:
    text = r.text
    while True:
        before, opened = text.until(list(_GEMMA))
        r.pieces.write_content(before)
        if opened is None:
            return
        close, quote = _GEMMA[opened]
        start = text.at
        text.space()
        name = text.run(_NAME) if text.take("call:") else ""
        given, mark = text.until([close])
        arguments = _read_gemma(given.strip(_SPACES), quote) if name else None
        # Cut short, the arguments cannot be told apart from others.
        if arguments is None or mark is None:
            r.pieces.write_content(opened + text.text[start : text.at])
        else:
            r.pieces.call(name, arguments)


_BARE = re.compile(r"[^,\]}]*")


def _read_gemma(given: str, quote: str) -> str | None:
    """@returns the arguments as JSON; None where they are no object of this notation."""
    text = _Text(given)

    def take(mark: str) -> bool:
        text.space()
        return text.take(mark)

    def until(mark: str) -> str | None:
        start = text.at
        before, found = text.until([mark])
        if found is None:
            text.at = start
        return None if found is None else before

    def items(close: str, item: Callable[[], str | None]) -> list[str] | None:
        found: list[str] = []
        while not take(close):
            if found and not take(","):
                return None
            one = item()
            if one is None:
                return None
            found.append(one)
        return found

    def member(depth: int) -> str | None:
        key = until(quote) if take(quote) else (found.strip(_SPACES) if (found := until(":")) is not None else None)
        if key is None or (given[text.at - 1 : text.at] != ":" and not take(":")):
            return None
        held = value(depth)
        return None if held is None else f"{_quote(key)}:{held}"

    def value(depth: int) -> str | None:
        if depth > _MOST_DEPTH:
            return None
        if take(quote):
            found = until(quote)
            return None if found is None else _quote(found)
        if take("{"):
            members = items("}", lambda: member(depth + 1))
            return None if members is None else "{" + ",".join(members) + "}"
        if take("["):
            listed = items("]", lambda: value(depth + 1))
            return None if listed is None else "[" + ",".join(listed) + "]"
        word = text.run(_BARE).strip(_SPACES)
        if _NUMBER.match(word) or word in ("true", "false", "null"):
            return word
        return _quote(word) if word else None

    if not given.startswith("{"):
        return None
    read = value(0)
    text.space()
    return read if text.at == len(given) else None


_PYTHON_WORDS = {"True": "true", "False": "false", "None": "null", "true": "true", "false": "false", "null": "null"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "\\": "\\", "'": "'", '"': '"', "/": "/"}
_HEX = re.compile("[0-9a-fA-F]+\\Z")


def _read_items(text: _Text, close: str, item: Callable[[], str | None]) -> list[str] | None:
    found: list[str] = []
    while True:
        text.space()
        if text.take(close):
            return found
        if found:
            if not text.take(","):
                return None
            text.space()
            if text.take(close):
                return found
        one = item()
        if one is None:
            return None
        found.append(one)


def _read_python_string(text: _Text) -> str | None:
    quote = text.peek()
    if quote not in ('"', "'"):
        return None
    text.take(quote)
    out: list[str] = []
    while True:
        before, mark = text.until([quote, "\\"])
        out.append(before)
        if mark != "\\":
            return "".join(out) if mark else None
        escaped = text.peek()
        if escaped == "":
            return None
        text.take(escaped)
        if escaped in _ESCAPES:
            out.append(_ESCAPES[escaped])
        elif escaped in "xu":
            size = 2 if escaped == "x" else 4
            digits = text.text[text.at : text.at + size]
            if len(digits) != size or not _HEX.match(digits):
                return None
            text.at += size
            out.append(chr(int(digits, 16)))
        else:
            out.append(f"\\{escaped}")


def _read_python_value(text: _Text, depth: int = 0) -> str | None:
    if depth > _MOST_DEPTH:
        return None
    text.space()
    if text.peek() in ('"', "'"):
        found = _read_python_string(text)
        return None if found is None else _quote(found)
    for opened, close in (("[", "]"), ("(", ")")):
        if text.take(opened):
            items = _read_items(text, close, lambda: _read_python_value(text, depth + 1))
            return None if items is None else "[" + ",".join(items) + "]"
    if text.take("{"):
        members = _read_items(text, "}", lambda: _read_member(text, _read_python_string(text), ":", depth + 1))
        return None if members is None else "{" + ",".join(members) + "}"
    word = text.run(_WORD)
    return _PYTHON_WORDS.get(word) or (word if _NUMBER.match(word) else None)


def _read_member(text: _Text, key: str | None, mark: str, depth: int) -> str | None:
    text.space()
    if key is None or not text.take(mark):
        return None
    value = _read_python_value(text, depth)
    return None if value is None else f"{_quote(key)}:{value}"


def _read_python_arguments(text: _Text) -> str | None:
    if not text.take("("):
        return None
    members = _read_items(text, ")", lambda: _read_member(text, text.run(_KEY) or None, "=", 0))
    return None if members is None else "{" + ",".join(members) + "}"


def _read_python_calls(r: _Reader, opening: str) -> None:
    text = r.text
    text.take("[")
    before = f"{opening}["
    while True:
        before += text.space()
        if before.startswith("<") and text.peek() == "{":
            return _read_list(r, before, is_open=True)
        start = text.at
        name = text.run(_NAME)
        given = _read_python_arguments(text) if name in r.tools else None
        # Cut short, the arguments cannot be told apart from others.
        if given is None:
            return r.pieces.write_content(before + text.text[start : text.at])
        r.pieces.call(name, given)
        text.space()
        before = ""
        if text.take("]") or not text.take(","):
            return None
        text.space()
        if text.take("]"):
            return None


_PYTHONIC = {"<|tool_call_start|>": "<|tool_call_end|>", "<|python_start|>": "<|python_end|>"}


def _pythonic(r: _Reader) -> None:
    text = r.text
    space = text.space()
    if text.peek() == "[":
        _read_python_calls(r, space)
    else:
        r.pieces.write_content(space)
    while True:
        before, opened = text.until(list(_PYTHONIC))
        r.pieces.write_content(before)
        if opened is None:
            return
        opening = opened + text.space()
        if text.peek() == "{":
            _read_list(r, opening)
        elif text.peek() == "[":
            _read_python_calls(r, opening)
        else:
            r.pieces.write_content(opening)
            continue
        text.space()
        text.take(_PYTHONIC[opened])


_READ: dict[str, Callable[[_Reader], None]] = {
    "hermes": _hermes,
    "llama": _llama,
    "mistral": _mistral,
    "deepseek": _deepseek,
    "gemma": _gemma,
    "harmony": _harmony,
    "kimi": _kimi,
    "pythonic": _pythonic,
}


def read_answer(reply: str, family: str, reasoning: str, terms: Terms) -> Said:
    """@param reply: the text that is signed. @param family, reasoning: as its header names them."""
    r = _Reader(_Text(reply), _Pieces(), terms.tools)
    text, pieces = r.text, r.pieces
    if terms.is_forced:
        text.space()
        _read_list(r)
    elif terms.is_formed:
        if terms.tools and text.peek() == "<":
            _hermes(r)
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
    """What a message of a chat says that was shown; None where it is none."""
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
        return failed("answer", "what was shown is no message")
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
