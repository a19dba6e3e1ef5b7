import hashlib
import json
import unittest
from types import SimpleNamespace
from typing import Any

from ogong.fee import compute_billed
from ogong.record import Record, compute_blinds, hash_response, parse_record
from ogong.text.commitment import (
    Opening,
    Row,
    decode_draws,
    decode_sketch_rows,
    decode_token_window,
    encode_opening,
    hash_tokens,
    parse_header,
    parse_opening,
)
from ogong.text.fields import RequestError
from ogong.text.prompt_bound import write_number
from ogong.text.request import Sampler, UnsupportedRequest, parse_request
from ogong.text.sampler import TAIL, draw, exp, exp_tables, weigh
from ogong.text.stage1 import _check_shapes, _Touched, find_wrong_mark, largest_tail, replay
from ogong.attestation import make_statement, parse_attestation, parse_proxied, proxied_nonce, report_data
from ogong.vectors import parse_vector_request
from ogong.tiers import NAMED_TIERS, check_posture, is_exact, tier_of
from ogong.wire import WireError, sha256, u32

from .vectors import load, unhex

_FILTERS = {"top-k": 0, "top-p": 1, "min-p": 2}


def read_sampler(settings: Any) -> Sampler:
    names = ("temperatureQ16", "topK", "topPQ24", "minPQ24", "presencePenaltyQ16", "frequencyPenaltyQ16")
    repetition = (settings["repetitionPenaltyQ16"], settings["repetitionWindow"])
    return Sampler(*(settings[name] for name in names), *repetition, tuple(_FILTERS[name] for name in settings["filterOrder"]))


