import type { LinkPool, Peer } from '@ogong/host/link/link-pool';
import { describe, expect, it } from 'vitest';
import { createRouters } from '../buy/match/routers.ts';
import { createModelList } from './model-list.ts';

const MODEL = 'ogong/verified/test/a';

function createList(verifiers: number, model = MODEL, promptReaders = 0) {
  const supply = {
    ...{ model, modelRoot: new Uint8Array(32), modality: 'text', providers: 1, freeCapacity: 1, minPricePer1k: 1n },
    ...{ contextSize: 512, verifiers, stakedVerifiers: 0, numericClasses: ['a'], promptReaders },
    ...{ latencyMs: 120, milliTokensPerSecond: 0 },
  };
  const offer = {
    ...{
      providerId: new Uint8Array(32).fill(1),
      payee: new Uint8Array(20).fill(2),
      model,
      modelRoot: new Uint8Array(32),
    },
    ...{
      // A modality of a later release has no units here.
      modality: 'speech',
      numericClass: 'fake-1/js/f64/exact/hash/kv-none',
      pricePer1k: 5n,
      contextSize: 512,
      capacity: 2,
      freeCapacity: 1,
    },
    ...{
      stakeTokens: 3n,
      heldTokens: 2n,
      reputationPpm: 500_000,
      livenessPpm: 1_000_000,
      latencyMs: 0,
      milliTokensPerSecond: 12_500,
      promptReaders,
    },
  };
  const router = {
    listModels: async () => ({ models: [supply] }),
    listOffers: async ({ model: asked }: { readonly model: string }) => ({ offers: asked === model ? [offer] : [] }),
  };
  const links = { to: () => router } as unknown as LinkPool;
  return createModelList({ sinceS: 0 }, { routers: createRouters({ routers: [{} as Peer] }, { links }) });
}

describe('a model of the list', () => {
  it.each([0, 1])('with %i verifiers says that nobody else can check it', async (verifiers) => {
    const warning = expect.stringContaining('A reply without a verdict is not paid');
    expect(await createList(verifiers).get(MODEL, {})).toMatchObject({ ogong: { verifiers, warning } });
  });

  it('of tier vanilla says that nothing is proven, however many verifiers there are', async () => {
    const id = 'ogong/vanilla/test/a';
    const warning = expect.stringContaining('nothing proves which model answers');
    const posture = {
      tier: 'vanilla',
      method: 'signature',
      audited: false,
      price_units: 'tokens',
      min_price_per_1k: '1',
    };
    expect(await createList(3, id).get(id, {})).toMatchObject({ ogong: { ...posture, warning } });
    expect(await createList(3).get(MODEL, {})).toMatchObject({
      ogong: { tier: 'verified', method: 'draw-replay', audited: true },
    });
  });

  it('names the shards of its cohort, the readers of the prompt, and the tier of the weakest member', async () => {
    const cohort = { shards: 3, reads_prompt: 'each shard', weakest_tier: 'verified' };
    const list = createList(2, MODEL, 3);
    expect(await list.get(MODEL, {})).toMatchObject({ ogong: { prompt_readers: 3, cohort } });
    expect(await list.listOffers(MODEL, {})).toMatchObject({ data: [{ prompt_readers: 3, cohort }] });
    expect(await createList(2).get(MODEL, {})).toMatchObject({ ogong: { prompt_readers: 1, cohort: null } });
  });

  it('with two verifiers has no warning', async () => {
    expect(await createList(2).get(MODEL, {})).not.toHaveProperty('ogong.warning');
  });
});

