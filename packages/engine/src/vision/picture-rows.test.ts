import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readGgufHeader } from '@ogong/models/gguf/read';
import { writeGguf } from '@ogong/models/gguf/write';
import { TINY_VISION_MODEL } from '@ogong/testing/models/vision-folder';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, expect, it } from 'vitest';
import { assertReadsRows } from './picture-rows.ts';

const directory = createTestDirectory('rows');
afterAll(() => directory.remove());
const path = join(TINY_VISION_MODEL, 'model-q8_0.gguf');
const TINY = { path, embeddingSize: 64 };
const ROWS = { rowSize: 64, mark: '<image>' };

it('a language model reads the rows of its own encoder', () => {
  expect(() => assertReadsRows(TINY, ROWS)).not.toThrow();
});

it.each([
  [
    'rows of another width',
    TINY,
    { ...ROWS, rowSize: 128 },
    'its rows have 128 values, and the model reads rows of 64',
  ],
  ['a mark that is no token', TINY, { ...ROWS, mark: '<picture>' }, 'the model has no control token <picture>'],
  [
    'another model',
    { path: fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url)), embeddingSize: 64 },
    ROWS,
    'the model has no control token <image>',
  ],
])('an encoder with %s is refused', (_what, model, rows, message) => {
  expect(() => assertReadsRows(model, rows)).toThrow(
    expect.objectContaining({ code: 'unsupported-model', message: expect.stringContaining(message) }),
  );
});

it('a mark that texts may spell is refused', () => {
  const metadata = new Map(readGgufHeader(path).metadata);
  const types = metadata.get('tokenizer.ggml.token_type');
  if (types?.type !== 'array') throw new TypeError('a vocabulary without types');
  const plain = { ...types, value: types.value.map(() => 1) } as typeof types;
  const changed = join(directory.path, 'plain.gguf');
  writeGguf(changed, { metadata: metadata.set('tokenizer.ggml.token_type', plain), tensors: [] });
  expect(() => assertReadsRows({ ...TINY, path: changed }, ROWS)).toThrow('has no control token <image>');
});
