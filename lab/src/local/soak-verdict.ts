import { judgeMemory, type MemorySample } from '../bench/network/memory-verdict.ts';

/** Measurements of a soak. */
export interface SoakRecord {
  /** At even times. */
  readonly memory: readonly MemorySample[];
  readonly turns: number;
  readonly problems: readonly string[];
  /** Of the answers that were asked for at once at the end. */
  readonly answered: number;
  readonly slots: number;
}

/** Why a soak failed; empty where it did not. */
export function judgeSoak({ memory, turns, problems, answered, slots }: SoakRecord): string[] {
  return [
    ...judgeMemory(memory),
    ...(answered < slots ? [`${slots - answered} of ${slots} slots are lost`] : []),
    ...(turns === 0 ? ['nothing was asked'] : []),
    ...(problems.length > 0 ? [`${problems.length} of ${turns} turns went wrong, the first: ${problems[0]}`] : []),
  ];
}
