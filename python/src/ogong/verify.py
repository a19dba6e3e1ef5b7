"""`verify_receipt`: every check of docs/spec/receipt.md that needs no chain and no model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .attestation import check_attestation, check_proxied
from .beacon import Certificate, ThresholdCertificate, check_certificate, check_threshold, derive_bank_seed, genesis, parse_any_certificate
from .checks import Check, failed, hold, passed, skipped
from .cohort import check_cohort
from .crypto.hybrid import verify_hybrid
from .crypto.secp256k1 import recover_address
from .embedding import VectorHeader, replay_vectors
from .fee import check_fee, compute_billed, compute_fee
from .order import Progress, hash_admission, hash_intake, parse_order, parse_progress
from .pictures import ENDPOINTS, PictureRequest, Source, count_units, parse_picture_request
from .record import compute_blinds, Ticket, hash_response, parse_record, parse_ticket
from .tensor_reply import TensorHeader, replay_tensors
from .tensors import TensorRequest, parse_tensor_request
from .text.commitment import Header, compose_root, parse_opening
from .text.request import TextRequest, UnsupportedRequest, parse_request
from .text.stage1 import NOT_OF_TOKENS, replay
from .tiers import NAMED_TIERS, TIERS, is_exact, tier_of
from .trajectory import SUMS, HeaderSource, PictureHeader, project, replay_picture
from .trust import Receipt, Trust, UnusableError, parse_receipt, parse_trust, read_base64
from .vectors import VectorRequest, parse_vector_request
from .wire import WireError, parse_json, sha256

__all__ = ["Verdict", "UnusableError", "verify_receipt", "verify_file"]

_CLOCKS_MS = 30_000
_MOST_RECEIPT_BYTES = 96 << 20
_STAGE_1 = (
    "commitment-root commitment-form posture token-count listing draw-replay shape-classes blinding header-order sampler draw-key"
    " sketch-bank payee stop-strings context response-size fee"
).split()
MARK_TOKENS = 32
"""The most tokens of a reply that write nothing, such as marks of turns."""
_OF_VECTORS = (
    "commitment-root commitment-form posture token-count vectors unit-norm sketch blinding header-order inputs response-size"
    " sketch-bank payee context fee"
).split()
"""What an opening of vectors or scores proves."""
_OF_TENSORS = (
    "commitment-root commitment-form posture token-count tensors blinding header-order inputs response-size sketch-bank payee context fee"
).split()
"""What an opening of tensors proves."""
_OF_PICTURES = (
    "commitment-root commitment-form posture token-count links projections blinding header-order choices draw-key response-size pixels"
    " sketch-bank payee fee"
).split()
"""What an opening of a picture proves."""
_OF_OUTPUTS = ("links", "projections")
"""Checks that read the model's outputs, which only the payer's gateway, validators and witnesses get."""
_ZERO32 = bytes(32)


@dataclass(frozen=True)
class Verdict:
    checks: list[Check]
    allow: frozenset[str] = field(default_factory=frozenset)

    @property
    def missing(self) -> list[str]:
        """Checks that were skipped, and that nobody allowed to be."""
        return [check.id for check in self.checks if check.status == "skip" and check.id not in self.allow]

    @property
    def allowed(self) -> list[str]:
        return [check.id for check in self.checks if check.status == "skip" and check.id in self.allow]

    @property
    def failed(self) -> list[str]:
        return [check.id for check in self.checks if check.status == "fail"]

    @property
    def ok(self) -> bool:
        """Nothing failed, something passed, and every skipped check is one that the reader does without."""
        return not self.failed and not self.missing and any(check.status == "pass" for check in self.checks)


def verify_file(data: bytes, trust: Mapping[str, Any] | None = None, *, now_ms: int | None = None) -> Verdict:
    """
    @param data: a saved receipt, with `request` and `response` in it, as `GET /v1/receipts/<reply id>` answers.
    @param trust: the JSON object of a trust file. @raises UnusableError
    """
    if len(data) > _MOST_RECEIPT_BYTES:
        raise UnusableError("a receipt has at most 96 MiB")
    try:
        value = parse_json(data)
    except WireError as error:
        raise UnusableError(str(error)) from None
    if not isinstance(value, dict):
        raise UnusableError("the receipt is no object")
    request = read_base64(value.get("request"), "request")
    response = read_base64(value.get("response"), "response")
    return verify_receipt(value, request=request, response=response, trust=trust, now_ms=now_ms)


def verify_receipt(
    receipt: Mapping[str, Any],
    *,
    request: bytes,
    response: bytes,
    trust: Mapping[str, Any] | None = None,
    now_ms: int | None = None,
) -> Verdict:
    """
    @param receipt: its JSON object. @param request: the exact body that was sent. @param response: UTF-8 of the reply's text.
    @param trustvalues that the reader trusts already, the JSON object of a trust file; without it the checks that need it are skipped.
    @param now_ms: the reader's clock, Unix time in ms; None: possible times are not checked.
    @raises UnusableError if receipt or trust cannot be read: then there is no verdict.
    """
    parsed = parse_receipt(dict(receipt))
    trusted = parse_trust({} if trust is None else dict(trust))
    return _Reading(parsed, trusted, request, response, now_ms).verdict()


class _Reading:
    """One receipt that is being checked."""

    def __init__(self, receipt: Receipt, trust: Trust, body: bytes, response: bytes, now_ms: int | None) -> None:
        self.receipt, self.trust, self.body, self.response, self.now_ms = receipt, trust, body, response, now_ms
        self.checks: list[Check] = []

    def verdict(self) -> Verdict:
        try:
            self.order = parse_order(self.receipt.order.data)
            self.record = parse_record(self.receipt.record.data)
            self.ticket = parse_ticket(self.receipt.ticket.data)
            self.request = self._read_request()
            self.vectors = self._read_vectors()
            endpoint = self.receipt.endpoint
            self.picture = parse_picture_request(self.body, endpoint) if endpoint in ENDPOINTS else None
            self.tensors = parse_tensor_request(self.body) if endpoint == "infer" else None
        except WireError as error:
            return Verdict([failed("format", str(error))])
        self.model = self._model()
        self.blind = compute_blinds(self.body, self.record.reply_id).answer
        self.tier = tier_of(self.model)
        self.order_hash = self.order.digest(self.receipt.ledger)
        self.checks = [passed("format", "order, record, ticket and request can be read")]
        self._check_signed()
        self._check_trusted()
        certificate = self._check_beacon()
        header = self._check_opening(certificate)
        self.checks += self._check_cohort(header)
        own = NOT_OF_TOKENS if self.tier in NAMED_TIERS else ()
        return Verdict(self.checks, self.trust.allow | frozenset(own) | frozenset(_OF_OUTPUTS))

    def _read_request(self) -> TextRequest | None:
        """None: this package cannot make the request's grammar, or reads no request of this endpoint."""
        if self.receipt.endpoint not in ("chat", "completion"):
            return None
        try:
            return parse_request(self.body, self.receipt.endpoint)
        except UnsupportedRequest:
            return None

    def _read_vectors(self) -> VectorRequest | None:
        endpoint = self.receipt.endpoint
        return parse_vector_request(self.body, endpoint) if endpoint in ("embedding", "rerank") else None

    def _model(self) -> str:
        known = self.request or self.vectors or self.picture or self.tensors
        if known is not None:
            return known.model
        body = parse_json(self.body)
        model = body.get("model") if isinstance(body, dict) else None
        if not isinstance(model, str):
            raise WireError("the request names no model")
        return model

    def _signs_for_payer(self, signer: bytes | None) -> bool:
        order = self.order
        limit = None if signer is None else self.trust.order_keys.get((order.payer, order.validator, signer))
        return signer == order.payer or (limit is not None and order.cumulative <= limit)

    def _add(self, check: Check) -> None:
        self.checks.append(check)

    # --- signatures ---------------------------------------------------------------------------------------------------------------

    def _check_signed(self) -> None:
        receipt, order, record, ticket = self.receipt, self.order, self.record, self.ticket
        self._add(self._check_evidence())
        if self.tier == "tee":
            attestation = receipt.evidence.get("attestation")
            self.checks += check_attestation(attestation, record, receipt.record.data)
        if self.tier == "tee-proxy":
            self.checks += check_proxied(receipt.evidence.get("attestation"), record, receipt.record.data)
        asked = self.request or self.vectors or self.picture or self.tensors
        if asked is None:
            self._add(skipped("request-hash", "the summary of such a request cannot be made here"))
        else:
            same = asked.hash() == order.request_hash == record.request_hash
            self._add(hold("request-hash", same, "order and record are about this body"))
        self._add(hold("response-hash", hash_response(self.blind, self.response) == record.response_hash, "the record is about this text"))
        signer = recover_address(self.order_hash, receipt.order.signature)
        self._add(hold("order-signature", self._signs_for_payer(signer), "the payer signed the order"))
        signed = verify_hybrid(receipt.record.public_key, receipt.record.data, receipt.record.signature)
        self._add(hold("record-signature", signed, "both halves of the provider's signature hold"))
        provider = sha256(receipt.record.public_key)
        self._add(hold("provider-identity", provider == order.provider_id, "the order's provider signed the record"))
        bound = record.reply_id == order.reply_id(receipt.ledger) and record.model_root == order.model_root
        self._add(hold("order-binding", bound, "the record names the order's reply and model root"))
        self._add(hold("ticket", self._ticket_holds(ticket), "the router's ticket is for this order"))
        if self.trust.routers is None:
            self._add(skipped("router", "no routers are trusted"))
        else:
            self._add(hold("router", sha256(receipt.ticket.public_key) in self.trust.routers, "a trusted router signed the ticket"))

    def _check_evidence(self) -> Check:
        tier = TIERS.get(self.tier or "")
        if tier is None or tier.method is None:
            return failed("evidence", f"the tier of {self.model} is not served")
        if self.order.epoch > 0 and not self.receipt.beacon:
            return failed("evidence", "the certificate of the beacon is missing")
        if not self.receipt.opening and not self.receipt.opening_url:
            return failed("evidence", "there is no opening, and no place where it lies")
        if self.tier in ("tee", "tee-proxy") and "attestation" not in self.receipt.evidence:
            return failed("evidence", "the attestation is missing")
        return passed("evidence", f"tier {self.tier} has what it demands")

    def _ticket_holds(self, ticket: Ticket) -> bool:
        order, signed = self.order, self.receipt.ticket
        return (
            verify_hybrid(signed.public_key, signed.data, signed.signature)
            and ticket.reply_id == order.reply_id(self.receipt.ledger)
            and ticket.provider_id == order.provider_id
            and ticket.payee == order.payee
            and ticket.model_root == order.model_root
            and ticket.router == order.router
            and ticket.price_per_1k == order.price_per_1k
            and ticket.context_size == order.context_size
            and ticket.model_id == self.model
        )

    # --- trusted parties ---------------------------------------------------------------------------------------------------------

    def _check_trusted(self) -> None:
        trust, receipt, order = self.trust, self.receipt, self.order
        if trust.ledger is None:
            self._add(skipped("ledger", "no ledger is trusted"))
        else:
            self._add(hold("ledger", trust.ledger == receipt.ledger, "it is the trusted ledger"))
        key = None
        if trust.validators is None:
            self._add(skipped("validator", "no validators are trusted"))
        else:
            key = next((m.signing_key for m in trust.validators if m.address == order.validator), None)
            self._add(hold("validator", key is not None, "the order's validator is trusted"))
        self._check_words(key)
        self._check_root()
        if self.now_ms is None:
            self._add(skipped("times", "the reader has no clock"))
        else:
            start, end = self.record.start_ns // 1_000_000, self.record.end_ns // 1_000_000
            possible = self.record.end_ns >= self.record.start_ns and end <= self.now_ms + _CLOCKS_MS
            self._add(hold("times", possible and start < order.expires_at + _CLOCKS_MS, "the times are possible"))

    def _check_words(self, key: bytes | None) -> None:
        receipt, order = self.receipt, self.order
        admission, intake = receipt.admission, receipt.intake
        if key is None:
            self._add(skipped("admission", "the validator's key is not known"))
            self._add(skipped("intake", "the validator's key is not known"))
            return
        digest = hash_admission(receipt.ledger, order.validator, self.order_hash, admission.epoch, admission.time)
        holds = admission.time < order.expires_at and recover_address(digest, admission.signature) == key
        self._add(hold("admission", holds, "the validator admitted the order before it expired"))
        if intake is None:
            self._add(skipped("intake", "the validator has not signed yet that it has the record"))
            return
        record_hash = sha256(receipt.record.data)
        digest = hash_intake(receipt.ledger, order.validator, self.order_hash, record_hash, intake.epoch)
        holds = intake.epoch >= admission.epoch and recover_address(digest, intake.signature) == key
        self._add(hold("intake", holds, "the validator accepted the record"))

    def _check_root(self) -> None:
        if self.tier in NAMED_TIERS:
            root: bytes | None = sha256(b"ogong-named-model-v1\n", self.model.encode("utf-8"))
        else:
            root = self.trust.model_roots.get(self.model)
        if root is None:
            self._add(skipped("model-root", f"no root of {self.model} is trusted"))
        else:
            self._add(hold("model-root", root == self.record.model_root, "the record's root is that of the model"))

    # --- the beacon ----------------------------------------------------------------------------------------------------------------

    def _check_beacon(self) -> tuple[bytes, bytes] | None:
        """@returns the value of the order's epoch and the one before it, where the receipt says them."""
        trust, chain_id = self.trust, self.receipt.ledger.chain_id
        if self.order.epoch == 0 and not self.receipt.beacon:
            if trust.settlement is None:
                self._add(skipped("beacon", "no settlement contract is trusted, which the first value names"))
                return None
            value = genesis(chain_id, trust.settlement)
            self._add(passed("beacon", "the value of epoch 0"))
            return value, value
        certificate: Certificate | ThresholdCertificate | None = None
        try:
            certificate = parse_any_certificate(self.receipt.beacon, chain_id)
            reason = None if certificate.epoch == self.order.epoch else "it is of another epoch than the order"
        except WireError as error:
            reason = str(error)
        if reason is not None or certificate is None:
            self._add(failed("beacon", reason or "it cannot be read"))
            return None
        if isinstance(certificate, ThresholdCertificate):
            if trust.generations is None or trust.settlement is None:
                self._add(skipped("beacon", "no keys of the beacon, or no settlement contract, are trusted"))
            else:
                reason = check_threshold(certificate, chain_id, trust.settlement, trust.generations)
                self._add(passed("beacon", "the key of its generation signed it") if reason is None else failed("beacon", reason))
        elif any(one.has(certificate.epoch) for one in trust.generations or ()):
            self._add(failed("beacon", "the key of a generation signs this epoch, and no quorum"))
        elif trust.validators is None or trust.settlement is None:
            self._add(skipped("beacon", "no validators, or no settlement contract, are trusted"))
        else:
            reason = check_certificate(certificate, chain_id, trust.settlement, trust.validators)
            self._add(passed("beacon", "a quorum signed it") if reason is None else failed("beacon", reason))
        return certificate.value, certificate.previous

    # --- the opening ---------------------------------------------------------------------------------------------------------------

    def _check_opening(self, beacon: tuple[bytes, bytes] | None) -> Header | VectorHeader | PictureHeader | TensorHeader | None:
        """@returns the reply's header; None if the receipt shows none that can be read."""
        receipt = self.receipt
        if receipt.opening is None:
            of_others = _OF_PICTURES if self.picture is not None else _STAGE_1
            names = of_others if self.vectors is None else _OF_VECTORS
            names = names if self.tensors is None else _OF_TENSORS
            self.checks += [skipped(name, "the opening lies elsewhere") for name in names]
            return None
        try:
            opening = parse_opening(receipt.opening)
        except WireError as error:
            self._add(failed("commitment-form", str(error)))
            return None
        blinding = hold("blinding", opening.blind == self.blind, "the hashes of the answer are blinded by this request")
        if self.vectors is not None:
            embedded = replay_vectors(self.record, opening)
            self.checks += embedded.checks
            if embedded.header is not None:
                self._add(blinding)
                self._check_vector_header(self.vectors, embedded.header, beacon)
            return embedded.header
        if self.tensors is not None:
            joined = replay_tensors(self.record, opening)
            self.checks += joined.checks
            if joined.header is not None:
                self._add(blinding)
                self._check_tensor_header(self.tensors, joined.header, beacon)
            return joined.header
        if self.picture is not None:
            made = replay_picture(self.record, opening)
            self.checks += made.checks
            if made.header is not None:
                self._add(blinding)
                self._check_picture_header(self.picture, made.header, beacon)
            return made.header
        replayed = replay(self.record, opening)
        self.checks += replayed.checks
        if replayed.header is not None:
            self._add(blinding)
            self._check_header(replayed.header, beacon)
        return replayed.header

    def _check_cohort(self, header: Header | VectorHeader | PictureHeader | TensorHeader | None) -> list[Check]:
        receipt = self.receipt
        asked = self.request or self.vectors or self.picture or self.tensors
        is_exact_demanded = asked is not None and asked.exact
        is_compact = receipt.opening is None
        return check_cohort(
            receipt.cohort, receipt.ledger, self.order, self.order_hash, header, is_compact, self.tier or "", is_exact_demanded
        )

    def _check_vector_header(self, asked: VectorRequest, header: VectorHeader, beacon: tuple[bytes, bytes] | None) -> None:
        order = self.order
        self._add(hold("header-order", header.order_hash == self.order_hash, "the header is about this order"))
        same = (
            header.endpoint == asked.endpoint
            and header.vectors == asked.inputs
            and asked.dimensions in (0, header.embedding_size)
            and header.choice == order.choice == 0
            and header.tier == self.tier
            and not header.parts
        )
        self._add(hold("inputs", same, "the header states what the request asks for"))
        size = 4 * header.vectors * header.embedding_size
        self._add(hold("response-size", len(self.response) == size, f"{size} bytes of {header.vectors} vectors"))
        self._add(self._check_bank(header, beacon))
        self._add(hold("payee", header.payee == order.payee, "the header names the order's payee"))
        fits = header.longest_input <= order.context_size
        self._add(hold("context", fits, f"{header.longest_input} tokens at most, and a context of {order.context_size}"))
        demands = self._check_demands(asked, header)
        if demands is not None:
            self._add(demands)
        reason = check_fee(order, asked.prompt_bound, 0, header.prompt_tokens, 0)
        billed = f"{header.prompt_tokens} tokens bill {compute_fee(order.price_per_1k, header.prompt_tokens)}"
        self._add(passed("fee", billed) if reason is None else failed("fee", reason))

    def _check_tensor_header(self, asked: TensorRequest, header: TensorHeader, beacon: tuple[bytes, bytes] | None) -> None:
        order = self.order
        self._add(hold("header-order", header.order_hash == self.order_hash, "the header is about this order"))
        same = (
            header.prompt_tokens == asked.units
            and asked.outputs in ((), tuple(form.name for form, _ in header.outputs))
            and header.choice == order.choice == 0
            and header.tier == self.tier
            and not header.parts
        )
        self._add(hold("inputs", same, "the header states what the request asks for"))
        size = header.response_size()
        self._add(hold("response-size", len(self.response) == size, f"{size} bytes of {len(header.outputs)} outputs"))
        self._add(self._check_bank(header, beacon))
        self._add(hold("payee", header.payee == order.payee, "the header names the order's payee"))
        fits = header.prompt_tokens <= order.context_size
        self._add(hold("context", fits, f"{header.prompt_tokens} units, and a context of {order.context_size}"))
        demands = self._check_demands(asked, header)
        if demands is not None:
            self._add(demands)
        reason = check_fee(order, asked.units, 0, header.prompt_tokens, 0)
        billed = f"{header.prompt_tokens} units bill {compute_fee(order.price_per_1k, header.prompt_tokens)}"
        self._add(passed("fee", billed) if reason is None else failed("fee", reason))

    def _check_picture_header(self, asked: PictureRequest, header: PictureHeader, beacon: tuple[bytes, bytes] | None) -> None:
        order, width, height = self.order, header.width, header.height
        self._add(hold("header-order", header.order_hash == self.order_hash, "the header is about this order"))
        same = (
            asked.size in (None, (width, height))
            and asked.steps in (None, header.steps)
            and asked.guidance in (None, header.guidance)
            and asked.plan == header.plan
            and header.sampler == (asked.sampler or header.model_sampler)
            and header.endpoint == asked.endpoint
            and _is_source(header.source, asked.source)
            and header.range == asked.range
            and count_units(width, height, header.run) <= asked.most_units
            and header.choice == order.choice < asked.choices
            and header.tier == self.tier
            and not header.parts
            and header.hidden_problem() is None
        )
        self._add(hold("choices", same, "the header states what the request asks for"))
        self._add(self._check_draw_key(header, asked.seed, beacon))
        size = 4 * header.values if header.is_latent else 3 * width * height
        self._add(hold("response-size", len(self.response) == size, f"{size} bytes of {width}x{height} pixels or their latent"))
        if len(self.response) == size:
            of_picture = project(header.bank_seed, self.response) == header.pixels
            self._add(hold("pixels", of_picture, "the committed projection is that of the answer"))
        self._add(self._check_bank(header, beacon, SUMS))
        self._add(hold("payee", header.payee == order.payee, "the header names the order's payee"))
        demands = self._check_demands(asked, header)
        if demands is not None:
            self._add(demands)
        reason = check_fee(order, 0, asked.most_units, 0, header.units)
        billed = f"{header.units} units bill {compute_fee(order.price_per_1k, header.units)}"
        self._add(passed("fee", billed) if reason is None else failed("fee", reason))

    def _check_bank(
        self, header: Header | VectorHeader | PictureHeader | TensorHeader, beacon: tuple[bytes, bytes] | None, directions: int = 16
    ) -> Check:
        if beacon is None:
            return skipped("sketch-bank", "no value of the beacon is known")
        seed = derive_bank_seed(self.order.model_root, beacon[1])
        own = SUMS if isinstance(header, PictureHeader) else header.directions
        return hold("sketch-bank", own == directions and header.bank_seed == seed, "the bank is the epoch's")

    def _check_header(self, header: Header, beacon: tuple[bytes, bytes] | None) -> None:
        order, request = self.order, self.request
        self._add(hold("header-order", header.order_hash == self.order_hash, "the header is about this order"))
        self._add(self._check_sampler(header))
        if request is None:
            self._add(skipped("draw-key", "such a request is not read here"))
        else:
            self._add(self._check_draw_key(header, request.seed, beacon))
        self._add(self._check_bank(header, beacon))
        self._add(hold("payee", header.payee == order.payee, "the header names the order's payee"))
        progress = self._progress()
        if request is not None:
            demands = self._check_demands(request, header)
            if demands is not None:
                self._add(demands)
            if request.grammar is not None:
                self._add(skipped("grammar", "texts are not matched with grammars here"))
            self._add(self._check_stop(request, header, progress))
        else:
            self._add(skipped("stop-strings", "such a request is not read here"))
        together = header.prompt_tokens + header.output_tokens
        fits = together <= order.context_size and (header.stop_reason != "context" or together == order.context_size)
        self._add(hold("context", fits, f"{together} tokens, and a context of {order.context_size}"))
        if header.tier in NAMED_TIERS:
            self._add(self._check_size(header, 1))
        elif request is not None:
            longest = max((len(one.encode()) for one in request.stop), default=0)
            self._add(self._check_size(header, MARK_TOKENS + longest))
        self._add(self._check_fee(header, progress))

    def _check_size(self, header: Header, omitted: int) -> Check:
        most = len(self.response) + omitted
        return hold("response-size", header.output_tokens <= most, f"{header.output_tokens} tokens, {most} at most")

    def _check_sampler(self, header: Header) -> Check:
        request, order = self.request, self.order
        if request is None:
            return skipped("sampler", "such a request is not read here")
        root = compose_root(header.parts) if header.parts else None
        same = (
            header.endpoint == request.endpoint
            and header.sampler == request.sampler
            and header.bias == request.bias
            and header.max_tokens == request.max_tokens
            and header.choice == order.choice
            and header.choice < request.choices
            and len(header.pictures) == request.pictures
            and header.tier == self.tier
            and header.prompt_day == order.expires_at // 86_400_000
            and header.thinking == request.thinking
            and header.grammar_hash == (request.grammar_hash or _ZERO32)
            and (root is None or root == order.model_root)
        )
        return hold("sampler", same, "the header states what the request asks for")

    def _check_draw_key(self, header: Header | PictureHeader, seed: int | None, beacon: tuple[bytes, bytes] | None) -> Check:
        order = self.order
        inputs = header.draw_key
        if seed is not None:
            expected = seed.to_bytes(8, "big", signed=True) + order.request_hash + order.model_root + bytes([order.choice])
            return hold("draw-key", inputs.mode == 1 and inputs.fields == expected, "the draws follow from the request's seed")
        fixed = order.nonce + order.request_hash + order.reply_id(self.receipt.ledger) + order.provider_id
        fixed += order.epoch.to_bytes(8, "big")
        same = inputs.mode == 0 and inputs.fields[: len(fixed)] == fixed
        if beacon is None:
            if order.epoch > 0 or self.receipt.beacon:
                return failed("draw-key", "no value of the beacon is known")
            return hold("draw-key", same, "the draws follow from the order")
        return hold("draw-key", same and inputs.fields[len(fixed) :] == beacon[0], "the draws follow from order and beacon")

    def _check_demands(
        self, request: TextRequest | VectorRequest | PictureRequest | TensorRequest, header: Header | VectorHeader | PictureHeader | TensorHeader
    ) -> Check | None:
        if not request.exact and request.model_root is None and not request.settles_accepted:
            return None
        met = (not request.exact or is_exact(header.numeric_class)) and (
            request.model_root is None or request.model_root == self.order.model_root
        )
        return hold("demands", met, "class and weights are those that were demanded")

    def _progress(self) -> Progress | None:
        """The payer's signed progress of the text, if the receipt has a valid one."""
        signed = self.receipt.progress
        if signed is None:
            return None
        try:
            progress = parse_progress(signed.data)
        except WireError:
            return None
        is_payers = self._signs_for_payer(recover_address(progress.digest(self.receipt.ledger), signed.signature))
        if not (is_payers and progress.order_hash == self.order_hash and progress.is_about(self.blind, self.response)):
            return None
        # A milestone is paid only by signed progress about its exact text.
        is_left = progress.left and progress.text_bytes == len(self.response)
        return progress if is_left or not self.record.is_milestone else None

    def _check_stop(self, request: TextRequest, header: Header, progress: Progress | None) -> Check:
        try:
            text = self.response.decode("utf-8")
        except UnicodeDecodeError:
            return failed("stop-strings", "the text is not UTF-8")
        if any(stop in text for stop in request.stop):
            return failed("stop-strings", "the text holds a stop string")
        if header.stop_reason == "stop-string" and not request.stop:
            return failed("stop-strings", "it stopped at a string, and none was asked for")
        if header.stop_reason == "cancelled" and progress is None:
            return failed("stop-strings", "it was cut short, and its payer has not said so")
        return passed("stop-strings", f"it ended by {header.stop_reason}")

    def _check_fee(self, header: Header, progress: Progress | None) -> Check:
        request, order = self.request, self.order
        if request is None:
            return skipped("fee", "such a request is not read here")
        prompt, output = header.prompt_tokens, header.output_tokens
        reason = check_fee(order, request.prompt_bound, request.max_tokens, prompt, output)
        if reason is not None:
            return failed("fee", reason)
        was_cut = header.stop_reason == "cancelled"
        billed = compute_billed(order, prompt, output, len(self.response), progress, was_cut, request.standby_per_1k)
        return passed("fee", f"{prompt} + {output} tokens bill {billed}")


def _is_source(made: HeaderSource | None, asked: Source | None) -> bool:
    """Whether a header names the picture to change, the mask and the strength of the request."""
    if made is None or asked is None:
        return made is None and asked is None
    return (made.strength, made.picture_hash, made.mask_hash) == (asked.strength, asked.picture, asked.mask)
