import { EngineError } from '@ogong/engine/interface/engine-error';
import { createFakeTrajectoryEngine } from '@ogong/testing/engine/fake-trajectory';
import { pathOfPictureModel } from '@ogong/testing/models/picture-folder';
import { createNetwork, receive } from '@ogong/testing/provider/provider-fixture';
import { expect, it } from 'vitest';
import type { EngineSettings, LoadedModel, MachineShare } from '../../engine/engine-config.ts';
import { weighModel } from '../../engine/footprint.ts';
import { openServedModels } from '../../provider/open-served-models.ts';

const path = pathOfPictureModel('tiny-shapes-flow-dit');
const settings: EngineSettings = { modelsDir: '', isa: 'auto', threads: 1, sequences: undefined, nCtx: undefined };
const place = { log: { info: () => {}, warn: () => {} } };

it('two models of pictures share the memory of one, and each is loaded for its orders', async () => {
  const loads: string[] = [];
  const load = (name: string): LoadedModel => {
    const engine = createFakeTrajectoryEngine({ weights: name.charCodeAt(0) });
    return { engine, model: { name, path, modelRoot: engine.info().modelRoot } };
  };
  const { total } = weighModel(load('a'), settings);
  const open = async (name: string, _settings: EngineSettings, _place: object, share?: MachineShare) => {
    if ((share?.budgetBytes ?? 0) < total) throw new EngineError('not-enough-memory', `${name} does not fit`);
    loads.push(name);
    return load(name);
  };
  const served = ['a', 'b'].map((model) => ({
    model,
    modelId: `ogong/verified/test/${model}`,
    pricePer1kAtomic: 7n,
  }));
  const { offers, close } = await openServedModels(served, { ...settings, memoryBudget: total }, place, { open });
  const network = await createNetwork({ others: offers });
  try {
    for (const [nonce, at] of [0, 1, 1, 0].entries()) {
      const { modelId, engine } = offers[at] as (typeof offers)[number];
      const message = network.order({
        ...{ modelId, engine, nonce: nonce + 1, body: { steps: 2 } },
        order: (order) => ({ ...order, pricePer1kAtomic: 7n }),
      });
      const { finished } = await receive(network.client, message);
      expect(finished.response).toHaveLength(32 * 32 * 3);
    }
    expect(loads).toEqual(['b', 'a', 'b', 'a']);
  } finally {
    await network.close();
    await close();
  }
});
