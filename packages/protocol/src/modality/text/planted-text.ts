import type { Crypto } from '../../crypto/crypto.ts';
import { isClassDenied } from '../../tier/exact-class.ts';
import type { PlantedReply } from '../modality.ts';
import type { Header } from './commitment/header.ts';
import { checkHoneypot, isProven, isUnlikely, type PlantedText } from './honeypot-check.ts';
import { readScoreReport } from './read-report.ts';
import { encodeScored, type ScoredReply } from './scored-reply.ts';
import { parseScoreReport, type ScoreReport } from './stage2/score-report.ts';
import { countScored } from './stage2/scored-prefix.ts';

/** The job of a honeypot's verifier. */
export interface PlantedJob extends ScoredReply, Pick<PlantedText, 'position'> {
  readonly shapeClasses: Uint8Array;
  /** The class in which the verifier has signed that it computes the model. */
  readonly endorsedClass: string;
}

/** Describes the job as the bytes that the verifier receives, and the reader of its report. */
export function describePlantedText(crypto: Crypto, { endorsedClass, position, ...scored }: PlantedJob): PlantedReply {
  const { header, listSizes, outputTokens, shapeClasses, tailDraws, modelRoot } = scored;
  const rows = Array.from(listSizes, (size) => ({ ...NO_ROW, ids: new Uint32Array(size) }));
  const replay = { checks: [], header, rows, outputTokens: Uint32Array.from(outputTokens), shapeClasses, tailDraws };
  return {
    inputs: encodeScored(scored),
    read(bytes, { jobId }) {
      const read = readScoreReport(bytes, { jobId, modelRoot, header, replay, contextSize: 0 });
      if ('problem' in read) return read;
      const { report } = read;
      const problem = findWithdrawal(report, { header, positions: rows.length, endorsedClass });
      if (problem !== undefined) return { problem, isWellFormed: true };
      return {
        tokens: header.promptTokenCount + countScored(report, rows.length),
        compare(known, drift) {
          const verdict = checkHoneypot(
            crypto,
            { header, report: parseScoreReport(known) },
            { position },
            report,
            drift,
          );
          if (isProven(verdict)) return { outcome: 'refuted' };
          if (isUnlikely(verdict)) return { outcome: 'doubted' };
          return { outcome: 'credited', isSuspect: verdict.outcome === 'suspect' };
        },
      };
    },
  };
}

const NO_ROW = { q: new Uint32Array(0), tail: 0, rank: 0 };

/**
 * Finds the reason that a report breaks its verifier's own statement: room for the whole job, and its class. Others cannot see
 * this fault.
 */
function findWithdrawal(
  report: ScoreReport,
  { header, positions, endorsedClass }: { header: Header; positions: number; endorsedClass: string },
): string | undefined {
  if (countScored(report, positions) < positions)
    return `scored with a context of ${report.contextSize} tokens; the verifier announced room for all`;
  const claim = { numericClass: report.numericClass, isExact: report.exact || report.windows.length === 0 };
  if (!isClassDenied(header, claim, endorsedClass)) return undefined;
  return `the verifier has signed that it computes in ${endorsedClass}, and its report denies it`;
}
