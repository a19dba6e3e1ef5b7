"""A provider's commitment to vectors and scores, and the proof of its opening without a model (docs/spec/embedding.md)."""

from __future__ import annotations

import hashlib
import math
import struct
from dataclasses import dataclass

from .checks import Check, failed, hold, passed
from .record import Record, hash_response
from .text.commitment import Opening, decode_sketch_rows, read_parts
from .tiers import check_posture
from .vectors import MOST_INPUTS
from .wire import Reader, WireError, sha256, u32

_MOST_HEADER = 8_192
_MOST_DIMENSIONS = 16_374
_MOST_INPUT_TOKENS = 1 << 20
_MOST_RESPONSE = 1 << 20
_NORM_SLACK = 2.0**-22
_SCORES = 1
"""The endpoint `rerank`, by its code."""


@dataclass(frozen=True)
class VectorHeader:
    order_hash: bytes
    endpoint: int
    tier: str
    method: str
    numeric_class: str
    vocabulary_hash: bytes
    embedding_size: int
    directions: int
    bank_seed: bytes
    choice: int
    prompt_tokens_hash: bytes
    prompt_tokens: int
    vectors: int
    longest_input: int
    parts: tuple[bytes, ...]
    payee: bytes


@dataclass(frozen=True)
class _Leaf:
    tokens: int
    tokens_hash: bytes
    data: bytes
    """Of the vector, f32 little endian."""
    vector: tuple[float, ...]
    sketch: tuple[int, tuple[int, ...]]
    """Exponent and values."""


@dataclass(frozen=True)
class ReplayedVectors:
    checks: list[Check]
    header: VectorHeader | None
    """None where root or form failed: then nothing else can be said about the opening."""


def parse_vector_header(data: bytes) -> VectorHeader:
    """@raises WireError"""
    if len(data) > _MOST_HEADER:
        raise WireError(f"a header has at most {_MOST_HEADER} bytes")
    r = Reader(data, b"ogong-header-embedding-v1\n")
    header = VectorHeader(
        order_hash=r.take(32),
        endpoint=r.int(1, 0, 1),
        tier=r.text(32),
        method=r.text(32),
        numeric_class=r.text(255),
        vocabulary_hash=r.take(32),
        embedding_size=r.int(4, 1, _MOST_DIMENSIONS),
        directions=r.int(2, 8, 256),
        bank_seed=r.take(32),
        choice=r.int(1),
        prompt_tokens_hash=r.take(32),
        prompt_tokens=r.int(4),
        vectors=r.int(2, 1, MOST_INPUTS),
        longest_input=r.int(4),
        parts=read_parts(r),
        payee=r.take(20),
    )
    r.end()
    if header.directions % 8:
        raise WireError("the number of directions is no multiple of 8")
    if header.endpoint == _SCORES and header.embedding_size != 1:
        raise WireError("a score has one value")
    return header


def replay_vectors(record: Record, opening: Opening) -> ReplayedVectors:
    if opening.root() != record.commit_root:
        return ReplayedVectors([failed("commitment-root", "header and leaves do not hash to the record's root")], None)
    checks = [passed("commitment-root", "header and leaves hash to the record's root")]
    try:
        header = parse_vector_header(opening.header)
        if 4 * header.embedding_size * len(opening.windows) > _MOST_RESPONSE:
            raise WireError(f"more than {_MOST_RESPONSE} bytes of vectors")
        leaves = [_parse_leaf(values, sketch, header) for values, sketch in opening.windows]
    except WireError as error:
        return ReplayedVectors([*checks, failed("commitment-form", str(error))], None)
    checks.append(passed("commitment-form", f"{len(leaves)} vectors of {header.embedding_size} values"))
    posture = check_posture(header.tier, header.method, header.numeric_class)
    said = f"tier {header.tier}, method {header.method}, class {header.numeric_class}"
    checks.append(passed("posture", said) if posture is None else failed("posture", posture))
    checks.append(hold("token-count", _counts_agree(record, header, leaves), "record, header and leaves count the same"))
    response = b"".join(leaf.data for leaf in leaves)
    signed = hash_response(opening.blind, response) == record.response_hash
    checks.append(hold("vectors", signed, "the committed vectors are the signed response"))
    units = header.endpoint == _SCORES or all(abs(_square(leaf.vector) - 1) <= _NORM_SLACK for leaf in leaves)
    checks.append(hold("unit-norm", units, "each vector has length one, or is a score"))
    rows = _bank(header)
    own = [sketch_vector(rows, leaf.vector, header.directions) for leaf in leaves]
    wrong = next((i for i, leaf in enumerate(leaves) if own[i] != leaf.sketch), None)
    detail = "each sketch follows from its vector" if wrong is None else f"sketch {wrong} follows from its vector"
    checks.append(hold("sketch", wrong is None, detail))
    return ReplayedVectors(checks, header)


def _parse_leaf(values: bytes, sketch: bytes, header: VectorHeader) -> _Leaf:
    r = Reader(values)
    tokens, tokens_hash = r.int(4, 1, _MOST_INPUT_TOKENS), r.take(32)
    data = r.take(4 * header.embedding_size)
    r.end()
    vector = struct.unpack(f"<{header.embedding_size}f", data)
    if any(not math.isfinite(value) or (value == 0 and math.copysign(1, value) < 0) for value in vector):
        raise WireError("a value is not finite, or is -0")
    rows = decode_sketch_rows(sketch, header.directions)
    if len(rows) != 1:
        raise WireError(f"{len(rows)} sketches of one vector")
    return _Leaf(tokens, tokens_hash, data, vector, rows[0])


def _counts_agree(record: Record, header: VectorHeader, leaves: list[_Leaf]) -> bool:
    hashed = b"".join(u32(leaf.tokens) + leaf.tokens_hash for leaf in leaves)
    return (
        len(leaves) == record.tokens == header.vectors
        and sum(leaf.tokens for leaf in leaves) == header.prompt_tokens
        and max(leaf.tokens for leaf in leaves) == header.longest_input
        and sha256(b"ogong-embedding-inputs-v1\n", u32(len(leaves)), hashed) == header.prompt_tokens_hash
    )


def _square(vector: tuple[float, ...]) -> float:
    square = 0.0
    for value in vector:
        square += value * value
    return square


def _bank(header: VectorHeader) -> list[int]:
    """Of each coordinate its signs (docs/spec/sketch.md): `directions` bits, the first direction highest, 1 for -1."""
    bits = header.embedding_size * header.directions
    blocks = b"".join(hashlib.sha256(header.bank_seed + u32(i)).digest() for i in range(-(-bits // 256)))
    width = header.directions // 8
    return [int.from_bytes(blocks[d * width : (d + 1) * width], "big") for d in range(header.embedding_size)]


def sketch_vector(rows: list[int], vector: tuple[float, ...], directions: int) -> tuple[int, tuple[int, ...]]:
    """@param rows: signs of each coordinate. @returns exponent and values."""
    sums = [0.0] * directions
    for signs, value in zip(rows, vector):
        for j in range(directions):
            sums[j] += -value if signs >> (directions - 1 - j) & 1 else value
    most = max(abs(y) for y in sums)
    if most == 0:
        return -127, (0,) * directions
    exponent = max(-127, math.frexp(most)[1] - 1 - 10)
    if most >= 2047.5 * 2.0**exponent:
        exponent += 1
    scale = 2.0**exponent
    return exponent, tuple(int(math.copysign(math.floor(abs(y) / scale + 0.5), y)) for y in sums)
