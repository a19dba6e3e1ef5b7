"""As much of a sealed reply as its provider has signed so far (docs/spec/sealed-calls.md#parts)."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from .crypto.hybrid import verify_hybrid
from .order import hash_beginning
from .record import hash_response, parse_record
from .sealing import Exchange, InnerPart, Milestone, ValidatorSealKey, seal_part
from .text.commitment import Opening, encode_opening
from .text.stage1 import replay
from .wire import WireError, sha256

_MOST_OPENING = 4 << 20


@dataclass(frozen=True)
class Part:
    """The report to a gateway about a reply that broke off."""

    words: dict[str, Any]
    sealed: bytes
    """To the validator of the order."""


class StandingPart:
    """@param blind: of the answer."""

    def __init__(self, exchange: Exchange, key: ValidatorSealKey, blind: bytes, endpoint: str, body: bytes) -> None:
        self._exchange, self._key, self._blind, self._endpoint, self._body = exchange, key, blind, endpoint, body
        self._windows: list[tuple[bytes, bytes]] = []
        self._size = 0
        self._last: tuple[Milestone, bytes] | None = None

    def take(self, milestone: Milestone, text: bytes) -> None:
        """@param text: all that came before it. @raises WireError if it is larger than one may be."""
        if self._last is not None and self._last[0].is_last:
            raise WireError("a milestone came behind the last one")
        self._windows += milestone.windows
        self._size += sum(len(draws) + len(sketch) for draws, sketch in milestone.windows)
        if self._size > _MOST_OPENING:
            raise WireError("the milestones of the reply are larger than they may be")
        self._last = (milestone, text)

    def close(self) -> Part | None:
        """None if nothing was signed that holds."""
        if self._last is None:
            return None
        milestone, text = self._last
        response = text[: milestone.text_bytes]
        opening = Opening(self._blind, milestone.header, tuple(self._windows))
        try:
            if not self._holds(milestone, response, opening):
                return None
            inner = InnerPart(self._endpoint, self._body, response, encode_opening(opening))
            sealed = seal_part(self._exchange, sha256(milestone.record.data), self._key, inner)
        except (WireError, OverflowError):
            return None
        return Part(
            {
                "outcome": "part",
                "milestone": base64.b64encode(milestone.claimed).decode("ascii"),
                "header_proof": [one.hex() for one in opening.header_proof()],
                "text_hash": hash_beginning(self._blind, response).hex(),
            },
            sealed,
        )

    def _holds(self, milestone: Milestone, response: bytes, opening: Opening) -> bool:
        """Whether the provider of the offer has signed this, about this request, and its opening does not refute it."""
        signed, exchange = milestone.record, self._exchange
        said = parse_record(signed.data)
        return (
            said.is_milestone
            and said.reply_id == exchange.reply_id
            and said.request_hash == exchange.request_hash
            and said.response_hash == hash_response(self._blind, response)
            and sha256(signed.public_key) == exchange.provider_id
            and verify_hybrid(signed.public_key, signed.data, signed.signature)
            and all(check.status != "fail" for check in replay(said, opening).checks)
        )
