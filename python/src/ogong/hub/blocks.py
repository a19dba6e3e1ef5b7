"""Blocks of a file, and the tree over them (docs/spec/hub.md#blocks)."""

from __future__ import annotations

from typing import BinaryIO, Iterator, Sequence

from ..wire import WireError, sha256

BLOCK_BYTES = 2**20
MAX_FILE_BYTES = 2**40


def count_blocks(size: int) -> int:
    return -(-size // BLOCK_BYTES)


def hash_block(block: bytes) -> bytes:
    return sha256(b"\x00", block)


def compute_root(leaves: Sequence[bytes]) -> bytes:
    """The root of the tree over at least one leaf. A node without a partner moves up unchanged."""
    level = list(leaves)
    while len(level) > 1:
        above = [sha256(b"\x01", level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = above + level[len(level) & ~1 :]
    return level[0]


def parse_block_list(data: bytes, size: int, root: bytes) -> list[bytes]:
    """The hashes of a list, checked by size and then by root. @raises WireError"""
    if len(data) != 32 * count_blocks(size) or not data:
        raise WireError(f"a list of {len(data)} bytes for {count_blocks(size)} blocks")
    hashes = [data[at : at + 32] for at in range(0, len(data), 32)]
    if compute_root(hashes) != root:
        raise WireError("the list of blocks has another root")
    return hashes


def read_blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(BLOCK_BYTES):
        yield block
