import { fileURLToPath } from 'node:url';
import { EngineError } from '@ogong/engine/interface/engine-error';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { parseAnnouncement } from '@ogong/protocol/exchange/announcement';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createNetwork, receive, until } from '@ogong/testing/provider/provider-fixture';
import { afterEach, expect, it } from 'vitest';
import type { EngineSettings, LoadedModel, MachineShare } from '../engine/engine-config.ts';
import { weighModel } from '../engine/footprint.ts';
import { type OpenedOffers, openServedModels } from './open-served-models.ts';

const path = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));
const place = { log: { info: () => {}, warn: () => {} } };
const NAMES = ['a', 'b', 'c'];
const models = NAMES.map((model) => ({ model, modelId: `ogong/verified/test/${model}`, pricePer1kAtomic: 7n }));

let opened: OpenedOffers | undefined;
afterEach(() => opened?.close());

/** Models of one size under a budget for some of them, on fake engines. */
async function openModels({
  room,
  bend = (_name) => ({}),
}: {
  room: number;
  bend?: (name: string) => { shaped?: boolean };
}) {
  const inMemory = new Set<string>();
  const loads: string[] = [];
  const asked: (Partial<EngineSettings> & Partial<MachineShare>)[] = [];
  const base: EngineSettings = { modelsDir: '', isa: 'auto', threads: 1, sequences: undefined, nCtx: undefined };
  const probe = createFakeEngine({ contextSize: 256, sequences: 2 });
  const model = { name: 'x', path, modelRoot: probe.info().modelRoot };
  const { total } = weighModel({ engine: probe, model } as LoadedModel, base);
  const open = async (name: string, settings: EngineSettings, _place: object, share?: MachineShare) => {
    asked.push({ ...settings, ...share });
    if ((share?.budgetBytes ?? 0) < total) throw new EngineError('not-enough-memory', `${name} does not fit`);
    loads.push(name);
    inMemory.add(name);
    const engine = createFakeEngine({
      ...{
        weights: 10 + NAMES.indexOf(name),
        contextSize: settings.nCtx ?? 256,
        sequences: settings.sequences ?? 2,
        stepMs: 1,
      },
      ...bend(name),
    });
    const close = async () => {
      inMemory.delete(name);
      await engine.close();
    };
    return { engine: { ...engine, close }, model: { ...model, name } } as LoadedModel;
  };
  opened = await openServedModels(models, { ...base, memoryBudget: room * total }, place, { open });
  return { ...opened, inMemory, loads, asked };
}

it('each is loaded once at the start, and the first of the file stay', async () => {
  const { inMemory, loads, offers, asked } = await openModels({ room: 2 });
  expect(loads).toEqual(['c', 'b', 'a']);
  expect([...inMemory].sort()).toEqual(['a', 'b']);
  expect(offers.map(({ modelId }) => modelId)).toEqual(models.map(({ modelId }) => modelId));
  expect(offers.map(({ presence }) => presence?.isLoaded())).toEqual([true, true, false]);
  expect(asked.every(({ budgetBytes }) => (budgetBytes ?? -1) >= 0)).toBe(true);
});

it('unloads the model that was used longest ago, never one in use, and shows no free slot for a model that cannot be loaded', async () => {
  const served = await openModels({ room: 1 });
  const [a, b] = served.offers as [(typeof served.offers)[0], (typeof served.offers)[0]];
  const network = await createNetwork({ others: served.offers, provider: { announceIntervalMs: 20 } });
  const free = () => {
    const last = network.validator.announced.at(-1);
    const found = last ? parseAnnouncement(last.announcement).models : [];
    return Object.fromEntries(found.map(({ modelId, freeCapacity }) => [modelId.split('/').at(-1), freeCapacity]));
  };
  const ask = (offer: typeof a, nonce: number, maxTokens = 8) =>
    receive(
      network.client,
      network.order({
        ...{ modelId: offer.modelId, engine: offer.engine, nonce, body: { seed: nonce, max_tokens: maxTokens } },
        order: (order) => ({ ...order, pricePer1kAtomic: 7n }),
      }),
    );
  try {
    expect([...served.inMemory]).toEqual(['a']);
    await ask(b, 1);
    expect([...served.inMemory]).toEqual(['b']);
    // The payer is known now, and may change the model as often as it pays.
    await ask(a, 2);
    expect([...served.inMemory]).toEqual(['a']);
    await until(() => free().b === 2);
    const long = ask(a, 3, 200);
    await until(() => network.provider.activeReplies() === 1);
    await until(() => free().b === 0);
    await expect(ask(b, 4)).rejects.toThrow(/models in use leave it no room/);
    expect([...served.inMemory]).toEqual(['a']);
    expect((await long).finished.outputTokens).toBeGreaterThan(8);
    await until(() => free().b === 2);
    await ask(b, 5);
    expect([...served.inMemory]).toEqual(['b']);
  } finally {
    await network.close();
  }
});

it('payers that never paid here cannot have one model after the other loaded', async () => {
  const served = await openModels({ room: 1 });
  const network = await createNetwork({ others: served.offers });
  const ask = (name: string, nonce: number) => {
    const offer = served.offers[NAMES.indexOf(name)] as (typeof served.offers)[0];
    return receive(
      network.client,
      network.order({
        ...{ modelId: offer.modelId, engine: offer.engine, nonce, body: { seed: nonce, max_tokens: 8 } },
        payer: createNobleLedgerSigner(new Uint8Array(32).fill(40 + nonce)),
        order: (order) => ({ ...order, pricePer1kAtomic: 7n }),
      }),
    );
  };
  try {
    await ask('b', 1);
    const before = served.loads.length;
    await expect(ask('c', 2)).rejects.toThrow(/another one was loaded just now/);
    expect(served.loads).toHaveLength(before);
    // Every payer may use a loaded model.
    await ask('b', 3);
  } finally {
    await network.close();
  }
});

it('a model that comes back in another class is not served', async () => {
  let isBent = false;
  const served = await openModels({ room: 1, bend: (name) => ({ shaped: isBent && name === 'b' }) });
  const b = served.offers[1] as (typeof served.offers)[0];
  isBent = true;
  if (b.engine.specificationVersion !== 'text-v1') throw new Error('no text');
  await expect(b.engine.tokenizePrompt({ kind: 'text', text: 'x' })).rejects.toThrow(/in another class/);
});

it('a model comes back with the context and the slots that were announced', async () => {
  const served = await openModels({ room: 1 });
  const b = served.offers[1] as (typeof served.offers)[0];
  const release = await b.presence?.hold();
  release?.();
  expect(served.asked.at(-1)).toMatchObject({ nCtx: 256, sequences: 2 });
});

it('where one cannot be loaded at all, none stays open', async () => {
  await expect(openModels({ room: 0.5 })).rejects.toMatchObject({ code: 'not-enough-memory' });
});
