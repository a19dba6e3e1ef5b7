import { createWriter, ProtocolError, utf8Encode } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';

/**
 * Parameters of a random-projection sketch of the last hidden state (the LM head's input). It uses `directions` dense +-1
 * directions, common to provider and verifier. They are derived per epoch, so that nobody can train against them. It is a
 * Johnson-Lindenstrauss sketch (whitepaper 3): distances survive, and the hidden state does not leave the engine. Spec:
 * docs/spec/sketch.md.
 */
export interface SketchParameters {
  /** 32 bytes; see computeBankSeed. */
  readonly bankSeed: Uint8Array;
  /** Multiple of 8, 8..256. */
  readonly directions: number;
}

export const DEFAULT_DIRECTIONS = 16;
export const MAX_DIRECTIONS = 256;
/** Bits of a rounded projected value, sign included. */
export const SKETCH_BITS = 12;
const SKETCH_MAX = 2 ** (SKETCH_BITS - 1) - 1;
/** The exponent of a row of zeros and of the smallest scale. */
export const MIN_EXPONENT = -127;
export const MAX_EXPONENT = 127;
export const MAX_EMBEDDING = 1 << 16;

const SEED_DOMAIN = utf8Encode('ogong-sketch-bank-v1\n');

/** Computes the seed of an epoch's bank, 32 bytes, from the model and the PREVIOUS epoch's beacon. */
export function computeBankSeed(crypto: Crypto, modelRoot: Uint8Array, previousBeacon: Uint8Array): Uint8Array {
  return crypto.sha256(createWriter().bytes(SEED_DOMAIN).bytes(modelRoot, 32).bytes(previousBeacon, 32).finish());
}

export interface SketchBank {
  readonly directions: number;
  readonly embeddingSize: number;
  /** +-1, row-major [embeddingSize, directions]: all signs of one coordinate lie together. */
  readonly signs: Float64Array;
}

/**
 * Creates a bank. Its signs come from the stream SHA-256(seed || u32be(0)) || SHA-256(seed || u32be(1)) ... The coordinates
 * follow each other in it, `directions` bits each, most significant bit first. The sign of direction j at coordinate d is bit j
 * of coordinate d; 1 is minus.
 */
export function createSketchBank(
  crypto: Pick<Crypto, 'sha256'>,
  { bankSeed, directions, embeddingSize }: SketchParameters & { readonly embeddingSize: number },
): SketchBank {
  assertDirections(directions);
  if (!Number.isInteger(embeddingSize) || embeddingSize < 1 || embeddingSize > MAX_EMBEDDING) {
    throw new ProtocolError('out-of-range', `embedding size ${embeddingSize}`);
  }
  const signs = new Float64Array(embeddingSize * directions);
  let block: Uint8Array = new Uint8Array(0);
  for (let i = 0; i < signs.length; i++) {
    const bit = i % 256;
    if (bit === 0)
      block = crypto.sha256(
        createWriter(36)
          .bytes(bankSeed, 32)
          .u32(i / 256)
          .finish(),
      );
    signs[i] = ((block[bit >> 3] as number) >> (7 - (bit & 7))) & 1 ? -1 : 1;
  }
  return { directions, embeddingSize, signs };
}

export function assertDirections(directions: number): void {
  if (!Number.isInteger(directions) || directions < 8 || directions > MAX_DIRECTIONS || directions % 8 !== 0) {
    throw new ProtocolError('out-of-range', `sketch directions must be a multiple of 8 in 8..256, got ${directions}`);
  }
}

/** One position's sketch: value_j = values[j] * 2^exponent. */
export interface SketchRow {
  exponent: number;
  readonly values: Int16Array;
}

export function createSketchRow(directions: number): SketchRow {
  return { exponent: MIN_EXPONENT, values: new Int16Array(directions) };
}

const scratch = new Float64Array(MAX_DIRECTIONS);

/**
 * Projects a hidden state: y_j = sum over d ascending of sign(j, d) * h_d in f64. The values become 12-bit integers under one
 * power-of-two scale per row. The scale is the smallest that fits; halves round away from zero. Fixed order and f64 make the
 * result the same on every host.
 * @param hidden f32[embeddingSize], read from `offset`; not mutated.
 * @param out overwritten.
 * @throws ProtocolError if a value is not finite.
 */
