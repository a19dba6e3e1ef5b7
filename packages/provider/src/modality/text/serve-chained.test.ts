import { EngineError } from '@ogong/engine/interface/engine-error';
import { createNetwork, receive } from '@ogong/testing/provider/provider-fixture';
import { afterEach, describe, expect, it } from 'vitest';
import type { CohortChain } from '../../shard/cohort-chain.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A provider that leads shards, and the calls of its chain. */
async function start(bend: Partial<CohortChain>) {
  const calls: string[] = [];
  const never = new AbortController().signal;
  const chain: CohortChain = {
    open: async () => ({ agreement: new Uint8Array(), failed: never }),
    admit: async () => void calls.push('admit'),
    run: async () => new Float32Array(),
    drop: async () => undefined,
    async close() {
      calls.push('close');
      return [];
    },
    ...bend,
  };
  const network = await createNetwork({ chain });
  closing.push(() => network.close());
  return { ...network, calls };
}

describe('a provider that leads a cohort', () => {
  it('consents to no order that a shard refuses, and gives its reason', async () => {
    const { client, order, validator, calls } = await start({
      async open() {
        throw new EngineError('engine-crashed', 'shard 0 does not agree to the order: it is busy', { retryable: true });
      },
    });
    await expect(receive(client, order())).rejects.toThrow('shard 0 does not agree to the order: it is busy');
    expect(validator.admitted).toEqual([]);
    expect(calls).toEqual([]);
  });

  it('shows the admission to its shards before it answers, and ends the order once', async () => {
    const { client, order, validator, calls } = await start({});
    await receive(client, order());
    expect(validator.admitted).toHaveLength(1);
    expect(calls).toEqual(['admit', 'close']);
  });

  it('gives a reply up whose pass a shard has refused', async () => {
    const failure = new AbortController();
    const { client, order, validator, calls } = await start({
      open: async () => ({ agreement: new Uint8Array(), failed: failure.signal }),
      admit: async () => failure.abort(new EngineError('engine-crashed', 'shard 0 did not run a pass')),
    });
    await expect(receive(client, order())).rejects.toThrow('cancelled before it began');
    expect(validator.pushed).toEqual([]);
    expect(calls).toEqual(['close']);
  });
});
