import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { VerifierCalls } from '@ogong/host/link/verifier-call';
import { toHex } from '@ogong/protocol/base/bytes';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import { encodeHeader, parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { type DrawRow, decodeDraws, encodeDraws, tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import { type DriftRow, nameRow } from '@ogong/protocol/modality/text/drift/drift-table';
import { EQUAL_STATISTIC } from '@ogong/protocol/modality/text/drift/likelihood';
import type { Stratum } from '@ogong/protocol/modality/text/drift/strata';
import {
  checkHoneypot,
  type KnownAnswer,
  type PlantedText,
  plantBad,
} from '@ogong/protocol/modality/text/honeypot-check';
import { TAIL_RANK } from '@ogong/protocol/modality/text/sampling/sampler';
import { readTextClaim } from '@ogong/protocol/modality/text/scored-reply';
import { redactHeader } from '@ogong/protocol/modality/text/stage2/redact-header';
import { parseScoreReport, type ScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { encodeTextClaim } from '@ogong/protocol/modality/text/stage2/text-claim';
import { listVerifierIds } from '@ogong/protocol/settlement/verdict-log';
import { computeWilsonInterval } from '@ogong/protocol/statistics/statistics';
import { type DriftPolicy, toRates } from '@ogong/protocol/verdict/drift-policy';
import { CHEAT, createTestPolicy, HONEST, jitter, repeatHeldOut } from '@ogong/testing/validator/drift-fixture';
import { type BenchOptions, createTestValidator, provider } from '@ogong/testing/validator/test-bench';
import { answerHonestly, createTestCalls, type TestVerifiers } from '@ogong/testing/validator/test-calls';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import { createTestReport, type TestReply } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';
import { readVerifier } from '../store/verifier-store.ts';

const seed = (n: number): Uint8Array => crypto.sha256(Uint8Array.of(n));
const nameOf = ({ endpoint }: { endpoint: unknown }): string => String(endpoint).replace(/:1$/, '');
const keyOf = (name: string): Uint8Array => hashHybridKey(crypto, createTestHybrid(name).publicKey);
const toBytes = (tokens: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(tokens).buffer);
const flipAt = (windows: readonly WindowBytes[], at: number): WindowBytes[] =>
  windows.map((window, i) =>
    i === at ? { ...window, sketch: window.sketch.map((b, j) => (j === 8 ? b ^ 1 : b)) } : window,
  );

type Answered = readonly [KnownAnswer, Pick<PlantedText, 'position'>, ScoreReport];

const check = (...[known, planted, report, policy]: [...Answered, DriftPolicy?]) =>
  checkHoneypot(crypto, known, planted, report, policy && { table: policy.table, rates: toRates(policy.note) });
const judge = (...of: Answered) => check(...of).outcome;

/** The part of a reply with these tokens that a job shows. */
const claimOf = (tokens: readonly number[]): Pick<ScoreJobMessage, 'modality' | 'claim'> => ({
  modality: 'text',
  claim: encodeTextClaim({ blind: new Uint8Array(32), outputTokens: toBytes(tokens), listSizes: new Uint8Array(0) }),
});

const readRows = ({ reply }: TestReply): DrawRow[] =>
  reply.opening.windows.flatMap(({ draws }) => decodeDraws(draws, reply.header).rows);

/** Delivers a reply in which a repeated token can be replaced. */
async function deliverRepetitive(): Promise<TestReply> {
  const validator = createTestValidator();
  for (let number = 0; number < 40; number++) {
    const served = await validator.deliver(number, {});
    const { outputTokens } = plantBad(crypto, readRows(served), seed(0));
    if (new Set(outputTokens).size === new Set(served.reply.outputTokens).size) return served;
  }
  throw new Error('no reply has a token that can be replaced without a trace');
}

async function createKnown() {
  const served = await deliverRepetitive();
  const { request } = served.reply;
  const report = (tokens: readonly number[], bend: Partial<ScoreReport> = {}): ScoreReport =>
    parseScoreReport(createTestReport(served, { jobId: new Uint8Array(16), request, ...claimOf(tokens) }, bend));
  const answer: KnownAnswer = { header: served.reply.header, report: report(served.reply.outputTokens) };
  const rows = readRows(served);
  const good: PlantedText = { outputTokens: served.reply.outputTokens, position: undefined };
  return { served, answer, report, rows, good };
}

describe('a planted reply', () => {
  it('differs from the reply in one token that is likely there and ends nothing', async () => {
    const { served, rows } = await createKnown();
    const own = served.reply.outputTokens;
    const positions = new Set<number>();
    for (let n = 0; n < 30; n++) {
      const { outputTokens, position } = plantBad(crypto, rows, seed(n));
      const different = own.flatMap((token, i) => (token === outputTokens[i] ? [] : [i]));
      expect(different).toEqual([position]);
      const token = outputTokens[position as number] as number;
      expect(Array.from(rows[position as number]!.ids)).toContain(token);
      expect(own.slice(0, -1)).toContain(token);
      expect(rows[position as number]!.rank).not.toBe(TAIL_RANK);
      expect(new Set(outputTokens).size).toBe(new Set(own).size);
      positions.add(position as number);
    }
    expect(positions.size).toBeGreaterThan(1);
  });

  it('has a token less if the reply repeats none', async () => {
    const { rows } = await createKnown();
    const firsts = new Map(rows.map((row) => [tokenOf(row), row]));
    const distinct = [...firsts.values()].filter(({ rank }) => rank !== TAIL_RANK);
    const positions = new Set<number>();
    for (let n = 0; n < 30; n++) {
      const { outputTokens, position } = plantBad(crypto, distinct, seed(n));
      expect(new Set(outputTokens).size).toBe(distinct.length - 1);
      positions.add(position as number);
    }
    expect(positions.size).toBeGreaterThan(10);
  });

  it('is the reply as it was if no token can be replaced', async () => {
    const { rows } = await createKnown();
    const alone = rows.slice(0, 1);
    expect(plantBad(crypto, alone, seed(1))).toEqual({ outputTokens: alone.map(tokenOf), position: undefined });
    expect(plantBad(crypto, [], seed(1))).toEqual({ outputTokens: [], position: undefined });
  });
});

describe('the judge of a honeypot', () => {
  it('passes an honest report, whatever its job id and time', async () => {
    const { answer, report, rows, good } = await createKnown();
    const honest = report(good.outputTokens, { elapsedMs: 9, jobId: new Uint8Array(16).fill(3), contextSize: 99 });
    expect(judge(answer, good, honest)).toBe('passed');
    for (let n = 0; n < 10; n++) {
      const bad = plantBad(crypto, rows, seed(n));
      expect(judge(answer, bad, report(bad.outputTokens))).toBe('passed');
    }
  });

  it.each<[string, (report: ScoreReport) => Partial<ScoreReport>]>([
    ['a sketch that differs in a bit', ({ windows }) => ({ windows: flipAt(windows, 1) })],
    ['another prompt', () => ({ promptTokensHash: new Uint8Array(32) })],
    ['another vocabulary', () => ({ vocabularyHash: new Uint8Array(32) })],
    ['another text', () => ({ responseHash: new Uint8Array(32) })],
    ['another stop', () => ({ firstStopToken: 2 })],
    ['another word on choices', () => ({ firstOtherChoice: 2 })],
  ])('fails a known-good one with %s', async (_name, bend) => {
    const { answer, report, good } = await createKnown();
    const wrong = report(good.outputTokens, bend(answer.report));
    expect(judge(answer, good, wrong)).toBe('failed');
  });

  it('fails a known-bad one that differs before the replaced token, or not there', async () => {
    const { answer, report, rows } = await createKnown();
    let before = 0;
    for (let n = 0; n < 20; n++) {
      const bad = plantBad(crypto, rows, seed(n));
      const { windows } = report(bad.outputTokens);
      const flipped = report(bad.outputTokens, { windows: flipAt(windows, 0) });
      const isBefore = (bad.position as number) > 0;
      expect(judge(answer, bad, flipped)).toBe(isBefore ? 'failed' : 'passed');
      if (isBefore) before++;
      // The provider's commitment, sent unchanged.
      expect(judge(answer, bad, answer.report)).toBe('failed');
      expect(judge(answer, bad, report(bad.outputTokens, { promptTokenCount: 9 }))).toBe('failed');
    }
    expect(before).toBeGreaterThan(10);
  });

  it('judges another class by every score that a verdict is judged by', async () => {
    const { answer, report, rows, good } = await createKnown();
    const other = report(good.outputTokens, { exact: false, numericClass: 'other' });
    const far = { gap: 2 ** 23, position: 40 };
    expect(judge(answer, good, { ...other, tailGap: { gap: 2 ** 20, position: 40 } })).toBe('passed');
    expect(judge(answer, good, { ...other, tailGap: far })).toBe('failed');
    // Every listed value and every sketch is true; only the tails are made up.
    const windows = other.windows.map((window) => {
      const { rows: honest, runs } = decodeDraws(window.draws, answer.header);
      const draws = encodeDraws({ rows: honest.map((row) => ({ ...row, tail: 2 ** 22 })), runs }, answer.header);
      return { ...window, draws };
    });
    expect(judge(answer, good, { ...other, windows })).toBe('failed');
    // The farthest draw may lie after a replaced token, where nothing is known.
    const position = 36;
    const likely = rows[position]?.ids.find((id) => id !== good.outputTokens[position]) as number;
    const bad: PlantedText = { outputTokens: [...good.outputTokens].with(position, likely), position };
    const planted = report(bad.outputTokens, { exact: false, numericClass: 'other' });
    expect(judge(answer, bad, { ...planted, tailGap: far })).toBe('passed');
  });

  it('judges another class by scores, and not at all if nothing is known', async () => {
    const { answer, report, rows, good } = await createKnown();
    const other = { exact: false, numericClass: 'other' };
    expect(judge(answer, good, report(good.outputTokens, other))).toBe('passed');
    const row = (one: DrawRow) => ({ ...one, q: one.q.map((q) => q + 65_536) });
    const foreign = await createTestValidator().deliver(3, { bend: { row } });
    const windows = foreign.reply.opening.windows;
    expect(judge(answer, good, { ...report(good.outputTokens, other), windows })).toBe('failed');
    let unclear = 0;
    for (let n = 0; n < 20; n++) {
      const bad = plantBad(crypto, rows, seed(n));
      const outcome = judge(answer, bad, report(bad.outputTokens, other));
      expect(outcome).toBe((bad.position as number) < 32 ? 'unclear' : 'passed');
      if (outcome === 'unclear') unclear++;
    }
    expect(unclear).toBeGreaterThan(0);
    const replay = { ...answer, header: { ...answer.header, tier: 'replay' } };
    expect(judge(replay, good, report(good.outputTokens, other))).toBe('passed');
    expect(judge(replay, good, { ...report(good.outputTokens, other), windows })).toBe('failed');
  });
});

/** Every audit is paired, and has a honeypot. */
async function createTrapped(
  bend: (name: string, job: ScoreJobMessage, served: Map<string, TestReply>) => TestVerifiers,
  more: BenchOptions['audit'] & object = {},
) {
  const served = new Map<string, TestReply>();
  const jobs: { name: string; job: ScoreJobMessage }[] = [];
  const inner = createTestCalls((peer, job) => bend(nameOf(peer), job, served)(peer, job));
  const calls: VerifierCalls = {
    ...inner,
    commit(peer, job, call) {
      jobs.push({ name: nameOf(peer), job });
      return inner.commit(peer, job, call);
    },
  };
  const audit = { pairPpm: 1_000_000, honeypotPpm: 1_000_000, ...more };
  const validator = createTestValidator({ calls, audit });
  await validator.announce(provider);
  for (const name of ['v1', 'v2', 'v3', 'v4', 'v5']) await validator.announceVerifier(name);
  let number = 0;
  return {
    validator,
    jobs,
    async run(replies: number) {
      for (let i = 0; i < replies; i++) {
        const reply = await validator.deliver(number++);
        served.set(toHex(reply.reply.record.replyId), reply);
      }
      await validator.certify();
      for (let i = 0; i < 3; i++) await validator.runAudits();
    },
    honeypots: () => validator.store.prepare('SELECT * FROM honeypots').all(),
    verifier: (name: string) => readVerifier(validator.store, keyOf(name)),
  };
}

describe('the judge of a honeypot, by measured drift', () => {
  const policy = createTestPolicy('test', { reject: 0.001, doubt: 0.01 });
  const [row] = policy.table.rows as [DriftRow];
  const other = { exact: false, numericClass: row.verifierClass };

  /** Reports on replies that the table was not made of, and their answers. */
  async function createCases(count: number) {
    const validator = createTestValidator();
    const random = createSeededRandom(29);
    return Promise.all(
      Array.from({ length: count }, async (_, i) => {
        const { reply } = await validator.deliver(700 + i);
        const job = { jobId: new Uint8Array(16), request: reply.request, ...claimOf(reply.outputTokens) };
        const expected = parseScoreReport(createTestReport({ reply }, job));
        const answer: KnownAnswer = { header: reply.header, report: expected };
        const see = (size: number): ScoreReport => ({ ...expected, ...other, windows: jitter(reply, random, size) });
        return { answer, see, expected };
      }),
    );
  }
  const good = { position: undefined };

  it('fails no honest verifier of another class, and leaves few unclear', async () => {
    const verdicts = (await createCases(120)).map(({ answer, see }, i) =>
      check(answer, good, see(HONEST * (0.8 + 0.4 * ((i % 10) / 10))), policy),
    );
    expect(verdicts.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
    const { low } = computeWilsonInterval(verdicts.filter(({ outcome }) => outcome === 'unclear').length, 120);
    expect(low).toBeLessThan(0.01);
    // A table of so few samples does not reach every reply. Fixed limits judge the rest.
    const byTable = verdicts.filter(({ by }) => by === nameRow(row));
    expect(byTable.length).toBeGreaterThan(115);
  });

  it('fails a verifier that makes its report up, and passes none that runs a cheaper model', async () => {
    for (const { answer, see } of await createCases(12)) {
      const madeUp = see(2000);
      // So few honest replies were held out that none is as unlikely as one in a thousand.
      expect(check(answer, good, madeUp, policy).outcome).toBe('suspect');
      expect(check(answer, good, madeUp, repeatHeldOut(policy, 10)).outcome).toBe('failed');
      // Fixed limits, which hold where the table has no row, see nothing in a cheaper model's.
      expect(check(answer, good, see(CHEAT), policy).outcome).not.toBe('passed');
      expect(check(answer, good, see(CHEAT))).toEqual({ outcome: 'passed', by: 'fallback' });
      expect(check(answer, good, madeUp)).toEqual({ outcome: 'failed', by: 'fallback' });
    }
  });

  it('passes no verifier that copies, and fails it if enough honest replies were held out', async () => {
    const [stratum] = row.strata as [Stratum];
    const { replies, steps } = stratum.calibration;
    const long = repeatHeldOut(policy, 10);
    const equal = { replies, steps: [...steps.slice(0, -1), { value: EQUAL_STATISTIC, count: replies }] };
    const twin = {
      ...policy,
      table: { ...policy.table, rows: [{ ...row, strata: [{ ...stratum, calibration: equal }] }] },
    };
    for (const { answer, expected } of await createCases(3)) {
      const copied = { ...expected, ...other };
      expect(check(answer, good, copied, policy).outcome).toBe('unclear');
      expect(check(answer, good, copied, long).outcome).toBe('failed');
      // Two names of one class come out equal, which is no proof of anything.
      expect(check(answer, good, copied, twin).outcome).toBe('passed');
    }
  });

  it('falls back to fixed limits without a row: another length, another class, no table', async () => {
    const [{ answer, see }] = (await createCases(1)) as [Awaited<ReturnType<typeof createCases>>[0]];
    const honest = see(HONEST);
    expect(check(answer, good, honest, policy).by).toBe(nameRow(row));
    const unlisted = { ...answer, header: { ...answer.header, numericClass: 'test-1/js/f64/odd/synthetic/kv-none' } };
    const unknown = { ...honest, numericClass: 'test-1/js/f64/odd/synthetic/kv-none' };
    const cases: [KnownAnswer, number | undefined, ScoreReport][] = [
      [unlisted, undefined, honest],
      [answer, undefined, unknown],
      [answer, undefined, { ...honest, numericClass: 'x' }],
      [answer, 33, honest],
    ];
    for (const [known, position, report] of cases) {
      expect(check(known, { position }, report, policy)).toEqual({ outcome: 'passed', by: 'fallback' });
    }
  });
});

describe('honeypots', () => {
  it('go along with audits, and honest verifiers pass them', async () => {
    const { run, honeypots, jobs, validator, verifier } = await createTrapped((_name, _job, served) =>
      answerHonestly(served),
    );
    await run(8);
    expect(validator.decided.every(({ verdict }) => verdict === 'accept')).toBe(true);
    const pots = honeypots();
    expect(pots.length).toBe(8);
    expect(pots.map(({ outcome }) => outcome)).toEqual(pots.map(() => 'passed'));
    // A honeypot with a replaced token is a job of its own.
    const bad = new Set(jobs.map(({ job }) => toHex(job.claim))).size - 8;
    expect(bad > 0 && bad < 8).toBe(true);
    const credit = ['v1', 'v2', 'v3', 'v4', 'v5'].reduce((sum, name) => sum + verifier(name).credit, 0);
    expect(credit).toBe(8 * 2 + 8);
  });

  it('never go to a verifier that has seen the reply', async () => {
    const { run, jobs } = await createTrapped((_name, _job, served) => answerHonestly(served));
    await run(8);
    const seen = jobs.map(({ name, job }) => `${name} ${toHex(crypto.sha256(job.request))}`);
    expect(new Set(seen).size).toBe(seen.length);
  });

  it('are, on the wire, what other jobs are', async () => {
    const { run, jobs, honeypots, validator } = await createTrapped((_name, _job, served) => answerHonestly(served));
    await run(8);
    const ids = jobs.map(({ job }) => toHex(job.jobId));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBe(8 * 2 + honeypots().length);
    const shown = (job: ScoreJobMessage): string[] => {
      const { tailDraws: _, ...claim } = readTextClaim(job);
      return [...Object.keys(job), ...Object.keys(claim)];
    };
    const draws = new Map<string, string>();
    for (const { job } of jobs) {
      expect(shown(job)).toEqual(shown(jobs[0]!.job));
      // As many jobs of a reply as there are, planted or not: one list of draws.
      const [request, own] = [toHex(job.request), toHex(readTextClaim(job).tailDraws ?? new Uint8Array(0))];
      expect(own).toBe(draws.get(request) ?? own);
      draws.set(request, own);
      expect(job.timeoutMs).toBe(jobs[0]!.job.timeoutMs);
      expect(job.header).toEqual(encodeHeader(redactHeader(parseHeader(job.header))));
      const { listSizes, outputTokens } = readTextClaim(job);
      expect(listSizes.length * 4).toBe(outputTokens.length);
      expect(toHex(job.sketchBankSeed)).toBe(toHex(jobs[0]!.job.sketchBankSeed));
    }
    expect(draws.size).toBe(8);
    expect([...draws.values()].filter((hex) => hex !== '').length).toBeGreaterThan(0);
    const own = validator.decided.map(({ replyId }) => toHex(replyId).slice(0, 8));
    for (const id of ids) expect(own.some((part) => id.includes(part))).toBe(false);
  });

  it('refute who reports what the provider committed, whatever it is asked about', async () => {
    // Told by the provider: the windows of the reply as it was, under the job's id.
    const told =
      (served: Map<string, TestReply>): TestVerifiers =>
      async (peer, job) => {
        const found = [...served.values()].find(
          ({ reply }) => toHex(reply.request) === toHex(job.request),
        ) as TestReply;
        const shown = claimOf(found.reply.outputTokens);
        return { report: createTestReport(found, { ...job, ...shown }), signer: createTestHybrid(nameOf(peer)) };
      };
    const liars = ['v1', 'v2', 'v3'];
    const { run, verifier, honeypots, validator } = await createTrapped((name, _job, served) =>
      liars.includes(name) ? told(served) : answerHonestly(served),
    );
    await run(48);
    const failed = honeypots().filter(({ outcome }) => outcome === 'failed');
    expect(failed.length).toBeGreaterThan(0);
    const keys = liars.map((name) => toHex(keyOf(name)));
    expect(failed.every((row) => keys.includes(toHex(row.verifier_id as Uint8Array)))).toBe(true);
    const refuted = validator.decided.flatMap((entry) => listVerifierIds(entry, 'refuted')).map(toHex);
    expect(refuted.sort()).toEqual(failed.map((row) => toHex(row.verifier_id as Uint8Array)).sort());
    expect(liars.reduce((sum, name) => sum + verifier(name).marks, 0)).toBe(failed.length);
    expect(validator.decided.every(({ verdict }) => verdict === 'accept')).toBe(true);
  });

  it('defer a silent verifier, and never exclude one for silence', async () => {
    let asked = 0;
    // By the draws of this test, v3 is once in a pair and once the tested one.
    const { run, honeypots, verifier } = await createTrapped((name, _job, served) => async (peer, job) => {
      if (name === 'v3' && asked++ >= 0) throw new Error('no answer');
      return answerHonestly(served)(peer, job);
    });
    await run(8);
    expect(asked).toBeGreaterThan(0);
    const outcomes = new Set(honeypots().map(({ outcome }) => outcome));
    // Where it is silent in the pair, nobody knows what is right.
    expect([...outcomes].sort()).toEqual(['dropped', 'passed', 'silent']);
    expect(verifier('v3')).toMatchObject({ credit: 0, test: { ejected: false, rejects: 0 } });
    // Four others are there, so that it is left alone for a while.
    const before = asked;
    await run(8);
    expect(asked).toBe(before);
  });

  it('come to nothing if the pair does not agree, and delay no verdict then', async () => {
    const other = { exact: false, numericClass: 'other' };
    const { run, honeypots, validator } = await createTrapped((_name, _job, served) => answerHonestly(served, other));
    await run(4);
    expect(honeypots().map(({ outcome }) => outcome)).toEqual(Array.from({ length: 4 }, () => 'dropped'));
    expect(validator.decided.map(({ verdict, verifiers }) => [verdict, verifiers.length])).toEqual(
      Array.from({ length: 4 }, () => ['accept', 2]),
    );
  });

  it('are waited for until the window is over, and then witnesses are', async () => {
    const { run, honeypots, validator } = await createTrapped((_name, _job, served) => answerHonestly(served), {
      spreadMs: 20_000,
    });
    await run(1);
    validator.store.database.exec('UPDATE honeypots SET ask_at = deadline + 1');
    const decideAfter = async (ms: number) => {
      validator.clock.advance(ms);
      await validator.runAudits();
      return validator.decided.map(({ verdict, verifiers }) => [verdict, verifiers.length]);
    };
    expect(await decideAfter(20_000)).toEqual([]);
    const leftMs = (honeypots()[0]?.deadline as number) - validator.clock.nowMs();
    expect(await decideAfter(leftMs - 1)).toEqual([]);
    // A validator that is the whole quorum has no witnesses.
    expect(await decideAfter(1)).toEqual([['accept', 2]]);
    expect(honeypots().map(({ outcome }) => outcome)).toEqual(['silent']);
  });

  it('wait for a moment of their own, and for their answer', async () => {
    const spreadMs = 20_000;
    const { run, jobs, honeypots, validator } = await createTrapped((_name, _job, served) => answerHonestly(served), {
      spreadMs,
    });
    await run(12);
    const first = jobs.length;
    const times = honeypots().map(({ ask_at: at }) => (at as number) - validator.clock.nowMs());
    expect(times.length).toBe(12);
    expect(times.every((ms) => ms >= 0 && ms < spreadMs)).toBe(true);
    const order: string[] = [];
    for (let ms = 0; ms < spreadMs; ms += 500) {
      validator.clock.advance(500);
      await validator.runAudits();
      const open = honeypots().filter(({ report, outcome }) => report !== null && outcome === null);
      if (open.length > 0) order.push('opened before its answer was known');
    }
    await validator.runAudits();
    expect(first).toBe(0);
    expect(jobs.length).toBe(12 * 3);
    expect(order.length).toBeGreaterThan(0);
    expect(honeypots().every(({ outcome }) => outcome === 'passed')).toBe(true);
  });
});
