import { equalBytes, ProtocolError, toHex } from '../base/bytes.ts';
import {
  address,
  bytes,
  type CodecType,
  createFormat,
  hash,
  list,
  safeInteger,
  struct,
  u8,
  u64,
} from '../base/codec.ts';
import type { Crypto, HybridSigner } from '../crypto/crypto.ts';
import { HYBRID_PUBLIC_KEY_BYTES, HYBRID_SIGNATURE_BYTES, hashHybridKey, verifyHybrid } from '../crypto/hybrid.ts';
import { MAX_COHORT_AGREEMENT_BYTES } from '../exchange/limits.ts';
import type { LedgerDomain, NamedOrder } from '../exchange/order.ts';
import { type CohortShard, countLayers, MAX_SHARDS, shardsCodec } from './cohort.ts';

const termsCodec = struct({
  chainId: u64,
  /** Address of the escrow. */
  escrow: address,
  modelRoot: hash,
  /** Unix time in ms. Orders that expire later are not shared. */
  validUntilMs: safeInteger,
  /** The first shard leads, and orders name it. */
  shards: shardsCodec,
});

/** The terms of a cohort: the layers that each member serves, and so its part of each fee (docs/spec/cohorts.md). */
export interface CohortTerms extends CodecType<typeof termsCodec> {}

/** Encodes the bytes that each shard's key signs. */
export const encodeCohortTerms: (terms: CohortTerms) => Uint8Array = createFormat(termsCodec, {
  tag: 'ogong-cohort-v1',
}).encode;

const wordCodec = struct({
  terms: termsCodec,
  /** Signatures of the shards, in their order. */
  signatures: list(struct({ publicKey: bytes(HYBRID_PUBLIC_KEY_BYTES), signature: bytes(HYBRID_SIGNATURE_BYTES) }), {
    count: u8,
    max: MAX_SHARDS,
  }),
});

/** The terms with the signatures of all shards. The leader submits them beside a reply. */
export interface CohortAgreement extends CodecType<typeof wordCodec> {}
export type CohortSignature = CohortAgreement['signatures'][number];

const wordFormat = createFormat<CohortAgreement>(wordCodec, {
  tag: 'ogong-cohort-word-v1',
  maxBytes: MAX_COHORT_AGREEMENT_BYTES,
});
export const encodeCohortAgreement: (word: CohortAgreement) => Uint8Array = wordFormat.encode;
export const parseCohortAgreement: (encoded: Uint8Array) => CohortAgreement = wordFormat.decode;

export function signCohortTerms(signer: HybridSigner, terms: CohortTerms): CohortSignature {
  return { publicKey: signer.publicKey, signature: signer.sign(encodeCohortTerms(terms)) };
}

/**
 * Finds the reason that terms are no valid cohort; undefined if they are valid. A key with two shards is refused, because it
 * could be left out of one of them.
 */
export function findTermsProblem({ shards }: Pick<CohortTerms, 'shards'>): string | undefined {
  try {
    countLayers(shards);
  } catch (error) {
    if (error instanceof ProtocolError) return error.message;
    throw error;
  }
  if (new Set(shards.map(({ providerId }) => toHex(providerId))).size !== shards.length) return 'a key has two shards';
  const isUnpaid = shards.some(({ payee }) => payee.every((byte) => byte === 0));
  return isUnpaid ? 'a shard has no payee' : undefined;
}

/** Finds the reason that a signature is not that of the shard with the same index; undefined if it is. */
export function findSignatureProblem(
  crypto: Crypto,
  terms: CohortTerms,
  { publicKey, signature }: CohortSignature,
  place: number,
): string | undefined {
  const shard = terms.shards[place];
  if (shard === undefined || !equalBytes(hashHybridKey(crypto, publicKey), shard.providerId)) {
    return `signature ${place} is by another key than the shard's`;
  }
  const isSigned = verifyHybrid(crypto, { publicKey, message: encodeCohortTerms(terms), signature });
  return isSigned ? undefined : `shard ${place} has not signed these terms`;
}

/**
 * Finds the shards that share an order's fee, from an agreement that came beside its reply. Cheap checks come first.
 * @param payee of the reply's header.
 * @returns the shards, or the reason that the agreement does not count for this order.
 */
export function readCohort(
  crypto: Crypto,
  {
    ledger,
    order,
    payee,
  }: {
    readonly ledger: LedgerDomain;
    readonly order: Pick<NamedOrder, 'providerId' | 'modelRoot' | 'expiresAtMs'>;
    readonly payee: Uint8Array;
  },
  encoded: Uint8Array,
): { readonly shards: readonly CohortShard[] } | { readonly problem: string } {
  let word: CohortAgreement;
  try {
    word = parseCohortAgreement(encoded);
  } catch (error) {
    if (error instanceof ProtocolError) return { problem: error.message };
    throw error;
  }
  const { terms, signatures } = word;
  const [lead] = terms.shards;
  const isHere = terms.chainId === ledger.chainId && equalBytes(terms.escrow, ledger.verifyingContract);
  if (!isHere) return { problem: 'the cohort is of another ledger' };
  if (!equalBytes(terms.modelRoot, order.modelRoot)) return { problem: 'the cohort serves another model' };
  const isLed = lead && equalBytes(lead.providerId, order.providerId) && equalBytes(lead.payee, payee);
  if (!isLed) return { problem: 'another provider or payee leads the cohort' };
  if (BigInt(terms.validUntilMs) < order.expiresAtMs) return { problem: 'the cohort has agreed for a shorter time' };
  const problem = findTermsProblem(terms);
  if (problem !== undefined) return { problem };
  if (signatures.length !== terms.shards.length) {
    return { problem: `${signatures.length} signatures for ${terms.shards.length} shards` };
  }
  for (const [place, signature] of signatures.entries()) {
    const unsigned = findSignatureProblem(crypto, terms, signature, place);
    if (unsigned !== undefined) return { problem: unsigned };
  }
  return { shards: terms.shards };
}
