import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SQLInputValue } from 'node:sqlite';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashRecord } from '@ogong/protocol/commitment/record';
import { signEnd } from '@ogong/protocol/exchange/ending/order-end';
import { OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import { signConsent } from '@ogong/protocol/exchange/order-consent';
import { verifySilence } from '@ogong/protocol/exchange/silence';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import type { EndedOrder, Submission } from '@ogong/protocol/verdict/claim';
import { type Evidence, encodeEvidence, parseEvidence } from '@ogong/protocol/verdict/evidence';
import {
  createRefused,
  createTestValidator,
  ledger,
  provider,
  type TestValidator,
} from '@ogong/testing/validator/test-bench';
import { createFour } from '@ogong/testing/validator/test-four';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import { flip, inVerdict, on, proposeUnheard, rebuild } from '@ogong/testing/validator/test-proposal';
import type { TestOrder } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';
import type { AcceptedRecord } from './accepted-record.ts';
import type { WitnessAsk } from './answer-witness.ts';

type AbandonedEvidence = Extract<Evidence, { readonly kind: 'abandoned' }>;

/**
 * Four validators of whom the first has admitted an order that has expired. `shown` contains the data that its provider
 * can show.
 */
async function createExpired() {
  const shown = new Map<string, Submission | EndedOrder | AcceptedRecord>();
  const four = await createFour({
    async showRecord(_provider, replyId) {
      const found = shown.get(toHex(replyId));
      if (found === undefined) throw createRefused('no such record');
      return found;
    },
  });
  const order = four.own.order(0);
  await four.own.intake.admit(order);
  await four.certifyAll();
  const ask: WitnessAsk = { order, asked: 'record', consent: order.consent };
  return { ...four, order, ask, shown };
}

const endOf = (order: TestOrder, signer = provider): EndedOrder => ({
  order,
  end: signEnd(signer, { orderHash: order.fields.orderHash, code: 'machine-failed', timeMs: 1_750_000_000_000 }),
});

const find = (four: { readonly own: TestValidator; readonly order: TestOrder }) =>
  four.own.find(four.order.fields.replyId);

describe('a reply that was not handed in', () => {
  it('is accepted and audited if a witness, or this validator, receives its record', async () => {
    const four = await createExpired();
    four.clock.advance(200_000);
    await four.own.runAudits();
    const { submission } = four.own.serve(four.order);
    four.shown.set(toHex(four.order.fields.replyId), submission);
    four.clock.advance(10_000);
    await four.own.runAudits();
    expect(find(four)).toMatchObject({ state: 'recorded', feeAtomic: 86_000n });
    await four.own.runSittings();
    expect(four.own.decided).toMatchObject([]);
    await four.own.certifyUpTo(16n);
    await four.own.runSittings();
    expect(four.own.decided).toMatchObject([{ verdict: 'accept', beaconEpoch: 16n }]);
  });

  it('is accepted if only a witness receives its record', async () => {
    const four = await createExpired();
    const { submission } = four.own.serve(four.order);
    const peer = four.peers[1] as TestValidator;
    peer.witnessing.inquirer.ask = async () => ({ kind: 'record', submission });
    four.clock.advance(200_000);
    await four.own.runAudits();
    expect(find(four)).toMatchObject({ state: 'recorded' });
  });

  it.each(['this validator', 'a witness alone'])('is ended if its provider shows its end to %s', async (asker) => {
    const four = await createExpired();
    const ended = endOf(four.order);
    if (asker === 'this validator') four.shown.set(toHex(four.order.fields.replyId), ended);
    else (four.peers[1] as TestValidator).witnessing.inquirer.ask = async () => ({ kind: 'record', submission: ended });
    four.clock.advance(200_000);
    await four.own.runAudits();
    expect(four.own.decided).toMatchObject([{ verdict: 'unjudged', fineAtomic: 0n, feeAtomic: 0n }]);
    while (await four.own.settlement.step());
    expect(four.own.refusals).toEqual([]);
    expect(find(four)).toMatchObject({ state: 'settled' });
  });

  it.each<[string, (order: TestOrder, other: TestOrder) => EndedOrder]>([
    ['of another order', (order, other) => ({ ...endOf(other), order })],
    ['of another key', (order) => endOf(order, createTestHybrid('stranger'))],
    ['that cannot be read', (order) => ({ order, end: { ...endOf(order).end, end: new Uint8Array(3) } })],
  ])('is abandoned if its provider shows an end %s', async (_name, make) => {
    const four = await createExpired();
    four.shown.set(toHex(four.order.fields.replyId), make(four.order, four.own.order(1)));
    await four.own.runAbandonments();
    expect(four.own.decided).toMatchObject([{ verdict: 'abandoned' }]);
  });

  it.each([
    ['is not abandoned where its provider has the receipt of this validator', false, ''],
    ['is abandoned where the receipt is none', true, 'abandoned'],
  ])('%s', async (_name, isForged, verdict) => {
    const four = await createExpired();
    const { own, order } = four;
    const { submission } = own.serve(order);
    const recordHash = hashRecord(crypto, submission.record.record);
    const { orderHash } = order.fields;
    const word = { orderHash, recordHash: isForged ? orderHash : recordHash, epoch: 1n };
    const signature = await own.signer.sign({
      ...{ kind: 'intake', domain: ledger, validator: own.signer.address },
      ...word,
    });
    four.shown.set(toHex(order.fields.replyId), { recordHash, intake: { epoch: 1n, signature } });
    await own.runAbandonments();
    expect(own.decided.map((entry) => entry.verdict)).toEqual(verdict === '' ? [] : [verdict]);
    const [peer] = four.peers as [TestValidator];
    const answer = await peer.witness(own.signer.address, four.ask);
    expect(answer.kind).toBe(isForged ? 'silence' : 'taken');
  });

  it('is no reply if what is shown is another one than was ordered', async () => {
    const four = await createExpired();
    const { submission } = four.own.serve(four.own.order(1));
    four.shown.set(toHex(four.order.fields.replyId), submission);
    await four.own.runAbandonments();
    expect(four.own.decided).toMatchObject([{ verdict: 'abandoned' }]);
  });

  it('waits for witnesses that cannot be asked, and others are logged meanwhile', async () => {
    const four = await createExpired();
    for (const peer of four.peers.slice(1)) peer.witnessing.inquirer.ask = () => Promise.reject(new Error('away'));
    await four.own.runAbandonments();
    expect(four.own.decided).toEqual([]);
    await four.own.deliver(1);
    await four.own.certify();
    await four.own.runSittings();
    expect(four.own.decided).toMatchObject([{ verdict: 'accept' }]);
  });

  it('is unjudged, and counts against nobody, if nobody asked while it had to be kept', async () => {
    const four = await createExpired();
    four.clock.advance(OPENING_KEPT_MS + 200_000);
    await four.own.runAbandonments();
    expect(four.own.decided).toMatchObject([{ verdict: 'unjudged', evidence: 'none', feeAtomic: 0n }]);
    while (await four.own.settlement.step());
    expect(find(four)).toMatchObject({ state: 'settled' });
  });
});

describe('a witness', () => {
  it('signs that it was told nothing only after it has asked long enough, and never anything else', async () => {
    const four = await createExpired();
    const [peer] = four.peers as [TestValidator];
    four.clock.advance(200_000);
    expect(await peer.witness(four.own.signer.address, four.ask)).toEqual({ kind: 'waiting' });
    await four.own.runAbandonments();
    const answer = await peer.witness(four.own.signer.address, four.ask);
    if (answer.kind !== 'silence') throw new Error(answer.kind);
    const { orderHash, providerId: target } = four.order.fields;
    const silence = { witness: peer.signer.address, validator: four.own.signer.address, orderHash, target };
    const about = { ...silence, subject: new Uint8Array(32), asked: 'record' as const, ...answer };
    expect(verifySilence(peer.witnessing.crypto, { ledger, signingKey: peer.signer.signingKey }, about)).toBe(true);
    four.shown.set(toHex(four.order.fields.replyId), four.own.serve(four.order).submission);
    four.clock.advance(600_000);
    expect(await peer.witness(four.own.signer.address, four.ask)).toEqual(answer);
  });

  it('continues after a restart, with what it has on its disk', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'ogong-witness-'));
    const path = join(directory, 'witness.db');
    const four = await createExpired();
    const members = () => [four.own, ...four.peers];
    const start = () => {
      const one = createTestValidator({
        index: 1,
        path,
        clock: four.clock,
        members,
        showRecord: async () => Promise.reject(createRefused('none')),
      });
      return one;
    };
    let peer = start();
    await peer.announce(provider);
    await peer.certify();
    four.clock.advance(200_000);
    let rounds = 0;
    let answer = await peer.witness(four.own.signer.address, four.ask);
    for (; answer.kind === 'waiting' && rounds < 60; rounds++) {
      await peer.close();
      peer = start();
      four.clock.advance(7_500);
      answer = await peer.witness(four.own.signer.address, four.ask);
    }
    expect(answer).toMatchObject({ kind: 'silence', isRefused: true, epoch: 4n });
    expect(rounds).toBeGreaterThanOrEqual(4);
    await peer.close();
    peer = start();
    expect(await peer.witness(four.own.signer.address, four.ask)).toEqual(answer);
    await peer.close();
    rmSync(directory, { recursive: true });
  });

  it('asks for nobody but the validator that the order names, and only after the order has expired', async () => {
    const { own, peers, clock, ask } = await createExpired();
    const [peer, other] = peers as [TestValidator, TestValidator];
    await expect(peer.witness(own.signer.address, ask)).rejects.toThrow('not expired yet');
    clock.advance(200_000);
    await expect(peer.witness(other.signer.address, ask)).rejects.toThrow('names another validator');
    await expect(own.witness(own.signer.address, ask)).rejects.toThrow('did not draw this validator');
    // Nobody reads this request. The refusal names the draw, so the job was not parsed before it.
    const job = { request: Uint8Array.of(0x7b), endpoint: 'chat' } as ScoreJobMessage;
    const verifierId = new Uint8Array(32).fill(1);
    const asked = { order: ask.order, asked: 'commitment', verifierId, keyHash: verifierId, job } as const;
    await expect(own.witness(own.signer.address, asked)).rejects.toThrow('did not draw this validator');
  });

  it('asks nothing about an order that its payer or its provider has not signed', async () => {
    const { own, peers, clock, order } = await createExpired();
    const [peer] = peers as [TestValidator];
    clock.advance(200_000);
    const consent = signConsent(createTestHybrid('stranger'), order.fields);
    const asked = { order, asked: 'record', consent } as const;
    await expect(peer.witness(own.signer.address, asked)).rejects.toThrow('has not agreed');
    const forged = { ...asked, order: { ...order, signature: flip(order.signature) }, consent: order.consent };
    await expect(peer.witness(own.signer.address, forged)).rejects.toThrow('not signed by its payer');
  });
});

