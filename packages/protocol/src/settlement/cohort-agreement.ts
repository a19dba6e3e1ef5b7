import { equalBytes, ProtocolError, toHex } from '../base/bytes.ts';
import { address, bytes, type CodecType, createFormat, hash, list, plainText, struct, u8, u64 } from '../base/codec.ts';
import type { Crypto, HybridSigner } from '../crypto/crypto.ts';
import { HYBRID_PUBLIC_KEY_BYTES, HYBRID_SIGNATURE_BYTES, hashHybridKey, verifyHybrid } from '../crypto/hybrid.ts';
import { MAX_COHORT_AGREEMENT_BYTES, MAX_NUMERIC_CLASS_BYTES } from '../exchange/limits.ts';
import type { LedgerDomain, NamedOrder } from '../exchange/order.ts';
import { type CohortShard, countLayers, MAX_SHARDS, shardFields, sumPrices } from './cohort.ts';

const memberCodec = struct({
  ...shardFields,
  /** Class in which the member computes its layers; its name is plain text. */
  numericClass: plainText(MAX_NUMERIC_CLASS_BYTES),
  /** Ed25519 key by which the member signs the rows of this order, 32 bytes. */
  sessionKey: hash,
});

/** A shard with its terms for one order. */
export interface CohortMember extends CodecType<typeof memberCodec> {}

const termsCodec = struct({
  chainId: u64,
  /** Address of the escrow. */
  escrow: address,
  /** The digest that the payer signs. */
  orderHash: hash,
  /** Name of the cut, see hashSlabManifest. */
  manifestHash: hash,
  modelRoot: hash,
  /** SHA-256 of the certificate of the leader's link. Shards serve the order to this link alone. */
  leaderLink: hash,
  /** Of the answer's blind, see hashBlind. */
  blindHash: hash,
  /** In the order of their layers. The last member leads, and the order names it. */
  members: list<CohortMember>(memberCodec, { count: u8, max: MAX_SHARDS }),
});

/** The terms by which several providers serve one order together (docs/spec/cohorts.md). */
export interface CohortTerms extends CodecType<typeof termsCodec> {}

const termsFormat = createFormat<CohortTerms>(termsCodec, {
  tag: 'ogong-cohort-v1',
  maxBytes: MAX_COHORT_AGREEMENT_BYTES,
});
/** Encodes the bytes that each member's key signs. */
export const encodeCohortTerms: (terms: CohortTerms) => Uint8Array = termsFormat.encode;
/** @throws ProtocolError */
export const parseCohortTerms: (encoded: Uint8Array) => CohortTerms = termsFormat.decode;

const agreementCodec = struct({
  terms: termsCodec,
  /** Signatures of the members, in their order. */
  signatures: list(struct({ publicKey: bytes(HYBRID_PUBLIC_KEY_BYTES), signature: bytes(HYBRID_SIGNATURE_BYTES) }), {
    count: u8,
    max: MAX_SHARDS,
  }),
});

/** The terms with the signatures of all members. The leader submits them beside the reply. */
export interface CohortAgreement extends CodecType<typeof agreementCodec> {}
export type CohortSignature = CohortAgreement['signatures'][number];

const agreementFormat = createFormat<CohortAgreement>(agreementCodec, {
  tag: 'ogong-cohort-word-v1',
  maxBytes: MAX_COHORT_AGREEMENT_BYTES,
});
export const encodeCohortAgreement: (agreement: CohortAgreement) => Uint8Array = agreementFormat.encode;
export const parseCohortAgreement: (encoded: Uint8Array) => CohortAgreement = agreementFormat.decode;

/** Signs the terms by a member's provider key. This is the member's consent to the order. */
export function signCohortTerms(signer: HybridSigner, terms: CohortTerms): CohortSignature {
  return { publicKey: signer.publicKey, signature: signer.sign(encodeCohortTerms(terms)) };
}

/** Lists the shards as an entry of the log names them. */
export const listShards = ({ members }: Pick<CohortTerms, 'members'>): readonly CohortShard[] =>
  members.map(({ numericClass: _class, sessionKey: _key, ...shard }) => shard);

