import { WINDOW_TOKENS } from '@ogong/protocol/modality/text/commitment/window';
import { type DriftRow, isMeasured } from '@ogong/protocol/modality/text/drift/drift-table';
import {
  buildDriftTable,
  type DriftSample,
  groupByBand,
  splitSamples,
} from '@ogong/protocol/modality/text/drift/drift-table-build';
import { type DriftVerdict, judgeByRow } from '@ogong/protocol/modality/text/drift/drift-verdict';
import { EQUAL_STATISTIC, evaluateLikelihood } from '@ogong/protocol/modality/text/drift/likelihood';
import { buildStrata, findStratum, MIN_STRATUM_REPLIES } from '@ogong/protocol/modality/text/drift/strata';
import { findLengthBand, getSurprise, type ReplyEvidence } from '@ogong/protocol/modality/text/stage2/reply-scores';
import type { JudgedReply } from './load.ts';

/** Whole replies, or only their first windows. */
export type Length = 'whole' | 'first';

export interface RankedReply {
  readonly seed: number;
  readonly statistic: number;
  readonly pValue: number;
  /** The p-value of the farthest possible reply: the smallest that this number of replies allows. */
  readonly leastPValue: number;
  readonly extrapolatedPValue: number;
  /** Whether fixed limits decide, because no row covers such a reply, or none that lies as far. */
  readonly isLeftToLimits: boolean;
  /** For sequential tests; see drift-verdict.ts. */
  readonly eValue: number;
  readonly suspect: string;
}

/** Replies by the table that ranked them. One table decides about a provider for life, so the two are not mixed. */
export type Halves = readonly [readonly RankedReply[], readonly RankedReply[]];

/** The statistics of one pair of classes, fitted and calibrated as a network would, on the laboratory's samples. */
export interface Detector {
  readonly rows: readonly DriftRow[];
  /** Undefined where no reply of that length was calibrated. */
  judge(sample: DriftSample): RankedReply | undefined;
  /** Judges a reply that no row covers. Fixed limits decide about such a reply. */
  judgeBeyond(sample: DriftSample): RankedReply | undefined;
  /** Whether a row judges such a reply. */
  covers(evidence: ReplyEvidence): boolean;
  /** Statistics of the first windows of honest replies that were not used in a fit. */
  readonly honest: readonly number[];
  /**
   * Calibrated replies that no parameter was fitted to, in two halves. The strata of each half judge the other, so that no reply
   * is among its own ranks. Empty if a stratum is too small to halve.
   */
  judgeHonest(replies: readonly JudgedReply[]): Halves;
  /** Whether a parameter was fitted to a reply of this attack with the same length and draw key. */
  knows(source: string, sample: DriftSample): boolean;
  /** Judges the replies of an attack that no parameter was fitted to: all of them if the attack is not an alternative. */
  judgeHeldOut(source: string, length: Length, replies: readonly JudgedReply[]): readonly RankedReply[];
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
  const judge = ({ seed, evidence }: DriftSample): RankedReply | undefined => {
    const row = findRow(evidence);
    return row && { seed, ...(isMeasured(row, evidence) ? judgeWith(row, evidence) : UNDECIDED) };
  };
  const fitted = new Map([...attacks].map(([name, replies]) => [name, listFitted(replies)]));
  const judgeHeldOut = (all: readonly JudgedReply[], wanted: readonly DriftSample[]): RankedReply[] => {
    const ofInterest = new Set(wanted.map(({ evidence }) => evidence));
    return [...groupByBand(all.flatMap(toDriftSamples)).values()]
      .flatMap((group) => splitSamples(group).heldOut)
      .filter(({ evidence }) => ofInterest.has(evidence))
      .flatMap((sample) => judge(sample) ?? []);
  };
  const crossJudged = crossJudge(table.rows, honest.flatMap(toDriftSamples));
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
    knows: (source, { seed, evidence }) =>
      fitted.get(source)?.get(findLengthBand(evidence.positions))?.has(seed) ?? false,
    honest: judgeHeldOut(honest, selectLength(honest, 'first')).map(({ statistic }) => statistic),
    judgeHonest: (replies) => {
      const wanted = selectLength(replies, 'whole');
      const of = (half: ReadonlyMap<ReplyEvidence, RankedReply>): RankedReply[] =>
        wanted.flatMap(({ evidence }) => half.get(evidence) ?? []);
      return [of(crossJudged[0]), of(crossJudged[1])];
    },
    judgeHeldOut: (source, length, replies) => {
      const wanted = selectLength(replies, length);
      return attacks.has(source) ? judgeHeldOut(replies, wanted) : wanted.flatMap((sample) => judge(sample) ?? []);
    },
  };
}

