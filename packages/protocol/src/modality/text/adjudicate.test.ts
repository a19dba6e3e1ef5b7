import {
  createSyntheticReply,
  SYNTHETIC_VOCABULARY,
  type SyntheticReply,
} from '@ogong/testing/synthetic/synthetic-reply';
import { attested, installTier } from '@ogong/testing/tier/attested-tier';
import { describe, expect, it } from 'vitest';
import { expFixed } from '../../base/exponential.ts';
import { createSeededRandom } from '../../base/seeded-random.ts';
import type { WindowBytes } from '../../commitment/opening.ts';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '../../crypto/noble.ts';
import { adjudicateReport, checkReportShape } from './adjudicate.ts';
import { type DrawRow, decodeDraws, decodeSketch, encodeDraws, encodeSketch } from './commitment/window.ts';
import { buildDriftTable } from './drift/drift-table-build.ts';
import { FALLBACK_THRESHOLDS } from './drift/thresholds.ts';
import { computeDrawKey, createDrawSource } from './sampling/draw-key.ts';
import { computeWeights, createWeights, drawRank, MAX_COST, MAX_LISTED, NAT, TAIL_RANK } from './sampling/sampler.ts';
import { replayReply } from './stage1/replay.ts';
import { computeLargestTail } from './stage1/tail-bound.ts';
import { compareWindows } from './stage2/compare.ts';
import { computeReplyEvidence } from './stage2/reply-scores.ts';
import {
  encodeScoreReport,
  NO_OTHER_CHOICE,
  NO_STOP_TOKEN,
  NO_TAIL_GAP,
  parseScoreReport,
  type ScoreReport,
} from './stage2/score-report.ts';

const options = {
  crypto,
  provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(2)),
  ledger: { chainId: 31337n, verifyingContract: new Uint8Array(20).fill(3) },
};
const reply = createSyntheticReply({ ...options, tokens: 96, seed: 2 });
const replay = replayReply(crypto, reply.record, reply.opening);
const jobId = new Uint8Array(16).fill(8);

/** Creates the windows of a re-run with drift: costs move by up to `nats`, sketch values by up to `steps`. */
function drift({ opening, header }: SyntheticReply, nats: number, steps: number, seed = 99): WindowBytes[] {
  const random = createSeededRandom(seed);
  return opening.windows.map((window) => {
    const { rows, runs } = decodeDraws(window.draws, header);
    const moved = rows.map((row) => ({
      ...row,
      q: row.q.map((q) => Math.min(MAX_COST, Math.max(0, q + Math.round((random() * 2 - 1) * nats * 65536)))),
    }));
    const sketch = decodeSketch(window.sketch, { directions: header.sketchDirections }).map(({ exponent, values }) => ({
      exponent,
      values: values.map((v) => Math.max(-2047, Math.min(2047, v + Math.round((random() * 2 - 1) * steps)))),
    }));
    return { draws: encodeDraws({ rows: moved, runs }, header), sketch: encodeSketch(sketch) };
  });
}

const honest: ScoreReport = {
  jobId,
  modelRoot: reply.record.modelRoot,
  numericClass: reply.header.numericClass,
  exact: true,
  promptTokensHash: reply.header.promptTokensHash,
  promptTokenCount: reply.header.promptTokenCount,
  vocabularyHash: reply.header.vocabularyHash,
  responseHash: reply.record.responseHash,
  firstStopToken: NO_STOP_TOKEN,
  firstOtherChoice: NO_OTHER_CHOICE,
  tailGap: NO_TAIL_GAP,
  contextSize: 256,
  elapsedMs: 12,
  pictureDistance: 0,
  windows: reply.opening.windows,
  edges: [],
};
const inexact = (windows: readonly WindowBytes[]): ScoreReport => ({
  ...honest,
  exact: false,
  numericClass: 'synthetic/other',
  windows,
});
const claim = { record: reply.record, header: reply.header, opening: reply.opening };
const failed = (report: ScoreReport): string[] =>
  adjudicateReport(crypto, claim, report)
    .checks.filter(({ status }) => status === 'fail')
    .map(({ id }) => id);

