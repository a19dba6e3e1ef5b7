import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { computeManifestRoot } from '@ogong/hub/manifest';
import { openLightPlace } from '@ogong/hub/named/open-place';
import { formatManifestSource } from '@ogong/hub/place';
import { type FolderStore, openFolderStore } from '@ogong/hub/store/folder-store';
import { keepManifest } from '@ogong/hub/store/manifest-folder';
import { type PushedFile, pushFiles } from '@ogong/hub/transfer/push';
import { toHex } from '@ogong/protocol/base/bytes';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createTestManifest } from '@ogong/testing/hub/hub-manifest';
import { signTestManifest } from '@ogong/testing/hub/hub-model';
import { startPlaceServer } from '@ogong/testing/hub/place-server';
import { writeRandomModel } from '@ogong/testing/models/random-model';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openHeldModels } from '../../hub/held-models.ts';
import { createHubServing } from './hub-serving.ts';
import type { HubServingDependencies, HubServingOptions } from './hub-state.ts';

const STORIES = fileURLToPath(new URL('../../../../models/models/stories260K.gguf', import.meta.url));
const SHAPE = { embedding: 16, layers: 1, heads: 1, kvHeads: 1, context: 32 };
const NAMES = ['a', 'b', 'c'];
const HOUR_MS = 3_600_000;
const idOf = (name: string): string => `ogong/verified/acme/${name}`;

interface PushedModel {
  readonly sizeBytes: number;
  /** Of its only file. */
  readonly blob: string;
  readonly modelRoot: Uint8Array;
  readonly entry: Awaited<ReturnType<HubServingDependencies['readEntry']>>;
}

let directory: TestDirectory;
let origin: FolderStore;
let models: Map<string, PushedModel>;
beforeEach(async () => {
  directory = createTestDirectory('hub-serving');
  origin = openFolderStore(join(directory.path, 'origin'));
  models = new Map();
  for (const [i, name] of NAMES.entries()) models.set(name, await pushModel(name, i));
});
afterEach(() => directory.remove());

async function pushModel(model: string, i: number, readme?: string): Promise<PushedModel> {
  const path = `${model}.gguf`;
  writeRandomModel(join(directory.path, path), { vocabularyFrom: STORIES, shape: { ...SHAPE, feedForward: 16 + i } });
  const text: PushedFile[] = readme === undefined ? [] : [{ path: 'README.md', format: 'text', isWeight: false }];
  if (readme !== undefined) writeFileSync(join(directory.path, 'README.md'), readme);
  const files = await pushFiles({
    folder: directory.path,
    files: [{ path, format: 'gguf', isWeight: true }, ...text],
    store: origin,
  });
  const bare = createTestManifest(crypto, { model, files, lineage: [] });
  const manifest = { ...bare, modelRoot: computeManifestRoot(crypto, bare) };
  const { signed, facts, encoded } = signTestManifest(manifest);
  const hash = toHex(signed.manifestHash);
  await keepManifest(origin.directory, { hash, signed: encoded });
  const { modelRoot } = manifest;
  const inForce = { maker: 'acme', model, modelRoot, sources: [formatManifestSource(hash)] };
  const { sizeBytes, blockRoot } = files.find(({ isWeight }) => isWeight) as (typeof files)[0];
  return { sizeBytes, blob: toHex(blockRoot), modelRoot, entry: { facts, versions: [inForce], inForce } };
}

interface WorldOffer {
  readonly modelRoot: Uint8Array;
  active: number;
  hold(): Promise<() => void>;
}

