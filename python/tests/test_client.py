import base64
import struct
import unittest
from typing import Any

from ogong.client import Client
from ogong.numbers import read_scores, read_vectors
from ogong.shown import ReceiptError

from .vectors import load


class Vectors(unittest.TestCase):
    def refuses(self, read: Any, answer: Any, asked: Any, why: str) -> None:
        with self.subTest(why):
            self.assertRaisesRegex(ReceiptError, why, read, answer, asked)

    def test_vectors(self) -> None:
        asked = {"input": ["a", "b"]}
        shown = [[0.5, -0.25], [0.75, 1.5]]
        answer = {"data": [{"index": i, "embedding": vector} for i, vector in enumerate(shown)]}
        data = struct.pack("<4f", *shown[0], *shown[1])
        self.assertEqual(read_vectors(answer, asked), data)
        texts = {"data": [{"index": i, "embedding": base64.b64encode(data[8 * i : 8 * i + 8]).decode()} for i in (0, 1)]}
        self.assertEqual(read_vectors(texts, asked), data)
        one = {"data": answer["data"][:1]}
        self.assertEqual(read_vectors(one, {"input": "a"}), data[:8])
        self.refuses(read_vectors, one, asked, "not each has a vector")
        self.refuses(read_vectors, {}, asked, "not each has a vector")
        self.refuses(read_vectors, {"data": answer["data"][::-1]}, asked, "order")
        # The signed bytes are the same, and each vector another.
        cut = {"data": [{"index": 0, "embedding": [0.5]}, {"index": 1, "embedding": [-0.25, 0.75, 1.5]}]}
        self.refuses(read_vectors, cut, asked, "length")
        for wrong in (0.1, 1e300, True, None, "x"):
            self.refuses(read_vectors, {"data": [{"index": 0, "embedding": [wrong]}]}, {"input": "a"}, "cannot be read")
        self.refuses(read_vectors, {"data": [{"index": 0, "embedding": "AAA"}]}, {"input": "a"}, "cannot be read")

    def test_scores(self) -> None:
        for case in load("embedding")["rerank"]["ranked"]:
            scores = case["scores"]
            documents = [f"{i}" for i in range(len(scores))]
            asked = {"documents": documents, "top_n": case["topN"]}
            results = [{"index": one["index"], "relevance_score": one["score"]} for one in case["shown"]]
            answer = {"ogong": {"scores": scores}, "results": results}
            self.assertEqual(read_scores(answer, asked), struct.pack(f"<{len(scores)}f", *scores))
            self.refuses(read_scores, {**answer, "results": results[::-1]}, asked, "do not follow")
            self.refuses(read_scores, {**answer, "results": results[:-1]}, asked, "do not follow")
            self.refuses(read_scores, {**answer, "ogong": {"scores": scores[1:]}}, asked, "not each has a score")
            self.refuses(read_scores, {**answer, "ogong": {}}, asked, "cannot be read")
            named = [{**one, "document": {"text": documents[one["index"]]}} for one in results]
            returned = {**asked, "return_documents": True}
            self.assertTrue(read_scores({**answer, "results": named}, returned))
            named[0]["document"] = {"text": "another"}
            self.refuses(read_scores, {**answer, "results": named}, returned, "do not follow")

    def test_salts(self) -> None:
        client = Client("http://127.0.0.1:1")
        self.assertIn(b'"salt":', client._encode({"input": "a"}))
        self.assertIn(b'"salt":', client._encode({"prompt": "a"}, {"seed": 3}))
        self.assertNotIn(b"salt", client._encode({"prompt": "a", "seed": 3}))
