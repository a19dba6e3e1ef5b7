import { GATEWAY_ROUTES, RECEIPT_HEADER } from '@ogong/protocol/http/routes';

/** A model as the picker shows it. */
export interface ChatModel {
  readonly id: string;
  readonly pricePer1kAtomic: bigint;
  readonly providers: number;
  readonly freeCapacity: number;
  readonly contextSize: number;
  readonly verifiers: number;
  /** As gateways measured it lately; undefined if none has. */
  readonly tokensPerSecond: number | undefined;
  readonly latencyMs: number | undefined;
  readonly tier: string;
  readonly warning: string | undefined;
}

export class GatewayRefusal extends Error {
  override readonly name = 'GatewayRefusal';
  readonly code = 'refused';
  readonly retryable = false;
  readonly status: number;
  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

const authorize = (key: string): Record<string, string> => (key === '' ? {} : { authorization: `Bearer ${key}` });

async function refuse(response: Response): Promise<never> {
  const body = (await response.json().catch(() => ({}))) as { error?: { message?: string } };
  throw new GatewayRefusal(body.error?.message ?? `the gateway answers ${response.status}`, response.status);
}

/** @throws GatewayRefusal, also if nobody answers, and the error of an abort. */
async function reach(url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (cause) {
    throw toReadable(cause, 'The gateway does not answer.');
  }
}

/** A browser names no reason. */
const toReadable = (error: unknown, message: string): unknown =>
  error instanceof TypeError ? new GatewayRefusal(message, 0) : error;

const readFigure = (value: unknown): number | undefined => (typeof value === 'number' && value > 0 ? value : undefined);

/** @throws GatewayRefusal */
export async function listChatModels(baseUrl: string, key: string): Promise<readonly ChatModel[]> {
  const response = await reach(new URL(GATEWAY_ROUTES.models.path, baseUrl), { headers: authorize(key) });
  if (!response.ok) return refuse(response);
  const { data } = (await response.json()) as { data: { id: string; ogong: Record<string, unknown> }[] };
  return data
    .filter(({ ogong }) => Number(ogong.context_size) > 0)
    .map(({ id, ogong }) => ({
      id,
      pricePer1kAtomic: BigInt(String(ogong.min_price_per_1k)),
      providers: Number(ogong.providers),
      freeCapacity: Number(ogong.free_capacity),
      contextSize: Number(ogong.context_size),
      verifiers: Number(ogong.verifiers),
      tokensPerSecond: readFigure(ogong.tokens_per_second),
      latencyMs: readFigure(ogong.latency_ms),
      tier: String(ogong.tier ?? ''),
      warning: typeof ogong.warning === 'string' ? ogong.warning : undefined,
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

/**
 * Asks, and yields the growing answer. The body is sent unchanged: the receipt is compared with its bytes.
 * @throws GatewayRefusal, Error if the stream breaks.
 */
export async function streamAnswer(
  { baseUrl, key, body, signal }: { baseUrl: string; key: string; body: string; signal: AbortSignal },
  tell: (answer: AnswerSoFar) => void,
): Promise<AnswerSoFar> {
  const response = await reach(new URL(GATEWAY_ROUTES.chat.path, baseUrl), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...authorize(key) },
    body,
    signal,
  });
  if (!response.ok || response.body === null) return refuse(response);
  const path = response.headers.get(RECEIPT_HEADER) ?? '';
  let answer: AnswerSoFar = {
    text: '',
    reasoning: '',
    receiptPath: RECEIPT_PATH.test(path) ? path : undefined,
    tokens: undefined,
    finish: undefined,
    pieces: 0,
  };
  for await (const data of readEvents(response.body)) {
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
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.startsWith('data: ')) yield line.slice(6);
    }
  } catch (error) {
    throw toReadable(error, 'The gateway broke off. The received part of the answer is not checked.');
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

/** @throws GatewayRefusal */
export async function readReceiptText(baseUrl: string, key: string, path: string): Promise<string> {
  const response = await reach(new URL(path, baseUrl), { headers: authorize(key), redirect: 'error' });
  if (!response.ok) return refuse(response);
  return response.text();
}
