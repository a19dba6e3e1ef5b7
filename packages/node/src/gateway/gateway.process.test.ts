import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { Refusal } from '@ogong/host/link/link-error';
import { fromBase64, fromHex, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { hashRecord } from '@ogong/protocol/commitment/record';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { findValidator } from '@ogong/protocol/crypto/quorum';
import { findAdmissionProblem, type SignedAdmission } from '@ogong/protocol/exchange/admission';
import { verifyComplaint } from '@ogong/protocol/exchange/complaint';
import { hashDelivery, parseDelivery } from '@ogong/protocol/exchange/delivery';
import { verifyHeld } from '@ogong/protocol/exchange/held-delivery';
import { verifyIntake } from '@ogong/protocol/exchange/intake-receipt';
import { type NamedOrder, nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import type { OrderKeyGrant } from '@ogong/protocol/exchange/order-key-grants';
import { openProgress, parseProgress, type SignedProgress } from '@ogong/protocol/exchange/progress';
import {
  type ComplainRequest,
  type TokenLogprob,
  TokenLogprobSchema,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { PROVIDER_HEADER } from '@ogong/protocol/http/routes';
import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import { parseReceipt } from '@ogong/protocol/stage1/receipt';
import { parseTrust, toTrustJson } from '@ogong/protocol/stage1/trust';
import type { SignedRecord } from '@ogong/protocol/verdict/claim';
import { verifyDelivery } from '@ogong/protocol/verdict/delivered-record';
import { verifyReceipt } from '@ogong/protocol/verdict/verify-receipt';
import {
  FAKE_MODEL,
  type FakeNetwork,
  type FakeProvider,
  fakePayer,
  type ProviderBehaviour,
} from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type FixtureOptions, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import type { OgongField } from './completions.ts';

type HeldJson = Readonly<Record<'validator' | 'delivery' | 'signature', string>>;

let fixture: GatewayFixture;
afterEach(() => fixture.close());

async function open(options: FixtureOptions = {}): Promise<OpenAI> {
  fixture = await createGatewayFixture(options);
  return new OpenAI({
    baseURL: `${fixture.url}/v1`,
    apiKey: 'unused',
    maxRetries: 0,
    defaultHeaders: { 'x-ogong-receipt': 'inline' },
  });
}

const STORY = 'Once upon a time there was a small fox.';
/** One for each token. */
const WORDS = STORY.split(/(?= |\.)/);
const chat = { model: FAKE_MODEL, messages: [{ role: 'user' as const, content: 'Tell me a story' }] };
/** What the gateway said while replies came. */
const readWords = ({ words }: FakeNetwork) =>
  words.map(({ progress }) => parseProgress((progress as SignedProgress).progress));
const ogongOf = (value: unknown): OgongField => (value as { ogong: OgongField }).ogong;

describe('a gateway that pays from a wallet', () => {
  const address = new Uint8Array(20).fill(0xa1);

  it('orders in its name by a key that it has allowed, and its receipts hold for whoever knows the key', async () => {
    const client = await open({ wallet: { address, limitAtomic: 10n ** 30n } });
    const answer = await client.chat.completions.create(chat);
    const { receipt: json, checks = [] } = ogongOf(answer).receipts[0] as OgongField['receipts'][number];
    expect(checks.filter(({ status }) => status === 'fail')).toEqual([]);
    const receipt = parseReceipt(json);
    const order = nameOrder(crypto, receipt.ledger, parseOrder(receipt.order.bytes));
    expect(order.payer).toEqual(address);
    const grant = { payer: address, validator: order.validator, key: fakePayer.address, limitAtomic: 10n ** 30n };
    const given = {
      crypto,
      request: utf8Encode(JSON.stringify(chat)),
      response: utf8Encode(answer.choices[0]?.message.content ?? ''),
    };
    const signed = (orderKeys: readonly OrderKeyGrant[]) =>
      verifyReceipt(receipt, { ...given, trust: { orderKeys } }).checks.find(({ id }) => id === 'order-signature')
        ?.status;
    expect(signed([grant])).toBe('pass');
    expect(signed([])).toBe('fail');
    expect(signed([{ ...grant, limitAtomic: order.cumulativeAtomic - 1n }])).toBe('fail');
    expect(signed([{ ...grant, key: new Uint8Array(20) }])).toBe('fail');
    expect(signed([{ ...grant, validator: new Uint8Array(20) }])).toBe('fail');
    expect(parseTrust(toTrustJson({ orderKeys: [grant] }))).toEqual({ orderKeys: [grant] });
    await expect.poll(() => fixture.network.deliveries.length).toBeGreaterThan(0);
  });

  it('orders nothing beyond what the key may sign for', async () => {
    const client = await open({ wallet: { address, limitAtomic: 1n } });
    await expect(client.chat.completions.create(chat)).rejects.toThrow(/channel|escrow|fund/i);
    expect(fixture.network.orders).toEqual([]);
  });
});

describe('the official client', () => {
  it('gets a whole answer with its receipt', async () => {
    const client = await open();
    const answer = await client.chat.completions.create(chat);
    expect(answer.choices).toEqual([
      {
        index: 0,
        message: { role: 'assistant', content: STORY, refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      },
    ]);
    expect(answer.usage).toEqual({ prompt_tokens: 3, completion_tokens: 10, total_tokens: 13 });
    const [receipt] = ogongOf(answer).receipts;
    expect(receipt?.checks?.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(receipt?.checks?.find(({ id }) => id === 'draw-replay')?.status).toBe('pass');
  });

  it('gets receipt and checks by reference where it does not ask for them', async () => {
    const client = await open();
    const short = { ...chat, max_tokens: 4 };
    const byReference = { headers: { 'x-ogong-receipt': null } };
    const { data, response } = await client.chat.completions.create(short, byReference).withResponse();
    const { receipts } = ogongOf(data);
    expect(receipts).toEqual([{ reply_id: expect.any(String), url: expect.any(String) }]);
    expect(JSON.stringify(data).length).toBeLessThan(1000);
    const inline = await client.chat.completions.create(short);
    expect(JSON.stringify(inline).length).toBeGreaterThan(5000);
    for (const path of [response.headers.get('x-ogong-receipt'), receipts[0]?.url]) {
      const { checks } = (await (await fetch(`${fixture.url}${path}`)).json()) as { checks: { status: string }[] };
      expect(checks.filter(({ status }) => status === 'pass').length).toBeGreaterThan(5);
    }
  });

  it('demands to pay for accepted replies only where the gateway does, and is told where it checks', async () => {
    const client = await open({ options: { spending: { settle: 'accepted' } } });
    const data = await client.chat.completions.create(chat, { headers: { 'x-ogong-receipt': null } });
    const { url } = ogongOf(data).receipts[0] as OgongField['receipts'][number];
    const full = (await (await fetch(`${fixture.url}${url}`)).json()) as { request: string; checks: Check[] };
    const asked = { ...chat, ogong: { settle: 'accepted' } };
    expect(JSON.parse(Buffer.from(full.request, 'base64').toString())).toEqual(asked);
    expect(full.checks.find(({ id }) => id === 'demands')?.status).toBe('pass');
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ status: 400, param: 'ogong.settle' });
    await expect(client.chat.completions.create(asked)).resolves.toBeDefined();
  });

  it('gets a stream with its receipt in the last chunk', async () => {
    const client = await open();
    const { data, response } = await client.chat.completions.create({ ...chat, stream: true }).withResponse();
    const chunks = [];
    for await (const chunk of data) chunks.push(chunk);
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe(STORY);
    expect(chunks[0]?.choices[0]?.delta).toEqual({ role: 'assistant', content: '' });
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('stop');
    expect(chunks.filter((chunk) => 'ogong' in chunk)).toEqual([chunks.at(-1)]);
    expect(response.headers.get('x-ogong-receipt')).toBe(`/v1/receipts/${chunks[0]?.id}`);
    expect(ogongOf(chunks.at(-1)).receipts).toHaveLength(1);
  });

  it('can check the receipt by itself, from what it sent and got', async () => {
    const client = await open();
    const { data } = await client.chat.completions.create(chat).withResponse();
    const { url } = ogongOf(data).receipts[0] as OgongField['receipts'][number];
    const full = (await (await fetch(`${fixture.url}${url}`)).json()) as { request: string };
    const request = fromBase64(full.request);
    expect(JSON.parse(new TextDecoder().decode(request))).toEqual(chat);
    const verdict = verifyReceipt(parseReceipt(full), {
      crypto: nobleCrypto,
      request,
      response: utf8Encode(data.choices[0]?.message.content ?? ''),
      trust: { ledger: fixture.network.chain.ledger, settlement: fixture.network.chain.network.settlement },
      nowMs: Date.now(),
    });
    expect(verdict.checks.filter(({ status }) => status !== 'pass').map(({ id }) => id)).toEqual([
      'router',
      'validator',
      'admission',
      'intake',
      'model-root',
    ]);
  });
});

describe('what a request may ask for', () => {
  it('several choices, each with its own order and receipt', async () => {
    const client = await open({ providers: [{}, {}] });
    const answer = await client.chat.completions.create({ ...chat, n: 2 });
    expect(answer.choices.map(({ index, message }) => [index, message.content])).toEqual([
      [0, STORY],
      [1, STORY],
    ]);
    expect(answer.usage?.completion_tokens).toBe(20);
    expect(new Set(ogongOf(answer).receipts.map(({ reply_id }) => reply_id)).size).toBe(2);
    expect(fixture.network.orders.map(({ choice }) => choice).sort()).toEqual([0, 1]);
    expect(new Set(fixture.network.orders.map(({ cumulativeAtomic }) => cumulativeAtomic)).size).toBe(2);

    const chunks = [];
    for await (const chunk of await client.chat.completions.create({ ...chat, n: 2, stream: true })) chunks.push(chunk);
    for (const index of [0, 1]) {
      const mine = chunks.flatMap(({ choices }) => choices).filter((choice) => choice.index === index);
      expect(mine.map(({ delta }) => delta.content ?? '').join('')).toBe(STORY);
      expect(mine.map(({ finish_reason }) => finish_reason).filter((reason) => reason !== null)).toEqual(['stop']);
    }
    expect(chunks.filter((chunk) => 'ogong' in chunk)).toEqual([chunks.at(-1)]);
    expect(ogongOf(chunks.at(-1)).receipts).toHaveLength(2);
  });

  it('a limit and stop strings', async () => {
    const client = await open();
    const short = await client.chat.completions.create({ ...chat, max_tokens: 3 });
    expect([short.choices[0]?.message.content, short.choices[0]?.finish_reason]).toEqual(['Once upon a', 'length']);
    const stopped = await client.chat.completions.create({ ...chat, stop: [' there', 'fox'] });
    expect([stopped.choices[0]?.message.content, stopped.choices[0]?.finish_reason]).toEqual([
      'Once upon a time',
      'stop',
    ]);
  });

  it('samplers, which the receipt proves', async () => {
    const client = await open();
    for (const parameters of [
      { temperature: 0 },
      { temperature: 0.7, top_p: 0.9, presence_penalty: 1, frequency_penalty: 0.5 },
      { logit_bias: { 5: 10 } },
      { seed: 42 },
    ]) {
      const answer = await client.chat.completions.create({ ...chat, ...parameters });
      const { checks = [] } = ogongOf(answer).receipts[0]!;
      expect(checks.filter(({ status }) => status === 'fail')).toEqual([]);
      expect(checks.find(({ id }) => id === 'draw-key')?.status).toBe('pass');
    }
  });

  it('logprobs, whole and streamed', async () => {
    const client = await open();
    const answer = await client.chat.completions.create({ ...chat, logprobs: true, top_logprobs: 2, max_tokens: 2 });
    const content = answer.choices[0]?.logprobs?.content ?? [];
    expect(content.map(({ token, bytes }) => [token, bytes])).toEqual([
      ['Once', [79, 110, 99, 101]],
      [' upon', [32, 117, 112, 111, 110]],
    ]);
    expect(content.every(({ logprob }) => logprob < 0)).toBe(true);
    const [best, second] = content[0]?.top_logprobs ?? [];
    expect(best?.logprob).toBeGreaterThanOrEqual(second?.logprob as number);
    expect(content[0]?.top_logprobs).toHaveLength(2);
    const streamed = [];
    for await (const { choices } of await client.chat.completions.create({ ...chat, logprobs: true, stream: true })) {
      streamed.push(...(choices[0]?.logprobs?.content ?? []));
    }
    expect(streamed.map(({ token }) => token).join('')).toBe(STORY);
  });

  const tools = [{ type: 'function' as const, function: { name: 'weather', parameters: { type: 'object' } } }];
  const called = { type: 'function', function: { name: 'weather', arguments: '{"city": "Paris"}' } };

  it('tools, which are called whole and streamed, and whose answers are read', async () => {
    const client = await open();
    const asked = { ...chat, tools, max_tokens: 40 };
    const { choices } = await client.chat.completions.create(asked);
    expect(choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: { content: 'I look.', tool_calls: [called] },
    });
    const streamed = await client.chat.completions.stream({ ...asked, stream: true }).finalChatCompletion();
    expect(streamed.choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: { content: 'I look.', tool_calls: [called] },
    });
    const call = streamed.choices[0]?.message.tool_calls?.[0];
    const answered = [
      ...chat.messages,
      { role: 'assistant' as const, content: null, tool_calls: [call as OpenAI.ChatCompletionMessageToolCall] },
      { role: 'tool' as const, tool_call_id: call?.id as string, content: 'Sun.' },
    ];
    const last = await client.chat.completions.create({ ...asked, messages: answered });
    expect(last.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: STORY } });
  });

  it.each(['required', { type: 'function', function: { name: 'weather' } }] as const)(
    'a call of a tool: %j',
    async (tool_choice) => {
      const client = await open();
      const { choices } = await client.chat.completions.create({ ...chat, tools, tool_choice, max_tokens: 40, n: 2 });
      const calls = choices.flatMap(({ message }) => message.tool_calls ?? []);
      expect(calls).toMatchObject([called, called]);
      expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
      expect(choices[0]?.message.content).toBeNull();
    },
  );

  it('reasoning, which comes apart from the answer', async () => {
    const format = { calls: 'hermes', reasoning: 'opened' } as const;
    const words = ['I ', 'think.', '\n</th', 'ink>', '\n\nYes', '.'];
    const client = await open({ providers: [{ format, words }] });
    const { choices } = await client.chat.completions.create(chat);
    expect(choices[0]?.message).toMatchObject({ content: 'Yes.', reasoning_content: 'I think.' });
    const deltas: object[] = [];
    for await (const chunk of await client.chat.completions.create({ ...chat, stream: true })) {
      deltas.push(chunk.choices[0]?.delta ?? {});
    }
    expect(deltas).toEqual([
      { role: 'assistant', content: '' },
      { reasoning_content: 'I' },
      { reasoning_content: ' think.' },
      { content: 'Yes' },
      { content: '.' },
      {},
    ]);
  });

  it('usage in a stream', async () => {
    const client = await open();
    const stream = await client.chat.completions.create({
      ...chat,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 3, completion_tokens: 10, total_tokens: 13 },
    });
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
    expect(ogongOf(chunks.at(-1)).receipts).toHaveLength(1);
  });

  it('completions, whole and streamed', async () => {
    const client = await open();
    const prompt = { model: FAKE_MODEL, prompt: 'Tell me a story' };
    const answer = await client.completions.create({ ...prompt, logprobs: 1 });
    expect(answer.choices[0]).toMatchObject({ index: 0, text: STORY, finish_reason: 'stop' });
    expect(answer.choices[0]?.logprobs?.tokens?.join('')).toBe(STORY);
    expect(answer.choices[0]?.logprobs?.text_offset?.slice(0, 3)).toEqual([0, 4, 9]);
    let text = '';
    let last: unknown;
    for await (const chunk of await client.completions.create({ ...prompt, stream: true })) {
      text += chunk.choices[0]?.text ?? '';
      last = chunk;
    }
    expect(text).toBe(STORY);
    expect(ogongOf(last).receipts[0]?.receipt?.endpoint).toBe('completion');
  });
});

