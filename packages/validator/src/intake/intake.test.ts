import { Code } from '@connectrpc/connect';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { Store } from '@ogong/host/store/store';
import { concatBytes, equalBytes, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { MAX_HEADER_BYTES } from '@ogong/protocol/commitment/opening';
import { hashRecord } from '@ogong/protocol/commitment/record';
import type { LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { findAdmissionProblem } from '@ogong/protocol/exchange/admission';
import { type Announcement, encodeAnnouncement, signAnnouncement } from '@ogong/protocol/exchange/announcement';
import { verifyIntake } from '@ogong/protocol/exchange/intake-receipt';
import { MAX_PICTURE_BYTES } from '@ogong/protocol/exchange/limits';
import type { Order } from '@ogong/protocol/exchange/order';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { signConsent } from '@ogong/protocol/exchange/order-consent';
import { signProviderPayee } from '@ogong/protocol/exchange/provider-payee';
import { countEntry, INITIAL_TESTS, isPayeeOut } from '@ogong/protocol/settlement/log-tests';
import type { FindRouter } from '@ogong/protocol/stage1/registered-router';
import type { Submission } from '@ogong/protocol/verdict/claim';
import {
  createTestClock,
  createTestValidator,
  ejectProvider,
  ledger,
  network,
  payer,
  provider,
  providerId,
} from '@ogong/testing/validator/test-bench';
import {
  createTestHybrid,
  createTestLedgerSigner,
  createTestPayee,
  WORD_UNTIL_MS,
} from '@ogong/testing/validator/test-keys';
import {
  MODEL,
  MODEL_ROOT,
  payeeSigner,
  type ServeInput,
  signTestComplaint,
  type TestOrder,
  type TestReply,
  type UnsignedComplaint,
} from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';
import { readAnnouncement } from '../store/announcement-store.ts';
import { adjustChannel, readChannel } from '../store/channel-store.ts';
import { createTestStates, OWN_TESTS } from '../store/sequential-store.ts';
import { readProvider } from '../store/verdict-store.ts';
import type { Complaint } from './complaint.ts';

const findNobody: FindRouter = async () => undefined;

const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte));

const testsOf = ({ store }: { readonly store: Store }) => createTestStates(store, OWN_TESTS);

const asPicture = (sizeBytes: number) => ({ endpoint: 'image', response: new Uint8Array(sizeBytes) });

