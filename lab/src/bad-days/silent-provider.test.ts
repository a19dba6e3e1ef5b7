import type { NetworkParameters } from '@ogong/chain/client';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { equalBytes, utf8Encode } from '@ogong/protocol/base/bytes';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { computeVrfPublicKey } from '@ogong/protocol/crypto/vrf';
import { createLiveness } from '@ogong/router/liveness-reader';
import { createTestValidator, provider, providerId } from '@ogong/testing/validator/test-bench';
import { createCanaries } from '@ogong/validator/canary/canaries';
import { joinTexts } from '@ogong/validator/canary/compose-canary';
import { reportTests } from '@ogong/validator/canary/report-tests';
import { afterEach, expect, it } from 'vitest';

const vrfSeed = new Uint8Array(32).fill(8);
const texts = joinTexts([
  "Words that are nobody's, and enough of them that a piece of any length can be cut from them.",
]);
const beaconOf = (epoch: bigint): Uint8Array => crypto.sha256(utf8Encode(`silent beacon ${epoch}`));
const EPOCHS = 40n;
const address = new Uint8Array(20).fill(1);
const close: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of close.splice(0)) await end();
});

/** A validator that tests, as the chain says how often, and a router that reads what it says. */
async function watchProvider({
  drawnPpm,
  greatestPpm,
  stake,
}: {
  drawnPpm: number;
  greatestPpm: number;
  stake: bigint;
}) {
  const validator = createTestValidator();
  await validator.announce(provider);
  const asked: Uint8Array[] = [];
  const canaries = createCanaries({
    ...{ crypto, clock: validator.clock, store: validator.store, group: validator.group, vrfSeed, texts },
    ...{ epochMs: 1, random: createSeededRandom(1), ratePpm: () => drawnPpm },
    shops: Array.from({ length: 2 }, () => async (_request, { providerId: to }) => {
      asked.push(to);
      return { outcome: 'missed' as const };
    }),
    onError: (error) => {
      throw error;
    },
  });
  close.push(async () => {
    await canaries.stop();
    await validator.close();
  });
  for (let epoch = 1n; epoch <= EPOCHS; epoch++) canaries.notice({ epoch, value: beaconOf(epoch) });
  const report = () =>
    reportTests(validator.store, 'canary', { chainId: 31_337n, validator: address, latest: EPOCHS + 2n });
  const keys = { certHash: new Uint8Array(32), vrfKey: computeVrfPublicKey(vrfSeed), endpoint: 'testing' };
  const others = { certHash: new Uint8Array(32), vrfKey: new Uint8Array(32), endpoint: 'silent' };
  const errors: string[] = [];
  const liveness = createLiveness({
    crypto,
    chain: {
      network: { chainId: 31_337n, settlement: new Uint8Array(20) },
      validators: () => [
        { address, signingKey: address, stake, ...keys },
        { address: new Uint8Array(20).fill(2), signingKey: address, stake: 10n, ...others },
      ],
      parameters: () => ({ greatestRates: { canary: greatestPpm, timed: 0 } }) as NetworkParameters,
    },
    links: {
      to: (_service: unknown, { endpoint }: { readonly endpoint: string }) => ({
        async getTests() {
          if (endpoint === 'silent') throw new Error('it tests nobody');
          return { report: report() };
        },
      }),
    } as never,
    beacons: { get: async (epoch) => ({ epoch, value: beaconOf(epoch) }) as never },
    onError: (_validator, error) => errors.push((error as Error).message),
  });
  return { validator, asked, liveness, errors };
}

it('a provider that answers no test is drawn a sixteenth as often, by the word of most of the stake', async () => {
  const { asked, liveness } = await watchProvider({ drawnPpm: 500_000, greatestPpm: 500_000, stake: 30n });
  await expect.poll(() => asked.length).toBeGreaterThan(3);
  expect(asked.every((id) => equalBytes(id, providerId))).toBe(true);
  await expect
    .poll(async () => {
      await liveness.read();
      return liveness.of(providerId);
    })
    .toBe(62_500);
});

it('loses nothing by validators with less than half of the stake', async () => {
  const { asked, liveness, errors } = await watchProvider({ drawnPpm: 500_000, greatestPpm: 500_000, stake: 9n });
  await expect.poll(() => asked.length).toBeGreaterThan(3);
  await liveness.read();
  expect(liveness.of(providerId)).toBe(1_000_000);
  expect(errors).toEqual(['it tests nobody']);
});

it('loses nothing by tests that come more often than the network allows', async () => {
  const { asked, liveness, errors } = await watchProvider({ drawnPpm: 500_000, greatestPpm: 1_000, stake: 30n });
  await expect.poll(() => asked.length).toBeGreaterThan(3);
  await expect
    .poll(async () => {
      await liveness.read();
      return errors.some((error) => error.includes('was not drawn'));
    })
    .toBe(true);
  expect(liveness.of(providerId)).toBe(1_000_000);
});

it('is not tested where the network wants no tests', async () => {
  const { asked, validator } = await watchProvider({ drawnPpm: 0, greatestPpm: 500_000, stake: 30n });
  const told = { chainId: 31_337n, validator: address, latest: EPOCHS + 2n };
  expect(asked).toEqual([]);
  expect(reportTests(validator.store, 'canary', told).length).toBeLessThan(70);
});
