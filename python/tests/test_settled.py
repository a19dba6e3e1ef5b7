import base64
import json
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path

from ogong.__main__ import main
from ogong.checks import Check
from ogong.order import Order, parse_order
from ogong.cohort import Shard
from ogong.settled import Settled, Voter, check_head, check_settled, find_settled, is_included, parse_entry, parse_head, read_voters
from ogong.trust import parse_receipt, parse_trust
from ogong.wire import WireError, sha256

from .vectors import load, unhex

_HEAD = load("log-head")
_LOG = load("verdict-log")


class Heads(unittest.TestCase):
    def setUp(self) -> None:
        certificate = unhex(_HEAD["certificate"])
        keys = [key for _, key, _ in parse_head(certificate).signatures]
        self.certificate = certificate
        self.voters = [Voter(unhex(a), 100, sha256(key)) for a, key in zip(_HEAD["accounts"], [*keys, b"none"])]

    def check(self, certificate: bytes | None = None, voters: list[Voter] | None = None, chain: int = 31_337, validator: int = 0xBB) -> list[str]:
        checks, _ = check_head(certificate or self.certificate, chain, b"\xaa" * 20, bytes([validator]) * 20, voters or self.voters)
        return [check.id for check in checks if check.status == "fail"]

    def test_digest(self) -> None:
        self.assertEqual(parse_head(self.certificate).digest(), unhex(_HEAD["digest"]))

    def test_quorum(self) -> None:
        self.assertEqual(self.check(), [])
        # Three of four hold three quarters; with less than two thirds and a bit, they are none.
        richer = [*self.voters[:3], replace(self.voters[3], stake=150)]
        self.assertEqual(self.check(voters=richer), ["head-quorum"])
        self.assertEqual(self.check(voters=[*self.voters[:3], replace(self.voters[3], stake=149)]), [])
        other = [replace(self.voters[0], head_key_hash=bytes(32)), *self.voters[1:]]
        self.assertEqual(self.check(voters=other), ["head-quorum"])
        self.assertEqual(self.check(voters=self.voters[1:]), ["head-quorum"])

    def test_signatures(self) -> None:
        """A flipped bit of either half of one signature, of a hash that is signed, of a count."""
        signature = len(self.certificate) - 2_484
        for at in (signature + 3, signature + 100):
            self.assertEqual(self.check(self.flip(at)), ["head-quorum"])
        tag = len(b"ogong-log-head-v1\n")
        self.assertEqual(self.check(self.flip(tag + 28 + 20 + 8)), ["head-quorum"])
        self.assertEqual(self.check(self.flip(tag + 7)), ["head-log", "head-quorum"])
        self.assertEqual(self.check(chain=1), ["head-log"])
        self.assertEqual(self.check(validator=0xBC), ["head-log"])
        for broken in (self.certificate[:-1], self.certificate + b"\x00", self.flip(0), b"x"):
            self.assertEqual(self.check(broken), ["head-encoding"])

    def test_signers_ascend(self) -> None:
        one = 20 + 1_344 + 2_484
        start = len(self.certificate) - 3 * one
        a, b, c = (self.certificate[start + i * one : start + (i + 1) * one] for i in range(3))
        self.assertRaises(WireError, parse_head, self.certificate[:start] + b + a + c)
        self.assertRaises(WireError, parse_head, self.certificate[:start] + a + a + c)

    def flip(self, at: int) -> bytes:
        data = bytearray(self.certificate)
        data[at] ^= 1
        return bytes(data)


class Logs(unittest.TestCase):
    def test_entries(self) -> None:
        previous = unhex(_LOG["genesis"])
        self.assertEqual(previous, sha256(b"ogong-verdict-log-v1\n", int(_LOG["chainId"]).to_bytes(8, "big"), unhex(_LOG["settlement"]), unhex(_LOG["validator"])))
        for i, (entry, head) in enumerate(zip(_LOG["entries"], _LOG["heads"])):
            data = unhex(entry)
            read = parse_entry(data)
            self.assertEqual((read.index, read.previous), (i, previous))
            previous = sha256(data)
            self.assertEqual(previous, unhex(head))
            for broken in (data[:-1], data + b"\x00", b"x" + data[1:]):
                self.assertRaises(WireError, parse_entry, broken)
        self.assertEqual([parse_entry(unhex(one)).verdict for one in _LOG["entries"]], ["accept", "accept", "accept", "abandoned", "reject"])

    def test_inclusion(self) -> None:
        tried = 0
        for tree in load("merkle"):
            root, size = unhex(tree["root"]), tree["size"]
            for index, proof in enumerate(tree["proofs"]):
                hashes = [unhex(one) for one in proof]
                leaf = f"leaf {index}".encode()
                tried += 1
                self.assertTrue(is_included(leaf, index, size, hashes, root))
                self.assertFalse(is_included(leaf + b"x", index, size, hashes, root))
                self.assertFalse(is_included(leaf, index, size, [*hashes, bytes(32)], root))
                self.assertFalse(is_included(leaf, index + 1, size, hashes, root))
                self.assertFalse(is_included(leaf, -1, size, hashes, root))
                if hashes:
                    self.assertFalse(is_included(leaf, index, size, hashes[:-1], root))
        self.assertGreater(tried, 10)