describe('admission', () => {
  it.each<[string, string, (order: TestOrder) => TestOrder]>([
    ['a bad signature', 'order-signature', (order) => ({ ...order, signature: flip(order.signature) })],
    ['bytes that are no order', 'malformed', (order) => ({ ...order, order: order.order.slice(1) })],
    [
      'the consent of somebody else',
      'has not agreed',
      (order) => ({ ...order, consent: signConsent(createTestHybrid('stranger'), order.fields) }),
    ],
    [
      "the provider's consent to another order",
      'has not agreed',
      (order) => ({ ...order, consent: createTestValidator().order(7).consent }),
    ],
    [
      'a forged consent',
      'has not agreed',
      (order) => ({ ...order, consent: { ...order.consent, signature: flip(order.consent.signature) } }),
    ],
    ['an order that is too long', 'too-large', (order) => ({ ...order, order: new Uint8Array(1000) })],
  ])('refuses %s', async (_name, code, bend) => {
    const validator = createTestValidator();
    await expect(validator.intake.admit(bend(validator.order(0)))).rejects.toThrow(code);
  });

  it('admits orders of a key that its payer has allowed, as far as the chain says', async () => {
    const key = createTestLedgerSigner(new Uint8Array(32).fill(77));
    const wallet: LedgerSigner = { ...key, address: new Uint8Array(20).fill(0x3a) };
    const limits: bigint[] = [];
    const keyLimitOf = async (_payer: Uint8Array, _validator: Uint8Array, by: Uint8Array): Promise<bigint> => {
      const limit = limits.shift();
      if (limit === undefined) throw new Error('the chain is away');
      return equalBytes(by, key.address) ? limit : 0n;
    };
    const validator = createTestValidator({ keyLimitOf });
    const order = validator.order(0, {}, wallet);
    await expect(validator.intake.admit(order)).rejects.toThrow('cannot be read');
    const { cumulativeAtomic } = order.fields;
    limits.push(0n, cumulativeAtomic - 1n, cumulativeAtomic);
    await expect(validator.intake.admit(order)).rejects.toThrow('not signed by its payer');
    await expect(validator.intake.admit(order)).rejects.toThrow('not signed by its payer');
    expect((await validator.intake.admit(order)).signature).toHaveLength(65);
    // The reading still holds: the chain is not asked again.
    expect((await validator.intake.admit(order)).signature).toHaveLength(65);
  });

  it.each([
    ['of another validator', { validator: new Uint8Array(20) }, 'another validator'],
    ['that has expired', { expiresAtMs: 1n }, 'expired'],
    ['that lives too long', { expiresAtMs: 2_000_000_000_000n }, 'lives at most'],
    ['of a far epoch', { epoch: 3n }, 'epoch 3'],
    ['that signs for less than its maximum', { cumulativeAtomic: 999_999n }, 'voucher-too-low'],
  ])('refuses an order %s', async (_name, bend, message) => {
    const validator = createTestValidator();
    await expect(validator.intake.admit(validator.order(0, bend))).rejects.toThrow(message);
  });

  it('signs for the order, and the same again when it is asked again', async () => {
    const validator = createTestValidator();
    const order = validator.order(0);
    const { fields } = order;
    const signingKeys = [validator.signer.signingKey];
    const admission = await validator.intake.admit(order);
    expect(admission).toMatchObject({ epoch: fields.epoch, timeMs: BigInt(validator.clock.nowMs()) });
    expect(findAdmissionProblem(crypto, { ledger, order: fields, signingKeys }, admission)).toBeUndefined();
    const later = { ...fields, orderHash: validator.order(1).fields.orderHash };
    expect(findAdmissionProblem(crypto, { ledger, order: later, signingKeys }, admission)).toContain('did not sign');
    const account = [validator.signer.address];
    expect(findAdmissionProblem(crypto, { ledger, order: fields, signingKeys: account }, admission)).toContain(
      'did not',
    );
    validator.clock.advance(30_000);
    await validator.certifyUpTo(fields.epoch + 1n);
    expect(await validator.intake.admit(order)).toEqual(admission);
  });

  it('reserves each maximum once, whatever order the orders come in', async () => {
    const validator = createTestValidator();
    const orders = [2, 0, 1].map((i) => validator.order(i));
    for (const order of orders) await validator.intake.admit(order);
    await validator.intake.admit(orders[0] as TestOrder);
    expect(readChannel(validator.store, payer.address)).toEqual({
      settled: 0n,
      owed: 0n,
      outstanding: 3_000_000n,
      voucher: 3_000_000n,
    });
    await expect(validator.intake.admit(validator.order(0, { choice: 1 }))).rejects.toMatchObject({ code: 6 });
    await expect(validator.intake.admit(validator.order(9, { cumulativeAtomic: 3_999_999n }))).rejects.toThrow(
      'voucher-too-low',
    );
  });

  it('holds a limited number of orders of one payer, and more once their replies are there', async () => {
    const validator = createTestValidator({ maxOpenOrders: 2 });
    const [first, , third] = [0, 1, 2].map((i) => validator.order(i)) as [TestOrder, TestOrder, TestOrder];
    await validator.intake.admit(first);
    await validator.intake.admit(validator.order(1));
    await expect(validator.intake.admit(third)).rejects.toThrow('too-many-open');
    await validator.intake.admit(first);
    await validator.intake.pushRecord(validator.serve(first).submission);
    await validator.intake.admit(third);
  });

  it('refuses a provider that another validator had ejected', async () => {
    const validator = createTestValidator({ isEjectedOnChain: true });
    await expect(validator.intake.admit(validator.order(0))).rejects.toThrow('ejected');
  });

  it.each([
    ['[failed_precondition]', 'has no bond as one', findNobody],
    ['[failed_precondition]', 'had left', async () => ({ ticketKey: new Uint8Array(32), sinceMs: 0, untilMs: 1 })],
    ['[unavailable]', 'cannot be read: down', () => Promise.reject(new Error('down'))],
  ] as const)('refuses (%s) an order whose router %s', async (code, message, findRouter) => {
    const validator = createTestValidator({ findRouter });
    const refusal = await validator.intake.admit(validator.order(0)).catch(String);
    expect(refusal).toContain(code);
    expect(refusal).toContain(message);
    // Nothing asks about an order without a router.
    await validator.intake.admit(validator.order(1, { router: new Uint8Array(20) }));
  });

  it('reserves no more than the chain holds', async () => {
    const validator = createTestValidator({ spendable: 1_999_999n });
    await validator.intake.admit(validator.order(0));
    await expect(validator.intake.admit(validator.order(1))).rejects.toThrow('allowance-exceeded');
  });

  it('holds the maximum fee of an order until it expires, though its reply cost less', async () => {
    const clock = createTestClock();
    const validator = createTestValidator({ spendable: 2_500_000n, clock });
    const first = validator.order(0);
    await validator.intake.admit(first);
    await validator.intake.pushRecord(validator.serve(first).submission);
    await validator.intake.admit(validator.order(1));
    expect(readChannel(validator.store, payer.address).owed).toBeLessThan(500_000n);
    await expect(validator.intake.admit(validator.order(2))).rejects.toThrow('not expired may cost 3000000');
    clock.advance(Number(first.fields.expiresAtMs) - clock.nowMs() + 8_000);
    await validator.intake.admit(
      validator.order(3, { cumulativeAtomic: 3_000_000n, expiresAtMs: BigInt(clock.nowMs() + 60_000) }),
    );
  });
});

