import type { TensorEngine } from '@ogong/engine/interface/tensor';
import { Refusal } from '@ogong/host/link/link-error';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import type { TensorRequest } from '@ogong/protocol/modality/tensor/request';
import { bindRequest } from '@ogong/protocol/modality/tensor/signature';
import { tensor } from '@ogong/protocol/modality/tensor/tensor';
import { computeFullFee } from '../full-fee.ts';
import type { OfferedEngine, OrderHandling } from '../modality.ts';
import { serveWhole, type WholeOrderJob } from '../serve-whole.ts';
import { commitTensors } from './commit-tensors.ts';
import { isRefusedByModel, type RanRequest, runRequest } from './run-request.ts';

/** The tensors leave all at once, with their record. */
export const tensorOrders: OrderHandling<TensorEngine, TensorRequest, WholeOrderJob<TensorRequest>> = {
  readRequest(body, endpoint) {
    if (!tensor.endpoints.includes(endpoint))
      throw new Refusal('invalid', `this model reads tensors alone; ${endpoint} was asked for`);
    const request = tensor.parseRequest(body);
    return { request, asked: request, choices: 1 };
  },
  allowsStandby: false,
  assertServable(request, { info }) {
    try {
      bindRequest(request, info.signature);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      throw new Refusal('invalid', error.message);
    }
  },
  async accept(_offer, { order, request }, { claim }) {
    const { promptTokenBound: promptTokens } = request;
    const reply = { promptTokenCount: promptTokens, outputTokenCount: 0 };
    const feeAtomic = computeFullFee(order, tensor.boundTokens(request), reply);
    return { ...(await claim()), promptTokens, feeAtomic };
  },
  serve: (job, context, offer) =>
    serveWhole(job, context, {
      run: (signal) => runAll(offer, job.request, signal),
      commit: ({ inputs, outputs }, times) =>
        commitTensors(context.crypto, context.signer, { ...job, ...times, info: offer.engine.info(), inputs, outputs }),
    }),
};

/** @throws Refusal if the model refuses the inputs; EngineError */
async function runAll(
  { engine }: OfferedEngine<TensorEngine>,
  request: TensorRequest,
  signal: AbortSignal,
): Promise<RanRequest> {
  try {
    return await runRequest(engine, request, { signal });
  } catch (error) {
    if (isRefusedByModel(error)) throw new Refusal('invalid', error.message);
    throw error;
  }
}
