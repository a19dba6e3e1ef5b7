import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { collectReports } from '@ogong/provider/calibration/collect';
import { readEvidence } from '@ogong/provider/calibration/read-evidence';
import { type ServedSample, serveSample } from '@ogong/provider/calibration/sample';
import { openSampleStore } from '@ogong/provider/calibration/sample-store';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { afterAll, describe, expect, it } from 'vitest';
import { findAttack } from '../../attackers/catalogue.ts';
import { readReplies } from './load.ts';
import { measureEquality } from './measure-honest.ts';

const engine = createFakeEngine({ contextSize: 512 });
const verifier = createFakeEngine({ contextSize: 512 });
const store = openSampleStore(':memory:');
afterAll(async () => {
  await Promise.all([engine.close(), verifier.close()]);
  store.close();
});
const signer = createNodeHybridSigner(new Uint8Array(64).fill(3));
const seeds = Array.from({ length: 8 }, (_, i) => i + 1);
/** No filter cuts the list, so that draws fall into the tail. */
const bodyOf = (seed: number): Uint8Array =>
  utf8Encode(
    JSON.stringify({
      model: 'ogong/verified/test/lab',
      messages: [{ role: 'user', content: `Story ${seed}` }],
      max_tokens: 64,
    }),
  );

async function sample(source: string, serving: typeof engine) {
  for (const seed of seeds) {
    const served = await serveSample({ seed, body: bodyOf(seed) }, { engine: serving, crypto, signer });
    store.writeServed(source, served as ServedSample);
  }
  await collectReports({ store, source, verifier: 'same', seeds, engine: verifier, crypto });
  return readReplies(store, source, 'same');
}
const experiment = { weights: 'f16', provider: 'cpu-exact', verifier: 'cpu-exact' } as Parameters<
  typeof measureEquality
>[0];

describe('replies that a verifier of their exact class looked at', () => {
  it('are reproduced if they are honest', async () => {
    const replies = await sample('honest', engine);
    expect(replies.length).toBeGreaterThan(4);
    expect(replies.map(({ scored }) => scored?.unreproduced)).toEqual(replies.map(() => undefined));
    expect(measureEquality(experiment, 'stories15M', replies).differing).toBe(0);
  });

  it('differ only in their choice if the provider chose an unlisted token', async () => {
    const attack = findAttack('tail-choice').create({ engine });
    const replies = await sample('tail-choice', attack.engine);
    const chosen = attack.counts?.().chosen as number;
    expect(chosen).toBeGreaterThan(0);
    expect(replies.every(({ scored }) => scored?.comparison.identical)).toBe(true);
    expect(replies.filter(({ scored }) => scored?.unreproduced !== undefined)).toHaveLength(chosen);
    expect(measureEquality(experiment, 'stories15M', replies).differing).toBe(chosen);
    const evidence = Array.from(store.readScored('tail-choice', 'same'), (one) => readEvidence(crypto, one));
    expect(evidence.filter((one) => one.kind === 'equality' && !one.identical)).toHaveLength(chosen);
  });
});
