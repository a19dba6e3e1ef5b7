import { createReader, createWriter, ProtocolError, type Reader, type Writer } from '../base/bytes.ts';
import {
  assertAscending,
  assertPlainText,
  encodeDomain,
  readDomain,
  readFlag,
  readSafe,
  writeSafe,
} from '../base/canonical.ts';
import { VALUE_CELLS } from '../stage2/bent-values.ts';
import { MARGIN_BINS } from '../stage2/draw-margin.ts';
import { LENGTH_BANDS, REPLY_SCORES } from '../stage2/reply-scores.ts';
import { MAX_STEPS, type RankCalibration, type RankStep } from '../statistics/rank-calibration.ts';
import type { TailFit } from '../statistics/tail-fit.ts';
import {
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
import { type Hypothesis, WHITENING_SIZE } from './likelihood.ts';
import { MAX_STRATA, type Stratum } from './strata.ts';

export const MAX_DRIFT_TABLE_BYTES = 32 * 1024 * 1024;
const MAX_ROWS = 1024;
const MAX_FAMILIES = 1024;
const MAX_ALTERNATIVES = 64;
const MAX_NAME = 255;
const DOMAIN = encodeDomain('ogong-drift-table-v7');
const STATISTIC_LIMIT = 1e6;

/** @throws ProtocolError where a field is out of range, an order is not canonical, or the whole is too large. */
export function encodeDriftTable(table: DriftTable): Uint8Array {
  assertTable(table);
  const writer = createWriter(65536)
    .bytes(DOMAIN)
    .u32(table.version)
    .bytes(table.previous, 32)
    .u16(table.families.length);
  for (const { numericClass, family } of table.families) writer.text(numericClass).text(family);
  writer.u16(table.rows.length);
  for (const row of table.rows) writeRow(writer, row);
  const bytes = writer.finish();
  assertSize(bytes);
  return bytes;
}

/** @throws ProtocolError for anything that encodeDriftTable would not have written. */
export function parseDriftTable(bytes: Uint8Array): DriftTable {
  assertSize(bytes);
  const reader = createReader(bytes);
  readDomain(reader, DOMAIN, 'drift table');
  const table = {
    version: reader.u32(),
    previous: reader.bytes(32),
    families: readList(reader.u16(), MAX_FAMILIES, () => ({
      numericClass: reader.text(MAX_NAME),
      family: reader.text(MAX_NAME),
    })),
    rows: readList(reader.u16(), MAX_ROWS, () => readRow(reader)),
  };
  reader.end();
  assertTable(table);
  return table;
}

function assertSize({ length }: Uint8Array): void {
  if (length <= MAX_DRIFT_TABLE_BYTES) return;
  throw new ProtocolError('too-large', `a table of ${length} bytes, at most ${MAX_DRIFT_TABLE_BYTES}`);
}

function readList<T>(count: number, limit: number, read: () => T): T[] {
  if (count > limit) throw new ProtocolError('too-large', `a list of ${count}, at most ${limit}`);
  return Array.from({ length: count }, read);
}

const view = new DataView(new ArrayBuffer(8));

/** IEEE double, big-endian; finite, and zero has one spelling. */
function writeDouble(writer: Writer, value: number): void {
  if (!Number.isFinite(value) || Object.is(value, -0)) throw new ProtocolError('out-of-range', `no number: ${value}`);
  view.setFloat64(0, value);
  writer.u64(view.getBigUint64(0));
}

function readDouble(reader: Reader): number {
  view.setBigUint64(0, reader.u64());
  const value = view.getFloat64(0);
  if (!Number.isFinite(value) || Object.is(value, -0)) throw new ProtocolError('out-of-range', 'not a finite number');
  return value;
}

const writeDoubles = (writer: Writer, values: ArrayLike<number>): void => {
  for (let i = 0; i < values.length; i++) writeDouble(writer, values[i] as number);
};
const readDoubles = (reader: Reader, count: number): Float64Array => {
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) values[i] = readDouble(reader);
  return values;
};

