import { translateAnthropic } from '@ogong/protocol/modality/text/dialect/anthropic-request';
import { type Identity, nameCall } from '@ogong/protocol/modality/text/dialect/completion-formats';
import { listNamespaced } from '@ogong/protocol/modality/text/dialect/namespaces';
import { translateResponses } from '@ogong/protocol/modality/text/dialect/responses-request';
import type { Translation } from '@ogong/protocol/modality/text/dialect/translation';
import type { ApiContext } from '../http/api-app.ts';
import type { Json } from '../openai/format.ts';
import type { AnswerDialect } from './answer-dialect.ts';
import { assertAnthropicVersion } from './anthropic/anthropic-call.ts';
import { createAnthropicDialect } from './anthropic/anthropic-format.ts';
import { createResponsesDialect } from './responses/responses-format.ts';

/** A request that was read, and how its answer is worded. */
export interface DialectRequest extends Translation {
  toDialect(answer: { readonly identity: Identity; readonly nowMs: () => number }): AnswerDialect;
}

/** An API whose requests can be translated into a chat. One folder here, one translation in `protocol/modality/text/dialect`. */
interface ApiDialect {
  /** Prefix of the ids of its answers. */
  readonly idPrefix: string;
  /** @throws RequestError, ApiError */
  read(context: ApiContext, body: Uint8Array): DialectRequest;
  /** A request to count the tokens of a prompt. @throws RequestError, ApiError */
  readCount(context: ApiContext, body: Uint8Array): Translation;
  formatCount(tokens: number): Json;
}

export type ApiDialectName = 'message' | 'response';

export const API_DIALECTS: Readonly<Record<ApiDialectName, ApiDialect>> = {
  message: {
    idPrefix: 'msg_',
    read(context, body) {
      assertAnthropicVersion(context);
      const { stopSequences, ...translation } = translateAnthropic(body, 'message');
      const requestId = context.get('requestId');
      return {
        ...translation,
        toDialect: ({ identity }) =>
          createAnthropicDialect({
            identity,
            requestId,
            stopSequences,
            nameCall: (call) => nameCall(identity.id, { call }),
          }),
      };
    },
    readCount(context, body) {
      assertAnthropicVersion(context);
      return translateAnthropic(body, 'count');
    },
    formatCount: (tokens) => ({ input_tokens: tokens }),
  },
  response: {
    idPrefix: 'resp_',
    read(_, body) {
      const { asked, ...translation } = translateResponses(body);
      const namespaced = listNamespaced(asked.tools);
      return {
        ...translation,
        toDialect: ({ identity, nowMs }) =>
          createResponsesDialect({
            identity,
            asked,
            namespaced,
            nowMs,
            nameCall: (call) => nameCall(identity.id, { call }),
          }),
      };
    },
    readCount: (_, body) => translateResponses(body),
    formatCount: (tokens) => ({ object: 'response.input_tokens', input_tokens: tokens }),
  },
};

/** Names of an answer that begins now. @param random 18 bytes. */
export function createDialectIdentity(
  name: ApiDialectName,
  { model, nowMs, random }: { readonly model: string; readonly nowMs: number; readonly random: Uint8Array },
): Identity {
  const id = API_DIALECTS[name].idPrefix + Buffer.from(random).toString('base64url');
  return { id, created: Math.floor(nowMs / 1000), model };
}
