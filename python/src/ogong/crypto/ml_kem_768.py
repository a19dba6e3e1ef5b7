"""
ML-KEM-768 (FIPS 203), as X-Wing uses it. Pure Python does not compute in constant time. An observer of this process's timing might learn
its keys, which serve one reply each.
"""

from __future__ import annotations

import hashlib
import hmac

_Q = 3_329
_N = 256
_K = 3
_ETA = 2
_DU, _DV = 10, 4

PUBLIC_KEY_BYTES = 384 * _K + 32
CIPHERTEXT_BYTES = 32 * (_DU * _K + _DV)

_Row = list[int]


def _reverse(number: int) -> int:
    return int(f"{number:07b}"[::-1], 2)


_ZETAS = [pow(17, _reverse(i), _Q) for i in range(128)]
_GAMMAS = [pow(17, 2 * _reverse(i) + 1, _Q) for i in range(128)]


def _ntt(f: _Row) -> _Row:
    f, at, length = list(f), 1, 128
    while length >= 2:
        for start in range(0, _N, 2 * length):
            zeta = _ZETAS[at]
            at += 1
            for j in range(start, start + length):
                t = zeta * f[j + length] % _Q
                f[j + length] = (f[j] - t) % _Q
                f[j] = (f[j] + t) % _Q
        length //= 2
    return f


def _inverse_ntt(f: _Row) -> _Row:
    f, at, length = list(f), 127, 2
    while length <= 128:
        for start in range(0, _N, 2 * length):
            zeta = _ZETAS[at]
            at -= 1
            for j in range(start, start + length):
                t = f[j]
                f[j] = (t + f[j + length]) % _Q
                f[j + length] = zeta * (f[j + length] - t) % _Q
        length *= 2
    return [c * 3_303 % _Q for c in f]


def _multiply(f: _Row, g: _Row) -> _Row:
    h = [0] * _N
    for i in range(128):
        a0, a1, b0, b1 = f[2 * i], f[2 * i + 1], g[2 * i], g[2 * i + 1]
        h[2 * i] = (a0 * b0 + a1 * b1 * _GAMMAS[i]) % _Q
        h[2 * i + 1] = (a0 * b1 + a1 * b0) % _Q
    return h


def _add(f: _Row, g: _Row) -> _Row:
    return [(a + b) % _Q for a, b in zip(f, g)]


def _dot(row: list[_Row], vector: list[_Row]) -> _Row:
    total = [0] * _N
    for f, g in zip(row, vector):
        total = _add(total, _multiply(f, g))
    return total


def _sample_ntt(seed: bytes) -> _Row:
    """SampleNTT: the stream is longer than it ever has to be, but for a chance below 2^-100; then it is read again, longer."""
    size = 3 * 336
    while True:
        stream = hashlib.shake_128(seed).digest(size)
        row: _Row = []
        for at in range(0, size, 3):
            d1 = stream[at] | (stream[at + 1] & 15) << 8
            d2 = stream[at + 1] >> 4 | stream[at + 2] << 4
            row += [d for d in (d1, d2) if d < _Q]
        if len(row) >= _N:
            return row[:_N]
        size *= 2


def _matrix(rho: bytes) -> list[list[_Row]]:
    return [[_sample_ntt(rho + bytes([j, i])) for j in range(_K)] for i in range(_K)]


def _noise(seed: bytes, number: int) -> _Row:
    """SamplePolyCBD of eta 2."""
    bits = int.from_bytes(hashlib.shake_256(seed + bytes([number])).digest(64 * _ETA), "little")
    row = []
    for _ in range(_N):
        row.append(((bits & 1) + (bits >> 1 & 1) - (bits >> 2 & 1) - (bits >> 3 & 1)) % _Q)
        bits >>= 4
    return row


def _encode(f: _Row, width: int) -> bytes:
    packed = 0
    for i, c in enumerate(f):
        packed |= c << (width * i)
    return packed.to_bytes(32 * width, "little")


