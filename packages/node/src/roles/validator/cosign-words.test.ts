import { parseOrder } from '@ogong/protocol/order';
import { describe, expect, it } from 'vitest';
import type { TestValidator } from './test-bench.ts';
import { createFour } from './test-four.ts';
import { cheat, inAccept, type Message, on, propose, proposeUnheard, rebuild, signWord } from './test-proposal.ts';
import { payeeSigner } from './test-reply.ts';

describe('a co-signer of replies with a word of their payee', () => {
  it('signs replies of a time when there were none without one, and none with a wrong one', async () => {
    const { own, peer, request, bent } = await propose();
    const sign = (message: Message) => peer.cosigner.cosign(own.signer.address, message);
    const withWord = (payeeSignature: Uint8Array) =>
      bent(
        (entry) => entry,
        inAccept(({ record }) => {
          record!.payeeSignature = payeeSignature;
        }),
      );
    const none = await withWord(new Uint8Array(0));
    const { expiresAtMs } = parseOrder(request.entries[0]!.record!.order!.order);
    const grant = (until: bigint) =>
      peer.store.prepare('INSERT OR REPLACE INTO payee_word_grace VALUES (0, ?)').run(until);
    grant(expiresAtMs - 1n);
    await expect(sign(none)).rejects.toThrow('has not signed');
    grant(expiresAtMs);
    await expect(sign(await withWord(signWord(new Uint8Array(32))))).rejects.toThrow('has not signed');
    await sign(none);
  });

  it('lets settle what waited, unpaid, from before there were words', async () => {
    const { own, peers, certifyAll, clock, chain } = await createFour();
    const { replyId } = (await own.deliver(0)).reply.record;
    own.store.prepare('UPDATE replies SET payee_signature = NULL WHERE reply_id = ?').run(replyId);
    await certifyAll(1n);
    await own.runAudits();
    await expect(own.settlement.step()).rejects.toMatchObject({ code: 'no-quorum' });
    for (const { store } of peers) {
      store.prepare('INSERT INTO payee_word_grace VALUES (0, ?)').run(clock.nowMs() + 86_400_000);
    }
    expect(await own.settlement.step()).toBe(true);
    expect(chain.settled[0]?.lines).toMatchObject([{ gross: 86_000n }]);
  });

  it('is handed the word with the reply', async () => {
    const { request } = await propose();
    const words = request.entries.map(({ record }) => record?.payeeSignature.length);
    // What was abandoned has no reply.
    expect(words.sort()).toEqual([0, 65, 65]);
  });

  it('sees no payee beside a reply that nobody handed in', async () => {
    const four = await createFour();
    const order = four.own.order(0);
    await four.own.intake.admit(order);
    const { reply, submission } = four.own.serve(order, cheat);
    const opening = reply.openingBytes;
    await four.own.intake.complain({ order, reason: 'draw-replay', opening, record: submission.record });
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
