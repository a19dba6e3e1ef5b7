import { equalBytes, toHex } from '../../base/bytes.ts';
import { type Check, fail, type Outcome, pass, skip } from '../../base/checks.ts';
import type { Opening } from '../../commitment/opening.ts';
import type { RecordV2 } from '../../commitment/record.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { isEqualityDue } from '../../tier/exact-class.ts';
import { judgeOutcome } from '../../tier/outcome.ts';
import type { TierEntry } from '../../tier/tier.ts';
import type { Header } from './commitment/header.ts';
import { countSketched, decodeDraws, tokenOf } from './commitment/window.ts';
import { type DriftTable, findDriftRow } from './drift/drift-table.ts';
import { DEFAULT_RATES, type DecisionRates, type DriftVerdict, judgeByDrift } from './drift/drift-verdict.ts';
import { judgeByLimits, toLimitScores } from './drift/limits.ts';
import type { Thresholds } from './drift/thresholds.ts';
import { NAT } from './sampling/sampler.ts';
import type { Replay } from './stage1/replay.ts';
import { type Comparison, compareWindows } from './stage2/compare.ts';
import {
  type CommittedEdges,
  compareEdges,
  findReportedEdgesProblem,
  listShownLayers,
} from './stage2/compare-edges.ts';
import { encodeDifference, encodeEdgeDifference, encodeFacts, type Fault } from './stage2/fault.ts';
import { DISTANCE_UNIT, MAX_PICTURE_DISTANCE } from './stage2/picture-rows.ts';
import { computeReplyEvidence } from './stage2/reply-scores.ts';
import { NO_OTHER_CHOICE, NO_STOP_TOKEN, type ScoreReport } from './stage2/score-report.ts';
import { countScored } from './stage2/scored-prefix.ts';

/**
 * The policy for scores if no equality holds. All fields are optional. Stage 2 decides from a committed reply and a verifier's
 * re-run. Inclusion comes first: only bytes that hash to the signed root are scored (docs/spec/stage-2.md).
 */
export interface AdjudicationPolicy {
  /** Fixed limits, if no table decides. */
  readonly thresholds?: Thresholds;
  /** Measured drift, and the error rates that the operator accepts. */
  readonly drift?: {
    readonly table: DriftTable;
    readonly rates?: DecisionRates;
  };
  /** Tiers that a claim may state. Default: those of the network. */
  readonly tiers?: readonly TierEntry[];
}

export interface ReportVerdict {
  readonly outcome: Outcome;
  readonly checks: readonly Check[];
  readonly comparison: Comparison | undefined;
  /** The verdict of the drift table; undefined if equality or fixed limits decided. */
  readonly drift?: DriftVerdict;
  /** The fault of a reject that uses no statistics. */
  readonly fault?: Fault;
  /** Place of the shard that a reject is about, if a cohort served. Default: the provider that signed the record. */
  readonly culprit?: number;
  /** Set if the verifier had room for the beginning alone. Such a report can only reject. */
  readonly isPartial?: boolean;
}

/** Checks whether a report answers the job at all. If not, its verifier is marked and another one is drawn. */
export function checkReportShape(
  report: ScoreReport,
  expected: {
    readonly jobId: Uint8Array;
    readonly modelRoot: Uint8Array;
    readonly header: Header;
    readonly replay: Replay;
    /** As in a TextClaim. Default: none. */
    readonly layers?: readonly number[] | undefined;
  },
): Check {
  const id = 'report-shape';
  const { header, replay } = expected;
  if (!equalBytes(report.jobId, expected.jobId)) return fail(id, 'the report answers another job');
  if (!equalBytes(report.modelRoot, expected.modelRoot)) return fail(id, 'the report is about another model');
  let position = 0;
  try {
    for (const { draws, sketch } of report.windows) {
      const { rows } = decodeDraws(draws, header);
      if (countSketched(sketch, { directions: header.sketchDirections }) !== rows.length) {
        return fail(id, 'draws and sketches differ in length');
      }
      for (const row of rows) {
        const claimed = replay.rows[position];
        if (claimed === undefined || tokenOf(row) !== replay.outputTokens[position]) {
          return fail(id, `position ${position} scores another token`);
        }
        if (row.ids.length !== claimed.ids.length)
          return fail(id, `position ${position} lists another number of candidates`);
        if ((row.repeated === undefined) !== (claimed.repeated === undefined))
          return fail(id, `position ${position} differs in whether it marks repeated tokens`);
        position++;
      }
    }
  } catch (error) {
    return fail(id, (error as Error).message);
  }
  const wanted = countScored(report, replay.rows.length);
  if (position !== wanted) {
    return fail(
      id,
      `${position} positions scored; ${wanted} of ${replay.rows.length} fit into ${report.contextSize} tokens`,
    );
  }
  const problem = findReportedEdgesProblem(header, report, { asked: expected.layers?.length ?? 0, scored: position });
  if (problem !== undefined) return fail(id, problem);
  const { firstOtherChoice, tailGap } = report;
  if (tailGap.gap > 0 && tailGap.position >= position) {
    return fail(id, `a tail draw at ${tailGap.position} of ${position} positions`);
  }
  if (firstOtherChoice !== NO_OTHER_CHOICE && firstOtherChoice >= position) {
    return fail(id, `another choice at ${firstOtherChoice} of ${position} positions`);
  }
  return pass(id, `${position} positions scored by ${report.numericClass}`);
}

