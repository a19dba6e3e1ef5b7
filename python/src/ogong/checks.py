"""Checks and their results. A skip names an unchecked condition, and is never a pass."""

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
    """@param detailthe checked condition."""
    return Check(name, "pass" if holds else "fail", detail if holds else f"not so: {detail}")
