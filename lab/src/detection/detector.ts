import type { DriftRow } from '@ogong/protocol/drift-table';
import { buildDriftTable, type DriftSample, groupByBand, splitSamples } from '@ogong/protocol/drift-table-build';
import { type DriftVerdict, judgeByRow } from '@ogong/protocol/drift-verdict';
import { calibrateMixture } from '@ogong/protocol/e-value';
import { evaluateLikelihood } from '@ogong/protocol/likelihood';
import { findLengthBand, type ReplyEvidence } from '@ogong/protocol/reply-scores';
import type { SoldWeights } from './experiments.ts';
import type { JudgedReply } from './load.ts';

/** Whole replies, or what their first window alone shows. */
export type Length = 'whole' | 'first';

export interface Judged {
  readonly statistic: number;
  readonly pValue: number;
  readonly extrapolatedPValue: number;
  /** For sequential tests; see drift-verdict.ts. */
  readonly eValue: number;
  /** From the fitted tail: named so wherever it is shown. */
  readonly fittedEValue: number;
  readonly suspect: string;
}

/** The statistics of one pair of classes, fitted and calibrated as a network would, on the laboratory's samples. */
export interface Detector {
  readonly rows: readonly DriftRow[];
  /** Undefined where no reply of that length was calibrated. */
  judge(evidence: ReplyEvidence): Judged | undefined;
  /** Statistics of honest replies that nothing was fitted to. */
  readonly honest: Readonly<Record<Length, readonly number[]>>;
  /** Replies of an attack that no parameter knows; all where the attack is not among the alternatives. */
  selectHeldOut(source: string, length: Length, replies: readonly JudgedReply[]): readonly Judged[];
}

export interface DetectorSamples {
  readonly weights: SoldWeights;
  readonly providerClass: string;
  readonly verifierClass: string;
  readonly codeVersion: string;
  readonly honest: readonly JudgedReply[];
  readonly attacks: ReadonlyMap<string, readonly JudgedReply[]>;
}

const LENGTHS: readonly Length[] = ['whole', 'first'];

/** @throws RangeError where too few replies were sampled. */
export function createDetector(samples: DetectorSamples): Detector {
  const { honest, attacks, ...key } = samples;
  const { table } = buildDriftTable({
    version: 1,
    previous: new Uint8Array(32),
    measurements: [
      {
        ...key,
        honest: LENGTHS.flatMap((length) => toDriftSamples(honest, length)),
        alternatives: [...attacks].map(([name, replies]) => ({
          name,
          replies: LENGTHS.flatMap((length) => toDriftSamples(replies, length)),
        })),
      },
    ],
    thin: 'leave-out',
  });
  const judge = (evidence: ReplyEvidence): Judged | undefined => {
    const row = table.rows.find(({ band }) => band === findLengthBand(evidence.positions));
    return row && judgeWith(row, evidence);
  };
  const heldOut = (replies: readonly JudgedReply[], length: Length): Judged[] => {
    const all = LENGTHS.flatMap((each) => toDriftSamples(replies, each));
    const wanted = new Set(toDriftSamples(replies, length).map(({ evidence }) => evidence));
    return [...groupByBand(all).values()]
      .flatMap((group) => splitSamples(group).heldOut)
      .filter(({ evidence }) => wanted.has(evidence))
      .flatMap(({ evidence }) => judge(evidence) ?? []);
  };
  const statistics = (length: Length) => heldOut(honest, length).map(({ statistic }) => statistic);
  return {
    rows: table.rows,
    judge,
    honest: { whole: statistics('whole'), first: statistics('first') },
    selectHeldOut: (source, length, replies) =>
      attacks.has(source)
        ? heldOut(replies, length)
        : toDriftSamples(replies, length).flatMap(({ evidence }) => judge(evidence) ?? []),
  };
}

/** A reply of one window is its own first window, and counted once. */
function toDriftSamples(replies: readonly JudgedReply[], length: Length): DriftSample[] {
  return replies.flatMap(({ seed, scored }) => {
    if (scored === undefined || (length === 'first' && scored.whole.positions === scored.first.positions)) return [];
    return [{ seed, evidence: scored[length] }];
  });
}

const RATES = { reject: 0.001, doubt: 0.01 };

function judgeWith(row: DriftRow, evidence: ReplyEvidence): Judged {
  const { statistic, posteriors } = evaluateLikelihood(row.likelihood, evidence);
  const verdict: DriftVerdict = judgeByRow(row, evidence, { ...RATES, extrapolate: false });
  const beyond = judgeByRow(row, evidence, { ...RATES, extrapolate: true });
  return {
    statistic,
    pValue: verdict.pValue,
    extrapolatedPValue: beyond.pValue,
    eValue: verdict.eValue,
    fittedEValue: calibrateMixture(Math.max(beyond.pValue, Number.MIN_VALUE)),
    suspect: posteriors[0]?.name ?? 'none',
  };
}
