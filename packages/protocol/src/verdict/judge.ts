import { equalBytes } from '../base/bytes.ts';
import { fail, pass, skip } from '../base/checks.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { VerifierMark } from '../settlement/verdict-log.ts';
import { isComparable, mayShowTexts } from '../tier/outcome.ts';
import { type AttemptReview, assertSilent, findDrawn, markSilence, weighAttempt } from './attempt-review.ts';
import { assertAsked, assertLeftOpen, assertPlace, assertWanted, conclude } from './audit-attempts-check.ts';
import { assertSubjects, findUnshown } from './audit-subject.ts';
import { type Claim, verifyBoundRecord } from './claim.ts';
import { describePolicy } from './drift-policy.ts';
import type { AuditEvidence, EquivocationEvidence, Evidence } from './evidence.ts';
import { reviewHoneypot } from './honeypot/honeypot.ts';
import { JudgeError, type Judgement, type JudgementContext } from './judgement.ts';
import { findOpened, type OpenedReply, openShown } from './opened-reply.ts';
import type { WeighedReport } from './report-check.ts';
import { combineEvidence } from './report-combination.ts';
import { type DrawContext, drawNext, findDueHoneypot } from './verifier-draw.ts';

/** The largest value of the field in a log entry. */
const MAX_TOKENS = 2 ** 32 - 1;

/**
 * Derives the verdict from its evidence.
 * @param before the same reply as opened earlier, so that stage 1 does not run again.
 * @throws JudgeError if the evidence does not prove its claim; ClaimError if a record in it is not this provider's.
 */
export function judge(crypto: Crypto, judged: JudgementContext, evidence: Evidence, before?: OpenedReply): Judgement {
  if (evidence.kind === 'withheld') {
    const tier = judged.claim.header?.tier;
    if (tier !== undefined && !mayShowTexts(tier))
      throw new JudgeError('proves-nothing', `a provider of tier ${tier} opens its reply to no validator`);
    const checks = [fail('opening', 'the provider did not open its commitment within the audit window')];
    return { verdict: 'reject', evidence: 'statistical', checks, verifiers: [], isWithheld: true };
  }
  if (evidence.kind === 'unasked') {
    const tier = judged.claim.header?.tier;
    if (tier !== undefined && !isComparable(tier)) throw createNothingToCompare(tier);
    const checks = [skip('opening', 'the provider was not asked often enough while it had to keep its opening')];
    return { verdict: 'unjudged', evidence: 'none', checks, verifiers: [], isUnasked: true };
  }
  if (evidence.kind === 'equivocation') return judgeEquivocation(crypto, judged, evidence);
  if (evidence.kind === 'abandoned' || evidence.kind === 'ended')
    throw new JudgeError('proves-nothing', 'a reply with a record was delivered');
  const opened =
    evidence.kind === 'shown'
      ? openShown(crypto, judged.claim.record, evidence)
      : findOpened(crypto, judged.claim.record, evidence.opening, before);
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
  if (evidence.kind === 'shown') throw new JudgeError('proves-nothing', 'the blobs are consistent with the opening');
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
  // The second record may name another reply, request or model. Its header binds it to the order.
  const { commitRoot } = verifyBoundRecord(crypto, claim.order, { ...second, providerKey: signed.providerKey });
  const checks = [fail('equivocation', `a second record with commitment ${shorten(commitRoot)} was signed`)];
  return { verdict: 'reject', evidence: 'exact', checks, verifiers: [] };
}

function shorten(bytes: Uint8Array): string {
  return Array.from(bytes.subarray(0, 6), (byte) => byte.toString(16).padStart(2, '0')).join('');
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
  assertSubjects(crypto, context, { lists, asked });
  const unshown = findUnshown(opened, context.claim, lists.at(-1));
  if (unshown !== undefined) {
    assertAsked(crypto, context, { lists: lists.slice(0, -1), asked });
    if (asked.some(({ sitting, weighed }) => sitting === lists.length - 1 || weighed !== undefined))
      throw new JudgeError('wrong-verifier', 'a verifier was asked about layers whose input nobody can show');
    const checks = [...opened.reply.checks, skip('boundary', `the leader answers: ${unshown}`)];
    return { verdict: 'inconclusive', evidence: 'statistical', checks, verifiers: listMarks(asked, () => false) };
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
  const { marked, isExact, isUnproven, culprit } = found;
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
    // Measured drift of the whole reply says nothing about one shard.
    eValue:
      verdict === 'reject'
        ? culprit === undefined
          ? computeMean(weighed)
          : undefined
        : combineEvidence(listEValues(weighed.filter((_, index) => !refuted.has(index)))),
    agreed,
    suspect: trapped.isSuspect ? evidence.honeypot?.verifierId : undefined,
    isUntold: trapped.isUntold,
    isUnproven,
    ...(culprit !== undefined && { culprit }),
    wants,
  };
}

/**
 * Gives up on a honeypot whose outcome could not be found out in a day. The reply ends unjudged and unpaid, like a reply whose
 * opening could not be requested. Otherwise a validator could spare a friend by waiting.
 */
export const giveUpUntold = ({ checks, verifiers }: Judgement): Judgement => ({
  ...{ verdict: 'unjudged', evidence: 'none', verifiers, isUntold: true },
  checks: [...checks, skip('honeypot', 'nobody could find out in time what became of it')],
});

interface TrappedReview extends Pick<Judgement, 'isUntold'> {
  readonly marks: readonly VerifierMark[];
  readonly isSuspect?: boolean;
}

/**
 * Judges the honeypot of the audit. Its answer is known if the reply is valid and two of its verifiers agree. Then the evidence
 * must state the outcome, so that a validator cannot spare a friend (`isUntold`). @throws JudgeError
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

/**
 * Lists the marks in the order in which verifiers were asked. A report that is not refuted is paid under any verdict. A
 * verifier that was paid only for agreement would always agree.
 */
function listMarks(asked: readonly AttemptReview[], isRefuted: (report: WeighedReport) => boolean): VerifierMark[] {
  return asked.flatMap(({ weighed, silence, verifierId, candidate: { payee } }): readonly VerifierMark[] => {
    if (weighed === undefined) return silence;
    if (isRefuted(weighed)) return [{ verifierId, payee, outcome: 'refuted' }];
    return [{ verifierId, payee, outcome: 'credited', tokens: Math.min(weighed.tokens, MAX_TOKENS) }];
  });
}

/**
 * Computes the mean of the reports. Several reports on one reply share its noise, and the mean of a drawn pair is an e-value in
 * any case. A further verifier is asked if one report lies far out, and the mean stays an e-value. The reason: for e-values of
 * one distribution, none is larger on average where another is large than that one is (e-value.test.ts). Without the accepting
 * reports the mean would be no e-value. Without refuted rejects it only gets smaller.
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
