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