/** Adjudicates one verifier's well-formed report against the committed reply. */
export function adjudicateReport(
  crypto: Crypto,
  claim: {
    readonly record: RecordV2;
    readonly header: Header;
    readonly opening: Opening;
    /** Edges between the shards of a cohort. Default: one provider served. */
    readonly edges?: CommittedEdges;
  },
  report: ScoreReport,
  { thresholds, drift: measured, tiers }: AdjudicationPolicy = {},
): ReportVerdict {
  const { record, header, opening, edges = NO_EDGES } = claim;
  const checks = [
    check(
      'prompt-tokens',
      equalBytes(report.promptTokensHash, header.promptTokensHash) &&
        report.promptTokenCount === header.promptTokenCount,
      `the request templates to ${report.promptTokenCount} tokens; the header commits ${header.promptTokenCount}`,
    ),
    check(
      'vocabulary',
      equalBytes(report.vocabularyHash, header.vocabularyHash),
      `hash ${toHex(report.vocabularyHash.subarray(0, 6))}`,
    ),
    check(
      'response-text',
      equalBytes(report.responseHash, record.responseHash),
      'the tokens spell the response that the record names',
    ),
    checkStop(record, header, report),
    ...checkPictures(header, report),
  ];
  const isRefuted = (): boolean => checks.some(({ status }) => status === 'fail');
  // These values are the same in every class, so a tier treats a difference like one in an exact class.
  if (isRefuted()) {
    const fault = { isFact: true, seen: encodeFacts(report) };
    return {
      ...judgeOutcome(header.tier, { outcome: 'reject', checks, exact: true }, tiers),
      comparison: undefined,
      fault,
    };
  }
  const { windows } = report;
  const isWhole = windows.length === opening.windows.length;
  if (!isWhole) {
    checks.push(
      skip('room', `${windows.length} of ${opening.windows.length} windows fit into ${report.contextSize} tokens`),
    );
  }
  if (windows.length === 0) return { outcome: 'inconclusive', checks, comparison: undefined };
  if (report.edges.length < listShownLayers(edges).length) {
    checks.push(skip('boundary', 'the report shows no rows of the shards'));
    return { outcome: 'inconclusive', checks, comparison: undefined };
  }
  const between = compareEdges(edges, header, report);
  checks.push(...between.checks);
  if (between.outcome !== 'accept') {
    const { outcome, culprit, isExact, differsAt } = between;
    const judged = judgeOutcome(header.tier, { outcome, checks, exact: isExact }, tiers);
    const seen = differsAt === undefined ? undefined : encodeEdgeDifference(report, differsAt);
    return {
      ...judged,
      comparison: undefined,
      ...(culprit !== undefined && { culprit }),
      ...(seen && { fault: { isFact: false, seen } }),
    };
  }
  const comparison = compareWindows(crypto, header, opening.windows.slice(0, windows.length), windows);
  if (header.sampler.repetitionPenaltyQ16 !== NAT) {
    const { firstOtherMark: at } = comparison;
    checks.push(
      at === undefined
        ? pass('repeated-tokens', `the penalty covers the same tokens at ${comparison.positions} positions`)
        : fail('repeated-tokens', `the penalty covers other tokens of prompt and reply at position ${at}`),
    );
    // Prompt and reply are the same in every class, and so are their repeated tokens.
    if (at !== undefined) {
      const judged = judgeOutcome(header.tier, { outcome: 'reject', checks, exact: true }, tiers);
      return { ...judged, comparison, fault: { isFact: true, seen: encodeFacts(report) } };
    }
  }
  // Positions without a score are not accepted.
  const accepted: Outcome = isWhole ? 'accept' : 'inconclusive';
  if (isEqualityDue(report, header) && between.isExact) {
    checks.push(
      comparison.identical
        ? pass('equality', `${comparison.positions} positions equal bit for bit in ${header.numericClass}`)
        : fail(
            'equality',
            `differs from position ${comparison.firstDifference} on, in the exact class ${header.numericClass}`,
          ),
    );
    if (comparison.identical) checks.push(checkOwnChoice(report, header));
    const outcome = isRefuted() ? 'reject' : accepted;
    const judged = judgeOutcome(header.tier, { outcome, checks, exact: true }, tiers);
    if (!isRefuted()) return { ...judged, comparison };
    return { ...judged, comparison, fault: { isFact: false, seen: encodeDifference(report, opening.windows) } };
  }
  checks.push(skip('equality', `no exact class: provider ${header.numericClass}, verifier ${report.numericClass}`));
  const judged = judgeScores({ record, header, report, comparison }, { thresholds, measured });
  const outcome = judged.outcome === 'accept' ? accepted : judged.outcome;
  const found = { outcome, checks: [...checks, ...judged.checks], exact: false };
  return { ...judged, ...judgeOutcome(header.tier, found, tiers), comparison };
}

