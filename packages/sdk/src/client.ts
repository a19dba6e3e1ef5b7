import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { encodeFramed, FRAMED_TYPE } from '@ogong/protocol/http/framed-body';
import {
  GATEWAY_ROUTES,
  RECEIPT_HEADER,
  RECEIPT_INLINE,
  SETTLEMENT_HEADER,
  type SettlementType,
} from '@ogong/protocol/http/routes';
import type { EmbeddingEndpoint } from '@ogong/protocol/modality/embedding/request';
import { detachMedia } from '@ogong/protocol/modality/media/detach-media';
import type { TensorEndpoint } from '@ogong/protocol/modality/tensor/request';
import type { Endpoint } from '@ogong/protocol/modality/text/commitment/header';
import { isChat } from '@ogong/protocol/modality/text/request/request';
import { splitPictureFields } from '@ogong/protocol/modality/trajectory/orders/split-pictures';
import type { TrajectoryEndpoint } from '@ogong/protocol/modality/trajectory/request';
import type { FindModelRoots } from '@ogong/protocol/stage1/published-root';
import type { Trust } from '@ogong/protocol/stage1/trust';
import { isAttestedTier } from '@ogong/protocol/tier/registry';
import type { SealedDisclosure } from '@ogong/protocol/verdict/receipt/sealed-disclosure';
import { askInputs } from './ask-inputs.ts';
import { askParts, joinPictures, joinReplies, joinVectors, splitOrLeave } from './call-parts.ts';
import { type CheckedReply, type CheckOptions, checkAnswer, type GatewayAnswer } from './check-answer.ts';
import {
  type AnswerBody,
  type CheckedAnswer,
  type CheckedStream,
  countEchoed,
  createCheckedStream,
  readChunks,
} from './checked-stream.ts';
import { GatewayApiError, GatewayUnreachableError, SealedCallError } from './errors.ts';
import { toDataUrl } from './pictures/picture-file.ts';
import { assertSizes, type CheckedPicture, readPictures } from './pictures/read-pictures.ts';
import { readScores } from './read-scores.ts';
import { readTensors } from './read-tensors.ts';
import { readVectors } from './read-vectors.ts';
import type { CheckMachine, PostJson } from './sealed/ask-offer.ts';
import { createSealedSource, type VerifyAnswer } from './sealed/sealed-source.ts';
import type { Distrusted } from './sealed/sealed-tries.ts';
import { askSealedVectors } from './sealed/sealed-vectors.ts';
import type {
  ChatChunk,
  ChatCompletion,
  ChatParams,
  CompletionParams,
  EditParams,
  EmbeddingList,
  EmbeddingParams,
  InferParams,
  PictureList,
  PictureParams,
  RerankList,
  RerankParams,
  TensorAnswer,
  TextCompletion,
  TextParams,
  VariationParams,
} from './types.ts';

