import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { ScoreJobMessage } from '@ogong/protocol/modality/text/stage2/score-commitment';
import { parseScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { listVerifierIds } from '@ogong/protocol/settlement/verdict-log';
import { type BenchOptions, createTestValidator, provider } from '@ogong/testing/validator/test-bench';
import { answerHonestly, createTestCalls } from '@ogong/testing/validator/test-calls';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import type { TestReply } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';
import { readVerifier } from '../store/verifier-store.ts';
import { computeLacking } from './honeypot-reserve.ts';
import type { VerifierCalls } from './verifier-call.ts';

const NAMES = ['v1', 'v2', 'v3', 'v4', 'v5'];
const nameOf = ({ endpoint }: { endpoint: unknown }): string => String(endpoint).replace(/:1$/, '');
const keyOf = (name: string): Uint8Array => hashHybridKey(crypto, createTestHybrid(name).publicKey);
const flip = (windows: readonly WindowBytes[], bit: number): WindowBytes[] =>
  windows.map((window) => ({ ...window, sketch: window.sketch.map((byte, i) => (i === 8 ? byte ^ bit : byte)) }));

/** Half of the replies are audited, all others make honeypots; `bits` says by which bit whose sketches are off. */
async function createReserved(
  bits: Readonly<Record<string, number>> = {},
  { audit = {}, ...more }: { audit?: BenchOptions['audit'] & object; getOpening?: BenchOptions['getOpening'] } = {},
) {
  const served = new Map<string, TestReply>();
  const jobs: { name: string; request: string; job: ScoreJobMessage }[] = [];
  const inner = createTestCalls(async (peer, job) => {
    const bit = bits[nameOf(peer)] ?? 0;
    const honest = await answerHonestly(served)(peer, job);
    const { windows } = parseScoreReport(honest.report);
    return bit === 0 ? honest : answerHonestly(served, { windows: flip(windows, bit) })(peer, job);
  });
  const calls: VerifierCalls = {
    ...inner,
    commit(peer, job, call) {
      jobs.push({ name: nameOf(peer), request: toHex(crypto.sha256(job.request)), job });
      return inner.commit(peer, job, call);
    },
  };
  const validator = createTestValidator({
    calls,
    audit: { alphaPpm: () => 500_000, honeypotPpm: 1_000_000, ...audit },
    ...(more.getOpening ? { getOpening: more.getOpening } : {}),
  });
  await validator.announce(provider);
  for (const name of NAMES) await validator.announceVerifier(name);
  return {
    validator,
    jobs,
    async run(replies: number) {
      for (let number = 0; number < replies; number++) {
        const reply = await validator.deliver(number);
        served.set(toHex(reply.reply.record.replyId), reply);
      }
      await validator.certify();
      for (let i = 0; i < 8; i++) await validator.runAudits();
    },
    honeypots: () => validator.store.prepare('SELECT * FROM honeypots').all(),
    reserve: () => validator.store.prepare('SELECT * FROM reserve').all(),
    passedOver: () => validator.decided.filter(({ verdict }) => verdict === 'unaudited').map(({ replyId }) => replyId),
    verifier: (name: string) => readVerifier(validator.store, keyOf(name)),
  };
}

describe('the reserve', () => {
  it('makes honeypots of unaudited replies, and asks as many verifiers about each as an audit does', async () => {
    const { run, honeypots, passedOver, jobs, validator } = await createReserved();
    await run(24);
    const ids = passedOver().map((id) => toHex(id));
    expect(ids.length).toBeGreaterThan(4);
    expect(ids.length).toBeLessThan(20);
    const pots = honeypots();
    expect(new Set(pots.map((row) => toHex(row.reply_id as Uint8Array)))).toEqual(new Set(ids));
    expect(pots.every(({ outcome }) => outcome === 'passed')).toBe(true);
    expect(new Set(pots.map(({ position }) => position === null)).size).toBe(2);
    // A request is in one kind of job only, and before one verifier once.
    expect(new Set(jobs.map(({ name, request }) => `${name} ${request}`)).size).toBe(jobs.length);
    const of = (replyId: string): string =>
      toHex(crypto.sha256(validator.find(Buffer.from(replyId, 'hex')).submission?.request as Uint8Array));
    const audited = validator.decided.filter(({ verdict }) => verdict === 'accept');
    const shared = audited.filter(({ replyId }) => ids.map(of).includes(of(toHex(replyId))));
    expect(shared).toEqual([]);
    expect(jobs.length).toBe(pots.length + audited.reduce((sum, { verifiers }) => sum + verifiers.length, 0));
  });

  it('asks two at the same time as often as audits do', async () => {
    const { run, honeypots, passedOver } = await createReserved({}, { audit: { pairPpm: 1_000_000 } });
    await run(10);
    expect(honeypots().length).toBe(2 * passedOver().length);
    expect(honeypots().every(({ outcome }) => outcome === 'passed')).toBe(true);
  });

  it('takes as many as go on the audits that there are', async () => {
    const { run, reserve, passedOver } = await createReserved({}, { audit: { honeypotPpm: 250_000 } });
    await run(40);
    expect(reserve().length).toBeGreaterThan(0);
    expect(reserve().length).toBeLessThan(passedOver().length / 2);
    expect(computeLacking(50_000, 1_000_000)).toBe(50_000);
    expect(computeLacking(50_000, 980_000)).toBeCloseTo(29_592, 0);
    expect([computeLacking(50_000, 500_000), computeLacking(50_000, 0)]).toEqual([0, 0]);
  });

  it('refutes a verifier that invents a report once two others have passed, and nobody else', async () => {
    const { run, honeypots, verifier } = await createReserved({ v1: 1 });
    await run(24);
    const failed = honeypots().filter(({ outcome }) => outcome === 'failed');
    expect(failed.length).toBeGreaterThan(0);
    for (const { verifier_id: id, reply_id: replyId } of failed) {
      expect(toHex(id as Uint8Array)).toBe(toHex(keyOf('v1')));
      const others = honeypots().filter((row) => toHex(row.reply_id as Uint8Array) === toHex(replyId as Uint8Array));
      expect(others.filter(({ outcome }) => outcome === 'passed').length).toBeGreaterThanOrEqual(2);
    }
    expect(verifier('v1').test.rejects).toBeGreaterThan(0);
    for (const name of NAMES.slice(1)) expect(verifier(name).marks).toBe(0);
  });

  it('blames no honest verifier for the commitment of a cheat, even if another verifier agrees with the cheat', async () => {
    // What v2 to v5 compute differs from what was committed; v1 was told.
    const cheat = { v2: 1, v3: 1, v4: 1, v5: 1 };
    const { run, honeypots } = await createReserved(cheat);
    await run(24);
    const pots = honeypots();
    const told = pots.filter((row) => toHex(row.verifier_id as Uint8Array) === toHex(keyOf('v1')));
    expect(pots.length).toBeGreaterThan(told.length);
    expect(told.length).toBeGreaterThan(0);
    expect(pots.some(({ outcome }) => outcome === 'failed')).toBe(false);
    expect(pots.some(({ outcome }) => outcome === 'dropped')).toBe(true);
  });

  it('lets a reply go whose opening is not to be had', async () => {
    const bench: Awaited<ReturnType<typeof createReserved>> = await createReserved(
      {},
      {
        async getOpening(_peer, replyId) {
          const { validator } = bench;
          if (validator.find(replyId).state === 'decided') throw new Error('offline');
          return (validator.served.get(toHex(replyId)) as TestReply).reply.openingBytes;
        },
      },
    );
    const { run, honeypots, reserve, passedOver, jobs, validator } = bench;
    await run(6);
    expect(passedOver().length).toBeGreaterThan(0);
    expect([honeypots().length, reserve().length]).toEqual([0, 0]);
    const audits = validator.decided.flatMap((entry) => listVerifierIds(entry, 'credited'));
    expect(jobs.length).toBe(audits.length);
  });
});
