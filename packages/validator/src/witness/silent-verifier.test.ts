import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import type { VerifierCalls } from '@ogong/host/link/verifier-call';
import { computeAttemptEpoch } from '@ogong/protocol/audit/audit-attempt';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { parseAnnouncement, type SignedAnnouncement, signAnnouncement } from '@ogong/protocol/exchange/announcement';
import { signProviderPayee } from '@ogong/protocol/exchange/provider-payee';
import { hashJobRound, hashReveal } from '@ogong/protocol/exchange/round-signature';
import { HALF_HOUR_MS, toHalfHour } from '@ogong/protocol/settlement/silence-count';
import type { VerdictEntry, VerifierMark } from '@ogong/protocol/settlement/verdict-log';
import { type AuditEvidence, encodeEvidence, parseEvidence } from '@ogong/protocol/verdict/evidence';
import { createTestClock, ledger, type TestValidator } from '@ogong/testing/validator/test-bench';
import { answerHonestly, createTestCalls } from '@ogong/testing/validator/test-calls';
import { createFour } from '@ogong/testing/validator/test-four';
import {
  createTestHybrid,
  createTestLedgerSigner,
  createTestPayee,
  seedOf,
  WORD_UNTIL_MS,
} from '@ogong/testing/validator/test-keys';
import { flip, on, proposeUnheard, rebuild } from '@ogong/testing/validator/test-proposal';
import type { TestReply } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';
import { listSilentPayees } from '../store/sequential-store.ts';
import { readVerifier } from '../store/verifier-store.ts';
import type { WitnessAsk } from './answer-witness.ts';

/** A reply of the first of four validators, whose verifier answers those whose indices are given. */
async function createContested(reachedBy: readonly number[]) {
  const served = new Map<string, TestReply>();
  const honest = createTestCalls(answerHonestly(served));
  const away = async () => Promise.reject(new Error('no answer'));
  const four = await createFour((index) => ({
    // A commitment may be opened by the handling validator, for any requester of it.
    calls: { commit: reachedBy.includes(index) ? honest.commit : away, reveal: honest.reveal },
    audit: { pairPpm: 0, honeypotPpm: 0 },
  }));
  for (const peer of four.peers) await peer.announceVerifier('v1');
  const reply = await four.own.deliver(0);
  served.set(toHex(reply.reply.record.replyId), reply);
  await four.certifyAll();
  return { ...four, replyId: reply.reply.record.replyId };
}

