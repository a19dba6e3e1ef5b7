/**
 * On a back end that picks kernels by the number of rows in a pass, bits depend on that number through few classes
 * (docs/adr/shape-classes.md; spec: docs/spec/numeric-class.md). What a pass computes is committed with the class it ran in.
 */
export type ShapeClass = typeof NARROW | typeof WIDE | typeof SINGLE;

/** 2..8 rows a pass. */
export const NARROW = 1;
/** 9 rows and more. */
export const WIDE = 2;
/** One row a pass, and nothing beside it. */
export const SINGLE = 3;

/** The library pads the KV length of a pass to multiples of this, so rows of one pass stand in one band. */
export const SHAPE_BAND = 256;
/** The last positions of a band are not narrow: padding there reaches back over rows that must be wide, too. */
const EDGE = 16;

export const isShapeClass = (value: number | undefined): value is ShapeClass =>
  value === NARROW || value === WIDE || value === SINGLE;

/** Whether padding makes a position run wide, whatever runs beside it. */
export const isNearEdge = (position: number): boolean => position % SHAPE_BAND >= SHAPE_BAND - EDGE;

/**
 * The first position of a reply whose pass does not exist in the numeric class. For such a pass a verifier and a trace would
 * compute different values.
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
    // A wide pass there computes the rows before its first one once more, so those must have been wide.
    const isBehindSingle = isNearEdge(row - 1) && shapeClasses[i - 1] === SINGLE;
    return shapeClass === NARROW || (shapeClass === WIDE && isBehindSingle);
  });
}
