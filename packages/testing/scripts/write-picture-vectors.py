"""Writes packages/protocol/vectors/pictures.json with Pillow (12.3): files that `decodePicture` decodes to Pillow's pixels.

    python3 packages/testing/scripts/write-picture-vectors.py
"""

import base64
import hashlib
import io
import struct
import zlib
from pathlib import Path

from PIL import Image, ImageOps
from vector_format import format_vectors

WIDTH, HEIGHT = 21, 13


def value(x: int, y: int, channel: int) -> int:
    """A slope with a disc: smooth parts and edges."""
    inside = (x - 8) ** 2 + (y - 6) ** 2 < 20
    return (x * 9 + y * 5 * (channel + 1) + (120 if inside else 0) * (channel != 1)) % 256


def draw(mode: str) -> Image.Image:
    channels = len(mode)
    data = bytes(value(x, y, c) for y in range(HEIGHT) for x in range(WIDTH) for c in range(channels))
    return Image.frombytes(mode, (WIDTH, HEIGHT), data)


def save(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def exif(orientation: int) -> bytes:
    data = Image.Exif()
    data[0x0112] = orientation
    return data.tobytes()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def deep_png(colour: int, channels: int) -> bytes:
    """16 bits a value; the low byte differs from the high one."""
    rows = b"".join(
        b"\0" + b"".join(bytes([value(x, y, c), 255 - value(x, y, c)]) for x in range(WIDTH) for c in range(channels))
        for y in range(HEIGHT)
    )
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, colour, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def to_rgb(data: bytes) -> Image.Image:
    """Upright, on white."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    image = image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(image.convert("RGB"), mask=image.getchannel("A"))
    return white


def main() -> None:
    rgb, rgba = draw("RGB"), draw("RGBA")
    palette = rgb.quantize(16)
    files = {
        "png, colour": save(rgb, "PNG"),
        "png, gray": save(draw("L"), "PNG"),
        "png, gray and alpha": save(rgba.convert("LA"), "PNG"),
        "png, one bit": save(draw("L").convert("1"), "PNG"),
        "png, palette": save(palette, "PNG"),
        "png, palette of two bits": save(rgb.quantize(4), "PNG", bits=2),
        "png, palette with a transparent colour": save(palette, "PNG", transparency=3),
        "png, alpha": save(rgba, "PNG"),
        "png, turned": save(rgb, "PNG", exif=exif(6)),
        "jpeg, 4:2:0": save(rgb, "JPEG", quality=80),
        "jpeg, 4:2:2": save(rgb, "JPEG", quality=70, subsampling=1),
        "jpeg, 4:4:4": save(rgb, "JPEG", quality=95, subsampling=0),
        "jpeg, progressive": save(rgb, "JPEG", progressive=True),
        "jpeg, gray": save(draw("L"), "JPEG"),
        "jpeg, restarts": save(rgb, "JPEG", restart_marker_blocks=2),
        **{f"jpeg, orientation {i}": save(rgb, "JPEG", exif=exif(i), optimize=True) for i in range(1, 9)},
        "webp, lossy": save(rgb, "WEBP", quality=60),
        "webp, lossless": save(rgb, "WEBP", lossless=True),
        "webp, lossy with alpha": save(rgba, "WEBP", quality=60),
        "webp, lossless with alpha": save(rgba, "WEBP", lossless=True, exact=True),
        "webp, turned": save(rgb, "WEBP", exif=exif(8)),
    }
    cases = []
    for name, data in files.items():
        image = to_rgb(data)
        cases.append((name, data, image))
    # Pillow reads 16 bits of gray as one integer, so the expectation is drawn.
    cases.append(("png, 16 bits", deep_png(2, 3), rgb))
    cases.append(("png, 16 bits of gray", deep_png(0, 1), draw("L").convert("RGB")))
    rows = [
        {
            "name": name,
            "file": base64.b64encode(data).decode(),
            "size": list(image.size),
            "sha256": hashlib.sha256(image.tobytes()).hexdigest(),
        }
        for name, data, image in cases
    ]
    path = Path(__file__).parents[2] / "protocol" / "vectors" / "pictures.json"
    path.write_text(format_vectors({"cases": rows}))


main()
