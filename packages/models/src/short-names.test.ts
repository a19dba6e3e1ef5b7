import { describe, expect, it } from 'vitest';
import { OWN_CATALOGUE, readCatalogue } from './catalogue.ts';
import { listNearestNames, resolveShortName } from './short-names.ts';
import { parseModelSource } from './source.ts';

const own = readCatalogue(OWN_CATALOGUE);

describe('a short name', () => {
  it.each([
    ['qwen3-0.6b', 'hf:MaziyarPanahi/Qwen3-0.6B-GGUF:q4_k_m', 'qwen3-0.6b'],
    ['qwen3:0.6b', 'hf:MaziyarPanahi/Qwen3-0.6B-GGUF:q4_k_m', 'qwen3:0.6b'],
    ['Qwen3:0.6B', 'hf:MaziyarPanahi/Qwen3-0.6B-GGUF:q4_k_m', 'qwen3:0.6b'],
    ['qwen3:0.6b-q8_0', 'hf:MaziyarPanahi/Qwen3-0.6B-GGUF:q8_0', 'qwen3:0.6b-q8_0'],
    ['qwen3:0.6b-q4_K_M', 'hf:MaziyarPanahi/Qwen3-0.6B-GGUF:q4_k_m', 'qwen3:0.6b-q4_k_m'],
    ['llama3.2', 'hf:hugging-quants/Llama-3.2-3B-Instruct-Q4_K_M-GGUF:q4_k_m', 'llama3.2'],
    ['llama3.2:latest', 'hf:hugging-quants/Llama-3.2-3B-Instruct-Q4_K_M-GGUF:q4_k_m', 'llama3.2'],
    ['llama3.2:3b', 'hf:hugging-quants/Llama-3.2-3B-Instruct-Q4_K_M-GGUF:q4_k_m', 'llama3.2:3b'],
    ['llama3.2:1b', 'hf:hugging-quants/Llama-3.2-1B-Instruct-Q4_K_M-GGUF:q4_k_m', 'llama3.2:1b'],
    ['llama3.2:3b-instruct', 'hf:hugging-quants/Llama-3.2-3B-Instruct-Q4_K_M-GGUF:q4_k_m', 'llama3.2:3b-instruct'],
    ['library/llama3.2', 'hf:hugging-quants/Llama-3.2-3B-Instruct-Q4_K_M-GGUF:q4_k_m', 'llama3.2'],
    ['nomic-embed-text', 'hf:mradermacher/nomic-embed-text-v1.5-GGUF:f16', 'nomic-embed-text'],
    ['gpt-oss:20b', 'hf:ggml-org/gpt-oss-20b-GGUF:mxfp4', 'gpt-oss:20b'],
  ])('%s means %s', (typed, reference, name) => {
    expect(resolveShortName(own, typed)).toEqual({ name, reference });
  });

  it.each(['', 'qwen3:0.7b', 'llama', 'gpt-4o', 'q8_0', 'hf:a/b', '../llama3.2', 'llama3.2:', 'a'.repeat(1e5)])(
    '%.20s means no model of the catalogue',
    (typed) => {
      expect(resolveShortName(own, typed)).toBeUndefined();
    },
  );

  it('finds every model of the catalogue by its own name and by each alias', () => {
    for (const { name, aliases = [], repository } of own.models)
      for (const each of [name, ...aliases]) {
        const found = resolveShortName(own, each);
        expect(found?.reference, each).toContain(`hf:${repository}:`);
        expect(parseModelSource(found?.reference ?? '')).toMatchObject({ kind: 'hub', repository });
      }
  });

  it('keeps the commit that a refresh has found', () => {
    const model = { ...own.models[0], commit: 'a'.repeat(40) } as (typeof own.models)[number];
    expect(resolveShortName({ models: [model] }, model.name)?.reference).toContain(`@${'a'.repeat(40)}:`);
  });
});

it('lists the names nearest to an unknown one, one for each model', () => {
  expect(listNearestNames(own, 'qwen3:0.7b')).toHaveLength(3);
  expect(listNearestNames(own, 'qwen3:0.7b')[0]).toMatch(/^qwen3:\d/);
  expect(listNearestNames(own, 'lama3.2')[0]).toBe('llama3.2:3b');
  expect(listNearestNames(own, 'storys', { others: ['stories15M'] })).toHaveLength(3);
  expect(listNearestNames({ models: [] }, 'x')).toEqual([]);
});
