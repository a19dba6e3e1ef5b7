"""
A quorum's certificate of a reply: its entry in the log of its validator (docs/spec/verdict-log.md), under the root of a batch. More than
two thirds of the stake signed the batch's head with hybrid keys (docs/spec/log-heads.md). It takes stakes and head keys, and no chain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .checks import Check, failed, hold, passed, skipped
from .cohort import Shard, list_shards, read_shard
from .crypto.hybrid import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, verify_hybrid
from .order import Ledger, Order, parse_order, struct_hash
from .pictures import ENDPOINTS, parse_picture_request
from .tensors import parse_tensor_request
from .text.request import UnsupportedRequest, parse_request
from .trust import UnusableError, parse_receipt, parse_trust
from .vectors import parse_vector_request
from .wire import Reader, WireError, sha256

_MOST_SIGNERS = 1_024
_MOST_REPLIES = 1_000
_MOST_PROOF = 20
_MOST_MS = 2**53 - 1
VERDICTS = ("accept", "reject", "inconclusive", "unaudited", "abandoned", "unjudged")
_EXACT = 1
"""Evidence that needs no statistics."""
_PAID = ("accept", "inconclusive", "unaudited")
_BATCH_TYPE = (
    b"Batch(address validator,uint64 sequence,bytes32 logHead,uint64 logLength,bytes32 recordsRoot,uint32 replies,"
    b"bytes32 debitsHash,bytes32 linesHash,bytes32 ejectedHash,bytes32 talliesHash)"
)


@dataclass(frozen=True)
class Entry:
    """Of a log, as far as a reader of one reply asks."""

    index: int
    previous: bytes
    reply_id: bytes
    record_hash: bytes
    provider_id: bytes
    payee: bytes
    verdict: str
    fee: int
    payer: bytes
    router: bytes
    shards: tuple[Shard, ...]
    """Of the cohort that served the reply; empty if one provider served alone."""


def parse_entry(data: bytes) -> Entry:
    """@raises WireError"""
    r = Reader(data, b"ogong-verdict-v1\n")
    index, previous, reply_id, record_hash = r.int(8), r.take(32), r.take(16), r.take(32)
    provider_id, payee = r.take(32), r.take(20)
    verdict = VERDICTS[r.int(1, 0, len(VERDICTS) - 1)]
    evidence = r.int(1, 0, 2)
    fee, fine = r.int(16), r.int(16)
    payer, router = r.take(20), r.take(20)
    shards = tuple(read_shard(r) for _ in range(r.int(1, 0, 64)))
    is_culprit_named = r.flag()
    if is_culprit_named:
        r.int(1, 0, 63)
    for _ in range(r.int(1, 0, 128)):
        r.take(32 + 20)
        # The tokens of a report, or the half hour of a silence.
        if r.int(1, 0, 3) in (0, 2):
            r.int(4)
    beacon_epoch = r.int(8)
    r.take(32)
    step, e_value = r.int(1, 0, 2), r.int(8, 0, 2**53 - 1)
    r.flag()
    r.int(8, 0, _MOST_MS)
    r.end()
    if is_culprit_named and verdict != "reject":
        raise WireError(f"a culprit of {verdict}")
    if verdict == "reject" and evidence == 0:
        raise WireError("a reject carries evidence")
    if fee > 0 and verdict not in _PAID:
        raise WireError(f"{verdict} costs no fee")
    is_unpaid_audit = verdict in ("unjudged", "inconclusive") or (verdict == "reject" and evidence != _EXACT)
    is_finable = verdict == "abandoned" or (is_unpaid_audit and beacon_epoch > 0 and fee == 0)
    if fine > 0 and not is_finable:
        raise WireError(f"{verdict} is not fined")
    if e_value > 0 and step != 1:
        raise WireError("only the step of a reply has an e-value")
    return Entry(index, previous, reply_id, record_hash, provider_id, payee, verdict, fee, payer, router, shards)


@dataclass(frozen=True)
class Head:
    """The subject of a certificate: one batch of one log."""

    ledger: Ledger
    """The domain of the settlement contract."""
    validator: bytes
    sequence: int
    log_head: bytes
    log_length: int
    records_root: bytes
    replies: int
    rest: tuple[bytes, ...]
    """Hashes of debits, lines, ejections and tallies."""
    signatures: tuple[tuple[bytes, bytes, bytes], ...]
    """Signer, public key, signature; ascending by signer."""
    data: bytes
    """As it came."""

    def digest(self) -> bytes:
        values = (self.validator, self.sequence, self.log_head, self.log_length, self.records_root, self.replies, *self.rest)
        return self.ledger.digest(struct_hash(_BATCH_TYPE, *values))


def parse_head(data: bytes) -> Head:
    """@raises WireError"""
    r = Reader(data, b"ogong-log-head-v1\n")
    head = Head(
        ledger=Ledger(r.int(8), r.take(20)),
        validator=r.take(20),
        sequence=r.int(8),
        log_head=r.take(32),
        log_length=r.int(8),
        records_root=r.take(32),
        replies=r.int(4),
        rest=(r.take(32), r.take(32), r.take(32), r.take(32)),
        signatures=tuple(
            (r.take(20), r.take(PUBLIC_KEY_BYTES), r.take(SIGNATURE_BYTES)) for _ in range(r.int(2, 0, _MOST_SIGNERS))
        ),
        data=data,
    )
    r.end()
    if any(a[0] >= b[0] for a, b in zip(head.signatures, head.signatures[1:])):
        raise WireError("the signers do not ascend")
    return head


@dataclass(frozen=True)
class Voter:
    address: bytes
    stake: int
    head_key_hash: bytes
    """SHA-256 of the key for heads that it registered."""


def check_head(data: bytes, chain_id: int, settlement: bytes, validator: bytes, voters: Sequence[Voter]) -> tuple[list[Check], Head | None]:
    """
    @param voters: all of them, whose stake the quorum is of. @returns the checks of docs/spec/log-heads.md, and what the certificate is
    about where it can be read: worth nothing unless all of them passed.
    """
    try:
        head = parse_head(data)
    except WireError as error:
        return [failed("head-encoding", str(error))], None
    own = head.ledger.chain_id == chain_id and head.ledger.escrow == settlement and head.validator == validator
    total = sum(voter.stake for voter in voters)
    known = {voter.address: voter for voter in voters}
    message = b"ogong-log-head-signature-v1\n" + head.digest()
    ranked = [(known[signer], key, signature) for signer, key, signature in head.signatures if signer in known]
    ranked.sort(key=lambda one: -one[0].stake)
    signed = 0
    for voter, key, signature in ranked:
        if 3 * signed > 2 * total:
            break
        if sha256(key) == voter.head_key_hash and verify_hybrid(key, message, signature):
            signed += voter.stake
    checks = [
        passed("head-encoding", "canonical"),
        hold("head-log", own, f"batch {head.sequence} of this validator and network, {head.log_length} entries"),
        hold("head-quorum", 3 * signed > 2 * total, f"{signed} of {total} stake signed with both keys"),
    ]
    return checks, head


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether a leaf stands at an index of the tree of RFC 6962 with `size` leaves (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size or len(proof) > _MOST_PROOF:
        return False
    at, last = index, size - 1
    node = sha256(b"\x00", leaf)
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = sha256(b"\x01", sibling, node)
            while not at & 1 and at != 0:
                at, last = at >> 1, last >> 1
        else:
            node = sha256(b"\x01", node, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and node == root


@dataclass(frozen=True)
class Settled:
    """A validator's proof of a settled reply, and the certificate of the batch."""

    entry: bytes
    index: int
    proof: tuple[bytes, ...]
    certificate: bytes


