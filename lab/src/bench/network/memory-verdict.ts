import { median } from '../row.ts';

export interface MemorySample {
  /** Memory that JavaScript holds in a server right after a collection: objects and their buffers. */
  readonly liveMib: number;
  /** Resident memory of the server and its children: native code, caches, and pages that no allocator returned. */
  readonly residentMib: number;
}

const FEWEST_SAMPLES = 8;

/**
 * Growth of the JavaScript memory that is allowed between the middle and the end. Caches of a server fill up in the first half. After
 * that each turn frees its memory, so 40,000 turns show a leak of 100 bytes a turn.
 */
export const LIVE_SLACK_MIB = 4;

/**
 * Growth of the resident memory that is allowed. An allocator takes pages in steps and seldom returns them. So the memory of a program
 * without leaks still grows for a while.
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
