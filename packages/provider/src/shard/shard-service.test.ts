import { createLinkPool } from '@ogong/host/link/link-pool';
import { ShardService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { startLoopbackServer } from '@ogong/testing/network/loopback-server';
import { createTestChain, EMBEDDING_SIZE, type TestCohort } from '@ogong/testing/provider/shard-fixture';
import { afterEach, describe, expect, it } from 'vitest';
import type { ShardCalls } from './chain-state.ts';
import { passKeyOf } from './cohort-chain.ts';
import { createLinkShard } from './link-shard.ts';
import { createShardService, MAX_SHARD_CALL_BYTES } from './shard-service.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Both shards behind links of their own. */
async function start() {
  const calls: ShardCalls[] = [];
  const identity = await makeIdentity(71);
  const bend: Parameters<typeof createTestChain>[0] = (_, place) => ({
    agree: (message) => (calls[place] as ShardCalls).agree(message),
    admit: (orderHash, admission) => (calls[place] as ShardCalls).admit(orderHash, admission),
    run: (parts) => (calls[place] as ShardCalls).run(parts),
    close: (orderHash) => (calls[place] as ShardCalls).close(orderHash),
    confirm: (orderHash, receipt) => (calls[place] as ShardCalls).confirm(orderHash, receipt),
    showRecord: (orderHash, bound) => (calls[place] as ShardCalls).showRecord(orderHash, bound),
  });
  const cohort: TestCohort = createTestChain(bend, { link: identity.id });
  const links = createLinkPool({ identity, dialPolicy: 'any' });
  const stranger = createLinkPool({ identity: await makeIdentity(72), dialPolicy: 'any' });
  closing.push(
    () => links.close(),
    () => stranger.close(),
  );
  const peers = await Promise.all(
    cohort.shards.map(async (shard, place) => {
      const server = await startLoopbackServer((router) =>
        router.service(ShardService, createShardService([shard]), { readMaxBytes: MAX_SHARD_CALL_BYTES }),
      );
      closing.push(() => server.stop());
      const peer = { endpoint: server.endpoint, certHash: server.identity.id };
      calls[place] = createLinkShard(links, peer);
      return peer;
    }),
  );
  return { ...cohort, links, stranger, peers };
}

describe('the service of shards', () => {
  it('runs passes over links, for the link of the leader alone', async () => {
    const { chain, order, begin, shards, peers, links, stranger } = await start();
    const [shard] = shards;
    const [peer] = peers as [(typeof peers)[number]];
    const client = links.to(ShardService, peer);
    const cut = { manifestHash: shard.manifestHash, firstLayer: 0 };
    expect(await client.describe(cut)).toMatchObject({
      sessionKey: shard.member.sessionKey,
      embeddingSize: 8,
      passRows: 32,
    });
    await expect(client.describe({ ...cut, firstLayer: 3 })).rejects.toThrow('serves no such segment');
    const given = order();
    await begin(given);
    const group = { sequence: 0, position: 0, rows: 3, passKey: passKeyOf(given.order) };
    const rows = await chain.run({ kind: 'prompt', groups: [group], tokens: Uint32Array.of(1, 2, 3) });
    expect(rows).toHaveLength(3 * EMBEDDING_SIZE);
    const { orderHash } = given.order;
    await expect(stranger.to(ShardService, peer).close({ orderHash })).rejects.toThrow('no such order for you');
    await expect(stranger.to(ShardService, peer).runPass({ parts: [] })).rejects.toThrow('no such segment or order');
    expect((await chain.close(orderHash)).map((root) => root?.positions)).toEqual([3, 3]);
    for (const { roots } of shards) await expect.poll(() => roots.find(orderHash)?.receipt).toHaveLength(64);
    const receipt = new Uint8Array(64);
    await expect(stranger.to(ShardService, peer).confirm({ orderHash, receipt })).rejects.toThrow('given you no root');
    const shown = { orderHash, record: { record: receipt, providerKey: receipt, signature: receipt } };
    await expect(client.showRecord(shown)).rejects.toThrow('the record does not count');
    await expect(client.showRecord({ orderHash })).rejects.toThrow('the record is missing');
  });
});
