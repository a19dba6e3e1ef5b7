import { advancePayeeTest, INITIAL_PAYEE_TEST } from '@ogong/protocol/audit/payee-test';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import type { EjectionRow } from '../results.ts';
import { shareOf, toShare } from '../share.ts';
import { type Detector, type RankedReply, selectLength } from './detector.ts';
import type { JudgedReply } from './load.ts';

export interface EjectionOptions {
  readonly lifetimes: number;
  /** Audited replies of one provider. */
  readonly replies: number;
  readonly beta: number;
  readonly seed: number;
}

/**
 * Simulates lives of honest providers by drawing whole measured replies, which keeps the correlation of their tokens.
 * @param tables honest replies by the table that ranked them; no reply is among its own ranks. One table ranks a provider for
 * life. The lives are divided among the tables.
 */
export function measureEjection(
  test: string,
  tables: readonly (readonly RankedReply[])[],
  options: EjectionOptions,
): EjectionRow {
  const { lifetimes, replies, beta, seed } = options;
  const byTable = tables.filter((judged) => judged.length > 0).map((judged) => judged.map(({ eValue }) => eValue));
  const random = createSeededRandom(seed);
  let ejected = 0;
  for (let life = 0; life < lifetimes; life++) {
    const lived = byTable[life % byTable.length] as number[];
    let state = INITIAL_PAYEE_TEST;
    for (let i = 0; i < replies && !state.ejected; i++) {
      const eValue = lived[Math.floor(random() * lived.length)] as number;
      state = advancePayeeTest(state, { eValue, isReject: false }, beta);
    }
    if (state.ejected) ejected++;
  }
  return { test, lifetimes, replies: lifetimes * replies, beta, ejected: toShare(ejected, lifetimes) };
}

/** Names the rows about replies of a real run, in order. */
export const AS_SERVED = 'as served';

/**
 * Takes the honest replies of a real run as one life, in the order of their requests, without redrawing. It uses replies that
 * nothing was fitted to.
 * @param tables one life for each table.
 */
export function measureServed(test: string, tables: readonly (readonly RankedReply[])[], beta: number): EjectionRow {
  const lives = tables.filter((judged) => judged.length > 0);
  const ends = lives.map((judged) =>
    judged.reduce(
      (state, { eValue }) => advancePayeeTest(state, { eValue, isReject: false }, beta),
      INITIAL_PAYEE_TEST,
    ),
  );
  const replies = lives.reduce((sum, judged) => sum + judged.length, 0);
  const ejected = shareOf(ends, (end) => end.ejected);
  return { test: `${test}, ${AS_SERVED}`, lifetimes: lives.length, replies, beta, ejected };
}

/**
 * A control: the test that treats every window as independent. Its likelihood ratio compares "half a standard deviation
 * farther" with honest drift, Gaussian in the log distance, multiplied over windows (a plain sequential test, whitepaper 4.3).
 * Kept as a warning.
 * @param windows ln of the sketch distance of each window, one list for each reply.
 */
export function measureNaiveEjection(windows: readonly Float64Array[], options: EjectionOptions): EjectionRow {
  const { lifetimes, replies, beta, seed } = options;
  const random = createSeededRandom(seed);
  const all = windows.flatMap((reply) => [...reply]);
  const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
  const variance = all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length;
  const shift = Math.sqrt(variance) / 2;
  const logRatios = windows.map((reply) =>
    [...reply].reduce((sum, value) => sum + (shift * (value - mean - shift / 2)) / variance, 0),
  );
  let ejected = 0;
  for (let life = 0; life < lifetimes; life++) {
    let log = 0;
    for (let i = 0; i < replies; i++) {
      log += logRatios[Math.floor(random() * logRatios.length)] as number;
      if (log >= Math.log(1 / beta)) {
        ejected++;
        break;
      }
    }
  }
  const test = 'per window, as if independent';
  return { test, lifetimes, replies: lifetimes * replies, beta, ejected: toShare(ejected, lifetimes) };
}

/** Honest replies to griefing prompts: how many are rejected at the rate for usual prompts. */
export const measureGriefing = (judged: readonly RankedReply[]): EjectionRow =>
  toRejections('honest replies to messages searched for drift', judged);

const RATE = 0.01;

/** Temperatures from which text falls apart. A consumer that wants honest providers rejected would pick these. */
const HOT = 1.3;

export const isHot = ({ temperature }: JudgedReply): boolean => temperature >= HOT;

/** The same for honest replies by sampler settings, because the consumer picks those. */
export function measureSettings(
  replies: readonly JudgedReply[],
  detector: Pick<Detector, 'judgeHonest'>,
): EjectionRow[] {
  const any = 'honest replies of any sampler settings';
  const judged = ([what, some]: readonly [string, readonly JudgedReply[]]): EjectionRow[] => {
    const list = detector.judgeHonest(some).flat();
    return list.length === 0 ? [] : [toRejections(what, list)];
  };
  return [
    ...judged([any, replies]),
    ...judged([`honest replies at a temperature of ${HOT} to 2`, replies.filter(isHot)]),
    toFixed(any, replies),
  ];
}

/**
 * Measures honest replies past the range of the rows. It counts the rejections by the table, which does not decide there, and by the
 * fixed limits, which do.
 */
export function measureBeyond(
  replies: readonly JudgedReply[],
  detector: Pick<Detector, 'judgeBeyond' | 'covers'>,
): EjectionRow[] {
  const beyond = replies.filter(({ scored }) => scored !== undefined && !detector.covers(scored.whole));
  const judged = selectLength(beyond, 'whole').flatMap((sample) => detector.judgeBeyond(sample) ?? []);
  const what = 'honest replies past what rows were measured on';
  return [toRejections(`${what}, if rows decided`, judged), toFixed(what, beyond)];
}

/** Allowed rate of false rejects by checks without statistics. It comes on top of the operator's rate. */
const PLAIN_RATE = 1e-3;

/** Honest replies that fail a check without statistics. Such a check rejects whatever the statistics say. */
export function measurePlain(replies: readonly JudgedReply[]): EjectionRow {
  const scored = replies.filter((reply) => reply.scored !== undefined);
  const ejected = shareOf(scored, ({ plain }) => plain !== undefined);
  const test = 'honest replies, rejected by a check without statistics';
  return { test, lifetimes: scored.length, replies: scored.length, beta: PLAIN_RATE, ejected };
}

/** A row for fixed limits, which decide if no row of a table does. */
function toFixed(what: string, replies: readonly JudgedReply[]): EjectionRow {
  const scored = replies.filter((reply) => reply.scored !== undefined);
  const ejected = shareOf(scored, (reply) => reply.scored?.fallback === 'reject');
  const test = `${what}, rejected by fixed limits`;
  return { test, lifetimes: scored.length, replies: scored.length, beta: RATE, ejected };
}

function toRejections(what: string, judged: readonly RankedReply[]): EjectionRow {
  const ejected = shareOf(judged, ({ pValue }) => pValue <= RATE);
  return { test: `${what}, rejected at 1e-2`, lifetimes: judged.length, replies: judged.length, beta: RATE, ejected };
}