describe('a verifier that commits to nothing', () => {
  it('counts if it answers any witness, and its report counts', async () => {
    const { own } = await createContested([1, 2, 3]);
    await own.runContests();
    expect(own.decided).toMatchObject([{ verdict: 'accept', verifiers: [{ outcome: 'credited' }] }]);
  });

  it('holds its audit up until witnesses have asked, and no other reply', async () => {
    const { own, replyId } = await createContested([]);
    await own.runAudits();
    expect(own.find(replyId)).toMatchObject({ state: 'auditing', sitting: 0 });
    expect(own.find(replyId).askAtMs).toBeGreaterThan(own.clock.nowMs());
    await own.runContests();
    expect(own.find(replyId)).toMatchObject({ state: 'waiting', sitting: 1 });
  });

  it('is named in the entry with the half hour in which witnesses gave up, and costs nothing at first', async () => {
    const four = await createContested([]);
    const { own, clock } = four;
    const fromHour = toHalfHour(clock.nowMs());
    await own.runSittings();
    const [entry] = own.decided as [VerdictEntry];
    expect(entry.verifiers.length).toBeGreaterThanOrEqual(8);
    const { address: payee } = createTestPayee('v1');
    for (const mark of entry.verifiers) expect(mark).toMatchObject({ outcome: 'silent', payee });
    const hours = new Set(entry.verifiers.map((mark) => (mark.outcome === 'silent' ? mark.halfHour : 0)));
    expect(Math.min(...hours)).toBeGreaterThanOrEqual(fromHour);
    expect(Math.max(...hours)).toBeLessThanOrEqual(toHalfHour(clock.nowMs()));
    await settle(four);
    expect(four.chain.settled).toMatchObject([{ tallies: [] }]);
  });

  it.each(['invalid', 'unsupported', 'unavailable'] as const)(
    'has answered where it refuses the job (%s): no entry names it, and no draw passes over it',
    async (refusal) => {
      const refuse = async () => Promise.reject(new LinkError('remote', 'not this job', { refusal }));
      const honest = createTestCalls(answerHonestly(new Map()));
      const four = await createFour({
        calls: { commit: refuse, reveal: honest.reveal },
        audit: { pairPpm: 0, honeypotPpm: 0 },
      });
      for (const peer of four.peers) await peer.announceVerifier('v1');
      await four.own.deliver(0);
      await four.certifyAll();
      await four.own.runSittings();
      expect(four.own.decided).toMatchObject([{ verdict: 'unjudged', verifiers: [] }]);
      await settle(four);
      for (const { store } of [four.own, ...four.peers]) {
        const record = readVerifier(store, hashHybridKey(crypto, createTestHybrid('v1').publicKey));
        expect(record).toMatchObject({ marks: 0, deferredUntilMs: 0 });
      }
    },
  );

  it('is silent though one witness says that it answered', async () => {
    const refuse = async () => Promise.reject(new LinkError('remote', 'not this job', { refusal: 'invalid' }));
    const away = async () => Promise.reject(new LinkError('unreachable', 'no answer'));
    const honest = createTestCalls(answerHonestly(new Map()));
    const four = await createFour((index) => ({
      calls: { commit: index === 1 ? refuse : away, reveal: honest.reveal },
      audit: { pairPpm: 0, honeypotPpm: 0 },
    }));
    for (const peer of four.peers) await peer.announceVerifier('v1');
    await four.own.deliver(0);
    await four.certifyAll();
    await four.own.runSittings();
    const [entry] = four.own.decided as [VerdictEntry];
    expect(entry.verifiers.length).toBeGreaterThanOrEqual(8);
    for (const mark of entry.verifiers) expect(mark).toMatchObject({ outcome: 'silent' });
  });

  it('costs nothing by an outage of ten minutes, whatever jobs fall into it', async () => {
    let isAway = false;
    const served = new Map<string, TestReply>();
    const honest = createTestCalls(answerHonestly(served));
    const commit: typeof honest.commit = (...call) =>
      isAway ? Promise.reject(new Error('no answer')) : honest.commit(...call);
    const audit = { pairPpm: 0, honeypotPpm: 0 };
    const four = await createFour({ calls: { ...honest, commit }, audit });
    const { own, peers, clock } = four;
    for (const peer of peers) await peer.announceVerifier('v1');
    const backAtMs = clock.nowMs() + 600_000;
    for (let i = 0; i < 6; i++) {
      isAway = clock.nowMs() < backAtMs;
      const reply = await own.deliver(i);
      served.set(toHex(reply.reply.record.replyId), reply);
      await four.certifyAll();
      await own.runContests();
      clock.advance(110_000);
    }
    expect(isAway).toBe(false);
    await own.runSittings();
    const marks = own.decided.flatMap(({ verifiers }) => verifiers);
    expect(marks.filter(({ outcome }) => outcome === 'silent').length).toBeGreaterThan(3);
    expect(own.decided.map(({ verdict }) => verdict)).toEqual(Array(6).fill('accept'));
    await settle(four);
    const tallies = four.chain.settled.flatMap((call) => call.tallies);
    const credited = own.decided.flatMap(({ verifiers }) => verifiers.filter(({ outcome }) => outcome === 'credited'));
    const tokens = credited.flatMap((mark) => ('tokens' in mark ? [mark.tokens] : []));
    expect(tokens).toHaveLength(6);
    expect(tallies.reduce((sum, { credits }) => sum + credits, 0)).toBe(tokens.reduce((sum, count) => sum + count, 0));
    expect(tallies.filter(({ refuted }) => refuted > 0)).toEqual([]);
    for (const { store } of [own, ...peers]) expect(listSilentPayees(store, clock.nowMs()).size).toBe(0);
  });

  it('delays its audit as long as another silent one of its round, whom witnesses ask at the same time', async () => {
    const measure = async (pairPpm: number) => {
      const away = async () => Promise.reject(new LinkError('unreachable', 'no answer'));
      const four = await createFour({ calls: { commit: away, reveal: away }, audit: { pairPpm, honeypotPpm: 0 } });
      for (const one of [four.own, ...four.peers]) await one.announceVerifier('v2');
      for (const peer of four.peers) await peer.announceVerifier('v1');
      await four.own.deliver(0);
      await four.certifyAll();
      const askedAtMs = four.clock.nowMs();
      const count = (): number => {
        const sql = 'SELECT count(*) AS n FROM attempts WHERE statements IS NOT NULL';
        return Number(four.own.store.prepare(sql).get()?.n);
      };
      for (let i = 0; i < 200 && count() === 0; i++) {
        four.clock.advance(5_000);
        await four.own.runAudits();
      }
      return { silent: count(), tookMs: four.clock.nowMs() - askedAtMs };
    };
    const [one, two] = [await measure(0), await measure(1_000_000)];
    expect([one.silent, two.silent]).toEqual([1, 2]);
    expect(two.tookMs).toBe(one.tookMs);
  });

  it('counts against it at every validator alike, from the fifth half hour on', async () => {
    const four = await createContested([]);
    const { own, clock } = four;
    await own.runContests();
    for (let row = own.find(four.replyId); row.state === 'waiting'; row = own.find(four.replyId)) {
      clock.advance(HALF_HOUR_MS);
      for (const each of [own, ...four.peers]) {
        await each.announceVerifier('v1', 'x', createTestPayee('v1'), {}, BigInt(clock.nowMs()));
      }
      await own.certifyUpTo(computeAttemptEpoch(row.beaconEpoch as bigint, row.sitting));
      await own.runContests();
    }
    await settle(four);
    const { address: payee } = createTestPayee('v1');
    expect(four.chain.settled).toMatchObject([{ tallies: [{ payee, credits: 0, refuted: 4 }] }]);
    const next = await own.deliver(1);
    expect(own.find(next.reply.record.replyId).state).toBe('recorded');
    await four.certifyAll();
    await own.runSittings();
    await settle(four);
    const counts = [own, ...four.peers].map(({ store }) => listSilentPayees(store, clock.nowMs()).get(toHex(payee)));
    // A co-signer counts a log when it checks what follows.
    expect(new Set(counts)).toEqual(new Set([4]));
  });

  it('is in no half hour that a witness makes up', async () => {
    const { own, peers, replyId, clock } = await createContested([]);
    const [past, future] = peers as [TestValidator, TestValidator];
    const tell = (byMs: number) => async () =>
      ({ kind: 'silent', isRefused: false, epoch: 4n, timeMs: clock.nowMs() + byMs }) as const;
    past.witnessing.inquirer.ask = tell(-86_400_000);
    future.witnessing.inquirer.ask = tell(60_000);
    for (let i = 0; i < 20; i++) {
      clock.advance(5_000);
      await own.runAudits();
    }
    expect(own.store.prepare('SELECT count(*) AS n FROM statements').get()).toEqual({ n: 1 });
    expect(own.find(replyId)).toMatchObject({ state: 'auditing', sitting: 0 });
  });

  it('makes no audit believe what a witness makes up', async () => {
    const { own, peers, replyId } = await createContested([]);
    const made = { verifierKey: new Uint8Array(1344), digest: new Uint8Array(32), signature: new Uint8Array(2484) };
    const [liar] = peers as [TestValidator];
    liar.witnessing.inquirer.ask = async () => ({ kind: 'commitment', committed: made });
    await own.runContests();
    expect(own.find(replyId)).toMatchObject({ state: 'waiting', sitting: 1 });
  });
});

