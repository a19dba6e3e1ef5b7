"""SPDX expressions, and the duties of an origin's licence (docs/spec/hub.md#licences)."""

from __future__ import annotations

import re

from ..wire import WireError

MAX_LICENCE_BYTES = 64
RELATIONS = ("quantised-from", "adapter-of", "merged-from", "converted-from")

_MAX_ALTERNATIVES = 64
_TOKEN = re.compile(r" *(\(|\)|[A-Za-z0-9.:+-]+) *")
_ID = re.compile(r"(?:(?:DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+|[A-Za-z0-9][A-Za-z0-9.-]*\+?)")
_EXCEPTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
_OPERATORS = ("AND", "OR", "WITH")
_VERSIONED = re.compile(r"([A-Z-]+)-(\d+(?:\.\d+)?)(.*)")
_DUTIES = {
    "CC-BY-SA": ("share-alike",),
    "CC-BY-NC": ("non-commercial",),
    "CC-BY-NC-SA": ("non-commercial", "share-alike"),
    "CC-BY-ND": ("no-derivatives",),
    "CC-BY-NC-ND": ("non-commercial", "no-derivatives"),
    "GPL": ("share-alike",),
    "AGPL": ("share-alike",),
    "ODBL": ("share-alike",),
}

# Ids that apply together; a user may choose one of several such alternatives.
Alternative = tuple[str, ...]


class _Parser:
    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = _read_tokens(expression)
        self._at = 0

    def parse(self) -> list[Alternative]:
        found = self._either()
        if self._at != len(self._tokens):
            self._refuse()
        return found

    def _refuse(self) -> None:
        raise WireError(f'"{self._expression}" is no SPDX expression')

    def _next(self) -> str:
        if self._at == len(self._tokens):
            self._refuse()
        self._at += 1
        return self._tokens[self._at - 1]

    def _takes(self, token: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == token:
            self._at += 1
            return True
        return False

    def _either(self) -> list[Alternative]:
        found = self._both()
        while self._takes("OR"):
            found = _bounded(found + self._both())
        return found

    def _both(self) -> list[Alternative]:
        found = self._simple()
        while self._takes("AND"):
            more = self._simple()
            found = _bounded([left + right for left in found for right in more])
        return found

    def _simple(self) -> list[Alternative]:
        token = self._next()
        if token == "(":
            inner = self._either()
            if not self._takes(")"):
                self._refuse()
            return inner
        if not _ID.fullmatch(token) or token in _OPERATORS:
            self._refuse()
        if self._takes("WITH"):
            exception = self._next()
            if not _EXCEPTION.fullmatch(exception) or exception in _OPERATORS:
                self._refuse()
        return [(token.upper(),)]


def parse_licence(expression: str) -> list[Alternative]:
    """The alternatives of an expression of at most 64 bytes, ids in upper case. @raises WireError"""
    if len(expression) > MAX_LICENCE_BYTES:
        raise WireError(f"a licence of {len(expression)} characters, at most {MAX_LICENCE_BYTES}")
    return _Parser(expression).parse()


def _read_tokens(expression: str) -> list[str]:
    if re.search(r"^ | \Z| {2}|[^\x20-\x7e]", expression):
        raise WireError("a licence with stray spaces")
    tokens = []
    at = 0
    while match := _TOKEN.match(expression, at):
        tokens.append(match[1])
        at = match.end()
    if "".join(tokens) != expression.replace(" ", ""):
        raise WireError(f'"{expression}" is no SPDX expression')
    return tokens


def _bounded(alternatives: list[Alternative]) -> list[Alternative]:
    if len(alternatives) > _MAX_ALTERNATIVES:
        raise WireError(f"more than {_MAX_ALTERNATIVES} alternatives")
    return alternatives


def _read_version(name: str) -> tuple[str, float, bool]:
    """Family and version of an id, and whether the licence lets a derivative take a later version."""
    match = _VERSIONED.fullmatch(name)
    family, version, rest = match.groups() if match else (name, "0", "")
    is_later = rest in ("-OR-LATER", "+") if family.endswith("GPL") else family == "ODBL" or float(version) >= 2
    return family, float(version), is_later


def _duties_of(name: str) -> tuple[str, ...]:
    return _DUTIES.get(_read_version(name)[0], ())


def _is_kept(origin: str, derived: str) -> bool:
    family, version, allows_later = _read_version(origin)
    other, later, is_open = _read_version(derived)
    if family != other or later < version:
        return False
    return allows_later or (later == version and not (family.endswith("GPL") and is_open))


def _is_met(duty: str, origin: str, derived: Alternative, relation: str) -> bool:
    if duty == "share-alike":
        return any(_is_kept(origin, name) for name in derived)
    if duty == "non-commercial":
        return any("non-commercial" in _duties_of(name) for name in derived)
    return relation == "converted-from" and any(_read_version(origin)[:2] == _read_version(name)[:2] for name in derived)


def find_licence_problem(licence: str, relation: str, origin: str) -> str | None:
    """The alternative of a derivative's licence that breaks a duty of each alternative of the origin's. @raises WireError"""
    origins = parse_licence(origin)
    for derived in parse_licence(licence):
        if not any(all(_is_met(duty, term, derived, relation) for term in terms for duty in _duties_of(term)) for terms in origins):
            return f"a model that is {relation} one under {origin} cannot be under {' AND '.join(derived)}"
    return None
