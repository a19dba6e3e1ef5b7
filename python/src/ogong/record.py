"""The provider's signed record (docs/spec/record.md) and the router's ticket (docs/spec/ticket.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .wire import Reader, WireError, sha256, u32

_MOST_BYTES = 512
_HEX32 = re.compile(r"[0-9a-f]{64}\Z")
_HEX16 = re.compile(r"[0-9a-f]{32}\Z")
_DECIMAL = re.compile(r"(0|[1-9][0-9]*)\Z")


@dataclass(frozen=True)
class Record:
    reply_id: bytes
    request_hash: bytes
    response_hash: bytes
    model_root: bytes
    commit_root: bytes
    tokens: int
    start_ns: int
    """The provider's own clock: a claim."""
    end_ns: int
    is_milestone: bool = False
    """It is of as much as there was of a reply that still ran (docs/spec/progress.md, milestones)."""


_DOMAINS = {"ogong-provider-sig-v2": False, "ogong-provider-milestone-v1": True}


def parse_record(data: bytes) -> Record:
    """@raises WireError"""
    if len(data) > _MOST_BYTES:
        raise WireError(f"a record has at most {_MOST_BYTES} bytes")
    try:
        fields = data.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise WireError("a record is ASCII") from None
    if len(fields) != 9 or fields[0] not in _DOMAINS:
        raise WireError("it is no record of version 2")
    reply_id, *hashes, tokens, start, end = fields[1:]
    if not _HEX16.match(reply_id) or not all(map(_HEX32.match, hashes)):
        raise WireError("a hash of the record is not lower-case hex of its length")
    numbers = []
    for number, most in ((tokens, 2**32), (start, 2**64), (end, 2**64)):
        if not _DECIMAL.match(number) or len(number) > 20 or int(number) >= most:
            raise WireError("a number of the record is not decimal, or too large")
        numbers.append(int(number))
    return Record(bytes.fromhex(reply_id), *map(bytes.fromhex, hashes), *numbers, _DOMAINS[fields[0]])


@dataclass(frozen=True)
class Blinds:
    """Blinds that are hashed before the tokens of a prompt, and before all hashed parts of an answer (docs/spec/commitment.md#blinds)."""

    prompt: bytes
    answer: bytes


def compute_blinds(body: bytes, reply_id: bytes) -> Blinds:
    """@param body: the exact bytes of the request."""
    secret = sha256(b"ogong-blind-v1\n", body)
    return Blinds(sha256(b"ogong-prompt-blind-v1\n", secret), sha256(b"ogong-answer-blind-v1\n", secret, reply_id))


def hash_response(blind: bytes, response: bytes) -> bytes:
    return sha256(b"ogong-response-v1\n", u32(len(response)), sha256(blind, response))


@dataclass(frozen=True)
class Ticket:
    router: bytes
    model_id: str
    provider_id: bytes
    endpoint: str
    cert_hash: bytes
    payee: bytes
    model_root: bytes
    price_per_1k: int
    context_size: int
    reply_id: bytes
    candidates_hash: bytes
    issued_at_ms: int
    expires_at_ms: int


_MOST_MS = 2**53 - 1
_ENDPOINT = re.compile(r"[!-~]{1,255}\Z")


def parse_ticket(data: bytes) -> Ticket:
    """@raises WireError"""
    reader = Reader(data, b"ogong-ticket-v1\n")
    ticket = Ticket(
        router=reader.take(20),
        model_id=reader.text(),
        provider_id=reader.take(32),
        endpoint=reader.text(),
        cert_hash=reader.take(32),
        payee=reader.take(20),
        model_root=reader.take(32),
        price_per_1k=reader.int(16),
        context_size=reader.int(4, 1),
        reply_id=reader.take(16),
        candidates_hash=reader.take(32),
        issued_at_ms=reader.int(8, 0, _MOST_MS),
        expires_at_ms=reader.int(8, 0, _MOST_MS),
    )
    reader.end()
    if not _ENDPOINT.match(ticket.endpoint):
        raise WireError("the endpoint of the ticket is not printable ASCII of 1 to 255 bytes")
    if ticket.expires_at_ms <= ticket.issued_at_ms:
        raise WireError("the ticket expires before it was issued")
    return ticket