class SettledReplies(unittest.TestCase):
    def setUp(self) -> None:
        case = _HEAD["settled"]
        self.case = case
        self.file = load("receipt")["bases"][case["base"]]
        self.receipt = parse_receipt(self.file["receipt"])
        self.order = parse_order(self.receipt.order.data)
        self.settlement = parse_trust(self.file["trust"]).settlement
        self.voters = read_voters({"validators": case["voters"]})
        self.shown = Settled(unhex(case["entry"]), case["index"], tuple(map(unhex, case["proof"])), unhex(case["certificate"]))

    def check(self, shown: Settled | None, order: Order | None = None, record: bytes | None = None, accepted: bool = False) -> dict[str, Check]:
        digest = sha256(self.receipt.record.data) if record is None else record
        checks = check_settled(shown, order or self.order, self.receipt.ledger, digest, self.settlement, self.voters, accepted)
        return {check.id: check for check in checks}

    def test_whole(self) -> None:
        checks = self.check(self.shown)
        self.assertEqual([(check.id, check.status) for check in checks.values()], [("settled", "pass"), ("log-head", "pass")])
        self.assertIn("fee 12000", checks["settled"].detail)
        self.assertEqual(self.check(self.shown, accepted=True)["settled"].status, "pass")

    def test_other_shards(self) -> None:
        digest = sha256(self.receipt.record.data)
        shards = (Shard(bytes(32), bytes(20), 0, 1, 1),)
        settled, _ = check_settled(self.shown, self.order, self.receipt.ledger, digest, self.settlement, self.voters, False, shards)
        self.assertEqual((settled.status, settled.detail), ("fail", "another cohort"))

    def test_nothing_shown(self) -> None:
        self.assertEqual([(check.id, check.status) for check in self.check(None).values()], [("settled", "skip")])

    def test_others(self) -> None:
        for name, value in (("nonce", bytes(32)), ("provider_id", bytes(32)), ("payee", bytes(20)), ("router", bytes(20)), ("max_fee", 11_999)):
            with self.subTest(name):
                self.assertEqual(self.check(self.shown, replace(self.order, **{name: value}))["settled"].status, "fail")
        self.assertEqual(self.check(self.shown, record=bytes(32))["settled"].status, "fail")
        self.assertEqual(self.check(self.shown, replace(self.order, validator=bytes(20)))["log-head"].status, "fail")

    def test_proofs(self) -> None:
        for changed in (
            replace(self.shown, index=1),
            replace(self.shown, proof=self.shown.proof[:-1]),
            replace(self.shown, entry=self.shown.entry[:-1] + bytes([self.shown.entry[-1] ^ 1])),
        ):
            checks = self.check(changed)
            self.assertEqual((checks["settled"].status, checks["log-head"].status), ("fail", "pass"))
        certificate = self.shown.certificate[:-1] + bytes([self.shown.certificate[-1] ^ 1])
        checks = self.check(replace(self.shown, certificate=certificate))
        self.assertEqual((checks["settled"].status, checks["log-head"].status), ("skip", "fail"))

    def test_a_gateway_that_shows_it(self) -> None:
        """The certificate is found among those that the validator keeps, the newest of which may be of a later batch."""
        asked: list[str] = []
        validator = f"0x{self.order.validator.hex()}"
        later = bytearray(self.shown.certificate)
        tag = len(b"ogong-log-head-v1\n")
        later[tag + 28 + 20 : tag + 28 + 28] = (9).to_bytes(8, "big")
        later[tag + 28 + 20 + 8 + 32 : tag + 28 + 20 + 8 + 40] = (50).to_bytes(8, "big")
        heads = {sequence: bytes(later) for sequence in (0, 4, 5, 6, 7, 8, 9)} | {3: self.shown.certificate}

        def ask(path: str) -> object:
            asked.append(path)
            if path.startswith("/public/replies/"):
                return {"settled": {name: self.case[name] for name in ("entry", "index", "proof")}}
            sequence = int(path.rsplit("/", 1)[1])
            return {"certificate": f"0x{heads[sequence].hex()}"} if sequence in heads else None

        receipt = self.file["receipt"]
        self.assertEqual(find_settled(receipt, ask), self.shown)
        self.assertEqual(asked[0], f"/public/replies/{self.order.reply_id(self.receipt.ledger).hex()}?validator={validator}")
        self.assertIsNone(find_settled(receipt, lambda path: None))
        self.assertIsNone(find_settled(receipt, lambda path: ask(path) if "replies" in path else {"certificate": "0x00"}))
        self.assertIsNone(find_settled(receipt, lambda path: {"settled": {"entry": 7}}))

    def test_command(self) -> None:
        """`verify --settled --voters`: proof and voters, from files."""
        with tempfile.TemporaryDirectory() as folder, open("/dev/null", "w") as silent, redirect_stdout(silent), redirect_stderr(silent):
            paths = {name: str(Path(folder, f"{name}.json")) for name in ("receipt", "trust", "settled", "voters")}
            write = lambda name, value: Path(paths[name]).write_text(json.dumps(value), "utf-8")
            write("receipt", self.file["receipt"])
            write("trust", self.file["trust"])
            shown = {name: self.case[name] for name in ("entry", "index", "proof", "certificate")}
            write("settled", shown)
            write("voters", {"validators": self.case["voters"]})
            arguments = ["verify", paths["receipt"], "--trust", paths["trust"], "--settled", paths["settled"], "--voters", paths["voters"]]
            self.assertEqual(main(arguments), 0)
            write("settled", {**shown, "index": 3})
            self.assertEqual(main(arguments), 1)
            write("voters", {"validators": [{**self.case["voters"][0], "stake": "x"}]})
            self.assertEqual(main(arguments), 2)
            write("settled", {})
            self.assertEqual(main(arguments), 2)
            self.assertEqual(main(arguments[:-2]), 2)
