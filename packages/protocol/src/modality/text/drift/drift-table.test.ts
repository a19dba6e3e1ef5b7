import { createSyntheticEvidence, drawNormal, type SyntheticDrift } from '@ogong/testing/synthetic/synthetic-evidence';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { equalBytes, ProtocolError } from '../../../base/bytes.ts';
import { createSeededRandom } from '../../../base/seeded-random.ts';
import { getSurprise } from '../stage2/reply-scores.ts';
import { type DriftRow, type DriftTable, findDriftRow, nameRow, QUANTILES } from './drift-table.ts';
import {
  buildDriftTable,
  computeInflation,
  type DriftMeasurement,
  type DriftSample,
  measureQuantiles,
  splitSamples,
} from './drift-table-build.ts';
import { encodeDriftTable, MAX_DRIFT_TABLE_BYTES, parseDriftTable } from './drift-table-bytes.ts';
import { diffDriftTables, formatDriftTable } from './drift-table-diff.ts';
import type { Stratum } from './strata.ts';

const many = (seed: number, count: number, drift?: SyntheticDrift): DriftSample[] => {
  const random = createSeededRandom(seed);
  return Array.from({ length: count }, (_, i) => ({
    seed: 1000 + i,
    evidence: createSyntheticEvidence(random, drift),
  }));
};
const tight: DriftMeasurement = {
  providerClass: 'gpu/a',
  verifierClass: 'gpu/v',
  modelRoot: new Uint8Array(32).fill(0xf1),
  codeVersion: '0.1.0',
  honest: many(1, 200),
  alternatives: [{ name: 'q8', replies: many(2, 60, { scale: 6 }) }],
};
const loose: DriftMeasurement = {
  ...tight,
  providerClass: 'gpu/b',
  honest: many(3, 200, { scale: 5 }),
  alternatives: [],
};
const options = { version: 1, previous: new Uint8Array(32), measurements: [tight, loose] };
const { table } = buildDriftTable({ ...options, families: [{ numericClass: 'gpu/a2', family: 'family:a' }] });
const row = table.rows.find(({ providerClass }) => providerClass === 'gpu/a')!;

