import { type AuditDraw, HONEYPOT_PPM, hasHoneypot } from '../audit/audit.ts';
import { computeDecidingEpoch, findDecidingEpoch } from '../audit/deciding-epoch.ts';
import { computeSittingEpoch, MAX_SITTINGS } from '../audit/sitting.ts';
import { computeWitnessEpoch } from '../audit/witness-draw.ts';
import { compareBytes, equalBytes, ProtocolError, toHex } from '../base/bytes.ts';
import { type Check, fail, pass, skip } from '../base/checks.ts';
import type { EpochMember } from '../beacon/validator-set.ts';
import { hashRecord } from '../commitment/record.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { hashHybridKey } from '../crypto/hybrid.ts';
import type { Delivery, SignedDelivery } from '../exchange/delivery.ts';
import { computeAbandonmentFine } from '../exchange/fee.ts';
import { CLOCK_TOLERANCE_MS, MAX_ORDER_LIFETIME_MS, OPENING_KEPT_MS } from '../exchange/limits.ts';
import type { LedgerDomain, NamedOrder, Order } from '../exchange/order.ts';
import { verifyConsent } from '../exchange/order-consent.ts';
import { findHeaderModality } from '../modality/registry.ts';
import type { CohortShard } from '../settlement/cohort.ts';
import {
  computeCorrectionId,
  isEarlierEntry,
  isPayable,
  parseSettledEntry,
  type VerdictEntry,
  type VerifierMark,
} from '../settlement/verdict-log.ts';
import type { OrderBeacon } from '../stage1/common-checks.ts';
import { isComparable } from '../tier/outcome.ts';
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
import { isAnnouncedFor, isLiable, isOffered } from './credential.ts';
import { assertDeliveredTokens, verifySignedDelivery } from './delivered-record.ts';
import type { DriftNote, DriftPolicy } from './drift-policy.ts';
import { type Attempt, type AuditEvidence, type Evidence, parseEvidence } from './evidence.ts';
import type { HoneypotKey } from './honeypot.ts';
import { JudgeError, type Judgement, judge, type WitnessedBy } from './judge.ts';
import { computeStep } from './log-step.ts';
import type { CheckPayeeWord } from './payee-words.ts';
import { isPaidFor } from './reply-fee.ts';
import { findSilenceProblem, type SilenceClaim, type Statement } from './witnessed.ts';

/**
 * What a validator publishes about a verdict, so that anybody can derive it again: only bytes that somebody signed or hashed.
 */
export interface PublicVerdict {
  readonly order: SignedOrder;
  /** Undefined where the reply was abandoned. */
  readonly record: SignedRecord | undefined;
  /** The reply without its texts, if the provider handed it in; undefined if only a complaint brought it. */
  readonly submission: SummarizedReply | undefined;
  /** Empty if the entry has none. */
  readonly evidence: Uint8Array;
  /** That the payer holds this record; undefined if it did not say so in time. */
  readonly delivery?: SignedDelivery | undefined;
}

/** What the verdict's bytes do not contain. A callback that does not know throws its own error, which refutes nothing. */
export interface VerdictAnchors {
  /** Domain of the escrow: what payers sign for. */
  readonly ledger: LedgerDomain;
  /** Ledger address of the handling validator: whose log the entry stands in. */
  readonly validator: Uint8Array;
  readonly allowFixedVerifier: boolean;
  readonly checkWord: CheckPayeeWord;
  /** Unix time in ms. */
  readonly nowMs: number;
  readonly findBeacon: (epoch: bigint) => Promise<OrderBeacon>;
  /** The drift policy for scores of that entry, as its evidence names it. */
  readonly findPolicy: (note: DriftNote | undefined, entry: VerdictEntry) => DriftPolicy | undefined;
  /** The least share of audits of such a provider that ask two verifiers at once, parts per million. Default: PAIR_PPM. */
  readonly findPairPpm?: (entry: VerdictEntry, order: Order) => Promise<number>;
  /** The share of audits that bring a honeypot along, parts per million. Default: HONEYPOT_PPM. */
  readonly honeypotPpm?: number | undefined;
  /** The validators of an epoch, of whom its beacon draws witnesses. Who was silent is not checked where absent. */
  readonly findMembers?: (epoch: bigint) => Promise<readonly EpochMember[]>;
  /** VRF key of the handling validator where it is of that epoch's set. What a nonce follows from is not checked where absent. */
  readonly findVrfKey?: (epoch: bigint) => Promise<Uint8Array | undefined>;
  /** Whether a verifier showed here what it is said to have kept. Default: nothing was shown. */
  readonly wasShown?: WitnessedBy['wasShown'];
  /** @throws VerdictError where the beacon selected a reply that the entry calls unaudited. Skipped where absent. */
  readonly assertPassedOver?: (entry: VerdictEntry, order: Order, draw: AuditDraw) => Promise<void>;
}

