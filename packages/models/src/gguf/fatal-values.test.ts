import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { findFatalValue } from './fatal-values.ts';
import { readGgufHeader } from './read.ts';
import type { GgufTensor, GgufValue } from './types.ts';

const { metadata, tensors } = readGgufHeader(fileURLToPath(new URL('../../models/stories260K.gguf', import.meta.url)));
const u32 = (value: number): GgufValue => ({ type: 'u32', value });
const f32 = (value: number): GgufValue => ({ type: 'f32', value });
const text = (value: string): GgufValue => ({ type: 'string', value });
const list = (value: readonly number[]): GgufValue => ({ type: 'array', of: 'u32', value });
const tokens = metadata.get('tokenizer.ggml.tokens')?.value as readonly string[];
const withTokens = (change: Readonly<Record<number, string>>): Readonly<Record<string, GgufValue>> => ({
  'tokenizer.ggml.tokens': { type: 'array', of: 'string', value: tokens.map((token, id) => change[id] ?? token) },
});
const find = (change: Readonly<Record<string, GgufValue>>, own: readonly GgufTensor[] = tensors) =>
  findFatalValue(new Map([...metadata, ...Object.entries(change)]), own);
const experts = (count: number, used: number, more: Readonly<Record<string, GgufValue>> = {}) => ({
  ...{ 'llama.expert_count': u32(count), 'llama.expert_used_count': u32(used) },
  ...more,
});
const groups = (count: number, used: number) => ({
  'llama.expert_group_count': u32(count),
  'llama.expert_group_used_count': u32(used),
});

it.each<[string, Readonly<Record<string, GgufValue>>]>([
  ['as it is', {}],
  ['512 layers', { 'llama.block_count': u32(512) }],
  ['RoPE scaling', { 'llama.rope.scaling.type': text('yarn') }],
  ['an epsilon of 0', { 'llama.attention.layer_norm_rms_epsilon': f32(0) }],
  ['experts', experts(8, 2)],
  ['experts of a million layers', experts(8, 2, { 'llama.expert_used_count': list(Array(1e6).fill(2)) })],
  ['experts by layer', experts(8, 2, { 'llama.expert_used_count': list([0, 2, 2, 2, 8]) })],
  ['groups of experts', experts(256, 8, groups(8, 4))],
  ['one group of experts', experts(8, 2, groups(1, 1))],
  ['one expert that is none', { 'general.architecture': text('hunyuan-dense'), 'hunyuan-dense.expert_count': u32(1) }],
  ['heads by layer', { 'llama.attention.head_count_kv': list([4, 0, 2, 8, 1]) }],
  ['RoPE over a part of a head', { 'llama.rope.dimension_count': u32(4) }],
  ['RoPE over longer keys', { 'llama.rope.dimension_count': u32(16), 'llama.attention.key_length': u32(16) }],
  ['two empty tokens', withTokens({ 300: '', 301: '' })],
  ['two tokens that are no text', withTokens({ 300: 'a\ufffd', 301: 'a\ufffd' })],
])('a model passes: %s', (_, change) => {
  expect(find(change)).toBeUndefined();
});

it.each<[Readonly<Record<string, GgufValue>>, string]>([
  [{ 'llama.block_count': u32(0) }, 'it has 0 layers'],
  [{ 'llama.block_count': u32(513) }, 'it has 513 layers'],
  [{ 'llama.rope.scaling.type': text('bogus') }, 'RoPE scaling, "bogus", is not known'],
  [{ 'llama.attention.layer_norm_rms_epsilon': f32(-1) }, 'layer_norm_rms_epsilon is -1'],
  [{ 'llama.attention.layer_norm_epsilon': f32(Number.NaN) }, 'layer_norm_epsilon is NaN'],
  [experts(1_025, 2), 'it has 1025 experts'],
  [experts(4, 5), 'it uses 5 of 4 experts'],
  [experts(4, 0), 'it uses 0 of 4 experts'],
  [experts(0, 2), 'it uses 2 of 0 experts'],
  [experts(4, 2, { 'llama.expert_used_count': list([2, 2, 2, 2, 5]) }), 'it uses 5 of 4 experts'],
  [groups(2, 1), 'groups of 0 experts'],
  [experts(4, 2, groups(4, 1)), 'it uses 1 of 4 groups of 4 experts'],
  [experts(4, 2, groups(3, 1)), 'it uses 1 of 3 groups of 4 experts'],
  [experts(4, 2, groups(2, 0)), 'it uses 0 of 2 groups of 4 experts'],
  [experts(4, 2, groups(2, 2)), 'it uses 2 of 2 groups of 4 experts'],
  [{ 'llama.attention.head_count_kv': u32(3) }, 'its 8 heads are no multiple of 3 of keys'],
  [{ 'llama.attention.head_count_kv': list([4, 4, 3, 4, 4]) }, 'its 8 heads are no multiple of 3 of keys'],
  [{ 'llama.rope.dimension_count': u32(10) }, 'its RoPE turns 10 values of a head that has 8'],
  [{ 'llama.rope.dimension_count': u32(7) }, 'its RoPE turns 7 values'],
  [withTokens({ 300: tokens[301] as string }), 'stands twice in its vocabulary'],
  [withTokens({ 300: '', 301: '[EMPTY_300]' }), 'the token "[EMPTY_300]" stands twice'],
])('llama.cpp would end the process: %j', (change, problem) => {
  expect(find(change)).toContain(problem);
});

it('a row is a whole number of blocks', () => {
  const row = (length: number): GgufTensor => ({ name: 'x.weight', dimensions: [length, 2], type: 8, offset: 0 });
  expect(find({}, [row(64)])).toBeUndefined();
  expect(find({}, [row(48)])).toBe('its tensor x.weight has rows of 48 values, and a block of q8_0 has 32');
});
