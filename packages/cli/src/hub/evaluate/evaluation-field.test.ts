import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { computeFigures } from '@ogong/hub/evaluation/figures';
import { computeManifestRoot } from '@ogong/hub/manifest';
import { toHex } from '@ogong/protocol/base/bytes';
import { createTestManifest } from '@ogong/testing/hub/hub-manifest';
import { createTestEvaluation, encodeTestEvaluation } from '@ogong/testing/hub/test-evaluation';
import { afterAll, describe, expect, it } from 'vitest';
import { readEvaluations } from './evaluation-field.ts';

const { files } = createTestManifest(crypto);
const weights = { files, rootRule: 'shards' } as const;
const made = createTestEvaluation(crypto, { modelRoot: computeManifestRoot(crypto, weights) });
const directory = mkdtempSync(join(tmpdir(), 'ogong-evaluations-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function save(name: string, changes: Partial<typeof made> = {}): string {
  const path = join(directory, name);
  writeFileSync(path, Buffer.concat(encodeTestEvaluation({ ...made, ...changes })));
  return path;
}

const read = (paths: readonly string[], manifest: Parameters<typeof readEvaluations>[2] = weights) =>
  readEvaluations('ogong hub push', paths, manifest);

describe('evaluations of a manifest', () => {
  const whole = save('whole.jsonl');
  const reversed = save('reversed.jsonl', { answered: made.answered.toReversed() });

  it('are named by their hashes in ascending order', async () => {
    const found = await read([whole, reversed]);
    const hashes = found.map(({ hash }) => toHex(hash));
    expect(hashes).toEqual([...hashes].sort());
    expect(new Set(found.map(({ path }) => path))).toEqual(new Set([whole, reversed]));
  });

  it('are about the weights of the manifest, each once, and follow from their answers', async () => {
    await expect(read([whole], { ...weights, rootRule: 'folder' })).rejects.toThrow('it is about root');
    await expect(read([whole, whole])).rejects.toThrow('is given twice');
    const { modelRoot } = made.figures;
    const better = computeFigures({ modelRoot, questions: 3, counted: 3, right: 3 });
    await expect(read([save('better.jsonl', { figures: better })])).rejects.toThrow('figures: right is 2');
    writeFileSync(join(directory, 'text'), 'no evaluation\n');
    await expect(read([join(directory, 'text')])).rejects.toThrow('not JSON');
    await expect(read(Array.from({ length: 65 }, () => whole))).rejects.toThrow('64 times');
  });
});
