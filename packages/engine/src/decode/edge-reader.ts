import type { EdgeValues } from '@ogong/protocol/commitment/edge-values';
import { createSketchBank } from '@ogong/protocol/commitment/sketch';
import { createEdgeHasher } from '@ogong/protocol/modality/text/boundary/edge-hasher';
import { EngineError } from '../interface/engine-error.ts';
import type { TextScoringRequest } from '../interface/text.ts';
import type { BatchModel, EdgeContext, PushRows } from './batch-model.ts';
import { nativeHash } from './native-hash.ts';

/** Commits to the rows between layers while they come, and keeps none of them. */
export interface EdgeReader {
  readonly edges: readonly number[];
  readonly push: PushRows;
  /** Values of each edge, in the order of `edges`. */
  finish(): EdgeValues[];
}

/** @returns undefined if the request names no edges. */
export function createEdgeReader(
  { embeddingSize }: Pick<BatchModel, 'embeddingSize'>,
  { sketch, edges: asked }: Pick<TextScoringRequest, 'sketch' | 'edges'>,
): EdgeReader | undefined {
  if (asked === undefined || asked.layers.length === 0) return undefined;
  const bank = createSketchBank(nativeHash, { ...sketch, embeddingSize });
  const hashers = new Map(
    asked.layers.map((edge) => [edge, createEdgeHasher(nativeHash, { blind: asked.blind, bank })]),
  );
  return {
    edges: asked.layers,
    push: (edge, rows) => hashers.get(edge)?.push(rows),
    finish: () => [...hashers.values()].map((hasher) => hasher.finish().values),
  };
}

/** @throws EngineError('unsupported-model') if this engine cannot see the rows between layers of its model. */
export function openEdgeContext(model: BatchModel): EdgeContext {
  const context = model.createEdgeContext?.();
  if (context !== undefined) return context;
  throw new EngineError('unsupported-model', 'this engine does not see the rows between layers of its model');
}
