"""Named tensors: a request's summary, whose hash names it everywhere, and the bytes of shown values (docs/spec/tensor.md)."""

from __future__ import annotations

import base64
import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .text.fields import RequestError, known, read_text
from .text.preference import split_model
from .text.request import MOST_BODY_BYTES, read_ogong
from .wire import Reader, WireError, parse_json, sha256, text, u8, u32

TYPES = ("float32", "float64", "int32", "int64", "uint8", "bool", "string")
"""In the order of their codes."""
FORMATS = {"float32": "f", "float64": "d", "int32": "i", "int64": "q", "uint8": "B", "bool": "?"}
MOST_TENSORS = 64
MOST_NAME = 128
MOST_RESPONSE = 1 << 20
_MOST_SIZES = 8
_MOST_VALUES = 1 << 20
_MOST_EXACT = 2**53 - 1
_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_LONG = re.compile(r"-?(0|[1-9][0-9]{0,18})")
_KNOWN = "model inputs outputs ogong user metadata safety_identifier service_tier"


@dataclass(frozen=True)
class Form:
    """Everything about a tensor but its values."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    def encode(self) -> bytes:
        return text(self.name, MOST_NAME) + u8(TYPES.index(self.dtype)) + u8(len(self.shape)) + b"".join(map(u32, self.shape))


@dataclass(frozen=True)
class TensorRequest:
    model: str
    exact: bool
    model_root: bytes | None
    settles_accepted: bool
    units: int
    outputs: tuple[str, ...]
    """Names of outputs in the order of the reply; empty: all."""
    body_hash: bytes

    @property
    def prompt_bound(self) -> int:
        return self.units

    def hash(self) -> bytes:
        return sha256(self.summary())

    def summary(self) -> bytes:
        return b"".join(
            (
                b"ogong-tensor-request-v1\n",
                u8(0),
                text(self.model, 768),
                u8(self.exact),
                u8(0) if self.model_root is None else u8(1) + self.model_root,
                u8(self.settles_accepted),
                u32(self.units),
                u8(len(self.outputs)),
                *(text(name, MOST_NAME) for name in self.outputs),
                self.body_hash,
            )
        )


def parse_tensor_request(body: bytes) -> TensorRequest:
    """@raises WireError: RequestError if a field is wrong."""
    if len(body) > MOST_BODY_BYTES:
        raise WireError(f"a request has at most {MOST_BODY_BYTES} bytes")
    fields = known(parse_json(body), "", _KNOWN)
    model, sort = split_model(read_text(fields.get("model"), "model"))
    inputs = fields.get("inputs")
    if not isinstance(inputs, dict) or not 1 <= len(inputs) <= MOST_TENSORS:
        raise RequestError("inputs", f"1 to {MOST_TENSORS} tensors by name are expected")
    units = sum(_count_input(name, value) for name, value in inputs.items())
    outputs = fields.get("outputs")
    if outputs is not None:
        if not isinstance(outputs, list) or not 1 <= len(outputs) <= MOST_TENSORS:
            raise RequestError("outputs", f"1 to {MOST_TENSORS} names are expected")
        for name in outputs:
            _check_name(name, "outputs")
        if len(set(outputs)) != len(outputs):
            raise RequestError("outputs", "one output is named twice")
    exact, root, accepted, grammar, standby = read_ogong(fields, model, sort)
    if standby is not None:
        raise RequestError("ogong.standby", "of tensors nobody stands by")
    del grammar
    return TensorRequest(model, exact, root, accepted, max(1, units), tuple(outputs or ()), sha256(body))


def _check_name(name: Any, place: str) -> None:
    if len(read_text(name, place, 1).encode("utf-8")) > MOST_NAME:
        raise RequestError(place, f"a name has at most {MOST_NAME} bytes")


def _count_input(name: str, value: Any) -> int:
    """@returns the units of an input."""
    place = f"inputs.{name[:MOST_NAME]}"
    _check_name(name, place)
    if not isinstance(value, dict):
        scalars: list[Any] = []
        count_values(_flatten(value, scalars, 0, place))
        return sum(map(_count_scalar, scalars))
    known(value, place, "dtype shape data")
    dtype, shape, data = value.get("dtype"), value.get("shape"), value.get("data")
    if dtype not in TYPES:
        raise RequestError(f"{place}.dtype", f"one of {', '.join(TYPES)} is expected")
    if not isinstance(shape, list) or len(shape) > _MOST_SIZES or not all(_is_size(size) for size in shape):
        raise RequestError(f"{place}.shape", f"at most {_MOST_SIZES} sizes are expected")
    count = count_values(shape)
    if isinstance(data, str) and dtype != "string":
        try:
            given = len(base64.b64decode(data, validate=True))
        except ValueError:
            raise RequestError(f"{place}.data", "it is no base64") from None
        if given != count * struct.calcsize(f"<{FORMATS[dtype]}"):
            raise RequestError(f"{place}.data", "the shape has another number of values")
        return count
    if not isinstance(data, list) or not all(map(_is_scalar, data)):
        raise RequestError(f"{place}.data", "values are expected")
    if len(data) != count:
        raise RequestError(f"{place}.data", "the shape has another number of values")
    return sum(map(_count_scalar, data))


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31


def _is_scalar(value: Any) -> bool:
    if isinstance(value, str):
        return not any(0xD800 <= ord(letter) < 0xE000 for letter in value)
    return isinstance(value, (bool, int, float))


def _count_scalar(value: Any) -> int:
    return max(1, -(-len(value.encode("utf-8")) // 4)) if isinstance(value, str) else 1


def count_values(shape: list[int] | tuple[int, ...]) -> int:
    """@raises WireError above the most values of a tensor."""
    count = math.prod(shape)
    if count > _MOST_VALUES:
        raise WireError(f"a tensor of {count} values")
    return count


def _flatten(value: Any, scalars: list[Any], depth: int, place: str) -> tuple[int, ...]:
    """Appends the values of nested lists. @returns their shape. @raises RequestError if they are not rectangular."""
    if _is_scalar(value):
        scalars.append(value)
        return ()
    if not isinstance(value, list) or depth >= _MOST_SIZES:
        raise RequestError(place, f"a value, or lists at most {_MOST_SIZES} deep are expected")
    shapes = {_flatten(item, scalars, depth + 1, place) for item in value}
    if len(shapes) > 1:
        raise RequestError(place, "its lists differ in length")
    return (len(value), *(shapes.pop() if shapes else ()))


def read_form(r: Reader) -> Form:
    """@raises WireError"""
    name = r.text(MOST_NAME)
    if name == "":
        raise WireError("a tensor without a name")
    dtype = TYPES[r.int(1, 0, len(TYPES) - 1)]
    shape = tuple(r.int(4, 0, 2**31 - 1) for _ in range(r.int(1, 0, _MOST_SIZES)))
    count_values(shape)
    return Form(name, dtype, shape)


def check_values(form: Form, data: bytes) -> None:
    """Checks that the bytes are the committed form of so many values. @raises WireError"""
    count = count_values(form.shape)
    if form.dtype == "string":
        r = Reader(data)
        for _ in range(count):
            try:
                r.take(r.int(4, 0, MOST_RESPONSE)).decode("utf-8")
            except UnicodeDecodeError:
                raise WireError(f"{form.name}: a string is no UTF-8") from None
        r.end()
        return
    layout = FORMATS[form.dtype]
    if len(data) != count * struct.calcsize(f"<{layout}"):
        raise WireError(f"{form.name}: {len(data)} bytes are not {count} values")
    if layout == "?" and any(byte > 1 for byte in data):
        raise WireError(f"{form.name}: a truth value besides 0 and 1")
    if layout in "fd":
        values = struct.unpack(f"<{count}{layout}", data)
        if b"".join(_pack_float(layout, value) for value in values) != data:
            raise WireError(f"{form.name}: a float of another spelling")


def _pack_float(layout: str, value: float) -> bytes:
    """The one spelling of a float: zero is +0, and every NaN has the same bits."""
    if math.isnan(value):
        return bytes.fromhex("0000c07f" if layout == "f" else "000000000000f87f")
    return struct.pack(f"<{layout}", value + 0.0)


def encode_tensors(tensors: list[tuple[Form, bytes]]) -> bytes:
    """The canonical response. @raises WireError"""
    if len(tensors) > MOST_TENSORS or len({form.name for form, _ in tensors}) != len(tensors):
        raise WireError("too many outputs, or two of one name")
    for form, data in tensors:
        check_values(form, data)
    encoded = (form.encode() + u32(len(data)) + data for form, data in tensors)
    response = b"".join((b"ogong-tensors-v1\n", u8(len(tensors)), *encoded))
    if len(response) > MOST_RESPONSE:
        raise WireError(f"{len(response)} bytes of outputs")
    return response


def show_tensors(response: bytes) -> dict[str, Any]:
    """Words the outputs of a signed response as a gateway shows them: `outputs` by name, and `output_names`. @raises WireError"""
    r = Reader(response, b"ogong-tensors-v1\n")
    outputs: dict[str, Any] = {}
    for _ in range(r.int(1, 0, MOST_TENSORS)):
        form = read_form(r)
        data = r.take(r.int(4, 0, MOST_RESPONSE))
        check_values(form, data)
        if form.name in outputs:
            raise WireError("two outputs have one name")
        outputs[form.name] = {"dtype": form.dtype, "shape": list(form.shape), "data": _show_values(form, data)}
    r.end()
    return {"outputs": outputs, "output_names": list(outputs)}


def _show_values(form: Form, data: bytes) -> list[Any]:
    count = count_values(form.shape)
    if form.dtype == "string":
        r = Reader(data)
        return [r.take(r.int(4)).decode("utf-8") for _ in range(count)]
    return [_show_number(value) for value in struct.unpack(f"<{count}{FORMATS[form.dtype]}", data)]


def _show_number(value: float | bool) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    # Numbers of JSON beyond this one lose digits.
    return str(value) if isinstance(value, int) and abs(value) > _MOST_EXACT else value


def read_tensors(answer: Any) -> bytes:
    """Reads the bytes that a provider must have signed for the outputs that a gateway shows. @raises WireError"""
    outputs, names = (answer.get(key) if isinstance(answer, Mapping) else None for key in ("outputs", "output_names"))
    if not isinstance(outputs, Mapping) or not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise WireError("there are no outputs with their names")
    if sorted(names) != sorted(outputs):
        raise WireError("the outputs and their names differ")
    return encode_tensors([_read_shown(name, outputs[name]) for name in names])


def _read_shown(name: str, shown: Any) -> tuple[Form, bytes]:
    held = shown if isinstance(shown, Mapping) else {}
    dtype, shape, data = held.get("dtype"), held.get("shape"), held.get("data")
    if dtype not in TYPES or not isinstance(shape, list) or not all(map(_is_size, shape)) or not isinstance(data, list):
        raise WireError(f"{name} has no dtype, shape and data")
    form = Form(name, dtype, tuple(shape))
    if len(data) != count_values(form.shape):
        raise WireError(f"{name} has another number of values than its shape")
    return form, b"".join(_pack(dtype, value) for value in data)


def _pack(dtype: str, value: Any) -> bytes:
    """@raises WireError if the type has no such value."""
    try:
        if dtype == "string":
            return u32(len(value.encode("utf-8"))) + value.encode("utf-8")
        layout = FORMATS[dtype]
        if layout == "?":
            if not isinstance(value, bool):
                raise WireError(f"{value!r} is no {dtype}")
            return u8(value)
        if layout in "fd":
            number = _WORDS[value] if isinstance(value, str) else value
            if isinstance(number, bool):
                raise WireError(f"{value!r} is no {dtype}")
            data = _pack_float(layout, number)
            if not math.isnan(number) and struct.unpack(f"<{layout}", data)[0] != number:
                raise WireError(f"{value!r} is no {dtype}")
            return data
        is_text = isinstance(value, str)
        if isinstance(value, bool) or (is_text and not (dtype == "int64" and _LONG.fullmatch(value))):
            raise WireError(f"{value!r} is no {dtype}")
        return struct.pack(f"<{layout}", int(value) if is_text else value)
    except (AttributeError, KeyError, OverflowError, TypeError, UnicodeEncodeError, ValueError, struct.error):
        raise WireError(f"{value!r} is no {dtype}") from None
