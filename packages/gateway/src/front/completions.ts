import type { ApiContext } from '@ogong/host/http/api-app';
import { ApiError } from '@ogong/host/http/api-error';
import type { MediaBodyLimits } from '@ogong/host/http/media-body';
import type { PictureFetcher } from '@ogong/host/http/picture-fetch';
import { answerCompletion, type CompletionAnswer } from '@ogong/host/openai/completion';
import { echoPrompt } from '@ogong/host/openai/echo';
import { createIdentity } from '@ogong/host/openai/format';
import type { Clock } from '@ogong/host/time/clock';
import { fromHex } from '@ogong/protocol/base/bytes';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { PROVIDER_HEADER, RECEIPT_HEADER } from '@ogong/protocol/http/routes';
import type { DetachedRequest } from '@ogong/protocol/modality/media/detach-media';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import type { Endpoint } from '@ogong/protocol/modality/text/commitment/header';
import { MAX_REPLIES, refuseReplies, splitPrompts } from '@ogong/protocol/modality/text/dialect/prompts';
import { type InferenceRequest, isChat, parsePricedRequest } from '@ogong/protocol/modality/text/request/request';
import { lookUpTier } from '@ogong/protocol/tier/registry';
import { isModelAllowed, type KeyHolder } from '../books/api-keys.ts';
import { receiptPath } from '../books/receipt-store.ts';
import type { Hedging } from '../buy/hedging.ts';
import { createModelNotFound } from '../buy/match/provider-match.ts';
import type { BoughtReply, OrderedPrompt } from '../buy/reply.ts';
import type { ReplyService } from '../buy/reply-service.ts';
import type { SettlePolicy } from '../buy/settle-policy.ts';
import type { TokenCounter } from '../buy/token-counter.ts';
import { type BodyReader, createBodyReader } from './body-reader.ts';
import { createChoices } from './buy-choices.ts';
import type { ApiCallLimits, BegunCall } from './call-limits.ts';
import { type CallMediaDependencies, fillCall, readCallBody } from './call-media.ts';
import type { ModelContexts } from './model-contexts.ts';
import type { ModelNames } from './model-names.ts';
import { isInline, toOgongField } from './ogong-field.ts';
import type { MeteredRequest, RateLimits } from './rate-limits.ts';
import { readPrompt } from './read-prompt.ts';
import type { KeyedHandler } from './sign-in.ts';

export interface CompletionsDependencies {
  readonly replies: ReplyService;
  readonly names: ModelNames;
  readonly limits: ApiCallLimits;
  readonly rates: RateLimits;
  readonly contexts: Pick<ModelContexts, 'assertServes'>;
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly bodyLimits: MediaBodyLimits;
  /** Default: addresses of pictures are refused. */
  readonly pictures?: PictureFetcher | undefined;
  /** Refuses a request that the budget of its key does not cover, before pictures are fetched for it. @throws ApiError */
  readonly assertAffordable: CallMediaDependencies['assertAffordable'];
  readonly tokens: TokenCounter;
  readonly settle: SettlePolicy;
  /** Default: no request is hedged. */
  readonly hedging?: Pick<Hedging, 'prepare'> | undefined;
  readonly heartbeatMs: number;
  /** The longest expected time of one order of a picture; a longer picture is bought as a chain. Default: that of the longest order. */
  readonly longestOrderMs?: number | undefined;
}

/** Prepares a prompt that may be hedged. @throws RequestError */
export async function prepareHedge(
  hedging: CompletionsDependencies['hedging'],
  prompt: OrderedPrompt,
  given: { readonly isChecked: boolean; readonly isNamed: boolean; readonly read: BodyReader },
): Promise<OrderedPrompt> {
  return hedging?.prepare(prompt, given) ?? prompt;
}

/** Handles chats or completions. Every choice is a reply of its own, with a receipt of its own. */
export function createCompletionHandler(endpoint: Endpoint, dependencies: CompletionsDependencies): KeyedHandler {
  return async (context, key) => {
    const call = await dependencies.limits.begin(context, key);
    try {
      const given = await readCallBody(context, call, dependencies);
      const body = await dependencies.names.resolve(given.body, key, isInline(context));
      return await answerWithReplies(context, { endpoint, body, given, key, call }, dependencies);
    } catch (error) {
      call.leave();
      throw await dependencies.names.explain(error, key);
    }
  };
}

interface CompletionCall {
  readonly endpoint: Endpoint;
  readonly body: Uint8Array;
  /** The caller's own body. */
  readonly given: DetachedRequest;
  readonly key: KeyHolder;
  readonly call: BegunCall;
}

