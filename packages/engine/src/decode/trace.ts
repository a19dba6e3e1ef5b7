import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { createSketchBank } from '@ogong/protocol/commitment/sketch';
import { createWindowEncoder } from '@ogong/protocol/modality/text/commitment/window';
import { createRepeatedTokens } from '@ogong/protocol/modality/text/sampling/repeated-tokens';
import { MAX_STAGES } from '@ogong/protocol/modality/text/stage2/trace-report';
import { EngineError } from '../interface/engine-error.ts';
import type { TextTracingRequest, TextTracingResult } from '../interface/text.ts';
import type { BatchModel, TraceContext } from './batch-model.ts';
import type { PositionReader } from './capture/position.ts';
import type { Grammars } from './grammar/grammar-cursor.ts';
import { nativeHash } from './native-hash.ts';
import { placePictures } from './picture-rows.ts';
import { cutPiece, ruleOf } from './prompt-pieces.ts';
import { endOfSlice, findScoredMask } from './scorer.ts';

/** Block outputs that one trace may name; deeper models are refused. */
export const MAX_TRACED_LAYERS = MAX_STAGES - 3;

/**
 * Runs one teacher-forced pass up to one position of a claimed reply, in slices as `scoreReply` does. Every layer's output of that
 * position's row is hashed. Under exact kernels the slicing changes no bit.
 * @param context one free sequence, number 0; left empty.
 * @returns SHA-256 of little-endian f32 rows: embedding, output of each block, LM-head input, logits.
 */
export function* traceReply(
  model: BatchModel,
  context: TraceContext,
  request: TextTracingRequest,
  { grammars, reader }: { readonly grammars: Grammars; readonly reader: PositionReader },
): Generator<void, Pick<TextTracingResult, 'stages' | 'row'>> {
  const { vocabularySize, embeddingSize } = model;
  const { promptTokens, outputTokens, sampler, listSizes, shapeClasses, position } = request;
  const last = promptTokens.length - 1;
  const placed = placePictures(model.pictures, promptTokens, request.pictures);
  const rule = ruleOf(context, placed.hasPictures);
  const tokenAt = (index: number) => (index <= last ? placed.rows[index] : outputTokens[index - last - 1]) as number;
  const target = last + position;
  try {
    // Run the rows before in the classes that the numeric class has for a prompt, and that the reply's were committed in.
    for (let at = 0; at < last; ) {
      const { end, shapeClass } = cutPiece(rule, { from: at, rows: last });
      for (; at < end; at++) context.add(tokenAt(at), at, 0, shapeClass);
      context.decode(false);
      yield;
    }
    for (let at = last; at < target; ) {
      const limit = Math.min(at + context.batchSize, target) - last;
      const end = last + endOfSlice(context, shapeClasses, { from: at - last, limit });
      for (; at < end; at++) context.add(tokenAt(at), at, 0, shapeClasses?.[at - last]);
      context.decode(false);
      yield;
    }
    context.add(tokenAt(target), target, 0, shapeClasses?.[position]);
    context.decode(true);
    const index = context.outputRow(0);
    const logits = context.logits();
    const hidden = context.hidden();
    const stages = [
      ...context.layerRows(),
      hidden.subarray(index * embeddingSize, (index + 1) * embeddingSize),
      logits.subarray(index * vocabularySize, (index + 1) * vocabularySize),
    ].map(hashRow);
    const counts = new Map<number, number>();
    if (sampler.presencePenaltyQ16 !== 0 || sampler.frequencyPenaltyQ16 !== 0) {
      for (const token of outputTokens.subarray(0, position)) counts.set(token, (counts.get(token) ?? 0) + 1);
    }
    const repeated = createRepeatedTokens(sampler, promptTokens);
    for (const token of outputTokens.subarray(0, position)) repeated?.push(token);
    const bias = new Map(request.bias.map((entry) => [entry.id, entry.biasQ16]));
    const cursor = request.grammar === undefined ? undefined : grammars.open(request.grammar);
    for (const token of outputTokens.subarray(0, position)) cursor?.accept(token);
    const mask = findScoredMask(cursor);
    const inputs = {
      logits,
      offset: index * vocabularySize,
      settings: sampler,
      bias,
      counts,
      repeated: repeated?.counts,
      mask,
    };
    const { row: claimed } = reader.claim(inputs, {
      token: outputTokens[position] as number,
      listSize: listSizes[position] as number,
    });
    const bank = createSketchBank(nativeHash, { ...request.sketch, embeddingSize });
    const encoder = createWindowEncoder({ vocabularySize, bank });
    encoder.push(claimed, hidden, index * embeddingSize, context.shapeOf(0));
    return { stages, row: encoder.flush() as WindowBytes };
  } finally {
    placed.release();
    context.remove(0);
  }
}

/** The row's own bytes: every platform with a prebuilt engine is little-endian. */
function hashRow(row: Float32Array): Uint8Array {
  return nativeHash.sha256(new Uint8Array(row.buffer, row.byteOffset, row.byteLength));
}

/** @throws EngineError('unsupported-model') if this engine cannot see the layers of its model. */
export function openTraceContext(model: BatchModel): TraceContext {
  const context = model.createTraceContext?.();
  if (context === undefined) {
    throw new EngineError('unsupported-model', 'this engine cannot trace: the layers of its model are not visible');
  }
  return context;
}
