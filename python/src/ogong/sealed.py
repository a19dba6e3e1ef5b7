"""
Calls whose gateway sees ciphertext, sizes and the fee alone (docs/spec/sealed-calls.md). A request that is sealed never goes out in plain:
where it cannot be sealed, the call fails.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .checks import Check, failed, hold, passed, skipped
from .crypto.hybrid import verify_hybrid
from .embedding import parse_vector_header
from .match import find_list_problem, parse_candidates, round_context
from .order import Ledger, hash_beginning, reply_id_of
from .record import Ticket, compute_blinds, parse_ticket
from .sealing import (
    SUITE,
    Exchange,
    Milestone,
    Opener,
    Refusal,
    SealedEnd,
    SealKey,
    ValidatorSealKey,
    find_key_problem,
    find_validator_key_problem,
    parse_seal_key,
    parse_validator_key,
    read_message,
    seal_request,
)
from .shown import GatewayError
from .standing_part import StandingPart
from .tensor_reply import parse_tensor_header
from .tensors import TensorRequest, parse_tensor_request
from .text.commitment import parse_header, parse_opening
from .text.preference import split_model
from .text.request import TextRequest, UnsupportedRequest, parse_request
from .tiers import TIERS, tier_of
from .trust import Signed, Trust, UnusableError, parse_ledger, parse_trust, read_base64, read_hybrid, read_signed
from .vectors import VectorRequest, parse_vector_request
from .wire import WireError, parse_json, sha256

_CLOCKS_MS = 30_000
_STEP_BYTES = 512
_MOST_TEXT = 1 << 20
_SHOWN = ("exact", "model_root", "settle", "sort", "max_price", "min_stake", "tier", "accept", "providers")
_ENDS = {"stop-token": "stop", "stop-string": "stop", "length": "length", "context": "length", "cancelled": "stop"}

_NO_MACHINES = (
    "this client checks no machine. Use `ogong ask --machines policy.json` or the TypeScript client, which check it before they seal"
)
_SEALED_TRIES = 3
_MOST_DISTRUSTED = 5
"""With those that one request was tried with, as many as an offer may leave out."""
_TRIED_AGAIN = frozenset(
    "order_not_admitted provider_failed provider_ended provider_timeout provider_busy provider_unreachable request_refused".split()
    + ["seal_key_expired"]
)
"""What another provider may do better."""
_NOBODY = frozenset(("no_provider", "request_too_large", "model_not_found"))

Post = Callable[..., Any]
"""Posts a JSON object to a path of the gateway, with bytes behind it where there are some, and gives the answer's JSON."""
Stream = Callable[[str, Mapping[str, Any], bytes], Iterator[str]]
"""The same, and gives the data of the events of the answer."""