describe('busy providers', () => {
  it('are waited for', async () => {
    const client = await open();
    fixture.network.busy = 3;
    expect((await client.chat.completions.create(chat)).choices[0]?.message.content).toBe(STORY);
    expect(fixture.network.busy).toBe(0);
  });

  it('are not waited for longer than one may', async () => {
    const client = await open({ options: { patience: { busyPatienceMs: 100 } } });
    fixture.network.busy = 1000;
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ status: 503, code: 'no_provider' });
    expect(fixture.network.busy).toBeGreaterThan(990);
  });
});

const fault = (wanted: object) => expect.objectContaining(wanted);

describe('a provider', () => {
  it('that dies before its first token is replaced, under another order', async () => {
    // Whom the draw meets first is luck, so it is the first two that are met who die.
    let deaths = 2;
    const mortal: ProviderBehaviour = {
      get dieAfter() {
        return deaths-- > 0 ? 0 : Number.POSITIVE_INFINITY;
      },
    };
    const client = await open({ providers: [mortal, mortal, mortal] });
    for (let i = 0; i < 4; i++) {
      const stream = await client.chat.completions.create({ ...chat, stream: true });
      let text = '';
      for await (const { choices } of stream) text += choices[0]?.delta.content ?? '';
      expect(text).toBe(STORY);
    }
    const { orders, complaints } = fixture.network;
    expect(orders).toHaveLength(2 + 4);
    expect(new Set(orders.map(({ replyId }) => replyId.join())).size).toBe(orders.length);
    expect(new Set(orders.map(({ nonce }) => nonce.join())).size).toBe(orders.length);
    await expect.poll(() => complaints.length).toBe(orders.length - 4);
    expect(complaints.every(({ reason }) => reason === 'abandoned')).toBe(true);
  });

  it('that dies before its first token is seen in the receipt, and beside the answer', async () => {
    let deaths = 1;
    const mortal: ProviderBehaviour = {
      get dieAfter() {
        return deaths-- > 0 ? 0 : Number.POSITIVE_INFINITY;
      },
    };
    const client = await open({ providers: [mortal, mortal] });
    const answer = await client.chat.completions.create(chat);
    const [dead, alive] = fixture.network.orders as [NamedOrder, NamedOrder];
    const { reply_id, url, earlier_tries } = ogongOf(answer).receipts[0]!;
    expect(reply_id).toBe(toHex(alive.replyId));
    const tried = {
      ...{ reply_id: toHex(dead.replyId), provider: toHex(dead.providerId) },
      ...{ code: 'provider_failed', reason: expect.stringContaining('failed'), shown_bytes: 0 },
    };
    expect(earlier_tries).toEqual([tried]);
    const read = async (path: string) => (await fetch(`${fixture.url}${path}`)).json();
    const stored = (await read(url)) as { earlier_tries: unknown; reply_id: string };
    const status = expect.objectContaining({ state: 'abandoned', fee_atomic: null });
    expect(stored).toMatchObject({ reply_id, earlier_tries: [{ ...tried, status }] });

    // A reply at the first try has none, and its answer does not speak of any.
    const next = await client.chat.completions.create(chat);
    expect(ogongOf(next).receipts[0]).not.toHaveProperty('earlier_tries');
    expect(await read(ogongOf(next).receipts[0]!.url)).toMatchObject({ earlier_tries: [] });
  });

  it('that dies later ends a stream with an error, and gives no answer that is not streamed', async () => {
    const client = await open({ providers: [{ dieAfter: 4 }] });
    const stream = await client.chat.completions.create({ ...chat, stream: true });
    let text = '';
    const read = async () => {
      for await (const { choices } of stream) text += choices[0]?.delta.content ?? '';
    };
    await expect(read()).rejects.toThrow(/provider failed/);
    expect(text).toBe('Once upon a time');
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ status: 502, code: 'provider_failed' });

    // Nothing of a whole answer has left yet, so another provider may still give it.
    fixture.network.providers[0]!.behaviour = {};
    expect((await client.chat.completions.create(chat)).choices[0]?.message.content).toBe(STORY);
  });

  /** The first tries of an answer die after so many tokens. */
  const dieInTurn = (after: readonly number[], words: () => readonly string[] = () => WORDS): ProviderBehaviour => {
    const left = [...after];
    return {
      get dieAfter() {
        return left.shift() ?? Number.POSITIVE_INFINITY;
      },
      get words() {
        return words();
      },
    };
  };

  /** All that a client reads of a stream. */
  async function readStream(client: OpenAI, asked: object = {}) {
    const read = { text: '', tokens: [] as string[], finish: '', ogong: undefined as OgongField | undefined };
    const stream = await client.chat.completions.create({ ...chat, ...asked, stream: true });
    for await (const chunk of stream) {
      read.text += chunk.choices[0]?.delta.content ?? '';
      read.tokens.push(...(chunk.choices[0]?.logprobs?.content ?? []).map(({ token }) => token));
      read.finish = chunk.choices[0]?.finish_reason ?? read.finish;
      read.ogong = ogongOf(chunk) ?? read.ogong;
    }
    return read;
  }

  it('that dies in mid-stream is followed by another, and the receipt is one of all that was shown', async () => {
    const mortal = dieInTurn([4, 7]);
    const client = await open({ providers: [mortal, mortal, mortal] });
    const asked = { seed: 5, logprobs: true, top_logprobs: 2 };
    const read = await readStream(client, asked);
    expect(read).toMatchObject({ text: STORY, finish: 'stop' });
    expect(read.tokens.join('')).toBe(STORY);
    const { orders, complaints, chain } = fixture.network;
    expect(new Set(orders.map(({ providerId }) => toHex(providerId))).size).toBe(3);
    const [entry] = read.ogong?.receipts ?? [];
    expect(entry?.earlier_tries?.map(({ shown_bytes, code }) => [shown_bytes, code])).toEqual([
      ['Once upon a time'.length, 'provider_failed'],
      ['Once upon a time there was a'.length, 'provider_failed'],
    ]);
    expect(entry?.checks?.find(({ id }) => id === 'draw-replay')).toMatchObject({ status: 'pass' });
    await expect.poll(() => complaints.length).toBe(2);

    // Who has only what was sent and what was read finds the same, also that the draws are those of the seed.
    const stored = (await (await fetch(`${fixture.url}${entry?.url}`)).json()) as Record<
      'request' | 'response',
      string
    >;
    const receipt = parseReceipt(stored);
    const response = utf8Encode(read.text);
    expect(fromBase64(stored.response)).toEqual(response);
    const allow = ['router', 'validator', 'admission', 'intake', 'model-root'];
    const trust = { ledger: chain.ledger, settlement: chain.network.settlement, allow };
    const given = { crypto: nobleCrypto, request: fromBase64(stored.request), trust, nowMs: Date.now() };
    expect(verifyReceipt(receipt, { ...given, response })).toMatchObject({ ok: true, missing: [] });
    const rest = utf8Encode(STORY.slice('Once upon a time'.length));
    expect(verifyReceipt(receipt, { ...given, response: rest }).ok).toBe(false);
  });

  it('that dies in mid-stream is followed by another although the client names no seed', async () => {
    const mortal = dieInTurn([1]);
    await open({ providers: [mortal, mortal] });
    const client = new OpenAI({ baseURL: `${fixture.url}/v1`, apiKey: 'unused', maxRetries: 0 });
    const { text, ogong } = await readStream(client);
    expect(text).toBe(STORY);
    const stored = await (await fetch(`${fixture.url}${ogong?.receipts[0]?.url}`)).json();
    const body = JSON.parse(new TextDecoder().decode(fromBase64((stored as { request: string }).request)));
    expect(body).toEqual({ ...chat, stream: true, seed: expect.any(Number) });
  });

  it('that signs something else than it streamed is followed by one that does not', async () => {
    let lies = 1;
    const liar: ProviderBehaviour = {
      get signedText() {
        return lies-- > 0 ? 'something else' : STORY;
      },
    };
    const client = await open({ providers: [liar, liar] });
    const { text, ogong } = await readStream(client, { temperature: 0 });
    expect(text).toBe(STORY);
    expect(ogong?.receipts[0]?.earlier_tries).toMatchObject([
      { code: 'ogong_check_failed', reason: expect.stringContaining('response-hash'), shown_bytes: STORY.length },
    ]);
  });

  it('that goes on with another text than was shown is left, for one that goes on with that', async () => {
    const other = ['Once', ' upon', ' another', ' time', '.'];
    const behaviour = dieInTurn([4], () => (fixture.network.orders.length === 2 ? other : WORDS));
    const client = await open({ providers: [behaviour, behaviour, behaviour] });
    const { text, ogong } = await readStream(client, { seed: 1 });
    expect(text).toBe(STORY);
    const tries = ogong?.receipts[0]?.earlier_tries;
    expect(tries?.map(({ code }) => code)).toEqual(['provider_failed', 'ogong_check_failed']);
    // It may be the one that died that lied: whoever contradicts it is not reported, and hears that nothing more is wanted.
    await expect.poll(() => fixture.network.complaints.map(({ reason }) => reason)).toEqual(['abandoned']);
    await expect.poll(() => readWords(fixture.network).some(({ hasLeft }) => hasLeft)).toBe(true);
  });

  it('that nobody agrees with leaves the client with an error, and nothing else than it was shown', async () => {
    const [lie, truth] = [
      ['A', ' lie', '.', '.'],
      ['The', ' truth', '.'],
    ] as const;
    const behaviour = dieInTurn([2], () => (fixture.network.orders.length === 1 ? lie : truth));
    const client = await open({ providers: [behaviour, behaviour, behaviour] });
    const stream = await client.chat.completions.create({ ...chat, seed: 1, stream: true });
    let text = '';
    const read = async () => {
      for await (const { choices } of stream) text += choices[0]?.delta.content ?? '';
    };
    await expect(read()).rejects.toMatchObject({ code: 'ogong_check_failed' });
    expect(text).toBe('A lie');
    expect(fixture.network.orders).toHaveLength(3);
  });

  it('that goes silent is given up', async () => {
    const client = await open({
      providers: [{ hangAfter: 0 }],
      options: { patience: { firstTokenTimeoutMs: 1_500, idleTimeoutMs: 100 } },
    });
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ status: 504, code: 'provider_timeout' });
    fixture.network.providers[0]!.behaviour = { hangAfter: 3 };
    const stream = await client.chat.completions.create({ ...chat, stream: true });
    const read = async () => {
      for await (const _ of stream);
    };
    await expect(read()).rejects.toThrow(/in time/);
    // It may be alive: what it is told bounds what it bills.
    await expect
      .poll(() =>
        readWords(fixture.network)
          .filter(({ hasLeft }) => hasLeft)
          .map(({ textBytes }) => textBytes),
      )
      .toEqual([0, 'Once upon a'.length]);
  });

  it('that refuses the request says why', async () => {
    const refuse = new Refusal('invalid', 'the prompt has 9000 tokens, the context holds 4096');
    const client = await open({ providers: [{ refuse }] });
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('context holds 4096'),
    });
    expect(fixture.network.complaints).toEqual([]);
  });

  it('that the router has forgotten is no unknown model', async () => {
    const client = await open();
    fixture.network.hasForgotten = true;
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
    fixture.network.hasForgotten = false;
    await client.chat.completions.create(chat);
    fixture.network.hasForgotten = true;
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ status: 503, code: 'no_provider' });
  });

  it('that is busy is no cheat', async () => {
    const client = await open({ providers: [{ refuse: new Refusal('unavailable', 'all slots are busy') }, {}] });
    for (let i = 0; i < 4; i++) await client.chat.completions.create(chat);
    fixture.network.providers[1]!.behaviour = fixture.network.providers[0]!.behaviour;
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ status: 503, code: 'provider_busy' });
    expect(fixture.network.complaints).toEqual([]);
    // The router hears of it: it believes in fewer of its slots.
    expect(new Set(fixture.network.reports.map(({ outcome }) => outcome))).toEqual(new Set(['refused', 'ok']));
  });

  it('that refuses an order and serves it in secret is complained about', async () => {
    const refuse = new Refusal('unavailable', 'all slots are busy');
    const client = await open({ providers: [{ refuse }, { refuse }] });
    const { network } = fixture;
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ code: 'provider_busy' });
    const completion = network.reports.map(({ replyId }) => Buffer.from(replyId).toString('hex'));
    const recordHash = new Uint8Array(32).fill(7);
    for (const id of completion) network.statuses.set(id, { state: 'recorded', verdict: '', recordHash });
    await expect
      .poll(() => network.complaints.map(({ reason }) => reason))
      .toEqual(completion.map(() => 'refused-order'));
    for (const id of completion)
      network.statuses.set(id, { state: 'audited', verdict: 'accept', feeAtomic: 9n, recordHash });
    const read = async () => (await fetch(`${fixture.url}/metrics`)).text();
    await expect
      .poll(read)
      .toMatch(new RegExp(`^ogong_verdicts_on_others_total(\\{.*\\})? ${completion.length}$`, 'm'));
    expect(network.complaints.length).toBe(completion.length);
  });

  it.each([
    ['in plain', {}],
    ['sealed', { seals: true }],
  ])('that an order cannot reach, %s, is accused of nothing', async (_how, behaviour) => {
    const client = await open({ providers: [behaviour, behaviour] });
    const [gone, there] = fixture.network.providers as [FakeProvider, FakeProvider];
    const listReports = () => fixture.network.reports.map(({ outcome }) => outcome);
    // Away before the gateway has ever met it, so that it has no seal key of it.
    gone.behaviour = { ...behaviour, isAway: true };
    for (let i = 0; i < 12 || !listReports().includes('refused'); i++) await client.chat.completions.create(chat);
    there.behaviour = gone.behaviour;
    const failed = client.chat.completions.create(chat);
    await expect(failed).rejects.toMatchObject({ status: 503, code: 'provider_unreachable' });
    await expect.poll(() => new Set(listReports())).toEqual(new Set(['refused', 'ok']));
    expect(fixture.network.complaints).toEqual([]);
  });

  const cheats: [what: string, behaviour: ProviderBehaviour, reason: string][] = [
    ['signs another text', { signedText: 'something else' }, 'response-hash'],
    [
      'draws another token',
      { bend: { row: (row, i) => (i === 3 ? { ...row, rank: row.rank === 0 ? 1 : 0 } : row) } },
      'draw-replay',
    ],
    ['samples otherwise', { bend: { header: (h) => ({ ...h, sketchBankSeed: new Uint8Array(32) }) } }, 'sketch-bank'],
    [
      'bills a prompt that the request cannot make',
      { bend: { header: (h) => ({ ...h, promptTokenCount: 2_000 }) } },
      'fee',
    ],
    ['opens nothing', { withholdOpening: true }, 'opening-withheld'],
    ['signs nothing', { withoutRecord: true }, 'abandoned'],
  ];
  it('that is too busy to open at once is asked again, and is not reported', async () => {
    const client = await open({ providers: [{ busyOpenings: 4 }] });
    expect((await client.chat.completions.create(chat)).choices[0]?.message.content).not.toBe('');
    expect(fixture.network.complaints).toEqual([]);
  });

  it('that sends more than was asked for is cut off', async () => {
    // 64 times so many letters of two bytes each: too many bytes, and not too many letters.
    const client = await open({ providers: [{ floodSize: 12_000 }] });
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ status: 502, code: 'provider_failed' });
    expect(fixture.network.reports.at(-1)?.outcome).toBe('abandoned');
  });

  const token = (change: Partial<TokenLogprob> = {}): TokenLogprob =>
    create(TokenLogprobSchema, { id: 5, bytes: new Uint8Array(2), logprob: -1, alternatives: [], ...change });
  it.each<[string, Partial<TokenLogprob>]>([
    ['tokens of a megabyte', { bytes: new Uint8Array(1_000_000) }],
    ['more alternatives than were asked for', { alternatives: [token(), token(), token()] }],
    ['alternatives of a megabyte', { alternatives: [token({ bytes: new Uint8Array(1_000_000) })] }],
    ['alternatives of alternatives', { alternatives: [token({ alternatives: [token()] })] }],
  ])('that sends %s is cut off', async (_what, change) => {
    const client = await open({ providers: [{ showLogprob: (signed) => ({ ...signed, ...change }) }] });
    const asked = { ...chat, logprobs: true, top_logprobs: 2 };
    await expect(client.chat.completions.create(asked)).rejects.toMatchObject({
      status: 502,
      code: 'provider_failed',
      message: expect.stringContaining('more than the request allows'),
    });
  });

  it('that sends log-probabilities unasked is cut off', async () => {
    const client = await open({ providers: [{ unasked: token() }] });
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ status: 502, code: 'provider_failed' });
  });

  it('that shows other log-probabilities than it signs is caught', async () => {
    const showLogprob = (signed: TokenLogprob): TokenLogprob => ({ ...signed, logprob: signed.logprob / 2 });
    const client = await open({ providers: [{ showLogprob }] });
    await expect(client.chat.completions.create({ ...chat, logprobs: true })).rejects.toMatchObject({
      status: 502,
      code: 'ogong_check_failed',
      message: expect.stringContaining('logprobs: position 0'),
    });
    expect(fixture.network.reports.at(-1)?.outcome).toBe('failed-check');
  });

  it('that shows the signed tokens with other texts is caught', async () => {
    const showLogprob = (signed: TokenLogprob): TokenLogprob => ({ ...signed, bytes: Uint8Array.of(signed.id % 128) });
    const client = await open({ providers: [{ showLogprob }] });
    await expect(client.chat.completions.create({ ...chat, logprobs: true })).rejects.toMatchObject({
      status: 502,
      code: 'ogong_check_failed',
      message: expect.stringContaining('logprob-bytes'),
    });
  });

  it('that streams its reply under another format than it signs is caught', async () => {
    const client = await open({ providers: [{ saidFormat: { calls: 'hermes', reasoning: 'opened' } }] });
    const stream = await client.chat.completions.create({ ...chat, stream: true });
    const read = async () => {
      for await (const _ of stream);
    };
    const error = await read().catch((e: unknown) => e);
    expect(error).toEqual(fault({ code: 'ogong_check_failed', type: 'server_error' }));
    await expect.poll(() => fixture.network.complaints.length).toBe(1);
    expect(fixture.network.complaints[0]?.reason).toBe('answer-format');
  });

  it.each(cheats)('that %s is caught, reported and not asked again', async (_what, behaviour, reason) => {
    const client = await open({ providers: [behaviour, {}] });
    const { network } = fixture;
    // Whoever is drawn: what the client gets is good.
    for (let i = 0; i < 6; i++) {
      expect((await client.chat.completions.create(chat)).choices[0]?.message.content).toBe(STORY);
    }
    const cheat = network.providers[0]!;
    const mine = network.orders.filter(({ providerId }) => Buffer.compare(providerId, cheat.id) === 0);
    if (reason !== 'abandoned') expect(mine.length).toBeLessThanOrEqual(1);
    await expect.poll(() => network.complaints.length).toBe(mine.length);
    for (const complaint of network.complaints) expect(complaint.reason).toBe(reason);
  });

  it('that cheats leaves a streaming client with an error after the text', async () => {
    const client = await open({ providers: [{ signedText: 'something else' }] });
    const stream = await client.chat.completions.create({ ...chat, stream: true });
    const finishes: unknown[] = [];
    const read = async () => {
      for await (const { choices } of stream) finishes.push(choices[0]?.finish_reason);
    };
    const error = await read().catch((e: unknown) => e);
    expect(error).toEqual(fault({ code: 'ogong_check_failed', type: 'server_error' }));
    expect(finishes.every((reason) => reason === null)).toBe(true);
    await expect.poll(() => fixture.network.complaints.length).toBe(1);
    const [complaint] = fixture.network.complaints;
    expect(complaint?.record?.record.length).toBeGreaterThan(0);
    await expect.poll(() => fixture.network.proofs[0]?.length).toBeGreaterThan(0);
    expect(complaint?.openingHash).toEqual(crypto.sha256(fixture.network.proofs[0] as Uint8Array));
    const { ledger } = fixture.network.chain;
    const { payer, orderHash } = nameOrder(crypto, ledger, parseOrder(complaint?.order?.order as Uint8Array));
    const { reason, openingHash, signature } = complaint as ComplainRequest;
    const terms = { orderHash, reason, openingHash, record: complaint?.record?.record };
    expect(verifyComplaint(crypto, { ledger, payer }, terms, signature)).toBe(true);
    expect(fixture.network.reports.map(({ outcome }) => outcome)).toEqual(['failed-check']);
    // The one provider there is, is not asked again.
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ status: 503, code: 'no_provider' });
  });

  it('is left alone when the client leaves', async () => {
    const client = await open({ providers: [{ words: Array(5000).fill(' word'), pauseMs: 2 }] });
    const request = { ...chat, max_tokens: 5000, stream: true as const };
    const stream = await client.chat.completions.create(request);
    for await (const _ of stream) break;
    await expect.poll(() => fixture.network.providers[0]?.cancelled).toBe(1);
    expect(fixture.network.complaints).toEqual([]);
    expect(readWords(fixture.network).at(-1)).toMatchObject({ hasLeft: true });

    const leaving = new AbortController();
    const whole = client.chat.completions.create({ ...request, stream: false }, { signal: leaving.signal });
    await expect.poll(() => fixture.network.orders.length).toBe(2);
    leaving.abort();
    await expect(whole).rejects.toThrow();
    await expect.poll(() => fixture.network.providers[0]?.cancelled).toBe(2);
    expect(readWords(fixture.network).filter(({ hasLeft }) => hasLeft)).toHaveLength(2);
  });

  it('hears how much of a long text has come, in steps, and nothing of a short one', async () => {
    const client = await open({ providers: [{ words: Array(300).fill(' word') }] });
    await client.chat.completions.create({ ...chat, max_tokens: 300 });
    expect(readWords(fixture.network)).toMatchObject([
      { textBytes: 515, hasLeft: false },
      { textBytes: 1030, hasLeft: false },
    ]);
    const [first] = fixture.network.words;
    const order = fixture.network.orders[0] as NamedOrder;
    const text = utf8Encode(' word'.repeat(300));
    const { ledger } = fixture.network.chain;
    const body = fixture.network.requests[0] as Uint8Array;
    const { answer: blind } = computeBlinds(crypto, { body, replyId: order.replyId });
    const shown = { blind, text };
    expect(openProgress(crypto, { ledger, order }, first?.progress as SignedProgress, shown)).toBeDefined();
    await client.chat.completions.create({ ...chat, max_tokens: 20 });
    expect(fixture.network.words).toHaveLength(2);
  });

  it('that cut a reply off is only believed where the client had most of it', async () => {
    const bend = { header: (header: Header): Header => ({ ...header, stopReason: 'cancelled' as const }) };
    const client = await open({ providers: [{ bend, words: Array(300).fill(' word') }] });
    const long = await client.chat.completions.create({ ...chat, max_tokens: 300 });
    expect(long.choices[0]?.finish_reason).toBe('length');
    await expect(client.chat.completions.create({ ...chat, max_tokens: 20 })).rejects.toMatchObject({ status: 502 });
    await expect.poll(() => fixture.network.complaints.map(({ reason }) => reason)).toEqual(['stop-strings']);
  });

  it('cannot outrun a client that does not read', async () => {
    await open({ providers: [{ words: Array(4000).fill('x'.repeat(4096)) }], options: { http: { stopGraceMs: 0 } } });
    const controller = new AbortController();
    const response = await fetch(`${fixture.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...chat, stream: true, max_tokens: 4000 }),
      signal: controller.signal,
    });
    const reader = response.body!.getReader();
    await reader.read();
    const [provider] = fixture.network.providers;
    let before = -1;
    while (provider!.sent !== before) {
      before = provider!.sent;
      await sleep(200);
    }
    // 16 MB are on offer; what was sent is what buffers on the way hold.
    expect(before).toBeLessThan(3000);
    controller.abort();
    await expect.poll(() => fixture.network.providers[0]?.cancelled).toBe(1);
  });
});

describe('a stream', () => {
  it('shows signs of life while the provider thinks', async () => {
    await open({ providers: [{ pauseMs: 60, words: ['a', 'b'] }], options: { http: { heartbeatMs: 20 } } });
    const response = await fetch(`${fixture.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...chat, stream: true }),
    });
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const text = await response.text();
    expect(text.match(/^: waiting$/gm)?.length).toBeGreaterThan(1);
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
  });

  it('that fails before anything was sent has a status', async () => {
    const client = await open({ providers: [{ dieAfter: 0 }] });
    await expect(client.chat.completions.create({ ...chat, stream: true })).rejects.toMatchObject({ status: 502 });
  });
});

