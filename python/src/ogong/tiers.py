"""The promise that a model id names, and the limits of a header under it (docs/spec/tiers.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PATH = r"exact(?:-[a-z0-9]+)*"
_MODEL_ID = re.compile(r"ogong/([a-z]+(?:-[a-z]+)?)/[a-z0-9][a-z0-9._-]{0,63}/[a-z0-9][a-z0-9._+-]{0,63}\Z")


@dataclass(frozen=True)
class Tier:
    method: str | None
    """None: the tier is planned, and nothing of it is served."""
    classes: str = "any"
    """`any`, `exact` or `inexact`."""
    windows: str = "draws"
    """What a window holds: `draws`, or `tokens` alone."""


TIERS = {
    "verified": Tier("draw-replay"),
    "replay": Tier("exact-replay", "exact"),
    "tee": Tier("attested-replay"),
    "tee-proxy": Tier("attested-exchange", "inexact", "tokens"),
    "proof": Tier(None),
    "vanilla": Tier("signature", "inexact", "tokens"),
}


ATTESTED_TIERS = frozenset(("tee", "tee-proxy"))
"""One machine serves a model alone, so no cohort does."""

NAMED_TIERS = frozenset(name for name, tier in TIERS.items() if tier.windows == "tokens")
"""Nobody has the weights: a model root is that of the name, and windows hold tokens alone."""


def tier_of(model_id: str) -> str | None:
    """The second part of `ogong/<tier>/<maker>/<model>` (docs/spec/match.md), where it is a tier that the specification knows."""
    named = _MODEL_ID.match(model_id)
    return named[1] if named and named[1] in TIERS else None


def is_exact(numeric_class: str) -> bool:
    """Whether two machines of this class compute the same bits, as its text claims."""
    parts = numeric_class.split("/")
    path, weights, cache = (parts[3:6] + [""] * 3)[:3]
    departures = parts[6:]
    if any(word == "unproven" or word.startswith("window-") for word in departures):
        return False
    if path == "shaped":
        return True
    if "no-fa" in departures or "unified" in departures:
        return False
    if path in ("exact-tiled", "exact-tiled-2") and cache not in ("kv-f16", "kv-f32"):
        return False
    if path == "reference":
        return weights not in ("f32", "f16", "bf16")
    return re.fullmatch(_PATH, path) is not None


def check_posture(tier: str, method: str, numeric_class: str) -> str | None:
    """@returns why tier, method and class of a header do not agree, or None."""
    known = TIERS.get(tier)
    if known is None or known.method is None:
        return f"tier {tier} is not served"
    if known.method != method:
        return f"tier {tier} has the method {known.method}, and the header says {method}"
    if known.classes == "exact" and not is_exact(numeric_class):
        return f"tier {tier} takes exact classes only, and {numeric_class} is none"
    if known.classes == "inexact" and is_exact(numeric_class):
        return f"tier {tier} takes no exact class, and {numeric_class} claims to be one"
    return None
