import { createHash } from 'node:crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { encodeRecordV2, parseRecordV2 } from '@ogong/protocol/commitment/record';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { afterAll, describe, expect, it } from 'vitest';
import { planRequest, type RequestPlan } from './request-plan.ts';
import { type SampleDependencies, type SampleRequest, serveSample } from './sample.ts';
import { listSeeds, SETUPS } from './setups.ts';

// Stored samples were served under these values. Code that gives others would mix two kinds in one store, so it starts another one
// (SAMPLES_FILE).

const engine = createFakeEngine({ contextSize: 512 });
afterAll(() => engine.close());
const signer = createNodeHybridSigner(new Uint8Array(64).fill(3));
const PLANS: readonly RequestPlan[] = [
  { maxTokens: 40 },
  { maxTokens: 24, sampler: 'any', needs: 'seed' },
  { maxTokens: 32, prompts: ['one', 'two', 'three'] },
];
const SEEDS = Array.from({ length: 8 }, (_, i) => 1 + 1_000_003 * i);

function hashAll(parts: Iterable<Uint8Array>): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}\n`).update(part);
  return hash.digest('hex').slice(0, 32);
}

const planAll = () => PLANS.flatMap((plan) => SEEDS.map((seed) => ({ seed, body: planRequest(plan, seed) })));

async function serveAll(change: {
  readonly dependencies?: Partial<SampleDependencies>;
  readonly endpoint?: NonNullable<SampleRequest['endpoint']>;
}): Promise<string> {
  const parts: Uint8Array[] = [];
  for (const request of planAll()) {
    const asked = change.endpoint ? { ...toCompletion(request), endpoint: change.endpoint } : request;
    const sample = await serveSample(asked, { engine, crypto, signer, ...change.dependencies });
    if (sample === undefined) continue;
    // How long it took is the machine's.
    const record = encodeRecordV2({ ...parseRecordV2(sample.record), endNs: 0n });
    parts.push(sample.request, record, sample.opening, sample.response);
  }
  return hashAll(parts);
}

function toCompletion({ seed, body }: SampleRequest): SampleRequest {
  const { messages, ...rest } = JSON.parse(new TextDecoder().decode(body));
  return { seed, body: utf8Encode(JSON.stringify({ ...rest, prompt: messages[0].content })) };
}

describe('the basis of stored samples', () => {
  it('is the requests of the seeds', () => {
    expect(hashAll(planAll().map(({ body }) => body))).toBe('6d1eb9e9c93aeba6050c211daef89602');
  });

  it('is the bytes served for them', async () => {
    expect(await serveAll({})).toBe('1b15b0c434cd8962cde41cb0087fd986');
    expect(await serveAll({ endpoint: 'completion' })).toBe('e6c5a713465442ef7189736a4bd75ca7');
    const other = createFakeEngine({ contextSize: 512, error: 0.01 });
    expect(await serveAll({ dependencies: { engine: other } })).toBe('75034c76c2ff96a39e815b1115a98010');
    await other.close();
  });

  it('is the place of each setup, which decides its seeds', () => {
    const names = [
      ...['exact', 'exact-native', 'exact-threads', 'reference', 'plain', 'plain-8', 'plain-no-flash', 'plain-unified'],
      ...['fast', 'fast-8', 'fast-threads', 'fast-no-flash', 'fast-native', 'fast-sse', 'fast-scalar'],
    ];
    expect(SETUPS.slice(0, names.length).map(({ name }) => name)).toEqual(names);
    const firsts = SETUPS.map((setup) => listSeeds(setup, 1)[0]);
    expect(firsts).toEqual(SETUPS.map((_, i) => 1 + 10_000_000 * i));
  });
});
