import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLogger } from '@ogong/host/log/logger';
import { toHex } from '@ogong/protocol/base/bytes';
import { writeRandomAdapter } from '@ogong/testing/models/random-adapter';
import { afterAll, describe, expect, it } from 'vitest';
import { findModel } from './model-shelf.ts';
import { openLocalModels } from './open-local-models.ts';

const MODEL = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));
const dataDir = mkdtempSync(join(tmpdir(), 'ogong-local-adapters-'));
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

const settings = {
  model: ['stories260K'],
  modelsDir: dataDir,
  keepAlive: 60_000,
  isa: 'auto',
  threads: 1,
  sequences: 1,
  nCtx: 64,
};
const log = createLogger({ name: 'test', level: 'silent' });

describe('an adapter that was named for local mode', () => {
  it('is asked for as model+adapter, and loaded when it is first used', async () => {
    const adapter = join(dataDir, 'pirate.gguf');
    writeRandomAdapter(adapter, { model: MODEL, seed: 1, strength: 0.3 });
    const { shelf, loaded, names } = await openLocalModels({ ...settings, adapter: [adapter] }, { log });
    try {
      expect(names).toEqual(['stories260K', 'stories260K+pirate']);
      const found = await findModel(shelf, 'stories260k+pirate');
      expect(loaded.list()).toHaveLength(1);
      const { engine, release } = await loaded.borrow(found);
      expect(toHex(engine.info().modelRoot)).toBe(found.modelRoot);
      expect(found.modelRoot).not.toBe((await findModel(shelf, 'stories260K')).modelRoot);
      release();
    } finally {
      await loaded.close();
    }
  });

  it('is refused at the start where it is no adapter', async () => {
    await expect(openLocalModels({ ...settings, adapter: [MODEL] }, { log })).rejects.toThrow(/is no LoRA adapter/);
  });
});
