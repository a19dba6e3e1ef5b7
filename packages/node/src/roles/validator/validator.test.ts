import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestNetwork, type TestNetwork } from './test-network.ts';
import { PAYEE } from './test-reply.ts';

describe('four validators on a chain', () => {
  let network: TestNetwork;

  beforeAll(async () => {
    network = await startTestNetwork();
    await network.start();
    await network.announce();
  });
  afterAll(() => network?.stop());

  it('audit a reply, co-sign its verdict and settle its fee', async () => {
    const [node] = network.nodes;
    const { reply } = await network.deliver(node!);
    const status = await network.waitForState(node!, reply.record.replyId, 'settled');
    expect(status).toMatchObject({ verdict: 'accept', feeAtomic: 86_000n });
    expect(status.transaction).toMatch(/^0x[0-9a-f]{64}$/);
    const channel = await network.payerClient.channelOf(network.payer.address, node!.signer.address);
    expect(channel.spent).toBe(86_000n);
    expect(await network.payerClient.creditOf(PAYEE)).toBeGreaterThan(80_000n);
  });
});
