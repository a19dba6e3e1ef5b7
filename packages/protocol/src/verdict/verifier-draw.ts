import { type AuditDraw, assignVerifier, isPaired, keepStaked } from '../audit/audit.ts';
import { type AttemptSoFar, findAttemptDraw } from '../audit/audit-attempt.ts';
import { computeClassWeights } from '../audit/verifier-weights.ts';
import { createWriter, equalBytes } from '../base/bytes.ts';
import { encodeDomain } from '../base/canonical.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { isExactClass } from '../tier/exact-class.ts';
import type { Claim } from './claim.ts';
import type { DriftPolicy } from './drift-policy.ts';
import { type EvidenceCandidate, JOB_NONCE_BYTES } from './evidence.ts';
import { drawHoneypot } from './honeypot/honeypot-draw.ts';
import type { WeighedReport } from './report-check.ts';
import { countReports, isCharge } from './report-combination.ts';

/** The context of the beacon's draw of verifiers and their job ids. The validator and its co-signers compute the same. */
export interface DrawContext {
  readonly draw: AuditDraw | undefined;
  readonly claim: Pick<Claim, 'order' | 'header' | 'cohort'>;
  /** The policy whose table says which classes see the reply's class sharply. Without it the class does not change chances. */
  readonly drift?: DriftPolicy | undefined;
  /** The share of audits that bring a honeypot along, parts per million. Default: HONEYPOT_PPM. */
  readonly honeypotPpm?: number | undefined;
}

/** The known state of verifiers that were asked before. */
export interface DrawState {
  readonly tried: readonly Uint8Array[];
  /** Operators whose reports are opened, or that are asked at the same time. */
  readonly heard: readonly Uint8Array[];
  /** Whether a report was inconclusive. Then equality decides best, if the provider's class is exact by its name. */
  readonly isDoubtful: boolean;
}

/** Draws the candidate for the next attempt. */
export function drawVerifier(
  crypto: Crypto,
  context: DrawContext,
  listed: readonly EvidenceCandidate[],
  { tried, heard, isDoubtful }: DrawState,
): EvidenceCandidate | undefined {
  const { draw, claim } = context;
  if (draw === undefined) return undefined;
  const { order, header, cohort } = claim;
  const { modelRoot, providerId } = order;
  const server = { providerId, payee: header.payee };
  // Members name their payees without those payees' consent, so these names exclude nobody here (see listCandidates).
  const others = listed.filter(
    (one) => !cohort?.members.some((member) => equalBytes(member.providerId, one.providerId)),
  );
  const candidates = keepStaked(others, server);
  const served = findServedClass(claim, listed);
  const weights = weighCandidates(context, candidates);
  const drawn = assignVerifier(crypto, {
    draw,
    modelRoot,
    server,
    candidates: candidates.map((candidate, i) => ({
      ...candidate,
      candidate,
      modelRoot,
      weight: weights[i] as bigint,
    })),
    tried,
    heard,
    preferClass: isDoubtful && isExactClass(served) ? served : undefined,
  });
  return drawn?.candidate;
}

/** Finds the class of the layers that candidates would repeat. */
function findServedClass({ header, cohort }: DrawContext['claim'], listed: readonly EvidenceCandidate[]): string {
  const segment = listed[0]?.segment;
  return cohort?.members.find((one) => one.firstLayer === segment?.firstLayer)?.numericClass ?? header.numericClass;
}

/** Weighs candidates: their own weights, times how sharply their classes see the class that the reply declares. */
function weighCandidates(
  { claim: { order, header }, drift }: DrawContext,
  candidates: readonly EvidenceCandidate[],
): readonly bigint[] {
  const { numericClass: providerClass, outputTokenCount: positions, promptTokenCount } = header;
  // A table covers drawn positions of a whole model. So it says nothing about a reply without any, or about some layers.
  const isPart = candidates.some(({ segment }) => segment !== undefined);
  if (drift === undefined || positions === 0 || isPart) return candidates.map(({ weight }) => weight);
  const classes = candidates.map(({ numericClass }) => numericClass);
  const reply = { modelRoot: order.modelRoot, providerClass, positions, context: promptTokenCount + positions };
  const factors = computeClassWeights(drift.table, reply, classes);
  return candidates.map(({ weight }, i) => weight * (factors[i] as bigint));
}

/** The part of an attempt that later attempts need. */
export interface AttemptSummary {
  readonly verifierId: Uint8Array;
  readonly sitting: number;
  readonly round: number;
  /** Undefined if no report was opened. */
  readonly weighed: WeighedReport | undefined;
}

/** The audit so far. */
export interface DrawnAudit {
  /** The candidates of each audit attempt. */
  readonly lists: readonly (readonly EvidenceCandidate[])[];
  readonly asked: readonly AttemptSummary[];
}

/** Draws the candidate for the next attempt of a round, by the beacon of its audit attempt. */
export function drawNext(
  crypto: Crypto,
  context: DrawContext & { readonly laterBeacons?: readonly Uint8Array[] },
  audit: DrawnAudit,
  place: { readonly sitting: number; readonly round: number },
): EvidenceCandidate | undefined {
  const { draw, laterBeacons = [] } = context;
  const candidates = audit.lists[place.sitting] ?? [];
  const sittingDraw = findAttemptDraw(draw, laterBeacons, place.sitting);
  const state = computeDrawState(audit, place);
  const drawHeard = (heard: readonly Uint8Array[]): EvidenceCandidate | undefined =>
    drawVerifier(crypto, { ...context, draw: sittingDraw }, candidates, { ...state, heard });
  // The verifier of the audit's honeypot would see the reply twice. It is asked only if no other candidate is left.
  const trapped = place.sitting === 0 && place.round > 0 ? findTrapped(crypto, context, audit) : undefined;
  return (trapped && drawHeard([...state.heard, trapped.operator])) ?? drawHeard(state.heard);
}

