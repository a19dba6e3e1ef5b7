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
from PIL.PngImagePlugin import PngInfo
from vector_format import format_vectors

WIDTH, HEIGHT = 21, 13
# Pictures of more than 2^24 pixels are halved. These are halved as if they were so large.
HALVED = ("png, colour", "png, alpha", "jpeg, orientation 6", "jpeg, orientation 7", "jpeg, 4:4:0, one row")


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


def typed_exif(kind: int, packed: bytes, count: int = 1) -> bytes:
    """Big-endian Exif data with one entry, the orientation, of any type."""
    in_entry = len(packed) <= 4
    place = packed.ljust(4, b"\0") if in_entry else struct.pack(">I", 26)
    entry = struct.pack(">HHHI", 1, 0x0112, kind, count) + place + struct.pack(">I", 0)
    return b"Exif\0\0MM\0*" + struct.pack(">I", 8) + entry + (b"" if in_entry else packed)


def xmp(text: str) -> bytes:
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description {text}</rdf:Description></x:xmpmeta>'.encode()


XMP_ATTRIBUTE, XMP_ELEMENT = xmp('tiff:Orientation="6">'), xmp("><tiff:Orientation>3</tiff:Orientation>")


def international_text(text: bytes) -> PngInfo:
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", text.decode())
    return info


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 255, marker, len(content) + 2) + content


def with_adobe(data: bytes, transform: int | None) -> bytes:
    """Says by Adobe's marker alone what the components mean: neither JFIF nor another marker of Adobe is left."""
    kept, at = data[:2], 2
    while data[at + 1] != 0xDA:
        end = at + 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
        kept += b"" if data[at + 1] in (0xE0, 0xEE) else data[at:end]
        at = end
    marker = b"" if transform is None else segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform]))
    return kept[:2] + marker + kept[2:] + data[at:]


def half_rows(data: bytes) -> bytes:
    """Makes 4:4:0 of 4:2:2: as many blocks in each unit, in a picture with exchanged sides."""
    at = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
    frame = bytearray(data[at + 2 : at + 20])
    assert frame[9] == 0x21
    frame[3:7], frame[9] = frame[5:7] + frame[3:5], 0x12
    return data[: at + 2] + bytes(frame) + data[at + 20 :]