export interface ClientOptions {
  /** Of the gateway, with or without `/v1`. */
  readonly baseUrl: string;
  readonly apiKey?: string;
  readonly fetch?: typeof globalThis.fetch;
  /** Values that the consumer trusts already, to check receipts against. */
  readonly trust?: Trust;
  /** Source of published roots of models that `trust` does not name: the registry on the chain, or a list of one's own. */
  readonly findModelRoots?: FindModelRoots;
  /** Reads further trust for one receipt, such as the keys that may sign orders. Its fields prevail over those of `trust`. */
  readonly readTrust?: NonNullable<CheckOptions['readTrust']>;
  /** Ids of checks that may be skipped, beside those in `trust.allow`. */
  readonly allow?: readonly string[];
  /** Checks the machines of the roles that a request demands (`ogong.attested`): `checkReceiptRoles` of `@ogong/attestation`, under one's own policy. */
  readonly checkRoles?: NonNullable<CheckOptions['checkRoles']>;
  /**
   * Checks a provider's machine before anything is sealed to it: `checkMachine` of `@ogong/attestation`, under one's own policy. In tiers
   * of attested machines (`tee`, `tee-proxy`) no request is sent without it.
   */
  readonly checkMachine?: CheckMachine;
  /** The verdicts that are paid for, if a request does not say. `accepted`: no reply that its audit leaves in doubt. Default: any. */
  readonly settle?: 'any' | 'accepted';
  /**
   * The part of each reply that becomes public (docs/accounts.md#settlement-types). `private`: its gateway drops the receipt after the
   * verdict. `individual`: the gateway publishes the whole receipt. Default: `batch`, the hash of the record alone.
   */
  readonly settlementType?: SettlementType;
  /**
   * Whether each request gets a salt of its own, so that its hash does not reveal a prompt that can be guessed. A request with a seed gets
   * none: equal ones are to be answered equally. Default: true.
   */
  readonly isSalted?: boolean;
  /**
   * Returns the caller's own trace context (W3C) before each request. The gateway joins the call to it, links the trace of the reply, and
   * passes it to no other party.
   */
  readonly traceparent?: () => string | undefined;
  /**
   * Whether texts are sealed to their providers, so that the gateway sees ciphertext and the fee alone (docs/spec/sealed-calls.md). A
   * request that cannot be sealed is not sent. A request says it by `ogong.sealed`. Default: in tiers of attested machines alone.
   */
  readonly isSealed?: boolean;
  /**
   * Receives the disclosure of each sealed reply, whole or broken off. It opens that reply for somebody else and nothing besides, for a
   * dispute. Keep it as secret as the answer until then (docs/spec/sealing.md#disclosure). `toDisclosureJson` writes it as `ogong unseal`
   * reads it. Default: nothing is kept.
   */
  readonly onSealed?: (disclosure: SealedDisclosure) => void;
  /** Called for every reply that passed, before its answer is returned. */
  readonly onReceipt?: (reply: CheckedReply) => void;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

interface Create<P extends CompletionParams, T, C> {
  /** @throws ReceiptError, GatewayApiError, GatewayUnreachableError */
  (params: P & { readonly stream: true }, options?: CallOptions): Promise<CheckedStream<C>>;
  (params: P & { readonly stream?: false | null }, options?: CallOptions): Promise<CheckedAnswer<T>>;
}

export interface Client {
  readonly chat: { readonly completions: { readonly create: Create<ChatParams, ChatCompletion, ChatChunk> } };
  readonly completions: { readonly create: Create<TextParams, TextCompletion, TextCompletion> };
  readonly embeddings: {
    /**
     * Vectors that equal the signed ones to the bit, one for each input, in the order of the inputs.
     * @throws ReceiptError, GatewayApiError, GatewayUnreachableError
     */
    create(params: EmbeddingParams, options?: CallOptions): Promise<CheckedAnswer<EmbeddingList>>;
  };
  readonly images: {
    /**
     * Pictures whose pixels equal the signed ones.
     * @throws ReceiptError, GatewayApiError, GatewayUnreachableError; SealedCallError for a request that is to be sealed.
     */
    generate(params: PictureParams, options?: CallOptions): Promise<CheckedPictures>;
    /** Changes a picture as the prompt says; checks and errors are those of `generate`. */
    edit(params: EditParams, options?: CallOptions): Promise<CheckedPictures>;
    /** Makes variations of a picture; checks and errors are those of `generate`. */
    createVariation(params: VariationParams, options?: CallOptions): Promise<CheckedPictures>;
  };
  /**
   * Documents by how well they answer a query: scores that equal the signed ones to the bit, in the order that follows from them.
   * @throws ReceiptError, GatewayApiError, GatewayUnreachableError
   */
  rerank(params: RerankParams, options?: CallOptions): Promise<CheckedAnswer<RerankList>>;
  /**
   * Runs a model on named tensors: outputs that equal the signed ones to the bit.
   * @throws ReceiptError, GatewayApiError, GatewayUnreachableError
   */
  infer(params: InferParams, options?: CallOptions): Promise<CheckedAnswer<TensorAnswer>>;
}

/** Pictures that passed their checks. */
export interface CheckedPictures extends CheckedAnswer<PictureList> {
  /** By choice. */
  readonly pictures: readonly CheckedPicture[];
}

type CheckGiven = (answer: GatewayAnswer) => Promise<Omit<CheckedAnswer<never>, 'response'>>;

const JSON_TYPE = 'application/json';

/** An OpenAI-shaped client of a gateway that checks every answer before it hands it over. */
export function createClient(options: ClientOptions): Client {
  const origin = options.baseUrl.replace(/\/+$/, '').replace(/\/v1$/, '');
  const fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));

  async function post(path: string, request: Uint8Array, signal?: AbortSignal, type = JSON_TYPE): Promise<Response> {
    const headers: Record<string, string> = { 'content-type': type, [RECEIPT_HEADER]: RECEIPT_INLINE };
    if (options.apiKey !== undefined) headers.authorization = `Bearer ${options.apiKey}`;
    if (options.settlementType !== undefined) headers[SETTLEMENT_HEADER] = options.settlementType;
    const traceparent = options.traceparent?.();
    if (traceparent !== undefined) headers.traceparent = traceparent;
    const body = request as Uint8Array<ArrayBuffer>;
    const init = { method: 'POST', headers, body, ...(signal ? { signal } : {}) };
    const response = await fetch(`${origin}${path}`, init).catch((error: unknown) => {
      if (signal?.aborted) throw error;
      throw new GatewayUnreachableError(origin, error);
    });
    if (!response.ok) throw new GatewayApiError(response.status, await response.json().catch(() => null));
    return response;
  }

  const verify: VerifyAnswer = (answer, allow = []) =>
    checkAnswer(answer, { ...options, baseUrl: origin, fetch, allow: [...(options.allow ?? []), ...allow] });

  function handOver(replies: readonly CheckedReply[]): Omit<CheckedAnswer<never>, 'response'> {
    for (const reply of replies.flatMap((one) => [...(one.links ?? []), one])) options.onReceipt?.(reply);
    const { receipt, checks } = replies[0] as CheckedReply;
    return { receipt, checks, replies };
  }

  const check = async (answer: GatewayAnswer) => handOver(await verify(answer));
  const distrusted: Distrusted = [];
  const postJson: PostJson = (path, body, signal, bytes) =>
    bytes === undefined
      ? post(path, utf8Encode(JSON.stringify(body)), signal)
      : post(path, encodeFramed(body, bytes), signal, FRAMED_TYPE);

  function createEndpoint<P extends CompletionParams, T extends AnswerBody, C>(endpoint: Endpoint) {
    const create = async (params: P, { signal }: CallOptions = {}): Promise<CheckedAnswer<T> | CheckedStream<C>> => {
      const written = encodeBody(params, options);
      // These bytes are hashed and signed. A gateway makes them of the written ones.
      const { body: request, media } = detachMedia(nobleCrypto, written);
      const base = { endpoint, request, choices: params.n ?? 1, signal };
      if (isSealed(params, options)) {
        const source = createSealedSource(
          { ...options, post: postJson, verify, distrusted },
          { endpoint, body: request, media, signal },
        );
        const checkSealed = async (answer: GatewayAnswer) => handOver(await source.verify(answer));
        if (params.stream) return createCheckedStream<C>(source.chunks(), { ...base, params }, checkSealed);
        return source.answer<T>(async (response) => ({ response, ...(await checkWhole(response, checkSealed)) }));
      }
      const answer = await post(GATEWAY_ROUTES[endpoint].path, written, signal);
      if (params.stream) return createCheckedStream<C>(readChunks(answer), { ...base, params }, check);
      const response = (await answer.json()) as T;
      return { response, ...(await checkWhole(response, check)) };

      async function checkWhole(response: T, check: CheckGiven) {
        const responses = new Map(
          response.choices.map(({ index, message, text }) => {
            const said = message?.content ?? text ?? '';
            return [index, utf8Encode(said.slice(countEchoed(params, said)))];
          }),
        );
        const messages = new Map(response.choices.map(({ index, message }) => [index, message]));
        const shown = { responses, ...(isChat({ endpoint }) && { messages }) };
        return check({ ...base, ...shown, ogong: response.ogong, response });
      }
    };
    return create as Create<P, T, C>;
  }

  /** One reply is the whole answer. @param read the bytes that the provider must have signed for an answer. */
  async function askWhole<T extends { readonly ogong?: unknown }>(
    { endpoint, request, isToBeSealed, signal }: WholeCall,
    read: (response: T, request: Uint8Array) => Uint8Array,
  ): Promise<CheckedAnswer<T>> {
    const toAnswer = (response: T): GatewayAnswer => {
      const responses = new Map([[0, read(response, request)]]);
      return { endpoint, request, choices: 1, responses, ogong: response.ogong, response, signal };
    };
    if (isToBeSealed) {
      return askSealedVectors<T, CheckedAnswer<T>>(
        { ...options, post: postJson, verify, distrusted },
        { endpoint, body: request, signal },
        async (response, checkSealed) => ({ response, ...handOver(await checkSealed(toAnswer(response))) }),
      );
    }
    const answer = await post(GATEWAY_ROUTES[endpoint].path, request, signal);
    const response = (await answer.json()) as T;
    return { response, ...(await check(toAnswer(response))) };
  }

  const readWhole = (
    params: EmbeddingParams | RerankParams | InferParams,
    { endpoint, signal }: Pick<WholeCall, 'endpoint' | 'signal'>,
  ): WholeCall => ({
    ...{ endpoint, signal },
    request: encodeBody(params, options),
    isToBeSealed: isSealed(params, options),
  });

  async function createEmbeddings(
    params: EmbeddingParams,
    { signal }: CallOptions = {},
  ): Promise<CheckedAnswer<EmbeddingList>> {
    const call = readWhole(params, { endpoint: 'embedding', signal });
    const inputs = typeof params.input === 'string' ? 1 : params.input.length;
    const answers = await askInputs({ body: call.request, inputs }, (request, count) =>
      askWhole<EmbeddingList>({ ...call, request }, (response) => readVectors(response, count)),
    );
    const [answer] = answers as [CheckedAnswer<EmbeddingList>];
    if (answers.length === 1) return answer;
    return { ...answer, response: joinVectors(answers.map(({ response }) => response)), replies: joinReplies(answers) };
  }

  async function rerank(params: RerankParams, { signal }: CallOptions = {}): Promise<CheckedAnswer<RerankList>> {
    return askWhole<RerankList>(readWhole(params, { endpoint: 'rerank', signal }), readScores);
  }

  async function infer(params: InferParams, { signal }: CallOptions = {}): Promise<CheckedAnswer<TensorAnswer>> {
    return askWhole<TensorAnswer>(readWhole(params, { endpoint: 'infer', signal }), readTensors);
  }

  async function askPictures(
    endpoint: TrajectoryEndpoint,
    params: AnyPictureParams,
    call: CallOptions = {},
  ): Promise<CheckedPictures> {
    const parts = splitOrLeave(params, splitPictureFields, params);
    const answers = await askParts(parts, (part) => askPicturePart(endpoint, part, call));
    const [answer] = answers as [CheckedPictures];
    if (answers.length === 1) return answer;
    return {
      ...answer,
      response: joinPictures(answers.map(({ response }) => response)),
      pictures: answers.flatMap(({ pictures }) => pictures),
      replies: joinReplies(answers),
    };
  }

  async function askPicturePart(
    endpoint: TrajectoryEndpoint,
    params: AnyPictureParams,
    { signal }: CallOptions,
  ): Promise<CheckedPictures> {
    if (isSealed(params, options))
      throw new SealedCallError('unsupported', 'requests for pictures are not sealed; nothing was sent');
    const written = encodeBody(params, options);
    const { body: request } = detachMedia(nobleCrypto, written);
    const choices = params.n ?? 1;
    const answer = await post(GATEWAY_ROUTES[endpoint].path, written, signal);
    const response = (await answer.json()) as PictureList;
    const pictures = await readPictures(response, choices);
    const responses = new Map(pictures.map(({ pixels }, index) => [index, pixels]));
    const replies = await verify({ endpoint, request, choices, responses, ogong: response.ogong, response, signal });
    assertSizes(pictures, replies, response);
    return { response, pictures, ...handOver(replies) };
  }

  return {
    chat: { completions: { create: createEndpoint('chat') } },
    completions: { create: createEndpoint('completion') },
    embeddings: { create: createEmbeddings },
    images: {
      generate: (params, call) => askPictures('image', params, call),
      async edit(params, call) {
        const { image, mask } = params;
        const files = { image: await toDataUrl(image), ...(mask && { mask: await toDataUrl(mask) }) };
        return askPictures('image-edit', { ...params, ...files }, call);
      },
      async createVariation(params, call) {
        return askPictures('image-variation', { ...params, image: await toDataUrl(params.image) }, call);
      },
    },
    rerank,
    infer,
  };
}

