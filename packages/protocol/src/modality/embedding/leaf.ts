import { createReader, createWriter, ProtocolError, utf8Encode } from '../../base/bytes.ts';
import { bytes16, type Codec } from '../../base/codec.ts';
import {
  createSketchRow,
  MAX_DIRECTIONS,
  projectHidden,
  SKETCH_BITS,
  type SketchBank,
  type SketchRow,
} from '../../commitment/sketch.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { decodeSketch, encodeSketch } from '../text/commitment/window.ts';
import { encodeVector, parseVector, VALUE_BYTES } from './vector.ts';

/** One input of a reply: leaf 1 and later ones of its commitment, in the request's order (docs/spec/embedding.md). */
export interface EmbeddingLeaf {
  /** Tokens of the input, special ones included. */
  readonly tokenCount: number;
  /** hashTokens of them under the prompt's blind, 32 bytes. */
  readonly tokensHash: Uint8Array;
  /** f32[dimensions], length one. */
  readonly vector: Float32Array;
  /** Sketch of the vector. */
  readonly sketch: SketchRow;
}

/** The parts of a leaf. Leaf data = SHA-256(values) || SHA-256(sketch) || blind. */
export interface EmbeddingLeafBytes {
  readonly values: Uint8Array;
  readonly sketch: Uint8Array;
}

const INPUTS_DOMAIN = utf8Encode('ogong-embedding-inputs-v1\n');
export const MAX_INPUT_TOKENS = 1 << 20;

/**
 * Encodes a leaf. Values: u32 token count, 32 bytes of their hash, the vector as f32 little endian. Sketch: as a window of one
 * position.
 */
export function encodeEmbeddingLeaf({ tokenCount, tokensHash, vector, sketch }: EmbeddingLeaf): EmbeddingLeafBytes {
  assertTokenCount(tokenCount);
  const writer = createWriter(36 + VALUE_BYTES * vector.length)
    .u32(tokenCount)
    .bytes(tokensHash, 32);
  return { values: writer.bytes(encodeVector(vector)).finish(), sketch: encodeSketch([sketch]) };
}

/** @throws ProtocolError unless encodeEmbeddingLeaf would write exactly these bytes. */
export function parseEmbeddingLeaf(
  { values, sketch }: EmbeddingLeafBytes,
  { dimensions, directions }: { readonly dimensions: number; readonly directions: number },
): EmbeddingLeaf {
  const reader = createReader(values);
  const tokenCount = reader.u32();
  assertTokenCount(tokenCount);
  const tokensHash = reader.bytes(32);
  const vector = parseVector(reader.bytes(dimensions * VALUE_BYTES));
  reader.end();
  return { tokenCount, tokensHash, vector, sketch: parseVectorSketch(sketch, directions) };
}

function parseVectorSketch(bytes: Uint8Array, directions: number): SketchRow {
  const rows = decodeSketch(bytes, { directions });
  if (rows.length !== 1) throw new ProtocolError('malformed', `${rows.length} sketches of one vector`);
  return rows[0] as SketchRow;
}

/** Bytes of a sketch besides its values: version, count of rows, exponent. */
const SKETCH_OVERHEAD = 3;
const sketchPart = bytes16(SKETCH_OVERHEAD + (MAX_DIRECTIONS * SKETCH_BITS) / 8);

/** The sketch of one vector, as in a leaf, after its length, which implies the number of directions. */
export const vectorSketch: Codec<SketchRow> = {
  write(writer, row) {
    const bytes = encodeSketch([row]);
    // The encoder keeps the low bits of a value that is out of range.
    const written = parseVectorSketch(bytes, row.values.length);
    if (written.exponent !== row.exponent || written.values.some((value, j) => value !== row.values[j])) {
      throw new ProtocolError('out-of-range', 'a value of the sketch is out of range');
    }
    sketchPart.write(writer, bytes);
  },
  read(reader) {
    const bytes = sketchPart.read(reader);
    return parseVectorSketch(bytes, Math.max(0, Math.floor(((bytes.length - SKETCH_OVERHEAD) * 8) / SKETCH_BITS)));
  },
};

function assertTokenCount(count: number): void {
  if (!(Number.isInteger(count) && count >= 1 && count <= MAX_INPUT_TOKENS)) {
    throw new ProtocolError('out-of-range', `an input of ${count} tokens`);
  }
}

/** Sketches a vector. @returns a new row. */
export function sketchVector(bank: SketchBank, vector: Float32Array): SketchRow {
  if (vector.length !== bank.embeddingSize) {
    throw new ProtocolError('out-of-range', `${vector.length} values, the bank has ${bank.embeddingSize}`);
  }
  const row = createSketchRow(bank.directions);
  projectHidden(bank, vector, 0, row);
  return row;
}

/** Hashes the tokens of all inputs for the header: SHA-256 over each input's token count (u32) and tokens' hash, in order. */
export function hashInputTokens(
  crypto: Crypto,
  leaves: readonly Pick<EmbeddingLeaf, 'tokenCount' | 'tokensHash'>[],
): Uint8Array {
  const writer = createWriter(64 + 36 * leaves.length)
    .bytes(INPUTS_DOMAIN)
    .u32(leaves.length);
  for (const { tokenCount, tokensHash } of leaves) writer.u32(tokenCount).bytes(tokensHash, 32);
  return crypto.sha256(writer.finish());
}
