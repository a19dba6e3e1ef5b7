"""Writes packages/protocol/vectors/picture-inputs.json with the image processors of transformers (4.57.6): the inputs of encoders.

    python3 packages/testing/scripts/write-picture-input-vectors.py
"""

import hashlib
from pathlib import Path

import numpy
from PIL import Image
from transformers.models.clip.image_processing_clip import CLIPImageProcessor
from transformers.models.idefics3.image_processing_idefics3 import Idefics3ImageProcessor
from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor
from vector_format import format_vectors

HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
CLIP = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
SQUARE = {"vision_config": {"image_size": 28, "patch_size": 7}}
TILED = {"scale_factor": 2, "vision_config": {"image_size": 16, "patch_size": 4}}
TILES = {"size": {"longest_edge": 64}, "max_image_size": {"longest_edge": 16}, "resample": 1, **HALF}
PATCHES = {"patch_size": 4, "merge_size": 2, "temporal_patch_size": 2, "min_pixels": 256, "max_pixels": 4096, **CLIP}

MODELS = [
    (
        "one size, bicubic",
        {"model_type": "tiny-shapes-vision", "image_mark": "<image>", "image_rows": 16, "image_size": 28},
        {"size": {"height": 28, "width": 28}, "resample": 3, "do_center_crop": False, **HALF},
    ),
    (
        "llava, cropped",
        {"model_type": "llava", **SQUARE},
        {"size": {"shortest_edge": 28}, "crop_size": {"height": 28, "width": 28}, "do_center_crop": True, "resample": 3, **CLIP},
    ),
    (
        "llava, with margins",
        {"model_type": "llava", **SQUARE},
        {"size": {"shortest_edge": 21}, "crop_size": {"height": 28, "width": 28}, "do_center_crop": True, "resample": 2, **CLIP},
    ),
    ("smolvlm, tiles", {"model_type": "smolvlm", **TILED}, TILES),
    ("idefics3, whole", {"model_type": "idefics3", **TILED}, {**TILES, "do_image_splitting": False}),
    ("qwen2-vl", {"model_type": "qwen2_vl"}, PATCHES),
]
SIZES = [(50, 40), (31, 97), (9, 7), (28, 28), (120, 5)]


def fill(length: int) -> bytes:
    """Bytes of a linear congruential generator, as in write-resize-vectors.py."""
    state, out = 1, bytearray()
    for _ in range(length):
        state = (state * 1103515245 + 12345) % 2**31
        out.append(state >> 23)
    return bytes(out)


def prepare(kind: str, preprocessor: dict, image: Image.Image) -> tuple[numpy.ndarray, dict]:
    if kind == "qwen2_vl":
        result = Qwen2VLImageProcessor(**preprocessor)(image, return_tensors="np")
        return result["pixel_values"], {"grid": result["image_grid_thw"][0].tolist()}
    if kind in ("smolvlm", "idefics3"):
        processor = Idefics3ImageProcessor(**preprocessor)
        result = processor(image, return_tensors="np", return_row_col_info=True)
        return result["pixel_values"], {"tiles": [result["rows"][0][0], result["cols"][0][0]]}
    return CLIPImageProcessor(**preprocessor)(image, return_tensors="np")["pixel_values"], {}


def main() -> None:
    models = []
    for name, config, preprocessor in MODELS:
        cases = []
        for width, height in SIZES:
            image = Image.frombytes("RGB", (width, height), fill(width * height * 3))
            values, facts = prepare(config["model_type"], preprocessor, image)
            data = numpy.ascontiguousarray(values, dtype="<f4").tobytes()
            cases.append({"size": [width, height], **facts, "sha256": hashlib.sha256(data).hexdigest()})
        models.append({"name": name, "config": config, "preprocessor": preprocessor, "cases": cases})
    path = Path(__file__).parents[2] / "protocol" / "vectors" / "picture-inputs.json"
    path.write_text(format_vectors({"models": models}))


main()
