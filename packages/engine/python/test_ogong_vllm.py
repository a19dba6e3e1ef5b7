"""Plays vLLM's part for the plugin: a batch whose slots come, go, move and swap. `python3 -m unittest` runs it."""

import json
import math
import os
import struct
import tempfile
import types
import unittest

import ogong_vllm as plugin
from recorded_vllm import Rows

VOCABULARY = 96
KEY = "11" * 32
SEED = "22" * 32


def logits_of(number, vocabulary=VOCABULARY):
    return [math.sin(7.3 * i + number) * 6 for i in range(vocabulary)]


def ask(record, **more):
    order = {"draw_key": KEY, "record": record, "bank_seed": SEED, "directions": 8, **more}
    return types.SimpleNamespace(extra_args={"ogong": json.dumps(order)})


def read_windows(path):
    with open(path, "rb") as file:
        data = file.read()
    windows = []
    while data:
        parts = []
        for _ in range(2):
            (length,) = struct.unpack(">I", data[:4])
            parts.append(data[4 : 4 + length])
            data = data[4 + length :]
        windows.append(tuple(parts))
    return windows


class Batches(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        os.environ["OGONG_WINDOWS"] = self.folder.name
        self.processor = plugin.OgongLogitsProcessor()
        self.addCleanup(self.folder.cleanup)

    def update(self, removed=(), added=(), moved=()):
        self.processor.update_state(types.SimpleNamespace(batch_size=0, removed=removed, added=added, moved=moved))

    def step(self, rows):
        hidden = Rows([[math.cos(i + n) for i in range(16)] for n in range(len(rows))])
        self.processor.find_hidden = lambda: hidden
        logits = Rows(rows)
        self.processor.apply(logits)
        return logits.rows

    def forced(self, row):
        (token,) = [i for i, value in enumerate(row) if value == 0.0]
        self.assertTrue(all(value == -math.inf for i, value in enumerate(row) if i != token))
        return token

    def serve(self, name, steps, numbers=lambda n: n):
        output = []
        self.update(added=[(0, ask(name), [1], output)])
        for n in range(steps):
            output.append(self.forced(self.step([logits_of(numbers(n))])[0]))
        self.update(removed=[0])
        return output

    def test_forces_the_drawn_token_and_leaves_other_requests_alone(self):
        output = []
        self.update(added=[(1, ask("one"), [1], output), (0, types.SimpleNamespace(extra_args=None), [1], [])])
        rows = self.step([logits_of(1), logits_of(2)])
        self.assertEqual(rows[0], logits_of(1))
        row = plugin.draw_position(logits_of(2), plugin.Sampler(), {}, {}, plugin.draw_u(bytes.fromhex(KEY), 0))
        self.assertEqual(self.forced(rows[1]), row.ids[row.rank])

    def test_writes_a_window_of_32_positions_and_the_rest_at_the_end(self):
        self.serve("whole", 40)
        windows = read_windows(os.path.join(self.folder.name, "whole"))
        self.assertEqual([draws[1] for draws, _ in windows], [32, 8])
        self.assertEqual([sketch[1] for _, sketch in windows], [32, 8])
        self.assertEqual(os.stat(os.path.join(self.folder.name, "whole")).st_mode & 0o777, 0o600)

    def test_a_slot_that_moves_or_swaps_draws_on_where_it_was(self):
        alone = self.serve("alone", 6)
        output, other = [], []
        self.update(added=[(0, ask("moved"), [1], output), (1, ask("other", draw_key="33" * 32), [1], other)])
        for n in range(6):
            at = output_at = (0, 2, 0, 0, 1, 1)[n]
            if n == 1:
                self.update(moved=[(0, 2, "UNIDIRECTIONAL")])
            if n == 2:
                self.update(moved=[(2, 0, "UNIDIRECTIONAL")])
            if n == 4:
                self.update(moved=[(0, 1, types.SimpleNamespace(name="SWAP"))])
            rows = [logits_of(90 + n)] * 3
            rows[at] = logits_of(n)
            forced = self.step(rows)
            output.append(self.forced(forced[output_at]))
            other.append(self.forced(forced[0 if n > 3 else 1]))
        self.assertEqual(output, alone)

    def test_a_slot_that_is_taken_over_ends_the_reply_before(self):
        output = []
        self.update(added=[(0, ask("first"), [1], output)])
        output.append(self.forced(self.step([logits_of(1)])[0]))
        self.update(added=[(0, ask("second"), [1], [])])
        self.assertEqual(len(read_windows(os.path.join(self.folder.name, "first"))), 1)
        self.update(removed=[0, 5])
        self.assertEqual(self.processor.batch.slots, {})
        self.assertEqual(self.step([logits_of(1)])[0], logits_of(1))

    def test_a_draw_that_vllm_does_not_take_is_drawn_again(self):
        alone = self.serve("alone", 3)
        output = []
        self.update(added=[(0, ask("parts"), [1], output)])
        # Two parts of a prompt, whose draws vLLM throws away.
        for number in (7, 8):
            self.step([logits_of(number)])
        for number in range(3):
            output.append(self.forced(self.step([logits_of(number)])[0]))
        # A step behind the last token.
        self.step([logits_of(9)])
        self.update(removed=[0])
        self.assertEqual(output, alone)
        files = [read_windows(os.path.join(self.folder.name, name)) for name in ("alone", "parts")]
        self.assertEqual(files[0], files[1])

    def test_placeholders_of_vllm_are_not_read(self):
        penalised = {"temperature_q16": 0, "presence_q16": plugin.NAT * 2}
        runs = []
        for hides in (False, True):
            output, tokens = [], []
            self.update(added=[(0, ask("hidden", sampler=penalised), [1], output)])
            for _ in range(4):
                tokens.append(self.forced(self.step([logits_of(3)])[0]))
                output.append(-1 if hides else tokens[-1])
            self.update(removed=[0])
            runs.append(tokens)
        self.assertEqual(runs[0], runs[1])
        self.assertEqual(len(set(runs[0])), 4)

    def test_a_reply_whose_tokens_are_not_the_plugins_ends_alone(self):
        output = []
        self.update(added=[(0, ask("lost"), [1], output), (1, ask("other"), [1], [])])
        self.step([logits_of(1), logits_of(1)])
        output.extend([5, 6])
        rows = self.step([logits_of(2), logits_of(1)])
        self.assertEqual(rows[0], logits_of(2))
        self.forced(rows[1])

    def test_penalties_count_the_reply_and_not_the_prompt(self):
        output = []
        greedy = {"temperature_q16": 0, "presence_q16": plugin.NAT * 2}
        self.update(added=[(0, ask("counted", sampler=greedy), [1, 1, 1], output)])
        likely = sorted(range(VOCABULARY), key=lambda token: -logits_of(3)[token])[:2]
        for _ in range(2):
            output.append(self.forced(self.step([logits_of(3)])[0]))
        self.assertEqual(output[0], likely[0])
        self.assertNotEqual(output[1], likely[0])

    def test_values_that_are_no_numbers_are_impossible_tokens(self):
        row = logits_of(4)
        row[3], row[5], row[7] = math.nan, -math.inf, math.inf
        drawn = plugin.draw_position(row, plugin.Sampler(temperature_q16=0), {}, {}, 0)
        self.assertFalse({3, 5, 7} & {drawn.ids[drawn.rank]})
        with self.assertRaisesRegex(ValueError, "no logit"):
            plugin.draw_position([math.nan] * 30, plugin.Sampler(), {}, {}, 0)
        with self.assertRaisesRegex(ValueError, "not finite"):
            plugin.sketch_hidden(plugin.create_bank(bytes(32), 8, 2), [math.nan, 1.0])

    def test_orders_that_no_header_could_hold_are_refused(self):
        good = json.loads(ask("good").extra_args["ogong"])
        plugin.parse_order(json.dumps(good))
        for bad in (
            {"draw_key": "11"},
            {"record": "../../etc/passwd"},
            {"record": "a" * 65},
            {"sampler": {"temperature_q16": -1}},
            {"sampler": {"temperature_q16": 0.5}},
            {"sampler": {"filter_order": ["top-k", "top-k", "min-p"]}},
            {"bias": [[1, 101 * plugin.NAT]]},
            {"bias": [[-1, 5]]},
            {"bias": [[1.5, 5]]},
            {"bias": [["1", 5]]},
            {"bias": [[math.inf, 5]]},
            {"directions": 7},
            {"directions": 16.0},
            {"directions": "x"},
            {"directions": 1 << 30},
            {"more": 1},
        ):
            with self.subTest(bad), self.assertRaises(ValueError):
                self.processor.validate_params(types.SimpleNamespace(extra_args={"ogong": json.dumps({**good, **bad})}))
        with self.assertRaises(ValueError):
            self.processor.validate_params(types.SimpleNamespace(extra_args={"ogong": "[" * 100_000}))

    def test_a_bias_of_a_token_that_the_model_does_not_have_changes_nothing(self):
        drawn = [plugin.draw_position(logits_of(5), plugin.Sampler(), bias, {}, 7) for bias in ({}, {VOCABULARY: -5, 10**9: 5})]
        self.assertEqual(drawn[0], drawn[1])
        self.assertNotEqual(drawn[0], plugin.draw_position(logits_of(5), plugin.Sampler(), {VOCABULARY - 1: 9 * plugin.NAT}, {}, 7))

    def test_a_position_without_a_possible_token_ends_its_reply_alone(self):
        self.update(added=[(0, ask("none"), [1], []), (1, ask("other"), [1], [])])
        impossible = [-math.inf] * VOCABULARY
        rows = self.step([impossible, logits_of(1)])
        self.assertEqual(rows[0], impossible)
        self.forced(rows[1])
        self.assertEqual(list(self.processor.batch.slots), [1])

    def test_keeps_the_input_of_the_head(self):
        model = types.SimpleNamespace(compute_logits=lambda hidden: [2 * value for value in hidden])
        find = plugin.capture_hidden(model)
        self.assertIsNone(find())
        self.assertEqual(model.compute_logits([1, 2]), [2, 4])
        self.assertEqual(find(), [1, 2])


if __name__ == "__main__":
    unittest.main()
