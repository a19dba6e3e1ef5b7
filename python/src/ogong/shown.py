"""A gateway's answer, in the form for the caller."""

from __future__ import annotations

import json
from typing import Any

from .verify import Verdict


class GatewayError(Exception):
    """The gateway refused, or could not answer. `status` is that of HTTP, 0 if a stream ended by an error; `body` what it said."""

    def __init__(self, status: int, body: Any) -> None:
        error = body.get("error") if isinstance(body, dict) else None
        said = error.get("message") if isinstance(error, dict) else None
        super().__init__(f"the gateway answered {status}: {said or body}")
        code = error.get("code") if isinstance(error, dict) else None
        self.code: str | None = code if isinstance(code, str) else None
        self.status = status
        self.body = body


class ReceiptError(Exception):
    """The answer came, and its receipt is not good. `verdict` says which checks failed, and which are missing; None: there is no receipt."""

    def __init__(self, reason: str, verdict: Verdict | None = None) -> None:
        super().__init__(reason)
        self.verdict = verdict


class Shown(dict[str, Any]):
    """A JSON object whose members can be read as attributes, too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def read_json(data: bytes | str) -> Any:
    return json.loads(data, object_hook=Shown)


class Answer(Shown):
    """An answer that passed its checks."""

    verdicts: list[Verdict]
    """One for each choice."""
    pictures: list[Any]
    """Of an answer with pictures: `Picture` of each choice."""


def as_shown(value: Any) -> Shown:
    """As though it had come as JSON."""
    return read_json(json.dumps(value))
