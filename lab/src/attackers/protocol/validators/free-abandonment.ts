import { signConsent } from '@ogong/protocol/exchange/order-consent';
import { network, payer, type TestValidator } from '@ogong/testing/validator/test-bench';
import type { Four } from '@ogong/testing/validator/test-four';
import { createFour } from '@ogong/testing/validator/test-four';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import type { TestOrder } from '@ogong/testing/validator/test-reply';
import { admitReply } from '@ogong/validator/store/admission-store';
import { listExpired } from '@ogong/validator/store/replies/reply-store';
import { decideReply } from '@ogong/validator/store/verdict-store';
import { openAttacked } from '../breaks.ts';
import { countTexts, defineAttack } from '../define-attack.ts';

const ORDERS = 5;
const LONG_AFTER_MS = 200_000;
const CHANNEL = { spendable: 10n ** 18n, spent: 0n };

async function logAll({ store, group, cosigning, signer, decided }: TestValidator, nowMs: number): Promise<void> {
  const context = { crypto: cosigning.crypto, ...network, validator: signer.address };
  const decision = { undelivered: 'abandoned', statements: [] } as const;
  for (const { replyId } of store.read(() => listExpired(store, nowMs, ORDERS))) {
    const entry = await group.write((db) => decideReply(db, context, { replyId, decision, nowMs }));
    if (entry) decided.push(entry);
  }
}

/** A payer orders from a provider that it never calls, and agrees to the orders in its place. */
export const freeAbandonment = defineAttack({
  name: 'free-abandonment',
  adversary: 'stranger without money',
  aim: "destroy a provider's good name with replies that it never promised",
  stoppedBy: 'A provider signs each order that it accepts; without that signature nothing is admitted or abandoned',
  restarts: ['validator', 'signer', 'verifier'],
  async play({ four, isValidatorInLeague }: { readonly four: Four; readonly isValidatorInLeague: boolean }, breaks) {
    const { own, clock, chain } = four;
    const stranger = createTestHybrid('attacker');
    const refusals: string[] = [];
    for (let number = 0; number < ORDERS; number++) {
      const order: TestOrder = own.order(number, { maxFeeAtomic: 1n, cumulativeAtomic: BigInt(number + 1) }, payer);
      const consent = signConsent(stranger, order.fields);
      if (isValidatorInLeague) {
        const signed = { order: order.fields, orderBytes: order.order, orderSignature: order.signature };
        await own.group.write((db) =>
          admitReply(db, { ...signed, consent, channel: CHANNEL, admittedEpoch: 0n, admittedAtMs: 0 }),
        );
      } else {
        await own.intake.admit({ ...order, consent }).catch((error: Error) => refusals.push(error.message));
      }
    }
    await breaks.take();
    await four.certifyAll();
    await own.runAudits();
    await breaks.take();
    clock.advance(LONG_AFTER_MS);
    await own.runAudits();
    // No witness asks about such an order, and an honest validator would wait. A liar logs it all the same.
    if (isValidatorInLeague) await logAll(own, clock.nowMs());
    do await breaks.take();
    while (await own.settlement.step());
    refusals.push(...own.refusals.flatMap((reasons) => reasons.split('; ')));
    const logged = own.decided.filter(({ verdict }) => verdict === 'abandoned').length;
    return { refusals, logged, settled: chain.settled.reduce((sum, { batch }) => sum + Number(batch.logLength), 0) };
  },
  async stage({ play, breaks }) {
    const four = await createFour({}, (options) => openAttacked(breaks, options));
    const played = await play({ four, isValidatorInLeague: true });
    return {
      tried: `had a validator in league log ${played.logged} replies as abandoned that the provider never took on`,
      answered: [...countTexts(played.refusals), `${played.settled} of them are on the chain`],
      worked:
        played.settled > 0 ||
        played.logged !== ORDERS ||
        played.refusals.filter((text) => text.includes('never agreed')).length !== ORDERS,
    };
  },
});
