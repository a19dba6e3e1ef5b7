"""How Gemma writes calls: its own literals between marks (docs/spec/answer.md)."""

from __future__ import annotations

import re
from collections.abc import Callable

from .answer_text import MOST_DEPTH, NAME, NUMBER, SPACES, Reader, Text, quote_json

_GEMMA = {"<start_function_call>": ("<end_function_call>", "<escape>"), "<|tool_call>": ("<tool_call|>", '<|"|>')}


def read_gemma(r: Reader) -> None:
    text = r.text
    while True:
        before, opened = text.until(list(_GEMMA))
        r.pieces.write_content(before)
        if opened is None:
            return
        close, quote = _GEMMA[opened]
        start = text.at
        text.space()
        name = text.run(NAME) if text.take("call:") else ""
        given, mark = text.until([close])
        arguments = _read_literal(given.strip(SPACES), quote) if name else None
        # Cut short, the arguments cannot be told apart from others.
        if arguments is None or mark is None:
            r.pieces.write_content(opened + text.text[start : text.at])
        else:
            r.pieces.call(name, arguments)


_BARE = re.compile(r"[^,\]}]*")


def _read_literal(given: str, quote: str) -> str | None:
    """@returns the arguments as JSON; None if they are no object of this notation."""
    text = Text(given)

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
        key = until(quote) if take(quote) else (found.strip(SPACES) if (found := until(":")) is not None else None)
        if key is None or (given[text.at - 1 : text.at] != ":" and not take(":")):
            return None
        held = value(depth)
        return None if held is None else f"{quote_json(key)}:{held}"

    def value(depth: int) -> str | None:
        if depth > MOST_DEPTH:
            return None
        if take(quote):
            found = until(quote)
            return None if found is None else quote_json(found)
        if take("{"):
            members = items("}", lambda: member(depth + 1))
            return None if members is None else "{" + ",".join(members) + "}"
        if take("["):
            listed = items("]", lambda: value(depth + 1))
            return None if listed is None else "[" + ",".join(listed) + "]"
        word = text.run(_BARE).strip(SPACES)
        if NUMBER.match(word) or word in ("true", "false", "null"):
            return word
        return quote_json(word) if word else None

    if not given.startswith("{"):
        return None
    read = value(0)
    text.space()
    return read if text.at == len(given) else None
