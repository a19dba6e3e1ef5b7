"""Providers that serve an order together (docs/spec/cohorts.md): their agreement, and the roots that they sign (docs/spec/boundary.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .checks import Check, failed, hold, passed, skipped
from .crypto.edwards import verify_ed25519
from .crypto.hybrid import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, verify_hybrid
from .order import Ledger, Order
from .embedding import VectorHeader
from .tensor_reply import TensorHeader
from .text.commitment import Boundary, Header
from .tiers import ATTESTED_TIERS, TIERS, check_posture, is_exact
from .trajectory import PictureHeader
from .wire import Reader, WireError, sha256, u8, u32

MOST_AGREEMENT_BYTES = 272 << 10
_MOST_SHARDS = 64
_MOST_LAYERS = 65_535
_MOST_TURNS = 1 << 18
_AGREEMENT_TAG = b"ogong-cohort-word-v1\n"
_TERMS_TAG = b"ogong-cohort-v1\n"
_ROOT_TAG = b"ogong-boundary-root-v1\n"
_OF_ROOTS = ("boundary-roots", "boundary-form", "boundary-inputs", "boundary-chain", "boundary-signatures")


@dataclass(frozen=True)
class Shard:
    """A provider's part of a model. The log names these fields of it."""

    provider_id: bytes
    payee: bytes
    first_layer: int
    layers: int
    price_per_1k: int


@dataclass(frozen=True)
class Member:
    shard: Shard
    numeric_class: str
    session_key: bytes


@dataclass(frozen=True)
class Agreement:
    ledger: Ledger
    order_hash: bytes
    manifest_hash: bytes
    model_root: bytes
    leader_link: bytes
    """SHA-256 of the certificate of the leader's link."""
    blind_hash: bytes
    members: tuple[Member, ...]
    """In the order of their layers; the last one leads."""
    signatures: tuple[tuple[bytes, bytes], ...]
    """Public key and signature of each member."""
    signed: bytes
    """The bytes that each member signs."""


def read_shard(r: Reader) -> Shard:
    return Shard(r.take(32), r.take(20), r.int(2), r.int(2), r.int(16))


def _read_member(r: Reader) -> Member:
    shard, numeric_class = read_shard(r), r.text(255)
    if not numeric_class or not all("!" <= c <= "~" for c in numeric_class):
        raise WireError("a class is no plain text")
    return Member(shard, numeric_class, r.take(32))


def parse_agreement(data: bytes) -> Agreement:
    """@raises WireError"""
    if len(data) > MOST_AGREEMENT_BYTES:
        raise WireError("an agreement has at most 272 KiB")
    r = Reader(data, _AGREEMENT_TAG)
    ledger, order_hash, manifest_hash, model_root = Ledger(r.int(8), r.take(20)), r.take(32), r.take(32), r.take(32)
    leader_link, blind_hash = r.take(32), r.take(32)
    members = tuple(_read_member(r) for _ in range(r.int(1, 0, _MOST_SHARDS)))
    terms_end = r.position
    signatures = tuple((r.take(PUBLIC_KEY_BYTES), r.take(SIGNATURE_BYTES)) for _ in range(r.int(1, 0, _MOST_SHARDS)))
    r.end()
    signed = _TERMS_TAG + data[len(_AGREEMENT_TAG) : terms_end]
    return Agreement(ledger, order_hash, manifest_hash, model_root, leader_link, blind_hash, members, signatures, signed)


def list_shards(data: bytes | None) -> tuple[Shard, ...]:
    """Lists the shards that an agreement names; none without one, or if it cannot be read."""
    try:
        return tuple(member.shard for member in parse_agreement(data).members) if data is not None else ()
    except WireError:
        return ()


def _find_members_problem(members: Sequence[Member]) -> str | None:
    following = 0
    for member in members:
        first, layers = member.shard.first_layer, member.shard.layers
        if layers < 1 or first != following or first + layers > _MOST_LAYERS:
            return f"a shard of {layers} layers from layer {first}, expected layer {following}"
        following += layers
    if len({member.shard.provider_id for member in members}) < len(members):
        return "a key has two shards"
    if len({member.session_key for member in members}) < len(members):
        return "two shards have the same session key"
    if any(not any(member.shard.payee) for member in members):
        return "a shard has no payee"
    return None