def _decode(data: bytes, width: int) -> _Row:
    packed, mask = int.from_bytes(data, "little"), (1 << width) - 1
    return [packed >> (width * i) & mask for i in range(_N)]


def _compress(f: _Row, width: int) -> _Row:
    return [((c << width) + _Q // 2) // _Q & ((1 << width) - 1) for c in f]


def _decompress(f: _Row, width: int) -> _Row:
    return [(c * _Q + (1 << width - 1)) >> width for c in f]


def _split(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


def derive_keys(d: bytes, z: bytes) -> tuple[bytes, bytes]:
    """ML-KEM.KeyGen_internal. @returns public and secret key."""
    seed = hashlib.sha3_512(d + bytes([_K])).digest()
    rho, sigma = seed[:32], seed[32:]
    s = [_ntt(_noise(sigma, i)) for i in range(_K)]
    e = [_ntt(_noise(sigma, _K + i)) for i in range(_K)]
    public = b"".join(_encode(_add(_dot(row, s), e[i]), 12) for i, row in enumerate(_matrix(rho))) + rho
    secret = b"".join(_encode(row, 12) for row in s) + public + hashlib.sha3_256(public).digest() + z
    return public, secret


def is_public_key(public: bytes) -> bool:
    """The checks of FIPS 203, section 7.2: length, and one encoding for each number."""
    if len(public) != PUBLIC_KEY_BYTES:
        return False
    return all(c < _Q for part in _split(public[: 384 * _K], 384) for c in _decode(part, 12))


def _encrypt(public: bytes, message: bytes, randomness: bytes) -> bytes:
    t = [_decode(part, 12) for part in _split(public[: 384 * _K], 384)]
    matrix = _matrix(public[384 * _K :])
    y = [_ntt(_noise(randomness, i)) for i in range(_K)]
    e1 = [_noise(randomness, _K + i) for i in range(_K)]
    e2 = _noise(randomness, 2 * _K)
    u = [_add(_inverse_ntt(_dot([matrix[j][i] for j in range(_K)], y)), e1[i]) for i in range(_K)]
    v = _add(_add(_inverse_ntt(_dot(t, y)), e2), _decompress(_decode(message, 1), 1))
    return b"".join(_encode(_compress(row, _DU), _DU) for row in u) + _encode(_compress(v, _DV), _DV)


def encapsulate(public: bytes, message: bytes) -> tuple[bytes, bytes]:
    """ML-KEM.Encaps_internal. @param message: 32 random bytes. @returns shared secret and ciphertext. @raises ValueError"""
    if not is_public_key(public):
        raise ValueError("it is no public key of ML-KEM-768")
    seed = hashlib.sha3_512(message + hashlib.sha3_256(public).digest()).digest()
    return seed[:32], _encrypt(public, message, seed[32:])


def decapsulate(secret: bytes, ciphertext: bytes) -> bytes:
    """ML-KEM.Decaps_internal: a ciphertext that nobody made for this key has a secret that nobody knows. @raises ValueError"""
    if len(ciphertext) != CIPHERTEXT_BYTES:
        raise ValueError("it is no ciphertext of ML-KEM-768")
    size = 384 * _K
    s = [_decode(part, 12) for part in _split(secret[:size], 384)]
    public, h, z = secret[size : 2 * size + 32], secret[-64:-32], secret[-32:]
    parts = _split(ciphertext[: 32 * _DU * _K], 32 * _DU)
    u = [_ntt(_decompress(_decode(part, _DU), _DU)) for part in parts]
    v = _decompress(_decode(ciphertext[32 * _DU * _K :], _DV), _DV)
    w = [(a - b) % _Q for a, b in zip(v, _inverse_ntt(_dot(s, u)))]
    message = _encode(_compress(w, 1), 1)
    seed = hashlib.sha3_512(message + h).digest()
    refused = hashlib.shake_256(z + ciphertext).digest(32)
    is_own = hmac.compare_digest(_encrypt(public, message, seed[32:]), ciphertext)
    return seed[:32] if is_own else refused
