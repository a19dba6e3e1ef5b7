import base64
import json
import struct
import unittest
import zlib
from dataclasses import replace
from typing import Any

from ogong.client import _attach_pictures, _detach_pictures
from ogong.guidance import GuidancePlan
from ogong.pictures import Range, count_left_out, count_units, parse_picture_request
from ogong.png import read_pictures, unpack_png
from ogong.record import parse_record
from ogong.shown import ReceiptError
from ogong.text.commitment import blob_root, parse_opening
from ogong.text.fields import RequestError
from ogong.text.request import parse_request
from ogong.trajectory import make_noise, parse_picture_header, project, replay_picture
from ogong.wire import WireError, sha256

from .vectors import load, unhex


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, rows: bytes, more: bytes = b"", end: bytes = b"", form: bytes = bytes((8, 2, 0, 0, 0))) -> bytes:
    header = chunk(b"IHDR", struct.pack(">II", width, height) + form)
    return b"\x89PNG\r\n\x1a\n" + header + more + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"") + end


ROWS = (b"\x00" + bytes(range(6))) * 2


class Pictures(unittest.TestCase):
    def test_noise_of_the_vectors(self) -> None:
        noise = load("schedule")["noise"]
        values = noise["values"]
        self.assertEqual(make_noise(unhex(noise["key"]), len(values)), struct.pack(f"<{len(values)}f", *values))

    def test_blobs_of_the_vectors(self) -> None:
        for blob in load("blob")["blobs"]:
            data = bytes((31 * i + (i >> 8)) & 255 for i in range(blob["bytes"]))
            self.assertEqual(blob_root(unhex(blob["blind"]), data), unhex(blob["root"]))

    def test_projection(self) -> None:
        seed = bytes(range(32))
        signs = sha256(seed, bytes(4))
        one = project(seed, [1.0])
        self.assertEqual(one, (-1.0 if signs[0] >> 7 else 1.0, *[0.0] * 60))
        self.assertEqual(sum(map(abs, project(seed, [0.0] * 61 + [2.0]))), 2.0)

    def test_request(self) -> None:
        asked = parse_picture_request(b'{"model":"ogong/verified/a/b","prompt":"x","size":"40x24","num_inference_steps":5,"cfg_scale":2.5}')
        self.assertEqual((asked.size, asked.steps, asked.guidance, asked.most_units), ((40, 24), 5, 163_840, 5))
        self.assertEqual(count_units(33, 32, 2), 4)
        for fields, key in (
            ('"size":"large"', "size"),
            ('"width":40', "height"),
            ('"size":"4000x4000"', "size"),
            ('"steps":4,"num_inference_steps":4', "num_inference_steps"),
            ('"sampler":"lcm"', "sampler"),
            ('"n":9', "n"),
        ):
            with self.subTest(key), self.assertRaises(RequestError) as refused:
                parse_picture_request(b'{"model":"ogong/verified/a/b","prompt":"x",' + fields.encode() + b"}")
            self.assertEqual(refused.exception.key, key)

    def test_changed_pictures_of_the_vectors(self) -> None:
        vectors = load("trajectory")
        for edit in vectors["edits"]:
            asked = parse_picture_request(edit["body"].encode(), edit["endpoint"])
            self.assertEqual((asked.summary().hex(), asked.hash().hex()), (edit["summary"], edit["hash"]))
        header = parse_picture_header(unhex(vectors["changed"]["header"]))
        self.assertEqual((header.endpoint, header.steps, header.run), ("image-edit", 4, 2))
        self.assertEqual(parse_picture_header(unhex(vectors["picture"]["header"])).source, None)
        self.assertEqual([count_left_out(20, part) for part in (None, 65_536, 32_768, 1)], [0, 0, 10, 19])

    def test_links_of_the_vectors(self) -> None:
        vectors = load("trajectory")
        for one in vectors["requests"]:
            asked = parse_picture_request(one["body"].encode())
            self.assertEqual((asked.summary().hex(), asked.hash().hex()), (one["summary"], one["hash"]))
        data = unhex(vectors["link"]["header"])
        header = parse_picture_header(data)
        latent = sha256(unhex(vectors["link"]["latents"][0]))
        self.assertEqual((header.range, header.run, header.is_latent), (Range(1, 3, latent), 2, True))
        at = data.index(latent) - 5
        for first, last in ((1, 5), (3, 3), (0, 3), (0, 4)):
            part = struct.pack(">HH", first, last)
            with self.subTest(part):
                self.assertRaises(WireError, parse_picture_header, data[:at] + part + data[at + 4 :])
        for fields, key in (
            ('"last_step":2', "steps"),
            ('"steps":4,"first_step":2', "latent"),
            ('"steps":4,"last_step":5', "last_step"),
            ('"steps":4,"last_step":2,"latent":"x"', "latent"),
        ):
            with self.subTest(key), self.assertRaises(RequestError) as refused:
                parse_picture_request(b'{"model":"ogong/verified/a/b","prompt":"x",' + fields.encode() + b"}")

    def test_guidance_of_the_vectors(self) -> None:
        vectors = load("trajectory")
        for request in vectors["requests"]:
            asked = parse_picture_request(request["body"].encode())
            self.assertEqual((asked.summary().hex(), asked.hash().hex()), (request["summary"], request["hash"]))
        self.assertEqual(parse_picture_request([one for one in vectors["requests"] if "guidance_momentum" in one["body"]][0]["body"].encode()).plan, GuidancePlan(13_107, 49_152, -32_768))
        for window in vectors["windows"]:
            plan = GuidancePlan(window["startQ16"], window["endQ16"], 0)
            first, steps = window.get("leftOut", 0), window["steps"]
            self.assertEqual([plan.covers(step, steps) for step in range(first, steps)], window["guided"])
        header = parse_picture_header(unhex(vectors["guided"]["header"]))
        self.assertEqual([header.has_momentum(step) for step in range(5)], [len(each) == 3072 for each in vectors["guided"]["outputs"]])
        for fields, key in (
            ('"guidance_start":0.5,"guidance_end":0.5', "guidance_end"),
            ('"guidance_momentum":1', "guidance_momentum"),
            ('"guidance":1,"guidance_momentum":0.5', "guidance_momentum"),
            ('"steps":4,"last_step":2,"guidance":3,"guidance_momentum":0.5', "guidance_momentum"),
        ):
            with self.subTest(key), self.assertRaises(RequestError) as refused:
                parse_picture_request(b'{"model":"ogong/verified/a/b","prompt":"x",' + fields.encode() + b"}")
            self.assertEqual(refused.exception.key, key)

    def test_pictures_without_steps(self) -> None:
        vector = load("trajectory")["hidden"]
        opening, record = parse_opening(unhex(vector["opening"])), parse_record(unhex(vector["record"]))
        header = parse_picture_header(unhex(vector["header"]))
        self.assertEqual((header.tier, header.hidden, header.shown, header.units), ("vanilla", True, 0, 5))
        checks = replay_picture(record, opening).checks
        self.assertEqual([{"id": check.id, "status": check.status} for check in checks], vector["checks"])
        self.assertIn("tier verified has none", str(replace(header, tier="verified").hidden_problem()))
        self.assertIn("with steps, and tier vanilla", str(replace(header, hidden=False).hidden_problem()))

    def test_png(self) -> None:
        picture = unpack_png(png(2, 2, ROWS))
        self.assertEqual((picture.width, picture.height, picture.pixels), (2, 2, bytes(range(6)) * 2))
        for wrong, why in (
            (b"GIF89a", "no PNG"),
            (png(4096, 4096, ROWS), "4096x4096"),
            (png(0, 2, ROWS), "0x2"),
            (png(2, 2, ROWS, form=bytes((8, 3, 0, 0, 0))), "another form"),
            (png(2, 2, bytes(10_000_000)), "not the pixels"),
            (png(2, 2, ROWS[:7]), "not the pixels"),
            (png(2, 2, b"\x01" + ROWS[1:]), "filter"),
            (png(2, 2, ROWS, more=chunk(b"iCCP", b"x")), "beside"),
            (png(2, 2, ROWS, end=chunk(b"IEND", b"")), "beside"),
            (png(2, 2, ROWS)[:-3], "cut off"),
        ):
            with self.subTest(why):
                self.assertRaisesRegex(ValueError, why, unpack_png, wrong)
        written = base64.b64encode(png(2, 2, ROWS)).decode()
        shown = [{"b64_json": written}, {"url": f"data:image/png;base64,{written}"}]
        self.assertEqual(len(read_pictures({"data": shown}, 2)), 2)
        for answer in ({}, {"data": shown[:1]}, {"data": [{"url": "https://elsewhere.example"}, shown[0]]}):
            self.assertRaises(ReceiptError, read_pictures, answer, 2)


