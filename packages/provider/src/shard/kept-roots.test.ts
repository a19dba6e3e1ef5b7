import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import { signRootReceipt, verifyRootReceipt } from '@ogong/protocol/modality/text/boundary/boundary-root';
import { createTestChain, LEADER_PEER, LEADER_SESSION, sessions } from '@ogong/testing/provider/shard-fixture';
import { describe, expect, it } from 'vitest';
import type { ShardCalls } from './chain-state.ts';
import { passKeyOf } from './cohort-chain.ts';
import type { KeptRoot } from './kept-roots.ts';

const WEEK_MS = 7 * 86_400_000;

/** Serves one order of three positions, and closes it. @param bend changes the calls of a shard. */
async function serve(bend?: (calls: ShardCalls, place: number) => ShardCalls) {
  const cohort = createTestChain(bend);
  const { chain, order, begin, shards, advance } = cohort;
  const given = order();
  await begin(given);
  const group = { sequence: 0, position: 0, rows: 3, passKey: passKeyOf(given.order) };
  await chain.run({ kind: 'prompt', groups: [group], tokens: Uint32Array.of(1, 2, 3) });
  const { orderHash } = given.order;
  const listed = await chain.close(orderHash, 3);
  return {
    ...{ ...cohort, orderHash, listed },
    find: (place: number) => shards[place as 0 | 1].roots.find(orderHash),
    async sweepAfter(ms: number) {
      advance(ms);
      for (const shard of shards) await shard.sweep();
    },
  };
}

const withoutReceipts = (calls: ShardCalls): ShardCalls => ({ ...calls, confirm: async () => undefined });

describe('the receipt for a root', () => {
  it('is kept with the root for a week after the order', async () => {
    const { listed, find, marks, sweepAfter } = await serve();
    for (const place of [0, 1]) {
      await expect.poll(() => find(place)?.receipt).toHaveLength(64);
      const { root, receipt, leader } = find(place) as KeptRoot;
      expect(toHex(root.signature)).toBe(toHex(listed[place]?.signature ?? new Uint8Array()));
      const confirmed = { leaderKey: leader.sessionKey, root, receipt: receipt as Uint8Array };
      expect(verifyRootReceipt(crypto, confirmed)).toBe(true);
    }
    await sweepAfter(WEEK_MS);
    expect(find(0)).toBeDefined();
    await sweepAfter(60_000);
    expect([find(0), find(1), ...marks]).toEqual([undefined, undefined]);
  });

  it('marks a leader once that gives none within a minute', async () => {
    const { orderHash, shards, members, find, marks, sweepAfter } = await serve(withoutReceipts);
    await sweepAfter(59_999);
    expect(marks).toEqual([]);
    await sweepAfter(1);
    await sweepAfter(60_000);
    const { providerId } = members[2];
    expect(marks).toMatchObject(
      [0, 1].map((place) => ({ reason: 'receipt-missing', leader: { providerId }, root: { place } })),
    );
    const { root } = find(0) as KeptRoot;
    const late = signRootReceipt(crypto, LEADER_SESSION, root);
    expect(() => shards[0].roots.confirm(LEADER_PEER, orderHash, late)).toThrow('the time for a receipt is over');
  });

  it.each([
    ['another signer', (root: KeptRoot['root']) => signRootReceipt(crypto, sessions[1] as typeof LEADER_SESSION, root)],
    ['another root', (root: KeptRoot['root']) => signRootReceipt(crypto, LEADER_SESSION, { ...root, positions: 2 })],
    ['fewer bytes', (root: KeptRoot['root']) => signRootReceipt(crypto, LEADER_SESSION, root).subarray(1)],
  ])('is refused from %s, and marks the leader', async (_, sign) => {
    const { orderHash, shards, find, marks } = await serve(withoutReceipts);
    const { root } = find(0) as KeptRoot;
    const { roots } = shards[0];
    const right = signRootReceipt(crypto, LEADER_SESSION, root);
    expect(() => roots.confirm(sessions[0]?.publicKey as Uint8Array, orderHash, right)).toThrow(
      'has given you no root',
    );
    expect(() => roots.confirm(LEADER_PEER, orderHash, sign(root))).toThrow('is not signed by the leader');
    expect(() => roots.confirm(LEADER_PEER, orderHash, right)).toThrow('the time for a receipt is over');
    expect(marks).toMatchObject([{ reason: 'receipt-wrong', root: { place: 0 } }]);
    expect(find(0)?.receipt).toBeUndefined();
  });

  it('is not given for a root that the leader does not list', async () => {
    const { listed, find, marks, sweepAfter } = await serve((calls, place) =>
      place === 1 ? calls : { ...calls, close: async (hash) => (await calls.close(hash)).subarray(0, 0) },
    );
    expect(listed.map((root) => root?.place)).toEqual([undefined, 1]);
    await expect.poll(() => find(1)?.receipt).toHaveLength(64);
    await sweepAfter(60_000);
    expect(marks).toMatchObject([{ reason: 'receipt-missing', root: { place: 0 } }]);
  });
});
