"""Draws tokens in vLLM as OGONG's protocol does, and keeps what a provider commits to.

The upper half is pure: sampler, draw key, list of candidates, sketch and window, each as docs/spec says (sampler.md,
sketch.md, window.md). It needs the standard library alone, and is tested against the vectors of packages/protocol/vectors.

The lower half is a logits processor for vLLM's V1 model runner. It was NOT run inside vLLM, but behind a recorded interface:
docs/vllm.md says what was run.

    vllm serve MODEL --logits-processors ogong_vllm:OgongLogitsProcessor --no-enable-prefix-caching

A request asks for it with `vllm_xargs: {"ogong": "<JSON>"}`; `parse_order` names the fields.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import math
import os
import struct
from dataclasses import dataclass, field
from typing import Callable, Iterable, Mapping, Sequence

try:
    # vLLM loads no processor that is not of its class.
    from vllm.v1.sample.logits_processor import LogitsProcessor as _Interface
except ImportError:
    _Interface = object

# --- Fixed-point exponential -------------------------------------------------------------------------------------------

WEIGHT_ONE = 1 << 24
NAT = 1 << 16
EXP_ONE = 1 << 26
EXP_LIMIT = 1 << 24
MAX_COST = (1 << 24) - 1
MIN_LISTED = 20
MAX_LISTED = 64
TAIL_RANK = -1
_PRECISION = 96


def _exp_of_minus_fraction(denominator: int) -> int:
    term = total = 1 << _PRECISION
    n = 1
    while term:
        term //= denominator * n
        total += -term if n % 2 else term
        n += 1
    return total


def _create_table(ratio: int) -> list[int]:
    shift = _PRECISION - 26
    half = 1 << (shift - 1)
    value = 1 << _PRECISION
    table = []
    for _ in range(4096):
        table.append((value + half) >> shift)
        value = (value * ratio) >> _PRECISION
    return table


EXP_HIGH = _create_table(_exp_of_minus_fraction(16))
EXP_LOW = _create_table(_exp_of_minus_fraction(65536))


def exp_fixed(q: int) -> int:
    """exp(-q / 2^16) in units of 2^-26, for q >= 0."""
    if q >= EXP_LIMIT:
        return 0
    return EXP_HIGH[q >> 12] * EXP_LOW[q & 4095] // EXP_ONE


# --- Sampler -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sampler:
    """Integers as in the header of a reply; see docs/spec/sampler.md."""

    temperature_q16: int = NAT
    top_k: int = 0
    top_p_q24: int = WEIGHT_ONE
    min_p_q24: int = 0
    presence_q16: int = 0
    frequency_q16: int = 0
    filter_order: tuple[str, ...] = ("top-k", "top-p", "min-p")


@dataclass
class Weights:
    """Kept candidates by rank, and the tail; together 2^24."""

    by_rank: list[int]
    tail: int


def quantize_logprob(logprob: float) -> int:
    """Cost of a log-probability in 2^-16 nat, 0..2^24-1. NaN is the largest."""
    if math.isnan(logprob) or logprob == -math.inf:
        return MAX_COST
    if logprob == math.inf:
        return 0
    return max(0, min(MAX_COST, math.floor(-logprob * NAT + 0.5)))


def compute_cost(q: int, bias_q16: int, count: int, sampler: Sampler) -> int:
    penalty = sampler.presence_q16 + sampler.frequency_q16 * count if count > 0 else 0
    return q - bias_q16 + penalty


def compute_weights(costs: Sequence[int], tail: int, sampler: Sampler) -> Weights:
    """Costs ascend; tail is the mass outside the list, 2^-24."""
    if sampler.temperature_q16 == 0:
        return Weights([WEIGHT_ONE], 0)
    e = []
    for cost in costs:
        above = min(cost - costs[0], 1 << 34)
        e.append(exp_fixed(min(above * NAT // sampler.temperature_q16, EXP_LIMIT)))
    total = sum(e)
    listed = WEIGHT_ONE - tail
    weights = Weights([value * listed // total for value in e], tail)
    weights.by_rank[0] += listed - sum(weights.by_rank)
    for name in sampler.filter_order:
        _apply_filter(name, sampler, weights)
    _renormalize(weights)
    return weights


def _apply_filter(name: str, sampler: Sampler, weights: Weights) -> None:
    w = weights.by_rank
    kept = len(w)
    if name == "top-k":
        if sampler.top_k == 0 or sampler.top_k > kept:
            return
        kept, is_cut = sampler.top_k, True
    elif name == "top-p":
        if sampler.top_p_q24 >= WEIGHT_ONE:
            return
        limit = ((sum(w) + weights.tail) * sampler.top_p_q24 + WEIGHT_ONE - 1) // WEIGHT_ONE
        cumulative, is_cut = 0, False
        for rank, value in enumerate(w):
            cumulative += value
            if cumulative >= limit:
                kept, is_cut = rank + 1, True
                break
    else:
        threshold = w[0] * sampler.min_p_q24 // WEIGHT_ONE
        while kept > 1 and w[kept - 1] < threshold:
            kept -= 1
        is_cut = kept < len(w)
    if is_cut:
        del w[kept:]
        weights.tail = 0


def _renormalize(weights: Weights) -> None:
    total = sum(weights.by_rank) + weights.tail
    if total == WEIGHT_ONE:
        return
    weights.by_rank = [value * WEIGHT_ONE // total for value in weights.by_rank]
    weights.tail = weights.tail * WEIGHT_ONE // total
    weights.by_rank[0] += WEIGHT_ONE - sum(weights.by_rank) - weights.tail


def draw_rank(ids: Sequence[int], weights: Weights, u: int) -> int:
    """The rank whose interval holds u, in ascending order of id; TAIL_RANK behind all of them."""
    cumulative = 0
    for rank in sorted(range(len(weights.by_rank)), key=lambda rank: ids[rank]):
        cumulative += weights.by_rank[rank]
        if u < cumulative:
            return rank
    return TAIL_RANK


def lay_out_list(costs: Sequence[int], tail_of: Callable[[int], int], sampler: Sampler) -> tuple[int, int, Weights]:
    """How many of the cheapest candidates are listed, their tail, and the weights of that list."""
    count = len(costs)
    whole = compute_weights(costs, tail_of(count), sampler)
    kept, has_tail = len(whole.by_rank), whole.tail > 0
    fewest = max(kept, MIN_LISTED)
    for n in (fewest, fewest + 1, sampler.top_k):
        if n < fewest or n >= count:
            continue
        tail = tail_of(n)
        weights = compute_weights(costs[:n], tail, sampler)
        if len(weights.by_rank) == kept and (weights.tail > 0) == has_tail:
            return n, tail, weights
    return count, tail_of(count), whole


def compute_draw_key(nonce: bytes, request_hash: bytes, reply_id: bytes, provider_id: bytes, epoch: int, beacon: bytes) -> bytes:
    parts = (b"ogong-draw-v1\n", nonce, request_hash, reply_id, provider_id, struct.pack(">Q", epoch), beacon)
    return hashlib.sha256(b"".join(parts)).digest()


def compute_seed_key(seed: int, request_hash: bytes, model_root: bytes, choice: int) -> bytes:
    seed_bytes = struct.pack(">Q", seed & 0xFFFF_FFFF_FFFF_FFFF)
    parts = (b"ogong-draw-seed-v1\n", seed_bytes, request_hash, model_root, bytes([choice]))
    return hashlib.sha256(b"".join(parts)).digest()


def draw_u(key: bytes, position: int) -> int:
    """0..2^24-1."""
    return int.from_bytes(hashlib.sha256(key + struct.pack(">I", position)).digest()[:3], "big")


# --- Sketch ------------------------------------------------------------------------------------------------------------

SKETCH_MAX = 2047


def compute_bank_seed(model_root: bytes, previous_beacon: bytes) -> bytes:
    return hashlib.sha256(b"ogong-sketch-bank-v1\n" + model_root + previous_beacon).digest()


def check_directions(directions: int) -> None:
    if directions % 8 or not 8 <= directions <= 256:
        raise ValueError(f"sketch directions must be a multiple of 8 in 8..256, got {directions}")


def create_bank(seed: bytes, directions: int, embedding_size: int) -> list[list[float]]:
    """Signs by coordinate, then by direction."""
    check_directions(directions)
    bits = embedding_size * directions
    stream = b"".join(hashlib.sha256(seed + struct.pack(">I", i)).digest() for i in range(-(-bits // 256)))
    sign = [-1.0 if stream[i >> 3] >> (7 - (i & 7)) & 1 else 1.0 for i in range(bits)]
    return [sign[d * directions : (d + 1) * directions] for d in range(embedding_size)]


def sketch_hidden(bank: Sequence[Sequence[float]], hidden: Sequence[float]) -> tuple[int, list[int]]:
    """Exponent and values of one position. @raises ValueError where a value is not finite, or too large."""
    y = [0.0] * len(bank[0])
    for signs, h in zip(bank, hidden, strict=True):
        for j, s in enumerate(signs):
            y[j] += s * h
    if not all(math.isfinite(value) for value in y):
        raise ValueError("hidden state is not finite")
    largest = max(abs(value) for value in y)
    # frexp gives a fraction in 0.5..1, so that floor(log2) is its exponent less one.
    exponent = max(-127, math.frexp(largest)[1] - 1 - 10) if largest > 0 else -127
    if largest >= (SKETCH_MAX + 0.5) * 2.0**exponent:
        exponent += 1
    if exponent > 127:
        raise ValueError("hidden state is too large to sketch")
    scale = 2.0**-exponent
    return exponent, [int(math.copysign(min(SKETCH_MAX, math.floor(abs(v) * scale + 0.5)), v)) for v in y]


# --- Window ------------------------------------------------------------------------------------------------------------

WINDOW_TOKENS = 32
_TAIL_MARK = 127
_ESCAPE = 12


@dataclass(frozen=True)
class Row:
    """The window's list for one position. tail_token: id and q, only where rank is TAIL_RANK."""

    ids: Sequence[int]
    q: Sequence[int]
    tail: int
    rank: int
    tail_token: tuple[int, int] | None = None
    shape_class: int = 0


