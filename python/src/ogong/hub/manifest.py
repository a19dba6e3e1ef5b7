"""Signed manifests of models (docs/spec/hub.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Sequence

from ..checks import Check, failed, hold, skipped
from ..crypto.secp256k1 import recover_address
from ..order import Ledger, struct_hash
from ..wire import Reader, WireError, sha256, text, u8, u16, u32, u64
from .blocks import MAX_FILE_BYTES
from .licence import MAX_LICENCE_BYTES, RELATIONS, find_licence_problem, parse_licence

FORMATS = ("gguf", "onnx", "onnx-data", "safetensors", "json", "text")
ROOT_RULES = ("shards", "folder")
MAX_MANIFEST_BYTES = 2**19
MAX_SIGNED_BYTES = MAX_MANIFEST_BYTES + 200

_MAX_FILES = 1_024
_MAX_MODEL_BYTES = 2**42
_MAX_LINEAGE = 16
_MAX_EVALUATIONS = 64
_MAX_NOTES_BYTES = 4_096
_MAX_PATH_BYTES = 403
_TAG = b"ogong-hub-manifest-v1\n"
_SIGNED_TAG = b"ogong-hub-signed-v1\n"
_FOLDER_TAG = b"ogong-model-folder-v1\n"
_TYPE = b"HubManifest(bytes32 manifest)"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
_UNSAFE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?|.*\.", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_FILE_NAMES = {
    "gguf": r"\.gguf$",
    "onnx": r"\.onnx$",
    "onnx-data": r"\.onnx[._]data(?:[._-]\d{1,5})?$",
    "safetensors": r"\.safetensors$",
    "json": r"\.json$",
    "text": r"(?:\.txt|\.md|(?:^|/)(?:licen[cs]e|notice|readme))$",
}


@dataclass(frozen=True)
class File:
    """One file of a model. Hashes have 32 bytes; `block_root` is the id of the content in a store."""

    path: str
    size: int
    sha256: bytes
    block_root: bytes
    format: str
    is_weight: bool


@dataclass(frozen=True)
class Origin:
    """A model that this one was made from, and the licence under which the maker took it."""

    model_root: bytes
    relation: str
    licence: str


@dataclass(frozen=True)
class Manifest:
    """A maker's statement about one version of a model. `version` is (major, minor, patch)."""

    maker: str
    model: str
    version: tuple[int, int, int]
    model_root: bytes
    root_rule: str
    files: tuple[File, ...]
    licence: str
    notes: str = ""
    lineage: tuple[Origin, ...] = field(default=())
    evaluations: tuple[bytes, ...] = ()
    """SHA-256 of evaluations of these weights (docs/spec/evaluation.md)."""

    @cached_property
    def encoded(self) -> bytes:
        """The canonical bytes. @raises WireError for each rule of the format."""
        _assert_rules(self)
        parts = [_TAG, text(self.maker), text(self.model), *map(u32, self.version), text(self.notes), self.model_root]
        parts += [u8(ROOT_RULES.index(self.root_rule)), u16(len(self.files))]
        for file in self.files:
            parts += [text(file.path), u64(file.size), file.sha256, file.block_root]
            parts += [u8(FORMATS.index(file.format)), u8(int(file.is_weight))]
        parts += [text(self.licence), u16(len(self.lineage))]
        for origin in self.lineage:
            parts += [origin.model_root, u8(RELATIONS.index(origin.relation)), text(origin.licence)]
        data = b"".join([*parts, u16(len(self.evaluations)), *self.evaluations])
        if len(data) > MAX_MANIFEST_BYTES:
            raise WireError(f"a manifest of {len(data)} bytes")
        return data

    @property
    def hash(self) -> bytes:
        return sha256(self.encoded)


def parse_manifest(data: bytes) -> Manifest:
    """@raises WireError for each rule of the format."""
    if len(data) > MAX_MANIFEST_BYTES:
        raise WireError(f"a manifest of {len(data)} bytes")
    read = Reader(data, _TAG)
    maker, model = read.text(64), read.text(64)
    version = (read.int(4), read.int(4), read.int(4))
    notes, model_root = read.text(_MAX_NOTES_BYTES), read.take(32)
    root_rule = ROOT_RULES[read.int(1, 0, 1)]
    files = tuple(_read_file(read) for _ in range(read.int(2, 1, _MAX_FILES)))
    licence = read.text(MAX_LICENCE_BYTES)
    lineage = tuple(_read_origin(read) for _ in range(read.int(2, 0, _MAX_LINEAGE)))
    evaluations = tuple(read.take(32) for _ in range(read.int(2, 0, _MAX_EVALUATIONS)))
    read.end()
    manifest = Manifest(maker, model, version, model_root, root_rule, files, licence, notes, lineage, evaluations)
    _assert_rules(manifest)
    return manifest


def _read_file(read: Reader) -> File:
    path, size = read.text(_MAX_PATH_BYTES), read.int(8, 1, MAX_FILE_BYTES)
    return File(path, size, read.take(32), read.take(32), FORMATS[read.int(1, 0, len(FORMATS) - 1)], read.flag())


