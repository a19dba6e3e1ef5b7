import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { ScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { listVerifierIds, type VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { type AuditEvidence, parseEvidence } from '@ogong/protocol/verdict/evidence';
import { openReply } from '@ogong/protocol/verdict/opened-reply';
import {
  type BenchOptions,
  createTestClock,
  createTestValidator,
  ejectProvider,
  payer,
  provider,
  providerId,
  type TestValidator,
} from '@ogong/testing/validator/test-bench';
import { answerHonestly, type TestVerifiers } from '@ogong/testing/validator/test-calls';
import { testCrypto } from '@ogong/testing/validator/test-crypto';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import type { ServeInput, TestReply } from '@ogong/testing/validator/test-reply';
import { FAR } from '@ogong/testing/validator/test-scores';
import { describe, expect, it } from 'vitest';
import { readChannel } from '../store/channel-store.ts';
import { readProvider } from '../store/verdict-store.ts';

const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte));
const idOf = (name: string): string => toHex(hashHybridKey(crypto, createTestHybrid(name).publicKey));
/** Swaps the drawn token for another one, as decoding with a cheaper model would. */
const cheat: Partial<ServeInput> = {
  bend: { row: (row, i) => (i === 7 ? { ...row, rank: (row.rank + 1) % 20 } : row) },
};

/** A validator whose verifiers are called v1, v2, ... and behave as named. */
async function createAudited(
  behaviour: Readonly<Record<string, 'honest' | 'garbage' | 'silent' | Partial<ScoreReport>>>,
  options: BenchOptions = {},
) {
  const served = new Map<string, TestReply>();
  const asked: string[] = [];
  const verifiers: TestVerifiers = async (peer, job) => {
    const name = String(peer.endpoint).replace(/:1$/, '');
    asked.push(name);
    const how = behaviour[name];
    if (how === 'silent') throw new Error('no answer');
    const bend = how === 'garbage' ? { windows: [] } : how === 'honest' ? {} : how;
    return answerHonestly(served, bend)(peer, job);
  };
  const validator = createTestValidator({ verifiers, ...options });
  await validator.announce(provider);
  for (const name of Object.keys(behaviour)) await validator.announceVerifier(name);
  return {
    validator,
    asked,
    async audit(number: number, bend: Parameters<typeof validator.deliver>[1] = {}) {
      const reply = await validator.deliver(number, bend);
      served.set(toHex(reply.reply.record.replyId), reply);
      await validator.certify();
      await validator.runAudits();
      await validator.runSittings();
      return { reply, row: validator.find(reply.reply.record.replyId) };
    },
  };
}

describe('selection', () => {
  it('waits for the beacon of a later epoch than that of the intake', async () => {
    const validator = createTestValidator({ audit: { alphaPpm: () => 0 } });
    await validator.certify();
    const { reply } = await validator.deliver(0);
    await validator.runAudits();
    expect(validator.find(reply.record.replyId)).toMatchObject({ state: 'recorded', intakeEpoch: 4n });
    await validator.certify();
    await validator.runAudits();
    expect(validator.decided).toMatchObject([{ verdict: 'unaudited', beaconEpoch: 8n, feeAtomic: 86_000n }]);
  });

  it('is fixed by the order, not by the arrival of the record: a late record is audited at any coverage', async () => {
    const validator = createTestValidator({ audit: { alphaPpm: () => 0 } });
    const order = validator.order(0);
    await validator.intake.admit(order);
    const { submission } = validator.serve(order);
    await validator.certify();
    await validator.intake.pushRecord(submission);
    const replyId = order.fields.replyId;
    for (let i = 0; i < 2; i++) {
      await validator.certify();
      await validator.audit.tick();
      expect(validator.find(replyId).state).toBe('recorded');
    }
    await validator.certify();
    await validator.audit.tick();
    expect(validator.find(replyId)).toMatchObject({ state: 'auditing', beaconEpoch: 16n });
    await validator.close();
  });

  it('audits what a complaint asks for, whatever the beacon says', async () => {
    const validator = createTestValidator({ audit: { alphaPpm: () => 0 } });
    const { submission, reply } = await validator.deliver(0);
    const order = { order: submission.order.order, signature: submission.order.signature };
    await validator.complain({ order, reason: 'opening-withheld', opening: undefined, record: undefined });
    await validator.certify();
    await validator.audit.tick();
    expect(validator.find(reply.record.replyId).state).toBe('auditing');
    await validator.close();
  });

  it('audits what a complaint asks for while the chain is read for the draw', async () => {
    let complain: (() => Promise<unknown>) | undefined;
    const validator = createTestValidator({
      audit: { alphaPpm: () => 0 },
      heldFor: async () => void (await complain?.()),
    });
    const { submission, reply } = await validator.deliver(0);
    const order = { order: submission.order.order, signature: submission.order.signature };
    await validator.certify();
    complain = () => validator.complain({ order, reason: 'opening-withheld', opening: undefined, record: undefined });
    await validator.audit.tick();
    expect(validator.find(reply.record.replyId).state).toBe('auditing');
    await validator.close();
  });

  it('goes on with an opening that the payer hands over, and runs stage 1 on it once', async () => {
    let hashes: string[] = [];
    const sha256: Crypto['sha256'] = (...parts) => {
      const hash = testCrypto.sha256(...parts);
      hashes.push(toHex(hash));
      return hash;
    };
    const counting = { ...testCrypto, sha256 };
    const validator = createTestValidator({ audit: { alphaPpm: () => 0 }, crypto: counting });
    const { submission, reply } = await validator.deliver(0);
    const order = { order: submission.order.order, signature: submission.order.signature };
    await validator.complain({ order, reason: 'opening-withheld', opening: undefined, record: undefined });
    await validator.certify();
    await validator.audit.tick();
    hashes = [];
    openReply(counting, reply.record, reply.openingBytes);
    const stage1 = hashes;
    hashes = [];
    const handed = { order, reason: 'opening-withheld', opening: reply.openingBytes, record: submission.record };
    const outcome = { outcome: 'noted', detail: 'the audit goes on with this opening' };
    expect(await validator.complain(handed)).toEqual(outcome);
    // A second run would compute each of its hashes again.
    expect(Math.min(...stage1.map((hash) => hashes.filter((other) => other === hash).length))).toBe(1);
    await validator.close();
  });
});

