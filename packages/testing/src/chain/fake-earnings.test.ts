import { splitFee } from '@ogong/protocol/exchange/fee';
import { describe } from 'vitest';
import { EARNINGS, type EarningsWorld, testEarnings, testUnheldEarnings } from './earnings-compliance.ts';
import { createFakeEarnings, type FakeEarningsOptions } from './fake-earnings.ts';

const SHARES = {
  ...{ routerBps: 0, validatorBps: 100, verificationBps: 100, treasuryBps: 100, licenseBps: 2, recycleBps: 0 },
};

async function open(options: Omit<FakeEarningsOptions, 'nowSeconds'>): Promise<EarningsWorld> {
  let now = 1_750_000_000;
  const earnings = createFakeEarnings({ ...options, nowSeconds: () => now });
  const split = splitFee(100_000n, SHARES);
  let pooled = 0n;
  return {
    client: earnings.client,
    async earn(providerId, payee) {
      earnings.credit(providerId, payee, split.provider);
      pooled += split.verification;
    },
    eject: async (providerId) => earnings.eject(providerId),
    reinstate: async (providerId) => earnings.reinstate(providerId),
    tokensOf: async (address) => earnings.tokensOf(address),
    pool: async () => pooled + earnings.collected(),
    nowSeconds: async () => now,
    async pass(seconds) {
      now += seconds;
    },
  };
}

describe('fake earnings', () => {
  testEarnings(() => open(EARNINGS));
  testUnheldEarnings(() => open({ periodSeconds: 0 }));
});
