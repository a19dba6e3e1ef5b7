import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Experiment, seedsOf } from '../plan/experiments.ts';
import { inLanes, listPasses } from './lanes.ts';

const experiment = (source: string, replies = 7): Experiment => ({
  ...{ weights: 'f16', source, replies },
  ...({ provider: 'cpu-exact', verifier: 'cpu-fast' } as const),
});

describe('passes', () => {
  it('are one if time is not limited', () => {
    const all = [experiment('honest'), experiment('substitute')];
    expect(listPasses(all, false)).toEqual([all]);
  });

  it('take a third of every experiment first, and then the same replies and the rest', () => {
    const all = [experiment('honest'), experiment('substitute', 1)];
    const [first, second] = listPasses(all, true);
    expect(second).toEqual(all);
    expect(first?.map(({ replies }) => replies)).toEqual([3, 1]);
    for (const [i, each] of all.entries()) {
      expect(seedsOf(each).slice(0, first?.[i]?.replies)).toEqual(seedsOf(first?.[i] as Experiment));
    }
  });
});

describe('lanes', () => {
  it('run all experiments, two at a time, and never two with the same source', async () => {
    const all = ['a', 'a', 'b', 'a', 'c', 'c', 'b'].map((source) => experiment(source));
    const running: string[] = [];
    const done: number[] = [];
    let most = 0;
    await inLanes(all, async ({ source }, index) => {
      expect(running).not.toContain(source);
      running.push(source);
      most = Math.max(most, running.length);
      for (let i = 0; i < 3; i++) await nextTurn();
      running.splice(running.indexOf(source), 1);
      done.push(index);
    });
    expect(most).toBe(2);
    expect(done.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('go on with others while a student is trained for one of them', async () => {
    const started: string[] = [];
    const trained = Promise.withResolvers<void>();
    const all = [
      ...(['f16', 'q8_0'] as const).map((weights) => ({ ...experiment('weights-distilled'), weights })),
      ...['honest', 'substitute'].map((source) => experiment(source)),
    ];
    await inLanes(all, async ({ source, weights }) => {
      started.push(`${source} ${weights}`);
      if (source === 'substitute') trained.resolve();
      if (source === 'weights-distilled') await trained.promise;
    });
    expect(started).toEqual(['weights-distilled f16', 'honest f16', 'substitute f16', 'weights-distilled q8_0']);
  });

  it('reject with the error of one lane, after the other has ended', async () => {
    const ended: string[] = [];
    const fail = inLanes([experiment('a'), experiment('b')], async ({ source }) => {
      if (source === 'a') throw new Error('the disk is full');
      await nextTurn();
      ended.push(source);
    });
    await expect(fail).rejects.toThrow('the disk is full');
    expect(ended).toEqual(['b']);
  });
});
