import unittest

from ogong.beacon import Generation, ThresholdCertificate, check_threshold, parse_any_certificate
from ogong.wire import WireError

from .vectors import load, unhex

_V = load("threshold-beacon")


class Threshold(unittest.TestCase):
    def test_values(self) -> None:
        data = unhex(_V["certificate"])
        certificate = parse_any_certificate(data, int(_V["chainId"]))
        assert isinstance(certificate, ThresholdCertificate)
        self.assertEqual((certificate.generation, certificate.epoch), (_V["generation"], int(_V["epoch"])))
        self.assertEqual((certificate.value, certificate.previous), (unhex(_V["value"]), unhex(_V["bank"])))
        for broken in (data[:-1], data + b"\x00"):
            self.assertRaises(WireError, parse_any_certificate, broken, 1)

    def test_signatures(self) -> None:
        certificate = parse_any_certificate(unhex(_V["certificate"]), int(_V["chainId"]))
        assert isinstance(certificate, ThresholdCertificate)
        key, settlement = unhex(_V["commitments"][0]), unhex(_V["settlement"])

        def problem(first: int = 1, last: int | None = None, chain: int = 31_337, number: int = 1) -> str | None:
            return check_threshold(certificate, chain, settlement, [Generation(number, key, first, last)])

        self.assertIsNone(problem())
        self.assertIsNone(problem(77, 77))
        self.assertIn("none of generation", problem(78) or "")
        self.assertIn("none of generation", problem(1, 76) or "")
        self.assertIn("none of generation", problem(number=2) or "")
        self.assertIn("signature", problem(chain=1) or "")