/** Has everything settle that is decided. */
async function settle({ own, peers }: Awaited<ReturnType<typeof createFour>>) {
  for (const peer of peers) await peer.certifyUpTo(own.archive.latest().epoch);
  while (await own.settlement.step());
  expect(own.refusals).toEqual([]);
}

describe('a co-signer of a reply that nobody judged', () => {
  async function proposeUnjudged() {
    const four = await createContested([]);
    await four.own.runSittings();
    for (const peer of four.peers) await peer.certifyUpTo(four.own.archive.latest().epoch);
    const request = await proposeUnheard(four);
    const [peer] = four.peers as [TestValidator];
    const evidence = parseEvidence(request.entries[0]!.evidence) as AuditEvidence;
    const { verifiers } = four.own.decided[0] as VerdictEntry;
    const cosign = async (
      change: (evidence: AuditEvidence) => AuditEvidence,
      bendMarks: (marks: readonly VerifierMark[]) => readonly VerifierMark[] = (marks) => marks,
      more: Partial<VerdictEntry> = {},
    ) => {
      const bytes = encodeEvidence(change(evidence));
      const evidenceHash = peer.witnessing.crypto.sha256(bytes);
      const changed = on('unjudged', { evidenceHash, verifiers: bendMarks(verifiers), ...more });
      const bent = await rebuild(four.own, structuredClone(request), changed, (same) => same);
      bent.entries[0]!.evidence = bytes;
      return peer.cosigner.cosign(four.own.signer.address, bent);
    };
    return { ...four, peer, evidence, cosign };
  }
  let unjudged: ReturnType<typeof proposeUnjudged> | undefined;
  /** Of one reply, for all that is refused: a refusal changes nothing. */
  const proposeUnjudgedOnce = () => (unjudged ??= proposeUnjudged());
  type Statements = NonNullable<AuditEvidence['attempts'][number]['statements']>;
  const bend =
    (change: (statements: Statements) => Statements) =>
    (evidence: AuditEvidence): AuditEvidence => {
      const [first, ...rest] = evidence.attempts;
      return { ...evidence, attempts: [{ ...first!, statements: change(first!.statements ?? []) }, ...rest] };
    };

  const same = (evidence: AuditEvidence): AuditEvidence => evidence;
  const withCredentials =
    (change: (credential: SignedAnnouncement) => SignedAnnouncement) =>
    (evidence: AuditEvidence): AuditEvidence => {
      const attempts = evidence.attempts.map((attempt) => ({
        ...attempt,
        credential: attempt.credential && change(attempt.credential),
      }));
      return { ...evidence, attempts };
    };

  it('signs what the witnesses say of every verifier that was drawn', async () => {
    const { cosign, evidence } = await proposeUnjudged();
    expect(evidence.attempts.length).toBeGreaterThanOrEqual(8);
    for (const { statements } of evidence.attempts) expect(statements?.length).toBeGreaterThanOrEqual(2);
    expect((await cosign((same) => same)).signature).toHaveLength(65);
  });

  it('refuses too few statements, forged ones, and those about another job', async () => {
    const { cosign, evidence } = await proposeUnjudgedOnce();
    await expect(cosign(bend(() => []))).rejects.toThrow('not enough');
    await expect(cosign(bend((all) => all.slice(0, 1)))).rejects.toThrow('not enough');
    const forge = (all: Statements) => all.map((one) => ({ ...one, signature: flip(one.signature) }));
    await expect(cosign(bend(forge))).rejects.toThrow('did not sign this');
    const other = evidence.attempts[1]!.statements ?? [];
    await expect(cosign(bend(() => other))).rejects.toThrow('did not sign this');
  });

  it('refuses an entry that spares a silent verifier, or names another half hour', async () => {
    const { cosign } = await proposeUnjudgedOnce();
    await expect(cosign(same, () => [])).rejects.toThrow('something else of its verifiers');
    await expect(cosign(same, (marks) => marks.slice(1))).rejects.toThrow('something else of its verifiers');
    const later = (mark: VerifierMark): VerifierMark =>
      mark.outcome === 'silent' ? { ...mark, halfHour: mark.halfHour + 1 } : mark;
    await expect(cosign(same, (marks) => marks.map(later))).rejects.toThrow('something else of its verifiers');
  });

  it('refuses silence of a verifier that has not signed for its payee', async () => {
    const { cosign } = await proposeUnjudgedOnce();
    const stranger = createTestLedgerSigner(seedOf('stranger'));
    const forged = withCredentials((credential) => {
      const { providerId } = parseAnnouncement(credential.announcement);
      return {
        ...credential,
        payeeWord: signProviderPayee(crypto, stranger, { validUntilMs: WORD_UNTIL_MS, ledger, providerId }),
      };
    });
    await expect(cosign(forged)).rejects.toThrow('does not work for');
  });

  it.each([
    ['had left', -86_400_000],
    ['came later', 1],
  ])('marks no verifier that %s', async (_what, byMs) => {
    const { cosign, clock } = await proposeUnjudged();
    const announced = withCredentials(({ announcement, payeeWord, verifierEndorsement }) => {
      const issuedAtMs = clock.nowMs() + byMs;
      const times = { issuedAtMs, expiresAtMs: issuedAtMs + 60_000 };
      const words = { payeeWord, verifierEndorsement };
      return signAnnouncement(createTestHybrid('v1'), { ...parseAnnouncement(announcement), ...times }, words);
    });
    await expect(cosign(announced)).rejects.toThrow('something else of its verifiers');
    expect((await cosign(announced, () => [])).signature).toHaveLength(65);
  });

  it('believes that there is no credential: that spares the marks of this log, and changes nothing else of the entry', async () => {
    const { cosign } = await proposeUnjudged();
    const without = (evidence: AuditEvidence): AuditEvidence => ({
      ...evidence,
      attempts: evidence.attempts.map(({ credential: _left, ...attempt }) => attempt),
    });
    await expect(cosign(without)).rejects.toThrow('something else of its verifiers');
    const asCredited = (marks: readonly VerifierMark[]): VerifierMark[] =>
      marks.map(({ verifierId, payee }) => ({ verifierId, payee, outcome: 'credited', tokens: 1 }));
    await expect(cosign(without, asCredited)).rejects.toThrow('something else of its verifiers');
    // No such entry of any validator has a fee or a step.
    await expect(cosign(without, () => [], { feeAtomic: 1n })).rejects.toThrow('a fee for a reply');
    await expect(cosign(without, () => [], { step: 'reply', eValuePpm: 1 })).rejects.toThrow('a step of a test');
    expect((await cosign(without, () => [])).signature).toHaveLength(65);
  });

  it('refuses statements of a time outside the audit', async () => {
    const { cosign, own } = await proposeUnjudgedOnce();
    const timeMs = (own.decided[0] as VerdictEntry).timeMs - 600_000;
    await expect(cosign(same, (marks) => marks, { timeMs })).rejects.toThrow('at a time outside the audit');
  });

  it('refuses it if the verifier committed to it, against the claims of others', async () => {
    const { cosign, peer } = await proposeUnjudged();
    peer.store.prepare("UPDATE witnessed SET outcome = 'found'").run();
    await expect(cosign((same) => same)).rejects.toThrow('it gave its commitment here');
  });
});

