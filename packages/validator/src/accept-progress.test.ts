import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { summarizeResponse } from '@ogong/protocol/commitment/response-hash';
import { NO_BEGINNING, signProgress } from '@ogong/protocol/exchange/progress';
import type { BatchEntry } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import { parseVerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import {
  type BenchOptions,
  createTestValidator,
  ledger,
  payer,
  provider,
  type TestValidator,
} from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { createFour } from '@ogong/testing/validator/test-four';
import { createTestPayee } from '@ogong/testing/validator/test-keys';
import { proposeUnheard } from '@ogong/testing/validator/test-proposal';
import { createTestOrder, type ServeInput, submitWithProgress } from '@ogong/testing/validator/test-reply';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkEntry } from './settlement/cosign/entry-check.ts';
import { readChannel } from './store/channel-store.ts';

const cutShort: Partial<ServeInput> = {
  bend: { header: (header: Header): Header => ({ ...header, stopReason: 'cancelled' }) },
};

async function admitOne(options: BenchOptions = {}) {
  const validator: TestValidator = createTestValidator({
    ...options,
    verifiers: (peer, job) => answerHonestly(validator.served)(peer, job),
    audit: { honeypotPpm: 0 },
  });
  await validator.announce(provider);
  await validator.announceVerifier('v1');
  const order = validator.order(0);
  await validator.intake.admit(order);
  return { validator, order, reply: validator.serve(order, cutShort) };
}

const NOTHING = { textBytes: 0, textHash: NO_BEGINNING };

const { owed: WHOLE_FEE } = await (async () => {
  const validator = createTestValidator();
  const order = validator.order(0);
  await validator.intake.admit(order);
  await validator.intake.pushRecord(validator.serve(order).submission);
  return readChannel(validator.store, payer.address);
})();

describe('a reply that was cut short', () => {
  it('is accepted and audited, and bills nothing without a progress statement of its payer', async () => {
    const { validator, reply } = await admitOne();
    await validator.intake.pushRecord(reply.submission);
    expect(readChannel(validator.store, payer.address)).toMatchObject({ owed: 0n, outstanding: 0n });
    await validator.certify();
    await validator.runAudits();
    expect(validator.decided).toMatchObject([{ verdict: 'accept', feeAtomic: 0n }]);
  });

  it.each([
    ['has left before anything came', { textBytes: 0, hasLeft: true }],
    ['has a part of it', { textBytes: 5, hasLeft: false }],
  ])('is billed if its payer has signed that it %s', async (_name, bend) => {
    const { validator, order, reply } = await admitOne();
    await validator.intake.pushRecord(submitWithProgress(order, reply, { payer, ledger, bend }));
    // The rest of the text is shorter than a window.
    expect(readChannel(validator.store, payer.address).owed).toBe(WHOLE_FEE);
    await validator.certify();
    await validator.runAudits();
    expect(validator.decided).toMatchObject([{ verdict: 'accept', feeAtomic: WHOLE_FEE }]);
  });

  it('bills nothing for a statement without content', async () => {
    const { validator, order, reply } = await admitOne();
    await validator.intake.pushRecord(submitWithProgress(order, reply, { payer, ledger, bend: { hasLeft: false } }));
    expect(readChannel(validator.store, payer.address).owed).toBe(0n);
  });

  it.each<[string, typeof payer, object]>([
    ['somebody else', createTestPayee('stranger'), {}],
    ['its payer about another order', payer, { orderHash: new Uint8Array(32) }],
    ['its payer about another text', payer, { textBytes: 5, textHash: new Uint8Array(32) }],
    ['its payer about more text than there is', payer, { textBytes: 10_000 }],
  ])('is refused with a word of %s', async (_name, by, bend) => {
    const { validator, order, reply } = await admitOne();
    const bent = submitWithProgress(order, reply, { payer: by, ledger, bend });
    await expect(validator.intake.pushRecord(bent)).rejects.toThrow("not the payer's, or not about this text");
  });

  it('is not the only one that takes such a statement', async () => {
    const { validator, order } = await admitOne();
    await validator.intake.pushRecord(submitWithProgress(order, validator.serve(order), { payer, ledger }));
    expect(readChannel(validator.store, payer.address).owed).toBe(WHOLE_FEE);
  });
});

