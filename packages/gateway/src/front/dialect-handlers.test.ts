import { join } from 'node:path';
import { fromBase64, utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import { translateAnthropic } from '@ogong/protocol/modality/text/dialect/anthropic-request';
import { translateResponses } from '@ogong/protocol/modality/text/dialect/responses-request';
import { FAKE_MODEL, type ProviderBehaviour } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { addTestKey } from '@ogong/testing/gateway/test-keys';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

let fixture: GatewayFixture;
beforeAll(async () => {
  fixture = await createGatewayFixture();
});
afterAll(() => fixture.close());

// biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes, looked at field by field
const readJson = async (response: Promise<Response> | Response): Promise<any> => (await response).json();
const post = (path: string, body: unknown, headers = {}, { url } = fixture): Promise<Response> =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

const TEXT = 'Once upon a time there was a small fox.';
const message = { model: FAKE_MODEL, max_tokens: 64, messages: [{ role: 'user', content: 'Tell me a story' }] };
const response = { model: FAKE_MODEL, input: 'Tell me a story' };
const apis = [
  ['/v1/messages', message, (body: Uint8Array) => translateAnthropic(body, 'message')],
  ['/v1/responses', response, translateResponses],
] as const;

describe.each(apis)('%s', (path, body, translate) => {
  it('is answered whole and streamed, with a receipt about the chat that it is translated to', async () => {
    const answer = await post(path, body, { 'x-ogong-receipt': 'inline' });
    const { content, output, ogong } = await readJson(answer);
    expect((content ?? output[0].content)[0].text).toBe(TEXT);
    expect(ogong.receipts[0].checks.filter(({ status }: { status: string }) => status === 'fail')).toEqual([]);

    const receipt = await readJson(fetch(`${fixture.url}${answer.headers.get('x-ogong-receipt')}`));
    expect(receipt.reply_id).toBe(ogong.receipts[0].reply_id);
    expect(fromBase64(receipt.request)).toEqual(translate(utf8Encode(JSON.stringify(body))).body);

    const streamed = await post(path, { ...body, stream: true });
    const events = (await streamed.text()).trim().split('\n\n');
    const parsed = events.map((event) => JSON.parse(event.split('\n')[1]?.slice('data: '.length) ?? ''));
    expect(parsed.map(({ delta }) => (typeof delta === 'string' ? delta : (delta?.text ?? ''))).join('')).toBe(TEXT);
    const last = parsed.at(-1);
    expect((last.response ?? last).ogong.receipts).toHaveLength(1);
  });

  it('ends in its own words where the check of a reply fails', async () => {
    const lying = await createGatewayFixture({ providers: [{ signedText: 'something else' }] });
    try {
      const text = await (await post(path, { ...body, stream: true }, {}, lying)).text();
      expect(text).toMatch(/\nevent: error\ndata: \{"type":"error",.*\n/);
    } finally {
      await lying.close();
    }
  });

  describe('counts of tokens', () => {
    const { max_tokens: _, ...counted } = body as typeof message;
    const at = path === '/v1/messages' ? '/v1/messages/count_tokens' : '/v1/responses/input_tokens';
    const open: GatewayFixture[] = [];
    afterAll(() => Promise.all(open.map((each) => each.close())));

    async function count(countTokens: ProviderBehaviour['countTokens'], asked: object = counted) {
      const counting = await createGatewayFixture({ providers: [countTokens ? { countTokens } : {}] });
      open.push(counting);
      const answer = await post(at, asked, {}, counting);
      return {
        who: answer.headers.get('x-ogong-token-count'),
        tokens: (await readJson(answer)).input_tokens as number,
        reported: () => counting.network.reports.map(({ outcome }) => outcome),
      };
    }

    it('come from a provider of the model, whose ticket is given back', async () => {
      const seen: unknown[] = [];
      const read = (request: Uint8Array): number => seen.push(JSON.parse(utf8Decode(request))) + 10;
      const { who, tokens, reported } = await count(read);
      expect([who, tokens]).toEqual(['provider', 11]);
      await vi.waitFor(() => expect(reported()).toEqual(['unused']));
      const { model, messages } = seen[0] as typeof message;
      expect([model, messages]).toEqual([FAKE_MODEL, message.messages]);
    });

    it.each<[string, ProviderBehaviour['countTokens']]>([
      ['counts none', undefined],
      ['states more than any tokenizer makes', () => 100_000],
      ['states none', () => 0],
    ])('are the most that can be billed where a provider %s', async (_what, countTokens) => {
      const { who, tokens } = await count(countTokens);
      expect(who).toBe('at-most');
      expect(tokens).toBeGreaterThan('Tell me a story'.length / 8);
      expect(tokens).toBeLessThan(1_000);
    });

    it('show no provider a chat that demands to be sealed', async () => {
      const shown: unknown[] = [];
      const asked = { ...counted, ogong: { seal_suite: 1 } };
      const { who, reported } = await count((request) => shown.push(request), asked);
      expect([who, reported(), shown]).toEqual(['at-most', [], []]);
    });
  });
});

it('refuses in the words of the API that was asked', async () => {
  const foreign = await post('/v1/messages', { ...message, model: 'claude' });
  expect(foreign.status).toBe(404);
  expect(await readJson(foreign)).toMatchObject({ type: 'error', error: { type: 'not_found_error' } });
  const other = await post('/v1/responses', { ...response, model: 'gpt' });
  expect(await readJson(other)).toMatchObject({ error: { type: 'invalid_request_error', param: 'model' } });
});

it("takes a key where Anthropic's clients put it", async () => {
  const keysPath = join(fixture.directory, 'accounts.db');
  const { secret } = await addTestKey({ path: keysPath, name: 'a' });
  const closed = await createGatewayFixture({ keysPath });
  try {
    const ask = (headers: object) =>
      fetch(`${closed.url}/v1/messages`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(message),
      });
    expect((await ask({ 'x-api-key': secret })).status).toBe(200);
    const refused = await ask({ 'x-api-key': 'wrong' });
    expect(refused.status).toBe(401);
    expect(await readJson(refused)).toMatchObject({ error: { type: 'authentication_error' } });
    expect((await ask({})).status).toBe(401);
  } finally {
    await closed.close();
  }
});

it('says where the limit is above the context of the provider', async () => {
  const wide = await post('/v1/messages', { ...message, max_tokens: 100_000 });
  expect([wide.status, wide.headers.get('x-ogong-clamped')]).toEqual([200, 'max_tokens=4096']);
  const streamed = await post('/v1/chat/completions', {
    ...{ model: FAKE_MODEL, messages: message.messages, max_tokens: 100_000, n: 2, stream: true },
  });
  expect(streamed.headers.get('x-ogong-clamped')).toBe('max_tokens=4096');
  await streamed.text();
  expect((await post('/v1/messages', message)).headers.get('x-ogong-clamped')).toBeNull();
  for (const max_tokens of [131_073, 1e9]) {
    const huge = await post('/v1/messages', { ...message, max_tokens });
    expect([huge.status, huge.headers.get('x-ogong-clamped')]).toEqual([200, 'max_tokens=4096']);
  }
});

it('names what is said about thinking where the model does not think', async () => {
  const chat = { model: FAKE_MODEL, messages: message.messages, max_tokens: 8, n: 2 };
  const ignoredOf = async (more: object, path = '/v1/chat/completions', body: object = chat) => {
    const answer = await post(path, { ...body, ...more });
    await answer.text();
    return [answer.status, answer.headers.get('x-ogong-ignored')];
  };
  expect(await ignoredOf({ reasoning_effort: 'high' })).toEqual([200, 'reasoning_effort']);
  expect(await ignoredOf({ enable_thinking: true, stream: true })).toEqual([200, 'enable_thinking']);
  expect(await ignoredOf({ thinking: { type: 'enabled' } }, '/v1/messages', message)).toEqual([200, 'thinking.type']);
  // It does what it is asked to, or nothing is asked of it.
  expect(await ignoredOf({ enable_thinking: false })).toEqual([200, null]);
  expect(await ignoredOf({})).toEqual([200, null]);
});

it('orders each of several prompts by itself', async () => {
  const before = fixture.network.orders.length;
  const answer = await post('/v1/completions', { model: FAKE_MODEL, prompt: ['One', 'Two'], n: 2 });
  const { id, choices, usage, ogong } = await readJson(answer);
  expect(choices.map(({ index }: { index: number }) => index)).toEqual([0, 1, 2, 3]);
  expect(usage.prompt_tokens).toBe(6);
  const orders = fixture.network.orders.slice(before);
  expect(orders.map(({ choice }) => choice).sort()).toEqual([0, 0, 1, 1]);
  const prompts = [];
  for (const at of [0, 1, 2, 3]) {
    const receipt = await readJson(fetch(`${fixture.url}/v1/receipts/${id}?choice=${at}`));
    expect(receipt.reply_id).toBe(ogong.receipts[at].reply_id);
    prompts.push(JSON.parse(utf8Decode(fromBase64(receipt.request))).prompt);
  }
  expect(prompts).toEqual(['One', 'One', 'Two', 'Two']);
  const many = await post('/v1/completions', { model: FAKE_MODEL, prompt: Array(9).fill('a'), n: 2 });
  expect(many.status).toBe(400);
});
