import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { assertMayLoad } from './engine.ts';

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