describe('a long reply that is whole', () => {
  const text = 'x'.repeat(16_384);
  const BYTES = text.length;

  /** Returns the fee of so much of its text, with the prompt. */
  async function bill(bend: { readonly textBytes: number; readonly hasLeft?: boolean } | undefined) {
    const { validator, order } = await admitOne();
    const reply = validator.serve(order, { text });
    const { submission } = reply;
    await validator.intake.pushRecord(bend ? submitWithProgress(order, reply, { payer, ledger, bend }) : submission);
    const { promptTokenCount, outputTokenCount } = reply.reply.header;
    const priceOf = (tokens: number): bigint => (order.fields.pricePer1kAtomic * BigInt(tokens) + 999n) / 1_000n;
    const priceUpTo = (bytes: number) => priceOf(promptTokenCount + Math.floor((outputTokenCount * bytes) / BYTES));
    return { owed: readChannel(validator.store, payer.address).owed, priceUpTo };
  }

  it.each<[string, { readonly textBytes: number; readonly hasLeft?: boolean } | undefined, number]>([
    ['was refused and shown nobody', undefined, 2_048],
    ['its payer left before anything came', { textBytes: 0 }, 2_048],
    ['its payer left, once it had a part', { textBytes: 600 }, 2_648],
    ['its payer has read but the last window', { textBytes: BYTES - 2_048, hasLeft: false }, BYTES],
  ])('bills its prompt and one window ahead of the word where it %s', async (_name, word, bytes) => {
    const { owed, priceUpTo } = await bill(word);
    expect(owed).toBe(priceUpTo(bytes));
  });
});

describe('a record that its payer hands in first, without a progress statement', () => {
  const LONG = 'x'.repeat(16_384);
  const word = { textBytes: LONG.length - 2_048, hasLeft: false };
  const served = async (options: BenchOptions = {}) => {
    const { validator, order } = await admitOne(options);
    const reply = validator.serve(order, { text: LONG });
    return { validator, reply, said: submitWithProgress(order, reply, { payer, ledger, bend: word }) };
  };
  const owedAt = ({ store }: TestValidator) => readChannel(store, payer.address).owed;

  it('is paid by the statement that its provider hands in with it, and by no lesser one after that', async () => {
    const { validator, reply, said } = await served();
    await validator.intake.pushRecord(reply.submission);
    const early = owedAt(validator);
    await validator.intake.pushRecord(said);
    const owed = owedAt(validator);
    expect(owed).toBeGreaterThan(early);
    await validator.intake.pushRecord(reply.submission);
    await validator.intake.pushRecord(said);
    expect(owedAt(validator)).toBe(owed);
    await validator.certify();
    await validator.runAudits();
    expect(validator.decided).toMatchObject([{ feeAtomic: owed }]);
  });

  it("keeps its fee if the statement is not its payer's, or comes after the audit has begun", async () => {
    const { validator, reply, said } = await served();
    await validator.intake.pushRecord(reply.submission);
    const early = owedAt(validator);
    const progress = { ...said.progress!, signature: new Uint8Array(65) };
    await expect(validator.intake.pushRecord({ ...said, progress })).rejects.toThrow(
      "not the payer's, or not about this text",
    );
    await validator.certify();
    await validator.runAudits();
    await validator.intake.pushRecord(said);
    expect(validator.decided).toMatchObject([{ feeAtomic: early }]);
  });

  it('is paid as it was if others were promised the rest of the channel meanwhile', async () => {
    let admitted = 1_000_000n;
    const reserve = () => ({ spendable: admitted, admitted, spent: 0n, releasing: 0n, releasableAt: 0n });
    const wanted: (bigint | undefined)[] = [];
    const { validator, reply, said } = await served({
      async channel(_payer, _validator, { coversAtomic } = {}) {
        wanted.push(coversAtomic);
        return reserve();
      },
    });
    await validator.intake.pushRecord(reply.submission);
    const early = owedAt(validator);
    // Its order has expired and holds nothing any more, and its payer signs for more than its channel has.
    validator.clock.advance(150_000);
    admitted = early + 1_000_000n;
    await validator.intake.admit(
      createTestOrder({
        ...{ payer, ledger, provider, index: 1, epoch: validator.archive.latest().epoch },
        ...{ validator: validator.signer.address, expiresAtMs: validator.clock.nowMs() + 60_000 },
        bend: { cumulativeAtomic: 10n * admitted },
      }),
    );
    const asked = wanted.length;
    for (let again = 0; again < 2; again++) await validator.intake.pushRecord(said);
    expect(owedAt(validator)).toBe(early);
    // The chain is not asked each time.
    expect(wanted.slice(asked)).toEqual([0n, 0n]);
    admitted *= 2n;
    await validator.intake.pushRecord(said);
    expect(owedAt(validator)).toBeGreaterThan(early);
  });

  it('is paid as it was if the statement comes when a record would be too late for the same draw', async () => {
    const { validator, reply, said } = await served();
    await validator.intake.pushRecord(reply.submission);
    const early = owedAt(validator);
    await validator.certifyUpTo(validator.archive.latest().epoch + 3n);
    await validator.intake.pushRecord(said);
    expect(owedAt(validator)).toBe(early);
  });

  it('is signed by co-signers with the fee of the later statement, and not with that of the first record', async () => {
    const four = await createFour({ audit: { honeypotPpm: 0 } });
    const order = four.own.order(0);
    await four.own.intake.admit(order);
    const reply = four.own.serve(order, { text: LONG });
    await four.own.intake.pushRecord(reply.submission);
    const early = owedAt(four.own);
    await four.own.intake.pushRecord(submitWithProgress(order, reply, { payer, ledger, bend: word }));
    const owed = owedAt(four.own);
    await four.certifyAll();
    await four.own.runAudits();
    expect(four.own.decided).toMatchObject([{ verdict: 'accept', feeAtomic: owed }]);
    const request = await proposeUnheard(four);
    const [first, second] = four.peers as readonly [TestValidator, TestValidator];
    const [message] = request.entries as [BatchEntry];
    const entry = { ...parseVerdictEntry(message.logEntry), feeAtomic: early };
    await expect(checkEntry(first.cosigning, four.own.signer.address, entry, message)).rejects.toThrow(
      `owed are ${owed}`,
    );
    expect((await second.cosigner.cosign(four.own.signer.address, request)).signature).toHaveLength(65);
  });
});

