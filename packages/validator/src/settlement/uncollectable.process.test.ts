import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { startTestNetwork, type TestNetwork, VERIFIER_PAYEE } from '@ogong/testing/validator/test-network';
import { PAYEE } from '@ogong/testing/validator/test-reply';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ValidatorOptions } from '../validator-state.ts';
import { createLedgerHistory } from './ledger-history.ts';

type Node = TestNetwork['nodes'][number];
type Payer = Awaited<ReturnType<TestNetwork['createPayer']>>;

const FEE = 86_000n;
const otherPayee = createNodeLedgerSigner(new Uint8Array(32).fill(0x77));
const OTHER_PAYEE = otherPayee.address;

describe('a payer that takes its money back while settlement stands still', { timeout: 300_000 }, () => {
  let network: TestNetwork;
  let nodes: [Node, Node, Node, Node];
  let leaving: Payer;
  const options: { -readonly [name in keyof ValidatorOptions]?: ValidatorOptions[name] } = { settleMs: 600_000 };

  beforeAll(async () => {
    network = await startTestNetwork({ options });
    nodes = network.nodes as typeof nodes;
    leaving = await network.createPayer('leaving payer');
    await network.start();
    await network.announce();
  });
  afterAll(() => network?.stop());

  /** All that the escrow owes to anybody. */
  async function sumClaims(): Promise<bigint> {
    const { payerClient: client } = network;
    const payers = [network.payer.address, leaving.signer.address];
    const { recipients } = await client.parameters();
    const payees = [
      network.router,
      VERIFIER_PAYEE,
      fromHex(client.deployment.earnings.slice(2)),
      ...nodes.map((node) => node.signer.address),
    ];
    const credits = [...payees, ...new Set(Object.values(recipients))].map((payee) => client.creditOf(payee));
    const free = payers.map((payer) => client.freeOf(payer));
    const reserved = payers.flatMap((payer) =>
      nodes.map(async (node) => {
        const { admitted, spent } = await client.channelOf(payer, node.signer.address);
        return admitted - spent;
      }),
    );
    return (await Promise.all([...credits, ...free, ...reserved])).reduce((sum, amount) => sum + amount, 0n);
  }

  it('blocks nobody else: the others are paid, its own reply is not, nothing is created or lost, and the next batch settles as ever', async () => {
    const [own, , third, fourth] = nodes;
    const paid = await network.deliver(own);
    const unpaid = await network.deliver(own, { payer: leaving.signer, payee: otherPayee });
    await network.waitForState(own, paid.reply.record.replyId, 'audited');
    await network.waitForState(own, unpaid.reply.record.replyId, 'audited');

    // Below the quorum: the batch is proposed, one other validator signs it, and it waits.
    await Promise.all([third.stop(), fourth.stop(), own.stop()]);
    options.settleMs = 100;
    await own.start();
    await network.waitForState(own, unpaid.reply.record.replyId, 'batched');
    // It looks after liens every second: with one, the money stays.
    await own.stop();
    const { client } = leaving;
    const { spendable } = await client.channelOf(leaving.signer.address, own.signer.address);
    await client.requestRelease(own.signer.address, spendable);
    const { withdrawalDelay } = (await client.parameters()).limits;
    const rpc = client.transactor.client;
    await rpc.request({ method: 'evm_increaseTime', params: [withdrawalDelay] } as never);
    await rpc.request({ method: 'evm_mine' } as never);
    await client.finishRelease(own.signer.address);

    await Promise.all([own.start(), third.start(), fourth.start()]);
    const settled = await network.waitForState(own, paid.reply.record.replyId, 'settled');
    const left = await network.waitForState(own, unpaid.reply.record.replyId, 'settled');
    expect(settled).toMatchObject({ verdict: 'accept', feeAtomic: FEE, transaction: left.transaction });
    expect(JSON.parse(settled.detail).isUncollectable).toBeUndefined();
    expect(JSON.parse(left.detail)).toMatchObject({ feeAtomic: FEE.toString(), isUncollectable: true });

    const { payerClient } = network;
    expect((await payerClient.channelOf(network.payer.address, own.signer.address)).spent).toBe(FEE);
    expect((await payerClient.channelOf(leaving.signer.address, own.signer.address)).spent).toBe(0n);
    const earned = async (payee: Uint8Array): Promise<bigint> =>
      (await payerClient.earningsOf(paid.reply.order.providerId, payee)).earned;
    expect(await earned(PAYEE)).toBeGreaterThan(80_000n);
    expect(await earned(OTHER_PAYEE)).toBe(0n);
    expect(await sumClaims()).toBe(await payerClient.balanceOf(payerClient.deployment.escrow));
    const anchor = await payerClient.anchorOf(own.signer.address);
    expect(anchor).toMatchObject({ sequence: 1n, logLength: 2n });

    const found = await createLedgerHistory({ client: async () => payerClient }).findSettled(own.signer.address, 1n);
    expect(found?.transactionHash).toBe(settled.transaction);
    expect(found?.payers.map(toHex)).toEqual([toHex(network.payer.address)]);

    // The next batch of that validator settles as ever.
    const { reply } = await network.deliver(own);
    await network.waitForState(own, reply.record.replyId, 'settled');
    expect((await network.payerClient.anchorOf(own.signer.address)).sequence).toBe(2n);
  });
});
