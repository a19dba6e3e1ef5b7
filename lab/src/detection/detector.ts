import type { DriftRow } from '@ogong/protocol/drift-table';
import { buildDriftTable, type DriftSample, groupByBand, splitSamples } from '@ogong/protocol/drift-table-build';
import { type DriftVerdict, isMeasured, judgeByRow } from '@ogong/protocol/drift-verdict';
import { EQUAL_STATISTIC, evaluateLikelihood } from '@ogong/protocol/likelihood';
import { findLengthBand, type ReplyEvidence } from '@ogong/protocol/reply-scores';
import { WINDOW_TOKENS } from '@ogong/protocol/window';
import type { JudgedReply } from './load.ts';

/** Whole replies, or what their first window alone shows. */
export type Length = 'whole' | 'first';

export interface Judged {
  readonly seed: number;
  readonly statistic: number;
  readonly pValue: number;
  readonly extrapolatedPValue: number;
  /** For sequential tests; see drift-verdict.ts. */
  readonly eValue: number;
  readonly suspect: string;
}

/** The statistics of one pair of classes, fitted and calibrated as a network would, on the laboratory's samples. */
export interface Detector {
  readonly rows: readonly DriftRow[];
  /** Undefined where no reply of that length was calibrated. */
  judge(sample: DriftSample): Judged | undefined;
  /** The same of a reply that no row was measured on anything like, where fixed limits decide in its place. */
  judgeBeyond(sample: DriftSample): Judged | undefined;
  /** Whether a row judges such a reply. */
  covers(evidence: ReplyEvidence): boolean;
  /** Statistics of honest replies that nothing was fitted to. */
  readonly honest: Readonly<Record<Length, readonly number[]>>;
  /** Those of the calibrated replies that no parameter knows. */
  judgeHonest(replies: readonly JudgedReply[]): readonly Judged[];
  /** Replies of an attack that no parameter knows; all where the attack is not among the alternatives. */
  judgeHeldOut(source: string, length: Length, replies: readonly JudgedReply[]): readonly Judged[];
}

export interface DetectorSamples {
  readonly providerClass: string;
  readonly verifierClass: string;
  readonly codeVersion: string;
  readonly honest: readonly JudgedReply[];
  readonly attacks: ReadonlyMap<string, readonly JudgedReply[]>;
}

/** @throws RangeError where too few replies were sampled. */
export function createDetector(samples: DetectorSamples): Detector {
  const { honest, attacks, ...key } = samples;
  const [reply] = honest;
  if (reply === undefined) throw new RangeError(`${key.providerClass} seen by ${key.verifierClass}: no honest reply`);
  const { table } = buildDriftTable({
    version: 1,
    previous: new Uint8Array(32),
    measurements: [
      {
        ...key,
        modelRoot: reply.modelRoot,
        honest: honest.flatMap(toDriftSamples),
        alternatives: [...attacks].map(([name, replies]) => ({ name, replies: replies.flatMap(toDriftSamples) })),
      },
    ],
    thin: 'leave-out',
  });
  const findRow = ({ positions }: ReplyEvidence): DriftRow | undefined =>
    table.rows.find(({ band }) => band === findLengthBand(positions));
  const judge = ({ seed, evidence }: DriftSample): Judged | undefined => {
    const row = findRow(evidence);
    return row && { seed, ...(isMeasured(row, evidence) ? judgeWith(row, evidence) : UNDECIDED) };
  };
  const judgeHeldOut = (all: readonly JudgedReply[], wanted: readonly DriftSample[]): Judged[] => {
    const ofInterest = new Set(wanted.map(({ evidence }) => evidence));
    return [...groupByBand(all.flatMap(toDriftSamples)).values()]
      .flatMap((group) => splitSamples(group).heldOut)
      .filter(({ evidence }) => ofInterest.has(evidence))
      .flatMap((sample) => judge(sample) ?? []);
  };
  const statisticsOf = (length: Length): number[] =>
    judgeHeldOut(honest, selectLength(honest, length)).map(({ statistic }) => statistic);
  return {
    rows: table.rows,
    judge,
    judgeBeyond: ({ seed, evidence }) => {
      const row = findRow(evidence);
      return row && { seed, ...judgeWith(row, evidence) };
    },
    covers: (evidence) => {
      const row = findRow(evidence);
      return row !== undefined && isMeasured(row, evidence);
    },
    honest: { whole: statisticsOf('whole'), first: statisticsOf('first') },
    judgeHonest: (replies) => judgeHeldOut(honest, selectLength(replies, 'whole')),
    judgeHeldOut: (source, length, replies) => {
      const wanted = selectLength(replies, length);
      return attacks.has(source) ? judgeHeldOut(replies, wanted) : wanted.flatMap((sample) => judge(sample) ?? []);
    },
  };
}

export function selectLength(replies: readonly JudgedReply[], length: Length): DriftSample[] {
  return replies.flatMap(({ seed, scored }) => {
    // A reply that ended earlier shows less than a window does.
    if (scored === undefined || (length === 'first' && scored.first.positions < WINDOW_TOKENS)) return [];
    return [{ seed, evidence: scored[length] }];
  });
}

/** A reply is one sample of its own length band, and one of each below. */
function toDriftSamples({ seed, scored }: JudgedReply): DriftSample[] {
  if (scored === undefined) return [];
  const { whole, first, cuts } = scored;
  return [...cuts, ...(first === whole ? [] : [first]), whole].map((evidence) => ({
    seed,
    evidence,
  }));
}

/** What a table says of a reply that it knows nothing like. */
const UNDECIDED = {
  ...{ statistic: EQUAL_STATISTIC, pValue: 1, extrapolatedPValue: 1, eValue: 1, suspect: 'none' },
} as const;

const RATES = { reject: 0.001, doubt: 0.01 };

function judgeWith(row: DriftRow, evidence: ReplyEvidence): Omit<Judged, 'seed'> {
  const { statistic } = evaluateLikelihood(row.likelihood, evidence);
  const verdict: DriftVerdict = judgeByRow(row, evidence, { ...RATES, extrapolate: false });
  const beyond = judgeByRow(row, evidence, { ...RATES, extrapolate: true });
  return {
    statistic,
    pValue: verdict.pValue,
    extrapolatedPValue: beyond.pValue,
    eValue: verdict.eValue,
    suspect: verdict.cheat?.name ?? 'none',
  };
}
