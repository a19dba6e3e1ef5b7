import { createReader, createWriter, equalBytes } from '../../base/bytes.ts';
import { encodeDomain } from '../../base/canonical.ts';
import type { Opening } from '../../commitment/opening.ts';
import type { RecordV2 } from '../../commitment/record.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { isEqualityDue } from '../../tier/exact-class.ts';
import type { WeighPolicy } from '../modality.ts';
import type { Header } from './commitment/header.ts';
import { type DrawRow, tokenOf, WINDOW_TOKENS } from './commitment/window.ts';
import { type DriftRow, findDriftRow, isMeasured, nameRow } from './drift/drift-table.ts';
import { judgeByRow } from './drift/drift-verdict.ts';
import { EQUAL_STATISTIC } from './drift/likelihood.ts';
import { judgeByLimits, toLimitScores } from './drift/limits.ts';
import { countHeldOut } from './drift/strata.ts';
import { FALLBACK_THRESHOLDS } from './drift/thresholds.ts';
import { isSameFinding } from './read-report.ts';
import { TAIL_RANK } from './sampling/sampler.ts';
import { type Comparison, compareWindows } from './stage2/compare.ts';
import { computeReplyEvidence } from './stage2/reply-scores.ts';
import { NO_OTHER_CHOICE, NO_STOP_TOKEN, NO_TAIL_GAP, type ScoreReport } from './stage2/score-report.ts';

/** The rate at which an honest verifier may fail a honeypot by measured drift. */
export const HONEYPOT_ERROR = 0.001;

/** A reply with a known report: two verifiers of different operators agreed to the bit, or its provider reported it. */
export interface KnownAnswer {
  readonly header: Header;
  readonly report: ScoreReport;
}

/** A reply as the verifier of a honeypot receives it. */
export interface PlantedText {
  readonly outputTokens: readonly number[];
  /** Position of the replaced token; undefined if the reply is unchanged. */
  readonly position: number | undefined;
}

const PLANT_DOMAIN = encodeDomain('ogong-honeypot-plant-v1');

/**
 * Replaces one token of a reply by the likeliest other token that is listed there. The new token must also occur elsewhere in
 * the reply before its end. So it does not end replies, which a verifier would notice without work. If possible, the replaced
 * token occurs elsewhere too. Then the number of different tokens stays the same and does not give the honeypot away. Draws
 * from the tail are unchanged, since a job names them.
 * @param rows of the opening.
 * @param seed 32 bytes that nobody else knows.
 * @returns the unchanged reply if no position has such a token.
 */
export function plantBad(crypto: Crypto, rows: readonly DrawRow[], seed: Uint8Array): PlantedText {
  const outputTokens = rows.map(tokenOf);
  const spoken = new Set(outputTokens.slice(0, -1));
  const plants = rows.flatMap(({ ids, rank }, position) => {
    const token = rank === TAIL_RANK ? undefined : ids.find((id) => id !== outputTokens[position] && spoken.has(id));
    return token === undefined ? [] : [{ position, token }];
  });
  const counts = new Map<number, number>();
  for (const token of outputTokens) counts.set(token, (counts.get(token) ?? 0) + 1);
  const repeated = plants.filter(({ position }) => (counts.get(outputTokens[position] as number) ?? 0) > 1);
  const eligible = repeated.length > 0 ? repeated : plants;
  const draw = createReader(crypto.sha256(createWriter().bytes(PLANT_DOMAIN).bytes(seed, 32).finish())).u32();
  const plant = eligible[draw % eligible.length];
  if (plant === undefined) return { outputTokens, position: undefined };
  return { outputTokens: outputTokens.with(plant.position, plant.token), position: plant.position };
}

/** Returns the report of an honest pass in the provider's own class, if the provider was honest. */
export function toExpectedReport(record: RecordV2, header: Header, opening: Opening): ScoreReport {
  return {
    jobId: new Uint8Array(16),
    modelRoot: record.modelRoot,
    numericClass: header.numericClass,
    exact: true,
    promptTokensHash: header.promptTokensHash,
    promptTokenCount: header.promptTokenCount,
    vocabularyHash: header.vocabularyHash,
    responseHash: record.responseHash,
    firstOtherChoice: NO_OTHER_CHOICE,
    tailGap: NO_TAIL_GAP,
    firstStopToken: header.stopReason === 'stop-token' ? record.tokenCount - 1 : NO_STOP_TOKEN,
    contextSize: 0,
    elapsedMs: 0,
    pictureDistance: 0,
    windows: opening.windows,
    edges: [],
  };
}

/**
 * Plants the reply that the verifier receives: unchanged, or with one token replaced.
 * @param seed 32 bytes; an odd first byte replaces a token.
 */
export function plantText(
  crypto: Crypto,
  { rows }: { readonly rows: readonly DrawRow[] },
  seed: Uint8Array,
): PlantedText {
  const isBad = (createReader(seed).u8() & 1) === 1;
  return isBad ? plantBad(crypto, rows, seed) : { outputTokens: rows.map(tokenOf), position: undefined };
}

const BY_EQUALITY = 'equality';

