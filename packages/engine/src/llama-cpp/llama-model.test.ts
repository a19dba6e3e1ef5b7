import { describe, expect, it } from 'vitest';
import { createLlamaBatchModel, type LlamaBatchModelOptions } from './llama-model.ts';
import type { LlamaContext, LlamaModel } from './model.ts';

const OPTIONS: Omit<LlamaBatchModelOptions, 'kernels'> = {
  ...({ kvType: 'f16', flashAttention: true, kvUnified: false } as const),
  ...({ contextSize: 64, threads: 1, batchSize: 8, shapes: 'wide' } as const),
};

/** A model that writes its passes down, and fails in chosen ones. */
function createStub(failing: ReadonlySet<number>) {
  const passes: string[][] = [];
  let rows: string[] = [];
  const context: LlamaContext = {
    ...{ contextSize: 64, sequences: 2, batchSize: 64 },
    add: (token, position, sequence) => void rows.push(`${token}@${position}/${sequence}`),
    decode() {
      passes.push(rows);
      rows = [];
      if (failing.has(passes.length)) throw new Error('no memory');
    },
    logits: () => new Float32Array(0),
    hidden: () => new Float32Array(0),
    useReference() {},
    remove() {},
    clear() {},
    free() {},
  };
  const vocabulary = { size: 4, bos: 1, isEnd: () => false, bytesOf: () => new Uint8Array(0) };
  const model = { vocabulary, embeddingSize: 4, createContext: () => context, free() {} } as unknown as LlamaModel;
  return { model, passes };
}

describe('a context after a pass that failed', () => {
  it.each(['exact', 'exact-2', 'fast', 'shaped'] as const)('runs none of its rows again: %s', (kernels) => {
    const { model, passes } = createStub(new Set([1]));
    const serving = { purpose: 'serve', sequences: 2 } as const;
    const context = createLlamaBatchModel(model, { ...OPTIONS, kernels }).createContext(serving);
    context.add(3, 0, 0);
    context.add(3, 0, 1);
    expect(() => context.decode(true)).toThrow('no memory');
    context.add(2, 5, 1);
    context.decode(true);
    expect(passes).toHaveLength(2);
    expect(passes[0]?.join()).toContain('3@0/0');
    expect(passes[1]?.join()).toContain('2@5/1');
    expect(passes[1]?.join()).not.toContain('3@0');
  });
});

it('runs each row of a reply alone in the class of single rows, also without outputs as a trace does, and a prompt together', () => {
  const { model, passes } = createStub(new Set());
  const kernels = 'exact-single';
  const context = createLlamaBatchModel(model, { ...OPTIONS, kernels }).createContext({
    purpose: 'score',
    sequences: 1,
  });
  for (const position of [0, 1]) context.add(3, position, 0, context.promptShape);
  context.decode(false);
  context.add(3, 2, 0, context.promptShape);
  context.decode(false);
  for (const position of [3, 4, 5]) context.add(2, position, 0);
  context.decode(false);
  context.add(2, 6, 0);
  context.decode(true);
  expect(passes.map((rows) => rows.join(' '))).toEqual([
    '3@0/0 3@1/0',
    '3@2/0 3@3/0',
    ...[3, 4, 5, 6].map((position) => `2@${position}/0`),
  ]);
});