def find_problem(agreement: Agreement, ledger: Ledger, order: Order, order_hash: bytes, numeric_class: str | None) -> str | None:
    """
    Finds the reason that an agreement does not count for an order; None if it counts. @param numeric_class: of the reply's header, which
    is the leader's; None without a header.
    """
    members = agreement.members
    if agreement.ledger != ledger:
        return "the cohort is of another ledger"
    if agreement.order_hash != order_hash:
        return "the cohort has agreed to another order"
    if agreement.model_root != order.model_root:
        return "the cohort serves another model"
    if not members or (members[-1].shard.provider_id, members[-1].shard.payee) != (order.provider_id, order.payee):
        return "another provider or payee leads the cohort"
    if numeric_class is not None and members[-1].numeric_class != numeric_class:
        return "the leader agreed to another class than it served in"
    problem = _find_members_problem(members)
    if problem is not None:
        return problem
    if sum(member.shard.price_per_1k for member in members) != order.price_per_1k:
        return "the prices do not sum to that of the order"
    if len(agreement.signatures) != len(members):
        return f"{len(agreement.signatures)} signatures for {len(members)} shards"
    for place, (member, (key, signature)) in enumerate(zip(members, agreement.signatures)):
        if sha256(key) != member.shard.provider_id:
            return f"signature {place} is by another key than the shard's"
        if not verify_hybrid(key, agreement.signed, signature):
            return f"shard {place} has not signed these terms"
    return None


def find_weakness(members: Sequence[Member], tier: str, is_exact_demanded: bool) -> str | None:
    """Finds a member that does not keep a promise of the request: its tier, or a demanded exact class. None if all do."""
    if tier in ATTESTED_TIERS:
        return f"in tier {tier} one machine serves a model alone"
    for place, member in enumerate(members):
        known = TIERS.get(tier)
        problem = check_posture(tier, known.method if known and known.method else "", member.numeric_class)
        if problem is not None:
            return f"shard {place}: {problem}"
        if is_exact_demanded and not is_exact(member.numeric_class):
            return f"shard {place}: the request demands an exact class; {member.numeric_class} is none"
    return None


def _is_signed(order_hash: bytes, place: int, boundary: Boundary, key: bytes) -> bool:
    if not 1 <= boundary.turns <= _MOST_TURNS:
        return False
    statement = _ROOT_TAG + order_hash + u8(place) + u32(boundary.positions) + u32(boundary.turns) + boundary.root + boundary.input
    return verify_ed25519(key, statement, boundary.signature)


def check_cohort(
    data: bytes | None,
    ledger: Ledger,
    order: Order,
    order_hash: bytes,
    header: Header | VectorHeader | PictureHeader | TensorHeader | None,
    is_compact: bool,
    tier: str,
    is_exact_demanded: bool,
) -> list[Check]:
    """
    The checks `cohort`, `boundary-chain` and `boundary-signatures` of a receipt; none for a reply that one provider served alone. A compact
    receipt skips all checks of roots, also the two of the opening.
    @param data: the agreement. @param header: None if the receipt shows none that can be read. Only headers of texts have roots.
    """
    boundaries = header.boundaries if isinstance(header, Header) else ()
    if data is None:
        hidden = f"the header has {len(boundaries)} roots of shards, and the receipt has no agreement of a cohort"
        return [failed("cohort", hidden)] if boundaries else []
    try:
        agreement = parse_agreement(data)
    except WireError as error:
        return [failed("cohort", str(error))]
    problem = find_problem(agreement, ledger, order, order_hash, None if header is None else header.numeric_class)
    if problem is not None:
        return [failed("cohort", problem)]
    members = agreement.members
    weakness = find_weakness(members, tier, is_exact_demanded)
    if weakness is not None:
        return [failed("cohort", weakness)]
    agreed = passed("cohort", f"{len(members)} providers read the prompt, and each has agreed to this order")
    if len(members) == 1:
        return [agreed]
    if is_compact:
        return [agreed, *(skipped(name, "the receipt is compact") for name in _OF_ROOTS)]
    if header is None:
        return [agreed]
    needed = header.prompt_tokens + header.output_tokens - 1 if isinstance(header, Header) else 0
    return [agreed, *_check_roots(order_hash, members[:-1], boundaries, needed)]


def _check_roots(order_hash: bytes, senders: Sequence[Member], listed: Sequence[Boundary | None], needed: int) -> list[Check]:
    """@param senders: the shards before the leader. @param needed: the positions of a root."""
    roots = [listed[place] if place < len(listed) else None for place in range(len(senders))]
    gap = next((place for place, root in enumerate(roots) if root is None or root.positions != needed), None)
    if gap is not None:
        chain = failed("boundary-chain", f"shard {gap} has no root over {needed} positions")
    else:
        chain = hold("boundary-chain", len(listed) == len(senders), f"{len(senders)} shards before the leader have a root each")
    if not any(roots):
        return [chain, skipped("boundary-signatures", "there is no root")]
    unsigned = [
        place
        for place, (member, root) in enumerate(zip(senders, roots))
        if root is not None and not _is_signed(order_hash, place, root, member.session_key)
    ]
    signed = passed("boundary-signatures", "each root has the signature of its shard")
    return [chain, failed("boundary-signatures", f"shard {unsigned[0]} has not signed its root") if unsigned else signed]
