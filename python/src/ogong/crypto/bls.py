"""
Signatures of BLS12-381 with keys in G1 (docs/spec/threshold-beacon.md#curve): verification alone, which takes about half a second. Maps and
constants of RFC 9380; the pairing is the ate pairing without the sign of its parameter, which turns both of its sides alike.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

_P = 0x1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB
_R = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
_ATE = 0xD201000000010000
_DOMAIN = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_"
_COFACTOR = int(
    "bc69f08f2ee75b3584c6a0ea91b352888e2a8e9145ad7689986ff031508ffe1329c2f178731db956d82bf015d1212b02ec0ec69d7477c1ae954cbc06689f6a359894c0ad"
    "ebbf6b4e8020005aaa95551",
    16,
)
_G1 = (
    0x17F1D3A73197D7942695638C4FA9AC0FC3688C4F9774B905A14E3A3F171BAC586C55E83FF97A1AEFFB3AF00ADB22C6BB,
    0x08B3F481E3AAA0F1A09E30ED741D8AE4FCF5E095D5D00AF600DB18CB2C04B3EDD03CC744A2888AE40CAA232946C5E7E1,
)

KEY_BYTES = 48
SIGNATURE_BYTES = 96

_F2 = tuple[int, int]
"""a + bi, i * i = -1."""
_Point = tuple[_F2, _F2] | None
"""Affine; None is infinity. Points of G1 have no imaginary part."""
_F12 = list[_F2]
"""Coefficients of w, w^6 = 1 + i."""

_ZERO: _F2 = (0, 0)
_ONE: _F2 = (1, 0)
_A: _F2 = (0, 240)
_B: _F2 = (1_012, 1_012)
_Z: _F2 = (_P - 2, _P - 1)


def _add(a: _F2, b: _F2) -> _F2:
    return (a[0] + b[0]) % _P, (a[1] + b[1]) % _P


def _sub(a: _F2, b: _F2) -> _F2:
    return (a[0] - b[0]) % _P, (a[1] - b[1]) % _P


def _mul(a: _F2, b: _F2) -> _F2:
    return (a[0] * b[0] - a[1] * b[1]) % _P, (a[0] * b[1] + a[1] * b[0]) % _P


def _inverse(a: _F2) -> _F2:
    scale = pow(a[0] * a[0] + a[1] * a[1], -1, _P)
    return a[0] * scale % _P, -a[1] * scale % _P


def _power(a: _F2, e: int) -> _F2:
    total = _ONE
    while e > 0:
        if e & 1:
            total = _mul(total, a)
        a = _mul(a, a)
        e >>= 1
    return total


def _root(a: _F2) -> _F2 | None:
    """A square root, where there is one."""
    a1 = _power(a, (_P - 3) // 4)
    x = _mul(a1, a)
    alpha = _mul(a1, x)
    if alpha == (_P - 1, 0):
        x = (-x[1] % _P, x[0])
    else:
        x = _mul(_power(_add(_ONE, alpha), (_P - 1) // 2), x)
    return x if _mul(x, x) == a else None


def _plus(p: _Point, q: _Point) -> _Point:
    if p is None or q is None:
        return q if p is None else p
    if p[0] == q[0]:
        if p[1] != q[1] or p[1] == _ZERO:
            return None
        slope = _mul(_mul((3, 0), _mul(p[0], p[0])), _inverse(_add(p[1], p[1])))
    else:
        slope = _mul(_sub(q[1], p[1]), _inverse(_sub(q[0], p[0])))
    x = _sub(_sub(_mul(slope, slope), p[0]), q[0])
    return x, _sub(_mul(slope, _sub(p[0], x)), p[1])


def _times(scalar: int, p: _Point) -> _Point:
    total: _Point = None
    while scalar > 0:
        if scalar & 1:
            total = _plus(total, p)
        p = _plus(p, p)
        scalar >>= 1
    return total


def _decode(data: bytes, size: int) -> _Point:
    """A point of order r in its one encoding, or None. @param size: 48 for G1, 96 for G2."""
    if len(data) != size or data[0] & 0xC0 != 0x80:
        return None
    first = bytes([data[0] & 0x1F]) + data[1:48]
    x: _F2 = (int.from_bytes(data[48:], "big"), int.from_bytes(first, "big")) if size == 96 else (int.from_bytes(first, "big"), 0)
    if x[0] >= _P or x[1] >= _P:
        return None
    y = _root(_add(_mul(_mul(x, x), x), (4, 4) if size == 96 else (4, 0)))
    if y is None or (size == 48 and y[1] != 0):
        return None
    is_large = 2 * (y[1] or y[0]) > _P
    if is_large != bool(data[0] & 0x20):
        y = _sub(_ZERO, y)
    return (x, y) if _times(_R, (x, y)) is None else None


# --- the hash to G2 (RFC 9380) -------------------------------------------------------------------------------------------------------


def _expand(message: bytes, domain: bytes, size: int) -> bytes:
    prime = domain + bytes([len(domain)])
    b0 = hashlib.sha256(bytes(64) + message + size.to_bytes(2, "big") + b"\x00" + prime).digest()
    block = hashlib.sha256(b0 + b"\x01" + prime).digest()
    blocks = [block]
    for i in range(2, -(-size // 32) + 1):
        block = hashlib.sha256(bytes(a ^ b for a, b in zip(b0, block)) + bytes([i]) + prime).digest()
        blocks.append(block)
    return b"".join(blocks)[:size]


def _sign(a: _F2) -> int:
    return a[0] & 1 if a[0] else a[1] & 1


def _map(u: _F2) -> _Point:
    """Simplified SWU, and the isogeny to the curve."""
    zu2 = _mul(_Z, _mul(u, u))
    t = _add(_mul(zu2, zu2), zu2)
    if t == _ZERO:
        x = _mul(_B, _inverse(_mul(_Z, _A)))
    else:
        x = _mul(_mul(_sub(_ZERO, _B), _inverse(_A)), _add(_ONE, _inverse(t)))
    y = _root(_add(_mul(_add(_mul(x, x), _A), x), _B))
    if y is None:
        x = _mul(zu2, x)
        y = _root(_add(_mul(_add(_mul(x, x), _A), x), _B))
    assert y is not None, "one of the two has a root"
    if _sign(u) != _sign(y):
        y = _sub(_ZERO, y)
    values = []
    for part in _ISOGENY:
        total = _ZERO
        for c in reversed(part):
            total = _add(_mul(total, x), c)
        values.append(total)
    return _mul(values[0], _inverse(values[1])), _mul(y, _mul(values[2], _inverse(values[3])))


def _hash(message: bytes, domain: bytes) -> _Point:
    data = _expand(message, domain, 256)
    e = [int.from_bytes(data[64 * i : 64 * i + 64], "big") % _P for i in range(4)]
    return _times(_COFACTOR, _plus(_map((e[0], e[1])), _map((e[2], e[3]))))


# --- the pairing ---------------------------------------------------------------------------------------------------------------------


def _xi(a: _F2) -> _F2:
    """Times 1 + i."""
    return (a[0] - a[1]) % _P, (a[0] + a[1]) % _P


def _multiply(f: _F12, g: _F12) -> _F12:
    wide = [(0, 0)] * 11
    for i, a in enumerate(f):
        if a == _ZERO:
            continue
        for j, b in enumerate(g):
            if b != _ZERO:
                c = wide[i + j]
                wide[i + j] = (c[0] + a[0] * b[0] - a[1] * b[1], c[1] + a[0] * b[1] + a[1] * b[0])
    return [_add(wide[k], _xi(wide[k + 6]) if k < 5 else _ZERO) for k in range(6)]


def _line(p: tuple[_F2, _F2], q: tuple[_F2, _F2], x: int, y: int) -> _F12:
    """The line through p and q of G2, at the point (x, y) of G1, times w^3, which the last power takes away."""
    if p == q:
        slope = _mul(_mul((3, 0), _mul(p[0], p[0])), _inverse(_add(p[1], p[1])))
    else:
        slope = _mul(_sub(q[1], p[1]), _inverse(_sub(q[0], p[0])))
    return [_sub(p[1], _mul(slope, p[0])), _ZERO, (slope[0] * x % _P, slope[1] * x % _P), (-y % _P, 0), _ZERO, _ZERO]


def _miller(q: tuple[_F2, _F2], p: tuple[_F2, _F2]) -> _F12:
    x, y = p[0][0], p[1][0]
    f: _F12 = [_ONE] + [_ZERO] * 5
    r = q
    for bit in bin(_ATE)[3:]:
        f = _multiply(_multiply(f, f), _line(r, r, x, y))
        doubled = _plus(r, r)
        assert doubled is not None
        r = doubled
        if bit == "1":
            f = _multiply(f, _line(r, q, x, y))
            added = _plus(r, q)
            assert added is not None
            r = added
    return f


def _is_one(f: _F12) -> bool:
    """After the last power."""
    total: _F12 = [_ONE] + [_ZERO] * 5
    for bit in bin((_P**12 - 1) // _R)[2:]:
        total = _multiply(total, total)
        if bit == "1":
            total = _multiply(total, f)
    return total == [_ONE] + [_ZERO] * 5


def is_key(key: bytes) -> bool:
    return _decode(key, KEY_BYTES) is not None


@lru_cache(maxsize=256)
def verify_bls(key: bytes, message: bytes, signature: bytes, domain: bytes = _DOMAIN) -> bool:
    """A reader meets few epochs, each of them often."""
    public, signed = _decode(key, KEY_BYTES), _decode(signature, SIGNATURE_BYTES)
    hashed = _hash(message, domain)
    if public is None or signed is None or hashed is None:
        return False
    minus = ((_G1[0], 0), (-_G1[1] % _P, 0))
    return _is_one(_multiply(_miller(signed, minus), _miller(hashed, public)))


# Of the map from the curve of SWU to that of the signatures (RFC 9380, appendix E.3), ascending.
_ISOGENY: tuple[tuple[_F2, ...], ...] = (
    (  # x, numerator
        (
            0x5c759507e8e333ebb5b7a9a47d7ed8532c52d39fd3a042a88b58423c50ae15d5c2638e343d9c71c6238aaaaaaaa97d6,
            0x5c759507e8e333ebb5b7a9a47d7ed8532c52d39fd3a042a88b58423c50ae15d5c2638e343d9c71c6238aaaaaaaa97d6,
        ),
        (
            0x0,
            0x11560bf17baa99bc32126fced787c88f984f87adf7ae0c7f9a208c6b4f20a4181472aaa9cb8d555526a9ffffffffc71a,
        ),
        (
            0x11560bf17baa99bc32126fced787c88f984f87adf7ae0c7f9a208c6b4f20a4181472aaa9cb8d555526a9ffffffffc71e,
            0x8ab05f8bdd54cde190937e76bc3e447cc27c3d6fbd7063fcd104635a790520c0a395554e5c6aaaa9354ffffffffe38d,
        ),
        (
            0x171d6541fa38ccfaed6dea691f5fb614cb14b4e7f4e810aa22d6108f142b85757098e38d0f671c7188e2aaaaaaaa5ed1,
            0x0,
        ),
    ),
    (  # x, denominator
        (
            0x0,
            0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaa63,
        ),
        (
            0xc,
            0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaa9f,
        ),
        (
            0x1,
            0x0,
        ),
    ),
    (  # y, numerator
        (
            0x1530477c7ab4113b59a4c18b076d11930f7da5d4a07f649bf54439d87d27e500fc8c25ebf8c92f6812cfc71c71c6d706,
            0x1530477c7ab4113b59a4c18b076d11930f7da5d4a07f649bf54439d87d27e500fc8c25ebf8c92f6812cfc71c71c6d706,
        ),
        (
            0x0,
            0x5c759507e8e333ebb5b7a9a47d7ed8532c52d39fd3a042a88b58423c50ae15d5c2638e343d9c71c6238aaaaaaaa97be,
        ),
        (
            0x11560bf17baa99bc32126fced787c88f984f87adf7ae0c7f9a208c6b4f20a4181472aaa9cb8d555526a9ffffffffc71c,
            0x8ab05f8bdd54cde190937e76bc3e447cc27c3d6fbd7063fcd104635a790520c0a395554e5c6aaaa9354ffffffffe38f,
        ),
        (
            0x124c9ad43b6cf79bfbf7043de3811ad0761b0f37a1e26286b0e977c69aa274524e79097a56dc4bd9e1b371c71c718b10,
            0x0,
        ),
    ),
    (  # y, denominator
        (
            0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffa8fb,
            0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffa8fb,
        ),
        (
            0x0,
            0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffa9d3,
        ),
        (
            0x12,
            0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaa99,
        ),
        (
            0x1,
            0x0,
        ),
    ),
)
