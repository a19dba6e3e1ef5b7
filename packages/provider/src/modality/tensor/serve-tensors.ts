import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TensorEngine } from '@ogong/engine/interface/tensor';
import { Refusal } from '@ogong/host/link/link-error';
import { computeReplyFee, FeeError } from '@ogong/protocol/exchange/fee';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import type { TensorRequest } from '@ogong/protocol/modality/tensor/request';
import { bindRequest } from '@ogong/protocol/modality/tensor/signature';
import { tensor } from '@ogong/protocol/modality/tensor/tensor';
import { keepCommitted } from '../keep-committed.ts';
import type { OfferedEngine, OrderHandling } from '../modality.ts';
import type { AcceptedOrder, CheckedOrder, ServeContext, ServedCounts } from '../order-job.ts';
import { commitTensors } from './commit-tensors.ts';
import { isRefusedByModel, type RanRequest, runRequest } from './run-request.ts';

/** The tensors leave all at once, with their record. */
export const tensorOrders: OrderHandling<TensorEngine, TensorRequest, TensorOrderJob> = {
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
  async accept(_offer, checked, { claim }) {
    const feeAtomic = computeFee(checked);
    return { ...(await claim()), feeAtomic };
  },
  serve: (job, context, offer) => serveTensors(offer, job, context),
};

export interface TensorOrderJob extends AcceptedOrder<TensorRequest> {
  readonly feeAtomic: bigint;
}

async function serveTensors(
  offer: OfferedEngine<TensorEngine>,
  job: TensorOrderJob,
  context: ServeContext,
): Promise<ServedCounts> {
  const { order, request, feeAtomic } = job;
  const { crypto, clock, signer, send, expired, failed } = context;
  const promptTokens = request.promptTokenBound;
  const counts = { promptTokens, cachedTokens: 0, outputTokens: 0, drafts: { proposed: 0, accepted: 0 } };
  const startMs = clock.nowMs();
  const signal = AbortSignal.any([expired, failed]);
  const admission = await context.admit(signal);
  await send({ event: { case: 'started', value: { promptTokens } } });
  const ran = await runAll(offer, request, signal);
  if (ran === undefined && failed.aborted) {
    throw new Refusal('unavailable', 'the provider gave this reply up; try another one');
  }
  // The order ran out before there was an output.
  if (ran === undefined) return counts;
  const committed = commitTensors(crypto, signer, {
    ...{ order, request, body: job.body, info: offer.engine.info(), beacon: job.beacon },
    ...{ inputs: ran.inputs, outputs: ran.outputs, startMs, endMs: clock.nowMs() },
  });
  const kept = await keepCommitted(job, { ...committed, feeAtomic }, context);
  const { header, response } = committed;
  await send({
    event: {
      case: 'finished',
      value: { ...kept, header, response, admission, stopReason: 'length', promptTokens, outputTokens: 0 },
    },
  });
  return counts;
}

/** @throws Refusal if the order does not pay for all of it. */
function computeFee({ order, request }: Pick<CheckedOrder<TensorRequest>, 'order' | 'request'>): bigint {
  try {
    const reply = { promptTokenCount: request.promptTokenBound, outputTokenCount: 0 };
    return computeReplyFee(order, tensor.boundTokens(request), reply);
  } catch (error) {
    if (!(error instanceof FeeError)) throw error;
    throw new Refusal('invalid', `the reply could not be billed in full: ${error.message}`);
  }
}

/** @returns undefined if it was cancelled: the order's time is up, or the provider gave up. @throws Refusal if the model refuses the inputs. */
async function runAll(
  { engine }: OfferedEngine<TensorEngine>,
  request: TensorRequest,
  signal: AbortSignal,
): Promise<RanRequest | undefined> {
  try {
    return await runRequest(engine, request, { signal });
  } catch (error) {
    if (error instanceof EngineError && error.code === 'cancelled') return undefined;
    if (isRefusedByModel(error)) throw new Refusal('invalid', error.message);
    throw error;
  }
}
