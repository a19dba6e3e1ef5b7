import { create } from '@bufbuild/protobuf';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { WitnessRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { BareSubmission, HandedReply } from '@ogong/protocol/verdict/claim';
import { bareSubmission } from '@ogong/protocol/verdict/summarize';
import {
  type BenchOptions,
  createTestValidator,
  provider,
  type TestValidator,
} from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { createFour } from '@ogong/testing/validator/test-four';
import type { TestReply } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';
import { readEntryMessage } from '../store/batch-store.ts';
import { readWitnessAsk, writeWitnessAsk } from '../wire-messages.ts';
import { readQuestion } from '../witness/answer-witness.ts';

const NONE = 0;
const ALL = 1_000_000;

/** A validator whose provider hands replies in without their texts. @param bend what it shows of them when it is asked. */
async function createBare(
  alphaPpm: number,
  { bend = (texts) => texts }: { bend?: (texts: Texts, asked: number) => Texts } = {},
) {
  const served = new Map<string, TestReply>();
  const jobs: Uint8Array[] = [];
  let textsAsked = 0;
  const options: BenchOptions = {
    audit: { alphaPpm: () => alphaPpm, honeypotPpm: 0 },
    verifiers(peer, job) {
      jobs.push(job.request);
      return answerHonestly(served)(peer, job);
    },
    async getTexts(_peer, { replyId, intake }) {
      if (intake === undefined) throw new Error('a provider that has no receipt shows nothing');
      const { request, endpoint, response } = (served.get(toHex(replyId)) as TestReply).submission;
      return bend({ request, endpoint, response }, ++textsAsked);
    },
  };
  const validator = createTestValidator(options);
  await validator.announce(provider);
  await validator.announceVerifier('v1');
  return {
    validator,
    jobs,
    textsAsked: () => textsAsked,
    async deliver(change: (handed: BareSubmission) => HandedReply = (handed) => handed) {
      const order = validator.order(0);
      await validator.intake.admit(order);
      const reply = validator.serve(order);
      served.set(toHex(order.fields.replyId), reply);
      await validator.intake.pushRecord(change(bareSubmission(crypto, reply.submission) as BareSubmission));
      return { reply, find: () => validator.find(order.fields.replyId), replyId: order.fields.replyId };
    },
    /** Everything that is stored, as text. */
    readStore: () => Buffer.concat(listBlobs(validator.store)),
  };
}

type Texts = Pick<TestReply['submission'], 'request' | 'endpoint' | 'response'>;
type Bench = ReturnType<typeof createTestValidator>;

function listBlobs(store: Bench['store']): Buffer[] {
  const tables = store.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
  return tables.flatMap(({ name }) =>
    store
      .prepare(`SELECT * FROM "${name}"`)
      .all()
      .flatMap((row) => Object.values(row))
      .map((value) => (value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(String(value)))),
  );
}

describe('a reply that is handed in without its texts', () => {
  it('costs the same, and is passed over without anybody asking for them', async () => {
    const { validator, deliver, textsAsked, readStore } = await createBare(NONE);
    const { reply, find } = await deliver();
    const { request, response } = reply.submission;
    expect(find()).toMatchObject({ state: 'recorded', submission: undefined, summary: expect.any(Object) });
    await validator.certify();
    await validator.runAudits();
    expect(validator.decided).toMatchObject([{ verdict: 'unaudited', feeAtomic: 86_000n }]);
    expect(textsAsked()).toBe(0);
    expect(readStore().includes(Buffer.from(response))).toBe(false);
    expect(readStore().includes(Buffer.from(request))).toBe(false);
    // The same search finds them where they were handed in.
    const whole = createTestValidator({ audit: { alphaPpm: () => NONE } });
    const handed = await whole.deliver(0);
    expect(Buffer.concat(listBlobs(whole.store)).includes(Buffer.from(handed.submission.response))).toBe(true);
  });

  it('is opened with them once a beacon has selected it, and accepted as any other', async () => {
    const { validator, jobs, deliver, textsAsked } = await createBare(ALL);
    const { reply, find, replyId } = await deliver();
    await validator.runAudits();
    expect([textsAsked(), find().submission]).toEqual([0, undefined]);
    await validator.certify();
    await validator.runAudits();
    expect(textsAsked()).toBe(1);
    expect(validator.decided).toMatchObject([{ verdict: 'accept' }]);
    expect(jobs).toEqual([reply.submission.request]);
    // Co-signers get the same of it as of one that came whole.
    const whole = createTestValidator();
    await whole.deliver(0);
    const record = (bench: Bench) =>
      bench.store.read(() => readEntryMessage(bench.store, { entry: new Uint8Array(), replyId })).record;
    expect(record(validator)).toEqual(record(whole));
  });

  it.each<[string, (texts: Texts) => Texts]>([
    ['another answer', (texts) => ({ ...texts, response: utf8Encode('something else') })],
    ['another request', (texts) => ({ ...texts, request: utf8Encode('{"model":"a","messages":[]}') })],
    ['another endpoint', (texts) => ({ ...texts, endpoint: 'completion' })],
    ['no answer', (texts) => ({ ...texts, response: new Uint8Array() })],
    ['an endpoint that there is not', (texts) => ({ ...texts, endpoint: 'images' })],
  ])('is not opened by %s: its provider is asked again', async (_, change) => {
    const { validator, jobs, deliver } = await createBare(ALL, {
      bend: (texts, asked) => (asked === 1 ? change(texts) : texts),
    });
    const { find } = await deliver();
    await validator.certify();
    await validator.runAudits();
    expect([jobs.length, find().opening, find().submission]).toEqual([0, undefined, undefined]);
    expect(validator.decided).toEqual([]);
    validator.clock.advance(1_000);
    await validator.runAudits();
    expect(validator.decided).toMatchObject([{ verdict: 'accept' }]);
  });

  it.each<[string, string, (handed: BareSubmission) => HandedReply]>([
    ['of another request', 'request-hash', (one) => ({ ...one, requestSummary: one.requestSummary.slice(1) })],
    ['of another answer', 'response-hash', (one) => ({ ...one, responseSummary: one.responseSummary.slice(1) })],
    ['with a header of another record', 'header-inclusion', (one) => ({ ...one, headerProof: [] })],
  ])('is refused with summaries %s', async (_, code, change) => {
    const { deliver } = await createBare(ALL);
    await expect(deliver(change)).rejects.toThrow(code);
  });

  it('is refused if it was cut short, since it is paid by what the payer signed about its text', async () => {
    const { validator } = await createBare(ALL);
    const order = validator.order(0);
    await validator.intake.admit(order);
    const bend = { header: <T>(header: T): T => ({ ...header, stopReason: 'cancelled' }) };
    const { submission } = validator.serve(order, { text: 'once', bend });
    // A provider sends it whole.
    expect(bareSubmission(crypto, submission)).toBe(submission);
    const { request: _r, endpoint: _e, response: _t, ...claimed } = submission;
    const { requestSummary, responseSummary } = bareSubmission(
      crypto,
      validator.serve(order, { text: 'once' }).submission,
    ) as BareSubmission;
    await expect(validator.intake.pushRecord({ ...claimed, requestSummary, responseSummary })).rejects.toThrow(
      'a truncated reply must be submitted with its texts',
    );
  });
});

const RECEIPT = { epoch: 1n, signature: new Uint8Array(65) };

describe('a witness', () => {
  it.each([
    ['the texts, too, where the validator that asks has none', RECEIPT],
    ['the opening alone where it has', undefined],
  ])('is shown %s', async (_, intake) => {
    const served = new Map<string, TestReply>();
    const validator = createTestValidator({
      getOpening: async (_peer, replyId) => (served.get(toHex(replyId)) as TestReply).reply.openingBytes,
      getTexts: async (_peer, { replyId }) => (served.get(toHex(replyId)) as TestReply).submission,
    });
    await validator.announce(provider);
    const reply = validator.serve(validator.order(0));
    const { record, header, headerProof, order, request, endpoint, response } = reply.submission;
    served.set(toHex(reply.reply.record.replyId), reply);
    const asked = { order, asked: 'opening', bound: { ...record, header, headerProof }, intake } as const;
    const told = await validator.witnessing.inquirer.ask(readQuestion(validator.witnessing, asked));
    const texts = intake ? { texts: expect.objectContaining({ request, endpoint, response }) } : {};
    expect(told).toEqual({ kind: 'opening', opening: reply.reply.openingBytes, ...texts });
  });

  it('takes no other texts for an answer', async () => {
    const validator = createTestValidator({
      getOpening: async () => reply.reply.openingBytes,
      getTexts: async () => ({ ...reply.submission, response: utf8Encode('else') }),
    });
    await validator.announce(provider);
    const reply = validator.serve(validator.order(0));
    const { record, header, headerProof, order } = reply.submission;
    const asked = { order, asked: 'opening', bound: { ...record, header, headerProof }, intake: RECEIPT } as const;
    const told = await validator.witnessing.inquirer.ask(readQuestion(validator.witnessing, asked));
    expect(told).toEqual({ kind: 'waiting' });
  });
});

describe('a witness that is asked for texts', () => {
  it('asks with the receipt of the validator, and refuses a validator that has signed none for the record', async () => {
    const brought: unknown[] = [];
    const { own, peers, clock } = await createFour({
      getOpening: async () => reply.reply.openingBytes,
      async getTexts(_peer, { intake }) {
        brought.push(intake);
        return reply.submission;
      },
    });
    const order = own.order(0);
    await own.intake.admit(order);
    const reply = own.serve(order);
    const handed = bareSubmission(crypto, reply.submission) as BareSubmission;
    const { epoch, signature } = await own.intake.acceptShown(handed);
    const [peer] = peers as [TestValidator];
    clock.advance(1_000);
    await own.certifyUpTo(6n);
    for (const one of peers) await one.certifyUpTo(6n);
    const { record, header, headerProof } = reply.submission;
    const ask = { order, asked: 'opening', bound: { ...record, header, headerProof } } as const;
    const forged = { epoch: epoch + 1n, signature };
    await expect(peer.witness(own.signer.address, { ...ask, intake: forged })).rejects.toThrow(
      'has not signed for this',
    );
    expect(brought).toEqual([]);
    const answer = await peer.witness(own.signer.address, { ...ask, intake: { epoch, signature } });
    expect(answer).toMatchObject({ kind: 'opening', texts: expect.any(Object) });
    expect(brought).toEqual([{ epoch, signature }]);
  });

  it('is told by what receipt, over the wire', () => {
    const { order, record, header, headerProof } = createTestValidator().serve(
      createTestValidator().order(0),
    ).submission;
    const ask = { order, asked: 'opening', bound: { ...record, header, headerProof }, intake: RECEIPT } as const;
    const sent = create(WitnessRequestSchema, writeWitnessAsk(ask));
    expect(readWitnessAsk(sent)).toMatchObject({ asked: 'opening', intake: RECEIPT });
    if (sent.about.case !== 'record') throw new Error('no record');
    sent.about.value.intake = undefined as never;
    expect(() => readWitnessAsk(sent)).toThrow('the receipt for the record is missing');
  });
});
