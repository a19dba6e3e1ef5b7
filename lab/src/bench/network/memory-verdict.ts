import { median } from '../row.ts';

export interface MemorySample {
  /** What JavaScript holds in a server right after a collection: objects, and the buffers behind them. */
  readonly liveMib: number;
  /** What the system has given to the server and its children: native code, caches, and pages that nobody gave back. */
  readonly residentMib: number;
}

const FEWEST_SAMPLES = 8;

/**
 * What JavaScript may hold more at the end than in the middle. What a server keeps on purpose fills up in the first half; from then on
 * each turn gives back what it took, so that a leak of 100 bytes a turn is seen after 40,000 turns.
 */
export const LIVE_SLACK_MIB = 4;

/**
 * What the system may have given more. An allocator hands pages out in steps and seldom gives them back, so that the resident memory
 * of a program that leaks nothing still rises for a while.
 */
export const RESIDENT_SLACK_MIB = 32;

/** @returns why memory is not flat; empty where it is. The first half of the samples is warming up. */
export function judgeMemory(memory: readonly MemorySample[]): string[] {
  const [live, resident] = [computeGrowth(memory, 'liveMib'), computeGrowth(memory, 'residentMib')];
  const describe = (what: string, mib: number): string => `${what} grew by ${mib.toFixed(1)} MiB in the second half`;
  return [
    ...(memory.length < FEWEST_SAMPLES ? [`fewer than ${FEWEST_SAMPLES} samples of memory were taken`] : []),
    ...(live > LIVE_SLACK_MIB ? [describe('what JavaScript holds', live)] : []),
    ...(resident > RESIDENT_SLACK_MIB ? [describe('resident memory', resident)] : []),
  ];
}

/** @returns MiB that the second half of the samples added. */
export function computeGrowth(memory: readonly MemorySample[], what: keyof MemorySample): number {
  const steady = memory.slice(Math.floor(memory.length / 2));
  return computeSlope(steady.map((each) => each[what])) * steady.length;
}

/** The median of the slopes between all pairs (Theil and Sen): a single high or low sample does not bend it. */
function computeSlope(values: readonly number[]): number {
  const slopes = values.flatMap((value, i) => values.slice(i + 1).map((later, j) => (later - value) / (j + 1)));
  return slopes.length === 0 ? 0 : median(slopes);
}
