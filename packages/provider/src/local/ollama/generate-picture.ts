import type { TrajectoryEngine } from '@ogong/engine/interface/trajectory';
import { type ApiContext, getCallSignal } from '@ogong/host/http/api-app';
import { streamText } from '@ogong/host/http/text-stream';
import { isAbsent } from '@ogong/protocol/modality/shared/field-rules';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import type { PictureRequest } from '@ogong/protocol/modality/trajectory/request';
import { trajectory } from '@ogong/protocol/modality/trajectory/trajectory';
import type { Lease } from '../../engine/loaded-models.ts';
import { isEngineOf } from '../../modality/registry.ts';
import { findChoiceProblem } from '../../modality/trajectory/picture-choices.ts';
import { makeLocally } from '../../modality/trajectory/picture-locally.ts';
import { trajectoryModality } from '../../modality/trajectory/trajectory.ts';
import { nameReceipt, toInlineReceipt } from '../answer-receipts.ts';
import { type Fields, readText } from '../field-rules.ts';
import { encodeJson, type LocalCall } from '../local-model.ts';

/** Fields of a picture. A model that writes makes none. */
const PICTURE_FIELDS = ['width', 'height', 'steps'] as const;
/** Fields of a text. A model of pictures reads none of them. */
const TEXT_FIELDS = [
  'suffix',
  'images',
  'system',
  'template',
  'context',
  'raw',
  'format',
  'think',
  'logprobs',
] as const;

export interface PictureCall {
  /** Name of the model as the client wrote it. */
  readonly typed: string;
  readonly fields: Fields;
  /** Of the options; undefined without one. */
  readonly seed: unknown;
  readonly stream: boolean;
}

/** Returns the lease of a model that makes pictures; undefined for any other. */
export function findPainter(lease: Lease): (Lease & { readonly engine: TrajectoryEngine }) | undefined {
  const { engine } = lease;
  return isEngineOf<TrajectoryEngine>(trajectoryModality, engine) ? { ...lease, engine } : undefined;
}

/** @throws RequestError for a field of a picture. */
export function assertNoPictureFields(fields: Fields): void {
  const found = PICTURE_FIELDS.find((name) => !isAbsent(fields[name]));
  if (found !== undefined)
    throw new RequestError(`${found}: this model makes no images`, found, 'unsupported_parameter');
}

/**
 * Makes a picture, as Ollama's experimental fields of /api/generate have it. A stream has a line for each step before the last line with
 * the picture. Takes the lease over: it ends with the answer.
 * Source: the API documentation of Ollama, "Image Generation (Experimental)", and its type GenerateResponse.
 * @throws RequestError, EngineError while nothing is sent.
 */
export async function generatePicture(
  context: ApiContext,
  call: LocalCall,
  { engine, loadMs, release }: Lease & { readonly engine: TrajectoryEngine },
  { typed, fields, seed, stream }: PictureCall,
): Promise<Response> {
  const startedAt = performance.now();
  let request: PictureRequest;
  let body: Uint8Array;
  try {
    body = writeBody({ typed, fields, seed });
    request = trajectory.parseRequest(body, 'image');
    const problem = findChoiceProblem(request, engine.info());
    if (problem !== undefined) throw new RequestError(problem.message, problem.param);
  } catch (error) {
    release();
    throw error;
  }
  const answerId = `ollama-${Buffer.from(call.randomBytes(18)).toString('base64url')}`;
  const shared = { model: typed, created_at: new Date(call.clock.nowMs()).toISOString() };
  // Only an engine that shows its steps leaves a receipt.
  const headers = engine.makeWhole === undefined ? nameReceipt(answerId) : {};

  async function make(onStep?: (step: StepLine) => Promise<void>): Promise<object> {
    const means = {
      ...{ ...call, signal: getCallSignal(context) },
      ...(onStep && { namesSteps: true, send: (event: object) => onStep(event as StepLine) }),
    };
    const { shown, reply } = await makeLocally(means, { engine, request, body }, 0);
    if (reply !== undefined) call.receipts.keep({ answerId, choice: 0 }, reply);
    return {
      ...{
        ...shared,
        response: '',
        image: Buffer.from(shown.png ?? new Uint8Array()).toString('base64'),
        done: true,
        done_reason: 'stop',
      },
      total_duration: toNanoseconds(loadMs + performance.now() - startedAt),
      load_duration: toNanoseconds(loadMs),
      ...toInlineReceipt(context, call, answerId),
    };
  }

  if (!stream) {
    try {
      return context.json(await make(), 200, headers);
    } finally {
      release();
    }
  }
  return streamText(
    context,
    async (write) => {
      const send = async (line: object): Promise<void> => write(`${JSON.stringify(line)}\n`);
      try {
        const last = await make(({ step: completed, steps: total }) =>
          send({ ...shared, response: '', completed, total, done: false }),
        );
        await send(last);
      } finally {
        release();
      }
    },
    {
      headers: { 'content-type': 'application/x-ndjson', 'cache-control': 'no-cache', ...headers },
      formatFailure: (error) => `${JSON.stringify({ error: context.get('explain')(error).message })}\n`,
    },
  );
}

/** The event of a step. Without previews there is no other one. */
interface StepLine {
  readonly step: number;
  readonly steps: number;
}

/** Writes the body of the endpoint of pictures that asks for the same. @throws RequestError for a field of a text. */
function writeBody({ typed, fields, seed }: Pick<PictureCall, 'typed' | 'fields' | 'seed'>): Uint8Array {
  const isSet = (value: unknown): boolean => !isAbsent(value) && value !== false && value !== '';
  const found = TEXT_FIELDS.find((name) => isSet(fields[name]));
  if (found !== undefined)
    throw new RequestError(`${found}: this model makes pictures, and reads no ${found}; leave it out`, found);
  const prompt = readText(fields, 'prompt');
  const size = Object.fromEntries(PICTURE_FIELDS.map((name) => [name, fields[name]]));
  return encodeJson({ model: typed, prompt, ...size, ...(seed !== undefined && { seed }) });
}

const toNanoseconds = (ms: number): number => Math.round(ms * 1e6);