class _Bits:
    def __init__(self) -> None:
        self.value = self.length = 0

    def put(self, value: int, bits: int) -> None:
        if value < 0 or value >> bits:
            raise ValueError(f"{value} does not fit {bits} bits")
        self.value = self.value << bits | value
        self.length += bits

    def finish(self) -> bytes:
        rest = -self.length % 8
        return (self.value << rest).to_bytes((self.length + rest) // 8, "big")


def _zigzag_codes(q: Sequence[int]) -> list[int]:
    return [2 * d if d >= 0 else -2 * d - 1 for d in (b - a for a, b in zip(q, q[1:]))]


def encode_draws(rows: Sequence[Row], vocabulary_size: int) -> bytes:
    """The draws of up to 32 positions."""
    if not 1 <= len(rows) <= WINDOW_TOKENS:
        raise ValueError(f"a window has 1 to {WINDOW_TOKENS} positions, not {len(rows)}")
    out = _Bits()
    runs: list[list[int]] = []
    for row in rows:
        if runs and runs[-1][1] == row.shape_class:
            runs[-1][0] += 1
        else:
            runs.append([1, row.shape_class])
    for value in (1, len(rows), len(runs), *(part for run in runs for part in run)):
        out.put(value, 8)
    codes = [_zigzag_codes(row.q) for row in rows]
    count = sum(map(len, codes))
    mean = sum(map(sum, codes)) // count if count else 0
    rice = min(24, mean.bit_length() - 1) if mean else 0
    out.put(rice, 8)
    id_bits = (vocabulary_size - 1).bit_length()
    for row, own in zip(rows, codes):
        out.put(len(row.ids) - 1, 6)
        out.put(_TAIL_MARK if row.rank == TAIL_RANK else row.rank, 7)
        out.put(row.tail, 24)
        for token in row.ids:
            out.put(token, id_bits)
        out.put(row.q[0], 24)
        for code in own:
            ones = code >> rice
            if ones < _ESCAPE:
                out.put((1 << ones + 1) - 2, ones + 1)
                out.put(code & (1 << rice) - 1, rice)
            else:
                out.put((1 << _ESCAPE) - 1, _ESCAPE)
                out.put(code, 26)
        if row.rank == TAIL_RANK:
            if row.tail_token is None:
                raise ValueError("a draw from the tail names no token")
            out.put(row.tail_token[0], id_bits)
            out.put(row.tail_token[1], 24)
    return out.finish()


def encode_sketches(rows: Sequence[tuple[int, Sequence[int]]]) -> bytes:
    out = _Bits()
    out.put(1, 8)
    out.put(len(rows), 8)
    for exponent, values in rows:
        out.put(exponent & 0xFF, 8)
        for value in values:
            out.put(value & 0xFFF, 12)
    return out.finish()


# --- One position from logits ------------------------------------------------------------------------------------------


def draw_position(logits: Sequence[float], sampler: Sampler, bias: Mapping[int, int], counts: Mapping[int, int], u: int) -> Row:
    """Lists the candidates of one position, and draws. A logit that is NaN or -inf counts as impossible, and a bias of a token that the
    model does not have changes nothing.

    @raises ValueError where no logit is finite.
    """
    clean = [value if math.isfinite(value) else -math.inf for value in logits]
    best = max(clean)
    if best == -math.inf:
        raise ValueError("no logit of this position is finite")
    log_total = best + math.log(math.fsum(math.exp(value - best) for value in clean))
    q = [quantize_logprob(value - log_total) for value in clean]
    touched = [token for token in bias.keys() | counts.keys() if token < len(q)]
    cost = {token: compute_cost(q[token], bias.get(token, 0), counts.get(token, 0), sampler) for token in touched}
    cheapest = heapq.nsmallest(min(MAX_LISTED, len(q)), range(len(q)), key=lambda token: (cost.get(token, q[token]), token))
    costs = [cost.get(token, q[token]) for token in cheapest]

    def nats_of(token: int) -> float:
        """Log-probability after bias and penalties."""
        return -cost[token] / NAT if token in cost else clean[token] - log_total

    top = nats_of(cheapest[0])
    degrees = sampler.temperature_q16 / NAT
    masses: list[float] = []
    if degrees > 0:
        masses = [math.exp((nats_of(token) - top) / degrees) for token in range(len(q))]
        total = math.fsum(masses)
        masses = [mass / total for mass in masses]

    def tail_of(count: int) -> int:
        if degrees == 0 or count == len(q):
            return 0
        listed = math.fsum(masses[token] for token in cheapest[:count])
        return max(0, min(MAX_COST, math.floor((1 - listed) * WEIGHT_ONE + 0.5)))

    count, tail, weights = lay_out_list(costs, tail_of, sampler)
    ids = cheapest[:count]
    rank = draw_rank(ids, weights, u)
    drawn = None
    if rank == TAIL_RANK:
        drawn = _name_unlisted(masses, set(ids), (u - (WEIGHT_ONE - weights.tail)) / weights.tail * (tail / WEIGHT_ONE))
    return Row(ids, [q[token] for token in ids], tail, rank, None if drawn is None else (drawn, q[drawn]))


def _name_unlisted(masses: Sequence[float], listed: set[int], rest: float) -> int:
    named = -1
    for token, mass in enumerate(masses):
        if rest < 0:
            break
        if token in listed or (mass == 0 and named >= 0):
            continue
        named = token
        rest -= mass
    return named


# --- vLLM --------------------------------------------------------------------------------------------------------------

MAX_BIASES = 300


@dataclass(frozen=True)
class Order:
    """Fields of a request for the plugin."""

    draw_key: bytes
    """32 bytes; the provider derives it from the signed order."""
    record: str
    """Name of the file that windows are appended to, below OGONG_WINDOWS."""
    sampler: Sampler
    bias: Mapping[int, int]
    bank_seed: bytes | None
    directions: int


def parse_order(text: str) -> Order:
    """@raises ValueError for whatever a header could not hold."""
    given = json.loads(text)
    if not isinstance(given, dict):
        raise ValueError("ogong: an object is wanted")
    unknown = given.keys() - {"draw_key", "record", "sampler", "bias", "bank_seed", "directions"}
    if unknown:
        raise ValueError(f"ogong: unknown fields {sorted(unknown)}")
    key = bytes.fromhex(given["draw_key"])
    seed = bytes.fromhex(given["bank_seed"]) if "bank_seed" in given else None
    if len(key) != 32 or (seed is not None and len(seed) != 32):
        raise ValueError("ogong: draw_key and bank_seed have 32 bytes")
    record = given["record"]
    if not isinstance(record, str) or not record.isalnum() or not record.isascii() or len(record) > 64:
        raise ValueError("ogong: record is a name of up to 64 letters and digits")
    sampler = Sampler(**{**given.get("sampler", {}), "filter_order": tuple(given.get("sampler", {}).get("filter_order", Sampler.filter_order))})
    if sorted(sampler.filter_order) != sorted(Sampler.filter_order):
        raise ValueError("ogong: filter_order holds each filter once")
    ranges = {"temperature_q16": (0, 100 * NAT), "top_k": (0, 1 << 32), "top_p_q24": (1, WEIGHT_ONE), "min_p_q24": (0, WEIGHT_ONE)}
    ranges |= {name: (-2 * NAT, 2 * NAT) for name in ("presence_q16", "frequency_q16")}
    for name, (low, high) in ranges.items():
        value = getattr(sampler, name)
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"ogong: {name} is {value!r}, outside {low}..{high}")
    bias = {token: value for token, value in given.get("bias", [])}
    if any(type(token) is not int or not 0 <= token < 1 << 32 for token in bias):
        raise ValueError("ogong: biases name tokens by their ids")
    if len(bias) > MAX_BIASES or any(type(value) is not int or abs(value) > 100 * NAT for value in bias.values()):
        raise ValueError("ogong: at most 300 biases of up to 100 nat")
    directions = given.get("directions", 16)
    if type(directions) is not int:
        raise ValueError("ogong: directions is a number")
    check_directions(directions)
    return Order(key, record, sampler, bias, seed, directions)


