import { fromHex } from '@ogong/protocol/base/bytes';
import { createFakeModelRegistry } from '@ogong/testing/chain/fake-model-registry';
import { describeWeights, NOTICE } from '@ogong/testing/chain/model-registry-compliance';
import { expect, it } from 'vitest';
import { findWeightsProblem } from './model-roots.ts';
import { createRegistryRoots, createRootFinder } from './registry-roots.ts';

const HOUR_MS = 3_600_000;
const id = 'ogong/verified/acme/tiny';
const name = { maker: 'acme', model: 'tiny' };
const rootOf = (byte: string): Uint8Array => fromHex(describeWeights(byte).modelRoot.slice(2), 32);
const at = (seconds: bigint) => ({ fromMs: Number(seconds) * 1000, toMs: Number(seconds) * 1000 });

async function open(options: Parameters<typeof createRegistryRoots>[0] = {}) {
  const registry = createFakeModelRegistry({ noticeSeconds: NOTICE });
  const maker = registry.connect(`0x${'01'.repeat(20)}`);
  await maker.claimMaker('acme');
  const clock = { now: 0, nowMs: () => clock.now };
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const roots = createRegistryRoots(options, { client: async () => maker, clock, onError });
  return { registry, maker, clock, errors, roots };
}

it('knows nothing before its first read, and then the roots in force, in each tier', async () => {
  const { maker, registry, roots } = await open();
  await maker.publishModel(name, describeWeights('aa'));
  const now = at(registry.clock.nowSeconds);
  expect(roots.find(id, now)).toBeUndefined();
  expect(findWeightsProblem(roots, { modelId: id, modelRoot: rootOf('aa') }, now)).toMatch(/cannot be looked up now/);
  await roots.prepare([id, 'ogong/verified/acme/other', 'no model id']);
  expect(roots.find(id, now)).toEqual([rootOf('aa')]);
  expect(roots.find('ogong/replay/acme/tiny', now)).toEqual([rootOf('aa')]);
  expect(roots.find('ogong/verified/acme/other', now)).toEqual([]);
  expect(roots.find('no model id', now)).toEqual([]);
  expect(findWeightsProblem(roots, { modelId: id, modelRoot: rootOf('bb') }, now)).toMatch(/^other weights/);
});

it('follows a change and a revocation about a block later, and keeps earlier roots', async () => {
  const { maker, registry, roots, clock } = await open();
  await maker.publishModel(name, describeWeights('aa'));
  const start = registry.clock.nowSeconds;
  await roots.prepare([id]);
  await maker.publishModel(name, describeWeights('bb'));
  await roots.prepare([id]);
  expect(registry.state.reads).toBe(1);
  clock.now = 12_000;
  await roots.prepare([id]);
  expect(roots.find(id, at(start + NOTICE))).toEqual([rootOf('bb')]);
  await maker.revokeModel(name);
  clock.now = 24_000;
  await roots.prepare([id]);
  expect(roots.find(id, at(start + NOTICE))).toEqual([]);
});

it('goes on for an hour while the chain is down, and then knows nothing', async () => {
  const { maker, registry, roots, clock, errors } = await open();
  await maker.publishModel(name, describeWeights('aa'));
  await roots.prepare([id]);
  registry.state.isDown = true;
  clock.now = HOUR_MS;
  await roots.prepare([id]);
  expect(errors).toHaveLength(1);
  expect(roots.find(id, at(registry.clock.nowSeconds))).toEqual([rootOf('aa')]);
  clock.now = HOUR_MS + 1;
  expect(roots.find(id, at(registry.clock.nowSeconds))).toBeUndefined();
});

it('remembers and waits for a limited number of names, and reads each once at a time', async () => {
  const { registry, roots } = await open({ maxNames: 2, maxWaiting: 3 });
  const ids = ['a', 'b', 'c', 'd'].map((model) => `ogong/verified/acme/${model}`);
  await Promise.all([roots.prepare(ids), roots.prepare(ids)]);
  expect(registry.state.reads).toBe(3);
  const span = at(registry.clock.nowSeconds);
  expect(ids.map((one) => roots.find(one, span))).toEqual([undefined, [], [], undefined]);
});

it('reports to a single reader that the chain cannot be read', async () => {
  const { registry, maker } = await open();
  await maker.publishModel(name, describeWeights('aa'));
  const find = createRootFinder({ client: async () => maker });
  expect(await find(id, at(registry.clock.nowSeconds))).toEqual([rootOf('aa')]);
  registry.state.isDown = true;
  await expect(async () => createRootFinder({ client: async () => maker })(id, at(0n))).rejects.toThrow('down');
});
