import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import type { VerifierCalls } from '@ogong/host/link/verifier-call';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { createTestClock, createTestValidator, provider } from '@ogong/testing/validator/test-bench';
import { answerHonestly, createTestCalls } from '@ogong/testing/validator/test-calls';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import type { TestReply } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';
import { readVerifier } from '../store/verifier-store.ts';

const CALL_MS = 1_000;
const verifierId = hashHybridKey(crypto, createTestHybrid('v1').publicKey);
type Bend = (
  calls: VerifierCalls,
  time: { pass(ms: number): void; stall(ms: number): void; left(): number },
) => Partial<VerifierCalls>;

/** One validator and one honest verifier, whose machines and line do what a test says. */
async function createLate(bend: Bend) {
  const [clock, awake] = [createTestClock(), createTestClock()];
  const served = new Map<string, TestReply>();
  const honest = createTestCalls(answerHonestly(served));
  let endsMs = Number.POSITIVE_INFINITY;
  const time = {
    pass(ms: number) {
      clock.advance(ms);
      awake.advance(ms);
    },
    stall: (ms: number) => clock.advance(ms),
    left: () => endsMs - clock.nowMs(),
  };
  const validator = createTestValidator({
    ...{ clock, awake, calls: { ...honest, ...bend(honest, time) } },
    audit: { callTimeoutMs: CALL_MS, pairPpm: 0, honeypotPpm: 0 },
    getOpening: async (_peer, replyId) => (served.get(toHex(replyId)) as TestReply).reply.openingBytes,
  });
  await validator.announce(provider);
  await validator.announceVerifier('v1');
  let count = 0;
  return {
    async run() {
      const reply = await validator.deliver(count++);
      const { replyId } = reply.reply.record;
      served.set(toHex(replyId), reply);
      await validator.certify();
      endsMs = clock.nowMs() + 30_000;
      await validator.runAudits();
      const { state, verdict } = validator.find(replyId);
      return verdict ?? state;
    },
    record: () => readVerifier(validator.store, verifierId),
  };
}

const timeout = () => new LinkError('timeout', 'the deadline passed');
const unreachable = () => new LinkError('unreachable', 'the connection was lost');

describe('an honest verifier', () => {
  it('that has restarted, and does not know yet whom it may answer, is asked until it does', async () => {
    let tries = 0;
    const { run, record } = await createLate((calls, { pass }) => ({
      async reveal(peer, job, call) {
        pass(50);
        if (tries++ < 5) throw new LinkError('unauthorized', 'this peer may not call that');
        return calls.reveal(peer, job, call);
      },
    }));
    expect(await run()).toBe('accept');
    expect(record()).toMatchObject({ marks: 0, credit: 1 });
  });

  it('that stands still between commitment and opening is asked until it is back', async () => {
    let tries = 0;
    const { run, record } = await createLate((calls, { pass }) => ({
      async reveal(peer, job, call) {
        pass(50);
        if (tries++ < 10) throw unreachable();
        return calls.reveal(peer, job, call);
      },
    }));
    expect(await run()).toBe('accept');
    expect(record()).toMatchObject({ marks: 0, credit: 1, silences: 0 });
  });

  it('that does not come back in time has no credit and is deferred, and is never excluded', async () => {
    const { run, record } = await createLate((_calls, { pass }) => ({
      async reveal(_peer, _job, { timeoutMs }) {
        pass(timeoutMs);
        throw timeout();
      },
    }));
    for (let i = 0; i < 4; i++) expect(await run()).toBe('waiting');
    expect(record()).toMatchObject({ credit: 0, lastReason: 'silent', test: { rejects: 0, ejected: false } });
    // Each later run also asks about the replies that wait.
    expect(record().silences).toBeGreaterThan(4);
    expect(record().deferredUntilMs).toBeGreaterThan(0);
  });

  it('is not deferred for a validator that stood still', async () => {
    const { run, record } = await createLate((_calls, { stall, pass }) => ({
      async commit() {
        stall(CALL_MS);
        pass(10);
        throw timeout();
      },
    }));
    expect(await run()).toBe('waiting');
    expect(record()).toMatchObject({ marks: 0, silences: 0, deferredUntilMs: 0 });
  });

  it('is asked again if the validator stalled between commitment and opening', async () => {
    let tries = 0;
    const { run, record } = await createLate((calls, { stall, pass }) => ({
      async reveal(peer, job, call) {
        if (tries++ >= 6) return calls.reveal(peer, job, call);
        stall(CALL_MS);
        pass(10);
        throw timeout();
      },
    }));
    expect(await run()).toBe('accept');
    expect(record()).toMatchObject({ marks: 0, credit: 1 });
  });

  it('is deferred if the validator did wait', async () => {
    const { run, record } = await createLate((_calls, { pass }) => ({
      async commit(_peer, _job, { timeoutMs }) {
        pass(timeoutMs);
        throw timeout();
      },
    }));
    expect(await run()).toBe('waiting');
    expect(record()).toMatchObject({ marks: 1, silences: 1 });
  });
});

describe('a verifier that refuses to open', () => {
  it.each([
    ['forgets', new LinkError('remote', 'no such job', { refusal: 'not-found' })],
    ['breaks', new LinkError('remote', 'internal error')],
  ])('is refuted where it %s what it committed to', async (_name, error) => {
    const { run, record } = await createLate(() => ({ reveal: () => Promise.reject(error) }));
    expect(await run()).toBe('waiting');
    expect(record()).toMatchObject({ credit: 0, lastReason: 'garbage', test: { rejects: 1, ejected: false } });
    expect(await run()).toBe('waiting');
    expect(record()).toMatchObject({ credit: 0, lastReason: 'garbage', test: { ejected: true } });
  });
});
