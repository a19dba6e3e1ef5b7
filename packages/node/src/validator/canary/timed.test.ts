import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { parseTestReport, type Test } from '@ogong/protocol/audit/test-report';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { parseScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { createTestValidator, provider } from '@ogong/testing/validator/test-bench';
import { answerHonestly, createTestCalls, type TestVerifiers } from '@ogong/testing/validator/test-calls';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import type { TestReply } from '@ogong/testing/validator/test-reply';
import { afterEach, expect, it } from 'vitest';
import type { VerifierCalls } from '../audit/verifier-call.ts';
import { reportTests } from './report-tests.ts';
import { createTimedChallenges } from './timed.ts';

const beaconOf = (epoch: bigint): Uint8Array => crypto.sha256(utf8Encode(`timed beacon ${epoch}`));
const idOf = (name: string): string => toHex(hashHybridKey(crypto, createTestHybrid(name).publicKey));
const nameOf = ({ endpoint }: { endpoint: unknown }): string => String(endpoint).replace(/:1$/, '');
const NAMES = ['honest', 'other', 'wrong', 'gone', 'third'];
const close: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of close.splice(0)) await end();
});

/** A network that has served and audited; then verifiers change as their names say. */
async function createChallenger({ isConnected = true, isLate = false, rateOf = (): number | undefined => 20 } = {}) {
  const served = new Map<string, TestReply>();
  /** What each verifier was asked to score. */
  const [audited, scored] = [new Map<string, string[]>(), new Map<string, string[]>()];
  const note = (to: Map<string, string[]>, ...[peer, job]: Parameters<TestVerifiers>): void => {
    const work = toHex(crypto.sha256(job.request, job.header, job.sketchBankSeed));
    to.set(nameOf(peer), [...(to.get(nameOf(peer)) ?? []), work]);
  };
  const audit = answerHonestly(served);
  const validator = createTestValidator({
    verifiers: (peer, job) => {
      note(audited, peer, job);
      return audit(peer, job);
    },
  });
  await validator.announce(provider);
  for (const name of NAMES) await validator.announceVerifier(name);
  for (let number = 0; number < 3; number++) {
    const reply = await validator.deliver(number);
    served.set(toHex(reply.reply.record.replyId), reply);
  }
  await validator.certify();
  for (let i = 0; i < 8; i++) await validator.runAudits();
  expect(validator.decided.map(({ verdict }) => verdict)).toEqual(['accept', 'accept', 'accept']);
  const honest = answerHonestly(served);
  const inner = createTestCalls(async (peer, job) => {
    const answer = await honest(peer, job);
    if (nameOf(peer) !== 'wrong') return answer;
    const windows = parseScoreReport(answer.report).windows.map((window) => ({
      ...window,
      sketch: window.sketch.map((byte, i) => (i === 8 ? byte ^ 1 : byte)),
    }));
    return answerHonestly(served, { windows })(peer, job);
  });
  const asked: { name: string; timeoutMs: number }[] = [];
  const calls: VerifierCalls = {
    ...inner,
    async commit(peer, job, call) {
      asked.push({ name: nameOf(peer), timeoutMs: call.timeoutMs });
      note(scored, peer, job);
      if (nameOf(peer) === 'gone') throw new Error('nobody answers');
      const answer = await inner.commit(peer, job, call);
      // It has the work of many keys before it.
      if (isLate) validator.clock.advance(call.timeoutMs + 1);
      return answer;
    },
  };
  const ended: { test: Test; outcome: string }[] = [];
  const timed = createTimedChallenges({
    ...{ crypto, clock: validator.clock, store: validator.store, group: validator.group, calls },
    ...{ vrfSeed: new Uint8Array(32).fill(6), jobSecret: new Uint8Array(32).fill(7), epochMs: 1 },
    validator: validator.signer.address,
    ratePpm: () => 500_000,
    slowestRate: rateOf,
    isConnected: () => isConnected,
    getOpening: async (_peer, replyId) => (served.get(toHex(replyId)) as TestReply).reply.openingBytes,
    onTest: (test, outcome) => ended.push({ test, outcome }),
    onError: (error) => {
      throw error;
    },
  });
  close.push(async () => {
    await timed.stop();
    await validator.close();
  });
  function run(epochs: bigint): void {
    for (let epoch = 1n; epoch <= epochs; epoch++) timed.notice({ epoch, value: beaconOf(epoch) });
  }
  const outcomesOf = (name: string): Set<string> =>
    new Set(
      ended
        .filter(({ test, outcome }) => toHex(test.providerId) === idOf(name) && outcome !== 'unknown')
        .map(({ outcome }) => outcome),
    );
  const report = () =>
    parseTestReport(
      reportTests(validator.store, 'timed', { chainId: 31_337n, validator: new Uint8Array(20), latest: 14n }),
    );
  return { validator, ended, asked, audited, scored, run, outcomesOf, report };
}

