import unittest
from typing import Any

from ogong.parts import MOST_CALL_INPUTS, ask_inputs, ask_parts, renumber_input, split_inputs, split_pictures
from ogong.shown import Answer, GatewayError, ReceiptError


def answer_vectors(part: dict[str, Any], reply: str) -> Answer:
    count = len(part["input"])
    data = [{"index": i, "embedding": [float(len(one))]} for i, one in enumerate(part["input"])]
    answer = Answer({"data": data, "usage": {"prompt_tokens": count, "total_tokens": count}, "ogong": {"receipts": [{"reply_id": reply}]}})
    answer.verdicts = [reply]  # type: ignore[list-item]
    return answer


class Parts(unittest.TestCase):
    def test_splits_inputs(self) -> None:
        def count(params: dict[str, Any]) -> list[int]:
            return [len(part["input"]) for part in split_inputs(params)]

        self.assertEqual(split_inputs({"input": "a"}), [{"input": "a"}])
        self.assertEqual(count({"input": [1] * 600}), [600])
        self.assertEqual(count({"input": ["a"] * 600, "model": "m"}), [256, 256, 88])
        self.assertEqual(count({"input": ["a"] * 300, "dimensions": 16_374}), [16] * 18 + [12])
        self.assertEqual(count({"input": ["x" * 200_000] * 11}), [5, 5, 1])
        # The gateway refuses these, and names what is wrong.
        for inputs in (["a"] * (MOST_CALL_INPUTS + 1), ["a"] * 300 + [""], []):
            self.assertEqual(count({"input": inputs}), [len(inputs)])
        self.assertEqual(count({"input": ["a"] * 300, "user": "x" * (64 << 10)}), [300])

    def test_splits_pictures(self) -> None:
        self.assertEqual([part["n"] for part in split_pictures({"n": 10})], [8, 2])
        for whole in ({}, {"n": 8}, {"n": 11}, {"n": "9"}, {"n": None}):
            self.assertEqual(split_pictures(whole), [whole])
        self.assertEqual(split_pictures({"n": 9}), [{"n": 8}, {"n": 1}])
        for seed, moved in ((0, 2**53 - 1), (5, 5 - 2**53), (-1, 2**53 - 2), (2**53 - 1, -1)):
            self.assertEqual([part["seed"] for part in split_pictures({"n": 9, "seed": seed})], [seed, moved])

    def test_joins_answers(self) -> None:
        inputs = [f"text {i}" for i in range(300)]
        replies = iter("ab")
        answer = ask_parts(split_inputs({"input": inputs}), lambda part: answer_vectors(part, next(replies)))
        self.assertEqual([one["index"] for one in answer["data"]], list(range(300)))
        self.assertEqual([one["embedding"] for one in answer["data"]], [[float(len(one))] for one in inputs])
        self.assertEqual(answer["usage"], {"prompt_tokens": 300, "total_tokens": 300})
        self.assertEqual(answer.verdicts, ["a", "b"])
        self.assertEqual([one["reply_id"] for one in answer["ogong"]["receipts"]], ["a", "b"])

    def test_asks_in_smaller_parts(self) -> None:
        sizes: list[int] = []

        def ask(part: dict[str, Any]) -> Answer:
            sizes.append(len(part["input"]))
            if sizes[-1] > 200:
                message = f"The provider refuses: {sizes[-1]} inputs make too long an answer; this model takes 200 at a time"
                raise GatewayError(400, {"error": {"message": message}})
            return answer_vectors(part, f"reply {len(sizes)}")

        answer = ask_inputs({"input": ["a"] * 300}, ask)
        self.assertEqual(sizes, [256, 200, 100])
        self.assertEqual([one["index"] for one in answer["data"]], list(range(300)))

    def test_asks_no_further_than_every_model_allows(self) -> None:
        for named, expected in ((1, [40, 16]), (64, [40])):
            sizes: list[int] = []

            def ask(part: dict[str, Any], named: int = named, sizes: list[int] = sizes) -> Answer:
                sizes.append(len(part["input"]))
                message = f"{sizes[-1]} inputs make too long an answer; this model takes {named} at a time"
                raise GatewayError(400, {"error": {"message": message}})

            with self.assertRaisesRegex(GatewayError, f"takes {named} at a time"):
                ask_inputs({"input": ["a"] * 40}, ask)
            self.assertEqual(sizes, expected)

    def test_refuses_one_reply_for_two_parts(self) -> None:
        with self.assertRaisesRegex(ReceiptError, "two parts"):
            ask_parts(split_inputs({"input": ["a"] * 300}), lambda part: answer_vectors(part, "a"))

    def test_names_paid_replies_and_inputs(self) -> None:
        def ask(part: dict[str, Any]) -> Answer:
            if len(part["input"]) == 256:
                return answer_vectors(part, "first")
            raise GatewayError(400, {"error": {"message": "input 3 has 600 tokens, at most 512 fit"}})

        with self.assertRaisesRegex(GatewayError, "input 259 has 600.*1 of 2 parts.*first"):
            ask_parts(split_inputs({"input": ["a"] * 300}), ask)
        with self.assertRaisesRegex(GatewayError, "input 3 has 600 tokens, at most 512 fit$"):
            ask_parts(split_inputs({"input": ["a"] * 30}), ask)
        self.assertEqual(renumber_input("257 inputs; input 0: no", 256), "257 inputs; input 256: no")