@dataclass
class _Slot:
    order: Order
    output: Sequence[int]
    """vLLM's own list: it grows with the reply. Its last tokens may be placeholders, so only its length is read."""
    start: int
    """Length of that list when the request came into the slot."""
    counts: dict[int, int]
    drawn: list[int] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    sketches: list[tuple[int, list[int]]] = field(default_factory=list)
    bank: list[list[float]] | None = None

    @classmethod
    def create(cls, order: Order, output: Sequence[int]) -> _Slot:
        counts: dict[int, int] = {}
        for token in output:
            counts[token] = counts.get(token, 0) + 1
        return cls(order, output, len(output), counts)

    def settle(self) -> bool:
        """Forgets a draw that vLLM did not take, as at the end of a part of a prompt. False where its tokens are not the plugin's."""
        missing = len(self.drawn) - (len(self.output) - self.start)
        if missing == 0:
            return True
        if missing != 1 or not self.rows:
            return False
        self.counts[self.drawn.pop()] -= 1
        self.rows.pop()
        del self.sketches[len(self.rows) :]
        return True


class Recorder:
    """Appends windows to files: u32 length and bytes of the draws, then of the sketch (length 0 without one)."""

    def __init__(self, directory: str) -> None:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        self.directory = directory

    def append(self, record: str, draws: bytes, sketch: bytes) -> None:
        path = os.path.join(self.directory, record)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
            file.write(struct.pack(">I", len(draws)) + draws + struct.pack(">I", len(sketch)) + sketch)


