import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { inspectModelFile, type ModelFacts, readLayerSizes } from '../model-file.ts';
import { chooseGpuLayers } from './gpu-layers.ts';
import { ALL_LAYERS } from './placement.ts';

const FILE = fileURLToPath(new URL('../../../../models/models/stories260K.gguf', import.meta.url));
const GIB = 2 ** 30;
const file: ModelFacts = { ...inspectModelFile(FILE), embeddingSize: 4096, vocabularySize: 128_256 };
const layer = { weightBytes: GIB, positionBytes: 0, sequenceBytes: 0 };
const sizes = { layers: Array(10).fill(layer), headBytes: GIB };
const load = { contextSize: 1024, sequences: 1, kvType: 'f16', kernels: 'plain' } as const;

describe('the layers on a card', () => {
  it('are all that fit, the last ones first', () => {
    expect(chooseGpuLayers(file, sizes, load, 16 * GIB)).toBe(ALL_LAYERS);
    // The head, the buffers and the headroom take part of the rest.
    expect(chooseGpuLayers(file, sizes, load, 8 * GIB)).toBe(6);
    expect(chooseGpuLayers(file, sizes, load, 0)).toBe(0);
    expect(chooseGpuLayers(file, sizes, load, -GIB)).toBe(0);
  });

  it('become fewer with the cache that they keep', () => {
    const cached = { ...sizes, layers: Array(10).fill({ ...layer, positionBytes: 2 ** 20 }) };
    expect(chooseGpuLayers(file, cached, load, 8 * GIB)).toBe(3);
    expect(chooseGpuLayers(file, cached, { ...load, sequences: 4 }, 8 * GIB)).toBe(1);
  });

  it('are all or none of a class that is compared bit for bit', () => {
    const shaped = { ...load, kernels: 'shaped' } as const;
    expect(chooseGpuLayers(file, sizes, shaped, 16 * GIB)).toBe(ALL_LAYERS);
    expect(() => chooseGpuLayers(file, sizes, shaped, 8 * GIB)).toThrow(
      expect.objectContaining({
        code: 'not-enough-memory',
        message: expect.stringMatching(/on the card.*--kernels plain leaves 4 of 10 layers to the CPU/),
      }),
    );
    expect(() => chooseGpuLayers(file, sizes, shaped, -GIB)).toThrow(/ and 0 MiB may be taken there/);
  });
});

it('sizes of layers add up to the model, and experts may be left out', () => {
  const { layers, headBytes } = readLayerSizes(FILE);
  const facts = inspectModelFile(FILE);
  expect(layers).toHaveLength(5);
  const sum = (part: (each: (typeof layers)[number]) => number) => layers.reduce((all, each) => all + part(each), 0);
  expect(sum(({ positionBytes }) => positionBytes)).toBe(facts.kvBytesPerPosition);
  expect(sum(({ weightBytes }) => weightBytes) + headBytes).toBeLessThanOrEqual(facts.weightBytes);
  const without = readLayerSizes(FILE, (name) => name.includes('ffn_up'));
  expect(without.layers[0]?.weightBytes).toBeLessThan(layers[0]?.weightBytes as number);
});
