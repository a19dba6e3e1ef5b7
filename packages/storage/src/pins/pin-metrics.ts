import type { Metrics } from '@ogong/host/metrics/metrics';

/** Counts what a storage provider does with pins. */
export const createPinMetrics = (metrics: Metrics) => ({
  pins: metrics.gauge('pins', 'Accepted pins that are not over'),
  pinnedBytes: metrics.gauge('pinned_bytes', 'Bytes of all pinned blobs'),
  offers: metrics.counter('pin_offers_total', 'Reviewed offers of pins', ['outcome']),
  damaged: metrics.gauge('damaged_pins', 'Accepted pins whose blob is damaged, so that no epoch is proven'),
  missed: metrics.counter(
    'pin_epochs_missed_total',
    'Epochs of accepted pins without a proof, with those before a restart',
  ),
  proofs: metrics.counter('pin_proofs_total', 'Epochs of pins by their outcome', ['outcome']),
});

export type PinMetrics = ReturnType<typeof createPinMetrics>;
