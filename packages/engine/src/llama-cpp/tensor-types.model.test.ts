import { FILE_TYPES } from '@ogong/models/gguf/file-types';
import { TENSOR_TYPES } from '@ogong/models/gguf/types';
import koffi from 'koffi';
import { expect, it } from 'vitest';
import { findLlamaBuild } from './device/platform.ts';
import { loadLlama } from './library.ts';

const build = findLlamaBuild();
loadLlama(build, 'auto');
const base = koffi.load(build.base);
const llama = koffi.load(build.llama);
const nameOf = base.func('const char *ggml_type_name(int32 type)');
const elementsOf = base.func('int64 ggml_blck_size(int32 type)');
const bytesOf = base.func('size_t ggml_type_size(int32 type)');
/** Answers false for a number that the library does not know. Types without a size would divide by zero here. */
const isKnown = base.func('bool ggml_validate_row_data(int32 type, const void *data, size_t bytes)');
const fileTypeName = llama.func('const char *llama_ftype_name(int32 type)');

/** `Q4_K - Medium` becomes `q4_k_m`. */
const plain = (name: string): string =>
  name
    .toLowerCase()
    .replace(/^all /, '')
    .replace(/ - (small|medium|large)$/, (_, size: string) => `_${size[0]}`)
    .replace(/ (- [\d.]+ bpw.*|mix.*|moe)$/, '');

/** The library calls two mixtures by another name than llama.h does. */
const NAMED_OTHERWISE: ReadonlyMap<number, string> = new Map([
  [10, 'q2_k_m'],
  [27, 'iq3_s'],
]);

it('knows every tensor type of the library, with its sizes', () => {
  const last = Math.max(...TENSOR_TYPES.keys());
  const theirs = Array.from({ length: last + 1 }, (_, id) => id)
    .filter((id) => bytesOf(id) > 0)
    .map((id) => [
      id,
      { name: nameOf(id).toLowerCase(), elements: Number(elementsOf(id)), bytes: Number(bytesOf(id)) },
    ]);
  expect([...TENSOR_TYPES]).toEqual(theirs);
  expect(isKnown(last, null, 0)).toBe(true);
  expect(isKnown(last + 1, null, 0)).toBe(false);
});

it('knows every type of file of the library, by the name in llama.h', () => {
  const theirs = Array.from({ length: 256 }, (_, id) => [id, String(fileTypeName(id))] as const)
    .filter(([, name]) => !name.startsWith('unknown'))
    .map(([id, name]) => [id, plain(name)] as const);
  expect([...FILE_TYPES].map(([id, name]) => [id, NAMED_OTHERWISE.get(id) ?? name])).toEqual(theirs);
});
