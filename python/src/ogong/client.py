"""
A client of a gateway in the shape of the `openai` package: `Client(...).chat.completions.create(...)`. It checks each answer before it
hands it over.
"""

from __future__ import annotations

import base64
import http.client
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

from .checks import Check, failed, hold, passed, skipped
from .numbers import read_scores, read_vectors, word_tensors, word_vectors
from .order import parse_order
from .parts import ask_inputs, ask_parts, split_pictures
from .pictures import compose_link_body, parse_picture_request
from .png import Picture, read_pictures
from .record import parse_record
from .sealed import Opened, RepeatedText, SealedCallError, SealedRequestOf, Tries, count_tokens, tell_failed, tell_held
from .shown import Answer, GatewayError, ReceiptError, Shown, as_shown, read_json
from .tensors import read_tensors
from .text.answer import check_answer, name_format, read_answer, read_message, read_terms
from .text.commitment import parse_header, parse_opening
from .trajectory import parse_picture_header
from .verify import Verdict, verify_receipt
from .wire import WireError, sha256

_INTAKE_SECONDS = 6.0
_MOST_ANSWER_BYTES = 96 << 20
_MOST_LINE_BYTES = 16 << 20


def check_roles(body: bytes, receipt: Mapping[str, Any]) -> list[Check]:
    """`router-machine` and `validator-machine`, where the request demands them: a gateway could leave the evidence out."""
    ogong = json.loads(body).get("ogong")
    attested = ogong.get("attested") if isinstance(ogong, dict) else None
    demanded = [role for role in ("router", "validator") if isinstance(attested, list) and role in attested]
    evidence = receipt.get("evidence")
    checks = []
    for name in [f"{role}-machine" for role in demanded]:
        if not isinstance(evidence, dict) or name not in evidence:
            checks.append(failed(name, "the request demands it, and the receipt has none"))
        else:
            checks.append(skipped(name, "nobody looked at the machine's evidence: this client reads none"))
    return checks


