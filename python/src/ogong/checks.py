"""What was looked at, and what came of it. A skip says what was not looked at, and is never a pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Check:
    id: str
    status: Literal["pass", "fail", "skip"]
    detail: str


def passed(name: str, detail: str) -> Check:
    return Check(name, "pass", detail)


def failed(name: str, detail: str) -> Check:
    return Check(name, "fail", detail)


def skipped(name: str, detail: str) -> Check:
    return Check(name, "skip", detail)


def hold(name: str, holds: bool, detail: str) -> Check:
    """@param detail: what holds, or does not."""
    return Check(name, "pass" if holds else "fail", detail if holds else f"not so: {detail}")
