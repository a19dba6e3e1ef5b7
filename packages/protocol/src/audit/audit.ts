import { compareBytes, createReader, createWriter, equalBytes, ProtocolError } from '../base/bytes.ts';
import { encodeDomain } from '../base/canonical.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { drawInteger } from '../crypto/draw-integer.ts';
import { PPM } from '../exchange/reputation.ts';
import { repeatsClass } from '../tier/lane-class.ts';
import { type DecidingEpoch, findDecidingEpoch } from './deciding-epoch.ts';

/**
 * The draws that select replies for audits, and the verifiers of each audit (docs/spec/audit-selection.md). They are functions
 * of the beacon of the epoch that the order fixes (deciding-epoch.ts). So nobody can know them while the reply is served, and
 * everybody can recompute them afterwards.
 */
const SELECTION_DOMAIN = encodeDomain('ogong-audit-v1');
const PAIR_DOMAIN = encodeDomain('ogong-audit-pair-v1');
const ASSIGNMENT_DOMAIN = encodeDomain('ogong-verifier-v1');
/** Share of audits that ask two verifiers at the same time, parts per million; the least share that co-signers accept. */
export const PAIR_PPM = 100_000;
/** Share of audits that send a honeypot along, parts per million; the largest share that co-signers accept. */
export const HONEYPOT_PPM = 50_000;

export interface AuditDraw {
  /** 16 bytes. */
  readonly replyId: Uint8Array;
  /** The epoch that the payer signed. */
  readonly orderEpoch: bigint;
  /** An epoch that decides about replies of that order. */
  readonly beaconEpoch: bigint;
  /** Value of beaconEpoch, 32 bytes. */
  readonly beacon: Uint8Array;
}

/**
 * Returns whether a reply is audited at a coverage of `alphaPpm` parts per million. It compares the first 64 bits of H(beacon
 * || reply id) with alpha, as integers. 1,000,000 always audits, 0 never does. A late reply is always audited.
 * @throws ProtocolError `out-of-range` on a coverage outside 0..1,000,000 or an epoch that does not decide about the reply.
 */
export function isAudited(crypto: Crypto, draw: AuditDraw, alphaPpm: number): boolean {
  return isSelected(crypto, draw, alphaPpm) || assertDeciding(draw).isLate;
}

/** Returns whether the beacon selects a reply at this coverage, whether the reply came late or not. @throws ProtocolError like isAudited. */
export function isSelected(crypto: Crypto, draw: AuditDraw, alphaPpm: number): boolean {
  return isDrawn(crypto, SELECTION_DOMAIN, draw, alphaPpm);
}

/**
 * Returns whether an audit asks two verifiers at the same time. It is like isAudited, with a separate draw. Neither verifier
 * knows of the other, and each report checks the other.
 * @throws ProtocolError like isAudited.
 */
export function isPaired(crypto: Crypto, draw: AuditDraw, pairPpm: number): boolean {
  return isDrawn(crypto, PAIR_DOMAIN, draw, pairPpm);
}

/**
 * Returns whether a honeypot goes along with an audit. It uses the draw of pairs with a smaller share, because a honeypot needs
 * two reports that agree. Nobody chooses the audits that have one.
 * @throws ProtocolError like isAudited.
 */
export function hasHoneypot(crypto: Crypto, draw: AuditDraw, honeypotPpm: number): boolean {
  return isPaired(crypto, draw, honeypotPpm);
}

function isDrawn(crypto: Crypto, domain: Uint8Array, draw: AuditDraw, ppm: number): boolean {
  if (!Number.isInteger(ppm) || ppm < 0 || ppm > PPM) {
    throw new ProtocolError('out-of-range', `coverage of ${ppm} parts per million`);
  }
  assertDeciding(draw);
  const bytes = createWriter().bytes(domain).bytes(draw.beacon, 32).bytes(draw.replyId, 16).finish();
  const fraction = createReader(crypto.sha256(bytes)).u64();
  return fraction * BigInt(PPM) < BigInt(ppm) << 64n;
}

