"""ML-DSA-44 (FIPS 204): verification, with an empty context."""

from __future__ import annotations

import hashlib
from functools import lru_cache

_Q = 8_380_417
_N = 256
_K, _LENGTH = 4, 4
_TAU = 39
_GAMMA1 = 1 << 17
_GAMMA2 = (_Q - 1) // 88
_BETA = 78
_OMEGA = 80
_D = 13

PUBLIC_KEY_BYTES = 1_312
SIGNATURE_BYTES = 2_420


def _reverse(number: int) -> int:
    return int(f"{number:08b}"[::-1], 2)


_ZETAS = [pow(1753, _reverse(i), _Q) for i in range(_N)]


def _ntt(w: list[int]) -> list[int]:
    w = list(w)
    at, length = 0, 128
    while length >= 1:
        for start in range(0, _N, 2 * length):
            at += 1
            zeta = _ZETAS[at]
            for j in range(start, start + length):
                t = zeta * w[j + length] % _Q
                w[j + length] = (w[j] - t) % _Q
                w[j] = (w[j] + t) % _Q
        length >>= 1
    return w


def _inverse_ntt(w: list[int]) -> list[int]:
    w = list(w)
    at, length = 256, 1
    while length < _N:
        for start in range(0, _N, 2 * length):
            at -= 1
            zeta = -_ZETAS[at]
            for j in range(start, start + length):
                t = w[j]
                w[j] = (t + w[j + length]) % _Q
                w[j + length] = zeta * (t - w[j + length]) % _Q
        length <<= 1
    scale = pow(_N, -1, _Q)
    return [c * scale % _Q for c in w]


@lru_cache(maxsize=64)
def _matrix(rho: bytes) -> list[list[list[int]]]:
    """ExpandA: k rows of l polynomials, in NTT form. A reader meets few keys, each of them often."""
    return [[_sample(rho + bytes([s, r])) for s in range(_LENGTH)] for r in range(_K)]


def _sample(seed: bytes) -> list[int]:
    """RejNTTPoly."""
    polynomial: list[int] = []
    stream = hashlib.shake_128(seed).digest(168 * 8)
    at = 0
    while len(polynomial) < _N:
        if at + 3 > len(stream):
            stream = hashlib.shake_128(seed).digest(2 * len(stream))
        value = stream[at] | stream[at + 1] << 8 | (stream[at + 2] & 0x7F) << 16
        at += 3
        if value < _Q:
            polynomial.append(value)
    return polynomial


def _challenge(seed: bytes) -> list[int]:
    """SampleInBall: tau coefficients of 1 or -1."""
    stream = hashlib.shake_256(seed).digest(8 + 1024)
    signs = int.from_bytes(stream[:8], "little")
    at = 8
    c = [0] * _N
    for i in range(_N - _TAU, _N):
        while stream[at] > i:
            at += 1
        j = stream[at]
        at += 1
        c[i] = c[j]
        c[j] = -1 if signs & 1 else 1
        signs >>= 1
    return c


def _unpack(data: bytes, bits: int) -> list[int]:
    number = int.from_bytes(data, "little")
    return [number >> (bits * i) & ((1 << bits) - 1) for i in range(len(data) * 8 // bits)]


def _unpack_hints(data: bytes) -> list[set[int]] | None:
    """HintBitUnpack: per polynomial the places of its hints, in the one form that the encoder writes."""
    hints: list[set[int]] = []
    at = 0
    for end in data[_OMEGA:]:
        places = data[at:end]
        if end < at or end > _OMEGA or any(a >= b for a, b in zip(places, places[1:])):
            return None
        hints.append(set(places))
        at = end
    return hints if not any(data[at:_OMEGA]) else None


def _use_hint(has_hint: bool, r: int) -> int:
    low = r % (2 * _GAMMA2)
    if low > _GAMMA2:
        low -= 2 * _GAMMA2
    if r - low == _Q - 1:
        high, low = 0, low - 1
    else:
        high = (r - low) // (2 * _GAMMA2)
    if not has_hint:
        return high
    return (high + 1) % 44 if low > 0 else (high - 1) % 44


def verify_ml_dsa_44(public_key: bytes, message: bytes, signature: bytes) -> bool:
    if len(public_key) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    seed, z_bytes, hint_bytes = signature[:32], signature[32 : 32 + 576 * _LENGTH], signature[-(_OMEGA + _K) :]
    z = [[_GAMMA1 - c for c in _unpack(z_bytes[576 * i : 576 * (i + 1)], 18)] for i in range(_LENGTH)]
    hints = _unpack_hints(hint_bytes)
    if hints is None or any(abs(c) >= _GAMMA1 - _BETA for row in z for c in row):
        return False
    matrix = _matrix(public_key[:32])
    t1 = [_unpack(public_key[32 + 320 * i : 32 + 320 * (i + 1)], 10) for i in range(_K)]
    key_hash = hashlib.shake_256(public_key).digest(64)
    mu = hashlib.shake_256(key_hash + b"\x00\x00" + message).digest(64)
    c = _ntt(_challenge(seed))
    z_ntt = [_ntt(row) for row in z]
    w1 = bytearray()
    for i in range(_K):
        t_ntt = _ntt([value << _D for value in t1[i]])
        row = [
            (sum(matrix[i][j][n] * z_ntt[j][n] for j in range(_LENGTH)) - c[n] * t_ntt[n]) % _Q for n in range(_N)
        ]
        packed = 0
        for n, value in enumerate(_inverse_ntt(row)):
            packed |= _use_hint(n in hints[i], value) << 6 * n
        w1 += packed.to_bytes(192, "little")
    return hashlib.shake_256(mu + bytes(w1)).digest(32) == seed
