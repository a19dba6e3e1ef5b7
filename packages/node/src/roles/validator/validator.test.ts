import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { hashHybridKey } from '@ogong/protocol/hybrid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeCrypto as crypto } from '../../crypto/node-crypto.ts';
import { parseEvidence } from './evidence.ts';
import { startTestNetwork, type TestNetwork } from './test-network.ts';
import { PAYEE } from './test-reply.ts';

type Node = TestNetwork['nodes'][number];

describe('four validators on a chain', () => {
  let network: TestNetwork;
  let nodes: [Node, Node, Node, Node];

  beforeAll(async () => {
    network = await startTestNetwork({ options: { stakeMs: 100 } });
    nodes = network.nodes as typeof nodes;
    await network.start();
    await network.announce();
  });
  afterAll(() => network?.stop());

  const spent = async (node: Node) =>
    (await network.payerClient.channelOf(network.payer.address, node.signer.address)).spent;

  it('audit a reply, co-sign its verdict and settle its fee', async () => {
    const { reply } = await network.deliver(nodes[0]);
    const status = await network.waitForState(nodes[0], reply.record.replyId, 'settled');
    expect(status).toMatchObject({ verdict: 'accept', feeAtomic: 86_000n });
    expect(status.transaction).toMatch(/^0x[0-9a-f]{64}$/);
    expect(await spent(nodes[0])).toBe(86_000n);
    expect(await network.payerClient.creditOf(PAYEE)).toBeGreaterThan(80_000n);
  });

  it('draw verifiers by the stake that the chain has', async () => {
    const weigh = async () => {
      const { reply } = await network.deliver(nodes[3]);
      await network.waitForState(nodes[3], reply.record.replyId, 'settled');
      const store = new DatabaseSync(nodes[3].storePath, { readOnly: true });
      const row = store.prepare('SELECT evidence FROM replies WHERE reply_id = ?').get(reply.record.replyId);
      store.close();
      const evidence = parseEvidence(row?.evidence as Uint8Array);
      return evidence.kind === 'audit' && evidence.candidates.map(({ weight }) => weight);
    };
    expect(await weigh()).toEqual([1n]);
    await network.stakeForVerifier(7n);
    await expect.poll(weigh, { timeout: 40_000 }).toEqual([8n]);
  });

  it('show their log, and how much of it is final', async () => {
    const { entries, length, finalizedLength, finalizedHead, head, signatures } = await network
      .service(nodes[0])
      .listVerdicts({ from: 0n, limit: 10 });
    expect([entries.length, length, finalizedLength]).toEqual([1, 1n, 1n]);
    expect(finalizedHead).toEqual(head);
    expect(signatures.length).toBeGreaterThanOrEqual(3);
    const anchor = await network.payerClient.anchorOf(nodes[0].signer.address);
    expect(anchor).toMatchObject({ sequence: 1n, logLength: 1n });
  });

  it('keep strangers out of what is between validators', async () => {
    const stranger = network.service(nodes[0]);
    await expect(stranger.deliverBeacon({ message: new Uint8Array(8) })).rejects.toMatchObject({
      code: 'unauthorized',
    });
    await expect(stranger.cosignBatch({ batch: new Uint8Array(8) })).rejects.toMatchObject({ code: 'unauthorized' });
    await expect(stranger.getReply({ replyId: new Uint8Array(16) })).rejects.toMatchObject({ refusal: 'not-found' });
  });

  it('stand still without a quorum, lose nothing, and settle everything once when it is back', async () => {
    const before = { first: await spent(nodes[0]), second: await spent(nodes[1]) };
    await Promise.all([nodes[2].stop(), nodes[3].stop()]);
    // What was in flight may still end.
    await delay(500);
    await network.beacons.refresh();
    const stuck = network.beacons.latest().epoch;
    const first = await network.deliver(nodes[0]);
    const second = await network.deliver(nodes[1]);
    await delay(1_500);
    await network.beacons.refresh();
    expect(network.beacons.latest().epoch).toBe(stuck);
    const waiting = await network.service(nodes[0]).getReply({ replyId: first.reply.record.replyId });
    expect(waiting).toMatchObject({ state: 'recorded', verdict: '' });
    expect([await spent(nodes[0]), await spent(nodes[1])]).toEqual([before.first, before.second]);

    await nodes[0].stop();
    await Promise.all([nodes[0].start(), nodes[2].start(), nodes[3].start()]);
    await network.waitForState(nodes[0], first.reply.record.replyId, 'settled');
    await network.waitForState(nodes[1], second.reply.record.replyId, 'settled');
    expect(await spent(nodes[0])).toBe(before.first + 86_000n);
    expect(await spent(nodes[1])).toBe(before.second + 86_000n);
  });

  it('reject a cheat from its own opening, pay it nothing, and eject it on the chain', async () => {
    const before = await spent(nodes[1]);
    const { reply } = await network.deliver(nodes[1], {
      bend: { row: (row, i) => (i === 7 ? { ...row, rank: (row.rank + 1) % 20 } : row) },
    });
    const status = await network.waitForState(nodes[1], reply.record.replyId, 'settled');
    expect(status).toMatchObject({ verdict: 'reject', feeAtomic: 0n });
    expect(JSON.parse(status.detail).checks).toContainEqual(
      expect.objectContaining({ id: 'draw-replay', status: 'fail' }),
    );
    expect(await spent(nodes[1])).toBe(before);
    const id = hashHybridKey(crypto, network.provider.signer.publicKey);
    expect(await network.payerClient.isEjected(id)).toBe(true);
    await expect(network.deliver(nodes[1])).rejects.toMatchObject({ refusal: 'precondition' });
  });
});