/** Finds the reason that members are no valid cohort; undefined if they are. */
function findMembersProblem(members: readonly CohortMember[]): string | undefined {
  try {
    countLayers(members);
  } catch (error) {
    if (error instanceof ProtocolError) return error.message;
    throw error;
  }
  const isTwice = (keys: readonly Uint8Array[]): boolean => new Set(keys.map(toHex)).size !== keys.length;
  // A key with two shards could be left out of one of them.
  if (isTwice(members.map(({ providerId }) => providerId))) return 'a key has two shards';
  if (isTwice(members.map(({ sessionKey }) => sessionKey))) return 'two shards have the same session key';
  const isUnpaid = members.some(({ payee }) => payee.every((byte) => byte === 0));
  return isUnpaid ? 'a shard has no payee' : undefined;
}

/** Finds the reason that a signature is not that of the member with the same index; undefined if it is. */
function findSignatureProblem(
  crypto: Crypto,
  { members, message }: { readonly members: readonly CohortMember[]; readonly message: Uint8Array },
  { publicKey, signature }: CohortSignature,
  place: number,
): string | undefined {
  const member = members[place];
  if (member === undefined || !equalBytes(hashHybridKey(crypto, publicKey), member.providerId)) {
    return `signature ${place} is by another key than the shard's`;
  }
  return verifyHybrid(crypto, { publicKey, message, signature })
    ? undefined
    : `shard ${place} has not signed these terms`;
}

export interface CohortContext {
  readonly ledger: LedgerDomain;
  readonly order: Pick<NamedOrder, 'orderHash' | 'providerId' | 'payee' | 'modelRoot' | 'pricePer1kAtomic'>;
  /** Class of the reply's header, which is the leader's. Undefined before there is a reply. */
  readonly numericClass?: string | undefined;
  /** Hash of the answer's blind. Undefined where the blind is unknown: then nothing is said of it. */
  readonly blindHash?: Uint8Array | undefined;
}

/** Finds the reason that terms do not count for this order, signed or not; undefined if they count. */
export function findTermsProblem(
  { ledger, order, numericClass, blindHash }: CohortContext,
  terms: CohortTerms,
): string | undefined {
  const { members } = terms;
  const leader = members.at(-1);
  const isHere = terms.chainId === ledger.chainId && equalBytes(terms.escrow, ledger.verifyingContract);
  if (!isHere) return 'the cohort is of another ledger';
  if (!equalBytes(terms.orderHash, order.orderHash)) return 'the cohort has agreed to another order';
  if (!equalBytes(terms.modelRoot, order.modelRoot)) return 'the cohort serves another model';
  const isLed = leader && equalBytes(leader.providerId, order.providerId) && equalBytes(leader.payee, order.payee);
  if (!isLed) return 'another provider or payee leads the cohort';
  if (numericClass !== undefined && leader.numericClass !== numericClass)
    return `the leader agreed to class ${leader.numericClass} and served in ${numericClass}`;
  if (blindHash !== undefined && !equalBytes(terms.blindHash, blindHash))
    return "the cohort has agreed to another blind than the answer's";
  const problem = findMembersProblem(members);
  if (problem !== undefined) return problem;
  const price = sumPrices(members);
  return price === order.pricePer1kAtomic ? undefined : `prices of ${price} for an order at ${order.pricePer1kAtomic}`;
}

/** Finds the reason that a signature over terms is not that of a member; undefined if it is. @param place of the member. */
export const findConsentProblem = (
  crypto: Crypto,
  terms: CohortTerms,
  signature: CohortSignature,
  place: number,
): string | undefined =>
  findSignatureProblem(crypto, { members: terms.members, message: encodeCohortTerms(terms) }, signature, place);

/**
 * Reads the agreement of an order's cohort, whose bytes may be hostile. Cheap checks come first.
 * @returns the terms, or the reason that the agreement does not count for this order.
 */
export function readCohort(
  crypto: Crypto,
  context: CohortContext,
  encoded: Uint8Array,
): { readonly terms: CohortTerms } | { readonly problem: string } {
  let agreement: CohortAgreement;
  try {
    agreement = parseCohortAgreement(encoded);
  } catch (error) {
    if (error instanceof ProtocolError) return { problem: error.message };
    throw error;
  }
  const { terms, signatures } = agreement;
  const { members } = terms;
  const problem = findTermsProblem(context, terms);
  if (problem !== undefined) return { problem };
  if (signatures.length !== members.length) {
    return { problem: `${signatures.length} signatures for ${members.length} shards` };
  }
  const message = encodeCohortTerms(terms);
  for (const [place, signature] of signatures.entries()) {
    const unsigned = findSignatureProblem(crypto, { members, message }, signature, place);
    if (unsigned !== undefined) return { problem: unsigned };
  }
  return { terms };
}
