import type { RelayedLink } from '@ogong/host/link/reach/relay-wire';
import type { AcceptedOrder, ServedCounts } from '../../modality/order-job.ts';
import type { ProviderState } from '../provider-state.ts';

interface ServedOrder extends Pick<AcceptedOrder<unknown>, 'order' | 'ticket'> {
  readonly relayed: RelayedLink | undefined;
}

/** Serves an accepted order, and notes how that went, and over which relay. */
export async function noteServed(
  { metrics, clock }: Pick<ProviderState, 'metrics' | 'clock'>,
  { order: { replyId }, ticket, relayed }: ServedOrder,
  serve: () => Promise<ServedCounts>,
): Promise<ServedCounts> {
  const { steps } = metrics;
  const startMs = clock.nowMs();
  try {
    return await steps.run(replyId, 'serve', serve, (counts) => ({
      attributes: {
        'gen_ai.request.model': ticket.modelId,
        'gen_ai.usage.input_tokens': counts.promptTokens,
        'gen_ai.usage.output_tokens': counts.outputTokens,
        'ogong.cached_tokens': counts.cachedTokens,
      },
    }));
  } finally {
    // A relay reads no reply's name. The provider behind it knows both names. It leads from the reply to the relay's notes of the link.
    if (relayed) {
      const { at, circuit } = relayed;
      steps.add(replyId, 'relay', { startMs, attributes: { 'ogong.relay': at }, linked: circuit });
    }
  }
}
