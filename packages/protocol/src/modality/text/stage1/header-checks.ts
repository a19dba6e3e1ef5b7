import { equalBytes, utf8Decode, utf8Encode } from '../../../base/bytes.ts';
import { type Check, check, fail, pass, skip } from '../../../base/checks.ts';
import { computeComposedRoot } from '../../../commitment/composed-root.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import { computeOrderDay, type NamedOrder, type Order } from '../../../exchange/order.ts';
import {
  checkBank,
  checkOrder,
  checkPayee,
  checkRoom,
  type OrderBeacon,
  type OrderContext,
} from '../../../stage1/common-checks.ts';
import { lookUpTier } from '../../../tier/registry.ts';
import { checkDemands } from '../../demands.ts';
import { type Header, NO_GRAMMAR } from '../commitment/header.ts';
import type { AskedText, InferenceRequest } from '../request/request.ts';
import { hashAskedGrammar } from '../request/request-summary.ts';
import { findStop, keepsGrammar } from './reply-text.ts';

/** The context for checking a text's header. Its response is the UTF-8 of the reply's text. */
export interface HeaderContext extends OrderContext {
  readonly request: AskedText | InferenceRequest;
}

/** Checks that a header agrees with order, request and beacon. Consumers, validators and the lab all call this function. */
export function checkHeader(crypto: Crypto, header: Header, context: HeaderContext): readonly Check[] {
  const { order, request, beacon } = context;
  return [
    checkOrder(header, order),
    checkSampler(crypto, header, {
      ...{ request, choice: order.choice, day: computeOrderDay(order), modelRoot: order.modelRoot },
      hasTier: request.model.startsWith(`ogong/${header.tier}/`),
    }),
    checkDrawKey(header, order, request, beacon),
    checkBank(crypto, header, order, beacon),
    checkPayee(header, order),
    checkStops(header, context),
    ...checkGrammar(header, context),
    checkContext(header, order),
    checkSize(header, context),
    ...checkDemands(header, order, request),
  ];
}

/** Checks that order, request and beacon fix the key of the draws. */
export function checkDrawKey(
  header: Pick<Header, 'drawKey'>,
  order: NamedOrder,
  request: Pick<AskedText, 'seed'>,
  beacon: OrderBeacon | undefined,
): Check {
  const inputs = header.drawKey;
  const shared = equalBytes(inputs.requestHash, order.requestHash);
  if (inputs.mode === 'seed') {
    const ok =
      shared &&
      inputs.seed === request.seed &&
      inputs.choice === order.choice &&
      equalBytes(inputs.modelRoot, order.modelRoot);
    return check('draw-key', ok, ["keyed by the request's seed", 'the header keys its draws by another seed']);
  }
  const ok =
    shared &&
    request.seed === undefined &&
    equalBytes(inputs.nonce, order.nonce) &&
    equalBytes(inputs.replyId, order.replyId) &&
    equalBytes(inputs.providerId, order.providerId) &&
    inputs.epoch === order.epoch &&
    (beacon === undefined ? order.epoch === 0n : equalBytes(inputs.beacon, beacon.value));
  return check('draw-key', ok, [
    `keyed by the order's nonce and the beacon of epoch ${order.epoch}`,
    "the header keys its draws by other inputs than the order's",
  ]);
}

/** The context for checking the sampling of a header. */
export interface SamplingContext {
  readonly request: AskedText;
  readonly choice: number;
  readonly day: number;
  readonly modelRoot: Uint8Array;
  /** Whether the request names the header's tier. */
  readonly hasTier: boolean;
}

/** Checks that the header commits the sampling of the request. */
export function checkSampler(
  crypto: Crypto,
  header: Header,
  { request, choice, day, modelRoot, hasTier }: SamplingContext,
): Check {
  const wrong: string[] = [];
  const same = (a: unknown, b: unknown, what: string): void => {
    if (JSON.stringify(a) !== JSON.stringify(b)) wrong.push(what);
  };
  const asked = request.sampler;
  same(header.endpoint, request.endpoint, 'endpoint');
  same(header.sampler.temperatureQ16, asked.temperatureQ16, 'temperature');
  same(header.sampler.topK, asked.topK, 'top_k');
  same(header.sampler.topPQ24, asked.topPQ24, 'top_p');
  same(header.sampler.minPQ24, asked.minPQ24, 'min_p');
  same(header.sampler.presencePenaltyQ16, asked.presencePenaltyQ16, 'presence_penalty');
  same(header.sampler.frequencyPenaltyQ16, asked.frequencyPenaltyQ16, 'frequency_penalty');
  same(header.sampler.repetitionPenaltyQ16, asked.repetitionPenaltyQ16, 'repetition_penalty');
  same(header.sampler.repetitionWindow, asked.repetitionWindow, 'repeat_last_n');
  same(header.sampler.filterOrder, asked.filterOrder, 'filter order');
  same(
    header.bias.map(({ id, biasQ16 }) => [id, biasQ16]),
    request.bias.map(({ id, biasQ16 }) => [id, biasQ16]),
    'logit_bias',
  );
  same(header.maxTokens, request.maxTokens, 'max_tokens');
  same(header.promptDay, day, 'day');
  same(header.thinking, request.thinking, 'thinking');
  same(header.choice, choice, 'choice');
  same(header.pictures.length, request.pictureCount, 'pictures');
  if (choice >= request.choices) wrong.push('n');
  if (!hasTier) wrong.push('tier');
  if (!isComposedOf(crypto, modelRoot, header.parts)) wrong.push('adapters');
  if (!equalBytes(header.grammarHash, hashAskedGrammar(crypto, request) ?? NO_GRAMMAR)) wrong.push('grammar');
  return wrong.length === 0
    ? pass(
        'sampler',
        `as requested: temperature ${header.sampler.temperatureQ16 / 65536}, at most ${header.maxTokens} tokens`,
      )
    : fail('sampler', `committed differently from the request: ${wrong.join(', ')}`);
}

