import base64
import itertools
import unittest
from dataclasses import replace

from ogong.crypto import chacha, ml_kem_768, xwing
from ogong.match import find_list_problem, parse_candidates, round_context
from ogong.order import Ledger
from ogong.sealed import RepeatedText, SealedCallError, SealedRequestOf
from ogong.sealing import (
    UNIT_SUITE,
    Exchange,
    InnerPart,
    Milestone,
    Opener,
    Refusal,
    SealedEnd,
    find_key_problem,
    find_validator_key_problem,
    pad_request_size,
    pad_unit_size,
    parse_seal_key,
    parse_validator_key,
    read_message,
    schedule,
    seal_part,
    seal_request,
)
from ogong.trust import Signed
from ogong.wire import Reader, WireError, sha256, u32

from .vectors import load, unhex

_V = load("sealing")


class Kems(unittest.TestCase):
    def test_xwing(self) -> None:
        for case in _V["xwing"]:
            key = xwing.open_key(unhex(case["secret"]))
            self.assertEqual(sha256(key.public), unhex(case["keyHash"]))
            self.assertEqual(key.decapsulate(unhex(case["capsule"])), unhex(case["shared"]))

    def test_both_sides_share(self) -> None:
        key = xwing.open_key(bytes(32))
        shared, capsule = xwing.encapsulate(key.public, bytes(range(64)))
        self.assertEqual(key.decapsulate(capsule), shared)
        for at in (0, 1_087, 1_119):
            other = bytearray(capsule)
            other[at] ^= 1
            self.assertNotEqual(key.decapsulate(bytes(other)), shared)
        self.assertRaises(ValueError, key.decapsulate, capsule[:-1])
        self.assertRaises(ValueError, xwing.encapsulate, key.public[:-1], bytes(64))
        # A number of two encodings, which FIPS 203 refuses.
        self.assertTrue(ml_kem_768.is_public_key(key.public[:-32]))
        self.assertRaises(ValueError, xwing.encapsulate, b"\xff\xff" + key.public[2:], bytes(64))

    def test_aead(self) -> None:
        for case in _V["aead"]:
            key, text, sealed = (unhex(case[name]) for name in ("key", "text", "sealed"))
            self.assertEqual(chacha.encrypt(key, text), sealed)
            self.assertEqual(chacha.decrypt(key, sealed), text)
            for at in range(len(sealed)):
                other = bytearray(sealed)
                other[at] ^= 1
                self.assertIsNone(chacha.decrypt(key, bytes(other)))
            self.assertIsNone(chacha.decrypt(key, sealed[:15]))

    def test_hpke(self) -> None:
        for case in _V["hpke"]:
            psk, psk_id = unhex(case.get("psk", "")), unhex(case.get("pskId", ""))
            exporter = schedule(unhex(case["shared"]), unhex(case["info"]), psk, psk_id, kem=case["kemId"])
            for context, exported in case["exports"].items():
                self.assertEqual(exporter.export(unhex(context)), unhex(exported))

    def test_padding(self) -> None:
        for case in _V["padding"]:
            self.assertEqual(pad_request_size(case["length"]), case["request"])
            self.assertEqual(pad_unit_size(case["length"]), case["unit"])


def _exchange() -> Exchange:
    given = _V["exchange"]
    ledger = Ledger(int(given["chainId"]), unhex(given["escrow"]))
    return Exchange(ledger, unhex(given["providerId"]), unhex(given["replyId"]), unhex(given["requestHash"]))


