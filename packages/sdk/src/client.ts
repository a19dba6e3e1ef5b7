import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { GATEWAY_ROUTES, RECEIPT_HEADER, RECEIPT_INLINE } from '@ogong/protocol/http/routes';
import type { Endpoint } from '@ogong/protocol/modality/text/commitment/header';
import { isChat } from '@ogong/protocol/modality/text/request/request';
import type { ShownMessage } from '@ogong/protocol/modality/text/stage1/shown-answer';
import type { FindModelRoots } from '@ogong/protocol/stage1/published-root';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import type { Trust } from '@ogong/protocol/stage1/trust';
import { type CheckedReply, checkAnswer, type GatewayAnswer } from './check-answer.ts';
import { GatewayApiError, ReceiptError } from './errors.ts';
import { readEvents } from './event-stream.ts';
import { readScores } from './read-scores.ts';
import { readVectors } from './read-vectors.ts';
import type {
  ChatChunk,
  ChatCompletion,
  ChatParams,
  CompletionParams,
  EmbeddingList,
  EmbeddingParams,
  RerankList,
  RerankParams,
  TextCompletion,
  TextParams,
} from './types.ts';

export interface ClientOptions {
  /** Of the gateway, with or without `/v1`. */
  readonly baseUrl: string;
  readonly apiKey?: string;
  readonly fetch?: typeof globalThis.fetch;
  /** What the consumer trusts already, to check receipts against. */
  readonly trust?: Trust;
  /** Where to look up the published root of a model that `trust` does not name: the registry on the chain, or a list of one's own. */
  readonly findModelRoots?: FindModelRoots;
  /** Ids of checks that the caller does without where they are skipped, beside those that `trust.allow` names. */
  readonly allow?: readonly string[];
  /** Which verdicts are paid for, where a request does not say. `accepted`: no reply that its audit leaves in doubt. Default: any. */
  readonly settle?: 'any' | 'accepted';
  /**
   * Whether each request gets a salt of its own, so that its hash tells nobody a prompt that can be guessed. A request with a seed gets
   * none: equal ones are to be answered equally. Default: true.
   */
  readonly isSalted?: boolean;
  /**
   * Where the caller's own trace stands, as W3C Trace Context writes it: asked before each request. The gateway joins the call to it and
   * links the trace of the reply, and hands it to nobody.
   */
  readonly traceparent?: () => string | undefined;
  /** Called for every reply that passed, before its answer is returned. */
  readonly onReceipt?: (reply: CheckedReply) => void;
}

/** An answer that passed its checks. `receipt` and `checks` are those of the first choice. */
export interface CheckedAnswer<T> {
  readonly response: T;
  readonly receipt: Receipt;
  readonly checks: readonly Check[];
  readonly replies: readonly CheckedReply[];
}

/**
 * Chunks as they come. The last one is held back until all of the answer is checked, so that a loop that ends without
 * an error has read a good answer.
 */
