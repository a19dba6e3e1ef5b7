import { FALLBACK_THRESHOLDS } from '@ogong/protocol/adjudicate';
import { createReader, createWriter, equalBytes } from '@ogong/protocol/bytes';
import { encodeDomain } from '@ogong/protocol/canonical';
import { compareWindows } from '@ogong/protocol/compare';
import type { Crypto } from '@ogong/protocol/crypto';
import type { Header } from '@ogong/protocol/header';
import type { ScoreReport } from '@ogong/protocol/score-report';
import { type DrawRow, tokenOf, WINDOW_TOKENS } from '@ogong/protocol/window';
import { isSameFinding } from './report-check.ts';

/** A reply whose report is known: two verifiers of different operators saw the same to the bit. */
export interface KnownAnswer {
  readonly header: Header;
  readonly report: ScoreReport;
}

/** A reply as it is put before a honeypot's verifier. */
export interface Planted {
  readonly outputTokens: readonly number[];
  /** Of the replaced token; undefined where the reply is as it was. */
  readonly position: number | undefined;
}

const PLANT_DOMAIN = encodeDomain('ogong-honeypot-plant-v1');
const TRIES = 64;

/**
 * The reply with one token replaced by the likeliest other one that is listed there, and that stands elsewhere in the reply
 * before its end: so it is none that ends replies, which would be seen without any work.
 * @param rows of the opening.
 * @param seed 32 bytes that nobody else knows.
 * @returns the reply as it was where no position has such a token.
 */
export function plantBad(crypto: Crypto, rows: readonly DrawRow[], seed: Uint8Array): Planted {
  const outputTokens = rows.map(tokenOf);
  const spoken = new Set(outputTokens.slice(0, -1));
  for (let tries = 0; tries < TRIES && rows.length > 0; tries++) {
    const bytes = createWriter().bytes(PLANT_DOMAIN).bytes(seed, 32).u32(tries).finish();
    const position = createReader(crypto.sha256(bytes)).u32() % rows.length;
    const { ids } = rows[position] as DrawRow;
    const token = ids.find((id) => id !== outputTokens[position] && spoken.has(id));
    if (token !== undefined) {
      return { outputTokens: outputTokens.map((own, at) => (at === position ? token : own)), position };
    }
  }
  return { outputTokens, position: undefined };
}

/**
 * Whether a report, well-formed and about the planted tokens, is what an honest pass gives. Up to a replaced token
 * everything is known; what the model says after it is not. Where the verifier's class is another, scores decide;
 * `unclear` where they cannot.
 */
export function judgeHoneypot(
  crypto: Crypto,
  { header, report: expected }: KnownAnswer,
  { position }: Pick<Planted, 'position'>,
  report: ScoreReport,
): 'passed' | 'failed' | 'unclear' {
  const isSamePrompt =
    equalBytes(report.promptTokensHash, expected.promptTokensHash) &&
    report.promptTokenCount === expected.promptTokenCount &&
    equalBytes(report.vocabularyHash, expected.vocabularyHash);
  if (!isSamePrompt) return 'failed';
  if (report.exact && report.numericClass === header.numericClass) {
    if (position === undefined) return isSameFinding(report, expected) ? 'passed' : 'failed';
    const { firstDifference } = compareWindows(crypto, header, expected.windows, report.windows);
    return firstDifference === position ? 'passed' : 'failed';
  }
  const isWhole = position === undefined;
  const isSameText =
    equalBytes(report.responseHash, expected.responseHash) && report.firstStopToken === expected.firstStopToken;
  if (isWhole && !isSameText) return 'failed';
  const known = isWhole ? expected.windows.length : Math.floor(position / WINDOW_TOKENS);
  if (known === 0 || header.tier === 'replay') return 'unclear';
  const [own, other] = [expected.windows.slice(0, known), report.windows.slice(0, known)];
  const { worstWindowSketchDistance, worstWindowKolmogorov } = compareWindows(crypto, header, own, other);
  const { sketchDistance, kolmogorov } = FALLBACK_THRESHOLDS;
  const isNear = worstWindowSketchDistance <= sketchDistance.reject && worstWindowKolmogorov <= kolmogorov.reject;
  return isNear ? 'passed' : 'failed';
}
