import os
import tempfile
import threading
import unittest
import unittest.mock
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Iterator

from ogong.hub import HubError, Registry, create_version, list_files, parse_signed, pull_model, push_model, verify_signed
from ogong.hub.blocks import BLOCK_BYTES, compute_root, hash_block, parse_block_list
from ogong.hub.licence import RELATIONS, find_licence_problem
from ogong.hub.manifest import hash_digest, parse_manifest
from ogong.hub.registry import Version
from ogong.order import Ledger
from ogong.wire import WireError

from .vectors import load, unhex

VECTORS = load("hub")
LEDGER = Ledger(VECTORS["registry"]["chainId"], unhex(VECTORS["registry"]["contract"]))
OWNER = unhex(VECTORS["owner"])

# Answer of `versionsOf` for two versions, encoded by another library from the contract's ABI.
VERSIONS = unhex(
    "00000000000000000000000000000000000000000000000000000000000000200000000000000000000000000000000000000000000000000000000000000002"
    "00000000000000000000000000000000000000000000000000000000000000400000000000000000000000000000000000000000000000000000000000000220"
    "000000000000000000000000000000000000000000000000000000000000006400000000000000000000000000000000000000000000000000000000000000c8"
    "00000000000000000000000000000000000000000000000000000000000000600101010101010101010101010101010101010101010101010101010101010101"
    "020202020202020202020202020202020202020202020202020202020202020200000000000000000000000000000000000000000000000000000000000000a0"
    "00000000000000000000000000000000000000000000000000000000000000e00000000000000000000000000000000000000000000000000000000000000160"
    "00000000000000000000000000000000000000000000000000000000000000034d49540000000000000000000000000000000000000000000000000000000000"
    "00000000000000000000000000000000000000000000000000000000000000010000000000000000000000000000000000000000000000000000000000000020"
    "000000000000000000000000000000000000000000000000000000000000000d68663a61636d652f736d616c6c00000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000c8"
    "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000060"
    "03030303030303030303030303030303030303030303030303030303030303030202020202020202020202020202020202020202020202020202020202020202"
    "00000000000000000000000000000000000000000000000000000000000000a000000000000000000000000000000000000000000000000000000000000000e0"
    "0000000000000000000000000000000000000000000000000000000000000260000000000000000000000000000000000000000000000000000000000000000a"
    "4170616368652d322e30000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000003"
    "000000000000000000000000000000000000000000000000000000000000006000000000000000000000000000000000000000000000000000000000000000e0"
    "00000000000000000000000000000000000000000000000000000000000001200000000000000000000000000000000000000000000000000000000000000044"
    "6875623a616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162"
    "6162616200000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001f"
    "6875622b68747470733a2f2f6d6972726f722e6578616d706c652f6875622f000000000000000000000000000000000000000000000000000000000000000011"
    "6875622b73333a2f2f6275636b65742f780000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001"
    "0909090909090909090909090909090909090909090909090909090909090909"
)


