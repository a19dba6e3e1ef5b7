import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { VerifierCalls } from '@ogong/host/link/verifier-call';
import { type AuditDraw, isPaired, PAIR_PPM } from '@ogong/protocol/audit/audit';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { parseOpening, type WindowBytes } from '@ogong/protocol/commitment/opening';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import {
  computeScoreDigest,
  encodeScoreCommitment,
  encodeScoreOpening,
} from '@ogong/protocol/modality/shared/score-commitment';
import { type Header, parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { decodeDraws, encodeDraws } from '@ogong/protocol/modality/text/commitment/window';
import { computeDrawKey } from '@ogong/protocol/modality/text/sampling/draw-key';
import { hashScored, readTextClaim, type ScoredReply, toScored } from '@ogong/protocol/modality/text/scored-reply';
import { parseScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import type { ReplayedText } from '@ogong/protocol/modality/text/text';
import { listVerifierIds } from '@ogong/protocol/settlement/verdict-log';
import { listDigests } from '@ogong/protocol/verdict/attempt-review';
import { type AuditEvidence, parseEvidence } from '@ogong/protocol/verdict/evidence';
import { judge } from '@ogong/protocol/verdict/judge';
import { JudgeError, type JudgementContext } from '@ogong/protocol/verdict/judgement';
import { type OpenedReply, openReply } from '@ogong/protocol/verdict/opened-reply';
import { computeJobId } from '@ogong/protocol/verdict/verifier-draw';
import { type BenchOptions, createTestValidator, provider } from '@ogong/testing/validator/test-bench';
import { answerHonestly, createTestCalls } from '@ogong/testing/validator/test-calls';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import type { TestReply } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';
import { toClaim } from '../store/replies/reply-store.ts';

const idOf = (name: string): string => toHex(hashHybridKey(crypto, createTestHybrid(name).publicKey));
const nameOf = ({ endpoint }: { endpoint: unknown }): string => String(endpoint).replace(/:1$/, '');
const flipFirst = (windows: readonly WindowBytes[], bit: number): WindowBytes[] =>
  windows.map((window) => ({ ...window, sketch: window.sketch.map((byte, i) => (i === 8 ? byte ^ bit : byte)) }));

/** Verifiers v1 to v4; `wrong` ones report sketches of their own making, bent by their number. */
async function createAudited({
  wrong = {},
  wrap = (calls) => calls,
  audit = { pairPpm: 1_000_000 },
  names = ['v1', 'v2', 'v3', 'v4'],
  first = 0,
}: {
  wrong?: Readonly<Record<string, number>>;
  wrap?: (calls: VerifierCalls) => VerifierCalls;
  audit?: BenchOptions['audit'] & object;
  names?: readonly string[];
  /** Number of the first reply: others are drawn differently. */
  first?: number;
}) {
  const served = new Map<string, TestReply>();
  const log: string[] = [];
  const inner = createTestCalls(async (peer, job) => {
    const bit = wrong[nameOf(peer)];
    const honest = answerHonestly(served);
    if (bit === undefined) return honest(peer, job);
    const { windows } = parseScoreReport((await honest(peer, job)).report);
    return answerHonestly(served, { windows: flipFirst(windows, bit) })(peer, job);
  });
  const logged: VerifierCalls = {
    async commit(peer, job, call) {
      log.push(`ask ${nameOf(peer)}`);
      const answer = await inner.commit(peer, job, call);
      log.push(`bound ${nameOf(peer)}`);
      return answer;
    },
    async reveal(peer, job, call) {
      log.push(`open ${nameOf(peer)}`);
      return inner.reveal(peer, job, call);
    },
  };
  const validator = createTestValidator({ calls: wrap(logged), audit });
  await validator.announce(provider);
  for (const name of names) await validator.announceVerifier(name);
  let number = first;
  return {
    validator,
    served,
    log,
    async run() {
      const reply = await validator.deliver(number++);
      const id = reply.reply.record.replyId;
      served.set(toHex(id), reply);
      await validator.certify();
      await validator.runSittings();
      const row = validator.find(id);
      const entry = validator.decided.at(-1)!;
      const evidence = parseEvidence(row.evidence as Uint8Array) as AuditEvidence;
      const beaconEpoch = row.beaconEpoch as bigint;
      const draw: AuditDraw = {
        replyId: id,
        orderEpoch: beaconEpoch - 4n,
        beaconEpoch,
        beacon: validator.archive.find(beaconEpoch)!.value,
      };
      const judged: JudgementContext = {
        claim: toClaim(row),
        signed: row.signedRecord!,
        validator: validator.signer.address,
        draw,
        allowFixedVerifier: false,
        vrfKey: 'believed' as const,
      };
      return { row, entry, evidence, judged };
    },
    marks: () =>
      validator.store
        .prepare('SELECT verifier_id FROM verifiers WHERE marks > 0 AND length(verifier_id) = 32')
        .all()
        .map((row) => toHex(row.verifier_id as Uint8Array)),
  };
}

describe('a round', () => {
  it('asks nobody to open before everybody in it is bound', async () => {
    const { run, log } = await createAudited({});
    await run();
    const kinds = log.map((line) => line.split(' ')[0]);
    expect(kinds).toEqual(['ask', 'ask', 'bound', 'bound', 'open', 'open']);
  });

  it('asks two if the beacon says so, and one elsewhere', async () => {
    const { run } = await createAudited({ audit: {} });
    let paired = 0;
    for (let i = 0; i < 40; i++) {
      const { evidence, judged } = await run();
      const wants = isPaired(crypto, judged.draw as AuditDraw, PAIR_PPM);
      if (wants) paired++;
      expect(evidence.attempts.length).toBe(wants ? 2 : 1);
    }
    expect(paired).toBeGreaterThan(0);
    expect(paired).toBeLessThan(20);
  });

  it('must ask two about a key with too little to lose', async () => {
    const { run } = await createAudited({ audit: {} });
    let audited = await run();
    while (audited.evidence.attempts.length > 1) audited = await run();
    const { evidence, judged } = audited;
    expect(judge(crypto, judged, evidence).verdict).toBe('accept');
    const poor = { ...judged, pairPpm: 1_000_000 };
    expect(() => judge(crypto, poor, evidence)).toThrow('the beacon asks for two verifiers at the same time');
  });

  it('opens every report over the commitments of both', async () => {
    const { run } = await createAudited({});
    const { evidence } = await run();
    const round = listDigests(crypto, evidence.attempts, 0);
    expect(round).toHaveLength(2);
    for (const { committed, opened } of evidence.attempts) {
      const { jobId } = parseScoreReport(opened!.report);
      const message = encodeScoreOpening({
        jobId,
        salt: opened!.salt,
        reportHash: crypto.sha256(opened!.report),
        round,
      });
      const { verifierKey, digest } = committed!;
      expect(round.some((one) => equalBytes(one, digest))).toBe(true);
      const signature = opened!.signature;
      expect(crypto.verifyEd25519(signature.subarray(0, 64), message, verifierKey.subarray(0, 32))).toBe(true);
    }
  });

  it('shows every verifier two digests, whether or not another was asked, and the same ones again', async () => {
    const rounds = new Map<string, string[]>();
    const { run } = await createAudited({
      audit: {},
      wrap: (calls) => ({
        ...calls,
        reveal(peer, job, call) {
          const shown = job.round.map(toHex);
          expect(rounds.get(toHex(job.jobId)) ?? shown).toEqual(shown);
          rounds.set(toHex(job.jobId), shown);
          return calls.reveal(peer, job, call);
        },
      }),
    });
    let alone = 0;
    for (let i = 0; i < 20; i++) if ((await run()).evidence.attempts.length === 1) alone++;
    expect(alone).toBeGreaterThan(0);
    for (const shown of rounds.values()) {
      expect(shown).toHaveLength(2);
      expect(new Set(shown).size).toBe(2);
      expect([...shown].sort()).toEqual(shown);
    }
    // Honeypots among them.
    expect(rounds.size).toBeGreaterThan(20);
  });

  it('tells a verifier nothing that names the reply', async () => {
    const jobs: Parameters<VerifierCalls['commit']>[1][] = [];
    const { run } = await createAudited({
      wrap: (calls) => ({
        ...calls,
        commit(peer, job, call) {
          jobs.push(job);
          return calls.commit(peer, job, call);
        },
      }),
    });
    const { judged } = await run();
    const { order, record, header } = judged.claim;
    const drawKey = computeDrawKey(crypto, (header as Header).drawKey);
    expect(readTextClaim(jobs[0]!).tailDraws?.length).toBeGreaterThan(0);
    const bytes = jobs.map((job) =>
      toHex(Uint8Array.from(Object.values(job).flatMap((v) => (v instanceof Uint8Array ? [...v] : [])))),
    );
    expect(bytes.length).toBe(2);
    for (const secret of [
      order.replyId,
      order.providerId,
      order.nonce,
      record.commitRoot,
      record.responseHash,
      drawKey,
    ]) {
      for (const hex of bytes) expect(hex).not.toContain(toHex(secret));
    }
    expect(toHex(jobs[0]!.jobId)).not.toBe(toHex(jobs[1]!.jobId));
  });

  it('asks a third verifier if two disagree, credits those that agree and marks the other', async () => {
    const { run, marks, log } = await createAudited({ wrong: { v1: 1 } });
    let isSeen = false;
    for (let i = 0; i < 6; i++) {
      log.length = 0;
      const { row, entry, evidence } = await run();
      expect(row.verdict).toBe('accept');
      const asked = evidence.attempts.map(({ verifierId }) => toHex(verifierId));
      const isLiar = asked.includes(idOf('v1'));
      isSeen ||= isLiar;
      expect(evidence.attempts.map(({ round }) => round)).toEqual(isLiar ? [0, 0, 1] : [0, 0]);
      expect(listVerifierIds(entry, 'credited').map(toHex)).toEqual(asked.filter((id) => id !== idOf('v1')));
    }
    expect(isSeen).toBe(true);
    expect(marks()).toEqual([idOf('v1')]);
  });

  it('pays each report that nobody refuted by its tokens, also one that the verdict does not follow', async () => {
    const { run } = await createAudited({ wrong: { v1: 1 }, names: ['v1', 'v2'] });
    let isSeen = false;
    for (let i = 0; i < 6; i++) {
      const { row, entry, evidence } = await run();
      const asked = evidence.attempts.map(({ verifierId }) => toHex(verifierId));
      isSeen ||= asked.includes(idOf('v1'));
      expect(row.verdict).toBe(asked.includes(idOf('v1')) ? 'unjudged' : 'accept');
      expect(listVerifierIds(entry, 'credited').map(toHex)).toEqual(asked);
      const { promptTokenCount, outputTokenCount } = parseHeader(parseOpening(evidence.opening).header);
      expect(entry.verifiers).toMatchObject(asked.map(() => ({ tokens: promptTokenCount + outputTokenCount })));
    }
    expect(isSeen).toBe(true);
  });

  it('does not reject on two made-up reports, because they differ and honest ones would not', async () => {
    const { run, validator } = await createAudited({ wrong: { v1: 1, v2: 2, v3: 4 }, names: ['v1', 'v2', 'v3'] });
    const { row } = await run();
    expect(row.verdict).toBe('unjudged');
    expect(validator.decided).toMatchObject([{ ejects: false, feeAtomic: 0n }]);
  });

  it('lets two bit-identical rejects beat one accept', async () => {
    // v1 repeats the provider's commitment. The others report the truth, and the provider is a cheat.
    let isSeen = false;
    for (let first = 0; first < 8 && !isSeen; first++) {
      const { run, marks } = await createAudited({ wrong: { v2: 1, v3: 1, v4: 1 }, first });
      const { row, entry, evidence } = await run();
      expect(row.verdict).toBe('reject');
      expect(entry).toMatchObject({ evidence: 'exact', ejects: true, feeAtomic: 0n });
      isSeen = evidence.attempts.some(({ verifierId }) => toHex(verifierId) === idOf('v1'));
      expect(listVerifierIds(entry, 'credited').map(toHex)).not.toContain(idOf('v1'));
      expect(marks()).toEqual(isSeen ? [idOf('v1')] : []);
    }
    expect(isSeen).toBe(true);
  });

  it('asks others after two bit-identical rejects, so that two verifiers in league eject nobody', async () => {
    let isSeen = false;
    for (let first = 0; first < 24 && !isSeen; first++) {
      const { run, marks } = await createAudited({ wrong: { v1: 1, v2: 1 }, first });
      const { row, entry, evidence } = await run();
      const asked = evidence.attempts.map(({ verifierId }) => toHex(verifierId));
      const liars = ['v1', 'v2'].map(idOf).filter((id) => asked.includes(id));
      isSeen = liars.length === 2;
      // Two against two: nobody can tell from outside which pair is in league.
      expect([row.verdict, entry.ejects]).toEqual([isSeen ? 'unjudged' : 'accept', false]);
      expect(marks()).toEqual(isSeen ? [] : liars);
      if (isSeen) expect(asked).toHaveLength(4);
    }
    expect(isSeen).toBe(true);
  });
});

describe('doubt', () => {
  it('goes next to a verifier that announces the exact class of the provider', async () => {
    const served = new Map<string, TestReply>();
    const asked: string[] = [];
    const doubtful = { exact: false, numericClass: 'other' };
    const inner = createTestCalls((peer, job) => {
      asked.push(nameOf(peer));
      if (nameOf(peer) === 'own') return answerHonestly(served)(peer, job);
      const { windows } = [...served.values()].at(-1)!.reply.opening;
      // Far enough from what was committed for doubt, too near for a reject.
      const bent = windows.map(({ draws, sketch }) => ({ draws: shiftDraws(draws), sketch }));
      return answerHonestly(served, { ...doubtful, windows: bent })(peer, job);
    });
    const validator = createTestValidator({ calls: inner, audit: { honeypotPpm: 0 } });
    await validator.announce(provider);
    for (const name of ['v1', 'v2', 'v3', 'v4', 'v5', 'v6']) await validator.announceVerifier(name);
    await validator.announceVerifier('own', 'synthetic-1/js/f64/exact/hash/kv-none');
    let preferred = 0;
    for (let i = 0; i < 6; i++) {
      asked.length = 0;
      const reply = await validator.deliver(i);
      served.set(toHex(reply.reply.record.replyId), reply);
      await validator.certify();
      await validator.runAudits();
      expect(validator.find(reply.reply.record.replyId).verdict).toBe('accept');
      // Two were asked before it only where the beacon asked for a pair.
      expect(asked).toContain('own');
      expect(asked.length).toBeLessThanOrEqual(3);
      if (asked.length === 2 && asked[1] === 'own') preferred++;
    }
    expect(preferred).toBeGreaterThan(2);
  });

  const shiftDraws = (draws: Uint8Array): Uint8Array => {
    const { rows, runs } = decodeDraws(draws, { vocabularySize: 512 });
    const moved = rows.map((row) => ({ ...row, q: row.q.map((q) => q + 16_000) }));
    return encodeDraws({ rows: moved, runs }, { vocabularySize: 512 });
  };
});

describe('a verifier that breaks its commitment', () => {
  const bend = (change: (calls: VerifierCalls) => Partial<VerifierCalls>) =>
    createAudited({ audit: { pairPpm: PAIR_PPM }, wrap: (calls) => ({ ...calls, ...change(calls) }) });
  const isBad = ({ endpoint }: { endpoint: unknown }): boolean => ['v1', 'v2'].includes(nameOf({ endpoint }));

  async function expectMarked(audited: Awaited<ReturnType<typeof createAudited>>, outcome: string) {
    for (let i = 0; i < 6; i++) {
      const { row, entry, evidence } = await audited.run();
      expect(row.verdict).toBe('accept');
      const bad = evidence.attempts.filter(({ opened }) => opened === undefined);
      expect(entry.verifiers.length).toBe(evidence.attempts.length - bad.length);
    }
    const rows = audited.validator.store
      .prepare('SELECT last_reason FROM verifiers WHERE marks > 0 AND length(verifier_id) = 32')
      .all();
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.every(({ last_reason: reason }) => reason === outcome)).toBe(true);
  }

  it('is garbage if it commits and does not open', async () => {
    const audited = await bend((calls) => ({
      reveal: (peer, job, call) => (isBad(peer) ? Promise.reject(new Error('no')) : calls.reveal(peer, job, call)),
    }));
    await expectMarked(audited, 'garbage');
  });

  it('is garbage if it opens something else', async () => {
    const audited = await bend((calls) => ({
      async reveal(peer, job, call) {
        const answer = await calls.reveal(peer, job, call);
        return isBad(peer) ? { ...answer, salt: answer.salt.map((byte) => byte ^ 1) } : answer;
      },
    }));
    await expectMarked(audited, 'garbage');
  });

  it('is garbage if it scored another job than it was asked about', async () => {
    const audited = await bend((calls) => ({
      commit: (peer, job, call) =>
        calls.commit(peer, isBad(peer) ? { ...job, sketchBankSeed: new Uint8Array(32) } : job, call),
    }));
    await expectMarked(audited, 'garbage');
  });

  it('is garbage if another key signs', async () => {
    const audited = await bend((calls) => ({
      commit: (peer, job, call) => calls.commit(isBad(peer) ? { ...peer, endpoint: 'other:1' } : peer, job, call),
    }));
    await expectMarked(audited, 'garbage');
  });

  it('is garbage if it sends the commitment of another back', async () => {
    let seen: Awaited<ReturnType<VerifierCalls['commit']>> | undefined;
    const audited = await bend((calls) => ({
      async commit(peer, job, call) {
        if (isBad(peer) && seen) return seen;
        const answer = await calls.commit(peer, job, call);
        if (!isBad(peer)) seen = answer;
        return answer;
      },
      async reveal(peer, job, call) {
        return isBad(peer) ? Promise.reject(new Error('no')) : calls.reveal(peer, job, call);
      },
    }));
    await expectMarked(audited, 'garbage');
  });

  it('is asked again if the line breaks between the two', async () => {
    let broken = 0;
    const audited = await bend((calls) => ({
      reveal: (peer, job, call) =>
        broken++ % 3 < 2 ? Promise.reject(new Error('no line')) : calls.reveal(peer, job, call),
    }));
    for (let i = 0; i < 3; i++) expect((await audited.run()).row.verdict).toBe('accept');
    expect(audited.marks()).toEqual([]);
  });
});

describe('a co-signer', () => {
  const expectRefused = (judged: JudgementContext, evidence: AuditEvidence, message: string): void => {
    expect(() => judge(crypto, judged, evidence)).toThrow(JudgeError);
    expect(() => judge(crypto, judged, evidence)).toThrow(message);
  };

  it('refuses one verifier if the beacon asks for two', async () => {
    // Found among replies that the least share pairs, so that no setting of the validator's is in question.
    const { run } = await createAudited({ audit: {} });
    for (let i = 0; i < 60; i++) {
      const { evidence, judged } = await run();
      if (evidence.attempts.length === 1) continue;
      expect(judge(crypto, judged, evidence).verdict).toBe('accept');
      const alone = { ...evidence.attempts[0]!, opened: undefined };
      expectRefused(judged, { ...evidence, attempts: [alone] }, 'two verifiers');
      return;
    }
    throw new Error('no pair among the replies');
  });

  it('refuses rounds that the protocol does not have', async () => {
    const { run } = await createAudited({ wrong: { v1: 1, v2: 2 } });
    for (let i = 0; i < 6; i++) {
      const { evidence, judged } = await run();
      const { attempts } = evidence;
      if (attempts.length < 3) continue;
      const renumber = (rounds: readonly number[]) => ({
        ...evidence,
        attempts: attempts.map((attempt, at) => ({ ...attempt, round: rounds[at] ?? attempt.round })),
      });
      judge(crypto, judged, evidence);
      for (const rounds of [
        [0, 0, 0],
        [0, 1, 1],
        [1, 1, 2],
        [0, 0, 2],
      ]) {
        expectRefused(judged, renumber(rounds), 'no place in round');
      }
      // Two that were asked one after the other cannot be shown as one round: they did not open over it.
      expectRefused(judged, renumber([0, 1, 2]), '');
      return;
    }
    throw new Error('nobody disagreed');
  });

  it('refuses reports on a job that the validator changed, even if they say the same', async () => {
    const { run } = await createAudited({});
    const { row, evidence, judged } = await run();
    const { header, order } = judged.claim;
    const opened = openReply(crypto, judged.claim.record, evidence.opening) as OpenedReply;
    const { replay } = opened.reply as ReplayedText;
    const { blind } = opened.opening;
    const scored = toScored({ endpoint: 'chat', modelRoot: order.modelRoot, blind }, header as Header, replay);
    const signers = ['v1', 'v2', 'v3', 'v4'].map(createTestHybrid);

    /** The same reports, committed to and opened by the same verifiers, over other inputs. */
    const resign = (requestHash: Uint8Array, reply: ScoredReply): AuditEvidence => {
      const inputsHash = hashScored(crypto, requestHash, reply);
      const bound = evidence.attempts.map((attempt, at) => {
        const keyHash = hashHybridKey(crypto, attempt.committed!.verifierKey);
        const signer = signers.find(({ publicKey }) => equalBytes(publicKey, attempt.committed!.verifierKey))!;
        const jobId = computeJobId(crypto, {
          ...attempt,
          validator: judged.validator,
          replyId: row.replyId,
          attempt: at,
        });
        const { report, salt } = attempt.opened!;
        const reportHash = crypto.sha256(report);
        const digest = computeScoreDigest(crypto, { jobId, keyHash, inputsHash, salt, reportHash });
        const signature = signer.sign(encodeScoreCommitment({ jobId, digest }));
        return { attempt, signer, jobId, reportHash, committed: { ...attempt.committed!, digest, signature } };
      });
      const round = listDigests(
        crypto,
        bound.map(({ attempt, committed }) => ({ ...attempt, committed })),
        0,
      );
      const attempts = bound.map(({ attempt, signer, jobId, reportHash, committed }) => {
        const opened = attempt.opened!;
        const signature = signer.sign(encodeScoreOpening({ jobId, salt: opened.salt, reportHash, round }));
        return { ...attempt, committed, opened: { ...opened, signature } };
      });
      return { ...evidence, attempts };
    };

    expect(judge(crypto, judged, resign(order.requestHash, scored)).verdict).toBe('accept');
    const other = new Uint8Array(32).fill(9);
    const bent: [Uint8Array, Partial<ScoredReply>][] = [
      [other, {}],
      [order.requestHash, { endpoint: 'completion' }],
      [order.requestHash, { modelRoot: other }],
      [order.requestHash, { header: { ...(header as Header), sketchBankSeed: other } }],
      [order.requestHash, { header: { ...(header as Header), stopReason: 'context' } }],
      [order.requestHash, { outputTokens: replay.outputTokens.map((token) => token ^ 1) }],
      [order.requestHash, { listSizes: scored.listSizes.map((size) => size + 1) }],
      [order.requestHash, { shapeClasses: scored.listSizes.map(() => 2) }],
      [order.requestHash, { tailDraws: new Map([[0, 5]]) }],
    ];
    for (const [requestHash, change] of bent) {
      expectRefused(judged, resign(requestHash, { ...scored, ...change }), 'on another job');
    }
    const { endpoint: _, ...unshown } = judged.claim;
    expectRefused({ ...judged, claim: unshown }, evidence, 'is missing');
  });

  it('refuses a report that was opened before another was bound', async () => {
    const { run } = await createAudited({});
    const { evidence, judged } = await run();
    const [first, second] = evidence.attempts as [AuditEvidence['attempts'][0], AuditEvidence['attempts'][0]];
    const swapped = { ...second, committed: { ...second.committed!, digest: first.committed!.digest } };
    expectRefused(judged, { ...evidence, attempts: [first, swapped] }, 'signature of an opening fails');
  });
});