describe('several routers', () => {
  const dead = { endpoint: '127.0.0.1:1', certHash: new Uint8Array(32) };

  it('stand in for one another: the gateway serves, lists models, and reports to whoever signed the ticket', async () => {
    const client = await open({ routers: (own) => [dead, own] });
    const answer = await client.chat.completions.create(chat);
    expect(answer.choices[0]?.message.content).toBe(STORY);
    expect((await client.models.list()).data.map(({ id }) => id)).toContain(FAKE_MODEL);
    await expect.poll(() => fixture.network.reports.map(({ outcome }) => outcome)).toEqual(['ok']);
  });

  it('that are all out of reach leave a status that says so', async () => {
    const client = await open({ routers: () => [dead, { ...dead, endpoint: '127.0.0.1:2' }] });
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({
      status: 503,
      code: 'router_unreachable',
    });
  });
});

describe('validators', () => {
  it('are told which record was given, and hear it when they are back', async () => {
    const client = await open();
    const { network } = fixture;
    await client.chat.completions.create(chat);
    await expect.poll(() => network.deliveries.length).toBe(1);
    network.deadValidators.add(0).add(1);
    await client.chat.completions.create(chat);
    const given = network.orders.map(({ orderHash }) => toHex(orderHash));
    network.deadValidators.clear();
    await expect.poll(() => network.deliveries.length, { timeout: 30_000 }).toBe(2);
    const { ledger } = network.chain;
    for (const { order, delivery, record, header, headerProof } of network.deliveries) {
      const named = nameOrder(crypto, ledger, parseOrder(order!.order));
      const bound = { ...(record as SignedRecord), header, headerProof };
      const { orderHash } = verifyDelivery(crypto, { ledger, order: named }, { ...delivery!, bound });
      expect(given).toContain(toHex(orderHash));
    }
    // The other validator hears the same, with the word of the handling one for the order.
    await expect.poll(() => network.heard.length, { timeout: 30_000 }).toBe(2);
    const signed = (one: (typeof network.heard)[number]) => toHex(one.delivery!.signature);
    expect(new Set(network.heard.map(signed))).toEqual(new Set(network.deliveries.map(signed)));
    for (const told of network.heard) {
      const named = nameOrder(crypto, ledger, parseOrder(told.order!.order));
      const validators = network.chain.validators();
      const signingKeys = [findValidator(validators, named.validator)!.signingKey];
      const admission = told.admission as SignedAdmission;
      expect(findAdmissionProblem(crypto, { ledger, order: named, signingKeys }, admission)).toBeUndefined();
    }
    // Nobody acknowledges a reply that fails its check.
    network.providers[0]!.behaviour = { signedText: 'something else' };
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ code: 'ogong_check_failed' });
    await expect.poll(() => network.complaints.length).toBe(1);
    expect(network.deliveries).toHaveLength(2);
  });

  it('sign for the record when they have it, which completes the receipt', async () => {
    const client = await open();
    const { network, url } = fixture;
    network.awaits = 1;
    await client.chat.completions.create(chat);
    const id = toHex(network.orders[0]!.replyId);
    const read = async () => parseReceipt(await (await fetch(`${url}/v1/receipts/${id}`)).json());
    await expect.poll(async () => (await read()).intake, { timeout: 30_000 }).toBeDefined();
    const { checks } = (await (await fetch(`${url}/v1/receipts/${id}`)).json()) as { checks: Check[] };
    expect(checks.filter(({ id: name }) => name === 'intake')).toMatchObject([{ status: 'pass' }]);
    expect(network.deliveries).toHaveLength(2);
    // Both validators keep what this gateway was given, and sign for that.
    const shown = async () => (await (await fetch(`${url}/v1/receipts/${id}`)).json()) as { held: HeldJson[] };
    await expect.poll(async () => (await shown()).held.length, { timeout: 30_000 }).toBe(2);
    for (const { validator: name, delivery: told, signature } of (await shown()).held) {
      const [by, signingKey] = [fromHex(name.slice(2)), fromHex(name.slice(2))];
      const delivery = hashDelivery(crypto, network.chain.ledger, parseDelivery(fromBase64(told)));
      const word = { validator: by, delivery, signature: fromBase64(signature) };
      expect(verifyHeld(crypto, { ledger: network.chain.ledger, signingKey }, word)).toBe(true);
    }
    const { order, record, ledger, intake } = await read();
    const { orderHash, validator } = nameOrder(crypto, ledger, parseOrder(order.bytes));
    const named = { ...intake!, validator, orderHash, recordHash: hashRecord(crypto, record.bytes) };
    expect(verifyIntake(crypto, { ledger, signingKey: validator }, named)).toBe(true);
  });

  it('that sign for something else complete no receipt, and are asked again', async () => {
    const client = await open();
    const { network, url } = fixture;
    network.bendIntake = (signature) => signature.map((byte, i) => (i === 3 ? byte ^ 1 : byte));
    await client.chat.completions.create(chat);
    await expect.poll(() => network.deliveries.length, { timeout: 30_000 }).toBe(2);
    const id = toHex(network.orders[0]!.replyId);
    expect(parseReceipt(await (await fetch(`${url}/v1/receipts/${id}`)).json()).intake).toBeUndefined();
    network.bendIntake = (signature) => signature;
    const read = async () => parseReceipt(await (await fetch(`${url}/v1/receipts/${id}`)).json());
    await expect.poll(async () => (await read()).intake, { timeout: 30_000 }).toBeDefined();
  });

  it('that sign for another delivery are asked again, and their word is not kept', async () => {
    const client = await open();
    const { network, url } = fixture;
    network.bendHeld = (signature) => signature.map((byte, i) => (i === 3 ? byte ^ 1 : byte));
    await client.chat.completions.create(chat);
    await expect.poll(() => network.heard.length, { timeout: 30_000 }).toBeGreaterThan(1);
    const id = toHex(network.orders[0]!.replyId);
    const shown = async () => (await (await fetch(`${url}/v1/receipts/${id}`)).json()) as { held: HeldJson[] };
    expect((await shown()).held).toEqual([]);
    network.bendHeld = (signature) => signature;
    await expect.poll(async () => (await shown()).held.length, { timeout: 30_000 }).toBe(2);
  });

  it('that never admitted the order have the reply refused', async () => {
    const signature = new Uint8Array(65);
    const client = await open({ providers: [{ bendAdmission: (admission) => ({ ...admission, signature }) }] });
    const call = client.chat.completions.create(chat);
    await expect(call).rejects.toMatchObject({ message: expect.stringContaining('admission: the validator') });
  });

  it('stand in for one another', async () => {
    const client = await open();
    await client.chat.completions.create(chat);
    const { network } = fixture;
    const first = network.orders[0]!.validator;
    await client.chat.completions.create(chat);
    expect(network.orders[1]!.validator).toEqual(first);
    network.deadValidators.add(
      network.chain.validators().findIndex(({ address }) => Buffer.compare(address, first) === 0),
    );
    // The first failure is what makes the gateway look.
    network.providers[0]!.behaviour = { dieAfter: 0 };
    await expect(client.chat.completions.create(chat)).rejects.toThrow();
    network.providers[0]!.behaviour = {};
    await client.chat.completions.create(chat);
    expect(network.orders.at(-1)!.validator).not.toEqual(first);
    // The complaint waits for the dead one and is heard when it is back.
    expect(network.complaints).toEqual([]);
    network.deadValidators.clear();
    await expect.poll(() => network.complaints.length, { timeout: 30_000 }).toBe(1);
    network.deadValidators.add(0).add(1);
    network.providers[0]!.behaviour = { dieAfter: 0 };
    await expect(client.chat.completions.create(chat)).rejects.toThrow();
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ code: 'validator_unreachable' });
  });

  it('that are away are no fault of a provider: the next one is asked, and the router hears of no refusal', async () => {
    const client = await open({ providers: [{ asksValidator: true }] });
    const { network } = fixture;
    await client.chat.completions.create(chat);
    const first = network.orders[0]!.validator;
    network.deadValidators.add(
      network.chain.validators().findIndex(({ address }) => Buffer.compare(address, first) === 0),
    );
    await client.chat.completions.create(chat);
    expect(network.orders.at(-1)!.validator).not.toEqual(first);
    const outcomes = () => network.reports.map(({ outcome }) => outcome).sort();
    await expect.poll(outcomes, { timeout: 30_000 }).toEqual(['ok', 'ok', 'unused']);
    // Nor does a test of this provider count.
    network.deadValidators.add(0).add(1);
    const named = { headers: { [PROVIDER_HEADER]: toHex(network.providers[0]!.id) } };
    await expect(client.chat.completions.create(chat, named)).rejects.toMatchObject({ code: 'validator_unreachable' });
    expect(network.complaints).toEqual([]);
  });

  it('that answer this gateway are no excuse for a provider', async () => {
    const refuse = new Refusal('not-admitted', 'the validator did not admit the order: it is down');
    const client = await open({ providers: [{ refuse }] });
    const { network } = fixture;
    const named = { headers: { [PROVIDER_HEADER]: toHex(network.providers[0]!.id) } };
    const failed = { status: 503, code: 'order_not_admitted' };
    await expect(client.chat.completions.create(chat, named)).rejects.toMatchObject(failed);
    const outcomes = () => network.reports.map(({ outcome }) => outcome);
    await expect.poll(outcomes, { timeout: 30_000 }).toEqual(['refused', 'refused']);
    expect(network.complaints).toEqual([]);
  });

  it('set free what their verdicts do not charge', async () => {
    const client = await open();
    const { network } = fixture;
    await client.chat.completions.create({ ...chat, max_tokens: 100 });
    const { replyId, cumulativeAtomic } = network.orders[0]!;
    network.statuses.set(Buffer.from(replyId).toString('hex'), {
      state: 'audited',
      verdict: 'reject',
      feeAtomic: 26_000n,
      recordHash: new Uint8Array(32).fill(7),
    });
    const path = `${fixture.url}/v1/receipts/${Buffer.from(replyId).toString('hex')}?compact=1`;
    const read = async () => (await (await fetch(path)).json()) as { status: { verdict: string; record_hash: string } };
    await expect.poll(async () => (await read()).status.verdict).toBe('reject');
    expect((await read()).status.record_hash).toBe('07'.repeat(32));
    await client.chat.completions.create({ ...chat, max_tokens: 100 });
    expect(network.orders[1]!.cumulativeAtomic).toBe(cumulativeAtomic);
  });

  it('are not promised more than the channel holds', async () => {
    const client = await open();
    fixture.network.setChannel({ admitted: 10n, spent: 0n, releasing: 0n, releasableAt: 0n, spendable: 10n });
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ status: 503, code: 'escrow_exhausted' });
    expect(fixture.network.orders).toEqual([]);
  });
});