const creditedIn = (entry: VerdictEntry | undefined): string[] =>
  listVerifierIds(entry as VerdictEntry, 'credited').map(toHex);

describe('an audit', () => {
  it('accepts what a verifier of another payee reproduces', async () => {
    const { validator, audit } = await createAudited({ v1: 'honest' });
    const { row } = await audit(0);
    expect(row).toMatchObject({ state: 'decided', verdict: 'accept', opening: undefined });
    expect(validator.decided).toMatchObject([
      { evidence: 'exact', feeAtomic: 86_000n, ejects: false, beaconEpoch: 4n },
    ]);
    expect(creditedIn(validator.decided[0])).toEqual([idOf('v1')]);
    expect(readProvider(validator.store, providerId)).toMatchObject({ audits: 1, rejects: 0 });
  });

  it('marks a verifier that sends garbage and draws another one', async () => {
    const { validator, asked, audit } = await createAudited({ v1: 'garbage', v2: 'garbage', v3: 'honest' });
    const { row } = await audit(0);
    expect(row.verdict).toBe('accept');
    const bad = asked.filter((name) => name !== 'v3');
    const marks = validator.store
      .prepare('SELECT verifier_id, marks, last_reason FROM verifiers WHERE marks > 0 AND length(verifier_id) = 32')
      .all();
    expect(marks.map((mark) => toHex(mark.verifier_id as Uint8Array)).sort()).toEqual(bad.map(idOf).sort());
    expect(new Set(asked).size).toBe(asked.length);
  });

  it('continues with further audit attempts while verifiers are silent, and refunds the payer if none ever answers', async () => {
    const { validator, asked, audit } = await createAudited({ v1: 'silent', v2: 'silent' });
    const { row } = await audit(0);
    expect(asked.sort()).toEqual([...Array(8).fill('v1'), ...Array(8).fill('v2')]);
    expect(row.verdict).toBe('unjudged');
    expect(validator.decided).toMatchObject([{ evidence: 'none', feeAtomic: 0n, ejects: false }]);
    expect(readProvider(validator.store, providerId)).toMatchObject({ audits: 0, rejects: 0 });
    expect(readChannel(validator.store, payer.address)).toMatchObject({ owed: 0n, outstanding: 0n });
  });

  it('asks a second verifier before it rejects, and never rejects on one report while another verifier is left', async () => {
    const { validator, asked, audit } = await createAudited({ v1: FAR, v2: FAR });
    const { row } = await audit(0);
    expect([asked.sort(), row.verdict]).toEqual([['v1', 'v2'], 'reject']);
    expect(validator.decided).toMatchObject([{ evidence: 'statistical', feeAtomic: 0n }]);
    expect(readChannel(validator.store, payer.address)).toMatchObject({ owed: 0n, outstanding: 0n });
  });

  it('asks a third verifier if an exact accept contradicts a reject, and marks the refuted one', async () => {
    const lie = { responseHash: new Uint8Array(32) };
    let contested = 0;
    for (let number = 0; number < 4; number++) {
      const behaviour = { v1: lie, v2: 'honest', v3: 'honest' } as const;
      // A honeypot would be one call more.
      const { validator, asked, audit } = await createAudited(behaviour, { audit: { honeypotPpm: 0 } });
      const { row } = await audit(number);
      expect(row.verdict).toBe('accept');
      const isContested = asked.includes('v1');
      if (isContested) contested++;
      const { attempts } = parseEvidence(row.evidence as Uint8Array) as AuditEvidence;
      expect(asked.length).toBe(isContested ? 3 : attempts.filter(({ round }) => round === 0).length);
      const marks = validator.store
        .prepare('SELECT verifier_id FROM verifiers WHERE marks > 0 AND length(verifier_id) = 32')
        .all();
      expect(marks.map((mark) => toHex(mark.verifier_id as Uint8Array))).toEqual(isContested ? [idOf('v1')] : []);
      expect(creditedIn(validator.decided[0])).not.toContain(idOf('v1'));
      const refuted = listVerifierIds(validator.decided[0] as VerdictEntry, 'refuted').map(toHex);
      expect(refuted).toEqual(isContested ? [idOf('v1')] : []);
    }
    expect(contested).toBeGreaterThan(0);
  });

  it('believes neither of two that contradict each other if nobody else can be asked, and marks nobody', async () => {
    const { validator, asked, audit } = await createAudited({ v1: { responseHash: new Uint8Array(32) }, v2: 'honest' });
    const verdicts = [];
    for (let number = 0; number < 4; number++) verdicts.push((await audit(number)).row.verdict);
    expect(asked).toContain('v1');
    expect(new Set(verdicts)).toEqual(new Set(['accept', 'unjudged']));
    expect(
      validator.store.prepare('SELECT count(*) AS n FROM verifiers WHERE marks > 0 AND length(verifier_id) = 32').get()
        ?.n,
    ).toBe(0);
  });

  it('treats a difference that two exact verifiers confirm as exact once a third repeats it in a later audit attempt', async () => {
    const served = await createAudited({}).then(({ validator }) => validator.deliver(0));
    const windows = served.reply.opening.windows.map(
      (window: WindowBytes): WindowBytes => ({ ...window, sketch: flip(window.sketch) }),
    );
    const two = await createAudited({ v1: { windows }, v2: { windows } });
    await two.audit(0);
    expect(two.validator.decided).toMatchObject([{ verdict: 'reject', evidence: 'statistical', feeAtomic: 0n }]);
    const { validator, audit } = await createAudited({ v1: { windows }, v2: { windows }, v3: { windows } });
    const { row } = await audit(0);
    expect(validator.decided).toMatchObject([{ verdict: 'reject', evidence: 'exact', ejects: true }]);
    const { attempts } = parseEvidence(row.evidence as Uint8Array) as AuditEvidence;
    expect(attempts.map(({ sitting }) => sitting)).toEqual([0, 0, 1]);
  });

  it('rejects and ejects at once on an opening that refutes the record, without a verifier', async () => {
    const { validator, asked, audit } = await createAudited({ v1: 'honest' });
    await audit(0, cheat);
    expect(asked).toEqual([]);
    expect(validator.decided).toMatchObject([{ verdict: 'reject', evidence: 'exact', ejects: true, feeAtomic: 0n }]);
    await expect(validator.intake.admit(validator.order(1))).rejects.toThrow('ejected');
  });

  it('ejects on scores only once the sequential test crosses', async () => {
    const { validator, audit } = await createAudited({ v1: FAR, v2: FAR, v3: FAR });
    for (let number = 0; number < 3; number++) await audit(number);
    expect(validator.decided.map(({ verdict, ejects }) => [verdict, ejects])).toEqual([
      ['reject', false],
      ['reject', false],
      ['reject', true],
    ]);
  });

  it.each([
    ['alone', { v1: FAR }],
    ['and another', { v1: FAR, v2: FAR }],
    ['and another, where a third is silent', { v1: FAR, v2: FAR, v3: 'silent' }],
  ] as const)('takes the fee and not the name on the scores of one verifier %s', async (_what, behaviour) => {
    const { validator, audit } = await createAudited(behaviour, { audit: { pairPpm: 1_000_000 } });
    for (let number = 0; number < 4; number++) await audit(number);
    const isUnproven = { verdict: 'reject', evidence: 'statistical', feeAtomic: 0n, step: 'none', ejects: false };
    expect(validator.decided).toMatchObject(Array(4).fill(isUnproven));
  });

  it('never asks the provider itself, verifiers of its payee, or ejected ones', async () => {
    const { validator, asked, audit } = await createAudited({}, { clock: createTestClock(100) });
    const verifier = { endpoint: 'v1:1', certHash: new Uint8Array(32) };
    await validator.announce(provider, { verifier: { ...verifier, keyHash: providerId }, sequence: 2n });
    const same = createTestHybrid('same operator');
    await validator.announce(same, { verifier: { ...verifier, keyHash: hashHybridKey(crypto, same.publicKey) } });
    await validator.announceVerifier('cheat');
    const cheatId = hashHybridKey(crypto, createTestHybrid('cheat').publicKey);
    ejectProvider(validator.store, cheatId);
    // Nobody is eligible, so the audit waits for somebody until its window closes.
    const { row } = await audit(0);
    expect([asked, row.verdict]).toEqual([[], 'unjudged']);
  });
});

