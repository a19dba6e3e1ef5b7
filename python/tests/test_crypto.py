import hashlib
import json
import unittest

from ogong.crypto.edwards import verify_ed25519, verify_vrf
from ogong.crypto.keccak import keccak256
from ogong.crypto.ml_dsa_44 import verify_ml_dsa_44
from ogong.crypto.secp256k1 import recover_address
from ogong.order import Ledger, Order, hash_admission

from .vectors import WYCHEPROOF, load, unhex


class Crypto(unittest.TestCase):
    def test_keccak_is_sha3_with_another_padding(self) -> None:
        # The published hash of nothing; the permutation is the one of SHA-3, whose lengths around a block are tried.
        self.assertEqual(keccak256(b"").hex(), "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")
        for size in (135, 136, 137, 272):
            self.assertNotEqual(keccak256(bytes(size)), hashlib.sha3_256(bytes(size)).digest())

    def test_ed25519(self) -> None:
        for case in load("ed25519"):
            with self.subTest(case["what"]):
                parts = (unhex(case[name]) for name in ("publicKey", "message", "signature"))
                self.assertEqual(verify_ed25519(*parts), case["isValid"])

    def test_vrf(self) -> None:
        for case in load("vrf")["vectors"]:
            key, message, proof = (unhex(case[name]) for name in ("PK", "alpha", "pi"))
            output = verify_vrf(key, message, proof)
            self.assertEqual(output and output.hex(), case["beta"])
            self.assertIsNone(verify_vrf(key, message + b"x", proof))

    def test_ledger_signatures(self) -> None:
        vectors = load("eip712")
        ledger = Ledger(vectors["domain"]["chainId"], unhex(vectors["domain"]["escrow"]))
        for case in vectors["orders"]:
            terms = case["terms"]
            order = Order(
                *(unhex(case[name]) for name in ("payer", "validator")),
                int(case["cumulative"]),
                *(unhex(terms[name]) for name in ("requestHash", "nonce", "modelRoot", "providerId", "payee", "router")),
                *(int(terms[name]) for name in ("choice", "contextSize", "maxFee", "pricePer1k", "epoch", "expiresAt")),
            )
            self.assertEqual(order.digest(ledger), unhex(case["orderDigest"]))
            self.assertEqual(order.reply_id(ledger), unhex(case["replyId"]))
            signature = unhex(case["signature"])
            self.assertEqual(recover_address(order.digest(ledger), signature), order.payer)
            flipped = bytes([signature[0] ^ 1]) + signature[1:]
            self.assertNotEqual(recover_address(order.digest(ledger), flipped), order.payer)
            other = hash_admission(ledger, order.validator, order.digest(ledger), 0, 0)
            self.assertNotEqual(recover_address(other, signature), order.payer)

    def test_ml_dsa_44(self) -> None:
        path = WYCHEPROOF / "mldsa_44_verify_test.json"
        if not path.exists():
            self.skipTest(f"{path.name} of Wycheproof is not here")
        tried = {True: 0, False: 0}
        for group in json.loads(path.read_text("utf-8"))["testGroups"]:
            for case in group["tests"]:
                if case.get("ctx"):
                    continue
                is_valid = case["result"] == "valid"
                # A run of accepted ones shows little more than one does.
                if is_valid and tried[True] >= 5:
                    continue
                tried[is_valid] += 1
                with self.subTest(case["comment"], id=case["tcId"]):
                    parts = (unhex(group["publicKey"]), unhex(case["msg"]), unhex(case["sig"]))
                    self.assertEqual(verify_ml_dsa_44(*parts), is_valid)
        self.assertGreater(min(tried.values()), 3)
