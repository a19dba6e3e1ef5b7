import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LinkError } from '@ogong/host/link/link-error';
import type { Store } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import { OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import { parseEvidence } from '@ogong/protocol/verdict/evidence';
import {
  type BenchOptions,
  createTestClock,
  createTestValidator,
  payer,
  provider,
  providerId,
} from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import type { TestReply } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';
import { readChannel } from '../store/channel-store.ts';
import { readAsks } from '../store/replies/opening-store.ts';
import { createTestStates, OWN_TESTS } from '../store/sequential-store.ts';
import type { AuditDependencies } from './audit-state.ts';
import { LEAST_ASKS } from './patience.ts';

const WINDOW_MS = 30_000;
type GetOpening = AuditDependencies['getOpening'];
type Call = Parameters<GetOpening>[2];
/** Result of one call: undefined if the provider sends its opening. */
type Fault = (call: Call, number: number) => LinkError | undefined | Promise<LinkError>;

const unreachable = () => new LinkError('unreachable', 'the connection was lost');
const refused = () => new LinkError('remote', 'no opening for you', { refusal: 'not-found' });

/** A validator and a provider, whose link and machines do what a test says; every look at a clock costs nothing. */
async function createLate(fault: (world: World) => Fault, options: BenchOptions = {}) {
  const clock = createTestClock();
  const awake = createTestClock();
  const world: World = {
    clock,
    pass(ms) {
      clock.advance(ms);
      awake.advance(ms);
    },
    stall: (ms) => clock.advance(ms),
    /** Nothing comes, and it was waited for. */
    hang({ timeoutMs }) {
      world.pass(timeoutMs);
      return new LinkError('timeout', 'the deadline passed');
    },
  };
  const served = new Map<string, TestReply>();
  const asked = new Map<string, number>();
  const behave = fault(world);
  const getOpening: GetOpening = async (_peer, replyId, call) => {
    const key = toHex(replyId);
    const number = asked.get(key) ?? 0;
    asked.set(key, number + 1);
    const error = await behave(call, number);
    if (error) throw error;
    return (served.get(key) as TestReply).reply.openingBytes;
  };
  const open = () =>
    createTestValidator({
      verifiers: (peer, job) => answerHonestly(served)(peer, job),
      getOpening,
      clock,
      awake,
      ...options,
      audit: { windowMs: WINDOW_MS, retryMs: 500, ...options.audit },
    });
  const validator = open();
  await validator.announce(provider);
  await validator.announceVerifier('v1');
  return {
    validator,
    served,
    asked,
    world,
    open,
    async deliver(number = 0) {
      const reply = await validator.deliver(number);
      served.set(toHex(reply.reply.record.replyId), reply);
      await validator.certify();
      return reply.reply.record.replyId;
    },
    /** @returns ms from now to the verdict, and the verdict. */
    async settle(replyId: Uint8Array, { on = validator, mostMs = 100 * WINDOW_MS, stepMs = 100 } = {}) {
      const beganMs = clock.nowMs();
      for (;;) {
        await on.runAudits();
        const row = on.find(replyId);
        const tookMs = clock.nowMs() - beganMs;
        if (row.state === 'decided' || tookMs > mostMs) return { tookMs, row };
        world.pass(stepMs);
      }
    },
  };
}

interface World {
  readonly clock: ReturnType<typeof createTestClock>;
  /** Time in which everybody is awake. */
  pass(ms: number): void;
  /** Time in which this validator stands still. */
  stall(ms: number): void;
  hang(call: Call): LinkError;
}

const testsOf = (store: Store) => createTestStates(store, OWN_TESTS).find(providerId);

describe('an honest provider', () => {
  it('is not rejected for openings that come late, up to the end of its window', async () => {
    const { deliver, settle, validator } = await createLate(({ clock, hang }) => {
      const startMs = clock.nowMs();
      return (call) => (clock.nowMs() - startMs < 0.8 * WINDOW_MS ? hang(call) : undefined);
    });
    const { row } = await settle(await deliver());
    expect(row.verdict).toBe('accept');
    expect(testsOf(validator.store).lateness).toMatchObject({ audits: 1, rejects: 0 });
  });

  it('has its whole window from the first ask, however long others kept the validator busy', async () => {
    let release = (): void => {};
    const busy = new Promise<void>((resolve) => {
      release = resolve;
    });
    let first: string | undefined;
    const clock = createTestClock();
    const served = new Map<string, TestReply>();
    const slow = createTestValidator({
      ...{ clock, verifiers: answerHonestly(served), audit: { concurrency: 1 } },
      async getOpening(_peer, replyId) {
        first ??= toHex(replyId);
        if (first === toHex(replyId)) await busy;
        return (served.get(toHex(replyId)) as TestReply).reply.openingBytes;
      },
    });
    await slow.announce(provider);
    await slow.announceVerifier('v1');
    for (const number of [0, 1]) {
      const reply = await slow.deliver(number);
      served.set(toHex(reply.reply.record.replyId), reply);
    }
    await slow.certify();
    await slow.audit.tick();
    clock.advance(10 * WINDOW_MS);
    release();
    await slow.runAudits();
    await slow.runAudits();
    await slow.runAudits();
    expect(slow.decided.map(({ verdict }) => verdict)).toEqual(['accept', 'accept']);
  });

  it('is not kept waiting by one that answers nothing', async () => {
    const silent = new Set<string>();
    const served = new Map<string, TestReply>();
    const validator = createTestValidator({
      verifiers: answerHonestly(served),
      audit: { concurrency: 4 },
      async getOpening(_peer, replyId) {
        if (silent.has(toHex(replyId))) throw unreachable();
        return (served.get(toHex(replyId)) as TestReply).reply.openingBytes;
      },
    });
    await validator.announce(provider);
    await validator.announceVerifier('v1');
    for (let number = 0; number < 21; number++) {
      const { reply, ...rest } = await validator.deliver(number);
      if (number < 20) silent.add(toHex(reply.record.replyId));
      else served.set(toHex(reply.record.replyId), { reply, ...rest });
    }
    await validator.certify();
    // Five looks take every reply up once, four at a time; nobody's pause holds a place.
    for (let i = 0; i < 7; i++) await validator.runAudits();
    expect(validator.decided.map(({ verdict }) => verdict)).toEqual(['accept']);
  });

  it('is reached over a link that breaks again and again', async () => {
    const { deliver, settle } = await createLate(
      ({ hang }) =>
        (call, number) =>
          number >= 4 ? undefined : number % 2 === 0 ? unreachable() : hang(call),
    );
    expect((await settle(await deliver())).row.verdict).toBe('accept');
  });

  it('is not charged with the time in which the validator stood still', async () => {
    const { deliver, settle, asked, validator } = await createLate(({ stall, pass }) => (_call, number) => {
      if (number >= 30) return undefined;
      // The answer is there, but the timer goes off first.
      stall(3 * WINDOW_MS);
      pass(10);
      return new LinkError('timeout', 'the deadline passed');
    });
    await validator.announceVerifier('v2');
    const replyId = await deliver();
    const { row } = await settle(replyId);
    expect(row.verdict).not.toBe('reject');
    expect(asked.get(toHex(replyId))).toBe(31);
  });

  it('is charged with the same time if the validator did wait', async () => {
    const { deliver, settle } = await createLate(({ pass }) => ({ timeoutMs }) => {
      pass(timeoutMs);
      return new LinkError('timeout', 'the deadline passed');
    });
    expect((await settle(await deliver())).row.verdict).toBe('reject');
  });

  it('is not charged with an outage of the line of the validator', async () => {
    let isConnected = false;
    const { deliver, settle, validator } = await createLate(() => () => (isConnected ? undefined : unreachable()), {
      isConnected: () => isConnected,
    });
    const replyId = await deliver();
    expect((await settle(replyId, { mostMs: 20 * WINDOW_MS, stepMs: 2_000 })).row.state).toBe('auditing');
    expect(readAsks(validator.store, replyId)).toMatchObject({ asks: 0, waitedMs: 0 });
    isConnected = true;
    expect((await settle(replyId)).row.verdict).toBe('accept');
  });

  it('is asked again by a validator that was down for many windows', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'ogong-late-'));
    let isBack = false;
    const late = await createLate(
      ({ hang }) =>
        (call) =>
          isBack ? undefined : hang(call),
      {
        path: join(directory, 'validator.db'),
      },
    );
    const { validator, world, open, deliver, settle } = late;
    const replyId = await deliver();
    await validator.runAudits();
    world.pass(1_000);
    await validator.runAudits();
    const { asks, waitedMs } = readAsks(validator.store, replyId);
    expect(asks).toBe(2);
    await validator.close();
    world.pass(50 * WINDOW_MS);
    isBack = true;
    const restarted = open();
    expect(readAsks(restarted.store, replyId)).toMatchObject({ asks, waitedMs });
    expect((await settle(replyId, { on: restarted })).row.verdict).toBe('accept');
    await restarted.close();
    rmSync(directory, { recursive: true });
  });

  it('is not blamed if the validator was down until the provider no longer had to keep the opening', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'ogong-late-'));
    let isGone = false;
    const late = await createLate(
      ({ hang }) =>
        (call) =>
          isGone ? refused() : hang(call),
      {
        path: join(directory, 'validator.db'),
      },
    );
    const { validator, world, open, deliver, settle } = late;
    const replyId = await deliver();
    await validator.runAudits();
    expect(readAsks(validator.store, replyId).asks).toBe(1);
    await validator.close();
    world.pass(OPENING_KEPT_MS + 600_000);
    isGone = true;
    const restarted = open();
    const { row } = await settle(replyId, { on: restarted });
    expect(row.verdict).toBe('unjudged');
    expect(parseEvidence(row.evidence as Uint8Array).kind).toBe('unasked');
    expect(restarted.decided.at(-1)).toMatchObject({ evidence: 'none', ejects: false });
    expect(testsOf(restarted.store).lateness.rejects).toBe(0);
    expect(testsOf(restarted.store).replies.rejects).toBe(0);
    await restarted.close();
    rmSync(directory, { recursive: true });
  });

  it.each([
    ['accept', 'the opening over during the last call', { at: 'call', isWhole: true }],
    ['accept', 'the opening over while witnesses are asked', { at: 'witnesses', isWhole: true }],
    ['reject', 'no opening over', { at: 'call', isWhole: false }],
  ] as const)('has the verdict %s if its payer hands %s', async (verdict, _, { at, isWhole }) => {
    const handOver = async (): Promise<void> => {
      const [{ submission, reply }] = [...served.values()] as [TestReply];
      const { order, signature } = submission.order;
      const opening = isWhole ? reply.openingBytes : undefined;
      const said = { order: { order, signature }, reason: 'opening-handed', opening, record: submission.record };
      expect(await validator.complain(said)).toMatchObject({ outcome: 'noted' });
    };
    const { deliver, settle, served, validator, asked } = await createLate(
      ({ hang }) =>
        async (call, number) => {
          if (at === 'call' && number === LEAST_ASKS - 1) await handOver();
          return hang(call);
        },
      {
        wrapContest: (contest) => ({
          async ask(contested) {
            if (at === 'witnesses') await handOver();
            return contest.ask(contested);
          },
        }),
      },
    );
    const replyId = await deliver();
    const { row } = await settle(replyId);
    expect([row.verdict, asked.get(toHex(replyId))]).toEqual([verdict, LEAST_ASKS]);
    expect(testsOf(validator.store).lateness.rejects).toBe(verdict === 'reject' ? 1 : 0);
  });

  it('has longer if the openings of others take long, too', async () => {
    const usual = async (tookMs: number) => {
      let isLate = false;
      const late = await createLate(({ pass, hang }) => (call) => {
        if (isLate) return hang(call);
        pass(tookMs);
        return undefined;
      });
      for (let number = 0; number < 4; number++) await late.settle(await late.deliver(number));
      isLate = true;
      const { row, tookMs: waitedMs } = await late.settle(await late.deliver(4));
      expect(row.verdict).toBe('reject');
      return waitedMs;
    };
    const tookMs = 5_000;
    expect(await usual(1)).toBeLessThan(3 * WINDOW_MS);
    expect(await usual(tookMs)).toBeGreaterThanOrEqual(20 * tookMs);
  });
});

