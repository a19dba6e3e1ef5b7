import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { createSketchBank } from '@ogong/protocol/commitment/sketch';
import { createWindowEncoder } from '@ogong/protocol/modality/text/commitment/window';
import { createRepeatedTokens } from '@ogong/protocol/modality/text/sampling/repeated-tokens';
import type { TextScoringRequest, TextScoringResult } from '../interface/text.ts';
import type { BatchContext, BatchModel } from './batch-model.ts';
import type { PositionReader } from './capture/position.ts';
import type { GrammarCursor, Grammars, TokenMask } from './grammar/grammar-cursor.ts';
import { nativeHash } from './native-hash.ts';

/** Rows of a slice in which every row may need its own pass. */
export const SHORT_SLICE = 8;

/**
 * Returns the end of a slice of output positions. A pass holds one class, and in some classes few rows. Nothing else runs during a
 * slice, so a slice must not contain too many passes.
 * @param limit where it ends at the latest.
 */
export function endOfSlice(
  { promptShape, passRows }: Pick<BatchContext, 'promptShape' | 'passRows'>,
  shapeClasses: Uint8Array | undefined,
  { from, limit }: { readonly from: number; readonly limit: number },
): number {
  if (promptShape === 0) return limit;
  const most = Math.min(limit, from + Math.max(SHORT_SLICE, passRows(shapeClasses?.[from])));
  if (shapeClasses === undefined) return most;
  for (let end = from + 1; end < most; end++) if (shapeClasses[end] !== shapeClasses[from]) return end;
  return most;
}

/** After a token that the grammar forbids, and where it allows none, a claim is scored without it: no honest reply goes on there. */
export function findScoredMask(cursor: GrammarCursor | undefined): TokenMask | undefined {
  const mask = cursor?.mask();
  return mask?.count === 0 ? undefined : mask;
}

export type ScoredClaim = Pick<TextScoringResult, 'windows' | 'firstOtherChoice' | 'tailGap'>;

/** Results of a pass: rows of logits and hidden states. */
export interface PassOutputs {
  readonly logits: Float32Array;
  readonly hidden: Float32Array;
}

/** Reads a claimed reply off the rows of passes, position by position. */
export interface ClaimReader {
  /** @param row of the next position in the pass. */
  read(outputs: PassOutputs, row: number, shapeClass: number): void;
  /** The windows that an engine generating these tokens would have committed to, and where it would not have. */
  finish(): ScoredClaim;
}

/** @param reader may be shared: it keeps nothing between two positions. @throws EngineError if the grammar is none. */
export function createClaimReader(
  { vocabularySize, embeddingSize }: Pick<BatchModel, 'vocabularySize' | 'embeddingSize'>,
  request: TextScoringRequest,
  { grammars, reader }: { readonly grammars: Grammars; readonly reader: PositionReader },
): ClaimReader {
  const { outputTokens, sampler, listSizes, tailDraws } = request;
  const bank = createSketchBank(nativeHash, { ...request.sketch, embeddingSize });
  const encoder = createWindowEncoder({ vocabularySize, bank });
  const bias = new Map(request.bias.map((entry) => [entry.id, entry.biasQ16]));
  const counts = new Map<number, number>();
  const isCounting = sampler.presencePenaltyQ16 !== 0 || sampler.frequencyPenaltyQ16 !== 0;
  const repeated = createRepeatedTokens(sampler, request.promptTokens);
  const cursor = request.grammar === undefined ? undefined : grammars.open(request.grammar);
  const windows: WindowBytes[] = [];
  let firstOtherChoice = -1;
  let tailGap: TextScoringResult['tailGap'];
  let position = 0;
  return {
    read({ logits, hidden }, row, shapeClass) {
      const at = position++;
      const token = outputTokens[at] as number;
      const mask = findScoredMask(cursor);
      const inputs = {
        logits,
        offset: row * vocabularySize,
        settings: sampler,
        bias,
        counts,
        repeated: repeated?.counts,
        mask,
      };
      const claim = { token, listSize: listSizes[at] as number, tailDraw: tailDraws?.get(at) };
      const { row: claimed, isOwn, tailGap: gap } = reader.claim(inputs, claim);
      if (!isOwn && firstOtherChoice < 0) firstOtherChoice = at;
      if (gap > (tailGap?.gap ?? 0)) tailGap = { gap, position: at };
      const window = encoder.push(claimed, hidden, row * embeddingSize, shapeClass);
      if (window !== undefined) windows.push(window);
      if (isCounting) counts.set(token, (counts.get(token) ?? 0) + 1);
      repeated?.push(token);
      cursor?.accept(token);
    },
    finish() {
      const rest = encoder.flush();
      if (rest !== undefined) windows.push(rest);
      return { windows, firstOtherChoice, tailGap };
    },
  };
}
