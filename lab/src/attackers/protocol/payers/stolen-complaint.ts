import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { ledger, type TestValidator } from '@ogong/testing/validator/test-bench';
import { createTestPayee } from '@ogong/testing/validator/test-keys';
import { signTestComplaint, toPushMessage } from '@ogong/testing/validator/test-reply';
import { defineAttack } from '../define-attack.ts';
import { openServedValidator } from '../network/served-validator.ts';
import { type AttackedDoor, openStrangerLink } from '../network/stranger-link.ts';

/** The provider cheats, and asks for the one place that its payer's opening has before the payer does. */
export const stolenComplaint = defineAttack({
  name: 'stolen-complaint',
  adversary: "provider that complains in its payer's place",
  aim: 'use up the one opening that a validator takes for an order, so that exact evidence never reaches it',
  stoppedBy: 'A complaint is signed by its payer, over the opening that the payer has',
  restarts: ['validator', 'signer', 'verifier'],
  async play({ validator, door }: { readonly validator: TestValidator; readonly door: AttackedDoor }, breaks) {
    const order = validator.order(0);
    await validator.intake.admit(order);
    const cheat = validator.serve(order, {
      bend: { row: (row, i) => (i === 7 ? { ...row, rank: (row.rank + 1) % 20 } : row) },
    });
    await validator.intake.pushRecord(cheat.submission);
    const { record, order: signed } = toPushMessage(cheat.submission);
    const opening = cheat.reply.openingBytes;
    const told = { order: signed, reason: 'draw-replay', record, opening };
    // The provider has no key of its payer.
    const payerless = signTestComplaint(told, { payer: createTestPayee('its provider'), ledger });
    const provider = (await openStrangerLink(door, 'its provider', '127.0.1.1')).service(ValidatorService);
    const answers: string[] = [];
    for (const signature of [new Uint8Array(0), payerless.signature]) {
      const openingHash = crypto.sha256(opening);
      const stolen = { order: signed, reason: 'draw-replay', record, openingHash, signature };
      answers.push(
        await provider.complain(stolen).then(
          ({ wantsOpening }) => (wantsOpening ? 'asks for its opening' : 'asks for nothing'),
          (error: unknown) => (error instanceof LinkError ? `refused: ${error.message}` : Promise.reject(error)),
        ),
      );
    }
    await breaks.take();
    const payer = (await openStrangerLink(door, 'payer', '127.0.1.2')).service(ValidatorService);
    const { opening: _, ...complaint } = validator.signComplaint(told);
    const { wantsOpening, outcome } = await payer.complain(complaint as never);
    if (!wantsOpening) return { answers, outcome };
    const proof = { order: signed.order, opening: { opening } };
    return { answers, outcome: (await payer.proveComplaint(proof)).outcome };
  },
  async stage({ play, breaks, keep }) {
    const { answers, outcome } = await play(keep(await openServedValidator(breaks)));
    const isRefused = answers.length === 2 && answers.every((one) => one.includes("not signed by the order's payer"));
    return {
      tried: "cheated, and complained about it before its payer could, with the payer's order and a key of its own",
      answered: [...answers, `the payer's own complaint: ${outcome}`],
      money: outcome === 'upheld' ? 'none: the reply is rejected' : 'the fee of the reply, unless it is audited',
      worked: outcome !== 'upheld' || !isRefused,
    };
  },
});
