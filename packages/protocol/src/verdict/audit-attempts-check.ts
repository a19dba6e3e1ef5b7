import { PAIR_PPM } from '../audit/audit.ts';
import { computeMostAsked, findAttemptDraw, MAX_ASKED } from '../audit/audit-attempt.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { AttemptReview } from './attempt-review.ts';
import type { Attempt, AuditEvidence } from './evidence.ts';
import { JudgeError, type Judgement, type JudgementContext } from './judgement.ts';
import type { WeighedReport } from './report-check.ts';
import {
  type CountedReport,
  combineReports,
  countReports,
  countSilentStake,
  isCharge,
  isFarOut,
  isOutweighedBySilence,
  isReproduced,
  isUnconfirmed,
} from './report-combination.ts';
import { computeRoundSize, countAttempt, type DrawContext, drawNext, hasOutsider } from './verifier-draw.ts';

/** The result of the reports of some audit attempts. */
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
      readonly culprit: number | undefined;
    }
);

/**
 * Concludes the result after so many audit attempts. After all attempts it is the verdict; after the first ones it shows
 * whether the next one was needed.
 */
export function conclude(
  crypto: Crypto,
  context: DrawContext,
  audit: { readonly lists: AuditEvidence['lists']; readonly asked: readonly AttemptReview[] },
): Conclusion {
  const { asked } = audit;
  const reports = countReports(audit);
  const weighed = reports.map((one) => one.weighed);
  const { decision: verdict, marked, culprit } = combineReports(reports);
  // One report must not cost the fee while another verifier could be asked, or was asked and stayed silent.
  const isAlone = verdict === 'reject' && weighed.length === 1;
  const isLone = isAlone && (asked.length > 1 || hasOutsider(crypto, context, audit));
  if (weighed.length === 0 || isLone) {
    const why = isLone
      ? 'one verifier rejects, and nobody else has answered'
      : 'no verifier of this model has answered';
    return { verdict: 'unjudged', why, weighed, wants: 'verdict' };
  }
  const canAskAnother = hasOutsider(crypto, context, audit);
  const hasNoRoom = verdict === 'inconclusive' && weighed.every(({ isPartial }) => isPartial);
  const isOutweighed = verdict === 'accept' && isOutweighedBySilence(reports, countSilentStake(audit));
  if (verdict === 'unjudged' || hasNoRoom || isOutweighed) {
    const why = hasNoRoom
      ? 'no verifier that answered has room for the reply'
      : isOutweighed
        ? 'the verifiers that did not answer have more stake than those that accept'
        : 'the verifiers contradict each other, and neither side has both more operators and no less stake';
    return { verdict: 'unjudged', why, weighed, wants: canAskAnother ? 'verdict' : undefined };
  }
  const accepts = weighed.filter(({ outcome, exact }) => exact && outcome === 'accept').length;
  const isExact = verdict === 'accept' ? accepts >= 1 : verdict === 'reject' && isReproduced(reports);
  const isUnproven = verdict === 'reject' && isUnconfirmed(reports);
  const wanted = findWanted(reports, { isUnproven, isOnlyOne: asked.length === 1 });
  const wants = canAskAnother ? wanted : undefined;
  return { verdict, marked, isExact, isUnproven, culprit, weighed, wants };
}

/**
 * Asserts that a round was needed. No verifier is asked after the decision. Otherwise a validator that has seen the answer to a
 * honeypot could continue until it does not count. A further round is needed if its audit attempt has no report yet, or the
 * reports so far require another one.
 * @param asked all attempts before it.
 * @throws JudgeError
 */
export function assertWanted(
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
  if (combineReports(countReports({ lists, asked })).wantsAnother) return;
  throw new JudgeError('wrong-verifier', `attempt ${asked.length} was asked, and the reports before it had decided`);
}

/**
 * Asserts that an audit attempt was needed because those before it left something open. @param asked all attempts before it.
 * @throws JudgeError
 */
export function assertLeftOpen(
  crypto: Crypto,
  context: DrawContext,
  { lists, asked }: { readonly lists: AuditEvidence['lists']; readonly asked: readonly AttemptReview[] },
  sitting: number,
): void {
  for (let held = (asked.at(-1)?.sitting ?? 0) + 1; held <= sitting; held++) {
    if (conclude(crypto, context, { lists: lists.slice(0, held), asked }).wants !== undefined) continue;
    throw new JudgeError('wrong-verifier', `audit attempt ${held} was made, and nothing was left open`);
  }
}

/** Finds the need for a verifier outside the draw, if there is such a verifier. */
function findWanted(
  reports: readonly CountedReport[],
  { isUnproven, isOnlyOne }: { readonly isUnproven: boolean; readonly isOnlyOne: boolean },
): Judgement['wants'] {
  if (isUnproven && isCharge(reports)) return 'ejection';
  return isOnlyOne && isFarOut(reports) ? 'evidence' : undefined;
}

/**
 * Asserts that audit attempts and rounds follow each other, and a round asks no more verifiers than allowed. @throws JudgeError
 */
export function assertPlace(attempts: readonly Attempt[], index: number): void {
  const { sitting, round } = attempts[index] as Attempt;
  const before = attempts[index - 1];
  const isNext = round === (before === undefined ? 0 : before.round + 1) && sitting >= (before?.sitting ?? 0);
  const most = computeMostAsked(countAttempt(attempts, { sitting, round }), round === 0 ? 2 : 1);
  const place = attempts.slice(0, index).filter((one) => one.round === round).length;
  const isBeside = round === before?.round && sitting === before.sitting && place < most;
  if (!isNext && !isBeside) throw new JudgeError('wrong-verifier', `attempt ${index} has no place in round ${round}`);
}

/**
 * Asserts that each audit attempt with remaining candidates asked a verifier, and two at once if the beacon requires it.
 * @throws JudgeError
 */
export function assertAsked(
  crypto: Crypto,
  context: JudgementContext & DrawContext,
  { lists, asked }: { readonly lists: AuditEvidence['lists']; readonly asked: readonly AttemptReview[] },
): void {
  for (const sitting of lists.keys()) {
    const before = asked.filter((one) => one.sitting < sitting);
    const round = (before.at(-1)?.round ?? -1) + 1;
    const ofSitting = asked.filter((one) => one.sitting === sitting);
    if (ofSitting.length > MAX_ASKED)
      throw new JudgeError('wrong-verifier', `too many verifiers were asked in audit attempt ${sitting}`);
    const first = ofSitting.filter((one) => one.round === round);
    if (first.length === 0 && drawNext(crypto, context, { lists, asked: before }, { sitting, round }) !== undefined) {
      throw new JudgeError(
        'wrong-verifier',
        `no verifier was asked in audit attempt ${sitting}, but one was available`,
      );
    }
    const draw = findAttemptDraw(context.draw, context.laterBeacons ?? [], sitting);
    if (first.length !== 1 || computeRoundSize(crypto, draw, round, context.pairPpm ?? PAIR_PPM) === 1) continue;
    if (drawNext(crypto, context, { lists, asked: [...before, ...first] }, { sitting, round }) === undefined) continue;
    throw new JudgeError('wrong-verifier', 'the beacon asks for two verifiers at the same time');
  }
}
