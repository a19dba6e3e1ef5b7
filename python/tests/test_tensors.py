import json
import unittest
from typing import Any

from ogong.record import hash_response
from ogong.tensor_reply import parse_tensor_header
from ogong.tensors import parse_tensor_request, read_tensors, show_tensors
from ogong.wire import WireError

from .vectors import load, unhex

_VECTORS = load("tensor")


class Tensors(unittest.TestCase):
    def test_requests(self) -> None:
        for case in _VECTORS["requests"]:
            with self.subTest(case["body"]):
                request = parse_tensor_request(case["body"].encode("utf-8"))
                self.assertEqual(request.units, case["units"])
                self.assertEqual(request.summary().hex(), case["summary"])
                self.assertEqual(request.hash().hex(), case["hash"])

    def test_refused_requests(self) -> None:
        refused: list[dict[str, Any]] = [
            {},
            {"inputs": {}},
            {"inputs": {"x": [[1], [1, 2]]}},
            {"inputs": {"x": [None]}},
            {"inputs": {"x" * 129: 1}},
            {"inputs": {"x": {"dtype": "float16", "shape": [], "data": [1]}}},
            {"inputs": {"x": {"dtype": "int32", "shape": [2], "data": [1]}}},
            {"inputs": {"x": {"dtype": "int32", "shape": [1], "data": "AQI="}}},
            {"inputs": {"x": {"dtype": "int32", "shape": [2**30, 9], "data": []}}},
            {"inputs": {"x": 1}, "outputs": []},
            {"inputs": {"x": 1}, "outputs": ["y", "y"]},
        ]
        for fields in refused:
            with self.subTest(str(fields)[:80]):
                body = json.dumps({"model": "ogong/verified/test/m", **fields}).encode("utf-8")
                self.assertRaises(WireError, parse_tensor_request, body)

    def test_shown_values(self) -> None:
        shown = _VECTORS["shown"]
        answer = shown["answer"]
        self.assertEqual(read_tensors(answer).hex(), shown["response"])
        signed = unhex(shown["response"])
        self.assertEqual(show_tensors(signed), {key: answer[key] for key in ("outputs", "output_names")})
        for wrong in (signed[:-1], signed + b"x", signed[1:]):
            self.assertRaises(WireError, show_tensors, wrong)
        for name, change in [
            ("f", {"data": [0.1, -2.5, "NaN", 1e39]}),
            ("f", {"data": [True, -2.5, "NaN", "Infinity"]}),
            ("d", {"shape": [4]}),
            ("i", {"data": ["-7"]}),
            ("l", {"data": [1, "9223372036854775808"]}),
            ("l", {"data": [1, " 1"]}),
            ("b", {"data": [1, 0]}),
            ("s", {"data": [1, "a"]}),
            ("u", {"dtype": "uint7"}),
        ]:
            with self.subTest(f"{name} {change}"):
                outputs = {**answer["outputs"], name: {**answer["outputs"][name], **change}}
                self.assertRaises(WireError, read_tensors, {**answer, "outputs": outputs})
        self.assertRaises(WireError, read_tensors, {**answer, "output_names": answer["output_names"][1:]})
        self.assertRaises(WireError, read_tensors, None)

    def test_reply(self) -> None:
        reply = _VECTORS["reply"]
        header = parse_tensor_header(unhex(reply["header"]))
        response = unhex(reply["response"])
        self.assertEqual(header.leaves, len(reply["leaves"]))
        self.assertEqual(header.response_size(), len(response))
        self.assertEqual(hash_response(unhex(reply["blind"]), response).hex(), reply["responseHash"])
        self.assertEqual(header.vocabulary_hash.hex(), _VECTORS["signature"]["hash"])
        self.assertRaises(WireError, parse_tensor_header, unhex(reply["header"])[:-1])
