"""Fields of a stranger's JSON object, each read with its place, which a refusal names."""

from __future__ import annotations

import math
from typing import Any

from ..wire import WireError


class RequestError(WireError):
    """A body that no role accepts. `key` names the place: `messages[0].content`; None: the body itself."""

    def __init__(self, key: str | None, reason: str) -> None:
        super().__init__(f"{key or 'the body'}: {reason}")
        self.key = key


NEVER: tuple[Any, ...] = ()
"""A key that is refused whatever it holds."""


def is_same(a: Any, b: Any) -> bool:
    return isinstance(a, bool) is isinstance(b, bool) and a == b


def known(value: Any, place: str, keys: str, neutral: dict[str, tuple[Any, ...]] | None = None) -> dict[str, Any]:
    """An object of these keys, and of `neutral` ones where they hold a value that changes nothing."""
    if not isinstance(value, dict):
        raise RequestError(place or None, "an object is expected")
    allowed = keys.split()
    for key, held in value.items():
        at = f"{place}.{key}" if place else key
        if neutral is not None and key in neutral:
            if held is not None and not any(is_same(held, same) for same in neutral[key]):
                raise RequestError(at, "this is refused")
        elif key not in allowed and (held is not None or place != ""):
            raise RequestError(at, "this is not known")
    return value


def read_object(value: Any, place: str, neutral: dict[str, tuple[Any, ...]] | None = None) -> dict[str, Any]:
    """An object whose `neutral` keys hold a value that changes nothing. Other keys that nobody reads are dropped."""
    if not isinstance(value, dict):
        raise RequestError(place or None, "an object is expected")
    for key, allowed in (neutral or {}).items():
        held = value.get(key)
        if held is not None and not any(is_same(held, same) for same in allowed):
            raise RequestError(f"{place}.{key}" if place else key, "this is refused")
    return value


def read_text(value: Any, place: str, least: int = 0, most: int | None = None) -> str:
    if not isinstance(value, str):
        raise RequestError(place, "a text is expected")
    if has_surrogate(value):
        raise RequestError(place, "a lone surrogate cannot be written in UTF-8")
    units = len(value.encode("utf-16-le")) // 2
    if units < least or (most is not None and units > most):
        raise RequestError(place, f"it has {units} characters, {least} to {most} are allowed")
    return value


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def read_number(body: dict[str, Any], key: str, least: float, most: float, default: float) -> float:
    value = body.get(key)
    if value is None:
        return default
    if not is_number(value) or not least <= value <= most:
        raise RequestError(key, f"a number from {least} to {most} is expected")
    return float(value)


def read_whole(value: Any, place: str, least: int, most: int) -> int:
    if not is_number(value) or value != value or int(value) != value or not least <= value <= most:
        raise RequestError(place, f"an integer from {least} to {most} is expected")
    return int(value)


def read_integer(body: dict[str, Any], key: str, least: int, most: int, default: int) -> int:
    value = body.get(key)
    if value is None:
        return default
    if isinstance(value, float) and math.isinf(value):
        raise RequestError(key, "an integer is expected")
    return read_whole(value, key, least, most)


def read_boolean(body: dict[str, Any], key: str, place: str = "") -> bool:
    value = body.get(key)
    if value is not None and not isinstance(value, bool):
        raise RequestError(f"{place}.{key}" if place else key, "true or false is expected")
    return value is True


def _units(value: float, unit: int) -> int:
    amount = math.floor(abs(value) * unit + 0.5)
    return -amount if value < 0 else amount


def has_surrogate(value: Any) -> bool:
    if isinstance(value, dict):
        return any(has_surrogate(key) or has_surrogate(item) for key, item in value.items())
    if isinstance(value, list):
        return any(map(has_surrogate, value))
    return isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value)
