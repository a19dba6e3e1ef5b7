"""Embeddings, scores and tensors: the shown values are compared with the signed numbers, bit by bit (docs/spec/embedding.md)."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from .sealed import Opened, count_tokens
from .shown import ReceiptError, Shown, as_shown
from .tensors import show_tensors


def word_vectors(endpoint: str, asked: Mapping[str, Any], opened: Opened) -> Shown:
    """As a gateway words vectors or scores that it can read. They were checked: each f32 is the signed one."""
    values = list(struct.unpack(f"<{len(opened.response) // 4}f", opened.response))
    prompt = count_tokens(opened, endpoint)[0]
    usage = {"prompt_tokens": prompt, "total_tokens": prompt}
    receipts = [{"reply_id": opened.reply_id, "receipt": opened.receipt}]
    if endpoint == "embedding":
        inputs = 1 if isinstance(asked["input"], str) else len(asked["input"])
        size = len(values) // inputs
        data: list[dict[str, Any]] = []
        for i in range(inputs):
            vector: Any = values[i * size : (i + 1) * size]
            if asked.get("encoding_format") == "base64":
                vector = base64.b64encode(struct.pack(f"<{size}f", *vector)).decode("ascii")
            data.append({"object": "embedding", "index": i, "embedding": vector})
        return as_shown({"object": "list", "model": asked["model"], "data": data, "usage": usage, "ogong": {"receipts": receipts}})
    results = _rank(values, asked)
    return as_shown({"model": asked["model"], "results": results, "usage": usage, "ogong": {"scores": values, "receipts": receipts}})


def word_tensors(asked: Mapping[str, Any], opened: Opened) -> Shown:
    """As a gateway words tensors that it can read. The response was checked. @raises WireError"""
    units = count_tokens(opened, "infer")[0]
    usage = {"prompt_tokens": units, "total_tokens": units}
    receipts = [{"reply_id": opened.reply_id, "receipt": opened.receipt}]
    words = {"object": "tensors", "model": asked["model"], **show_tensors(opened.response)}
    return as_shown({**words, "usage": usage, "ogong": {"receipts": receipts}})


def _rank(scores: Sequence[float], asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Computes the results from the scores (docs/spec/embedding.md#reranking)."""
    documents = asked.get("documents") or []
    best = sorted(range(len(scores)), key=lambda index: (-scores[index], index))[: asked.get("top_n") or None]
    results: list[dict[str, Any]] = [{"index": index, "relevance_score": scores[index]} for index in best]
    if asked.get("return_documents"):
        texts = [one["text"] if isinstance(one, dict) else one for one in documents]
        results = [{**one, "document": {"text": texts[one["index"]]}} for one in results]
    return results


def read_vectors(answer: Any, asked: Mapping[str, Any]) -> bytes:
    """
    The bytes of the vectors that a gateway shows. The signature covers them one after the other. So their number, order and equal length
    are read from the answer: otherwise the same bytes could be cut at other places. @raises ReceiptError
    """
    given = asked.get("input")
    inputs = 1 if isinstance(given, str) else len(given or [])
    data = answer.get("data")
    if not isinstance(data, list) or len(data) != inputs:
        raise ReceiptError(f"{inputs} inputs were sent, and not each has a vector")
    if [isinstance(one, dict) and one.get("index") for one in data] != list(range(inputs)):
        raise ReceiptError("the vectors do not stand in the order of the inputs")
    shown = [one.get("embedding") for one in data]
    try:
        vectors = [base64.b64decode(one, validate=True) if isinstance(one, str) else _read_numbers(one) for one in shown]
    except ValueError as error:
        raise ReceiptError(f"a vector cannot be read: {error}") from None
    if len({len(vector) for vector in vectors}) != 1:
        raise ReceiptError("the vectors differ in length")
    return b"".join(vectors)


def read_scores(answer: Any, asked: Mapping[str, Any]) -> bytes:
    """
    The bytes of the scores of all documents, in the order of the request. The shown results have to follow from them
    (docs/spec/embedding.md#reranking). @raises ReceiptError
    """
    documents = asked.get("documents") or []
    said = answer.get("ogong")
    try:
        data = _read_numbers(said.get("scores") if isinstance(said, dict) else None)
    except ValueError as error:
        raise ReceiptError(f"the scores cannot be read: {error}") from None
    scores = struct.unpack(f"<{len(data) // 4}f", data)
    if len(scores) != len(documents):
        raise ReceiptError(f"{len(documents)} documents were sent, and not each has a score")
    if answer.get("results") != _rank(scores, asked):
        raise ReceiptError("the results do not follow from the scores")
    return data


def _read_numbers(shown: Any) -> bytes:
    """@returns f32 little endian. @raises ValueError if a value is not a number that an f32 is."""
    if not isinstance(shown, list) or not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in shown):
        raise ValueError("no numbers stand there")
    try:
        data = struct.pack(f"<{len(shown)}f", *shown)
    except (OverflowError, struct.error):
        raise ValueError("a number is too large") from None
    if list(struct.unpack(f"<{len(shown)}f", data)) != shown:
        raise ValueError("a number is no f32")
    return data
