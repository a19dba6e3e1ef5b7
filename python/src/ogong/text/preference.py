"""
Preference among providers (docs/spec/request.md#preference). No bit of a reply depends on it; a body with a wrong preference has none.
"""

from __future__ import annotations

import re
from typing import Any

from ..tiers import TIERS
from .fields import RequestError, known

_SORTS = ("price", "latency", "throughput", "quality", "balanced")
_SUFFIXES = {**{sort: sort for sort in _SORTS}, "cheapest": "price", "floor": "price", "fast": "throughput", "nitro": "throughput"}
_SUFFIXED = re.compile(r"(ogong/[^/:]*/[^/:]*/[^/:]*):(.*)", re.DOTALL)
_ROLES = ("router", "validator")
_MOST_PROVIDERS = 16
_MOST_TIERS = 8


def split_model(name: str) -> tuple[str, str | None]:
    """The id, and what a suffix behind it asks for."""
    found = _SUFFIXED.fullmatch(name)
    if found is None:
        return name, None
    if found[2] not in _SUFFIXES:
        raise RequestError("model", "behind the id there can be a preference alone")
    return found[1], _SUFFIXES[found[2]]


def check_preference(ogong: dict[str, Any], model: str, named: str | None) -> None:
    sort = ogong.get("sort")
    if sort is not None and (sort not in _SORTS or named not in (None, sort)):
        raise RequestError("ogong.sort", "one of " + ", ".join(_SORTS) + " is expected, the one that the name asks for")
    read_amount(ogong, "max_price", 10**38 - 1)
    read_amount(ogong, "min_stake", 2**64 - 1)
    if not isinstance(ogong.get("hedge", False), bool | None):
        raise RequestError("ogong.hedge", "true or false is expected")
    attested = ogong.get("attested")
    is_roles = isinstance(attested, list) and len(attested) <= len(_ROLES) and all(one in _ROLES for one in attested)
    if attested is not None and not is_roles:
        raise RequestError("ogong.attested", "a list of " + ", ".join(_ROLES) + " is expected")
    _check_tiers(ogong, model)
    providers = ogong.get("providers")
    if providers is None:
        return
    fields = known(providers, "ogong.providers", "only ignore region")
    if fields.get("region") is not None:
        raise RequestError("ogong.providers.region", "no provider can prove where it is")
    for name in ("only", "ignore"):
        ids = fields.get(name)
        if ids is None:
            continue
        is_list = isinstance(ids, list) and (1 if name == "only" else 0) <= len(ids) <= _MOST_PROVIDERS
        if not is_list or not all(isinstance(one, str) and re.fullmatch(r"[0-9a-f]{64}", one) for one in ids):
            raise RequestError(f"ogong.providers.{name}", f"at most {_MOST_PROVIDERS} ids of providers are expected")


def read_amount(ogong: dict[str, Any], name: str, most: int) -> int | None:
    """A whole number, or a text of its digits."""
    amount = ogong.get(name)
    if amount is None:
        return None
    is_whole = isinstance(amount, int) and not isinstance(amount, bool) or isinstance(amount, float) and amount.is_integer()
    is_number = is_whole and 0 <= amount < 2**53
    is_digits = isinstance(amount, str) and re.fullmatch(r"0|[1-9][0-9]{0,37}", amount) is not None
    if not (is_number or is_digits) or int(amount) > most:
        raise RequestError(f"ogong.{name}", f"a whole number up to {most} is expected, or a text of its digits")
    return int(amount)


def _check_tiers(ogong: dict[str, Any], model: str) -> None:
    tier, accept = ogong.get("tier"), ogong.get("accept")
    if tier is None and accept is None:
        return
    if accept is not None and (not isinstance(accept, list) or len(accept) > _MOST_TIERS):
        raise RequestError("ogong.accept", "a list of tiers is expected")
    taken = []
    for one, param in [*([] if tier is None else [(tier, "ogong.tier")]), *((one, "ogong.accept") for one in accept or [])]:
        if not isinstance(one, str) or one not in TIERS or TIERS[one].method is None:
            raise RequestError(param, "a tier that is served is expected")
        taken.append(one)
    own = model.split("/")[1] if model.startswith("ogong/") else None
    if own not in taken:
        raise RequestError("ogong.accept" if tier is None else "ogong.tier", "the model is of another tier")