const signWord = (by: LedgerSigner, change = {}): Uint8Array =>
  signProviderPayee(crypto, by, { validUntilMs: WORD_UNTIL_MS, ledger, providerId, ...change });

describe('records', () => {
  const bent: [string, string, (submission: Submission) => Submission][] = [
    [
      'a bad signature',
      'record-signature',
      (s) => ({ ...s, record: { ...s.record, signature: flip(s.record.signature) } }),
    ],
    [
      'another key',
      'wrong-provider',
      (s) => ({ ...s, record: { ...s.record, providerKey: createTestHybrid('stranger').publicKey } }),
    ],
    ['another response', 'response-hash', (s) => ({ ...s, response: flip(s.response) })],
    ['another request', 'response-hash', (s) => ({ ...s, request: concatBytes(s.request, utf8Encode(' ')) })],
    // Bytes that no parser reads: the refusal names the hash, so nothing has parsed them.
    ['another body that is no JSON', 'response-hash', (s) => ({ ...s, request: utf8Encode('{') })],
    ['another header', 'header-inclusion', (s) => ({ ...s, header: flip(s.header) })],
    ['another proof', 'header-inclusion', (s) => ({ ...s, headerProof: s.headerProof.slice(1) })],
    ['an unknown endpoint', 'malformed', (s) => ({ ...s, endpoint: 'images' })],
    ['an oversized request', 'too-large', (s) => ({ ...s, request: new Uint8Array(2 ** 20 + 1) })],
    ['an oversized response', 'too-large', (s) => ({ ...s, response: new Uint8Array(2 ** 20 + 1) })],
    ['a picture of the most bytes', 'response-hash', (s) => ({ ...s, ...asPicture(MAX_PICTURE_BYTES) })],
    ['a picture of one byte more', 'too-large', (s) => ({ ...s, ...asPicture(MAX_PICTURE_BYTES + 1) })],
    ['an oversized header', 'too-large', (s) => ({ ...s, header: new Uint8Array(MAX_HEADER_BYTES + 1) })],
    ['an oversized proof', 'too-large', (s) => ({ ...s, headerProof: Array(99).fill(new Uint8Array(32)) })],
    ["no word of the header's payee", 'payee-word', (s) => ({ ...s, payeeWord: new Uint8Array(0) })],
    ['a word that was cut', 'payee-word', (s) => ({ ...s, payeeWord: s.payeeWord.subarray(0, 64) })],
    ['the word of another payee', 'payee-word', (s) => ({ ...s, payeeWord: signWord(payer) })],
    [
      "the payee's word that ends before the order does",
      'payee-word',
      (s) => ({
        ...s,
        payeeWord: signWord(payeeSigner, { validUntilMs: Number(parseOrder(s.order.order).expiresAtMs) - 1 }),
      }),
    ],
    [
      "the payee's word for another provider",
      'payee-word',
      (s) => ({ ...s, payeeWord: signWord(payeeSigner, { providerId: new Uint8Array(32).fill(1) }) }),
    ],
    [
      "the payee's word on another chain",
      'payee-word',
      (s) => ({ ...s, payeeWord: signWord(payeeSigner, { ledger: { ...ledger, chainId: 1n } }) }),
    ],
  ];

  it.each([
    [
      'other weights than the published ones',
      [new Uint8Array(32)],
      'other weights than those published as',
      Code.InvalidArgument,
    ],
    ['a model that nobody has published', [], 'nobody has published', Code.InvalidArgument],
    ['a model that cannot be looked up, for now', undefined, 'cannot be looked up now', Code.Unavailable],
  ] as const)('refuse %s', async (_name, published, message, code) => {
    const asked: string[][] = [];
    const prepare = async (ids: readonly string[]) => void asked.push([...ids]);
    const validator = createTestValidator({ modelRoots: { find: () => published, prepare } });
    const order = validator.order(0);
    await validator.intake.admit(order);
    const refusal = validator.intake.pushRecord(validator.serve(order).submission);
    await expect(refusal).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
    expect(asked).toEqual([[MODEL]]);
    expect(validator.find(order.fields.replyId).state).toBe('admitted');
  });

  it('are signed for: the receipt names validator, order, record and epoch', async () => {
    const validator = createTestValidator();
    const order = validator.order(0);
    await validator.intake.admit(order);
    const { submission } = validator.serve(order);
    const { epoch, signature } = await validator.intake.pushRecord(submission);
    const receipt = {
      validator: validator.signer.address,
      orderHash: order.fields.orderHash,
      recordHash: hashRecord(crypto, submission.record.record),
      epoch,
      signature,
    };
    const other = new Uint8Array(32);
    const { address: account, signingKey } = validator.signer;
    const by = { ledger, signingKey };
    expect(verifyIntake(crypto, by, receipt)).toBe(true);
    expect(verifyIntake(crypto, { ledger, signingKey: account }, receipt)).toBe(false);
    expect(verifyIntake(crypto, by, { ...receipt, validator: payer.address })).toBe(false);
    expect(verifyIntake(crypto, by, { ...receipt, orderHash: other })).toBe(false);
    expect(verifyIntake(crypto, by, { ...receipt, recordHash: other })).toBe(false);
    expect(verifyIntake(crypto, by, { ...receipt, epoch: epoch + 1n })).toBe(false);
    expect(verifyIntake(crypto, { ...by, ledger: { ...ledger, chainId: 1n } }, receipt)).toBe(false);
    expect(verifyIntake(crypto, by, { ...receipt, signature: signature.subarray(1) })).toBe(false);
    // Later the validator says the same.
    await validator.certify();
    expect(await validator.intake.pushRecord(submission)).toEqual({ replyId: order.fields.replyId, epoch, signature });
  });

  it.each(bent)('with %s are refused', async (_name, code, bend) => {
    const validator = createTestValidator();
    const order = validator.order(0);
    await validator.intake.admit(order);
    const { submission } = validator.serve(order);
    await expect(validator.intake.pushRecord(bend(submission))).rejects.toThrow(code);
    expect(validator.find(order.fields.replyId).state).toBe('admitted');
    await validator.intake.pushRecord(submission);
  });

  it.each<[string, string, Partial<ServeInput>, Partial<Order>?]>([
    ['of another reply', 'wrong-reply', { bend: { record: (record) => ({ ...record, replyId: new Uint8Array(16) }) } }],
    [
      'of another model',
      'wrong-model',
      { bend: { record: (record) => ({ ...record, modelRoot: new Uint8Array(32) }) } },
    ],
    [
      'with another sampler than asked for',
      'sampler',
      { bend: { header: (header) => ({ ...header, sampler: { ...header.sampler, temperatureQ16: 1 } }) } },
    ],
    [
      'by the method of another tier',
      'posture',
      { bend: { header: (header) => ({ ...header, method: 'exact-replay' }) } },
    ],
    [
      'with another day than that of the order',
      'sampler',
      { bend: { header: (header) => ({ ...header, promptDay: header.promptDay + 1 }) } },
    ],
    ['with another limit than asked for', 'sampler', { bend: { header: (header) => ({ ...header, maxTokens: 41 }) } }],
    ['keyed by another beacon', 'draw-key', { beacon: { value: new Uint8Array(32), previous: new Uint8Array(32) } }],
    [
      'with another sketch bank',
      'sketch-bank',
      { bend: { header: (header) => ({ ...header, sketchBankSeed: new Uint8Array(32) }) } },
    ],
    [
      'that ended for want of room, with room left',
      'context',
      { bend: { header: (header) => ({ ...header, stopReason: 'context' as const }) } },
    ],
    [
      'with a header of another length',
      'token-count',
      { bend: { header: (header) => ({ ...header, outputTokenCount: 39 }) } },
    ],
    [
      'that bills one token more than its request makes, within the maximum',
      'prompt tokens are billed',
      { bend: { header: (header) => ({ ...header, promptTokenCount: 'story 0'.length + 64 + 64 + 1 }) } },
    ],
    [
      'that take more than the announced context, whatever ended them',
      'context: 140 tokens do not fit',
      { bend: { header: (header) => ({ ...header, promptTokenCount: 100 }) } },
      { contextSize: 139 },
    ],
    [
      'that cost more than the maximum',
      'fee',
      { bend: { header: (header) => ({ ...header, promptTokenCount: 100 }) } },
      { maxFeeAtomic: 1n },
    ],
  ])('%s are refused', async (_name, code, bend, terms: Partial<Order> = {}) => {
    const validator = createTestValidator();
    const order = validator.order(0, terms);
    await validator.intake.admit(order);
    const { submission } = validator.serve(order, bend);
    await expect(validator.intake.pushRecord(submission)).rejects.toThrow(code);
  });

  it('of replies that were not admitted, or under another order, are refused', async () => {
    const validator = createTestValidator();
    const order = validator.order(0);
    const { submission } = validator.serve(order);
    await expect(validator.intake.pushRecord(submission)).rejects.toThrow('no such reply');
    await validator.intake.admit(validator.order(0, { choice: 1 }));
    await expect(validator.intake.pushRecord(submission)).rejects.toThrow('another order');
  });

  it('name the payee of their order, which has signed for the key of their provider', async () => {
    const validator = createTestValidator();
    const other = createTestPayee('other');
    const order = validator.order(0, { payee: other.address });
    await validator.intake.admit(order);
    const moved = validator.serve(order, { payee: payeeSigner }).submission;
    await expect(validator.intake.pushRecord(moved)).rejects.toThrow(
      `the header names payee 0x${toHex(payeeSigner.address)}, the order 0x${toHex(other.address)}`,
    );
    const { reply, submission } = validator.serve(order, { payee: other });
    const wordless = { ...submission, payeeWord: signWord(payeeSigner) };
    await expect(validator.intake.pushRecord(wordless)).rejects.toThrow(
      `payee ${toHex(other.address)} has not signed for this provider's key`,
    );
    await validator.intake.pushRecord(submission);
    const row = validator.find(reply.record.replyId);
    expect(row).toMatchObject({ state: 'recorded', submission: { payeeWord: submission.payeeWord } });
  });

  it('are acknowledged again, and change the reservation into a debt once', async () => {
    const validator = createTestValidator();
    const { submission } = await validator.deliver(0);
    await validator.certify();
    expect(await validator.intake.pushRecord(submission)).toMatchObject({ epoch: 0n });
    expect(readChannel(validator.store, payer.address)).toMatchObject({ owed: 86_000n, outstanding: 0n });
  });

  it('that contradict each other eject the signer of both', async () => {
    const validator = createTestValidator();
    const { reply } = await validator.deliver(0);
    const second = validator.serve(validator.order(0), { text: 'another story' });
    await expect(validator.intake.pushRecord(second.submission)).rejects.toThrow('another record');
    expect(validator.decided).toMatchObject([{ verdict: 'reject', evidence: 'exact', ejects: true, feeAtomic: 0n }]);
    expect(validator.find(reply.record.replyId)).toMatchObject({ state: 'decided', verdict: 'reject' });
    expect(readChannel(validator.store, payer.address)).toMatchObject({ owed: 0n, outstanding: 0n });
    await expect(validator.intake.admit(validator.order(1))).rejects.toThrow('ejected');
    await expect(validator.announce(provider)).rejects.toThrow('ejected');
  });
});

