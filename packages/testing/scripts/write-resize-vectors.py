"""Writes packages/protocol/vectors/resize.json with Pillow (12.3): the resampler that `resizeRaster` repeats.

    python3 packages/testing/scripts/write-resize-vectors.py
"""

import hashlib
import json
from pathlib import Path

from PIL import Image

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
SIZES = [(16, 16, 16, 7), (13, 9, 40, 31), (200, 3, 20, 3), (97, 61, 32, 32), (5, 5, 224, 224), (640, 480, 384, 384)]


def fill(length: int) -> bytes:
    """Bytes of a linear congruential generator: the state's upper byte."""
    state, out = 1, bytearray()
    for _ in range(length):
        state = (state * 1103515245 + 12345) % 2**31
        out.append(state >> 23)
    return bytes(out)


def main() -> None:
    cases = []
    for width, height, to_width, to_height in SIZES:
        image = Image.frombytes("RGB", (width, height), fill(width * height * 3))
        for name, resampling in FILTERS.items():
            data = image.resize((to_width, to_height), resampling).tobytes()
            digest = hashlib.sha256(data).hexdigest()
            cases.append({"from": [width, height], "to": [to_width, to_height], "filter": name, "sha256": digest})
    lines = ",\n".join("  " + json.dumps(case, separators=(",", ":")) for case in cases)
    path = Path(__file__).parents[2] / "protocol" / "vectors" / "resize.json"
    path.write_text(f'{{\n "cases":[\n{lines}\n ]\n}}\n')


main()
