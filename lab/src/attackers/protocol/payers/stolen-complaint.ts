import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { ledger, type TestValidator } from '@ogong/testing/validator/test-bench';
import { createTestPayee } from '@ogong/testing/validator/test-keys';
import { signTestComplaint, toPushMessage } from '@ogong/testing/validator/test-reply';
import type { ProtocolAttack } from '../attack.ts';
import { NO_BREAKS } from '../breaks.ts';
import { type AttackedDoor, openStrangerLink } from '../network/stranger-link.ts';

export interface StolenComplaintNetwork {
  readonly validator: TestValidator;
  readonly door: AttackedDoor;
}

export interface StolenComplaintOutcome {
  /** What the validator says to the provider's complaint in its payer's name. */
  readonly answers: readonly string[];
  /** Whether the validator then asks the payer for its opening, and what it finds. */
  readonly outcome: string;
}

/** The provider cheats, and asks for the one place that its payer's opening has before the payer does. */
export const stolenComplaint: ProtocolAttack<StolenComplaintNetwork, Promise<StolenComplaintOutcome>> = {
  name: 'stolen-complaint',
  adversary: "provider that complains in its payer's place",
  aim: 'use up the one opening that a validator takes for an order, so that exact evidence never reaches it',
  stoppedBy: 'A complaint is signed by its payer, over the opening that the payer has',
  restarts: ['validator', 'signer', 'verifier'],
  async play({ validator, door }, breaks = NO_BREAKS) {
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
};
