import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { hashValidatorSet } from '@ogong/protocol/beacon/validator-set';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { createTestValidator, network } from '@ogong/testing/validator/test-bench';
import { expect, it } from 'vitest';
import { PROVIDER_SCHEMA } from '../provider-store.ts';
import { createKnownSets } from './known-sets.ts';

const own = createTestValidator().member;
const setOf = (...stakes: bigint[]): QuorumMember[] =>
  stakes.map((stake, i) => ({ ...own, stake, address: new Uint8Array(20).fill(9 - i) }));
const hashOf = (members: readonly QuorumMember[]): Uint8Array => hashValidatorSet(crypto, network, members);
const DAY_MS = 86_400_000;

function open() {
  const store = openStore(':memory:', { schema: PROVIDER_SCHEMA });
  const disk = { store, commits: createGroupCommit(store) };
  return (recent: () => readonly (readonly QuorumMember[])[]) =>
    createKnownSets({ crypto, chain: { network, recentLists: recent } }, disk);
}

it('knows over a restart which validators there were, by their hash and the newest first', async () => {
  const start = open();
  const [first, second, third] = [setOf(1n, 2n), setOf(1n, 3n), setOf(4n)];
  await start(() => [second, first]).note(1_000);
  const again = start(() => [third]);
  expect(again.find(hashOf(first))?.map(({ stake }) => stake)).toEqual([2n, 1n]);
  expect(again.find(hashOf(third))).toBe(third);
  expect(again.find(hashOf(setOf(5n)))).toBeUndefined();
  expect(again.list().map(hashOf as never)).toEqual([third, second, first].map(hashOf));
  // A listed validator stands there once.
  await again.note(2_000);
  expect(again.list()).toHaveLength(3);
});

it('forgets one a day after it was listed last, and not the one that still is', async () => {
  const start = open();
  const [first, second] = [setOf(1n), setOf(2n)];
  await start(() => [first]).note(1_000);
  const sets = start(() => [second]);
  for (const nowMs of [2_000, DAY_MS, 1_000 + DAY_MS + 600_000]) await sets.note(nowMs);
  expect(sets.find(hashOf(first))).toBeDefined();
  await sets.note(1_001 + DAY_MS + 600_000);
  expect(sets.find(hashOf(first))).toBeUndefined();
  expect(start(() => []).find(hashOf(second))).toBeDefined();
});

it('keeps as many as it has room for, the newest', async () => {
  const start = open();
  const all = Array.from({ length: 301 }, (_, i) => setOf(BigInt(i)));
  for (const [i, one] of all.entries()) await start(() => [one]).note(1_000 + i);
  const sets = start(() => []);
  expect(sets.list()).toHaveLength(300);
  expect(sets.find(hashOf(all[0] as QuorumMember[]))).toBeUndefined();
  expect(sets.find(hashOf(all[1] as QuorumMember[]))).toBeDefined();
});
