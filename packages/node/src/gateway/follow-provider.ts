import { ApiError } from '@ogong/host/http/api-error';
import type { Finished, TokenLogprob } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import type { Delta } from './provider-call.ts';
import type { BoughtAnswer, ProviderAttempt, ReplyContext, ReplyJob } from './reply.ts';
import { accuseProvider } from './report-attempt.ts';

/** All that a provider said in one attempt; none of it is checked. */
export interface ProviderAnswer {
  readonly finished: Finished;
  readonly text: string;
  readonly tokens: readonly TokenLogprob[];
}

/** Yields what the provider streams. Accuses a provider that breaks off after it began. @throws ApiError */
export async function* followProvider(
  context: ReplyContext,
  job: ReplyJob<CommonRequest, BoughtAnswer>,
  attempt: ProviderAttempt,
): AsyncGenerator<Delta, ProviderAnswer> {
  const stream = context.providers.generate(toCall(context, job, attempt));
  let text = '';
  const tokens: TokenLogprob[] = [];
  try {
    for (;;) {
      const next = await stream.next();
      if (next.done) return { finished: next.value, text, tokens };
      text += next.value.text;
      if (job.form.topLogprobs !== undefined) tokens.push(...next.value.tokens);
      yield next.value;
    }
  } catch (error) {
    // If the client left, the provider is not at fault, and the validator decides about the order.
    if (!job.signal.aborted && !isRefusal(error)) await accuseProvider(context, attempt, { reason: 'abandoned' });
    // The provider may have refused because it cannot reach the validator.
    if (isRefusal(error)) context.validators.doubt();
    throw error;
  } finally {
    await stream.return(undefined as never);
  }
}

function toCall(
  { nameCacheScope }: ReplyContext,
  job: ReplyJob<CommonRequest, BoughtAnswer>,
  { match, order }: ProviderAttempt,
) {
  const { body, endpoint, form, signal, key } = job;
  return {
    match,
    order,
    request: body,
    cacheScope: nameCacheScope(key.id, match.ticket.providerId),
    endpoint,
    maxTokens: form.maxTokens,
    topLogprobs: form.topLogprobs,
    signal,
  };
}

/** The provider declined before it began, so it broke no promise. */
const isRefusal = (error: unknown): boolean =>
  error instanceof ApiError && (error.code === 'request_refused' || error.code === 'provider_busy');