type AnyPictureParams = Omit<PictureParams, 'prompt'> & Pick<PictureParams, 'model' | 'n' | 'ogong'>;

/** A request that one reply answers. */
interface WholeCall {
  readonly endpoint: EmbeddingEndpoint | TensorEndpoint;
  readonly request: Uint8Array;
  readonly isToBeSealed: boolean;
  readonly signal: AbortSignal | undefined;
}

/** A gateway reads what is not sealed, so a request to a tier of attested machines is sealed unless its caller says otherwise. */
function isSealed(
  { model, ogong }: Pick<CompletionParams, 'model' | 'ogong'>,
  options: Pick<ClientOptions, 'isSealed'>,
): boolean {
  const [, tier = ''] = model.split('/');
  return ogong?.sealed ?? options.isSealed ?? isAttestedTier(tier);
}

const SALT_BYTES = 16;

/**
 * Demands of the request prevail over the client's settings. A stream without a seed gets one, so that another provider can continue if one
 * fails (docs/spec/request.md#unbroken-streams). A request whose caller names a seed gets no salt.
 */
function encodeBody(
  params: object,
  { settle, isSalted = true }: Pick<ClientOptions, 'settle' | 'isSalted'>,
): Uint8Array {
  const { ogong: given, stream, seed, temperature } = params as Partial<CompletionParams>;
  // It is for this client only.
  const { sealed: _, ...ogong } = given ?? {};
  const isBare = stream === true && seed === undefined && temperature !== 0;
  const isFree = seed === undefined || seed === null;
  const own = {
    ...(isSalted && isFree && { salt: toHex(globalThis.crypto.getRandomValues(new Uint8Array(SALT_BYTES))) }),
    ...(settle && { settle }),
  };
  const fields = { ...own, ...ogong };
  const { ogong: __, ...rest } = params as Partial<CompletionParams>;
  const body = {
    ...rest,
    ...(isBare && { seed: drawSeed() }),
    ...(Object.keys(fields).length > 0 && { ogong: fields }),
  };
  return utf8Encode(JSON.stringify(body));
}

/** 53 bits, as many as a seed may have. */
function drawSeed(): number {
  const [high, low] = globalThis.crypto.getRandomValues(new Uint32Array(2)) as unknown as [number, number];
  return (high >>> 11) * 2 ** 32 + low;
}