describe('buildDriftTable', () => {
  it('measures its samples, and splits them', () => {
    expect(table.rows.map(nameRow)).toEqual([
      'model f1f1f1f1f1f1f1f1: gpu/a seen by gpu/v, band 3',
      'model f1f1f1f1f1f1f1f1: gpu/b seen by gpu/v, band 3',
    ]);
    expect(row).toMatchObject({ fitReplies: 80, tokens: 200 * 128, seeds: { first: 1000, last: 1199 } });
    expect(row.strata.map(({ calibration }) => calibration.replies)).toEqual([120]);
    expect(row.inflation).toBeGreaterThan(1.2);
    expect(row.power).toEqual([{ name: 'q8', replies: 36, caught: [36, 36, 0, 0] }]);
    expect(row.strata[0]!.tail).toBeUndefined();
  });

  it('counts rejects within its measurements, and rejects of the fixed limits beyond them', () => {
    const beyond = (scale: number): DriftSample[] =>
      many(5, 60, { scale }).map(({ seed, evidence }) => ({ seed, evidence: { ...evidence, context: 10_000 } }));
    const powerOf = (replies: DriftSample[]) =>
      buildDriftTable({ ...options, measurements: [{ ...tight, alternatives: [{ name: 'q8', replies }] }] }).table
        .rows[0]!.power[0]!.caught;
    expect(powerOf(many(5, 60, { scale: 6 }))[1]).toBe(36);
    // The same on longer contexts than measured. Fixed limits accept 6 times a distance of 0.001.
    expect(powerOf(beyond(6))).toEqual([0, 0, 0, 0]);
    expect(powerOf(beyond(1000))).toEqual([36, 36, 36, 36]);
  });

  it('does not depend on the order of its samples', () => {
    const shuffled = { ...tight, honest: [...tight.honest].reverse() };
    const again = buildDriftTable({ ...options, measurements: [loose, shuffled] }).table;
    expect(encodeDriftTable(again)).toEqual(encodeDriftTable({ ...table, families: [] }));
  });

  it('refuses too few replies, and states where and how many are missing', () => {
    const little = { ...tight, honest: tight.honest.slice(0, 100) };
    expect(() => buildDriftTable({ ...options, measurements: [little] })).toThrow(
      /gpu\/a seen by gpu\/v, band 3: 40 honest replies to fit to and 60 held out, about 67 more are needed/,
    );
    const rare = { ...tight, alternatives: [{ name: 'rare', replies: many(9, 5) }] };
    expect(() => buildDriftTable({ ...options, measurements: [rare] })).toThrow(/rare lacks about 15 replies/);
    expect(() => buildDriftTable({ ...options, measurements: [{ ...tight, honest: [] }] })).toThrow(/no honest reply/);
    const mixed = { ...tight, honest: [...tight.honest, ...many(8, 10, { positions: 20 })] };
    expect(() => buildDriftTable({ ...options, measurements: [mixed] })).toThrow(/band 1/);
    const built = buildDriftTable({ ...options, measurements: [mixed], thin: 'leave-out' });
    expect(built.table.rows.length).toBe(1);
    expect(built.leftOut).toEqual([expect.stringContaining('band 1')]);
  });

  it('has quantile limits with the stated coverage', () => {
    const random = createSeededRandom(11);
    const trials = 400;
    const truth = [-3.0902, -2.3263, -1.6449, 0, 1.6449, 2.3263, 3.0902];
    const covered = QUANTILES.map(() => 0);
    for (let i = 0; i < trials; i++) {
      const { value, low, high } = measureQuantiles(Array.from({ length: 150 }, () => drawNormal(random)));
      truth.forEach((each, k) => {
        if (low[k]! <= each && each <= high[k]!) covered[k] = covered[k]! + 1;
        expect(low[k]! <= value[k]! && value[k]! <= high[k]!).toBe(true);
      });
    }
    for (const count of covered) expect(count / trials).toBeGreaterThan(0.93);
    expect(covered[3]! / trials).toBeLessThan(0.995);
  });

  it('measures the agreement of the windows of a reply', () => {
    const of = (replyScatter: number, windowScatter: number): number =>
      computeInflation(many(12, 400, { replyScatter, windowScatter }).map(({ evidence }) => evidence));
    expect(of(0, 0.1)).toBeCloseTo(1, 0);
    // The common variance equals a window's own: 4 windows, (1 + 1/4) * 4 / 2.
    expect(of(0.1, 0.1)).toBeGreaterThan(2.1);
    expect(of(0.1, 0.1)).toBeLessThan(2.9);
    expect(of(0.1, 0)).toBeCloseTo(4, 1);
  });
});

describe('splitSamples', () => {
  const [{ evidence }] = tight.honest as [DriftSample];
  const split = (count: number) =>
    splitSamples(Array.from({ length: count }, (_, seed) => ({ seed, evidence })).reverse());

  it('fits to two in five and holds the others out, by seed', () => {
    const { fitted, heldOut } = split(10);
    expect(fitted.map(({ seed }) => seed)).toEqual([2, 4, 7, 9]);
    expect(heldOut.map(({ seed }) => seed)).toEqual([0, 1, 3, 5, 6, 8]);
  });

  it('keeps replies of one seed on one side in any order, and both parts alike', () => {
    // Two kinds share the first third of the seeds, as when the same prompts are repeated with other settings.
    const kinds = new Map([...Array(9000).keys()].map((i) => [{ ...evidence }, i < 6000 ? 'usual' : 'any']));
    const samples = [...kinds.keys()].map((each, i) => ({ seed: i % 6000, evidence: each }));
    const { fitted, heldOut } = splitSamples(samples);
    const seedsOf = (part: readonly DriftSample[]): Set<number> => new Set(part.map(({ seed }) => seed));
    const held = seedsOf(heldOut);
    expect([...seedsOf(fitted)].filter((seed) => held.has(seed))).toEqual([]);
    const usual = (part: readonly DriftSample[]): number =>
      part.filter(({ evidence: each }) => kinds.get(each) === 'usual').length / part.length;
    expect(usual(fitted)).toBeCloseTo(usual(heldOut), 2);
    expect(fitted.length).toBeGreaterThan(1990);
    expect(fitted.length).toBeLessThanOrEqual(2010);
    expect(seedsOf(splitSamples(samples.toReversed()).fitted)).toEqual(seedsOf(fitted));
  });

  it('fits to two thousand at most', () => {
    expect(split(5000)).toMatchObject({ fitted: { length: 2000 }, heldOut: { length: 3000 } });
    expect(split(12_000)).toMatchObject({ fitted: { length: 2000 }, heldOut: { length: 10_000 } });
    expect(split(1)).toMatchObject({ fitted: [], heldOut: { length: 1 } });
    expect(splitSamples([])).toEqual({ fitted: [], heldOut: [] });
  });
});

