import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { findNamedRoot } from '@ogong/protocol/exchange/named-root';
import type { HandedReply } from '@ogong/protocol/verdict/claim';
import { encodeEvidence } from '@ogong/protocol/verdict/evidence';
import {
  type BenchOptions,
  createRefused,
  createTestClock,
  ledger,
  payer,
  provider,
  type TestValidator,
} from '@ogong/testing/validator/test-bench';
import { createFour, type Four } from '@ogong/testing/validator/test-four';
import { on, proposeUnheard, rebuild } from '@ogong/testing/validator/test-proposal';
import {
  createTestOrder,
  type ServeInput,
  submitWithProgress,
  type TestOrder,
} from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';
import { readChannel } from '../store/channel-store.ts';

const MODEL = 'ogong/vanilla/test/synthetic';
const NAMED = findNamedRoot(crypto, MODEL) as Uint8Array;

/** Every reply that can be compared is audited. */
const ALWAYS: BenchOptions = { audit: { alphaPpm: () => 1_000_000 }, heldFor: async () => 0n };

function order(own: TestValidator, { model = MODEL, modelRoot = NAMED, livesMs = 120_000 } = {}): TestOrder {
  return createTestOrder({
    ...{ payer, ledger, provider, validator: own.signer.address, index: 0, epoch: own.archive.latest().epoch },
    ...{ expiresAtMs: own.clock.nowMs() + livesMs, model, bend: { modelRoot } },
  });
}

async function deliver(four: Four, bend: Partial<ServeInput> = {}, asked?: Parameters<typeof order>[1]) {
  const admitted = order(four.own, asked);
  await four.own.intake.admit(admitted);
  const reply = four.own.serve(admitted, { said: 'counted', ...bend });
  await four.own.intake.pushRecord(reply.submission);
  return { order: admitted, reply, replyId: admitted.fields.replyId };
}

async function decide(four: Four) {
  await four.certifyAll();
  await four.own.runAudits();
  return four.own.decided;
}

