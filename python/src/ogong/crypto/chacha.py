"""ChaCha20-Poly1305 (RFC 8439), without bound bytes. A third of a megabyte takes a second or two: prompts and answers are shorter."""

from __future__ import annotations

import hmac
import struct

_MASK = 0xFFFFFFFF
_CONSTANTS = struct.unpack("<4I", b"expand 32-byte k")
TAG_BYTES = 16


def _block(state: tuple[int, ...]) -> bytes:
    x = list(state)

    def quarter(a: int, b: int, c: int, d: int) -> None:
        x[a] = (x[a] + x[b]) & _MASK
        x[d] ^= x[a]
        x[d] = (x[d] << 16 | x[d] >> 16) & _MASK
        x[c] = (x[c] + x[d]) & _MASK
        x[b] ^= x[c]
        x[b] = (x[b] << 12 | x[b] >> 20) & _MASK
        x[a] = (x[a] + x[b]) & _MASK
        x[d] ^= x[a]
        x[d] = (x[d] << 8 | x[d] >> 24) & _MASK
        x[c] = (x[c] + x[d]) & _MASK
        x[b] ^= x[c]
        x[b] = (x[b] << 7 | x[b] >> 25) & _MASK

    for _ in range(10):
        quarter(0, 4, 8, 12)
        quarter(1, 5, 9, 13)
        quarter(2, 6, 10, 14)
        quarter(3, 7, 11, 15)
        quarter(0, 5, 10, 15)
        quarter(1, 6, 11, 12)
        quarter(2, 7, 8, 13)
        quarter(3, 4, 9, 14)
    return struct.pack("<16I", *((a + b) & _MASK for a, b in zip(x, state)))


def _stream(key: bytes, nonce: bytes, counter: int, size: int) -> bytes:
    words = struct.unpack("<8I", key)
    tail = struct.unpack("<3I", nonce)
    blocks = -(-size // 64)
    return b"".join(_block((*_CONSTANTS, *words, counter + i, *tail)) for i in range(blocks))[:size]


def _xor(data: bytes, stream: bytes) -> bytes:
    return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(data), "big")


def _tag(key: bytes, nonce: bytes, ciphertext: bytes) -> bytes:
    one_time = _stream(key, nonce, 0, 32)
    r = int.from_bytes(one_time[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    padded = ciphertext + bytes(-len(ciphertext) % 16) + struct.pack("<QQ", 0, len(ciphertext))
    total = 0
    for at in range(0, len(padded), 16):
        total = (total + int.from_bytes(padded[at : at + 16], "little") + (1 << 128)) * r % (2**130 - 5)
    return ((total + int.from_bytes(one_time[16:], "little")) % (1 << 128)).to_bytes(16, "little")


_ZERO = bytes(12)


def encrypt(key: bytes, text: bytes) -> bytes:
    """Under a nonce of zeros: a key encrypts one text."""
    sealed = _xor(text, _stream(key, _ZERO, 1, len(text)))
    return sealed + _tag(key, _ZERO, sealed)


def decrypt(key: bytes, sealed: bytes) -> bytes | None:
    """@returns None if it was not encrypted under this key."""
    if len(sealed) < TAG_BYTES:
        return None
    data, tag = sealed[:-TAG_BYTES], sealed[-TAG_BYTES:]
    if not hmac.compare_digest(_tag(key, _ZERO, data), tag):
        return None
    return _xor(data, _stream(key, _ZERO, 1, len(data)))
