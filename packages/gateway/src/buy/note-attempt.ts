import { nameFailure, type ReplySteps, type StepAttributes } from '@ogong/host/metrics/reply-steps';
import type { Clock } from '@ogong/host/time/clock';
import { toHex } from '@ogong/protocol/base/bytes';
import { ENDPOINT_INFO } from '@ogong/protocol/modality/endpoints';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import type { BoughtAnswer, ProviderAttempt, ReplyJob } from './reply.ts';

type NotedJob = Pick<
  ReplyJob<CommonRequest, BoughtAnswer>,
  'endpoint' | 'request' | 'completionId' | 'caller' | 'signal'
>;

type CountedReply = Pick<BoughtAnswer, 'promptTokens' | 'outputTokens'>;

export interface NotesContext {
  /** Default: no step is noted. */
  readonly steps?: ReplySteps;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** Notes the steps of one attempt. They hold nothing of the prompt or the answer. */
export interface AttemptNotes {
  /** The attempt's order is signed and on the disk. */
  ordered(attempt: ProviderAttempt): void;
  /** The provider has answered. */
  answered(attempt: ProviderAttempt, timing: { readonly tookMs: number; readonly firstMs: number }): void;
  check<T>(attempt: ProviderAttempt, work: () => Promise<T>): Promise<T>;
  /** The attempt ended, with a checked answer or with an error. */
  ended(attempt: ProviderAttempt, outcome: { readonly reply: CountedReply } | { readonly error: unknown }): void;
}

export function createAttemptNotes({ steps, clock }: NotesContext, job: NotedJob): AttemptNotes {
  const startMs = clock.nowMs();
  return {
    ordered({ replyId, match, validator }) {
      const { providerId, router } = match.ticket;
      const attributes = {
        'ogong.provider': toHex(providerId),
        'ogong.validator': `0x${toHex(validator)}`,
        'ogong.router': `0x${toHex(router)}`,
      };
      steps?.add(replyId, 'order', { startMs, attributes });
    },
    answered({ replyId }, { tookMs, firstMs }) {
      const attributes = { 'ogong.first_token_ms': firstMs };
      steps?.add(replyId, 'answer', { startMs: clock.nowMs() - tookMs, attributes });
    },
    check: ({ replyId }, work) => (steps ? steps.run(replyId, 'check', work) : work()),
    ended: ({ replyId }, outcome) => noteWhole(steps, job, { replyId, startMs, outcome }),
  };
}

function noteWhole(
  steps: ReplySteps | undefined,
  { endpoint, request, completionId, caller, signal }: NotedJob,
  {
    replyId,
    startMs,
    outcome,
  }: {
    readonly replyId: Uint8Array;
    readonly startMs: number;
    readonly outcome: Parameters<AttemptNotes['ended']>[1];
  },
): void {
  const { operation } = ENDPOINT_INFO[endpoint];
  const attributes: StepAttributes = {
    'gen_ai.operation.name': operation,
    'gen_ai.provider.name': 'ogong',
    'gen_ai.request.model': request.model,
    'gen_ai.response.id': completionId,
    ...('reply' in outcome && {
      'gen_ai.usage.input_tokens': outcome.reply.promptTokens,
      'gen_ai.usage.output_tokens': outcome.reply.outputTokens,
    }),
  };
  const failure = 'reply' in outcome ? undefined : signal.aborted ? 'client_left' : nameFailure(outcome.error);
  steps?.add(replyId, `${operation} ${request.model}`, { startMs, attributes, failure, caller, isWhole: true });
}
