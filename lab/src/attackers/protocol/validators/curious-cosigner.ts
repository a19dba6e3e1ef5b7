import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import {
  CosignBatchRequestSchema,
  type PushRecordRequest,
  ShownRecordSchema,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { showRecord } from '@ogong/provider/provider/provider-service';
import type { KeptRecord } from '@ogong/provider/provider/serving/outbox';
import type { TestValidator } from '@ogong/testing/validator/test-bench';
import { createFour } from '@ogong/testing/validator/test-four';
import { cheat } from '@ogong/testing/validator/test-proposal';
import { type ServeInput, toPushMessage } from '@ogong/testing/validator/test-reply';
import { openAttacked } from '../breaks.ts';
import { defineAttack } from '../define-attack.ts';

/** The prompts are `story <number>`. */
const FIRST = 7_654_320;
const TEXTS = ['story 765432', 'an answer that nobody else may read'] as const;

/**
 * A validator that signs its peers' batches keeps every message, to read what other people ask. Then it asks the provider for each
 * reply that it saw named, as a witness would.
 */
export const curiousCosigner = defineAttack({
  name: 'curious-cosigner',
  adversary: 'co-signing validator that keeps what it receives',
  aim: 'read the prompts and answers of replies that another validator handles',
  stoppedBy: 'Co-signers get summaries, token ids and hashes; a provider shows them no more than a receipt',
  restarts: ['validator', 'signer', 'verifier'],
  async play(_, breaks) {
    const { own, peers, clock, certifyAll } = await createFour({}, (options) => openAttacked(breaks, options));
    const kept = new Map<string, KeptRecord>();
    for (const [i, bend] of [{}, cheat].entries()) {
      kept.set(...(await deliver(own, FIRST + i, { ...bend, text: TEXTS[1] })));
    }
    await certifyAll();
    await breaks.take();
    await own.runAudits();
    await own.settlement.step();
    const seen = own.requests.map((request) =>
      toBinary(CosignBatchRequestSchema, create(CosignBatchRequestSchema, request)),
    );
    clock.advance(600_000);
    const [curious] = peers as [TestValidator];
    const { member } = curious;
    const state = { crypto, clock, chain: { findByCertHash: () => member } };
    for (const [name, record] of kept) {
      const outbox = { find: async () => record };
      const shown = await showRecord({ ...state, outbox }, Buffer.from(name, 'hex'), member.certHash as never);
      seen.push(
        toBinary(ShownRecordSchema, create(ShownRecordSchema, shown as MessageInitShape<typeof ShownRecordSchema>)),
      );
    }
    const whole = Buffer.concat(seen);
    return {
      seenBytes: whole.length,
      read: TEXTS.filter((text) => whole.includes(text)),
      asked: kept.size,
      settled: [...kept.keys()].filter((name) => own.find(Buffer.from(name, 'hex')).state === 'settled').length,
    };
  },
  async stage({ play }) {
    const { seenBytes, read, asked, settled } = await play();
    return {
      tried: `kept ${seenBytes} bytes that came with a batch of another validator, and asked the provider for its ${asked} replies`,
      answered: [read.length === 0 ? 'neither prompt nor answer is in them' : `in them: ${read.join(', ')}`],
      money: `${settled} replies are settled`,
      worked: read.length > 0 || settled !== asked || asked === 0 || seenBytes < 10_000,
    };
  },
});

/** One reply, with what its provider keeps of it. */
async function deliver(own: TestValidator, number: number, bend: Partial<ServeInput>): Promise<[string, KeptRecord]> {
  const order = own.order(number);
  await own.intake.admit(order);
  const { submission } = own.serve(order, bend);
  const intake = await own.intake.pushRecord(submission);
  const push = toPushMessage(submission) as PushRecordRequest;
  return [Buffer.from(order.fields.replyId).toString('hex'), { push, intake }];
}
