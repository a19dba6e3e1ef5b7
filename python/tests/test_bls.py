import unittest

from ogong.crypto.bls import is_key, verify_bls

from .vectors import load, unhex

_V = load("bls")


class Bls(unittest.TestCase):
    def test_signed(self) -> None:
        key, message, signature = (unhex(_V["signed"][name]) for name in ("key", "message", "signature"))
        self.assertTrue(verify_bls(key, message, signature))
        self.assertFalse(verify_bls(key, message + b"x", signature))
        self.assertFalse(verify_bls(key, message, unhex(_V["negated"]["bytes"])))

    def test_beacons_of_drand(self) -> None:
        for beacon in _V["beacons"]:
            given = [unhex(beacon[name]) for name in ("key", "message", "signature")]
            self.assertTrue(verify_bls(*given, beacon["domain"].encode()))
            self.assertFalse(verify_bls(*given))

    def test_what_is_no_point(self) -> None:
        signed = _V["signed"]
        for bad in _V["badKeys"]:
            with self.subTest(bad["what"]):
                self.assertFalse(is_key(unhex(bad["bytes"])))
        for bad in _V["badSignatures"]:
            with self.subTest(bad["what"]):
                self.assertFalse(verify_bls(unhex(signed["key"]), unhex(signed["message"]), unhex(bad["bytes"])))