class SealedCallError(Exception):
    """A request could not be sealed, or its reply not be opened. Nothing went out in plain. `code`: `unsupported`, or what is wrong."""

    def __init__(self, code: str, reason: str, checks: list[Check] | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.checks = checks or []


@dataclass(frozen=True)
class Offer:
    ledger: Ledger
    payer: bytes
    validator: bytes
    ticket: Ticket
    reply_id: bytes
    key: SealKey
    validator_key: ValidatorSealKey | None
    """None if none is shown, or no set of validators is known to look its signer up in."""


@dataclass(frozen=True)
class Opened:
    """One reply, opened and not checked yet."""

    reply_id: str
    response: bytes
    opening: bytes
    receipt: dict[str, Any]
    provider_id: bytes


class SealedRequestOf:
    """One request that is sealed to its providers. @raises SealedCallError if it is none that can be."""

    def __init__(self, endpoint: str, body: bytes, trust: Mapping[str, Any]) -> None:
        self.endpoint, self.body = endpoint, body
        self._trust: Trust = parse_trust(dict(trust))
        fields = parse_json(body)
        self._ogong: dict[str, Any] = fields.get("ogong") or {}
        self.request: TextRequest | VectorRequest | TensorRequest
        try:
            if endpoint in ("embedding", "rerank"):
                self.request = parse_vector_request(body, endpoint)
                self._context, self._output = self.request.longest_bound, 0
            elif endpoint == "infer":
                self.request = parse_tensor_request(body)
                self._context, self._output = self.request.units, 0
            else:
                self.request = parse_request(body, endpoint)
                self._output = self.request.max_tokens
                self._context = self.request.prompt_bound + self._output
        except UnsupportedRequest as error:
            raise SealedCallError("unsupported", f"the hash of this request cannot be made here: {error}") from None
        if fields.get("echo"):
            raise SealedCallError("unsupported", "this request cannot be sealed: no prompt is echoed")
        if self._ogong.get("attested") or tier_of(self.request.model) in ("tee", "tee-proxy"):
            raise SealedCallError("unsupported", f"nothing was sent: {_NO_MACHINES}")
        if self._ogong.get("hedge") or self._ogong.get("standby") is not None:
            raise SealedCallError("unsupported", "a gateway that reads no text cannot take the first of two answers: leave hedge and standby out")
        self._sort = self._ogong.get("sort") or split_model(fields["model"])[1]
        self._excluded: list[bytes] = []

    @property
    def has_fixed_draws(self) -> bool:
        """Whether any other provider draws the same (docs/spec/request.md#unbroken-streams)."""
        request = self.request
        if isinstance(request, VectorRequest | TensorRequest) or TIERS[tier_of(request.model) or "vanilla"].windows != "draws":
            return False
        return request.seed is not None or request.sampler.temperature == 0

    def exclude(self, provider_ids: list[bytes]) -> None:
        """Sets the providers that no offer may name: the newest last."""
        self._excluded = provider_ids[-8:]

    # --- the offer -------------------------------------------------------------------------------------------------------------------

    def ask_offer(self, post: Post, choice: int) -> Offer:
        """Has the gateway draw a provider, and checks all that it answers. @raises SealedCallError, GatewayError"""
        request = self.request
        # Fixed before anybody can know the drawn provider.
        nonce = secrets.token_bytes(32)
        shown = {name: value for name, value in self._ogong.items() if name in _SHOWN}
        message = {
            "endpoint": self.endpoint,
            "model": request.model,
            "request_hash": request.hash().hex(),
            "nonce": nonce.hex(),
            "prompt_bound": request.prompt_bound,
            "max_tokens": self._output,
            "choice": choice,
            "ogong": {**shown, **({"sort": self._sort} if self._sort else {})},
            **({"context_bound": self._context} if self._output == 0 else {}),
            **({"exclude": [one.hex() for one in self._excluded]} if self._excluded else {}),
        }
        answer = post("/v1/ogong/offers", message)
        offer, checks = self.check_offer(answer, nonce, time.time_ns() // 1_000_000)
        wrong = next((check for check in checks if check.status == "fail"), None)
        if wrong is not None:
            raise SealedCallError(wrong.id, f"the offer does not hold: {wrong.id}: {wrong.detail}", checks)
        missing = [check.id for check in checks if check.status == "skip" and check.id not in self._trust.allow]
        if missing or offer is None:
            raise SealedCallError("unchecked", f"nothing was sealed, since this was not checked: {', '.join(missing)}", checks)
        return offer

    def check_offer(self, answer: Any, nonce: bytes, now_ms: int) -> tuple[Offer | None, list[Check]]:
        """Checks an offer before anything is sealed."""
        try:
            ledger = parse_ledger(answer.get("ledger"), "ledger")
            payer, validator = (bytes.fromhex(str(answer.get(name)).removeprefix("0x")) for name in ("payer", "validator"))
            signed, key = read_hybrid(answer.get("ticket"), "ticket"), read_hybrid(answer.get("sealKey"), "sealKey")
            listed = read_base64(answer.get("candidates"), "candidates")
            if len(payer) != 20 or len(validator) != 20:
                raise UnusableError("an address has 20 bytes")
            shown = read_signed(answer["validatorKey"], "validatorKey", 65) if "validatorKey" in answer else None
        except (UnusableError, AttributeError, ValueError) as error:
            return None, [failed("ticket", f"the offer cannot be read: {error}")]
        reply_id = reply_id_of(ledger, payer, validator, nonce)
        request, trust = self.request, self._trust
        try:
            ticket = parse_ticket(signed.data)
        except WireError as error:
            return None, [failed("ticket", str(error))]
        is_now = ticket.issued_at_ms <= now_ms + _CLOCKS_MS and now_ms < ticket.expires_at_ms
        holds = (
            verify_hybrid(signed.public_key, signed.data, signed.signature)
            and ticket.reply_id == reply_id
            and ticket.model_id == request.model
            and is_now
        )
        checks = [hold("ticket", holds, "a router drew a provider for this request")]
        problem = self._find_list_problem(ticket, listed)
        checks.append(passed("match", "the draw replays") if problem is None else failed("match", problem))
        if trust.routers is None:
            checks.append(skipped("router", "no routers are trusted"))
        else:
            checks.append(hold("router", sha256(signed.public_key) in trust.routers, "a trusted router signed the ticket"))
        if trust.ledger is None:
            checks.append(skipped("ledger", "no ledger is trusted"))
        else:
            checks.append(hold("ledger", trust.ledger == ledger, "it is the trusted ledger"))
        if trust.validators is None:
            checks.append(skipped("validator", "no validators are trusted"))
        else:
            is_known = any(member.address == validator for member in trust.validators)
            checks.append(hold("validator", is_known, "the validator is trusted"))
        root = trust.model_roots.get(request.model)
        if root is None:
            checks.append(skipped("model-root", f"no root of {request.model} is trusted"))
        else:
            checks.append(hold("model-root", root == ticket.model_root, "the ticket's root is that of the model"))
        problem = find_key_problem(key, ticket.provider_id, ledger, now_ms)
        if problem is not None:
            return None, [*checks, failed("seal-key", problem)]
        problem, validator_key = self._read_validator_key(shown, validator, ledger, now_ms)
        if problem is not None:
            return None, [*checks, failed("seal-key", problem)]
        checks.append(passed("seal-key", "signed by the provider, and valid now"))
        return Offer(ledger, payer, validator, ticket, reply_id, parse_seal_key(key.data), validator_key), checks

    def _read_validator_key(
        self, shown: Signed | None, validator: bytes, ledger: Ledger, now_ms: int
    ) -> tuple[str | None, ValidatorSealKey | None]:
        """A gateway that showed a key of its own would read what is sealed to it."""
        signing_key = next((one.signing_key for one in self._trust.validators or () if one.address == validator), None)
        if shown is None or signing_key is None:
            return None, None
        problem = find_validator_key_problem(shown, validator, signing_key, ledger, now_ms)
        return problem, None if problem is not None else parse_validator_key(shown.data)

    def _find_list_problem(self, ticket: Ticket, data: bytes) -> str | None:
        """The list is the ticket's, the draw replays, and both are what was asked for."""
        if sha256(data) != ticket.candidates_hash:
            return "the list is not the one that the ticket names"
        try:
            candidates = parse_candidates(data)
        except WireError as error:
            return f"the list cannot be read: {error}"
        problem = find_list_problem(candidates)
        if problem is not None:
            return problem
        drawn = candidates.draw(ticket.reply_id)
        if candidates.model_id != ticket.model_id or drawn.provider_id != ticket.provider_id:
            return "the draw gives another provider, or is for another model"
        if (drawn.price_per_1k, drawn.payee, drawn.context_size) != (ticket.price_per_1k, ticket.payee, ticket.context_size):
            return "price, payee or context of the ticket are not those of the list"
        if candidates.context_size != round_context(self._context):
            return "the draw is for another context than the request needs"
        if self._sort is not None and candidates.sort != self._sort:
            return f"the draw is by {candidates.sort}, and not by {self._sort}"
        most = self._ogong.get("max_price")
        if most is not None and ticket.price_per_1k > int(most):
            return f"it costs {ticket.price_per_1k} per 1,000 tokens, and {most} is the most"
        least = int(self._ogong.get("min_stake") or 0)
        if candidates.min_held_tokens < least:
            return f"its providers have {candidates.min_held_tokens} OGONG to lose at least, and {least} were asked for"
        if self.request.model_root is not None and ticket.model_root != self.request.model_root:
            return "other weights than were demanded"
        providers = self._ogong.get("providers") or {}
        only = providers.get("only")
        if only is not None and ticket.provider_id.hex() not in only:
            return "it drew a provider that the request does not name"
        ignored = [*(providers.get("ignore") or []), *(one.hex() for one in self._excluded)]
        return "it drew a provider that the request rules out" if ticket.provider_id.hex() in ignored else None

    # --- the reply -------------------------------------------------------------------------------------------------------------------

    def open_reply(self, post: Post, stream: Stream, offer: Offer) -> Generator[str | Opened, None, None]:
        """Texts as they come, and last the whole. @raises SealedCallError, GatewayError"""
        exchange = Exchange(offer.ledger, offer.ticket.provider_id, offer.reply_id, self.request.hash())
        sealed = seal_request(exchange, offer.key, self.endpoint, self.body, suite=int(self._ogong.get("seal_suite") or SUITE))
        blind = compute_blinds(self.body, offer.reply_id).answer
        key = offer.validator_key
        part = None if key is None or self._output == 0 else StandingPart(exchange, key, blind, self.endpoint, self.body)
        reply_id = offer.reply_id.hex()
        try:
            yield from self._read_reply(post, stream, offer, sealed.envelope, sealed.opener, blind, part)
        except SealedCallError as error:
            if error.code != "truncated":
                _tell(post, f"/v1/ogong/replies/{reply_id}/outcome", {"outcome": "failed", "reason": error.code})
            raise
        except GatewayError as error:
            if part is not None:
                # The next provider is asked meanwhile. A program that ends waits for it.
                threading.Thread(target=_hand_in, args=(post, reply_id, part)).start()
            raise self._add_words(error, sealed.opener) from None

    def _read_reply(
        self,
        post: Post,
        stream: Stream,
        offer: Offer,
        envelope: bytes,
        opener: Opener,
        blind: bytes,
        part: StandingPart | None,
    ) -> Generator[str | Opened, None, None]:
        reply_id = offer.reply_id.hex()
        wants = {} if part is None else {"milestones": True}
        message = {"reply_id": reply_id, **wants}
        text = bytearray()
        told = 0
        end: SealedEnd | None = None
        for data in stream("/v1/ogong/replies", message, envelope):
            if data == "[DONE]":
                break
            event = json.loads(data)
            kind = event.get("type") if isinstance(event, dict) else None
            if kind == "started":
                continue
            if kind == "finished":
                if end is None or not opener.is_over:
                    raise SealedCallError("truncated", "the reply ended before its last part came")
                yield self._finish(reply_id, offer, end, bytes(text), event.get("receipt"))
                return
            if kind != "sealed":
                raise SealedCallError("malformed", "the gateway sends an event of no kind that is known")
            opened = self._open_unit(opener, event)
            if isinstance(opened, SealedEnd):
                end = opened
            elif isinstance(opened, Milestone):
                if part is None:
                    raise SealedCallError("malformed", "a milestone that nobody asked for")
                try:
                    part.take(opened, bytes(text))
                except WireError as error:
                    raise SealedCallError("malformed", str(error)) from None
            elif isinstance(opened, Refusal):
                raise SealedCallError("malformed", "a refusal without an error")
            elif opened is not None:
                if end is not None or self._output == 0:
                    raise SealedCallError("malformed", "a text stands where none belongs")
                text += opened
                if len(text) > _MOST_TEXT:
                    raise SealedCallError("malformed", "the reply is longer than any reply may be")
                if len(text) - told >= _STEP_BYTES:
                    told = len(text)
                    said = {"text_bytes": told, "text_hash": hash_beginning(blind, bytes(text)).hex()}
                    _tell(post, f"/v1/ogong/replies/{reply_id}/progress", said)
                try:
                    yield opened.decode("utf-8")
                except UnicodeDecodeError:
                    raise SealedCallError("malformed", "a part of the text is not UTF-8") from None
        raise SealedCallError("truncated", "the gateway ended the reply before its end")

    def _open_unit(self, opener: Opener, event: Mapping[str, Any]) -> bytes | SealedEnd | Milestone | Refusal | None:
        try:
            if event.get("head"):
                opener.open_head(read_base64(event["head"], "head"))
            message = opener.open(read_base64(event.get("unit"), "unit"))
            return None if message is None else read_message(message)
        except (WireError, UnusableError, ValueError) as error:
            raise SealedCallError("malformed", f"the reply does not open: {error}") from None

    def _add_words(self, error: GatewayError, opener: Opener) -> GatewayError:
        """The error with the words that the provider sealed beside it, if they open."""
        said = error.body.get("error") if isinstance(error.body, dict) else None
        event = said.get("sealed") if isinstance(said, dict) else None
        if not isinstance(event, dict):
            return error
        try:
            opened = self._open_unit(opener, event)
        except SealedCallError:
            return error
        if not isinstance(opened, Refusal):
            return error
        return GatewayError(error.status, {"error": {**said, "message": opened.words}})

    def _finish(self, reply_id: str, offer: Offer, end: SealedEnd, text: bytes, receipt: Any) -> Opened:
        if not isinstance(receipt, dict) or receipt.get("endpoint") != self.endpoint:
            raise SealedCallError("malformed", "the reply carries no receipt of this endpoint")
        opening = {"bytes": base64.b64encode(end.opening).decode("ascii")}
        response = end.response if self._output == 0 else text
        return Opened(reply_id, response, end.opening, {**receipt, "opening": opening}, offer.ticket.provider_id)


class RepeatedText:
    """
    The shown text of a reply, over all tries. A further try gives the reply from its start, under the same draws: it has to repeat the
    shown text before it adds to it. So the final record covers all that the caller has.
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._text = ""
        """Of the tries before this one."""
        self._said = 0

    @property
    def has_begun(self) -> bool:
        return self._text != "" or bool(self._pieces)

    def restart(self) -> None:
        """Another try begins from the start."""
        self._text += "".join(self._pieces)
        self._pieces = []
        self._said = 0

    def take(self, piece: str) -> str:
        """@returns the new part. @raises SealedCallError if the try says something else."""
        again = piece[: max(0, len(self._text) - self._said)]
        if self._text[self._said : self._said + len(again)] != again:
            raise _other_reply()
        self._said += len(piece)
        new = piece[len(again) :]
        if new:
            self._pieces.append(new)
        return new

    def end(self) -> None:
        """The try is over. @raises SealedCallError if it says less than was shown."""
        if self._said < len(self._text):
            raise _other_reply()


def _other_reply() -> SealedCallError:
    return SealedCallError("repeated", "the reply broke off, and another provider gives another one than was shown")


class Tries:
    """
    The providers that one reply is asked of, one after another.
    @param distrusted: those whose replies did not open or failed their checks, the newest last. The gateway cannot know of them, so the
    client does, and this one adds to them.
    """

    def __init__(self, call: SealedRequestOf, post: Post, choice: int, distrusted: list[bytes]) -> None:
        self._call, self._post, self._choice, self._distrusted = call, post, choice, distrusted
        self._tried: list[bytes] = []
        self._failed: Exception | None = None

    def offer(self) -> Offer:
        """Of somebody who has not failed. @raises SealedCallError, GatewayError"""
        self._call.exclude([*(one for one in self._distrusted if one not in self._tried), *self._tried])
        offer = self._call.ask_offer(self._post, self._choice)
        self._tried.append(offer.ticket.provider_id)
        return offer

    def fail(self, error: Exception, is_final: bool = False) -> None:
        """The provider of the last offer failed: returns where another one may be asked, and raises the error otherwise."""
        if isinstance(error, SealedCallError) and self._tried and not error.checks:
            self.distrust()
        # Report the provider's own failure, not that no other provider was left.
        if self._failed is not None and isinstance(error, GatewayError) and error.code in _NOBODY:
            raise self._failed
        if is_final or not self._may_try_again(error):
            raise error
        self._failed = error

    def distrust(self) -> None:
        """The provider of the last offer is not asked again by this client for a while."""
        if self._tried[-1] not in self._distrusted:
            self._distrusted.append(self._tried[-1])
            del self._distrusted[:-_MOST_DISTRUSTED]

    def repeat(self, error: Exception) -> None:
        """A whole answer failed its check. Returns where another provider may be asked, and raises the error otherwise."""
        if len(self._tried) >= _SEALED_TRIES:
            raise error
        self._failed = error

    def _may_try_again(self, error: Exception) -> bool:
        # An offer that does not hold is its gateway's fault, and the gateway stays the same.
        if not 0 < len(self._tried) < _SEALED_TRIES:
            return False
        if isinstance(error, GatewayError):
            return error.code in _TRIED_AGAIN
        return isinstance(error, SealedCallError) and not error.checks and error.code != "unsupported"


def _hand_in(post: Post, reply_id: str, standing: StandingPart) -> None:
    part = standing.close()
    if part is not None:
        _tell(post, f"/v1/ogong/replies/{reply_id}/outcome", part.words, part.sealed)


def _tell(post: Post, path: str, message: Mapping[str, Any], more: bytes = b"") -> None:
    """If the gateway does not listen, the answer is no worse."""
    try:
        post(path, message, more)
    except Exception:  # noqa: BLE001
        pass


def tell_held(post: Post, opened: Opened) -> None:
    """The gateway knows nothing of the reply but what it is told here."""
    proof = [one.hex() for one in parse_opening(opened.opening).header_proof()]
    message = {"outcome": "held", "header_proof": proof, "response_bytes": len(opened.response)}
    _tell(post, f"/v1/ogong/replies/{opened.reply_id}/outcome", message)


def tell_failed(post: Post, opened: Opened, reason: str) -> None:
    _tell(post, f"/v1/ogong/replies/{opened.reply_id}/outcome", {"outcome": "failed", "reason": reason})


def count_tokens(opened: Opened, endpoint: str) -> tuple[int, int, str]:
    """Of a reply that was checked: tokens of prompt and answer, and why it ended, in OpenAI's words."""
    data = parse_opening(opened.opening).header
    if endpoint in ("embedding", "rerank"):
        return parse_vector_header(data).prompt_tokens, 0, "stop"
    if endpoint == "infer":
        return parse_tensor_header(data).prompt_tokens, 0, "stop"
    header = parse_header(data)
    return header.prompt_tokens, header.output_tokens, _ENDS[header.stop_reason]