describe('two signed records', () => {
  /** The payer uses a nonce twice, so that both orders have one reply id. */
  async function serveTwice() {
    const validator = createTestValidator();
    const { submission } = await validator.deliver(0);
    const first = validator.order(0);
    const second = validator.serve(validator.order(1, { nonce: first.fields.nonce }));
    expect(second.reply.record.replyId).toEqual(first.fields.replyId);
    return { validator, first, second, submission };
  }
  const complainOf = (order: TestOrder, { reply, submission }: TestReply) => ({
    ...{ order, reason: 'two records', opening: reply.openingBytes, record: submission.record },
  });

  it('for two orders are no evidence, even under one reply id', async () => {
    const { validator, first, second, submission } = await serveTwice();
    await expect(validator.complain(complainOf(first, second))).rejects.toThrow('header-order');
    const framed = { ...second.submission, order: submission.order };
    await expect(validator.intake.pushRecord(framed)).rejects.toThrow('header-order');
    expect(validator.decided).toEqual([]);
    expect(readProvider(validator.store, providerId).ejected).toBe(false);
    await validator.intake.admit(validator.order(2));
  });

  it('for two orders are no evidence if the second is the first that comes', async () => {
    const { second } = await serveTwice();
    const validator = createTestValidator();
    const order = validator.order(0);
    await validator.intake.admit(order);
    const framed = { ...second.submission, order };
    await expect(validator.intake.pushRecord(framed)).rejects.toThrow();
    const outcome = await validator.complain(complainOf(order, second)).catch(({ message }: Error) => message);
    expect(outcome).toMatch(/request-hash/);
    expect(validator.decided).toEqual([]);
  });

  it.each<[string, NonNullable<ServeInput['bend']>]>([
    ['another text', {}],
    ['another reply id', { record: (record) => ({ ...record, replyId: new Uint8Array(16) }) }],
    ['another model', { record: (record) => ({ ...record, modelRoot: new Uint8Array(32) }) }],
  ])('for one order convict by a complaint, where the second has %s', async (_what, bend) => {
    const validator = createTestValidator();
    await validator.deliver(0);
    const order = validator.order(0);
    const second = validator.serve(order, { text: 'another story', bend });
    expect(await validator.complain(complainOf(order, second))).toMatchObject({ outcome: 'upheld' });
    expect(validator.decided).toMatchObject([{ verdict: 'reject', evidence: 'exact', ejects: true, feeAtomic: 0n }]);
  });

  it('convict nobody without the proof that the second is for this order', async () => {
    const validator = createTestValidator();
    await validator.deliver(0);
    const order = validator.order(0);
    const complaint = complainOf(order, validator.serve(order, { text: 'another story' }));
    expect(await validator.complain({ ...complaint, opening: undefined })).toMatchObject({ outcome: 'noted' });
    const { openingBytes: opening } = validator.serve(validator.order(3)).reply;
    await expect(validator.complain({ ...complaint, opening })).rejects.toThrow('header-inclusion');
    expect(validator.decided).toEqual([]);
  });
});

