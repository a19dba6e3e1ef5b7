import type { CodecType } from '../base/codec.ts';
import { address, bytes, createFormat, hash, oneOf, struct, u8, u64 } from '../base/codec.ts';
import { REPLY_ID_BYTES } from '../commitment/record.ts';
import type { LedgerDomain } from '../exchange/order.ts';
import { SealError } from './seal-error.ts';

/** X-Wing, HKDF-SHA-256, ChaCha20-Poly1305 with key commitment, one encapsulation a direction. */
export const SEAL_SUITE = 1;
/** The same with an encapsulation for each unit of a reply (docs/spec/sealing.md#suite-2). */
export const UNIT_SEAL_SUITE = 2;
export const SEAL_SUITES = [SEAL_SUITE, UNIT_SEAL_SUITE] as const;
export type SealSuite = (typeof SEAL_SUITES)[number];

/** @throws SealError */
export function readSealSuite(suite: number): SealSuite {
  const known = SEAL_SUITES.find((one) => one === suite);
  if (known === undefined) throw new SealError('malformed', `seal suite ${suite}`);
  return known;
}

const contextCodec = struct({
  suite: u8,
  kind: oneOf(['request', 'reply', 'part']),
  chainId: u64,
  escrow: address,
  /**
   * The recipient that opens it: the provider's id, the hash of the reply key, or the validator's address behind 12 zero bytes.
   */
  recipient: hash,
  /** Hash of the seal key of the provider or the validator. */
  sealKeyHash: hash,
  replyId: bytes(REPLY_ID_BYTES),
  /** The order's hash of the request. */
  requestHash: hash,
  /** Hash of the answered request for a reply, of the milestone for a part; zero for a request. */
  answered: hash,
});

/** The context of sealed data. It is never sent. Both sides know it, and nothing opens under another one. */
export interface SealContext extends CodecType<typeof contextCodec> {}

/** Encodes the context as HPKE's `info`. */
export const encodeSealContext: (context: SealContext) => Uint8Array = createFormat<SealContext>(contextCodec, {
  tag: 'ogong-seal-v1',
}).encode;

/** The exchange that a request and its reply belong to. */
export interface SealedExchange {
  readonly ledger: LedgerDomain;
  readonly providerId: Uint8Array;
  readonly replyId: Uint8Array;
  readonly requestHash: Uint8Array;
}

const NONE = new Uint8Array(32);

export function createRequestContext(
  { ledger, providerId, replyId, requestHash }: SealedExchange,
  sealKeyHash: Uint8Array,
  suite: SealSuite = SEAL_SUITE,
): SealContext {
  return {
    ...{ suite, kind: 'request', chainId: ledger.chainId, escrow: ledger.verifyingContract },
    ...{ recipient: providerId, sealKeyHash, replyId, requestHash, answered: NONE },
  };
}

/** Creates the context of a reply. @param answered hash of the sealed request. @param replyKeyHash of the key inside it. */
export function createReplyContext(
  request: SealContext,
  { replyKeyHash, answered }: { readonly replyKeyHash: Uint8Array; readonly answered: Uint8Array },
): SealContext {
  return { ...request, kind: 'reply', recipient: replyKeyHash, answered };
}
