import type { SegmentOutput, SegmentPass } from '@ogong/engine/interface/segment';
import { type CohortAttack, disguiseSegment } from './attack.ts';

export const swapSegment: CohortAttack = {
  name: 'swap-segment',
  aim: 'run the layers of a cheaper model',
  by: 'shard',
  foundBy: 'edge',
  bendSegment: (segment, forge) => ({ ...forge.openOther(), info: () => segment.info() }),
};

export const dropLayer: CohortAttack = {
  name: 'drop-layer',
  aim: 'leave out the last of its layers',
  by: 'shard',
  foundBy: 'edge',
  bendSegment: (segment, forge) => ({ ...forge.openShort(), info: () => segment.info() }),
};

/** Bits of a value that are cut off: 16 of 23 bits of the mantissa, as in bfloat16. */
const CUT_BITS = 0xffff0000;

/** Rounds values to bfloat16, towards zero. */
function cutValues(values: Float32Array): Float32Array {
  const bits = new Uint32Array(values.slice().buffer);
  for (let i = 0; i < bits.length; i++) bits[i] = (bits[i] as number) & CUT_BITS;
  return new Float32Array(bits.buffer);
}

export const lessPrecision: CohortAttack = {
  name: 'less-precision',
  aim: 'compute and send with half of the bits, for half of the memory',
  by: 'shard',
  foundBy: 'edge',
  bendSegment: (segment) =>
    disguiseSegment(segment, {
      async run(pass) {
        const input = pass.input instanceof Float32Array ? cutValues(pass.input) : pass.input;
        const output = await segment.run({ ...pass, input });
        return output.kind === 'rows' ? { kind: 'rows', rows: cutValues(output.rows) } : output;
      },
    }),
};

export const staleBoundary: CohortAttack = {
  name: 'stale-boundary',
  aim: 'compute each second step of a sequence, and send the rows of the step before for the others',
  by: 'shard',
  foundBy: 'edge',
  bendSegment(segment) {
    /** The last output of each sequence that was computed, until it is sent again. */
    const fresh = new Map<number, Float32Array>();
    const nameOf = ({ groups }: SegmentPass): number => groups[0]?.sequence ?? 0;
    return disguiseSegment(segment, {
      async run(pass): Promise<SegmentOutput> {
        const output = await segment.run(pass);
        const before = fresh.get(nameOf(pass));
        fresh.delete(nameOf(pass));
        if (output.kind !== 'rows' || pass.kind !== 'step') return output;
        if (before?.length === output.rows.length) return { kind: 'rows', rows: before };
        fresh.set(nameOf(pass), output.rows.slice());
        return output;
      },
    });
  },
};
