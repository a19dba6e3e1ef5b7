import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { collectReports, collectServed } from '@ogong/provider/calibration/collect';
import { openSampleStore, type SampleStore } from '@ogong/provider/calibration/sample-store';
import { formatSourceId, HONEST } from '@ogong/provider/calibration/source-id';
import { createFakeEngine, type FakeEngineOptions } from '../engine/fake.ts';

const signer = createNodeHybridSigner(new Uint8Array(64).fill(3));

/** A store in memory with samples of two fake engines that differ slightly and are not exact. For tests. */
export async function createFakeSamples(): Promise<{
  readonly store: SampleStore;
  add(options: {
    readonly behaviour?: string;
    readonly setup?: string;
    readonly first?: number;
    readonly count: number;
    readonly maxTokens?: number;
    readonly provider?: FakeEngineOptions;
    readonly verifier?: FakeEngineOptions;
  }): Promise<void>;
}> {
  const store = openSampleStore(':memory:');
  return {
    store,
    async add({ behaviour = HONEST, setup = 'a', first = 1, count, maxTokens = 20, provider = {}, verifier = {} }) {
      const source = formatSourceId({ model: 'fake', behaviour, setup, maxTokens });
      const seeds = Array.from({ length: count }, (_, i) => first + i);
      const serving = createFakeEngine({ exact: false, contextSize: 512, ...provider });
      const checking = createFakeEngine({ exact: false, contextSize: 512, error: 0.01, ...verifier });
      const plan = { maxTokens, kinds: ['story'] as const };
      await collectServed({ store, source, seeds, engine: serving, crypto, signer, plan, concurrency: 8 });
      await collectReports({ store, source, verifier: 'fake/b', seeds, engine: checking, crypto });
      await Promise.all([serving.close(), checking.close()]);
    },
  };
}
