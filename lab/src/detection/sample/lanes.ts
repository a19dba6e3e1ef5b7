import type { Experiment } from '../plan/experiments.ts';
import { sourceId, trainsStudent } from './collect.ts';

/** Experiments at a time: each keeps about one core busy. */
const LANES = 2;

/**
 * If time is limited, the first pass takes a third of every experiment, so that running out of time costs replies and not whole
 * experiments. A longer pass of an experiment repeats the same replies and adds further ones.
 */
export function listPasses(experiments: readonly Experiment[], isLimited: boolean): readonly (readonly Experiment[])[] {
  if (!isLimited) return [experiments];
  return [experiments.map((each) => ({ ...each, replies: Math.ceil(each.replies / 3) })), experiments];
}

/**
 * Runs experiments in order, two at a time. It postpones one that has the source of the running one, or waits for the same
 * student to be trained.
 */
export async function inLanes(
  experiments: readonly Experiment[],
  run: (experiment: Experiment, index: number) => Promise<void>,
): Promise<void> {
  const queue = experiments.map((experiment, index) => ({ experiment, index }));
  const busy = new Set<string>();
  const listUses = (experiment: Experiment): string[] => [
    sourceId(experiment, 0),
    ...(trainsStudent(experiment) ? ['student'] : []),
  ];
  const lane = async (): Promise<void> => {
    for (;;) {
      const at = queue.findIndex(({ experiment }) => listUses(experiment).every((use) => !busy.has(use)));
      if (at < 0) return;
      const [{ experiment, index }] = queue.splice(at, 1) as [(typeof queue)[number]];
      const uses = listUses(experiment);
      for (const use of uses) busy.add(use);
      try {
        await run(experiment, index);
      } finally {
        for (const use of uses) busy.delete(use);
      }
    }
  };
  // Wait for both lanes even if one fails, because they share engines and the store.
  const ends = await Promise.allSettled(Array.from({ length: LANES }, lane));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  // Run what is left because the other lane's last experiment blocked it.
  for (const { experiment, index } of queue) await run(experiment, index);
}