class Batch:
    """The processor's view of vLLM's batch, apart from tensors: slots come, go, move and swap."""

    def __init__(self, recorder: Recorder) -> None:
        self.slots: dict[int, _Slot] = {}
        self.recorder = recorder

    def update(self, removed: Iterable[int], added: Iterable[tuple], moved: Iterable[tuple]) -> None:
        """In vLLM's order: removed, added, moved. Of a slot that ends, the last window is written."""
        for index in removed:
            self._end(self.slots.pop(index, None))
        for index, params, _prompt, output in added:
            self._end(self.slots.pop(index, None))
            text = (getattr(params, "extra_args", None) or {}).get("ogong")
            if text is not None:
                self.slots[index] = _Slot.create(parse_order(text), output)
        for source, target, direction in moved:
            one, other = self.slots.pop(source, None), self.slots.pop(target, None)
            if getattr(direction, "name", direction) == "SWAP":
                if other is not None:
                    self.slots[source] = other
            else:
                self._end(other)
            if one is not None:
                self.slots[target] = one

    def draw(self, index: int, logits: Sequence[float], hidden: Sequence[float] | None) -> int | None:
        """The token that slot draws here; None where it did not ask for the protocol, or vLLM went on without it."""
        slot = self.slots.get(index)
        if slot is None:
            return None
        # An error here would end vLLM for all. The provider misses the windows, and fails this reply alone.
        if not slot.settle():
            self._end(self.slots.pop(index))
            return None
        try:
            return self._draw(slot, logits, hidden)
        except ValueError:
            self.slots.pop(index)
            return None

    def _draw(self, slot: _Slot, logits: Sequence[float], hidden: Sequence[float] | None) -> int:
        order = slot.order
        counts = {token: count for token, count in slot.counts.items() if count > 0}
        row = draw_position(logits, order.sampler, order.bias, counts, draw_u(order.draw_key, len(slot.output)))
        token = row.tail_token[0] if row.tail_token else row.ids[row.rank]
        slot.drawn.append(token)
        slot.counts[token] = slot.counts.get(token, 0) + 1
        slot.rows.append(row)
        if hidden is not None and order.bank_seed is not None:
            slot.bank = slot.bank or create_bank(order.bank_seed, order.directions, len(hidden))
            slot.sketches.append(sketch_hidden(slot.bank, hidden))
        if len(slot.rows) == WINDOW_TOKENS:
            self._write(slot, len(logits))
        self.vocabulary_size = len(logits)
        return token

    def _end(self, slot: _Slot | None) -> None:
        if slot is not None:
            slot.settle()
        if slot is not None and slot.rows:
            self._write(slot, self.vocabulary_size)

    def _write(self, slot: _Slot, vocabulary_size: int) -> None:
        sketch = encode_sketches(slot.sketches) if len(slot.sketches) == len(slot.rows) else b""
        self.recorder.append(slot.order.record, encode_draws(slot.rows, vocabulary_size), sketch)
        slot.rows, slot.sketches = [], []