describe('drift table bytes', () => {
  const bytes = encodeDriftTable(table);

  it('round-trip', () => {
    expect(encodeDriftTable(parseDriftTable(bytes))).toEqual(bytes);
    expect(formatDriftTable(parseDriftTable(bytes))).toBe(formatDriftTable(table));
    expect(JSON.parse(formatDriftTable(table)).rows[0].likelihood.honest.mean.length).toBe(20);
  });

  it('are refused or canonical after any change', () => {
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const changed = bytes.slice();
        changed[at] = (changed[at]! + by) & 255;
        try {
          expect(equalBytes(encodeDriftTable(parseDriftTable(changed)), changed)).toBe(true);
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
        }
      }),
      { seed: 71, numRuns: 300 },
    );
    for (const cut of [0, 10, 100, bytes.length - 1])
      expect(() => parseDriftTable(bytes.slice(0, cut))).toThrow(ProtocolError);
    expect(() => parseDriftTable(new Uint8Array([...bytes, 0]))).toThrow(ProtocolError);
    expect(() => parseDriftTable(new Uint8Array(MAX_DRIFT_TABLE_BYTES + 1))).toThrow(/drift-table-v1 of/);
  });

  const bad = (change: (each: DriftRow) => Partial<DriftRow>): (() => void) => {
    return () => encodeDriftTable({ ...table, rows: [{ ...row, ...change(row) }] });
  };
  it.each<[string, (each: DriftRow) => Partial<DriftRow>]>([
    ['an unnamed class', () => ({ providerClass: '' })],
    ['a class with a space', () => ({ verifierClass: 'a b' })],
    ['an unknown band', () => ({ band: 9 })],
    ['a context of nothing', () => ({ context: 0 })],
    ['seeds out of order', () => ({ seeds: { first: 2, last: 1 } })],
    ['too few scores', ({ scores }) => ({ scores: scores.slice(1) })],
    [
      'quantiles out of order',
      ({ scores }) => ({ scores: [{ ...scores[0]!, value: [...scores[0]!.value].reverse() }, ...scores.slice(1)] }),
    ],
    ['no inflation', () => ({ inflation: Number.NaN })],
    ['no alternative', ({ likelihood }) => ({ likelihood: { ...likelihood, alternatives: [] } })],
    [
      'weights that do not sum to one',
      ({ likelihood }) => ({ likelihood: { ...likelihood, alternatives: likelihood.alternatives.slice(1) } }),
    ],
    [
      'a hypothesis named twice',
      ({ likelihood }) => ({
        likelihood: { ...likelihood, alternatives: likelihood.alternatives.map((each) => ({ ...each, name: 'x' })) },
      }),
    ],
    [
      'singular whitening',
      ({ likelihood }) => ({
        likelihood: { ...likelihood, honest: { ...likelihood.honest, whitening: new Float64Array(210) } },
      }),
    ],
    [
      'a rate of zero',
      ({ likelihood }) => ({
        likelihood: { ...likelihood, honest: { ...likelihood.honest, mismatch: new Float64Array(25) } },
      }),
    ],
    ...(
      [
        ['too few', [1]],
        ['of zero', Array(20).fill(0)],
        ['of more than one', [2, ...Array(19).fill(1e-9)]],
        ['that sum to two', Array(20).fill(0.1)],
      ] as const
    ).map(([what, values]): [string, (each: DriftRow) => Partial<DriftRow>] => [
      `rates of values ${what}`,
      ({ likelihood }) => ({
        likelihood: { ...likelihood, honest: { ...likelihood.honest, values: Float64Array.from(values) } },
      }),
    ]),
    ...(
      [
        ['out of order', [2, 0, 1], [1, 0, 1]],
        ['of one surprise', [2, 0, 1], [2, 0, 1]],
        ['without width', [1, 0, 0]],
        ['beyond what text can surprise', [65, 0, 1]],
        ['too many of them', ...Array.from({ length: 9 }, (_, i) => [i, 0, 1] as const)],
      ] as const
    ).map(([what, ...levels]): [string, (each: DriftRow) => Partial<DriftRow>] => [
      `levels ${what}`,
      ({ likelihood }) => ({
        likelihood: {
          ...likelihood,
          levels: levels.map(([surprise, centre, width]) => ({ surprise, centre, width })),
        },
      }),
    ]),
    ['no stratum', () => ({ strata: [] })],
    [
      'too many strata',
      ({ strata: [first] }) => ({ strata: [1, 2, 3, 4, 5].map((at) => ({ ...first!, surprise: at })) }),
    ],
    ['strata of one surprise', ({ strata: [first] }) => ({ strata: [first!, first!] })],
    ...(
      [
        ['a surprise below certainty', () => ({ surprise: -1 })],
        ['a surprise beyond what text can have', () => ({ surprise: 65 })],
        [
          'steps that do not hold all replies',
          ({ calibration }) => ({ calibration: { ...calibration, replies: 121 } }),
        ],
        [
          'steps out of order',
          ({ calibration }) => ({ calibration: { ...calibration, steps: [...calibration.steps].reverse() } }),
        ],
        ['a bounded tail', () => ({ tail: { threshold: 0, share: 0.1, exceedances: 60, shape: -0.2, scale: 1 } })],
      ] as [string, (stratum: Stratum) => Partial<Stratum>][]
    ).map(([what, change]): [string, (each: DriftRow) => Partial<DriftRow>] => [
      what,
      ({ strata: [first] }) => ({ strata: [{ ...first!, ...change(first!) }] }),
    ]),
    ['more caught than there are', () => ({ power: [{ name: 'x', replies: 2, caught: [3, 0, 0, 0] }] })],
  ])('refuse %s', (_, change) => {
    expect(bad(change)).toThrow(ProtocolError);
  });

  it('refuse an inconsistent table', () => {
    const wrong = (change: Partial<DriftTable>) => () => encodeDriftTable({ ...table, ...change });
    expect(wrong({ version: 0 })).toThrow(ProtocolError);
    expect(wrong({ previous: new Uint8Array(31) })).toThrow(ProtocolError);
    expect(wrong({ rows: [row, row] })).toThrow(/ascending/);
    expect(wrong({ families: [{ numericClass: 'x', family: 'x' }] })).toThrow(/both/);
  });
});

