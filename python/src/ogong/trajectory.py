"""A provider's commitment to a picture, and the proof of its opening without a model or its outputs (docs/spec/trajectory.md)."""

from __future__ import annotations

import math
import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from .checks import Check, failed, hold, passed, skipped
from .guidance import GuidancePlan, read_plan
from .pictures import ENDPOINTS, MOST_PIXELS, MOST_SIDE, MOST_STEPS, SAMPLERS, STRENGTH_ONE, Range, count_left_out, count_units
from .record import Record
from .text.commitment import DrawKeyInputs, Opening, blob_root, read_draw_key, read_parts
from .tiers import TIERS, check_posture
from .wire import Reader, WireError, sha256, u32

SUMS = 61
_PROJECTION_BYTES = 4 * SUMS
_MOST_HEADER = 8_192
_MOST_VALUES = 1 << 26
_MOST_BYTES = 64 << 20
_MOST_LATENT_BYTES = 2 << 20
_MOST_NOISE = 1 << 20
"""Values of noise that are computed here. Of more, a reader of the outputs computes them."""
_DRAWS = 12
_EULER = 1


@dataclass(frozen=True)
class HeaderSource:
    """Where the latents of a changed picture begin."""

    strength: int
    picture_hash: bytes
    mask_hash: bytes | None


@dataclass(frozen=True)
class PictureHeader:
    endpoint: str
    order_hash: bytes
    tier: str
    method: str
    numeric_class: str
    values: int
    """Of a latent."""
    bank_seed: bytes
    draw_key: DrawKeyInputs
    choice: int
    units: int
    width: int
    height: int
    steps: int
    guidance: int
    sampler: str
    plan: GuidancePlan | None
    """None: all steps are guided, without momentum."""
    model_sampler: str
    """The one that the model's files name."""
    hidden: bool
    """The server shows no steps."""
    pixels: tuple[float, ...]
    """Projection of the picture's bytes."""
    source: HeaderSource | None
    """None: the picture comes from noise alone."""
    range: Range | None
    """None: all steps run."""
    parts: tuple[bytes, ...]
    payee: bytes

    @property
    def run(self) -> int:
        """Steps that run."""
        if self.range is not None:
            return self.range.last - self.range.first
        return self.steps - count_left_out(self.steps, self.source.strength if self.source else None)

    @property
    def _first(self) -> int:
        """The step of the schedule that runs first."""
        return self.steps - self.run if self.range is None else self.range.first

    def has_momentum(self, step: int) -> bool:
        """Whether a step commits both answers. Steps count from the first one that runs."""
        plan = self.plan
        return plan is not None and plan.momentum != 0 and plan.covers(self._first + step, self.steps)

    @property
    def shown(self) -> int:
        """Steps that have a leaf."""
        return 0 if self.hidden else self.run

    def hidden_problem(self) -> str | None:
        """Says why the tier has no picture with, or without, steps."""
        tier = TIERS.get(self.tier)
        if tier is None or tier.method is None or self.hidden == (tier.windows == "tokens"):
            return None
        return f"a picture with{'out' if self.hidden else ''} steps, and tier {self.tier} has none"

    @property
    def is_latent(self) -> bool:
        """Whether the answer is the last latent of a link that ends before the last step."""
        return self.range is not None and self.range.last < self.steps


@dataclass(frozen=True)
class ReplayedPicture:
    checks: list[Check]
    header: PictureHeader | None
    """None where root or form failed: then nothing else can be said about the opening."""


