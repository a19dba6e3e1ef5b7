import { EngineError } from '../interface/engine-error.ts';
import type { SegmentEngine, SegmentPass } from '../interface/segment.ts';
import { cutPiece } from './prompt-pieces.ts';

/** The part of a claimed reply that one segment computed. */
export interface SegmentScoring {
  /** Tokens of the prompt. */
  readonly promptTokens: number;
  /**
   * Input of each position: tokens for the first segment, f32[positions, embeddingSize] for another. A reply of n tokens has n - 1
   * positions behind its prompt, since no row follows the last token.
   */
  readonly input: SegmentPass['input'];
  /** The first positions that run, 64 or more unless they are all. Default: all. */
  readonly limit?: number;
  /** A free sequence of the segment, which is empty afterwards. Default: 0. */
  readonly sequence?: number;
}

/**
 * From this many rows on, a prompt is cut into pieces of no fewer rows: in some classes they run on kernels of their own. So a part of a
 * prompt has as many rows, too.
 */
const LEAST_PROMPT_ROWS = 64;

/**
 * Runs a claimed reply again through one segment with known input. Rows before the prompt's last token run as a prompt, and all others
 * on reference kernels.
 * @returns the rows that leave the segment, in the order of their positions and with no gap: f32[n, embeddingSize] a pass.
 * @throws EngineError of the segment; `invalid-request` for the last segment of a model, or for input of no whole positions.
 */
export async function* scoreSegment(
  segment: SegmentEngine,
  { promptTokens, input, limit = Number.POSITIVE_INFINITY, sequence = 0 }: SegmentScoring,
): AsyncGenerator<Float32Array> {
  const { place, embeddingSize, passRows } = segment.info();
  const width = place === 'first' ? 1 : embeddingSize;
  const given = input.length / width;
  const positions = Math.min(given, limit);
  const isRange = Number.isInteger(given) && promptTokens >= 1 && promptTokens <= given;
  if (place === 'last' || !isRange || positions < Math.min(given, LEAST_PROMPT_ROWS))
    throw new EngineError(
      'invalid-request',
      `${input.length} values are no input of ${promptTokens} positions and more`,
    );
  const last = Math.min(promptTokens - 1, positions);
  const least = passRows >= 2 * LEAST_PROMPT_ROWS ? LEAST_PROMPT_ROWS : 1;
  const rule = { promptShape: 0, leastPromptRows: least, batchSize: passRows };
  try {
    for (let from = 0; from < positions; ) {
      const isPrompt = from < last;
      const end = isPrompt ? cutPiece(rule, { from, rows: last }).end : Math.min(positions, from + passRows);
      const output = await segment.run({
        kind: isPrompt ? 'prompt' : 'score',
        groups: [{ sequence, position: from, rows: end - from }],
        input: input.subarray(from * width, end * width),
      });
      if (output.kind !== 'rows') throw new EngineError('engine-crashed', 'the segment returned no rows');
      yield output.rows;
      from = end;
    }
  } finally {
    await segment.drop(sequence, 0);
  }
}