def gif_codes(indices: bytes, bits: int) -> bytes:
    """Codes of one index each: a clear code before the codes would grow."""
    clear, size = 1 << bits, bits + 1
    codes = [code for i, index in enumerate(indices) for code in ([clear] if i % (clear - 2) == 0 else []) + [index]]
    packed = sum(code << (size * i) for i, code in enumerate(codes + [clear + 1]))
    data = packed.to_bytes((size * (len(codes) + 1) + 7) // 8, "little")
    blocks = [data[i : i + 255] for i in range(0, len(data), 255)]
    return bytes([bits]) + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"


def gif(
    box: tuple[int, int, int, int],
    *,
    shared: bytes = b"",
    own: bytes = b"",
    transparent: int | None = None,
    interlaced: bool = False,
) -> bytes:
    """A GIF of 21x13 pixels with a frame in a box, in indices of three bits."""

    def flags(palette: bytes) -> int:
        return 0x80 | (len(palette) // 3).bit_length() - 2 if palette else 0

    _left, _top, columns, rows = box
    control = b"" if transparent is None else bytes([0x21, 0xF9, 4, 1, 0, 0, transparent, 0])
    comment = b"\x21\xfe\x02hi\x00"
    frame = struct.pack("<BHHHHB", 0x2C, *box, flags(own) | (0x40 if interlaced else 0)) + own
    indices = bytes(value(x, y, 0) >> 5 for y in range(rows) for x in range(columns))
    head = b"GIF89a" + struct.pack("<HHBBB", WIDTH, HEIGHT, flags(shared), 5, 0) + shared
    return head + comment + control + frame + gif_codes(indices, 3) + b";"


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
    rgb, rgba, cmyk = draw("RGB"), draw("RGBA"), draw("CMYK")
    palette = rgb.quantize(16)
    colours = bytes(range(9, 9 + 24 * 10, 10))
    whole = (0, 0, WIDTH, HEIGHT)
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
        "jpeg, orientation of type LONG": save(rgb, "JPEG", exif=typed_exif(4, struct.pack(">I", 6))),
        "jpeg, orientation of type SLONG": save(rgb, "JPEG", exif=typed_exif(9, struct.pack(">i", 5))),
        "jpeg, orientation of type SBYTE": save(rgb, "JPEG", exif=typed_exif(6, b"\x03")),
        "jpeg, orientation of type RATIONAL": save(rgb, "JPEG", exif=typed_exif(5, struct.pack(">II", 16, 2))),
        "jpeg, orientation of type DOUBLE": save(rgb, "JPEG", exif=typed_exif(12, struct.pack(">d", 7))),
        "jpeg, two orientations in an entry": save(rgb, "JPEG", exif=typed_exif(4, struct.pack(">II", 8, 3), 2)),
        "jpeg, orientation of type BYTE": save(rgb, "JPEG", exif=typed_exif(1, b"\x06"), xmp=XMP_ATTRIBUTE),
        "jpeg, XMP attribute": save(rgb, "JPEG", xmp=XMP_ATTRIBUTE),
        "jpeg, XMP element": save(rgb, "JPEG", xmp=XMP_ELEMENT),
        "jpeg, XMP against Exif": save(rgb, "JPEG", exif=exif(1), xmp=XMP_ATTRIBUTE),
        "png, XMP": save(rgb, "PNG", pnginfo=international_text(XMP_ATTRIBUTE)),
        "webp, XMP": save(rgb, "WEBP", xmp=XMP_ELEMENT),
        "jpeg, 4:4:0": half_rows(save(rgb, "JPEG", quality=90, subsampling=1)),
        "jpeg, 4:4:0, odd sides": half_rows(save(rgb.crop((2, 1, 19, 12)), "JPEG", subsampling=1)),
        "jpeg, 4:4:0, one row": half_rows(save(rgb.crop((3, 2, 4, 12)), "JPEG", subsampling=1)),
        "jpeg, 4:4:0, progressive": half_rows(save(rgb, "JPEG", quality=60, subsampling=1, progressive=True)),
        "jpeg, 4:4:0, restarts": half_rows(save(rgb, "JPEG", subsampling=1, restart_marker_blocks=1)),
        "jpeg, 4:4:0, red, green and blue": with_adobe(half_rows(save(rgb, "JPEG", subsampling=1)), 0),
        "jpeg, red, green and blue": save(rgb, "JPEG", keep_rgb=True),
        "jpeg, CMYK": save(cmyk, "JPEG", quality=90, exif=exif(6)),
        "jpeg, CMYK, without Adobe's marker": with_adobe(save(cmyk, "JPEG"), None),
        "jpeg, CMYK, 4:2:0": save(cmyk, "JPEG", subsampling=2),
        "jpeg, CMYK, 4:4:0": half_rows(save(cmyk, "JPEG", subsampling=1)),
        "jpeg, CMYK, progressive": save(cmyk, "JPEG", progressive=True),
        "jpeg, CMYK, restarts": save(cmyk, "JPEG", restart_marker_blocks=2, optimize=True),
        "jpeg, YCCK": with_adobe(save(cmyk, "JPEG", quality=90), 2),
        "jpeg, YCCK, 4:2:2, progressive": with_adobe(save(cmyk, "JPEG", subsampling=1, progressive=True), 2),
        "jpeg, YCCK, 4:4:0": with_adobe(half_rows(save(cmyk, "JPEG", subsampling=1)), 2),
        "gif": save(palette, "GIF"),
        "gif, gray": save(draw("L"), "GIF"),
        "gif, transparent": save(palette, "GIF", transparency=3),
        "gif, several frames": save(palette, "GIF", save_all=True, append_images=[rgb.rotate(90).quantize(8)]),
        "gif, interlaced": gif(whole, shared=colours, interlaced=True),
        "gif, without colours": gif(whole),
        "gif, too few colours": gif(whole, shared=colours[:12]),
        "gif, colours of its own": gif(whole, shared=colours, own=colours[::-1]),
        "gif, a frame on the canvas": gif((5, 2, 9, 7), shared=colours),
        "gif, a frame on a transparent canvas": gif((5, 2, 9, 7), shared=colours, transparent=4),
        "gif, a frame beyond the canvas": gif((15, 9, 10, 8), shared=colours),
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
            **({"halved_sha256": hashlib.sha256(image.reduce(2).tobytes()).hexdigest()} if name in HALVED else {}),
        }
        for name, data, image in cases
    ]
    path = Path(__file__).parents[2] / "protocol" / "vectors" / "pictures.json"
    path.write_text(format_vectors({"cases": rows}))


main()
