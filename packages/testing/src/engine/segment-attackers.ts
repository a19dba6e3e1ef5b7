import type { SegmentEngine, SegmentOutput } from '@ogong/engine/interface/segment';

/** Changes the rows of a segment on their way out. @param rows of one sequence in one pass, f32[n, embeddingSize]. */
type BendRows = (rows: Float32Array, sequence: number) => Float32Array;

/** Cheats of a shard. Each claims to be the honest segment. */
export const SEGMENT_ATTACKS = ['swap-segment', 'drop-layer', 'stale-boundary', 'less-precision'] as const;
export type SegmentAttack = (typeof SEGMENT_ATTACKS)[number];

export interface SegmentAttackers {
  /** The segment that was sold. */
  readonly honest: SegmentEngine;
  /** The same layers in other weights. */
  readonly swapped: SegmentEngine;
  /** A segment that ends a layer earlier. */
  readonly shorter: SegmentEngine;
}

/** Creates the segment of a shard that cheats. */
export function createSegmentAttack(
  attack: SegmentAttack,
  { honest, swapped, shorter }: SegmentAttackers,
): SegmentEngine {
  if (attack === 'swap-segment') return { ...swapped, info: honest.info };
  if (attack === 'drop-layer') return { ...shorter, info: honest.info };
  if (attack === 'less-precision') return bendRows(honest, roundRows);
  return bendRows(honest, createStaleRows(honest.info().embeddingSize));
}

function bendRows(segment: SegmentEngine, bend: BendRows): SegmentEngine {
  const { embeddingSize } = segment.info();
  return {
    ...segment,
    async run(pass): Promise<SegmentOutput> {
      const output = await segment.run(pass);
      if (output.kind !== 'rows') return output;
      const rows = new Float32Array(output.rows.length);
      let at = 0;
      for (const group of pass.groups) {
        const end = at + group.rows * embeddingSize;
        rows.set(bend(output.rows.subarray(at, end), group.sequence), at);
        at = end;
      }
      return { kind: 'rows', rows };
    },
  };
}

/** Keeps the upper 16 bits of each value, as bf16 does: half the bytes of a boundary. */
function roundRows(rows: Float32Array): Float32Array {
  const bits = new Uint32Array(rows.slice().buffer);
  for (let i = 0; i < bits.length; i++) bits[i] = (bits[i] as number) & 0xffff0000;
  return new Float32Array(bits.buffer);
}

/** Gives the last row of the pass before in place of each row of a step, as a shard that computes nothing does. */
function createStaleRows(embeddingSize: number): BendRows {
  const last = new Map<number, Float32Array>();
  return (rows, sequence) => {
    const before = last.get(sequence);
    last.set(sequence, rows.slice(-embeddingSize));
    if (before === undefined) return rows;
    const stale = new Float32Array(rows.length);
    for (let at = 0; at < rows.length; at += embeddingSize) stale.set(before, at);
    return stale;
  };
}