export interface HoneypotVerdict {
  /**
   * `suspect`: in doubt by measured drift, and past the fixed limits. The rate of honest answers in this state was not
   * measured.
   */
  readonly outcome: 'passed' | 'failed' | 'suspect' | 'unclear';
  /** The criterion that decided: `equality`, the row of a drift table, or `fallback` for fixed limits. */
  readonly by: string;
}

/**
 * Compares a well-formed report about the planted tokens with that of an honest pass. Everything before a replaced token is
 * known; the model's values after it are not. If the verifier's class differs, scores decide: by measured drift if the table
 * has a row for the two classes. The outcome is `unclear` if they cannot decide.
 */
export function checkHoneypot(
  crypto: Crypto,
  { header, report: expected }: KnownAnswer,
  { position }: Pick<PlantedText, 'position'>,
  report: ScoreReport,
  drift?: WeighPolicy['drift'] | undefined,
): HoneypotVerdict {
  const byEquality = (isPassed: boolean): HoneypotVerdict => ({
    outcome: isPassed ? 'passed' : 'failed',
    by: BY_EQUALITY,
  });
  const isSamePrompt =
    equalBytes(report.promptTokensHash, expected.promptTokensHash) &&
    report.promptTokenCount === expected.promptTokenCount &&
    equalBytes(report.vocabularyHash, expected.vocabularyHash);
  if (!isSamePrompt) return byEquality(false);
  if (isEqualityDue(report, header)) {
    if (position === undefined) return byEquality(isSameFinding(report, expected));
    const { firstDifference } = compareWindows(crypto, header, expected.windows, report.windows);
    return byEquality(firstDifference === position);
  }
  const isWhole = position === undefined;
  const isSameText =
    equalBytes(report.responseHash, expected.responseHash) && report.firstStopToken === expected.firstStopToken;
  if (isWhole && !isSameText) return byEquality(false);
  const known = isWhole ? expected.windows.length : Math.floor(position / WINDOW_TOKENS);
  if (known === 0) return { outcome: 'unclear', by: BY_EQUALITY };
  const [own, other] = [expected.windows.slice(0, known), report.windows.slice(0, known)];
  const comparison = compareWindows(crypto, header, own, other);
  // The farthest draw from the tail belongs to the whole reply. Before a replaced token it is not known.
  const scores = toLimitScores(comparison, isWhole ? report.tailGap : undefined);
  const isNear = judgeByLimits(scores).outcome !== 'reject';
  const row = drift && findRow(drift, header, report, comparison);
  const evidence = computeReplyEvidence(comparison);
  if (drift === undefined || row === undefined || !isMeasured(row, evidence))
    return { outcome: isNear ? 'passed' : 'failed', by: FALLBACK_THRESHOLDS.source };
  const { doubt = HONEYPOT_ERROR, extrapolate = false } = drift.rates ?? {};
  // The same rate for all operators, because the log counts the outcome.
  const rates = { reject: HONEYPOT_ERROR, doubt: Math.max(doubt, HONEYPOT_ERROR), extrapolate };
  // In this other class no honest reply was ever equal. So a bit-identical report is copied. That is wrong at most about once
  // in the number of held-out replies.
  const isCopied = comparison.identical && isNeverEqual(row);
  const pValue = isCopied ? 1 / (countHeldOut(row.strata) + 1) : 1;
  const { outcome } = judgeByRow(row, evidence, rates);
  const by = nameRow(row);
  if (outcome === 'reject' || pValue <= rates.reject) return { outcome: 'failed', by };
  if (outcome === 'accept' && pValue > rates.doubt) return { outcome: 'passed', by };
  // Few held-out replies cannot give a small p-value.
  return { outcome: outcome === 'inconclusive' && !isNear ? 'suspect' : 'unclear', by };
}

/** Returns whether an answer is provably wrong for every reader of the reply, for any planted token. */
export const isProven = ({ outcome, by }: HoneypotVerdict): boolean => outcome === 'failed' && by === BY_EQUALITY;

/**
 * Returns whether an answer is unlikely by the measured drift of the two classes. It happens to one honest answer in a
 * thousand. The validator's VRF prevents a search for a planted token with a higher rate. Fixed limits do not count, because
 * the rate at which honest machines cross them was not measured.
 */
export const isUnlikely = ({ outcome, by }: HoneypotVerdict): boolean =>
  outcome === 'failed' && by !== BY_EQUALITY && by !== FALLBACK_THRESHOLDS.source;

/** Finds a row measured for these two classes. Rows of other classes say nothing about an honest verifier. */
function findRow(
  { table }: NonNullable<WeighPolicy['drift']>,
  { numericClass: providerClass }: Header,
  { modelRoot, numericClass: verifierClass }: ScoreReport,
  { positions, context }: Comparison,
): DriftRow | undefined {
  const found = findDriftRow(table, { modelRoot, providerClass, verifierClass, positions, context });
  return found.kind === 'class' || found.kind === 'family' ? found.row : undefined;
}

/** Returns whether no held-out honest reply was equal everywhere. */
const isNeverEqual = ({ strata }: DriftRow): boolean =>
  strata.every(({ calibration }) => (calibration.steps.at(-1)?.value as number) > EQUAL_STATISTIC);