class Envelopes(unittest.TestCase):
    def open_envelope(self, envelope: bytes) -> tuple[bytes, bytes]:
        """As the provider does. @returns the text, and the key of the reply."""
        key = xwing.open_key(unhex(_V["sealKey"]["secret"]))
        r = Reader(envelope, b"ogong-sealed-request-v1\n")
        r.int(1, 1, 1)
        key_hash, capsule, commit = r.take(32), r.take(1_120), r.take(32)
        sealed = r.take(r.int(4))
        r.end()
        exchange = _exchange()
        exporter = schedule(key.decapsulate(capsule), exchange.context(0, exchange.provider_id, key_hash, bytes(32)))
        self.assertEqual(exporter.export(b"commit" + capsule), commit)
        text = chacha.decrypt(exporter.export(b"body"), sealed)
        assert text is not None
        self.assertEqual(len(text), 2_048)
        return text[4 : 4 + int.from_bytes(text[:4], "big")], exporter.export(b"reply-psk")

    def test_keys(self) -> None:
        data = unhex(_V["sealKey"]["bytes"])
        key = parse_seal_key(data)
        self.assertEqual(key.hash, unhex(_V["sealKey"]["hash"]))
        self.assertEqual(_exchange().context(0, key.provider_id, key.hash, bytes(32)), unhex(_V["context"]))
        for broken in (data[:-1], data + b"\x00", data.replace(b"key-v1", b"key-v2")):
            self.assertRaises(WireError, parse_seal_key, broken)

    def test_an_envelope_of_the_first_implementation(self) -> None:
        request = _V["request"]
        inner, psk = self.open_envelope(unhex(request["envelope"]))
        reply = xwing.open_key(unhex(request["replySecret"]))
        scope, body = unhex(request["cacheScope"]), unhex(request["body"])
        head = b"ogong-sealed-inner-v1\n\x00\x04chat" + len(scope).to_bytes(2, "big") + scope
        self.assertEqual(inner, head + reply.public + u32(len(body)) + body)
        self.assertEqual(psk, unhex(request["replyPsk"]))

    def opener(self) -> Opener:
        request = _V["request"]
        reply = xwing.open_key(unhex(request["replySecret"]))
        psk_id = sha256(unhex(request["envelope"]))
        info = _exchange().context(1, sha256(reply.public), unhex(_V["sealKey"]["hash"]), psk_id)
        return Opener(reply, info, unhex(request["replyPsk"]), psk_id)

    def test_the_words_of_a_refusal(self) -> None:
        given = _V["refusal"]
        opener = self.opener()
        opener.open_head(unhex(given["head"]))
        message = opener.open(unhex(given["unit"]))
        assert message is not None
        self.assertEqual(read_message(message), Refusal(given["words"]))
        self.assertTrue(opener.is_over)

    def test_a_reply_of_the_first_implementation(self) -> None:
        head, units, messages = _V["reply"]["head"], _V["reply"]["units"], _V["reply"]["messages"]
        opener = self.opener()
        opener.open_head(unhex(head))
        all_units = [unhex(unit) for unit in itertools.chain.from_iterable(units)]
        opened = [opener.open(unit) for unit in all_units]
        self.assertEqual([one for one in opened if one is not None], [unhex(message) for message in messages])
        self.assertTrue(opener.is_over)
        self.assertRaises(WireError, opener.open, all_units[-1])
        for wrong in ([all_units[1]], [all_units[0], all_units[0]], [all_units[0][:-1]], [all_units[0][:4] + b"\x01" + all_units[0][5:]]):
            again = self.opener()
            again.open_head(unhex(head))
            with self.assertRaises(WireError):
                for unit in wrong:
                    again.open(unit)
        other = bytearray(unhex(head))
        other[-1] ^= 1
        self.assertRaises(WireError, self.opener().open_head, bytes(other))
        self.assertRaises(WireError, self.opener().open, all_units[0])

    def test_a_reply_with_a_capsule_for_each_unit(self) -> None:
        suite2 = _V["suite2"]
        seal_key, reply = unhex(_V["sealKey"]["hash"]), xwing.open_key(unhex(_V["request"]["replySecret"]))
        psk_id = sha256(unhex(suite2["envelope"]))
        provider = parse_seal_key(unhex(_V["sealKey"]["bytes"])).provider_id
        self.assertEqual(_exchange().context(0, provider, seal_key, bytes(32), UNIT_SUITE), unhex(suite2["context"]))
        info = _exchange().context(1, sha256(reply.public), seal_key, psk_id, UNIT_SUITE)
        head = unhex(suite2["reply"]["head"])

        def opener() -> Opener:
            one = Opener(reply, info, unhex(suite2["replyPsk"]), psk_id, UNIT_SUITE)
            one.open_head(head)
            return one

        units = [unhex(unit) for unit in itertools.chain.from_iterable(suite2["reply"]["units"])]
        opened = opener()
        messages = [opened.open(unit) for unit in units]
        self.assertEqual([one for one in messages if one is not None], [unhex(text) for text in _V["reply"]["messages"]])
        self.assertTrue(opened.is_over)
        # A capsule, a commitment and a text that were changed, a unit of another place, and one without a capsule.
        for at in (10, 5 + 1_120 + 3, len(units[0]) - 1):
            bent = bytearray(units[0])
            bent[at] ^= 1
            self.assertRaises(WireError, opener().open, bytes(bent))
        self.assertRaises(WireError, opener().open, u32(0) + units[1][4:])
        self.assertRaises(WireError, opener().open, unhex(_V["reply"]["units"][0][0]))
        # Of the other suite than was asked for.
        self.assertRaises(WireError, opener().open_head, unhex(_V["reply"]["head"]))
        self.assertRaises(WireError, self.opener().open_head, head)

    def test_an_envelope_of_this_implementation(self) -> None:
        key = parse_seal_key(unhex(_V["sealKey"]["bytes"]))
        body = b'{"model":"a"}'
        sealed = seal_request(_exchange(), key, "chat", body)
        inner, _ = self.open_envelope(sealed.envelope)
        self.assertTrue(inner.startswith(b"ogong-sealed-inner-v1\n\x00\x04chat\x00\x20"))
        self.assertTrue(inner.endswith(u32(len(body)) + body))
        self.assertNotEqual(sealed.envelope, seal_request(_exchange(), key, "chat", body).envelope)

    def test_messages(self) -> None:
        self.assertEqual(read_message(b"\x0a\x04\x0a\x02hi"), b"hi")
        self.assertEqual(read_message(b"\x0a\x00"), b"")
        # Log-probabilities behind the text.
        self.assertEqual(read_message(b"\x0a\x08\x0a\x02hi\x12\x02\x08\x07"), b"hi")
        self.assertEqual(read_message(b"\x12\x08\x12\x02ab\x1a\x02cd"), SealedEnd(b"ab", b"cd"))
        # A field that nobody knows stands beside it.
        self.assertEqual(read_message(b"\x0a\x04\x0a\x02hi\x22\x01a\x30\x07"), b"hi")
        for broken in (b"", b"\x0a", b"\x0a\x05\x0a\x02hi", b"\x08\x00", b"\x22\x00", b"\x0a\x00\x12\x00", b"\x0b\x00", b"\x80" * 12):
            self.assertRaises(WireError, read_message, broken)


    def test_milestones(self) -> None:
        signed = b"\x0a\x01r\x12\x01k\x1a\x01s"
        window = b"\x0a\x01d\x12\x01w"
        kept = b"\x0a" + bytes([len(signed)]) + signed + b"\x12\x01h"
        body = kept + (b"\x1a" + bytes([len(window)]) + window) * 2 + b"\x20\xac\x02\x40\x01"
        read = read_message(b"\x1a" + bytes([len(body)]) + body)
        assert isinstance(read, Milestone)
        self.assertEqual((read.record, read.header), (Signed(b"r", b"s", b"k"), b"h"))
        self.assertEqual((read.windows, read.text_bytes, read.is_last), (((b"d", b"w"), (b"d", b"w")), 300, True))
        # Without windows, and without the word that it is the last.
        self.assertEqual(read.claimed, kept + b"\x20\xac\x02")


