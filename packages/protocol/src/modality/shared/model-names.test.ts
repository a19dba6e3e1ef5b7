import { describe, expect, it } from 'vitest';
import { findNamed, listByKey, listMeant, readModelKey } from './model-names.ts';

const models = [
  { name: 'stories15M-q8_0', aliases: ['stories15M'] },
  { name: 'stories15M-f16' },
  { name: 'bartowski/Llama-3.2-1B-Instruct-GGUF-q4_k_m', aliases: ['hf:bartowski/Llama-3.2-1B-Instruct-GGUF:q4_k_m'] },
  { name: 'mario' },
  { name: 'mario:v2' },
  { name: 'story-Q4_K_M' },
  { name: 'three-values-TQ1_0' },
  { name: 'four-bits-NVFP4' },
];

describe('a name that is typed', () => {
  it.each([
    ['stories15M', 'stories15M-q8_0'],
    ['stories15m:latest', 'stories15M-q8_0'],
    ['stories15M:q8_0', 'stories15M-q8_0'],
    ['stories15M:f16', 'stories15M-f16'],
    ['hf:bartowski/Llama-3.2-1B-Instruct-GGUF:q4_k_m', 'bartowski/Llama-3.2-1B-Instruct-GGUF-q4_k_m'],
    ['hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M', 'bartowski/Llama-3.2-1B-Instruct-GGUF-q4_k_m'],
    ['bartowski/llama-3.2-1b-instruct-gguf', 'bartowski/Llama-3.2-1B-Instruct-GGUF-q4_k_m'],
    ['Llama-3.2-1B-Instruct-GGUF', 'bartowski/Llama-3.2-1B-Instruct-GGUF-q4_k_m'],
    ['mario', 'mario'],
    ['mario:v2', 'mario:v2'],
    ['story', 'story-Q4_K_M'],
    ['three-values', 'three-values-TQ1_0'],
    ['four-bits', 'four-bits-NVFP4'],
  ])('%s means %s', (typed, name) => {
    expect(findNamed(models, typed)?.name).toBe(name);
  });

  it.each(['stories', 'mario:v3', 'Llama-3.2', '', ':latest', 'bartowski/'])('%j means none of them', (typed) => {
    expect(findNamed(models, typed)).toBeUndefined();
  });
});

describe('the key of a name', () => {
  it.each([
    ['llama3.2:3b', 'llama3.2-3b', undefined],
    ['Llama-3.2-3B-Instruct', 'llama3.2-3b', undefined],
    ['hugging-quants/Llama-3.2-3B-Instruct-Q4_K_M-GGUF-q4_k_m', 'llama3.2-3b', 'q4_k_m'],
    ['ogong/verified/hugging-quants/llama-3.2-3b-instruct-q4_k_m-gguf', 'llama3.2-3b', undefined],
    ['hf:MaziyarPanahi/Qwen3-0.6B-GGUF:Q8_0', 'qwen3-0.6b', 'q8_0'],
    ['hf:unsloth/Qwen3-0.6B-GGUF:UD-IQ2_XXS', 'qwen3-0.6b', 'iq2_xxs'],
    ['BitNet-b1.58-2B-TQ2_0.gguf', 'bitnetb1.58-2b', 'tq2_0'],
    ['gpt-oss:20b-nvfp4', 'gptoss20b', 'nvfp4'],
    ['qwen3:0.6b-fp16', 'qwen3-0.6b', 'f16'],
    ['qwen3-0.6b', 'qwen3-0.6b', undefined],
    ['gpt-oss:20b', 'gptoss20b', undefined],
    ['gemma3n:e4b', 'gemma3ne4b', undefined],
    ['mario:latest', 'mario', undefined],
    ['', '', undefined],
  ])('of %j is %s', (name, key, quant) => {
    expect(readModelKey(name)).toEqual({ key, quant });
  });

  it('finds every model that a short name may mean', () => {
    const served = [
      'ogong/verified/meta/llama-3.2-3b-instruct',
      'ogong/tee/meta/llama-3.2-3b-instruct',
      'ogong/verified/qwen/qwen3-0.6b',
    ].map((name) => ({ name }));
    expect(listByKey(served, 'qwen3:0.6b').map(({ name }) => name)).toEqual(['ogong/verified/qwen/qwen3-0.6b']);
    expect(listByKey(served, 'llama3.2:3b')).toHaveLength(2);
    expect(listByKey(served, 'llama3.2')).toEqual([]);
    expect(listByKey(served, '')).toEqual([]);
  });

  it('finds a model by its family if a size alone is missing', () => {
    const served = ['a/llama-3.2-3b-instruct', 'a/qwen3-30b-a3b', 'a/qwen3-8b', 'a/gpt-oss-20b'].map((name) => ({
      name,
    }));
    const namesOf = (typed: string) => listMeant(served, typed).map(({ name }) => name);
    expect(namesOf('llama3.2')).toEqual(['a/llama-3.2-3b-instruct']);
    expect(namesOf('gpt-oss')).toEqual(['a/gpt-oss-20b']);
    expect(namesOf('qwen3')).toEqual(['a/qwen3-30b-a3b', 'a/qwen3-8b']);
    for (const none of ['llama', 'llama3', 'qwen', 'gpt-4o', 'gpt']) expect(namesOf(none)).toEqual([]);
  });
});
