import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { Store } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashRecord } from '@ogong/protocol/commitment/record';
import { encodeKeptConsent } from '@ogong/protocol/verdict/evidence';
import type { Statement } from '@ogong/protocol/verdict/witnessed';
import { createRefused, ledger, network } from '@ogong/testing/validator/test-bench';
import { createFour, type Four } from '@ogong/testing/validator/test-four';
import type { TestOrder } from '@ogong/testing/validator/test-reply';
import { adjustChannel } from '@ogong/validator/store/channel-store';
import { decideReply } from '@ogong/validator/store/verdict-store';
import type { AcceptedRecord } from '@ogong/validator/witness/accepted-record';
import { openAttacked } from '../breaks.ts';
import { defineAttack, describeDenials } from '../define-attack.ts';

const LONG_AFTER_MS = 200_000;
const NO_SUBJECT = new Uint8Array(32);

/** As if the record had never come. */
function deny(store: Store, { fields, consent }: TestOrder): void {
  store
    .prepare(
      `UPDATE replies SET state = 'admitted', record = NULL, provider_key = NULL, record_signature = NULL, header = NULL,
       header_proof = NULL, request = NULL, response = NULL, payee_word = NULL, consent = ? WHERE reply_id = ?`,
    )
    .run(encodeKeptConsent(consent), fields.replyId);
  const row = store.prepare('SELECT fee FROM replies WHERE reply_id = ?').get(fields.replyId);
  adjustChannel(store, fields.payer, { outstanding: fields.maxFeeAtomic, owed: -BigInt(row?.fee as string) });
}

/** Statements as two witnesses would make them, signed by the liar itself. */
async function forge({ own, clock }: Four, { fields }: TestOrder): Promise<Statement[]> {
  const { archive, signer } = own;
  const { orderHash, providerId: target } = fields;
  const told = { isRefused: false, epoch: archive.latest().epoch, timeMs: clock.nowMs() };
  const about = { witness: signer.address, validator: signer.address, orderHash, target, subject: NO_SUBJECT };
  const signature = await signer.sign({ kind: 'silence', domain: ledger, ...about, asked: 'record', ...told });
  return [0, 1].map((place) => ({ ...told, place, signature }));
}

/**
 * A validator has a reply and has signed for it. It says that the reply never came: its payer, a friend, owes nothing, and the provider
 * loses its name. It asks the witnesses as long as it likes; or it brings statements that it signs itself, without asking anybody.
 */
export const falseAbandonment = defineAttack({
  name: 'false-abandonment',
  adversary: 'validator that denies a delivery',
  aim: 'call a reply abandoned for which it has signed, so that nobody pays it and its provider loses its name',
  stoppedBy: 'Witnesses drawn by the beacon ask the provider themselves before a reply counts as abandoned',
  restarts: ['validator', 'signer', 'verifier'],
  async play({ isForged }: { readonly isForged: boolean }, breaks) {
    const kept = new Map<string, AcceptedRecord>();
    const four = await createFour(
      {
        async showRecord(_provider, replyId) {
          const shown = kept.get(toHex(replyId));
          if (shown === undefined) throw createRefused('no such record');
          return shown;
        },
      },
      (options) => openAttacked(breaks, options),
    );
    const { own, peers, clock, chain } = four;
    const order = own.order(0);
    await own.intake.admit(order);
    const { submission } = own.serve(order);
    const intake = await own.intake.pushRecord(submission);
    kept.set(toHex(order.fields.replyId), { recordHash: hashRecord(crypto, submission.record.record), intake });
    await four.certifyAll();
    await breaks.take();
    const { replyId } = order.fields;
    deny(own.store, order);
    clock.advance(LONG_AFTER_MS);
    const ask = { order, asked: 'record', consent: order.consent } as const;
    const answers: string[] = [];
    for (let round = 0; round < (isForged ? 0 : 20); round++) {
      clock.advance(10_000);
      for (const peer of peers) answers.push((await peer.witness(own.signer.address, ask)).kind);
    }
    await breaks.take();
    const statements = isForged ? await forge(four, order) : [];
    const decision = { undelivered: 'abandoned', statements } as const;
    const context = { crypto: own.witnessing.crypto, ...network, validator: own.signer.address };
    await own.group.write((db) => decideReply(db, context, { replyId, decision, nowMs: clock.nowMs() }));
    do await breaks.take();
    while (await own.settlement.step().catch(() => false));
    const settled = chain.settled.reduce((sum, { batch }) => sum + Number(batch.logLength), 0);
    return { answers: [...new Set(answers)], refusals: own.refusals, settled };
  },
  async stage({ play }) {
    const tried = 'denied a reply that it had signed for: with the answers of witnesses, and with its own statements';
    const [asked, unasked] = [await play({ isForged: false }), await play({ isForged: true })];
    const course = describeDenials(tried, { asked, unasked });
    const isRefused =
      asked.answers.join() === 'taken' &&
      [asked, unasked].every(({ refusals }) => refusals.length === 1) &&
      asked.refusals.join().includes('received the data that the entry calls missing') &&
      unasked.refusals.join().includes('place 0 did not sign this');
    return { ...course, worked: course.worked || !isRefused };
  },
});
