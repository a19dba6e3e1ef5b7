"""How a router draws a provider (docs/spec/match.md): the list that its ticket names, and the draw that anybody replays."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from .wire import Reader, WireError, sha256, u32

SORTS = ("none", "price", "latency", "throughput", "quality", "balanced")
_MOST_CANDIDATES = 4_096
_LEAST_LATENCY = 20
_LEAST_CONTEXT = 512
_UNIT = 256
_LEAST = 64


@dataclass(frozen=True)
class Candidate:
    provider_id: bytes
    price_per_1k: int
    payee: bytes
    context_size: int
    stake_tokens: int
    held_tokens: int
    reputation: int
    latency_ms: int
    milli_tokens_per_second: int


@dataclass(frozen=True)
class Candidates:
    model_id: str
    sort: str
    max_price_per_1k: int
    context_size: int
    """What the request takes at most."""
    min_held_tokens: int
    listed: tuple[Candidate, ...]
    hash: bytes

    def weights(self) -> list[int]:
        payees = Counter(one.payee for one in self.listed)
        return [
            (one.stake_tokens // payees[one.payee] + 1) * one.reputation * preferred
            for one, preferred in zip(self.listed, self._preferred())
        ]

    def _preferred(self) -> list[int]:
        listed = self.listed
        if self.sort == "none":
            return [1] * len(listed)
        least_price = min(one.price_per_1k for one in listed)
        known = [max(one.latency_ms, _LEAST_LATENCY) for one in listed if one.latency_ms > 0]
        fastest = max(one.milli_tokens_per_second for one in listed)
        best = max(one.reputation for one in listed)

        def factors(one: Candidate) -> dict[str, int]:
            slow = one.latency_ms == 0
            return {
                "price": _share(least_price + 1, one.price_per_1k + 1),
                "latency": _LEAST if slow else _share(min(known), max(one.latency_ms, _LEAST_LATENCY)),
                "throughput": _LEAST if fastest == 0 else _share(one.milli_tokens_per_second, fastest),
                "quality": _share(one.reputation, best),
            }

        weighed = []
        for each in map(factors, listed):
            if self.sort == "balanced":
                weighed.append(each["price"] * each["latency"] * each["throughput"] * each["quality"])
            else:
                weighed.append(each[self.sort] ** 4)
        return weighed

    def draw(self, reply_id: bytes) -> Candidate:
        return self.draw_by(sha256(reply_id))

    def draw_by(self, seed: bytes) -> Candidate:
        weights = self.weights()
        left = _uniform(sha256(b"ogong-match-v1\n", seed, self.hash), sum(weights))
        for one, weight in zip(self.listed, weights):
            if left < weight:
                return one
            left -= weight
        raise AssertionError("the draw lies within the weights")


def round_context(tokens: int) -> int:
    """Returns a list's form of the context that a request needs: its two leading bits, rounded up, 512 at least."""
    tokens = max(_LEAST_CONTEXT, tokens)
    step = 1 << tokens.bit_length() - 2
    return -(-tokens // step) * step


def _share(part: int, whole: int) -> int:
    return min(_UNIT, max(_LEAST, _UNIT * part // whole))


def _uniform(seed: bytes, bound: int) -> int:
    most = (1 << 256) - (1 << 256) % bound
    counter = 0
    while True:
        number = int.from_bytes(sha256(seed, u32(counter)), "big")
        if number < most:
            return number % bound
        counter += 1


def parse_candidates(data: bytes) -> Candidates:
    """@raises WireError"""
    r = Reader(data, b"ogong-candidates-v1\n")
    model_id, sort, most_price, context_size = r.text(), SORTS[r.int(1, 0, len(SORTS) - 1)], r.int(16), r.int(4, 1)
    min_held = r.int(8)
    listed = tuple(
        Candidate(
            provider_id=r.take(32),
            price_per_1k=r.int(16),
            payee=r.take(20),
            context_size=r.int(4, 1),
            stake_tokens=r.int(8),
            held_tokens=r.int(8),
            reputation=r.int(4, 1, 10**6),
            latency_ms=r.int(4, 0, 600_000),
            milli_tokens_per_second=r.int(4, 0, 10**9),
        )
        for _ in range(r.int(2, 1, _MOST_CANDIDATES))
    )
    r.end()
    if any(a.provider_id >= b.provider_id for a, b in zip(listed, listed[1:])):
        raise WireError("providers do not ascend")
    return Candidates(model_id, sort, most_price, context_size, min_held, listed, sha256(data))


def find_list_problem(candidates: Candidates) -> str | None:
    """@returns why no honest router draws from this list, or None."""
    if any(one.price_per_1k > candidates.max_price_per_1k for one in candidates.listed):
        return "a candidate is dearer than was asked for"
    if any(one.held_tokens < candidates.min_held_tokens for one in candidates.listed):
        return "a candidate has less at stake than was asked for"
    rooms = {one.context_size for one in candidates.listed}
    # Either all of them have the wanted context, or nobody has it and all have the same.
    if min(rooms) < candidates.context_size and len(rooms) > 1:
        return "candidates have different room for what was asked for"
    return None
