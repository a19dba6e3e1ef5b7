import { ProtocolError } from '../../../base/bytes.ts';
import { MAX_BLOB_BYTES } from '../../../commitment/blob.ts';
import type { PassHead } from './boundary-pass.ts';

/** A signed pass without its payload. */
export interface SignedPass {
  readonly head: PassHead;
  readonly signature: Uint8Array;
  /** Of all rows of the pass, 32 bytes each. */
  readonly rowHashes: readonly Uint8Array[];
}

/** A pass of which rows stand. They are its first ones, since a later pass drops all rows from its position on. */
export interface StandingPass {
  readonly pass: SignedPass;
  /** Bytes of the rows that stand. */
  readonly bytes: Uint8Array;
}

/** Rows of one edge that stand, with all signed passes. Both ends keep them until the reply is decided. */
export interface BoundaryRows {
  readonly rowBytes: number;
  /** Positions that stand: 0 to this less one. The next pass may begin here at most. */
  readonly positions: number;
  readonly firstTurn: number;
  readonly nextTurn: number;
  /** All passes in the order of their turns, dropped ones included. */
  readonly passes: readonly SignedPass[];
  /** Passes of which rows stand, in the order of their positions. */
  readonly standing: readonly StandingPass[];
  /** Returns the reason that a pass does not fit behind the rows; undefined if it fits. */
  findProblem(head: PassHead): string | undefined;
  /** Adds a pass that fits. Rows from its position on are dropped first. @param payload is kept. It has a buffer of its own. */
  add(pass: SignedPass, payload: Uint8Array): void;
}

/** @throws ProtocolError `too-large` if so many positions have no room in a blob. */
export function createBoundaryRows(
  rowBytes: number,
  { maxPositions, firstTurn = 0 }: { readonly maxPositions: number; readonly firstTurn?: number | undefined },
): BoundaryRows {
  if (maxPositions * rowBytes > MAX_BLOB_BYTES)
    throw new ProtocolError('too-large', `${maxPositions} positions of ${rowBytes} bytes exceed a blob`);
  const passes: SignedPass[] = [];
  const standing: StandingPass[] = [];
  let positions = 0;
  return {
    rowBytes,
    firstTurn,
    passes,
    standing,
    get positions() {
      return positions;
    },
    get nextTurn() {
      return firstTurn + passes.length;
    },
    findProblem({ position, rows }) {
      if (position > positions) return `a gap from position ${positions} to ${position}`;
      return position + rows > maxPositions ? `the rows end behind position ${maxPositions}` : undefined;
    },
    add(pass, payload) {
      const { position, rows } = pass.head;
      passes.push(pass);
      for (let last = standing.at(-1); last !== undefined; last = standing.at(-1)) {
        const left = (position - last.pass.head.position) * rowBytes;
        if (left >= last.bytes.length) break;
        standing.pop();
        if (left > 0) standing.push({ pass: last.pass, bytes: shorten(last.bytes, left) });
      }
      standing.push({ pass, bytes: payload });
      positions = position + rows;
    },
  };
}

/**
 * Returns the first bytes. They are copied once they fill less than half of their buffer, so that dropped rows do not keep it. A sender
 * that drops row by row causes few copies.
 */
function shorten(bytes: Uint8Array, length: number): Uint8Array {
  return 2 * length < bytes.buffer.byteLength ? bytes.slice(0, length) : bytes.subarray(0, length);
}

/** Rows that stood at some time: a copy of the list stays as it is. */
export interface StandingRows extends Pick<BoundaryRows, 'positions' | 'rowBytes'> {
  readonly standing: readonly StandingPass[];
}

/** Notes the rows that stand now. Their bytes are not copied. */
export const noteRows = ({ positions, rowBytes, standing }: BoundaryRows): StandingRows => ({
  ...{ positions, rowBytes },
  standing: [...standing],
});

/** Copies the bytes of rows [from, to) that stand. @throws ProtocolError `out-of-range` if some do not. */
export function readRows({ positions, rowBytes, standing }: StandingRows, from: number, to: number): Uint8Array {
  if (from < 0 || from > to || to > positions)
    throw new ProtocolError('out-of-range', `rows ${from} to ${to} of ${positions}`);
  const rows = new Uint8Array((to - from) * rowBytes);
  for (const { pass, bytes } of standing) {
    const at = (pass.head.position - from) * rowBytes;
    const part = bytes.subarray(Math.max(0, -at), Math.max(0, rows.length - at));
    if (part.length > 0) rows.set(part, Math.max(0, at));
  }
  return rows;
}