function writeRow(writer: Writer, row: DriftRow): void {
  writer.bytes(row.modelRoot, 32).text(row.providerClass).text(row.verifierClass).u8(row.band).text(row.codeVersion);
  writeSafe(writeSafe(writer, row.seeds.first), row.seeds.last).u32(row.fitReplies);
  writeSafe(writer, row.tokens).u32(row.context);
  for (const { value, low, high } of row.scores) for (const list of [value, low, high]) writeDoubles(writer, list);
  writeDouble(writer, row.inflation);
  writeHypothesis(writer, row.likelihood.honest);
  writer.u8(row.likelihood.alternatives.length);
  for (const alternative of row.likelihood.alternatives) writeHypothesis(writer, alternative);
  writer.u8(row.likelihood.levels.length);
  for (const { surprise, centre, width } of row.likelihood.levels) writeDoubles(writer, [surprise, centre, width]);
  writer.u8(row.strata.length);
  for (const stratum of row.strata) writeStratum(writer, stratum);
  writer.u8(row.power.length);
  for (const { name, replies, caught } of row.power) {
    writer.text(name).u32(replies);
    for (const count of caught) writer.u32(count);
  }
}

function writeStratum(writer: Writer, { surprise, calibration, tail }: Stratum): void {
  writeDouble(writer, surprise);
  writer.u32(calibration.replies);
  writer.u16(calibration.steps.length);
  for (const { value, count } of calibration.steps) {
    writeDouble(writer, value);
    writer.u32(count);
  }
  writer.u8(tail === undefined ? 0 : 1);
  if (tail === undefined) return;
  const { threshold, share, exceedances, shape, scale } = tail;
  writeDoubles(writer, [threshold, share, shape, scale]);
  writer.u32(exceedances);
}

function readRow(reader: Reader): DriftRow {
  return {
    modelRoot: reader.bytes(32),
    providerClass: reader.text(MAX_NAME),
    verifierClass: reader.text(MAX_NAME),
    band: reader.u8(),
    codeVersion: reader.text(MAX_NAME),
    seeds: { first: readSafe(reader), last: readSafe(reader) },
    fitReplies: reader.u32(),
    tokens: readSafe(reader),
    context: reader.u32(),
    scores: REPLY_SCORES.map(() => readQuantiles(reader)),
    inflation: readDouble(reader),
    likelihood: {
      honest: readHypothesis(reader),
      alternatives: readList(reader.u8(), MAX_ALTERNATIVES, () => readHypothesis(reader)),
      levels: readList(reader.u8(), MAX_LEVELS, () => readLevel(reader)),
    },
    strata: readList(reader.u8(), MAX_STRATA, () => readStratum(reader)),
    power: readList(reader.u8(), MAX_ALTERNATIVES, () => ({
      name: reader.text(MAX_NAME),
      replies: reader.u32(),
      caught: POWER_RATES.map(() => reader.u32()),
    })),
  };
}

function readQuantiles(reader: Reader): ScoreQuantiles {
  const list = (): number[] => [...readDoubles(reader, QUANTILES.length)];
  return { value: list(), low: list(), high: list() };
}

function readLevel(reader: Reader): HonestLevel {
  const [surprise, centre, width] = readDoubles(reader, 3) as unknown as [number, number, number];
  return { surprise, centre, width };
}

function readStratum(reader: Reader): Stratum {
  return {
    surprise: readDouble(reader),
    calibration: {
      replies: reader.u32(),
      steps: readList(reader.u16(), MAX_STEPS, () => readStep(reader)),
    },
    tail: readFlag(reader) ? readTail(reader) : undefined,
  };
}

function readStep(reader: Reader): RankStep {
  return { value: readDouble(reader), count: reader.u32() };
}