def _read_origin(read: Reader) -> Origin:
    return Origin(read.take(32), RELATIONS[read.int(1, 0, len(RELATIONS) - 1)], read.text(MAX_LICENCE_BYTES))


def is_file_path(path: str) -> bool:
    """Whether a path is relative, stays in its folder, and names a file on each operating system."""
    parts = path.split("/")
    return len(parts) <= 4 and all(_PART.fullmatch(part) and not _UNSAFE.fullmatch(part) for part in parts)


def find_format(path: str) -> str | None:
    """The format that a file's name promises."""
    return next((name for name, rule in _FILE_NAMES.items() if re.search(rule, path.lower())), None)


def _assert_rules(manifest: Manifest) -> None:
    def refuse(reason: str) -> None:
        raise WireError(reason)

    for name in (manifest.maker, manifest.model):
        if not _NAME.fullmatch(name):
            refuse(f'"{name}" is no name of the model registry')
    if _CONTROLS.search(manifest.notes):
        refuse("notes with characters that terminals obey")
    parse_licence(manifest.licence)
    _assert_files(manifest.files, refuse)
    roots = [origin.model_root for origin in manifest.lineage]
    if any(later <= earlier for earlier, later in zip(roots, roots[1:])):
        refuse("lineage: not ascending")
    _assert_evaluations(manifest.evaluations, refuse)
    for origin in manifest.lineage:
        if origin.model_root == manifest.model_root:
            refuse("lineage: a model that was made from itself")
        problem = find_licence_problem(manifest.licence, origin.relation, origin.licence)
        if problem:
            refuse(f"lineage: {problem}")


def _assert_evaluations(evaluations: Sequence[bytes], refuse) -> None:
    if len(evaluations) > _MAX_EVALUATIONS:
        refuse(f"evaluations: more than {_MAX_EVALUATIONS}")
    if any(len(each) != 32 for each in evaluations):
        refuse("evaluations: a hash has 32 bytes")
    if any(later <= earlier for earlier, later in zip(evaluations, evaluations[1:])):
        refuse("evaluations: not ascending")


def _assert_files(files: Sequence[File], refuse) -> None:
    paths = [file.path for file in files]
    for file in files:
        if not is_file_path(file.path):
            refuse(f'"{file.path}" is no path of a model\'s file')
        if not re.search(_FILE_NAMES[file.format], file.path.lower()):
            refuse(f'"{file.path}" is no name of a file in {file.format}')
    if any(later <= earlier for earlier, later in zip(paths, paths[1:])):
        refuse("files: not ascending")
    lower = {path.lower() for path in paths}
    if len(lower) != len(paths):
        refuse("files: two paths differ by case alone")
    for path in lower:
        parts = path.split("/")
        if any("/".join(parts[:count]) in lower for count in range(1, len(parts))):
            refuse("files: a file is the folder of another one")
    if sum(file.size for file in files) > _MAX_MODEL_BYTES:
        refuse(f"files: more than {_MAX_MODEL_BYTES} bytes")
    if not any(file.is_weight for file in files):
        refuse("files: none counts in the model root")


def compute_model_root(files: Sequence[File], root_rule: str) -> bytes:
    weights = [file for file in files if file.is_weight]
    if root_rule == "shards":
        return sha256(*(file.sha256 for file in weights))
    return sha256(_FOLDER_TAG, u16(len(weights)), *(text(file.path) + file.sha256 for file in weights))


@dataclass(frozen=True)
class SignedManifest:
    manifest: Manifest
    signature: bytes

    @property
    def encoded(self) -> bytes:
        data = self.manifest.encoded
        return _SIGNED_TAG + u32(len(data)) + data + self.signature


def parse_signed(data: bytes) -> SignedManifest:
    """The signature is not checked here. @raises WireError"""
    if len(data) > MAX_SIGNED_BYTES:
        raise WireError(f"a signed manifest of {len(data)} bytes")
    read = Reader(data, _SIGNED_TAG)
    manifest = parse_manifest(read.take(read.int(4, 0, MAX_MANIFEST_BYTES)))
    signature = read.take(65)
    read.end()
    return SignedManifest(manifest, signature)


def hash_digest(registry: Ledger, manifest_hash: bytes) -> bytes:
    """The digest that a maker signs. @param registry: the chain, and the model registry on it."""
    return registry.digest(struct_hash(_TYPE, manifest_hash))


def verify_signed(
    signed: SignedManifest, registry: Ledger, owner: bytes | None, published_roots: Sequence[bytes] | None = None
) -> list[Check]:
    """@param owner: the address that owns the maker's name, 20 bytes. @param published_roots: of the registry, None if it was not asked."""
    manifest = signed.manifest
    if not owner or not any(owner):
        signature = failed("signature", f"nobody owns the name {manifest.maker}")
    else:
        signer = recover_address(hash_digest(registry, manifest.hash), signed.signature)
        signature = hold("signature", signer == owner, f"the owner of {manifest.maker} signed it")
    root = compute_model_root(manifest.files, manifest.root_rule)
    registry_check = (
        skipped("registry", "the registry was not asked for versions")
        if published_roots is None
        else hold("registry", manifest.model_root in published_roots, "the registry has this root")
    )
    return [signature, hold("model-root", root == manifest.model_root, "the files give the model root"), registry_check]