/**
 * Returns whether the parts make up the model root. A header without parts says nothing about the composition of the weights.
 */
function isComposedOf(crypto: Crypto, modelRoot: Uint8Array, [base, ...adapters]: readonly Uint8Array[]): boolean {
  return base === undefined || equalBytes(computeComposedRoot(crypto, base, adapters), modelRoot);
}

/**
 * Checks that prompt and reply fit into the announced context, and that a reply that ended for lack of room used all of it. No
 * verifier has room for a longer reply.
 */
function checkContext(header: Header, { contextSize }: Order): Check {
  const room = checkRoom(header.promptTokenCount + header.outputTokenCount, contextSize);
  if (room.status === 'fail' || header.stopReason !== 'context') return room;
  const tokens = header.promptTokenCount + header.outputTokenCount;
  return check('context', tokens === contextSize, [
    `all of the announced context of ${contextSize} tokens is used`,
    `ended for lack of room after ${tokens} tokens of prompt and reply; ${contextSize} were announced`,
  ]);
}

/** Checks that the grammar allows the text; only if there is one. It needs the text, so co-signers skip it. */
export function checkGrammar(
  header: Header,
  { request, response }: Pick<HeaderContext, 'request' | 'response'>,
): readonly Check[] {
  const id = 'grammar';
  if (request.grammar === undefined) return [];
  if (response === undefined || typeof request.grammar !== 'string') return [skip(id, 'the texts are not shown here')];
  const { stopReason } = header;
  return [
    check(id, keepsGrammar(response, request.grammar, stopReason), [
      `the text is ${stopReason === 'stop-token' ? 'a whole one' : 'the beginning of one'} of the requested grammar`,
      `the text with stop reason ${stopReason} is none that the requested grammar allows`,
    ]),
  ];
}

export function checkStops(
  header: Header,
  { request, response, mayBeCancelled }: Pick<HeaderContext, 'request' | 'response' | 'mayBeCancelled'>,
): Check {
  if (header.stopReason === 'cancelled' && !mayBeCancelled) {
    return fail('stop-strings', 'the provider cut the reply off on its own: the payer has signed no progress of it');
  }
  if (header.stopReason === 'stop-string' && request.stopCount === 0) {
    return fail('stop-strings', 'the reply claims a stop string and the request has none');
  }
  if (response === undefined || !('stop' in request)) {
    return skip('stop-strings', 'the texts are not shown here');
  }
  let text: string;
  try {
    text = utf8Decode(response);
  } catch {
    return fail('stop-strings', 'the response is not UTF-8');
  }
  const at = findStop(text, request.stop);
  if (at >= 0) return fail('stop-strings', `the response holds a stop string at character ${at}`);
  return pass('stop-strings', `stop reason ${header.stopReason}`);
}

/** The most tokens of a reply that write nothing, such as marks of turns and channels. */
const MARK_TOKENS = 32;

/**
 * Checks that the header bills no more tokens than the text can have. Each token writes a byte of the text, but for marks and
 * for a stop string, which the text omits. Windows of tokens alone show no marks: there only the last token writes nothing.
 */
function checkSize(header: Header, { request, response }: HeaderContext): Check {
  const id = 'response-size';
  if (response === undefined) return skip(id, 'the texts are not shown here');
  const { outputTokenCount: tokens } = header;
  const isListed = lookUpTier(header.tier).tier?.windows === 'tokens';
  const omitted = isListed ? 1 : MARK_TOKENS + countStopBytes(request);
  return check(id, tokens <= response.length + omitted, [
    `${tokens} tokens for ${response.length} bytes of text`,
    `${tokens} tokens are billed for ${response.length} bytes of text: one for each byte, and ${omitted} more, is the most`,
  ]);
}

/** Returns the length of the longest stop string, UTF-8 bytes. */
const countStopBytes = (request: HeaderContext['request']): number =>
  'stop' in request ? Math.max(0, ...request.stop.map((one) => utf8Encode(one).length)) : 0;
