"""Families that write a call as an object of JSON, one function each (docs/spec/answer.md)."""

from __future__ import annotations

import re
from collections.abc import Callable

from .answer_text import NAME, SPACES, Reader, Text, read_list, read_object


def read_hermes(r: Reader) -> None:
    while True:
        before, mark = r.text.until(["<tool_call>"])
        r.pieces.write_content(before)
        if mark is None:
            return
        if not read_object(r, mark + r.text.space()):
            continue
        r.text.space()
        r.text.take("</tool_call>")


def read_llama(r: Reader) -> None:
    while True:
        opening = r.text.space()
        # The tag is none of the content that follows it.
        if r.text.take("<|python_tag|>"):
            opening += r.text.space()
        if r.text.peek() != "{":
            r.pieces.write_content(opening)
            return
        if not read_object(r, opening, only_known=True):
            return
        r.text.space()
        r.text.take(";")


def read_mistral(r: Reader) -> None:
    text = r.text
    while True:
        before, mark = text.until(["[TOOL_CALLS]"])
        r.pieces.write_content(before)
        if mark is None:
            return
        opening = mark + text.space()
        if text.peek() and text.peek() in "[{":
            read_list(r, opening)
            continue
        start = text.at
        name = text.run(NAME)
        if text.take("[CALL_ID]"):
            text.run(NAME)
        text.take("[ARGS]")
        text.space()
        if name == "" or text.peek() != "{":
            r.pieces.write_content(opening + text.text[start : text.at])
            continue
        r.pieces.call(name, text.value()[0])


def _read_section(r: Reader, begin_all: str, begin: str, end: str, end_all: str, read_name: Callable[[Text], str | None]) -> None:
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


_DEEPSEEK_NAME = re.compile(f"[^{SPACES}<{{`]*")


def read_deepseek(r: Reader) -> None:
    def read_name(text: Text) -> str | None:
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


def read_kimi(r: Reader) -> None:
    def read_name(text: Text) -> str | None:
        text.space()
        found = _KIMI_ID.match(text.run(NAME))
        text.space()
        is_marked = text.take("<|tool_call_argument_begin|>")
        text.space()
        return found.group(1) if found and is_marked else None

    marks = ("tool_calls_section_begin", "tool_call_begin", "tool_call_end", "tool_calls_section_end")
    _read_section(r, *(f"<|{mark}|>" for mark in marks), read_name)


_RECIPIENT = re.compile(r"(?<![A-Za-z0-9_])to=(?:functions\.)?([A-Za-z0-9_.:/-]+)")
_ANALYSIS = re.compile(r"(?<![A-Za-z0-9_])analysis(?![A-Za-z0-9_])")


def read_harmony(r: Reader) -> None:
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
