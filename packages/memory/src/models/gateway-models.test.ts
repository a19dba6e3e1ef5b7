import { ReceiptError } from '@ogong/sdk';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { createPlainMemoryStore } from '@ogong/testing/memory/plain-memory-store';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createMemoryService } from '../memory-service.ts';
import { verifyMemory } from '../verify/verify-memory.ts';
import { createGatewayModels } from './gateway-models.ts';

const { signal } = new AbortController();
const ANSWER = {
  ...{ first: 1, last: 1, subject: 'user', text: 'The user lives in Porto' },
  ...{ type: 'semantic', categories: ['identity'] },
};
/** The network of this test is made up: nobody knows it beforehand. */
const allow = ['router', 'ledger', 'validator', 'admission', 'intake', 'model-root', 'beacon', 'sketch-bank'];
const names = { chat: FAKE_MODEL, embedding: FAKE_MODEL, rerank: FAKE_MODEL };

let gateway: GatewayFixture;
beforeAll(async () => {
  const words = JSON.stringify({ memories: [ANSWER] }).match(/.{1,16}/g) ?? [];
  gateway = await createGatewayFixture({ providers: [{ words }] });
});
afterAll(() => gateway.close());

it('makes memories whose signed receipts verify offline', async () => {
  const models = createGatewayModels({ baseUrl: gateway.url, allow, names });
  const clock = { nowMs: () => Date.now() };
  const store = createPlainMemoryStore(clock);
  const service = createMemoryService({ store, models, clock, random: (length) => new Uint8Array(length).fill(1) });
  const messages = [{ role: 'user', content: 'I live in Porto.' }];
  const { memories, refused } = await service.add('ana', { messages, agentId: '', threadId: '', source: '' }, signal);
  expect(refused).toEqual([]);
  const [memory] = memories;
  const embedded = await store.get('ana', memory?.id ?? '');
  const calls = {
    extraction: await store.readEvidence('ana', memory?.evidence?.extraction ?? ''),
    embedding: await store.readEvidence('ana', memory?.evidence?.embedding ?? ''),
    update: undefined,
  };
  const verdict = await verifyMemory(embedded ?? expect.fail(), { calls, allow, nowMs: Date.now() });
  expect(verdict.checks.map(({ id, status }) => `${id}: ${status}`)).toEqual([
    ...['extraction-call: pass', 'extraction-receipt: pass', 'quote: pass', 'message-hash: pass', 'candidate: pass'],
    ...['vector-call: pass', 'vector-receipt: pass', 'vector: pass', 'update: pass'],
  ]);
  const ask = { query: 'Porto', limit: 1, rerank: true, includeBio: false };
  const [found] = (await service.search('ana', ask, signal)).memories;
  expect(found).toMatchObject({ memory: { text: 'The user lives in Porto' }, rerankScore: expect.any(Number) });
});

it('refuses an answer that its provider did not sign', async () => {
  const lie = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const response = await fetch(input, init);
    return init?.method === 'POST' ? new Response((await response.text()).replaceAll('Porto', 'Paris')) : response;
  };
  const models = createGatewayModels({ baseUrl: gateway.url, allow, fetch: lie, names });
  const ask = { messages: [{ role: 'user' as const, content: 'a' }], schema: { type: 'object' }, maxTokens: 100 };
  await expect(models.chat(ask, signal)).rejects.toThrow(ReceiptError);
});
