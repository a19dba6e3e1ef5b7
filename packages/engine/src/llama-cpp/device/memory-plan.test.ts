import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EngineError } from '../../interface/engine-error.ts';
import { inspectModelFile, type ModelFacts } from '../model-file.ts';
import { BATCH_ROWS, estimateMemory } from './memory.ts';
import { allowPagedWeights, estimatePagedSeconds, planMemory } from './memory-plan.ts';

const FILE = fileURLToPath(new URL('../../../../models/models/stories260K.gguf', import.meta.url));
const GIB = 2 ** 30;

/** About an 8B model in q4_k_m: 4.6 GiB of weights, 128 KiB of KV cache a position. */
const file: ModelFacts = {
  ...inspectModelFile(FILE),
  ...{ weightBytes: 4.6 * GIB, trainContext: 131_072, kvBytesPerPosition: 131_072 },
  ...{ embeddingSize: 4096, vocabularySize: 128_256 },
};

const needs = (contextSize: number, sequences: number): number =>
  estimateMemory(file, { contextSize, sequences, batchSize: BATCH_ROWS }).total;

describe('a plan of memory', () => {
  it('gives eight replies 8192 positions each where they fit, and more to nobody who did not ask', () => {
    const plan = planMemory(file, {}, 64 * GIB);
    expect(plan).toMatchObject({ contextSize: 8192, sequences: 8, kvPerSequence: GIB, available: 64 * GIB });
    expect(planMemory(file, { contextSize: 32_768, sequences: 2 }, 64 * GIB)).toMatchObject({
      ...{ contextSize: 32_768, sequences: 2, total: needs(32_768, 2) },
    });
    expect(planMemory({ ...file, trainContext: 2048 }, {}, 64 * GIB).contextSize).toBe(2048);
  });

  it('gives up slots before positions', () => {
    expect(planMemory(file, {}, needs(8192, 3) + GIB / 2)).toMatchObject({ contextSize: 8192, sequences: 3 });
    expect(planMemory(file, {}, needs(8192, 1))).toMatchObject({ contextSize: 8192, sequences: 1 });
    expect(planMemory(file, {}, needs(8192, 1) - 1)).toMatchObject({ sequences: 1, contextSize: 7936 });
    expect(planMemory(file, { sequences: 4 }, needs(2048, 4))).toMatchObject({ sequences: 4, contextSize: 2048 });
    expect(planMemory(file, { contextSize: 4096 }, needs(4096, 2))).toMatchObject({ sequences: 2, contextSize: 4096 });
  });

  it('is the largest that fits, whatever is free', () => {
    const anyMemory = fc.integer({ min: Math.ceil(needs(256, 1) / 2 ** 20), max: 32_768 });
    fc.assert(
      fc.property(anyMemory, (mebibytes) => {
        const available = mebibytes * 2 ** 20;
        const { contextSize, sequences, total } = planMemory(file, {}, available);
        expect(total).toBe(needs(contextSize, sequences));
        expect(total).toBeLessThanOrEqual(available);
        const next = contextSize === 8192 ? needs(8192, sequences + 1) : needs(contextSize + 256, 1);
        expect(sequences === 8 || next > available).toBe(true);
      }),
      { seed: 22 },
    );
  });

  it('is refused with what would fit, where nothing does', () => {
    const refusal = (wanted: Parameters<typeof planMemory>[1], available: number): string => {
      try {
        planMemory(file, wanted, available);
      } catch (error) {
        if (error instanceof EngineError && error.code === 'not-enough-memory') return error.message;
      }
      return 'planned';
    };
    expect(refusal({}, 2 * GIB)).toContain('the weights alone do not fit');
    expect(refusal({ contextSize: 65_536, sequences: 1 }, 8 * GIB)).toMatch(/a context of \d+ positions per sequence/);
    const fitting = Number(/a context of (\d+)/.exec(refusal({ contextSize: 65_536, sequences: 1 }, 8 * GIB))?.[1]);
    expect(refusal({ contextSize: fitting, sequences: 1 }, 8 * GIB)).toBe('planned');
  });

  it('leaves weights on the disk that are larger than the memory, if cache and buffers fit', () => {
    const rest = needs(8192, 1) - file.weightBytes;
    const allow = (bytes: number) => allowPagedWeights(file, {}, { bytes, cause: 'are free' });
    expect(allow(needs(8192, 1))).toBeUndefined();
    expect(allow(rest)).toEqual({ bytes: rest + file.weightBytes, cause: 'are free' });
    expect(planMemory(file, {}, rest + file.weightBytes)).toMatchObject({ sequences: 1, contextSize: 8192 });
    // Not even a short context fits beside the buffers.
    expect(allow(2 ** 20)).toBeUndefined();
    expect(estimatePagedSeconds({ weightBytes: 12e9 })).toBe(12);
  });

  it('names the limit, its remedy, and no need that contradicts it', () => {
    const refuse = (bytes: number, wanted: Parameters<typeof planMemory>[1] = {}): string => {
      try {
        planMemory(file, wanted, { bytes, cause: 'are left of --memory-budget', remedy: 'raise it' });
      } catch (error) {
        return (error as Error).message;
      }
      return 'planned';
    };
    const low = refuse(2 * GIB);
    expect(low).toContain('2048 MiB are left of --memory-budget; raise it, or the weights alone do not fit');
    expect(low).toContain('for 1 x 256 positions');
    expect(low).not.toMatch(/are free|more memory/);
    // Weights that fit are not blamed, and one sequence is not asked to become fewer.
    const near = refuse(needs(256, 1) - 2 ** 20);
    expect(near).toContain('use a smaller quantisation');
    expect(near).not.toMatch(/weights alone|fewer sequences/);
    // A limit below the cache and the buffers has no size of weights that would fit.
    expect(refuse(2 ** 20)).not.toContain('at most');
    const need = Number(/needs about (\d+) MiB/.exec(low)?.[1]);
    expect(refuse(need * 2 ** 20)).toBe('planned');
  });

  it('has one slot where a reply would change with others beside it, as the engine has', () => {
    expect(planMemory({ ...file, architecture: 'lfm2' }, {}, 64 * GIB).sequences).toBe(1);
  });
});
