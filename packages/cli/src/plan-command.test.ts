import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EXIT } from '@ogong/host/log/errors';
import { planSlabs } from '@ogong/models/slabs/plan-slabs';
import { readSourceModel } from '@ogong/models/slabs/source-model';
import { findArchitecture } from '@ogong/testing/models/architectures/catalogue';
import { writeRandomArchitecture } from '@ogong/testing/models/architectures/random-architecture';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { planModel } from './plan-command.ts';

const TINY = fileURLToPath(new URL('../../models/models/stories260K.gguf', import.meta.url));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-plan-command-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function run(...argv: readonly string[]): Promise<{ code: number; text: string; errors: string }> {
  const written: string[] = [];
  const errors: string[] = [];
  const output = {
    write: (piece: string) => void written.push(piece),
    writeError: (piece: string) => void errors.push(piece),
  };
  const code = await planModel([...argv, '--plan', '--models-dir', join(folder, 'models')], output);
  return { code, text: written.join(''), errors: errors.join('') };
}

const planAt = async (memory: number, ...more: string[]) =>
  JSON.parse((await run(TINY, '--memory', `${memory}B`, '--json', ...more)).text);

it('proposes the fewest slabs that each fit the given memory, and edges that split takes', async () => {
  // With so many replies at a time, most of the memory is KV cache.
  const many = ['--sequences', '100'];
  const { whole } = await planAt(1, ...many);
  const roomy = await planAt(whole.totalBytes, ...many);
  expect(roomy).toMatchObject({ fitsWhole: true, layers: 5, architecture: 'llama', contextSize: 4096 });
  let edges: number[] = [];
  for (let memory = whole.totalBytes - 1; memory > 0; memory = Math.floor(memory * 0.9)) {
    const plan = await planAt(memory, ...many);
    if (plan.slabs.length === 0) break;
    expect(plan.fitsWhole).toBe(false);
    for (const slab of plan.slabs) {
      const { weightBytes, kvBytes, computeBytes, totalBytes } = slab;
      expect(totalBytes).toBe(weightBytes + kvBytes + computeBytes);
      expect(totalBytes).toBeLessThanOrEqual(memory);
    }
    expect(plan.edges.length).toBeGreaterThanOrEqual(edges.length);
    edges = plan.edges;
    const cut = planSlabs(readSourceModel(TINY), edges).map(({ from, to }) => ({ from, to }));
    expect(plan.slabs).toMatchObject(cut);
  }
  expect(edges).toHaveLength(2);
});

it('counts the KV cache of the given context', async () => {
  const [short, long] = [await planAt(2 ** 39), await planAt(2 ** 39, '--context', '8192')];
  expect(long.whole.kvBytes).toBe(2 * short.whole.kvBytes);
  expect(long.whole.weightBytes).toBe(short.whole.weightBytes);
});

it('says that nothing fits', async () => {
  const { code, text } = await run(TINY, '--memory', '1MB');
  expect(code).toBe(EXIT.data);
  expect(text).toMatch(/^no slab of this model fits into 1\.0 MB$/m);
});

it('prints slabs with the command that cuts them', async () => {
  const { code, text } = await run(TINY, '--memory', '4GiB');
  expect(code).toBe(EXIT.ok);
  expect(text).toMatch(/^the whole model fits: one provider can serve it alone$/m);
  expect(text).toMatch(/^ {2}layers? 0(?: to \d)? {2}[\d.]+ MB: weights [\d.]+ kB, KV [\d.]+ MB, passes [\d.]+ MB$/m);
  expect(text).toMatch(/^ogong model split stories260K --edges \d$/m);
});

it.each([
  ['gemma3n', 'each of its layers reads an embedding of the token, which only the first slab has'],
  ['rwkv7', 'it is not among those that were examined: llama, '],
])('refuses the architecture %s by its name', async (architecture, reason) => {
  const path = join(folder, 'random.gguf');
  writeRandomArchitecture(path, {
    recipe: { ...findArchitecture('llama'), architecture },
    seed: 1,
    vocabularyFrom: TINY,
  });
  const { code, errors, text } = await run(path);
  expect([code, text]).toEqual([EXIT.data, '']);
  expect(errors).toContain(`a model of architecture ${architecture} cannot be cut: ${reason}`);
});

it('says that a model has no cut, if each slab needs layers of two kinds and the model has too few', async () => {
  const path = join(folder, 'random.gguf');
  writeRandomArchitecture(path, { recipe: findArchitecture('granite-hybrid'), seed: 1, vocabularyFrom: TINY });
  const { text } = await run(path, '--memory', '4GiB');
  expect(text).toMatch(/^no cut has slabs that all fit$/m);
  expect(text).not.toContain('--edges');
});
