import { Counter, Gauge, type Registry } from 'prom-client';

export interface ProviderMetrics {
  readonly replies: Counter<'outcome'>;
  readonly tokens: Counter<'kind'>;
  readonly records: Counter<'outcome'>;
}

export function createProviderMetrics(
  registry: Registry,
  read: { readonly active: () => number; readonly outbox: () => number },
): ProviderMetrics {
  const registers = [registry];
  new Gauge({
    name: 'ogong_provider_active_replies',
    help: 'Replies that are being generated',
    registers,
    collect() {
      this.set(read.active());
    },
  });
  new Gauge({
    name: 'ogong_provider_outbox_records',
    help: 'Signed records that a validator has not acknowledged yet',
    registers,
    collect() {
      this.set(read.outbox());
    },
  });
  return {
    replies: new Counter({
      name: 'ogong_provider_replies_total',
      help: 'Orders by how they ended: served, refused or failed',
      labelNames: ['outcome'],
      registers,
    }),
    tokens: new Counter({
      name: 'ogong_provider_tokens_total',
      help: 'Tokens of committed replies: prompt or output',
      labelNames: ['kind'],
      registers,
    }),
    records: new Counter({
      name: 'ogong_provider_records_total',
      help: 'Records by what became of a delivery: pushed, retried or refused',
      labelNames: ['outcome'],
      registers,
    }),
  };
}
