import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { computePooledRoot } from '@ogong/protocol/modality/embedding/pooled-root';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, expect, it } from 'vitest';
import { type EngineSettings, loadModel } from './engine-config.ts';
import { toPooled } from './pooled-reference.ts';

const directory = createTestDirectory('embedded-text');
afterAll(directory.remove);
const settings: EngineSettings = {
  ...{ modelsDir: directory.path, isa: 'auto', threads: 1, sequences: 2, nCtx: 128 },
  // Vectors are computed on the CPU, whatever writes.
  backend: 'vulkan',
};
const place = { log: { info: () => undefined, warn: () => undefined } };

it('a chat model is loaded for its vectors, under a root of its own', async () => {
  const { engine, model } = await loadModel(toPooled('stories260K'), settings, place);
  try {
    const { modelRoot, numericClass, exact } = engine.info();
    expect([engine.specificationVersion, exact]).toEqual(['embedding-v1', true]);
    expect(numericClass).toContain('/cpu/');
    expect(modelRoot).toEqual(computePooledRoot(nobleCrypto, model.modelRoot));
  } finally {
    await engine.close();
  }
});
