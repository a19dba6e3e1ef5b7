import { bytes, bytes32, type CodecType, createFormat, hash, plainText, struct, u8 } from '../base/codec.ts';
import { CAPSULE_BYTES, type KemKey } from '../crypto/seal-primitives.ts';
import {
  MAX_MILESTONE_OPENING_BYTES,
  MAX_REQUEST_BYTES,
  MAX_RESPONSE_BYTES,
  MAX_SEALED_PART_BYTES,
} from '../exchange/limits.ts';
import type { LedgerDomain } from '../exchange/order.ts';
import { createExporter } from './key-schedule.ts';
import { pad, padRequest, unpad } from './padding.ts';
import { encodeSealContext, SEAL_SUITE, type SealContext } from './seal-context.ts';
import { SealError } from './seal-error.ts';
import { assertCommits, commitTo, decode, readInside, type SealTools } from './sealed-request.ts';
import type { CheckedValidatorSealKey } from './validator-seal-key.ts';

const MAX_ENDPOINT_NAME = 32;

const innerCodec = struct({
  endpoint: plainText(MAX_ENDPOINT_NAME),
  /** The consumer's exact body. */
  body: bytes32(MAX_REQUEST_BYTES),
  /** The part of the reply that the milestone covers. */
  response: bytes32(MAX_RESPONSE_BYTES),
  /** Opening of the milestone. */
  opening: bytes32(MAX_MILESTONE_OPENING_BYTES),
});

/**
 * The data that its validator needs of a sealed reply that broke off, and its gateway must not read
 * (docs/spec/sealing.md#parts).
 */
export interface InnerPart extends CodecType<typeof innerCodec> {}

const innerFormat = createFormat<InnerPart>(innerCodec, { tag: 'ogong-sealed-part-inner-v1' });

const envelopeFormat = createFormat(
  struct({
    suite: u8,
    /** Name of the key that opens it. */
    sealKeyHash: hash,
    capsule: bytes(CAPSULE_BYTES),
    commit: hash,
    sealed: bytes32(MAX_SEALED_PART_BYTES),
  }),
  { tag: 'ogong-sealed-part-v1', maxBytes: MAX_SEALED_PART_BYTES + 2 * CAPSULE_BYTES },
);

const PART_LABEL = new TextEncoder().encode('part');

/** The milestone that a part belongs to. */
export interface SealedMilestone {
  readonly ledger: LedgerDomain;
  /** 20 bytes. */
  readonly validator: Uint8Array;
  readonly replyId: Uint8Array;
  readonly requestHash: Uint8Array;
  /** hashRecord of it. */
  readonly recordHash: Uint8Array;
}

function createContext(
  { ledger, validator, replyId, requestHash, recordHash }: SealedMilestone,
  sealKeyHash: Uint8Array,
): SealContext {
  const recipient = new Uint8Array(32);
  recipient.set(validator, recipient.length - validator.length);
  return {
    ...{ suite: SEAL_SUITE, kind: 'part', chainId: ledger.chainId, escrow: ledger.verifyingContract },
    ...{ recipient, sealKeyHash, replyId, requestHash, answered: recordHash },
  };
}

/** Seals a part to the validator of its order. @throws SealError for a malformed key. */
export function sealPart(
  { seal }: Pick<SealTools, 'seal'>,
  {
    milestone,
    to,
    inner,
  }: {
    readonly milestone: SealedMilestone;
    readonly to: Pick<CheckedValidatorSealKey, 'hash' | 'key'>;
    readonly inner: InnerPart;
  },
): Uint8Array {
  const encapsulated = seal.encapsulate(to.key);
  if (encapsulated === undefined) throw new SealError('malformed', 'the seal key is no key');
  const { capsule, shared } = encapsulated;
  const keys = createExporter(seal, { shared, info: encodeSealContext(createContext(milestone, to.hash)) });
  return envelopeFormat.encode({
    ...{ suite: SEAL_SUITE, sealKeyHash: to.hash, capsule, commit: commitTo(keys, capsule) },
    sealed: seal.encrypt(keys.export(PART_LABEL), pad(innerFormat.encode(inner), padRequest)),
  });
}

/**
 * Opens a part.
 * @param findKey returns the key with a hash, undefined if it is not, or no longer, stored.
 * @throws SealError
 */
export function openPart(
  { seal }: Pick<SealTools, 'seal'>,
  {
    milestone,
    envelope,
    findKey,
  }: {
    readonly milestone: SealedMilestone;
    readonly envelope: Uint8Array;
    readonly findKey: (sealKeyHash: Uint8Array) => Pick<KemKey, 'decapsulate'> | undefined;
  },
): InnerPart {
  const { suite, sealKeyHash, capsule, commit, sealed } = decode(envelopeFormat, envelope);
  if (suite !== SEAL_SUITE) throw new SealError('malformed', `seal suite ${suite}`);
  const key = findKey(sealKeyHash);
  if (key === undefined) throw new SealError('unknown-key', 'sealed to a key that is not held here, or no more');
  const shared = key.decapsulate(capsule);
  if (shared === undefined) throw new SealError('malformed', 'the capsule is none');
  const keys = createExporter(seal, { shared, info: encodeSealContext(createContext(milestone, sealKeyHash)) });
  assertCommits(keys, capsule, commit);
  const padded = seal.decrypt(keys.export(PART_LABEL), sealed);
  if (padded === undefined) throw new SealError('not-opened', 'the part was changed');
  return readInside(innerFormat, unpad(padded, padRequest));
}