describe('a verifier that commits and opens nothing', () => {
  /** A reply of the first of four, whose verifier commits, and opens to those whose indices are given. */
  async function createUnopened(
    openedTo: readonly number[],
    bend: (calls: VerifierCalls) => Partial<VerifierCalls> = () => ({}),
  ) {
    const served = new Map<string, TestReply>();
    const honest = createTestCalls(answerHonestly(served));
    const asked: number[] = [];
    let clock = createTestClock();
    const four = await createFour((index) => ({
      calls: {
        ...honest,
        async reveal(peer, job, call) {
          asked.push(index);
          if (!openedTo.includes(index)) {
            clock.advance(call.timeoutMs);
            throw new LinkError('unreachable', 'no answer');
          }
          return { ...honest, ...bend(honest) }.reveal(peer, job, call);
        },
      },
      audit: { pairPpm: 0, honeypotPpm: 0 },
    }));
    clock = four.clock;
    for (const peer of four.peers) await peer.announceVerifier('v1');
    const reply = await four.own.deliver(0);
    served.set(toHex(reply.reply.record.replyId), reply);
    await four.certifyAll();
    return { ...four, asked, replyId: reply.reply.record.replyId };
  }

  it('counts if it opens to any witness, and its report counts', async () => {
    const four = await createUnopened([1, 2, 3]);
    await four.own.runContests();
    expect(four.own.decided).toMatchObject([{ verdict: 'accept', verifiers: [{ outcome: 'credited' }] }]);
    await settle(four);
    expect(four.chain.settled).toHaveLength(1);
  });

  it('is silent if it opens to nobody, by the statements of witnesses about job and round', async () => {
    const four = await createUnopened([]);
    await four.own.runSittings();
    const [entry] = four.own.decided as [VerdictEntry];
    expect(entry).toMatchObject({ verdict: 'unjudged', verifiers: Array(8).fill({ outcome: 'silent' }) });
    await settle(four);
    expect(four.chain.settled).toHaveLength(1);
    expect(new Set(four.asked)).toEqual(new Set([0, 1, 2, 3]));
  });

  it('also counts silence that no witness confirmed', async () => {
    const { own, peers, replyId } = await createUnopened([]);
    const [liar] = peers as [TestValidator];
    const made = { salt: new Uint8Array(32), report: new Uint8Array(9), signature: new Uint8Array(2484) };
    liar.witnessing.inquirer.ask = async () => ({ kind: 'report', opened: made });
    await own.runContests();
    expect(own.find(replyId)).toMatchObject({ state: 'waiting', sitting: 1 });
  });

  it('has opened, to co-signers, against the claim of its validator, if a witness was shown its report', async () => {
    const four = await createUnopened([]);
    await four.own.runSittings();
    for (const peer of four.peers) await peer.certifyUpTo(four.own.archive.latest().epoch);
    const request = await proposeUnheard(four);
    const [peer] = four.peers as [TestValidator];
    peer.store.prepare("UPDATE witnessed SET outcome = 'found'").run();
    await expect(peer.cosigner.cosign(four.own.signer.address, request)).rejects.toThrow('it gave its report here');
  });

  it('is not silent by its validator\u2019s word alone', async () => {
    const four = await createUnopened([]);
    await four.own.runSittings();
    for (const peer of four.peers) await peer.certifyUpTo(four.own.archive.latest().epoch);
    const request = await proposeUnheard(four);
    const [peer] = four.peers as [TestValidator];
    const evidence = parseEvidence(request.entries[0]!.evidence) as AuditEvidence;
    const attempts = evidence.attempts.map((attempt) => ({ ...attempt, statements: [] }));
    const bytes = encodeEvidence({ ...evidence, attempts });
    const denied = on('unjudged', { evidenceHash: crypto.sha256(bytes), verifiers: [] });
    const bent = await rebuild(four.own, structuredClone(request), denied, (same) => same);
    bent.entries[0]!.evidence = bytes;
    await expect(peer.cosigner.cosign(four.own.signer.address, bent)).rejects.toThrow(/silent: .* not enough/);
  });

  it('is not held to a round that its validator had it open over before', async () => {
    const own = createTestLedgerSigner(seedOf('validator 0 signing key'));
    const { address: validator } = createTestLedgerSigner(seedOf('validator 0'));
    const four = await createUnopened([1, 2, 3], () => ({
      async reveal(_peer, { jobId, round }) {
        const early = [round[0] as Uint8Array, round[1] as Uint8Array, new Uint8Array(32)];
        const named = hashReveal(crypto, ledger, { validator, round: hashJobRound(crypto, { jobId, round: early }) });
        const nothing = { salt: new Uint8Array(0), report: new Uint8Array(0), signature: new Uint8Array(0) };
        return { ...nothing, openedRound: { round: early, word: own.signDigest(named) } };
      },
    }));
    for (let i = 0; i < 30; i++) {
      four.clock.advance(5_000);
      await four.own.runAudits();
    }
    expect(four.own.store.prepare('SELECT count(*) AS n FROM statements').get()).toEqual({ n: 0 });
    expect(four.own.find(four.replyId)).toMatchObject({ state: 'auditing', sitting: 0 });
  });

  it('that opens bytes which nobody can read has given no report, and needs no witness', async () => {
    const served = new Map<string, TestReply>();
    const calls = createTestCalls(async (peer, job) => {
      const { signer } = await answerHonestly(served)(peer, job);
      if (String(peer.endpoint) === 'v2:1') return answerHonestly(served)(peer, job);
      return { report: new Uint8Array(40), signer };
    });
    const four = await createFour({ calls, audit: { pairPpm: 1_000_000, honeypotPpm: 0 } });
    await four.own.announceVerifier('v2');
    const reply = await four.own.deliver(0);
    served.set(toHex(reply.reply.record.replyId), reply);
    await four.certifyAll();
    await four.own.runContests();
    expect(four.own.decided).toMatchObject([{ verdict: 'accept', verifiers: [{ outcome: 'credited' }] }]);
    expect(four.own.store.prepare('SELECT count(*) AS n FROM statements').get()).toEqual({ n: 0 });
    await settle(four);
    expect(four.chain.settled).toHaveLength(1);
  });
});

