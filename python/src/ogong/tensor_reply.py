"""A provider's commitment to tensors, and the proof of its opening without a model (docs/spec/tensor.md)."""

from __future__ import annotations

from dataclasses import dataclass

from .checks import Check, failed, hold, passed
from .record import Record, hash_response
from .tensors import MOST_RESPONSE, MOST_TENSORS, Form, encode_tensors, read_form
from .text.commitment import Opening, read_parts
from .tiers import check_posture
from .wire import Reader, WireError, u16

_CHUNK = 32_768
_MOST_HEADER = 16_384
_MOST_LEAVES = MOST_RESPONSE // _CHUNK + MOST_TENSORS


@dataclass(frozen=True)
class TensorHeader:
    order_hash: bytes
    tier: str
    method: str
    numeric_class: str
    vocabulary_hash: bytes
    """Of the model's inputs and outputs."""
    bank_seed: bytes
    choice: int
    prompt_tokens_hash: bytes
    prompt_tokens: int
    """Units of the inputs."""
    leaves: int
    outputs: tuple[tuple[Form, int], ...]
    """Form of each output, and the bytes of its values."""
    parts: tuple[bytes, ...]
    payee: bytes
    directions: int = 16
    """Nothing is sketched."""

    def response_size(self) -> int:
        return len(b"ogong-tensors-v1\n") + 1 + sum(len(form.encode()) + 4 + size for form, size in self.outputs)


@dataclass(frozen=True)
class ReplayedTensors:
    checks: list[Check]
    header: TensorHeader | None
    """None where root or form failed: then nothing else can be said about the opening."""


def _count_chunks(size: int) -> int:
    return max(1, -(-size // _CHUNK))


def parse_tensor_header(data: bytes) -> TensorHeader:
    """@raises WireError"""
    if len(data) > _MOST_HEADER:
        raise WireError(f"a header has at most {_MOST_HEADER} bytes")
    r = Reader(data, b"ogong-header-tensor-v1\n")
    order_hash = r.take(32)
    r.int(1, 0, 0)
    header = TensorHeader(
        order_hash=order_hash,
        tier=r.text(32),
        method=r.text(32),
        numeric_class=r.text(255),
        vocabulary_hash=r.take(32),
        bank_seed=r.take(32),
        choice=r.int(1),
        prompt_tokens_hash=r.take(32),
        prompt_tokens=r.int(4, 1, 1 << 20),
        leaves=r.int(2, 1, _MOST_LEAVES),
        outputs=tuple((read_form(r), r.int(4, 0, MOST_RESPONSE)) for _ in range(r.int(1, 1, MOST_TENSORS))),
        parts=read_parts(r),
        payee=r.take(20),
    )
    r.end()
    if len({form.name for form, _ in header.outputs}) != len(header.outputs):
        raise WireError("two outputs have one name")
    if sum(_count_chunks(size) for _, size in header.outputs) != header.leaves:
        raise WireError("the outputs have another number of leaves")
    return header


def replay_tensors(record: Record, opening: Opening) -> ReplayedTensors:
    if opening.root() != record.commit_root:
        return ReplayedTensors([failed("commitment-root", "header and leaves do not hash to the record's root")], None)
    checks = [passed("commitment-root", "header and leaves hash to the record's root")]
    try:
        header = parse_tensor_header(opening.header)
        if header.response_size() > MOST_RESPONSE:
            raise WireError(f"more than {MOST_RESPONSE} bytes of outputs")
        response = encode_tensors(_join_leaves(header, opening.windows))
    except WireError as error:
        return ReplayedTensors([*checks, failed("commitment-form", str(error))], None)
    checks.append(passed("commitment-form", f"{len(header.outputs)} outputs in {header.leaves} chunks"))
    posture = check_posture(header.tier, header.method, header.numeric_class)
    said = f"tier {header.tier}, method {header.method}, class {header.numeric_class}"
    checks.append(passed("posture", said) if posture is None else failed("posture", posture))
    checks.append(hold("token-count", record.tokens == header.leaves, "record and header count the same chunks"))
    signed = hash_response(opening.blind, response) == record.response_hash
    checks.append(hold("tensors", signed, "the committed tensors are the signed response"))
    return ReplayedTensors(checks, header)


def _join_leaves(header: TensorHeader, leaves: tuple[tuple[bytes, bytes], ...]) -> list[tuple[Form, bytes]]:
    """@raises WireError unless the leaves are the chunks of the header's outputs, in order."""
    if len(leaves) != header.leaves:
        raise WireError(f"{len(leaves)} leaves, and the header has {header.leaves}")
    at, joined = 0, []
    for index, (form, size) in enumerate(header.outputs):
        chunks = []
        for chunk in range(_count_chunks(size)):
            place, values = leaves[at]
            if place != u16(index) + u16(chunk) or len(values) != min(_CHUNK, size - chunk * _CHUNK):
                raise WireError(f"leaf {at + 1} is not chunk {chunk} of output {index}")
            chunks.append(values)
            at += 1
        joined.append((form, b"".join(chunks)))
    return joined
