import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { toPathReference } from './model-path.ts';
import { bringModel } from './resolve.ts';

let folder: string;
/** Without `./`. */
let bare: (name: string) => string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-paths-'));
  // A path that begins with `../` is a path anyway, so this one goes down from a folder of the working directory.
  bare = (name) => `packages/../${join(relative(process.cwd(), folder), name)}`;
  const files = {
    pictures: ['model_index.json'],
    encoder: ['onnx/vision_encoder.onnx'],
    tensors: ['model.onnx'],
    weights: ['config.json', 'model.safetensors'],
    notes: ['read.txt'],
  };
  for (const [name, paths] of Object.entries(files)) {
    for (const path of paths) {
      mkdirSync(join(folder, name, path, '..'), { recursive: true });
      writeFileSync(join(folder, name, path), '{}');
    }
  }
});
afterEach(() => rmSync(folder, { recursive: true }));

it.each(['pictures', 'encoder', 'tensors', 'tensors/model.onnx', 'weights'])(
  'a model means the same with and without ./: %s',
  async (name) => {
    const path = bare(name);
    expect(toPathReference(path)).toBe(`./${path}`);
    const options = { storeDir: join(folder, 'store') };
    const problemOf = (reference: string): Promise<string> =>
      bringModel(reference, options).then(
        () => 'none',
        ({ message }: Error) => message,
      );
    expect(await problemOf(path)).toBe(await problemOf(`./${path}`));
    expect(await problemOf(path)).toContain(folder);
    // The name of a stranger is never looked for among the files of this machine.
    await expect(bringModel(path, { ...options, readsPaths: false })).rejects.toMatchObject({ code: 'bad-reference' });
  },
);

it.each(['', 'qwen3:0.6b', 'stories15M', 'hf:a/b', 'https://a.example/m.gguf', './x', '/x', '../x', 'a.gguf', 'a\0b'])(
  'a text that is no path of a model stays: %j',
  (text) => {
    expect(toPathReference(text)).toBe(text);
  },
);

it('a folder without a model is no model', () => {
  expect(toPathReference(bare('notes'))).toBe(bare('notes'));
});
