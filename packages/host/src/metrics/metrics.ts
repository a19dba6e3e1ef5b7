import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { createReplySteps, type ReplySteps } from './reply-steps.ts';

const PREFIX = 'ogong_';

/** Seconds, from a local call to a long answer. */
const DURATION_BUCKETS_S = [0.001, 0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300];

export interface Metrics {
  readonly registry: Registry;
  /** Outcomes of single replies. */
  readonly steps: ReplySteps;
  /** Names come without the prefix `ogong_`, and with their unit, such as `replies_total`. */
  counter<L extends string = never>(name: string, help: string, labels?: readonly L[]): Counter<L>;
  gauge<L extends string = never>(name: string, help: string, labels?: readonly L[]): Gauge<L>;
  /** Observes seconds unless given its own buckets. */
  histogram<L extends string = never>(
    name: string,
    help: string,
    labels?: readonly L[],
    buckets?: readonly number[],
  ): Histogram<L>;
}

/** A new registry, so that several roles or tests in one process do not share metrics. */
export function createMetrics(role: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ role });
  const common = <L extends string>(name: string, help: string, labels: readonly L[] = []) => ({
    name: `${PREFIX}${name}`,
    help,
    labelNames: [...labels],
    registers: [registry],
  });
  return {
    registry,
    steps: createReplySteps(),
    counter: (name, help, labels) => new Counter(common(name, help, labels)),
    gauge: (name, help, labels) => new Gauge(common(name, help, labels)),
    histogram: (name, help, labels, buckets = DURATION_BUCKETS_S) =>
      new Histogram({ ...common(name, help, labels), buckets: [...buckets] }),
  };
}

/** Registries with process metrics. */
const watched = new WeakSet<Registry>();

/**
 * Returns the metrics for a reader. From the first call on, they include memory, event loop and garbage collection, as prom-client names
 * them. The event loop is not watched before, because that wakes a process a hundred times a second.
 */
export async function readMetrics({ registry }: Metrics): Promise<string> {
  if (!watched.has(registry)) {
    watched.add(registry);
    collectDefaultMetrics({ register: registry, prefix: PREFIX });
  }
  return registry.metrics();
}
