import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TrajectoryEngine, TrajectoryInfo } from '@ogong/engine/interface/trajectory';
import { Refusal } from '@ogong/host/link/link-error';
import { VALUE_BYTES } from '@ogong/protocol/modality/shared/values';
import { computeDrawKey } from '@ogong/protocol/modality/text/sampling/draw-key';
import { countAnswers } from '@ogong/protocol/modality/trajectory/guidance-plan';
import { countLatentValues, planChosenGuidance } from '@ogong/protocol/modality/trajectory/header';
import { HIDDEN_VALUES } from '@ogong/protocol/modality/trajectory/hidden/hidden-facts';
import { createLatentNoise } from '@ogong/protocol/modality/trajectory/noise';
import { countUnits, type PictureSize } from '@ogong/protocol/modality/trajectory/picture-size';
import type { PictureRequest } from '@ogong/protocol/modality/trajectory/request';
import { countRun } from '@ogong/protocol/modality/trajectory/request-picture';
import { trajectory } from '@ogong/protocol/modality/trajectory/trajectory';
import type { ShownExchange } from '@ogong/protocol/tier/proxied';
import { chooseDrawKey } from '../draw-keys.ts';
import { computeFullFee } from '../full-fee.ts';
import { keepCommitted } from '../keep-committed.ts';
import type { OfferedEngine, OrderHandling } from '../modality.ts';
import type { AcceptedOrder, ServeContext, ServedCounts } from '../order-job.ts';
import { commitPicture } from './commit-picture.ts';
import { type MadePicture, makePicture, type StepReader } from './make-picture.ts';
import { findChoiceProblem, resolveChoices } from './picture-choices.ts';
import { readLatent, readSource, type SourcePixels } from './read-source.ts';
import { makeWholePicture } from './whole-picture.ts';

export interface PictureOrderJob extends AcceptedOrder<PictureRequest> {
  readonly units: number;
  readonly feeAtomic: bigint;
  /** The picture to change; undefined for a picture from noise alone. */
  readonly input: SourcePixels | undefined;
  /** The first latent of a later link of a chain. */
  readonly latent: Float32Array | undefined;
}

/** The picture leaves whole, with its record. An event about each step goes between `started` and `finished`. */
export const pictureOrders: OrderHandling<TrajectoryEngine, PictureRequest, PictureOrderJob> = {
  readRequest(body, endpoint) {
    if (!trajectory.endpoints.includes(endpoint))
      throw new Refusal('invalid', `this model makes pictures; ${endpoint} was asked for`);
    const request = trajectory.parseRequest(body, endpoint);
    return { request, asked: request, choices: request.choices };
  },
  allowsStandby: false,
  assertServable(request, { info }) {
    const problem = findChoiceProblem(request, info);
    if (problem === undefined) return;
    throw new Refusal(problem.isLimit ? 'unsupported' : 'invalid', problem.message);
  },
  async accept({ info }, checked, { claim }) {
    const units = countRequestUnits(checked.request, info);
    const { order, request, media } = checked;
    const reply = { promptTokenCount: 0, outputTokenCount: units };
    const feeAtomic = computeFullFee(order, trajectory.boundTokens(request), reply);
    const choices = resolveChoices(request, info);
    const input = await readSource(request, media, { size: choices, info });
    const latent = readLatent(request, media, { choices, info });
    return { ...(await claim()), units, feeAtomic, input, latent };
  },
  serve: (job, context, offer) => servePicture(offer, job, context),
};

async function servePicture(
  { engine }: OfferedEngine<TrajectoryEngine>,
  job: PictureOrderJob,
  context: ServeContext,
): Promise<ServedCounts> {
  const { order, request, body, beacon, units, feeAtomic, input, latent } = job;
  const { crypto, clock, signer, send, expired, failed } = context;
  const counts = { promptTokens: 0, cachedTokens: 0, outputTokens: units, drafts: { proposed: 0, accepted: 0 } };
  const startMs = clock.nowMs();
  const signal = AbortSignal.any([expired, failed]);
  const info = engine.info();
  const choices = resolveChoices(request, info);
  const isWhole = engine.makeWhole !== undefined;
  const values = isWhole ? HIDDEN_VALUES : countLatentValues(choices, info);
  const part = request.source ?? request.range;
  // The given latent, and a mask, take no more than two outputs.
  const outputs = [...planChosenGuidance(choices, part).map(countAnswers), ...(part === undefined ? [] : [1, 1])];
  context.reserveBlobs(isWhole ? [] : outputs.map((count) => count * values * VALUE_BYTES));
  const drawKey = chooseDrawKey(order, request, beacon.value);
  const admission = await context.admit(signal);
  await send({ event: { case: 'started', value: { promptTokens: 0 } } });
  const key = computeDrawKey(crypto, drawKey);
  const steps = createStepSender(send, { previews: request.stream ? request.partialPictures : 0, size: choices });
  const made: Promise<MadePicture & { readonly exchange?: ShownExchange | undefined }> = isWhole
    ? makeWholePicture(engine, { request, choices }, { seedKey: key, signal })
    : makePicture(
        engine,
        { request, choices, input, latent },
        { noise: createLatentNoise(crypto, key, values), signal, reader: steps },
      );
  const picture = await makeUnlessStopped(made);
  if (picture === undefined && failed.aborted)
    throw new Refusal('unavailable', 'the provider gave this reply up; try another one');
  // The order ran out before there was a picture.
  if (picture === undefined) return { ...counts, outputTokens: 0 };
  const endMs = clock.nowMs();
  const served = { order, request, body, info, beacon, drawKey, picture, startMs, endMs };
  const committed = await commitPicture(crypto, signer, served);
  const kept = await keepCommitted(job, { ...committed, feeAtomic, exchange: picture.exchange }, context);
  const { header, response } = committed;
  // The record waits for a step that still goes out, since sealed events leave in order.
  await steps.settle();
  await send({
    event: {
      case: 'finished',
      value: { ...kept, header, response, admission, stopReason: 'length', promptTokens: 0, outputTokens: units },
    },
  });
  return counts;
}

/** Sends the steps to a reader that may be slow. The model does not wait for it, and leaves out a step that comes meanwhile. */
function createStepSender(
  send: ServeContext['send'],
  { previews, size: { width, height } }: { readonly previews: number; readonly size: PictureSize },
): StepReader & { settle(): Promise<unknown> } {
  let sending: Promise<unknown> | undefined;
  return {
    previews,
    isIdle: () => sending === undefined,
    read({ step, steps, preview }) {
      if (sending !== undefined) return;
      const shown = preview ? { width, height, preview } : {};
      sending = send({ event: { case: 'step', value: { step, steps, ...shown } } }).finally(() => {
        sending = undefined;
      });
      // The reply fails where its record is sent.
      sending.catch(() => undefined);
    },
    settle: async () => sending,
  };
}

function countRequestUnits(request: PictureRequest, info: TrajectoryInfo): number {
  const choices = resolveChoices(request, info);
  return countUnits(choices, countRun(choices.steps, request.source ?? request.range));
}

/** @returns undefined if it was cancelled: the order's time is up, or the provider gave up. */
async function makeUnlessStopped<P extends MadePicture>(picture: Promise<P>): Promise<P | undefined> {
  try {
    return await picture;
  } catch (error) {
    if (error instanceof EngineError && error.code === 'cancelled') return undefined;
    throw error;
  }
}