def parse_picture_header(data: bytes) -> PictureHeader:
    """@raises WireError"""
    if len(data) > _MOST_HEADER:
        raise WireError(f"a header has at most {_MOST_HEADER} bytes")
    r = Reader(data, b"ogong-header-trajectory-v1\n")
    order_hash = r.take(32)
    endpoint = ENDPOINTS[r.int(1, 0, len(ENDPOINTS) - 1)]
    tier, method, numeric_class = r.text(32), r.text(32), r.text(255)
    r.take(32)  # the hash of the tokenizer
    values, bank_seed = r.int(4, 1, _MOST_VALUES), r.take(32)
    draw_key, choice = read_draw_key(r), r.int(1)
    r.take(32)  # the hash of the prompt's tokens
    units = r.int(4)
    width, height, steps = r.int(2, 8, MOST_SIDE), r.int(2, 8, MOST_SIDE), r.int(2, 1, MOST_STEPS)
    guidance, sampler = r.int(4, 0, 50 << 16), SAMPLERS[r.int(1, 0, len(SAMPLERS) - 1)]
    plan = read_plan(r)
    channels, scale = r.int(1, 1), r.int(1, 1, 64)
    model_sampler, hidden = _read_scheduler(r, steps, sampler)
    header = PictureHeader(
        *(endpoint, order_hash, tier, method, numeric_class, values, bank_seed, draw_key, choice, units),
        *(width, height, steps, guidance, sampler, plan, model_sampler, hidden),
        pixels=_read_projection(r.take(_PROJECTION_BYTES)),
        source=_read_source(r) if r.int(1, 0, 1) else None,
        range=_read_range(r) if r.int(1, 0, 1) else None,
        parts=read_parts(r),
        payee=r.take(20),
    )
    r.end()
    if width * height > MOST_PIXELS:
        raise WireError(f"a picture has at most {MOST_PIXELS} pixels")
    if hidden:
        parts = (header.source, header.range, header.plan)
        if (values, channels, scale) != (1, 1, 1) or parts != (None, None, None):
            raise WireError("a picture without steps states a latent, or where its steps begin")
    elif width % scale or height % scale or values != channels * (width // scale) * (height // scale):
        raise WireError("a latent has another number of values than its picture")
    if (endpoint == "image") != (header.source is None):
        raise WireError(f"{endpoint} and its picture to change contradict each other")
    if header.range is not None and not (_is_part(header.range, steps) and header.source is None):
        raise WireError("the steps of the link are no part of those of a picture")
    if values * 4 > _MOST_LATENT_BYTES:
        raise WireError("a latent is too large for an audit")
    if plan is not None and plan.momentum and (guidance <= 1 << 16 or header.range is not None):
        raise WireError("momentum needs guidance above 1, and a picture that is made in one order")
    outputs = sum(1 + header.has_momentum(step) for step in range(header.run))
    if (outputs + (0 if header.source is None and header.range is None else 2)) * values * 4 > _MOST_BYTES:
        raise WireError("the outputs are too many to replay")
    if units != count_units(width, height, header.run):
        raise WireError("the units are not those of size and steps")
    return header


def _read_source(r: Reader) -> HeaderSource:
    strength, picture_hash = r.int(4, 1, STRENGTH_ONE), r.take(32)
    r.take(32)  # the root of the encoded latent
    _read_projection(r.take(_PROJECTION_BYTES))
    mask_hash = r.take(32) if r.int(1, 0, 1) else None
    if mask_hash is not None:
        r.take(32)  # the root of its values
    return HeaderSource(strength, picture_hash, mask_hash)


def _read_range(r: Reader) -> Range:
    first, last = r.int(2, 0, MOST_STEPS - 1), r.int(2, 1, MOST_STEPS)
    return Range(first, last, r.take(32) if r.int(1, 0, 1) else None)


def _is_part(part: Range, steps: int) -> bool:
    return part.first < part.last <= steps and part.last - part.first < steps and (part.first > 0) == (part.latent is not None)


def _read_scheduler(r: Reader, steps: int, sampler: str) -> tuple[str, bool]:
    """@returns the sampler that the model's files name, and whether the server shows no steps."""
    kind = r.int(1, 0, 4)
    if kind == 4:
        if sampler != SAMPLERS[0]:
            raise WireError("a picture without steps has no sampler")
        return sampler, True
    if kind == 3:
        times, base, most = r.int(2, 1, 1_000), *struct.unpack(">dd", r.take(16))
        if not (0 <= base <= 4 and 0 <= most <= 4):
            raise WireError("a shift is out of range")
        if r.int(2, 1, 65_534) >= r.int(2, 1, 65_535):
            raise WireError("a schedule whose shift is stated for one number of tokens alone")
        named = "flow-match"
    elif kind != 0:
        times, shift = r.int(2, 1, 1_000), struct.unpack(">d", r.take(8))[0]
        if not 0.01 <= shift <= 100:
            raise WireError("the shift is out of range")
        named = "flow-match"
    else:
        named = SAMPLERS[r.int(1, 0, 2)]
        times = r.int(2, 1, 1_000)
        if not all(1e-9 <= beta <= 0.5 for beta in struct.unpack(">dd", r.take(16))):
            raise WireError("a beta is out of range")
        r.int(1, 0, 1), r.int(1, 0, 2), r.int(1, 0, 2), r.int(2, 0, 1_000), r.int(1, 0, 1)
    if (sampler == "flow-match") != (named == "flow-match"):
        raise WireError(f"a model of {named} has no sampler {sampler}")
    if steps > times:
        raise WireError(f"the model has {times} times")
    return named, False


def _read_projection(data: bytes) -> tuple[float, ...]:
    sums = struct.unpack(f"<{SUMS}f", data)
    if not all(map(math.isfinite, sums)):
        raise WireError("a sum is not finite")
    return sums


def replay_picture(record: Record, opening: Opening) -> ReplayedPicture:
    if opening.root() != record.commit_root:
        return ReplayedPicture([failed("commitment-root", "header and leaves do not hash to the record's root")], None)
    checks = [passed("commitment-root", "header and leaves hash to the record's root")]
    try:
        header = parse_picture_header(opening.header)
        roots = _read_leaves(opening, header)
    except WireError as error:
        return ReplayedPicture([*checks, failed("commitment-form", str(error))], None)
    problem = header.hidden_problem()
    if problem is not None:
        return ReplayedPicture([*checks, failed("commitment-form", problem)], None)
    checks.append(passed("commitment-form", f"{header.shown} steps to {header.width}x{header.height} pixels"))
    posture = check_posture(header.tier, header.method, header.numeric_class)
    said = f"tier {header.tier}, method {header.method}, class {header.numeric_class}"
    checks.append(passed("posture", said) if posture is None else failed("posture", posture))
    checks.append(hold("token-count", header.shown == record.tokens, "record and leaves count the same steps"))
    links = _check_hidden(opening) if header.hidden else _check_links(opening.blind, header, roots)
    return ReplayedPicture([*checks, *links], header)


def _check_hidden(opening: Opening) -> list[Check]:
    """A picture without steps has one latent of one value, which is zero."""
    if opening.windows[-1][0] != blob_root(opening.blind, bytes(4)):
        return [failed("links", "a picture without steps has a latent that is not zero")]
    reason = "the tier shows no steps: how the picture was made is not checked"
    return [skipped("links", reason), skipped("projections", reason)]


def _read_leaves(opening: Opening, header: PictureHeader) -> list[bytes]:
    """@returns the root of each latent that a step begins with."""
    *steps, last = opening.windows or ((b"", b""),)
    if len(steps) != header.shown or len(last[0]) != 32 or last[1]:
        raise WireError("the leaves are not those of the steps and the last latent")
    for step, (roots, projection) in enumerate(steps):
        if len(roots) != (96 if header.has_momentum(step) else 64) or len(projection) != _PROJECTION_BYTES:
            raise WireError("a leaf is not that of a step")
        _read_projection(projection)
    return [roots[:32] for roots, _ in steps]


def _check_links(blind: bytes, header: PictureHeader, roots: list[bytes]) -> list[Check]:
    """Of the links, only the first latent follows from the receipt alone. The others need the model's outputs."""
    # Euler scales the noise by its schedule, which is not computed here.
    # The latent of a picture to change, or of a later link, is not shown here.
    is_noise = header.source is None and (header.range is None or header.range.latent is None)
    is_known = is_noise and header.sampler != SAMPLERS[_EULER] and header.values <= _MOST_NOISE
    if is_known and roots[0] != blob_root(blind, make_noise(header.draw_key.key(), header.values)):
        return [failed("links", "the first latent is not the noise of the draw key")]
    reason = "the outputs of the steps are not shown here; the payer's gateway and validators replay them"
    return [skipped("links", reason), skipped("projections", reason)]


def make_noise(key: bytes, count: int) -> bytes:
    """@returns f32 little endian: for each value twelve draws of 16 bits, summed."""
    blocks = -(-2 * _DRAWS * count // 32)
    draws = array("H", b"".join(sha256(b"ogong-latent-noise-v1\n", key, u32(i)) for i in range(blocks)))
    if struct.pack("=H", 1) == b"\x01\x00":
        draws.byteswap()
    mean = _DRAWS * 0xFFFF / 2
    values = [(sum(draws[at : at + _DRAWS]) - mean) / 65_536 for at in range(0, _DRAWS * count, _DRAWS)]
    return struct.pack(f"<{count}f", *values)


def project(seed: bytes, values: Sequence[float]) -> tuple[float, ...]:
    """The projection of finite values: value i adds to sum i mod 61, or subtracts from it."""
    sums = [0.0] * SUMS
    for block in range(-(-len(values) // 256)):
        signs = int.from_bytes(sha256(seed, u32(block)), "big")
        at = 256 * block
        for bit, value in enumerate(values[at : at + 256]):
            place = (at + bit) % SUMS
            sums[place] += -value if signs >> (255 - bit) & 1 else value
    return struct.unpack(f"<{SUMS}f", struct.pack(f"<{SUMS}f", *sums))
