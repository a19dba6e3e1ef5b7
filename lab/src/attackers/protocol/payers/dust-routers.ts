import { parseSettlement } from '@ogong/protocol/settlement/batch';
import { computeSettlementGas } from '@ogong/protocol/settlement/gas';
import { createFour } from '@ogong/testing/validator/test-four';
import { createTestLedgerSigner, seedOf } from '@ogong/testing/validator/test-keys';
import { openAttacked } from '../breaks.ts';
import { defineAttack } from '../define-attack.ts';

/** Gas limit of one transaction (EIP-7825). */
const TRANSACTION_GAS = 16_777_216;

/** Buys tiny replies. Each order is of another payer, and names a payee and a router that nobody ever paid. */
export const dustRouters = defineAttack({
  name: 'dust-routers',
  adversary: 'payer with dust orders',
  aim: 'stop a validator from settling: fill a batch with new payees and routers until no transaction can hold it',
  stoppedBy: 'A worst-case gas model closes batches, and a prefix may be proposed under the same number',
  restarts: ['validator', 'signer', 'verifier'],
  async play({ orders }: { readonly orders: number }, breaks) {
    const none = { alphaPpm: () => 0 };
    const four = await createFour({ audit: none, cosign: none }, (options) => openAttacked(breaks, options));
    const { own, chain } = four;
    for (let number = 0; number < orders; number++) {
      const payee = createTestLedgerSigner(seedOf(`dust payee ${number}`));
      const router = seedOf(`dust router ${number}`).slice(0, 20);
      const payer = createTestLedgerSigner(seedOf(`dust payer ${number}`));
      const order = own.order(number, { payee: payee.address, router }, payer, 1);
      // New payers are rationed, so the crowd takes its time.
      own.clock.advance(50);
      await own.intake.admit(order);
      await own.intake.pushRecord(own.serve(order, { payer, payee }).submission);
    }
    await breaks.take();
    await four.certifyAll();
    await own.runAudits();
    do await breaks.take();
    while (await own.settlement.step());
    return {
      orders,
      settledReplies: chain.settled.reduce((sum, { batch }) => sum + batch.replies, 0),
      gas: own.requests
        .map(({ batch }) => parseSettlement(batch as Uint8Array))
        .map((settlement) => computeSettlementGas(settlement, 4)),
    };
  },
  async stage({ play }) {
    const { orders, settledReplies, gas } = await play({ orders: 120 });
    const most = Math.max(...gas);
    return {
      tried: `bought ${orders} tiny replies, each with a payer, a payee and a router of its own`,
      answered: [`${gas.length} batches were signed; the largest takes ${most} gas of ${TRANSACTION_GAS}`],
      money: `${settledReplies} of ${orders} replies are settled`,
      worked: settledReplies < orders || most >= TRANSACTION_GAS,
    };
  },
});
