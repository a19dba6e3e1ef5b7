import base64
import json
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from ogong import UnusableError, Verdict, verify_file, verify_receipt
from ogong.__main__ import main
from ogong.client import check_roles
from ogong.crypto.secp256k1 import recover_address
from ogong.order import parse_order
from ogong.trust import parse_receipt

from .vectors import edit, load

_VECTORS = load("receipt")
_EMBEDDED = load("receipt-embedding")
_TENSORS = load("receipt-tensor")
_BASES = {**_VECTORS["bases"], **_EMBEDDED["bases"], **_TENSORS["bases"]}


def verify(file: Any) -> Verdict:
    receipt = file["receipt"]
    request, response = (base64.b64decode(receipt[name]) for name in ("request", "response"))
    return verify_receipt(receipt, request=request, response=response, trust=file["trust"], now_ms=file["nowMs"])


class Receipts(unittest.TestCase):
    def test_bases(self) -> None:
        for name, base in _BASES.items():
            with self.subTest(name):
                verdict = verify(base)
                self.assertTrue(verdict.ok)
                self.assertEqual([check.id for check in verdict.checks], base["checks"])

    def test_demanded_roles(self) -> None:
        body = b'{"ogong":{"attested":["router","validator"]}}'
        found = check_roles(body, {"evidence": {"router-machine": "AAAA"}})
        self.assertEqual([(check.id, check.status) for check in found], [("router-machine", "skip"), ("validator-machine", "fail")])
        self.assertEqual(check_roles(b"{}", {}), [])

    def test_cases(self) -> None:
        tried = 0
        for case in _VECTORS["cases"] + load("receipt-signed") + _EMBEDDED["cases"] + _TENSORS["cases"]:
            base = _BASES[case["base"]]
            with self.subTest(case["what"]):
                tried += 1
                file = edit(base, case["edits"])
                if not case["isUsable"]:
                    self.assertRaises(UnusableError, verify, file)
                    continue
                verdict = verify(file)
                listed = {check.id for check in verdict.checks}
                self.assertEqual(verdict.ok, case["isOk"], verdict.failed)
                self.assertEqual(sorted(verdict.failed), sorted(case["failed"]))
                self.assertEqual(sorted(verdict.missing + verdict.allowed), sorted(case["skipped"]))
                self.assertEqual(sorted(set(base["checks"]) - listed), sorted(case["absent"]))
        self.assertGreater(tried, 160)

    def test_a_grammar_that_cannot_be_made_is_skipped_by_name(self) -> None:
        file = edit(_VECTORS["bases"]["chat"], [])
        body = json.loads(base64.b64decode(file["receipt"]["request"]))
        body["response_format"] = {"type": "json_object"}
        file["receipt"]["request"] = base64.b64encode(json.dumps(body).encode()).decode()
        verdict = verify(file)
        self.assertFalse(verdict.ok)
        self.assertIn("request-hash", verdict.missing)
        self.assertIn("sampler", verdict.missing)

    def test_a_key_that_signs_for_the_payer(self) -> None:
        file = edit(_VECTORS["bases"]["chat"], [])
        signed = file["receipt"]["order"]
        signature = bytearray(base64.b64decode(signed["signature"]))
        # Under the other parity the same numbers are the signature of another key.
        signature[64] ^= 7
        signed["signature"] = base64.b64encode(bytes(signature)).decode()
        receipt = parse_receipt(file["receipt"])
        order = parse_order(receipt.order.data)
        key = recover_address(order.digest(receipt.ledger), bytes(signature))
        assert key is not None
        grant = {name: f"0x{value.hex()}" for name, value in (("payer", order.payer), ("validator", order.validator), ("key", key))}
        for limit, is_held in ((order.cumulative, True), (order.cumulative - 1, False)):
            file["trust"]["orderKeys"] = [{**grant, "limit": str(limit)}]
            self.assertEqual("order-signature" not in verify(file).failed, is_held)
        file["trust"]["orderKeys"] = [{**grant, "limit": "1", "more": 1}]
        self.assertIn("order-signature", verify(file).failed)
        file["trust"]["orderKeys"] = [{**grant, "limit": "x"}]
        self.assertRaises(UnusableError, verify, file)

    def test_files_and_the_command(self) -> None:
        base = _VECTORS["bases"]["chat"]
        with tempfile.TemporaryDirectory() as folder:
            receipt, trust = Path(folder, "receipt.json"), Path(folder, "trust.json")
            receipt.write_text(json.dumps(base["receipt"]), "utf-8")
            trust.write_text(json.dumps(base["trust"]), "utf-8")
            self.assertTrue(verify_file(receipt.read_bytes(), base["trust"], now_ms=base["nowMs"]).ok)
            silent = tempfile.TemporaryFile("w+")
            with silent, redirect_stdout(silent), redirect_stderr(silent):
                self.assertEqual(main(["verify", str(receipt), "--trust", str(trust), "--json"]), 0)
                self.assertEqual(main(["verify", str(receipt)]), 3)
                flipped = edit(base, [{"flip": "receipt/response", "at": 0}])
                receipt.write_text(json.dumps(flipped["receipt"]), "utf-8")
                self.assertEqual(main(["verify", str(receipt), "--trust", str(trust)]), 1)
                self.assertEqual(main(["verify", str(trust)]), 2)
                self.assertEqual(main(["verify", str(Path(folder, "nothing"))]), 2)