describe('a payee whose keys were found to cheat, one after the other', () => {
  it('has nothing accepted of a key that was never seen', async () => {
    const validator = createTestValidator();
    const order = validator.order(0);
    await validator.intake.admit(order);
    const { submission } = validator.serve(order);
    const payee = payeeSigner.address;
    for (let i = 1; i < 20; i++) {
      const other = { providerId: new Uint8Array(32).fill(i), payee };
      const verdict = { verdict: 'reject', evidence: 'statistical', beaconEpoch: 1n } as const;
      countEntry(testsOf(validator), {
        ...other,
        ...verdict,
        ...{ feeAtomic: 0n, fineAtomic: 0n },
        timeMs: 1,
        step: 'reply',
        eValuePpm: 20_000_000,
        verifiers: [],
      });
    }
    expect(isPayeeOut(testsOf(validator), payee)).toBe(true);
    await expect(validator.intake.pushRecord(submission)).rejects.toThrow('the payee is ejected');
    await expect(validator.announce(provider)).rejects.toThrow('the payee is ejected');
  });
});

describe('an announcement', () => {
  it('is refused if its payee did not sign for that key on these contracts', async () => {
    const validator = createTestValidator();
    const announcement: Announcement = {
      providerId,
      payee: payeeSigner.address,
      endpoint: 'provider:1',
      certHash: new Uint8Array(32),
      verifier: undefined,
      models: [
        {
          modelId: MODEL,
          modelRoot: MODEL_ROOT,
          pricePer1kAtomic: 1n,
          contextSize: 9,
          modality: 'text',
          numericClass: 'x',
          capacity: 1,
          freeCapacity: 1,
        },
      ],
      segments: [],
      sequence: 1n,
      issuedAtMs: validator.clock.nowMs(),
      expiresAtMs: validator.clock.nowMs() + 60_000,
    };
    const announce = (payeeWord: Uint8Array) =>
      validator.intake.announce(signAnnouncement(provider, announcement, { payeeWord }), announcement.certHash);
    const elsewhere = { ledger: { ...ledger, verifyingContract: network.settlement } };
    const strangers = { providerId: new Uint8Array(32).fill(1) };
    for (const wrong of [
      signWord(payer),
      signWord(payeeSigner, elsewhere),
      signWord(payeeSigner, strangers),
      signWord(payeeSigner, { validUntilMs: announcement.expiresAtMs - 1 }),
      new Uint8Array(0),
    ]) {
      await expect(announce(wrong)).rejects.toThrow('not signed by the payee');
    }
    expect(readAnnouncement(validator.store, providerId)).toBeUndefined();
    await announce(signWord(payeeSigner));
    expect(readAnnouncement(validator.store, providerId)).toEqual(announcement);
    const another = signAnnouncement(provider, { ...announcement, sequence: 2n }, { payeeWord: signWord(payeeSigner) });
    await expect(validator.intake.announce(another, new Uint8Array(32).fill(9))).rejects.toThrow('over the link');
    // Each of these shows before the signatures, which cost more.
    const unsigned = (sequence: bigint, from = announcement.certHash) => {
      const bytes = encodeAnnouncement({ ...announcement, sequence });
      return validator.intake.announce({ ...another, announcement: bytes, signature: new Uint8Array(0) }, from);
    };
    await expect(unsigned(1n)).rejects.toThrow('a newer announcement is known');
    await expect(unsigned(2n, new Uint8Array(32).fill(9))).rejects.toThrow('over the link');
    await expect(unsigned(2n)).rejects.toThrow('not signed by that key');
    ejectProvider(validator.store, providerId);
    await expect(unsigned(2n)).rejects.toThrow('ejected');
    const unreadable = { ...another, announcement: new Uint8Array(3) };
    await expect(validator.intake.announce(unreadable, announcement.certHash)).rejects.toThrow('is invalid');
  });

  it('is the only one under its certificate', async () => {
    const validator = createTestValidator();
    const certHash = new Uint8Array(32).fill(7);
    const announce = (name: string, sequence = 1n) =>
      validator.announce(createTestHybrid(name), { certHash, sequence, expiresAtMs: validator.clock.nowMs() + 10_000 });
    await announce('one');
    await expect(announce('two')).rejects.toThrow('give each provider its own');
    await announce('one', 2n);
    validator.clock.advance(10_000);
    await announce('two');
    await expect(announce('one', 3n)).rejects.toThrow('under this certificate');
  });

  it('of a new provider is refused when the list is full; listed providers may announce again', async () => {
    const validator = createTestValidator({ maxAnnouncements: 8 });
    await validator.announceVerifier('v1');
    for (let i = 0; i < 7; i++) await validator.announce(createTestHybrid(`name ${i}`));
    await expect(validator.announce(createTestHybrid('name 7'))).rejects.toThrow(
      'stores 8 announcements already; repeat the announcement until others expire',
    );
    await validator.announce(createTestHybrid('name 0'), { sequence: 2n });
    expect(validator.store.prepare('SELECT count(*) AS n FROM announcements').get()?.n).toBe(8);
  });
});

