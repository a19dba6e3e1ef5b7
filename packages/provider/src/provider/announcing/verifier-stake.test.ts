import type { NetworkParameters } from '@ogong/chain/client';
import { expect, it } from 'vitest';
import { createStakeNote } from './verifier-stake.ts';

it('warns once of a stake that is too low, again after a change, and reads the chain once a minute', async () => {
  let nowMs = 1_000;
  let asked: bigint | undefined;
  let staked = 5n;
  let reads = 0;
  const warnings: unknown[] = [];
  const look = createStakeNote({
    clock: { nowMs: () => nowMs },
    chain: {
      parameters: () =>
        asked === undefined ? undefined : ({ limits: { minimumVerifierStake: asked } } as NetworkParameters),
    },
    readStake: async () => {
      reads++;
      return staked;
    },
    warn: (stakes) => warnings.push(stakes),
  });
  const later = async (): Promise<number> => {
    nowMs += 60_000;
    await look();
    return warnings.length;
  };
  expect(await later()).toBe(0);
  asked = 0n;
  expect(await later()).toBe(0);
  expect(reads).toBe(0);
  asked = 6n;
  expect(await later()).toBe(1);
  await look();
  expect(reads).toBe(1);
  expect(await later()).toBe(1);
  asked = 7n;
  expect(await later()).toBe(2);
  staked = 7n;
  expect(await later()).toBe(2);
  staked = 1n;
  expect(await later()).toBe(3);
  expect(warnings).toEqual([
    { asked: 6n, staked: 5n },
    { asked: 7n, staked: 5n },
    { asked: 7n, staked: 1n },
  ]);
});
