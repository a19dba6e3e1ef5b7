import { expect, it } from 'vitest';
import type { RouterClient } from '../buy/match/routers.ts';
import { createModelContexts } from './model-contexts.ts';

function open(offers: Readonly<Record<string, readonly number[]>>, modality = 'text') {
  const calls: string[] = [];
  let isDown = false;
  let nowMs = 0;
  const service = {
    async listModels() {
      calls.push('models');
      if (isDown) throw new Error('down');
      return { models: Object.keys(offers).map((model) => ({ model, modality })) };
    },
    async listOffers({ model }: { model: string }) {
      calls.push(model);
      return { offers: (offers[model] ?? []).map((contextSize) => ({ contextSize })) };
    },
  } as unknown as RouterClient;
  const routers = {
    to: () => service,
    first: (ask: (router: never, limits: object) => unknown) => ask({} as never, {}),
  };
  const contexts = createModelContexts({ routers: routers as never }, { uptime: { nowMs: () => nowMs } });
  return {
    contexts,
    calls,
    wait(ms: number) {
      nowMs += ms;
    },
    fail() {
      isDown = true;
    },
  };
}

it('reads the largest context of a model, and reads it again after five seconds', async () => {
  const { contexts, calls, wait } = open({ a: [256, 4_096, 512], b: [] });
  expect(await contexts.largest('a')).toBe(4_096);
  expect(await contexts.largest('a')).toBe(4_096);
  expect(calls).toEqual(['models', 'a']);
  wait(5_000);
  expect(await contexts.largest('a')).toBe(4_096);
  expect(calls).toEqual(['models', 'a', 'models', 'a']);
  expect(await contexts.largest('b')).toBeUndefined();
});

it('asks for no offers of a name that no router lists, and knows nothing while routers are away', async () => {
  const { contexts, calls, wait, fail } = open({ a: [256] });
  expect(await contexts.largest('made up')).toBeUndefined();
  expect(calls).toEqual(['models']);
  fail();
  wait(5_000);
  expect(await contexts.largest('a')).toBeUndefined();
});

it('refuses a request that no provider of the model serves, and lists the models once a minute', async () => {
  const { contexts, calls, wait, fail } = open({ a: [256] });
  await contexts.assertServes({ model: 'a', endpoint: 'completion' });
  await contexts.assertServes({ model: 'made up', endpoint: 'embedding' });
  await expect(contexts.assertServes({ model: 'a', endpoint: 'embedding' })).rejects.toMatchObject({
    ...{ status: 400, message: '"a" does not support embeddings', param: 'model' },
  });
  await expect(contexts.assertServes({ model: 'a', endpoint: 'image' })).rejects.toThrow('does not support pictures');
  wait(59_999);
  await expect(contexts.assertServes({ model: 'a', endpoint: 'infer' })).rejects.toThrow('does not support tensors');
  expect(calls).toEqual(['models']);
  wait(1);
  fail();
  await contexts.assertServes({ model: 'a', endpoint: 'embedding' });
});

it('refuses nothing of a modality of a later version', async () => {
  const { contexts } = open({ a: [256] }, 'speech');
  await contexts.assertServes({ model: 'a', endpoint: 'chat' });
});
