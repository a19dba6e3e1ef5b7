import type { AuditDraw } from '../audit/audit.ts';
import { computeAttemptEpoch, MAX_AUDIT_ATTEMPTS } from '../audit/audit-attempt.ts';
import { computeDecidingEpoch, findDecidingEpoch } from '../audit/deciding-epoch.ts';
import { equalBytes, ProtocolError } from '../base/bytes.ts';
import { type Check, fail, pass, skip } from '../base/checks.ts';
import { hashRecord } from '../commitment/record.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { Delivery, SignedDelivery } from '../exchange/delivery.ts';
import { computeAbandonmentFine } from '../exchange/fee.ts';
import { CLOCK_TOLERANCE_MS, OPENING_KEPT_MS } from '../exchange/limits.ts';
import type { NamedOrder, Order } from '../exchange/order.ts';
import { findHeaderModality } from '../modality/registry.ts';
import { coversFee, INITIAL_BALANCE } from '../settlement/audit-balance.ts';
import { areSameShards, type CohortShard } from '../settlement/cohort.ts';
import { type CohortContext, listShards, readCohort } from '../settlement/cohort-agreement.ts';
import {
  computeCorrectionId,
  parseVerdictEntry,
  type VerdictEntry,
  type VerifierMark,
} from '../settlement/verdict-log.ts';
import { isComparable } from '../tier/outcome.ts';
import {
  assertSilent,
  assertUndelivered,
  findWitnesses,
  isUndelivered,
  ZERO_ADDRESS,
  ZERO_HASH,
} from './assert-silent.ts';
import { assertAnnounced, assertAskedInTime, assertLiable, assertLists, listAnswers } from './assert-verifiers.ts';
import { type ChargeableAudit, computeCharge } from './audit-charge.ts';
import {
  type Claim,
  ClaimError,
  type SignedOrder,
  type SignedRecord,
  type SummarizedReply,
  verifySignedOrder,
  verifySignedRecord,
  verifySummarized,
} from './claim.ts';
import { assertDeliveredTokens, verifySignedDelivery } from './delivered-record.ts';
import { type Evidence, parseEvidence } from './evidence.ts';
import type { HoneypotKey } from './honeypot/honeypot.ts';
import { giveUpUntold, judge } from './judge.ts';
import { JudgeError, type Judgement } from './judgement.ts';
import { computeStep } from './log-step.ts';
import { dependsOnBalance, isPaidFor } from './reply-fee.ts';
import { demand, type VerdictAnchors, VerdictError } from './verdict-anchors.ts';

/** A validator's public data about a verdict, from which anybody can derive it again. All bytes are signed or hashed. */
export interface PublicVerdict {
  readonly order: SignedOrder;
  /** Undefined if the reply was abandoned. */
  readonly record: SignedRecord | undefined;
  /** The reply without its texts, if the provider submitted it; undefined if only a complaint brought it. */
  readonly submission: SummarizedReply | undefined;
  /** Empty if the entry has none. */
  readonly evidence: Uint8Array;
  /** The payer's statement that it has this record; undefined if it did not send one in time. */
  readonly delivery?: SignedDelivery | undefined;
  /** The agreement of the order's cohort, for a correction that names a culprit. */
  readonly cohort?: Uint8Array | undefined;
}

export interface VerdictReview {
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** The result of the evidence, with the checks of the reply itself; undefined without a verdict. */
  readonly judgement?: Judgement;
}

/**
 * Derives one verdict again from public bytes, as every co-signer does (docs/spec/co-signing.md). It never throws on a hostile
 * verdict: an error in it is a failed check. It throws the errors of the callbacks of `trust`.
 */
