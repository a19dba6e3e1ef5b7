"""Calls that are larger than one order (docs/spec/embedding.md#request, docs/spec/trajectory.md#request): they are asked in parts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .pictures import MOST_CHOICES
from .sealed import SealedCallError
from .shown import Answer, GatewayError, ReceiptError, Shown
from .text.request import MOST_BODY_BYTES
from .vectors import MOST_INPUTS

MOST_CALL_INPUTS = 2_048
MOST_CALL_PICTURES = 10
_MOST_REPEATED_BYTES = 64 << 10
_MOST_VALUES = (1 << 20) // 4
"""f32 values of one response."""
_LEAST_INPUTS = _MOST_VALUES // 16_374
"""Inputs that fit into an order of every model: no vector is longer."""
_SALT_BYTES = 128
"""Room for the salt that the client adds to each part."""
_MOST_SEED = 2**53 - 1


def split_inputs(params: Mapping[str, Any], most: int = MOST_INPUTS) -> list[dict[str, Any]]:
    """@param most inputs of one order. @returns the parameters of each order, with consecutive inputs. An invalid call stays whole, and the gateway refuses it."""
    inputs, dimensions = params.get("input"), params.get("dimensions")
    if not isinstance(inputs, (list, tuple)) or not inputs or isinstance(inputs[0], (int, float)):
        return [dict(params)]
    rest = {name: value for name, value in params.items() if name != "input"}
    repeated = _count_bytes(rest) + _SALT_BYTES
    room = MOST_BODY_BYTES - repeated
    if isinstance(dimensions, int) and dimensions > 0:
        most = max(1, min(most, _MOST_VALUES // dimensions))
    if len(inputs) > MOST_CALL_INPUTS or repeated > _MOST_REPEATED_BYTES or not all(inputs):
        return [dict(params)]
    groups: list[list[Any]] = []
    size = 0
    for one in inputs:
        added = _count_bytes(one) + 1
        if not groups or len(groups[-1]) == most or size + added > room:
            groups.append([])
            size = 0
        groups[-1].append(one)
        size += added
    return [{**params, "input": group} for group in groups]


def split_pictures(params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """
    @returns the parameters of each order. The second one has a seed of its own: under one seed the draws of a picture follow from its
    number in its request.
    """
    count, seed = params.get("n"), params.get("seed")
    if not isinstance(count, int) or not MOST_CHOICES < count <= MOST_CALL_PICTURES:
        return [dict(params)]
    second = {**params, "n": count - MOST_CHOICES}
    if isinstance(seed, int) and abs(seed) <= _MOST_SEED:
        second["seed"] = seed - 2**53 if seed > 0 else seed + _MOST_SEED
    return [{**params, "n": MOST_CHOICES}, second]


def ask_inputs(params: Mapping[str, Any], ask: Callable[[dict[str, Any]], Answer]) -> Answer:
    """Asks for vectors in parts. If the first order has too many inputs for its model, all have as many as its refusal names."""
    most: list[int] = []

    def ask_part(part: dict[str, Any]) -> Answer:
        try:
            return ask(part)
        except (GatewayError, SealedCallError) as error:
            if part is parts[0]:
                most.extend(read_most_inputs(str(error)))
            raise

    parts = split_inputs(params)
    try:
        return ask_parts(parts, ask_part)
    except (GatewayError, SealedCallError):
        smaller = split_inputs(params, most[0]) if most else parts
        # The same orders would be refused again.
        if len(smaller[0]["input"]) >= len(parts[0]["input"]):
            raise
    return ask_parts(smaller, ask)


def read_most_inputs(message: str) -> list[int]:
    """@returns the most inputs of one order, if a refusal names it. A number that is smaller than every model's counts as that of all models."""
    found = re.search(r" inputs make too long an answer; this model takes ([1-9]\d{0,2}) at a time", message)
    return [max(_LEAST_INPUTS, int(found[1]))] if found else []


def ask_parts(parts: Sequence[dict[str, Any]], ask: Callable[[dict[str, Any]], Answer]) -> Answer:
    """
    Asks for one part after another. @returns their joined answer. @raises the error of the first part that fails. It names the replies that
    are paid all the same, and an input by its number in the call.
    """
    answers: list[Answer] = []
    for part in parts:
        try:
            answers.append(ask(part))
        except (GatewayError, ReceiptError, SealedCallError) as error:
            first = sum(len(answer.get("data") or []) for answer in answers)
            error.args = (renumber_input(str(error), first),)
            if answers:
                paid = ", ".join(reply for answer in answers for reply in _list_replies(answer))
                error.args = (f"{error.args[0]} (paid all the same: {len(answers)} of {len(parts)} parts of this call, replies {paid})",)
            raise
    return answers[0] if len(answers) == 1 else _join(answers)


def renumber_input(message: str, first: int) -> str:
    """A refusal of one order, such as "input 3 has 600 tokens", names the input by its number in the call."""
    return re.sub(r"\binput (\d{1,3})(?=:? )", lambda found: f"input {int(found[1]) + first}", message)


def _join(answers: Sequence[Answer]) -> Answer:
    replies = [reply for answer in answers for reply in _list_replies(answer)]
    if len(set(replies)) != len(replies):
        raise ReceiptError("one reply stands for two parts of a call")
    first = answers[0]
    data = [one for answer in answers for one in answer["data"]]
    for index, one in enumerate(data):
        if "index" in one:
            one["index"] = index
    usage = {**(first.get("usage") or {})}
    for name, value in usage.items():
        if isinstance(value, int):
            usage[name] = sum((answer.get("usage") or {}).get(name) or 0 for answer in answers)
    receipts = [receipt for answer in answers for receipt in answer["ogong"]["receipts"]]
    joined = Answer({**first, "data": data, "usage": Shown(usage), "ogong": Shown({**first["ogong"], "receipts": receipts})})
    joined.verdicts = [verdict for answer in answers for verdict in answer.verdicts]
    if "pictures" in vars(first):
        joined.pictures = [picture for answer in answers for picture in answer.pictures]
    return joined


def _list_replies(answer: Mapping[str, Any]) -> list[str]:
    return [receipt["reply_id"] for receipt in answer["ogong"]["receipts"]]


def _count_bytes(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))
