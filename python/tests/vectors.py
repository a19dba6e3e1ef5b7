"""The project's vectors, which every implementation has to agree with."""

from __future__ import annotations

import base64
import copy
import json
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]
WYCHEPROOF = _ROOT.parent / "shared" / "vectors" / "wycheproof"


def load(name: str) -> Any:
    return json.loads((_ROOT / "packages" / "protocol" / "vectors" / f"{name}.json").read_text("utf-8"))


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def edit(base: Any, edits: list[dict[str, Any]]) -> Any:
    """A copy of a receipt file with edits: set, remove, cut bytes from the end, flip the lowest bit of one (docs/spec/receipt.md)."""
    edited = copy.deepcopy(base)
    for change in edits:
        kind = next(kind for kind in ("set", "remove", "cut", "flip") if kind in change)
        *above, last = change[kind].split("/")
        holder = edited
        for key in above:
            holder = holder[int(key) if isinstance(holder, list) else key]
        key = int(last) if isinstance(holder, list) else last
        if kind == "set":
            holder[key] = change["to"]
        elif kind == "remove":
            del holder[key]
        else:
            data = bytearray(base64.b64decode(holder[key]))
            if kind == "cut":
                del data[-change["bytes"] :]
            else:
                data[change["at"]] ^= 1
            holder[key] = base64.b64encode(bytes(data)).decode("ascii")
    return edited
