import type { NetworkParameters } from '@ogong/chain/client';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { computeDrawInput, drawArrivals } from '@ogong/protocol/audit/secret-draw';
import { computeSubject, encodeTestReport, type Test } from '@ogong/protocol/audit/test-report';
import { concatBytes, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { VRF_PROOF_BYTES } from '@ogong/protocol/crypto/vrf';
import { describe, expect, it } from 'vitest';
import { createLiveness } from './liveness-reader.ts';

/** So often that a validator has mostly tested a provider three times within a report. */
const MEAN_PPM = 150_000;
const WINDOW = 64n;
const chainId = 31_337n;
const modelRoot = new Uint8Array(32).fill(9);
const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const beaconOf = (epoch: bigint): Uint8Array => nodeCrypto.sha256(utf8Encode(`beacon ${epoch}`));
/** Draws that cost nothing: a VRF without secrecy. */
const computeOutput = (key: Uint8Array, input: Uint8Array): Uint8Array =>
  concatBytes(nodeCrypto.sha256(key, input), nodeCrypto.sha256(input, key));
const crypto: Crypto = { ...nodeCrypto, verifyVrf: (key, input) => computeOutput(key, input) };

interface PlannedNetwork {
  readonly testing: readonly bigint[];
  /** Stake of validators that test nobody. */
  readonly silent: readonly bigint[];
  readonly providers: number;
  readonly misses: (validator: number, provider: number, epoch: bigint) => boolean;
}

/** Validators that test by their draws, and a router that reads their reports once an epoch, as these grow. */
function createNetwork({ testing, silent, providers, misses }: PlannedNetwork) {
  let latest = 0n;
  const validators = [...testing, ...silent].map((stake, n) => ({
    ...{ address: fill(20, n + 1), signingKey: fill(20, n + 1), stake },
    ...{ certHash: fill(32, n), vrfKey: fill(32, n + 1), endpoint: `${n}` },
  }));
  const tested = testing.map((): Test[] => []);
  const ids = Array.from({ length: providers }, (_, i) => fill(32, i + 1));

  function report(n: number): Uint8Array {
    const told = tested[n] as Test[];
    const input = computeDrawInput(crypto, { kind: 'canary', epoch: latest, beacon: beaconOf(latest) });
    const output = computeOutput(fill(32, n + 1), input);
    const drawn = ids.flatMap((providerId, provider) =>
      drawArrivals(crypto, output, { subject: computeSubject({ providerId, modelRoot }), meanPpm: MEAN_PPM }).map(
        (_, arrival) => ({
          ...{ epoch: latest, providerId, modelRoot, arrival },
          isMissed: misses(n, provider, latest),
        }),
      ),
    );
    told.push(...drawn);
    while (told[0] !== undefined && told[0].epoch <= latest - WINDOW) told.shift();
    const epochs = [...new Set(told.map(({ epoch }) => epoch))];
    const draws = epochs.map((epoch) => ({ epoch, proof: fill(VRF_PROOF_BYTES, 1) }));
    return encodeTestReport({ chainId, validator: fill(20, n + 1), kind: 'canary', draws, tests: told });
  }

  const liveness = createLiveness({
    crypto,
    chain: {
      network: { chainId, settlement: fill(20, 0) },
      validators: () => validators,
      parameters: () => ({ greatestRates: { canary: MEAN_PPM, timed: 0 } }) as NetworkParameters,
    },
    links: {
      to: (_service: unknown, { endpoint }: { readonly endpoint: string }) => ({
        async getTests() {
          if (Number(endpoint) >= testing.length) throw new Error('it tests nobody');
          return { report: report(Number(endpoint)) };
        },
      }),
    } as never,
    beacons: { get: async (epoch) => ({ epoch, value: beaconOf(epoch) }) as never },
  });
  return {
    async pass(epochs: bigint): Promise<void> {
      for (const end = latest + epochs; latest < end; ) {
        latest += 1n;
        await liveness.read();
      }
    },
    all: (): number[] => ids.map((id) => liveness.of(id)),
  };
}

describe('growth of the reports that a router reads', () => {
  it.each([1, 4])(
    'an outage of all %i providers lowers all of them, though two fifths of the stake never test',
    async (providers) => {
      const begin = 80n;
      const net = createNetwork({
        ...{ testing: [15n, 15n, 15n, 15n], silent: [40n], providers },
        misses: (_validator, _provider, epoch) => epoch >= begin,
      });
      await net.pass(begin - 1n);
      expect(net.all()).toEqual(new Array(providers).fill(1_000_000));
      await net.pass(WINDOW + 16n);
      expect(net.all()).toEqual(new Array(providers).fill(62_500));
    },
  );

  it('a tester far from the other testers counts less, also if an honest one agrees with it by chance', async () => {
    const net = createNetwork({
      ...{ testing: [40n, 20n, 20n, 20n], silent: [], providers: 3 },
      // The second is cut off from one provider. Both together would have most of the stake.
      misses: (validator, provider) => validator === 0 || (validator === 1 && provider === 0),
    });
    await net.pass(WINDOW);
    expect(net.all()).toEqual([1_000_000, 1_000_000, 1_000_000]);
  });
});
