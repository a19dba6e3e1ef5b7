import { createSyntheticEvidence, type SyntheticDrift } from '@ogong/testing/synthetic/synthetic-evidence';
import { describe, expect, it } from 'vitest';
import { advancePayeeTest, INITIAL_PAYEE_TEST } from '../../../audit/payee-test.ts';
import { equalBytes, ProtocolError } from '../../../base/bytes.ts';
import { createSeededRandom } from '../../../base/seeded-random.ts';
import { calibrateRank } from '../../../statistics/e-value.ts';
import { computeWilsonInterval, testUniformity } from '../../../statistics/statistics.ts';
import { REPLY_SCORES, type ReplyEvidence } from '../stage2/reply-scores.ts';
import { type DriftRow, type DriftTable, findDriftRow } from './drift-table.ts';
import { buildDriftTable, computeInflation, type DriftMeasurement, type DriftSample } from './drift-table-build.ts';
import { encodeDriftTable, parseDriftTable } from './drift-table-bytes.ts';
import { DEFAULT_RATES, judgeByDrift, judgeByRow } from './drift-verdict.ts';
import type { Stratum } from './strata.ts';

const many = (seed: number, count: number, drift?: SyntheticDrift): DriftSample[] => {
  const random = createSeededRandom(seed);
  return Array.from({ length: count }, (_, i) => ({ seed: i, evidence: createSyntheticEvidence(random, drift) }));
};
const modelRoot = new Uint8Array(32).fill(5);
/** Distance of the loose class from the verifier, in units of the tight one's drift. */
const LOOSE = 8;
const measurement = (providerClass: string, seed: number, drift: SyntheticDrift): DriftMeasurement => ({
  providerClass,
  verifierClass: 'v',
  modelRoot,
  codeVersion: '1',
  honest: many(seed, 1200, drift),
  alternatives: [{ name: 'q8', replies: many(seed + 1, 50, { scale: 6 * (drift.scale ?? 1) }) }],
});
const { table } = buildDriftTable({
  version: 1,
  previous: new Uint8Array(32),
  measurements: [measurement('tight', 1, {}), measurement('loose', 3, { scale: LOOSE })],
});
const rowOf = ({ rows }: DriftTable, name: string): DriftRow =>
  rows.find(({ providerClass }) => providerClass === name)!;
const rates = { ...DEFAULT_RATES, reject: 0.002, doubt: 0.01 };
const lookup = (providerClass: string) =>
  findDriftRow(table, { providerClass, verifierClass: 'v', modelRoot, positions: 128, context: 144 });
/** Honest replies to unlikely text: ten in eleven scatter normally, and one lies far off. */
const manyHot = (seed: number, count: number): DriftSample[] => {
  const far = many(seed + 1, count, { surprise: 6, scale: 8 });
  return many(seed, count, { surprise: 6 }).map((sample, i) => (i % 11 === 10 ? (far[i] as DriftSample) : sample));
};
const hots = manyHot(13, 3600);
const mixed = buildDriftTable({
  version: 1,
  previous: new Uint8Array(32),
  measurements: [
    {
      ...measurement('mixed', 11, {}),
      honest: many(11, 3600).map((sample, i) => (i % 9 === 8 ? { ...(hots[i] as DriftSample), seed: i } : sample)),
    },
  ],
}).table;
const share = (providerClass: string, drift: SyntheticDrift, wanted: string, count = 200): number =>
  many(77, count, drift).filter(
    ({ evidence }) => judgeByDrift(lookup(providerClass), evidence, rates)?.outcome === wanted,
  ).length / count;

