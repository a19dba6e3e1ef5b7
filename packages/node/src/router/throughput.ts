import { toHex } from '@ogong/protocol/base/bytes';

/** Weight of the newest observation. */
const SMOOTHING = 0.2;
const MAX_PROVIDERS = 4096;

/** Moving average of output tokens per second, by provider. */
export type Throughput = ReturnType<typeof createThroughput>;

export function createThroughput() {
  const averages = new Map<string, number>();
  return {
    observe(providerId: Uint8Array, { outputTokens, durationMs }: { outputTokens: number; durationMs: number }): void {
      if (outputTokens === 0 || durationMs === 0) return;
      const name = toHex(providerId);
      const observed = (outputTokens * 1000) / durationMs;
      const average = averages.get(name);
      averages.delete(name);
      averages.set(name, average === undefined ? observed : average + SMOOTHING * (observed - average));
      if (averages.size > MAX_PROVIDERS) averages.delete(averages.keys().next().value as string);
    },
    of: (providerId: Uint8Array): number | undefined => averages.get(toHex(providerId)),
  };
}
