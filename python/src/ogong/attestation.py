"""What a receipt of tier `tee` carries besides (docs/spec/tee-tier.md). The machine's own evidence takes certificates: it is not checked here."""

from __future__ import annotations

from dataclasses import dataclass

from .checks import Check, failed, hold, skipped
from .crypto.edwards import verify_ed25519
from .record import Record
from .wire import Reader, WireError, sha256, u64

_TAG = b"ogong-attestation-v1\n"
_MOST_EVIDENCE_BYTES = 256 << 10


@dataclass(frozen=True)
class Attestation:
    attested_key: bytes
    seal_key_hash: bytes
    evidence: bytes
    signature: bytes


def report_data(chain_id: int, escrow: bytes, provider_id: bytes, attestation: Attestation, nonce: bytes) -> bytes:
    """What the machine's report has to hold."""
    keys = (u64(chain_id), escrow, provider_id, attestation.attested_key, attestation.seal_key_hash)
    return sha256(b"ogong-attested-keys-v1\n", *keys) + nonce


def parse_attestation(data: bytes) -> Attestation:
    """@raises WireError"""
    reader = Reader(data, _TAG)
    key, seal_key = reader.take(32), reader.take(32)
    evidence = reader.take(reader.int(4, 0, _MOST_EVIDENCE_BYTES))
    attestation = Attestation(key, seal_key, evidence, reader.take(64))
    reader.end()
    return attestation


def make_statement(record: Record, record_bytes: bytes, evidence: bytes) -> bytes:
    return b"ogong-attested-reply-v1\n" + record.request_hash + record.reply_id + sha256(record_bytes) + sha256(evidence)


def check_attestation(data: bytes | None, record: Record, record_bytes: bytes) -> list[Check]:
    if data is None:
        return [failed(name, "the receipt carries no attestation") for name in ("attested-reply", "machine")]
    try:
        attestation = parse_attestation(data)
    except WireError as error:
        return [failed(name, f"attestation: {error}") for name in ("attested-reply", "machine")]
    statement = make_statement(record, record_bytes, attestation.evidence)
    signed = verify_ed25519(attestation.attested_key, statement, attestation.signature)
    return [
        hold("attested-reply", signed, "the attested key signed request, reply, transcript and evidence"),
        skipped("machine", "nobody looked at the machine's evidence: this package has no certificates"),
    ]
