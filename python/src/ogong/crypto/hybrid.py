"""Hybrid signatures (docs/spec/bytes.md): Ed25519 and ML-DSA-44 over the same message, and both must hold."""

from __future__ import annotations

from .edwards import verify_ed25519
from .ml_dsa_44 import verify_ml_dsa_44

PUBLIC_KEY_BYTES = 32 + 1_312
SIGNATURE_BYTES = 64 + 2_420


def verify_hybrid(public_key: bytes, message: bytes, signature: bytes) -> bool:
    if len(public_key) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    return verify_ed25519(public_key[:32], message, signature[:64]) and verify_ml_dsa_44(
        public_key[32:], message, signature[64:]
    )
