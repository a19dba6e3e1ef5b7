"""
Requests that are sealed to their provider, and the replies to them (docs/spec/sealing.md): X-Wing, the key schedule of HPKE, and
ChaCha20-Poly1305.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from .crypto import chacha, xwing
from .crypto.hybrid import verify_hybrid
from .crypto.secp256k1 import recover_address
from .order import Ledger, struct_hash
from .trust import Signed
from .wire import Reader, WireError, sha256, text, u8, u16, u32, u64

SUITE = 1
# With an encapsulation for each unit of a reply.
UNIT_SUITE = 2
_KEM = 0x647A
_EXPORT_ONLY = 0xFFFF
_MOST_KEY_MS = 3_600_000
_CLOCKS_MS = 30_000
_LEAST_REQUEST = 2_048
_UNIT = 64
_MOST_STEPPED_UNIT = 1_024
_MOST_UNIT = 32_000
_MOST_REPLY = 128 << 20
_ZERO32 = bytes(32)

Random = Callable[[int], bytes]


# --- HPKE's key schedule (RFC 9180, section 5.1), export-only -----------------------------------------------------------------------


def _extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or _ZERO32, b"HPKE-v1" + suite + label + ikm, "sha256")


def _expand(suite: bytes, key: bytes, label: bytes, info: bytes) -> bytes:
    """32 bytes of HKDF-Expand: its first block."""
    return hmac.digest(key, u16(32) + b"HPKE-v1" + suite + label + info + b"\x01", "sha256")


@dataclass(frozen=True)
class Exporter:
    """The input from which both sides of one capsule derive keys."""

    secret: bytes
    _suite: bytes

    def export(self, context: bytes) -> bytes:
        return _expand(self._suite, self.secret, b"sec", context)


def schedule(shared: bytes, info: bytes, psk: bytes = b"", psk_id: bytes = b"", kem: int = _KEM) -> Exporter:
    """@param psk: with its id, in PSK mode; empty in base mode."""
    suite = b"HPKE" + u16(kem) + u16(1) + u16(_EXPORT_ONLY)
    context = u8(1 if psk else 0) + _extract(suite, b"", b"psk_id_hash", psk_id) + _extract(suite, b"", b"info_hash", info)
    secret = _extract(suite, shared, b"secret", psk)
    return Exporter(_expand(suite, secret, b"exp", context), suite)


# --- padding -------------------------------------------------------------------------------------------------------------------------


def _padme(size: int) -> int:
    if size < 2:
        return size
    e = size.bit_length() - 1
    mask = (1 << e - e.bit_length()) - 1 if e > e.bit_length() else 0
    return (size + mask) & ~mask


def pad_request_size(size: int) -> int:
    return max(_LEAST_REQUEST, _padme(size))


def pad_unit_size(size: int) -> int:
    return -(-size // _UNIT) * _UNIT if size <= _MOST_STEPPED_UNIT else _padme(size)


def _pad(content: bytes, size_of: Callable[[int], int]) -> bytes:
    data = u32(len(content)) + content
    return data + bytes(size_of(len(data)) - len(data))


def _unpad(data: bytes, size_of: Callable[[int], int]) -> bytes:
    """@raises WireError"""
    reader = Reader(data)
    content = reader.take(reader.int(4))
    if data != _pad(content, size_of):
        raise WireError("it is padded otherwise")
    return content


# --- keys ----------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SealKey:
    chain_id: int
    escrow: bytes
    provider_id: bytes
    issued_at_ms: int
    expires_at_ms: int
    key: bytes
    hash: bytes


def parse_seal_key(data: bytes) -> SealKey:
    """@raises WireError"""
    r = Reader(data, b"ogong-seal-key-v1\n")
    r.int(1, SUITE, SUITE)
    chain_id, escrow, provider_id = r.int(8), r.take(20), r.take(32)
    r.int(8)
    issued, expires, key = r.int(8, 0, 2**53 - 1), r.int(8, 0, 2**53 - 1), r.take(xwing.PUBLIC_KEY_BYTES)
    r.end()
    if not issued < expires <= issued + _MOST_KEY_MS:
        raise WireError("a seal key lives for an hour at most")
    return SealKey(chain_id, escrow, provider_id, issued, expires, key, sha256(data))


def find_key_problem(signed: Signed, provider_id: bytes, ledger: Ledger, now_ms: int) -> str | None:
    """@returns why nothing is sealed to this key, or None."""
    try:
        key = parse_seal_key(signed.data)
    except WireError as error:
        return str(error)
    if key.provider_id != provider_id or sha256(signed.public_key) != provider_id:
        return "it is another provider's"
    if not verify_hybrid(signed.public_key, signed.data, signed.signature):
        return "its signature does not hold"
    if (key.chain_id, key.escrow) != (ledger.chain_id, ledger.escrow):
        return "it is for another network"
    if now_ms >= key.expires_at_ms or key.issued_at_ms > now_ms + _CLOCKS_MS:
        return "it is not valid now"
    return None


@dataclass(frozen=True)
class ValidatorSealKey:
    """Of the validator that handles a reply: a part that breaks off is sealed to it (docs/spec/sealing.md#parts)."""

    chain_id: int
    escrow: bytes
    validator: bytes
    issued_at_ms: int
    expires_at_ms: int
    key: bytes
    hash: bytes

    def digest(self, ledger: Ledger) -> bytes:
        """Returns the digest that the validator signs."""
        kind = b"ValidatorSealKey(address validator,bytes32 sealKey)"
        return ledger.digest(struct_hash(kind, self.validator, self.hash))


def parse_validator_key(data: bytes) -> ValidatorSealKey:
    """@raises WireError"""
    r = Reader(data, b"ogong-validator-seal-key-v1\n")
    r.int(1, SUITE, SUITE)
    chain_id, escrow, validator = r.int(8), r.take(20), r.take(20)
    issued, expires, key = r.int(8, 0, 2**53 - 1), r.int(8, 0, 2**53 - 1), r.take(xwing.PUBLIC_KEY_BYTES)
    r.end()
    if not issued < expires <= issued + _MOST_KEY_MS:
        raise WireError("a seal key lives for an hour at most")
    return ValidatorSealKey(chain_id, escrow, validator, issued, expires, key, sha256(data))


def find_validator_key_problem(signed: Signed, validator: bytes, signing_key: bytes, ledger: Ledger, now_ms: int) -> str | None:
    """@returns why no part is sealed to this key, or None."""
    try:
        key = parse_validator_key(signed.data)
    except WireError as error:
        return str(error)
    if (key.chain_id, key.escrow) != (ledger.chain_id, ledger.escrow):
        return "the validator's key is for another network"
    if key.validator != validator:
        return "it is another validator's key"
    if now_ms >= key.expires_at_ms or key.issued_at_ms > now_ms + _CLOCKS_MS:
        return "the validator's key is not valid now"
    if recover_address(key.digest(ledger), signed.signature) != signing_key:
        return "the signature of the validator's key does not hold"
    return None


# --- requests and replies ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Exchange:
    """The context of both directions."""

    ledger: Ledger
    provider_id: bytes
    reply_id: bytes
    request_hash: bytes

    def context(self, kind: int, recipient: bytes, seal_key_hash: bytes, answered: bytes, suite: int = SUITE) -> bytes:
        head = b"ogong-seal-v1\n" + u8(suite) + u8(kind) + u64(self.ledger.chain_id) + self.ledger.escrow
        return head + recipient + seal_key_hash + self.reply_id + self.request_hash + answered


@dataclass(frozen=True)
class SealedRequest:
    envelope: bytes
    opener: Opener


def seal_request(
    exchange: Exchange,
    key: SealKey,
    endpoint: str,
    body: bytes,
    random: Random = secrets.token_bytes,
    scope: bytes | None = None,
    suite: int = SUITE,
) -> SealedRequest:
    """
    @param random: 32 bytes of the reply key, 32 of a cache scope where none is given, 64 of the capsule, in this order.
    @raises ValueError if the key is none of X-Wing.
    """
    reply_key = xwing.open_key(random(32))
    # A unique scope: no other prompt shares a cache with this one.
    own_scope = random(32) if scope is None else scope
    inner = b"ogong-sealed-inner-v1\n" + text(endpoint) + u16(len(own_scope)) + own_scope + reply_key.public + u32(len(body)) + body
    shared, capsule = xwing.encapsulate(key.key, random(64))
    exporter = schedule(shared, exchange.context(0, exchange.provider_id, key.hash, _ZERO32, suite))
    sealed = chacha.encrypt(exporter.export(b"body"), _pad(inner, pad_request_size))
    head = b"ogong-sealed-request-v1\n" + u8(suite) + key.hash + capsule + exporter.export(b"commit" + capsule)
    envelope = head + u32(len(sealed)) + sealed
    psk_id = sha256(envelope)
    info = exchange.context(1, sha256(reply_key.public), key.hash, psk_id, suite)
    return SealedRequest(envelope, Opener(reply_key, info, exporter.export(b"reply-psk"), psk_id, suite))


class Opener:
    """Opens one reply, unit by unit. Nothing of a reply counts before its last unit."""

    def __init__(self, key: xwing.KemKey, info: bytes, psk: bytes, psk_id: bytes, suite: int = SUITE) -> None:
        self._key, self._info, self._psk, self._psk_id, self._suite = key, info, psk, psk_id, suite
        self._exporter: Exporter | None = None
        self._next = 0
        self._bytes = 0
        self._parts = b""
        self.is_over = False

    def open_head(self, head: bytes) -> None:
        """@raises WireError"""
        r = Reader(head, b"ogong-sealed-reply-v1\n")
        r.int(1, self._suite, self._suite)
        capsule, commit = r.take(xwing.CAPSULE_BYTES), r.take(32)
        r.end()
        self._exporter = self._open_capsule(capsule, commit, self._psk)

    def _open_capsule(self, capsule: bytes, commit: bytes, psk: bytes) -> Exporter:
        """@raises WireError"""
        exporter = schedule(self._key.decapsulate(capsule), self._info, psk, self._psk_id)
        if not hmac.compare_digest(exporter.export(b"commit" + capsule), commit):
            raise WireError("the reply was sealed under another key")
        return exporter

    def open(self, unit: bytes) -> bytes | None:
        """@returns the message that ends with this unit; None if it goes on in the next one. @raises WireError"""
        if self._exporter is None:
            raise WireError("a unit came before the head")
        if self.is_over:
            raise WireError("a unit came after the last")
        r = Reader(unit)
        index, last = r.int(4), r.flag()
        own = (r.take(xwing.CAPSULE_BYTES), r.take(32)) if self._suite == UNIT_SUITE else None
        sealed = r.bytes16()
        r.end()
        if index != self._next:
            raise WireError(f"unit {index} came in the place of unit {self._next}")
        place = u32(index) + u8(last)
        exporter = self._exporter
        if own is not None:
            exporter = self._open_capsule(*own, exporter.export(b"unit-psk" + place))
        padded = chacha.decrypt(exporter.export(b"unit" + place), sealed)
        if padded is None:
            raise WireError(f"unit {index} does not open")
        content = _unpad(padded, pad_unit_size)
        # Without the capsule of each unit and its commitment.
        self._bytes += len(sealed)
        if not content or content[0] > 1 or len(content) > 1 + _MOST_UNIT or self._bytes > _MOST_REPLY:
            raise WireError("a unit has another form, or the reply is too long")
        has_more = content[0] == 1
        if last and has_more:
            raise WireError("the reply ends within a message")
        self._next += 1
        self.is_over = last
        self._parts += content[1:]
        if has_more:
            return None
        message, self._parts = self._parts, b""
        return message


# --- parts of replies that broke off -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class InnerPart:
    """Data of a sealed reply that broke off. It is for the validator, and hidden from the gateway."""

    endpoint: str
    body: bytes
    response: bytes
    """As much of the reply as the milestone is about."""
    opening: bytes


def seal_part(
    exchange: Exchange, record_hash: bytes, key: ValidatorSealKey, inner: InnerPart, random: Random = secrets.token_bytes
) -> bytes:
    """@param record_hash: of the milestone. @raises ValueError if the key is none of X-Wing."""
    shared, capsule = xwing.encapsulate(key.key, random(64))
    recipient = key.validator.rjust(32, b"\x00")
    exporter = schedule(shared, exchange.context(2, recipient, key.hash, record_hash))
    counted = b"".join(u32(len(one)) + one for one in (inner.body, inner.response, inner.opening))
    plain = b"ogong-sealed-part-inner-v1\n" + text(inner.endpoint) + counted
    sealed = chacha.encrypt(exporter.export(b"part"), _pad(plain, pad_request_size))
    head = b"ogong-sealed-part-v1\n" + u8(SUITE) + key.hash + capsule + exporter.export(b"commit" + capsule)
    return head + u32(len(sealed)) + sealed


# --- messages ------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SealedEnd:
    response: bytes
    opening: bytes


@dataclass(frozen=True)
class Milestone:
    """A provider's signatures of a reply that still runs (docs/spec/progress.md#milestones). Nothing of it is checked."""

    record: Signed
    header: bytes
    windows: tuple[tuple[bytes, bytes], ...]
    """Draws and sketch of each since the milestone before."""
    text_bytes: int
    is_last: bool
    claimed: bytes
    """The message without its windows, for a gateway that pays and is not to read it."""


@dataclass(frozen=True)
class Refusal:
    """The reason of a provider, beside the error that ends a call (docs/spec/sealing.md#refusals)."""

    words: str


_CLAIMED = (1, 2, 4, 5, 6, 7)


def read_message(data: bytes) -> bytes | SealedEnd | Milestone | Refusal:
    """@returns the UTF-8 of a delta's text, a milestone behind it, the end, or the words of a refusal. @raises WireError"""
    known = [(one.number, one.value) for one in _read_fields(data) if one.number in (1, 2, 3, 5)]
    number, value = known[0] if len(known) == 1 else (0, b"")
    if not isinstance(value, bytes):
        raise WireError("a sealed message is no number")
    if number == 1:
        return _bytes_of(_read_fields(value), 1)
    if number == 2:
        inner = _read_fields(value)
        return SealedEnd(_bytes_of(inner, 2), _bytes_of(inner, 3))
    if number == 3:
        return _read_milestone(value)
    if number == 5:
        return Refusal(_bytes_of(_read_fields(value), 1).split(b"\0", 1)[0].decode("utf-8", "replace"))
    raise WireError("a sealed message is one delta, one milestone, one refusal or the end")


def _read_milestone(data: bytes) -> Milestone:
    fields = _read_fields(data)
    signed = _read_fields(_bytes_of(fields, 1))
    windows = [_read_fields(one.value) for one in fields if one.number == 3 and isinstance(one.value, bytes)]
    return Milestone(
        record=Signed(_bytes_of(signed, 1), _bytes_of(signed, 3), _bytes_of(signed, 2)),
        header=_bytes_of(fields, 2),
        windows=tuple((_bytes_of(one, 1), _bytes_of(one, 2)) for one in windows),
        text_bytes=_number_of(fields, 4),
        is_last=_number_of(fields, 8) != 0,
        claimed=b"".join(one.raw for one in fields if one.number in _CLAIMED),
    )


@dataclass(frozen=True)
class _Field:
    number: int
    value: bytes | int
    raw: bytes
    """With its tag."""


def _bytes_of(fields: list[_Field], number: int) -> bytes:
    """The last one counts."""
    found = b""
    for one in fields:
        if one.number == number and isinstance(one.value, bytes):
            found = one.value
    return found


def _number_of(fields: list[_Field], number: int) -> int:
    found = 0
    for one in fields:
        if one.number == number and isinstance(one.value, int):
            found = one.value
    return found


def _read_fields(data: bytes) -> list[_Field]:
    """Numbers, and fields with a length, of a message of Protocol Buffers; others are passed over."""
    fields = []
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            if at >= len(data) or shift > 63:
                raise WireError("a number of a message does not end")
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        begin = at
        tag = varint()
        kind = tag & 7
        if kind == 0:
            number = varint()
            fields.append(_Field(tag >> 3, number, data[begin:at]))
            continue
        size = {1: 8, 2: varint() if kind == 2 else 0, 5: 4}.get(kind)
        if size is None or size > len(data) - at:
            raise WireError("a field of a message ends early, or is of no known kind")
        at += size
        if kind == 2:
            fields.append(_Field(tag >> 3, data[at - size : at], data[begin:at]))
    return fields
