import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { hashRecord } from '@ogong/protocol/commitment/record';
import type { LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { hashDelivery, parseDelivery } from '@ogong/protocol/exchange/delivery';
import { verifyHeld } from '@ogong/protocol/exchange/held-delivery';
import { computeCorrectionId } from '@ogong/protocol/settlement/verdict-log';
import type { DeliveredReply } from '@ogong/protocol/verdict/delivered-record';
import { createTestValidator, ledger, payer, provider, type TestValidator } from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { createTestHybrid, createTestPayee } from '@ogong/testing/validator/test-keys';
import { createTestDelivery } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';
import { readEntryMessage } from '../store/batch-store.ts';
import { readChannel } from '../store/channel-store.ts';
import { readDelivery } from '../store/replies/delivery-store.ts';
import { readProvider } from '../store/verdict-store.ts';

const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte));

async function admitOne() {
  const validator: TestValidator = createTestValidator({
    verifiers: (peer, job) => answerHonestly(validator.served)(peer, job),
    audit: { honeypotPpm: 0 },
  });
  await validator.announce(provider);
  await validator.announceVerifier('v1');
  const order = validator.order(0);
  await validator.intake.admit(order);
  const other = validator.serve(order, { text: 'an advert' });
  // The provider opens what it served last.
  const reply = validator.serve(order);
  return { validator, order, reply, other };
}

/** One exact reject, a void fee, and no more orders for the provider. */
async function expectConvicted(validator: TestValidator): Promise<void> {
  expect(validator.decided).toMatchObject([{ verdict: 'reject', evidence: 'exact', ejects: true, feeAtomic: 0n }]);
  expect(readChannel(validator.store, payer.address)).toMatchObject({ owed: 0n, outstanding: 0n });
  await expect(validator.intake.admit(validator.order(1))).rejects.toThrow('ejected');
}

