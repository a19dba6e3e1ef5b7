import { type BitReader, type BitWriter, createBitReader, createBitWriter } from '../../../base/bits.ts';
import { createReader, createWriter, ProtocolError } from '../../../base/bytes.ts';
import type { WindowBytes } from '../../../commitment/opening.ts';
import {
  createSketchRow,
  MAX_DIRECTIONS,
  MAX_EXPONENT,
  MIN_EXPONENT,
  projectHidden,
  SKETCH_BITS,
  type SketchBank,
  type SketchRow,
} from '../../../commitment/sketch.ts';
import { assertDistinct } from '../sampling/distinct-ids.ts';
import { type Candidates, MAX_COST, MAX_LISTED, MAX_LOG_SUM, TAIL_RANK, WEIGHT_ONE } from '../sampling/sampler.ts';
import { type DecodeRows, openRowDecoder, type WindowLayout } from './window-kernel.ts';
import { MAX_PARAMETER, MAX_VOCABULARY, TAIL_CODE, WINDOW_TOKENS } from './window-limits.ts';

export { WINDOW_TOKENS } from './window-limits.ts';

/** The part of a position that the repetition penalty reads (docs/spec/sampler.md). */
export interface RepeatedCandidates {
  /** Logarithm of the sum of the position's exponentials, 2^-16 nat, -2^26..2^26 - 1: a candidate's logit is this less its q. */
  readonly logSum: number;
  /** 1 for each candidate of the list that the penalty covers, by rank; then the same of a drawn unlisted token. */
  readonly marks: Uint8Array;
}

/** One position: the candidates, and the drawn one. */
export interface DrawRow extends Candidates {
  /** Index into `ids`, or TAIL_RANK for an unlisted token, which `tailId` and `tailQ` then name. */
  readonly rank: number;
  readonly tailId?: number;
  readonly tailQ?: number;
  /** Present exactly if the header has a repetition penalty. */
  readonly repeated?: RepeatedCandidates;
}

/** Consecutive positions whose passes ran in one shape class (0 if the numeric class has only one). */
export interface ShapeRun {
  readonly length: number;
  readonly shapeClass: number;
}

export interface Draws {
  readonly rows: readonly DrawRow[];
  readonly runs: readonly ShapeRun[];
}

/** Expands runs to the shape class of every position. */
export const expandRuns = (runs: readonly ShapeRun[]): number[] =>
  runs.flatMap(({ length, shapeClass }) => Array<number>(length).fill(shapeClass));

const VERSION = 1;
/** The version of draws under a repetition penalty. */
const REPETITION_VERSION = 2;
const LOG_SUM_BITS = 27;

export function tokenOf(row: DrawRow): number {
  return row.rank === TAIL_RANK ? (row.tailId as number) : (row.ids[row.rank] as number);
}

/** Returns the log-sum of the row if the repetition penalty covers the candidate of this rank; see computeCost. */
export function logSumOf({ repeated }: Pick<DrawRow, 'repeated'>, rank: number): number | undefined {
  return repeated?.marks[rank] === 1 ? repeated.logSum : undefined;
}

/** Returns the bits of a token id: those of the largest id. */
export function idBits(vocabularySize: number): number {
  if (!Number.isInteger(vocabularySize) || vocabularySize < 2 || vocabularySize > MAX_VOCABULARY) {
    throw new ProtocolError('out-of-range', `vocabulary size ${vocabularySize}`);
  }
  return 32 - Math.clz32(vocabularySize - 1);
}

const isLogSum = (value: number): boolean => value >= -MAX_LOG_SUM && value < MAX_LOG_SUM;

const zigzag = (delta: number): number => (delta >= 0 ? delta * 2 : -delta * 2 - 1);
/** @param code below 2^31. */
const unzigzag = (code: number): number => (code >>> 1) ^ -(code & 1);

/**
 * Computes the Rice parameter for the mean of the codes: floor(log2(mean)), at least 0. Encoder and decoder of a window share
 * it.
 */
function riceParameter(rows: readonly DrawRow[]): number {
  let sum = 0;
  let count = 0;
  for (const { q } of rows) {
    for (let i = 1; i < q.length; i++) sum += zigzag((q[i] as number) - (q[i - 1] as number));
    count += q.length - 1;
  }
  return chooseParameter(sum, count);
}

