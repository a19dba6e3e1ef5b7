"""From a list of candidates to the drawn token, in integers (docs/spec/sampler.md)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from ..wire import sha256, u32
from .request import Sampler

ONE = 1 << 24
NAT = 1 << 16
_SCALE = 1 << 96
TAIL = 127
"""The rank of a token that is not listed."""


@cache
def _table(d: int) -> tuple[int, ...]:
    ratio, term, n = 0, _SCALE, 0
    while term > 0:
        ratio += -term if n & 1 else term
        n += 1
        term //= d * n
    entries, x = [], _SCALE
    for _ in range(4_096):
        entries.append((x + (1 << 69)) >> 70)
        x = x * ratio >> 96
    return tuple(entries)


def exp_tables() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """HIGH and LOW, 4,096 entries each."""
    return _table(16), _table(65_536)


def exp(q: int) -> int:
    """exp(-q / 2^16) in units of 2^-26; 0 from q = 2^24 on."""
    if q >= ONE:
        return 0
    high, low = exp_tables()
    return high[q >> 12] * low[q & 4_095] >> 26


def penalize(logit: int, penalty: int) -> int:
    """A logit of a repeated token, 2^-16 nat, under a repetition penalty in 2^-16; rounded towards 0."""
    return logit * NAT // penalty if logit > 0 else -(-logit * penalty // NAT)


def weigh(costs: Sequence[int], tail: int, sampler: Sampler) -> tuple[list[int], int]:
    """
    @param costs: of the candidates, ascending. @param tail: mass of what is not listed, 2^-24.
    @returns the weights of the kept candidates and that of the tail; together they are ONE.
    """
    if sampler.temperature == 0:
        return [ONE], 0
    shares = [exp(min(min(c - costs[0], 1 << 34) * NAT // sampler.temperature, ONE)) for c in costs]
    weights = _fill(shares, ONE - tail, sum(shares))
    for kind in sampler.filters:
        if kind == 0:
            if 0 < sampler.top_k <= len(weights):
                weights, tail = weights[: sampler.top_k], 0
        elif kind == 1:
            if sampler.top_p < ONE:
                limit = ((sum(weights) + tail) * sampler.top_p + ONE - 1) // ONE
                kept = 0
                for k, weight in enumerate(weights, 1):
                    kept += weight
                    if kept >= limit:
                        weights, tail = weights[:k], 0
                        break
        else:
            least = weights[0] * sampler.min_p // ONE
            k = len(weights)
            while k > 1 and weights[k - 1] < least:
                k -= 1
            if k < len(weights):
                weights, tail = weights[:k], 0
    total = sum(weights) + tail
    tail = tail * ONE // total
    return _fill(weights, ONE - tail, total, ONE), tail


def _fill(parts: Sequence[int], whole: int, total: int, scale: int | None = None) -> list[int]:
    """Parts of `total`, scaled; the first one takes what rounding leaves of `whole`."""
    weights = [part * (whole if scale is None else scale) // total for part in parts]
    weights[0] += whole - sum(weights)
    return weights


def draw(ids: Sequence[int], weights: Sequence[int], u: int) -> int:
    """The rank whose interval holds u: kept candidates in ascending order of id, the tail last."""
    at = 0
    for rank in sorted(range(len(weights)), key=lambda rank: ids[rank]):
        at += weights[rank]
        if u < at:
            return rank
    return TAIL


def draw_number(key: bytes, position: int) -> int:
    return int.from_bytes(sha256(key, u32(position))[:3], "big")
