import { describe, expect, it } from 'vitest';
import type { SegmentEngine, SegmentGroup, UpstreamRows } from '../../interface/segment.ts';
import { createChainedModel } from './chained-model.ts';

const LAST: SegmentEngine = {
  info: () => ({
    ...{ place: 'last', layers: 1, embeddingSize: 2, vocabularySize: 3, contextSize: 64, sequences: 3, passRows: 16 },
    ...{ numericClass: 'none', canDropPositions: true },
  }),
  run: async ({ input }) => ({
    kind: 'logits',
    logits: new Float32Array((3 * input.length) / 2),
    hidden: new Float32Array(input.length),
  }),
  drop: async () => undefined,
  close: async () => undefined,
};
const VOCABULARY = { size: 3, bos: 1, isEnd: (token: number) => token === 2, bytesOf: () => new Uint8Array(0) };

describe('a chained model', () => {
  it('drops whole sequences of segments that have forgotten them, and goes on', async () => {
    let isUp = true;
    const calls: string[] = [];
    const before: UpstreamRows = {
      async run({ groups, tokens }) {
        if (!isUp) throw new Error('the line is cut');
        calls.push(`run ${groups.map(({ sequence, position, rows }) => `${sequence}:${position}+${rows}`)}`);
        return new Float32Array(2 * tokens.length);
      },
      async drop(sequence, position) {
        calls.push(`drop ${sequence}:${position}`);
        if (!isUp && position > 0) throw new Error('the segment has no such position');
      },
    };
    const last = { segment: LAST, kernels: 'exact', vocabulary: VOCABULARY } as const;
    const model = createChainedModel({ last: last as never, before, sequences: 2 });
    const context = model.createContext({ purpose: 'serve', sequences: 2 });
    for (const sequence of [0, 1]) context.remove(sequence);
    for (let i = 0; i < 6; i++) context.add(0, i % 3, Math.floor(i / 3));
    await context.decode(true);
    expect(calls.splice(0)).toEqual(['drop 0:0', 'drop 1:0', 'run 0:0+3,1:0+3']);
    // Sequence 1 ends and is not used again for a while.
    context.remove(1, 2);
    isUp = false;
    context.add(0, 3, 0);
    await expect(context.decode(true)).rejects.toMatchObject({ code: 'engine-crashed', retryable: true });
    context.remove(0);
    isUp = true;
    calls.length = 0;
    context.add(0, 0, 0);
    await context.decode(true);
    expect(calls).toEqual(['drop 1:0', 'drop 0:0', 'run 0:0+1']);
    const again = model.createContext({ purpose: 'score', sequences: 1 });
    calls.length = 0;
    again.remove(0);
    again.add(0, 0, 0);
    await again.decode(false);
    expect(calls).toEqual(['drop 2:0', 'run 2:0+1']);
    expect(() => model.createContext({ purpose: 'score', sequences: 2 })).toThrow('no sequence to run replies again');
  });

  it('runs pieces of prompts and other groups ahead, and computes them in order', async () => {
    const computed: string[] = [];
    const flying: PromiseWithResolvers<void>[] = [];
    const describeGroups = (groups: readonly SegmentGroup[]) =>
      groups.map(({ sequence, position, rows }) => `${sequence}:${position}+${rows}`).join();
    const before: UpstreamRows = {
      async run({ tokens }) {
        const pass = Promise.withResolvers<void>();
        flying.push(pass);
        await pass.promise;
        return new Float32Array(2 * tokens.length);
      },
      drop: async () => undefined,
    };
    const segment: SegmentEngine = {
      ...LAST,
      run: async (pass) => {
        computed.push(describeGroups(pass.groups));
        return LAST.run(pass);
      },
    };
    const last = { segment, kernels: 'exact', vocabulary: VOCABULARY } as const;
    const model = createChainedModel({ last: last as never, before, sequences: 2, piecesAhead: 1 });
    const [one, other] = [0, 1].map((group) => model.createContext({ purpose: 'serve', sequences: 1, group }));
    if (one === undefined || other === undefined) throw new Error('a model has two groups');
    const decode = (context: typeof one, position: number, outputs: boolean) => {
      context.add(0, position, 0);
      return context.decode(outputs);
    };
    expect(decode(one, 0, false)).toBeUndefined();
    const second = decode(one, 1, false);
    const beside = decode(other, 0, true);
    expect(flying).toHaveLength(3);
    flying[2]?.resolve();
    await beside;
    flying[0]?.resolve();
    await second;
    const step = decode(one, 2, true);
    // The second piece fails, and so does the pass behind it.
    flying[1]?.reject(new Error('the line is cut'));
    flying[3]?.resolve();
    await expect(step).rejects.toThrow('the line is cut');
    expect(computed).toEqual(['1:0+1', '0:0+1', '0:2+1']);
    expect(() => model.createContext({ purpose: 'serve', sequences: 1, group: 2 })).toThrow('no sequence');
  });
});
