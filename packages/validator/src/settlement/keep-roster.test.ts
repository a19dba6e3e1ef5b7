import { compareBytes, equalBytes } from '@ogong/protocol/base/bytes';
import { createTestChain } from '@ogong/testing/validator/test-chain';
import { describe, expect, it } from 'vitest';
import { createRosterKeeper } from './keep-roster.ts';

const LOOK_MS = 10 * 60_000;
const addresses = [3, 1, 2].map((byte) => new Uint8Array(20).fill(byte));

/** Keepers of all validators over one chain, and a clock that they share. */
function openKeepers(listed = addresses) {
  const chain = createTestChain();
  const takenBy: number[] = [];
  let nowMs = 1_000_000;
  const errors: unknown[] = [];
  const keepers = listed.map((address) => {
    const client = {
      ...chain,
      rosterMembers: async () => chain.roster,
      async takeRoster(accounts: readonly Uint8Array[]) {
        takenBy.push(address[0] as number);
        await chain.takeRoster(accounts);
      },
    };
    return createRosterKeeper(
      {
        ...{ signer: { address } as never, clock: { nowMs: () => nowMs } as never },
        chain: {
          validators: () => listed.map((one) => ({ address: one })) as never,
          client: async () => client as never,
        },
        onError: (error) => void errors.push(error),
      },
      async () => client as never,
    );
  });
  const look = async (passMs = LOOK_MS) => {
    nowMs += passMs;
    for (const keep of keepers) await keep();
  };
  return { chain, takenBy, errors, look, keepers };
}

describe('the roster keeper', () => {
  it('takes one if none is in force: the first in the order of addresses, once', async () => {
    const { chain, takenBy, look } = openKeepers();
    await look(LOOK_MS - 1);
    expect(takenBy).toEqual([]);
    await look(1);
    expect(takenBy).toEqual([1]);
    const members = chain.roster.map(({ account }) => account);
    expect(members).toEqual([...addresses].sort(compareBytes).map((one) => `0x${Buffer.from(one).toString('hex')}`));
    for (let i = 0; i < 5; i++) await look();
    expect(takenBy).toEqual([1]);
  });

  it('leaves it to the next one if the first does not', async () => {
    const { takenBy, look, keepers } = openKeepers();
    keepers.splice(
      addresses.findIndex((one) => equalBytes(one, new Uint8Array(20).fill(1))),
      1,
    );
    await look();
    expect(takenBy).toEqual([]);
    await look();
    expect(takenBy).toEqual([2]);
  });

  it('takes fewer of those that end soon, and none for a single validator or if votes are not known', async () => {
    const { chain, takenBy, look } = openKeepers(addresses.slice(0, 2));
    for (let i = 0; i < 40; i++) {
      chain.roster = [];
      await look();
    }
    // Each of two waits for 5 looks, then 10, 20.
    expect(takenBy.length).toBeGreaterThan(2);
    expect(takenBy.length).toBeLessThan(12);
    // Rosters may end often, but there is at most one new roster in six hours.
    const before = takenBy.length;
    const looks = 10 * 36;
    for (let i = 0; i < looks; i++) {
      chain.roster = [];
      await look();
    }
    expect(takenBy.length - before).toBeGreaterThanOrEqual(9);
    expect(takenBy.length - before).toBeLessThan(12);
    const alone = openKeepers(addresses.slice(0, 1));
    await alone.look();
    expect(alone.takenBy).toEqual([]);
    const gone = openKeepers();
    gone.chain.votesOfGone = 1n;
    await gone.look();
    expect(gone.takenBy).toEqual([]);
    const down = openKeepers();
    down.chain.isDown = true;
    await down.look();
    expect(down.errors).toHaveLength(1);
  });
});
