import { PAIR_PPM } from '../audit/audit.ts';
import { computeMostAsked, findSittingDraw, MAX_ASKED } from '../audit/sitting.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { AttemptReview } from './attempt-review.ts';
import type { Attempt, AuditEvidence } from './evidence.ts';
import { JudgeError, type Judgement, type JudgementContext } from './judgement.ts';
import type { WeighedReport } from './report-check.ts';
import { combineReports, isCharge, isFarOut, isReproduced, isUnconfirmed } from './report-combination.ts';
import { computeRoundSize, countSitting, type DrawContext, drawNext, hasOutsider } from './verifier-draw.ts';

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
export function conclude(
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
  const { decision } = combineReports(
    asked.flatMap(({ weighed }) => weighed ?? []),
    true,
  );
  if (decision === 'ask-another') return;
  throw new JudgeError('wrong-verifier', `attempt ${asked.length} was asked, and the reports before it had decided`);
}

/** A sitting is held where those before it left something open. @param asked all attempts before it. @throws JudgeError */
export function assertLeftOpen(
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

/** What somebody outside the draw would be asked for, if there is somebody. */
function findWanted(
  weighed: readonly WeighedReport[],
  { isUnproven, isOnlyOne }: { readonly isUnproven: boolean; readonly isOnlyOne: boolean },
): Judgement['wants'] {
  if (isUnproven && isCharge(weighed)) return 'ejection';
  return isOnlyOne && isFarOut(weighed) ? 'evidence' : undefined;
}

/** Sittings and rounds must follow each other, and a round asks no more verifiers than it may. @throws JudgeError */
export function assertPlace(attempts: readonly Attempt[], index: number): void {
  const { sitting, round } = attempts[index] as Attempt;
  const before = attempts[index - 1];
  const isNext = round === (before === undefined ? 0 : before.round + 1) && sitting >= (before?.sitting ?? 0);
  const most = computeMostAsked(countSitting(attempts, { sitting, round }), round === 0 ? 2 : 1);
  const place = attempts.slice(0, index).filter((one) => one.round === round).length;
  const isBeside = round === before?.round && sitting === before.sitting && place < most;
  if (!isNext && !isBeside) throw new JudgeError('wrong-verifier', `attempt ${index} has no place in round ${round}`);
}

/** In each sitting whose list has somebody left somebody was asked, and two at once where the beacon says so. @throws JudgeError */
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
