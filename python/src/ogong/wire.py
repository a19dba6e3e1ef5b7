"""Bytes as docs/spec/bytes.md writes them: big-endian integers, counted bytes and texts, and one encoding for each structure."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any


class WireError(ValueError):
    """Bytes or JSON that no honest encoder would have written."""


def sha256(*parts: bytes) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def u8(value: int) -> bytes:
    return value.to_bytes(1, "big")


def u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def i32(value: int) -> bytes:
    return value.to_bytes(4, "big", signed=True)


def u64(value: int) -> bytes:
    return value.to_bytes(8, "big")


def i64(value: int) -> bytes:
    return value.to_bytes(8, "big", signed=True)


def u128(value: int) -> bytes:
    return value.to_bytes(16, "big")


def text(value: str, most: int = 0xFFFF) -> bytes:
    """UTF-8 behind its length as u16. `most` is in bytes."""
    data = value.encode("utf-8")
    if len(data) > most:
        raise WireError(f"a text has {len(data)} bytes, {most} at most are allowed")
    return u16(len(data)) + data


class Reader:
    """Reads one structure from its first byte to its last. Every method raises WireError where the bytes end early."""

    def __init__(self, data: bytes, tag: bytes = b"") -> None:
        self._data = data
        self._at = 0
        if tag and self.take(len(tag)) != tag:
            raise WireError(f"it does not begin with {tag.decode('ascii').strip()}")

    @property
    def position(self) -> int:
        """Bytes that were read."""
        return self._at

    def take(self, count: int) -> bytes:
        if count > len(self._data) - self._at:
            raise WireError("the bytes end early")
        self._at += count
        return self._data[self._at - count : self._at]

    def int(self, width: int, least: int = 0, most: int | None = None, *, signed: bool = False) -> int:
        """An integer of `width` bytes within [least, most]. Without `most`, whatever fits."""
        value = int.from_bytes(self.take(width), "big", signed=signed)
        if value < least or (most is not None and value > most):
            raise WireError(f"{value} is outside {least}..{most}")
        return value

    def bytes16(self, most: int = 0xFFFF) -> bytes:
        return self.take(self.int(2, 0, most))

    def text(self, most: int = 0xFFFF) -> str:
        try:
            return self.bytes16(most).decode("utf-8")
        except UnicodeDecodeError:
            raise WireError("a text is not UTF-8") from None

    def flag(self) -> bool:
        return self.int(1, 0, 1) == 1

    def end(self) -> None:
        if self._at != len(self._data):
            raise WireError(f"{len(self._data) - self._at} bytes too many")


MOST_OPEN = 64
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)


def parse_json(data: bytes) -> Any:
    """
    JSON of a stranger: UTF-8 without a byte order mark, at most 64 arrays and objects open at once. Numbers are doubles, and whole ones
    come as `int`. NaN and Infinity, which are no JSON, are refused. @raises WireError
    """
    open_now = 0
    for byte in _STRING.sub(b"", data):
        if byte in b"[{":
            open_now += 1
            if open_now > MOST_OPEN:
                raise WireError(f"more than {MOST_OPEN} arrays and objects are open at once")
        elif byte in b"]}":
            open_now -= 1
    if data.startswith(b"\xef\xbb\xbf"):
        raise WireError("it begins with a byte order mark")
    try:
        return json.loads(data.decode("utf-8"), parse_int=_number, parse_float=_number, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise WireError(f"it is no JSON: {error}") from None


def _refuse(word: str) -> Any:
    raise WireError(f"{word} is no JSON")


class WrittenInt(int):
    """A whole number, with the text that stands for it."""

    written: str


class WrittenFloat(float):
    """Any other number, with the text that stands for it."""

    written: str


def _number(written: str) -> int | float:
    value = float(written)
    number = WrittenInt(value) if value.is_integer() else WrittenFloat(value)
    number.written = written
    return number
