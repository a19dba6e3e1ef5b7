import { concatBytes, ProtocolError } from '../base/bytes.ts';
import {
  bytes16,
  type CodecType,
  createFormat,
  hash,
  list,
  refine,
  struct,
  u8,
  u16,
  u32,
  within,
} from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { computeMerkleRoot, hashLeaf } from '../crypto/merkle.ts';
import { blobRefCodec } from './blob.ts';
import { MAX_DIRECTIONS, SKETCH_BITS } from './sketch.ts';

/** Of a value, f32. */
const VALUE_BYTES = 4;
/** Positions of a sketch: those of a window of a text. */
const WINDOW_TOKENS = 32;
/** The most edges of one reply: those between 64 shards. */
export const MAX_EDGES = 63;
/** The most positions of an edge. */
export const MAX_EDGE_POSITIONS = 2 ** 18;
/** Version and number of positions, before the rows of a sketch. */
const SKETCH_HEAD_BYTES = 2;
/** Bytes of 8 directions. A row of a sketch also has one byte for its exponent. */
const STEP_BYTES = SKETCH_BITS;
const MAX_WINDOW_BYTES = SKETCH_HEAD_BYTES + WINDOW_TOKENS * (1 + (MAX_DIRECTIONS * SKETCH_BITS) / 8);

const countWindows = (positions: number): number => Math.ceil(positions / WINDOW_TOKENS);

/** Number of positions of a window of an edge: 32, but for the last window. */
export const sizeOfWindow = (positions: number, window: number): number =>
  Math.min(WINDOW_TOKENS, positions - window * WINDOW_TOKENS);

/**
 * Values of one edge between two shards (docs/spec/boundary.md#edges): all rows as a blob, and their sketches. All sizes follow from
 * the number of positions and two widths, which are the same for all rows.
 */
export const edgeValuesCodec = refine(
  struct({
    positions: within(u32, 1, MAX_EDGE_POSITIONS),
    /** The rows of all positions, f32 little-endian, under the answer's blind. */
    rows: blobRefCodec,
    /** One for each window of 32 positions, as in a window of the reply (docs/spec/window.md). */
    sketches: list(bytes16(MAX_WINDOW_BYTES), { count: u16, min: 1, max: countWindows(MAX_EDGE_POSITIONS) }),
  }),
  ({ positions, rows, sketches }) => {
    const refuse = (detail: string): never => {
      throw new ProtocolError('malformed', `an edge of ${positions} positions has ${detail}`);
    };
    if (rows.bytes % (positions * VALUE_BYTES) !== 0) refuse(`rows of ${rows.bytes} bytes`);
    if (sketches.length !== countWindows(positions)) refuse(`${sketches.length} sketches`);
    const rowBytes = ((sketches[0] as Uint8Array).length - SKETCH_HEAD_BYTES) / sizeOfWindow(positions, 0);
    if (rowBytes <= 1 || (rowBytes - 1) % STEP_BYTES !== 0) refuse(`a sketch of ${sketches[0]?.length} bytes`);
    for (const [window, { length }] of sketches.entries()) {
      if (length !== SKETCH_HEAD_BYTES + sizeOfWindow(positions, window) * rowBytes)
        refuse(`a sketch of ${length} bytes in window ${window}`);
    }
  },
);

export interface EdgeValues extends CodecType<typeof edgeValuesCodec> {}

/** The edges of a reply, in the order of the layers. */
export const edgeList = list<EdgeValues>(edgeValuesCodec, { count: u8, max: MAX_EDGES });

/** Width of the rows of an edge, in values. */
export const widthOf = ({ positions, rows }: EdgeValues): number => rows.bytes / (positions * VALUE_BYTES);

const leafFormat = createFormat(struct({ rows: blobRefCodec, blind: hash }), { tag: 'ogong-boundary-v1' });

/**
 * Computes the root of an edge that its sender signs, 32 bytes (docs/spec/boundary.md#root).
 * @param blind of the answer, 32 bytes.
 */
export function computeEdgeRoot(
  crypto: Crypto,
  { rows, sketches }: Pick<EdgeValues, 'rows' | 'sketches'>,
  blind: Uint8Array,
): Uint8Array {
  const leaves = [
    hashLeaf(crypto, leafFormat.encode({ rows, blind })),
    ...sketches.map((sketch) => hashLeaf(crypto, concatBytes(crypto.sha256(sketch), blind))),
  ];
  return computeMerkleRoot(crypto, leaves);
}
