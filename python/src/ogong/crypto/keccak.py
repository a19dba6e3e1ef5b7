"""Keccak-256 as Ethereum uses it: the sponge of FIPS 202 with the padding from before the standard (0x01)."""

from __future__ import annotations

_MASK = (1 << 64) - 1
_RATE = 136


def _round_constants() -> list[int]:
    """FIPS 202, section 3.2.5: bits of an LFSR over x^8 + x^6 + x^5 + x^4 + 1."""
    constants = []
    register = 1
    for _ in range(24):
        constant = 0
        for j in range(7):
            if register & 1:
                constant |= 1 << ((1 << j) - 1)
            register <<= 1
            if register & 0x100:
                register ^= 0x171
        constants.append(constant)
    return constants


def _offsets() -> list[int]:
    """FIPS 202, section 3.2.2: by how much each lane rotates, at index x + 5 y."""
    offsets = [0] * 25
    x, y = 1, 0
    for t in range(24):
        offsets[x + 5 * y] = (t + 1) * (t + 2) // 2 % 64
        x, y = y, (2 * x + 3 * y) % 5
    return offsets


_CONSTANTS = _round_constants()
_OFFSETS = _offsets()
_MOVES = [(y + 5 * ((2 * x + 3 * y) % 5), x, _OFFSETS[x + 5 * y]) for y in range(5) for x in range(5)]
"""Of each lane its next place, its column, and how far it is rotated."""


def _rotate(lane: int, by: int) -> int:
    return ((lane << by) | (lane >> (64 - by))) & _MASK


def _permute(a: list[int]) -> list[int]:
    for constant in _CONSTANTS:
        columns = [a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20] for x in range(5)]
        mixed = [columns[x - 1] ^ _rotate(columns[(x + 1) % 5], 1) for x in range(5)]
        b = [0] * 25
        for at, (to, x, by) in enumerate(_MOVES):
            lane = a[at] ^ mixed[x]
            b[to] = ((lane << by) | (lane >> (64 - by))) & _MASK
        a = [b[x + y] ^ (~b[(x + 1) % 5 + y] & b[(x + 2) % 5 + y]) for y in range(0, 25, 5) for x in range(5)]
        a[0] ^= constant
    return a


def keccak256(*parts: bytes) -> bytes:
    data = bytearray(b"".join(parts))
    data += b"\x01" + b"\x00" * (_RATE - 1 - len(data) % _RATE)
    data[-1] |= 0x80
    state = [0] * 25
    for start in range(0, len(data), _RATE):
        for lane in range(_RATE // 8):
            state[lane] ^= int.from_bytes(data[start + 8 * lane : start + 8 * lane + 8], "little")
        state = _permute(state)
    return b"".join(lane.to_bytes(8, "little") for lane in state[:4])
