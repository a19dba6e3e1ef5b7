import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../config/config-error.ts';
import { createModelRoots, findWeightsProblem } from './model-roots.ts';
import { openModelRoots } from './open-model-roots.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-roots-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const save = (name: string, content: string): string => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};

const modelId = 'ogong/verified/test/m';
const root = new Uint8Array(32).fill(5);
const span = { fromMs: 0, toMs: 0 };
const other = new Uint8Array(32).fill(6);

describe('weights', () => {
  const roots = createModelRoots({ [modelId]: root });
  it('are accepted if they are the published ones, and refused with a reason otherwise', () => {
    expect(findWeightsProblem(roots, { modelId, modelRoot: root }, span)).toBeUndefined();
    expect(findWeightsProblem(roots, { modelId, modelRoot: other }, span)).toMatch(
      /^other weights than those published as/,
    );
    expect(findWeightsProblem(roots, { modelId, modelRoot: root.slice(1) }, span)).toMatch(/^other weights/);
  });
  it.each(['ogong/verified/test/x', 'constructor', '__proto__', ''])(
    'are refused under a name that nobody published: %s',
    (id) => {
      expect(findWeightsProblem(roots, { modelId: id, modelRoot: root }, span)).toMatch(/^nobody has published/);
    },
  );
  it("are accepted on a provider's claim only if the operator chose so", () => {
    expect(findWeightsProblem(undefined, { modelId, modelRoot: other }, span)).toBeUndefined();
  });
});

describe('openModelRoots', () => {
  const client = async () => ({ modelVersions: async () => [] });
  const read = (modelRoots?: string, anyWeights = false) =>
    openModelRoots('test', { modelRoots, anyWeights }, { client });
  it('reads a file, with 0x', () => {
    const path = save('roots.json', JSON.stringify({ [modelId]: `0x${'05'.repeat(32)}` }));
    expect(read(path)?.find(modelId, span)).toEqual([root]);
  });
  it('asks the registry unless it has a file or relies on providers, and refuses both', async () => {
    const registry = read();
    expect(registry?.find(modelId, span)).toBeUndefined();
    await registry?.prepare([modelId]);
    expect(registry?.find(modelId, span)).toEqual([]);
    expect(() => read(save('both.json', '{}'), true)).toThrow(ConfigError);
    expect(read(undefined, true)).toBeUndefined();
  });
  it.each([
    ['no JSON', 'hello'],
    ['a list', '[]'],
    ['a short root', JSON.stringify({ [modelId]: '0x05' })],
    ['a root that is a number', JSON.stringify({ [modelId]: 5 })],
  ])('refuses %s', (_what, content) => {
    expect(() => read(save('bad.json', content))).toThrow(ConfigError);
  });
  it('refuses a file that is not there', () => {
    expect(() => read(join(directory, 'missing.json'))).toThrow(/no such file/);
  });
});