/** A provider of fake engines over real stores. Another call with the same directory is its next start. */
function open(options: Partial<HubServingOptions> = {}, wanted: readonly string[] = []) {
  const world = {
    wanted: [...wanted],
    nowMs: 1_000 * HOUR_MS,
    offers: new Map<string, WorldOffer>(),
    loaded: new Set<string>(),
    broken: new Set<string>(),
    /** Whether a retry of a broken model may succeed. */
    isBusy: false,
    memory: Number.POSITIVE_INFINITY,
    asked: 0,
  };
  const store = openFolderStore(join(directory.path, 'provider'));
  const held = openHeldModels(join(directory.path, 'held.json'));
  const dependencies: HubServingDependencies = {
    ...{ crypto, store, held, clock: { nowMs: () => world.nowMs }, log: { info() {}, warn() {} } as never },
    readDemand: async () => world.wanted.map((name, i) => ({ modelId: idOf(name), milliWeight: 1_000 - i })),
    async readEntry({ model }) {
      world.asked++;
      const found = models.get(model);
      if (found === undefined) throw new Error('no such model');
      return found.entry;
    },
    readMemory: () => world.memory,
    pool: {
      async open({ reference }) {
        const path = reference.replace(/^file:/, '');
        const name = /acme\/([^/]+)\//.exec(path)?.[1] as string;
        if (!existsSync(path)) throw new Error('no file');
        if (world.broken.has(name))
          throw Object.assign(new Error('the engine does not start'), { retryable: world.isBusy });
        world.loaded.add(name);
        const engine = createFakeEngine();
        const modelRoot = get(name).modelRoot;
        const presence = { hold: async () => () => {}, isLoaded: () => true, hasRoom: () => true };
        return { engine: { ...engine, info: () => ({ ...engine.info(), modelRoot }) }, presence };
      },
      async drop(reference) {
        world.loaded.delete(/acme\/([^/]+)\//.exec(reference)?.[1] as string);
      },
    },
    provider: {
      offered: () => [...world.offers].map(([modelId, offer]) => ({ modelId, ...offer })),
      addOffer({ modelId, engine, presence }) {
        const { modelRoot } = engine.info();
        world.offers.set(modelId, { modelRoot, active: 0, hold: () => presence!.hold() });
      },
      endOffer(modelId) {
        if ((world.offers.get(modelId)?.active ?? 0) > 0) return false;
        world.offers.delete(modelId);
        return true;
      },
    },
    toOffer: (modelId, opened) => ({ modelId, pricePer1kAtomic: 7n, ...opened }),
  };
  const all: HubServingOptions = {
    ...{ budgetBytes: 1 << 30, tiers: ['verified'], licences: ['Apache-2.0'], intervalMs: 1_000, stayMs: HOUR_MS },
    places: [{ kind: 'folder', address: origin.directory }],
    services: {},
    ...options,
  };
  const serving = createHubServing(all, dependencies);
  const look = async (): Promise<string> => {
    await serving.trigger();
    return [...world.offers.keys()].map((id) => id.split('/').at(-1)).join('');
  };
  return { world, look, store, held, serving, dependencies, options: all };
}

const get = (name: string): PushedModel => models.get(name) as PushedModel;

it('fetches from a place of another kind through a service that shows it', async () => {
  const server = await startPlaceServer(origin.directory);
  try {
    const places: HubServingOptions['places'] = [{ kind: 's3', address: 's3://acme-models' }];
    expect(await open({ places }, ['a']).look()).toBe('');
    expect(await open({ places, services: { s3: () => server.url.replace(/\/$/, '') } }, ['a']).look()).toBe('a');
  } finally {
    await server.close();
  }
});

it('the most wanted model is fetched and offered, one at each look, and is there after a restart', async () => {
  const { world, look, held } = open({}, ['b', 'unknown', 'a']);
  expect(await look()).toBe('b');
  expect(await look()).toBe('ba');
  expect(held.list().map(({ modelId }) => modelId)).toEqual([idOf('b'), idOf('a')]);
  world.wanted = ['b'];
  expect(await look()).toBe('ba');
  // The next start needs no place.
  const next = open({ places: [] });
  expect(await next.look()).toBe('ba');
  expect([...next.world.loaded].sort()).toEqual(['a', 'b']);
});

it('a model makes room for a wanted one, but not while it serves or is pinned, and not soon after an order', async () => {
  const { world, look, store } = open({ budgetBytes: get('b').sizeBytes + get('c').sizeBytes }, ['a']);
  await look();
  world.wanted = ['b'];
  world.nowMs += HOUR_MS / 2;
  expect(await look()).toBe('ab');
  const [a, b] = [...world.offers.values()] as [WorldOffer, WorldOffer];
  world.wanted = ['c'];
  // Both were used within the hour, then one has an order and one a pin.
  expect(await look()).toBe('ab');
  world.nowMs += 2 * HOUR_MS;
  a.active = 1;
  await store.pin(get('b').blob);
  expect(await look()).toBe('ab');
  await store.unpin(get('b').blob);
  await b.hold();
  a.active = 0;
  world.nowMs += 2 * HOUR_MS;
  // The other one has waited longer for an order.
  expect(await look()).toBe('bc');
  expect([...world.loaded].sort()).toEqual(['b', 'c']);
  expect(await Promise.all(NAMES.map((name) => store.has(get(name).blob)))).toEqual([false, true, true]);
});

it('a model that does not open costs one download a day, and none of the disk', async () => {
  const { world, look, store, held } = open({}, ['a']);
  world.broken.add('a');
  expect(await look()).toBe('');
  expect([held.list(), await store.has(get('a').blob)]).toEqual([[], false]);
  const { asked } = world;
  world.nowMs += 23 * HOUR_MS;
  await look();
  expect(world.asked).toBe(asked);
  world.broken.clear();
  world.nowMs += HOUR_MS;
  expect(await look()).toBe('a');
});

it('a model keeps its files while a retry may succeed, six times', async () => {
  const { world, look, store } = open({}, ['a']);
  world.broken.add('a');
  world.isBusy = true;
  const isKept: boolean[] = [];
  for (let failures = 1; failures <= 6; failures++) {
    await look();
    isKept.push(await store.has(get('a').blob));
    world.nowMs += 600_000;
  }
  expect(isKept).toEqual([true, true, true, true, true, false]);
  world.nowMs += 24 * HOUR_MS;
  await look();
  world.broken.clear();
  expect(await look()).toBe('');
  world.nowMs += 600_000;
  // No place has to send the files again.
  expect(await look()).toBe('a');
});

it('models that fail after their download, or that their maker revokes, cost the budget once a day', async () => {
  const { world, look, store } = open({ budgetBytes: get('a').sizeBytes + get('b').sizeBytes - 1 }, ['a', 'b', 'c']);
  world.broken.add('a');
  expect(await look()).toBe('');
  world.nowMs += HOUR_MS;
  expect(await look()).toBe('b');
  const { entry } = get('b');
  models.set('b', { ...get('b'), entry: { ...entry, inForce: undefined } });
  expect(await look()).toBe('');
  expect([await store.has(get('b').blob), await store.has(get('c').blob)]).toEqual([false, false]);
  world.nowMs += HOUR_MS;
  expect(await look()).toBe('c');
});

it('a model whose places are too slow goes for a day, and the next one is fetched', async () => {
  const { world, held, dependencies, options } = open({}, ['a', 'b']);
  const slow = createHubServing(options, {
    ...dependencies,
    openPlace(place) {
      const source = openLightPlace(place);
      return (
        source && {
          ...source,
          async *read(file, range, signal) {
            for await (const piece of source.read(file, range, signal)) {
              if (file.path === 'a.gguf') world.nowMs += HOUR_MS;
              yield piece;
            }
          },
        }
      );
    },
  });
  await slow.trigger();
  expect([[...world.offers.keys()], held.list().map(({ modelId }) => modelId)]).toEqual([[idOf('b')], [idOf('b')]]);
});

it('a model goes when its manifest names other files beside the same weights, which no check has seen', async () => {
  const budgetBytes = get('a').sizeBytes + 99;
  const { world, look } = open({ budgetBytes }, ['a']);
  expect(await look()).toBe('a');
  world.offers.clear();
  models.set('a', await pushModel('a', 0, 'x'.repeat(100)));
  const next = open({ budgetBytes }, ['a']);
  expect([await next.look(), next.held.list()]).toEqual(['', []]);
});

it('a model is offered once the verifier has it', async () => {
  const lacking = open({}, ['a']);
  const waits: string[] = [];
  Object.assign(lacking.dependencies, {
    async awaitVerifier(modelRoot: Uint8Array) {
      waits.push(toHex(modelRoot));
      if (waits.length === 1) throw new Error('the verifier lacks it');
    },
  });
  const next = createHubServing(lacking.options, lacking.dependencies);
  await next.trigger();
  expect([waits, [...lacking.world.offers]]).toEqual([[toHex(get('a').modelRoot)], []]);
  lacking.world.nowMs += 24 * HOUR_MS;
  await next.trigger();
  expect([...lacking.world.offers.keys()]).toEqual([idOf('a')]);
});

it.each([
  ['its licence is not taken', { licences: ['MIT'] }, {}],
  ['it fits no budget', { budgetBytes: 1_000 }, {}],
  ['it fits no memory', {}, { memory: 1_000 }],
  ['its tier is another', { tiers: ['replay'] }, {}],
])('nothing is fetched if %s', async (_why, options, bend) => {
  const { world, look, store } = open(options, ['a']);
  Object.assign(world, bend);
  expect(await look()).toBe('');
  expect(await store.has(get('a').blob)).toBe(false);
});

it('weights that are offered under another name are not fetched again', async () => {
  const { world, look, store } = open({}, ['a']);
  const offer = { modelRoot: get('a').modelRoot, active: 0, hold: async () => () => {} };
  world.offers.set('ogong/replay/me/mine', offer);
  expect(await look()).toBe('mine');
  expect(await store.has(get('a').blob)).toBe(false);
});

it('a model goes when its maker puts another version in force, which demand brings again', async () => {
  const { world, look } = open({}, ['a']);
  await look();
  models.set('a', { ...(await pushModel('a', 9)) });
  world.wanted = [];
  expect(await look()).toBe('');
  world.wanted = ['a'];
  expect(await look()).toBe('a');
  expect(world.offers.get(idOf('a'))?.modelRoot).toEqual(get('a').modelRoot);
});

it('a model that a stop interrupts before its offer is served by the next start', async () => {
  const first = open({}, ['a']);
  const opening = Promise.withResolvers<void>();
  first.dependencies.pool.open = () => {
    opening.resolve();
    return new Promise(() => {});
  };
  const look = first.serving.trigger();
  look.catch(() => undefined);
  await opening.promise;
  const next = open({ places: [{ kind: 'folder', address: origin.directory }] });
  expect(await next.look()).toBe('a');
});

it('a damaged list is an error, and deletes nothing', () => {
  const path = join(directory.path, 'held.json');
  for (const text of ['{', '{"models":[{"modelId":"../../x"}]}', ' '.repeat(70_000)]) {
    writeFileSync(path, text);
    expect(() => openHeldModels(path)).toThrow();
  }
});
