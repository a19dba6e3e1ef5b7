import { monotonicClock } from '@ogong/host/time/clock';
import { toHex } from '@ogong/protocol/base/bytes';
import { buyCanary } from './canary/buy-canary.ts';
import { createCanaries } from './canary/canaries.ts';
import type { DrawnTests } from './canary/drawn-tests.ts';
import { createTimedChallenges } from './canary/timed.ts';
import { findTextHeader } from './store/timed-work.ts';
import { isConnected, type ValidatorState } from './validator-state.ts';
import { computeJobSecret, connectVerifiers } from './wire-audit.ts';

/** Time limit of one answer: as long as a gateway waits by itself. */
const CANARY_TIMEOUT_MS = 600_000;

/** Number of newest replies in which a model's header is searched. */
const LOOKED_AT = 64;

/** Connects canaries with gateways. Undefined if the operator names none. */
export function wireCanaries(state: ValidatorState): DrawnTests | undefined {
  const { options, crypto, clock, store, group, vrfSeed, chain, metrics, log } = state;
  const { canaries, epochMs } = options;
  if (canaries === undefined) return undefined;
  const { gateways, texts, random } = canaries;
  return createCanaries({
    ...{ crypto, clock, store, group, vrfSeed, epochMs, texts, random },
    ratePpm: () => chain.parameters()?.tests.canaryRate ?? 0,
    shops: gateways.map(({ gateway, keys }) => (request, to) => {
      const key = keys[Math.floor(random() * keys.length)];
      const shop = { gateway, key: key?.reveal() ?? '', timeoutMs: CANARY_TIMEOUT_MS, clock: monotonicClock };
      return buyCanary(shop, request, to);
    }),
    onTest({ providerId }, { outcome, pace }) {
      metrics.canaries.inc({ outcome });
      if (pace !== undefined) metrics.canaryFirstTokens.observe(pace.firstMs / 1_000);
      log.debug({ providerId: toHex(providerId), outcome, ...pace }, 'a canary ended');
    },
    onError: (err) => log.error({ err }, 'the result of a canary could not be stored'),
  });
}

/** Issues timed challenges if the network has a rate for them. At first it has none. */
export function wireTimed(state: ValidatorState): DrawnTests {
  const { options, crypto, clock, store, group, vrfSeed, chain, signer, metrics, log } = state;
  return createTimedChallenges({
    ...{ crypto, clock, store, group, vrfSeed, epochMs: options.epochMs },
    validator: signer.address,
    jobSecret: computeJobSecret(state),
    calls: connectVerifiers(state),
    findHeader: (modelRoot) => store.read(() => findTextHeader(store, modelRoot, LOOKED_AT)),
    ratePpm: () => chain.parameters()?.tests.timedRate ?? 0,
    slowestRate: () => chain.parameters()?.tests.slowestRate,
    isConnected: () => isConnected(state),
    onTest({ providerId }, { outcome }) {
      metrics.timedChallenges.inc({ outcome });
      log.debug({ providerId: toHex(providerId), outcome }, 'a timed challenge ended');
    },
    onError: (err) => log.error({ err }, 'a timed challenge failed or could not be stored'),
  });
}
