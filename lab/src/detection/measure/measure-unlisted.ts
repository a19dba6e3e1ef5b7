import type { DriftSample } from '@ogong/protocol/modality/text/drift/drift-table-build';
import { DEFAULT_RATES, judgeByDrift } from '@ogong/protocol/modality/text/drift/drift-verdict';
import { findLengthBand } from '@ogong/protocol/modality/text/stage2/reply-scores';
import { CLAIMANTS, type Experiment, isUsual, MAIN_PAIR } from '../plan/experiments.ts';
import { SOLD_WEIGHTS, type SoldWeights } from '../plan/profiles.ts';
import { type ClassClaimRow, UNLISTED } from '../results.ts';
import { shareOf } from '../share.ts';
import { type Detector, type Length, type RankedReply, selectLength } from './detector.ts';
import type { ClassPair, ReadExperiment } from './fit-pair.ts';
import type { JudgedReply } from './load.ts';
import { passesFallback } from './measure-attacks.ts';
import { CLAIM_RATE } from './measure-claims.ts';
import { measureWindowDecision } from './measure-decision.ts';

/** The detector of a pair of classes, as a row of the table would hold it. */
export interface PairDetector extends ClassPair {
  readonly weights: SoldWeights;
  readonly detector: Detector;
}

export interface UnlistedSamples {
  readonly weights: SoldWeights;
  readonly verifier: string;
  readonly attack: string;
  /** The cheat's replies, computed in the exact class. */
  readonly replies: readonly JudgedReply[];
  /** All rows that the table would hold for the verifier's class. */
  readonly detectors: readonly PairDetector[];
  readonly seed: number;
}

export interface UnlistedOptions {
  readonly attacks: readonly Experiment[];
  readonly detectors: readonly PairDetector[];
  readonly seed: number;
  readonly read: ReadExperiment;
}

/** Rows for every weight type, every verifier whose class has rows, and every cheat. */
export function measureUnlistedClaims({ attacks, detectors, seed, read }: UnlistedOptions): ClassClaimRow[] {
  return SOLD_WEIGHTS.flatMap((weights) => {
    const known = detectors.filter((each) => each.weights === weights);
    return [...new Set(known.map(({ verifier }) => verifier))].flatMap((verifier) =>
      CLAIMANTS.flatMap((attack) => {
        const replies = attacks
          .filter((each) => each.weights === weights && each.verifier === verifier && each.source === attack)
          .filter((each) => each.provider === MAIN_PAIR.provider && isUsual(each))
          .flatMap(read);
        const seen = known.filter((each) => each.verifier === verifier);
        return replies.length === 0
          ? []
          : measureUnlisted({ weights, verifier, attack, replies, detectors: seen, seed });
      }),
    );
  });
}

/**
 * Measures what a cheat gains by declaring a class that no row of the table has. As in the product, the row that tolerates
 * such a reply most judges it.
 * @returns nothing if every reply was used in a fit.
 */
export function measureUnlisted(samples: UnlistedSamples): ClassClaimRow[] {
  const { weights, verifier, attack, replies, detectors, seed } = samples;
  const rows = detectors.flatMap(({ detector }) => detector.rows);
  const judge = ({ evidence }: DriftSample): Pick<RankedReply, 'pValue' | 'eValue'> => {
    const band = findLengthBand(evidence.positions);
    const ofBand = rows.filter((row) => row.band === band);
    // If no row covers it, fixed limits decide, and they give no evidence.
    return judgeByDrift({ kind: 'unlisted', rows: ofBand }, evidence, DEFAULT_RATES) ?? { pValue: 1, eValue: 1 };
  };
  const judgeAll = (length: Length) => selectHeldOut(samples, length).map(judge);
  const whole = judgeAll('whole');
  if (whole.length === 0) return [];
  return [
    {
      claim: `${weights}: a class that no row lists instead of cpu-exact, seen by ${verifier}`,
      ...{ weights, claimed: UNLISTED, verifier, attack },
      lying: shareOf(whole, ({ pValue }) => pValue <= CLAIM_RATE),
      tokensToDecide: measureWindowDecision(judgeAll('first'), seed).tokensToDecide,
      fallbackPasses: shareOf(
        replies.flatMap(({ scored }) => scored?.comparison.windows ?? []),
        passesFallback,
      ),
    },
  ];
}

/** Leaves out replies whose draw keys a row was fitted to as an alternative, whichever class served them. */
const selectHeldOut = ({ attack, replies, detectors }: UnlistedSamples, length: Length): DriftSample[] =>
  selectLength(replies, length).filter((sample) => !detectors.some(({ detector }) => detector.knows(attack, sample)));
