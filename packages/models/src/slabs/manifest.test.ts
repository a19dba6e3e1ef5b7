import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toHex } from '@ogong/protocol/base/bytes';
import type { SlabManifest } from '@ogong/protocol/commitment/slab-manifest';
import { writeSplitModel } from '@ogong/testing/models/split-model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashFile } from '../file-hashes.ts';
import { readGgufEntries, readGgufHeader } from '../gguf/read.ts';
import { type GgufEntry, writeGguf } from '../gguf/write.ts';
import { hashModelFile } from '../model-root.ts';
import { computeSlabManifest, cutModel, findManifestFault } from './manifest.ts';
import { openTensorReader, readSourceModel } from './source-model.ts';

const TINY = fileURLToPath(new URL('../../models/stories260K.gguf', import.meta.url));
let folder: string;
let manifest: SlabManifest;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-slab-manifest-'));
  manifest = await cutModel(TINY, [2, 4], (_plan, i) => join(folder, `${i}.gguf`));
});
afterAll(() => rmSync(folder, { recursive: true }));

const hashesOf = ({ slabs }: SlabManifest): string[] => slabs.map(({ sha256 }) => toHex(sha256));

describe('slabs of a model', () => {
  it('have the hashes and sizes of their files', async () => {
    for (const [i, { sha256, sizeBytes }] of manifest.slabs.entries()) {
      const path = join(folder, `${i}.gguf`);
      expect(toHex(await hashFile(path))).toBe(toHex(sha256));
      expect(statSync(path).size).toBe(sizeBytes);
    }
  });

  it('hold the bytes of the layers', () => {
    const read = (path: string, name: string): string => {
      const model = readSourceModel(path);
      const reader = openTensorReader(model);
      const tensor = model.tensors.find((each) => each.name === name);
      try {
        return Buffer.concat(
          [...reader.read(tensor as NonNullable<typeof tensor>)].map((piece) => Buffer.from(piece)),
        ).toString('hex');
      } finally {
        reader.close();
      }
    };
    expect(read(join(folder, '1.gguf'), 'blk.1.ffn_up.weight')).toBe(read(TINY, 'blk.3.ffn_up.weight'));
    expect(read(join(folder, '2.gguf'), 'output.weight')).toBe(read(TINY, 'output.weight'));
    expect(/^0+$/.test(read(join(folder, '0.gguf'), 'blk.2.ffn_up.weight'))).toBe(true);
  });

  it('are those of a model in several files, whose root alone differs', async () => {
    const [first] = writeSplitModel(TINY, join(folder, 'tiny'), 3) as [string];
    const split = await computeSlabManifest(first, [2, 4]);
    expect(hashesOf(split)).toEqual(hashesOf(manifest));
    expect(toHex(split.modelRoot)).not.toBe(toHex(manifest.modelRoot));
  });

  it('copy metadata byte for byte, also texts that are no UTF-8', async () => {
    const { header, entries } = readGgufEntries(TINY);
    const words = Uint8Array.from(entries.get('tokenizer.ggml.tokens') as Uint8Array);
    // A byte of the last word.
    words[words.length - 1] = 0xff;
    const path = join(folder, 'odd.gguf');
    const bytes = readFileSync(TINY).subarray(header.dataOffset);
    writeGguf(path, {
      metadata: new Map([...entries, ['tokenizer.ggml.tokens', words]]),
      tensors: header.tensors.map((tensor, i) => ({
        ...tensor,
        read: () => [bytes.subarray(tensor.offset, tensor.offset + (readSourceModel(TINY).tensors[i]?.sizeBytes ?? 0))],
      })),
    });
    await cutModel(path, [2], (_plan, i) => join(folder, `odd-${i}.gguf`));
    expect(readGgufEntries(join(folder, 'odd-0.gguf')).entries.get('tokenizer.ggml.tokens')).toEqual(words);
    expect(readGgufHeader(join(folder, 'odd-1.gguf')).metadata.get('llama.block_count')?.value).toBe(3);
  });
});

describe('a manifest', () => {
  const [first, second, third] = [0, 1, 2] as const;
  const change = (index: number, changes: object): SlabManifest => ({
    ...manifest,
    slabs: manifest.slabs.map((slab, i) => (i === index ? { ...slab, ...changes } : slab)),
  });

  it('without a fault has none', async () => {
    expect(await findManifestFault(manifest, TINY)).toBeUndefined();
  });

  it('of another hash or size is wrong, and the slab is named', async () => {
    const sha256 = new Uint8Array(32);
    expect(await findManifestFault(change(second, { sha256 }), TINY)).toMatchObject({
      ...{ kind: 'slab', index: 1 },
      ...{ expected: { sha256: manifest.slabs[second]?.sha256 }, actual: { sha256 } },
    });
    const larger = change(third, { sizeBytes: (manifest.slabs[third]?.sizeBytes ?? 0) + 32 });
    expect(await findManifestFault(larger, TINY)).toMatchObject({ kind: 'slab', index: 2 });
  });

  it('of other edges is wrong', async () => {
    expect(await findManifestFault(change(first, { to: 1 }), TINY)).toMatchObject({ kind: 'slab', index: 0 });
  });

  it('of another number of layers is wrong', async () => {
    const longer = { ...change(third, { to: 6 }), layers: 6 };
    expect(await findManifestFault(longer, TINY)).toEqual({ kind: 'layers', expected: 5, actual: 6 });
  });

  it('of a cut that the rules refuse is wrong', async () => {
    const { header, entries } = readGgufEntries(TINY);
    const path = join(folder, 'unknown.gguf');
    writeGguf(path, {
      metadata: new Map<string, GgufEntry>([...entries, ['llama.nextn_predict_layers', { type: 'u32', value: 1 }]]),
      tensors: header.tensors.map((tensor, i) => ({
        ...tensor,
        read: () => [new Uint8Array(readSourceModel(TINY).tensors[i]?.sizeBytes ?? 0)],
      })),
    });
    const { modelRoot } = await hashModelFile(path);
    expect(await findManifestFault({ ...manifest, modelRoot }, path)).toMatchObject({
      ...{ kind: 'refused', reason: expect.stringContaining('MTP') },
    });
  });

  it('of another model or cutter is no evidence', async () => {
    const other = { ...manifest, modelRoot: new Uint8Array(32) };
    await expect(findManifestFault(other, TINY)).rejects.toMatchObject({ code: 'wrong-hash' });
    await expect(findManifestFault({ ...manifest, cutter: 2 }, TINY)).rejects.toMatchObject({ code: 'bad-reference' });
  });

  it('is not made of a file that changes meanwhile', async () => {
    const path = join(folder, 'changing.gguf');
    writeFileSync(path, readFileSync(TINY));
    const onProgress = () => writeFileSync(path, readFileSync(TINY));
    await expect(computeSlabManifest(path, [2], { onProgress })).rejects.toMatchObject({ code: 'wrong-hash' });
  });
});