def fill(size: int) -> bytes:
    return bytes((31 * i + i // 256) % 256 for i in range(size))


class Formats(unittest.TestCase):
    def test_manifests(self) -> None:
        for case in VECTORS["manifests"]:
            manifest = parse_manifest(unhex(case["manifest"]))
            self.assertEqual(manifest.encoded.hex(), case["manifest"])
            self.assertEqual(manifest.hash.hex(), case["hash"])
            self.assertEqual(hash_digest(LEDGER, manifest.hash).hex(), case["digest"])
            signed = parse_signed(unhex(case["signed"]))
            self.assertEqual(signed.encoded.hex(), case["signed"])
            self.assertEqual(verify_signed(signed, LEDGER, OWNER)[0].status, "pass")
            self.assertEqual(verify_signed(signed, LEDGER, bytes(19) + b"\x01")[0].status, "fail")
            self.assertEqual(verify_signed(signed, LEDGER, None)[0].status, "fail")
            self.assertEqual(verify_signed(signed, LEDGER, OWNER, [bytes(32)])[2].status, "fail")

    def test_refused_manifests(self) -> None:
        for data in VECTORS["refused"]:
            with self.assertRaises(WireError):
                parse_manifest(unhex(data))

    def test_no_changed_byte_passes_as_the_same_manifest(self) -> None:
        data = unhex(VECTORS["manifests"][0]["manifest"])
        for at in range(len(data)):
            changed = bytearray(data)
            changed[at] ^= 0xFF
            try:
                self.assertEqual(parse_manifest(bytes(changed)).encoded, bytes(changed))
            except WireError:
                continue

    def test_blocks(self) -> None:
        for case in VECTORS["blocks"]:
            data = fill(case["sizeBytes"])
            hashes = [hash_block(data[at : at + BLOCK_BYTES]) for at in range(0, len(data), BLOCK_BYTES)]
            self.assertEqual(b"".join(hashes).hex(), case["list"])
            self.assertEqual(compute_root(hashes).hex(), case["blockRoot"])
            self.assertEqual(parse_block_list(unhex(case["list"]), len(data), unhex(case["blockRoot"])), hashes)
            with self.assertRaises(WireError):
                parse_block_list(unhex(case["list"]), len(data), bytes(32))

    def test_licences(self) -> None:
        for case in VECTORS["licences"]:
            allowed = [name for name in RELATIONS if find_licence_problem(case["licence"], name, case["origin"]) is None]
            self.assertEqual(allowed, case["allowed"], case)

    def test_an_answer_of_the_chain(self) -> None:
        registry = Registry("", bytes(20), lambda _method, _params: f"0x{VERSIONS.hex()}")
        first, second = registry.versions_of("acme", "small")
        self.assertEqual(first, Version(100, 200, b"\x01" * 32, "MIT", ("hf:acme/small",)))
        self.assertIsNone(first.manifest_hash)
        self.assertEqual(second.manifest_hash, b"\xab" * 32)
        self.assertEqual(second.places, ("https://mirror.example/hub/",))
        cut = Registry("", bytes(20), lambda _method, _params: f"0x{VERSIONS[:-200].hex()}")
        with self.assertRaises(WireError):
            cut.versions_of("acme", "small")


class FakeRegistry(Registry):
    """A registry with one version of acme/small. Its owner's key is not here, so signatures are taken from the vectors' owner by `sign`."""

    def __init__(self, versions: list[Version]) -> None:
        super().__init__("", LEDGER.escrow, lambda _method, _params: hex(LEDGER.chain_id))
        self._versions = versions

    def owner_of(self, maker: str) -> bytes | None:
        return OWNER

    def versions_of(self, maker: str, model: str) -> list[Version]:
        return self._versions


@contextmanager
def serve(folder: Path, poisoned: str = "") -> Iterator[tuple[str, list[str]]]:
    """A server of ranges. It changes a byte of each file whose path begins with `poisoned`. @yields its address, and the requested paths"""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            file = folder / self.path.lstrip("/")
            if not file.is_file():
                self.send_error(404)
                return
            first, last = map(int, self.headers["range"].removeprefix("bytes=").split("-"))
            data = bytearray(file.read_bytes()[first : last + 1])
            if poisoned and self.path.startswith(poisoned):
                data[0] ^= 1
            self.send_response(206)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Repository(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        (self.folder / "model").mkdir()
        (self.folder / "model" / "small.gguf").write_bytes(fill(2 * BLOCK_BYTES + 77))
        (self.folder / "model" / "README.md").write_text("small")
        self.manifest = create_version("acme/small", self.folder / "model", (1, 0, 0), "MIT", notes="first")
        self.place = self.folder / "place"

    def push(self, is_owner: bool = True) -> FakeRegistry:
        signed = push_model(self.manifest, self.folder / "model", self.place, registry=LEDGER, sign=lambda _digest: bytes(65))
        source = f"hub:{signed.manifest.hash.hex()}"
        registry = FakeRegistry([Version(1, 0, self.manifest.model_root, "MIT", (source,))])
        if is_owner:
            # No key is in this package: the check of the signature has its own test, over the vectors.
            unittest.mock.patch("ogong.hub.manifest.recover_address", return_value=OWNER).start()
            self.addCleanup(unittest.mock.patch.stopall)
        return registry

    def test_a_version_names_its_files(self) -> None:
        registry = self.push()
        files = list_files("acme/small", registry, [str(self.place)])
        self.assertEqual([(file.path, file.format, file.is_weight) for file in files], [("README.md", "text", False), ("small.gguf", "gguf", True)])
        self.assertEqual(parse_manifest(self.manifest.encoded), self.manifest)

    def test_a_strangers_signature(self) -> None:
        registry = self.push(is_owner=False)
        with self.assertRaisesRegex(HubError, "signature"):
            pull_model("acme/small", registry, self.folder / "out", [str(self.place)])
        self.assertFalse((self.folder / "out").exists())

    def test_a_poisoned_place_and_a_good_one(self) -> None:
        registry = self.push()
        with serve(self.place, "/blobs/") as (bad, asked), serve(self.place) as (good, _):
            out = pull_model("acme/small", registry, self.folder / "out", [bad, good])
            self.assertTrue(any(path.startswith("/blobs/") for path in asked))
            with self.assertRaisesRegex(HubError, "block 0 is wrong"):
                pull_model("acme/small", registry, self.folder / "other", [bad])
        for name in ("small.gguf", "README.md"):
            self.assertEqual((out / name).read_bytes(), (self.folder / "model" / name).read_bytes())
        self.assertFalse((self.folder / "other" / "small.gguf").exists())

    def test_a_pull_goes_on(self) -> None:
        registry = self.push()
        out = self.folder / "out"
        out.mkdir()
        weights = (self.folder / "model" / "small.gguf").read_bytes()
        # One whole block, and half of a block whose bytes are wrong.
        (out / "small.gguf.part").write_bytes(weights[:BLOCK_BYTES] + bytes(BLOCK_BYTES // 2))
        with serve(self.place) as (address, asked):
            pull_model("acme/small", registry, out, [address])
            blocks = [path for path in asked if path.endswith(self.manifest.files[1].block_root.hex()) and "/blobs/" in path]
            self.assertEqual(len(blocks), 2)
            asked.clear()
            pull_model("acme/small", registry, out, [address])
            self.assertFalse(any("/blobs/" in path for path in asked))
        self.assertEqual((out / "small.gguf").read_bytes(), weights)
        self.assertEqual(sorted(os.listdir(out)), ["README.md", "small.gguf"])

    def test_files_without_a_format(self) -> None:
        (self.folder / "model" / "weights.pkl").write_bytes(b"\x80\x04")
        with self.assertRaisesRegex(ValueError, "weights.pkl has no format"):
            create_version("acme/small", self.folder / "model", (1, 0, 1), "MIT")

    def test_a_file_that_changed(self) -> None:
        (self.folder / "model" / "small.gguf").write_bytes(b"other")
        with self.assertRaisesRegex(HubError, "small.gguf has changed"):
            push_model(self.manifest, self.folder / "model", self.place, registry=LEDGER, sign=lambda _digest: bytes(65))


if __name__ == "__main__":
    unittest.main()