class Parts(unittest.TestCase):
    """Sealed to a validator past the gateway."""

    def open_part(self, envelope: bytes) -> bytes:
        """As the validator does. @returns the text, still padded."""
        given = _V["part"]
        r = Reader(envelope, b"ogong-sealed-part-v1\n")
        r.int(1, 1, 1)
        key_hash, capsule, commit = r.take(32), r.take(1_120), r.take(32)
        sealed = r.take(r.int(4))
        r.end()
        recipient = unhex(given["validator"]).rjust(32, b"\x00")
        shared = xwing.open_key(unhex(given["secret"])).decapsulate(capsule)
        exporter = schedule(shared, _exchange().context(2, recipient, key_hash, unhex(given["recordHash"])))
        self.assertEqual(exporter.export(b"commit" + capsule), commit)
        text = chacha.decrypt(exporter.export(b"part"), sealed)
        assert text is not None
        return text

    def test_parts(self) -> None:
        given = _V["part"]
        key = parse_validator_key(unhex(given["sealKey"]))
        self.assertEqual(key.digest(_exchange().ledger), unhex(given["digest"]))
        inner = InnerPart(given["endpoint"], *(unhex(given[name]) for name in ("body", "response", "opening")))
        own = seal_part(_exchange(), unhex(given["recordHash"]), key, inner)
        self.assertEqual(self.open_part(own), self.open_part(unhex(given["envelope"])))
        self.assertNotEqual(own, unhex(given["envelope"]))

    def test_keys(self) -> None:
        data, validator = unhex(_V["part"]["sealKey"]), unhex(_V["part"]["validator"])
        for broken in (data[:-1], data + b"\x00", data.replace(b"key-v1", b"key-v2")):
            self.assertRaises(WireError, parse_validator_key, broken)
        key, ledger = parse_validator_key(data), _exchange().ledger
        signed = Signed(data, bytes(64) + b"\x1b")
        ask = lambda of=validator, on=ledger, now=key.issued_at_ms: find_validator_key_problem(signed, of, bytes(20), on, now)
        # Nobody has signed it, which is looked at last.
        self.assertIn("signature", ask() or "")
        self.assertIn("another validator", ask(of=bytes(20)) or "")
        self.assertIn("network", ask(on=replace(ledger, chain_id=1)) or "")
        for now in (key.expires_at_ms, key.issued_at_ms - 30_001):
            self.assertIn("not valid now", ask(now=now) or "")


