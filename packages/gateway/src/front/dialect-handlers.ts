import { answerInDialect } from '@ogong/host/dialect/answer';
import { API_DIALECTS, type ApiDialectName, createDialectIdentity } from '@ogong/host/dialect/dialects';
import { getCallSignal } from '@ogong/host/http/api-app';
import { showIgnored } from '@ogong/host/openai/answer-headers';
import { RECEIPT_HEADER } from '@ogong/protocol/http/routes';
import { parseRequest } from '@ogong/protocol/modality/text/request/request';
import { receiptPath } from '../books/receipt-store.ts';
import type { BoughtReply } from '../buy/reply.ts';
import { createBodyReader } from './body-reader.ts';
import { createChoices } from './buy-choices.ts';
import { fillCall, readCallBody } from './call-media.ts';
import { assertModel, type CompletionsDependencies, prepareHedge, priceReplies, readProvider } from './completions.ts';
import { isInline, toOgongField } from './ogong-field.ts';
import { readPrompt } from './read-prompt.ts';
import type { KeyedHandler } from './sign-in.ts';

/**
 * Answers in the format of another API. The order and the receipt are for the chat that its request is translated to
 * (docs/spec/dialects.md).
 */
export function createDialectHandler(name: ApiDialectName, dependencies: CompletionsDependencies): KeyedHandler {
  const { limits, rates, contexts, replies, clock, randomBytes, heartbeatMs, settle, hedging, names } = dependencies;
  return async (context, key) => {
    const call = await limits.begin(context, key);
    try {
      const isChecked = isInline(context);
      const written = await readCallBody(context, call, dependencies);
      const sent = await names.resolve(written.body, key, isChecked);
      const asked = API_DIALECTS[name].read(context, sent);
      const given = { body: asked.body, isChecked };
      const provider = readProvider(context);
      const payer = await call.charge(() => priceReplies([asked.body], 'chat'));
      const read = createBodyReader('chat');
      const prompt = await prepareHedge(hedging, readPrompt(given, { settle, randomBytes }, read), {
        ...{ isChecked: given.isChecked, isNamed: provider !== undefined, read },
      });
      const { request } = prompt;
      assertModel(request.model, key);
      await contexts.assertServes(request);
      const nowMs = () => clock.nowMs();
      const identity = createDialectIdentity(name, { model: request.model, nowMs: nowMs(), random: randomBytes(18) });
      const metering = [{ request, count: request.choices }];
      const metered = await rates.meter(context, payer, replies, metering);
      const open = { given: written, key: payer, call, orders: [prompt], read };
      const { media, orders: prompts } = await fillCall(context, open, dependencies);
      const terms = await call.register(identity.id);
      const job = {
        completionId: identity.id,
        endpoint: 'chat',
        prompts,
        media,
        key: payer,
        provider,
        settlementType: terms.settlementType,
      } as const;
      return await answerInDialect<BoughtReply>(context, {
        dialect: asked.toDialect({ identity, nowMs }),
        request: { ...request, dropped: [...asked.dropped, ...request.dropped] },
        serve: createChoices(context, job, metered),
        toExtra: (ends) => ({ ogong: toOgongField(context, ends, { ...terms, answer: request.terms }) }),
        headers: { [RECEIPT_HEADER]: receiptPath(identity.id) },
        heartbeatMs,
        onEnd: call.leave,
      });
    } catch (error) {
      call.leave();
      throw await names.explain(error, key);
    }
  };
}

/** Names who counted: a `provider` of the model. Else the count is `at-most`: no tokenizer makes more. */
const COUNT_HEADER = 'x-ogong-token-count';

/** Counts the tokens of a chat. A gateway has no model, so it asks a provider of the model where the chat may be shown to one. */
export function createCountHandler(
  name: ApiDialectName,
  {
    bodyLimits,
    names,
    rates,
    tokens: counter,
    pictures,
  }: Pick<CompletionsDependencies, 'bodyLimits' | 'names' | 'rates' | 'tokens' | 'pictures'>,
): KeyedHandler {
  const { readCount, formatCount } = API_DIALECTS[name];
  return async (context, key) => {
    // No picture is fetched: the bound is the same for each.
    const written = await readCallBody(context, { bodyLimits }, { pictures });
    const sent = await names.resolve(written.body, key, false);
    const { body, dropped } = readCount(context, sent);
    const request = parseRequest(body, 'chat');
    assertModel(request.model, key);
    await rates.countRequest(context, key);
    const chat = { request, body, media: written.media, signal: getCallSignal(context) };
    const tokens = written.addresses.length > 0 ? undefined : await counter.count(chat);
    showIgnored(context, [...dropped, ...request.dropped]);
    const counted = { [COUNT_HEADER]: tokens === undefined ? 'at-most' : 'provider' };
    return context.json(formatCount(tokens ?? request.promptTokenBound), 200, counted);
  };
}