class Client:
    """
    @param base_url: of the gateway, with or without `/v1`. @param trust: the JSON object of a trust file. @param allow: ids of checks
    that the caller does without where they are skipped. @param is_salted: whether each request without a seed gets a salt of its own.
    @param is_sealed: whether requests are sealed to their providers, so that the gateway sees ciphertext and the fee alone
    (docs/spec/sealed-calls.md). A request that cannot be sealed is not sent. @param settlement_type: `private`, `batch` or `individual`, the
    part of each reply that becomes public (docs/accounts.md#settlement-types). Default: `batch`.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        trust: Mapping[str, Any] | None = None,
        allow: tuple[str, ...] | list[str] = (),
        timeout: float = 600.0,
        is_salted: bool = True,
        is_sealed: bool = False,
        settlement_type: str | None = None,
    ) -> None:
        url = urlsplit(base_url.rstrip("/").removesuffix("/v1"))
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(f"{base_url} is no address of a gateway")
        self._url, self._api_key, self._timeout = url, api_key, timeout
        known = dict(trust or {})
        known["allow"] = [*known.get("allow", []), *allow]
        self._trust = known
        self._distrusted: list[bytes] = []
        self.is_salted = is_salted
        self.is_sealed = is_sealed
        self._settlement_type = settlement_type
        self.chat = _Chat(self)
        self.completions = _Completions(self, "/v1/completions", "completion")
        self.embeddings = _Embeddings(self)
        self.images = _Images(self)

    def rerank(self, **params: Any) -> Any:
        """
        Documents by how well they answer a query: scores that equal the signed ones to the bit, in the order that follows from them.
        @raises GatewayError, ReceiptError
        """
        return self._ask_vectors("/v1/rerank", "rerank", params, read_scores)

    def infer(self, **params: Any) -> Any:
        """
        Runs a model on named tensors: outputs that equal the signed ones to the bit. @raises GatewayError, ReceiptError; SealedCallError of a
        client that seals its requests
        """
        body = self._encode(params)
        if self.is_sealed:
            opened, verdict = self._ask_sealed(SealedRequestOf("infer", body, self._trust), "infer", body, 0)
            sealed_answer = Answer(word_tensors(params, opened))
            sealed_answer.verdicts = [verdict]
            return sealed_answer
        with self._open("POST", "/v1/infer", body) as response:
            answer = Answer(read_json(response.read(_MOST_ANSWER_BYTES)))
        try:
            signed = read_tensors(answer)
        except WireError as error:
            raise ReceiptError(f"the tensors cannot be read: {error}") from None
        answer.verdicts = self.check("infer", body, answer.get("ogong"), {0: signed})
        return answer

    def _ask_vectors(self, path: str, endpoint: str, params: dict[str, Any], read: Callable[[Any, Any], bytes]) -> Any:
        """One reply answers for all inputs. @param read: the bytes that the provider must have signed, of the answer and what was asked."""
        body = self._encode(params)
        if self.is_sealed:
            opened, verdict = self._ask_sealed(SealedRequestOf(endpoint, body, self._trust), endpoint, body, 0)
            answer = Answer(word_vectors(endpoint, params, opened))
            answer.verdicts = [verdict]
            return answer
        with self._open("POST", path, body) as response:
            answer = Answer(read_json(response.read(_MOST_ANSWER_BYTES)))
        answer.verdicts = self.check(endpoint, body, answer.get("ogong"), {0: read(answer, params)})
        return answer

    def _encode(self, params: dict[str, Any], own: Mapping[str, Any] = {}) -> bytes:
        """These bytes are what is sent, hashed and signed for. fields that this client adds to its caller's."""
        if self.is_salted and params.get("seed") is None:
            # Its hash does not reveal a prompt that can be guessed. Requests whose caller names a seed are to be answered equally.
            params["ogong"] = {"salt": secrets.token_hex(16), **(params.get("ogong") or {})}
        return json.dumps({**params, **own}, ensure_ascii=False, separators=(",", ":")).encode("utf-8")

    def _open(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> http.client.HTTPResponse:
        is_safe = self._url.scheme == "https"
        connect = http.client.HTTPSConnection if is_safe else http.client.HTTPConnection
        connection = connect(self._url.hostname or "", self._url.port, timeout=self._timeout)
        headers = {"content-type": kind, "x-ogong-receipt": "inline"} if body is not None else {}
        if body is not None and self._settlement_type is not None:
            headers["x-settlement-type"] = self._settlement_type
        if self._api_key is not None:
            headers["authorization"] = f"Bearer {self._api_key}"
        connection.request(method, self._url.path + path, body, headers)
        response = connection.getresponse()
        if response.status != 200:
            said = response.read(1 << 20)
            connection.close()
            try:
                raise GatewayError(response.status, json.loads(said))
            except ValueError:
                raise GatewayError(response.status, said.decode("utf-8", "replace")) from None
        return response

    def _get(self, path: str) -> bytes:
        with self._open("GET", path) as response:
            data = response.read(_MOST_ANSWER_BYTES + 1)
        if len(data) > _MOST_ANSWER_BYTES:
            raise ReceiptError("the gateway's answer is larger than any receipt")
        return data

    def check(
        self,
        endpoint: str,
        body: bytes,
        said: Mapping[str, Any] | None,
        texts: Mapping[int, bytes | None],
        messages: Mapping[int, Any] | None = None,
    ) -> list[Verdict]:
        """
        Checks the receipts of one answer. @param said: its field `ogong`. @param texts: by choice the bytes of what was shown; None where
        the answer has calls or reasoning besides, whose text is the receipt's. @param messages: of a chat, by choice, what was shown: it
        has to be what the signed text says (check `answer`). @raises ReceiptError
        """
        receipts = said.get("receipts") if isinstance(said, dict) else None
        if endpoint == "image" and isinstance(receipts, list) and len(receipts) > len(texts):
            return self._check_chains(body, receipts, texts, messages or {})
        if not isinstance(receipts, list) or len(receipts) != len(texts):
            raise ReceiptError("the answer does not carry a receipt for each choice")
        replies = set()
        verdicts = []
        for index, item in enumerate(receipts):
            reply_id = item.get("reply_id") if isinstance(item, dict) else None
            if not isinstance(reply_id, str) or len(reply_id) != 32 or not reply_id.isalnum() or reply_id in replies:
                raise ReceiptError("a receipt names no reply, or one that another choice has")
            replies.add(reply_id)
            verdict = self._check_one(endpoint, body, item.get("receipt"), reply_id, texts[index], (messages or {}).get(index))
            if not verdict.ok:
                wrong = ", ".join(verdict.failed or verdict.missing)
                raise ReceiptError(f"choice {index}: {'failed' if verdict.failed else 'missing'}: {wrong}", verdict)
            verdicts.append(verdict)
        return verdicts

    def _check_chains(
        self, body: bytes, receipts: list[Any], texts: Mapping[int, bytes | None], messages: Mapping[int, Any]
    ) -> list[Verdict]:
        """
        Each picture was bought as a chain of orders (docs/spec/trajectory.md#chains). The receipt of a link is about a request that is
        composed here: its first latent is the answer of the link before. @returns the verdict of each last link. @raises ReceiptError
        """
        steps, count = parse_picture_request(body).steps, len(receipts) // len(texts)
        if steps is None or len(receipts) % len(texts) != 0:
            raise ReceiptError("the answer does not carry a receipt for each choice")
        verdicts, roots, replies = [], set(), set()
        for choice in range(len(texts)):
            first, latent = 0, None
            for at, item in enumerate(receipts[choice * count : (choice + 1) * count], 1):
                reply_id = item.get("reply_id") if isinstance(item, dict) else None
                if not isinstance(reply_id, str) or len(reply_id) != 32 or not reply_id.isalnum() or reply_id in replies:
                    raise ReceiptError("a receipt names no reply, or one that another choice has")
                replies.add(reply_id)
                last, shown = steps, texts[choice]
                if at < count:
                    last, shown = self._read_link(reply_id)
                asked = compose_link_body(body, first, last, latent)
                message = messages.get(choice) if at == count else None
                verdict = self._check_one("image", asked, item.get("receipt"), reply_id, shown, message)
                if not verdict.ok:
                    wrong = ", ".join(verdict.failed or verdict.missing)
                    raise ReceiptError(f"choice {choice}: {'failed' if verdict.failed else 'missing'}: {wrong}", verdict)
                record, order = (base64.b64decode(item["receipt"][part]["bytes"]) for part in ("record", "order"))
                opened = parse_picture_header(parse_opening(self._get(f"/v1/receipts/{reply_id}/opening")).header)
                made = (opened.width, opened.height, opened.steps, opened.guidance, opened.sampler, opened.model_sampler)
                roots.add((choice, parse_record(record).model_root, *made))
                if parse_order(order).choice != choice or len(roots) != choice + 1:
                    raise ReceiptError(f"choice {choice}: failed: chain", verdict)
                first, latent = last, sha256(shown or b"")
            verdict.checks.append(passed("chain", f"{count} links, each from the answer of the one before, run {steps} steps"))
            verdicts.append(verdict)
        return verdicts

    def _read_link(self, reply_id: str) -> tuple[int, bytes]:
        """The step before which a link ends, and its latent: the receipt proves both."""
        stored = json.loads(self._get(f"/v1/receipts/{reply_id}"))
        try:
            asked = parse_picture_request(base64.b64decode(stored["request"]))
            return (asked.range.last if asked.range else 0), base64.b64decode(stored["response"])
        except (WireError, KeyError, TypeError, ValueError) as error:
            raise ReceiptError(f"a link cannot be read: {error}") from None

    def _check_one(
        self, endpoint: str, body: bytes, compact: Any, reply_id: str, shown: bytes | None, message: Any
    ) -> Verdict:
        """The compact receipt came with the answer; opening, intake and the text of calls are asked for."""
        if not isinstance(compact, dict) or compact.get("endpoint") != endpoint:
            raise ReceiptError("the answer carries no receipt of this endpoint")
        stored = self._await_intake(reply_id)
        opening = self._get(f"/v1/receipts/{reply_id}/opening")
        receipt = {**compact, "opening": {"bytes": base64.b64encode(opening).decode("ascii")}}
        if "intake" in stored:
            receipt["intake"] = stored["intake"]
        response = shown if shown is not None else base64.b64decode(str(stored.get("response")))
        verdict = verify_receipt(receipt, request=body, response=response, trust=self._trust, now_ms=time.time_ns() // 1_000_000)
        verdict.checks.extend(check_roles(body, receipt))
        # Only signed bytes can be read.
        if isinstance(message, Picture) and not verdict.failed:
            made = parse_picture_header(parse_opening(opening).header)
            is_whole = (made.width, made.height) == (message.width, message.height)
            verdict.checks.append(hold("answer", is_whole, "the picture is shown in its signed size"))
        elif message is not None and not verdict.failed:
            header = parse_header(parse_opening(opening).header)
            verdict.checks.append(check_answer(read_message(message), response, header.answer_format, body))
        return verdict

    # --- sealed calls ----------------------------------------------------------------------------------------------------------------

    def _send(self, path: str, message: Mapping[str, Any], more: bytes) -> http.client.HTTPResponse:
        body = json.dumps(message, separators=(",", ":")).encode("utf-8")
        if not more:
            return self._open("POST", path, body)
        return self._open("POST", path, len(body).to_bytes(4, "big") + body + more, "application/octet-stream")

    def _post(self, path: str, message: Mapping[str, Any], more: bytes = b"") -> Any:
        """@param more: bytes behind the message (docs/spec/sealed-calls.md#bytes-behind-a-message)."""
        try:
            with self._send(path, message, more) as response:
                return json.loads(response.read(_MOST_ANSWER_BYTES) or b"null")
        except GatewayError as error:
            if path.endswith("/offers") and error.status in (404, 405, 501) and error.code != "model_not_found":
                raise SealedCallError("unsupported", "this gateway offers no sealed calls; nothing was sent") from None
            raise

    def _stream_sealed(self, path: str, message: Mapping[str, Any], more: bytes) -> Iterator[str]:
        with self._send(path, message, more) as response:
            for data in _read_events(response):
                if data.startswith("{") and "error" in json.loads(data):
                    raise GatewayError(0, json.loads(data))
                yield data

    def _ask_sealed(self, call: SealedRequestOf, endpoint: str, body: bytes, choice: int) -> tuple[Opened, Verdict]:
        """A whole reply that was checked. One that fails is asked of somebody else."""
        tries = Tries(call, self._post, choice, self._distrusted)
        while True:
            try:
                *_, opened = call.open_reply(self._post, self._stream_sealed, tries.offer())
                assert isinstance(opened, Opened)
            except (SealedCallError, GatewayError) as error:
                tries.fail(error)
                continue
            try:
                return opened, self._check_sealed(opened, endpoint, body, choice)
            except ReceiptError as error:
                if error.verdict is None or not error.verdict.failed:
                    raise
                tries.distrust()
                tries.repeat(error)

    def _check_sealed(self, opened: Opened, endpoint: str, body: bytes, choice: int) -> Verdict:
        """@raises ReceiptError. The gateway receives the result; the validator's confirmation of the record comes after that."""
        receipt: dict[str, Any] = opened.receipt
        trust = {**self._trust, "allow": [*self._trust["allow"], "intake"]}

        def verify(known: Mapping[str, Any]) -> Verdict:
            now_ms = time.time_ns() // 1_000_000
            return verify_receipt(receipt, request=body, response=opened.response, trust=known, now_ms=now_ms)

        verdict = verify(trust)
        names = [name for name in verdict.failed or verdict.missing]
        if names:
            if verdict.failed:
                tell_failed(self._post, opened, names[0])
            raise ReceiptError(f"choice {choice}: {'failed' if verdict.failed else 'missing'}: {', '.join(names)}", verdict)
        tell_held(self._post, opened)
        stored = self._await_intake(opened.reply_id)
        if "intake" in stored:
            receipt["intake"] = stored["intake"]
        verdict = verify(self._trust)
        if not verdict.ok:
            wrong = ", ".join(verdict.failed or verdict.missing)
            raise ReceiptError(f"choice {choice}: {'failed' if verdict.failed else 'missing'}: {wrong}", verdict)
        return verdict

    def _await_intake(self, reply_id: str) -> dict[str, Any]:
        """The stored receipt, once the validator has signed that it has the record, or as it is after six seconds."""
        until = time.monotonic() + (0 if "intake" in self._trust["allow"] else _INTAKE_SECONDS)
        while True:
            stored = json.loads(self._get(f"/v1/receipts/{reply_id}"))
            if not isinstance(stored, dict):
                raise ReceiptError("the gateway keeps no receipt of this reply")
            if "intake" in stored or time.monotonic() >= until:
                return stored
            time.sleep(0.25)


class _Chat:
    def __init__(self, client: Client) -> None:
        self.completions = _Completions(client, "/v1/chat/completions", "chat")


class _Completions:
    def __init__(self, client: Client, path: str, endpoint: str) -> None:
        self._client, self._path, self._endpoint = client, path, endpoint

    def create(self, *, stream: bool = False, **params: Any) -> Any:
        """
        With `stream=True` an iterator of chunks, whose last one comes once all is checked; else the answer.
        @raises GatewayError, ReceiptError
        """
        own: dict[str, Any] = {}
        if stream:
            params["stream"] = True
            if "seed" not in params and params.get("temperature") != 0:
                # With a seed another provider can continue if one fails (docs/spec/request.md#unbroken-streams). It is no caller's, so the
                # request is salted all the same.
                own["seed"] = secrets.randbits(53)
        urls: dict[str, str] = {}
        params = _detach_pictures(params, urls)
        body = self._client._encode(params, own)
        choices = params.get("n") or 1
        if self._client.is_sealed and urls:
            raise SealedCallError("unsupported", "requests with pictures are not sealed by this client; nothing was sent")
        if self._client.is_sealed:
            return self._create_sealed(body, params, choices, stream)
        response = self._client._open("POST", self._path, _attach_pictures(body, urls))
        if stream:
            return self._stream(response, body, choices)
        with response:
            answer = Answer(read_json(response.read(_MOST_ANSWER_BYTES)))
        messages: dict[int, Any] = {}
        for choice in answer.get("choices", []):
            messages[choice["index"]] = choice.get("message") if self._endpoint == "chat" else {"content": choice.get("text")}
        answer.verdicts = self._check(body, answer.get("ogong"), messages, choices)
        return answer

    def _create_sealed(self, body: bytes, params: Mapping[str, Any], choices: int, stream: bool) -> Any:
        call = SealedRequestOf(self._endpoint, body, self._client._trust)
        if stream:
            if choices != 1:
                raise SealedCallError("unsupported", "a sealed stream has one choice here")
            return self._stream_sealed(call, body, str(params.get("model")))
        read = [self._client._ask_sealed(call, self._endpoint, body, choice) for choice in range(choices)]
        words = [_word_choice(self._endpoint, index, opened, body) for index, (opened, _) in enumerate(read)]
        counts = [count_tokens(opened, self._endpoint) for opened, _ in read]
        prompt, output = counts[0][0], sum(count[1] for count in counts)
        answer = Answer(
            as_shown(
                {
                    "id": f"{'chatcmpl' if self._endpoint == 'chat' else 'cmpl'}-{read[0][0].reply_id}",
                    "object": "chat.completion" if self._endpoint == "chat" else "text_completion",
                    "created": int(time.time()),
                    "model": params.get("model"),
                    "choices": words,
                    "usage": {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output},
                    "ogong": {"receipts": [{"reply_id": opened.reply_id, "receipt": opened.receipt} for opened, _ in read]},
                }
            )
        )
        answer.verdicts = [verdict for _, verdict in read]
        return answer

    def _stream_sealed(self, call: SealedRequestOf, body: bytes, model: str) -> Iterator[Shown]:
        """
        Texts as they come. The last chunk comes once all is checked. Where a provider dies, another one goes on if it draws the same, and
        repeats what was shown.
        """
        client = self._client
        # The reply ids are known once they are over; all chunks have one name.
        name = f"{'chatcmpl' if self._endpoint == 'chat' else 'cmpl'}-{secrets.token_hex(16)}"
        kind = "chat.completion.chunk" if self._endpoint == "chat" else "text_completion"

        def chunk(text: str, reason: str | None, more: Mapping[str, Any] = {}) -> Shown:
            said = {"delta": {"content": text} if text or reason is None else {}} if self._endpoint == "chat" else {"text": text}
            choice = {"index": 0, **said, "finish_reason": reason}
            return as_shown({"id": name, "object": kind, "created": int(time.time()), "model": model, "choices": [choice], **more})

        tries = Tries(call, client._post, 0, client._distrusted)
        shown = RepeatedText()
        opened: Opened | None = None
        while opened is None:
            shown.restart()
            try:
                with closing(call.open_reply(client._post, client._stream_sealed, tries.offer())) as parts:
                    for part in parts:
                        if isinstance(part, Opened):
                            shown.end()
                            opened = part
                        elif text := shown.take(part):
                            yield chunk(text, None)
            except (SealedCallError, GatewayError) as error:
                tries.fail(error, shown.has_begun and not call.has_fixed_draws)
        try:
            client._check_sealed(opened, self._endpoint, body, 0)
        except ReceiptError as error:
            if error.verdict is not None and error.verdict.failed:
                tries.distrust()
            raise
        receipts = [{"reply_id": opened.reply_id, "receipt": opened.receipt}]
        yield chunk("", count_tokens(opened, self._endpoint)[2], {"ogong": {"receipts": receipts}})

    def _check(self, body: bytes, said: Any, messages: dict[int, Any], choices: int) -> list[Verdict]:
        if sorted(messages) != list(range(choices)):
            raise ReceiptError("the answer has not the choices that were asked for")
        texts: dict[int, bytes | None] = {}
        for index, message in messages.items():
            content = message.get("content") if isinstance(message, dict) else None
            plain = isinstance(content, str) and not message.get("tool_calls") and not message.get("reasoning_content")
            texts[index] = content.encode("utf-8", "replace") if plain else None
        return self._client.check(self._endpoint, body, said, texts, messages if self._endpoint == "chat" else None)

    def _stream(self, response: http.client.HTTPResponse, body: bytes, choices: int) -> Iterator[Shown]:
        messages: dict[int, dict[str, Any]] = {index: {"content": ""} for index in range(choices)}
        held: Shown | None = None
        is_done = False
        with response:
            for data in _read_events(response):
                if data == "[DONE]":
                    is_done = True
                    break
                chunk = read_json(data)
                if "error" in chunk:
                    raise GatewayError(0, chunk)
                for choice in chunk.get("choices", []):
                    part = choice.get("delta", {}) if self._endpoint == "chat" else choice
                    index = choice["index"]
                    if index not in messages:
                        raise ReceiptError("the answer has not the choices that were asked for")
                    _add_part(messages[index], part if self._endpoint == "chat" else {"content": part.get("text")})
                if held is not None:
                    yield held
                held = chunk
        if not is_done or held is None:
            raise ReceiptError("the stream broke off")
        self._check(body, held.get("ogong"), messages, choices)
        yield held


def _add_part(message: dict[str, Any], part: Mapping[str, Any]) -> None:
    """Adds one more chunk of a stream. @raises ReceiptError"""
    for name in ("content", "reasoning_content"):
        if part.get(name):
            message[name] = message.get(name, "") + str(part[name])
    for call in part.get("tool_calls") or []:
        calls = message.setdefault("tool_calls", [])
        at = call.get("index") if isinstance(call, dict) else None
        if not isinstance(at, int) or not 0 <= at <= len(calls):
            raise ReceiptError("a call stands in no place")
        if at == len(calls):
            calls.append({"function": {"name": "", "arguments": ""}})
        for name in ("name", "arguments"):
            calls[at]["function"][name] += str((call.get("function") or {}).get(name) or "")


def _word_choice(endpoint: str, index: int, opened: Opened, body: bytes) -> dict[str, Any]:
    text, reason = opened.response.decode("utf-8"), count_tokens(opened, endpoint)[2]
    said: dict[str, Any] = {"text": text}
    if endpoint == "chat":
        answer_format = parse_header(parse_opening(opened.opening).header).answer_format
        read = read_answer(text, name_format(answer_format), read_terms(body))
        message: dict[str, Any] = {"role": "assistant", "content": read.content}
        if read.reasoning:
            message["reasoning_content"] = read.reasoning
        if read.calls:
            calls = [{"name": name, "arguments": arguments} for name, arguments in read.calls]
            message["tool_calls"] = [{"id": f"call_{at}", "type": "function", "function": call} for at, call in enumerate(calls)]
            message["content"] = read.content or None
            reason = "tool_calls" if reason == "stop" else reason
        said = {"message": message}
    return {"index": index, **said, "logprobs": None, "finish_reason": reason}


class _Embeddings:
    def __init__(self, client: Client) -> None:
        self._client = client

    def create(self, **params: Any) -> Any:
        """
        Vectors that equal the signed ones to the bit, one for each input, in the order of the inputs. More inputs than one order has are asked
        in parts. @raises GatewayError, ReceiptError
        """
        ask = self._client._ask_vectors
        return ask_inputs(params, lambda part: ask("/v1/embeddings", "embedding", part, read_vectors))


class _Images:
    def __init__(self, client: Client) -> None:
        self._client = client

    def generate(self, **params: Any) -> Any:
        """
        Pictures whose pixels equal the signed ones: `answer.pictures`, by choice. `links` and `projections` are skipped: the gateway has
        checked them against the model's outputs. @raises GatewayError, ReceiptError; SealedCallError of a client that seals its requests
        """
        return self._ask("/v1/images/generations", "image", params)

    def edit(self, *, image: bytes | str, mask: bytes | str | None = None, **params: Any) -> Any:
        """
        Changes a picture: `image` is the bytes of a file or a data URL, and the transparent pixels of `mask` are painted again. As generate.
        """
        files = {"image": image} if mask is None else {"image": image, "mask": mask}
        return self._ask("/v1/images/edits", "image-edit", params, files)

    def create_variation(self, *, image: bytes | str, **params: Any) -> Any:
        """Variations of a picture. As edit, without a prompt."""
        return self._ask("/v1/images/variations", "image-variation", params, {"image": image})

    def _ask(self, path: str, endpoint: str, params: dict[str, Any], files: Mapping[str, bytes | str] = {}) -> Any:
        return ask_parts(split_pictures(params), lambda part: self._ask_part(path, endpoint, part, files))

    def _ask_part(self, path: str, endpoint: str, params: dict[str, Any], files: Mapping[str, bytes | str]) -> Any:
        client = self._client
        if client.is_sealed:
            raise SealedCallError("unsupported", "requests for pictures are not sealed; nothing was sent")
        if params.get("stream"):
            raise ValueError("streams of pictures are not read here: leave stream out")
        # The ordered body has references in the places of the files (docs/spec/media.md). Every other byte is equal.
        urls = {name: _to_data_url(file) for name, file in files.items()}
        detached = {**params, **{name: _to_reference(url) for name, url in urls.items()}}
        body = client._encode(detached)
        written = client._encode({**detached, **urls})
        with client._open("POST", path, written) as response:
            answer = Answer(read_json(response.read(_MOST_ANSWER_BYTES)))
        pictures = read_pictures(answer, params.get("n") or 1)
        shown = {i: picture.pixels for i, picture in enumerate(pictures)}
        answer.verdicts = client.check(endpoint, body, answer.get("ogong"), shown, dict(enumerate(pictures)))
        answer.pictures = pictures
        return answer


def _detach_pictures(params: dict[str, Any], urls: dict[str, str]) -> dict[str, Any]:
    """
    The request as it is ordered: references in place of data URLs (docs/spec/media.md).
    @param urls: receives the data URL of each reference.
    """
    messages = params.get("messages")
    if not isinstance(messages, list):
        return params

    def detach_url(url: Any) -> Any:
        if not isinstance(url, str) or not url.startswith("data:"):
            return url
        reference = _to_reference(url)
        urls[reference] = url
        return reference

    def detach_part(part: Any) -> Any:
        if not isinstance(part, dict) or part.get("type") != "image_url":
            return part
        shown = part.get("image_url")
        url = {**shown, "url": detach_url(shown.get("url"))} if isinstance(shown, dict) else detach_url(shown)
        return {**part, "image_url": url}

    def detach(message: Any) -> Any:
        content = message.get("content") if isinstance(message, dict) else None
        return {**message, "content": [detach_part(part) for part in content]} if isinstance(content, list) else message

    return {**params, "messages": [detach(message) for message in messages]}


def _attach_pictures(body: bytes, urls: Mapping[str, str]) -> bytes:
    """The request as it is written: every other byte is that of the ordered body."""
    for reference, url in urls.items():
        body = body.replace(json.dumps(reference).encode("utf-8"), json.dumps(url).encode("utf-8"))
    return body


def _to_data_url(file: bytes | str) -> str:
    if isinstance(file, str):
        return file
    return f"data:image/png;base64,{base64.b64encode(file).decode('ascii')}"


def _to_reference(url: str) -> str:
    head, found, content = url.partition(";base64,")
    if not found or not head.startswith("data:"):
        raise ValueError("a file is bytes or a data URL")
    return f"ogong:media/{sha256(base64.b64decode(content, validate=True)).hex()}"


def _read_events(response: http.client.HTTPResponse) -> Iterator[str]:
    while line := response.readline(_MOST_LINE_BYTES):
        if line.startswith(b"data: "):
            yield line[6:].strip().decode("utf-8")