describe('a co-signer of a reply that its payer left', () => {
  let proposal: Awaited<ReturnType<typeof propose>>;
  async function propose() {
    const four = await createFour({ audit: { honeypotPpm: 0 } });
    const order = four.own.order(0);
    await four.own.intake.admit(order);
    await four.own.intake.pushRecord(submitWithProgress(order, four.own.serve(order, cutShort), { payer, ledger }));
    await four.certifyAll();
    await four.own.runAudits();
    const [first, second] = four.peers as readonly [TestValidator, TestValidator];
    return { own: four.own, first, second, order, request: await proposeUnheard(four) };
  }
  beforeAll(async () => {
    proposal = await propose();
  });

  it.each<[string, string, (orderHash: Uint8Array) => object]>([
    ['without a statement', 'owed are 0', () => ({ progress: undefined })],
    [
      'with a word of somebody else',
      "not the payer's, or not about this text",
      (orderHash) => ({
        progress: signProgress(crypto, createTestPayee('stranger'), { ledger, orderHash, ...NOTHING, hasLeft: true }),
      }),
    ],
    [
      'with a word that says nothing',
      'owed are 0',
      (orderHash) => ({ progress: signProgress(crypto, payer, { ledger, orderHash, ...NOTHING, hasLeft: false }) }),
    ],
    [
      'with a word about more text than there is',
      "not the payer's, or not about this text",
      (orderHash) => ({
        progress: signProgress(crypto, payer, { ledger, orderHash, ...NOTHING, textBytes: 5_000, hasLeft: true }),
      }),
    ],
    [
      'with a shorter text, of which the payer would have more',
      'another response',
      () => ({ responseSummary: summarizeResponse(crypto, new Uint8Array(32), new Uint8Array(9)) }),
    ],
  ])('refuses the entry %s', async (_name, reason, bend) => {
    const { own, first, order } = proposal;
    const request = structuredClone(proposal.request);
    Object.assign(request.entries[0]?.record as object, bend(order.fields.orderHash));
    await expect(first.cosigner.cosign(own.signer.address, request)).rejects.toThrow(reason);
  });

  it('signs it as it is', async () => {
    const { own, second, request } = proposal;
    expect((await second.cosigner.cosign(own.signer.address, request)).signature).toHaveLength(65);
  });
});
