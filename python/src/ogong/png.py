"""Pictures as gateways show them: PNG whose pixels are the signed bytes."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .pictures import MOST_PIXELS, MOST_SIDE
from .shown import ReceiptError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB8 = bytes((8, 2, 0, 0, 0))
_URL = "data:image/png;base64,"


@dataclass(frozen=True)
class Picture:
    width: int
    height: int
    pixels: bytes
    """RGB8, row by row."""
    png: bytes


def read_pictures(answer: Mapping[str, Any], choices: int) -> list[Picture]:
    """@raises ReceiptError if the answer is no list of that many pictures."""
    data = answer.get("data")
    if not isinstance(data, list) or len(data) != choices:
        raise ReceiptError(f"{choices} pictures were asked for")
    try:
        return [unpack_png(_read_png(one)) for one in data]
    except ValueError as error:
        raise ReceiptError(f"a picture cannot be read: {error}") from None


def _read_png(shown: Any) -> bytes:
    url, data = (shown.get("url"), shown.get("b64_json")) if isinstance(shown, dict) else (None, None)
    written = url.removeprefix(_URL) if isinstance(url, str) and url.startswith(_URL) else data
    if not isinstance(written, str):
        raise ValueError("it is neither base64 nor a data URL of a PNG")
    try:
        return base64.b64decode(written, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def unpack_png(png: bytes) -> Picture:
    """
    A PNG of RGB8 whose rows have filter 0, without chunks beside its pixels: any other chunk could change how a viewer shows them. Its size
    is checked before anything is unpacked. @raises ValueError
    """
    if not png.startswith(_SIGNATURE):
        raise ValueError("it is no PNG")
    chunks = _read_chunks(png)
    if [kind for kind, _ in chunks] != [b"IHDR", *[b"IDAT"] * (len(chunks) - 2), b"IEND"] or chunks[-1][1]:
        raise ValueError("it has chunks beside its pixels")
    header = chunks[0][1]
    if len(header) != 13 or header[8:] != _RGB8:
        raise ValueError("its pixels have another form than RGB8")
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    if not 1 <= width <= MOST_SIDE or not 1 <= height <= MOST_SIDE or width * height > MOST_PIXELS:
        raise ValueError(f"it has {width}x{height} pixels")
    row = 1 + 3 * width
    unpacker = zlib.decompressobj()
    try:
        rows = unpacker.decompress(b"".join(data for _, data in chunks[1:-1]), row * height + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if len(rows) != row * height or not unpacker.eof or unpacker.unused_data:
        raise ValueError("it has not the pixels that its header names")
    if any(rows[::row]):
        raise ValueError("a row has a filter")
    return Picture(width, height, b"".join(rows[at + 1 : at + row] for at in range(0, len(rows), row)), png)


def _read_chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    chunks, at = [], len(_SIGNATURE)
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        if at + 12 + length > len(png):
            raise ValueError("it is cut off")
        chunks.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + length]))
        at += 12 + length
    return chunks
