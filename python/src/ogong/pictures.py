"""A request for pictures (docs/spec/trajectory.md): its summary, whose hash names it everywhere."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from .guidance import GuidancePlan, encode_plan, parse_plan
from .text.fields import RequestError, read_integer, read_number, read_object, read_text, read_whole
from .text.preference import split_model
from .text.request import MOST_BODY_BYTES, read_ogong
from .wire import WireError, i64, parse_json, sha256, text, u8, u16, u32, u64

SAMPLERS = ("ddim", "euler", "dpm-solver++", "flow-match")
"""In the order of their codes."""
MOST_PIXELS = 2_097_152
MOST_SIDE = 4_096
MOST_STEPS = 150
_MOST_DEFAULT_STEPS = 50
_MOST_GUIDANCE = 50
MOST_CHOICES = 8
ENDPOINTS = ("image", "image-edit", "image-variation")
"""In the order of their codes."""
STRENGTH_ONE = 1 << 16
_USUAL_STRENGTH = 0.8
_REFERENCE = re.compile(r"ogong:media/([0-9a-f]{64})\Z", re.ASCII)
_SIZE = re.compile(r"(\d{1,4})x(\d{1,4})\Z", re.ASCII)
_STEPS = ("steps", "num_inference_steps")
_GUIDANCE = ("guidance", "guidance_scale", "cfg_scale")


@dataclass(frozen=True)
class Source:
    """A picture to change."""

    strength: int
    """In units of 1/65,536."""
    picture: bytes
    """The hash of its file, as the one of the mask."""
    mask: bytes | None


@dataclass(frozen=True)
class Range:
    """The steps that a link of a chain runs, counted from 0 over the whole picture."""

    first: int
    last: int
    """The step before which it ends."""
    latent: bytes | None
    """The hash of the latent that it begins with; None: it begins with noise."""


@dataclass(frozen=True)
class PictureRequest:
    model: str
    exact: bool
    model_root: bytes | None
    settles_accepted: bool
    standby_per_1k: int | None
    choices: int
    seed: int | None
    size: tuple[int, int] | None
    """None: the model's own, as for all that follow."""
    steps: int | None
    guidance: int | None
    """In units of 1/65,536."""
    sampler: str | None
    body_hash: bytes
    plan: GuidancePlan | None = None
    """None: all steps are guided, without momentum."""
    source: Source | None = None
    """None: the picture comes from noise alone."""
    endpoint: str = "image"
    range: Range | None = None
    """None: all steps run."""

    @property
    def most_units(self) -> int:
        run = self.range.last - self.range.first if self.range else self.steps or _MOST_DEFAULT_STEPS
        return count_units(*(self.size or (MOST_PIXELS, 1)), run)

    def hash(self) -> bytes:
        return sha256(self.summary())

    def summary(self) -> bytes:
        standby = self.standby_per_1k
        return b"".join(
            (
                b"ogong-picture-request-v1\n",
                u8(ENDPOINTS.index(self.endpoint)),
                text(self.model, 768),
                u8(self.exact),
                u8(0) if self.model_root is None else u8(1) + self.model_root,
                u8(self.settles_accepted + 2 * (standby is not None)),
                b"" if standby is None else u64(standby),
                u8(self.choices),
                u8(0) if self.seed is None else u8(1) + i64(self.seed),
                u8(0) if self.size is None else u8(1) + u16(self.size[0]) + u16(self.size[1]),
                u8(0) if self.steps is None else u8(1) + u16(self.steps),
                u8(0) if self.guidance is None else u8(1) + u32(self.guidance),
                u8(0) if self.sampler is None else u8(1) + u8(SAMPLERS.index(self.sampler)),
                encode_plan(self.plan),
                u8(0) if self.source is None else u8(1) + u32(self.source.strength) + u8(self.source.mask is not None),
                u8(0) if self.range is None else u8(1) + u16(self.range.first) + u16(self.range.last),
                self.body_hash,
            )
        )


