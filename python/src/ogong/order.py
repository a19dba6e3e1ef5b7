"""
Signed messages of payer and validator (docs/spec/order.md, progress.md, validator-intake.md): EIP-712 structs in the domain of the escrow.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

from .crypto.keccak import keccak256
from .wire import Reader, sha256

_TERMS_TYPE = (
    b"Terms(bytes32 requestHash,bytes32 nonce,bytes32 modelRoot,bytes32 providerId,address payee,"
    b"address router,uint8 choice,uint32 contextSize,uint128 maxFee,uint128 pricePer1k,uint64 epoch,uint64 expiresAt)"
)
_ORDER_TYPE = b"Order(address payer,address validator,uint128 cumulative,Terms terms)" + _TERMS_TYPE
_DOMAIN_TYPE = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


def _word(value: int | bytes) -> bytes:
    """Encodes an integer or an address as 32 bytes; a value of 32 bytes stays."""
    return value.to_bytes(32, "big") if isinstance(value, int) else value.rjust(32, b"\x00")


@cache
def _type_hash(kind: bytes) -> bytes:
    return keccak256(kind)


def struct_hash(kind: bytes, *values: int | bytes) -> bytes:
    return keccak256(_type_hash(kind), *map(_word, values))


@dataclass(frozen=True)
class Ledger:
    """The EIP-712 domain that orders are signed for. `escrow` has 20 bytes."""

    chain_id: int
    escrow: bytes

    @cached_property
    def separator(self) -> bytes:
        return struct_hash(_DOMAIN_TYPE, _type_hash(b"OGONG"), _type_hash(b"1"), self.chain_id, self.escrow)

    def digest(self, struct: bytes) -> bytes:
        return keccak256(b"\x19\x01", self.separator, struct)


@dataclass(frozen=True)
class Order:
    payer: bytes
    validator: bytes
    cumulative: int
    request_hash: bytes
    nonce: bytes
    model_root: bytes
    provider_id: bytes
    payee: bytes
    router: bytes
    choice: int
    context_size: int
    max_fee: int
    price_per_1k: int
    epoch: int
    expires_at: int

    def reply_id(self, ledger: Ledger) -> bytes:
        """16 bytes: payer, validator and nonce decide it."""
        return reply_id_of(ledger, self.payer, self.validator, self.nonce)

    def digest(self, ledger: Ledger) -> bytes:
        """Returns the digest that the payer signed. It names the order everywhere."""
        terms = struct_hash(
            _TERMS_TYPE,
            self.request_hash,
            self.nonce,
            self.model_root,
            self.provider_id,
            self.payee,
            self.router,
            self.choice,
            self.context_size,
            self.max_fee,
            self.price_per_1k,
            self.epoch,
            self.expires_at,
        )
        return ledger.digest(struct_hash(_ORDER_TYPE, self.payer, self.validator, self.cumulative, terms))


def reply_id_of(ledger: Ledger, payer: bytes, validator: bytes, nonce: bytes) -> bytes:
    return sha256(b"ogong-reply-id-v1\n", ledger.separator, payer, validator, nonce)[:16]


def parse_order(data: bytes) -> Order:
    """@raises WireError"""
    reader = Reader(data, b"ogong-order-v1\n")
    order = Order(
        payer=reader.take(20),
        validator=reader.take(20),
        cumulative=reader.int(16),
        request_hash=reader.take(32),
        nonce=reader.take(32),
        model_root=reader.take(32),
        provider_id=reader.take(32),
        payee=reader.take(20),
        router=reader.take(20),
        choice=reader.int(1),
        context_size=reader.int(4),
        max_fee=reader.int(16),
        price_per_1k=reader.int(16),
        epoch=reader.int(8),
        expires_at=reader.int(8),
    )
    reader.end()
    return order


def hash_admission(ledger: Ledger, validator: bytes, order_hash: bytes, epoch: int, time: int) -> bytes:
    kind = b"Admission(address validator,bytes32 orderHash,uint64 epoch,uint64 time)"
    return ledger.digest(struct_hash(kind, validator, order_hash, epoch, time))


def hash_intake(ledger: Ledger, validator: bytes, order_hash: bytes, record_hash: bytes, epoch: int) -> bytes:
    kind = b"Intake(address validator,bytes32 orderHash,bytes32 recordHash,uint64 epoch)"
    return ledger.digest(struct_hash(kind, validator, order_hash, record_hash, epoch))


@dataclass(frozen=True)
class Progress:
    """How much of a reply's text its payer says to have."""

    order_hash: bytes
    text_bytes: int
    text_hash: bytes
    left: bool

    def digest(self, ledger: Ledger) -> bytes:
        kind = b"Progress(bytes32 orderHash,uint32 textBytes,bytes32 textHash,bool left)"
        return ledger.digest(struct_hash(kind, self.order_hash, self.text_bytes, self.text_hash, int(self.left)))

    def is_about(self, blind: bytes, response: bytes) -> bool:
        """@param blind: of the answer."""
        return len(response) >= self.text_bytes and hash_beginning(blind, response[: self.text_bytes]) == self.text_hash


def hash_beginning(blind: bytes, beginning: bytes) -> bytes:
    return sha256(b"ogong-progress-text-v1\n", blind, beginning) if beginning else bytes(32)


def parse_progress(data: bytes) -> Progress:
    """@raises WireError"""
    reader = Reader(data, b"ogong-progress-v1\n")
    progress = Progress(reader.take(32), reader.int(4), reader.take(32), reader.flag())
    reader.end()
    return progress
