import { bytes32, createFormat, hash, optional, struct } from '../../../base/codec.ts';
import { SINGLE } from '../commitment/shape-classes.ts';

/** The part of an answer that a verifier sees. */
export interface TextClaim {
  /** The answer's blind (blinds.ts), 32 bytes. The report hashes the text with it. */
  readonly blind: Uint8Array;
  /** u32 little endian, one for each output token. */
  readonly outputTokens: Uint8Array;
  /** u8 per output token. */
  readonly listSizes: Uint8Array;
  /** u8 per output token; absent if all are 0. */
  readonly shapeClasses?: Uint8Array | undefined;
  /** See encodeTailDraws; absent if no draw fell into the tail. */
  readonly tailDraws?: Uint8Array | undefined;
}

const part = bytes32(0xffffffff);
const format = createFormat<TextClaim>(
  struct({
    blind: hash,
    outputTokens: part,
    listSizes: part,
    shapeClasses: optional(part),
    tailDraws: optional(part),
  }),
  { tag: 'ogong-text-claim-v1' },
);

export const encodeTextClaim: (claim: TextClaim) => Uint8Array = format.encode;

/** @throws ProtocolError */
export const parseTextClaim: (bytes: Uint8Array) => TextClaim = format.decode;

/** Counts the forward passes of a teacher-forced run: one for each single token, one for each run of tokens of one class. */
export function countPasses(shapeClasses: Uint8Array): number {
  return shapeClasses.reduce(
    (sum, shapeClass, i) => sum + (shapeClass === SINGLE || shapeClass !== shapeClasses[i - 1] ? 1 : 0),
    0,
  );
}
