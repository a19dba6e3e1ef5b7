"""Values that a reader trusts already (docs/spec/receipt.md, trust), and the JSON form of a receipt."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .beacon import Generation, Validator
from .cohort import MOST_AGREEMENT_BYTES
from .crypto import hybrid
from .order import Ledger
from .pictures import ENDPOINTS

_CHECK = re.compile(r"[a-z][a-z0-9-]{0,63}\Z")
_PART = re.compile(r"[a-z][a-z0-9-]{0,31}\Z")
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]*)\Z")
_URL = re.compile(r"/(?:[!-.0-\[\]-~][!-~]*)?\Z")


class UnusableError(ValueError):
    """A receipt or a trust file that cannot be read: there is no verdict about it."""


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UnusableError(f"{what} is no object")
    return value


def _hex(value: Any, size: int, what: str) -> bytes:
    if not isinstance(value, str) or not re.fullmatch(rf"0x[0-9a-fA-F]{{{2 * size}}}", value):
        raise UnusableError(f"{what} is not 0x and {2 * size} hex digits")
    return bytes.fromhex(value[2:])


def _decimal(value: Any, digits: int, what: str) -> int:
    if not isinstance(value, str) or not _DECIMAL.match(value) or len(value) > digits:
        raise UnusableError(f"{what} is no integer in decimal text of at most {digits} digits")
    return int(value)


def read_base64(value: Any, what: str, size: int | None = None) -> bytes:
    """@raises UnusableError for anything but the canonical form, and for another size than `size`."""
    try:
        data = base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except (binascii.Error, ValueError):
        data = None
    if data is None or base64.b64encode(data).decode("ascii") != value:
        raise UnusableError(f"{what} is no base64")
    if size is not None and len(data) != size:
        raise UnusableError(f"{what} has {len(data)} bytes, {size} are expected")
    return data


@dataclass(frozen=True)
class Trust:
    ledger: Ledger | None = None
    settlement: bytes | None = None
    validators: tuple[Validator, ...] | None = None
    routers: frozenset[bytes] | None = None
    model_roots: Mapping[str, bytes] = field(default_factory=dict)
    order_keys: Mapping[tuple[bytes, bytes, bytes], int] = field(default_factory=dict)
    """Keys that sign orders for other accounts: the limit of each payer, validator and key."""
    generations: tuple[Generation, ...] | None = None
    """Keys of the threshold beacon, from generation 1 on."""
    allow: frozenset[str] = frozenset()


_TRUST_FIELDS = {"ledger", "settlement", "validators", "routers", "modelRoots", "orderKeys", "generations", "allow"}


def parse_trust(value: Any) -> Trust:
    """@param value: the JSON object of a trust file. @raises UnusableError"""
    trust = _object(value, "the trust file")
    unknown = set(trust) - _TRUST_FIELDS
    if unknown:
        raise UnusableError(f"trust has no field {sorted(unknown)[0]}")
    ledger, settlement = trust.get("ledger"), trust.get("settlement")
    validators, routers, allow = trust.get("validators"), trust.get("routers"), trust.get("allow", [])
    for name in ("validators", "routers", "orderKeys", "generations", "allow"):
        if name in trust and not isinstance(trust[name], list):
            raise UnusableError(f"trust.{name} is no list")
    if any(not isinstance(name, str) or not _CHECK.match(name) for name in allow):
        raise UnusableError("trust.allow lists ids of checks")
    roots = _object(trust.get("modelRoots", {}), "trust.modelRoots")
    members = None if validators is None else tuple(map(_read_validator, validators))
    if members is not None and len({member.address for member in members}) < len(members):
        raise UnusableError("a validator stands twice in trust")
    return Trust(
        ledger=None if ledger is None else parse_ledger(ledger, "trust.ledger"),
        settlement=None if settlement is None else _hex(settlement, 20, "trust.settlement"),
        validators=members,
        routers=None if routers is None else frozenset(_hex(router, 32, "a router") for router in routers),
        model_roots={name: _hex(root, 32, f"the root of {name}") for name, root in roots.items()},
        generations=None if "generations" not in trust else _read_generations(trust["generations"]),
        order_keys=dict(map(_read_order_key, trust.get("orderKeys", []))),
        allow=frozenset(allow),
    )


def _read_generations(listed: list[Any]) -> tuple[Generation, ...]:
    generations = []
    for i, value in enumerate(listed):
        one = _object(value, "a generation")
        unknown = set(one) - {"generation", "key", "firstEpoch", "lastEpoch"}
        if unknown or one.get("generation") != i + 1 or isinstance(one.get("generation"), bool):
            raise UnusableError("generations are numbered from 1, and have generation, key, firstEpoch and lastEpoch")
        key, first = _hex(one.get("key"), 48, "the key of a generation"), _decimal(one.get("firstEpoch"), 20, "firstEpoch")
        last = _decimal(one["lastEpoch"], 20, "lastEpoch") if "lastEpoch" in one else None
        generations.append(Generation(i + 1, key, first, last))
    return tuple(generations)


def _read_order_key(value: Any) -> tuple[tuple[bytes, bytes, bytes], int]:
    grant = _object(value, "a key of orders")
    payer, validator, key = (_hex(grant.get(name), 20, name) for name in ("payer", "validator", "key"))
    return (payer, validator, key), _decimal(grant.get("limit"), 39, "limit")


def parse_ledger(value: Any, what: str) -> Ledger:
    ledger = _object(value, what)
    return Ledger(_decimal(ledger.get("chainId"), 20, f"{what}.chainId"), _hex(ledger.get("escrow"), 20, f"{what}.escrow"))


def _read_validator(value: Any) -> Validator:
    member = _object(value, "a validator")
    _hex(member.get("certHash"), 32, "certHash")
    if not isinstance(member.get("endpoint"), str):
        raise UnusableError("a validator has no endpoint")
    return Validator(
        address=_hex(member.get("address"), 20, "address"),
        signing_key=_hex(member.get("signingKey"), 20, "signingKey"),
        stake=_decimal(member.get("stake"), 39, "stake"),
        vrf_key=_hex(member.get("vrfKey"), 32, "vrfKey"),
    )


@dataclass(frozen=True)
class Signed:
    data: bytes
    signature: bytes
    public_key: bytes = b""


@dataclass(frozen=True)
class Word:
    """A signed statement of the order's validator: an admission or an intake."""

    epoch: int
    signature: bytes
    time: int = 0


