import type { GgufTensor, GgufValue } from '@ogong/models/gguf/types';
import { describe, expect, it } from 'vitest';
import { readSizes } from '../model-file.ts';
import { assertFitsMemory, estimateMemory } from './memory.ts';

const u32 = (value: number): GgufValue => ({ type: 'u32', value });
const u32s = (value: readonly number[]): GgufValue => ({ type: 'array', of: 'u32', value });
const tensor = (name: string, ...dimensions: number[]): GgufTensor => ({ name, dimensions, type: 0, offset: 0 });
const F16 = 2;
const F32 = 4;

/** A model of these keys, whose layers have these tensors. */
function sizesOf(
  architecture: string,
  keys: Readonly<Record<string, GgufValue>>,
  tensorsOf: (layer: number) => readonly GgufTensor[],
): ReturnType<typeof readSizes> {
  const metadata = new Map<string, GgufValue>([
    ['general.architecture', { type: 'string', value: architecture }],
    ...Object.entries(keys).map(([key, value]): [string, GgufValue] => [`${architecture}.${key}`, value]),
  ]);
  const layers = Number(keys.block_count?.value);
  const tensors = Array.from({ length: layers }, (_, layer) =>
    tensorsOf(layer).map((each) => ({ ...each, name: `blk.${layer}.${each.name}` })),
  );
  return readSizes(metadata, tensors.flat());
}

const keysAlone = () => [tensor('attn_k.weight', 8, 8)];

describe('memory of layers', () => {
  it('is that of the few layers of a hybrid that attend, and a state for each sequence of the others', () => {
    const attends = (layer: number): boolean => layer % 10 === 9;
    const { kvBytesPerPosition, stateBytesPerSequence } = sizesOf(
      'granitehybrid',
      {
        block_count: u32(40),
        embedding_length: u32(2048),
        'attention.head_count': u32(32),
        'attention.head_count_kv': u32s(Array.from({ length: 40 }, (_, layer) => (attends(layer) ? 8 : 0))),
        'ssm.state_size': u32(128),
        'ssm.inner_size': u32(4096),
      },
      (layer) => (attends(layer) ? keysAlone() : [tensor('ssm_in.weight', 8, 8), tensor('ssm_conv1d.weight', 4, 4352)]),
    );
    expect(kvBytesPerPosition).toBe(8192);
    expect(stateBytesPerSequence).toBe(36 * (128 * 4096 + 3 * 4352) * F32);
  });

  it('follows heads of other sizes in layers with a window, and counts no layer that shares a cache', () => {
    const windows = Array.from({ length: 12 }, (_, layer) => (layer % 6 === 5 ? 0 : 1));
    const { kvBytesPerPosition } = sizesOf(
      'gemma4',
      {
        ...{ block_count: u32(12), embedding_length: u32(512), 'attention.head_count': u32(8) },
        'attention.head_count_kv': u32s(windows.map((window) => (window === 1 ? 4 : 1))),
        ...{ 'attention.key_length': u32(512), 'attention.value_length': u32(512) },
        ...{ 'attention.key_length_swa': u32(256), 'attention.value_length_swa': u32(256) },
        'attention.sliding_window_pattern': u32s(windows),
        'attention.shared_kv_layers': u32(6),
      },
      keysAlone,
    );
    expect(kvBytesPerPosition).toBe((5 * 4 * 512 + 1 * 1024) * F16);
  });

  it('leaves out layers that guess further tokens, and values of latent attention', () => {
    const latent = {
      ...{ block_count: u32(3), 'attention.head_count': u32(16), 'attention.head_count_kv': u32(1) },
      ...{ 'attention.key_length': u32(576), 'attention.value_length': u32(512) },
      ...{ 'attention.key_length_mla': u32(192), 'attention.value_length_mla': u32(128) },
    };
    const tensors = () => [tensor('attn_kv_a_mqa.weight', 8, 576)];
    expect(sizesOf('deepseek2', latent, tensors).kvBytesPerPosition).toBe(3 * 576 * F16);
    const guessing = { ...latent, nextn_predict_layers: u32(1) };
    expect(sizesOf('deepseek2', guessing, tensors).kvBytesPerPosition).toBe(2 * 576 * F16);
  });

  it('does not grow with the context of a model without attention, and no shorter context is advised', () => {
    const sizes = sizesOf(
      'mamba',
      { block_count: u32(2), embedding_length: u32(64), 'ssm.state_size': u32(16), 'ssm.inner_size': u32(128) },
      () => [tensor('ssm_conv1d.weight', 4, 128)],
    );
    const file = { ...sizes, path: 'mamba.gguf', embeddingSize: 64, vocabularySize: 512 };
    const kvOf = (contextSize: number, sequences: number): number =>
      estimateMemory(file, { contextSize, sequences, batchSize: 1 }).kv;
    expect(kvOf(256, 3)).toBe(3 * 2 * (16 * 128 + 3 * 128) * F32);
    expect(kvOf(65_536, 3)).toBe(kvOf(256, 3));
    const shape = { contextSize: 4096, sequences: 4, batchSize: 1 };
    const { total } = estimateMemory(file, shape);
    expect(() => assertFitsMemory(file, shape, total - 1)).toThrow(/use fewer sequences or a smaller quantisation/);
  });

  it('is bounded by the tensors, whatever number of layers a file claims', () => {
    const claimed = { block_count: u32(2), 'attention.head_count': u32(1), embedding_length: u32(8) };
    const metadata = new Map<string, GgufValue>([
      ['general.architecture', { type: 'string', value: 'llama' }],
      ['llama.attention.head_count', claimed['attention.head_count']],
      ['llama.embedding_length', claimed.embedding_length],
      ['llama.block_count', u32(2 ** 32 - 1)],
    ]);
    expect(readSizes(metadata, [tensor('blk.0.attn_k.weight', 8, 8)]).kvBytesPerPosition).toBe(16 * F16);
  });
});
