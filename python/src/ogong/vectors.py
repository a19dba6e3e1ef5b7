"""A request for vectors of texts, or for scores of documents (docs/spec/embedding.md): its summary, whose hash names it everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .text.fields import RequestError, known, read_boolean, read_text, read_whole
from .text.preference import split_model
from .text.request import MOST_BODY_BYTES, read_ogong
from .wire import WireError, parse_json, sha256, text, u8, u16, u32

ENDPOINTS = ("embedding", "rerank")
"""In the order of their codes."""
MOST_INPUTS = 256
MOST_DIMENSIONS = 16_374
_MOST_INPUT_BYTES = 256 << 10
_MOST_READ_BYTES = 16 << 20
_AROUND = {"embedding": 16, "rerank": 128}
"""Tokens that a tokenizer, or a reranker's form, may put around one input."""
_IGNORED = "user metadata safety_identifier service_tier"
_KNOWN = {
    "embedding": f"model input encoding_format dimensions ogong {_IGNORED}",
    "rerank": f"model query documents top_n return_documents ogong {_IGNORED}",
}


@dataclass(frozen=True)
class VectorRequest:
    endpoint: int
    """0 embedding, 1 rerank."""
    model: str
    exact: bool
    model_root: bytes | None
    settles_accepted: bool
    inputs: int
    prompt_bound: int
    dimensions: int
    """Values of a vector; 0 for all of the model's."""
    longest_bound: int
    """Tokens of the longest input at most."""
    body_hash: bytes

    def hash(self) -> bytes:
        return sha256(self.summary())

    def summary(self) -> bytes:
        return b"".join(
            (
                b"ogong-embedding-request-v2\n",
                u8(self.endpoint),
                text(self.model, 768),
                u8(self.exact),
                u8(0) if self.model_root is None else u8(1) + self.model_root,
                u8(self.settles_accepted),
                u16(self.inputs),
                u32(self.prompt_bound),
                u32(self.dimensions),
                self.body_hash,
            )
        )


def parse_vector_request(body: bytes, endpoint: str) -> VectorRequest:
    """@raises WireError: RequestError if a field is wrong."""
    if len(body) > MOST_BODY_BYTES:
        raise WireError(f"a request has at most {MOST_BODY_BYTES} bytes")
    fields = known(parse_json(body), "", _KNOWN[endpoint])
    model, sort = split_model(read_text(fields.get("model"), "model"))
    beside = _AROUND[endpoint]
    dimensions = 0
    if endpoint == "embedding":
        if fields.get("encoding_format") not in (None, "float", "base64"):
            raise RequestError("encoding_format", '"float" or "base64" is expected')
        if fields.get("dimensions") is not None:
            dimensions = read_whole(fields["dimensions"], "dimensions", 1, MOST_DIMENSIONS)
        given = fields.get("input")
        sizes = _read_sizes([given] if _is_one(given) else given)
    else:
        query = len(_read_input(fields.get("query"), "query"))
        beside += query
        documents = fields.get("documents")
        inputs = _read_inputs(documents, "documents", takes_objects=True)
        if sum(map(len, inputs)) + query * len(inputs) > _MOST_READ_BYTES:
            raise RequestError("documents", f"with the query of each, at most {_MOST_READ_BYTES} bytes")
        sizes = [len(each) for each in inputs]
        if fields.get("top_n") is not None:
            read_whole(fields["top_n"], "top_n", 1, 2**53 - 1)
        read_boolean(fields, "return_documents")
    exact, root, accepted, grammar, standby = read_ogong(fields, model, sort)
    if standby is not None:
        raise RequestError("ogong.standby", "of vectors and scores nobody stands by")
    del grammar
    bounds = [beside + size for size in sizes]
    of_inputs = (len(sizes), sum(bounds), dimensions, max(bounds))
    return VectorRequest(ENDPOINTS.index(endpoint), model, exact, root, accepted, *of_inputs, sha256(body))


def _is_one(value: Any) -> bool:
    """A text, or a flat list of the ids of its tokens."""
    return isinstance(value, str) or (isinstance(value, list) and len(value) > 0 and _is_number(value[0]))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _read_sizes(value: Any) -> list[int]:
    """@returns of each input its bytes, or its number of token ids."""
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_INPUTS:
        raise RequestError("input", f"1 to {MOST_INPUTS} texts are expected")
    return [
        _read_ids(item, f"input[{i}]") if isinstance(item, list) else len(_read_input(item, f"input[{i}]"))
        for i, item in enumerate(value)
    ]


def _read_ids(value: list[Any], place: str) -> int:
    if not 1 <= len(value) <= _MOST_INPUT_BYTES:
        raise RequestError(place, f"1 to {_MOST_INPUT_BYTES} token ids are expected")
    for each in value:
        read_whole(each, place, 0, 2**31 - 1)
    return len(value)


def _read_inputs(value: Any, place: str, *, takes_objects: bool = False) -> list[bytes]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_INPUTS:
        raise RequestError(place, f"1 to {MOST_INPUTS} texts are expected")
    inputs = []
    for i, item in enumerate(value):
        at = f"{place}[{i}]"
        if takes_objects and isinstance(item, dict):
            if set(item) != {"text"}:
                raise RequestError(at, "a text, or an object with one and nothing else, is expected")
            item = item["text"]
        inputs.append(_read_input(item, at))
    return inputs


def _read_input(value: Any, place: str) -> bytes:
    data = read_text(value, place, 1).encode("utf-8")
    if len(data) > _MOST_INPUT_BYTES:
        raise RequestError(place, f"at most {_MOST_INPUT_BYTES} bytes")
    return data
