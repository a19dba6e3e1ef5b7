import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { toPrintable } from '../base/printable.ts';
import { SealedMessageSchema, type SealedPart, SealedPartSchema } from '../generated/ogong/v1/ogong_pb.ts';
import { SealError } from './seal-error.ts';
import type { OpenedPart } from './sealed-message.ts';
import type { ReplySealer } from './sealed-reply.ts';

/** Bytes of the words. Longer words are cut and shorter ones filled, so that the size of a refusal says nothing. */
const WORDS_BYTES = 1_024;
/** The longest encoded part, bytes: head and unit have a capsule each. */
export const MAX_REFUSAL_BYTES = 6_144;

/**
 * Seals the words of a refusal as the last message of a reply.
 * @returns the encoded part. Undefined if the reply has its last message already.
 */
export function sealRefusal(sealer: Pick<ReplySealer, 'head' | 'seal'>, words: string): Uint8Array | undefined {
  const filled = new Uint8Array(WORDS_BYTES);
  filled.set(new TextEncoder().encode(words).subarray(0, WORDS_BYTES));
  const message = create(SealedMessageSchema, { message: { case: 'refusal', value: { words: filled } } });
  try {
    const [unit = new Uint8Array()] = sealer.seal(toBinary(SealedMessageSchema, message), { isLast: true });
    return toBinary(SealedPartSchema, create(SealedPartSchema, { head: sealer.head, unit }));
  } catch (error) {
    if (error instanceof SealError && error.code === 'out-of-order') return undefined;
    throw error;
  }
}

/** The part beside an error of a gateway, base64. */
export interface SealedWords {
  readonly head: string;
  readonly unit: string;
}

/** Reads a part of `sealRefusal` from a stranger. @returns undefined if it is no part. */
export function parseRefusalPart(bytes: Uint8Array): SealedPart | undefined {
  if (bytes.length > MAX_REFUSAL_BYTES) return undefined;
  try {
    return fromBinary(SealedPartSchema, bytes);
  } catch {
    return undefined;
  }
}

/**
 * Opens the words of a refusal.
 * @param open opens a part in its place of the reply.
 * @returns the words in printable characters. Undefined if the part does not open, or holds no refusal: the refusal stands without them.
 */
export function openRefusal<P>(part: P, open: (part: P) => OpenedPart | undefined): string | undefined {
  try {
    const opened = open(part);
    if (opened === undefined || !('refusal' in opened)) return undefined;
    const { words } = opened.refusal;
    const end = words.indexOf(0);
    return toPrintable(new TextDecoder().decode(end < 0 ? words : words.subarray(0, end)));
  } catch (error) {
    // The convention of expected errors.
    if (error instanceof Error && 'retryable' in error) return undefined;
    throw error;
  }
}