class Repeats(unittest.TestCase):
    def test_what_is_new(self) -> None:
        shown = RepeatedText()
        self.assertFalse(shown.has_begun)
        self.assertEqual([shown.take(piece) for piece in ("ab", "", "cd")], ["ab", "", "cd"])
        shown.restart()
        # Cut otherwise, and beyond what was shown.
        self.assertEqual([shown.take(piece) for piece in ("abc", "de", "f")], ["", "e", "f"])
        shown.restart()
        self.assertTrue(shown.has_begun)
        self.assertEqual(shown.take("abcdef"), "")
        shown.end()

    def test_what_is_not_the_same(self) -> None:
        for pieces in (("ax",), ("abx", "d"), ("ab", "cx")):
            shown = RepeatedText()
            shown.take("abcd")
            shown.restart()
            with self.assertRaisesRegex(SealedCallError, "another one than was shown"):
                for piece in pieces:
                    shown.take(piece)
        shorter = RepeatedText()
        shorter.take("abcd")
        shorter.restart()
        shorter.take("ab")
        self.assertRaises(SealedCallError, shorter.end)


class Draws(unittest.TestCase):
    def test_draws(self) -> None:
        for case in load("match")["matches"]:
            data = unhex(case["candidates"])
            candidates = parse_candidates(data)
            self.assertEqual(candidates.hash, unhex(case["candidatesHash"]))
            self.assertEqual(candidates.weights(), [int(one) for one in case["weights"]])
            self.assertEqual(candidates.draw_by(unhex(case["seed"])).provider_id, unhex(case["providerId"]))
            for broken in (data[:-1], data + b"\x00"):
                self.assertRaises(WireError, parse_candidates, broken)

    def test_contexts(self) -> None:
        for tokens, rounded in ((1, 512), (512, 512), (513, 768), (1_025, 1_536), (1_536, 1_536), (1_537, 2_048)):
            self.assertEqual(round_context(tokens), rounded)

    def test_lists(self) -> None:
        case = load("match")["matches"][-1]
        candidates = parse_candidates(unhex(case["candidates"]))
        self.assertIsNone(find_list_problem(candidates))
        first, *others = candidates.listed
        dear = replace(first, price_per_1k=candidates.max_price_per_1k + 1)
        self.assertIsNotNone(find_list_problem(replace(candidates, listed=(dear, *others))))
        self.assertEqual(candidates.min_held_tokens, 8)
        bare = replace(first, held_tokens=7)
        self.assertIsNotNone(find_list_problem(replace(candidates, listed=(bare, *others))))
        small = replace(first, context_size=candidates.context_size - 1)
        self.assertIsNotNone(find_list_problem(replace(candidates, listed=(small, first))))