describe('figures', () => {
  it('stand beside each model, and null where nobody has measured', async () => {
    expect(await createList(2).get(MODEL, {})).toMatchObject({ ogong: { latency_ms: 120, tokens_per_second: null } });
  });

  it('stand beside each offer, with posture and price', async () => {
    const list = await createList(2).listOffers(MODEL, {});
    expect(list).toMatchObject({ object: 'list', has_more: false });
    expect((list as { data: unknown[] }).data).toEqual([
      {
        ...{ object: 'endpoint', provider: '01'.repeat(32), payee: `0x${'02'.repeat(20)}`, model: MODEL },
        ...{
          model_root: '00'.repeat(32),
          modality: 'speech',
          endpoints: [],
          price_units: null,
          price_per_1k: '5',
          standby_per_1k: null,
          context_size: 512,
          capacity: 2,
          free_capacity: 1,
        },
        ...{ stake_tokens: '3', reputation_ppm: 500_000, liveness_ppm: 1_000_000, prompt_readers: 1, cohort: null },
        ...{ latency_ms: null, tokens_per_second: 12.5 },
        posture: {
          ...{ tier: 'verified', method: 'draw-replay', exact: true },
          numeric_class: 'fake-1/js/f64/exact/hash/kv-none',
          held_tokens: '2',
        },
      },
    ]);
    await expect(createList(2).listOffers('ogong/verified/test/other', {})).rejects.toMatchObject({
      code: 'model_not_found',
    });
  });
});

describe('lists that many ask for', () => {
  function createCounted(names: readonly string[]) {
    const asked = { models: 0, offers: 0 };
    let nowMs = 0;
    const supply = {
      modelRoot: new Uint8Array(32),
      providers: 1,
      freeCapacity: 1,
      minPricePer1k: 1n,
      contextSize: 512,
    };
    const router = {
      listModels: async () => {
        asked.models++;
        return { models: names.map((model) => ({ ...supply, model, verifiers: 2, numericClasses: [] })) };
      },
      listOffers: async () => {
        asked.offers++;
        return { offers: [] };
      },
    };
    const routers = createRouters({ routers: [{} as Peer] }, { links: { to: () => router } as unknown as LinkPool });
    const list = createModelList({ sinceS: 0 }, { routers, uptime: { nowMs: () => nowMs } });
    return { list, asked, pass: (ms: number) => (nowMs += ms) };
  }

  it('are asked for once at the router, and again when they are old', async () => {
    const names = ['ogong/verified/a/a', 'ogong/verified/a/b', 'ogong/verified/a/c'];
    const { list, asked, pass } = createCounted(names);
    await Promise.all(Array.from({ length: 50 }, () => list.listOffers(undefined, {})));
    for (let i = 0; i < 50; i++) await list.list({});
    expect(asked).toEqual({ models: 1, offers: 3 });
    pass(1_000);
    await list.listOffers(undefined, {});
    expect(asked).toEqual({ models: 2, offers: 3 });
    pass(4_000);
    await list.listOffers(undefined, {});
    expect(asked).toEqual({ models: 3, offers: 6 });
  });

  it('take no more of what the gateway may ask than their part, whatever models are named', async () => {
    const names = Array.from({ length: 1_000 }, (_, i) => `ogong/verified/a/${i}`);
    const { list, asked, pass } = createCounted(names);
    const askAll = () => Promise.allSettled(names.map((name, i) => list.listOffers(name, { id: `key ${i % 8}` })));
    const results = await askAll();
    expect(results.at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'too_many_requests' } });
    expect(asked.models + asked.offers).toBe(256);
    pass(1_000);
    await askAll();
    expect(asked.models + asked.offers).toBe(256 + 30);
    await expect(list.listOffers('ogong/verified/a/none', {})).rejects.toMatchObject({ code: 'model_not_found' });
  });

  it('are not kept from others by one key that walks through all names', async () => {
    const names = Array.from({ length: 300 }, (_, i) => `ogong/verified/a/${i}`);
    const { list, asked, pass } = createCounted(names);
    for (let second = 0; second < 20; second++) {
      await Promise.allSettled(names.map((name) => list.listOffers(name, { id: 'walker' })));
      await expect(list.listOffers(`ogong/verified/a/${299 - second}`, { id: 'other' })).resolves.toBeDefined();
      pass(1_000);
    }
    expect(asked.offers).toBeLessThanOrEqual(128 + 20 * 15 + 20);
  });

  it('are kept for as long as they are fresh, of more models than one list shows', async () => {
    const names = Array.from({ length: 100 }, (_, i) => `ogong/verified/a/${i}`);
    const { list, asked } = createCounted(names);
    for (let i = 0; i < 5; i++) for (const name of names) await list.listOffers(name, { id: 'a' });
    expect(asked).toEqual({ models: 1, offers: 100 });
  });
});
