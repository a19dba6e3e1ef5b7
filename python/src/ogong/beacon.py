"""The value of an epoch, as a certificate shows it (docs/spec/beacon.md), and the bank of a reply's sketch (docs/spec/sketch.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .crypto.bls import SIGNATURE_BYTES, verify_bls
from .crypto.edwards import verify_vrf
from .crypto.keccak import keccak256
from .crypto.secp256k1 import recover_address
from .wire import Reader, WireError, sha256, u16, u32, u64, u128

_MOST_MEMBERS = 1_024


@dataclass(frozen=True)
class Validator:
    address: bytes
    signing_key: bytes
    stake: int
    vrf_key: bytes


@dataclass(frozen=True)
class Certificate:
    epoch: int
    view: int
    previous: bytes
    value: bytes
    set: bytes
    following: bytes
    next: bytes
    block: int
    contributions: tuple[tuple[bytes, bytes], ...]
    """Validator and proof, ascending by validator."""
    signatures: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True)
class Generation:
    """One key of the threshold beacon, and its epochs."""

    generation: int
    key: bytes
    first_epoch: int
    last_epoch: int | None

    def has(self, epoch: int) -> bool:
        return self.first_epoch <= epoch and (self.last_epoch is None or epoch <= self.last_epoch)


@dataclass(frozen=True)
class ThresholdCertificate:
    """Of an epoch of a generation (docs/spec/threshold-beacon.md#values)."""

    generation: int
    epoch: int
    signature: bytes
    value: bytes
    previous: bytes
    """What stands for the value before."""


_THRESHOLD = b"ogong-beacon-threshold-certificate-v1\n"


def parse_any_certificate(data: bytes, chain_id: int) -> Certificate | ThresholdCertificate:
    """@raises WireError"""
    if not data.startswith(_THRESHOLD):
        return parse_certificate(data)
    r = Reader(data, _THRESHOLD)
    generation, epoch, signature = r.int(4, 1), r.int(8), r.take(SIGNATURE_BYTES)
    r.end()
    value = sha256(b"ogong-beacon-v2\n", u64(chain_id), u64(epoch), signature)
    return ThresholdCertificate(generation, epoch, signature, value, sha256(b"ogong-beacon-bank-v1\n", value))


def check_threshold(c: ThresholdCertificate, chain_id: int, settlement: bytes, generations: Sequence[Generation]) -> str | None:
    """@returns the failed condition, or None."""
    own = next((one for one in generations if one.generation == c.generation), None)
    if own is None or not own.has(c.epoch):
        return f"epoch {c.epoch} is none of generation {c.generation}"
    message = b"ogong-beacon-epoch-v1\n" + u64(chain_id) + settlement + u32(c.generation) + u64(c.epoch)
    return None if verify_bls(own.key, message, c.signature) else "its signature does not hold"


def parse_certificate(data: bytes) -> Certificate:
    """@raises WireError"""
    r = Reader(data, b"ogong-beacon-certificate-v1\n")
    head = (r.int(8, 1), r.int(4), r.take(32), r.take(32), r.take(32), r.take(32), r.take(32), r.int(8))
    certificate = Certificate(*head, _entries(r, 80), _entries(r, 65))
    r.end()
    return certificate


def _entries(r: Reader, size: int) -> tuple[tuple[bytes, bytes], ...]:
    entries = tuple((r.take(20), r.take(size)) for _ in range(r.int(2, 0, _MOST_MEMBERS)))
    if any(a >= b for (a, _), (b, _) in zip(entries, entries[1:])):
        raise WireError("validators of the certificate do not ascend")
    return entries


def genesis(chain_id: int, settlement: bytes) -> bytes:
    """The value of epoch 0."""
    return sha256(b"ogong-beacon-genesis-v1\n", u64(chain_id), settlement)


def hash_set(chain_id: int, settlement: bytes, members: Sequence[Validator]) -> bytes:
    rows = (m.address + m.signing_key + u128(m.stake) + m.vrf_key for m in sorted(members, key=lambda m: m.address))
    return sha256(b"ogong-validator-set-v1\n", u64(chain_id), settlement, u16(len(members)), *rows)


def derive_bank_seed(model_root: bytes, previous: bytes) -> bytes:
    return sha256(b"ogong-sketch-bank-v1\n", model_root, previous)


def check_certificate(c: Certificate, chain_id: int, settlement: bytes, members: Sequence[Validator]) -> str | None:
    """
    Whether validators that the reader trusts stand behind this value. Of an epoch whose set is another one only the signatures can be
    checked. @returns what does not hold, or None.
    """
    known = {member.address: member for member in members}
    total = sum(member.stake for member in members)
    if c.set == hash_set(chain_id, settlement, members):
        reason = _check_contributions(c, chain_id, known, total)
        if reason is not None:
            return reason
    digest = keccak256(
        b"ogong-beacon-commit-v1\n",
        u64(chain_id) + u64(c.epoch) + u32(c.view) + c.previous + c.value + c.set + c.following + c.next + u64(c.block),
    )
    signed = 0
    for address, signature in c.signatures:
        member = known.get(address)
        if member is None:
            continue
        if recover_address(digest, signature) != member.signing_key:
            return f"the signature of validator 0x{address.hex()} does not hold"
        signed += member.stake
    if 3 * signed <= 2 * total:
        return f"{signed} of {total} units of stake signed, and more than two thirds are needed"
    return None


def _check_contributions(c: Certificate, chain_id: int, known: dict[bytes, Validator], total: int) -> str | None:
    outputs = b""
    stake = 0
    for address, proof in c.contributions:
        member = known.get(address)
        if member is None:
            return f"0x{address.hex()} contributed, and is no validator of the epoch"
        message = b"ogong-beacon-vrf-v1\n" + u64(chain_id) + u64(c.epoch) + c.previous + c.set + address
        output = verify_vrf(member.vrf_key, message, proof)
        if output is None:
            return f"the contribution of validator 0x{address.hex()} does not hold"
        outputs += address + output
        stake += member.stake
    if 3 * stake <= 2 * total:
        return f"{stake} of {total} units of stake contributed, and more than two thirds are needed"
    if c.value != sha256(b"ogong-beacon-v1\n", u64(chain_id), u64(c.epoch), c.previous, outputs):
        return "the value does not follow from the contributions"
    return None
