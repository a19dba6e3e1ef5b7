"""Names in the model registry, read from a node of the chain over JSON-RPC (docs/spec/model-registry.md)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Callable
from urllib.request import Request, urlopen

from ..crypto.keccak import keccak256
from ..order import Ledger
from ..wire import WireError

_MOST_ANSWER_BYTES = 4 * 2**20
_MAX_VERSIONS = 256
_MAX_SOURCES = 8
_HUB_SOURCE = re.compile(r"hub:([0-9a-f]{64})")


@dataclass(frozen=True)
class Version:
    """A description of a model, in force from `begin` on and before `end`, in seconds since 1970; 0 while no end is known."""

    begin: int
    end: int
    model_root: bytes
    licence: str
    sources: tuple[str, ...]

    @property
    def manifest_hash(self) -> bytes | None:
        found = {match[1] for source in self.sources if (match := _HUB_SOURCE.fullmatch(source))}
        return bytes.fromhex(found.pop()) if len(found) == 1 else None

    @property
    def places(self) -> tuple[str, ...]:
        """Addresses of places that this module reads."""
        return tuple(source[4:] for source in self.sources if re.match(r"hub\+https?://", source))


class Registry:
    """
    @param url: of a node of the chain. @param contract: the registry's address, 20 bytes.
    @param ask: replaces the node in tests: method and parameters to the result.
    """

    def __init__(self, url: str, contract: bytes, ask: Callable[[str, list[Any]], Any] | None = None) -> None:
        self._url = url
        self._contract = contract
        self._ask = ask or self._post

    def ledger(self) -> Ledger:
        return Ledger(int(self._ask("eth_chainId", []), 16), self._contract)

    def owner_of(self, maker: str) -> bytes | None:
        owner = self._call("ownerOf(string)", maker)[12:32]
        return owner if any(owner) else None

    def versions_of(self, maker: str, model: str) -> list[Version]:
        """All versions in their order. @raises WireError for an answer in another form"""
        data = _Abi(self._call("versionsOf(string,string)", maker, model))
        return [_read_version(item) for item in data.at(0).items(_MAX_VERSIONS)]

    def _call(self, signature: str, *texts: str) -> bytes:
        data = keccak256(signature.encode("ascii"))[:4] + _encode_texts(texts)
        result = self._ask("eth_call", [{"to": f"0x{self._contract.hex()}", "data": f"0x{data.hex()}"}, "latest"])
        if not isinstance(result, str) or not re.fullmatch(r"0x(?:[0-9a-fA-F]{2})*", result):
            raise WireError("the node's answer is not hexadecimal")
        return bytes.fromhex(result[2:])

    def _post(self, method: str, params: list[Any]) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode("utf-8")
        with urlopen(Request(self._url, body, {"content-type": "application/json"}), timeout=30) as answer:
            said = json.loads(answer.read(_MOST_ANSWER_BYTES))
        if "result" not in said:
            raise OSError(f"the node refuses {method}: {str(said.get('error'))[:200]}")
        return said["result"]


def _encode_texts(texts: tuple[str, ...]) -> bytes:
    heads, tails = b"", b""
    for text in texts:
        data = text.encode("utf-8")
        heads += (32 * len(texts) + len(tails)).to_bytes(32, "big")
        tails += len(data).to_bytes(32, "big") + data + bytes(-len(data) % 32)
    return heads + tails


class _Abi:
    """A part of an answer in the ABI's encoding. Offsets count from its first byte."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def word(self, index: int) -> bytes:
        word = self._data[32 * index : 32 * index + 32]
        if len(word) != 32:
            raise WireError("the node's answer ends early")
        return word

    def number(self, index: int) -> int:
        return int.from_bytes(self.word(index), "big")

    def at(self, index: int) -> "_Abi":
        """The part whose offset stands at a word."""
        offset = self.number(index)
        if offset > len(self._data):
            raise WireError("the node's answer points behind its end")
        return _Abi(self._data[offset:])

    def items(self, most: int) -> list["_Abi"]:
        count = self.number(0)
        if count > most:
            raise WireError(f"a list of {count}, at most {most}")
        rest = _Abi(self._data[32:])
        return [rest.at(index) for index in range(count)]

    def text(self) -> str:
        size = self.number(0)
        data = self._data[32 : 32 + size]
        if len(data) != size:
            raise WireError("a text ends early")
        return data.decode("utf-8", "replace")


def _read_version(version: _Abi) -> Version:
    description = version.at(2)
    sources = tuple(item.text() for item in description.at(3).items(_MAX_SOURCES))
    return Version(version.number(0), version.number(1), description.word(0), description.at(2).text(), sources)
