import type { ApiContext } from '@ogong/host/http/api-app';
import { parseTraceParent } from '@ogong/host/metrics/trace-context';
import { CLAMPED_HEADER, IGNORED_HEADER } from '@ogong/host/openai/answer-headers';
import type { SettlementType } from '@ogong/protocol/http/routes';
import type { RequestMedia } from '@ogong/protocol/modality/media/media';
import { type AnswerFormat, mayThink } from '@ogong/protocol/modality/text/answer/answer-format';
import type { Endpoint } from '@ogong/protocol/modality/text/commitment/header';
import type { InferenceRequest } from '@ogong/protocol/modality/text/request/request';
import type { KeyHolder } from '../books/api-keys.ts';
import type { Delta } from '../buy/provider-call.ts';
import type { BoughtReply, OrderedPrompt } from '../buy/reply.ts';
import type { ReplyService } from '../buy/reply-service.ts';
import { createTextForm } from './text-form.ts';

interface ChoicesJob {
  readonly completionId: string;
  readonly endpoint: Endpoint;
  /** The prompts of one call; each has as many choices. */
  readonly prompts: readonly OrderedPrompt[];
  /** The media that each of them names. */
  readonly media: RequestMedia;
  readonly key: KeyHolder;
  /** The provider that the request names; undefined to let the router draw one. */
  readonly provider: Uint8Array | undefined;
  readonly settlementType: SettlementType;
}

/**
 * Buys the choices of an answer, counted over all prompts. Warns the client if a context is smaller than its limit, or if a model
 * ignores the request's wish about thinking.
 */
export function createChoices(
  context: ApiContext,
  { completionId, endpoint, prompts, media, key, provider, settlementType }: ChoicesJob,
  replies: ReplyService,
): (index: number, signal: AbortSignal) => AsyncGenerator<Delta, BoughtReply> {
  let least = Number.POSITIVE_INFINITY;
  let isToldOfThinking = false;
  for (const { request } of prompts) showLimit(request, request.maxTokens);
  /** Shows a limit that is below the wanted one, and below those shown before. */
  function showLimit({ wantedTokens }: InferenceRequest, limit: number): void {
    if (limit >= Math.min(wantedTokens, least)) return;
    least = limit;
    context.header(CLAMPED_HEADER, `max_tokens=${limit}`);
  }
  async function* tellOfThinking(
    choice: AsyncGenerator<Delta, BoughtReply>,
    request: InferenceRequest,
  ): AsyncGenerator<Delta, BoughtReply> {
    try {
      for (;;) {
        const next = await choice.next();
        // An answer that does not stream has no part before its end.
        if (!isToldOfThinking && isUnmet(next.value.format, request)) {
          context.header(IGNORED_HEADER, request.thinkingParams.join(', '), { append: true });
          isToldOfThinking = true;
        }
        if (next.done) return next.value;
        yield next.value;
      }
    } finally {
      await choice.return(undefined as never);
    }
  }
  return (index, signal) => {
    const perPrompt = (prompts[0] as OrderedPrompt).request.choices;
    const { body, request, isHedged, plain } = prompts[Math.floor(index / perPrompt)] as OrderedPrompt;
    const onMatch = ({ contextSize }: { readonly contextSize: number }): void => showLimit(request, contextSize);
    const form = createTextForm(request);
    const caller = parseTraceParent(context.req.header('traceparent'));
    const place = { choice: index % perPrompt, index, provider, caller, isHedged, plain, media, settlementType };
    const choice = replies.serve({ completionId, endpoint, body, request, form, key, signal, onMatch, ...place });
    return request.thinkingParams.length === 0 ? choice : tellOfThinking(choice, request);
  };
}

/** Whether a model cannot think, or always thinks, against the request's wish. A wished effort cannot be checked. */
function isUnmet(format: AnswerFormat, { thinking: { wanted } }: Pick<InferenceRequest, 'thinking'>): boolean {
  return (wanted === 'yes' && !mayThink(format)) || (wanted === 'no' && format.reasoning === 'opened');
}