describe('findDriftRow', () => {
  const familyRow = { ...row, providerClass: 'family:a' };
  const rows = [familyRow, ...table.rows];
  const full = { ...table, rows };
  const { modelRoot } = tight;
  const query = { modelRoot, providerClass: 'gpu/a', verifierClass: 'gpu/v', positions: 100, context: 144 };

  it('finds the class, then its family, then all possible rows of an unlisted class', () => {
    expect(findDriftRow(full, query)).toEqual({ kind: 'class', row });
    expect(findDriftRow(full, { ...query, providerClass: 'gpu/a2' })).toEqual({ kind: 'family', row: familyRow });
    expect(findDriftRow(full, { ...query, providerClass: 'gpu/z' })).toEqual({ kind: 'unlisted', rows });
    // Rows of the same logits serve a class of lanes.
    const inLanes = { ...query, providerClass: 'gpu/a/lanes', verifierClass: 'gpu/v/lanes' };
    expect(findDriftRow(full, inLanes)).toEqual({ kind: 'family', row });
    expect(findDriftRow(full, { ...inLanes, providerClass: 'gpu/a2/lanes' })).toEqual({
      kind: 'family',
      row: familyRow,
    });
    const own = { ...row, providerClass: inLanes.providerClass };
    expect(findDriftRow({ ...full, rows: [...rows, own] }, { ...inLanes, verifierClass: 'gpu/v' })).toEqual({
      kind: 'class',
      row: own,
    });
  });

  it('covers contexts up to those of honest replies', () => {
    const [long] = many(6, 1, { promptTokens: 400 }) as [DriftSample];
    const rowOf = (honest: readonly DriftSample[]): DriftRow =>
      buildDriftTable({ ...options, measurements: [{ ...tight, honest }] }).table.rows[0]!;
    expect(rowOf(tight.honest).context).toBe(144);
    expect(rowOf([...tight.honest, { ...long, seed: 5000 }]).context).toBe(528);
    const surprises = tight.honest.map(({ evidence }) => getSurprise(evidence));
    expect(row.strata.at(-1)!.surprise).toBe(Math.max(...surprises));
    expect(findDriftRow(full, { ...query, context: 145 })).toEqual({ kind: 'none' });
    // A known class is not treated as unlisted, even if other rows cover longer contexts.
    const far = rows.map((each) => (each === row ? each : { ...each, context: 999 }));
    expect(findDriftRow({ ...full, rows: far }, { ...query, context: 145 })).toEqual({ kind: 'none' });
    expect(findDriftRow({ ...full, rows: far }, { ...query, providerClass: 'gpu/z', context: 145 })).toEqual({
      kind: 'unlisted',
      rows: far.filter((each) => each !== row),
    });
    expect(findDriftRow(full, { ...query, providerClass: 'gpu/z', context: 145 })).toEqual({ kind: 'none' });
  });

  it('finds no row for other models, verifiers and lengths', () => {
    const other = new Uint8Array(32).fill(0xf2);
    for (const change of [{ modelRoot: other }, { verifierClass: 'cpu' }, { positions: 2000 }]) {
      expect(findDriftRow(full, { ...query, ...change })).toEqual({ kind: 'none' });
    }
    const otherRow = { ...row, modelRoot: other };
    expect(findDriftRow({ ...full, rows: [...rows, otherRow] }, { ...query, modelRoot: other })).toEqual({
      kind: 'class',
      row: otherRow,
    });
    expect(findDriftRow({ ...full, rows: [otherRow, ...rows] }, query)).toEqual({ kind: 'class', row });
  });
});

describe('diffDriftTables', () => {
  it('finds nothing between equal tables, and the changes between others', () => {
    expect(diffDriftTables(table, table)).toEqual([]);
    const measurements = [{ ...tight, honest: many(21, 200, { scale: 1.5 }), codeVersion: '0.2.0' }];
    const changes = diffDriftTables(table, buildDriftTable({ ...options, measurements }).table);
    const significant = changes.filter(({ isSignificant }) => isSignificant).map(({ field }) => field);
    expect(significant).toContain('sketch-mean at 0.5');
    expect(changes.find(({ field }) => field === 'row')).toMatchObject({
      row: 'model f1f1f1f1f1f1f1f1: gpu/b seen by gpu/v, band 3',
      after: 'absent',
    });
    expect(changes.find(({ field }) => field === 'codeVersion')).toMatchObject({
      before: '0.1.0',
      after: '0.2.0',
      isSignificant: false,
    });
    // Another sample of the same drift changes estimates, not the drift.
    const same = buildDriftTable({ ...options, measurements: [{ ...tight, honest: many(22, 200) }, loose] }).table;
    const noise = diffDriftTables({ ...table, families: [] }, same).filter(({ isSignificant }) => isSignificant);
    expect(noise).toEqual([]);
  });
});
