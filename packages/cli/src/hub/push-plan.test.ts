import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hashModelTokenizer } from '@ogong/models/tokenizer-hash';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { planPush } from './push-plan.ts';

const GGUF = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));

let directory: TestDirectory;
beforeEach(() => {
  directory = createTestDirectory('push-plan');
});
afterEach(() => directory.remove());

function write(...paths: string[]): string {
  for (const path of paths) {
    mkdirSync(dirname(join(directory.path, path)), { recursive: true });
    if (path.endsWith('.gguf')) cpSync(GGUF, join(directory.path, path));
    else writeFileSync(join(directory.path, path), '{}');
  }
  return directory.path;
}

const weightsOf = (path: string): string[] =>
  planPush(path)
    .files.filter(({ isWeight }) => isWeight)
    .map(({ path }) => path);

describe('the plan of a push', () => {
  it('of a file is the file, or all shards of it', () => {
    const folder = write('a.gguf', 'notes.md', 's-00001-of-00002.gguf', 's-00002-of-00002.gguf');
    const plan = planPush(join(folder, 'a.gguf'));
    expect(plan).toMatchObject({
      folder,
      rootRule: 'shards',
      files: [{ path: 'a.gguf', format: 'gguf', isWeight: true }],
    });
    expect(plan.tokenizerHash).toEqual(hashModelTokenizer(GGUF));
    expect(weightsOf(join(folder, 's-00001-of-00002.gguf'))).toEqual([
      's-00001-of-00002.gguf',
      's-00002-of-00002.gguf',
    ]);
  });

  it('of a folder has all files but hidden ones; only weights count in the root', () => {
    const folder = write('README.md', 'config.json', 'parts/a.safetensors', 'parts/b.safetensors', '.git/config', '.x');
    const { files, rootRule } = planPush(folder);
    expect(files.map(({ path }) => path)).toEqual([
      'README.md',
      'config.json',
      'parts/a.safetensors',
      'parts/b.safetensors',
    ]);
    expect([weightsOf(folder), rootRule]).toEqual([['parts/a.safetensors', 'parts/b.safetensors'], 'shards']);
  });

  it('of a network with its weights beside it has a root over paths', () => {
    const folder = write('model.onnx', 'model.onnx_data', 'config.json');
    expect([weightsOf(folder), planPush(folder).rootRule]).toEqual([['model.onnx', 'model.onnx_data'], 'folder']);
  });

  it.each<[string, string[], RegExp]>([
    ['a program', ['a.gguf', 'run.py'], /run\.py: the hub takes/],
    ['several models', ['a.gguf', 'b.gguf'], /has several models: a\.gguf, b\.gguf/],
    ['a folder without weights', ['README.md'], /no file with weights/],
  ])('refuses %s', (_name, paths, reason) => {
    expect(() => planPush(write(...paths))).toThrow(reason);
  });

  it('refuses a path that is nothing, and a missing shard', () => {
    const folder = write('s-00001-of-00002.gguf');
    expect(() => planPush(join(folder, 'none.gguf'))).toThrow(/no file and no folder/);
    expect(() => planPush(folder)).toThrow(/00002-of-00002\.gguf is missing/);
  });
});
