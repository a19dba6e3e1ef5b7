"""Calls that are written as calls of Python (docs/spec/answer.md)."""

from __future__ import annotations

import re
from collections.abc import Callable

from .answer_text import KEY, MOST_DEPTH, NAME, NUMBER, WORD, Reader, Text, quote_json, read_list

_PYTHON_WORDS = {"True": "true", "False": "false", "None": "null", "true": "true", "false": "false", "null": "null"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "\\": "\\", "'": "'", '"': '"', "/": "/"}
_HEX = re.compile("[0-9a-fA-F]+\\Z")


def _read_items(text: Text, close: str, item: Callable[[], str | None]) -> list[str] | None:
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


def _read_python_string(text: Text) -> str | None:
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


def _read_python_value(text: Text, depth: int = 0) -> str | None:
    if depth > MOST_DEPTH:
        return None
    text.space()
    if text.peek() in ('"', "'"):
        found = _read_python_string(text)
        return None if found is None else quote_json(found)
    for opened, close in (("[", "]"), ("(", ")")):
        if text.take(opened):
            items = _read_items(text, close, lambda: _read_python_value(text, depth + 1))
            return None if items is None else "[" + ",".join(items) + "]"
    if text.take("{"):
        members = _read_items(text, "}", lambda: _read_member(text, _read_python_string(text), ":", depth + 1))
        return None if members is None else "{" + ",".join(members) + "}"
    word = text.run(WORD)
    return _PYTHON_WORDS.get(word) or (word if NUMBER.match(word) else None)


def _read_member(text: Text, key: str | None, mark: str, depth: int) -> str | None:
    text.space()
    if key is None or not text.take(mark):
        return None
    value = _read_python_value(text, depth)
    return None if value is None else f"{quote_json(key)}:{value}"


def _read_python_arguments(text: Text) -> str | None:
    if not text.take("("):
        return None
    members = _read_items(text, ")", lambda: _read_member(text, text.run(KEY) or None, "=", 0))
    return None if members is None else "{" + ",".join(members) + "}"


def _read_python_calls(r: Reader, opening: str) -> None:
    text = r.text
    text.take("[")
    before = f"{opening}["
    while True:
        before += text.space()
        if before.startswith("<") and text.peek() == "{":
            return read_list(r, before, is_open=True)
        start = text.at
        name = text.run(NAME)
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


def read_pythonic(r: Reader) -> None:
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
            read_list(r, opening)
        elif text.peek() == "[":
            _read_python_calls(r, opening)
        else:
            r.pieces.write_content(opening)
            continue
        text.space()
        text.take(_PYTHONIC[opened])
