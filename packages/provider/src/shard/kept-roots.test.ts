import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner, createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { toHex } from '@ogong/protocol/base/bytes';
import type { HeaderBoundary } from '@ogong/protocol/commitment/common-header';
import {
  type BoundaryRoot,
  signBoundaryRoot,
  signRootReceipt,
  verifyRootReceipt,
} from '@ogong/protocol/modality/text/boundary/boundary-root';
import type { Header as HeaderOfText } from '@ogong/protocol/modality/text/commitment/header';
import { bindRecord } from '@ogong/protocol/verdict/claim';
import { createTestChain, LEADER_PEER, LEADER_SESSION, sessions } from '@ogong/testing/provider/shard-fixture';
import { addRoots, syntheticSessions } from '@ogong/testing/synthetic/synthetic-cohort';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { describe, expect, it } from 'vitest';
import type { ShardCalls } from './chain-state.ts';
import { passKeyOf } from './cohort-chain.ts';
import { createKeptRoots, type KeptRoot, type LeaderMark } from './kept-roots.ts';

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

describe('the record of the leader', () => {
  const provider = createNodeHybridSigner(new Uint8Array(64).fill(1));
  const options = {
    ...{ crypto, provider, ledger: { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(5) }, tokens: 3 },
    router: createNodeHybridSigner(new Uint8Array(64).fill(2)),
    payer: createNodeLedgerSigner(new Uint8Array(32).fill(3)),
  };
  const [own, , leader] = syntheticSessions as [typeof LEADER_SESSION, typeof LEADER_SESSION, typeof LEADER_SESSION];
  type Roots = HeaderOfText['boundaries'];

  /** The first shard's root, and a record of the leader. @param bend changes the roots of its header. */
  function show(bend: (roots: Roots, orderHash: Uint8Array) => Roots = (roots) => roots) {
    let given: BoundaryRoot | undefined;
    const edges: ReturnType<typeof addRoots> = (header, ...made) => {
      const { orderHash } = header;
      const roots = (signed: Roots): Roots => {
        given = { ...(signed[0] as HeaderBoundary), orderHash, place: 0 };
        return bend(signed, orderHash);
      };
      return addRoots({ roots })(header, ...made);
    };
    const { receipt, reply } = createSyntheticReceipt({ ...options, bend: { edges } });
    const { bytes: record, publicKey: providerKey, signature } = receipt.record;
    const opening = 'bytes' in receipt.opening ? receipt.opening.bytes : new Uint8Array();
    const bound = bindRecord(crypto, { record, providerKey, signature }, opening);
    const marks: LeaderMark[] = [];
    const roots = createKeptRoots({
      ...{ crypto, clock: { nowMs: () => 0 }, senderKey: own.publicKey },
      onMark: (mark) => void marks.push(mark),
    });
    const { order } = reply;
    const root = given as BoundaryRoot;
    const named = { providerId: order.providerId, sessionKey: leader.publicKey, place: 2 };
    roots.add({ order, peer: LEADER_PEER, leader: named, root });
    return {
      ...{ bound, order, roots },
      reasons: () => marks.map(({ reason }) => reason),
      confirm: () => roots.confirm(LEADER_PEER, order.orderHash, signRootReceipt(crypto, leader, root)),
      present: () => roots.showRecord(LEADER_PEER, order.orderHash, bound),
      find: () => roots.find(order.orderHash),
    };
  }

  const resign = (by: typeof own, change: Partial<BoundaryRoot>) => (roots: Roots, orderHash: Uint8Array) => {
    const { signature: _, ...listed } = roots[0] as HeaderBoundary;
    return [signBoundaryRoot(by, { ...listed, orderHash, place: 0, ...change }), ...roots.slice(1)];
  };

  it('gives no mark if it lists the root', () => {
    const { confirm, present, reasons, find } = show();
    confirm();
    present();
    expect(reasons()).toEqual([]);
    expect(find()).toMatchObject({ isShown: true, record: undefined });
    expect(present).toThrow('was shown before');
  });

  it.each<[string, Parameters<typeof show>[0], LeaderMark['reason']]>([
    ['hides a root that the leader confirmed', (roots) => [undefined, ...roots.slice(1)], 'root-hidden'],
    ['lists no roots', () => [], 'root-hidden'],
    ['lists a root that another key signed', resign(leader, { root: new Uint8Array(32) }), 'root-hidden'],
    ['lists a root of no turns', (roots) => [{ ...(roots[0] as HeaderBoundary), turns: 0 }, roots[1]], 'root-hidden'],
    ['lists another root that the shard signed', resign(own, { root: new Uint8Array(32) }), 'two-roots'],
  ])('marks a leader whose record %s', (_, bend, reason) => {
    const { bound, confirm, present, reasons, find } = show(bend);
    confirm();
    present();
    expect(reasons()).toEqual([reason]);
    expect(find()?.record).toEqual(bound);
  });

  it('is evidence with the receipt alone, which may come later', () => {
    const { confirm, present, reasons } = show(() => []);
    present();
    expect(reasons()).toEqual(['root-not-confirmed']);
    confirm();
    expect(reasons()).toEqual(['root-not-confirmed', 'root-hidden']);
  });

  it('does not count from a stranger, for another order, or with another signature, and is read once', () => {
    const { roots, order, bound, present, reasons } = show(() => []);
    expect(() => roots.showRecord(own.publicKey, order.orderHash, bound)).toThrow('has given you no root');
    expect(() => roots.showRecord(LEADER_PEER, order.requestHash, bound)).toThrow('has given you no root');
    const forged = { ...bound, signature: bound.signature.with(0, (bound.signature[0] as number) ^ 1) };
    expect(() => roots.showRecord(LEADER_PEER, order.orderHash, forged)).toThrow('a signature of the record');
    expect(present).toThrow('was shown before');
    expect(reasons()).toEqual(['record-wrong']);
  });
});
