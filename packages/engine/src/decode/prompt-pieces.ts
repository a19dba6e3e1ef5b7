import type { BatchContext } from './batch-model.ts';

/** How a numeric class wants a prompt's rows before its last token run. */
export type PromptRule = Pick<BatchContext, 'promptShape' | 'leastPromptRows' | 'batchSize'>;

/**
 * The rule of a prompt. Its pictures split a pass, so no row of a prompt with pictures runs in a shape that needs passes of a least
 * length.
 */
export const ruleOf = (context: PromptRule, hasPictures: boolean): PromptRule =>
  hasPictures && context.leastPromptRows > 0
    ? { promptShape: 0, leastPromptRows: 0, batchSize: context.batchSize }
    : context;

/** The end of a piece of a prompt, and the shape class in which its rows run. */
export interface PromptPiece {
  readonly end: number;
  readonly shapeClass: number;
}

/**
 * The shape class of a prompt's rows before its last token. A prompt that is too short for a piece runs as a reply's rows do.
 * @param rows the prompt's rows before its last token.
 */
export const shapeOfPrompt = ({ promptShape, leastPromptRows }: PromptRule, rows: number): number =>
  rows < leastPromptRows ? 0 : promptShape;

/**
 * The next piece of a prompt, which is one pass. Serving, scores, traces and the probe all cut here. A rest that is too short
 * for a piece of its own joins the piece before it.
 * @param from the first row of the piece; `findRestart` says where a cached prompt goes on.
 * @param rows the prompt's rows before its last token; more than `from`.
 * @param chunk the rows that a piece should have; the context's limit if absent.
 */
export function cutPiece(
  rule: PromptRule,
  { from, rows, chunk = rule.batchSize }: { readonly from: number; readonly rows: number; readonly chunk?: number },
): PromptPiece {
  const shapeClass = shapeOfPrompt(rule, rows);
  const least = rows < rule.leastPromptRows ? 1 : Math.max(1, rule.leastPromptRows);
  // The rest that joins the last piece must fit, too.
  const count = Math.max(least, Math.min(chunk, rule.batchSize - (least - 1)));
  return { end: rows - from < count + least ? rows : from + count, shapeClass };
}

/**
 * The first row that a prompt must compute where `held` rows of its own shape class are cached. A few rows are computed once
 * more where fewer than a piece are missing.
 */
export function findRestart(
  rule: PromptRule,
  { held, rows }: { readonly held: number; readonly rows: number },
): number {
  if (held >= rows || rows < rule.leastPromptRows) return held;
  return Math.min(held, rows - rule.leastPromptRows);
}