describe('adjudicateReport', () => {
  it('accepts by equality, and rejects on one differing bit', () => {
    expect(adjudicateReport(crypto, claim, honest).outcome).toBe('accept');
    const windows = drift(reply, 1 / 65536, 0);
    const verdict = adjudicateReport(crypto, claim, { ...honest, windows });
    expect(verdict.outcome).toBe('reject');
    expect(failed({ ...honest, windows })).toEqual(['equality']);
  });

  describe('the freedom that equality leaves to the provider', () => {
    const other = { firstOtherChoice: 40 };

    it('is checked in an exact class, separately from the values', () => {
      const verdict = adjudicateReport(crypto, claim, { ...honest, ...other });
      expect(verdict.outcome).toBe('reject');
      expect(verdict.comparison?.identical).toBe(true);
      expect(verdict.checks.slice(-2)).toMatchObject([
        { id: 'equality', status: 'pass' },
        { id: 'own-choice', status: 'fail', detail: expect.stringContaining('position 40') },
      ]);
      expect(adjudicateReport(crypto, claim, honest).checks.at(-1)).toMatchObject({ id: 'own-choice', status: 'pass' });
    });

    it('is also checked in tier replay', () => {
      const numericClass = 'llama.cpp-0.5.0/cpu/haswell/exact/q8_0/kv-f16';
      const header = { ...reply.header, tier: 'replay', method: 'exact-replay', numericClass };
      const report = { ...honest, ...other, numericClass };
      expect(adjudicateReport(crypto, { ...claim, header }, report).outcome).toBe('reject');
    });

    it('follows from the values, which are reported instead if they differ', () => {
      expect(failed({ ...honest, ...other, windows: drift(reply, 1 / 65536, 0) })).toEqual(['equality']);
    });

    it('moves with drift, and is ignored in another class', () => {
      for (const windows of [reply.opening.windows, drift(reply, 0.001, 2)]) {
        const [one, none] = [other, {}].map((bent) =>
          adjudicateReport(crypto, claim, { ...inexact(windows), ...bent }),
        );
        expect(one).toEqual(none);
        expect(one?.outcome).toBe('accept');
      }
    });
  });

  describe('the place of an unlisted token among the unlisted', () => {
    const at = (gap: number): Partial<ScoreReport> => ({ tailGap: { gap: Math.round(gap * 2 ** 24), position: 7 } });
    const judgeAt = (gap: number) =>
      adjudicateReport(crypto, claim, { ...inexact(drift(reply, 0.001, 2)), ...at(gap) });

    it('decides between classes if it is farther than drift explains', () => {
      expect(judgeAt(0.2).outcome).toBe('accept');
      expect(judgeAt(0.3).outcome).toBe('inconclusive');
      expect(judgeAt(0.5).outcome).toBe('reject');
      expect(failed({ ...inexact(drift(reply, 0.001, 2)), ...at(0.5) })).toEqual(['tail-place']);
    });

    it('is ignored in an exact class, which compares the choice itself', () => {
      expect(adjudicateReport(crypto, claim, { ...honest, ...at(0.5) }).outcome).toBe('accept');
    });
  });

  it('does not treat equality in another class as exact, and reports it', () => {
    const verdict = adjudicateReport(crypto, claim, inexact(reply.opening.windows));
    expect(verdict.outcome).toBe('accept');
    expect(verdict.checks.find(({ id }) => id === 'equality')?.status).toBe('skip');
    expect(verdict.checks.find(({ id }) => id === 'kolmogorov')?.detail).toContain(FALLBACK_THRESHOLDS.source);
  });

  it('decides by equality only in a class that is exact by its name, whatever the report claims', () => {
    const numericClass = 'llama.cpp-0.5.0/cpu/haswell/fast/q8_0/kv-f16';
    const fast = { ...claim, header: { ...reply.header, numericClass } };
    for (const windows of [reply.opening.windows, drift(reply, 1 / 65536, 0)]) {
      const verdict = adjudicateReport(crypto, fast, { ...honest, numericClass, exact: true, windows });
      expect(verdict.outcome).toBe('accept');
      expect(verdict.checks.find(({ id }) => id === 'equality')?.status).toBe('skip');
    }
  });

  describe('in tier replay', () => {
    const numericClass = 'llama.cpp-0.5.0/cpu/haswell/exact/q8_0/kv-f16';
    const header = { ...reply.header, tier: 'replay', method: 'exact-replay', numericClass };
    const judge = (report: Partial<ScoreReport>) =>
      adjudicateReport(crypto, { ...claim, header }, { ...honest, numericClass, ...report });
    const SCORES = ['sketch-distance', 'kolmogorov', 'omission', 'tail', 'draw-gap'];
    const ids = (verdict: ReturnType<typeof judge>) => verdict.checks.map(({ id }) => id);

    it('accepts what is identical and rejects one differing bit', () => {
      expect(judge({}).outcome).toBe('accept');
      const verdict = judge({ windows: drift(reply, 1 / 65536, 0) });
      expect(verdict.outcome).toBe('reject');
      expect(verdict.checks.at(-1)).toMatchObject({ id: 'equality', status: 'fail' });
    });

    it.each([
      ['not exact', { exact: false }],
      ['of another class', { numericClass: numericClass.replace('haswell', 'sse42') }],
    ])('is never accepted by statistics: a verifier %s confirms nothing at any distance', (_what, report) => {
      for (const windows of [reply.opening.windows, drift(reply, 0.001, 2)]) {
        const verdict = judge({ ...report, windows });
        expect(verdict.outcome).toBe('inconclusive');
        expect(ids(verdict)).toEqual(expect.arrayContaining(SCORES));
        expect(verdict.checks.at(-1)).toMatchObject({ id: 'replay', status: 'skip' });
      }
    });

    it('is refuted by scores like any other reply, also in a class without verifiers', () => {
      const numericClass = 'llama.cpp-0.5.0/cpu/unheard-of/exact/q8_0/kv-f16';
      const claimed = { ...claim, header: { ...header, numericClass } };
      const far = adjudicateReport(crypto, claimed, inexact(drift(reply, 2, 600)));
      expect(far.outcome).toBe('reject');
      const verified = { ...claimed, header: { ...claimed.header, tier: 'verified', method: 'draw-replay' } };
      expect(far).toEqual(adjudicateReport(crypto, verified, inexact(drift(reply, 2, 600))));
    });

    it('still rejects without statistics: another prompt, another text', () => {
      const verdict = judge({ exact: false, promptTokenCount: 99 });
      expect(verdict.outcome).toBe('reject');
    });
  });

  it('leaves open only the results that a third tier does not admit', () => {
    const header = { ...reply.header, tier: attested.name, method: attested.method };
    const judge = (report: ScoreReport) => adjudicateReport(crypto, { ...claim, header }, report);
    const far = inexact(drift(reply, 2, 600));
    expect(judge(far).outcome).toBe('reject');
    const uninstall = installTier(attested);
    try {
      const held = judge(far);
      expect(held.outcome).toBe('inconclusive');
      expect(held.checks.at(-1)).toMatchObject({ id: attested.name, status: 'skip' });
      expect(held.checks.some(({ status }) => status === 'fail')).toBe(true);
      expect(judge(inexact(reply.opening.windows)).outcome).toBe('accept');
      expect(judge({ ...honest, windows: drift(reply, 1 / 65536, 0) }).outcome).toBe('reject');
      expect(judge({ ...far, promptTokenCount: 99 }).outcome).toBe('reject');
    } finally {
      uninstall();
    }
    expect(judge(honest).outcome).toBe('inconclusive');
  });

  it('goes from accept over inconclusive to reject as scores grow', () => {
    const outcome = (nats: number, steps: number): string =>
      adjudicateReport(crypto, claim, inexact(drift(reply, nats, steps))).outcome;
    expect(outcome(0.001, 2)).toBe('accept');
    expect(outcome(0.001, 85)).toBe('inconclusive');
    expect(outcome(0.001, 600)).toBe('reject');
    expect(outcome(2, 2)).toBe('reject');
  });

  it('rejects a list without the token that the model would have drawn', () => {
    const NATS = 65536;
    const others = Array.from({ length: 19 }, (_, i) => i + 2);
    const q = [0.3, 1.5, ...others.map(() => 9)].map((nats) => Math.round(nats * NATS));
    const model = { ids: Uint32Array.from([0, 1, ...others]), q: Uint32Array.from(q), tail: 0, rank: 1 };
    // Every value is the model's. Only its favourite is missing, so the greedy draw is the second.
    const claimed = { ...model, ids: model.ids.slice(1), q: model.q.slice(1), rank: 0 };
    const served = createSyntheticReply({
      ...options,
      tokens: 32,
      parameters: { temperature: 0 },
      bend: { row: (row, i) => (i === 7 ? claimed : row) },
    });
    const { header, record, opening } = served;
    expect(replayReply(crypto, record, opening).checks.filter(({ status }) => status === 'fail')).toEqual([]);
    const [window] = opening.windows;
    const { rows, runs } = decodeDraws(window!.draws, header);
    const seen = rows.map((row, i) =>
      i === 7 ? { ...model, ids: model.ids.slice(0, 20), q: model.q.slice(0, 20) } : row,
    );
    const report = {
      ...inexact([{ draws: encodeDraws({ rows: seen, runs }, header), sketch: window!.sketch }]),
      ...{ promptTokensHash: header.promptTokensHash, responseHash: record.responseHash },
    };
    const verdict = adjudicateReport(crypto, { record, header, opening }, report);
    expect(verdict.comparison!.worstWindowKolmogorov).toBeLessThan(FALLBACK_THRESHOLDS.kolmogorov.doubt);
    expect(verdict.checks.filter(({ status }) => status === 'fail').map(({ id }) => id)).toEqual(['omission']);
    expect(verdict.outcome).toBe('reject');
  });

  describe('a repetition penalty', () => {
    const parameters = { repetition_penalty: 1.3, temperature: 0.7 };
    const serve = (bend: Parameters<typeof createSyntheticReply>[0]['bend'] = {}) =>
      createSyntheticReply({ ...options, tokens: 96, seed: 4, sureness: 40, parameters, bend });
    const honestReply = serve();
    const judge = (served: SyntheticReply, windows: readonly WindowBytes[], isExact = false) => {
      const report = { ...(isExact ? honest : inexact(windows)), windows, responseHash: served.record.responseHash };
      return adjudicateReport(crypto, served, { ...report, promptTokensHash: served.header.promptTokensHash });
    };
    const failed = ({ checks }: ReturnType<typeof judge>) =>
      checks.filter(({ status }) => status === 'fail').map(({ id }) => id);

    it('covers the same tokens in every class: an honest reply is accepted under drift', () => {
      expect(judge(honestReply, honestReply.opening.windows, true).outcome).toBe('accept');
      const drifted = judge(honestReply, drift(honestReply, 0.001, 2));
      expect(drifted.checks).toContainEqual(expect.objectContaining({ id: 'repeated-tokens', status: 'pass' }));
      expect(drifted.outcome).toBe('accept');
    });

    it('covers no token that prompt and reply do not have: a false mark is a fact, and stage 1 lets it pass', () => {
      const mark = (row: DrawRow): DrawRow => {
        const { logSum, marks } = row.repeated as NonNullable<DrawRow['repeated']>;
        const listed = [...row.ids, ...(row.tailId === undefined ? [] : [row.tailId])];
        // The prompt has the tokens 1, 2 and 3.
        return { ...row, repeated: { logSum, marks: marks.map((was, i) => (listed[i] === 1 ? 0 : was)) } };
      };
      const first = decodeDraws(honestReply.opening.windows[0]!.draws, honestReply.header).rows;
      const at = first.findIndex(({ ids, repeated }) => ids.some((id, i) => id === 1 && repeated?.marks[i] === 1));
      expect(at).toBeGreaterThanOrEqual(0);
      const windows = honestReply.opening.windows.map((window) => {
        const { rows, runs } = decodeDraws(window.draws, honestReply.header);
        return { ...window, draws: encodeDraws({ rows: rows.map(mark), runs }, honestReply.header) };
      });
      const verdict = judge(honestReply, windows);
      expect([verdict.outcome, failed(verdict), verdict.fault?.isFact]).toEqual(['reject', ['repeated-tokens'], true]);
    });

    it('rejects a provider whose log-sums weaken the penalty', () => {
      const weak = serve({
        row: (row) => ({ ...row, repeated: { ...row.repeated!, logSum: row.repeated!.logSum - 6 * 65_536 } }),
      });
      const rows = (reply: SyntheticReply) => reply.opening.windows;
      expect(failed(judge(weak, rows(honestReply), true))).toContain('equality');
    });
  });

  it('rejects the largest tail that stage 1 lets through, with every listed value true', () => {
    // A sharp list at temperature 2. Its rest, spread evenly over the vocabulary, would take two draws in three.
    const parameters = { temperature: 2 };
    const ids = Uint32Array.from({ length: MAX_LISTED }, (_, id) => id);
    const q = ids.map((_, rank) => (rank === 0 ? 0.01 : 12) * NAT);
    const mass = q.reduce((sum, cost) => sum + expFixed(cost), 0);
    const largest = computeLargestTail(q, { vocabularySize: SYNTHETIC_VOCABULARY, temperatureQ16: 2 * NAT, mass });
    const { header: plain } = createSyntheticReply({ ...options, parameters });
    const source = createDrawSource(crypto, computeDrawKey(crypto, plain.drawKey));
    const weights = createWeights();
    const listWithTail = (tail: number, position: number): DrawRow => {
      computeWeights(q, q.length, tail, plain.sampler, weights);
      const rank = drawRank(ids, weights, source.draw(position));
      return { ids, q, tail, rank, ...(rank === TAIL_RANK && { tailId: 500, tailQ: 13 * NAT }) };
    };
    const replayOf = (tail: number) => {
      const served = createSyntheticReply({ ...options, parameters, bend: { row: (_, at) => listWithTail(tail, at) } });
      const { checks } = replayReply(crypto, served.record, served.opening);
      return { ...served, failed: checks.filter(({ status }) => status === 'fail').map(({ id }) => id) };
    };
    expect(replayOf(largest + 1).failed).toEqual(['listing']);
    const cheat = replayOf(largest);
    expect(cheat.failed).toEqual([]);
    // The model itself gives much less to unlisted tokens.
    const windows = cheat.opening.windows.map((window) => {
      const { rows, runs } = decodeDraws(window.draws, cheat.header);
      return { ...window, draws: encodeDraws({ rows: rows.map((r) => ({ ...r, tail: 40_000 })), runs }, cheat.header) };
    });
    const report = {
      ...inexact(windows),
      promptTokensHash: cheat.header.promptTokensHash,
      vocabularyHash: cheat.header.vocabularyHash,
      responseHash: cheat.record.responseHash,
    };
    const { outcome, checks } = adjudicateReport(crypto, { ...cheat }, report);
    expect(outcome).toBe('reject');
    expect(checks.filter(({ status }) => status === 'fail').map(({ id }) => id)).toEqual(['tail', 'draw-gap']);
  });

  it.each([
    ['prompt-tokens', { promptTokensHash: new Uint8Array(32) }],
    ['prompt-tokens', { promptTokenCount: 4 }],
    ['vocabulary', { vocabularyHash: new Uint8Array(32) }],
    ['response-text', { responseHash: new Uint8Array(32) }],
    ['stop-reason', { firstStopToken: 5 }],
  ])('rejects for %s', (id, bent) => {
    expect(failed({ ...honest, ...bent })).toEqual([id]);
  });

  it('compares the stop reason with the stop token', () => {
    const header = { ...reply.header, stopReason: 'stop-token' as const };
    const at = (firstStopToken: number): string =>
      adjudicateReport(crypto, { ...claim, header }, { ...honest, firstStopToken }).outcome;
    expect(at(95)).toBe('accept');
    expect(at(40)).toBe('reject');
    expect(at(NO_STOP_TOKEN)).toBe('reject');
    const context = { ...claim, header: { ...reply.header, stopReason: 'context' as const } };
    expect(adjudicateReport(crypto, context, { ...honest, firstStopToken: 5 }).outcome).toBe('reject');
    // The order states the provider's room, and intake checks it. The verifier's room is its own.
    expect(adjudicateReport(crypto, context, honest).outcome).toBe('accept');
  });
});

