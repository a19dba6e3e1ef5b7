import { ProtocolError, type Reader, type Writer } from '../../../base/bytes.ts';
import {
  type Codec,
  createFormat,
  f64,
  hash,
  list,
  optional,
  plainText,
  refine,
  safeInteger,
  struct,
  tuple,
  u8,
  u16,
  u32,
  within,
} from '../../../base/codec.ts';
import { MAX_STEPS, type RankCalibration } from '../../../statistics/rank-calibration.ts';
import type { TailFit } from '../../../statistics/tail-fit.ts';
import { VALUE_CELLS } from '../stage2/bent-values.ts';
import { MARGIN_BINS } from '../stage2/draw-margin.ts';
import { LENGTH_BANDS, REPLY_SCORES } from '../stage2/reply-scores.ts';
import { distanceRowsCodec } from './distance-rows.ts';
import {
  type ClassFamily,
  compareRowKeys,
  type DriftRow,
  type DriftTable,
  POWER_RATES,
  type Power,
  QUANTILES,
  type ScoreQuantiles,
  UNLIMITED,
} from './drift-table.ts';
import { type HonestLevel, MAX_LEVELS, MIN_WIDTH } from './honest-levels.ts';
import { type Hypothesis, type Likelihood, WHITENING_SIZE } from './likelihood.ts';
import { MAX_STRATA, type Stratum } from './strata.ts';

export const MAX_DRIFT_TABLE_BYTES = 32 * 1024 * 1024;
const MAX_ROWS = 1024;
const MAX_FAMILIES = 1024;
const MAX_ALTERNATIVES = 64;
const STATISTIC_LIMIT = 1e6;
const MAX_SURPRISE = 64;
const MAX_U32 = 0xffffffff;

const name = plainText(255);
const surprise = within(f64, 0, MAX_SURPRISE);
const statistic = within(f64, -STATISTIC_LIMIT, STATISTIC_LIMIT);
const positive = within(u32, 1, MAX_U32);

/**
 * Creates a codec of a fixed number of values between two bounds. They are read into their array at once, because a table has
 * half a million of them.
 */
function doubles(length: number, low: number, high: number): Codec<Float64Array> {
  const item = within(f64, low, high);
  return {
    write(writer: Writer, values: Float64Array) {
      if (values.length !== length) throw new ProtocolError('out-of-range', `${values.length} numbers, not ${length}`);
      for (let i = 0; i < length; i++) item.write(writer, values[i] as number);
    },
    read(reader: Reader) {
      const values = new Float64Array(length);
      for (let i = 0; i < length; i++) values[i] = item.read(reader);
      return values;
    },
  };
}

const quantiles = refine(tuple(within(f64, -UNLIMITED, UNLIMITED), QUANTILES.length), (values) =>
  assert(
    values.every((each, i) => i === 0 || each >= (values[i - 1] as number)),
    'quantiles out of order',
  ),
);

const scoreQuantiles = refine<ScoreQuantiles>(
  struct({ value: quantiles, low: quantiles, high: quantiles }),
  ({ value, low, high }) =>
    assert(
      value.every((each, i) => each >= (low[i] as number) && each <= (high[i] as number)),
      'a quantile outside its limits',
    ),
);

const hypothesis = refine<Hypothesis>(
  struct({
    name,
    samples: u32,
    weight: within(f64, Number.MIN_VALUE, 1),
    mean: doubles(REPLY_SCORES.length, -64, 64),
    whitening: doubles(WHITENING_SIZE, -1e6, 1e6),
    mismatch: doubles(MARGIN_BINS, 1e-7, 1 - 1e-7),
    values: doubles(VALUE_CELLS, 1e-9, 1),
  }),
  assertHypothesis,
);

const bySurprise = (a: { readonly surprise: number }, b: { readonly surprise: number }): number =>
  a.surprise - b.surprise;

const likelihood = refine<Likelihood>(
  struct({
    honest: hypothesis,
    alternatives: list(hypothesis, { count: u8, min: 1, max: MAX_ALTERNATIVES }),
    levels: list<HonestLevel>(struct({ surprise, centre: statistic, width: within(f64, MIN_WIDTH, STATISTIC_LIMIT) }), {
      count: u8,
      max: MAX_LEVELS,
      ascending: bySurprise,
    }),
  }),
  assertLikelihood,
);