export async function verifyVerdict(
  crypto: Crypto,
  { logEntry, ...verdict }: PublicVerdict & { readonly logEntry: Uint8Array },
  trust: VerdictAnchors,
): Promise<VerdictReview> {
  try {
    const entry = parseVerdictEntry(logEntry);
    // Such an entry has settled. Co-signers that could parse its evidence have checked it, and sign none any more.
    const judgement = await assertVerdict(crypto, entry, verdict, trust);
    const isUnseen = entry.verdict === 'unaudited' && trust.assertPassedOver === undefined && mayBeAudited(verdict);
    const isUnwitnessed = trust.findMembers === undefined && restsOnSilence(verdict);
    const isUnbalanced = trust.balance === undefined && dependsOnBalance(entry.verdict);
    const isUnproven = trust.findVrfKey === undefined && (judgement?.isUntold === true || hasTrapped(verdict));
    const checks = [
      pass('verdict', `${entry.verdict}: the log agrees with its evidence`),
      ...(isUnseen ? [skip('coverage', 'no coverage is given by which the beacon could have selected the reply')] : []),
      ...(isUnbalanced
        ? [skip('balance', 'the log before the entry is not given, by which its key is paid or not')]
        : []),
      ...(isUnwitnessed ? [skip('witnesses', 'no validators are given of whom witnesses could have been drawn')] : []),
      ...(isUnproven ? [skip('honeypot', judgement?.isUntold ? UNTOLD : UNPROVEN)] : []),
    ];
    return { ok: true, checks, ...(judgement && { judgement }) };
  } catch (error) {
    if (!isRefutation(error)) throw error;
    return { ok: false, checks: [fail('verdict', error.message)] };
  }
}

const UNPROVEN = 'no key is given by which the nonce of its honeypot could be checked';
const UNTOLD =
  'nothing is said of a honeypot that the beacon draws, and no key is given that says whether something has to be';

/** @throws ProtocolError if the header does not parse, which its reader has refused before. */
function mayBeAudited({ submission }: Pick<PublicVerdict, 'submission'>): boolean {
  if (submission === undefined) return true;
  const modality = findHeaderModality(submission.header);
  return modality === undefined || isComparable(modality.parseHeader(submission.header).tier);
}

function restsOnSilence({ evidence }: Pick<PublicVerdict, 'evidence'>): boolean {
  if (evidence.length === 0) return false;
  const parsed = parseEvidence(evidence);
  return 'statements' in parsed || hasSilent(parsed);
}

function hasTrapped({ evidence }: Pick<PublicVerdict, 'evidence'>): boolean {
  if (evidence.length === 0) return false;
  const parsed = parseEvidence(evidence);
  return parsed.kind === 'audit' && parsed.honeypot !== undefined;
}

const hasSilent = (evidence: Evidence): boolean =>
  evidence.kind === 'audit' && listAnswers(evidence).some(({ opened }) => opened === undefined);

/** Returns whether an error means that the verdict is wrong, rather than that something is unknown here. */
export function isRefutation(error: unknown): error is Error {
  return [VerdictError, ClaimError, JudgeError, ProtocolError].some((kind) => error instanceof kind);
}

/**
 * Asserts the same for callers that need only the first failed check.
 * @throws VerdictError, ClaimError, JudgeError, ProtocolError, and the errors of the callbacks of `trust`.
 */