function chooseParameter(sum: number, count: number): number {
  const mean = count === 0 ? 0 : Math.floor(sum / count);
  return mean === 0 ? 0 : Math.min(MAX_PARAMETER, 31 - Math.clz32(mean));
}

let writer: BitWriter | undefined;

/**
 * Encodes the draws of a window: version u8, count u8, run count u8, runs (length u8, class u8), Rice parameter u8. Then come
 * the bits per position: n-1 (6), rank (7), tail (24), n ids, first q (24), n-1 zigzag deltas of q (Rice). A draw from the tail
 * adds its id and q (24). Rows of a repetition penalty make version 2. There each position ends with the log-sum plus 2^26 (27)
 * and a mark (1) of each named token.
 * @throws ProtocolError if a row could not be decoded.
 */
export function encodeDraws(
  { rows, runs }: Draws,
  { vocabularySize }: { readonly vocabularySize: number },
): Uint8Array {
  assertWindowLength(rows.length);
  assertRuns(runs, rows.length);
  const width = idBits(vocabularySize);
  const parameter = riceParameter(rows);
  const isRepetition = rows[0]?.repeated !== undefined;
  const head = createWriter(4 + 2 * runs.length)
    .u8(isRepetition ? REPETITION_VERSION : VERSION)
    .u8(rows.length)
    .u8(runs.length);
  for (const run of runs) head.u8(run.length).u8(run.shapeClass);
  const prefix = head.u8(parameter).finish();
  writer ??= createBitWriter(16384);
  const bits = writer;
  for (const byte of prefix) bits.put(byte, 8);
  for (const row of rows) {
    const { ids, q, tail, rank, repeated } = row;
    const n = ids.length;
    const marks = n + (rank === TAIL_RANK ? 1 : 0);
    if (
      (repeated !== undefined) !== isRepetition ||
      (repeated !== undefined && (repeated.marks.length !== marks || !isLogSum(repeated.logSum))) ||
      n < 1 ||
      n > MAX_LISTED ||
      q.length !== n ||
      !(tail >= 0 && tail < WEIGHT_ONE) ||
      rank < TAIL_RANK ||
      rank >= n
    ) {
      bits.take();
      throw new ProtocolError('out-of-range', 'draw row out of range');
    }
    bits.put(n - 1, 6);
    bits.put(rank === TAIL_RANK ? TAIL_CODE : rank, 7);
    bits.put(tail, 24);
    for (let i = 0; i < n; i++) bits.put(ids[i] as number, width);
    bits.put(q[0] as number, 24);
    for (let i = 1; i < n; i++) bits.putRice(zigzag((q[i] as number) - (q[i - 1] as number)), parameter);
    if (rank === TAIL_RANK) {
      bits.put(row.tailId as number, width);
      bits.put(row.tailQ as number, 24);
    }
    if (repeated !== undefined) {
      bits.put(repeated.logSum + MAX_LOG_SUM, LOG_SUM_BITS);
      for (let i = 0; i < marks; i++) bits.put(repeated.marks[i] as number, 1);
    }
  }
  return bits.take();
}

function assertWindowLength(count: number): void {
  if (!Number.isInteger(count) || count < 1 || count > WINDOW_TOKENS) {
    throw new ProtocolError('out-of-range', `a window holds 1..${WINDOW_TOKENS} positions, not ${count}`);
  }
}

function assertRuns(runs: readonly ShapeRun[], count: number): void {
  let covered = 0;
  let previous = -1;
  for (const { length, shapeClass } of runs) {
    if (length < 1 || shapeClass === previous) throw new ProtocolError('malformed', 'shape runs are not maximal');
    previous = shapeClass;
    covered += length;
  }
  if (covered !== count) throw new ProtocolError('malformed', `shape runs cover ${covered} of ${count} positions`);
}

let decodeQuickly: DecodeRows | undefined;

/**
 * Decodes draws; the inverse of encodeDraws.
 * @throws ProtocolError for bytes that encodeDraws would not have written. Examples: an unknown version, ids beyond the vocabulary,
 * costs out of range, a listed tail token, a foreign Rice parameter, padding.
 */