/** Seeds of an alternative's replies that a row is fitted to, by band. */
const listFitted = (replies: readonly JudgedReply[]): ReadonlyMap<number, ReadonlySet<number>> =>
  new Map(
    [...groupByBand(replies.flatMap(toDriftSamples))].map(([band, group]) => [
      band,
      new Set(splitSamples(group).fitted.map(({ seed }) => seed)),
    ]),
  );

/** Each half of a row's held-out honest replies by strata of the other. */
function crossJudge(
  rows: readonly DriftRow[],
  honest: readonly DriftSample[],
): readonly [ReadonlyMap<ReplyEvidence, RankedReply>, ReadonlyMap<ReplyEvidence, RankedReply>] {
  const judged = [new Map<ReplyEvidence, RankedReply>(), new Map<ReplyEvidence, RankedReply>()] as const;
  const groups = groupByBand(honest);
  for (const row of rows) {
    if (row.strata.some(({ calibration }) => calibration.replies < MIN_STRATUM_REPLIES)) continue;
    const { heldOut } = splitSamples(groups.get(row.band) ?? []);
    const halves: [DriftSample[], DriftSample[]] = [[], []];
    for (const stratum of row.strata) {
      heldOut
        .filter(({ evidence }) => findStratum(row.strata, getSurprise(evidence)) === stratum)
        .forEach((sample, i) => void (i % 2 === 0 ? halves[0] : halves[1]).push(sample));
    }
    const limits = row.strata.map(({ surprise }) => surprise);
    judged.forEach((half, i) => {
      const [own, other] = [halves[i], halves[1 - i]] as [DriftSample[], DriftSample[]];
      const strata = buildStrata(
        limits,
        other.map(({ evidence }) => ({
          surprise: getSurprise(evidence),
          statistic: evaluateLikelihood(row.likelihood, evidence).statistic,
        })),
      );
      for (const { seed, evidence } of own) half.set(evidence, { seed, ...judgeWith({ ...row, strata }, evidence) });
    });
  }
  return judged;
}

export function selectLength(replies: readonly JudgedReply[], length: Length): DriftSample[] {
  return replies.flatMap(({ seed, scored }) => {
    // A reply that ended within its first window shows less than a full one.
    if (scored === undefined || (length === 'first' && scored.first.positions < WINDOW_TOKENS)) return [];
    return [{ seed, evidence: scored[length] }];
  });
}

/** A reply gives a sample for its own length band and one for each shorter band. */
function toDriftSamples({ seed, scored }: JudgedReply): DriftSample[] {
  if (scored === undefined) return [];
  const { whole, first, cuts } = scored;
  return [...cuts, ...(first === whole ? [] : [first]), whole].map((evidence) => ({
    seed,
    evidence,
  }));
}

/** The result for a reply that no row covers. */
const UNDECIDED = {
  ...{ statistic: EQUAL_STATISTIC, pValue: 1, leastPValue: 1, extrapolatedPValue: 1, eValue: 1, suspect: 'none' },
  isLeftToLimits: true,
} as const;

const RATES = { reject: 0.001, doubt: 0.01 };

function judgeWith(row: DriftRow, evidence: ReplyEvidence): Omit<RankedReply, 'seed'> {
  const { statistic } = evaluateLikelihood(row.likelihood, evidence);
  const verdict: DriftVerdict = judgeByRow(row, evidence, { ...RATES, extrapolate: false });
  const beyond = judgeByRow(row, evidence, { ...RATES, extrapolate: true });
  return {
    statistic,
    pValue: verdict.pValue,
    leastPValue: 1 / (findStratum(row.strata, getSurprise(evidence)).calibration.replies + 1),
    extrapolatedPValue: beyond.pValue,
    isLeftToLimits: verdict.isBeyondAll,
    eValue: verdict.eValue,
    suspect: verdict.cheat?.name ?? 'none',
  };
}