export async function assertVerdict(
  crypto: Crypto,
  entry: VerdictEntry,
  { order: signedOrder, record: signed, submission, evidence, delivery, cohort }: PublicVerdict,
  trust: VerdictAnchors,
): Promise<Judgement | undefined> {
  const at = `entry ${entry.index}`;
  const order = verifySignedOrder(crypto, trust.ledger, signedOrder);
  demand(equalBytes(order.validator, trust.validator), `${at}: the order names another validator`);
  const isCorrection = equalBytes(computeCorrectionId(order.replyId), entry.replyId);
  demand(
    (isCorrection || equalBytes(order.replyId, entry.replyId)) &&
      equalBytes(order.payer, entry.payer) &&
      equalBytes(order.providerId, entry.providerId) &&
      equalBytes(order.router, entry.router),
    `${at} differs from its order`,
  );
  const isExactReject = entry.verdict === 'reject' && entry.evidence === 'exact';
  demand(!isCorrection || (isExactReject && submission === undefined), `${at} corrects a reply without exact evidence`);
  demand(entry.timeMs <= trust.nowMs + CLOCK_TOLERANCE_MS, `${at} is of the future, by this machine's clock`);
  const evidenceHash = evidence.length === 0 ? ZERO_HASH : crypto.sha256(evidence);
  demand(equalBytes(evidenceHash, entry.evidenceHash), `${at} rests on other evidence`);
  const delivered = delivery && verifySignedDelivery(crypto, { ledger: trust.ledger, order }, delivery);
  if (delivered) assertAcknowledged(delivered, entry, order);
  if (entry.verdict === 'abandoned' || isUndelivered(entry)) {
    await assertUndelivered(crypto, entry, order, evidence, trust);
    const fine = entry.verdict === 'abandoned' ? computeAbandonmentFine(order) : 0n;
    assertShards(entry, []);
    demand(entry.fineAtomic === fine, `${at} has a fine of ${entry.fineAtomic}, its order comes to ${fine}`);
    return undefined;
  }
  demand(signed !== undefined, `${at} has no record`);
  demand(equalBytes(hashRecord(crypto, signed.record), entry.recordHash), `${at} is about another record`);
  demand(submission !== undefined || isExactReject, `${at}: the reply is missing`);
  // Without the reply the payee is unproven, so the entry must not name one.
  const isUnnamed = submission !== undefined || equalBytes(entry.payee, ZERO_ADDRESS);
  demand(isUnnamed, `${at} names a payee without the reply`);
  const claim =
    submission &&
    (await verifyWhole(
      crypto,
      entry,
      { order, submission: { ...submission, order: signedOrder, record: signed } },
      trust,
    ));
  if (delivered && claim) assertDeliveredTokens(delivered, claim.header);
  assertShards(entry, claim?.shards ?? listAgreed(crypto, entry, { ledger: trust.ledger, order }, cohort));
  if (entry.verdict === 'unaudited') {
    await assertUnaudited(entry, { order, claim }, evidence, trust);
    return undefined;
  }
  const record = claim?.record ?? verifySignedRecord(crypto, order, signed);
  const draw = await findDraw(entry, order, trust);
  const parsed = parseEvidence(evidence);
  if (parsed.kind === 'withheld' || parsed.kind === 'unasked') {
    const missing = { asked: 'opening', subject: entry.recordHash } as const;
    await assertSilent(crypto, entry, order, { ...parsed, ...missing }, trust);
  }
  if (parsed.kind === 'audit') {
    assertLists(crypto, entry, parsed);
    assertAnnounced(entry, order, parsed);
  }
  const isScored = parsed.kind === 'audit' && parsed.attempts.length > 0;
  const sittings = parsed.kind === 'audit' ? parsed.lists.length : 0;
  const found = judge(
    crypto,
    {
      claim: claim ? { ...claim, endpoint: claim.request.endpoint } : { order, record },
      signed,
      validator: trust.validator,
      draw,
      ...(isScored && trust.findPairPpm ? { pairPpm: await trust.findPairPpm(entry, order) } : {}),
      honeypotPpm: trust.honeypotPpm,
      vrfKey: isScored && draw && parsed.honeypot ? await findHoneypotKey(draw, trust) : undefined,
      laterBeacons: draw === undefined ? [] : await findLaterBeacons(entry, sittings, trust),
      allowFixedVerifier: trust.allowFixedVerifier,
      drift: isScored ? trust.findPolicy(parsed.drift, entry) : undefined,
      witnessed: hasSilent(parsed) ? await findWitnesses(order, trust) : undefined,
    },
    parsed,
  );
  const judgement = await withUntold(entry, { order, draw, judgement: found }, trust);
  const isOver = judgement.wants === undefined || sittings === MAX_AUDIT_ATTEMPTS;
  const missing = judgement.wants === 'verdict' ? 'nobody has judged' : 'nobody outside the draw has judged';
  demand(isOver, `${at}: after ${sittings} audit attempts ${missing} the reply, and it still has to wait`);
  assertSameJudgement(entry, judgement);
  assertCharge(crypto, entry, { judgement, draw, feeAtomic: claim?.feeAtomic }, trust);
  if (parsed.kind === 'audit') {
    assertAskedInTime(entry, order, parsed);
    assertLiable(crypto, entry, parsed, { ledger: trust.ledger, order });
  }
  return judgement;
}