describe('judgeByRow, in strata', () => {
  const row = rowOf(mixed, 'mixed');
  const judge = (replies: readonly DriftSample[], given = row) =>
    replies.map(({ evidence }) => judgeByRow(given, evidence, { ...rates, reject: 0.01, doubt: 0.05 }));
  const rateOf = (verdicts: ReturnType<typeof judge>): number =>
    verdicts.filter(({ outcome }) => outcome === 'reject').length / verdicts.length;

  it('ranks a reply among replies to similar text', () => {
    const [usual, hot] = row.strata as [Stratum, Stratum];
    expect(row.strata).toHaveLength(2);
    for (const { pValue, eValue } of judge(many(21, 50, { surprise: 1 }))) {
      const rank = pValue * (usual.calibration.replies + 1);
      expect(Math.abs(rank - Math.round(rank))).toBeLessThan(1e-6);
      expect(eValue).toBeLessThanOrEqual(calibrateRank(1, usual.calibration.replies));
    }
    const least = Math.min(...judge(many(22, 200, { surprise: 6, scale: 50 })).map(({ pValue }) => pValue));
    expect(least).toBeCloseTo(1 / (hot.calibration.replies + 1), 12);
  });

  it('keeps the rate for the rarer kind alone, which ranks among all replies do not', () => {
    const honest = manyHot(23, 1500);
    expect(rateOf(judge(honest))).toBeLessThan(0.03);
    const [usual, hot] = row.strata as [Stratum, Stratum];
    const other = { ...row, strata: [{ ...usual, surprise: hot.surprise }] };
    expect(rateOf(judge(honest, other))).toBeGreaterThan(0.03);
  });

  it('round-trips, and is refused or canonical after any change', () => {
    const bytes = encodeDriftTable(mixed);
    expect(encodeDriftTable(parseDriftTable(bytes))).toEqual(bytes);
    const random = createSeededRandom(31);
    for (let i = 0; i < 200; i++) {
      const changed = bytes.slice();
      const at = bytes.length - 1 - Math.floor(random() * 16_000);
      changed[at] = (changed[at] as number) ^ (1 << Math.floor(random() * 8));
      try {
        expect(equalBytes(encodeDriftTable(parseDriftTable(changed)), changed)).toBe(true);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }
  });
});

describe('judgeByRow', () => {
  const row = rowOf(table, 'tight');

  it('rejects honest replies at the rate of the operator, with uniform p-values', () => {
    const verdicts = many(5, 3000).map(({ evidence }) =>
      judgeByRow(row, evidence, { ...rates, reject: 0.02, doubt: 0.05 }),
    );
    const rejected = verdicts.filter(({ outcome }) => outcome === 'reject').length;
    // One table has its luck. The mass beyond the 14th of 720 held-out values is Beta(14, 707). These are its quantiles at
    // 0.001 and 0.999.
    const { low, high } = computeWilsonInterval(rejected, verdicts.length, 3);
    expect(low).toBeLessThan(0.03909);
    expect(high).toBeGreaterThan(0.00725);
    expect(testUniformity(verdicts.map(({ pValue }) => pValue)).statistic).toBeLessThan(0.06);
    const mean = verdicts.reduce((sum, { eValue }) => sum + eValue, 0) / verdicts.length;
    expect(mean).toBeLessThan(1.05);
  });

  it('rejects a cheat, names it, and names the deciding row', () => {
    const cheats = many(6, 50, { scale: 6 }).map(({ evidence }) => judgeByRow(row, evidence, rates));
    for (const { outcome, source, row: by, pValue, eValue } of cheats) {
      expect({ outcome, source, by }).toEqual({
        outcome: 'reject',
        source: 'rank',
        by: 'model 0505050505050505: tight seen by v, band 3',
      });
      const { replies } = row.strata[0]!.calibration;
      expect(eValue).toBe(calibrateRank(Math.round(pValue * (replies + 1)), replies));
    }
    const named = cheats.filter(({ cheat }) => cheat?.name === 'q8' && cheat.posterior > 0.5);
    expect(named.length).toBeGreaterThan(45);
    expect(judgeByRow(row, many(5, 1)[0]!.evidence, rates).cheat).toBeUndefined();
  });

  it('cannot reject below the resolution of its replies, unless the operator allows an extrapolation', () => {
    const cheat = many(7, 1, { scale: 20 })[0]!.evidence;
    const strict = { reject: 2e-4, doubt: 0.01, extrapolate: false };
    expect(judgeByRow(row, cheat, strict)).toMatchObject({ outcome: 'inconclusive', source: 'rank' });
    const extrapolated = judgeByRow(row, cheat, { ...strict, extrapolate: true });
    expect(extrapolated).toMatchObject({ outcome: 'reject', source: 'extrapolated' });
    expect(extrapolated.pValue).toBeLessThan(2e-4);
    expect(extrapolated.eValue).toBe(calibrateRank(1, 720));
  });

  it('refuses invalid rates', () => {
    const { evidence } = many(5, 1)[0]!;
    for (const wrong of [{ reject: 0 }, { doubt: 0.0001 }, { doubt: 1 }, { reject: Number.NaN }]) {
      expect(() => judgeByRow(row, evidence, { ...rates, ...wrong })).toThrow(RangeError);
    }
  });
});

describe('a false class', () => {
  it('is in doubt if a tight machine declares the loose class, because too close is as suspicious as too far', () => {
    expect(share('loose', {}, 'accept')).toBe(0);
    expect(share('loose', { scale: LOOSE }, 'accept')).toBeGreaterThan(0.95);
  });

  it('gains a cheat only the drift of the loose class: a reply passes only at about that distance', () => {
    // On a tight machine: distances from the requested model, in units of the tight class's drift.
    for (const scale of [1.5, 2, 3, 4, 20, 40])
      expect(share('loose', { scale }, 'accept'), `${scale}`).toBeLessThan(0.05);
    // A cheat that is tuned to lie exactly there passes in the loose class. It must meet a verifier of the class that it
    // declares, which sees no drift to hide in.
    expect(share('loose', { scale: LOOSE }, 'accept')).toBeGreaterThan(0.95);
  });

  it('does not help with an unlisted class: no better than the mildest row, and never accepted', () => {
    expect(lookup('unheard-of').kind).toBe('unlisted');
    for (const scale of [1, LOOSE]) {
      expect(share('unheard-of', { scale }, 'accept')).toBe(0);
      expect(share('unheard-of', { scale }, 'inconclusive')).toBeGreaterThan(0.95);
    }
    expect(share('unheard-of', { scale: LOOSE * 8 }, 'reject')).toBeGreaterThan(0.95);
    const [reply] = many(9, 1, { scale: 3 });
    const verdict = judgeByDrift(lookup('unheard-of'), reply!.evidence, rates)!;
    const known = ['tight', 'loose'].map((name) => judgeByDrift(lookup(name), reply!.evidence, rates)!.pValue);
    expect(verdict.pValue).toBe(Math.max(...known));
    expect(verdict.row).toContain('unlisted class');
  });

  it('is no evidence for an unlisted class: hardware with slightly more drift than measured is not ejected', () => {
    const eject = (providerClass: string, scale: number): boolean => {
      let state = INITIAL_PAYEE_TEST;
      for (const { evidence } of many(78, 200, { scale })) {
        const verdict = judgeByDrift(lookup(providerClass), evidence, rates);
        // A table does not cover text that is unlikelier than any measured one.
        if (verdict === undefined) continue;
        const { eValue, outcome } = verdict;
        state = advancePayeeTest(state, { eValue, isReject: outcome === 'reject' }, 1e-3);
      }
      return state.ejected;
    };
    for (const ratio of [1, 1.3, 1.5, 2]) expect(eject('unheard-of', ratio * LOOSE), `${ratio}`).toBe(false);
    // The same drift in a measured class counts.
    expect(eject('loose', 2 * LOOSE)).toBe(true);
  });

  it('does not cover unlikelier text or longer contexts than measured', () => {
    const { evidence } = many(5, 1)[0]!;
    const scores = evidence.scores.slice();
    scores[REPLY_SCORES.indexOf('surprise')] = rowOf(table, 'tight').strata.at(-1)!.surprise + 0.01;
    const unlikely = { ...evidence, scores };
    const long = { ...evidence, context: rowOf(table, 'tight').context + 1 };
    for (const name of ['tight', 'unheard-of']) {
      expect(judgeByDrift(lookup(name), evidence, rates)).toBeDefined();
      expect(judgeByDrift(lookup(name), long, rates)).toBeUndefined();
    }
    expect(judgeByDrift(lookup('tight'), unlikely, rates)).toBeUndefined();
    scores[REPLY_SCORES.indexOf('surprise')] = 60;
    expect(judgeByDrift(lookup('unheard-of'), unlikely, rates)).toBeUndefined();
  });

  it('has no verdict without measurements', () => {
    const none = findDriftRow(table, {
      providerClass: 'tight',
      verifierClass: 'w',
      modelRoot,
      positions: 128,
      context: 144,
    });
    expect(judgeByDrift(none, many(5, 1)[0]!.evidence, rates)).toBeUndefined();
  });
});

describe('honest replies with strongly correlated windows', () => {
  const shared: SyntheticDrift = { positions: 1024, replyScatter: 0.3, windowScatter: 0.12 };
  const name = 'shared';
  const { table: measured } = buildDriftTable({
    version: 1,
    previous: new Uint8Array(32),
    measurements: [
      {
        ...measurement(name, 31, shared),
        alternatives: [{ name: 'q8', replies: many(32, 50, { ...shared, scale: 3 }) }],
      },
    ],
  });
  const row = rowOf(measured, name);
  const fresh = many(33, 1000, shared).map(({ evidence }) => evidence);
  const beta = 1e-2;
  const random = createSeededRandom(34);
  const draw = (): ReplyEvidence => fresh[Math.floor(random() * fresh.length)]!;
  const count = (lives: number, isEnded: () => boolean): number =>
    Array.from({ length: lives }, isEnded).filter((ended) => ended).length;

  it('are ejected at most at rate beta by replies, and in more than a third of the cases by windows', () => {
    expect(computeInflation(fresh)).toBeGreaterThan(24);
    const eValues = new Map(fresh.map((reply) => [reply, judgeByRow(row, reply, rates).eValue]));
    const lives = 2000;
    const ejected = count(lives, () => {
      let state = INITIAL_PAYEE_TEST;
      for (let n = 0; n < 100; n++) {
        state = advancePayeeTest(state, { eValue: eValues.get(draw())!, isReject: false }, beta);
      }
      return state.ejected;
    });
    expect(computeWilsonInterval(ejected, lives, 3).low).toBeLessThan(beta);
    // A likelihood ratio of "half a deviation farther", as if the windows were independent.
    const all = fresh.flatMap(({ windows }) => [...windows]);
    const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
    const variance = all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length;
    const shift = Math.sqrt(variance) / 2;
    const ratio = ({ windows }: ReplyEvidence): number =>
      [...windows].reduce((sum, value) => sum + (shift * (value - mean - shift / 2)) / variance, 0);
    const byWindow = count(300, () => {
      let log = 0;
      for (let n = 0; n < 100 && log < Math.log(1 / beta); n++) log += ratio(draw());
      return log >= Math.log(1 / beta);
    });
    expect(byWindow).toBeGreaterThan(100);
  });
});
