import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { formCommittee } from '@ogong/protocol/beacon/threshold/members';
import { hashValidatorSet } from '@ogong/protocol/beacon/validator-set';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { expect, it } from 'vitest';
import { VALIDATOR_SCHEMA } from '../store/schema.ts';
import { createMemberQuestions } from './ask-members.ts';
import { createBeaconArchive } from './beacon-archive.ts';

const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const network = { chainId: 31_337n, settlement: bytes(20, 0) };
const memberOf = (value: number) => ({ address: bytes(20, value), signingKey: bytes(20, value), stake: 1n });
const set = [1, 2].map((value) => ({ ...memberOf(value), vrfKey: bytes(32, value) }));
const seats = [3, 4].map((value) => ({ ...memberOf(value), boxKey: bytes(1_216, value) }));
const NAMED = {
  set: { kind: 'set', hash: hashValidatorSet(crypto, network, set) },
  seats: { kind: 'seats', hash: formCommittee(crypto, network, seats).hash },
} as const;

function openArchive() {
  const store = openStore(':memory:', { schema: VALIDATOR_SCHEMA });
  return { archive: createBeaconArchive(network, { crypto, store }), group: createGroupCommit(store), store };
}

/** A validator that has both, and one that asks the given peers. */
function createAsker(answers: readonly (Uint8Array | undefined)[], stakeOf: (i: number) => bigint = () => 1n) {
  const own = openArchive();
  const asked: number[] = [];
  const ask = createMemberQuestions({
    ...{ network, crypto, self: bytes(20, 99), ...own },
    peers: () =>
      answers.map((_, i) => ({
        ...memberOf(i),
        stake: stakeOf(i),
        endpoint: '',
        certHash: bytes(32, i),
        vrfKey: bytes(32, i),
      })),
    async ask({ address: [i] }: QuorumMember) {
      asked.push(i as number);
      const answer = answers[i as number];
      if (answer === undefined) throw new Error('nothing is kept here');
      return answer;
    },
  });
  return { ...own, ask, asked };
}

function keptBy(named: (typeof NAMED)[keyof typeof NAMED]): Uint8Array {
  const { archive, store } = openArchive();
  store.transact((db) => {
    archive.putSet(db, NAMED.set.hash, set);
    archive.putCommittee(db, NAMED.seats.hash, seats);
  });
  return archive.findMemberBytes(named.hash) as Uint8Array;
}

it.each([NAMED.set, NAMED.seats])('the members of a $kind come from who has them, and are kept', async (named) => {
  const { ask, asked, archive } = createAsker([undefined, keptBy(named), keptBy(named)]);
  const [first, second] = await Promise.all([ask(named), ask(named)]);
  const addresses = (named.kind === 'set' ? set : seats).map(({ address }) => address);
  expect(first?.map(({ address }) => address)).toEqual(addresses);
  expect(second).toEqual(first);
  // Until one has them, and for both questions once.
  expect(asked.slice(0, -1)).toEqual(asked.length === 1 ? [] : [0]);
  expect(asked.at(-1)).toBeGreaterThan(0);
  expect(archive.findMemberBytes(named.hash)).toEqual(keptBy(named));
});

it.each([NAMED.set, NAMED.seats])('nobody is believed about a $kind', async (named) => {
  const other = named.kind === 'set' ? NAMED.seats : NAMED.set;
  const bent = keptBy(named).slice();
  // A byte of a key.
  bent[bent.length - 60] = 99;
  const short = keptBy(named).subarray(0, -1);
  const { ask, asked, archive } = createAsker([keptBy(other), bent, short, bytes(0, 0)]);
  expect(await ask(named)).toBeUndefined();
  expect(asked.toSorted()).toEqual([0, 1, 2, 3]);
  expect(archive.findMemberBytes(named.hash)).toBeUndefined();
});

it('asks sixteen at most, and others the next time', async () => {
  const { ask, asked } = createAsker(Array.from({ length: 40 }, () => undefined));
  expect(await ask(NAMED.set)).toBeUndefined();
  expect(new Set(asked).size).toBe(16);
  expect(asked).toHaveLength(16);
  for (let i = 0; i < 5; i++) await ask(NAMED.set);
  expect(asked).toHaveLength(96);
  expect(new Set(asked).size).toBeGreaterThan(32);
});

it('asks by stake: many that registered first and have little hide nothing', async () => {
  const answers = [...Array.from({ length: 60 }, () => undefined), keptBy(NAMED.set), keptBy(NAMED.set)];
  const { ask, asked } = createAsker(answers, (i) => (i < 60 ? 1n : 60n));
  expect(await ask(NAMED.set)).toHaveLength(set.length);
  expect(asked.length).toBeLessThanOrEqual(16);
});