describe('a reply of tier vanilla', () => {
  it('is paid without an audit, whatever the coverage and however little its provider holds', async () => {
    const four = await createFour(ALWAYS);
    const { replyId } = await deliver(four);
    expect(await decide(four)).toMatchObject([
      { verdict: 'unaudited', evidence: 'none', feeAtomic: 86_000n, verifiers: [] },
    ]);
    // Co-signers, who hold their peer to full coverage, sign it all the same.
    expect(await four.own.settlement.step()).toBe(true);
    expect(four.own.find(replyId)).toMatchObject({ state: 'settled', verdict: 'unaudited' });
  });

  it('is taken and paid only of a key that has to lose what the tier asks for', async () => {
    const tierStakes = new Map([['vanilla', 100n]]);
    const holding = (tokens: bigint): Pick<BenchOptions, 'heldFor'> => ({ heldFor: async () => tokens * 10n ** 18n });
    const enough = await createFour({ ...ALWAYS, tierStakes, ...holding(100n) });
    const { replyId } = await deliver(enough);
    await decide(enough);
    expect(await enough.own.settlement.step()).toBe(true);
    expect(enough.own.find(replyId)).toMatchObject({ state: 'settled' });

    const poor = await createFour({ ...ALWAYS, tierStakes, ...holding(99n) });
    await expect(deliver(poor)).rejects.toThrow(
      'stake: tier vanilla takes 100 whole tokens to lose, and its provider had 99',
    );
    // It came, so it is over: nothing is owed, and nobody waits for it.
    const row = poor.own.store.prepare('SELECT state, verdict FROM replies').get();
    expect(row).toEqual({ state: 'refused', verdict: null });
    await poor.own.runAbandonments();
    expect(poor.own.decided).toEqual([]);
    // A network that holds nothing has nobody for it.
    await expect(deliver(await createFour({ tierStakes }))).rejects.toThrow('its provider had 0');
    const down = await createFour({ ...ALWAYS, tierStakes, heldFor: () => Promise.reject(new Error('down')) });
    await expect(deliver(down)).rejects.toThrow("[unavailable] the provider's held earnings cannot be read");
    // Another tier asks for nothing.
    await deliver(await createFour({ ...ALWAYS, tierStakes: new Map([['verified', 100n]]), ...holding(0n) }));
  });

  it.each([
    ['by this validator and its witnesses', true],
    ['by a witness alone', false],
  ])('ends unpaid, and not as abandoned, if its poor provider shows its record when asked %s', async (_, isOwn) => {
    let shown: HandedReply | undefined;
    const four = await createFour((index) => ({
      ...{ ...ALWAYS, tierStakes: new Map([['vanilla', 100n]]) },
      async showRecord() {
        if (shown === undefined || (index === 0 && !isOwn)) throw createRefused('no such record');
        return shown;
      },
    }));
    // Its gateway asked nobody what the provider has to lose.
    const admitted = order(four.own);
    await four.own.intake.admit(admitted);
    await four.certifyAll();
    shown = four.own.serve(admitted, { said: 'counted' }).submission;
    four.clock.advance(200_000);
    const [peer] = four.peers as [TestValidator];
    const ask = { order: admitted, asked: 'record', consent: admitted.consent } as const;
    expect(await peer.witness(four.own.signer.address, ask)).toMatchObject({ kind: 'record' });
    await four.own.runAbandonments();
    expect(four.own.decided).toEqual([]);
    expect(four.own.find(admitted.fields.replyId)).toMatchObject({ state: 'refused' });
    const channel = four.own.store.read(() => readChannel(four.own.store, payer.address));
    expect(channel).toMatchObject({ owed: 0n, outstanding: 0n });
  });

  it('is not begun at a key that has less than the tier asks for, by the time of its order', async () => {
    const start = createTestClock().nowMs();
    const heldFor: BenchOptions['heldFor'] = async (_account, orderedMs) =>
      orderedMs < start - 500_000 ? 100n * 10n ** 18n : 100n * 10n ** 18n - 1n;
    const four = await createFour({ ...ALWAYS, tierStakes: new Map([['vanilla', 100n]]), heldFor });
    const { own } = four;
    const offered = {
      contextSize: 4096,
      modality: 'text',
      numericClass: '',
      capacity: 1,
      freeCapacity: 1,
      pricePer1kAtomic: 1n,
    };
    await own.announce(provider, { models: [{ ...offered, modelId: MODEL, modelRoot: NAMED }], sequence: 2n });
    const asked = (livesMs: number) => order(own, { livesMs });
    await expect(own.intake.admit(asked(100_001))).rejects.toThrow(
      '[failed_precondition] tier vanilla takes 100 whole tokens to lose, and its provider had 99',
    );
    expect(own.store.prepare('SELECT count(*) AS n FROM replies').get()).toEqual({ n: 0 });
    // One moment before, its stake of a period was still there, whatever the time is when its record comes.
    const early = asked(99_999);
    await own.intake.admit(early);
    own.clock.advance(90_000);
    await own.intake.pushRecord(own.serve(early, { said: 'counted' }).submission);
    expect(own.find(early.fields.replyId)).toMatchObject({ state: 'recorded' });
  });

  it('is signed by nobody if its validator looked away from what the tier asks for', async () => {
    const careless = await createFour({ ...ALWAYS, cosign: { tierStakes: new Map([['vanilla', 100n]]) } });
    const { replyId } = await deliver(careless);
    await decide(careless);
    while (await careless.own.settlement.step());
    expect(careless.own.find(replyId)).toMatchObject({ state: 'refused' });
    expect(careless.chain.settled).toEqual([]);
  });

  it('is paid as far as its payer hands in, if its provider died', async () => {
    const four = await createFour({ ...ALWAYS, getOpening: async () => Promise.reject(new Error('it is dead')) });
    const admitted = order(four.own);
    await four.own.intake.admit(admitted);
    const part = four.own.serve(admitted, {
      said: 'counted',
      bend: {
        header: (header) => ({ ...header, stopReason: 'cancelled', promptTokenCount: 0 }),
        record: (record) => ({ ...record, isMilestone: true }),
      },
    });
    const left = { payer, ledger, bend: { textBytes: part.reply.response.length, hasLeft: true } };
    await four.own.intake.pushMilestone(submitWithProgress(admitted, part, left), part.reply.openingBytes);
    four.own.clock.advance(200_000);
    await four.own.runAudits();
    const [decided] = await decide(four);
    expect(decided).toMatchObject({ verdict: 'unaudited', evidence: 'none', fineAtomic: 0n });
    // 40 tokens, and no prompt.
    expect(decided?.feeAtomic).toBe(80_000n);
    expect(await four.own.settlement.step()).toBe(true);
    expect(four.own.find(admitted.fields.replyId)).toMatchObject({ state: 'settled', verdict: 'unaudited' });
  });

  it('is never accepted, nor left unjudged: co-signers refuse what says so', async () => {
    const four = await createFour(ALWAYS);
    const { reply } = await deliver(four);
    await decide(four);
    const sent = await proposeUnheard(four);
    const [peer] = four.peers as [TestValidator];
    const opening = reply.reply.openingBytes;
    const evidence = encodeEvidence({ kind: 'audit', opening, drift: undefined, lists: [[]], attempts: [] });
    for (const verdict of ['accept', 'inconclusive', 'unjudged'] as const) {
      const message = structuredClone(sent);
      for (const entry of message.entries) entry.evidence = evidence;
      const claim = {
        verdict,
        evidenceHash: crypto.sha256(evidence),
        ...(verdict !== 'accept' && { feeAtomic: 0n }),
      };
      const bent = await rebuild(four.own, message, on('unaudited', claim), (same) => same);
      await expect(peer.cosigner.cosign(four.own.signer.address, bent), verdict).rejects.toThrow(
        /nobody has anything to compare/,
      );
    }
    const honest = await rebuild(four.own, structuredClone(sent), on('unaudited', {}), (same) => same);
    await peer.cosigner.cosign(four.own.signer.address, honest);
  });

  it('is opened if its payer asks for it, and paid if its bytes hold together', async () => {
    const four = await createFour(ALWAYS);
    const { order: admitted } = await deliver(four);
    await four.own.complain({
      ...{ order: { order: admitted.order, signature: admitted.signature }, reason: 'x' },
      ...{ opening: undefined, record: undefined },
    });
    expect(await decide(four)).toMatchObject([{ verdict: 'unaudited', feeAtomic: 86_000n }]);
    expect(await four.own.settlement.step()).toBe(true);
  });

  it('pays nothing if its opening contradicts its record, and ejects its provider', async () => {
    const four = await createFour(ALWAYS);
    // The windows hold tokens that the header does not hash.
    const bend = { header: (header: object) => ({ ...header, outputTokensHash: new Uint8Array(32).fill(1) }) };
    const { order: admitted, reply } = await deliver(four, { bend: bend as never });
    const complaint = {
      ...{ order: { order: admitted.order, signature: admitted.signature }, reason: 'token-count' },
      ...{ opening: reply.reply.openingBytes, record: reply.submission.record },
    };
    expect(await four.own.complain(complaint)).toMatchObject({ outcome: 'upheld' });
    expect(four.own.decided).toMatchObject([{ verdict: 'reject', evidence: 'exact', ejects: true, feeAtomic: 0n }]);
  });
});

describe('a record is refused at intake', () => {
  it.each<[what: string, bend: Partial<ServeInput>, asked: Parameters<typeof order>[1], words: RegExp]>([
    ['under an order for verified', {}, { model: 'ogong/verified/test/synthetic' }, /sampler: .*tier/],
    ['with a root of weights', {}, { modelRoot: new Uint8Array(32).fill(0x4d) }, /another root than that of the name/],
    [
      'with the method of another tier',
      { bend: { header: (header) => ({ ...header, method: 'draw-replay' }) } },
      {},
      /posture: tier vanilla is checked by signature/,
    ],
    ['with more tokens than bytes', { text: 'short' }, {}, /response-size: 40 tokens are billed for 5 bytes/],
  ])('%s', async (_what, bend, asked, words) => {
    const four = await createFour(ALWAYS);
    await expect(deliver(four, bend, asked)).rejects.toThrow(words);
  });
});
