"""
Further parts of a receipt of tier `tee` (docs/spec/tee-tier.md). The machine's own evidence takes certificates: it is not checked here.
"""

from __future__ import annotations

from dataclasses import dataclass

from .checks import Check, failed, hold, skipped
from .crypto.edwards import verify_ed25519
from .record import Record
from .wire import Reader, WireError, sha256, u32, u64

_TAG = b"ogong-attestation-v1\n"
_MOST_EVIDENCE_BYTES = 256 << 10


@dataclass(frozen=True)
class Attestation:
    attested_key: bytes
    seal_key_hash: bytes
    evidence: bytes
    signature: bytes


def report_data(chain_id: int, escrow: bytes, provider_id: bytes, attestation: Attestation, nonce: bytes) -> bytes:
    """Returns the value that the machine's report must contain."""
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


_PROXIED_TAG = b"ogong-attestation-v2\n"
_EXCHANGE_TAG = b"ogong-https-exchange-v1\n"
_MOST_EXCHANGES, _MOST_CERTIFICATES = 4, 8
_MOST_STATEMENT_BYTES, _MOST_CERTIFICATE_BYTES = 4_096, 8_192
Exchange = tuple[bytes, tuple[bytes, ...]]


def parse_proxied(data: bytes) -> tuple[Attestation, tuple[Exchange, ...]]:
    """Parses the part of a receipt of tier `tee-proxy`: an attestation, and the exchange with a hosted API. @raises WireError"""
    reader = Reader(data, _PROXIED_TAG)
    key, seal_key = reader.take(32), reader.take(32)
    evidence = reader.take(reader.int(4, 0, _MOST_EVIDENCE_BYTES))
    exchanges = []
    for _ in range(reader.int(1, 1, _MOST_EXCHANGES)):
        statement = reader.bytes16(_MOST_STATEMENT_BYTES)
        count = reader.int(1, 1, _MOST_CERTIFICATES)
        exchanges.append((statement, tuple(reader.bytes16(_MOST_CERTIFICATE_BYTES) for _ in range(count))))
    attestation = Attestation(key, seal_key, evidence, reader.take(64))
    reader.end()
    return attestation, tuple(exchanges)


def proxied_nonce(order: bytes, data: bytes) -> bytes:
    """Returns the nonce of the machine's report: it names the order and the exchanges. @raises WireError"""
    attestation, _ = parse_proxied(data)
    shown = data[len(_PROXIED_TAG) + 64 + 4 + len(attestation.evidence) : -64]
    return sha256(sha256(order), sha256(b"ogong-shown-exchanges-v1\n", shown))


def _read_exchange(statement: bytes, chain: tuple[bytes, ...]) -> str | None:
    """@returns why it is no answer of a hosted model, or None. @raises WireError"""
    reader = Reader(statement, _EXCHANGE_TAG)
    method, url = reader.text(16), reader.text(2_048)
    reader.take(32)
    status = reader.int(2, 100, 599)
    reader.take(32)
    chain_hash = reader.take(32)
    reader.int(8)
    reader.end()
    if sha256(*(u32(len(each)) + each for each in chain)) != chain_hash:
        return "the machine saw other certificates than those that are shown"
    return None if method == "POST" and status == 200 else f"{method} {url} with status {status} is no answer"


def check_proxied(data: bytes | None, record: Record, record_bytes: bytes) -> list[Check]:
    names = ("attested-reply", "machine", "exchange")
    if data is None:
        return [failed(name, "the receipt carries no attestation") for name in names]
    try:
        attestation, exchanges = parse_proxied(data)
        problems = [_read_exchange(*exchange) for exchange in exchanges]
    except WireError as error:
        return [failed(name, f"attestation: {error}") for name in names]
    statement = make_statement(record, record_bytes, attestation.evidence)
    signed = verify_ed25519(attestation.attested_key, statement, attestation.signature)
    problem = next((each for each in problems if each is not None), None)
    return [
        hold("attested-reply", signed, "the attested key signed request, reply, transcript and evidence"),
        failed("exchange", problem) if problem else hold("exchange", True, "a hosted API answered; the vendor alone vouches for the model that answered"),
        skipped("machine", "nobody looked at the machine's evidence: this package has no certificates"),
    ]