function readTail(reader: Reader): TailFit {
  const [threshold, share, shape, scale] = readDoubles(reader, 4) as unknown as [number, number, number, number];
  return { threshold, share, shape, scale, exceedances: reader.u32() };
}

function writeHypothesis(
  writer: Writer,
  { name, samples, weight, mean, whitening, mismatch, values }: Hypothesis,
): void {
  writer.text(name).u32(samples);
  writeDouble(writer, weight);
  for (const list of [mean, whitening, mismatch, values]) writeDoubles(writer, list);
}

function readHypothesis(reader: Reader): Hypothesis {
  return {
    name: reader.text(MAX_NAME),
    samples: reader.u32(),
    weight: readDouble(reader),
    mean: readDoubles(reader, REPLY_SCORES.length),
    whitening: readDoubles(reader, WHITENING_SIZE),
    mismatch: readDoubles(reader, MARGIN_BINS),
    values: readDoubles(reader, VALUE_CELLS),
  };
}

function assertTable({ version, previous, families, rows }: DriftTable): void {
  assert(Number.isInteger(version) && version >= 1 && version < 2 ** 32, `version ${version}`);
  assert(previous.length === 32, 'a previous hash has 32 bytes');
  assert(
    families.length <= MAX_FAMILIES && rows.length <= MAX_ROWS,
    `${families.length} families, ${rows.length} rows`,
  );
  for (const { numericClass, family } of families) for (const text of [numericClass, family]) assertName(text);
  assertAscending(
    families,
    (a, b) => (a.numericClass < b.numericClass ? -1 : a.numericClass > b.numericClass ? 1 : 0),
    'families',
  );
  const classes = new Set(families.map(({ numericClass }) => numericClass));
  for (const { family } of families) assert(!classes.has(family), `${family} is both a class and a family`);
  assertAscending(rows, compareRowKeys, 'rows');
  for (const row of rows) assertRow(row);
}

function assert(holds: boolean, what: string): void {
  if (!holds) throw new ProtocolError('out-of-range', what);
}

function assertName(text: string): void {
  assertPlainText(text, MAX_NAME, 'name');
  assert(text.length > 0, 'an empty name');
}

const isWithin = (value: number, low: number, high: number): boolean => value >= low && value <= high;

function assertRow(row: DriftRow): void {
  for (const text of [row.providerClass, row.verifierClass, row.codeVersion]) assertName(text);
  assert(row.band <= LENGTH_BANDS.length, `length band ${row.band}`);
  assert(row.seeds.first <= row.seeds.last, 'seeds out of order');
  assert(isWithin(row.fitReplies, 1, 2 ** 32 - 1), `fitted to ${row.fitReplies} replies`);
  assert(isWithin(row.context, 1, 2 ** 32 - 1), `a context of ${row.context} tokens`);
  assert(row.scores.length === REPLY_SCORES.length, `${row.scores.length} scores`);
  for (const { value, low, high } of row.scores) {
    for (const list of [value, low, high]) {
      assert(list.length === QUANTILES.length, `${list.length} quantiles`);
      assert(
        list.every((each, i) => isWithin(each, list[i - 1] ?? -UNLIMITED, UNLIMITED)),
        'quantiles out of order',
      );
    }
    assert(
      value.every((each, i) => isWithin(each, low[i] as number, high[i] as number)),
      'a quantile outside its limits',
    );
  }
  assert(isWithin(row.inflation, 0, 1e6), `variance inflation ${row.inflation}`);
  const { honest, alternatives, levels } = row.likelihood;
  assert(isWithin(alternatives.length, 1, MAX_ALTERNATIVES), `${alternatives.length} alternatives`);
  for (const hypothesis of [honest, ...alternatives]) assertHypothesis(hypothesis);
  assert(
    new Set([honest, ...alternatives].map(({ name }) => name)).size === alternatives.length + 1,
    'a hypothesis named twice',
  );
  const weight = alternatives.reduce((sum, each) => sum + each.weight, 0);
  assert(honest.weight === 1 && Math.abs(weight - 1) < 1e-9, `weights of alternatives sum to ${weight}`);
  assert(levels.length <= MAX_LEVELS, `${levels.length} levels`);
  levels.forEach(({ surprise, centre, width }, i) => {
    assert(isWithin(surprise, 0, 64) && surprise > (levels[i - 1]?.surprise ?? -1), 'levels out of order');
    assert(isWithin(centre, -STATISTIC_LIMIT, STATISTIC_LIMIT), `a level of ${centre}`);
    assert(isWithin(width, MIN_WIDTH, STATISTIC_LIMIT), `a level ${width} wide`);
  });
  assertStrata(row.strata);
  assert(row.power.length <= MAX_ALTERNATIVES, `${row.power.length} powers`);
  for (const power of row.power) assertPower(power);
}