describe('a provider that withholds', () => {
  const cases: readonly [string, (world: World) => Fault, { atMost: number }][] = [
    ['refuses', () => refused, { atMost: 1.3 }],
    ['opens something else', () => () => undefined, { atMost: 1.3 }],
    ['does not answer', ({ hang }) => hang, { atMost: 3 }],
    ['is not there', () => unreachable, { atMost: 2.5 }],
    ['is busy for ever', () => () => new LinkError('remote', 'later', { refusal: 'unavailable' }), { atMost: 1.3 }],
    [
      'is there now and then',
      () => (_call, number) => (number % 2 === 0 ? unreachable() : new LinkError('rate-limited', 'later')),
      { atMost: 2.5 },
    ],
  ];

  it.each(cases)('is not paid if it %s, in bounded time', async (name, fault, { atMost }) => {
    const { deliver, settle, validator, served, asked } = await createLate(fault);
    const replyId = await deliver();
    if (name === 'opens something else') {
      const other = await createTestValidator().deliver(5);
      served.set(toHex(replyId), other);
    }
    const { tookMs, row } = await settle(replyId);
    expect(tookMs).toBeGreaterThanOrEqual(WINDOW_MS);
    expect(tookMs).toBeLessThanOrEqual(atMost * WINDOW_MS);
    expect(asked.get(toHex(replyId))).toBeGreaterThanOrEqual(LEAST_ASKS);
    expect(row.verdict).toBe('reject');
    expect(validator.decided).toMatchObject([{ evidence: 'statistical', feeAtomic: 0n, ejects: false }]);
    expect(readChannel(validator.store, payer.address)).toMatchObject({ owed: 0n, outstanding: 0n });
    // Lateness is no evidence about what was computed.
    expect(testsOf(validator.store).replies.rejects).toBe(0);
    expect(testsOf(validator.store).lateness.rejects).toBe(1);
    expect(readAsks(validator.store, replyId)).toMatchObject({ asks: 0 });
  });

  it('is out after some spells of it, and one spell counts once', async () => {
    const { deliver, settle, validator } = await createLate(({ hang }) => hang);
    const verdicts: boolean[] = [];
    for (let spell = 0; spell < 12 && !verdicts.includes(true); spell++) {
      const ids = [await deliver(3 * spell), await deliver(3 * spell + 1), await deliver(3 * spell + 2)];
      for (const replyId of ids) await settle(replyId);
      await validator.certifyUpTo(validator.archive.latest().epoch + 30n);
      verdicts.push(validator.decided.some(({ ejects }) => ejects));
      // With its ejection a key begins anew.
      expect(testsOf(validator.store).lateness.rejects).toBe(verdicts.at(-1) ? 0 : spell + 1);
    }
    expect(verdicts.length).toBeGreaterThan(3);
    expect(verdicts.at(-1)).toBe(true);
  });
});