export function decodeDraws(bytes: Uint8Array, { vocabularySize }: { readonly vocabularySize: number }): Draws {
  const width = idBits(vocabularySize);
  const head = createReader(bytes);
  const version = head.u8();
  if (version !== VERSION && version !== REPETITION_VERSION) {
    throw new ProtocolError('unsupported', 'unknown version of draws');
  }
  const count = head.u8();
  assertWindowLength(count);
  const runs: ShapeRun[] = [];
  for (let left = head.u8(); left > 0; left--) runs.push({ length: head.u8(), shapeClass: head.u8() });
  assertRuns(runs, count);
  const parameter = head.u8();
  if (parameter > MAX_PARAMETER) throw new ProtocolError('out-of-range', `Rice parameter ${parameter}`);
  const layout = { start: bytes.length - head.remaining(), count, width, parameter, vocabularySize };
  decodeQuickly ??= openRowDecoder() ?? (() => undefined);
  const rows = version === VERSION ? decodeQuickly(bytes, layout) : undefined;
  return { rows: rows ?? decodeRows(bytes, layout, version === REPETITION_VERSION), runs };
}

/** Decodes the positions of a window. @throws ProtocolError as decodeDraws. */
export function decodeRows(
  bytes: Uint8Array,
  { start, count, width, parameter, vocabularySize }: WindowLayout,
  isRepetition: boolean,
): DrawRow[] {
  const bits = createBitReader(bytes, start);
  const assertToken = (value: number): void => {
    if (value >= vocabularySize) throw new ProtocolError('out-of-range', `token ${value} is not in the vocabulary`);
  };
  let codeSum = 0;
  let codeCount = 0;
  const rows: DrawRow[] = [];
  const take = createSlices();
  for (let position = 0; position < count; position++) {
    const n = bits.get(6) + 1;
    const code = bits.get(7);
    if (code !== TAIL_CODE && code >= n) throw new ProtocolError('out-of-range', `rank ${code} of ${n}`);
    const tail = bits.get(24);
    const ids = take(n);
    const known = bits.getRun(width, n, ids);
    for (let i = 0; i < n; i++) {
      if (i >= known) ids[i] = bits.get(width);
      assertToken(ids[i] as number);
    }
    assertDistinct(ids);
    const q = take(n);
    let value = bits.get(24);
    q[0] = value;
    const decoded = bits.getRiceRun(parameter, n - 1, codes);
    for (let i = 1; i < n; i++) {
      const delta = i <= decoded ? (codes[i - 1] as number) : bits.getRice(parameter);
      value += unzigzag(delta);
      if (value < 0 || value > MAX_COST) throw new ProtocolError('out-of-range', 'log-probability out of range');
      q[i] = value;
      codeSum += delta;
    }
    codeCount += n - 1;
    let row: DrawRow;
    if (code !== TAIL_CODE) {
      row = { ids, q, tail, rank: code };
    } else {
      const tailId = bits.get(width);
      assertToken(tailId);
      if (ids.includes(tailId)) throw new ProtocolError('malformed', 'tail token is among the listed');
      row = { ids, q, tail, rank: TAIL_RANK, tailId, tailQ: bits.get(24) };
    }
    rows.push(!isRepetition ? row : { ...row, repeated: readRepeated(bits, code === TAIL_CODE ? n + 1 : n) });
  }
  bits.end();
  if (chooseParameter(codeSum, codeCount) !== parameter)
    throw new ProtocolError('malformed', 'non-canonical Rice parameter');
  return rows;
}

function readRepeated(bits: BitReader, count: number): RepeatedCandidates {
  const logSum = bits.get(LOG_SUM_BITS) - MAX_LOG_SUM;
  const marks = new Uint8Array(count);
  for (let i = 0; i < count; i++) marks[i] = bits.get(1);
  return { logSum, marks };
}

const codes = new Uint32Array(MAX_LISTED);

const SLICED_VALUES = 16 * MAX_LISTED;

/** Creates zeroed arrays in one buffer. JavaScript engines allocate separate arrays many times slower. */
function createSlices(): (length: number) => Uint32Array<ArrayBuffer> {
  let shared = new Uint32Array(SLICED_VALUES);
  let used = 0;
  return (length) => {
    if (used + length > SLICED_VALUES) {
      shared = new Uint32Array(SLICED_VALUES);
      used = 0;
    }
    used += length;
    return shared.subarray(used - length, used);
  };
}