export interface CheckedStream<C> extends AsyncIterable<C> {
  /** Set once the stream has ended well. */
  readonly checked: Omit<CheckedAnswer<never>, 'response'> | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

interface Create<P extends CompletionParams, T, C> {
  /** @throws ReceiptError, GatewayApiError */
  (params: P & { readonly stream: true }, options?: CallOptions): Promise<CheckedStream<C>>;
  (params: P & { readonly stream?: false | null }, options?: CallOptions): Promise<CheckedAnswer<T>>;
}

export interface Client {
  readonly chat: { readonly completions: { readonly create: Create<ChatParams, ChatCompletion, ChatChunk> } };
  readonly completions: { readonly create: Create<TextParams, TextCompletion, TextCompletion> };
  readonly embeddings: {
    /**
     * Vectors that equal the signed ones to the bit, one for each input, in the order of the inputs.
     * @throws ReceiptError, GatewayApiError
     */
    create(params: EmbeddingParams, options?: CallOptions): Promise<CheckedAnswer<EmbeddingList>>;
  };
  /**
   * Documents by how well they answer a query: scores that equal the signed ones to the bit, in the order that follows from them.
   * @throws ReceiptError, GatewayApiError
   */
  rerank(params: RerankParams, options?: CallOptions): Promise<CheckedAnswer<RerankList>>;
}

interface Part {
  readonly index: number;
  readonly text?: string;
  readonly message?: ShownMessage;
  readonly delta?: Delta;
}

interface Delta extends Omit<ShownMessage, 'tool_calls'> {
  readonly tool_calls?: readonly {
    readonly index: number;
    readonly function?: { readonly name?: string; readonly arguments?: string };
  }[];
}

interface Body {
  readonly choices: readonly Part[];
  readonly ogong?: unknown;
}

interface Chunk extends Partial<Body> {
  readonly error?: unknown;
}

/** An OpenAI-shaped client of a gateway that checks every answer before it hands it over. */
export function createClient(options: ClientOptions): Client {
  const origin = options.baseUrl.replace(/\/+$/, '').replace(/\/v1$/, '');
  const fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));

  async function post(path: string, request: Uint8Array, signal: AbortSignal | undefined): Promise<Response> {
    const headers: Record<string, string> = { 'content-type': 'application/json', [RECEIPT_HEADER]: RECEIPT_INLINE };
    if (options.apiKey !== undefined) headers.authorization = `Bearer ${options.apiKey}`;
    const traceparent = options.traceparent?.();
    if (traceparent !== undefined) headers.traceparent = traceparent;
    const body = request as Uint8Array<ArrayBuffer>;
    const response = await fetch(`${origin}${path}`, { method: 'POST', headers, body, ...(signal ? { signal } : {}) });
    if (!response.ok) throw new GatewayApiError(response.status, await response.json().catch(() => null));
    return response;
  }

  async function check(answer: GatewayAnswer): Promise<Omit<CheckedAnswer<never>, 'response'>> {
    const replies = await checkAnswer(answer, { ...options, baseUrl: origin, fetch });
    for (const reply of replies) options.onReceipt?.(reply);
    const { receipt, checks } = replies[0] as CheckedReply;
    return { receipt, checks, replies };
  }

  function createEndpoint<P extends CompletionParams, T extends Body, C>(endpoint: Endpoint) {
    const create = async (params: P, { signal }: CallOptions = {}): Promise<CheckedAnswer<T> | CheckedStream<C>> => {
      // These bytes are what is sent, hashed and signed for.
      const request = encodeBody(params, options);
      const base = { endpoint, request, choices: params.n ?? 1 };
      const answer = await post(GATEWAY_ROUTES[endpoint].path, request, signal);
      if (params.stream) return createCheckedStream<C>(answer, { ...base, params }, check);
      const response = (await answer.json()) as T;
      const responses = new Map(
        response.choices.map(({ index, message, text }) => {
          const said = message?.content ?? text ?? '';
          return [index, utf8Encode(said.slice(countEchoed(params, said)))];
        }),
      );
      const messages = new Map(response.choices.map(({ index, message }) => [index, message]));
      const shown = { responses, ...(isChat({ endpoint }) && { messages }) };
      return { response, ...(await check({ ...base, ...shown, ogong: response.ogong, response })) };
    };
    return create as Create<P, T, C>;
  }

  async function createEmbeddings(
    params: EmbeddingParams,
    { signal }: CallOptions = {},
  ): Promise<CheckedAnswer<EmbeddingList>> {
    const request = encodeBody(params, options);
    const answer = await post(GATEWAY_ROUTES.embedding.path, request, signal);
    const response = (await answer.json()) as EmbeddingList;
    const inputs = typeof params.input === 'string' ? 1 : params.input.length;
    // One reply answers for all inputs.
    const responses = new Map([[0, readVectors(response, inputs)]]);
    const base = { endpoint: 'embedding', request, choices: 1 };
    return { response, ...(await check({ ...base, responses, ogong: response.ogong, response })) };
  }

  async function rerank(params: RerankParams, { signal }: CallOptions = {}): Promise<CheckedAnswer<RerankList>> {
    const request = encodeBody(params, options);
    const answer = await post(GATEWAY_ROUTES.rerank.path, request, signal);
    const response = (await answer.json()) as RerankList;
    const responses = new Map([[0, readScores(response, request)]]);
    const base = { endpoint: 'rerank', request, choices: 1 };
    return { response, ...(await check({ ...base, responses, ogong: response.ogong, response })) };
  }

  return {
    chat: { completions: { create: createEndpoint('chat') } },
    completions: { create: createEndpoint('completion') },
    embeddings: { create: createEmbeddings },
    rerank,
  };
}

/** How many characters of a completion are its prompt, which no receipt is about. */
const countEchoed = ({ echo, prompt }: CompletionParams, text: string): number =>
  echo === true && typeof prompt === 'string' && text.startsWith(prompt) ? prompt.length : 0;