class Text(unittest.TestCase):
    def test_choices(self) -> None:
        def grammar(choices: list[str]) -> str | None:
            body = {"model": "m", "prompt": "x", "guided_choice": choices}
            return parse_request(json.dumps(body).encode(), "completion").grammar

        self.assertEqual(grammar(["red", "rod", "blue"]), 'root ::= ("r" ("ed" | "od") | "blue")\n')
        self.assertEqual(grammar(['a "b"', "\n\u007f\u00a0"]), 'root ::= ("a \\"b\\"" | "\\x0A\\x7F\u00a0")\n')
        self.assertEqual(grammar(["a", "aa", "aaa"]), 'root ::= "a" ("" | "a" ("" | "a"))\n')
        for bad in ([], [""], ["a"] * 257, ["a" * 65_537]):
            with self.assertRaises(RequestError):
                grammar(bad)

    def test_requests(self) -> None:
        unsupported = 0
        for case in load("request"):
            body = case["body"].encode("utf-8")
            with self.subTest(case["body"][:200]):
                try:
                    request = parse_request(body, case["endpoint"])
                except UnsupportedRequest:
                    unsupported += 1
                    self.assertNotIn("refused", case)
                    continue
                except RequestError as error:
                    self.assertIn("refused", case, str(error))
                    self.assertEqual(error.key, case["refused"])
                    continue
                self.assertNotIn("refused", case)
                self.assertEqual(request.summary().hex(), case["summary"])
                self.assertEqual(request.hash().hex(), case["hash"])
        # Those whose grammar follows from a schema: docs/spec/grammar.md does not say how it is written.
        self.assertEqual(unsupported, 7)

    def test_standby_fees(self) -> None:
        order = SimpleNamespace(price_per_1k=3_000)
        for case in load("verifier")["progress"]["standby"]:
            with self.subTest(case["what"]):
                said = "textBytes" in case
                progress = SimpleNamespace(text_bytes=case["textBytes"], left=case["left"]) if said else None
                fee = compute_billed(order, 12, 400, 1_600, progress, case["wasCutShort"], int(case["standbyPer1k"]))
                self.assertEqual(str(fee), case["fee"])

    def test_fees_of_texts_by_the_words_of_their_payers(self) -> None:
        order = SimpleNamespace(price_per_1k=1_000)
        progress = load("verifier")["progress"]
        cases = [(case, True) for case in progress["billed"]] + [(case, False) for case in progress["whole"]]
        self.assertGreater(len(cases), 12)
        for case, was_cut in cases:
            with self.subTest(case["what"]):
                said = "textBytes" in case
                word = SimpleNamespace(text_bytes=case["textBytes"], left=case.get("left", False)) if said else None
                fee = compute_billed(order, 12, 400, case["responseBytes"], word, was_cut)
                self.assertEqual(fee, case["promptTokens"] + case["outputTokens"])

    def test_requests_for_vectors(self) -> None:
        vectors = load("embedding")
        cases = [("embedding", case) for case in vectors["requests"]] + [("rerank", case) for case in vectors["rerank"]["requests"]]
        self.assertGreater(len(cases), 2)
        for endpoint, case in cases:
            with self.subTest(case["body"]):
                request = parse_vector_request(case["body"].encode("utf-8"), endpoint)
                self.assertEqual(request.summary().hex(), case["summary"])
                self.assertEqual(request.hash().hex(), case["hash"])
        model = "ogong/verified/test/m"
        refused = [
            ("embedding", {"model": model, "input": []}),
            ("embedding", {"model": model, "input": ["a", ""]}),
            ("embedding", {"model": model, "input": [1, -2]}),
            ("embedding", {"model": model, "input": [[1], []]}),
            ("embedding", {"model": model, "input": [[True]]}),
            ("embedding", {"model": model, "input": "a", "dimensions": 0}),
            ("embedding", {"model": model, "input": "a", "dimensions": 16375}),
            ("embedding", {"model": model, "input": "a" * (256 * 1024 + 1)}),
            ("embedding", {"model": model, "input": "a", "encoding_format": "int8"}),
            ("rerank", {"model": model, "query": "a", "documents": [{"text": "b", "title": "c"}]}),
            ("rerank", {"model": model, "query": "a", "documents": ["b"], "top_n": 0}),
            ("rerank", {"model": model, "documents": ["b"]}),
            ("rerank", {"model": model, "query": "a", "documents": ["b"], "input": "c"}),
        ]
        for endpoint, body in refused:
            with self.subTest(str(body)[:80]):
                self.assertRaises(WireError, parse_vector_request, json.dumps(body).encode("utf-8"), endpoint)

    def test_numbers_are_written_as_ecmascript_does(self) -> None:
        written = {0.0: "0", -0.0: "0", 1.5: "1.5", 1e21: "1e+21", 123456789012345680000.0: "123456789012345680000"}
        written |= {1e-6: "0.000001", 1.5e-7: "1.5e-7", -2.5e30: "-2.5e+30", 100.0: "100", 5e-324: "5e-324"}
        for value, text in written.items():
            self.assertEqual(write_number(value), text)

    def test_sampler(self) -> None:
        vectors = load("sampler")
        for table, name in zip(exp_tables(), ("high", "low"), strict=True):
            self.assertEqual(hashlib.sha256(b"".join(map(u32, table))).hexdigest(), vectors["expTables"][name])
        for case in vectors["exp"]:
            self.assertEqual(exp(case["q"]), case["value"])
        for case in vectors["costs"]:
            sampler = SimpleNamespace(
                presence=case["presencePenaltyQ16"],
                frequency=case["frequencyPenaltyQ16"],
                repetition=case["repetitionPenaltyQ16"],
            )
            header: Any = SimpleNamespace(sampler=sampler, bias=((7, case["biasQ16"]),))
            cost = _Touched(header).cost(7, case["q"], {7: case["count"]}, case["logSum"])
            self.assertEqual(cost, case["cost"], case)
        for case in vectors["cases"]:
            weights, tail = weigh(case["costs"], case["tail"], read_sampler(case["settings"]))
            self.assertEqual((weights, tail), (case["weights"][: len(weights)], case["weightOfTail"]))
            for drawn in case["draws"]:
                self.assertEqual(draw(case["ids"], weights, drawn["u"]), drawn["rank"] if drawn["rank"] >= 0 else TAIL)

    def test_windows(self) -> None:
        vectors = load("window")
        for case in vectors["windows"]:
            rows = decode_draws(unhex(case["draws"]), case["vocabularySize"])
            for row, known in zip(rows, case["rows"], strict=True):
                self.assertEqual((list(row.ids), list(row.q), row.tail), (known["ids"], known["q"], known["tail"]))
                marked = None if row.marks is None else {"logSum": row.log_sum, "marks": list(row.marks)}
                self.assertEqual(marked, known.get("repeated"))
        for case in vectors["refused"]:
            with self.subTest(case["name"]), self.assertRaises(WireError):
                decode_draws(unhex(case["draws"]), case["vocabularySize"])
        for case in load("tier")["tokenWindows"]:
            self.assertEqual(decode_token_window(unhex(case["bytes"])), (case["count"], tuple(case["ids"])))

    def test_replies(self) -> None:
        for case in load("reply"):
            header = parse_header(unhex(case["header"]))
            rows: list[Row] = []
            for window in case["windows"]:
                rows += decode_draws(unhex(window["draws"]), header.vocabulary_size)
                decode_sketch_rows(unhex(window["sketch"]), header.directions)
            tokens = [row.token for row in rows]
            self.assertEqual(tokens, case["outputTokens"])
            self.assertEqual(hash_tokens(bytes.fromhex(case["blind"]), tokens).hex(), case["outputTokensHash"])
            self.assertEqual(header.output_tokens_hash.hex(), case["outputTokensHash"])
            record = parse_record(unhex(case["recordV2"]))
            blinds = compute_blinds(unhex(case["request"]), record.reply_id)
            self.assertEqual((blinds.prompt.hex(), blinds.answer.hex()), (case["promptBlind"], case["blind"]))
            self.assertEqual(record.response_hash, hash_response(blinds.answer, unhex(case["response"])))
            windows = tuple((unhex(window["draws"]), unhex(window["sketch"])) for window in case["windows"])
            opening = Opening(blinds.answer, unhex(case["header"]), windows)
            self.assertEqual(opening.root(), record.commit_root)
            wrong = [check for check in replay(record, opening).checks if check.status == "fail"]
            self.assertEqual(wrong, [])

    def test_edges_of_an_opening(self) -> None:
        data = unhex(load("boundary")["audit"]["opening"])
        opening = parse_opening(data)
        self.assertEqual(encode_opening(opening), data)
        roots = [boundary.root for boundary in parse_header(opening.header).boundaries if boundary is not None]
        self.assertEqual([edge.root(opening.blind) for edge in opening.edges], roots)
        for wrong in (data[:-1], data + bytes(1), data[:-400]):
            with self.assertRaises(WireError):
                parse_opening(wrong)

    def test_bounds_of_the_tail(self) -> None:
        for case in load("tail"):
            with self.subTest(case["what"]):
                sampler = SimpleNamespace(
                    temperature=case["temperatureQ16"],
                    presence=case["presencePenaltyQ16"],
                    frequency=case["frequencyPenaltyQ16"],
                    repetition=case["repetitionPenaltyQ16"],
                    window=case["repetitionWindow"],
                )
                bias = tuple((item["id"], item["biasQ16"]) for item in case["bias"])
                header: Any = SimpleNamespace(
                    vocabulary_size=case["vocabularySize"],
                    sampler=sampler,
                    bias=bias,
                    prompt_tokens=case["promptTokenCount"],
                )
                touched = _Touched(header)
                counts = {token: case["drawn"].count(token) for token in case["drawn"]}
                repeated = case.get("repeated", {"logSum": 0, "ranks": []})
                marks = tuple(int(rank in repeated["ranks"]) for rank in range(len(case["ids"])))
                row = Row(0, tuple(case["ids"]), tuple(case["q"]), 0, 0, None, repeated["logSum"], marks)
                drawn = [Row(0, (token,), (0,), 0, 0, None, 0, (0,)) for token in case["drawn"]]
                raised = touched.raised(header, [*drawn, row])[-1]
                unlisted = touched.unlisted(row, counts) + raised if touched.is_any else None
                most = largest_tail(header, row, touched.costs(row, counts), sum(map(exp, row.q)), unlisted)
                self.assertEqual(most, case["largestTail"])

    def test_marks_of_repeated_tokens(self) -> None:
        def find(window: int, *rows: tuple[int, ...]) -> str | None:
            sampler = SimpleNamespace(repetition=80_000, window=window)
            header: Any = SimpleNamespace(sampler=sampler, prompt_tokens=2)
            return find_wrong_mark(header, [Row(0, (5, 6, 7), (1, 2, 3), 0, 0, None, 0, marks) for marks in rows])

        self.assertIsNone(find(0, (0, 1, 0), (1, 1, 0), (1, 1, 0)))
        self.assertIsNone(find(2, (0, 1, 1), (1, 1, 0), (1, 0, 0)))
        self.assertIn("of the reply", find(0, (0, 1, 0), (0, 1, 0)) or "")
        self.assertIn("was not before", find(0, (0, 1, 0), (1, 1, 1)) or "")
        self.assertIn("was before", find(0, (0, 1, 0), (1, 0, 0)) or "")
        self.assertIn("covers 2 of it", find(0, (1, 1, 1)) or "")
        self.assertIn("covers 0 of it", find(1, (0, 1, 0), (1, 1, 0)) or "")

    def test_shape_classes(self) -> None:
        for case in load("shape-classes"):
            header: Any = SimpleNamespace(numeric_class=case["numericClass"], prompt_tokens=case["promptTokenCount"])
            rows = [Row(shape, (0,), (0,), 0, 0, None) for shape in unhex(case["shapeClasses"])]
            check = _check_shapes(header, rows)
            with self.subTest(case["what"]):
                self.assertEqual(check.status, "pass" if case["wrong"] < 0 else "fail")
                if case["wrong"] >= 0:
                    self.assertIn(f"position {case['wrong']}:", check.detail)

    def test_tiers(self) -> None:
        vectors = load("tier")
        for case in vectors["classes"]:
            self.assertEqual(is_exact(case["numericClass"]), case["isExact"], case["numericClass"])
        for case in vectors["postures"]:
            posture = check_posture(case["tier"], case["method"], case["numericClass"])
            self.assertEqual(posture is None, case["posture"] == "pass", case)
        attested, keys = vectors["attested"], vectors["attested"]["keys"]
        data = unhex(attested["attestation"])
        attestation = parse_attestation(data)
        self.assertEqual(attestation.evidence, unhex(attested["evidence"]))
        of_provider = (int(keys["chainId"]), unhex(keys["escrow"]), unhex(keys["providerId"]))
        self.assertEqual(report_data(*of_provider, attestation, unhex(attested["nonce"])), unhex(attested["reportData"]))
        record = unhex(attested["record"])
        self.assertEqual(make_statement(parse_record(record), record, attestation.evidence), unhex(attested["statement"]))
        for wrong in (data + b"x", data[:-1], data[1:], b""):
            self.assertRaises(WireError, parse_attestation, wrong)
        proxied = vectors["proxied"]
        data = unhex(proxied["attestation"])
        read, exchanges = parse_proxied(data)
        self.assertEqual(read.evidence, unhex(attested["evidence"]))
        self.assertEqual([[statement.hex(), [each.hex() for each in chain]] for statement, chain in exchanges], proxied["exchanges"])
        self.assertEqual(proxied_nonce(unhex(proxied["order"]), data).hex(), proxied["nonce"])
        for wrong in (data + b"x", data[:-1], data[1:], unhex(attested["attestation"]), b""):
            self.assertRaises(WireError, parse_proxied, wrong)
        for case in vectors["namedRoots"]:
            is_named = tier_of(case["modelId"]) in NAMED_TIERS
            root = sha256(b"ogong-named-model-v1\n", case["modelId"].encode()).hex() if is_named else None
            self.assertEqual(root, case["root"])

    def test_records_have_one_form(self) -> None:
        case = load("reply")[0]
        data = bytes.fromhex(case["recordV2"])
        self.assertIsInstance(parse_record(data), Record)
        self.assertFalse(parse_record(data).is_milestone)
        milestone = bytes.fromhex(case["milestone"])
        self.assertTrue(parse_record(milestone).is_milestone)
        self.assertEqual(milestone.split(b"\n")[1:], data.split(b"\n")[1:])
        for wrong in (data + b"\n", data.replace(b"\n", b"\n0", 8), data.upper(), data[:-1] + b"x", bytes(513)):
            with self.assertRaises(WireError):
                parse_record(wrong)