describe('an opening', () => {
  const keepAsking = async (validator: TestValidator) => {
    for (let i = 0; i < 400; i++) {
      validator.clock.advance(100);
      await validator.runAudits();
    }
  };

  it('that does not come within the window is withheld', async () => {
    const clock = createTestClock();
    let calls = 0;
    const getOpening = async () => {
      calls++;
      clock.advance(10_000);
      throw new Error('no answer');
    };
    const { validator, audit } = await createAudited({ v1: 'honest' }, { clock, getOpening });
    await audit(0);
    await keepAsking(validator);
    expect(calls).toBeGreaterThan(3);
    expect(validator.decided).toMatchObject([{ verdict: 'reject', evidence: 'statistical', feeAtomic: 0n }]);
    expect(parseEvidence(validator.find(validator.decided[0]!.replyId).evidence as Uint8Array).kind).toBe('withheld');
  });

  it('of another commitment counts as none, and proves nothing', async () => {
    const clock = createTestClock();
    const other = (await createTestValidator().deliver(5)).reply.openingBytes;
    const getOpening = async () => {
      clock.advance(20_000);
      return other;
    };
    const { validator, audit } = await createAudited({ v1: 'honest' }, { clock, getOpening });
    await audit(0);
    await keepAsking(validator);
    expect(validator.decided).toMatchObject([{ verdict: 'reject', evidence: 'statistical' }]);
  });

  it('may come late', async () => {
    let calls = 0;
    const { validator, audit } = await createAudited(
      { v1: 'honest' },
      {
        getOpening: async (_peer, replyId) => {
          if (calls++ < 2) throw new Error('restarting');
          return (validator.served.get(toHex(replyId)) as TestReply).reply.openingBytes;
        },
      },
    );
    await audit(0);
    await keepAsking(validator);
    expect(validator.decided).toMatchObject([{ verdict: 'accept' }]);
  });
});

