"""A provider's commitment: header, windows, the tree over them (docs/spec/commitment.md, window.md), and its opening."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..wire import Reader, WireError, sha256, u8, u16, u32
from .request import Sampler
from .sampler import TAIL

WINDOW = 32
MOST_LISTED = 64
_MOST_HEADER = 16_384
_MOST_WINDOWS = 4_096
_MOST_EDGES = 63
_MOST_EDGE_POSITIONS = 1 << 18
_MOST_OPENING = 48 << 20
_CHUNK_BYTES = 65_536
STOP_REASONS = ("stop-token", "stop-string", "length", "context", "cancelled")


@dataclass(frozen=True)
class DrawKeyInputs:
    """Of mode 0 nonce, request hash, reply id, provider, epoch and beacon; of mode 1 seed, request hash, model root and choice."""

    mode: int
    fields: bytes
    """As the header writes them, which is as they are hashed."""

    def key(self) -> bytes:
        return sha256(b"ogong-draw-seed-v1\n" if self.mode else b"ogong-draw-v1\n", self.fields)


@dataclass(frozen=True)
class Boundary:
    """The root that a shard of a cohort signed of the rows that it sent."""

    positions: int
    turns: int
    root: bytes
    input: bytes
    """Root of the blob of the rows, or at place 0 of the tokens, that the shard received."""
    signature: bytes


@dataclass(frozen=True)
class Header:
    order_hash: bytes
    endpoint: int
    tier: str
    method: str
    numeric_class: str
    vocabulary_hash: bytes
    vocabulary_size: int
    embedding_size: int
    directions: int
    bank_seed: bytes
    sampler: Sampler
    bias: tuple[tuple[int, int], ...]
    draw_key: DrawKeyInputs
    choice: int
    max_tokens: int
    prompt_day: int
    thinking: tuple[int, int]
    prompt_tokens_hash: bytes
    prompt_tokens: int
    answer_format: tuple[int, int, int]
    grammar_hash: bytes
    output_tokens_hash: bytes
    output_tokens: int
    stop_reason: str
    parts: tuple[bytes, ...]
    pictures: tuple[tuple[int, bytes], ...]
    """Rows of each picture in the prompt, and the root of their blob."""
    boundaries: tuple[Boundary | None, ...]
    """Signed roots of the shards of a cohort, by place; empty if one provider serves the whole model."""
    payee: bytes


def parse_header(data: bytes) -> Header:
    """@raises WireError"""
    if len(data) > _MOST_HEADER:
        raise WireError(f"a header has at most {_MOST_HEADER} bytes")
    r = Reader(data, b"ogong-header-v1\n")
    order_hash, endpoint = r.take(32), r.int(1, 0, 1)
    tier, method, numeric_class = r.text(32), r.text(32), r.text(255)
    vocabulary_hash, vocabulary_size, embedding_size = r.take(32), r.int(4, 2, 1 << 24), r.int(4, 1, 65_536)
    directions, bank_seed = r.int(2, 8, 256), r.take(32)
    if directions % 8:
        raise WireError("the number of directions is no multiple of 8")
    sampler = Sampler(
        temperature=r.int(4, 0, 100 << 16),
        top_k=r.int(4, 0, 1 << 24),
        top_p=r.int(4, 1, 1 << 24),
        min_p=r.int(4, 0, 1 << 24),
        presence=r.int(4, -2 << 16, 2 << 16, signed=True),
        frequency=r.int(4, -2 << 16, 2 << 16, signed=True),
        repetition=r.int(4, 655, 2 << 16),
        window=r.int(4, 0, 1 << 24),
        filters=tuple(r.int(1, 0, 2) for _ in range(r.int(1, 0, 3))),
    )
    if len(set(sampler.filters)) < len(sampler.filters):
        raise WireError("a filter stands twice")
    bias = tuple(
        (r.int(4, 0, vocabulary_size - 1), r.int(4, -100 << 16, 100 << 16, signed=True)) for _ in range(r.int(2, 0, 300))
    )
    if any(a >= b for (a, _), (b, _) in zip(bias, bias[1:])):
        raise WireError("ids of the bias do not ascend")
    draw_key = read_draw_key(r)
    header = Header(
        order_hash=order_hash,
        endpoint=endpoint,
        tier=tier,
        method=method,
        numeric_class=numeric_class,
        vocabulary_hash=vocabulary_hash,
        vocabulary_size=vocabulary_size,
        embedding_size=embedding_size,
        directions=directions,
        bank_seed=bank_seed,
        sampler=sampler,
        bias=bias,
        draw_key=draw_key,
        choice=r.int(1),
        max_tokens=r.int(4),
        prompt_day=r.int(4, 0, 1_000_000),
        thinking=(r.int(1, 0, 2), r.int(1, 0, 3)),
        prompt_tokens_hash=r.take(32),
        prompt_tokens=r.int(4),
        answer_format=_read_format(r),
        grammar_hash=r.take(32),
        output_tokens_hash=r.take(32),
        output_tokens=r.int(4),
        stop_reason=STOP_REASONS[r.int(1, 0, len(STOP_REASONS) - 1)],
        parts=read_parts(r),
        pictures=tuple((r.int(2, 1, 2_048), r.take(32)) for _ in range(r.int(1, 0, 100))),
        boundaries=tuple(read_boundary(r) for _ in range(r.int(1, 0, 63))),
        payee=r.take(20),
    )
    r.end()
    return header


def _read_format(r: Reader) -> tuple[int, int, int]:
    family, reasoning, marks = r.int(1, 0, 7), r.int(1, 0, 2), r.int(1, 0, 7)
    if reasoning == 0 and marks != 0:
        raise WireError("an answer format without reasoning names marks of it")
    return family, reasoning, marks


def read_boundary(r: Reader) -> Boundary | None:
    return Boundary(r.int(4), r.int(4), r.take(32), r.take(32), r.take(64)) if r.flag() else None


def read_draw_key(r: Reader) -> DrawKeyInputs:
    mode = r.int(1, 0, 1)
    return DrawKeyInputs(mode, r.take(8 + 32 + 32 + 1 if mode else 32 + 32 + 16 + 32 + 8 + 32))


def read_parts(r: Reader) -> tuple[bytes, ...]:
    count = r.int(1, 0, 9)
    if count == 1:
        raise WireError("a base model without adapters is no composed model")
    return tuple(r.take(32) for _ in range(count))


def compose_root(parts: Sequence[bytes]) -> bytes:
    """The root of a base model with adapters, in the order of their application."""
    return sha256(b"ogong-composed-model-v1\n", *parts)


def hash_tokens(blind: bytes, tokens: Sequence[int]) -> bytes:
    return sha256(b"ogong-tokens-v1\n", blind, *(u32(token) for token in tokens))


@dataclass(frozen=True)
class Row:
    """One position: its candidates, and which of them was drawn."""

    shape_class: int
    ids: tuple[int, ...]
    q: tuple[int, ...]
    """-log-probability before any processing, 2^-16 nat."""
    tail: int
    rank: int
    tail_token: tuple[int, int] | None
    """Id and q of a token that is not listed, where one was drawn."""
    log_sum: int = 0
    """Logarithm of the sum of the position's exponentials, 2^-16 nat."""
    marks: tuple[int, ...] | None = None
    """1 for each candidate that a repetition penalty covers, then of the unlisted token; None without such a penalty."""

    @property
    def token(self) -> int:
        return self.ids[self.rank] if self.tail_token is None else self.tail_token[0]


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._number = int.from_bytes(data, "big")
        self.left = 8 * len(data)

    def take(self, count: int) -> int:
        if count > self.left:
            raise WireError("the bits end early")
        self.left -= count
        return self._number >> self.left & ((1 << count) - 1)

    def end(self) -> None:
        if self.left >= 8 or self.take(self.left) != 0:
            raise WireError("the last byte is not filled with zero bits")


