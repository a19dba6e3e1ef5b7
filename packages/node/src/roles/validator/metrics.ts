import { Counter, Gauge, type Registry } from 'prom-client';

export type ValidatorMetrics = ReturnType<typeof createMetrics>;

export function createMetrics(registry: Registry) {
  const registers = [registry];
  return {
    admitted: new Counter({ name: 'ogong_validator_admitted_total', help: 'Orders admitted', registers }),
    records: new Counter({ name: 'ogong_validator_records_total', help: 'Records acknowledged', registers }),
    verdicts: new Counter({
      name: 'ogong_validator_verdicts_total',
      help: 'Verdicts in the log',
      labelNames: ['verdict'],
      registers,
    }),
    complaints: new Counter({
      name: 'ogong_validator_complaints_total',
      help: 'Complaints by outcome',
      labelNames: ['outcome'],
      registers,
    }),
    batches: new Counter({ name: 'ogong_validator_batches_settled_total', help: 'Batches settled', registers }),
    epoch: new Gauge({ name: 'ogong_validator_beacon_epoch', help: 'Latest certified epoch', registers }),
  };
}
