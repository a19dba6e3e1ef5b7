import { ProtocolError } from '@ogong/protocol/base/bytes';
import { MAX_RESPONSE_BYTES } from '@ogong/protocol/exchange/limits';
import { canonicalTensor } from '@ogong/protocol/modality/tensor/tensor-data';
import type { Tensor } from '@ogong/protocol/modality/tensor/tensor-form';
import { encodeTensorResponse } from '@ogong/protocol/modality/tensor/tensor-list';
import { EngineError } from '../interface/engine-error.ts';
import type { TensorResult, TensorRun } from '../interface/tensor.ts';
import type { HostMessage } from './child-messages.ts';
import { createSerialHost, type SerialHost } from './serial-host.ts';
import type { TensorCall } from './tensor-messages.ts';

/** The part of a model that the host uses. */
export interface TensorModel {
  /** @returns outputs of any bits. @throws EngineError */
  run(request: TensorRun): Promise<Omit<TensorResult, 'elapsedMs'>>;
}

export interface TensorHostOptions {
  readonly model: TensorModel;
  /** Calls that wait at most. */
  readonly maxQueue: number;
  readonly send: (message: HostMessage) => void;
}

/** Runs one model of tensors for its parent, one call after another. */
export type TensorHost = SerialHost<TensorCall>;

export const createTensorHost = ({ model, maxQueue, send }: TensorHostOptions): TensorHost =>
  createSerialHost<TensorCall>({
    ...{ noun: 'run', maxQueue, send },
    async run({ request }) {
      const startedAt = performance.now();
      const result = await model.run(request);
      return { ...result, outputs: finishOutputs(result.outputs), elapsedMs: performance.now() - startedAt };
    },
  });

/** @throws EngineError for outputs that no reply can hold. */
function finishOutputs(outputs: readonly Tensor[]): readonly Tensor[] {
  try {
    const finished = outputs.map(canonicalTensor);
    encodeTensorResponse(finished);
    return finished;
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    const message = `the outputs do not fit into a reply of ${MAX_RESPONSE_BYTES} bytes: ${cause.message}`;
    throw new EngineError('invalid-request', message, { cause });
  }
}
