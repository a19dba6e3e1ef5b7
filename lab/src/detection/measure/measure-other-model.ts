import type { Experiment } from '../plan/experiments.ts';
import type { OtherModelRow } from '../results.ts';
import { shareOf } from '../share.ts';
import { type Detector, selectLength } from './detector.ts';
import type { JudgedReply } from './load.ts';

/** The smallest rate that a small sample of honest replies can show. */
const RATE = 0.01;

/** Honest replies of one model, judged by a detector that was fitted to another model in the same classes. */
export function measureOtherModel(
  detector: Pick<Detector, 'judgeBeyond'>,
  given: { readonly experiment: Experiment; readonly measuredOn: string; readonly replies: readonly JudgedReply[] },
): OtherModelRow {
  const { experiment, measuredOn, replies } = given;
  const { model = measuredOn, weights, provider, verifier = '' } = experiment;
  const judged = selectLength(replies, 'whole').flatMap((sample) => detector.judgeBeyond(sample) ?? []);
  return {
    ...{ model, measuredOn, weights, provider, verifier },
    rejected: shareOf(judged, ({ pValue }) => pValue <= RATE),
  };
}
