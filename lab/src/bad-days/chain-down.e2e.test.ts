import { setTimeout as delay } from 'node:timers/promises';
import { toHex } from '@ogong/protocol/base/bytes';
import { startTestNetwork, type TestNetwork } from '@ogong/testing/validator/test-network';
import { afterEach, describe, expect, it } from 'vitest';

let network: TestNetwork | undefined;
afterEach(async () => {
  setChainRunning(true);
  await network?.stop();
});

/** Stops or continues the chain's process. While it is stopped, connections are accepted and never answered. */
function setChainRunning(isRunning: boolean): void {
  if (network) process.kill(network.ledger.chain.pid, isRunning ? 'SIGCONT' : 'SIGSTOP');
}

const replies = 4;
const patienceMs = 120_000;
/** Longer than many settlement intervals, epochs and reads of the registry. */
const downMs = 5_000;

// Windows has no signal that stops a process and lets it go on.
describe.skipIf(process.platform === 'win32')('validators whose chain is down', () => {
  it('takes records and audits them without a chain, and settles each once when it is back', async () => {
    network = await startTestNetwork();
    await network.start();
    await network.announce();
    const [node] = network.nodes as [TestNetwork['nodes'][number]];
    // Channel and registry were read once. The last state read stays valid while the chain is down.
    const before = await network.deliver(node);
    await network.waitForState(node, before.reply.record.replyId, 'settled', patienceMs);

    setChainRunning(false);
    const ids: Uint8Array[] = [];
    for (let i = 0; i < replies; i++) ids.push((await network.deliver(node)).reply.record.replyId);
    for (const id of ids) await waitForVerdict(network, node, id);
    await delay(downMs);
    for (const id of ids) expect((await network.service(node).getReply({ replyId: id })).state).not.toBe('settled');

    setChainRunning(true);
    for (const id of ids) {
      expect(await network.waitForState(node, id, 'settled', patienceMs)).toMatchObject({ verdict: 'accept' });
    }
    const { entries, finalizedLength, length } = await network.service(node).listVerdicts({});
    expect([entries.length, length, finalizedLength]).toEqual([replies + 1, BigInt(replies + 1), BigInt(replies + 1)]);
    const channel = await network.payerClient.channelOf(network.payer.address, node.signer.address);
    const fees = await Promise.all(
      [before.reply.record.replyId, ...ids].map(
        async (replyId) => (await network!.service(node).getReply({ replyId })).feeAtomic,
      ),
    );
    expect(channel.spent).toBe(fees.reduce((sum, fee) => sum + fee, 0n));
    expect(new Set(ids.map(toHex)).size).toBe(replies);
  });
});

async function waitForVerdict(
  { service }: TestNetwork,
  node: TestNetwork['nodes'][number],
  replyId: Uint8Array,
): Promise<void> {
  for (const end = performance.now() + patienceMs; performance.now() < end; await delay(100)) {
    if ((await service(node).getReply({ replyId })).verdict !== '') return;
  }
  throw new Error('there is no verdict');
}
