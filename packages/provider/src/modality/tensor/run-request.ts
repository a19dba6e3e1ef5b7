import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TensorEngine, TensorResult } from '@ogong/engine/interface/tensor';
import type { TensorRequest } from '@ogong/protocol/modality/tensor/request';
import { type BoundRequest, bindRequest } from '@ogong/protocol/modality/tensor/signature';
import type { Tensor } from '@ogong/protocol/modality/tensor/tensor-form';

/** A request as the model reads it, and the outputs. */
export interface RanRequest extends TensorResult {
  /** In the order of the model. */
  readonly inputs: readonly Tensor[];
}

/** Runs a request. @throws RequestError for inputs of another form than the model's; EngineError */
export async function runRequest(
  engine: TensorEngine,
  request: Pick<TensorRequest, 'inputs' | 'outputs'>,
  { signal, numericClass }: { readonly signal: AbortSignal; readonly numericClass?: string },
): Promise<RanRequest> {
  const bound: BoundRequest = bindRequest(request, engine.info().signature);
  const claimed = numericClass === undefined ? {} : { numericClass };
  return { inputs: bound.inputs, ...(await engine.run({ ...bound, ...claimed }, { signal })) };
}

/** Returns whether the engine refused the inputs, and not the machine failed. */
export const isRefusedByModel = (error: unknown): error is EngineError =>
  error instanceof EngineError && error.code === 'invalid-request';