function assertHypothesis({ name, weight, mean, whitening, mismatch, values }: Hypothesis): void {
  assertName(name);
  assert(weight > 0 && weight <= 1, `weight ${weight}`);
  assert(mean.length === REPLY_SCORES.length && mean.every((value) => isWithin(value, -64, 64)), 'a mean out of range');
  assert(
    whitening.length === WHITENING_SIZE && whitening.every((value) => isWithin(value, -1e6, 1e6)),
    'whitening out of range',
  );
  for (let row = 0, at = 0; row < REPLY_SCORES.length; row++, at += row + 1) {
    assert(isWithin(whitening[at] as number, 1e-6, 1e6), 'whitening is singular');
  }
  assert(
    mismatch.length === MARGIN_BINS && mismatch.every((rate) => isWithin(rate, 1e-7, 1 - 1e-7)),
    'a rate out of range',
  );
  assert(
    values.length === VALUE_CELLS && values.every((rate) => isWithin(rate, 1e-9, 1)),
    'a rate of values out of range',
  );
  const total = values.reduce((sum, rate) => sum + rate, 0);
  assert(isWithin(total, 0.999, 1.001), `rates of values sum to ${total}`);
}

function assertStrata(strata: readonly Stratum[]): void {
  assert(isWithin(strata.length, 1, MAX_STRATA), `${strata.length} strata`);
  strata.forEach(({ surprise, calibration, tail }, i) => {
    assert(isWithin(surprise, 0, 64) && surprise > (strata[i - 1]?.surprise ?? -1), 'strata out of order');
    assertCalibration(calibration);
    if (tail !== undefined) assertTail(tail);
  });
}

function assertCalibration({ replies, steps }: RankCalibration): void {
  assert(isWithin(steps.length, 1, MAX_STEPS), `${steps.length} steps`);
  assert(steps.at(-1)?.count === replies, 'the steps do not hold all replies');
  steps.forEach(({ value, count }, i) => {
    const before = steps[i - 1];
    assert(isWithin(value, -STATISTIC_LIMIT, STATISTIC_LIMIT), `statistic ${value}`);
    assert(count >= 1, `step of ${count} replies`);
    if (before === undefined) return;
    assert(value < before.value && count > before.count, 'steps out of order');
  });
}

function assertTail({ threshold, share, exceedances, shape, scale }: TailFit): void {
  assert(isWithin(threshold, -STATISTIC_LIMIT, STATISTIC_LIMIT) && share > 0 && share < 1, 'a tail out of range');
  assert(exceedances >= 1 && isWithin(shape, 0, 0.499) && scale > 0 && scale <= STATISTIC_LIMIT, 'a tail out of range');
}

function assertPower({ name, replies, caught }: Power): void {
  assertName(name);
  assert(caught.length === POWER_RATES.length, `${caught.length} rates`);
  assert(
    caught.every((count, i) => count <= (i === 0 ? replies : (caught[i - 1] as number))),
    'more caught than there are',
  );
}
