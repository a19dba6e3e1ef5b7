import { fromBase64, utf8Encode } from '@ogong/protocol/bytes';
import { nobleCrypto } from '@ogong/protocol/noble';
import { parseReceipt } from '@ogong/protocol/receipt';
import { verifyReceipt } from '@ogong/protocol/verify-receipt';
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import type { OgongField } from './completions.ts';
import { FAKE_MODEL } from './fake-network.ts';
import { createGatewayFixture, type FixtureOptions, type GatewayFixture } from './gateway-fixture.ts';

let fixture: GatewayFixture;
afterEach(() => fixture.close());

async function open(options: FixtureOptions = {}): Promise<OpenAI> {
  fixture = await createGatewayFixture(options);
  return new OpenAI({ baseURL: `${fixture.url}/v1`, apiKey: 'unused', maxRetries: 0 });
}

const STORY = 'Once upon a time there was a small fox.';
const chat = { model: FAKE_MODEL, messages: [{ role: 'user' as const, content: 'Tell me a story' }] };
const ogongOf = (value: unknown): OgongField => (value as { ogong: OgongField }).ogong;

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
    expect(receipt?.checks.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(receipt?.checks.find(({ id }) => id === 'draw-replay')?.status).toBe('pass');
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
    const full = await (await fetch(`${fixture.url}${url}`)).json();
    const request = fromBase64(full.request);
    expect(JSON.parse(new TextDecoder().decode(request))).toEqual(chat);
    const verdict = verifyReceipt(parseReceipt(full), {
      crypto: nobleCrypto,
      request,
      response: utf8Encode(data.choices[0]?.message.content ?? ''),
      trust: { ledger: fixture.network.chain.ledger, settlement: fixture.network.chain.network.settlement },
      nowMs: Date.now(),
    });
    expect(verdict.checks.filter(({ status }) => status !== 'pass').map(({ id }) => id)).toEqual(['model-root']);
  });
});
