import { createReader, createWriter, ProtocolError } from '../../../base/bytes.ts';
import { encodeDomain } from '../../../base/canonical.ts';
import { MAX_EMBEDDING } from '../../../commitment/sketch.ts';
import { encodeValues, VALUE_BYTES, viewAsValues } from '../../shared/values.ts';
import { idBits } from '../commitment/window.ts';

/**
 * The largest size of a value of a row. A sketch of the widest row then stays below its largest exponent (commitment/sketch.ts), so a
 * row that was received can always be committed to.
 */
export const MAX_ROW_VALUE: number = 2 ** 120;
const TOKEN_BYTES = 4;

/** The values that the passes of an edge carry. */
export interface PassContent<T> {
  /** Domain of the signed bytes. A pass of rows can never be read as one of tokens. */
  readonly domain: Uint8Array;
  /** Bytes of one position. */
  readonly rowBytes: number;
  /** @returns new bytes. @throws ProtocolError for values that a receiver would refuse. */
  encode(values: T): Uint8Array;
  /** @returns values, a view of the bytes where this machine allows it; undefined unless all are in range. */
  decode(bytes: Uint8Array): T | undefined;
}

/** Bits of `MAX_ROW_VALUE` as f32. */
const [MAX_ROW_BITS] = new Int32Array(Float32Array.of(MAX_ROW_VALUE).buffer) as unknown as [number];

/**
 * Returns whether all values are in range, and so finite. Bits without the sign have the order of the sizes, and NaN comes last. A
 * comparison behind the loop would make V8 drop the fast code in each call.
 */
function areRowValues({ buffer, byteOffset, length }: Float32Array): boolean {
  const bits = new Int32Array(buffer, byteOffset, length);
  for (let i = 0; i < length; i++) if (((bits[i] as number) & 0x7fffffff) > MAX_ROW_BITS) return false;
  return true;
}

/**
 * Content of the edges between two shards: outputs of a layer, f32[rows, embeddingSize], little-endian.
 * @param embeddingSize 1..65,536.
 */
export function createRowContent(embeddingSize: number): PassContent<Float32Array> {
  if (!Number.isInteger(embeddingSize) || embeddingSize < 1 || embeddingSize > MAX_EMBEDDING)
    throw new ProtocolError('out-of-range', `embedding size ${embeddingSize}`);
  return {
    domain: encodeDomain('ogong-boundary-pass-v1'),
    rowBytes: embeddingSize * VALUE_BYTES,
    encode(values) {
      if (!areRowValues(values)) throw new ProtocolError('out-of-range', 'a row has a value that is out of range');
      return encodeValues(values);
    },
    decode(bytes) {
      const values = viewAsValues(bytes);
      return areRowValues(values) ? values : undefined;
    },
  };
}

/**
 * Content of the edge from the last shard, which leads, to the first: ids of tokens, u32[rows].
 * @param vocabularySize 2..2^24; each id is below it.
 */
export function createTokenContent(vocabularySize: number): PassContent<Uint32Array> {
  idBits(vocabularySize);
  return {
    domain: encodeDomain('ogong-boundary-tokens-v1'),
    rowBytes: TOKEN_BYTES,
    encode(values) {
      if (values.some((id) => id >= vocabularySize))
        throw new ProtocolError('out-of-range', 'a token is not in the vocabulary');
      const writer = createWriter(values.length * TOKEN_BYTES);
      for (const id of values) writer.u32(id);
      return writer.finish();
    },
    decode(bytes) {
      const reader = createReader(bytes);
      const values = Uint32Array.from({ length: bytes.length / TOKEN_BYTES }, () => reader.u32());
      return values.every((id) => id < vocabularySize) ? values : undefined;
    },
  };
}
