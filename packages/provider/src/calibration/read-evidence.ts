import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import { type Comparison, compareWindows } from '@ogong/protocol/modality/text/stage2/compare';
import {
  computeReplyEvidence,
  findLengthBand,
  LENGTH_BANDS,
  type ReplyEvidence,
} from '@ogong/protocol/modality/text/stage2/reply-scores';
import { NO_OTHER_CHOICE, parseScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { cutWindows } from './cut-windows.ts';
import { replaySample } from './sample.ts';
import type { ScoredSample } from './sample-store.ts';

/** Statistics of one sample. */
export type SampleEvidence =
  /** No opening, no report, or a draw that does not replay: nothing for statistics. */
  | { readonly kind: 'nothing'; readonly reason: string }
  /** One exact class: an equality. */
  | { readonly kind: 'equality'; readonly identical: boolean }
  | {
      readonly kind: 'drift';
      readonly modelRoot: Uint8Array;
      readonly providerClass: string;
      readonly verifierClass: string;
      /** One for each length band that the reply reaches into. */
      readonly replies: readonly ReplyEvidence[];
    };

/** @throws ProtocolError if a record or a report does not parse: the store is damaged. */
export function readEvidence(crypto: Crypto, sample: ScoredSample): SampleEvidence {
  const replayed = replaySample(crypto, sample);
  const header = replayed?.replay.header;
  if (replayed === undefined || header === undefined || sample.report === undefined) {
    return { kind: 'nothing', reason: 'there is no opening, or no report on it' };
  }
  const failed = replayed.replay.checks.find(({ status }) => status === 'fail');
  if (failed) return { kind: 'nothing', reason: `${failed.id} fails` };
  const report = parseScoreReport(sample.report);
  const { record, opening } = replayed;
  const { windows } = opening;
  if (report.exact && report.numericClass === header.numericClass) {
    const { firstOtherChoice } = report;
    const { identical } = compareWindows(crypto, header, windows, report.windows);
    return { kind: 'equality', identical: identical && firstOtherChoice === NO_OTHER_CHOICE };
  }
  const pair: WindowPair = { header, windows, reported: report.windows };
  const whole = compareCut(crypto, pair);
  const cuts = drawCutLengths(sample.seed, whole.positions).map((length) => compareCut(crypto, pair, length));
  const replies = [...cuts, whole].map(computeReplyEvidence);
  const classes = { providerClass: header.numericClass, verifierClass: report.numericClass };
  return { kind: 'drift', modelRoot: record.modelRoot, ...classes, replies };
}

/** The provider's commitment beside the verifier's result. */
export interface WindowPair {
  readonly header: Header;
  readonly windows: readonly WindowBytes[];
  readonly reported: readonly WindowBytes[];
}

/**
 * With its first positions a reply measures every shorter band, too. Replies of one band differ in length by up to a factor of
 * two, and shorter ones scatter more. So the seed spreads the cuts over the band as replies are spread.
 * @returns a length for each band below, ascending.
 */
export function drawCutLengths(seed: number, positions: number): number[] {
  const random = createSeededRandom(seed ^ 0x62616e64);
  return LENGTH_BANDS.slice(0, findLengthBand(positions)).map((high, band) => {
    const low = LENGTH_BANDS[band - 1] ?? 0;
    return low + 1 + Math.floor(random() * (high - low));
  });
}

/** The first positions of a reply, as if it had ended there; default: all. */
export function compareCut(crypto: Crypto, { header, windows, reported }: WindowPair, length?: number): Comparison {
  const cut = (all: readonly WindowBytes[]): readonly WindowBytes[] =>
    length === undefined ? all : cutWindows(all, length, header);
  return compareWindows(crypto, header, cut(windows), cut(reported));
}