const SALT_BYTES = 16;

/**
 * The client's own settings stand behind what the request demands. A stream that says nothing of a seed gets one, so that another
 * provider can go on where one dies (docs/spec/request.md#unbroken-streams). A request whose caller names a seed gets no salt.
 */
function encodeBody(
  params: object,
  { settle, isSalted = true }: Pick<ClientOptions, 'settle' | 'isSalted'>,
): Uint8Array {
  const { ogong, stream, seed, temperature } = params as Partial<CompletionParams>;
  const isBare = stream === true && seed === undefined && temperature !== 0;
  const isFree = seed === undefined || seed === null;
  const own = {
    ...(isSalted && isFree && { salt: toHex(globalThis.crypto.getRandomValues(new Uint8Array(SALT_BYTES))) }),
    ...(settle && { settle }),
  };
  const hasOwn = Object.keys(own).length > 0;
  const body = { ...params, ...(isBare && { seed: drawSeed() }), ...(hasOwn && { ogong: { ...own, ...ogong } }) };
  return utf8Encode(JSON.stringify(body));
}

/** 53 bits, as many as a seed may have. */
function drawSeed(): number {
  const [high, low] = globalThis.crypto.getRandomValues(new Uint32Array(2)) as unknown as [number, number];
  return (high >>> 11) * 2 ** 32 + low;
}

/** A message whose deltas are joined. */
interface JoinedMessage {
  readonly content: string;
  readonly reasoning_content: string;
  readonly tool_calls: readonly { readonly function: { readonly name: string; readonly arguments: string } }[];
}

const EMPTY: JoinedMessage = { content: '', reasoning_content: '', tool_calls: [] };

function addDelta(
  message: JoinedMessage,
  { content, reasoning_content: reasoning, tool_calls: calls }: Delta,
): JoinedMessage {
  return {
    content: message.content + (content ?? ''),
    reasoning_content: message.reasoning_content + (reasoning ?? ''),
    tool_calls: (calls ?? []).reduce(addCall, message.tool_calls),
  };
}

/** Calls come in their order: what is of none that began is of a new one. */
function addCall(
  calls: JoinedMessage['tool_calls'],
  { index, function: called }: NonNullable<Delta['tool_calls']>[number],
): JoinedMessage['tool_calls'] {
  const before = calls[index]?.function ?? { name: '', arguments: '' };
  const joined = {
    name: before.name + (called?.name ?? ''),
    arguments: before.arguments + (called?.arguments ?? ''),
  };
  return index < calls.length ? calls.with(index, { function: joined }) : [...calls, { function: joined }];
}

function createCheckedStream<C>(
  response: Response,
  {
    params,
    ...base
  }: Pick<GatewayAnswer, 'request' | 'choices'> & {
    readonly endpoint: Endpoint;
    readonly params: CompletionParams;
  },
  check: (answer: GatewayAnswer) => Promise<Omit<CheckedAnswer<never>, 'response'>>,
): CheckedStream<C> {
  const texts = new Map<number, string>();
  const messages = new Map<number, JoinedMessage>();
  let checked: Omit<CheckedAnswer<never>, 'response'> | undefined;

  async function* read(): AsyncGenerator<C> {
    if (response.body === null) throw new ReceiptError('missing', 'the gateway answered without a body');
    let held: Chunk | undefined;
    for await (const data of readEvents(response.body)) {
      if (data === '[DONE]') break;
      const chunk = JSON.parse(data) as Chunk;
      if (chunk.error !== undefined) throw new GatewayApiError(response.status, chunk);
      for (const { index, delta, text } of chunk.choices ?? []) {
        texts.set(index, (texts.get(index) ?? '') + (delta?.content ?? text ?? ''));
        messages.set(index, addDelta(messages.get(index) ?? EMPTY, delta ?? {}));
      }
      if (held) yield held as C;
      // The chunk with the receipts is the last one.
      held = chunk.ogong === undefined ? undefined : chunk;
      if (!held) yield chunk as C;
    }
    const responses = new Map(
      [...texts].map(([index, text]) => [index, utf8Encode(text.slice(countEchoed(params, text)))]),
    );
    const shown = { responses, ...(isChat(base) && { messages }) };
    checked = await check({ ...base, ...shown, ogong: held?.ogong, response: held });
    if (held) yield held as C;
  }

  return {
    [Symbol.asyncIterator]: read,
    get checked() {
      return checked;
    },
  };
}