/** The entry contradicts its own evidence. */
export class VerdictError extends Error {
  override readonly name = 'VerdictError';
  readonly code = 'refuted';
  readonly retryable = false;
}

export interface VerdictReview {
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** What the evidence says, with the checks of the reply itself; undefined where none was judged. */
  readonly judgement?: Judgement;
}

const ZERO_HASH = new Uint8Array(32);
const ZERO_ADDRESS = new Uint8Array(20);

function demand(ok: boolean, message: string): asserts ok {
  if (!ok) throw new VerdictError(message);
}

/**
 * Derives one verdict again from public bytes, as every co-signer does (docs/spec/validator.md). Never throws on a hostile
 * verdict: what is wrong is a failed check. Throws what the callbacks of `trust` throw.
 */
export async function verifyVerdict(
  crypto: Crypto,
  { logEntry, ...verdict }: PublicVerdict & { readonly logEntry: Uint8Array },
  trust: VerdictAnchors,
): Promise<VerdictReview> {
  try {
    const entry = parseSettledEntry(logEntry);
    const judgement = await assertVerdict(crypto, entry, verdict, trust, !isEarlierEntry(logEntry));
    const isUnseen = entry.verdict === 'unaudited' && trust.assertPassedOver === undefined && mayBeAudited(verdict);
    const isUnwitnessed = trust.findMembers === undefined && restsOnSilence(verdict);
    const isUnproven = trust.findVrfKey === undefined && hasTrapped(verdict);
    const checks = [
      pass('verdict', `${entry.verdict}: what the log says is what its evidence says`),
      ...(isUnseen ? [skip('coverage', 'no coverage is given by which the beacon could have selected the reply')] : []),
      ...(isUnwitnessed ? [skip('witnesses', 'no validators are given of whom witnesses could have been drawn')] : []),
      ...(isUnproven ? [skip('honeypot', 'no key is given by which the nonce of its honeypot could be checked')] : []),
    ];
    return { ok: true, checks, ...(judgement && { judgement }) };
  } catch (error) {
    if (!isRefutation(error)) throw error;
    return { ok: false, checks: [fail('verdict', error.message)] };
  }
}

/** @throws ProtocolError where the header cannot be read, which its reader has refused before. */
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

/** Whether an error means that the verdict is wrong, rather than that something is unknown here. */
export function isRefutation(error: unknown): error is Error {
  return [VerdictError, ClaimError, JudgeError, ProtocolError].some((kind) => error instanceof kind);
}

/**
 * The same for callers that need only the first failed check.
 * @param areTokensTold false: the entry has settled in the format before, which does not say how many tokens a verifier checked.
 * @throws VerdictError, ClaimError, JudgeError, ProtocolError, and what the callbacks of `trust` throw.
 */
export async function assertVerdict(
  crypto: Crypto,
  entry: VerdictEntry,
  { order: signedOrder, record: signed, submission, evidence, delivery }: PublicVerdict,
  trust: VerdictAnchors,
  areTokensTold = true,
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
  // Nobody has shown its payee, so nobody's name stands beside what it is rejected for.
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
  assertShards(entry, claim?.shards ?? []);
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
  const judgement = judge(
    crypto,
    {
      claim: claim ? { ...claim, endpoint: claim.request.endpoint } : { order, record },
      signed,
      validator: trust.validator,
      draw,
      ...(isScored && trust.findPairPpm ? { pairPpm: await trust.findPairPpm(entry, order) } : {}),
      honeypotPpm: trust.honeypotPpm,
      vrfKey: isScored ? await findHoneypotKey(crypto, draw, trust) : undefined,
      laterBeacons: draw === undefined ? [] : await findLaterBeacons(entry, sittings, trust),
      allowFixedVerifier: trust.allowFixedVerifier,
      drift: isScored ? trust.findPolicy(parsed.drift, entry) : undefined,
      witnessed: hasSilent(parsed) ? await findWitnesses(order, trust) : undefined,
    },
    parsed,
  );
  const isOver = judgement.wants === undefined || sittings === MAX_SITTINGS;
  const missing = judgement.wants === 'verdict' ? 'nobody has judged' : 'nobody outside the draw has judged';
  demand(isOver, `${at}: after ${sittings} sittings ${missing} the reply, and it still has to wait`);
  assertSameJudgement(
    entry,
    areTokensTold ? judgement : { ...judgement, verifiers: judgement.verifiers.map(countAsOne) },
  );
  if (parsed.kind === 'audit') {
    assertAskedInTime(entry, order, parsed);
    assertLiable(crypto, entry, parsed, { ledger: trust.ledger, order });
  }
  return judgement;
}

