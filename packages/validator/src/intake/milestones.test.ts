import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { nodeSeal } from '@ogong/host/crypto/node-seal';
import { hashRecord } from '@ogong/protocol/commitment/record';
import { signEnd } from '@ogong/protocol/exchange/ending/order-end';
import { SEAL_KEY_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import { type SealedMilestone, sealPart } from '@ogong/protocol/sealing/sealed-part';
import { type CheckedValidatorSealKey, verifyValidatorSealKey } from '@ogong/protocol/sealing/validator-seal-key';
import { createTestValidator, ledger, payer, provider, type TestValidator } from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { createFour } from '@ogong/testing/validator/test-four';
import {
  createTestDelivery,
  type ServeInput,
  submitWithProgress,
  type TestOrder,
  type TestReply,
} from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';
import { readChannel } from '../store/channel-store.ts';
import { readMilestone } from '../store/replies/milestone-store.ts';

const cancelled = { header: (header: Header): Header => ({ ...header, stopReason: 'cancelled' }) };
/** As much of a reply as its provider had signed when it died. */
const milestone: Partial<ServeInput> = {
  bend: { ...cancelled, record: (record) => ({ ...record, isMilestone: true }) },
};

async function admitOne(four?: { readonly own: TestValidator }) {
  const validator: TestValidator =
    four?.own ??
    createTestValidator({
      verifiers: (peer, job) => answerHonestly(validator.served)(peer, job),
      audit: { honeypotPpm: 0 },
      getOpening: async () => Promise.reject(new Error('the provider is dead')),
    });
  if (four === undefined) {
    await validator.announce(provider);
    await validator.announceVerifier('v1');
  }
  const order = validator.order(0);
  await validator.intake.admit(order);
  return { validator, order, reply: validator.serve(order, milestone) };
}

/** As its payer hands it in. */
const sayLeft = (order: TestOrder, reply: TestReply, bend: object = {}) => {
  const { response } = reply.reply;
  return submitWithProgress(order, reply, {
    payer,
    ledger,
    bend: { textBytes: response.length, hasLeft: true, ...bend },
  });
};
const push = ({ intake }: TestValidator, order: TestOrder, reply: TestReply) =>
  intake.pushMilestone(sayLeft(order, reply), reply.reply.openingBytes);
/** Past the time in which the provider may still hand its record in. */
async function expire(validator: TestValidator): Promise<void> {
  validator.clock.advance(200_000);
  await validator.runAudits();
}

describe('a milestone that its payer hands in', () => {
  it('becomes the record of a reply whose provider died, and is audited and paid without asking it', async () => {
    const { validator, order, reply } = await admitOne();
    await push(validator, order, reply);
    expect(validator.find(order.fields.replyId).state).toBe('admitted');
    await expire(validator);
    const { owed, outstanding } = readChannel(validator.store, payer.address);
    expect(owed).toBeGreaterThan(0n);
    expect(outstanding).toBe(0n);
    await validator.certify();
    await validator.runAudits();
    expect(validator.decided).toMatchObject([{ verdict: 'accept', feeAtomic: owed, fineAtomic: 0n }]);
    expect(readMilestone(validator.store, order.fields.replyId)).toBeUndefined();
  });

  it('counts nothing if the provider hands its own record in', async () => {
    const { validator, order, reply } = await admitOne();
    await push(validator, order, reply);
    const whole = validator.serve(order);
    await validator.intake.pushRecord(whole.submission);
    expect(readMilestone(validator.store, order.fields.replyId)).toBeUndefined();
    await expire(validator);
    expect(validator.find(order.fields.replyId).signedRecord?.record).toEqual(whole.reply.recordBytes);
    await expect(push(validator, order, { ...reply })).rejects.toThrow('has its record');
  });

  it('becomes the record at once if its provider ends the order', async () => {
    const { validator, order, reply } = await admitOne();
    await push(validator, order, reply);
    const { orderHash } = order.fields;
    const end = signEnd(provider, { orderHash, code: 'machine-failed', timeMs: 1 });
    await expect(validator.intake.pushRecord({ order, end })).rejects.toThrow('a milestone, which is the record now');
    const { owed, outstanding } = readChannel(validator.store, payer.address);
    expect([owed > 0n, outstanding]).toEqual([true, 0n]);
    expect(validator.find(order.fields.replyId).state).toBe('recorded');
    await validator.certify();
    await validator.runAudits();
    expect(validator.decided).toMatchObject([{ verdict: 'accept', feeAtomic: owed, fineAtomic: 0n }]);
  });

  it('is kept as the longest that came', async () => {
    const { validator } = await admitOne();
    const order = validator.order(1, {}, payer, 100);
    await validator.intake.admit(order);
    const [first, second] = [64, 96].map((tokens) =>
      validator.serve(order, { ...milestone, tokens, text: 'a story of many words. '.repeat(3) }),
    ) as [TestReply, TestReply];
    await push(validator, order, second);
    await push(validator, order, first);
    const kept = readMilestone(validator.store, order.fields.replyId);
    expect(kept?.submission.record.record).toEqual(second.reply.recordBytes);
  });

  it.each<[string, string, (order: TestOrder, reply: TestReply) => readonly [ReturnType<typeof sayLeft>, Uint8Array]]>([
    [
      'without the word of its payer',
      'a milestone counts where',
      (_order, { submission, reply }) => [submission, reply.openingBytes],
    ],
    [
      'whose payer has not left',
      'a milestone counts where',
      (order, reply) => [sayLeft(order, reply, { hasLeft: false }), reply.reply.openingBytes],
    ],
    [
      'whose payer has less of it',
      'a milestone counts where',
      (order, reply) => {
        return [sayLeft(order, reply, { textBytes: 3 }), reply.reply.openingBytes];
      },
    ],
    [
      'with another opening',
      'the opening of the milestone is missing',
      (order, reply) => [sayLeft(order, reply), reply.reply.openingBytes.slice(1)],
    ],
  ])('is refused %s', async (_name, why, bend) => {
    const { validator, order, reply } = await admitOne();
    await expect(validator.intake.pushMilestone(...bend(order, reply))).rejects.toThrow(why);
  });

  it('is refused if its opening refutes it, which a complaint proves', async () => {
    const { validator, order } = await admitOne();
    const row = (honest: { rank: number }, at: number) =>
      at === 3 ? { ...honest, rank: honest.rank === 0 ? 1 : 0 } : honest;
    const cheat = validator.serve(order, { bend: { ...milestone.bend, row: row as never } });
    await expect(push(validator, order, cheat)).rejects.toThrow('is missing or refutes it');
    const { record } = cheat.submission;
    const opening = cheat.reply.openingBytes;
    const said = { order, reason: 'draw-replay', record, opening };
    expect(await validator.complain(said)).toMatchObject({ outcome: 'upheld' });
    expect(validator.decided).toMatchObject([{ verdict: 'reject', evidence: 'exact', ejects: true }]);
  });

  it('is a record that no provider hands in, and no payer acknowledges', async () => {
    const { validator, order, reply } = await admitOne();
    await expect(
      validator.intake.pushMilestone(validator.serve(order).submission, reply.reply.openingBytes),
    ).rejects.toThrow(/only the provider hands in a record/);
    await expect(validator.intake.pushRecord(reply.submission)).rejects.toThrow('a milestone counts where');
    await expect(validator.intake.acknowledge(createTestDelivery(order, reply, { payer, ledger }))).rejects.toThrow(
      'a milestone is not the record',
    );
  });

  it('becomes the record by nobody else while the order lasts, with any statement of its payer', async () => {
    const { validator, order, reply } = await admitOne();
    const early = () => validator.intake.pushRecord(sayLeft(order, reply));
    await expect(early()).rejects.toThrow('counts once the order is over');
    await push(validator, order, reply);
    await expect(early()).rejects.toThrow('counts once the order is over');
    const whole = validator.serve(order);
    await validator.intake.pushRecord(whole.submission);
    expect(validator.find(order.fields.replyId).signedRecord?.record).toEqual(whole.reply.recordBytes);
  });

  it('is no second record: a provider that signs both is not ejected', async () => {
    const { validator, order, reply } = await admitOne();
    await push(validator, order, reply);
    await expire(validator);
    const whole = validator.serve(order);
    await expect(validator.intake.pushRecord(whole.submission)).rejects.toThrow('contradicts none');
    const { record } = reply.submission;
    const other = await admitOne();
    await other.validator.intake.pushRecord(other.validator.serve(other.order).submission);
    const said = { order: other.order, reason: 'equivocation', record, opening: reply.reply.openingBytes };
    await expect(other.validator.complain(said)).rejects.toThrow('contradicts none');
    expect([...validator.decided, ...other.validator.decided].filter(({ ejects }) => ejects)).toEqual([]);
  });
});

it('a milestone settles under the signatures of co-signers', async () => {
  const four = await createFour({
    audit: { honeypotPpm: 0 },
    getOpening: async () => Promise.reject(new Error('the provider is dead')),
  });
  const { validator, order, reply } = await admitOne(four);
  await push(validator, order, reply);
  await expire(validator);
  await four.certifyAll();
  await validator.runAudits();
  expect(await validator.settlement.step()).toBe(true);
  expect(validator.refusals).toEqual([]);
  expect(four.chain.settled).toHaveLength(1);
});

describe('a milestone whose texts its client has sealed', () => {
  /** As a gateway hands it in that has seen none of them. */
  async function sealOne(bend: Partial<SealedMilestone> = {}, to?: CheckedValidatorSealKey, bent: object = {}) {
    const { validator, order, reply } = await admitOne();
    const { intake } = validator;
    const { sealKey, signature } = await intake.showSealKey();
    const nowMs = validator.clock.nowMs();
    const { address, signingKey } = validator.member;
    const signer = { ledger, validator: address, signingKey, nowMs };
    const key = verifyValidatorSealKey(nodeCrypto, { sealKey, signature }, signer);
    const { request, endpoint, response, ...claimed } = sayLeft(order, reply);
    const { replyId, requestHash } = order.fields;
    const milestone = {
      ...{ ledger, validator: address, replyId, requestHash },
      ...{ recordHash: hashRecord(nodeCrypto, claimed.record.record), ...bend },
    };
    const inner = { endpoint, body: request, response, opening: reply.reply.openingBytes, ...bent };
    const envelope = sealPart({ seal: nodeSeal }, { milestone, to: to ?? key, inner });
    return { validator, order, reply, claimed, envelope, signer, signed: { sealKey, signature } };
  }

  it('is audited and paid as one that came in plain', async () => {
    const { validator, reply, order, claimed, envelope } = await sealOne();
    await validator.intake.pushSealedPart(claimed, envelope);
    const kept = readMilestone(validator.store, order.fields.replyId);
    expect(kept?.submission.response).toEqual(reply.reply.response);
    await expire(validator);
    const { owed } = readChannel(validator.store, payer.address);
    expect(owed).toBeGreaterThan(0n);
    await validator.certify();
    await validator.runAudits();
    expect(validator.decided).toMatchObject([{ verdict: 'accept', feeAtomic: owed }]);
  });

  it.each<[string, Partial<SealedMilestone>]>([
    ['of another record', { recordHash: new Uint8Array(32) }],
    ['of another reply', { replyId: new Uint8Array(16) }],
    ['for another validator', { validator: new Uint8Array(20) }],
  ])('does not open where it is %s', async (_name, bend) => {
    const { validator, claimed, envelope } = await sealOne(bend);
    await expect(validator.intake.pushSealedPart(claimed, envelope)).rejects.toThrow('cannot be opened');
  });

  it('does not open if it was changed, or the key is gone', async () => {
    const { validator, claimed, envelope } = await sealOne();
    const last = envelope.length - 1;
    const changed = envelope.with(last, (envelope[last] as number) ^ 1);
    await expect(validator.intake.pushSealedPart(claimed, changed)).rejects.toThrow('was changed');
    validator.clock.advance(SEAL_KEY_LIFETIME_MS + 60_000);
    await expect(validator.intake.pushSealedPart(claimed, envelope)).rejects.toThrow('not held here');
  });

  it('is refused without a word of its content', async () => {
    const { validator, claimed, envelope } = await sealOne({}, undefined, { endpoint: 'quixambrevan' });
    const refused = validator.intake.pushSealedPart(claimed, envelope);
    await expect(refused).rejects.toMatchObject({ reason: 'invalid', rawMessage: 'the sealed part is refused' });
  });

  it('is not opened again, nor once the reply has its record', async () => {
    const { validator, order, claimed, envelope } = await sealOne();
    const last = envelope.length - 1;
    const changed = envelope.with(last, (envelope[last] as number) ^ 1);
    await validator.intake.pushSealedPart(claimed, envelope);
    // A changed part would not open.
    await validator.intake.pushSealedPart(claimed, changed);
    await validator.intake.pushRecord(validator.serve(order).submission);
    await expect(validator.intake.pushSealedPart(claimed, changed)).rejects.toThrow('has its record');
  });

  it('is sealed to a key that its validator signed, and to no other', async () => {
    const { signed, signer } = await sealOne();
    const verify =
      (bent: object = {}, of: object = {}) =>
      () =>
        verifyValidatorSealKey(nodeCrypto, { ...signed, ...bent }, { ...signer, ...of });
    expect(verify()().validator).toEqual(signer.validator);
    expect(verify({ signature: signed.signature.with(3, (signed.signature[3] as number) ^ 1) })).toThrow('signature');
    expect(verify({ sealKey: signed.sealKey.with(100, 1) })).toThrow();
    expect(verify({}, { signingKey: new Uint8Array(20) })).toThrow('signature');
    expect(verify({}, { validator: new Uint8Array(20) })).toThrow("another validator's");
    expect(verify({}, { ledger: { ...ledger, chainId: 7n } })).toThrow('other contracts');
    expect(verify({}, { nowMs: signer.nowMs + SEAL_KEY_LIFETIME_MS })).toThrow('expired');
    expect(verify({}, { nowMs: signer.nowMs - 3_600_000 })).toThrow('future');
  });
});
