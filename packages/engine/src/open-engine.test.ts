import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readGgufHeader } from '@ogong/models/gguf/read';
import type { GgufValue } from '@ogong/models/gguf/types';
import { writeGguf } from '@ogong/models/gguf/write';
import { pathOfPictureModel } from '@ogong/testing/models/picture-folder';
import { afterAll, describe, expect, it } from 'vitest';
import { openEngine } from './open-engine.ts';

const DONOR = fileURLToPath(new URL('../../models/models/stories260K.gguf', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'ogong-open-engine-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The donor's metadata with some of it changed, and no tensors: enough for what only looks at the file. */
function writeFile(name: string, change: Readonly<Record<string, GgufValue | undefined>>): string {
  const metadata = new Map(readGgufHeader(DONOR).metadata);
  for (const [key, value] of Object.entries(change)) {
    if (value === undefined) metadata.delete(key);
    else metadata.set(key, value);
  }
  const modelPath = join(folder, `${name}.gguf`);
  writeGguf(modelPath, { metadata, tensors: [] });
  return modelPath;
}

const pooling = (value: number): Record<string, GgufValue> => ({ 'llama.pooling_type': { type: 'u32', value } });
const RANK = 4;

describe('a file that no engine runs', () => {
  it.each([
    [
      'reads both ways and does not pool',
      { 'llama.attention.causal': { type: 'bool', value: false } },
      'neither write nor embed',
    ],
    ['has no vocabulary', { 'tokenizer.ggml.tokens': undefined }, 'is no language model'],
    ['pools in an unknown way', pooling(RANK + 1), 'no embedding model'],
    ['pools to a rank without a classifier', pooling(RANK), 'has no classifier'],
  ] as const)('%s, and the error says so', async (name, change, message) => {
    const opened = openEngine({ modelPath: writeFile(name.replaceAll(' ', '-'), change) });
    await expect(opened).rejects.toMatchObject({
      code: 'unsupported-model',
      message: expect.stringContaining(message),
    });
  });

  it('is a folder of another kind, or a model folder with choices that it cannot have', async () => {
    await expect(openEngine({ modelPath: folder })).rejects.toMatchObject({
      ...{ code: 'unsupported-model', message: expect.stringContaining('without model_index.json') },
    });
    const modelPath = pathOfPictureModel('tiny-shapes-flow-dit');
    for (const [settings, message] of [
      [{ backend: 'vulkan' }, 'pictures is computed on the CPU, not on vulkan'],
      [{ adapterPaths: ['a.gguf'] }, 'runs without adapters'],
    ] as const) {
      await expect(openEngine({ modelPath, ...settings })).rejects.toMatchObject({
        ...{ code: 'unsupported-model', message: expect.stringContaining(message) },
      });
    }
  });

  it('is a folder that is to be pooled to vectors', async () => {
    await expect(openEngine({ modelPath: folder, pools: 'mean' })).rejects.toThrow('only a GGUF file of a chat model');
  });

  it('is no GGUF, or is not there', async () => {
    const modelPath = join(folder, 'text.gguf');
    writeFileSync(modelPath, 'once upon a time');
    await expect(openEngine({ modelPath })).rejects.toMatchObject({ code: 'model-corrupt' });
    await expect(openEngine({ modelPath: join(folder, 'none') })).rejects.toMatchObject({ code: 'model-not-found' });
  });

  it('is one of embeddings on a device that computes none', async () => {
    await expect(openEngine({ modelPath: writeFile('mean', pooling(1)), backend: 'vulkan' })).rejects.toMatchObject({
      code: 'unsupported-model',
      message: expect.stringContaining('on the CPU'),
    });
  });
});
