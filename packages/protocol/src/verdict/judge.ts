import { type AuditDraw, PAIR_PPM } from '../audit/audit.ts';
import { computeMostAsked, findSittingDraw, MAX_ASKED } from '../audit/sitting.ts';
import { equalBytes } from '../base/bytes.ts';
import { type Check, fail, pass, skip } from '../base/checks.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { parseAnnouncement } from '../exchange/announcement.ts';
import { hashJobRound } from '../exchange/reveal-word.ts';
import { hashAskedJob, hashAskedReport } from '../exchange/silence.ts';
import { fillRound, hashScoreInputs } from '../modality/text/stage2/score-commitment.ts';
import { HALF_HOUR_MS, toHalfHour } from '../settlement/silence-count.ts';
import type { EvidenceKind, VerifierMark } from '../settlement/verdict-log.ts';
import { isComparable } from '../tier/outcome.ts';
import { type Claim, type SignedRecord, type StoredClaim, verifyBoundRecord } from './claim.ts';
import { type DriftPolicy, describePolicy } from './drift-policy.ts';
import type { Attempt, AuditEvidence, EquivocationEvidence, Evidence, EvidenceCandidate } from './evidence.ts';
import { type HoneypotKey, reviewHoneypot } from './honeypot.ts';
import { findOpened, type OpenedReply, readVerifierReport } from './opened-reply.ts';
import { findCommitmentProblem, readReport, type WeighedReport, weighReport } from './report-check.ts';
import {
  combineEvidence,
  combineReports,
  isCharge,
  isFarOut,
  isReproduced,
  isUnconfirmed,
} from './report-combination.ts';
import {
  type AttemptSummary,
  computeJobId,
  computeRoundSize,
  countSitting,
  type DrawContext,
  drawNext,
  findDueHoneypot,
  hasOutsider,
} from './verifier-draw.ts';
import { findSilenceProblem, findSilentMs, type SilenceClaim } from './witnessed.ts';

/** Room of the field in a log entry. */
const MAX_TOKENS = 2 ** 32 - 1;

/** From evidence to verdict: the deciding validator and its co-signers call the same function. */
export interface Judgement {
  readonly verdict: 'accept' | 'reject' | 'inconclusive' | 'unjudged';
  readonly evidence: EvidenceKind;
  readonly checks: readonly Check[];
  /** What the reports say of those who gave them, in the order in which they were asked. */
  readonly verifiers: readonly VerifierMark[];
  /**
   * Against "this reply is honest", where a drift table was asked: expectation at most 1 for an honest one. Undefined where
   * only the verdict speaks.
   */
  readonly eValue?: number | undefined;
  /** A report that two of different operators agreed on to the bit. */
  readonly agreed?: Uint8Array | undefined;
  /** Whose answer to the honeypot is in doubt, and past the fixed limits: too little for the log. */
  readonly suspect?: Uint8Array | undefined;
  /** The beacon draws a honeypot whose answer is known, and nothing is said of it: refused of whoever is of the deciding epoch's set. */
  readonly isUntold?: boolean | undefined;
  /**
   * A reject that nobody outside the draw has repeated. It costs the fee and not the name: verifiers in league can say anything.
   */
  readonly isUnproven?: boolean | undefined;
  /** The opening did not come. */
  readonly isWithheld?: boolean | undefined;
  /**
   * What another sitting is for: without it nobody, or only one verifier, has judged the reply (`verdict`), the provider cannot be
   * ejected yet (`ejection`), or only one verifier was asked, and it measured what speaks against the provider (`evidence`).
   */
  readonly wants?: 'verdict' | 'ejection' | 'evidence' | undefined;
}

export type JudgeErrorCode = 'proves-nothing' | 'wrong-verifier' | 'bad-report';

