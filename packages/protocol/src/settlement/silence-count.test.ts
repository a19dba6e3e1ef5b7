import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/verdict-log.json' with { type: 'json' };
import {
  addSilence,
  countCharged,
  FREE_HALF_HOURS,
  HALF_HOUR_MS,
  lowerStake,
  NEVER_SILENT,
  type SilenceState,
  toHalfHour,
} from './silence-count.ts';

const DAY = 48;
const START = 1_000_000;

/** Returns the charged half hours of silences in this order. */
function charge(halfHours: readonly number[]): { readonly state: SilenceState; readonly charged: readonly number[] } {
  let state = NEVER_SILENT;
  const charged = halfHours.filter((halfHour) => {
    const next = addSilence(state, halfHour);
    state = next.state;
    return next.isCharged;
  });
  return { state, charged };
}

describe('silence of a verifier', () => {
  it('costs from the fifth half hour of a day on, each half hour once, in any order', () => {
    const hours = [0, 0, 6, 2, 4, 4, 5, 5, 9].map((i) => START + i);
    expect(charge(hours).charged).toEqual([START + 5, START + 9]);
    expect(charge([...hours].reverse()).charged).toHaveLength(2);
  });

  it('is forgotten after a day, and late silences do not count', () => {
    const early = [0, 1, 2, 3].map((i) => START + i);
    expect(charge([...early, START + 47]).charged).toEqual([START + 47]);
    expect(charge([...early, START + 48]).charged).toEqual([]);
    expect(charge([START + DAY, START]).state.bits).toBe(1);
    expect(charge([START, START + 10 ** 6]).state).toEqual({ newest: START + 10 ** 6, bits: 1 });
  });

  it('holds a whole day exactly', () => {
    const { state, charged } = charge(Array.from({ length: DAY }, (_, i) => START + i));
    expect(charged).toHaveLength(DAY - FREE_HALF_HOURS);
    expect(state.bits).toBe(2 ** DAY - 1);
  });

  it('costs nothing for two outages of ten minutes in a day, at any time and with any number of jobs', () => {
    const MINUTE_MS = 60_000;
    // The last job of an outage comes at its end, and witnesses take four minutes for it.
    const listTimes = (fromMs: number) => Array.from({ length: 15 }, (_, i) => fromMs + i * MINUTE_MS);
    for (let minute = 0; minute < 30; minute++) {
      const first = START * HALF_HOUR_MS + minute * MINUTE_MS;
      const times = [first, first + 8 * HALF_HOUR_MS + 7 * MINUTE_MS].flatMap(listTimes);
      expect(charge(times.map(toHalfHour)).charged, `minute ${minute}`).toEqual([]);
    }
  });

  it('lowers the weight of a stake by all logs together, for a day', () => {
    const [one, other] = [
      [0, 1, 2],
      [1, 2, 3, 5, 6],
    ].map((hours) => charge(hours.map((i) => START + i)).state);
    const states = [one, other] as SilenceState[];
    const at = (hours: number): number => countCharged(states, (START + hours) * HALF_HOUR_MS);
    expect([at(6), at(47), at(48), at(53), at(54)]).toEqual([2, 2, 1, 0, 0]);
    expect(countCharged([one as SilenceState], START * HALF_HOUR_MS)).toBe(0);
    expect([0, 1, 2, 44].map((charged) => lowerStake(1_000n, charged))).toEqual([1_000n, 500n, 250n, 0n]);
  });

  it('matches the vectors', () => {
    let state = NEVER_SILENT;
    for (const { halfHour, isCharged, bits } of vectors.silences) {
      const next = addSilence(state, halfHour);
      expect([next.isCharged, next.state.bits.toString(16)]).toEqual([isCharged, bits]);
      state = next.state;
    }
    expect(vectors.silences.some(({ isCharged }) => isCharged)).toBe(true);
  });
});