class PicturesInChats(unittest.TestCase):
    def test_hashes_of_chats(self) -> None:
        chats = load("media")["chats"]
        self.assertGreater(len(chats), 1)
        for case in chats:
            urls: dict[str, str] = {}
            detached = _detach_pictures(json.loads(case["written"]), urls)
            body = json.dumps(detached, separators=(",", ":")).encode()
            self.assertEqual(body.decode(), case["body"])
            request = parse_request(body, "chat")
            self.assertEqual(request.summary().hex(), case["summary"])
            self.assertEqual(request.hash().hex(), case["hash"])

    def test_detaches_and_attaches(self) -> None:
        url = f"data:image/png;base64,{base64.b64encode(bytes([1, 2, 3])).decode()}"
        reference = f"ogong:media/{sha256(bytes([1, 2, 3])).hex()}"

        def show(one: str) -> dict[str, Any]:
            parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": one}}]
            return {"model": "m", "messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": one}]}

        urls: dict[str, str] = {}
        asked = show(url)
        detached = _detach_pictures(asked, urls)
        self.assertEqual(detached["messages"][0], show(reference)["messages"][0])
        self.assertEqual(detached["messages"][1], asked["messages"][1])
        self.assertEqual(urls, {reference: url})
        body = json.dumps(detached, separators=(",", ":")).encode()
        self.assertEqual(_attach_pictures(body, urls), json.dumps(asked, separators=(",", ":")).encode())
        self.assertEqual(_detach_pictures({"prompt": "a"}, urls), {"prompt": "a"})
        wrong = {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "data:image/png,abc"}]}]}
        self.assertRaises(ValueError, _detach_pictures, wrong, urls)