def capture_hidden(model: object) -> Callable[[], object | None]:
    """Keeps the input of the LM head of each step: wraps the model's `compute_logits(hidden_states, ...)`."""
    original = model.compute_logits
    seen: list[object] = []

    def compute_logits(hidden_states, *rest, **named):
        seen[:] = [hidden_states]
        return original(hidden_states, *rest, **named)

    model.compute_logits = compute_logits
    return lambda: seen[0] if seen else None


class OgongLogitsProcessor(_Interface):
    """vLLM's interface (vllm.v1.sample.logits_processor.LogitsProcessor)."""

    def __init__(self, vllm_config=None, device=None, is_pin_memory: bool = False) -> None:
        self.batch = Batch(Recorder(os.environ.get("OGONG_WINDOWS", "ogong-windows")))
        self.find_hidden: Callable[[], object | None] = lambda: None

    @classmethod
    def validate_params(cls, sampling_params) -> None:
        text = (getattr(sampling_params, "extra_args", None) or {}).get("ogong")
        if text is None:
            return
        try:
            parse_order(text)
        except (AttributeError, KeyError, RecursionError, TypeError) as error:
            # vLLM refuses a request by a ValueError alone.
            raise ValueError(f"ogong: {error!r}") from error

    def is_argmax_invariant(self) -> bool:
        return False

    def needs_output_token_ids(self) -> bool:
        """The plugin knows the tokens that it drew, so vLLM need not wait for them."""
        return False

    def update_state(self, batch_update) -> None:
        if batch_update is not None:
            self.batch.update(batch_update.removed, batch_update.added, batch_update.moved)

    def apply(self, logits):
        hidden = self.find_hidden()
        for index in sorted(self.batch.slots):
            row = None if hidden is None else hidden[index].tolist()
            token = self.batch.draw(index, logits[index].tolist(), row)
            if token is None:
                continue
            logits[index] = -math.inf
            logits[index, token] = 0.0
        return logits
