import type { AcceptedOrder } from './order-intake.ts';
import type { ProviderState } from './provider-state.ts';
import type { ServedCounts } from './serve-reply.ts';

/** Serves an accepted order, and notes how that went. */
export const noteServed = (
  { metrics }: Pick<ProviderState, 'metrics'>,
  { order, ticket }: Pick<AcceptedOrder<unknown>, 'order' | 'ticket'>,
  serve: () => Promise<ServedCounts>,
): Promise<ServedCounts> =>
  metrics.steps.run(order.replyId, 'serve', serve, (counts) => ({
    attributes: {
      'gen_ai.request.model': ticket.modelId,
      'gen_ai.usage.input_tokens': counts.promptTokens,
      'gen_ai.usage.output_tokens': counts.outputTokens,
      'ogong.cached_tokens': counts.cachedTokens,
    },
  }));
