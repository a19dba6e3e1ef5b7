import type { TestValidator } from '@ogong/testing/validator/test-bench';
import { createFour } from '@ogong/testing/validator/test-four';
import { cheat, on, propose, proposeUnheard, rebuild } from '@ogong/testing/validator/test-proposal';
import { payeeSigner } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';

describe('a co-signer of replies with a statement of their payee', () => {
  it('is handed the statement with the reply', async () => {
    const { request } = await propose();
    const words = request.entries.map(({ record }) => record?.payeeWord.length);
    // An abandoned order has no reply.
    expect(words.sort()).toEqual([0, 73, 73]);
  });

  it('sees no payee beside a reply that nobody handed in', async () => {
    const four = await createFour();
    const order = four.own.order(0);
    await four.own.intake.admit(order);
    const { reply, submission } = four.own.serve(order, cheat);
    const opening = reply.openingBytes;
    await four.own.complain({ order, reason: 'draw-replay', opening, record: submission.record });
    const [peer] = four.peers as [TestValidator];
    const sent = await proposeUnheard(four);
    const blamed = await rebuild(
      four.own,
      structuredClone(sent),
      on('reject', { payee: payeeSigner.address }),
      (same) => same,
    );
    await expect(peer.cosigner.cosign(four.own.signer.address, blamed)).rejects.toThrow('names a payee');
    await peer.cosigner.cosign(four.own.signer.address, sent);
  });
});
