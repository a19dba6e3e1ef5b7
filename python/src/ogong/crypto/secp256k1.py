"""Signers of ledger signatures: public keys are recovered from ECDSA over secp256k1 (SEC 1, section 4.1.6)."""

from __future__ import annotations

from .keccak import keccak256

_P = 2**256 - 2**32 - 977
_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)

_Point = tuple[int, int, int]
_ZERO: _Point = (0, 1, 0)


def _double(point: _Point) -> _Point:
    x, y, z = point
    if z == 0 or y == 0:
        return _ZERO
    s = 4 * x * y * y % _P
    m = 3 * x * x % _P
    u = (m * m - 2 * s) % _P
    return u, (m * (s - u) - 8 * pow(y, 4, _P)) % _P, 2 * y * z % _P


def _add(a: _Point, b: _Point) -> _Point:
    if a[2] == 0:
        return b
    if b[2] == 0:
        return a
    z1, z2 = a[2] * a[2] % _P, b[2] * b[2] % _P
    u1, u2 = a[0] * z2 % _P, b[0] * z1 % _P
    s1, s2 = a[1] * z2 * b[2] % _P, b[1] * z1 * a[2] % _P
    if u1 == u2:
        return _double(a) if s1 == s2 else _ZERO
    h, r = (u2 - u1) % _P, (s2 - s1) % _P
    h2 = h * h % _P
    h3, v = h2 * h % _P, u1 * h2 % _P
    x = (r * r - h3 - 2 * v) % _P
    return x, (r * (v - x) - s1 * h3) % _P, a[2] * b[2] * h % _P


def _sum_of_products(a: int, p: _Point, b: int, q: _Point) -> _Point:
    """a p + b q, bit by bit together."""
    both = _add(p, q)
    total = _ZERO
    for bit in range(max(a.bit_length(), b.bit_length()) - 1, -1, -1):
        total = _double(total)
        which = (a >> bit & 1, b >> bit & 1)
        if which != (0, 0):
            total = _add(total, both if which == (1, 1) else p if which[0] else q)
    return total


def recover_address(digest: bytes, signature: bytes) -> bytes | None:
    """
    @param digest: 32 bytes. @param signature: r (32) || s (32) || v (27 or 28), low s only.
    @returns the 20-byte address that signed, or None if this is no signature of anybody.
    """
    if len(digest) != 32 or len(signature) != 65 or signature[64] not in (27, 28):
        return None
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    if not 0 < r < _N or not 0 < s <= _N // 2:
        return None
    y_squared = (pow(r, 3, _P) + 7) % _P
    y = pow(y_squared, (_P + 1) // 4, _P)
    if y * y % _P != y_squared:
        return None
    if y & 1 != signature[64] - 27:
        y = _P - y
    inverse = pow(r, -1, _N)
    x, y, z = _sum_of_products(
        -int.from_bytes(digest, "big") * inverse % _N, (*_G, 1), s * inverse % _N, (r, y, 1)
    )
    if z == 0:
        return None
    scale = pow(z, -1, _P)
    scale2 = scale * scale % _P
    key = (x * scale2 % _P).to_bytes(32, "big") + (y * scale2 * scale % _P).to_bytes(32, "big")
    return keccak256(key)[12:]
