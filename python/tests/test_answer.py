import json
import re
import unittest
from unittest import mock

from ogong.text import answer_text
from ogong.text.answer import FAMILIES, MARKS, REASONING, Format, Said, Terms, check_answer, read_answer, read_message, read_terms

from .vectors import load

SIZE = 1 << 18


def read_format(names: dict[str, str]) -> Format:
    return Format(names["calls"], names["reasoning"], names["marks"])


class Answers(unittest.TestCase):
    def test_vectors(self) -> None:
        for case in load("answer")["cases"]:
            with self.subTest(case["name"]):
                terms = Terms(frozenset(case["tools"]), case.get("isForced", False), case.get("isFormed", False))
                said = read_answer(case["text"], read_format(case["format"]), terms)
                wanted = case["answer"]
                calls = [[call["name"], call["arguments"]] for call in wanted["calls"]]
                self.assertEqual(said, Said(wanted["content"], wanted["reasoning"], calls))

    def test_beginnings(self) -> None:
        """A reply is readable at every cut."""
        for case in load("answer")["cases"]:
            for size in range(len(case["text"])):
                for family in FAMILIES:
                    read_answer(case["text"][:size], Format(family, "opened", case["format"]["marks"]), Terms(frozenset(case["tools"])))

    def test_long(self) -> None:
        """Marks are looked for in each character a few times at most, whichever of them a provider leaves out."""
        searched = 0

        class Counted:
            def __init__(self, marks: tuple[str, ...]) -> None:
                self.pattern = any_of(marks)

            def search(self, text: str, at: int) -> re.Match[str] | None:
                nonlocal searched
                found = self.pattern.search(text, at)
                searched += (found.end() if found else len(text)) - at
                return found

        any_of = answer_text._any_of
        pieces = {
            "hermes": "<tool_call>{x",
            "llama": '{"name": "weather", "parameters": {}};',
            "mistral": "[TOOL_CALLS]weather{}",
            "deepseek": "<｜tool▁call▁begin｜>x",
            "gemma": "<|tool_call>call:weather{}<tool_call|>",
            "harmony": "<|start|>x<|message|>y",
            "kimi": "<|tool_call_begin|>x",
            "pythonic": "<|python_start|>[x",
        }
        texts = [*((family, piece * (SIZE // len(piece))) for family, piece in pieces.items()), ("pythonic", "[weather(a='" + "\\n" * (SIZE // 2))]
        with mock.patch.object(answer_text, "_any_of", Counted):
            for family, text in texts:
                searched = 0
                read_answer(text, Format(family), Terms(frozenset(["weather"])))
                self.assertLessEqual(searched, 2 * len(text), family)


class Shown(unittest.TestCase):
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    body = json.dumps({"model": "ogong/verified/a/b", "messages": [], "tools": [tool]}).encode()
    reply = b'<think>Where?</think> It is:\n<tool_call>{"name": "weather", "arguments": {"city": "Paris"}}</tool_call>'
    call = {"function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
    format = (FAMILIES.index("hermes"), REASONING.index("marked"), list(MARKS).index("think"))

    def check(self, message: object, body: bytes | None = None, form: tuple[int, int, int] | None = None) -> str:
        return check_answer(read_message(message), self.reply, form or self.format, body or self.body).status

    def test_what_is_shown(self) -> None:
        message = {"content": "It is:", "reasoning_content": "Where?", "tool_calls": [self.call]}
        self.assertEqual(self.check(message), "pass")
        other = {"function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
        for bent in (
            {"content": "It is not:"},
            {"reasoning_content": " "},
            {"reasoning_content": None},
            {"tool_calls": []},
            {"tool_calls": [other]},
            {"tool_calls": [self.call, self.call]},
            {"tool_calls": "none"},
            {"content": 7},
        ):
            self.assertEqual(self.check({**message, **bent}), "fail", bent)
        self.assertEqual(self.check(None), "fail")
        # A gateway does not choose how a text is read.
        self.assertEqual(self.check(message, form=(self.format[0], 0, 0)), "fail")
        self.assertEqual(self.check(message, form=(*self.format[:2], list(MARKS).index("seed"))), "fail")
        self.assertEqual(self.check(message, body=b'{"messages": []}'), "fail")
        self.assertEqual(self.check(message, body=b"{"), "fail")

    def test_terms(self) -> None:
        def terms(**more: object) -> Terms:
            return read_terms(json.dumps({"tools": [self.tool], **more}).encode())

        self.assertEqual(terms(), Terms(frozenset(["weather"])))
        self.assertEqual(terms(tool_choice="none"), Terms())
        self.assertEqual(terms(tool_choice="required").is_forced, True)
        self.assertEqual(terms(response_format={"type": "json_object"}).is_formed, True)
        self.assertEqual(terms(response_format={"type": "text"}).is_formed, False)
        self.assertEqual(terms(response_format={"type": "json_object"}, tool_choice="required").is_formed, False)
        self.assertEqual(terms(ogong={"grammar": "root ::= \"a\""}).is_formed, True)
