import { appendFileSync, copyFileSync, mkdtempSync, renameSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createFileHashes } from '@ogong/models/file-hashes';
import { computeModelRoot } from '@ogong/models/model-root';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inspectModelFile } from './model-file.ts';
import { assertUnchanged, verifyModel } from './verified-model.ts';

const SOURCE = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));
let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-verified-'));
  path = join(folder, 'model.gguf');
  copyFileSync(SOURCE, path);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a model that was read once', () => {
  it('has the facts of its header, its root, and its files as they were hashed', async () => {
    const { facts, modelRoot, files } = await verifyModel(path);
    expect(facts).toEqual(inspectModelFile(path));
    expect(files).toEqual([{ path, stamp: facts.stamp }]);
    await expect(verifyModel(path, { modelRoot })).resolves.toMatchObject({ files });
    expect(() => assertUnchanged(files)).not.toThrow();
  });

  it('takes the hash of one that was read before', async () => {
    const known = new Uint8Array(32).fill(7);
    const hashes = { hash: async () => known, restamp: async () => undefined };
    expect((await verifyModel(path, { hashes })).modelRoot).toEqual(computeModelRoot([known]));
  });

  it('is refused with another root', async () => {
    const attempt = verifyModel(path, { modelRoot: new Uint8Array(32) });
    await expect(attempt).rejects.toMatchObject({ code: 'model-corrupt' });
  });

  it('is refused where it changed between its header and its hash', async () => {
    const facts = inspectModelFile(path);
    appendFileSync(path, 'x');
    await expect(verifyModel(path, {}, facts)).rejects.toMatchObject({ code: 'model-corrupt' });
  });

  it('is refused where it changed while it was hashed', async () => {
    const hashes = createFileHashes(join(folder, 'hashes'));
    const written = {
      ...hashes,
      async hash(name: string) {
        const hash = await hashes.hash(name);
        appendFileSync(name, 'x');
        return hash;
      },
    };
    await expect(verifyModel(path, { hashes: written })).rejects.toThrow(/changed while it was hashed/);
  });

  it.each<[string, () => void]>([
    ['written', () => appendFileSync(path, 'x')],
    ['touched', () => utimesSync(path, 1, 1)],
    [
      'replaced by its equal',
      () => {
        copyFileSync(SOURCE, `${path}.new`);
        renameSync(`${path}.new`, path);
      },
    ],
    ['deleted', () => rmSync(path)],
  ])('is not loaded once it is %s', async (_, change) => {
    const { files } = await verifyModel(path);
    change();
    expect(() => assertUnchanged(files)).toThrow(/since it was hashed/);
  });
});
