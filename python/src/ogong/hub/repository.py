"""Repositories of the hub: a model has versions, a version has files."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Callable, Iterable, Sequence

from ..order import Ledger
from ..wire import WireError
from .blocks import BLOCK_BYTES, compute_root, count_blocks, hash_block, parse_block_list, read_blocks
from .manifest import (
    MAX_SIGNED_BYTES,
    File,
    Manifest,
    Origin,
    SignedManifest,
    compute_model_root,
    find_format,
    hash_digest,
    is_file_path,
    parse_signed,
    verify_signed,
)
from .places import FolderPlace, Place, open_place
from .registry import Registry, Version

Sign = Callable[[bytes], bytes]


class HubError(Exception):
    """A model that cannot be had, or must not be used."""


def _find_version(registry: Registry, name: str) -> tuple[Version, str, list[bytes]]:
    match = re.fullmatch(r"([a-z0-9][a-z0-9._-]{0,63})/([a-z0-9][a-z0-9._-]{0,63})(?:@([0-9a-f]{64}))?", name)
    if not match:
        raise ValueError(f"{name} is no maker/model, with or without @ and the hash of a manifest")
    maker, model, wanted = match.groups()
    versions = registry.versions_of(maker, model)
    kept = [version for version in versions if version.manifest_hash and wanted in (None, version.manifest_hash.hex())]
    if not kept:
        raise HubError(f"the registry names no manifest of {name}")
    return kept[-1], maker, [version.model_root for version in versions]


def fetch_manifest(name: str, registry: Registry, places: Sequence[str] = ()) -> tuple[SignedManifest, list[Place]]:
    """
    The manifest of the newest version, or of the one whose hash follows `@`, with the places that may have its files.
    @param places: addresses to ask before those of the registry. @raises HubError if no place has one that the maker signed
    """
    version, maker, roots = _find_version(registry, name)
    opened = [open_place(address) for address in (*places, *version.places)]
    owner, ledger = registry.owner_of(maker), registry.ledger()
    reasons = []
    for place in opened:
        try:
            signed = parse_signed(place.read(f"manifests/{version.manifest_hash.hex()}", 0, MAX_SIGNED_BYTES + 1))
            if signed.manifest.hash != version.manifest_hash:
                raise WireError("the manifest has another hash")
        except (OSError, WireError) as error:
            reasons.append(str(error))
            continue
        wrong = [check for check in verify_signed(signed, ledger, owner, roots) if check.status != "pass"]
        if wrong:
            raise HubError(f"{name}: {wrong[0].id}: {wrong[0].detail}")
        return signed, opened
    raise HubError(f"no place has the manifest of {name}: {'; '.join(reasons) or 'none is known'}")


def list_files(name: str, registry: Registry, places: Sequence[str] = ()) -> tuple[File, ...]:
    """@raises HubError, WireError"""
    return fetch_manifest(name, registry, places)[0].manifest.files


def pull_model(name: str, registry: Registry, to: str | os.PathLike[str], places: Sequence[str] = ()) -> Path:
    """
    Downloads a model into a folder. Each block is checked before it is written, and a file gets its name when it is whole. A second call
    goes on where the first one ended. @returns the folder. @raises HubError if no place has a block that the maker signed
    """
    signed, opened = fetch_manifest(name, registry, places)
    folder = Path(to)
    for file in signed.manifest.files:
        _pull_file(file, opened, folder / file.path)
    return folder


def _pull_file(file: File, places: Sequence[Place], target: Path) -> None:
    if target.exists() and target.stat().st_size == file.size and _hash_file(target)[0] == file.sha256:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    hashes = _fetch_list(file, places)
    part = target.with_name(f"{target.name}.part")
    whole = hashlib.sha256()
    with open(part, "a+b") as kept:
        kept.seek(0)
        done = 0
        for block in read_blocks(kept):
            if done == len(hashes) or hash_block(block) != hashes[done]:
                break
            whole.update(block)
            done += 1
        kept.truncate(min(done * BLOCK_BYTES, file.size))
        for index in range(done, len(hashes)):
            block = _fetch_block(file, index, hashes[index], places)
            kept.write(block)
            whole.update(block)
        kept.flush()
        os.fsync(kept.fileno())
    if whole.digest() != file.sha256:
        part.unlink()
        raise HubError(f"{file.path} has another SHA-256 than its maker signed")
    os.replace(part, target)


def _ask_in_turn(places: Sequence[Place], what: str, ask: Callable[[Place], bytes]) -> bytes:
    reasons = []
    for place in places:
        try:
            return ask(place)
        except (OSError, WireError) as error:
            reasons.append(str(error))
    raise HubError(f"no place has {what}: {'; '.join(reasons)}")


def _fetch_list(file: File, places: Sequence[Place]) -> list[bytes]:
    size = 32 * count_blocks(file.size)

    def ask(place: Place) -> bytes:
        data = place.read(f"lists/{file.block_root.hex()}", 0, size + 1)
        parse_block_list(data, file.size, file.block_root)
        return data

    data = _ask_in_turn(places, f"the blocks of {file.path}", ask)
    return parse_block_list(data, file.size, file.block_root)


def _fetch_block(file: File, index: int, wanted: bytes, places: Sequence[Place]) -> bytes:
    start = index * BLOCK_BYTES

    def ask(place: Place) -> bytes:
        block = place.read(f"blobs/{file.block_root.hex()}", start, min(start + BLOCK_BYTES, file.size))
        if hash_block(block) != wanted:
            raise WireError(f"block {index} is wrong")
        return block

    # Different blocks begin with different places, so each place carries a share.
    turn = index % len(places)
    return _ask_in_turn([*places[turn:], *places[:turn]], f"block {index} of {file.path}", ask)


def _hash_file(path: Path) -> tuple[bytes, list[bytes]]:
    """SHA-256 of a file, and the hashes of its blocks."""
    whole, blocks = hashlib.sha256(), []
    with open(path, "rb") as file:
        for block in read_blocks(file):
            whole.update(block)
            blocks.append(hash_block(block))
    return whole.digest(), blocks


def create_version(
    name: str,
    folder: str | os.PathLike[str],
    version: tuple[int, int, int],
    licence: str,
    *,
    notes: str = "",
    lineage: Iterable[Origin] = (),
    weights: Sequence[str] | None = None,
    root_rule: str = "shards",
) -> Manifest:
    """
    Describes the files of a folder as one version of `maker/model`. @param weights: paths that count in the model root; default: the GGUF
    files, else all files of ONNX and safetensors. @raises WireError, ValueError for a file that the hub refuses
    """
    maker, _, model = name.partition("/")
    paths = sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())
    formats = {}
    for path in paths:
        kind = find_format(path)
        if kind is None or not is_file_path(path):
            raise ValueError(f"{path} has no format of the hub; leave it out of the folder")
        formats[path] = kind
    counted = set(weights if weights is not None else _find_weights(formats))
    files = []
    for path in paths:
        digest, blocks = _hash_file(Path(folder) / path)
        size = (Path(folder) / path).stat().st_size
        if size == 0:
            raise ValueError(f"{path} is empty")
        files.append(File(path, size, digest, compute_root(blocks), formats[path], path in counted))
    origins = tuple(sorted(lineage, key=lambda origin: origin.model_root))
    root = compute_model_root(files, root_rule)
    manifest = Manifest(maker, model, version, root, root_rule, tuple(files), licence, notes, origins)
    manifest.encoded
    return manifest


def _find_weights(formats: dict[str, str]) -> list[str]:
    gguf = [path for path, kind in formats.items() if kind == "gguf"]
    return gguf or [path for path, kind in formats.items() if kind in ("onnx", "onnx-data", "safetensors")]


def push_model(
    manifest: Manifest, folder: str | os.PathLike[str], to: str | os.PathLike[str], *, registry: Ledger, sign: Sign
) -> SignedManifest:
    """
    Copies the files of a version and its signed manifest into a place, a folder that any web server can publish. The ledger then gets the
    source `hub:<hash of the manifest>` by `ogong model register`.
    @param sign: makes the 65-byte signature of a digest with the ledger key that owns the maker's name.
    @raises HubError for a file that changed meanwhile
    """
    place = FolderPlace(to)
    for file in manifest.files:
        name = file.block_root.hex()
        digest, blocks = _hash_file(Path(folder) / file.path)
        if digest != file.sha256:
            raise HubError(f"{file.path} has changed since the version was made")
        if not place.has(f"blobs/{name}"):
            with open(Path(folder) / file.path, "rb") as source, place.create(f"blobs/{name}") as target:
                for block in read_blocks(source):
                    target.write(block)
        place.write(f"lists/{name}", b"".join(blocks))
    signed = SignedManifest(manifest, sign(hash_digest(registry, manifest.hash)))
    place.write(f"manifests/{manifest.hash.hex()}", signed.encoded)
    return signed

