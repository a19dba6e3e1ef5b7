import type { GgufValue } from '@ogong/models/gguf/types';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { describe, expect, it } from 'vitest';
import { advance, distil, embed } from './distil.ts';
import { type GgufDraft, layerOf, shapeOf } from './gguf-draft.ts';
import { skipLayers } from './layers.ts';
import { fitChange } from './least-squares.ts';
import { readShape, readTensor } from './llama-layer.ts';
import { createGaussian } from './random.ts';

const WIDTH = 16;
const CHANNELS = 24;
const VOCABULARY = 40;
const LAYERS = 4;

function createTeacher(): GgufDraft {
  const u32 = (value: number): GgufValue => ({ type: 'u32', value });
  let seed = 0;
  const matrix = (name: string, input: number, output: number) => {
    const gaussian = createGaussian(++seed);
    const values = Float32Array.from({ length: input * output }, () => gaussian() / Math.sqrt(input));
    return { name, dimensions: [input, output], read: () => values.slice() };
  };
  const ones = (name: string) => ({ name, dimensions: [WIDTH], read: () => new Float32Array(WIDTH).fill(1) });
  const layers = Array.from({ length: LAYERS }, (_, layer) => [
    ones(`blk.${layer}.attn_norm.weight`),
    ...['q', 'k', 'v', 'output'].map((part) => matrix(`blk.${layer}.attn_${part}.weight`, WIDTH, WIDTH)),
    ones(`blk.${layer}.ffn_norm.weight`),
    matrix(`blk.${layer}.ffn_gate.weight`, WIDTH, CHANNELS),
    matrix(`blk.${layer}.ffn_up.weight`, WIDTH, CHANNELS),
    matrix(`blk.${layer}.ffn_down.weight`, CHANNELS, WIDTH),
  ]);
  return {
    metadata: new Map<string, GgufValue>([
      ['general.architecture', { type: 'string', value: 'llama' }],
      ['llama.block_count', u32(LAYERS)],
      ['llama.embedding_length', u32(WIDTH)],
      ['llama.feed_forward_length', u32(CHANNELS)],
      ['llama.attention.head_count', u32(2)],
      ['llama.attention.head_count_kv', u32(2)],
    ]),
    tensors: [matrix('token_embd.weight', WIDTH, VOCABULARY), ...layers.flat()],
  };
}

const random = createSeededRandom(4);
const text = (): Uint32Array => Uint32Array.from({ length: 40 }, () => Math.floor(random() * VOCABULARY));

/** The residual stream after the last layer. */
function run(draft: GgufDraft, tokens: Uint32Array): Float32Array {
  const shape = readShape(draft);
  let streams = [embed(readTensor(draft, 'token_embd.weight'), tokens, WIDTH)];
  for (let layer = 0; layer < shapeOf(draft, 'block_count'); layer++) {
    streams = advance(draft, layer, streams, shape).after;
  }
  return streams[0] as Float32Array;
}

const distance = (a: Float32Array, b: Float32Array): number =>
  Math.hypot(...a.map((value, i) => value - (b[i] as number))) / Math.hypot(...b);

describe('a distilled student', () => {
  it('is closer to its teacher than the same layers without training, on new texts', () => {
    const teacher = createTeacher();
    const student = distil(teacher, [1], Array.from({ length: 20 }, text));
    const untrained = skipLayers(teacher, [1]);
    expect(shapeOf(student, 'block_count')).toBe(LAYERS - 1);
    for (let i = 0; i < 4; i++) {
      const tokens = text();
      const wanted = run(teacher, tokens);
      expect(distance(run(student, tokens), wanted)).toBeLessThan(distance(run(untrained, tokens), wanted));
    }
  });

  it('changes only the matrices that write to the stream after the gap', () => {
    const teacher = createTeacher();
    const student = distil(teacher, [2], [text(), text()]);
    const plain = skipLayers(teacher, [2]);
    for (const { name, read } of plain.tensors) {
      const isFitted = (layerOf(name)?.layer ?? 0) >= 2 && /attn_output|ffn_down/.test(name);
      const same = distance(readTensor(student, name), read()) === 0;
      expect(same, name).toBe(!isFitted);
    }
  });
});

it('fits a known change', () => {
  const x = Float32Array.from({ length: 300 }, () => random() - 0.5);
  const rest = Float32Array.from({ length: 200 }, (_, i) => {
    const row = Math.floor(i / 2) * 3;
    return i % 2 === 0 ? 2 * (x[row] as number) : (x[row + 1] as number) - (x[row + 2] as number);
  });
  const change = fitChange(x, rest, { inputs: 3, outputs: 2, ridge: 1e-9 });
  [2, 0, 0, 0, 1, -1].forEach((value, i) => {
    expect(change[i]).toBeCloseTo(value, 4);
  });
});
