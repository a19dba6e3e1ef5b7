import type { GgufValue } from '@ogong/models/gguf/types';
import { expect, it } from 'vitest';
import { findFillTokens } from './fill-tokens.ts';

const find = (tokens: readonly string[], keys: Readonly<Record<string, number>> = {}) => {
  const numbers = Object.entries(keys).map(
    ([key, value]) => [`tokenizer.ggml.${key}`, { type: 'u32', value }] as const,
  );
  const texts = ['tokenizer.ggml.tokens', { type: 'array', value: tokens }] as const;
  return findFillTokens(new Map<string, unknown>([texts, ...numbers]) as ReadonlyMap<string, GgufValue>);
};

const FIVE = ['a', 'b', 'c', 'd', 'e'];
const QWEN = ['a', '<|fim_prefix|>', '<|fim_middle|>', '<|fim_suffix|>'];

it('reads the keys of a file, new and old', () => {
  const found = { prefix: 1, suffix: 3, middle: 2 };
  expect(find(FIVE, { fim_pre_token_id: 1, fim_suf_token_id: 3, fim_mid_token_id: 2 })).toEqual(found);
  expect(find(FIVE, { prefix_token_id: 1, suffix_token_id: 3, middle_token_id: 2 })).toEqual(found);
});

it('knows the names that vocabularies have for them, behind the keys', () => {
  expect(find(QWEN)).toEqual({ prefix: 1, suffix: 3, middle: 2 });
  expect(find(['<｜fim▁hole｜>', '<｜fim▁begin｜>', '<｜fim▁end｜>'])).toEqual({ prefix: 1, suffix: 0, middle: 2 });
  expect(find(QWEN, { fim_pre_token_id: 0, fim_suf_token_id: 1, fim_mid_token_id: 2 })).toMatchObject({ prefix: 0 });
});

it('knows a vocabulary whose model reads the suffix first, behind all others', () => {
  const MISTRAL = ['<s>', '[SUFFIX]', '[MIDDLE]', '[PREFIX]'];
  expect(find(MISTRAL)).toEqual({ prefix: 3, suffix: 1, isSuffixFirst: true });
  expect(find(MISTRAL.slice(0, 3))).toBeUndefined();
  expect(find([...MISTRAL, ...QWEN])).toEqual({ prefix: 5, suffix: 7, middle: 6 });
  expect(find(MISTRAL, { fim_pre_token_id: 3, fim_suf_token_id: 1, fim_mid_token_id: 2 })).toEqual({
    ...{ prefix: 3, suffix: 1, middle: 2 },
  });
});

it('finds none where one is missing or outside the vocabulary', () => {
  expect(find(FIVE)).toBeUndefined();
  expect(find(QWEN.slice(0, 3))).toBeUndefined();
  expect(find(FIVE, { fim_pre_token_id: 1, fim_suf_token_id: 3 })).toBeUndefined();
  expect(find(FIVE, { fim_pre_token_id: 1, fim_suf_token_id: 3, fim_mid_token_id: 5 })).toBeUndefined();
  expect(find(FIVE, { fim_pre_token_id: 1, fim_suf_token_id: 3, fim_mid_token_id: 0.5 })).toBeUndefined();
});
