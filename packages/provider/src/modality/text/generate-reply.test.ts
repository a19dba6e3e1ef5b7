import type { TextEngine } from '@ogong/engine/interface/text';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { MAX_RESPONSE_BYTES } from '@ogong/protocol/exchange/limits';
import { nameOrder } from '@ogong/protocol/exchange/order';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { afterAll, describe, expect, it } from 'vitest';
import { commitReply } from './commit-reply.ts';
import { generateReply } from './generate-reply.ts';

const engine = createFakeEngine({ contextSize: 512 });
afterAll(() => engine.close());

const signer = createNodeHybridSigner(new Uint8Array(64).fill(3));
const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const body = utf8Encode(
  JSON.stringify({ model: 'ogong/verified/test/fake', messages: [{ role: 'user', content: 'Hi' }], max_tokens: 40 }),
);
const ledger = { chainId: 1n, verifyingContract: bytes(20, 5) };
const order = nameOrder(crypto, ledger, {
  payer: bytes(20, 1),
  validator: bytes(20, 2),
  cumulativeAtomic: 1n,
  requestHash: hashRequest(crypto, 'chat', body),
  nonce: bytes(32, 3),
  modelRoot: engine.info().modelRoot,
  providerId: bytes(32, 4),
  payee: bytes(20, 7),
  router: bytes(20, 6),
  choice: 0,
  contextSize: 512,
  maxFeeAtomic: 1n,
  pricePer1kAtomic: 1n,
  epoch: 1n,
  expiresAtMs: 1n,
});
const given = { order, endpoint: 'chat' as const, body };
const beacon = { value: bytes(32, 8), previous: bytes(32, 9) };
const generate = (change: object = {}, by: TextEngine = engine) =>
  generateReply({ ...given, beacon, ...change }, { engine: by, crypto });

describe('a reply that is generated for an order', () => {
  it('is the same again, and all that is committed but the times', async () => {
    const { reply, streamed, durationMs } = (await generate())!;
    expect((await generate())?.reply).toEqual(reply);
    expect(reply.text.startsWith(streamed)).toBe(true);
    expect(reply.promptTokens).toEqual(await engine.tokenizePrompt({ kind: 'chat', messages: reply.asked.messages }));
    expect(durationMs).toBeGreaterThanOrEqual(0);
    expect(reply).toMatchObject({ order, endpoint: 'chat', info: engine.info() });
  });

  it('is not signed where it would bill a prompt that the request cannot make', async () => {
    const { reply } = (await generate())!;
    const commit = (promptTokens: number) =>
      commitReply(crypto, signer, { ...reply, promptTokens: new Uint32Array(promptTokens), startMs: 0, endMs: 1 });
    expect(commit('Hi'.length + 64 + 64).record.length).toBeGreaterThan(0);
    expect(() => commit('Hi'.length + 64 + 64 + 1)).toThrow(expect.objectContaining({ name: 'FeeError' }));
  });

  it('is not signed where its text is longer than any validator takes', async () => {
    const { reply } = (await generate())!;
    const commit = (text: string) => commitReply(crypto, signer, { ...reply, text, startMs: 0, endMs: 1 });
    // Three bytes of UTF-8 in one UTF-16 unit.
    const longest = `${'x'.repeat(MAX_RESPONSE_BYTES - 3)}\u20ac`;
    expect(commit(longest).response.length).toBe(MAX_RESPONSE_BYTES);
    expect(() => commit(`${longest}x`)).toThrow(expect.objectContaining({ name: 'ReplyTextError' }));
  });

  it('has the draws of its epoch and its nonce, and the bank of the epoch before', async () => {
    const reply = (await generate())!.reply;
    const later = (await generate({ beacon: { ...beacon, value: bytes(32, 10) } }))!.reply;
    expect(later.outputTokens).not.toEqual(reply.outputTokens);
    expect(later.sketch).toEqual(reply.sketch);
    const other = (await generate({ order: { ...order, nonce: bytes(32, 11) } }))!.reply;
    expect(other.outputTokens).not.toEqual(reply.outputTokens);
    const bank = (await generate({ beacon: { ...beacon, previous: bytes(32, 12) } }))!.reply;
    expect(bank.outputTokens).toEqual(reply.outputTokens);
    expect(bank.sketch.bankSeed).not.toEqual(reply.sketch.bankSeed);
    expect(bank.windows[0]?.sketch).not.toEqual(reply.windows[0]?.sketch);
  });

  it('reuses the prefix of an earlier prompt only with the same payer, cache scope and cache key', async () => {
    const cached = async (change: object): Promise<number> => (await generate(change))!.cachedTokens;
    const of = (payer: number, key?: string) => ({
      order: { ...order, payer: bytes(20, payer) },
      body: utf8Encode(
        JSON.stringify({ ...JSON.parse(new TextDecoder().decode(body)), max_tokens: 8, prompt_cache_key: key }),
      ),
    });
    // Its last token always runs.
    const whole = (await generate())!.reply.promptTokens.length - 1;
    expect(await cached(of(50))).toBe(0);
    expect(await cached(of(50))).toBe(whole);
    expect(await cached(of(51))).toBe(0);
    expect(await cached(of(50, 'mine'))).toBe(0);
    expect(await cached(of(50, 'mine'))).toBe(whole);
    const asFor = (value: number) => ({ ...of(50), cacheScope: bytes(16, value) });
    expect(await cached(asFor(1))).toBe(0);
    expect(await cached(asFor(2))).toBe(0);
    expect(await cached(asFor(1))).toBe(whole);
    expect((await generate(of(50)))!.reply.windows).toEqual((await generate(of(52)))!.reply.windows);
  });

  it('is none where the engine ends without an answer', async () => {
    const mute = { ...engine, async *generate(): AsyncGenerator<never> {} };
    expect(await generate({}, mute)).toBeUndefined();
  });
});