describe('the record that a payer holds', () => {
  it("is answered with the validator's receipt, once the provider has handed the record in", async () => {
    const { validator, order, reply } = await admitOne();
    const say = () => validator.intake.acknowledge(createTestDelivery(order, reply, { payer, ledger }));
    expect((await say()).intake).toBeUndefined();
    const { epoch, signature } = await validator.intake.pushRecord(reply.submission);
    expect(await say()).toMatchObject({ outcome: 'taken', intake: { epoch, signature } });
    await validator.certify();
    await validator.runAudits();
    // The signature stays the same, however late the payer asks.
    expect(await say()).toMatchObject({ intake: { epoch, signature } });
  });

  it('is signed by a key that its payer has allowed for orders, and by no other key', async () => {
    const key = createTestPayee('key of a wallet');
    const wallet: LedgerSigner = { ...key, address: new Uint8Array(20).fill(0x3a) };
    const keyLimitOf = async (_payer: Uint8Array, _validator: Uint8Array, by: Uint8Array): Promise<bigint> =>
      equalBytes(by, key.address) ? 10n ** 30n : 0n;
    const validator = createTestValidator({ keyLimitOf });
    await validator.announce(provider);
    const order = validator.order(0, {}, wallet);
    await validator.intake.admit(order);
    const reply = validator.serve(order);
    const tell = (by: LedgerSigner) =>
      validator.intake.acknowledge(createTestDelivery(order, reply, { payer: by, ledger }));
    expect(await tell(wallet)).toMatchObject({ outcome: 'awaited' });
    const stranger = { ...createTestPayee('stranger'), address: wallet.address };
    await expect(tell(stranger)).rejects.toThrow("not signed by the order's payer");
  });

  it('comes with how long the reply took by its clock: the first word stands', async () => {
    const { validator, order, reply } = await admitOne();
    const told = createTestDelivery(order, reply, { payer, ledger });
    await validator.intake.pushRecord(reply.submission);
    const { replyId } = reply.reply.record;
    await validator.intake.acknowledge(told);
    expect(validator.find(replyId).observedMs).toBeUndefined();
    for (const tookMs of [700, 1, 0]) await validator.intake.acknowledge({ ...told, tookMs });
    expect(validator.find(replyId).observedMs).toBe(700);
  });

  it("is answered with the validator's confirmation that it stores the delivery, if it does", async () => {
    const { validator, order, reply, other } = await admitOne();
    const told = createTestDelivery(order, reply, { payer, ledger });
    const isSigned = ({ held }: { readonly held?: Uint8Array | undefined }, { delivery: signed } = told) => {
      const { address, signingKey } = validator.signer;
      const delivery = hashDelivery(crypto, ledger, parseDelivery(signed.delivery));
      return held && verifyHeld(crypto, { ledger, signingKey }, { validator: address, delivery, signature: held });
    };
    expect(isSigned(await validator.intake.acknowledge(told))).toBe(true);
    await validator.intake.pushRecord(reply.submission);
    expect(isSigned(await validator.intake.acknowledge(told))).toBe(true);
    // The first word counts.
    const second = createTestDelivery(order, reply, { payer, ledger, bend: { epoch: 1n } });
    expect((await validator.intake.acknowledge(second)).held).toBeUndefined();
    const another = createTestDelivery(order, other, { payer, ledger });
    expect((await validator.intake.acknowledge(another)).held).toBeUndefined();
  });

  it.each([
    ['before', 'awaited'],
    ['after', 'taken'],
  ] as const)("leads to the audit if it came %s the provider's record and is the same", async (when, outcome) => {
    const { validator, order, reply } = await admitOne();
    if (when === 'after') await validator.intake.pushRecord(reply.submission);
    expect(await validator.acknowledge(order, reply)).toBe(outcome);
    if (when === 'before') await validator.intake.pushRecord(reply.submission);
    expect(await validator.acknowledge(order, reply)).toBe('taken');
    await validator.certify();
    await validator.runAudits();
    const [entry] = validator.decided;
    expect(entry).toMatchObject({ verdict: 'accept', feeAtomic: 86_000n });
    const log = { entry: new Uint8Array(0), replyId: order.fields.replyId };
    const { delivery } = validator.store.read(() => readEntryMessage(validator.store, log));
    const named = parseDelivery(delivery?.delivery as Uint8Array);
    expect(equalBytes(named.recordHash, entry?.recordHash as Uint8Array)).toBe(true);
  });

  it.each(['before', 'after'] as const)('convicts a provider that handed in another one %s it', async (when) => {
    const { validator, order, reply, other } = await admitOne();
    const push = () => validator.intake.pushRecord(reply.submission);
    if (when === 'before') await push();
    expect(await validator.acknowledge(order, other)).toBe(when === 'before' ? 'contradicted' : 'awaited');
    if (when === 'after') await expect(push()).rejects.toThrow('another record was signed');
    await expectConvicted(validator);
  });

  it('convicts a provider whose consumer was given two', async () => {
    const { validator, order, reply, other } = await admitOne();
    expect(await validator.acknowledge(order, reply)).toBe('awaited');
    expect(await validator.acknowledge(order, other)).toBe('contradicted');
    await expectConvicted(validator);
    // A repeated delivery changes nothing.
    expect(await validator.acknowledge(order, other)).toBe('contradicted');
    const { audits, rejects } = readProvider(validator.store, order.fields.providerId);
    expect([audits, rejects]).toEqual([1, 1]);
  });

  it('convicts by a complaint too, if the provider has handed in none', async () => {
    const { validator, order, reply, other } = await admitOne();
    await validator.acknowledge(order, reply);
    const { record } = other.submission;
    const complaint = { order, reason: 'two records', record, opening: other.reply.openingBytes };
    expect(await validator.complain(complaint)).toMatchObject({ outcome: 'upheld' });
    await expectConvicted(validator);
  });

  it('comes too late once the audit is drawn: the record of the provider stands', async () => {
    const { validator, order, reply } = await admitOne();
    await validator.intake.pushRecord(reply.submission);
    await validator.certify();
    expect(await validator.acknowledge(order, reply)).toBe('late');
    expect(validator.store.read(() => readDelivery(validator.store, order.fields.replyId))).toBeUndefined();
  });

  it('ejects a provider that handed in another one, even after the verdict', async () => {
    const { validator, order, reply, other } = await admitOne();
    await validator.intake.pushRecord(reply.submission);
    await validator.certify();
    await validator.runAudits();
    expect(await validator.acknowledge(order, other)).toBe('contradicted');
    await expect(validator.intake.admit(validator.order(1))).rejects.toThrow('ejected');
    // The log keeps the verdict, and says once what came out later.
    expect(await validator.acknowledge(order, other)).toBe('contradicted');
    expect(validator.decided).toMatchObject([
      { verdict: 'accept', ejects: false, replyId: order.fields.replyId },
      { verdict: 'reject', evidence: 'exact', ejects: true, replyId: computeCorrectionId(order.fields.replyId) },
    ]);
  });

  it('was held in an epoch that is known here', async () => {
    const { validator, order, reply } = await admitOne();
    await validator.intake.pushRecord(reply.submission);
    await expect(validator.acknowledge(order, reply, { epoch: 3n })).rejects.toThrow('epoch 3');
    expect(await validator.acknowledge(order, reply, { epoch: 2n })).toBe('taken');
    await validator.certify();
    await validator.runAudits();
    expect(validator.decided).toMatchObject([{ beaconEpoch: 4n }]);
  });

  it('comes too late if its epoch would have another beacon decide: nobody has a reply audited so', async () => {
    const { validator, order, reply } = await admitOne();
    await validator.intake.pushRecord(reply.submission);
    await validator.certifyUpTo(2n);
    expect(await validator.acknowledge(order, reply, { epoch: 3n })).toBe('late');
    await validator.certifyUpTo(4n);
    await validator.runAudits();
    expect(validator.decided).toMatchObject([{ verdict: 'accept', beaconEpoch: 4n }]);
  });

  it('is dropped for such an epoch if the provider hands the record in later', async () => {
    const { validator, order, reply } = await admitOne();
    await validator.certifyUpTo(1n);
    expect(await validator.acknowledge(order, reply, { epoch: 3n })).toBe('awaited');
    await validator.intake.pushRecord(reply.submission);
    expect(validator.store.read(() => readDelivery(validator.store, order.fields.replyId))).toBeUndefined();
  });

  it.each<[string, string, (delivered: DeliveredReply) => DeliveredReply]>([
    [
      'that nobody signed',
      'record-signature',
      (d) => ({ ...d, bound: { ...d.bound, signature: flip(d.bound.signature) } }),
    ],
    [
      'of another provider',
      'wrong-provider',
      (d) => ({ ...d, bound: { ...d.bound, providerKey: createTestHybrid('stranger').publicKey } }),
    ],
    ['with another header', 'header-inclusion', (d) => ({ ...d, bound: { ...d.bound, header: flip(d.bound.header) } })],
    [
      'with a long proof',
      'too-large',
      (d) => ({ ...d, bound: { ...d.bound, headerProof: Array(99).fill(new Uint8Array(32)) } }),
    ],
    [
      "without its payer's word",
      'not signed',
      (d) => ({ ...d, delivery: { ...d.delivery, signature: flip(d.delivery.signature) } }),
    ],
    [
      'in bytes that are none',
      'malformed',
      (d) => ({ ...d, delivery: { ...d.delivery, delivery: new Uint8Array(9) } }),
    ],
    ['under bytes that are no order', 'malformed', (d) => ({ ...d, order: { ...d.order, order: new Uint8Array(9) } })],
  ])('is refused %s, and nothing changes', async (_name, code, bend) => {
    const { validator, order, reply } = await admitOne();
    const delivered = createTestDelivery(order, reply, { payer, ledger });
    await expect(validator.intake.acknowledge(bend(delivered))).rejects.toThrow(code);
    expect(validator.store.read(() => readDelivery(validator.store, order.fields.replyId))).toBeUndefined();
    expect(validator.find(order.fields.replyId)).toMatchObject({ state: 'admitted', signedRecord: undefined });
  });

  it('is refused if the payer names another record, order or count, whether the record is here or not', async () => {
    const { validator, order, reply, other } = await admitOne();
    const recordHash = hashRecord(crypto, other.submission.record.record);
    const orderHash = validator.order(1).fields.orderHash;
    const bent = [{ recordHash }, { orderHash }, { promptTokenCount: 1 }, { outputTokenCount: 1 }];
    for (const bend of bent) await expect(validator.acknowledge(order, reply, bend)).rejects.toThrow('delivery');
    await validator.intake.pushRecord(reply.submission);
    for (const bend of bent) await expect(validator.acknowledge(order, reply, bend)).rejects.toThrow('delivery');
  });

  it('is refused of anybody but the payer, and of an order that was not admitted', async () => {
    const { validator, order, reply } = await admitOne();
    const by = createTestDelivery(order, reply, { payer: createTestPayee('stranger'), ledger });
    await expect(validator.intake.acknowledge(by)).rejects.toThrow('not signed');
    await expect(validator.acknowledge(validator.order(1), reply)).rejects.toThrow('no such reply');
  });
});
