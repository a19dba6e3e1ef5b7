"""The curve of Ed25519 (RFC 8032): the strict signature check of docs/spec/bytes.md, and ECVRF-EDWARDS25519-SHA512-TAI (RFC 9381)."""

from __future__ import annotations

import hashlib
from functools import cache

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)

_Point = tuple[int, int, int, int]
"""X, Y, Z, T with x = X/Z, y = Y/Z, xy = T/Z."""

_ZERO: _Point = (0, 1, 1, 0)


def _add(a: _Point, b: _Point) -> _Point:
    m = (a[1] - a[0]) * (b[1] - b[0]) % _P
    n = (a[1] + a[0]) * (b[1] + b[0]) % _P
    c = 2 * a[3] * b[3] * _D % _P
    d = 2 * a[2] * b[2] % _P
    e, f, g, h = n - m, d - c, d + c, n + m
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _double(a: _Point) -> _Point:
    x, y = a[0] * a[0] % _P, a[1] * a[1] % _P
    e = (a[0] + a[1]) ** 2 - x - y
    g, h = y - x, -x - y
    f = g - 2 * a[2] * a[2]
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(scalar: int, point: _Point) -> _Point:
    """Four bits at a time."""
    multiples = [_ZERO, point]
    while len(multiples) < 16:
        multiples.append(_add(multiples[-1], point))
    total = _ZERO
    for shift in range((scalar.bit_length() + 3) // 4 * 4 - 4, -1, -4):
        total = _double(_double(_double(_double(total))))
        if digit := scalar >> shift & 15:
            total = _add(total, multiples[digit])
    return total


def _negate(point: _Point) -> _Point:
    return -point[0] % _P, point[1], point[2], -point[3] % _P


def _encode(point: _Point) -> bytes:
    scale = pow(point[2], -1, _P)
    x, y = point[0] * scale % _P, point[1] * scale % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _decode(data: bytes) -> _Point | None:
    """A point in its one encoding, or None."""
    if len(data) != 32:
        return None
    number = int.from_bytes(data, "little")
    y, sign = number & (2**255 - 1), number >> 255
    if y >= _P:
        return None
    x2 = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(x2, (_P + 3) // 8, _P)
    if x * x % _P != x2:
        x = x * _ROOT % _P
    if x * x % _P != x2 or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


def _times_eight(point: _Point) -> _Point:
    return _double(_double(_double(point)))


def _is_small(point: _Point) -> bool:
    eighth = _times_eight(point)
    return eighth[0] == 0 and eighth[1] == eighth[2]


_BASE = _decode((4 * pow(5, -1, _P) % _P).to_bytes(32, "little"))
assert _BASE is not None
_B: _Point = _BASE


@cache
def _doubles() -> list[_Point]:
    """The base point times each power of two that a scalar may have."""
    doubles = [_B]
    while len(doubles) < 256:
        doubles.append(_double(doubles[-1]))
    return doubles


def _times_base(scalar: int) -> _Point:
    total = _ZERO
    for at, double in enumerate(_doubles()):
        if scalar >> at & 1:
            total = _add(total, double)
    return total


def verify_ed25519(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Without the cofactor; keys and R of small order, and every encoding but the one, are refused."""
    key = _decode(public_key)
    if key is None or len(signature) != 64 or _is_small(key):
        return False
    r_bytes, s = signature[:32], int.from_bytes(signature[32:], "little")
    r = _decode(r_bytes)
    if r is None or _is_small(r) or s >= _L:
        return False
    k = int.from_bytes(hashlib.sha512(r_bytes + public_key + message).digest(), "little") % _L
    return _encode(_add(_times_base(s), _times(k, _negate(key)))) == r_bytes


def verify_vrf(public_key: bytes, message: bytes, proof: bytes) -> bytes | None:
    """@param proof: gamma (32) || c (16) || s (32). @returns the output, 64 bytes, or None if the proof does not hold."""
    key = _decode(public_key)
    if key is None or len(proof) != 80 or _is_small(key):
        return None
    gamma = _decode(proof[:32])
    c, s = int.from_bytes(proof[32:48], "little"), int.from_bytes(proof[48:], "little")
    if gamma is None or s >= _L:
        return None
    h = _hash_to_curve(public_key, message)
    u = _add(_times_base(s), _times(c, _negate(key)))
    v = _add(_times(s, h), _times(c, _negate(gamma)))
    points = b"".join(_encode(point) for point in (key, h, gamma, u, v))
    if hashlib.sha512(b"\x03\x02" + points + b"\x00").digest()[:16] != proof[32:48]:
        return None
    return hashlib.sha512(b"\x03\x03" + _encode(_times_eight(gamma)) + b"\x00").digest()


def _hash_to_curve(public_key: bytes, message: bytes) -> _Point:
    for counter in range(256):
        candidate = hashlib.sha512(b"\x03\x01" + public_key + message + bytes([counter]) + b"\x00").digest()[:32]
        point = _decode(candidate)
        if point is not None:
            point = _times_eight(point)
            if point[0] != 0:
                return point
    raise AssertionError("no counter gives a point")
