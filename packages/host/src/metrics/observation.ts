import { randomBytes } from 'node:crypto';
import type { HostPort } from '../link/host-port.ts';
import type { Logger } from '../log/logger.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { createMetricsServer } from './metrics-server.ts';
import { createOtlpExporter } from './otlp-exporter.ts';

export interface ObservationSettings {
  readonly metricsBind: HostPort | undefined;
  /** Default: no spans are sent. */
  readonly otlp?: string | undefined;
  readonly otlpShare?: number;
}

/** An operator's view of a daemon: its metrics, the steps of its newest replies, and their spans. */
export interface Observation {
  readonly metrics: Metrics;
  /** For the daemon's ready line: the address of its metrics. */
  readonly ready: { readonly metrics?: HostPort };
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** @throws MetricsBindError */
export function createObservation(
  { name, role, log }: { readonly name: string; readonly role: string; readonly log: Pick<Logger, 'warn'> },
  { metricsBind, otlp, otlpShare = 1 }: ObservationSettings,
): Observation {
  const metrics = createMetrics(role);
  const server = metricsBind && createMetricsServer({ bind: metricsBind, metrics });
  const exporter =
    otlp === undefined
      ? undefined
      : createOtlpExporter(
          { endpoint: otlp, service: name, role, share: otlpShare },
          {
            steps: metrics.steps,
            randomBytes,
            onError: (err) => log.warn({ err }, 'the collector takes no spans: they are dropped until it does'),
          },
        );
  const ready: { metrics?: HostPort } = {};
  return {
    metrics,
    ready,
    async start() {
      await server?.start();
      if (server) ready.metrics = server.address();
      exporter?.start();
    },
    async stop() {
      await Promise.all([server?.stop(), exporter?.stop()]);
    },
  };
}