/** A provider in its role as a verifier. */
export interface VerifierCandidate {
  readonly providerId: Uint8Array;
  /** 20 bytes: the payee of its work. One payee counts as one operator. */
  readonly payee: Uint8Array;
  readonly modelRoot: Uint8Array;
  /** 32 bytes, equal for all candidates that seem to have one operator. */
  readonly operator?: Uint8Array;
  /** The numeric class that it announces. */
  readonly numericClass?: string;
  /** Chances, in proportion; at least 1. Default: 1. */
  readonly weight?: bigint;
}

export interface VerifierAssignment<T extends VerifierCandidate> {
  readonly draw: AuditDraw;
  /** Model root of the reply. */
  readonly modelRoot: Uint8Array;
  readonly server: { readonly providerId: Uint8Array; readonly payee: Uint8Array };
  readonly candidates: readonly T[];
  /** Providers that were already asked about this reply, in order. */
  readonly tried: readonly Uint8Array[];
  /** Operators that have reported or were asked. A second report must come from another operator. */
  readonly heard?: readonly Uint8Array[];
  /** Candidates of this class come first, if there are any. */
  readonly preferClass?: string | undefined;
}

/**
 * Keeps the candidates that a draw may take. A name is free. So candidates without stake are drawn only if no candidate of
 * another operator than the server's has stake.
 * @param candidates each with its own weight: 1, plus its share of its payee's stake in whole tokens.
 */
export function keepStaked<T extends Pick<VerifierCandidate, 'providerId' | 'payee'> & { readonly weight: bigint }>(
  candidates: readonly T[],
  server: VerifierAssignment<VerifierCandidate>['server'],
): readonly T[] {
  const isOwn = ({ providerId, payee }: T): boolean =>
    equalBytes(providerId, server.providerId) || equalBytes(payee, server.payee);
  const staked = candidates.filter((one) => one.weight > 1n);
  return staked.some((one) => !isOwn(one)) ? staked : candidates;
}

/**
 * Draws the verifier of a reply, or of its next attempt, by weight. Candidates are those that:
 * - serve the same model root,
 * - are not the server and do not share its payee,
 * - were not tried,
 * - have no operator in `heard`.
 * The result does not depend on the order or repetition of candidates.
 * @returns undefined if no candidate is left.
 * @throws ProtocolError `out-of-range` if the epoch does not decide about the reply.
 */
export function assignVerifier<T extends VerifierCandidate>(
  crypto: Crypto,
  { draw, modelRoot, server, candidates, tried, heard = [], preferClass }: VerifierAssignment<T>,
): T | undefined {
  assertDeciding(draw);
  const free = candidates
    .filter((candidate) => equalBytes(candidate.modelRoot, modelRoot))
    .filter(({ providerId, payee }) => !equalBytes(providerId, server.providerId) && !equalBytes(payee, server.payee))
    .filter(({ providerId }) => !tried.some((id) => equalBytes(id, providerId)))
    .filter(({ operator }) => operator === undefined || !heard.some((one) => equalBytes(one, operator)))
    .sort((a, b) => compareBytes(a.providerId, b.providerId))
    .filter(
      ({ providerId }, index, sorted) => !sorted[index - 1] || !equalBytes(sorted[index - 1]!.providerId, providerId),
    );
  if (free.length === 0) return undefined;
  const preferred = free.filter(
    ({ numericClass }) =>
      preferClass !== undefined && numericClass !== undefined && repeatsClass(numericClass, preferClass),
  );
  const eligible = preferred.length > 0 ? preferred : free;
  const writer = createWriter()
    .bytes(ASSIGNMENT_DOMAIN)
    .bytes(draw.beacon, 32)
    .bytes(draw.replyId, 16)
    .u32(tried.length);
  const weights = eligible.map(({ weight = 1n }) => (weight < 1n ? 1n : weight));
  let rest = drawInteger(
    crypto,
    crypto.sha256(writer.finish()),
    weights.reduce((sum, weight) => sum + weight, 0n),
  );
  return eligible.find((_, i) => {
    const weight = weights[i] as bigint;
    if (rest < weight) return true;
    rest -= weight;
    return false;
  });
}

function assertDeciding({ orderEpoch, beaconEpoch }: AuditDraw): DecidingEpoch {
  const decides = findDecidingEpoch(orderEpoch, beaconEpoch);
  if (decides !== undefined) return decides;
  throw new ProtocolError('out-of-range', `epoch ${beaconEpoch} does not decide about an order of epoch ${orderEpoch}`);
}
