import { fileURLToPath } from 'node:url';
import type { TextEngine } from '@ogong/engine/interface/text';
import { countCores } from '@ogong/engine/llama-cpp/device/platform';
import { inspectModelFile } from '@ogong/engine/llama-cpp/model-file';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { expect, it } from 'vitest';
import { type EngineSettings, type LoadedModel, loadModels, type MachineShare } from './engine-config.ts';

const path = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));
const settings: EngineSettings = { modelsDir: '', isa: 'auto', threads: undefined, sequences: 1, nCtx: undefined };
const place = { log: { info: () => {}, warn: () => {} } };

/** Opens a fake engine for every name but `broken`. */
function createLoader() {
  const shares: MachineShare[] = [];
  const closed: string[] = [];
  const load = async (name: string, _settings: EngineSettings, _place: object, share: MachineShare) => {
    shares.push(share);
    if (name === 'broken') throw new Error('the file is broken');
    const engine = createFakeEngine();
    const close = async (): Promise<void> => {
      closed.push(name);
      await engine.close();
    };
    const model = { name, path, modelRoot: engine.info().modelRoot };
    return { engine: { ...engine, close }, model } as LoadedModel<TextEngine>;
  };
  return { load, shares, closed };
}

it('models of one machine share its cores, and each leaves room for the weights of those before it', async () => {
  const { load, shares } = createLoader();
  const loaded = await loadModels(['a', 'b', 'c'], load, settings, place);
  expect(loaded.map(({ model }) => model.name)).toEqual(['a', 'b', 'c']);
  const { weightBytes } = inspectModelFile(path);
  expect(weightBytes).toBeGreaterThan(500_000);
  expect(shares.map(({ reservedBytes }) => reservedBytes)).toEqual([0, weightBytes, 2 * weightBytes]);
  for (const { cores } of shares) expect(cores).toBe(Math.max(1, Math.floor(countCores() / 3)));
  await Promise.all(loaded.map(({ engine }) => engine.close()));
});

it('where one cannot be loaded, none stays open', async () => {
  const { load, closed } = createLoader();
  await expect(loadModels(['a', 'b', 'broken', 'c'], load, settings, place)).rejects.toThrow('the file is broken');
  expect(closed.sort()).toEqual(['a', 'b']);
});