/**
 * Encodes sketches: version u8, count u8, then per position the exponent i8 and `directions` values of 12 bits, two's
 * complement.
 */
export function encodeSketch(rows: readonly SketchRow[]): Uint8Array {
  assertWindowLength(rows.length);
  const bits = createBitWriter(2 + rows.length * (1 + ((rows[0] as SketchRow).values.length * SKETCH_BITS) / 8));
  bits.put(VERSION, 8);
  bits.put(rows.length, 8);
  for (const { exponent, values } of rows) {
    bits.put(exponent & 0xff, 8);
    for (const value of values) bits.put(value & 0xfff, SKETCH_BITS);
  }
  return bits.take();
}

/** @throws ProtocolError for bytes that encodeSketch over a quantised row would not have written. */
export function decodeSketch(bytes: Uint8Array, { directions }: { readonly directions: number }): SketchRow[] {
  const rows: SketchRow[] = [];
  readSketch(bytes, () => {
    const row = createSketchRow(directions);
    rows.push(row);
    return row;
  });
  return rows;
}

/** Counts the positions without decoding values. @throws ProtocolError as decodeSketch. */
export function countSketched(bytes: Uint8Array, { directions }: { readonly directions: number }): number {
  const row = createSketchRow(directions);
  return readSketch(bytes, () => row);
}

const sketchCodes = new Uint32Array(MAX_DIRECTIONS);

/** Reads a sketch. @param nextRow returns the row that the next position is written to. */
function readSketch(bytes: Uint8Array, nextRow: () => SketchRow): number {
  const bits = createBitReader(bytes);
  if (bits.get(8) !== VERSION) throw new ProtocolError('unsupported', 'unknown version of sketch');
  const count = bits.get(8);
  assertWindowLength(count);
  for (let position = 0; position < count; position++) {
    const row = nextRow();
    const { values } = row;
    row.exponent = (bits.get(8) << 24) >> 24;
    if (row.exponent < MIN_EXPONENT || row.exponent > MAX_EXPONENT) {
      throw new ProtocolError('out-of-range', `sketch exponent ${row.exponent}`);
    }
    const known = bits.getRun(SKETCH_BITS, values.length, sketchCodes);
    for (let j = 0; j < values.length; j++) {
      const value = ((j < known ? (sketchCodes[j] as number) : bits.get(SKETCH_BITS)) << 20) >> 20;
      if (value === -2048) throw new ProtocolError('out-of-range', 'sketch value out of range');
      values[j] = value;
    }
  }
  bits.end();
  return count;
}

/** Collects positions from an engine and returns a window whenever one is full. */
export interface WindowEncoder {
  /** @param hidden f32[embeddingSize] from `offset`; it is read at once and may be reused afterwards. */
  push(row: DrawRow, hidden: Float32Array, offset?: number, shapeClass?: number): WindowBytes | undefined;
  /** Returns the last, shorter window, if there is one. */
  flush(): WindowBytes | undefined;
}

export function createWindowEncoder(options: {
  readonly vocabularySize: number;
  readonly bank: SketchBank;
}): WindowEncoder {
  const { vocabularySize, bank } = options;
  let rows: DrawRow[] = [];
  let runs: ShapeRun[] = [];
  const sketch = Array.from({ length: WINDOW_TOKENS }, () => createSketchRow(bank.directions));
  const flush = (): WindowBytes | undefined => {
    if (rows.length === 0) return undefined;
    const window = {
      draws: encodeDraws({ rows, runs }, { vocabularySize }),
      sketch: encodeSketch(sketch.slice(0, rows.length)),
    };
    rows = [];
    runs = [];
    return window;
  };
  return {
    push(row, hidden, offset = 0, shapeClass = 0) {
      projectHidden(bank, hidden, offset, sketch[rows.length] as SketchRow);
      rows.push(row);
      const last = runs.at(-1);
      if (last?.shapeClass === shapeClass) runs[runs.length - 1] = { length: last.length + 1, shapeClass };
      else runs.push({ length: 1, shapeClass });
      return rows.length === WINDOW_TOKENS ? flush() : undefined;
    },
    flush,
  };
}
