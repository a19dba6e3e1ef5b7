import { median } from '../bench/row.ts';

/** What a soak saw. */
export interface SoakRecord {
  /** Resident memory of the program and its children, MiB, at even times. */
  readonly memoryMib: readonly number[];
  readonly turns: number;
  readonly problems: readonly string[];
  /** Of the answers that were asked for at once at the end. */
  readonly answered: number;
  readonly slots: number;
}

/** What a heap may wander by. */
const SLACK_MIB = 16;
const SLACK_SHARE = 0.05;

/** Why a soak failed; empty where it did not. The first third of the samples is warming up. */
export function judgeSoak({ memoryMib, turns, problems, answered, slots }: SoakRecord): string[] {
  const third = Math.floor(memoryMib.length / 3);
  const before = median(memoryMib.slice(third, 2 * third));
  const after = median(memoryMib.slice(2 * third));
  const allowed = Math.max(SLACK_MIB, SLACK_SHARE * before);
  return [
    ...(third === 0 ? ['fewer than three samples of memory were taken'] : []),
    ...(after - before > allowed ? [`memory grew from ${before.toFixed(0)} to ${after.toFixed(0)} MiB`] : []),
    ...(answered < slots ? [`${slots - answered} of ${slots} slots are lost`] : []),
    ...(turns === 0 ? ['nothing was asked'] : []),
    ...(problems.length > 0 ? [`${problems.length} of ${turns} turns went wrong, the first: ${problems[0]}`] : []),
  ];
}
