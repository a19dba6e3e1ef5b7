import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GgufValue } from '@ogong/models/gguf/types';
import { afterAll, describe, expect, it } from 'vitest';
import { type GgufDraft, openDraft, shapeOf, writeDraft } from './gguf-draft.ts';
import { deepen, narrowFeedForward, shareLayers, skipLayers, widenFeedForward } from './layers.ts';
import { createGaussian } from './random.ts';
import { addLowRank, addNoise } from './weights.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-forge-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const WIDTH = 4;
const CHANNELS = 6;

/** Three layers. Every value of layer n is n + 1, except in the channels that a test looks at. */
function createModel(): GgufDraft {
  const u32 = (value: number): GgufValue => ({ type: 'u32', value });
  const fill = (name: string, dimensions: number[], value: number) => ({
    name,
    dimensions,
    read: () => new Float32Array(dimensions.reduce((a, b) => a * b)).fill(value),
  });
  const layers = [0, 1, 2].flatMap((layer) => [
    fill(`blk.${layer}.attn_norm.weight`, [WIDTH], layer + 1),
    fill(`blk.${layer}.attn_q.weight`, [WIDTH, WIDTH], layer + 1),
    fill(`blk.${layer}.attn_k.weight`, [WIDTH, WIDTH], layer + 1),
    {
      ...fill(`blk.${layer}.ffn_gate.weight`, [WIDTH, CHANNELS], 0),
      // Channel c has strength c, and the last is the weakest.
      read: () => Float32Array.from({ length: WIDTH * CHANNELS }, (_, i) => (Math.floor(i / WIDTH) + 1) % CHANNELS),
    },
    fill(`blk.${layer}.ffn_up.weight`, [WIDTH, CHANNELS], 1),
    {
      ...fill(`blk.${layer}.ffn_down.weight`, [CHANNELS, WIDTH], 0),
      read: () => Float32Array.from({ length: WIDTH * CHANNELS }, (_, i) => 1 + (i % CHANNELS) / 100),
    },
  ]);
  return {
    metadata: new Map<string, GgufValue>([
      ['general.architecture', { type: 'string', value: 'llama' }],
      ['llama.block_count', u32(3)],
      ['llama.feed_forward_length', u32(CHANNELS)],
    ]),
    tensors: [fill('token_embd.weight', [WIDTH, 8], 1), ...layers],
  };
}

const read = (draft: GgufDraft, name: string): Float32Array => {
  const found = draft.tensors.find((tensor) => tensor.name === name);
  if (found === undefined) throw new Error(`no tensor ${name}`);
  return found.read();
};

const distance = (a: Float32Array, b: Float32Array): number =>
  Math.hypot(...a.map((value, i) => value - (b[i] as number))) / Math.hypot(...b);