/** Finds the verifier that the beacon draws for the honeypot of an audit, once its first round is drawn. */
function findTrapped(
  crypto: Crypto,
  { draw, claim: { order, header }, honeypotPpm }: DrawContext,
  { lists, asked }: DrawnAudit,
): EvidenceCandidate | undefined {
  const candidates = lists[0] ?? [];
  const pair = asked
    .filter(({ round }) => round === 0)
    .flatMap(({ verifierId }) => candidates.filter(({ providerId }) => equalBytes(providerId, verifierId)));
  return drawHoneypot(crypto, { draw, order, header, candidates, pair, honeypotPpm });
}

/** Finds the same if it counts: no other verifier of its operator was asked about the reply. */
export function findDueHoneypot(
  crypto: Crypto,
  context: DrawContext,
  audit: DrawnAudit,
): EvidenceCandidate | undefined {
  const trapped = findTrapped(crypto, context, audit);
  const isMet =
    trapped && audit.asked.flatMap((one) => listOperator(audit, one)).some((one) => equalBytes(one, trapped.operator));
  return isMet ? undefined : trapped;
}

/** Lists the operator of an asked verifier; none for a verifier that the operators agreed on. */
const listOperator = (
  { lists }: Pick<DrawnAudit, 'lists'>,
  { verifierId, sitting }: Pick<AttemptSummary, 'verifierId' | 'sitting'>,
): Uint8Array[] =>
  (lists[sitting] ?? []).filter(({ providerId }) => equalBytes(providerId, verifierId)).map(({ operator }) => operator);

/** Returns whether a later audit attempt with the newest list could ask a new operator. */
export function hasOutsider(crypto: Crypto, context: DrawContext, audit: DrawnAudit): boolean {
  const round = (audit.asked.at(-1)?.round ?? -1) + 1;
  const state = computeDrawState(audit, { sitting: audit.lists.length, round });
  return drawVerifier(crypto, context, audit.lists.at(-1) ?? [], state) !== undefined;
}

/**
 * Computes the state for the next draw of a round. Of the same round it uses only which verifiers were asked, not their
 * answers. All of them are asked before any answers. A verifier that was silent in an earlier audit attempt may be drawn again.
 * The exception is a charge in earlier attempts: only new operators may repeat it.
 */
function computeDrawState(
  { lists, asked }: DrawnAudit,
  { sitting, round }: { readonly sitting: number; readonly round: number },
): DrawState {
  const before = asked.filter((one) => one.sitting < sitting);
  const isCharged = isCharge(countReports({ lists, asked: before }));
  const isHeard = (one: AttemptSummary): boolean =>
    one.round === round || one.weighed !== undefined || (isCharged && one.sitting < sitting);
  return {
    tried: asked.filter((one) => one.sitting === sitting).map(({ verifierId }) => verifierId),
    heard: asked.filter(isHeard).flatMap((one) => listOperator({ lists }, one)),
    isDoubtful: asked.some((one) => one.round < round && one.weighed?.outcome === 'inconclusive'),
  };
}

/**
 * Computes how many verifiers the beacon requires at the same time, if none was silent. It is two for a sampled share of first rounds, else one.
 */
export function computeRoundSize(crypto: Crypto, draw: AuditDraw | undefined, round: number, pairPpm: number): number {
  return round === 0 && draw !== undefined && isPaired(crypto, draw, pairPpm) ? 2 : 1;
}

/** Counts the state of an audit attempt before a round. */
export function countAttempt(
  attempts: readonly { readonly sitting: number; readonly round: number; readonly opened: unknown }[],
  { sitting, round }: { readonly sitting: number; readonly round: number },
): AttemptSoFar {
  const before = attempts.filter((one) => one.sitting === sitting && one.round < round);
  return { asked: before.length, silent: before.filter(({ opened }) => opened === undefined).length };
}

const JOB_DOMAIN = encodeDomain('ogong-job-v1');
const NONCE_DOMAIN = encodeDomain('ogong-job-nonce-v1');

/** Computes a job id, 16 bytes. Before the verdict, only the validator can tell to which reply it belongs, if to any. */
export function computeJobId(
  crypto: Crypto,
  job: { validator: Uint8Array; replyId: Uint8Array; attempt: number; nonce: Uint8Array },
): Uint8Array {
  const writer = createWriter().bytes(JOB_DOMAIN).bytes(job.validator, 20).bytes(job.replyId, 16).u32(job.attempt);
  return crypto.sha256(writer.bytes(job.nonce, JOB_NONCE_BYTES).finish()).slice(0, 16);
}

/** Computes a job's nonce from the reply and a secret. So a validator that restarts asks for the same job again. */
export function computeJobNonce(
  crypto: Crypto,
  { secret, replyId, attempt }: { secret: Uint8Array; replyId: Uint8Array; attempt: number },
): Uint8Array {
  const bytes = createWriter().bytes(NONCE_DOMAIN).bytes(secret, 32).bytes(replyId, 16).u32(attempt).finish();
  return crypto.sha256(bytes).slice(0, JOB_NONCE_BYTES);
}