@dataclass(frozen=True)
class Receipt:
    endpoint: str
    ledger: Ledger
    order: Signed
    ticket: Signed
    admission: Word
    record: Signed
    intake: Word | None
    beacon: bytes
    evidence: Mapping[str, bytes]
    progress: Signed | None
    opening: bytes | None
    """None: a compact receipt, which says where its opening lies."""
    opening_url: str | None
    cohort: bytes | None
    """The agreement of the providers that served together; None if one served alone."""


def parse_receipt(value: Any) -> Receipt:
    """@param value: the JSON object of a receipt. @raises UnusableError"""
    receipt = _object(value, "the receipt")
    if receipt.get("format") != "ogong-receipt-v1":
        raise UnusableError("it is not of the format ogong-receipt-v1")
    if receipt.get("endpoint") not in ("chat", "completion", "embedding", "rerank", "infer", *ENDPOINTS):
        raise UnusableError("its endpoint is not known")
    admission = _object(receipt.get("admission"), "admission")
    intake, progress = receipt.get("intake"), receipt.get("progress")
    opening, url = _read_opening(receipt.get("opening"))
    return Receipt(
        endpoint=receipt["endpoint"],
        ledger=parse_ledger(receipt.get("ledger"), "ledger"),
        order=read_signed(receipt.get("order"), "order", 65),
        ticket=read_hybrid(receipt.get("ticket"), "ticket"),
        admission=Word(
            _decimal(admission.get("epoch"), 19, "admission.epoch"),
            read_base64(admission.get("signature"), "admission.signature", 65),
            _decimal(admission.get("time"), 19, "admission.time"),
        ),
        record=read_hybrid(receipt.get("record"), "record"),
        intake=None if intake is None else _read_intake(intake),
        beacon=read_base64(receipt.get("beacon"), "beacon"),
        evidence=_read_evidence(receipt.get("evidence")),
        progress=None if progress is None else read_signed(progress, "progress", 65),
        opening=opening,
        opening_url=url,
        cohort=_read_cohort(receipt["cohort"]) if "cohort" in receipt else None,
    )


def read_signed(value: Any, what: str, size: int) -> Signed:
    part = _object(value, what)
    data = read_base64(part.get("bytes"), f"{what}.bytes")
    return Signed(data, read_base64(part.get("signature"), f"{what}.signature", size))


def read_hybrid(value: Any, what: str) -> Signed:
    signed = read_signed(value, what, hybrid.SIGNATURE_BYTES)
    key = read_base64(value.get("publicKey"), f"{what}.publicKey", hybrid.PUBLIC_KEY_BYTES)
    return Signed(signed.data, signed.signature, key)


def _read_intake(value: Any) -> Word:
    intake = _object(value, "intake")
    epoch = _decimal(intake.get("epoch"), 19, "intake.epoch")
    return Word(epoch, read_base64(intake.get("signature"), "intake.signature", 65))


def _read_cohort(value: Any) -> bytes:
    agreement = read_base64(value, "cohort")
    if not 0 < len(agreement) <= MOST_AGREEMENT_BYTES:
        raise UnusableError(f"cohort has 1 to {MOST_AGREEMENT_BYTES} bytes")
    return agreement


def _read_evidence(value: Any) -> dict[str, bytes]:
    if value is None:
        return {}
    evidence = _object(value, "evidence")
    if len(evidence) > 8 or not all(map(_PART.match, evidence)):
        raise UnusableError("evidence has at most 8 parts, with names of lower-case letters, digits and -")
    return {name: read_base64(part, f"evidence.{name}") for name, part in evidence.items()}


def _read_opening(value: Any) -> tuple[bytes | None, str | None]:
    opening = _object(value, "opening")
    if ("bytes" in opening) == ("url" in opening):
        raise UnusableError("an opening has either bytes or a url")
    if "bytes" in opening:
        return read_base64(opening["bytes"], "opening.bytes"), None
    if not isinstance(opening["url"], str):
        raise UnusableError("opening.url is no text")
    return None, opening["url"]
