import type { TrajectoryEngine } from '@ogong/engine/interface/trajectory';
import { encodePng } from '@ogong/host/media/png';
import { REPLY_ID_BYTES } from '@ogong/protocol/commitment/record';
import { ENDPOINT_INFO } from '@ogong/protocol/modality/endpoints';
import { NO_MEDIA, type RequestMedia } from '@ogong/protocol/modality/media/media';
import { hashReadRequest } from '@ogong/protocol/modality/request-hash';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import { computeDrawKey } from '@ogong/protocol/modality/text/sampling/draw-key';
import { PICTURE_FORM_FIELDS } from '@ogong/protocol/modality/trajectory/fields';
import { countLatentValues } from '@ogong/protocol/modality/trajectory/header';
import { createLatentNoise } from '@ogong/protocol/modality/trajectory/noise';
import { splitPictures } from '@ogong/protocol/modality/trajectory/orders/split-pictures';
import {
  formatPictureEvent,
  formatPictures,
  type ShownPicture,
} from '@ogong/protocol/modality/trajectory/picture-formats';
import { countUnits, type PictureSize } from '@ogong/protocol/modality/trajectory/picture-size';
import type { PictureRequest } from '@ogong/protocol/modality/trajectory/request';
import { countRun } from '@ogong/protocol/modality/trajectory/request-picture';
import { createStepFormatter } from '@ogong/protocol/modality/trajectory/step-events';
import { answersLatent } from '@ogong/protocol/modality/trajectory/step-range';
import { trajectory } from '@ogong/protocol/modality/trajectory/trajectory';
import { makeLocalDrawKey } from '../draw-keys.ts';
import type { KeptReply } from '../local-reply.ts';
import type { AnsweringEndpoints, LocalMeans } from '../modality.ts';
import { commitPictureLocally } from './commit-locally.ts';
import { makePicture, type StepReader } from './make-picture.ts';
import { findChoiceProblem, resolveChoices } from './picture-choices.ts';
import { readLatent, readSource } from './read-source.ts';
import { makeWholePicture } from './whole-picture.ts';

interface LocalJob {
  readonly engine: TrajectoryEngine;
  readonly request: PictureRequest;
  readonly body: Uint8Array;
  /** Default: none. */
  readonly media?: RequestMedia;
  /** Number of the request's first picture in the call. Default: 0. */
  readonly first?: number;
}

/** Makes one of the pictures of a request. A server that shows no steps gives no receipt. @throws EngineError */
export async function makeLocally(
  { crypto, clock, randomBytes, signal, send, namesSteps = false }: LocalMeans,
  { engine, request, body, media = NO_MEDIA, first = 0 }: LocalJob,
  choice: number,
): Promise<{ readonly shown: ShownPicture; readonly reply: KeptReply | undefined }> {
  const startMs = clock.nowMs();
  const info = engine.info();
  const choices = resolveChoices(request, info);
  const replyId = randomBytes(REPLY_ID_BYTES);
  const requestHash = hashReadRequest(crypto, request, body);
  const { modelRoot } = info;
  const drawKey = makeLocalDrawKey({ randomBytes }, { requestHash, replyId, modelRoot, seed: request.seed, choice });
  const key = computeDrawKey(crypto, drawKey);
  if (engine.makeWhole !== undefined) {
    const { pixels } = await makeWholePicture(engine, { request, choices }, { seedKey: key, signal });
    const { width, height, steps } = choices;
    const size = { width, height };
    const png = await encodePng({ ...size, pixels });
    return { shown: { size, units: countUnits(size, steps), png }, reply: undefined };
  }
  const noise = createLatentNoise(crypto, key, countLatentValues(choices, info));
  const named = { choice: first + choice, created: toSeconds(startMs), namesSteps };
  const reader = send && createLocalReader({ request, size: choices, ...named }, send);
  const input = await readSource(request, media, { size: choices, info });
  const latent = readLatent(request, media, { choices, info });
  const picture = await makePicture(engine, { request, choices, input, latent }, { noise, signal, reader });
  const made = { info, request, body, replyId, requestHash, drawKey, choice, picture, startMs, endMs: clock.nowMs() };
  const { width, height, steps } = choices;
  const size = { width, height };
  const units = countUnits(size, countRun(steps, request.source ?? request.range));
  const shown = answersLatent(steps, request.range)
    ? { size, units, latent: picture.pixels }
    : { size, units, png: await encodePng({ ...size, pixels: picture.pixels }) };
  return {
    shown,
    reply: { ...(await commitPictureLocally(crypto, made)), media },
  };
}

const toSeconds = (ms: number): number => Math.floor(ms / 1000);

/** The caller reads each step before the next one is computed: the machine works for this caller. */
function createLocalReader(
  {
    request,
    size: { width, height },
    ...named
  }: Pick<LocalJob, 'request'> & {
    readonly size: PictureSize;
    readonly choice: number;
    readonly created: number;
    readonly namesSteps: boolean;
  },
  send: (event: object) => Promise<void>,
): StepReader {
  const format = createStepFormatter(request, { ...named, encodePng });
  return {
    previews: request.partialPictures,
    isIdle: () => true,
    async read({ step, steps, preview = new Uint8Array() }) {
      for (const event of await format({ step, steps, width, height, preview })) await send(event);
    },
  };
}

/** The endpoints of pictures. */
export const pictureEndpoints: AnsweringEndpoints<TrajectoryEngine, PictureRequest> = {
  names: trajectory.endpoints,
  formFields: PICTURE_FORM_FIELDS,
  split: splitPictures,
  parse: (body, endpoint) => trajectory.parseRequest(body, endpoint),
  nameUse: () => 'pictures',
  async answer(means, { parts, ...job }) {
    const [{ request }] = parts;
    const problem = findChoiceProblem(request, job.engine.info());
    if (problem !== undefined) throw new RequestError(problem.message, problem.param);
    const shown: ShownPicture[] = [];
    const replies: KeptReply[] = [];
    for (const part of parts) {
      const first = shown.length;
      // One after the other: the model computes one step at a time.
      for (let choice = 0; choice < part.request.choices; choice++) {
        const made = await makeLocally(means, { ...job, ...part, first }, choice);
        shown.push(made.shown);
        if (made.reply !== undefined) replies.push(made.reply);
      }
    }
    const { idPrefix } = ENDPOINT_INFO[request.endpoint];
    const answerId = `${idPrefix}-${Buffer.from(means.randomBytes(18)).toString('base64url')}`;
    const created = toSeconds(means.clock.nowMs());
    if (!request.stream) return { answerId, replies, body: formatPictures(request, { created, pictures: shown }) };
    const events = shown.map((picture) => formatPictureEvent(request, { created, picture }));
    return { answerId, replies, body: {}, events };
  },
};
