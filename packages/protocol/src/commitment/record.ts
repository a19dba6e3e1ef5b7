import { fromHex, ProtocolError, toHex, utf8Decode, utf8Encode } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';

/**
 * The signed commitment record, byte for byte that of the whitepaper (7.1, 7.2): newline-delimited, lowercase hex, decimal
 * integers without leading zeros. Verification always uses the received bytes. Parsing accepts only canonical ones.
 */
export const RECORD_V1_DOMAIN = 'ogong-provider-sig-v1';
export const RECORD_V2_DOMAIN = 'ogong-provider-sig-v2';
/** The tag of a milestone: a record of the part of a running reply that exists (docs/spec/progress.md#milestones). */
export const MILESTONE_DOMAIN = 'ogong-provider-milestone-v1';

export interface RecordV1 {
  /** 16 bytes. */
  readonly replyId: Uint8Array;
  readonly requestHash: Uint8Array;
  readonly responseHash: Uint8Array;
}

export interface RecordV2 extends RecordV1 {
  readonly modelRoot: Uint8Array;
  readonly commitRoot: Uint8Array;
  /** Output tokens, the stop token included. */
  readonly tokenCount: number;
  /** Unix time in ns, the provider's own claim. */
  readonly startNs: bigint;
  readonly endNs: bigint;
  /**
   * Set for a milestone of a running reply. A provider signs many milestones and one record for an order. Absent in a record.
   */
  readonly isMilestone?: true;
}

export const REPLY_ID_BYTES = 16;
export const MAX_RECORD_BYTES = 512;

/** @internal for tests of version 1 records; the vectors contain them */
export function encodeRecordV1(record: RecordV1): Uint8Array {
  return utf8Encode(
    [RECORD_V1_DOMAIN, hex(record.replyId, 16), hex(record.requestHash, 32), hex(record.responseHash, 32)].join('\n'),
  );
}

export function encodeRecordV2(record: RecordV2): Uint8Array {
  return utf8Encode(
    [
      record.isMilestone ? MILESTONE_DOMAIN : RECORD_V2_DOMAIN,
      hex(record.replyId, 16),
      hex(record.requestHash, 32),
      hex(record.responseHash, 32),
      hex(record.modelRoot, 32),
      hex(record.commitRoot, 32),
      decimal(BigInt(record.tokenCount)),
      decimal(record.startNs),
      decimal(record.endNs),
    ].join('\n'),
  );
}

/** @throws ProtocolError unless encodeRecordV2 would write exactly these bytes. */
export function parseRecordV2(bytes: Uint8Array): RecordV2 {
  if (bytes.length > MAX_RECORD_BYTES) throw new ProtocolError('too-large', 'record is too long');
  const fields = utf8Decode(bytes).split('\n');
  const [domain, replyId, requestHash, responseHash, modelRoot, commitRoot, tokenCount, startNs, endNs] = fields;
  const isMilestone = domain === MILESTONE_DOMAIN;
  if (fields.length !== 9 || !(isMilestone || domain === RECORD_V2_DOMAIN)) {
    throw new ProtocolError('malformed', 'not a v2 record');
  }
  const count = parseDecimal(tokenCount);
  if (count > 0xffffffffn) throw new ProtocolError('out-of-range', 'token count out of range');
  return {
    replyId: parseHex(replyId, 16),
    requestHash: parseHex(requestHash, 32),
    responseHash: parseHex(responseHash, 32),
    modelRoot: parseHex(modelRoot, 32),
    commitRoot: parseHex(commitRoot, 32),
    tokenCount: Number(count),
    startNs: parseDecimal(startNs),
    endNs: parseDecimal(endNs),
    ...(isMilestone && { isMilestone }),
  };
}

/** Returns the name of a record in logs and trees: SHA-256 of its exact bytes. */
export function hashRecord(crypto: Crypto, bytes: Uint8Array): Uint8Array {
  return crypto.sha256(bytes);
}

function hex(bytes: Uint8Array, length: number): string {
  if (bytes.length !== length) throw new ProtocolError('out-of-range', `expected ${length} bytes, got ${bytes.length}`);
  return toHex(bytes);
}

function decimal(value: bigint): string {
  if (value < 0n || value >= 1n << 64n)
    throw new ProtocolError('out-of-range', `not an unsigned 64-bit value: ${value}`);
  return value.toString();
}

function parseHex(text: string | undefined, length: number): Uint8Array {
  if (text === undefined || !/^[0-9a-f]*$/.test(text)) throw new ProtocolError('malformed', 'expected lowercase hex');
  return fromHex(text, length);
}

function parseDecimal(text: string | undefined): bigint {
  if (text === undefined || !/^(?:0|[1-9][0-9]{0,19})$/.test(text)) {
    throw new ProtocolError('malformed', 'expected a decimal integer');
  }
  const value = BigInt(text);
  if (value >= 1n << 64n) throw new ProtocolError('out-of-range', 'integer exceeds 64 bits');
  return value;
}
