import type { WeightFiles, WeightTensor } from '../safetensors/weights.ts';

/** Types of weights that are converted. */
export type FloatType = 'F32' | 'F16' | 'BF16';

const PIECE_BYTES = 2 * 2 ** 20;

/**
 * Yields the rows of a matrix of queries or keys in another order: rows i and i + half of a head become neighbours. A head has 2 * half rows.
 * @param tensor of two sizes; its rows are a multiple of the heads.
 */
export function* readPaired(
  weights: Pick<WeightFiles, 'read'>,
  tensor: WeightTensor,
  heads: number,
): Generator<Uint8Array> {
  const [rows = 0] = tensor.shape;
  const rowBytes = tensor.sizeBytes / rows;
  const half = rows / heads / 2;
  const step = Math.max(1, Math.min(half, Math.floor(PIECE_BYTES / rowBytes)));
  const piece = new Uint8Array(2 * step * rowBytes);
  for (let head = 0; head < heads; head++)
    for (let row = 0; row < half; row += step) {
      const count = Math.min(step, half - row);
      for (const side of [0, 1]) {
        const first = (2 * head + side) * half + row;
        spread(weights.read(tensor, first * rowBytes, (first + count) * rowBytes), { piece, side, rowBytes });
      }
      yield piece.subarray(0, 2 * count * rowBytes);
    }
}

/** Writes rows that follow each other into every other row of a piece. */
function spread(
  source: Iterable<Uint8Array>,
  { piece, side, rowBytes }: { readonly piece: Uint8Array; readonly side: number; readonly rowBytes: number },
): void {
  let at = 0;
  for (const bytes of source)
    for (let done = 0; done < bytes.length; ) {
      const inRow = at % rowBytes;
      const count = Math.min(rowBytes - inRow, bytes.length - done);
      const row = 2 * Math.floor(at / rowBytes) + side;
      piece.set(bytes.subarray(done, done + count), row * rowBytes + inRow);
      at += count;
      done += count;
    }
}

/** Yields f32 in little endian for each value; all three types are exact in it. @param source pieces that may cut a value. */
export function* widenToFloats(type: FloatType, source: Iterable<Uint8Array>): Generator<Uint8Array> {
  if (type === 'F32') return yield* source;
  let rest: Uint8Array = new Uint8Array();
  for (const piece of source) {
    const bytes = Buffer.concat([rest, piece]);
    const count = Math.floor(bytes.length / 2);
    const floats = Buffer.alloc(4 * count);
    for (let i = 0; i < count; i++) {
      const half = bytes.readUInt16LE(2 * i);
      floats.writeUInt32LE(type === 'BF16' ? half * 2 ** 16 : widenHalf(half), 4 * i);
    }
    yield floats;
    rest = bytes.subarray(2 * count);
  }
}

/** Returns the bits of an f32 that equals an f16. @param half its 16 bits. */
function widenHalf(half: number): number {
  const sign = (half & 0x8000) * 2 ** 16;
  const exponent = (half >>> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 31) return sign + 0x7f800000 + fraction * 2 ** 13;
  if (exponent > 0) return sign + (exponent + 112) * 2 ** 23 + fraction * 2 ** 13;
  if (fraction === 0) return sign;
  // A subnormal f16 is a normal f32.
  const shift = Math.clz32(fraction) - 21;
  return sign + (113 - shift) * 2 ** 23 + ((fraction << shift) & 1023) * 2 ** 13;
}