class Offers(unittest.TestCase):
    def setUp(self) -> None:
        self.case = load("sealed-offer")
        asked = self.case["asked"]
        self.call = SealedRequestOf("chat", b'{"model":"ogong/verified/test/synthetic","messages":[{"role":"user","content":"a"}]}', {})
        # The vectors name no body, but its bound.
        self.call._context = asked["contextSize"]
        self.nonce = unhex(asked["nonce"])

    def failed(self, offer: object = None, nonce: bytes | None = None, now: int = 0) -> list[str]:
        _, checks = self.call.check_offer(self.case["offer"] if offer is None else offer, nonce or self.nonce, self.case["nowMs"] + now)
        return [check.id for check in checks if check.status == "fail"]

    def test_whole(self) -> None:
        offer, checks = self.call.check_offer(self.case["offer"], self.nonce, self.case["nowMs"])
        assert offer is not None
        self.assertEqual([check.id for check in checks], "ticket match router ledger validator model-root seal-key".split())
        self.assertEqual(self.failed(), [])
        self.assertEqual(offer.reply_id, unhex(self.case["replyId"]))
        self.assertEqual(offer.key.hash, unhex(self.case["sealKeyHash"]))

    def test_refuses_machines(self) -> None:
        for model, ogong in (("tee", ""), ("tee-proxy", ""), ("verified", ',"ogong":{"attested":["router"]}')):
            body = f'{{"model":"ogong/{model}/test/synthetic","messages":[{{"role":"user","content":"a"}}]{ogong}}}'
            with self.subTest(model), self.assertRaisesRegex(SealedCallError, "^nothing was sent: .*ogong ask --machines"):
                SealedRequestOf("chat", body.encode(), {})

    def test_others(self) -> None:
        given = self.case["offer"]
        self.assertEqual(self.failed(nonce=bytes(32)), ["ticket"])
        self.assertEqual(self.failed({**given, "payer": f"0x{'00' * 20}"}), ["ticket"])
        self.assertIn("ticket", self.failed(now=10**9))
        self.assertIn("ticket", self.failed(now=-(10**9)))
        self.assertEqual(self.failed({**given, "ledger": {**given["ledger"], "chainId": "1"}}), ["ticket", "seal-key"])
        self.assertEqual(self.failed({**given, "candidates": base64.b64encode(b"x").decode()}), ["match"])
        self.assertEqual(self.failed({}), ["ticket"])
        for part, at in (("ticket", "ticket"), ("sealKey", "seal-key")):
            signature = bytearray(base64.b64decode(given[part]["signature"]))
            signature[3] ^= 1
            bent = {**given[part], "signature": base64.b64encode(bytes(signature)).decode()}
            self.assertEqual(self.failed({**given, part: bent}), [at])
        self.assertEqual(self.failed({**given, "sealKey": given["ticket"]}), ["seal-key"])

    def test_what_was_asked_for(self) -> None:
        own = self.call._context
        self.call._context = 2 * max(own, 512)
        self.assertEqual(self.failed(), ["match"])
        self.call._context = own
        self.call._sort = "price"
        self.assertEqual(self.failed(), ["match"])
        self.call._sort = None
        offer, _ = self.call.check_offer(self.case["offer"], self.nonce, self.case["nowMs"])
        assert offer is not None
        self.call.exclude([offer.ticket.provider_id])
        self.assertEqual(self.failed(), ["match"])
        self.call._excluded = []
        self.call._ogong = {"max_price": offer.ticket.price_per_1k - 1}
        self.assertEqual(self.failed(), ["match"])
        self.call._ogong = {"providers": {"only": ["00" * 32]}}
        self.assertEqual(self.failed(), ["match"])

    def test_keys(self) -> None:
        offer, _ = self.call.check_offer(self.case["offer"], self.nonce, self.case["nowMs"])
        assert offer is not None
        key = self.case["offer"]["sealKey"]
        signed = Signed(*(base64.b64decode(key[name]) for name in ("bytes", "signature", "publicKey")))
        ask = lambda now, provider=offer.ticket.provider_id: find_key_problem(signed, provider, offer.ledger, now)
        self.assertIsNone(ask(self.case["nowMs"]))
        self.assertIsNotNone(ask(offer.key.expires_at_ms))
        self.assertIsNotNone(ask(offer.key.issued_at_ms - 30_001))
        self.assertIsNotNone(ask(self.case["nowMs"], bytes(32)))