def decode_draws(data: bytes, vocabulary_size: int) -> list[Row]:
    """@raises WireError for every form that an encoder would not have written."""
    bits = _Bits(data)
    version = bits.take(8)
    if version not in (1, 2):
        raise WireError("these are no draws of version 1 or 2")
    positions = bits.take(8)
    if not 1 <= positions <= WINDOW:
        raise WireError(f"a window has 1 to {WINDOW} positions")
    shapes: list[int] = []
    previous = -1
    for _ in range(bits.take(8)):
        length, shape = bits.take(8), bits.take(8)
        if length == 0 or shape == previous:
            raise WireError("a run of shape classes is empty, or like the one before it")
        shapes += [shape] * length
        previous = shape
        if len(shapes) > positions:
            break
    if len(shapes) != positions:
        raise WireError("the runs of shape classes do not cover the positions")
    rice = bits.take(8)
    if rice > 24:
        raise WireError("the Rice parameter is above 24")
    width = (vocabulary_size - 1).bit_length()
    codes: list[int] = []
    rows = [_decode_row(bits, vocabulary_size, width, rice, shape, codes, version == 2) for shape in shapes]
    bits.end()
    mean = sum(codes) // len(codes) if codes else 0
    if rice != (mean.bit_length() - 1 if mean else 0):
        raise WireError("another Rice parameter follows from these values")
    return rows


