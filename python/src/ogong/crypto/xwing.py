"""X-Wing (draft-connolly-cfrg-xwing-kem): ML-KEM-768 and X25519 (RFC 7748) as one KEM."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from . import ml_kem_768

_P = 2**255 - 19
_LABEL = rb"\.//^" + b"\\"
_BASE = (9).to_bytes(32, "little")

PUBLIC_KEY_BYTES = ml_kem_768.PUBLIC_KEY_BYTES + 32
CAPSULE_BYTES = ml_kem_768.CIPHERTEXT_BYTES + 32


def x25519(scalar: bytes, point: bytes) -> bytes:
    k = int.from_bytes(scalar, "little") & ~7 & ~(1 << 255) | 1 << 254
    x1 = int.from_bytes(point, "little") % (1 << 255) % _P
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for t in range(254, -1, -1):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb, aa, bb = d * a % _P, c * b % _P, a * a % _P, b * b % _P
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % _P, x1 * (da - cb) ** 2 % _P
        x2, z2 = aa * bb % _P, e * (aa + 121_665 * e) % _P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, _P - 2, _P) % _P).to_bytes(32, "little")


def _combine(ss_m: bytes, ss_x: bytes, ct_x: bytes, pk_x: bytes) -> bytes:
    return hashlib.sha3_256(ss_m + ss_x + ct_x + pk_x + _LABEL).digest()


@dataclass(frozen=True)
class KemKey:
    public: bytes
    _secret_m: bytes
    _secret_x: bytes

    def decapsulate(self, capsule: bytes) -> bytes:
        """@raises ValueError"""
        if len(capsule) != CAPSULE_BYTES:
            raise ValueError(f"a capsule has {CAPSULE_BYTES} bytes")
        ct_m, ct_x = capsule[:-32], capsule[-32:]
        ss_m = ml_kem_768.decapsulate(self._secret_m, ct_m)
        return _combine(ss_m, x25519(self._secret_x, ct_x), ct_x, self.public[-32:])


def open_key(secret: bytes) -> KemKey:
    """@param secret: 32 random bytes."""
    expanded = hashlib.shake_256(secret).digest(96)
    public, secret_m = ml_kem_768.derive_keys(expanded[:32], expanded[32:64])
    return KemKey(public + x25519(expanded[64:], _BASE), secret_m, expanded[64:])


def encapsulate(public: bytes, randomness: bytes) -> tuple[bytes, bytes]:
    """@param randomness: 64 bytes. @returns shared secret and capsule. @raises ValueError"""
    if len(public) != PUBLIC_KEY_BYTES:
        raise ValueError(f"a public key has {PUBLIC_KEY_BYTES} bytes")
    pk_x = public[-32:]
    ct_x = x25519(randomness[32:], _BASE)
    ss_m, ct_m = ml_kem_768.encapsulate(public[:-32], randomness[:32])
    return _combine(ss_m, x25519(randomness[32:], pk_x), ct_x, pk_x), ct_m + ct_x
