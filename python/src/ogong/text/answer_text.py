"""How the text of a reply is read piece by piece: marks, values of JSON, and calls that are written as objects."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

# White space as ECMAScript has it, which the first implementation is written in.
SPACES = "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_SPACE = re.compile(f"[{SPACES}]*")
NAME = re.compile(r"[A-Za-z0-9_.:/-]*")
WORD = re.compile(r"[A-Za-z0-9_.+-]*")
KEY = re.compile(r"[A-Za-z0-9_]*")
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\Z")
MOST_DEPTH = 32


@dataclass
class Said:
    """The parts of a message."""

    content: str = ""
    reasoning: str = ""
    calls: list[list[str]] = field(default_factory=list)
    """Name and arguments of each."""


class Pieces:
    """White space between content, reasoning and calls is dropped; at the end of the content it is kept."""

    def __init__(self) -> None:
        self._parts: dict[str, list[str]] = {"content": [], "reasoning": []}
        self._calls: list[tuple[str, list[str]]] = []
        self._held: list[str] = []
        self._section, self._at_start = "content", False

    def _write(self, section: str, text: str) -> None:
        if self._section != section:
            self._held, self._at_start, self._section = [], True, section
        body = text.rstrip(SPACES)
        if body == "":
            if not self._at_start:
                self._held.append(text)
            return
        self._parts[section] += [body.lstrip(SPACES)] if self._at_start else [*self._held, body]
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


class Text:
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
        """Reads the text before the first of the marks; the rest and None if there is none."""
        # One search for all: a search for each would read to the end of the text where one mark is missing, again and again.
        found = _any_of(tuple(marks)).search(self.text, self.at)
        if found is None:
            rest, self.at = self.text[self.at :], len(self.text)
            return rest, None
        before, self.at = self.text[self.at : found.start()], found.end()
        return before, found.group()

    def drop_at_end(self, mark: str) -> None:
        """Drops the mark, and white space behind it, if the text ends with it."""
        body = self.text.rstrip(SPACES)
        if body.endswith(mark) and len(body) - len(mark) >= self.at:
            self.text = body[: len(body) - len(mark)]

    def value(self) -> tuple[str, bool]:
        """One value of JSON as it is written, and whether it is whole."""
        start = self.at
        if self.peek() == "":
            return "", False
        if self.peek() not in '{["':
            word = self.run(WORD)
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
        return parse_string(text) if is_whole else None


def parse_string(text: str) -> str | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, str) else None


def quote_json(text: str) -> str:
    """As JSON.stringify has it: surrogates that are alone are escaped."""
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return "".join(f"\\u{ord(c):04x}" if 0xD800 <= ord(c) < 0xE000 else c for c in json.dumps(joined, ensure_ascii=False))


@dataclass(frozen=True)
class Reader:
    text: Text
    pieces: Pieces
    tools: frozenset[str]


def read_object(r: Reader, opening: str = "", only_known: bool = False) -> bool:
    """`{"name": ..., "arguments": {...}}`. A part that is no call becomes content."""
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
        unwrapped = parse_string(given) if given.startswith('"') else given
        r.pieces.call(name, "{}" if given in ("", "null") else given if unwrapped is None else unwrapped)
    return True


def read_list(r: Reader, opening: str = "", is_open: bool = False) -> None:
    text = r.text
    if not is_open and not text.take("["):
        read_object(r, opening)
        return
    before = opening if is_open else f"{opening}["
    while True:
        text.space()
        if text.take("]") or not read_object(r, before):
            return
        text.space()
        text.take(",")
        before = ""