/** Asserts that the audit charges the key as much as its draw says. A reader without the log does not know the credit for a doubt. */
function assertCharge(
  crypto: Crypto,
  { index, verdict, fineAtomic }: VerdictEntry,
  audit: ChargeableAudit,
  { balance }: Pick<VerdictAnchors, 'balance'>,
): void {
  const charge = computeCharge(crypto, audit, balance ?? INITIAL_BALANCE);
  const isUnknown = balance === undefined && fineAtomic === 0n && dependsOnBalance(verdict);
  demand(isUnknown || fineAtomic === charge, `entry ${index}: a fine of ${fineAtomic}, its audit comes to ${charge}`);
}

/** Lists the shards that a correction with a culprit has to name; none without one. */
function listAgreed(
  crypto: Crypto,
  { index, culprit }: VerdictEntry,
  agreed: CohortContext,
  cohort: Uint8Array = new Uint8Array(),
): readonly CohortShard[] {
  if (culprit === undefined) return [];
  const found = readCohort(crypto, agreed, cohort);
  demand('terms' in found, `entry ${index}: ${'problem' in found ? found.problem : ''}`);
  return listShards(found.terms);
}

/** Asserts that exactly the signers share the fee. */
function assertShards(entry: VerdictEntry, signed: readonly CohortShard[]): void {
  demand(areSameShards(entry.shards, signed), `entry ${entry.index} names other shards than those who signed for it`);
}

/** Asserts that the record is the payer's, by a beacon that nobody knew when the payer received it. */
function assertAcknowledged({ recordHash, epoch }: Delivery, entry: VerdictEntry, order: NamedOrder): void {
  const at = `entry ${entry.index}`;
  demand(equalBytes(recordHash, entry.recordHash), `${at} is about another record than the payer holds`);
  const { epoch: earliest } = computeDecidingEpoch({ orderEpoch: order.epoch, intakeEpoch: epoch });
  const isDrawn = entry.beaconEpoch !== 0n;
  demand(!isDrawn || entry.beaconEpoch >= earliest, `${at}: its beacon was known when the payer held the reply`);
}

/**
 * Checks an omitted honeypot. A validator that has to report its outcome and does not is not paid, and has waited a day for it.
 * A validator outside the deciding epoch's set need not report it.
 */
async function withUntold(
  { index, timeMs }: Pick<VerdictEntry, 'index' | 'timeMs'>,
  {
    order: { expiresAtMs },
    draw,
    judgement,
  }: {
    readonly order: Pick<NamedOrder, 'expiresAtMs'>;
    readonly draw: AuditDraw | undefined;
    readonly judgement: Judgement;
  },
  trust: VerdictAnchors,
): Promise<Judgement> {
  const key = judgement.isUntold && draw ? await findHoneypotKey(draw, trust) : undefined;
  if (!(key instanceof Uint8Array)) return judgement;
  const isLate = timeMs > Number(expiresAtMs) + OPENING_KEPT_MS;
  demand(isLate, `entry ${index}: nothing is said of the honeypot that the beacon draws`);
  return giveUpUntold(judgement);
}

/**
 * Finds the VRF key of a validator that has to report a honeypot. The epoch's set may be unknown here, so it is requested only
 * if the verdict depends on it.
 */
const findHoneypotKey = async (
  { beaconEpoch }: Pick<AuditDraw, 'beaconEpoch'>,
  { findVrfKey }: VerdictAnchors,
): Promise<HoneypotKey> => (findVrfKey === undefined ? 'believed' : findVrfKey(beaconEpoch));

async function verifyWhole(
  crypto: Crypto,
  entry: VerdictEntry,
  { order, submission }: { readonly order: NamedOrder; readonly submission: SummarizedReply },
  { ledger, checkWord, findBeacon, balance }: VerdictAnchors,
): Promise<Claim> {
  const beacon = await findBeacon(order.epoch);
  const claim = verifySummarized(crypto, { ledger, order, beacon, checkWord }, submission);
  const isDue = balance === undefined || coversFee(balance, entry.verdict);
  const fee = isDue && isPaidFor(entry.verdict, claim.request) ? claim.feeAtomic : 0n;
  const isUnknown = balance === undefined && entry.feeAtomic === 0n && dependsOnBalance(entry.verdict);
  demand(isUnknown || entry.feeAtomic === fee, `entry ${entry.index}: a fee of ${entry.feeAtomic}, owed are ${fee}`);
  demand(equalBytes(entry.payee, claim.header.payee), `entry ${entry.index} pays another than the provider's payee`);
  return claim;
}

