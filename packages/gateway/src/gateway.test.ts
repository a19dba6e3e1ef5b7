import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { fromBase64, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import type { OrderKeyGrant } from '@ogong/protocol/exchange/order-key-grants';
import { parseReceipt } from '@ogong/protocol/stage1/receipt';
import { parseTrust, toTrustJson } from '@ogong/protocol/stage1/trust';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { FAKE_MODEL, fakePayer } from '@ogong/testing/gateway/fake-network';
import { chat, openClient, STORY } from '@ogong/testing/gateway/gateway-client';
import { createGatewayFixture, type FixtureOptions, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import type OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import type { OgongField } from './front/ogong-field.ts';

let fixture: GatewayFixture;
afterEach(() => fixture.close());

async function open(options: FixtureOptions = {}): Promise<OpenAI> {
  fixture = await createGatewayFixture(options);
  return openClient(fixture);
}

const ogongOf = (value: unknown): OgongField => (value as { ogong: OgongField }).ogong;

describe('a gateway that pays from a wallet', () => {
  const address = new Uint8Array(20).fill(0xa1);

  it('orders in its name by a key that it has allowed, and its receipts hold for a reader that knows the key', async () => {
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
    const signed = async (orderKeys: readonly OrderKeyGrant[]) => {
      const { checks } = await verifyReceipt(receipt, { ...given, trust: { orderKeys } });
      return checks.find(({ id }) => id === 'order-signature')?.status;
    };
    expect(await signed([grant])).toBe('pass');
    expect(await signed([])).toBe('fail');
    expect(await signed([{ ...grant, limitAtomic: order.cumulativeAtomic - 1n }])).toBe('fail');
    expect(await signed([{ ...grant, key: new Uint8Array(20) }])).toBe('fail');
    expect(await signed([{ ...grant, validator: new Uint8Array(20) }])).toBe('fail');
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
    expect(receipts.map((receipt) => Object.keys(receipt))).toEqual([
      ['reply_id', 'url', 'output_tokens', 'first_token_ms', 'took_ms'],
    ]);
    expect(receipts).toMatchObject([{ reply_id: expect.any(String), url: expect.any(String) }]);
    // By the gateway's own clock, as testers of a provider expect.
    const { output_tokens, first_token_ms, took_ms } = receipts[0] as unknown as Record<string, number>;
    expect(output_tokens).toBe(data.usage?.completion_tokens);
    expect(first_token_ms).toBeGreaterThanOrEqual(1);
    expect(took_ms).toBeGreaterThanOrEqual(first_token_ms as number);
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
    const verdict = await verifyReceipt(parseReceipt(full), {
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

describe('fields of a request', () => {
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

  it.each([
    [{ calls: 'hermes', reasoning: 'opened', marks: 'think' }, ['\n</th', 'ink>']],
    [{ calls: 'gemma', reasoning: 'opened', marks: 'channel' }, ['\n<chan', 'nel|>']],
  ] as const)('reasoning, which comes apart from the answer: %j', async (format, closing) => {
    const words = ['I ', 'think.', ...closing, '\n\nYes', '.'];
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
    const client = await open({ options: { patience: { busyPatienceMs: 60_000 } } });
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

describe('a stream', () => {
  it('shows signs of life while the provider thinks', async () => {
    await open({ providers: [{ pauseMs: 300, words: ['a', 'b'] }], options: { http: { heartbeatMs: 20 } } });
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

  it('stand in for one another: the gateway serves, lists models, and reports to the router that signed the ticket', async () => {
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
