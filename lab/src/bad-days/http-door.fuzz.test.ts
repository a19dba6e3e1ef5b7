import { createSeededRandom, pick } from '@ogong/protocol/base/seeded-random';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { afterEach, describe, expect, it } from 'vitest';
import { damageBytes } from './mutate.ts';
import { chooseSeed } from './random.ts';

const seed = chooseSeed(4_242);
const closing: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

describe('the HTTP API of a gateway', () => {
  const paths = [
    '/v1/chat/completions',
    '/v1/completions',
    '/v1/models',
    `/v1/models/${FAKE_MODEL}`,
    '/v1/receipts/00',
    '/healthz',
    '/metrics',
    '/v1/nothing',
  ];

  it('answer any body on any path with a status and words of OpenAI, and serve the next request', async () => {
    const { url, close, log } = await createGatewayFixture();
    closing.push(close);
    const random = createSeededRandom(seed);
    const chat = { model: FAKE_MODEL, messages: [{ role: 'user', content: 'hello' }], max_tokens: 8 };
    const whole = new TextEncoder().encode(JSON.stringify(chat));
    const broken: string[] = [];
    for (let round = 0; round < 120; round++) {
      const path = pick(random, paths);
      const [what, body] = round % 2 === 0 ? damageBytes(whole, random) : damageField(chat, random);
      const method = random() < 0.8 && path.includes('completions') ? 'POST' : random() < 0.5 ? 'GET' : 'DELETE';
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(`${url}${path}`, { method, headers, ...(method === 'POST' ? { body } : {}) });
      const text = await response.text();
      if (response.status >= 500) broken.push(`${method} ${path}, ${what}: ${response.status} ${text}`);
      else if (response.status >= 400 && !isOpenAiError(text)) broken.push(`${method} ${path}, ${what}: ${text}`);
    }
    expect(broken).toEqual([]);
    expect(log.filter((line) => /"level":(50|"error")/.test(line))).toEqual([]);
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: whole,
    });
    expect(response.status).toBe(200);
  });
});

function damageField(chat: object, random: () => number): [string, Uint8Array] {
  const fields = [
    'model',
    'messages',
    'max_tokens',
    'temperature',
    'top_p',
    'stop',
    'n',
    'seed',
    'stream',
    'logit_bias',
    'logprobs',
    'tools',
    'response_format',
    '__proto__',
  ];
  const values = [
    null,
    -1,
    1e308,
    0.5,
    '',
    'x'.repeat(5_000),
    [],
    {},
    [[]],
    [null],
    { a: { b: {} } },
    true,
    '\ud800',
    2 ** 53,
  ];
  const field = pick(random, fields);
  const value = pick(random, values);
  return [
    `${field} = ${JSON.stringify(value)?.slice(0, 40)}`,
    new TextEncoder().encode(JSON.stringify({ ...chat, [field]: value })),
  ];
}

function isOpenAiError(text: string): boolean {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown; type?: unknown } };
    return typeof error?.message === 'string' && typeof error.type === 'string';
  } catch {
    return false;
  }
}
