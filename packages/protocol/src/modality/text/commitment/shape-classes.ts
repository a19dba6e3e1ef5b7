/**
 * Shape class of a pass. Some back ends pick kernels by the number of rows in a pass, and bits depend on that number through
 * few classes (docs/adr/shape-classes.md; spec: docs/spec/numeric-class.md). The result of a pass is committed with its class.
 */
export type ShapeClass = typeof NARROW | typeof WIDE | typeof SINGLE;

/** 2..8 rows in a pass. */
export const NARROW = 1;
/** 9 rows or more. */
export const WIDE = 2;
/** One row in a pass, with nothing beside it. */
export const SINGLE = 3;

/** The library pads the KV length of a pass to multiples of this, so the rows of one pass are in one band. */
export const SHAPE_BAND = 256;
/** Number of last positions of a band that are not narrow. Padding there reaches back over rows that must be wide too. */
const EDGE = 16;

export const isShapeClass = (value: number | undefined): value is ShapeClass =>
  value === NARROW || value === WIDE || value === SINGLE;

/** Returns whether padding makes a position run wide, for any other rows of its pass. */
export const isNearEdge = (position: number): boolean => position % SHAPE_BAND >= SHAPE_BAND - EDGE;

/**
 * Finds the first position of a reply whose pass does not exist in the numeric class. For such a pass a verifier and a trace
 * would compute different values.
 * @param shapeClasses u8 per output token.
 * @returns its index, or -1.
 */
export function findWrongShape(
  { numericClass, promptTokenCount }: { readonly numericClass: string; readonly promptTokenCount: number },
  shapeClasses: Uint8Array,
): number {
  const isShaped = numericClass.split('/')[3] === 'shaped';
  return shapeClasses.findIndex((shapeClass, i) => {
    if (!isShaped) return shapeClass !== 0;
    if (!isShapeClass(shapeClass)) return true;
    const row = promptTokenCount - 1 + i;
    if (!isNearEdge(row)) return false;
    // A wide pass there recomputes the rows before its first one, so those must have been wide.
    const isBehindSingle = isNearEdge(row - 1) && shapeClasses[i - 1] === SINGLE;
    return shapeClass === NARROW || (shapeClass === WIDE && isBehindSingle);
  });
}
