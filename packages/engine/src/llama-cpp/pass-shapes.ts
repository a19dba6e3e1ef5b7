import {
  isNearEdge,
  NARROW,
  SHAPE_BAND,
  type ShapeClass,
  SINGLE,
  WIDE,
} from '@ogong/protocol/modality/text/commitment/shape-classes';

/**
 * Fewest and most rows of a pass. ggml's Vulkan back end may split the sums of a matrix with 2,048 columns or more among idle
 * cores. It does so from 32 rows on (64 on the card where it was seen), and the row count would then decide bits
 * (docs/adr/shape-classes.md).
 */
export const ROWS_OF: Readonly<Record<ShapeClass, { readonly least: number; readonly most: number }>> = {
  [NARROW]: { least: 2, most: 8 },
  [WIDE]: { least: 9, most: 31 },
  [SINGLE]: { least: 1, most: 1 },
};

/** In padded passes every sequence has two rows or more: attention over one row is another kernel. */
const LEAST_PER_SEQUENCE = 2;

export const bandOf = (position: number): number => Math.floor(position / SHAPE_BAND);

export interface ShapedRow {
  readonly token: number;
  readonly position: number;
  readonly sequence: number;
  /** Asked for; the plan's own choice if undefined. */
  readonly shapeClass?: ShapeClass | undefined;
}

/** Rows of one sequence in one pass, neighbours by position. */
interface Segment {
  readonly sequence: number;
  /** Index of the first row among those planned. */
  readonly index: number;
  /** Position of the first row. */
  readonly first: number;
  readonly count: number;
  readonly asked: ShapeClass | undefined;
}

/** Share of one sequence in a pass: `count` rows from `first`, and padding before or behind them. */
export interface PlannedSegment extends Segment {
  /** Rows of the same sequence that are computed once more, because padding behind would leave the band. */
  readonly before: number;
  /** Padding rows behind the last row, which are removed again. */
  readonly behind: number;
}

export interface Pass {
  readonly shapeClass: ShapeClass;
  readonly segments: readonly PlannedSegment[];
}

/**
 * `wide` pads every step to nine rows. `mixed` takes the narrow class if at most four sequences step together. `single` pads
 * nothing, and steps one sequence after the other.
 */
export type ShapePolicy = 'wide' | 'mixed' | 'single';
/** `auto`: the cheaper one on this device, measured when the model is loaded. */
export type ShapeChoice = ShapePolicy | 'auto';

/**
 * Cuts rows (ascending by sequence and position) into passes that each stay inside one class and one band.
 * A pass holds one sequence's rows, or one row each of sequences that follow each other: llama.cpp would split others.
 */
export function planPasses(rows: readonly ShapedRow[], policy: ShapePolicy): Pass[] {
  const passes: Pass[] = [];
  const segments = cutSegments(rows);
  for (let i = 0; i < segments.length; ) {
    const group = [segments[i++] as Segment];
    while (i < segments.length && joins(group, segments[i] as Segment)) group.push(segments[i++] as Segment);
    const shapeClass = group[0]?.asked ?? chooseClass(group, policy);
    for (const part of splitGroup(group, shapeClass)) passes.push(padGroup(part, shapeClass));
  }
  return passes;
}

function cutSegments(rows: readonly ShapedRow[]): Segment[] {
  const segments: Segment[] = [];
  rows.forEach(({ sequence, position, shapeClass: asked }, index) => {
    const last = segments.at(-1);
    const follows =
      last !== undefined &&
      last.sequence === sequence &&
      last.first + last.count === position &&
      last.asked === asked &&
      bandOf(last.first) === bandOf(position);
    if (follows) segments[segments.length - 1] = { ...last, count: last.count + 1 };
    else segments.push({ sequence, index, first: position, count: 1, asked });
  });
  return segments;
}

function joins(group: readonly Segment[], next: Segment): boolean {
  const last = group.at(-1) as Segment;
  return (
    last.count === 1 &&
    next.count === 1 &&
    last.sequence + 1 === next.sequence &&
    last.asked === next.asked &&
    bandOf(last.first) === bandOf(next.first)
  );
}

function chooseClass(group: readonly Segment[], policy: ShapePolicy): ShapeClass {
  const isStep = group.every(({ count }) => count === 1);
  if (policy === 'wide' || !isStep) return WIDE;
  if (policy === 'single') return SINGLE;
  const fits = LEAST_PER_SEQUENCE * group.length <= ROWS_OF[NARROW].most;
  const isFree = group.every(({ first }) => !isNearEdge(first));
  return fits && isFree ? NARROW : WIDE;
}

/**
 * A wide pass has room for 15 sequences, or for 31 rows of one. A narrow pass has room for four, or for eight rows. A single one
 * has room for one row.
 */
function splitGroup(group: readonly Segment[], shapeClass: ShapeClass): Segment[][] {
  const { most } = ROWS_OF[shapeClass];
  const [only] = group as [Segment];
  if (group.length === 1) {
    return Array.from({ length: Math.ceil(only.count / most) }, (_, i) => [
      {
        ...only,
        index: only.index + i * most,
        first: only.first + i * most,
        count: Math.min(most, only.count - i * most),
      },
    ]);
  }
  const room = Math.max(1, Math.floor(most / LEAST_PER_SEQUENCE));
  return Array.from({ length: Math.ceil(group.length / room) }, (_, i) => group.slice(i * room, (i + 1) * room));
}

function padGroup(group: readonly Segment[], shapeClass: ShapeClass): Pass {
  const { least } = ROWS_OF[shapeClass];
  const each = Math.max(Math.min(LEAST_PER_SEQUENCE, least), Math.ceil(least / group.length));
  const segments = group.map((segment) => {
    const missing = Math.max(0, each - segment.count);
    const last = segment.first + segment.count - 1;
    const fits = bandOf(last + missing) === bandOf(last);
    return { ...segment, before: fits ? 0 : missing, behind: fits ? missing : 0 };
  });
  return { shapeClass, segments };
}
