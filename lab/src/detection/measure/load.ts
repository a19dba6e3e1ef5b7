import type { Outcome } from '@ogong/protocol/base/checks';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { adjudicateReport } from '@ogong/protocol/modality/text/adjudicate';
import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import { WINDOW_TOKENS } from '@ogong/protocol/modality/text/commitment/window';
import { NAT } from '@ogong/protocol/modality/text/sampling/sampler';
import { type Comparison, compareWindows } from '@ogong/protocol/modality/text/stage2/compare';
import {
  computeReplyEvidence,
  findLengthBand,
  type ReplyEvidence,
} from '@ogong/protocol/modality/text/stage2/reply-scores';
import { NO_OTHER_CHOICE, parseScoreReport, type ScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { compareCut, drawCutLengths } from '@ogong/provider/calibration/read-evidence';
import { checkSampleHeader, replaySample } from '@ogong/provider/calibration/sample';
import type { SampleStore, ScoredSample } from '@ogong/provider/calibration/sample-store';
import { CONTEXT } from '../plan/setups.ts';

/** One reply with the results of both stages, without statistics. */
export interface JudgedReply {
  readonly seed: number;
  /** The root of the sold model. */
  readonly modelRoot: Uint8Array;
  readonly tokens: number;
  /** As committed; 0 without an opening. */
  readonly temperature: number;
  /** The first check of intake or stage 1 that fails, if any; `opening` if there is no opening. */
  readonly stage1: string | undefined;
  /** The first position whose draw does not replay, if stage 1 failed because of a draw. */
  readonly refutedAt: number | undefined;
  /** The first failing check of stage 2 that needs no statistics, if any: another prompt, text, stop or unlisted token. */
  readonly plain: string | undefined;
  /** Undefined if nothing could be scored. */
  readonly scored:
    | {
        readonly comparison: Comparison;
        /** First position where a pass in the reply's own exact class differs, in a value or in a choice. */
        readonly unreproduced: number | undefined;
        readonly whole: ReplyEvidence;
        /** Evidence of the first window alone, as of a reply of 32 tokens. Equals `whole` if there is one window. */
        readonly first: ReplyEvidence;
        /** Evidence of its beginnings in the shorter length bands. Alternatives are fitted to these. */
        readonly cuts: readonly ReplyEvidence[];
        /** The outcome under the fixed limits of 0.10 / 0.10. */
        readonly fallback: Outcome;
        readonly scoredMs: number;
      }
    | undefined;
  readonly servedMs: number;
}

/** Checks of stage 2 that need no statistics. */
const PLAIN_CHECKS = new Set([
  'prompt-tokens',
  'vocabulary',
  'response-text',
  'stop-reason',
  'repeated-tokens',
  'picture-rows',
  'tail-place',
]);

export function readReplies(store: SampleStore, source: string, verifier: string): JudgedReply[] {
  return Array.from(store.readScored(source, verifier), judgeSample);
}

function judgeSample(sample: ScoredSample): JudgedReply {
  const { modelRoot, tokenCount: tokens, startNs, endNs } = parseRecordV2(sample.record);
  const servedMs = Number(endNs - startNs) / 1e6;
  const base = { seed: sample.seed, modelRoot, tokens, temperature: 0, servedMs, refutedAt: undefined };
  const replayed = replaySample(crypto, sample);
  if (replayed === undefined) return { ...base, plain: undefined, scored: undefined, stage1: 'opening' };
  const { record, opening, replay } = replayed;
  const { header } = replay;
  const temperature = (header?.sampler.temperatureQ16 ?? 0) / NAT;
  const nothing = { ...base, temperature, plain: undefined, scored: undefined };
  const checks =
    header === undefined
      ? replay.checks
      : [...checkSampleHeader(crypto, sample, { header, contextSize: CONTEXT }), ...replay.checks];
  const failed = checks.find(({ status }) => status === 'fail');
  const [stage1, refutedAt] = [failed?.id, failed?.position];
  if (sample.report === undefined || header === undefined || replay.rows.length === 0)
    return { ...nothing, stage1, refutedAt };
  const report = parseScoreReport(sample.report);
  const verdict = adjudicateReport(crypto, { record, header, opening }, { ...report, exact: false });
  const plain = verdict.checks.find(({ id, status }) => status === 'fail' && PLAIN_CHECKS.has(id))?.id;
  const comparison = verdict.comparison ?? compareWindows(crypto, header, opening.windows, report.windows);
  const pair = { header, windows: opening.windows, reported: report.windows };
  const whole = computeReplyEvidence(comparison);
  const first =
    comparison.positions <= WINDOW_TOKENS ? whole : computeReplyEvidence(compareCut(crypto, pair, WINDOW_TOKENS));
  const cuts = drawCutLengths(sample.seed, comparison.positions)
    .filter((length) => findLengthBand(length) !== findLengthBand(first.positions))
    .map((length) => compareCut(crypto, pair, length));
  return {
    ...nothing,
    stage1,
    refutedAt,
    plain,
    scored: {
      comparison,
      unreproduced: comparison.firstDifference ?? findOtherChoice(report, header),
      whole,
      first,
      cuts: cuts.map(computeReplyEvidence),
      fallback: verdict.outcome,
      scoredMs: report.elapsedMs,
    },
  };
}

function findOtherChoice({ exact, numericClass, firstOtherChoice }: ScoreReport, header: Header): number | undefined {
  const isExact = exact && numericClass === header.numericClass;
  return isExact && firstOtherChoice !== NO_OTHER_CHOICE ? firstOtherChoice : undefined;
}