describe('a reply that never comes', () => {
  it('is abandoned after the grace, and its reservation is free again', async () => {
    const validator = createTestValidator();
    const order = validator.order(0);
    await validator.intake.admit(order);
    await validator.certify();
    validator.clock.advance(120_000 + 60_000);
    await validator.runAudits();
    expect(validator.decided).toEqual([]);
    await validator.runAbandonments();
    expect(validator.decided).toMatchObject([{ verdict: 'abandoned', feeAtomic: 0n }]);
    expect(readChannel(validator.store, payer.address)).toMatchObject({ outstanding: 0n, owed: 0n });
    const { submission } = validator.serve(order);
    await expect(validator.intake.pushRecord(submission)).rejects.toThrow('abandoned already');
  });

  it('has the grace again if the validator stood still', async () => {
    const [clock, awake] = [createTestClock(), createTestClock()];
    const validator = createTestValidator({ clock, awake });
    const order = validator.order(0);
    await validator.intake.admit(order);
    await validator.runAudits();
    clock.advance(3_600_000);
    awake.advance(250);
    await validator.runAudits();
    expect(validator.decided).toEqual([]);
    await validator.intake.pushRecord(validator.serve(order).submission);
    expect(validator.find(order.fields.replyId).state).toBe('recorded');
  });

  it('has the grace again if the validator was away', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'ogong-audit-'));
    const clock = createTestClock();
    const path = join(directory, 'validator.db');
    const before = createTestValidator({ path, clock });
    const [late, never] = [before.order(0), before.order(1, { cumulativeAtomic: 10n ** 9n })];
    await before.intake.admit(late);
    await before.intake.admit(never);
    await before.close();
    clock.advance(3_600_000);
    const validator = createTestValidator({ path, clock });
    await validator.runAudits();
    expect(validator.decided).toEqual([]);
    await validator.intake.pushRecord(validator.serve(late).submission);
    await validator.certify();
    await validator.runAbandonments();
    const abandoned = validator.decided.filter(({ verdict }) => verdict === 'abandoned');
    expect(abandoned).toMatchObject([{ replyId: never.fields.replyId }]);
    await validator.close();
    rmSync(directory, { recursive: true });
  });
});