describe('a co-signer of a reply that is called abandoned', () => {
  async function proposeAbandoned() {
    const four = await createExpired();
    await four.own.runAbandonments();
    const request = await proposeUnheard(four);
    const [peer] = four.peers as [TestValidator];
    const evidence = parseEvidence(request.entries[0]!.evidence) as AbandonedEvidence;
    const cosign = async (change: Partial<AbandonedEvidence>, entryChange = {}) => {
      const bytes = encodeEvidence({ ...evidence, ...change } as AbandonedEvidence);
      const evidenceHash = peer.witnessing.crypto.sha256(bytes);
      const bent = await rebuild(
        four.own,
        structuredClone(request),
        on('abandoned', { evidenceHash, ...entryChange }),
        (same) => same,
      );
      inVerdict('abandoned', (entry) => Object.assign(entry, { evidence: bytes }))(bent);
      return peer.cosigner.cosign(four.own.signer.address, bent);
    };
    return { ...four, peer, request, evidence, cosign };
  }

  it('signs what the witnesses say', async () => {
    const { cosign, evidence } = await proposeAbandoned();
    expect(evidence.statements.length).toBeGreaterThanOrEqual(2);
    expect((await cosign({})).signature).toHaveLength(65);
  });

  it('refuses too few statements, and forged ones', async () => {
    const { cosign, evidence } = await proposeAbandoned();
    const [first, second] = evidence.statements as [(typeof evidence.statements)[0], (typeof evidence.statements)[0]];
    await expect(cosign({ statements: [] })).rejects.toThrow('not enough');
    await expect(cosign({ statements: [first] })).rejects.toThrow('not enough');
    const forged = { ...second, signature: flip(second.signature) };
    await expect(cosign({ statements: [first, forged] })).rejects.toThrow('did not sign this');
    const timed = { ...second, timeMs: second.timeMs - OPENING_KEPT_MS };
    await expect(cosign({ statements: [first, timed] })).rejects.toThrow('proves nothing about the provider');
    const late = { ...second, timeMs: second.timeMs + OPENING_KEPT_MS };
    await expect(cosign({ statements: [first, late] })).rejects.toThrow('proves nothing about the provider');
  });

  it('refuses it if it was shown the record itself, against the claims of others', async () => {
    const { cosign, peer } = await proposeAbandoned();
    peer.store.prepare("UPDATE witnessed SET outcome = 'found'").run();
    await expect(cosign({})).rejects.toThrow('received the data that the entry calls missing');
  });

  it('cannot tell if it does not know the validators of the epoch', async () => {
    const { cosign, peer } = await proposeAbandoned();
    Object.assign(peer.cosigning, { findMembers: async () => undefined });
    await expect(cosign({})).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('a co-signer of a reply whose opening is called withheld', () => {
  /** @param shown data that the co-signer received before, as a witness. */
  async function proposeWithheld(shown: 'record' | 'opening' | undefined) {
    const four = await createFour({ getOpening: async () => Promise.reject(createRefused('no opening')) });
    const { own, peers } = four;
    const { replyId } = (await own.deliver(0)).reply.record;
    await four.certifyAll();
    for (let round = 0; round < 60 && own.decided.length === 0; round++) {
      four.clock.advance(10_000);
      await own.runAudits();
    }
    expect(own.decided).toMatchObject([{ verdict: 'reject', step: 'late' }]);
    const [peer] = peers as [TestValidator];
    const sql = 'SELECT * FROM witnessed WHERE reply_id = ?';
    const row = peer.store.prepare(sql).get(replyId) as Record<string, SQLInputValue>;
    expect(row).toMatchObject({ asked: 'opening', outcome: 'refused' });
    if (shown === 'opening') peer.store.prepare("UPDATE witnessed SET outcome = 'found'").run();
    if (shown === 'record') {
      const found = { ...row, asked: 'record', subject: new Uint8Array(32), outcome: 'found' };
      const names = Object.keys(found);
      const values = names.map(() => '?').join();
      peer.store.prepare(`INSERT INTO witnessed (${names.join()}) VALUES (${values})`).run(...Object.values(found));
    }
    const request = await proposeUnheard(four);
    return () => peer.cosigner.cosign(own.signer.address, request);
  }

  it.each([
    ['nothing', undefined],
    ['the record: its opening is another thing', 'record'],
  ] as const)('signs if it was shown %s', async (_, shown) => {
    const cosign = await proposeWithheld(shown);
    expect((await cosign()).signature).toHaveLength(65);
  });

  it('refuses it if it was shown the opening itself', async () => {
    const cosign = await proposeWithheld('opening');
    await expect(cosign()).rejects.toThrow('received the data that the entry calls missing');
  });
});
