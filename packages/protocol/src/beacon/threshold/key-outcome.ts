import { compareBytes, concatBytes, equalBytes } from '../../base/bytes.ts';
import { encodeDomain } from '../../base/canonical.ts';
import { address, bytes, type CodecType, createFormat, hash, list, struct, u16 } from '../../base/codec.ts';
import { BLS_KEY_BYTES, BLS_ORDER, type Bls, type BlsKeys } from '../../crypto/bls.ts';
import { computeLagrangeWeights } from '../../crypto/bls-scalar.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { isQuorum, type QuorumSignature, verifyQuorum } from '../../crypto/quorum.ts';
import type { CheckedDeal } from './key-deal.ts';
import {
  dealersOf,
  hashKeyStatement,
  type KeyPlan,
  type KeyStatement,
  keySubjectFields,
  subjectOf,
} from './key-plan.ts';
import { type CommitteeMember, listTickets } from './members.ts';
import { type KeyShare, keyOf, type ThresholdGroup } from './partials.ts';
import { MAX_COMMITTEE_MEMBERS } from './tickets.ts';

const ACTIVATION_DOMAIN = encodeDomain('ogong-beacon-activation-v1');

const dealersCodec = list(struct({ dealer: u16, dealHash: hash }), {
  ...{ count: u16, min: 1, max: MAX_COMMITTEE_MEMBERS },
  ascending: (a: { readonly dealer: number }, b: { readonly dealer: number }) => a.dealer - b.dealer,
});
const outcomeCodec = struct({ ...keySubjectFields, dealers: dealersCodec, key: bytes(BLS_KEY_BYTES) });

/** The result of a key generation: the deals that count, and the key that they make. */
export interface KeyOutcome extends CodecType<typeof outcomeCodec> {}

const certifiedCodec = struct({
  outcome: outcomeCodec,
  signatures: list<QuorumSignature>(struct({ signer: address, signature: bytes(65) }), {
    ...{ count: u16, max: MAX_COMMITTEE_MEMBERS },
    ascending: (a, b) => compareBytes(a.signer, b.signer),
  }),
});

/** An outcome with the signatures of more than two thirds of the committee's stake. */
export interface CertifiedOutcome extends CodecType<typeof certifiedCodec> {}

export const outcomeFields = { outcome: outcomeCodec };
export const certifiedFields = { certified: certifiedCodec };
const transcriptFormat = createFormat(dealersCodec, { tag: 'ogong-beacon-transcript-v1' });

export function stateOutcome(
  crypto: Pick<Crypto, 'sha256'>,
  { dealers, key }: Pick<KeyOutcome, 'dealers' | 'key'>,
): KeyStatement & { readonly kind: 'outcome' } {
  return { kind: 'outcome', transcript: crypto.sha256(transcriptFormat.encode(dealers)), key };
}

/** Hashes the statement that committee members sign to agree on an outcome. The chain stores this hash. */
export function hashOutcome(
  crypto: Pick<Crypto, 'sha256' | 'keccak256'>,
  network: KeyPlan['network'],
  outcome: KeyOutcome,
): Uint8Array {
  return hashKeyStatement(crypto, network, outcome, stateOutcome(crypto, outcome));
}

/** Encodes the message that T tickets of the new shares sign. So a key is used only once its shares exist. */
export function encodeActivation(outcomeHash: Uint8Array): Uint8Array {
  return concatBytes(ACTIVATION_DOMAIN, outcomeHash);
}

/**
 * Returns whether these dealers are enough: more than two thirds of the stake for a new key, the old threshold for a kept one.
 */
export function areEnough(plan: KeyPlan, dealers: readonly CommitteeMember[]): boolean {
  if (plan.previous !== undefined) {
    return dealers.reduce((sum, { tickets }) => sum + tickets, 0) >= plan.previous.seats.threshold;
  }
  const stake = dealers.reduce((sum, one) => sum + one.stake, 0n);
  return isQuorum(stake, plan.seats.totalStake);
}

/** Returns the dealers of an outcome; undefined if it names one that does not exist. */
export function findDealers(
  plan: KeyPlan,
  outcome: Pick<KeyOutcome, 'dealers'>,
): readonly CommitteeMember[] | undefined {
  const all = dealersOf(plan);
  const found = outcome.dealers.map(({ dealer }) => all[dealer]);
  return found.includes(undefined) ? undefined : (found as readonly CommitteeMember[]);
}

export function isOfPlan(plan: KeyPlan, outcome: KeyOutcome): boolean {
  const { generation, era, attempt, set } = subjectOf(plan);
  const isSame = outcome.generation === generation && outcome.era === era && outcome.attempt === attempt;
  return isSame && equalBytes(outcome.set, set);
}

export function verifyCertifiedOutcome(
  crypto: Crypto,
  plan: KeyPlan,
  { outcome, signatures }: CertifiedOutcome,
): boolean {
  const dealers = findDealers(plan, outcome);
  if (!isOfPlan(plan, outcome) || dealers === undefined || !areEnough(plan, dealers)) return false;
  const { previous } = plan;
  if (previous !== undefined && !equalBytes(outcome.key, keyOf(previous))) return false;
  const digest = hashOutcome(crypto, plan.network, outcome);
  return verifyQuorum(crypto, { digest, signatures, validators: plan.seats.seats }).ok;
}

/** Computes the weight of each row: 1 for a new key, Lagrange's coefficient for a ticket whose share is dealt again. */
function weighRows(plan: KeyPlan, deals: readonly CheckedDeal[]): bigint[] {
  const sources = deals.flatMap(({ rows }) => rows.map(({ source }) => source));
  return plan.previous === undefined ? sources.map(() => 1n) : computeLagrangeWeights(sources);
}

/**
 * Computes the commitments of the group that these deals make; undefined if a sum is infinity, which honest dealers never
 * cause.
 */
export function combineDeals(
  bls: Pick<Bls, 'combineKeys'>,
  plan: KeyPlan,
  deals: readonly CheckedDeal[],
): BlsKeys | undefined {
  const lists = deals.flatMap(({ rows }) => rows.map(({ keys }) => keys));
  return bls.combineKeys(lists, weighRows(plan, deals));
}

/** Computes the shares of a receiver's tickets. @param shares of each deal, row by row. */
export function combineShares(
  plan: KeyPlan,
  deals: readonly CheckedDeal[],
  { receiver, shares }: { readonly receiver: CommitteeMember; readonly shares: readonly (readonly bigint[])[] },
): KeyShare[] {
  const weights = weighRows(plan, deals);
  const rows = deals.flatMap((deal, d) =>
    deal.rows.map((_, row) =>
      (shares[d] as readonly bigint[]).slice(row * receiver.tickets, (row + 1) * receiver.tickets),
    ),
  );
  return listTickets(receiver).map((ticket, i) => ({
    ticket,
    scalar: rows.reduce((sum, row, at) => (sum + (row[i] as bigint) * (weights[at] as bigint)) % BLS_ORDER, 0n),
  }));
}

/** The group of an outcome. */
export function groupOf(plan: KeyPlan, commitments: BlsKeys): ThresholdGroup {
  const { generation, era, seats } = plan;
  return { generation, era, seats, commitments };
}
