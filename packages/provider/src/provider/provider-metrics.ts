import type { Metrics } from '@ogong/host/metrics/metrics';

export type ProviderMetrics = ReturnType<typeof createProviderMetrics>;

export function createProviderMetrics(metrics: Metrics) {
  return {
    steps: metrics.steps,
    active: metrics.gauge('provider_active_replies', 'Replies that are being generated'),
    shardOrders: metrics.gauge('provider_shard_orders', 'Orders of cohorts that segments of this provider serve'),
    leaderMarks: metrics.counter(
      'provider_leader_marks_total',
      'Leaders of cohorts that did not confirm the root of a segment here, or do not list it, by reason',
      ['reason'],
    ),
    cohorts: metrics.gauge('provider_cohorts', 'Models that this provider leads, and whose cohorts are complete'),
    outbox: metrics.gauge('provider_outbox_records', 'Signed records that a validator has not acknowledged yet'),
    replies: metrics.counter('provider_replies_total', 'Orders by how they ended: served, refused or failed', [
      'outcome',
    ]),
    tokens: metrics.counter('provider_tokens_total', 'Tokens of served replies: prompt or output', ['kind']),
    cached: metrics.counter('provider_cached_tokens_total', 'Prompt tokens that were in the KV cache'),
    drafts: metrics.counter('provider_drafts_total', 'Guessed tokens of served replies: proposed or accepted', [
      'kind',
    ]),
    records: metrics.counter('provider_records_total', 'Deliveries of records: pushed, retried or refused', [
      'outcome',
    ]),
  };
}