describe('checkReportShape', () => {
  const expected = { jobId, modelRoot: reply.record.modelRoot, header: reply.header, replay };

  it('passes an answer to the job', () => {
    expect(checkReportShape(parseScoreReport(encodeScoreReport(honest)), expected).status).toBe('pass');
  });

  it.each([
    ['another job', { jobId: new Uint8Array(16) }],
    ['another model', { modelRoot: new Uint8Array(32) }],
    ['no windows', { windows: [] }],
    ['a window short', { windows: reply.opening.windows.slice(1) }],
    ['a window twice', { windows: [...reply.opening.windows, reply.opening.windows[0]!] }],
    ['a gap past the end', { tailGap: { gap: 1, position: 96 } }],
    ['another choice past the end', { firstOtherChoice: 96 }],
    ['noise', { windows: [{ draws: new Uint8Array(40), sketch: new Uint8Array(40) }] }],
  ])('recognises a malformed report: %s', (_name, bent) => {
    expect(checkReportShape({ ...honest, ...bent }, expected).status).toBe('fail');
  });

  it('refuses other tokens and other list sizes', () => {
    const [first, ...rest] = reply.opening.windows;
    const { rows, runs } = decodeDraws(first!.draws, reply.header);
    const swap = (row: (typeof rows)[number]): WindowBytes => ({
      draws: encodeDraws({ rows: [row, ...rows.slice(1)], runs }, reply.header),
      sketch: first!.sketch,
    });
    const row = rows[0]!;
    const other = swap({ ...row, rank: row.rank === 0 ? 1 : 0 });
    expect(checkReportShape({ ...honest, windows: [other, ...rest] }, expected).detail).toContain('another token');
    const n = row.ids.length - 1;
    const shorter = swap({ ...row, rank: 0, ids: row.ids.slice(0, n), q: row.q.slice(0, n) });
    expect(checkReportShape({ ...honest, windows: [shorter, ...rest] }, expected).status).toBe('fail');
  });
});