def check_settled(
    shown: Settled | None,
    order: Order,
    ledger: Ledger,
    record_hash: bytes,
    settlement: bytes | None,
    voters: Sequence[Voter],
    settles_accepted: bool,
    shards: tuple[Shard, ...] = (),
) -> list[Check]:
    """
    @returns `settled` and `log-head`. @param shown: None if nobody shows any. @param settles_accepted: whether the request pays for
    accepted replies only. @param shards: those that the receipt names.
    """
    if shown is None or settlement is None:
        why = "no settlement contract is trusted" if settlement is None else "no entry and no certificate of its batch were shown"
        return [skipped("settled", why)]
    checks, head = check_head(shown.certificate, ledger.chain_id, settlement, order.validator, voters)
    wrong = next((check for check in checks if check.status == "fail"), None)
    if head is None or wrong is not None:
        detail = wrong.detail if wrong is not None else "it cannot be read"
        return [skipped("settled", "the head of its batch is not certified"), failed("log-head", detail)]
    certified = passed("log-head", f"batch {head.sequence}, {head.log_length} entries; {checks[2].detail}")
    try:
        entry = parse_entry(shown.entry)
    except WireError as error:
        return [failed("settled", f"the entry cannot be read: {error}"), certified]
    if head.replies > _MOST_REPLIES or not is_included(shown.entry, shown.index, head.replies, shown.proof, head.records_root):
        return [failed("settled", "the entry is not under the root of the batch"), certified]
    named = {
        "reply": entry.reply_id == order.reply_id(ledger),
        "record": entry.record_hash == record_hash,
        "provider": entry.provider_id == order.provider_id,
        "payee": entry.payee == order.payee,
        "payer": entry.payer == order.payer,
        "router": entry.router == order.router,
        "fee": entry.fee <= (0 if settles_accepted and entry.verdict == "inconclusive" else order.max_fee),
        "verdict": entry.verdict in _PAID,
        "place": entry.index < head.log_length,
        "cohort": entry.shards == shards,
    }
    others = [name for name, same in named.items() if not same]
    detail = f"another {', '.join(others)}" if others else f"{entry.verdict}, fee {entry.fee}: entry {entry.index}, batch {head.sequence}"
    return [failed("settled", detail) if others else passed("settled", detail), certified]