async function assertUnaudited(
  entry: VerdictEntry,
  { order, claim }: { readonly order: Order; readonly claim: Claim | undefined },
  evidence: Uint8Array,
  trust: VerdictAnchors,
): Promise<void> {
  demand(evidence.length === 0 && entry.verifiers.length === 0, `entry ${entry.index}: evidence without an audit`);
  const draw = await findDraw(entry, order, trust);
  demand(draw !== undefined, `entry ${entry.index}: no beacon passed over the reply`);
  // No beacon selects a reply that cannot be compared, even if it came late.
  if (claim && !isComparable(claim.header.tier)) return;
  const isLate = findDecidingEpoch(draw.orderEpoch, draw.beaconEpoch)?.isLate;
  demand(isLate === false, `entry ${entry.index}: the reply came late, and those are audited`);
  await trust.assertPassedOver?.(entry, order, draw);
}

/** Finds the draw. @returns undefined at epoch 0, where no beacon drew. */
async function findDraw(
  { index, replyId, beaconEpoch }: VerdictEntry,
  order: Order,
  { findBeacon }: VerdictAnchors,
): Promise<AuditDraw | undefined> {
  if (beaconEpoch === 0n) return undefined;
  const decides = findDecidingEpoch(order.epoch, beaconEpoch);
  demand(decides !== undefined, `entry ${index}: epoch ${beaconEpoch} does not decide about its order`);
  const { value } = await findBeacon(beaconEpoch);
  return { replyId, orderEpoch: order.epoch, beaconEpoch, beacon: value };
}

/** Finds the later beacons. An audit attempt is fixed by its number, so nobody can have waited for a favourable beacon. */
async function findLaterBeacons(
  { beaconEpoch }: VerdictEntry,
  sittings: number,
  { findBeacon }: VerdictAnchors,
): Promise<Uint8Array[]> {
  const later = Array.from({ length: Math.max(0, sittings - 1) }, (_, i) => computeAttemptEpoch(beaconEpoch, i + 1));
  return Promise.all(later.map(async (epoch) => (await findBeacon(epoch)).value));
}

function assertSameJudgement(entry: VerdictEntry, judgement: Judgement): void {
  const { verdict, evidence, verifiers, isUnproven = false } = judgement;
  const { step, eValuePpm } = computeStep(judgement);
  const at = `entry ${entry.index}`;
  demand(entry.verdict === verdict, `${at}: the evidence says ${verdict}, not ${entry.verdict}`);
  demand(entry.evidence === evidence, `${at}: the evidence is ${evidence}, not ${entry.evidence}`);
  demand(entry.culprit === judgement.culprit, `${at}: the evidence is about another shard`);
  const same =
    entry.verifiers.length === verifiers.length && entry.verifiers.every((mark, i) => isSameMark(mark, verifiers[i]));
  demand(same, `${at} says something else of its verifiers than the evidence`);
  demand(!entry.ejects || !isUnproven, `${at}: ejected by what nobody outside the draw has repeated`);
  const isSameStep = entry.step === step && entry.eValuePpm === eValuePpm;
  demand(isSameStep, `${at}: its step is ${step} with ${eValuePpm} ppm, not ${entry.step} with ${entry.eValuePpm}`);
  const speaksAgainst = verdict === 'reject' || eValuePpm > 1_000_000;
  demand(!entry.ejects || speaksAgainst, `${at}: ejected by a reply that speaks for the provider`);
  demand(entry.ejects || !(verdict === 'reject' && evidence === 'exact'), `${at}: exact evidence ejects`);
}

function isSameMark(a: VerifierMark, b: VerifierMark | undefined): boolean {
  return (
    b !== undefined &&
    equalBytes(a.verifierId, b.verifierId) &&
    equalBytes(a.payee, b.payee) &&
    a.outcome === b.outcome &&
    (a.outcome !== 'silent' || b.outcome !== 'silent' || a.halfHour === b.halfHour) &&
    (a.outcome !== 'credited' || b.outcome !== 'credited' || a.tokens === b.tokens)
  );
}