describe('a forged model', () => {
  it('has the requested depth, by layers that add nothing', () => {
    const deep = deepen(createModel(), 5);
    expect(shapeOf(deep, 'block_count')).toBe(5);
    for (const layer of [3, 4]) {
      expect(read(deep, `blk.${layer}.attn_q.weight`)).toEqual(read(deep, 'blk.2.attn_q.weight'));
      expect(Math.max(...read(deep, `blk.${layer}.ffn_down.weight`))).toBe(0);
    }
    expect(Math.max(...read(deep, 'blk.2.ffn_down.weight'))).toBeGreaterThan(1);
    expect(() => deepen(createModel(), 3)).toThrow(RangeError);
  });

  it('has the requested width, by channels that add nothing', () => {
    const model = createModel();
    const wide = widenFeedForward(model, CHANNELS + 3);
    expect(shapeOf(wide, 'feed_forward_length')).toBe(CHANNELS + 3);
    const [gate, down] = [read(wide, 'blk.1.ffn_gate.weight'), read(wide, 'blk.1.ffn_down.weight')];
    expect(gate).toHaveLength(WIDTH * (CHANNELS + 3));
    expect(gate.subarray(0, WIDTH * CHANNELS)).toEqual(read(model, 'blk.1.ffn_gate.weight'));
    expect(gate.subarray(WIDTH * CHANNELS)).toEqual(gate.subarray(0, 3 * WIDTH));
    for (let row = 0; row < WIDTH; row++) {
      const at = row * (CHANNELS + 3);
      const before = read(model, 'blk.1.ffn_down.weight').subarray(row * CHANNELS, (row + 1) * CHANNELS);
      expect(down.subarray(at, at + CHANNELS)).toEqual(before);
      expect([...down.subarray(at + CHANNELS, at + CHANNELS + 3)]).toEqual([0, 0, 0]);
    }
    expect(() => widenFeedForward(model, CHANNELS)).toThrow(RangeError);
  });

  it('is read back from its file, and writes the same bytes twice', () => {
    const [one, two] = [join(directory, 'one.gguf'), join(directory, 'two.gguf')];
    writeDraft(one, addNoise(createModel(), { amount: 0.1, seed: 1 }));
    writeDraft(two, addNoise(createModel(), { amount: 0.1, seed: 1 }));
    expect(readFileSync(one)).toEqual(readFileSync(two));
    const back = openDraft(one);
    expect(back.tensors.map(({ name }) => name)).toEqual(createModel().tensors.map(({ name }) => name));
    expect(read(back, 'blk.1.attn_q.weight')).toEqual(
      read(addNoise(createModel(), { amount: 0.1, seed: 1 }), 'blk.1.attn_q.weight'),
    );
  });

  it('has the requested amount of noise', () => {
    const plain = createModel();
    for (const amount of [1e-3, 1e-2]) {
      const noisy = addNoise(plain, { amount, seed: 3 });
      const off = plain.tensors.map(({ name }) => distance(read(noisy, name), read(plain, name)));
      for (const value of off) expect(value).toBeGreaterThan(amount / 3);
      for (const value of off) expect(value).toBeLessThan(amount * 2);
    }
    const other = addNoise(plain, { amount: 1e-2, seed: 4 });
    const one = addNoise(plain, { amount: 1e-2, seed: 3 });
    expect(read(other, 'token_embd.weight')).not.toEqual(read(one, 'token_embd.weight'));
  });

  it('has a low-rank change of the requested norm in the requested matrices', () => {
    const plain = createModel();
    const tuned = addLowRank(plain, { amount: 0.01, rank: 1, matrices: 'all', seed: 5 });
    const values = read(tuned, 'blk.0.attn_k.weight');
    expect(distance(values, read(plain, 'blk.0.attn_k.weight'))).toBeCloseTo(0.01, 5);
    const change = values.map((value) => value - 1);
    const at = (row: number, column: number) => change[row * WIDTH + column] as number;
    // Every minor of a matrix of rank one vanishes.
    expect(at(0, 0) * at(1, 1) - at(0, 1) * at(1, 0)).toBeCloseTo(0, 7);
    const adapter = addLowRank(plain, { amount: 0.01, rank: 1, matrices: 'attention', seed: 5 });
    expect(read(adapter, 'blk.0.attn_k.weight')).toEqual(read(plain, 'blk.0.attn_k.weight'));
    expect(read(adapter, 'blk.0.attn_q.weight')).not.toEqual(read(plain, 'blk.0.attn_q.weight'));
    expect(read(tuned, 'token_embd.weight')).toEqual(read(plain, 'token_embd.weight'));
  });

  it('skips layers and closes the gap', () => {
    const short = skipLayers(createModel(), [1]);
    expect(shapeOf(short, 'block_count')).toBe(2);
    expect(read(short, 'blk.1.attn_q.weight')[0]).toBe(3);
    expect(short.tensors.some(({ name }) => name.startsWith('blk.2.'))).toBe(false);
    expect(() => skipLayers(createModel(), [3])).toThrow(RangeError);
    expect(() => skipLayers(createModel(), [0, 1, 2])).toThrow(RangeError);
  });

  it('shares layers', () => {
    const shared = shareLayers(createModel(), [{ from: 0, to: 2 }]);
    expect(read(shared, 'blk.2.attn_q.weight')[0]).toBe(1);
    expect(read(shared, 'blk.1.attn_q.weight')[0]).toBe(2);
    expect(() => shareLayers(createModel(), [{ from: 7, to: 2 }])).toThrow(RangeError);
  });

  it('keeps the strongest feed-forward channels', () => {
    const narrow = narrowFeedForward(createModel(), 2);
    expect(shapeOf(narrow, 'feed_forward_length')).toBe(2);
    expect([...read(narrow, 'blk.0.ffn_gate.weight')]).toEqual([4, 4, 4, 4, 5, 5, 5, 5]);
    // Channels 3 and 4 of each of the four rows.
    const down = read(narrow, 'blk.0.ffn_down.weight');
    expect(Array.from(down.subarray(0, 4), (value) => value.toFixed(2))).toEqual(['1.03', '1.04', '1.03', '1.04']);
    expect(narrow.tensors.find(({ name }) => name === 'blk.0.ffn_down.weight')?.dimensions).toEqual([2, WIDTH]);
    expect(() => narrowFeedForward(createModel(), 7)).toThrow(RangeError);
  });
});

it('draws numbers of mean 0 and variance 1', () => {
  const next = createGaussian(9);
  const draws = Array.from({ length: 20_000 }, next);
  const mean = draws.reduce((a, b) => a + b) / draws.length;
  const variance = draws.reduce((a, b) => a + (b - mean) ** 2, 0) / draws.length;
  expect(Math.abs(mean)).toBeLessThan(0.03);
  expect(Math.abs(variance - 1)).toBeLessThan(0.03);
});
