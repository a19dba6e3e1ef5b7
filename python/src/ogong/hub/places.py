"""Places that have signed manifests, block lists and blobs: a folder, or a server that answers ranges (docs/spec/hub.md)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit
from urllib.request import Request, urlopen


class Place(Protocol):
    def read(self, name: str, start: int, end: int) -> bytes:
        """At most the bytes [start, end) of `manifests/<hash>`, `lists/<id>` or `blobs/<id>`. @raises OSError"""


class HttpPlace:
    """@param address: https, or on this machine."""

    def __init__(self, address: str, timeout: float = 30) -> None:
        url = urlsplit(address)
        if url.scheme != "https" and not (url.scheme == "http" and url.hostname in ("127.0.0.1", "::1", "localhost")):
            raise ValueError(f"{address} is not https")
        self._address = address.rstrip("/")
        self._timeout = timeout

    def read(self, name: str, start: int, end: int) -> bytes:
        request = Request(f"{self._address}/{name}", headers={"range": f"bytes={start}-{end - 1}"})
        with urlopen(request, timeout=self._timeout) as answer:
            if answer.status != 206 and start > 0:
                raise OSError(f"{self._address} sends no parts of files")
            return answer.read(end - start)


class FolderPlace:
    """A folder on this machine. Files get their names when they are whole."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder)

    def read(self, name: str, start: int, end: int) -> bytes:
        with open(self._folder / name, "rb") as file:
            file.seek(start)
            return file.read(end - start)

    def has(self, name: str) -> bool:
        return (self._folder / name).exists()

    def write(self, name: str, data: bytes) -> None:
        with self.create(name) as file:
            file.write(data)

    def create(self, name: str) -> "_NewFile":
        return _NewFile(self._folder / name)


class _NewFile:
    """Writes beside the target, which appears at the end of the block without an error."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._part = target.with_name(f"{target.name}.part")

    def __enter__(self):
        self._part.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self._part, "wb")
        return self._file

    def __exit__(self, kind, *_rest) -> None:
        with self._file:
            self._file.flush()
            os.fsync(self._file.fileno())
        if kind is None:
            os.replace(self._part, self._target)
        else:
            self._part.unlink()


def open_place(address: str) -> Place:
    return HttpPlace(address) if "://" in address else FolderPlace(address)
