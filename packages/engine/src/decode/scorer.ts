import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { createSketchBank } from '@ogong/protocol/commitment/sketch';
import { createWindowEncoder } from '@ogong/protocol/modality/text/commitment/window';
import type { TextScoringRequest, TextScoringResult } from '../interface/text.ts';
import type { BatchContext, BatchModel } from './batch-model.ts';
import { createPositionReader } from './capture/position.ts';
import type { GrammarCursor, Grammars, TokenMask } from './grammar/grammar-cursor.ts';
import { nativeHash } from './native-hash.ts';
import { cutPiece, findRestart, shapeOfPrompt } from './prompt-pieces.ts';
import type { Slots } from './slots.ts';

/** Output rows per pass: bounds the logits buffer (f32[rows, vocabulary]) to this many bytes. */
const MAX_OUTPUT_BYTES = 32 * 2 ** 20;
/** A verifier serves nobody with its scores: it reads any of them again for any other. */
const SCORES = 'scores';
/** Rows of a slice in which every row may need its own pass. */
const SHORT_SLICE = 8;

/**
 * Where a slice of output positions ends. A pass holds one class, and in some classes few rows. Nothing else runs during a
 * slice, so a slice must not contain too many passes.
 * @param limit where it ends at the latest.
 */
export function endOfSlice(
  { promptShape, passRows }: Pick<BatchContext, 'promptShape' | 'passRows'>,
  shapeClasses: Uint8Array | undefined,
  { from, limit }: { readonly from: number; readonly limit: number },
): number {
  if (promptShape === 0 || shapeClasses === undefined) return limit;
  const most = Math.min(limit, from + Math.max(SHORT_SLICE, passRows(shapeClasses[from])));
  for (let end = from + 1; end < most; end++) if (shapeClasses[end] !== shapeClasses[from]) return end;
  return most;
}

/** After a token that the grammar forbids, and where it allows none, a claim is scored without it: no honest reply goes on there. */
export function findScoredMask(cursor: GrammarCursor | undefined): TokenMask | undefined {
  const mask = cursor?.mask();
  return mask?.count === 0 ? undefined : mask;
}

/**
 * One teacher-forced pass over a claimed reply, in slices: yields between slices so that running replies go on.
 * Under exact kernels the slicing changes no bit.
 * @param context one free sequence, number 0.
 * @param kept what earlier scores have left in that sequence; it is left empty where absent.
 * @returns the windows that an engine generating these tokens would have committed to, and where it would not have.
 */
export function* scoreReply(
  model: BatchModel,
  context: BatchContext,
  request: TextScoringRequest,
  grammars: Grammars,
  kept?: Slots,
): Generator<void, Pick<TextScoringResult, 'windows' | 'firstOtherChoice' | 'tailGap' | 'cachedTokens'>> {
  const { vocabularySize, embeddingSize } = model;
  const { promptTokens, outputTokens, sampler, listSizes, shapeClasses, tailDraws } = request;
  const reader = createPositionReader(vocabularySize);
  const bank = createSketchBank(nativeHash, { ...request.sketch, embeddingSize });
  const encoder = createWindowEncoder({ vocabularySize, bank });
  const bias = new Map(request.bias.map((entry) => [entry.id, entry.biasQ16]));
  const counts = new Map<number, number>();
  const isCounting = sampler.presencePenaltyQ16 !== 0 || sampler.frequencyPenaltyQ16 !== 0;
  const cursor = request.grammar === undefined ? undefined : grammars.open(request.grammar);
  const windows: WindowBytes[] = [];
  let firstOtherChoice = -1;
  let tailGap: TextScoringResult['tailGap'];
  const last = promptTokens.length - 1;
  const widest = Math.max(
    SHORT_SLICE,
    Math.min(context.batchSize, Math.floor(MAX_OUTPUT_BYTES / (4 * vocabularySize))),
  );
  const own = { scope: SCORES, shapeClass: shapeOfPrompt(context, last) };
  const cachedTokens = kept ? findRestart(context, { held: kept.take(promptTokens, own).held, rows: last }) : 0;
  /** Rows, from the first on, that another prompt may begin with. */
  let reusable = cachedTokens;
  let isWhole = false;
  try {
    context.remove(0, cachedTokens);
    for (let position = cachedTokens; position < last; ) {
      const { end, shapeClass } = cutPiece(context, { from: position, rows: last });
      for (; position < end; position++) context.add(promptTokens[position] as number, position, 0, shapeClass);
      context.decode(false);
      reusable = position;
      yield;
    }
    for (let i = 0; i < outputTokens.length; ) {
      const from = i;
      const end = endOfSlice(context, shapeClasses, { from, limit: Math.min(i + widest, outputTokens.length) });
      for (; i < end; i++) {
        const token = (i === 0 ? promptTokens[last] : outputTokens[i - 1]) as number;
        context.add(token, last + i, 0, shapeClasses?.[i]);
      }
      context.decode(true);
      const logits = context.logits();
      const hidden = context.hidden();
      for (let j = from; j < end; j++) {
        const token = outputTokens[j] as number;
        const row = context.outputRow(j - from);
        const mask = findScoredMask(cursor);
        const inputs = { logits, offset: row * vocabularySize, settings: sampler, bias, counts, mask };
        const claim = { token, listSize: listSizes[j] as number, tailDraw: tailDraws?.get(j) };
        const { row: claimed, isOwn, tailGap: gap } = reader.claim(inputs, claim);
        if (!isOwn && firstOtherChoice < 0) firstOtherChoice = j;
        if (gap > (tailGap?.gap ?? 0)) tailGap = { gap, position: j };
        const shapeClass = context.shapeOf(j - from);
        if (reusable === last + j && shapeClass === own.shapeClass) reusable++;
        const window = encoder.push(claimed, hidden, row * embeddingSize, shapeClass);
        if (window !== undefined) windows.push(window);
        if (isCounting) counts.set(token, (counts.get(token) ?? 0) + 1);
        cursor?.accept(token);
      }
      yield;
    }
    const rest = encoder.flush();
    if (rest !== undefined) windows.push(rest);
    isWhole = true;
    return { windows, firstOtherChoice, tailGap, cachedTokens };
  } finally {
    // After a pass that failed, the cache is in an unknown state.
    const rows = kept && isWhole ? reusable : 0;
    context.remove(0, rows);
    kept?.give(0, { ...own, tokens: joinTokens(promptTokens, outputTokens).subarray(0, rows) });
  }
}

function joinTokens(prompt: Uint32Array, output: Uint32Array): Uint32Array {
  const tokens = new Uint32Array(prompt.length + output.length);
  tokens.set(prompt);
  tokens.set(output, prompt.length);
  return tokens;
}
