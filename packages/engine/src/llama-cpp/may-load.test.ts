import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeRandomAdapter } from '@ogong/testing/models/random-adapter';
import { expect, it } from 'vitest';
import { besideAdapters } from './adapter-file.ts';
import { planMemory } from './device/memory-plan.ts';
import { assertMayLoad, createLlamaEngine } from './engine.ts';
import { inspectModelFile } from './model-file.ts';

const FILE = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));

it('refuses weights that do not fit before anybody reads them, and says what would fit', () => {
  expect(() => assertMayLoad(FILE, { availableMemory: 1_000_000 })).toThrow(
    expect.objectContaining({ code: 'not-enough-memory', message: expect.stringContaining('the weights alone') }),
  );
  expect(() => assertMayLoad(FILE, { availableMemory: 2 ** 30 })).not.toThrow();
  // The weights would, and the cache would not.
  expect(() => assertMayLoad(FILE, { availableMemory: 2 ** 26, sequences: 8, contextSize: 2048 })).toThrow(
    expect.objectContaining({ code: 'not-enough-memory' }),
  );
});

it('names a file that is cut short, which would end a child by a signal', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ogong-may-load-'));
  const path = join(folder, 'cut.gguf');
  writeFileSync(path, readFileSync(FILE).subarray(0, 600_000));
  try {
    expect(() => assertMayLoad(path)).toThrow(
      expect.objectContaining({ code: 'model-corrupt', message: expect.stringContaining('is cut short') }),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('counts adapters with the weights', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ogong-may-load-'));
  const adapter = join(folder, 'adapter.gguf');
  writeRandomAdapter(adapter, { model: FILE, seed: 1, strength: 1 });
  try {
    const facts = inspectModelFile(FILE);
    const { size } = statSync(adapter);
    expect(besideAdapters(facts, [adapter, adapter]).weightBytes).toBe(facts.weightBytes + 2 * size);
    expect(besideAdapters(facts, [])).toEqual(facts);
    const { total } = planMemory(facts, { sequences: 1, contextSize: 64 }, 2 ** 30);
    const asked = { modelPath: FILE, sequences: 1, contextSize: 64, availableMemory: total + size / 2 };
    await expect(createLlamaEngine({ ...asked, adapterPaths: [adapter] })).rejects.toMatchObject({
      code: 'not-enough-memory',
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