const NO_EDGES: CommittedEdges = { edges: [], members: [] };

/** Every class of encoders computes the same rows, but for the last bits. */
const checkPictures = ({ pictures }: Header, { pictureDistance: distance }: ScoreReport): readonly Check[] =>
  pictures.length === 0
    ? []
    : [
        check(
          'picture-rows',
          distance <= MAX_PICTURE_DISTANCE,
          `the committed rows of ${pictures.length} pictures differ from the encoder's by ${(distance * DISTANCE_UNIT).toExponential(1)}, at most ${MAX_PICTURE_DISTANCE * DISTANCE_UNIT}`,
        ),
      ];

/** A reply with a report whose prompt, vocabulary and text are the same. */
interface ScoredClaim {
  readonly record: RecordV2;
  readonly header: Header;
  readonly report: ScoreReport;
  readonly comparison: Comparison;
}

/** Decides on scores: by measured drift if a table has a row, else by fixed limits. */
function judgeScores(
  scored: ScoredClaim,
  {
    thresholds,
    measured,
  }: { readonly thresholds: Thresholds | undefined; readonly measured: AdjudicationPolicy['drift'] },
): { readonly outcome: Outcome; readonly checks: readonly Check[]; readonly drift?: DriftVerdict } {
  const { comparison, report } = scored;
  const limits = judgeByLimits(toLimitScores(comparison, report.tailGap), thresholds);
  const drift = measured && judgeMeasured(measured, scored);
  if (drift === undefined) return limits;
  // The class has no row of its own. So the fixed limits reject as they do without a table, with the same weight.
  if (drift.isUnlisted && limits.outcome === 'reject') return limits;
  // The table measures values, not which unlisted token a draw names. The fixed limit decides on that.
  const place = limits.checks.find(({ id }) => id === 'tail-place');
  if (place?.status === 'fail') return { outcome: 'reject', checks: [place] };
  const { pValue, source, cheat, row } = drift;
  const suspect = cheat === undefined ? '' : `, most like ${cheat.name} (${(100 * cheat.posterior).toFixed(0)} %)`;
  const detail = `p ${pValue.toPrecision(3)} (${source}) by ${row}${suspect}`;
  if (drift.outcome === 'reject') return { outcome: 'reject', checks: [fail('likelihood', detail)], drift };
  if (drift.outcome === 'accept') return { outcome: 'accept', checks: [pass('likelihood', detail)], drift };
  if (drift.isBeyondAll && limits.outcome === 'reject') {
    // Few held-out replies cannot give a small p-value. So the fixed limits decide on a reply beyond all of them.
    return { outcome: 'reject', checks: [...limits.checks, skip('likelihood', detail)], drift };
  }
  return { outcome: 'inconclusive', checks: [skip('likelihood', `undecided: ${detail}`)], drift };
}

/**
 * Checks the freedom that equality leaves to the provider. It is the length of a list, which decides the draws at
 * its edge, and the unlisted token of a draw from the tail. Both are functions of the model's values, which are equal
 * here. Between classes they move with the drift and are not checked.
 */
function checkOwnChoice({ firstOtherChoice }: ScoreReport, { numericClass }: Header): Check {
  const id = 'own-choice';
  return firstOtherChoice === NO_OTHER_CHOICE
    ? pass(id, `the engine's own lists and unlisted tokens in ${numericClass}`)
    : fail(id, `the engine would have chosen otherwise at position ${firstOtherChoice}, in ${numericClass}`);
}

function judgeMeasured(
  { table, rates = DEFAULT_RATES }: NonNullable<AdjudicationPolicy['drift']>,
  { record, header, report, comparison }: ScoredClaim,
): DriftVerdict | undefined {
  const lookup = findDriftRow(table, {
    modelRoot: record.modelRoot,
    providerClass: header.numericClass,
    verifierClass: report.numericClass,
    positions: comparison.positions,
    context: comparison.context,
  });
  return judgeByDrift(lookup, computeReplyEvidence(comparison), rates);
}

function check(id: string, ok: boolean, detail: string): Check {
  return ok ? pass(id, detail) : fail(id, `does not hold: ${detail}`);
}

function checkStop(record: RecordV2, header: Header, report: ScoreReport): Check {
  const last = record.tokenCount - 1;
  const first = report.firstStopToken;
  const detail = `stop reason ${header.stopReason}, first stop token ${first === NO_STOP_TOKEN ? 'none' : `at ${first}`} of ${record.tokenCount}`;
  if (header.stopReason === 'stop-token') return check('stop-reason', first === last, detail);
  if (first !== NO_STOP_TOKEN) return fail('stop-reason', detail);
  return pass('stop-reason', detail);
}