/** @throws ApiError or RequestError before anything is sent. */
async function answerWithReplies(
  context: ApiContext,
  { endpoint, body: whole, given, key, call }: CompletionCall,
  {
    replies,
    rates,
    pictures,
    assertAffordable,
    contexts,
    clock,
    randomBytes,
    heartbeatMs,
    settle,
    hedging,
  }: CompletionsDependencies,
): Promise<Response> {
  const bodies = isChat({ endpoint }) ? [whole] : splitPrompts(whole);
  const isChecked = isInline(context);
  const provider = readProvider(context);
  const payer = await call.charge(() => priceReplies(bodies, endpoint));
  const read = createBodyReader(endpoint);
  const asked = await Promise.all(
    bodies.map((body) => {
      const prompt = readPrompt({ body, isChecked }, { settle, randomBytes }, read);
      return prepareHedge(hedging, prompt, { isChecked, isNamed: provider !== undefined, read });
    }),
  );
  const { request } = asked[0] as OrderedPrompt;
  const choices = assertReplies(request, asked.length);
  assertModel(request.model, key);
  await contexts.assertServes(request);
  const counted = asked.map((prompt) => ({ request: prompt.request, count: prompt.request.choices }));
  const metered = await rates.meter(context, payer, replies, counted);
  const filled = await fillCall(
    context,
    { given, key: payer, call, orders: asked, read },
    { rates, pictures, assertAffordable },
  );
  const { media, orders: prompts } = filled;
  const identity = createIdentity(endpoint, { model: request.model, nowMs: clock.nowMs(), random: randomBytes(18) });
  const terms = await call.register(identity.id);
  return answerCompletion<BoughtReply>(context, {
    endpoint,
    identity,
    request: { ...request, choices },
    choicesPerPrompt: request.choices,
    serve: echoPrompts(
      createChoices(
        context,
        {
          completionId: identity.id,
          endpoint,
          prompts,
          media,
          key: payer,
          provider,
          settlementType: terms.settlementType,
        },
        metered,
      ),
      prompts,
    ),
    toExtra: (ends) => ({
      ogong: toOgongField(context, ends, { ...terms, answer: isChat({ endpoint }) ? request.terms : undefined }),
    }),
    headers: { [RECEIPT_HEADER]: receiptPath(identity.id) },
    heartbeatMs,
    onEnd: call.leave,
  });
}

/** Reads what the price of the replies depends on, and converts no schema. @throws RequestError */
export function priceReplies(bodies: readonly Uint8Array[], endpoint: Endpoint): readonly MeteredRequest[] {
  const priced = bodies.map((body) => parsePricedRequest(body, endpoint));
  const [first] = priced;
  if (first !== undefined) assertReplies(first, priced.length);
  return priced.map((request) => ({ request, count: request.choices }));
}

/** @returns the number of replies over all prompts. @throws RequestError if they are too many. */
function assertReplies({ choices }: Pick<InferenceRequest, 'choices'>, prompts: number): number {
  const replies = choices * prompts;
  if (replies > MAX_REPLIES) throw refuseReplies(replies);
  return replies;
}

type ServeChoice = ReturnType<typeof createChoices>;

/** Shows prompts before their answers if `echo` is set: texts only, since a gateway has no model. @throws RequestError */
function echoPrompts(serve: ServeChoice, prompts: readonly OrderedPrompt[]): CompletionAnswer<BoughtReply>['serve'] {
  const texts = prompts.map(({ request }) => readEcho(request));
  return (choice, signal) => {
    const { request } = prompts[0] as OrderedPrompt;
    const text = texts[Math.floor(choice / request.choices)];
    return text === undefined ? serve(choice, signal) : echoPrompt({ text, tokens: [] }, serve(choice, signal));
  };
}

function readEcho({ echo, prompt, logprobs }: InferenceRequest): string | undefined {
  if (!echo) return undefined;
  if (logprobs) throw refuseEcho('only tokens of the answer have logprobs in the network; leave one of both out');
  if (prompt?.kind === 'text') return prompt.text;
  if (prompt?.kind === 'fill') return prompt.prefix;
  throw refuseEcho('a gateway has no model to make a text of tokens; send the prompt as a text');
}

const refuseEcho = (why: string): RequestError => new RequestError(`echo: ${why}`, 'echo', 'unsupported_parameter');

/** Returns the provider that the caller names, if it names one. @throws RequestError */
export function readProvider({ req }: ApiContext): Uint8Array | undefined {
  const named = req.header(PROVIDER_HEADER);
  if (named === undefined) return undefined;
  if (/^[0-9a-f]{64}$/.test(named)) return fromHex(named);
  throw new RequestError(`${PROVIDER_HEADER}: expected the id of a provider, 64 lower-case hexadecimal digits`, null);
}

/** @throws ApiError if the id is malformed, or the key may not ask for it. */
export function assertModel(model: string, key: KeyHolder): void {
  let refusal: string | undefined;
  try {
    ({ refusal } = lookUpTier(parseModelId(model).tier));
  } catch (cause) {
    throw createModelNotFound(model, { cause });
  }
  if (refusal !== undefined) throw createModelNotFound(model, { because: refusal });
  if (!isModelAllowed(key, model)) {
    throw new ApiError('model_not_allowed', `This key may not ask for ${model}.`, { param: 'model' });
  }
}
