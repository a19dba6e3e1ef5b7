import { describe, expect, it } from 'vitest';
import { findNamed } from './model-names.ts';

const models = [
  { name: 'stories15M-q8_0', aliases: ['stories15M'] },
  { name: 'stories15M-f16' },
  { name: 'bartowski/Llama-3.2-1B-Instruct-GGUF-q4_k_m', aliases: ['hf:bartowski/Llama-3.2-1B-Instruct-GGUF:q4_k_m'] },
  { name: 'mario' },
  { name: 'mario:v2' },
  { name: 'story-Q4_K_M' },
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
  ])('%s means %s', (typed, name) => {
    expect(findNamed(models, typed)?.name).toBe(name);
  });

  it.each(['stories', 'mario:v3', 'Llama-3.2', '', ':latest', 'bartowski/'])('%j means none of them', (typed) => {
    expect(findNamed(models, typed)).toBeUndefined();
  });
});
