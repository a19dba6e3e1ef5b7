import type { ApiContext } from '@ogong/host/http/api-app';
import { CLAMPED_HEADER } from '@ogong/host/openai/answer-headers';
import type { Endpoint } from '@ogong/protocol/modality/text/commitment/header';
import type { InferenceRequest } from '@ogong/protocol/modality/text/request/request';
import type { KeyHolder } from './api-keys.ts';
import type { Delta } from './provider-call.ts';
import type { BoughtReply } from './reply.ts';
import type { ReplyService } from './reply-service.ts';
import type { ReadBody } from './settle-policy.ts';
import { createTextForm } from './text-form.ts';

/** What is ordered for one prompt. */
export type OrderedPrompt = ReadBody<InferenceRequest>;

interface ChoicesJob {
  readonly completionId: string;
  readonly endpoint: Endpoint;
  /** Those of one call; each has as many choices. */
  readonly prompts: readonly OrderedPrompt[];
  readonly key: KeyHolder;
}

/** Buys the choices of an answer, counted over all prompts. Tells the client where a context is smaller than its limit. */
export function createChoices(
  context: ApiContext,
  { completionId, endpoint, prompts, key }: ChoicesJob,
  replies: ReplyService,
): (index: number, signal: AbortSignal) => AsyncGenerator<Delta, BoughtReply> {
  let least = Number.POSITIVE_INFINITY;
  return (index, signal) => {
    const perPrompt = (prompts[0] as OrderedPrompt).request.choices;
    const { body, request } = prompts[Math.floor(index / perPrompt)] as OrderedPrompt;
    const onMatch = ({ contextSize }: { readonly contextSize: number }): void => {
      if (contextSize >= Math.min(request.maxTokens, least)) return;
      least = contextSize;
      context.header(CLAMPED_HEADER, `max_tokens=${contextSize}`);
    };
    const form = createTextForm(request);
    const place = { choice: index % perPrompt, index };
    return replies.serve({ completionId, endpoint, body, request, form, key, signal, onMatch, ...place });
  };
}