interface BentComplaint {
  readonly payer?: typeof payer;
  /** Before it is signed. */
  readonly signs?: Partial<UnsignedComplaint>;
  /** After it was signed. */
  readonly bend?: Partial<Complaint>;
}

/** A complaint with its opening, which the payer signed otherwise than it is sent. */
function bendComplaint({ payer: by = payer, signs = {}, bend = {} }: BentComplaint, complaint: UnsignedComplaint) {
  const { opening } = complaint;
  return { ...signTestComplaint({ ...complaint, ...signs }, { payer: by, ledger }), opening, ...bend };
}

describe('complaints', () => {
  const cheat: Partial<ServeInput> = {
    bend: { row: (row, i) => (i === 7 ? { ...row, rank: (row.rank + 1) % 20 } : row) },
  };

  async function admitted() {
    const validator = createTestValidator();
    const order = validator.order(0);
    await validator.intake.admit(order);
    return { validator, order };
  }

  it('with an opening that refutes the record convict, even before the record came', async () => {
    const { validator, order } = await admitted();
    const { reply, submission } = validator.serve(order, cheat);
    const complaint = { order, reason: 'draw-replay', opening: reply.openingBytes, record: submission.record };
    expect(await validator.complain(complaint)).toMatchObject({ outcome: 'upheld' });
    expect(validator.decided).toMatchObject([{ verdict: 'reject', evidence: 'exact', ejects: true }]);
    expect(readChannel(validator.store, payer.address)).toMatchObject({ owed: 0n, outstanding: 0n });
    await validator.intake.pushRecord(submission);
    expect(validator.decided.length).toBe(1);
  });

  it('count only against the key if no payee has signed: the reply was never handed in', async () => {
    const { validator, order } = await admitted();
    const { reply, submission } = validator.serve(order, cheat);
    await expect(validator.intake.pushRecord({ ...submission, payeeWord: signWord(payer) })).rejects.toThrow();
    const complaint = { order, reason: 'draw-replay', opening: reply.openingBytes, record: submission.record };
    expect(await validator.complain(complaint)).toMatchObject({ outcome: 'upheld' });
    expect(validator.decided).toMatchObject([{ verdict: 'reject', ejects: true, payee: new Uint8Array(20) }]);
    expect(readProvider(validator.store, providerId)).toMatchObject({ rejects: 1, ejected: true });
    expect(testsOf(validator).find(payeeSigner.address)).toEqual(INITIAL_TESTS);
  });

  it('with an opening that is in order prove nothing, and force an audit', async () => {
    const { validator, order } = await admitted();
    const { reply, submission } = validator.serve(order);
    await validator.intake.pushRecord(submission);
    const complaint = { order, reason: 'draw-replay', opening: reply.openingBytes, record: submission.record };
    expect(await validator.complain(complaint)).toMatchObject({ outcome: 'noted' });
    expect(validator.find(reply.record.replyId)).toMatchObject({ state: 'recorded', isForced: true });
  });

  it('that find nothing are taken four times, and then only from a payer that buys more', async () => {
    const validator = createTestValidator();
    const orderOf = (number: number) => validator.order(number, { cumulativeAtomic: 10n ** 12n });
    const complainAbout = async (number: number) => {
      const order = orderOf(number);
      await validator.intake.admit(order);
      await validator.intake.pushRecord(validator.serve(order).submission);
      const complaint = { order, reason: 'doubt', opening: undefined, record: undefined };
      const { outcome } = await validator.complain(complaint);
      // A complaint that is sent again is the same one.
      expect(await validator.complain(complaint)).toMatchObject({ outcome });
      return outcome;
    };
    for (const number of [0, 1, 2, 3]) expect(await complainAbout(number)).toBe('noted');
    expect(await complainAbout(4)).toBe('rejected');
    const { feeAtomic } = validator.find(orderOf(4).fields.replyId);
    expect(validator.find(orderOf(4).fields.replyId).isForced).toBe(false);
    adjustChannel(validator.store, payer.address, { settled: 100n * (feeAtomic as bigint) });
    expect(await complainAbout(5)).toBe('noted');
    expect(await complainAbout(6)).toBe('rejected');
  });

  it('cannot be made with a foreign opening, a forged record, or without the payer', async () => {
    const { validator, order } = await admitted();
    const { submission } = validator.serve(order);
    await validator.intake.pushRecord(submission);
    const other = validator.serve(validator.order(1));
    const base = { order, reason: 'x', opening: other.reply.openingBytes, record: submission.record };
    expect(await validator.complain(base)).toMatchObject({ outcome: 'noted' });
    const forged = { ...base, record: { ...submission.record, signature: flip(submission.record.signature) } };
    await expect(validator.complain(forged)).rejects.toThrow('record-signature');
    const unsigned = { ...base, order: { ...order, signature: flip(order.signature) } };
    await expect(validator.complain(unsigned)).rejects.toThrow('order-signature');
    expect(await validator.complain({ ...base, order: validator.order(5) })).toMatchObject({
      outcome: 'rejected',
    });
    expect(validator.decided).toEqual([]);
    expect(readProvider(validator.store, providerId).rejects).toBe(0);
  });

  it.each<[string, Parameters<typeof bendComplaint>[0]]>([
    ['by whoever holds the order', { payer: createTestPayee('its provider') }],
    ['with another reason than was signed', { bend: { reason: 'two records' } }],
    ['with another record', { bend: { record: undefined } }],
    ['with another opening than was announced', { bend: { openingHash: new Uint8Array(32) } }],
    ['with an opening where none was announced', { signs: { opening: undefined } }],
    ['with no signature', { bend: { signature: new Uint8Array(0) } }],
    ['with a long reason', { signs: { reason: 'x'.repeat(65) } }],
  ])('cannot be made %s', async (_name, given) => {
    const { validator, order } = await admitted();
    const { reply, submission } = validator.serve(order, cheat);
    await validator.intake.pushRecord(submission);
    const complaint = { order, reason: 'draw-replay', opening: reply.openingBytes, record: submission.record };
    await expect(validator.intake.complain(bendComplaint(given, complaint))).rejects.toThrow(/complaint:/);
    expect(validator.decided).toEqual([]);
    expect(validator.find(order.fields.replyId).isForced).toBe(false);
  });

  it('after the verdict eject all the same', async () => {
    const validator = createTestValidator({ audit: { alphaPpm: () => 0 } });
    const { reply, submission } = await validator.deliver(0, cheat);
    await validator.certify();
    await validator.runAudits();
    expect(validator.decided).toMatchObject([{ verdict: 'unaudited' }]);
    const order = { order: submission.order.order, signature: submission.order.signature };
    const complaint = { order, reason: 'x', opening: reply.openingBytes, record: submission.record };
    expect(await validator.complain(complaint)).toMatchObject({ outcome: 'upheld' });
    const correction = { verdict: 'reject', evidence: 'exact', ejects: true, feeAtomic: 0n };
    expect(validator.decided).toMatchObject([{ verdict: 'unaudited' }, correction]);
    await expect(validator.intake.admit(validator.order(1))).rejects.toThrow('ejected');
  });
});