/** Those share the fee who have signed for it, and nobody else. */
function assertShards(entry: VerdictEntry, signed: readonly CohortShard[]): void {
  const isSame =
    entry.shards.length === signed.length &&
    signed.every(({ providerId, payee, firstLayer, layers }, i) => {
      const named = entry.shards[i] as CohortShard;
      const isIt = equalBytes(named.providerId, providerId) && equalBytes(named.payee, payee);
      return isIt && named.firstLayer === firstLayer && named.layers === layers;
    });
  demand(isSame, `entry ${entry.index} names other shards than those who signed for it`);
}

/** The record that is judged is the one that the payer holds, by a beacon that nobody knew when the payer held it. */
function assertAcknowledged({ recordHash, epoch }: Delivery, entry: VerdictEntry, order: NamedOrder): void {
  const at = `entry ${entry.index}`;
  demand(equalBytes(recordHash, entry.recordHash), `${at} is about another record than the payer holds`);
  const { epoch: earliest } = computeDecidingEpoch({ orderEpoch: order.epoch, intakeEpoch: epoch });
  const isDrawn = entry.beaconEpoch !== 0n;
  demand(!isDrawn || entry.beaconEpoch >= earliest, `${at}: its beacon was known when the payer held the reply`);
}

/** The reply never came, and nobody asked for it in time. */
function isUndelivered({ verdict, recordHash }: VerdictEntry): boolean {
  return verdict === 'unjudged' && equalBytes(recordHash, ZERO_HASH);
}

async function assertUndelivered(
  crypto: Crypto,
  entry: VerdictEntry,
  order: NamedOrder,
  bytes: Uint8Array,
  trust: VerdictAnchors,
): Promise<void> {
  const at = `entry ${entry.index}`;
  demand(entry.verifiers.length === 0, `${at}: a reply without a record has no verifiers`);
  demand(!entry.ejects && entry.evidence === 'none', `${at}: a reply without a record is evidence of nothing`);
  const evidence = parseEvidence(bytes);
  const kind = entry.verdict === 'abandoned' ? 'abandoned' : 'unasked';
  demand(
    (evidence.kind === 'abandoned' || evidence.kind === 'unasked') &&
      evidence.kind === kind &&
      evidence.consent !== undefined &&
      verifyConsent(crypto, evidence.consent, order),
    `${at}: the provider never agreed to the order that it is said to have left`,
  );
  demand(equalBytes(entry.recordHash, ZERO_HASH) && equalBytes(entry.payee, ZERO_ADDRESS), `${at} has a record`);
  demand(entry.timeMs > Number(order.expiresAtMs), `${at}: abandoned before the order expired`);
  await assertSilent(crypto, entry, order, { ...evidence, asked: 'record', subject: ZERO_HASH }, trust);
}

/**
 * Those whom the beacon drew asked the provider themselves: after the order had expired; while it had to keep what they asked for
 * where that is held against it, and later where nobody asked in time.
 */
async function assertSilent(
  crypto: Crypto,
  entry: VerdictEntry,
  order: NamedOrder,
  claim: Pick<SilenceClaim, 'asked' | 'subject'> & {
    readonly kind: 'abandoned' | 'withheld' | 'unasked';
    readonly statements: readonly Statement[];
  },
  trust: VerdictAnchors,
): Promise<void> {
  const { kind, asked, subject, statements } = claim;
  const at = `entry ${entry.index}`;
  const expiresAtMs = Number(order.expiresAtMs);
  const keptUntilMs = expiresAtMs + OPENING_KEPT_MS;
  demand(kind !== 'unasked' || entry.timeMs > keptUntilMs, `${at}: there is still time to ask for the ${asked}`);
  // A record may come until the order expires; its opening may be asked for at once.
  const fromMs = kind === 'unasked' ? keptUntilMs : kind === 'abandoned' ? expiresAtMs : 0;
  const untilMs = kind === 'unasked' ? Infinity : keptUntilMs;
  const inTime = statements.every(({ timeMs }) => timeMs > fromMs && timeMs <= untilMs);
  demand(inTime, `${at}: a witness asked when its answer says nothing about the provider`);
  const witnessed = await findWitnesses(order, trust);
  if (witnessed === undefined) return;
  const { replyId, orderHash, providerId: target } = order;
  const draw = { replyId, asked, target, validator: trust.validator };
  const problem = findSilenceProblem(crypto, { ...witnessed, ...draw, orderHash, subject }, statements);
  demand(problem === undefined, `${at}: ${problem}`);
}

