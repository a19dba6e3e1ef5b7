import type { LinkPool, Peer } from '@ogong/host/link/link-pool';
import { describe, expect, it } from 'vitest';
import { createModelList } from './model-list.ts';

const MODEL = 'ogong/verified/test/a';

function createList(verifiers: number, model = MODEL) {
  const supply = {
    ...{ model, modelRoot: new Uint8Array(32), providers: 1, freeCapacity: 1, minPricePer1k: 1n },
    ...{ contextSize: 512, verifiers, stakedVerifiers: 0, numericClasses: ['a'] },
  };
  const links = { to: () => ({ listModels: async () => ({ models: [supply] }) }) } as unknown as LinkPool;
  return createModelList({ router: {} as Peer, sinceS: 0 }, { links });
}

describe('a model of the list', () => {
  it.each([0, 1])('with %i verifiers says that nobody else can check it', async (verifiers) => {
    const warning = expect.stringContaining('What nobody judges is not paid');
    expect(await createList(verifiers).get(MODEL)).toMatchObject({ ogong: { verifiers, warning } });
  });

  it('of tier vanilla says that nothing is proven, however many verifiers there are', async () => {
    const id = 'ogong/vanilla/test/a';
    const warning = expect.stringContaining('nothing proves which model answers');
    const posture = { tier: 'vanilla', method: 'signature', audited: false, min_price_per_1k: '1' };
    expect(await createList(3, id).get(id)).toMatchObject({ ogong: { ...posture, warning } });
    expect(await createList(3).get(MODEL)).toMatchObject({
      ogong: { tier: 'verified', method: 'draw-replay', audited: true },
    });
  });

  it('with two verifiers has no warning', async () => {
    expect(await createList(2).get(MODEL)).not.toHaveProperty('ogong.warning');
  });
});