def follow(
    receipt: Mapping[str, Any], body: bytes, trust: Mapping[str, Any] | None, shown: Settled | None, voters: Sequence[Voter]
) -> list[Check]:
    """The checks of a receipt that its reader follows to the certificate of its batch. @raises UnusableError"""
    parsed, trusted = parse_receipt(dict(receipt)), parse_trust(dict(trust or {}))
    try:
        order = parse_order(parsed.order.data)
        if parsed.endpoint in ("embedding", "rerank"):
            accepted = parse_vector_request(body, parsed.endpoint).settles_accepted
        elif parsed.endpoint == "infer":
            accepted = parse_tensor_request(body).settles_accepted
        elif parsed.endpoint in ENDPOINTS:
            accepted = parse_picture_request(body, parsed.endpoint).settles_accepted
        else:
            accepted = parse_request(body, parsed.endpoint).settles_accepted
    except UnsupportedRequest:
        return [skipped("settled", "such a request is not read here, and it says what it pays for")]
    except WireError as error:
        return [failed("settled", str(error))]
    record_hash = sha256(parsed.record.data)
    return check_settled(shown, order, parsed.ledger, record_hash, trusted.settlement, voters, accepted, list_shards(parsed.cohort))


def read_voters(value: Any) -> list[Voter]:
    """@param value: `{"validators": [{"address", "stake", "headKey"}]}`, as docs/spec/log-heads.md has it. @raises UnusableError"""
    try:
        listed = value["validators"]
        voters = [Voter(read_hex(one["address"], 20), int(one["stake"]), read_hex(one["headKey"], 32)) for one in listed]
    except (KeyError, TypeError, ValueError) as error:
        raise UnusableError(f"the list of voters cannot be read: {error}") from None
    if len({voter.address for voter in voters}) != len(voters) or any(voter.stake < 0 for voter in voters):
        raise UnusableError("a voter is listed twice, or with a stake below zero")
    return voters


def read_settled(value: Any) -> Settled:
    """@param value: `{"entry", "index", "proof", "certificate"}`, bytes in hexadecimal digits. @raises UnusableError"""
    try:
        proof = tuple(read_hex(one, 32) for one in value["proof"])
        index = value["index"]
        if not isinstance(index, int) or isinstance(index, bool):
            raise ValueError("the index is no whole number")
        return Settled(read_hex(value["entry"]), index, proof, read_hex(value["certificate"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UnusableError(f"what is shown of the settled reply cannot be read: {error}") from None


def read_hex(text: Any, size: int | None = None) -> bytes:
    """@raises ValueError"""
    if not isinstance(text, str):
        raise ValueError("no hexadecimal digits")
    data = bytes.fromhex(text.removeprefix("0x"))
    if size is not None and len(data) != size:
        raise ValueError(f"{len(data)} bytes stand in the place of {size}")
    return data


def find_settled(receipt: Mapping[str, Any], ask: Callable[[str], Any]) -> Settled | None:
    """
    Collects a gateway's data of a reply and of the head of its batch (docs/spec/public-api.md). None of it is believed.
    @param ask: the JSON at a path of the gateway, None if it has nothing. @returns None if nothing is settled, or shown.
    """
    parsed = parse_receipt(dict(receipt))
    order = parse_order(parsed.order.data)
    validator = f"0x{order.validator.hex()}"
    reply = ask(f"/public/replies/{order.reply_id(parsed.ledger).hex()}?validator={validator}")
    shown = reply.get("settled") if isinstance(reply, dict) else None
    if not isinstance(shown, dict):
        return None
    try:
        index = parse_entry(read_hex(shown.get("entry"))).index
        newest = _ask_head(ask, validator, 0)
        # The first batch behind which the log is longer than the entry's place in it; a validator keeps its newest.
        low, high, found = 1, newest.sequence if newest else 0, newest
        while newest is not None and low < high:
            middle = (low + high) // 2
            head = _ask_head(ask, validator, middle)
            if head is not None and head.log_length > index:
                high, found = middle, head
            else:
                low = middle + 1
    except (WireError, ValueError):
        return None
    return read_settled({**shown, "certificate": found.data.hex()}) if found is not None else None


def _ask_head(ask: Callable[[str], Any], validator: str, sequence: int) -> Head | None:
    answer = ask(f"/public/validators/{validator}/heads/{sequence}")
    return parse_head(read_hex(answer.get("certificate"))) if isinstance(answer, dict) else None