/** Which half hour a silence counts in follows from the clocks of witnesses: they cannot move it out of the audit. */
function assertAskedInTime(
  { index, timeMs: decidedMs }: Pick<VerdictEntry, 'index' | 'timeMs'>,
  order: Pick<NamedOrder, 'expiresAtMs'>,
  evidence: Pick<AuditEvidence, 'attempts' | 'honeypot'>,
): void {
  const fromMs = Number(order.expiresAtMs) - MAX_ORDER_LIFETIME_MS - CLOCK_TOLERANCE_MS;
  const untilMs = decidedMs + 2 * CLOCK_TOLERANCE_MS;
  const times = listAnswers(evidence).flatMap(({ statements = [] }) => statements.map(({ timeMs }) => timeMs));
  const isWithin = times.every((timeMs) => timeMs >= fromMs && timeMs <= untilMs);
  demand(isWithin, `entry ${index}: a witness says that a verifier was silent at a time outside the audit`);
}

/** Of whoever has to tell what became of a honeypot, if the beacon draws one. */
async function findHoneypotKey(
  crypto: Crypto,
  draw: AuditDraw | undefined,
  { honeypotPpm = HONEYPOT_PPM, findVrfKey }: VerdictAnchors,
): Promise<HoneypotKey> {
  if (draw === undefined || !hasHoneypot(crypto, draw, honeypotPpm)) return undefined;
  return findVrfKey === undefined ? 'believed' : findVrfKey(draw.beaconEpoch);
}

/** @returns undefined where nobody says who the validators were. */
async function findWitnesses(
  order: Order,
  { ledger, findBeacon, findMembers, wasShown }: VerdictAnchors,
): Promise<WitnessedBy | undefined> {
  if (findMembers === undefined) return undefined;
  const epoch = computeWitnessEpoch(order.epoch);
  const [{ value: beacon }, members] = await Promise.all([findBeacon(epoch), findMembers(epoch)]);
  return { ledger, beacon, members, wasShown };
}

async function verifyWhole(
  crypto: Crypto,
  entry: VerdictEntry,
  { order, submission }: { readonly order: NamedOrder; readonly submission: SummarizedReply },
  { ledger, checkWord, findBeacon }: VerdictAnchors,
): Promise<Claim> {
  const beacon = await findBeacon(order.epoch);
  const claim = verifySummarized(crypto, { ledger, order, beacon, checkWord }, submission);
  const fee = isPaidFor(entry.verdict, claim.request) ? claim.feeAtomic : 0n;
  demand(entry.feeAtomic === fee, `entry ${entry.index}: a fee of ${entry.feeAtomic}, owed are ${fee}`);
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
  // No beacon selects what nobody could compare, however late it came.
  if (claim && !isComparable(claim.header.tier)) return;
  const isLate = findDecidingEpoch(draw.orderEpoch, draw.beaconEpoch)?.isLate;
  demand(isLate === false, `entry ${entry.index}: the reply came late, and those are audited`);
  await trust.assertPassedOver?.(entry, order, draw);
}

/** @returns undefined at epoch 0, where no beacon drew. */
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

/** A sitting is fixed by its number, so nobody can have waited for a beacon that draws friends. */
async function findLaterBeacons(
  { beaconEpoch }: VerdictEntry,
  sittings: number,
  { findBeacon }: VerdictAnchors,
): Promise<Uint8Array[]> {
  const later = Array.from({ length: Math.max(0, sittings - 1) }, (_, i) => computeSittingEpoch(beaconEpoch, i + 1));
  return Promise.all(later.map(async (epoch) => (await findBeacon(epoch)).value));
}

/** As an entry of the format before is read. */
const countAsOne = (mark: VerifierMark): VerifierMark => (mark.outcome === 'credited' ? { ...mark, tokens: 1 } : mark);

