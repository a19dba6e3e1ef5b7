import { toHex } from '@ogong/protocol/base/bytes';
import { buyCanary } from './canary/buy-canary.ts';
import { type Canaries, createCanaries } from './canary/canaries.ts';
import type { ValidatorState } from './validator-state.ts';

/** Of one answer: as long as a gateway waits by itself. */
const CANARY_TIMEOUT_MS = 600_000;

/** Connects canaries with a gateway; undefined where the operator names none. */
export function wireCanaries(state: ValidatorState): Canaries | undefined {
  const { options, crypto, clock, store, group, vrfSeed, metrics, log } = state;
  const { canaries, epochMs } = options;
  if (canaries === undefined) return undefined;
  const { gateway, keys, texts, random } = canaries;
  return createCanaries({
    ...{ crypto, clock, store, group, vrfSeed, epochMs, texts, random },
    buy(request, to) {
      const key = keys[Math.floor(random() * keys.length)];
      const shop = { gateway, key: key?.reveal() ?? '', timeoutMs: CANARY_TIMEOUT_MS };
      return buyCanary(shop, request, to);
    },
    onTest({ providerId }, outcome) {
      metrics.canaries.inc({ outcome });
      log.debug({ providerId: toHex(providerId), outcome }, 'a canary ended');
    },
    onError: (err) => log.error({ err }, 'what a canary found could not be kept'),
  });
}
