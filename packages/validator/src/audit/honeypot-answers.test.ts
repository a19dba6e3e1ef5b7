import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { computeVrfPublicKey, proveVrf } from '@ogong/protocol/crypto/vrf';
import { OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import type { DriftRow } from '@ogong/protocol/modality/text/drift/drift-table';
import { describePlantedText } from '@ogong/protocol/modality/text/planted-text';
import { NO_TAIL_GAP, parseScoreReport, type ScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { encodeTextClaim } from '@ogong/protocol/modality/text/stage2/text-claim';
import { listVerifierIds, type VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { openReply } from '@ogong/protocol/verdict/opened-reply';
import { createTestPolicy, jitter, repeatHeldOut } from '@ogong/testing/validator/drift-fixture';
import { type BenchOptions, createTestValidator, provider } from '@ogong/testing/validator/test-bench';
import { createTestCalls } from '@ogong/testing/validator/test-calls';
import { createTestHybrid, createTestPayee } from '@ogong/testing/validator/test-keys';
import { createTestReport, findServed, type TestReply } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';
import { findHoneypot, type HoneypotRow, keepHoneypotReport } from '../store/honeypot-store.ts';
import { type AttemptRow, keepAttempt } from '../store/replies/attempt-store.ts';
import { readVerifier } from '../store/verifier-store.ts';
import type { OwnVrf } from './honeypot-state.ts';

const ALWAYS = 1_000_000;
const NAMES = ['v1', 'v2', 'v3', 'v4'];
const keyOf = (name: string): Uint8Array => hashHybridKey(crypto, createTestHybrid(name).publicKey);
const NO_ROOM = { contextSize: 0, windows: [], tailGap: NO_TAIL_GAP };

type Bend = (honest: Uint8Array, found: TestReply) => Uint8Array;

/** Changes what a report says. */
const saying =
  (change: Partial<ScoreReport>): ((found: TestReply, job: ScoreJobMessage) => Uint8Array) =>
  (found, job) =>
    createTestReport(found, job, change);

/** One audited reply whose pair and whose honeypot are answered as is given here. */
async function createOne(
  answer: {
    readonly trap?: Bend | ReturnType<typeof saying>;
    readonly pair?: Partial<ScoreReport>;
  },
  more: BenchOptions['audit'] & object = {},
  bench: BenchOptions = {},
) {
  const served = new Map<string, TestReply>();
  const asked: string[] = [];
  const findTrap = () => validator.store.prepare('SELECT * FROM honeypots').all()[0];
  const trapName = () => {
    const trap = findTrap();
    return trap && NAMES.find((name) => toHex(keyOf(name)) === toHex(trap.verifier_id as Uint8Array));
  };
  const calls = createTestCalls(async (peer, job) => {
    const name = String(peer.endpoint).replace(/:1$/, '');
    asked.push(name);
    const found = findServed(served.values(), job) as TestReply;
    const signer = createTestHybrid(name);
    if (name !== trapName()) return { report: createTestReport(found, job, answer.pair ?? {}), signer };
    const honest = createTestReport(found, job);
    return { report: answer.trap?.(found as never, job as never) ?? honest, signer };
  });
  const validator = createTestValidator({ calls, audit: { pairPpm: ALWAYS, honeypotPpm: ALWAYS, ...more }, ...bench });
  await validator.announce(provider);
  for (const name of NAMES) await validator.announceVerifier(name);
  const reply = await validator.deliver(1);
  served.set(toHex(reply.reply.record.replyId), reply);
  await validator.certify();
  for (let i = 0; i < 3; i++) await validator.runAudits();
  return {
    ...{ validator, asked, reply, findTrap, trapName },
    /** Marks of each verifier in the entry, the outcome of the honeypot, and the rejects of its verifier here. */
    read: () => ({
      entry: validator.decided.map(({ verifiers }) => verifiers.map(({ outcome }) => outcome)),
      trap: findTrap()?.outcome,
      rejects: readVerifier(validator.store, keyOf(trapName() as string)).test.rejects,
    }),
  };
}

const spreadMs = 20_000;

const wait = async ({ validator }: Awaited<ReturnType<typeof createOne>>) => {
  for (let ms = 0; ms < 2 * spreadMs; ms += spreadMs / 4) {
    validator.clock.advance(spreadMs / 4);
    await validator.runAudits();
  }
};

const PAIR = ['credited', 'credited'];

describe('an answer to a honeypot', () => {
  it('that leaves the reply out for want of room costs nothing in the log, and counts here', async () => {
    const { read } = await createOne({ trap: saying(NO_ROOM) });
    expect(read()).toEqual({ entry: [PAIR], trap: 'garbage', rejects: 1 });
  });

  it('that is no report is refuted in the log, and counts once', async () => {
    const { read } = await createOne({ trap: () => Uint8Array.of(1) });
    expect(read()).toEqual({ entry: [[...PAIR, 'refuted']], trap: 'failed', rejects: 1 });
  });

  it('that is no report counts here if the pair does not agree, so that the entry names nobody', async () => {
    const pair = { exact: false, numericClass: 'other' };
    const waiting = await createOne({ trap: () => Uint8Array.of(1), pair }, { spreadMs });
    waiting.validator.store.database.exec('UPDATE honeypots SET ask_at = 0');
    await waiting.validator.runAudits();
    expect(waiting.read()).toEqual({ entry: [], trap: null, rejects: 0 });
    await wait(waiting);
    expect(waiting.read()).toEqual({ entry: [PAIR], trap: 'garbage', rejects: 1 });
  });

  it('that is no report and comes after the verdict counts here once', async () => {
    const waiting = await createOne({ pair: { exact: false, numericClass: 'other' } }, { spreadMs });
    const { store, clock } = waiting.validator;
    store.database.exec('UPDATE honeypots SET ask_at = deadline + 1');
    const row = findHoneypot(store, waiting.findTrap()?.id as Uint8Array) as HoneypotRow;
    await wait(waiting);
    expect(waiting.read()).toEqual({ entry: [PAIR], trap: 'dropped', rejects: 0 });
    const opened = { salt: new Uint8Array(32), report: Uint8Array.of(1), signature: new Uint8Array(1) };
    for (let i = 0; i < 2; i++)
      store.transact((db) => keepHoneypotReport(db, row, { opened, isUnreadable: true, nowMs: clock.nowMs() }));
    expect(waiting.read()).toEqual({ entry: [PAIR], trap: 'garbage', rejects: 1 });
  });

  it('that is a report is nothing against anybody if the pair does not agree', async () => {
    const { read } = await createOne({ pair: { exact: false, numericClass: 'other' } });
    expect(read()).toEqual({ entry: [PAIR], trap: 'dropped', rejects: 0 });
  });

  const drift = createTestPolicy('test', { reject: 0.001, doubt: 0.01 });
  const { verifierClass } = drift.table.rows[0] as DriftRow;
  const madeUp = () => {
    const random = createSeededRandom(3);
    return (found: TestReply, job: ScoreJobMessage) => {
      // Where a token is replaced, its row stands in the report.
      const { windows } = parseScoreReport(createTestReport(found, job));
      const made = jitter(found.reply, random, 2000);
      const bent = windows.map((window, i) => ({ ...window, sketch: made[i]?.sketch as Uint8Array }));
      return createTestReport(found, job, { exact: false, numericClass: verifierClass, windows: bent });
    };
  };

  it('that is unlikely by measured drift is doubted in the log, and counts once', async () => {
    const { read, validator } = await createOne({ trap: madeUp() }, { drift: repeatHeldOut(drift, 10) });
    expect(read()).toEqual({ entry: [[...PAIR, 'doubted']], trap: 'failed', rejects: 1 });
    // No other validator may take its stake for it.
    const [entry] = validator.decided as [VerdictEntry];
    expect(listVerifierIds(entry, 'refuted')).toEqual([]);
  });

  it('that is in doubt, and past the fixed limits, is credited in the log and counts here alone', async () => {
    const { read } = await createOne({ trap: madeUp() }, { drift });
    expect(read()).toEqual({ entry: [[...PAIR, 'credited']], trap: 'failed', rejects: 1 });
  });
});

describe('a honeypot that waits for its moment', () => {
  it('goes to the verifier that still signs with the drawn key, also for another payee', async () => {
    const waiting = await createOne({}, { spreadMs });
    const { validator, asked, trapName, read } = waiting;
    const name = trapName() as string;
    expect(asked).not.toContain(name);
    await validator.announceVerifier(name, 'x', createTestPayee('another payee'), {}, 2n);
    await wait(waiting);
    expect(asked).toContain(name);
    const [entry] = validator.decided as [VerdictEntry];
    expect(entry.verifiers.at(-1)?.payee).toEqual(createTestPayee(name).address);
    expect(read()).toMatchObject({ entry: [[...PAIR, 'credited']], trap: 'passed' });
  });

  it('goes to nobody that was asked about the reply since, and is not missed then', async () => {
    const waiting = await createOne({}, { spreadMs });
    const { validator, reply, asked, trapName, findTrap } = waiting;
    const name = trapName() as string;
    const later: AttemptRow = {
      ...{ attempt: 2, sitting: 0, round: 1, verifierId: keyOf(name), keyHash: keyOf(name) },
      ...{ nonce: new Uint8Array(16), outcome: 'silent', committed: undefined, opened: undefined, statements: [] },
    };
    validator.store.transact((db) => keepAttempt(db, reply.reply.record.replyId, later));
    validator.store.database.exec('UPDATE honeypots SET ask_at = 0');
    await validator.runAudits();
    expect(asked).not.toContain(name);
    expect(findTrap()).toMatchObject({ given_up: 1, report: null });
  });

  it('is made again if an earlier program has planned it by a nonce of its own choice', async () => {
    const waiting = await createOne({}, { spreadMs });
    const { validator, read, findTrap } = waiting;
    const before = findTrap()?.proof;
    validator.store.database.exec('UPDATE honeypots SET proof = NULL');
    await wait(waiting);
    expect(findTrap()?.proof).toEqual(before);
    expect(read()).toEqual({ entry: [[...PAIR, 'credited']], trap: 'passed', rejects: 0 });
  });
});

describe('a honeypot of an epoch whose validators are not known here', () => {
  /** Asked for its pair, with a verdict that waits. */
  async function createUnknown() {
    const seed = new Uint8Array(32).fill(9);
    const known: { key?: Awaited<ReturnType<OwnVrf['findKey']>> } = {};
    const vrf: OwnVrf = { prove: (input) => proveVrf(seed, input), findKey: async () => known.key };
    const one = await createOne({}, {}, { vrf });
    expect(one.asked).toHaveLength(2);
    expect(one.findTrap()).toBeUndefined();
    const { validator, reply } = one;
    const go = async (ms: number) => {
      validator.clock.advance(ms);
      await validator.runAudits();
      return validator.decided.map(({ verdict, feeAtomic, verifiers }) => [verdict, feeAtomic > 0n, verifiers.length]);
    };
    const learn = () => Object.assign(known, { key: { vrfKey: computeVrfPublicKey(seed) } });
    expect(validator.find(reply.reply.record.replyId)).toMatchObject({ state: 'auditing' });
    return { ...one, known, learn, go };
  }

  it('is planned once they are', async () => {
    const { read, learn, go, asked } = await createUnknown();
    expect(await go(8_000)).toEqual([]);
    learn();
    expect(await go(8_000)).toEqual([['accept', true, 3]]);
    expect(asked).toHaveLength(3);
    expect(read()).toMatchObject({ entry: [[...PAIR, 'credited']], trap: 'passed' });
  });

  it('is missed by nobody if this validator was none of them', async () => {
    const { known, go } = await createUnknown();
    known.key = { vrfKey: undefined };
    expect(await go(8_000)).toEqual([['accept', true, 2]]);
  });

  it('leaves the reply unjudged and unpaid after a day', async () => {
    const { go } = await createUnknown();
    expect(await go(OPENING_KEPT_MS)).toEqual([]);
    expect(await go(130_000)).toEqual([['unjudged', false, 2]]);
  });

  it('is asked of nobody who could not be held liable, and the reply is unjudged then, too', async () => {
    const { go, learn, asked, findTrap, validator } = await createUnknown();
    validator.store.database.exec('DELETE FROM announcements');
    learn();
    for (let i = 0; i < 5; i++) expect(await go(8_000)).toEqual([]);
    expect([asked.length, findTrap()]).toEqual([2, undefined]);
    expect(await go(OPENING_KEPT_MS + 130_000)).toEqual([['unjudged', false, 2]]);
  });
});

describe('the reading of an answer', () => {
  it('tells a report that withdraws what its verifier has signed for from one that is none', async () => {
    const found = await createTestValidator().deliver(4, {});
    const { header, opening, record, request } = found.reply;
    const exactClass = 'test-1/js/f64/exact/q8_0/kv-f32';
    const { reply } = openReply(crypto, record, found.reply.openingBytes) as NonNullable<ReturnType<typeof openReply>>;
    const { replay } = reply as unknown as {
      replay: Parameters<typeof describePlantedText>[1] & { rows: { ids: unknown[] }[] };
    };
    const planted = describePlantedText(crypto, {
      ...{ endpoint: 'chat', modelRoot: record.modelRoot, blind: opening.blind, endorsedClass: exactClass },
      header: { ...header, numericClass: exactClass },
      outputTokens: found.reply.outputTokens,
      position: undefined,
      listSizes: Uint8Array.from(replay.rows, ({ ids }) => ids.length),
      ...{ shapeClasses: replay.shapeClasses, tailDraws: replay.tailDraws },
    });
    const jobId = new Uint8Array(16);
    const shown = {
      modality: 'text',
      claim: encodeTextClaim({
        blind: new Uint8Array(32),
        outputTokens: new Uint8Array(Uint32Array.from(found.reply.outputTokens).buffer),
        listSizes: new Uint8Array(0),
      }),
    };
    const read = (bend: Partial<ScoreReport>) =>
      planted.read(createTestReport(found, { jobId, request, ...shown }, { numericClass: exactClass, ...bend }), {
        jobId,
      });
    expect(read({})).toHaveProperty('compare');
    expect(read({ exact: false })).toMatchObject({ problem: expect.stringContaining('denies it'), isWellFormed: true });
    expect(read({ numericClass: 'other' })).toMatchObject({ isWellFormed: true });
    // A verifier without context says nothing of its class.
    expect(read({ ...NO_ROOM, exact: false })).toMatchObject({
      problem: expect.stringContaining('a context of 0'),
      isWellFormed: true,
    });
    const other = read({ modelRoot: new Uint8Array(32) });
    expect(other).toHaveProperty('problem');
    expect(other).not.toHaveProperty('isWellFormed');
  });
});
