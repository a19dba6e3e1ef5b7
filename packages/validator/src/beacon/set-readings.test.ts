import type { SetListing } from '@ogong/host/views/chain-view';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashValidatorSet, type SetMember } from '@ogong/protocol/beacon/validator-set';
import { createTestClock, network } from '@ogong/testing/validator/test-bench';
import { testCrypto as crypto } from '@ogong/testing/validator/test-crypto';
import { expect, it } from 'vitest';
import { createSetReadings } from './set-readings.ts';

const member = (n: number) => ({
  ...{ address: new Uint8Array(20).fill(n), signingKey: new Uint8Array(20).fill(n), stake: 5n, endpoint: '' },
  ...{ certHash: new Uint8Array(32), vrfKey: new Uint8Array(32).fill(n) },
});
const [one, two] = [[member(1)], [member(2), member(1)]];
const hashOf = (members: readonly SetMember[]) => hashValidatorSet(crypto, network, members);

function create() {
  const clock = createTestClock();
  const chain = {
    listing: { block: 10n, validators: one } as SetListing,
    history: new Map<bigint, typeof one>(),
    asked: 0,
  };
  const kept = new Map<string, readonly SetMember[]>();
  const sets = createSetReadings(
    { network, freshMs: 1_000 },
    {
      ...{ crypto, clock },
      listing: () => chain.listing,
      async listingAt(block) {
        chain.asked++;
        const validators = chain.history.get(block);
        if (validators === undefined) throw new Error('no such block');
        return { block, validators };
      },
      findKept: (set) => kept.get(toHex(set)),
      keep: (set, members) => void kept.set(toHex(set), members),
    },
  );
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  return { clock, chain, kept, sets, turn };
}

it('finds a set that it read itself, and keeps it', () => {
  const { chain, kept, sets } = create();
  expect(sets.findSet(hashOf(one))).toMatchObject([{ stake: 5n }]);
  expect(sets.findSet(hashOf(two))).toBeUndefined();
  chain.listing = { block: 20n, validators: two };
  expect(sets.reading()).toMatchObject({ block: 20n });
  expect([...kept.keys()]).toEqual([one, two].map((set) => toHex(hashOf(set))));
  expect(sets.isListed(hashOf(two), 20n)).toBe(true);
});

it('counts a set as listed if it was read lately, not long ago', () => {
  const { clock, chain, sets } = create();
  expect(sets.isListed(hashOf(one), 10n)).toBe(true);
  clock.advance(600);
  chain.listing = { block: 20n, validators: two };
  expect(sets.isListed(hashOf(one), 9n)).toBe(true);
  clock.advance(600);
  // A block before what the chain had long ago is too old, whatever it lists.
  expect(sets.isListed(hashOf(one), 9n)).toBe(false);
  expect(sets.isListed(hashOf(two), 15n)).toBe(true);
});

it('reads a block that another validator names, and believes the chain', async () => {
  const { chain, sets, turn } = create();
  chain.history.set(11n, two);
  expect(sets.isListed(hashOf(two), 11n)).toBeUndefined();
  await turn();
  expect(sets.isListed(hashOf(two), 11n)).toBe(true);
  expect(sets.isListed(hashOf(one), 11n)).toBe(false);
  expect(chain.asked).toBe(1);
  // A block that does not exist is asked for again only when it is named again.
  expect(sets.isListed(hashOf(two), 99n)).toBeUndefined();
  await turn();
  expect(sets.isListed(hashOf(two), 99n)).toBeUndefined();
  await turn();
  expect(chain.asked).toBe(3);
});