def _decode_row(
    bits: _Bits, vocabulary_size: int, width: int, rice: int, shape: int, codes: list[int], is_marked: bool
) -> Row:
    count, rank, tail = bits.take(6) + 1, bits.take(7), bits.take(24)
    if rank >= count and rank != TAIL:
        raise WireError("a rank lies behind its list")
    ids = tuple(bits.take(width) for _ in range(count))
    if len(set(ids)) < count or max(ids) >= vocabulary_size:
        raise WireError("an id is listed twice, or beyond the vocabulary")
    q = [bits.take(24)]
    for _ in range(count - 1):
        code = _take_rice(bits, rice)
        codes.append(code)
        value = q[-1] + (-(code + 1) // 2 if code & 1 else code // 2)
        if not 0 <= value < 1 << 24:
            raise WireError("a log-probability is out of range")
        q.append(value)
    tail_token = None
    if rank == TAIL:
        tail_token = (bits.take(width), bits.take(24))
        if tail_token[0] in ids or tail_token[0] >= vocabulary_size:
            raise WireError("an unlisted token is listed, or beyond the vocabulary")
    if not is_marked:
        return Row(shape, ids, tuple(q), tail, rank, tail_token)
    log_sum = bits.take(27) - (1 << 26)
    marks = tuple(bits.take(1) for _ in range(count + (tail_token is not None)))
    return Row(shape, ids, tuple(q), tail, rank, tail_token, log_sum, marks)


def _take_rice(bits: _Bits, parameter: int) -> int:
    ones = 0
    while ones < 12 and bits.take(1) == 1:
        ones += 1
    if ones < 12:
        return ones << parameter | bits.take(parameter)
    value = bits.take(26)
    if value >> parameter < 12:
        raise WireError("an escape stands where none is needed")
    return value


def decode_sketch_rows(data: bytes, directions: int) -> list[tuple[int, tuple[int, ...]]]:
    """@returns of each position its exponent and values. @raises WireError"""
    bits = _Bits(data)
    if bits.take(8) != 1:
        raise WireError("this is no sketch of version 1")
    positions = bits.take(8)
    if not 1 <= positions <= WINDOW:
        raise WireError(f"a sketch has 1 to {WINDOW} positions")
    rows = []
    for _ in range(positions):
        exponent = bits.take(8)
        if exponent == 128:
            raise WireError("an exponent is -128")
        values = tuple(bits.take(12) for _ in range(directions))
        if 2_048 in values:
            raise WireError("a value is -2048")
        rows.append((_signed(exponent, 8), tuple(_signed(value, 12) for value in values)))
    bits.end()
    return rows


def _signed(value: int, width: int) -> int:
    return value - (1 << width) if value >> (width - 1) else value


def decode_token_window(data: bytes) -> tuple[int, tuple[int, ...]]:
    """A window of tier `vanilla` (docs/spec/vanilla-tier.md). @returns the number of positions, and ids or none. @raises WireError"""
    reader = Reader(data)
    reader.int(1, 2, 2)
    positions = reader.int(1, 1, WINDOW)
    count = reader.int(1, 0, WINDOW)
    if count not in (0, positions):
        raise WireError("ids of some positions only")
    ids = tuple(reader.int(4, 0, (1 << 24) - 1) for _ in range(count))
    reader.end()
    return positions, ids


@dataclass(frozen=True)
class Edge:
    positions: int
    size: int
    """Of the blob of all rows, bytes."""
    blob: bytes
    """Root of that blob."""
    sketches: tuple[bytes, ...]

    def encode(self) -> bytes:
        head = u32(self.positions) + self.size.to_bytes(8, "big") + self.blob + u16(len(self.sketches))
        return head + b"".join(u16(len(sketch)) + sketch for sketch in self.sketches)

    def root(self, blind: bytes) -> bytes:
        """That its sender signs."""
        first = b"ogong-boundary-v1\n" + self.size.to_bytes(8, "big") + self.blob + blind
        leaves = [first, *(sha256(sketch) + blind for sketch in self.sketches)]
        return merkle_root([sha256(b"\x00", leaf) for leaf in leaves])


def read_edge(reader: Reader) -> Edge:
    """@raises WireError"""
    positions, size, blob = reader.int(4, 1, _MOST_EDGE_POSITIONS), reader.int(8, 1, 1 << 30), reader.take(32)
    sketches = tuple(reader.bytes16() for _ in range(reader.int(2, 1, _MOST_EDGE_POSITIONS // WINDOW)))
    rows = [min(WINDOW, positions - at) for at in range(0, positions, WINDOW)]
    width = (len(sketches[0]) - 2) // rows[0]
    sizes = [2 + count * width for count in rows]
    if size % (4 * positions) or width < 13 or width % 12 != 1 or [len(sketch) for sketch in sketches] != sizes:
        raise WireError(f"an edge of {positions} positions has other sizes")
    return Edge(positions, size, blob, sketches)


@dataclass(frozen=True)
class Opening:
    blind: bytes
    """Of the answer."""
    header: bytes
    windows: tuple[tuple[bytes, bytes], ...]
    """Draws and sketch of each window."""
    edges: tuple[Edge, ...] = ()
    """Rows between the shards of a cohort, one for each root that the header lists (docs/spec/boundary.md)."""
    prompt: tuple[bytes, bytes] | None = None
    """Blind and tokens, u32 each, of a prompt that a first shard received."""

    def root(self) -> bytes:
        """Of the tree of RFC 6962 over header and windows."""
        return merkle_root(self._leaves())

    def header_proof(self) -> list[bytes]:
        """That the header is leaf 0: hashes of siblings, from the leaf up."""
        hashes, proof = self._leaves(), []
        while len(hashes) > 1:
            split = 1 << (len(hashes) - 1).bit_length() - 1
            proof.append(merkle_root(hashes[split:]))
            hashes = hashes[:split]
        return proof[::-1]

    def _leaves(self) -> list[bytes]:
        leaves = [self.header, *(sha256(draws) + sha256(sketch) + self.blind for draws, sketch in self.windows)]
        return [sha256(b"\x00", leaf) for leaf in leaves]


def merkle_root(hashes: Sequence[bytes]) -> bytes:
    """Of the tree of RFC 6962 over hashes of leaves."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\x01", merkle_root(hashes[:split]), merkle_root(hashes[split:]))


def blob_root(blind: bytes, data: bytes) -> bytes:
    """Root of a blob (docs/spec/blob.md)."""
    chunks = [data[at : at + _CHUNK_BYTES] for at in range(0, len(data), _CHUNK_BYTES)]
    hashes = [sha256(b"ogong-blob-chunk-v1\n", blind, u32(i), chunk) for i, chunk in enumerate(chunks)]
    return merkle_root([sha256(b"\x00", each) for each in hashes])


def encode_opening(opening: Opening) -> bytes:
    """@raises OverflowError if a window or their number is larger than any opening has."""
    counted = b"".join(u16(len(one)) + one for window in opening.windows for one in window)
    edges = bytes([len(opening.edges)]) + b"".join(edge.encode() for edge in opening.edges)
    return b"ogong-opening-v1\n" + opening.blind + u16(len(opening.header)) + opening.header + u16(len(opening.windows)) + counted + edges + _encode_prompt(opening.prompt)


def _encode_prompt(prompt: tuple[bytes, bytes] | None) -> bytes:
    return b"\x00" if prompt is None else b"\x01" + prompt[0] + u32(len(prompt[1])) + prompt[1]


def parse_opening(data: bytes) -> Opening:
    """@raises WireError"""
    if len(data) > _MOST_OPENING:
        raise WireError("an opening has at most 48 MiB")
    reader = Reader(data, b"ogong-opening-v1\n")
    blind = reader.take(32)
    header = reader.bytes16()
    windows = tuple((reader.bytes16(), reader.bytes16()) for _ in range(reader.int(2, 0, _MOST_WINDOWS)))
    edges = tuple(read_edge(reader) for _ in range(reader.int(1, 0, _MOST_EDGES)))
    prompt = (reader.take(32), reader.take(reader.int(4, 0, 4 * _MOST_EDGE_POSITIONS))) if reader.flag() else None
    reader.end()
    return Opening(blind, header, windows, edges, prompt)