export function projectHidden(bank: SketchBank, hidden: Float32Array, offset: number, out: SketchRow): void {
  const { directions, embeddingSize, signs } = bank;
  const y = scratch;
  // Four sums at a time stay in registers.
  for (let j = 0; j < directions; j += 4) {
    let [a, b, c, e] = [0, 0, 0, 0];
    for (let d = 0, s = j; d < embeddingSize; d++, s += directions) {
      const h = hidden[offset + d] as number;
      a += (signs[s] as number) * h;
      b += (signs[s + 1] as number) * h;
      c += (signs[s + 2] as number) * h;
      e += (signs[s + 3] as number) * h;
    }
    y[j] = a;
    y[j + 1] = b;
    y[j + 2] = c;
    y[j + 3] = e;
  }
  quantizeSketch(y, out);
}

const doubleView = new DataView(new ArrayBuffer(8));

/** Computes floor(log2(x)) of a finite x >= 0 from its bits, since Math.log2 may round; -1023 for 0 and subnormals. */
function floorLog2(x: number): number {
  doubleView.setFloat64(0, x);
  return ((doubleView.getUint16(0) >> 4) & 0x7ff) - 1023;
}

/** Quantizes a projected row. @param y f64; the first `out.values.length` values are read. */
export function quantizeSketch(y: Float64Array, out: SketchRow): void {
  const { values } = out;
  let largest = 0;
  for (let j = 0; j < values.length; j++) {
    const magnitude = Math.abs(y[j] as number);
    if (!(magnitude < Number.POSITIVE_INFINITY)) throw new ProtocolError('out-of-range', 'hidden state is not finite');
    if (magnitude > largest) largest = magnitude;
  }
  // largest / 2^(floor(log2) - 10) lies in [1024, 2048); a value that would round beyond 2047 needs the next scale.
  let exponent = Math.max(MIN_EXPONENT, floorLog2(largest) - (SKETCH_BITS - 2));
  if (largest >= (SKETCH_MAX + 0.5) * 2 ** exponent) exponent++;
  if (exponent > MAX_EXPONENT) throw new ProtocolError('out-of-range', 'hidden state is too large to sketch');
  out.exponent = exponent;
  const scale = 2 ** -exponent;
  for (let j = 0; j < values.length; j++) {
    const value = (y[j] as number) * scale;
    const rounded = value < 0 ? -Math.floor(0.5 - value) : Math.floor(value + 0.5);
    values[j] = Math.max(-SKETCH_MAX, Math.min(SKETCH_MAX, rounded));
  }
}

/**
 * Whether sketches differ in the same direction at all positions. Other rounding errs in all directions; changed weights push
 * every hidden state to one side. Only unit vectors are added, so that no single position outweighs the others.
 */
export interface SketchCoherence {
  /** Of unit vectors. */
  readonly sum: Float64Array;
  /** Positions that differ. */
  count: number;
}

export function createSketchCoherence(directions: number): SketchCoherence {
  return { sum: new Float64Array(directions), count: 0 };
}

export function addSketchDifference(a: SketchRow, b: SketchRow, out: SketchCoherence): void {
  const scaleA = 2 ** a.exponent;
  const scaleB = 2 ** b.exponent;
  const size = b.values.length;
  let square = 0;
  for (let j = 0; j < size; j++) {
    const difference = (a.values[j] as number) * scaleA - (b.values[j] as number) * scaleB;
    scratch[j] = difference;
    square += difference * difference;
  }
  if (square === 0) return;
  const length = Math.sqrt(square);
  for (let j = 0; j < size; j++) out.sum[j] = (out.sum[j] as number) + (scratch[j] as number) / length;
  out.count++;
}

/** |sum|^2 / count: about 1 where differences point anywhere, `count` where all point one way; 1 where nothing differs. */
export function computeCoherence({ sum, count }: SketchCoherence): number {
  if (count === 0) return 1;
  let square = 0;
  for (let j = 0; j < sum.length; j++) square += (sum[j] as number) * (sum[j] as number);
  return square / count;
}

/** Relative L2 distance ||a - b|| / ||b|| of two rows; 0 where both are zero, Infinity where only b is. */
export function computeSketchDistance(a: SketchRow, b: SketchRow): number {
  const scaleA = 2 ** a.exponent;
  const scaleB = 2 ** b.exponent;
  let difference = 0;
  let norm = 0;
  for (let j = 0; j < b.values.length; j++) {
    const x = (a.values[j] as number) * scaleA;
    const y = (b.values[j] as number) * scaleB;
    difference += (x - y) ** 2;
    norm += y ** 2;
  }
  if (norm === 0) return difference === 0 ? 0 : Number.POSITIVE_INFINITY;
  return Math.sqrt(difference / norm);
}
