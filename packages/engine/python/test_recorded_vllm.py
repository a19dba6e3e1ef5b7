"""The plugin behind the recorded interface of vLLM: `python3 -m unittest` runs it."""

import math
import os
import tempfile
import types
import unittest

import ogong_vllm as plugin
import recorded_vllm as vllm
from test_ogong_vllm import ask, read_windows

VOCABULARY = 96
NAME = "ogong_vllm:OgongLogitsProcessor"


def logits_of(request):
    """Logits follow from the tokens before them, as those of a model do."""
    at = sum(request["prompt"]) + sum((n + 1) * token for n, token in enumerate(request["tokens"])) + 100 * request["parts"]
    return [math.sin(7.3 * i + at) * 6 for i in range(VOCABULARY)]


def request(name, limit, key=1, **more):
    return {"params": ask(name, draw_key=f"{key:02x}" * 32), "prompt": [key, 2, 3], "limit": limit, **more}


class Loading(unittest.TestCase):
    def test_takes_the_plugin_as_the_loader_does(self):
        processor = vllm.load(NAME)
        self.assertIsInstance(processor, vllm.LogitsProcessor)
        self.assertFalse(processor.is_argmax_invariant())
        self.assertFalse(processor.needs_output_token_ids())

    def test_refuses_a_class_that_is_no_processor(self):
        with self.assertRaisesRegex(ValueError, "subclass"):
            vllm.load("ogong_vllm:Batch")

    def test_refuses_an_order_before_the_batch_sees_it(self):
        with self.assertRaises(ValueError):
            vllm.load(NAME).validate_params(types.SimpleNamespace(extra_args={"ogong": "{}"}))


class Serving(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        os.environ["OGONG_WINDOWS"] = self.folder.name
        self.addCleanup(self.folder.cleanup)

    def serve(self, waves, hides_tokens=False):
        runner = vllm.Runner(vllm.load(NAME), hides_tokens)
        for new in waves:
            runner.step(new, logits_of)
        while runner.slots:
            runner.step([], logits_of)

    def expected(self, one):
        """Tokens of a request that is served alone, straight from the sampler."""
        order = plugin.parse_order(one["params"].extra_args["ogong"])
        said = {"prompt": one["prompt"], "tokens": [], "parts": 1}
        for n in range(one["limit"]):
            row = plugin.draw_position(as_floats(logits_of(said)), order.sampler, {}, {}, plugin.draw_u(order.draw_key, n))
            said["tokens"].append(row.tail_token[0] if row.tail_token else row.ids[row.rank])
        return said["tokens"]

    def test_requests_that_come_and_go_draw_as_each_would_alone(self):
        for hides_tokens in (False, True):
            with self.subTest(hides_tokens=hides_tokens):
                name = "h" if hides_tokens else "s"
                others = {"params": types.SimpleNamespace(extra_args=None), "prompt": [9], "limit": 12}
                waves = [
                    [request(f"{name}1", 40, 1), others, request(f"{name}2", 3, 2)],
                    [request(f"{name}3", 7, 3, parts=3)],
                    [],
                    [request(f"{name}4", 33, 4)],
                ]
                asked = [one for wave in waves for one in wave if one is not others]
                self.serve(waves, hides_tokens)
                for number, one in enumerate(asked, 1):
                    self.assertEqual(one["tokens"], self.expected(one))
                    windows = read_windows(os.path.join(self.folder.name, f"{name}{number}"))
                    self.assertEqual([draws[1] for draws, _ in windows], split(one["limit"]))
                self.assertEqual(others["tokens"][0], max(range(VOCABULARY), key=logits_of({**others, "tokens": [], "parts": 1}).__getitem__))


def split(count):
    return [min(32, count - at) for at in range(0, count, 32)]


def as_floats(row):
    """The row as the tensor holds it."""
    return vllm.to_tensor([row]).tolist()[0]


if __name__ == "__main__":
    unittest.main()
