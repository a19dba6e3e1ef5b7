import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { computeIdentityBound } from '@ogong/protocol/audit/timed-challenge';
import { describe, expect, it } from 'vitest';
import { playSharedDevice, STRATEGIES } from './shared-device.ts';

/** A fifth of a device for the challenges of one key: five keys fill it. */
const duty = 0.2;
const bound = computeIdentityBound({ throughput: 1, work: 1, perSecond: duty });
const jitter = (random: () => number): number => 0.9 + 0.2 * random();
const SEEDS = [1, 2, 3, 4];

describe('one device', () => {
  it.each(SEEDS)('behind one key is not found (seed %i)', (seed) => {
    const { challenges, missed, found } = playSharedDevice({
      ...{ crypto, seed, keys: 1, duty, epochs: 1_500, strategy: 'in turn', service: jitter },
    });
    expect(challenges).toBeGreaterThan(1_300);
    expect(missed / challenges).toBeLessThan(0.02);
    expect(found).toEqual([]);
  });

  it.each(SEEDS.flatMap((seed) => STRATEGIES.map((strategy) => ({ seed, strategy }))))(
    'behind twice as many keys as it can answer for keeps no more than that ($strategy, seed $seed)',
    ({ seed, strategy }) => {
      const keys = 2 * bound;
      const played = playSharedDevice({ crypto, seed, keys, duty, epochs: 300, strategy, service: jitter });
      expect(keys - played.found.length).toBeLessThanOrEqual(bound);
      // The first one soon: with half of all challenges missed, some eighteen decide.
      expect(played.found[0]).toBeLessThan(60);
    },
  );
});