describe('a witness of a report', () => {
  it('asks nothing for a validator that has not signed for the round', async () => {
    const told: WitnessAsk[] = [];
    const served = new Map<string, TestReply>();
    const honest = createTestCalls(answerHonestly(served));
    const reveal = async () => Promise.reject(new LinkError('unreachable', 'no answer'));
    const four = await createFour({ calls: { ...honest, reveal }, audit: { pairPpm: 0, honeypotPpm: 0 } });
    const { own, peers } = four;
    const [peer] = peers as [TestValidator];
    const answer = peer.witness;
    peer.witness = async (from, ask) => {
      told.push(ask);
      return answer(from, ask);
    };
    const reply = await own.deliver(0);
    served.set(toHex(reply.reply.record.replyId), reply);
    await four.certifyAll();
    await own.runAudits();
    const ask = told.find((one) => one.asked === 'report');
    if (ask?.asked !== 'report') throw new Error('no report was asked for');
    const from = own.signer.address;
    await expect(answer(from, { ...ask, word: flip(ask.word) })).rejects.toThrow('has not signed for this round');
    const early = [ask.committed.digest];
    await expect(answer(from, { ...ask, round: early })).rejects.toThrow('has not signed for this round');
    const strange = [new Uint8Array(32)];
    await expect(answer(from, { ...ask, round: strange })).rejects.toThrow('does not name the commitment');
    const forged = { ...ask.committed, signature: flip(ask.committed.signature) };
    await expect(answer(from, { ...ask, committed: forged })).rejects.toThrow('the signature of a commitment fails');
    expect((await answer(from, ask)).kind).toBe('waiting');
  });
});