it('finds who answers rightly, wrongly, and not at all', async () => {
  const { ended, asked, run, outcomesOf, report } = await createChallenger();
  run(12n);
  for (const name of ['honest', 'other', 'wrong', 'gone']) {
    await expect.poll(() => outcomesOf(name).size, { timeout: 20_000 }).toBeGreaterThan(0);
  }
  for (const name of ['honest', 'other']) expect(outcomesOf(name)).toEqual(new Set(['answered']));
  for (const name of ['wrong', 'gone']) expect(outcomesOf(name)).toEqual(new Set(['missed']));
  // Whoever has no verifier is asked nothing.
  const server = toHex(hashHybridKey(crypto, provider.publicKey));
  for (const { test, outcome } of ended) if (toHex(test.providerId) === server) expect(outcome).toBe('unknown');
  // Several replies at once, with one deadline that follows from their tokens.
  expect(asked.filter(({ name }) => name === 'gone').length).toBeGreaterThan(1);
  expect(new Set(asked.filter(({ name }) => name === 'gone').map(({ timeoutMs }) => timeoutMs)).size).toBe(1);
  expect(asked[0]?.timeoutMs).toBeGreaterThan(1_000);
  await expect.poll(() => report().tests.some(({ isMissed }) => isMissed)).toBe(true);
  expect(report().tests.some(({ providerId }) => toHex(providerId) === server)).toBe(false);
});

it('counts a right answer as missed that comes after its deadline', async () => {
  const { run, outcomesOf } = await createChallenger({ isLate: true });
  run(12n);
  await expect.poll(() => outcomesOf('honest').size, { timeout: 20_000 }).toBeGreaterThan(0);
  expect(outcomesOf('honest')).toEqual(new Set(['missed']));
});

it('says nothing of anybody while this validator hears of nobody, or knows no deadline', async () => {
  for (const options of [{ isConnected: false }, { rateOf: () => undefined }]) {
    const { ended, run, report } = await createChallenger(options);
    run(6n);
    await expect.poll(() => ended.length, { timeout: 20_000 }).toBeGreaterThan(3);
    expect(ended.every(({ outcome }) => outcome === 'unknown')).toBe(true);
    expect(report().tests).toEqual([]);
  }
});

it('gives nobody the same work twice, and what it has audited last', async () => {
  const { ended, scored, audited, run } = await createChallenger();
  run(12n);
  // Each key is drawn again and again, and there are three replies.
  await expect.poll(() => ended.length, { timeout: 20_000 }).toBeGreaterThan(20);
  expect([...scored.values()].some((all) => all.length > 2)).toBe(true);
  for (const [name, all] of scored) expect(new Set(all).size, name).toBe(all.length);
  expect([...audited.values()].some((all) => all.length > 0)).toBe(true);
  for (const [name, all] of scored) {
    const isKnown = all.map((work) => audited.get(name)?.includes(work) === true);
    expect(isKnown, name).toEqual(isKnown.toSorted((a, b) => Number(a) - Number(b)));
  }
});
