import { OWN_CATALOGUE, readCatalogue } from '@ogong/models/catalogue';
import { expect, it } from 'vitest';
import type { EngineSettings, LoadedModel } from '../engine/engine-config.ts';
import { findCatalogueDraft, withCatalogueDrafts } from './catalogue-draft.ts';
import type { ShelfModel } from './model-shelf.ts';

it('finds the draft of a model by its short name, and by its repository', () => {
  const catalogue = readCatalogue(OWN_CATALOGUE);
  const model = catalogue.models.find(({ draft }) => draft !== undefined);
  if (model === undefined) throw new Error('the catalogue names no draft');
  const { name, repository, draft } = model;
  expect(findCatalogueDraft(catalogue, name)).toBe(draft);
  expect(findCatalogueDraft(catalogue, `hf:${repository}:q4_k_m`)).toBe(draft);
  expect(findCatalogueDraft(catalogue, `hf:${repository}@${'a'.repeat(40)}:q8_0`)).toBe(draft);
  expect(findCatalogueDraft(catalogue, 'hf:nobody/unknown:q8_0')).toBeUndefined();
  expect(findCatalogueDraft(catalogue, 'stories15M')).toBeUndefined();
});

it('loads a model with its draft if that is on this machine, and names one that is missing', async () => {
  const catalogue = () => readCatalogue(OWN_CATALOGUE);
  const { name = '', draft = '' } = catalogue().models.find((model) => model.draft !== undefined) ?? {};
  const seen: (string | undefined)[] = [];
  const warned: unknown[] = [];
  const load = async (_: string, { draftModel }: EngineSettings) => {
    seen.push(draftModel);
    return {} as LoadedModel;
  };
  const shelved = { name: draft, aliases: [], reference: 'file:/models/draft.gguf' } as unknown as ShelfModel;
  const large = { name, aliases: [], reference: 'file:/models/large.gguf' } as unknown as ShelfModel;
  const settings: EngineSettings = { modelsDir: '', isa: 'auto', threads: 1, sequences: 1, nCtx: 64 };
  const place = { log: { info: () => {}, warn: (fields: unknown) => void warned.push(fields) } };
  const run = async (models: readonly ShelfModel[], draftModel: string, reference = name) =>
    withCatalogueDrafts(load, { catalogue, list: async () => models })(reference, { ...settings, draftModel }, place);
  await run([shelved, large], 'auto');
  await run([shelved, large], 'auto', large.reference);
  await run([large], 'auto');
  await run([], 'other.gguf');
  await run([shelved], 'auto', 'stories15M');
  expect(seen).toEqual([shelved.reference, shelved.reference, undefined, 'other.gguf', undefined]);
  expect(warned).toEqual([{ model: name, draft }]);
});
