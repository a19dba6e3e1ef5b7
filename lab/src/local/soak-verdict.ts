import { median } from '../bench/row.ts';

export interface MemorySample {
  /** What JavaScript holds in the server right after a collection: objects, and the buffers behind them. */
  readonly liveMib: number;
  /** What the system has given to the server and its engines: native code, caches, and pages that nobody gave back. */
  readonly residentMib: number;
}

/** What a soak saw. */
export interface SoakRecord {
  /** At even times. */
  readonly memory: readonly MemorySample[];
  readonly turns: number;
  readonly problems: readonly string[];
  /** Of the answers that were asked for at once at the end. */
  readonly answered: number;
  readonly slots: number;
}

const FEWEST_SAMPLES = 8;

/**
 * What JavaScript may hold more at the end than in the middle. The receipts that local mode keeps fill up in the first half; from
 * then on each turn gives back what it took, so that a leak of 100 bytes a turn is seen after 40,000 turns.
 */
const LIVE_SLACK_MIB = 4;

/**
 * What the system may have given more. An allocator hands pages out in steps and seldom gives them back, so that the resident memory
 * of a program that leaks nothing still rises for a while.
 */
const RESIDENT_SLACK_MIB = 32;

/** Why a soak failed; empty where it did not. The first half of the samples is warming up. */
export function judgeSoak({ memory, turns, problems, answered, slots }: SoakRecord): string[] {
  const steady = memory.slice(Math.floor(memory.length / 2));
  const grown = (name: keyof MemorySample): number => computeSlope(steady.map((each) => each[name])) * steady.length;
  const [live, resident] = [grown('liveMib'), grown('residentMib')];
  const describe = (what: string, mib: number): string => `${what} grew by ${mib.toFixed(1)} MiB in the second half`;
  return [
    ...(memory.length < FEWEST_SAMPLES ? [`fewer than ${FEWEST_SAMPLES} samples of memory were taken`] : []),
    ...(live > LIVE_SLACK_MIB ? [describe('what JavaScript holds', live)] : []),
    ...(resident > RESIDENT_SLACK_MIB ? [describe('resident memory', resident)] : []),
    ...(answered < slots ? [`${slots - answered} of ${slots} slots are lost`] : []),
    ...(turns === 0 ? ['nothing was asked'] : []),
    ...(problems.length > 0 ? [`${problems.length} of ${turns} turns went wrong, the first: ${problems[0]}`] : []),
  ];
}

/** The median of the slopes between all pairs (Theil and Sen): a single high or low sample does not bend it. */
function computeSlope(values: readonly number[]): number {
  const slopes = values.flatMap((value, i) => values.slice(i + 1).map((later, j) => (later - value) / (j + 1)));
  return slopes.length === 0 ? 0 : median(slopes);
}