const calibration = refine<RankCalibration>(
  struct({
    replies: u32,
    steps: list(struct({ value: statistic, count: positive }), { count: u16, min: 1, max: MAX_STEPS }),
  }),
  assertCalibration,
);

const tail: Codec<TailFit> = struct({
  threshold: statistic,
  share: refine(f64, (share) => assert(share > 0 && share < 1, `share ${share}`)),
  shape: within(f64, 0, 0.499),
  scale: within(f64, Number.MIN_VALUE, STATISTIC_LIMIT),
  exceedances: positive,
});

const power = refine<Power>(
  struct({ name, replies: u32, caught: tuple(u32, POWER_RATES.length) }),
  ({ replies, caught }) =>
    assert(
      caught.every((count, i) => count <= (i === 0 ? replies : (caught[i - 1] as number))),
      'more caught than there are',
    ),
);

const row: Codec<DriftRow> = struct({
  modelRoot: hash,
  providerClass: name,
  verifierClass: name,
  band: within(u8, 0, LENGTH_BANDS.length),
  codeVersion: name,
  seeds: refine(struct({ first: safeInteger, last: safeInteger }), ({ first, last }) =>
    assert(first <= last, 'seeds out of order'),
  ),
  fitReplies: positive,
  tokens: safeInteger,
  context: positive,
  scores: tuple(scoreQuantiles, REPLY_SCORES.length),
  inflation: within(f64, 0, 1e6),
  likelihood,
  strata: list<Stratum>(struct({ surprise, calibration, tail: optional(tail) }), {
    count: u8,
    min: 1,
    max: MAX_STRATA,
    ascending: bySurprise,
  }),
  power: list(power, { count: u8, max: MAX_ALTERNATIVES }),
});

const tableFormat = createFormat<DriftTable>(
  refine(
    struct({
      version: positive,
      previous: hash,
      families: list<ClassFamily>(struct({ numericClass: name, family: name }), {
        count: u16,
        max: MAX_FAMILIES,
        ascending: (a, b) => (a.numericClass < b.numericClass ? -1 : a.numericClass > b.numericClass ? 1 : 0),
      }),
      rows: list(row, { count: u16, max: MAX_ROWS, ascending: compareRowKeys }),
      distances: distanceRowsCodec,
    }),
    assertFamilies,
  ),
  { tag: 'ogong-drift-table-v1', maxBytes: MAX_DRIFT_TABLE_BYTES },
);

export const encodeDriftTable: (table: DriftTable) => Uint8Array = tableFormat.encode;
export const parseDriftTable: (bytes: Uint8Array) => DriftTable = tableFormat.decode;

function assert(holds: boolean, what: string): void {
  if (!holds) throw new ProtocolError('out-of-range', what);
}

function assertFamilies({ families }: Pick<DriftTable, 'families'>): void {
  const classes = new Set(families.map(({ numericClass }) => numericClass));
  for (const { family } of families) assert(!classes.has(family), `${family} is both a class and a family`);
}

function assertHypothesis({ whitening, values }: Hypothesis): void {
  for (let line = 0, at = 0; line < REPLY_SCORES.length; line++, at += line + 1) {
    assert((whitening[at] as number) >= 1e-6, 'whitening is singular');
  }
  const total = values.reduce((sum, rate) => sum + rate, 0);
  assert(total >= 0.999 && total <= 1.001, `rates of values sum to ${total}`);
}

function assertLikelihood({ honest, alternatives }: Likelihood): void {
  const names = new Set([honest, ...alternatives].map((each) => each.name));
  assert(names.size === alternatives.length + 1, 'a hypothesis named twice');
  const weight = alternatives.reduce((sum, each) => sum + each.weight, 0);
  assert(honest.weight === 1 && Math.abs(weight - 1) < 1e-9, `weights of alternatives sum to ${weight}`);
}

function assertCalibration({ replies, steps }: RankCalibration): void {
  assert(steps.at(-1)?.count === replies, 'the steps do not hold all replies');
  steps.forEach(({ value, count }, i) => {
    const before = steps[i - 1];
    assert(before === undefined || (value < before.value && count > before.count), 'steps out of order');
  });
}