def count_units(width: int, height: int, steps: int) -> int:
    """A unit is one step over 1,024 pixels; a part of 1,024 pixels counts as a whole."""
    return steps * -(-width * height // 1_024)


def count_left_out(steps: int, strength: int | None) -> int:
    """Steps of the schedule that do not run: at least one does."""
    return 0 if strength is None else steps - max(1, steps * strength // STRENGTH_ONE)


def compose_link_body(body: bytes, first: int, last: int, latent: bytes | None) -> bytes:
    """The body of a link of a chain. @param latent: the hash of the latent that it begins with."""
    start = "" if latent is None else f',"latent":"ogong:media/{latent.hex()}"'
    return body[: body.rindex(b"}")] + f',"first_step":{first},"last_step":{last}{start}}}'.encode()


def parse_picture_request(body: bytes, endpoint: str = "image") -> PictureRequest:
    """@raises WireError: RequestError if a field is wrong."""
    if len(body) > MOST_BODY_BYTES:
        raise WireError(f"a request has at most {MOST_BODY_BYTES} bytes")
    fields = read_object(parse_json(body), "")
    model, sort = split_model(read_text(fields.get("model"), "model"))
    is_varied = endpoint == "image-variation"
    for key in ("prompt", "mask") if is_varied else () if endpoint != "image" else ("image", "images", "mask", "strength"):
        if fields.get(key) is not None:
            raise RequestError(key, f"{endpoint} has none")
    if not is_varied:
        read_text(fields.get("prompt"), "prompt", 1)
    exact, root, accepted, _, standby = read_ogong(fields, model, sort)
    named, guidance = _pick(fields, _STEPS), _pick(fields, _GUIDANCE)
    steps = None if named is None else read_integer(fields, named, 1, MOST_STEPS, 1)
    units = None if guidance is None else math.floor(read_number(fields, guidance, 0, _MOST_GUIDANCE, 1) * 65_536 + 0.5)
    plan, part = parse_plan(fields, units), _read_range(fields, steps, endpoint)
    if plan is not None and plan.momentum and part is not None:
        raise RequestError("guidance_momentum", "a picture that is made in one order is expected")
    seed, sampler = fields.get("seed"), fields.get("sampler")
    if sampler is not None and sampler not in SAMPLERS:
        raise RequestError("sampler", f"one of {', '.join(SAMPLERS)} is expected")
    return PictureRequest(
        *(model, exact, root, accepted, standby),
        choices=read_integer(fields, "n", 1, MOST_CHOICES, 1),
        seed=None if seed is None else read_whole(seed, "seed", -(2**53 - 1), 2**53 - 1),
        size=_read_size(fields),
        steps=steps,
        guidance=units,
        sampler=sampler,
        body_hash=sha256(body),
        plan=plan,
        source=None if endpoint == "image" else _read_source(fields),
        endpoint=endpoint,
        range=part,
    )


def _read_range(fields: dict[str, Any], steps: int | None, endpoint: str) -> Range | None:
    given = [key for key in ("first_step", "last_step", "latent") if fields.get(key) is not None]
    if not given:
        return None
    if endpoint != "image":
        raise RequestError(given[0], "a picture is changed in one order")
    if steps is None:
        raise RequestError("steps", "the steps of the whole picture are expected")
    last = read_integer(fields, "last_step", 1, steps, steps)
    first = read_integer(fields, "first_step", 0, last - 1, 0)
    if first == 0 and fields.get("latent") is not None:
        raise RequestError("latent", "a picture begins with noise")
    latent = _read_file(fields.get("latent"), "latent") if first > 0 else None
    return None if first == 0 and last == steps else Range(first, last, latent)


def _read_source(fields: dict[str, Any]) -> Source:
    image, images = fields.get("image"), fields.get("images")
    key = "image" if images is None else "images"
    if image is not None and images is not None:
        raise RequestError("images", "image means the same")
    given = image if images is None else images
    pictures = given if isinstance(given, list) else [given]
    if len(pictures) != 1:
        raise RequestError(key, "one picture is expected")
    mask = None if fields.get("mask") is None else _read_file(fields["mask"], "mask")
    strength = read_number(fields, "strength", 0, 1, _USUAL_STRENGTH if mask is None else 1)
    units = math.floor(strength * STRENGTH_ONE + 0.5)
    if units < 1:
        raise RequestError("strength", "a number above 0 is expected")
    return Source(units, _read_file(pictures[0], key), mask)


def _read_file(value: Any, key: str) -> bytes:
    """The hash in a reference."""
    reference = value.get("image_url") if isinstance(value, dict) else value
    found = _REFERENCE.match(reference) if isinstance(reference, str) else None
    if found is None:
        raise RequestError(key, "a reference is expected")
    return bytes.fromhex(found[1])


def _pick(fields: dict[str, Any], names: tuple[str, ...]) -> str | None:
    """The one of several names of a field that a body has."""
    given = [name for name in names if fields.get(name) is not None]
    if len(given) > 1:
        raise RequestError(given[1], f"{given[0]} means the same")
    return given[0] if given else None


def _read_size(fields: dict[str, Any]) -> tuple[int, int] | None:
    size, width, height = fields.get("size"), fields.get("width"), fields.get("height")
    is_named = size is not None and size != "auto"
    if width is None and height is None:
        if not is_named:
            return None
        named = _SIZE.match(size) if isinstance(size, str) else None
        if named is None:
            raise RequestError("size", "a size such as 512x512 is expected")
        width, height = int(named[1]), int(named[2])
    elif is_named:
        raise RequestError("size", "width and height mean the same")
    sides = read_whole(width, "width", 8, MOST_SIDE), read_whole(height, "height", 8, MOST_SIDE)
    if sides[0] * sides[1] > MOST_PIXELS:
        raise RequestError("size", f"at most {MOST_PIXELS} pixels")
    return sides
