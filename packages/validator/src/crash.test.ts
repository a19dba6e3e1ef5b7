import { join } from 'node:path';
import type { VerifierCalls } from '@ogong/host/link/verifier-call';
import { createGroupCommit, type GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import { StoreError } from '@ogong/host/store/store-error';
import { toHex } from '@ogong/protocol/base/bytes';
import type { SignedAdmission } from '@ogong/protocol/exchange/admission';
import { type AuditEvidence, parseEvidence } from '@ogong/protocol/verdict/evidence';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { createFailingDisk, type FailingDisk } from '@ogong/testing/store/test-log';
import {
  createTestClock,
  createTestValidator,
  payer,
  provider,
  type TestValidator,
} from '@ogong/testing/validator/test-bench';
import { answerHonestly, createTestCalls } from '@ogong/testing/validator/test-calls';
import { createTestChain, type TestChain } from '@ogong/testing/validator/test-chain';
import { PRICE_PER_1K, type TestReply } from '@ogong/testing/validator/test-reply';
import { afterEach, describe, expect, it } from 'vitest';
import { readChannel } from './store/channel-store.ts';

/**
 * Ends the validator at every write to its disk, and in the moment after the chain has accepted its batch. The crash
 * comes before or after the write, and no party receives an answer. Then the rest is opened again and continues.
 */
class Crash extends Error {}

/** Of each reply: worlds are many, and the length of a reply adds no step to its life. */
const TOKENS = 8;
const FEE = ((3n + BigInt(TOKENS)) * PRICE_PER_1K) / 1000n;

/** A life takes half a second: by day every fifth sync fails in one, by night each. */
const EACH = process.env.OGONG_LONG === '1' ? 1 : 5;

interface Fault {
  /** How many durable steps to let pass. */
  readonly after: number;
  readonly when: 'before' | 'after';
}

function createFaultyGroup(fault: Fault | undefined, steps: { count: number; isDead: boolean }) {
  return (group: GroupCommit): GroupCommit => ({
    ...group,
    async write<T>(work: (store: Store) => T): Promise<T> {
      if (steps.isDead) throw new Crash();
      const isFatal = fault !== undefined && steps.count++ >= fault.after;
      if (isFatal) steps.isDead = true;
      if (isFatal && fault.when === 'before') throw new Crash();
      const result = await group.write(work);
      if (isFatal) throw new Crash();
      return result;
    },
  });
}

describe('a validator that dies at any step', () => {
  const directories: TestDirectory[] = [];
  afterEach(() => {
    for (const directory of directories.splice(0)) directory.remove();
  });

  interface World {
    readonly path: string;
    readonly chain: TestChain;
    readonly clock: ReturnType<typeof createTestClock>;
    readonly served: Map<string, TestReply>;
    /** Verifiers, two per audit; each of their commitments outlives the validator. */
    readonly calls: VerifierCalls;
    /** Replies whose record was acknowledged. */
    readonly acknowledged: Set<string>;
    /** The answers to admitted orders, by reply. */
    readonly admitted: Map<string, SignedAdmission>;
  }

  function createWorld(): World {
    const directory = createTestDirectory('crash');
    directories.push(directory);
    const served = new Map<string, TestReply>();
    return {
      path: join(directory.path, 'validator.db'),
      chain: createTestChain(),
      clock: createTestClock(),
      served,
      calls: createTestCalls(answerHonestly(served)),
      acknowledged: new Set(),
      admitted: new Map(),
    };
  }

  function open(world: World, wrapGroup?: (group: GroupCommit, store: Store) => GroupCommit): TestValidator {
    const { path, chain, clock, served, calls } = world;
    const validator = createTestValidator({
      path,
      chain,
      clock,
      calls,
      audit: { pairPpm: 1_000_000, honeypotPpm: 1_000_000 },
      getOpening: async (_peer, replyId) => (served.get(toHex(replyId)) as TestReply).reply.openingBytes,
      ...(wrapGroup ? { wrapGroup } : {}),
    });
    // The validator dies and not the machine, so thousands of syncs would prove nothing more.
    validator.store.database.exec('PRAGMA synchronous = OFF');
    return validator;
  }

  /** Steps of providers and gateways, repeated from the start after every crash: their outboxes never give up. */
  async function drive(world: World, validator: TestValidator): Promise<void> {
    await validator.announce(provider).catch(onlyKnown);
    for (const name of ['v1', 'v2', 'v3', 'v4']) await validator.announceVerifier(name).catch(onlyKnown);
    for (const number of [0, 1]) {
      const expiresAtMs = BigInt(world.clock.nowMs() + 100_000);
      const order = validator.order(number, { expiresAtMs, epoch: 0n }, payer, TOKENS);
      const id = toHex(order.fields.replyId);
      if (world.acknowledged.has(id)) continue;
      const admission = await validator.intake.admit(order);
      // It never says two things of one order.
      expect(admission).toEqual(world.admitted.get(id) ?? admission);
      world.admitted.set(id, admission);
      const reply = world.served.get(id) ?? validator.serve(order);
      world.served.set(id, reply);
      // One payer is faster than the provider, the other one slower.
      if (number === 0) await validator.acknowledge(order, reply);
      await validator.intake.pushRecord(reply.submission);
      if (number === 1) await validator.acknowledge(order, reply);
      world.acknowledged.add(id);
    }
    if (validator.archive.latest().epoch === 0n) await validator.certify();
    for (let i = 0; i < 3; i++) await validator.runAudits();
    while (await validator.settlement.step());
  }

  /** A repeated announcement is refused as known; anything else is a failure. */
  function onlyKnown(error: Error): void {
    if (!/newer announcement is known/.test(error.message)) throw error;
  }

  async function runToTheEnd(fault: Fault | undefined, crashChain = false) {
    const world = createWorld();
    const steps = { count: 0, isDead: false };
    const first = open(world, createFaultyGroup(fault, steps));
    if (crashChain) {
      world.chain.afterSettle = () => {
        steps.isDead = true;
        throw new Crash();
      };
    }
    const outcome = await drive(world, first).then(
      () => 'finished',
      (error: unknown) => {
        if (error instanceof Crash) return 'crashed';
        throw error;
      },
    );
    world.chain.afterSettle = () => {};
    await first.close();
    return { world, second: await carryOn(world), outcome, steps: steps.count };
  }

  async function carryOn(world: World): Promise<TestValidator> {
    const second = open(world);
    const acknowledged = [...world.acknowledged];
    for (const id of acknowledged) {
      const { reply } = world.served.get(id) as TestReply;
      expect(second.find(reply.record.replyId).signedRecord?.record).toEqual(reply.recordBytes);
    }
    await drive(world, second);
    return second;
  }

  /** The disk fails from one sync on; then the power goes, and what was synced is left. */
  async function runOnFailingDisk(failsAt: number) {
    const world = createWorld();
    let disk: FailingDisk | undefined;
    const first = open(world, (_group, store) => {
      disk = createFailingDisk(store.path, failsAt);
      return createGroupCommit(store, { log: disk.log });
    });
    const outcome = await drive(world, first).then(
      () => 'finished',
      (error: unknown) => {
        if (error instanceof StoreError && error.code === 'io') return 'crashed';
        throw error;
      },
    );
    await first.close();
    disk?.cutPower();
    return { world, second: await carryOn(world), outcome, syncs: disk?.syncs() ?? 0 };
  }

  async function expectAllSettledOnce({
    world,
    second,
  }: Pick<Awaited<ReturnType<typeof runToTheEnd>>, 'world' | 'second'>): Promise<void> {
    const paid = world.chain.settled.flatMap(({ debits }) => debits.map(({ amount }) => amount));
    expect(paid.reduce((sum, amount) => sum + amount, 0n)).toBe(2n * FEE);
    expect(world.chain.settled.reduce((sum, { batch }) => sum + batch.replies, 0)).toBe(2);
    expect(readChannel(second.store, payer.address)).toMatchObject({ settled: 2n * FEE, owed: 0n, outstanding: 0n });
    for (const { reply } of world.served.values()) {
      const row = second.find(reply.record.replyId);
      expect(row).toMatchObject({ state: 'settled', verdict: 'accept' });
      const evidence = parseEvidence(row.evidence as Uint8Array) as AuditEvidence;
      expect(evidence.attempts.map(({ round, opened }) => [round, opened !== undefined])).toEqual([
        [0, true],
        [0, true],
      ]);
    }
    const honeypots = second.store.prepare('SELECT outcome FROM honeypots').all();
    expect(honeypots.map(({ outcome }) => outcome)).toEqual(['passed', 'passed']);
    const verifiers = second.store
      .prepare('SELECT sum(credit) AS credit, sum(marks) AS marks FROM verifiers WHERE length(verifier_id) = 32')
      .get();
    expect(verifiers).toMatchObject({ credit: 6, marks: 0 });
    await second.close();
  }

  it.each(['before', 'after'] as const)(
    'loses no acknowledged record and pays nothing twice, dying %s a write',
    async (when) => {
      const { steps, ...whole } = await runToTheEnd({ after: Number.POSITIVE_INFINITY, when });
      await expectAllSettledOnce(whole);
      expect(whole.outcome).toBe('finished');
      expect(steps).toBeGreaterThan(12);
      for (let after = 0; after < steps; after++) await expectAllSettledOnce(await runToTheEnd({ after, when }));
    },
    300_000,
  );

  it('has told nothing that a power failure undoes, whichever sync fails', async () => {
    const { syncs, ...whole } = await runOnFailingDisk(Number.POSITIVE_INFINITY);
    await expectAllSettledOnce(whole);
    expect(whole.outcome).toBe('finished');
    expect(syncs).toBeGreaterThan(12);
    const outcomes: string[] = [];
    for (let failsAt = 0; failsAt < syncs; failsAt += EACH) {
      const run = await runOnFailingDisk(failsAt);
      outcomes.push(run.outcome);
      await expectAllSettledOnce(run);
    }
    expect(outcomes).toContain('crashed');
  }, 300_000);

  it('finds its batch on the chain after dying in the moment of submission', async () => {
    const run = await runToTheEnd(undefined, true);
    expect(run.outcome).toBe('crashed');
    expect(run.world.chain.settled.length).toBe(1);
    await expectAllSettledOnce(run);
  });
});