function assertSameJudgement(entry: VerdictEntry, judgement: Judgement): void {
  const { verdict, evidence, verifiers, isUnproven = false } = judgement;
  const { step, eValuePpm } = computeStep(judgement);
  const at = `entry ${entry.index}`;
  demand(entry.verdict === verdict, `${at}: the evidence says ${verdict}, not ${entry.verdict}`);
  demand(entry.evidence === evidence, `${at}: the evidence is ${evidence}, not ${entry.evidence}`);
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

/** What a list of candidates says about itself: whom the beacon draws from it must not follow from names that the validator makes up. */
function assertLists(
  crypto: Crypto,
  { index }: Pick<VerdictEntry, 'index'>,
  { lists }: Pick<AuditEvidence, 'lists'>,
): void {
  for (const list of lists) {
    const isAscending = list.every((one, i) => i === 0 || compareBytes(list[i - 1]!.providerId, one.providerId) < 0);
    demand(isAscending, `entry ${index}: the candidates of a sitting are out of order`);
    const keys = new Set(list.map(({ keyHash }) => toHex(keyHash)));
    demand(keys.size === list.length, `entry ${index}: a key is listed twice`);
    const weights = new Map(list.map(({ payee, weight }) => [toHex(payee), weight]));
    for (const { payee, operator, weight } of list) {
      const isOwn = equalBytes(operator, crypto.sha256(payee));
      demand(isOwn, `entry ${index}: a candidate is put down to another operator than its payee`);
      // The stake of a payee counts alike for each of its keys.
      const isShared = weight >= 1n && weight === weights.get(toHex(payee));
      demand(isShared, `entry ${index}: two keys of one payee have other chances`);
    }
  }
}

/** All who were asked; of the first sitting, too, for whom the beacon drew a honeypot. */
function listAnswers({
  attempts,
  honeypot,
}: Pick<AuditEvidence, 'attempts' | 'honeypot'>): readonly Omit<Attempt, 'round' | 'nonce'>[] {
  return honeypot === undefined ? attempts : [...attempts, { ...honeypot, sitting: 0 }];
}

/** Class and room of whoever was asked are those that it has announced. */
function assertAnnounced(
  { index }: Pick<VerdictEntry, 'index'>,
  { modelRoot }: Pick<NamedOrder, 'modelRoot'>,
  { lists, ...evidence }: Pick<AuditEvidence, 'lists' | 'attempts' | 'honeypot'>,
): void {
  for (const { credential, verifierId, sitting } of listAnswers(evidence)) {
    const candidate = lists[sitting]?.find(({ providerId }) => equalBytes(providerId, verifierId));
    if (credential === undefined || candidate === undefined) continue;
    const isSame = isOffered(credential, modelRoot, candidate);
    demand(isSame, `entry ${index}: a verifier is listed with another class or room than it has announced`);
  }
}

/** Nobody is paid or marked for a key that it has not named, and that has not named it. */
function assertLiable(
  crypto: Crypto,
  { index, verifiers }: Pick<VerdictEntry, 'index' | 'verifiers'>,
  { lists, ...evidence }: Pick<AuditEvidence, 'attempts' | 'lists' | 'honeypot'>,
  { ledger, order }: Pick<VerdictAnchors, 'ledger'> & { readonly order: Pick<NamedOrder, 'expiresAtMs'> },
): void {
  const attempts = listAnswers(evidence);
  const said = verifiers.filter(({ payee, outcome }) => isPayable(payee) && outcome !== 'silent');
  for (const { verifierId: providerId, payee } of said) {
    const report = attempts.find((one) => one.opened && equalBytes(one.verifierId, providerId));
    const keyHash = report?.committed && hashHybridKey(crypto, report.committed.verifierKey);
    const isBound =
      keyHash &&
      report.credential &&
      isLiable(crypto, ledger, report.credential, { providerId, payee, keyHash }) &&
      isAnnouncedFor(report.credential, order);
    demand(isBound === true, `entry ${index}: a verifier is put down to a payee that it does not work for`);
  }
  for (const { opened, credential, verifierId, sitting } of attempts) {
    if (opened !== undefined || credential === undefined) continue;
    const candidate = lists[sitting]?.find(({ providerId }) => equalBytes(providerId, verifierId));
    const isBound = candidate !== undefined && isLiable(crypto, ledger, credential, candidate);
    demand(isBound, `entry ${index}: silence is put down to a payee that the verifier does not work for`);
  }
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