/** The evidence does not prove what it should. Whoever brought it is wrong, not the provider. */
export class JudgeError extends Error {
  override readonly name = 'JudgeError';
  readonly code: JudgeErrorCode;
  readonly retryable = false;
  constructor(code: JudgeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface JudgementContext {
  readonly claim: Pick<Claim, 'order' | 'record'> & {
    readonly header?: Claim['header'];
    /** As submitted. Without it no report can be read, since the verifier's job is unknown. */
    readonly endpoint?: string;
  };
  readonly signed: SignedRecord;
  readonly validator: Uint8Array;
  /** Beacon that selected the reply; only stage 2 needs it. */
  readonly draw: AuditDraw | undefined;
  /** The least share of audits like this one that ask two verifiers at the same time, parts per million. Default: PAIR_PPM. */
  readonly pairPpm?: number;
  /** The share of audits that bring a honeypot along, parts per million. Default: HONEYPOT_PPM. */
  readonly honeypotPpm?: number | undefined;
  /** By what the honeypot's nonce is checked, where the evidence tells of one. */
  readonly vrfKey?: HoneypotKey;
  /** Beacons of the sittings after the first, in order. */
  readonly laterBeacons?: readonly Uint8Array[];
  /** Whether the first attempt may have gone to a verifier that the operators agreed on, named by its key hash. */
  readonly allowFixedVerifier: boolean;
  /** What scores are judged by; fixed thresholds where absent. */
  readonly drift?: DriftPolicy | undefined;
  /** By what the silence of verifiers is checked; it is believed where absent. */
  readonly witnessed?: WitnessedBy | undefined;
}

/** Who had to ask a verifier that is said to have been silent. */
export interface WitnessedBy extends Pick<SilenceClaim, 'ledger' | 'beacon' | 'members'> {
  /** Whether whoever judges was given that itself. */
  readonly wasShown?: ((question: Pick<SilenceClaim, 'asked' | 'target' | 'subject'>) => boolean) | undefined;
}

/** With all that verifiers are asked with. */
export type AuditContext = JudgementContext & { readonly claim: StoredClaim };

/** A verifier outside the draw: who it is follows from its key alone. */
export function toFixedCandidate(keyHash: Uint8Array): EvidenceCandidate {
  const unknown = { payee: new Uint8Array(20), numericClass: '', contextSize: 0, weight: 1n };
  return { ...unknown, providerId: keyHash, keyHash, operator: keyHash };
}

/**
 * @param before the same reply as it was opened before, so that stage 1 is not run again.
 * @throws JudgeError where the evidence does not prove what it is brought for; ClaimError where a record in it is no
 * record of this provider.
 */
export function judge(crypto: Crypto, judged: JudgementContext, evidence: Evidence, before?: OpenedReply): Judgement {
  if (evidence.kind === 'withheld') {
    const checks = [fail('opening', 'the provider did not open its commitment within the audit window')];
    return { verdict: 'reject', evidence: 'statistical', checks, verifiers: [], isWithheld: true };
  }
  if (evidence.kind === 'unasked') {
    const tier = judged.claim.header?.tier;
    if (tier !== undefined && !isComparable(tier)) throw createNothingToCompare(tier);
    const checks = [skip('opening', 'the provider was not asked often enough while it had to keep its opening')];
    return { verdict: 'unjudged', evidence: 'none', checks, verifiers: [] };
  }
  if (evidence.kind === 'equivocation') return judgeEquivocation(crypto, judged, evidence);
  if (evidence.kind === 'abandoned') throw new JudgeError('proves-nothing', 'a reply with a record was delivered');
  const opened = findOpened(crypto, judged.claim.record, evidence.opening, before);
  if (opened === undefined || opened.outcome === 'nothing') {
    throw new JudgeError('proves-nothing', 'the bytes are not an opening of the signed record');
  }
  const { header } = opened.reply;
  if (header && !equalBytes(header.orderHash, judged.claim.order.orderHash)) {
    throw new JudgeError('proves-nothing', 'the record is about another order');
  }
  if (opened.outcome === 'refuted') {
    return { verdict: 'reject', evidence: 'exact', checks: opened.reply.checks, verifiers: [] };
  }
  if (header && !isComparable(header.tier)) throw createNothingToCompare(header.tier);
  return judgeReports(crypto, judged, evidence, opened);
}

const createNothingToCompare = (tier: string): JudgeError =>
  new JudgeError('proves-nothing', `a consistent reply of tier ${tier} is unaudited: nobody has anything to compare`);

function judgeEquivocation(
  crypto: Crypto,
  { claim, signed }: JudgementContext,
  { first, second }: EquivocationEvidence,
): Judgement {
  if (equalBytes(second.record, signed.record)) throw new JudgeError('proves-nothing', 'the two records are one');
  verifyBoundRecord(crypto, claim.order, { ...signed, ...first });
  // The second record may name another reply, request or model: its header ties it to the order.
  const { commitRoot } = verifyBoundRecord(crypto, claim.order, { ...second, providerKey: signed.providerKey });
  const checks = [fail('equivocation', `a second record with commitment ${shorten(commitRoot)} was signed`)];
  return { verdict: 'reject', evidence: 'exact', checks, verifiers: [] };
}

function shorten(bytes: Uint8Array): string {
  return Array.from(bytes.subarray(0, 6), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** One attempt, with who was drawn for it. */
interface AttemptReview extends AttemptSummary {
  readonly candidate: EvidenceCandidate;
  /** What its silence says of it, if anything. */
  readonly silence: readonly VerifierMark[];
}

function judgeReports(
  crypto: Crypto,
  judged: JudgementContext,
  evidence: AuditEvidence,
  opened: OpenedReply,
): Judgement {
  const header = opened.reply.header as Claim['header'];
  const { lists, attempts } = evidence;
  const context = { ...judged, claim: { ...judged.claim, header } };
  const asked: AttemptReview[] = [];
  for (const index of attempts.keys()) assertPlace(attempts, index);
  for (const [index, attempt] of attempts.entries()) {
    const { sitting, round, verifierId } = attempt;
    assertWanted(crypto, context, { lists, asked }, attempt);
    const drawn = drawNext(crypto, context, { lists, asked }, attempt);
    const candidate = findDrawn(judged, attempt, index, drawn);
    const isDrawn = candidate === drawn;
    const weighed = weighAttempt(crypto, judged, opened, { attempts, index, candidate, isDrawn });
    if (weighed && asked.some((one) => one.weighed && equalBytes(one.candidate.keyHash, candidate.keyHash))) {
      throw new JudgeError('bad-report', `attempt ${index}: the same key reports twice`);
    }
    asked.push({
      verifierId,
      sitting,
      round,
      candidate,
      weighed,
      silence: isDrawn ? markSilence(attempt, candidate) : [],
    });
  }
  assertAsked(crypto, context, { lists, asked });
  assertLeftOpen(crypto, context, { lists, asked }, lists.length - 1);
  const found = conclude(crypto, context, { lists, asked });
  const { verdict, weighed, wants } = found;
  const checks = [...opened.reply.checks, ...weighed.flatMap((one) => one.checks)];
  if (judged.drift && weighed.some(({ drift }) => drift))
    checks.push(pass('drift-table', describePolicy(judged.drift)));
  if (verdict === 'unjudged') {
    checks.push(skip('verifier', found.why));
    return { verdict, evidence: 'none', checks, verifiers: listMarks(asked, () => false), wants };
  }
  const { marked, isExact, isUnproven } = found;
  const refuted = new Set(marked);
  const agreed = findAgreed(weighed);
  const trapped = judgeTrapped(crypto, context, opened, {
    evidence,
    asked,
    agreed: verdict === 'accept' ? agreed : undefined,
  });
  return {
    verdict,
    evidence: isExact ? 'exact' : 'statistical',
    checks,
    verifiers: [...listMarks(asked, (report) => refuted.has(weighed.indexOf(report))), ...trapped.marks],
    eValue:
      verdict === 'reject'
        ? computeMean(weighed)
        : combineEvidence(listEValues(weighed.filter((_, index) => !refuted.has(index)))),
    agreed,
    suspect: trapped.isSuspect ? evidence.honeypot?.verifierId : undefined,
    isUntold: trapped.isUntold,
    isUnproven,
    wants,
  };
}

/**
 * Where nobody could find out in a day what became of the honeypot, the reply ends unjudged and unpaid, as where nobody could ask for the
 * opening: to spare a friend must not be worth waiting.
 */
export const giveUpUntold = ({ checks, verifiers }: Judgement): Judgement => ({
  ...{ verdict: 'unjudged', evidence: 'none', verifiers },
  checks: [...checks, skip('honeypot', 'nobody could find out in time what became of it')],
});

/** What the reports of some sittings come to. */
type Conclusion = {
  readonly weighed: readonly WeighedReport[];
  readonly wants: Judgement['wants'];
} & (
  | { readonly verdict: 'unjudged'; readonly why: string }
  | {
      readonly verdict: 'accept' | 'reject' | 'inconclusive';
      /** Indices of reports that the others refute. */
      readonly marked: readonly number[];
      readonly isExact: boolean;
      readonly isUnproven: boolean;
    }
);

/** What is known once so many sittings are over: of all of them the verdict, of the first ones whether the next one was wanted. */
function conclude(
  crypto: Crypto,
  context: DrawContext,
  audit: { readonly lists: AuditEvidence['lists']; readonly asked: readonly AttemptReview[] },
): Conclusion {
  const { asked } = audit;
  const reports = asked.flatMap(({ weighed, verifierId, sitting, candidate: { payee } }) =>
    weighed ? [{ weighed, verifierId, sitting, payee }] : [],
  );
  const weighed = reports.map((one) => one.weighed);
  const { decision, marked } = combineReports(weighed, false);
  // One report must not cost the fee while another verifier could have been asked, or was asked and said nothing.
  const isAlone = decision === 'reject' && weighed.length === 1;
  const isLone = isAlone && (asked.length > 1 || hasOutsider(crypto, context, audit));
  if (weighed.length === 0 || isLone) {
    const why = isLone
      ? 'one verifier rejects, and nobody else has answered'
      : 'no verifier of this model has answered';
    return { verdict: 'unjudged', why, weighed, wants: 'verdict' };
  }
  const verdict = decision === 'ask-another' ? 'inconclusive' : decision;
  const accepts = weighed.filter(({ outcome, exact }) => exact && outcome === 'accept').length;
  const isExact = verdict === 'accept' ? accepts >= 1 : verdict === 'reject' && isReproduced(reports);
  const isUnproven = verdict === 'reject' && isUnconfirmed(reports);
  const wanted = findWanted(weighed, { isUnproven, isOnlyOne: asked.length === 1 });
  const wants = wanted && hasOutsider(crypto, context, audit) ? wanted : undefined;
  return { verdict, marked, isExact, isUnproven, weighed, wants };
}

/**
 * Nobody is asked once it is decided: otherwise a validator that has seen the answer to a honeypot could go on until it does not count.
 * A further round is asked where its sitting has no report yet, or the reports so far need another.
 * @param asked all attempts before it. @throws JudgeError
 */
function assertWanted(
  crypto: Crypto,
  context: DrawContext,
  { lists, asked }: { readonly lists: AuditEvidence['lists']; readonly asked: readonly AttemptReview[] },
  { sitting, round }: Pick<Attempt, 'sitting' | 'round'>,
): void {
  const last = asked.at(-1);
  if (last === undefined || last.sitting !== sitting) {
    assertLeftOpen(crypto, context, { lists, asked }, sitting);
    return;
  }
  const isJudged = asked.some((one) => one.sitting === sitting && one.weighed !== undefined);
  if (last.round === round || !isJudged) return;
  const { decision } = combineReports(
    asked.flatMap(({ weighed }) => weighed ?? []),
    true,
  );
  if (decision === 'ask-another') return;
  throw new JudgeError('wrong-verifier', `attempt ${asked.length} was asked, and the reports before it had decided`);
}

/** A sitting is held where those before it left something open. @param asked all attempts before it. @throws JudgeError */
function assertLeftOpen(
  crypto: Crypto,
  context: DrawContext,
  { lists, asked }: { readonly lists: AuditEvidence['lists']; readonly asked: readonly AttemptReview[] },
  sitting: number,
): void {
  for (let held = (asked.at(-1)?.sitting ?? 0) + 1; held <= sitting; held++) {
    if (conclude(crypto, context, { lists: lists.slice(0, held), asked }).wants !== undefined) continue;
    throw new JudgeError('wrong-verifier', `sitting ${held} was held, and nothing was left open`);
  }
}

interface TrappedReview extends Pick<Judgement, 'isUntold'> {
  readonly marks: readonly VerifierMark[];
  readonly isSuspect?: boolean;
}

/**
 * What became of the honeypot of the audit. Its answer is known where the reply holds and two of its verifiers saw the same; then the
 * evidence has to tell it, so that a validator spares no friend (`isUntold`). @throws JudgeError
 */
function judgeTrapped(
  crypto: Crypto,
  judged: JudgementContext & DrawContext,
  opened: OpenedReply,
  {
    evidence: { honeypot, lists },
    asked,
    agreed,
  }: {
    readonly evidence: AuditEvidence;
    readonly asked: readonly AttemptReview[];
    readonly agreed: Uint8Array | undefined;
  },
): TrappedReview {
  const { claim, validator, draw, drift, vrfKey } = judged;
  const { order, endpoint } = claim;
  const isKnown = lists.length === 1 && agreed !== undefined && endpoint !== undefined;
  if (honeypot === undefined) {
    const isUntold = isKnown && findDueHoneypot(crypto, judged, { lists, asked }) !== undefined;
    return { marks: [], isUntold };
  }
  if (!isKnown) throw new JudgeError('proves-nothing', 'a honeypot whose answer nobody knows');
  const drawn = findDueHoneypot(crypto, judged, { lists, asked });
  const found = reviewHoneypot(
    crypto,
    opened,
    { draw, drawn, order, endpoint, validator, vrfKey, agreed, drift },
    honeypot,
  );
  if ('problem' in found) throw new JudgeError('bad-report', `the honeypot: ${found.problem}`);
  if ('marks' in found) return found;
  assertSilent(crypto, judged, honeypot, { ...found, keyHash: found.drawn.keyHash, name: 'the honeypot' });
  return { marks: markSilence(honeypot, found.drawn) };
}

/** What somebody outside the draw would be asked for, if there is somebody. */
function findWanted(
  weighed: readonly WeighedReport[],
  { isUnproven, isOnlyOne }: { readonly isUnproven: boolean; readonly isOnlyOne: boolean },
): Judgement['wants'] {
  if (isUnproven && isCharge(weighed)) return 'ejection';
  return isOnlyOne && isFarOut(weighed) ? 'evidence' : undefined;
}

/**
 * In the order in which they were asked. A report that nobody refuted is paid, whatever the verdict: whoever was paid for agreeing would
 * agree.
 */
function listMarks(asked: readonly AttemptReview[], isRefuted: (report: WeighedReport) => boolean): VerifierMark[] {
  return asked.flatMap(({ weighed, silence, verifierId, candidate: { payee } }): readonly VerifierMark[] => {
    if (weighed === undefined) return silence;
    if (isRefuted(weighed)) return [{ verifierId, payee, outcome: 'refuted' }];
    return [{ verifierId, payee, outcome: 'credited', tokens: Math.min(weighed.tokens, MAX_TOKENS) }];
  });
}

/**
 * Silence is held against a verifier that had announced itself shortly before, and only by the statements of witnesses: a validator that
 * is the whole quorum marks nobody.
 */
function markSilence(
  { verifierId, statements = [], credential }: Pick<Attempt, 'verifierId' | 'statements' | 'credential'>,
  { payee }: EvidenceCandidate,
): readonly VerifierMark[] {
  if (statements.length === 0 || credential === undefined) return [];
  const timeMs = findSilentMs(statements);
  const { issuedAtMs, expiresAtMs } = parseAnnouncement(credential.announcement);
  const isAnnounced = issuedAtMs <= timeMs && timeMs <= expiresAtMs + HALF_HOUR_MS;
  return isAnnounced ? [{ verifierId, payee, outcome: 'silent', halfHour: toHalfHour(timeMs) }] : [];
}

/**
 * Several reports on one reply share its noise. The mean of a drawn pair is an e-value, whatever they share. A further verifier
 * is asked if one report lies far out, and the mean stays an e-value: for e-values of one distribution, none is larger on
 * average where another one is large than that one is (e-value.test.ts). To leave out the accepting reports would not give an
 * e-value; to leave out refuted rejects only makes it smaller.
 */
function computeMean(weighed: readonly WeighedReport[]): number | undefined {
  const values = listEValues(weighed);
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}

const listEValues = (weighed: readonly WeighedReport[]): number[] =>
  weighed.flatMap(({ drift }) => (drift ? [drift.eValue] : []));

function findAgreed(weighed: readonly WeighedReport[]): Uint8Array | undefined {
  const exact = weighed.filter(({ claimsExact, answer }) => claimsExact && answer !== undefined);
  const agreed = exact.find((one) => exact.some((other) => other !== one && equalBytes(one.finding, other.finding)));
  return agreed?.answer;
}

/** Sittings and rounds must follow each other, and a round asks no more verifiers than it may. @throws JudgeError */
function assertPlace(attempts: readonly Attempt[], index: number): void {
  const { sitting, round } = attempts[index] as Attempt;
  const before = attempts[index - 1];
  const isNext = round === (before === undefined ? 0 : before.round + 1) && sitting >= (before?.sitting ?? 0);
  const most = computeMostAsked(countSitting(attempts, { sitting, round }), round === 0 ? 2 : 1);
  const place = attempts.slice(0, index).filter((one) => one.round === round).length;
  const isBeside = round === before?.round && sitting === before.sitting && place < most;
  if (!isNext && !isBeside) throw new JudgeError('wrong-verifier', `attempt ${index} has no place in round ${round}`);
}

/** In each sitting whose list has somebody left somebody was asked, and two at once where the beacon says so. @throws JudgeError */
function assertAsked(
  crypto: Crypto,
  context: JudgementContext & DrawContext,
  { lists, asked }: { readonly lists: AuditEvidence['lists']; readonly asked: readonly AttemptReview[] },
): void {
  for (const sitting of lists.keys()) {
    const before = asked.filter((one) => one.sitting < sitting);
    const round = (before.at(-1)?.round ?? -1) + 1;
    const ofSitting = asked.filter((one) => one.sitting === sitting);
    if (ofSitting.length > MAX_ASKED)
      throw new JudgeError('wrong-verifier', `too many were asked in sitting ${sitting}`);
    const first = ofSitting.filter((one) => one.round === round);
    if (first.length === 0 && drawNext(crypto, context, { lists, asked: before }, { sitting, round }) !== undefined) {
      throw new JudgeError('wrong-verifier', `nobody was asked in sitting ${sitting}, but somebody could be`);
    }
    const draw = findSittingDraw(context.draw, context.laterBeacons ?? [], sitting);
    if (first.length !== 1 || computeRoundSize(crypto, draw, round, context.pairPpm ?? PAIR_PPM) === 1) continue;
    if (drawNext(crypto, context, { lists, asked: [...before, ...first] }, { sitting, round }) === undefined) continue;
    throw new JudgeError('wrong-verifier', 'the beacon asks for two verifiers at the same time');
  }
}

/** @throws JudgeError */
function findDrawn(
  judged: JudgementContext,
  { verifierId }: Attempt,
  index: number,
  drawn: EvidenceCandidate | undefined,
): EvidenceCandidate {
  if (drawn && equalBytes(drawn.providerId, verifierId)) return drawn;
  if (judged.allowFixedVerifier && index === 0) return toFixedCandidate(verifierId);
  throw new JudgeError('wrong-verifier', `attempt ${index} went to a verifier that the beacon did not draw`);
}

/** @returns undefined where nothing was opened. @throws JudgeError */
function weighAttempt(
  crypto: Crypto,
  judged: JudgementContext,
  reply: OpenedReply,
  {
    attempts,
    index,
    candidate,
    isDrawn,
  }: { attempts: readonly Attempt[]; index: number; candidate: EvidenceCandidate; isDrawn: boolean },
): WeighedReport | undefined {
  const { claim, validator, drift } = judged;
  const { committed, opened, nonce, round } = attempts[index] as Attempt;
  const jobId = computeJobId(crypto, { validator, replyId: claim.order.replyId, attempt: index, nonce });
  const { keyHash, contextSize } = candidate;
  const endorsedClass = isDrawn ? candidate.numericClass : undefined;
  // Nobody else knows of a verifier that the operators agreed on.
  if (opened === undefined && isDrawn && judged.witnessed !== undefined) {
    const digests = committed && listDigests(crypto, attempts, round);
    const inputsHash = hashInputs(crypto, claim, reply, index);
    const asked = { jobId, keyHash, inputsHash, round: digests, name: `attempt ${index}` };
    assertSilent(crypto, judged, attempts[index] as Attempt, asked);
  }
  if (committed === undefined) return undefined;
  const problem = findCommitmentProblem(crypto, { jobId, keyHash, committed });
  if (problem !== undefined) throw new JudgeError('bad-report', `attempt ${index}: ${problem}`);
  if (opened === undefined) return undefined;
  const inputsHash = hashInputs(crypto, claim, reply, index);
  const job = { jobId, committed, opened, round: listDigests(crypto, attempts, round) };
  const read = readReport(crypto, job, {
    inputsHash,
    read: (bytes) => readVerifierReport(reply, bytes, { jobId, contextSize, endorsedClass }),
  });
  if ('problem' in read && read.isUnreadable) return undefined;
  if ('problem' in read) throw new JudgeError('bad-report', `attempt ${index}: ${read.problem}`);
  return weighReport(read, drift);
}

/** What everybody is asked to score. @throws JudgeError */
function hashInputs(
  crypto: Crypto,
  { endpoint, order }: JudgementContext['claim'],
  { reply }: OpenedReply,
  index: number,
): Uint8Array {
  if (endpoint === undefined)
    throw new JudgeError('bad-report', `attempt ${index}: the reply that it is on is missing`);
  return hashScoreInputs(crypto, { requestHash: order.requestHash, ...reply.describeJob(endpoint) });
}

/** Witnesses gave the verifier the same job, and got no commitment; or the same round, and got no report. @throws JudgeError */
function assertSilent(
  crypto: Crypto,
  { claim, validator, witnessed }: JudgementContext,
  { verifierId: target, statements = [] }: Pick<Attempt, 'verifierId' | 'statements'>,
  asked: {
    readonly jobId: Uint8Array;
    readonly keyHash: Uint8Array;
    readonly inputsHash: Uint8Array;
    /** What it had to open over; undefined where it committed to nothing. */
    readonly round: readonly Uint8Array[] | undefined;
    readonly name: string;
  },
): void {
  const { jobId, keyHash, inputsHash, round, name } = asked;
  if (witnessed === undefined) return;
  const { replyId, orderHash } = claim.order;
  const job = hashAskedJob(crypto, { jobId, keyHash, inputsHash });
  const question = {
    target,
    ...(round
      ? {
          asked: 'report' as const,
          subject: hashAskedReport(crypto, { job, round: hashJobRound(crypto, { jobId, round }) }),
        }
      : { asked: 'commitment' as const, subject: job }),
  };
  const problem = witnessed.wasShown?.(question)
    ? `it gave its ${question.asked} here`
    : findSilenceProblem(crypto, { ...witnessed, ...question, replyId, orderHash, validator }, statements);
  if (problem === undefined) return;
  throw new JudgeError('proves-nothing', `${name}: a verifier is said to have been silent: ${problem}`);
}

/** The digests that everybody in a round opens over. */
export function listDigests(
  crypto: Crypto,
  attempts: readonly Pick<Attempt, 'round' | 'nonce' | 'committed'>[],
  round: number,
): Uint8Array[] {
  const asked = attempts.filter((attempt) => attempt.round === round);
  const digests = asked.flatMap(({ committed }) => (committed ? [committed.digest] : []));
  return fillRound(crypto, digests, (asked[0] as Attempt).nonce);
}