describe('adjudicateReport with a drift table', () => {
  const numericClass = 'synthetic/other';
  /** Re-runs with the drift of an honest verifier, and re-runs with ten times the drift. */
  const samples = (count: number, nats: number, steps: number, from: number) =>
    Array.from({ length: count }, (_, i) => ({
      seed: i,
      evidence: computeReplyEvidence(
        compareWindows(crypto, reply.header, reply.opening.windows, drift(reply, nats, steps, from + i)),
      ),
    }));
  const { table } = buildDriftTable({
    version: 1,
    previous: new Uint8Array(32),
    measurements: [
      {
        providerClass: reply.header.numericClass,
        verifierClass: numericClass,
        modelRoot: reply.record.modelRoot,
        codeVersion: '1',
        honest: samples(200, 0.002, 4, 1000),
        alternatives: [{ name: 'ten times', replies: samples(25, 0.02, 40, 5000) }],
      },
    ],
  });
  const policy = { drift: { table, rates: { reject: 0.009, doubt: 0.05, extrapolate: false } } };
  const judge = (nats: number, steps: number, seed: number) =>
    adjudicateReport(crypto, claim, inexact(drift(reply, nats, steps, seed)), policy);

  it('accepts measured drift, with one check that names the row', () => {
    const verdict = judge(0.002, 4, 1);
    expect(verdict.outcome).toBe('accept');
    expect(verdict.drift?.pValue).toBeGreaterThan(0.05);
    const ids = verdict.checks.map(({ id }) => id);
    expect(ids.slice(-2)).toEqual(['equality', 'likelihood']);
    expect(verdict.checks.at(-1)?.detail).toContain(
      'synthetic-1/js/f64/exact/hash/kv-none seen by synthetic/other, band 3',
    );
  });

  it('rejects a reply that the fixed limits accept, names the cheat, and returns its e-value', () => {
    const report = inexact(drift(reply, 0.02, 40, 4));
    expect(adjudicateReport(crypto, claim, report).outcome).toBe('accept');
    const verdict = adjudicateReport(crypto, claim, report, policy);
    expect(verdict.outcome).toBe('reject');
    expect(verdict.drift?.cheat?.name).toBe('ten times');
    expect(verdict.drift?.eValue).toBeGreaterThan(4);
    expect(verdict.checks.at(-1)).toMatchObject({ id: 'likelihood', status: 'fail' });
    expect(verdict.checks.at(-1)?.detail).toContain('most like ten times');
  });

  it('accepts a re-run that equals the claim, but not one whose lists differ', () => {
    const equal = adjudicateReport(crypto, claim, inexact(reply.opening.windows), policy);
    expect(equal).toMatchObject({ outcome: 'accept', drift: { pValue: 1 } });
    // Every sketch and every value that both list is the verifier's own. Anybody gets these from one pass of the true model.
    const listing = (change: (row: DrawRow) => DrawRow) =>
      reply.opening.windows.map((window) => {
        const { rows, runs } = decodeDraws(window.draws, reply.header);
        return { ...window, draws: encodeDraws({ rows: rows.map(change), runs }, reply.header) };
      });
    const moved = (row: DrawRow, isMoved: (rank: number) => boolean): DrawRow => {
      const unlisted = Array.from({ length: reply.header.vocabularySize }, (_, id) => id).filter(
        (id) => !row.ids.includes(id),
      );
      const ids = row.ids.map((id, rank) => (isMoved(rank) ? (unlisted[rank] as number) : id));
      return row.rank === TAIL_RANK ? row : { ...row, ids };
    };
    const others = listing((row) => moved(row, (rank) => rank !== row.rank));
    const shifted = listing((row) => moved(row, () => true));
    for (const windows of [others, shifted]) {
      const verdict = adjudicateReport(crypto, claim, inexact(windows), policy);
      expect(verdict.outcome).toBe('reject');
      expect(verdict.drift?.pValue).toBeLessThan(0.009);
    }
  });

  it('falls back to the fixed limits, and reports it, if the table has no row', () => {
    const report = { ...inexact(drift(reply, 0.02, 40, 4)), numericClass: 'synthetic/third' };
    const verdict = adjudicateReport(crypto, claim, report, policy);
    expect(verdict.outcome).toBe('accept');
    expect(verdict.drift).toBeUndefined();
    expect(verdict.checks.find(({ id }) => id === 'kolmogorov')?.detail).toContain('fallback');
  });

  it('counts a class without a row only if the fixed limits reject', () => {
    const rows = table.rows.map((row) => ({ ...row, providerClass: 'synthetic/2' }));
    const other = { drift: { ...policy.drift, table: { ...table, rows } } };
    const judgeUnlisted = (nats: number, steps: number) =>
      adjudicateReport(crypto, claim, inexact(drift(reply, nats, steps, 4)), other);
    expect(judgeUnlisted(0.002, 4)).toMatchObject({ outcome: 'inconclusive', drift: { eValue: 1, isUnlisted: true } });
    // The reply is not paid, since the loosest row would not accept it. It is no step towards ejection.
    expect(judgeUnlisted(0.02, 40)).toMatchObject({ outcome: 'reject', drift: { eValue: 1, isUnlisted: true } });
    const gross = judgeUnlisted(2, 600);
    expect(gross.outcome).toBe('reject');
    expect(gross.drift).toBeUndefined();
    expect(gross.checks.some(({ status, detail }) => status === 'fail' && detail.includes('fallback'))).toBe(true);
  });

  it('does the same for a model without measurements, in any classes', () => {
    const rows = table.rows.map((row) => ({ ...row, modelRoot: new Uint8Array(32).fill(9) }));
    const other = { drift: { ...policy.drift, table: { ...table, rows } } };
    const verdict = adjudicateReport(crypto, claim, inexact(drift(reply, 0.02, 40, 4)), other);
    expect(verdict.outcome).toBe('accept');
    expect(verdict.drift).toBeUndefined();
    expect(verdict.checks.find(({ id }) => id === 'kolmogorov')?.detail).toContain('fallback');
  });

  it('does the same past the contexts that were measured', () => {
    const context = reply.header.promptTokenCount + reply.header.outputTokenCount;
    const judgeUpTo = (limit: number) => {
      const rows = table.rows.map((row) => ({ ...row, context: limit }));
      const shorter = { drift: { ...policy.drift, table: { ...table, rows } } };
      return adjudicateReport(crypto, claim, inexact(drift(reply, 0.02, 40, 4)), shorter).outcome;
    };
    expect(judgeUpTo(context)).toBe('reject');
    expect(judgeUpTo(context - 1)).toBe('accept');
  });

  it('rejects no more often than requested, for any fixed limits', () => {
    // Half of the honest replies of this row are past a limit, as in a class that drifts far.
    const low = { doubt: 0, reject: 1e-9 };
    const thresholds = { ...FALLBACK_THRESHOLDS, sketchDistance: low, kolmogorov: low };
    const rates = { reject: 0.009, doubt: 0.5, extrapolate: false };
    const judged = Array.from({ length: 40 }, (_, i) =>
      adjudicateReport(crypto, claim, inexact(drift(reply, 0.002, 4, 9000 + i)), {
        thresholds,
        drift: { table, rates },
      }),
    );
    const doubtful = judged.filter(({ drift: by }) => by !== undefined && by.pValue > 0.009 && by.pValue <= 0.5);
    expect(doubtful.length).toBeGreaterThan(5);
    for (const { outcome } of doubtful) expect(outcome).toBe('inconclusive');
  });

  it('rejects a reply beyond every held-out reply and a fixed limit, even if its rank cannot be small enough', () => {
    const strict = { drift: { ...policy.drift, rates: { reject: 1e-6, doubt: 0.05, extrapolate: false } } };
    const gross = adjudicateReport(crypto, claim, inexact(drift(reply, 2, 600, 3)), strict);
    expect(gross.outcome).toBe('reject');
    const slight = adjudicateReport(crypto, claim, inexact(drift(reply, 0.02, 40, 4)), strict);
    expect(slight.outcome).toBe('inconclusive');
    expect(slight.checks.at(-1)).toMatchObject({ id: 'likelihood', status: 'skip' });
  });

  it('does not touch equality', () => {
    expect(adjudicateReport(crypto, claim, honest, policy)).toMatchObject({ outcome: 'accept' });
    expect(adjudicateReport(crypto, claim, honest, policy).drift).toBeUndefined();
  });
});

describe('compareWindows', () => {
  it('finds nothing between equals and the first position that moved', () => {
    const same = compareWindows(crypto, reply.header, reply.opening.windows, reply.opening.windows);
    expect(same).toMatchObject({ identical: true, firstDifference: undefined, sketchDistance: 0, drawGap: 0 });
    expect(same).toMatchObject({ kolmogorov: 0, totalVariation: 0, ownDrawMismatch: 0, argmaxAgreement: 1 });
    const moved = compareWindows(crypto, reply.header, reply.opening.windows, drift(reply, 0.05, 40));
    expect(moved.identical).toBe(false);
    expect(moved.firstDifference).toBe(0);
    expect(moved.logprobShift).toBeGreaterThan(0.01);
    expect(moved.logprobShift).toBeLessThan(0.05);
    expect(moved.ownDrawMismatch).toBeGreaterThan(0);
  });
});
