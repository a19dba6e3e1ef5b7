import { GATEWAY_ROUTES, RECEIPT_HEADER, STEPS_HEADER } from '@ogong/protocol/http/routes';
import { decodePicture } from '../pictures/decode-picture.ts';
import type { DrawnPicture } from '../pictures/drawn-picture.ts';
import { readEventData, readPictureEvents } from '../pictures/picture-events.ts';
import { authorize, GatewayRefusal, reach, refuse, toReadable } from './gateway-call.ts';

/** A model as the picker shows it. */
export interface ChatModel {
  readonly id: string;
  readonly pricePer1kAtomic: bigint;
  /** The units that the price counts, plural. */
  readonly priceUnits: string;
  readonly providers: number;
  readonly freeCapacity: number;
  readonly contextSize: number;
  readonly verifiers: number;
  /** As gateways measured it lately; undefined if none has. */
  readonly tokensPerSecond: number | undefined;
  readonly latencyMs: number | undefined;
  readonly tier: string;
  /** Providers that read the prompt of one reply: the shards of a cohort, or 1. */
  readonly promptReaders: number;
  readonly warning: string | undefined;
  /** Whether it makes pictures. All other models answer chats. */
  readonly makesPictures: boolean;
}

const readFigure = (value: unknown): number | undefined => (typeof value === 'number' && value > 0 ? value : undefined);

/** The page has models that answer one of these paths. */
const SHOWN = [GATEWAY_ROUTES.chat.path, GATEWAY_ROUTES.image.path];

/** @throws GatewayRefusal */
export async function listChatModels(baseUrl: string, key: string): Promise<readonly ChatModel[]> {
  const response = await reach(new URL(GATEWAY_ROUTES.models.path, baseUrl), { headers: authorize(key) });
  if (!response.ok) return refuse(response);
  const { data } = (await response.json()) as { data: { id: string; ogong: Record<string, unknown> }[] };
  return data
    .map(({ id, ogong }) => ({ id, ogong, endpoints: Array.isArray(ogong.endpoints) ? ogong.endpoints : [] }))
    .filter(({ ogong, endpoints }) => Number(ogong.context_size) > 0 && SHOWN.some((one) => endpoints.includes(one)))
    .map(({ id, ogong, endpoints }) => ({
      id,
      priceUnits: String(ogong.price_units),
      pricePer1kAtomic: BigInt(String(ogong.min_price_per_1k)),
      providers: Number(ogong.providers),
      freeCapacity: Number(ogong.free_capacity),
      contextSize: Number(ogong.context_size),
      verifiers: Number(ogong.verifiers),
      tokensPerSecond: readFigure(ogong.tokens_per_second),
      latencyMs: readFigure(ogong.latency_ms),
      tier: String(ogong.tier ?? ''),
      promptReaders: readFigure(ogong.prompt_readers) ?? 1,
      warning: typeof ogong.warning === 'string' ? ogong.warning : undefined,
      makesPictures: endpoints.includes(GATEWAY_ROUTES.image.path),
    }));
}

export interface AnswerSoFar {
  readonly text: string;
  /** The model's thoughts before the answer, if it shows them. */
  readonly reasoning: string;
  readonly receiptPath: string | undefined;
  readonly tokens: number | undefined;
  /** The gateway's `finish_reason`; undefined until it comes. */
  readonly finish: string | undefined;
  /** How many pieces of it came. */
  readonly pieces: number;
}

/** Where answers may lead: a receipt of this gateway, and nothing else. */
const RECEIPT_PATH = /^\/v1\/receipts\/[\w-]{1,100}$/;

/** A call of a page, whose body is sent unchanged: the receipt is compared with its bytes. */
interface Asked {
  readonly baseUrl: string;
  readonly key: string;
  readonly body: string;
  readonly signal: AbortSignal;
}

/** @throws GatewayRefusal */
async function openStream(
  path: string,
  { baseUrl, key, body, signal }: Asked,
): Promise<{ readonly events: AsyncGenerator<string>; readonly receiptPath: string | undefined }> {
  const response = await reach(new URL(path, baseUrl), {
    method: 'POST',
    headers: { 'content-type': 'application/json', [STEPS_HEADER]: '1', ...authorize(key) },
    body,
    signal,
  });
  if (!response.ok || response.body === null) return refuse(response);
  const receiptPath = response.headers.get(RECEIPT_HEADER) ?? '';
  return {
    events: readEvents(response.body),
    receiptPath: RECEIPT_PATH.test(receiptPath) ? receiptPath : undefined,
  };
}

/** A picture as far as it has come. */
export interface PictureSoFar {
  readonly progress: { readonly step: number; readonly steps: number } | undefined;
  /** A preview until the picture is finished. */
  readonly picture: DrawnPicture | undefined;
}

export interface FinishedPicture {
  readonly picture: DrawnPicture;
  readonly units: number;
  readonly receiptPath: string | undefined;
}

/** Asks for one picture, and tells each step and preview. @throws GatewayRefusal, Error if the stream breaks. */
export async function streamPicture(asked: Asked, tell: (picture: PictureSoFar) => void): Promise<FinishedPicture> {
  const { events, receiptPath } = await openStream(GATEWAY_ROUTES.image.path, asked);
  let now: PictureSoFar = { progress: undefined, picture: undefined };
  for await (const event of readPictureEvents(events)) {
    if (event.kind === 'picture') return { picture: await decodePicture(event.png), units: event.units, receiptPath };
    now =
      event.kind === 'step'
        ? { ...now, progress: { step: event.step, steps: event.steps } }
        : { ...now, picture: await decodePicture(event.png) };
    tell(now);
  }
  throw new GatewayRefusal('The gateway sent no picture.', 0);
}

/**
 * Asks, and yields the growing answer.
 * @throws GatewayRefusal, Error if the stream breaks.
 */
export async function streamAnswer(asked: Asked, tell: (answer: AnswerSoFar) => void): Promise<AnswerSoFar> {
  const { events, receiptPath } = await openStream(GATEWAY_ROUTES.chat.path, asked);
  let answer: AnswerSoFar = {
    text: '',
    reasoning: '',
    receiptPath,
    tokens: undefined,
    finish: undefined,
    pieces: 0,
  };
  for await (const data of events) {
    if (data === '[DONE]') break;
    const chunk = JSON.parse(data) as {
      error?: { message: string };
      choices?: { delta?: { content?: string; reasoning_content?: string }; finish_reason?: string | null }[];
      usage?: { completion_tokens: number } | null;
    };
    if (chunk.error) throw new Error(chunk.error.message);
    const delta = chunk.choices?.[0]?.delta;
    const isPiece = Boolean(delta?.content || delta?.reasoning_content);
    answer = {
      ...answer,
      text: answer.text + (delta?.content ?? ''),
      reasoning: answer.reasoning + (delta?.reasoning_content ?? ''),
      tokens: chunk.usage?.completion_tokens ?? answer.tokens,
      finish: chunk.choices?.[0]?.finish_reason ?? answer.finish,
      pieces: answer.pieces + (isPiece ? 1 : 0),
    };
    tell(answer);
  }
  return answer;
}

async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  try {
    yield* readEventData(body);
  } catch (error) {
    throw toReadable(error, 'The gateway broke off. The received part of the answer is not checked.');
  }
}

/** @throws GatewayRefusal */
export async function readReceiptText(baseUrl: string, key: string, path: string): Promise<string> {
  const response = await reach(new URL(path, baseUrl), { headers: authorize(key), redirect: 'error' });
  if (!response.ok) return refuse(response);
  return response.text();
}
