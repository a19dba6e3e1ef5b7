import type { BatchContext, BatchModel } from '@ogong/engine/decode/batch-model';
import { describe, expect, it } from 'vitest';
import { forgetBehind } from './forget-behind.ts';

/** A context that records the calls it gets. */
function open(purpose: 'serve' | 'score') {
  const calls: string[] = [];
  const inner = {
    add: (_token: number, position: number, sequence: number) => void calls.push(`add ${sequence}:${position}`),
    remove: (...range: number[]) => void calls.push(`remove ${range.join(' ')}`),
    decode: () => void calls.push('decode'),
  } as unknown as BatchContext;
  const model = forgetBehind({ createContext: () => inner } as unknown as BatchModel, 4);
  return { context: model.createContext({ purpose, sequences: 2 }), calls };
}

describe('forgetBehind', () => {
  it('removes, before a pass, what lies behind the window of the first row of each sequence', () => {
    const { context, calls } = open('serve');
    for (const [position, sequence] of [
      [4, 0],
      [9, 1],
      [10, 1],
    ] as const)
      context.add(7, position, sequence);
    context.decode(true);
    context.add(7, 5, 0);
    context.decode(true);
    expect(calls).toEqual([
      'add 0:4',
      'add 1:9',
      'add 1:10',
      'remove 1 0 5',
      'decode',
      'add 0:5',
      'remove 0 0 1',
      'decode',
    ]);
  });

  it('scores with all positions', () => {
    const { context, calls } = open('score');
    context.add(7, 9, 0);
    context.decode(true);
    expect(calls).toEqual(['add 0:9', 'decode']);
  });
});
