"""Windows and momentum of a picture's guidance (docs/spec/trajectory.md)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from .text.fields import RequestError, read_number
from .wire import Reader, WireError, i32, u8, u32

_ONE = 1 << 16


@dataclass(frozen=True)
class GuidancePlan:
    """All numbers are in units of 1/65,536."""

    start: int
    end: int
    momentum: int
    """0: none."""

    @property
    def is_usual(self) -> bool:
        return (self.start, self.end, self.momentum) == (0, _ONE, 0)

    def covers(self, step: int, steps: int) -> bool:
        """Whether a step of the whole schedule is in the window."""
        return (2 * self.start - 1) * steps <= 2 * _ONE * step < (2 * self.end - 1) * steps


def encode_plan(plan: GuidancePlan | None) -> bytes:
    return u8(0) if plan is None else u8(1) + u32(plan.start) + u32(plan.end) + i32(plan.momentum)


def read_plan(r: Reader) -> GuidancePlan | None:
    """@raises WireError"""
    if r.int(1, 0, 1) == 0:
        return None
    start, end = r.int(4, 0, _ONE), r.int(4, 0, _ONE)
    momentum = int.from_bytes(r.take(4), "big", signed=True)
    plan = GuidancePlan(start, end, momentum)
    if start >= end or abs(momentum) >= _ONE or plan.is_usual:
        raise WireError("no window and no momentum of guidance")
    return plan


def parse_plan(fields: dict[str, Any], guidance: int | None) -> GuidancePlan | None:
    """@raises RequestError"""

    def read(key: str, low: int, usual: int) -> int:
        value = read_number(fields, key, low, 1, usual)
        units = math.floor(abs(value) * _ONE + 0.5)
        return -units if value < 0 else units

    plan = GuidancePlan(read("guidance_start", 0, 0), read("guidance_end", 0, 1), read("guidance_momentum", -1, 0))
    if plan.start >= plan.end:
        raise RequestError("guidance_end", "a share above guidance_start is expected")
    if abs(plan.momentum) >= _ONE or (plan.momentum and guidance is not None and guidance <= _ONE):
        raise RequestError("guidance_momentum", "above -1 and below 1, with guidance above 1")
    return None if plan.is_usual else plan
