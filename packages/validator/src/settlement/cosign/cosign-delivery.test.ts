import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { hashRecord } from '@ogong/protocol/commitment/record';
import { signDelivery } from '@ogong/protocol/exchange/delivery';
import { ledger, payer, type TestValidator } from '@ogong/testing/validator/test-bench';
import { createFour } from '@ogong/testing/validator/test-four';
import { createTestPayee } from '@ogong/testing/validator/test-keys';
import { proposeUnheard } from '@ogong/testing/validator/test-proposal';
import { beforeAll, describe, expect, it } from 'vitest';

/** A batch of one reply that its payer has acknowledged. */
async function proposeAcknowledged() {
  const four = await createFour({ audit: { honeypotPpm: 0 } });
  const { own } = four;
  const order = own.order(0);
  await own.intake.admit(order);
  const reply = own.serve(order);
  await own.intake.pushRecord(reply.submission);
  await own.acknowledge(order, reply);
  await four.certifyAll();
  await own.runAudits();
  const { promptTokenCount, outputTokenCount } = reply.reply.header;
  const recordHash = hashRecord(crypto, reply.submission.record.record);
  const fields = {
    ledger,
    orderHash: order.fields.orderHash,
    recordHash,
    promptTokenCount,
    outputTokenCount,
    epoch: 0n,
  };
  return {
    own,
    peers: four.peers as readonly [TestValidator, TestValidator],
    request: await proposeUnheard(four),
    fields,
    other: own.order(1),
  };
}

describe('a co-signer of a reply that its payer acknowledged', () => {
  let proposal: Awaited<ReturnType<typeof proposeAcknowledged>>;
  beforeAll(async () => {
    proposal = await proposeAcknowledged();
  });

  it.each<[string, string, object, typeof payer?]>([
    ['another record', 'about another record than the payer holds', { recordHash: new Uint8Array(32) }],
    ['another order', 'about another order', { orderHash: new Uint8Array(32) }],
    ['other tokens', 'other tokens', { promptTokenCount: 99 }],
    ['an epoch whose reply this beacon may not decide', 'its beacon was known', { epoch: 3n }],
    ['the same by somebody else', 'not signed', {}, createTestPayee('stranger')],
  ])('refuses the entry where the delivery names %s', async (_name, reason, bend, by = payer) => {
    const { own, peers } = proposal;
    const request = structuredClone(proposal.request);
    Object.assign(request.entries[0] as object, {
      delivery: signDelivery(crypto, by, { ...proposal.fields, ...bend }),
    });
    await expect(peers[0].cosigner.cosign(own.signer.address, request)).rejects.toThrow(reason);
  });

  it('signs it as it is', async () => {
    const { own, peers, request } = proposal;
    expect(request.entries[0]?.delivery).toBeDefined();
    // A validator signs again what it has signed, so another one is asked.
    expect((await peers[1].cosigner.cosign(own.signer.address, request)).signature).toHaveLength(65);
  });
});
