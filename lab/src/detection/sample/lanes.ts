import type { Experiment } from '../plan/experiments.ts';
import { sourceId, trainsStudent } from './collect.ts';

/** Experiments at a time: each keeps about one core busy. */
const LANES = 2;

/**
 * Where time is limited, a third of every experiment before all of it: what is left out when the time is up are replies then,
 * and not experiments. More replies of one are the same ones and others behind them.
 */
export function listPasses(experiments: readonly Experiment[], isLimited: boolean): readonly (readonly Experiment[])[] {
  if (!isLimited) return [experiments];
  return [experiments.map((each) => ({ ...each, replies: Math.ceil(each.replies / 3) })), experiments];
}

/**
 * Each to its end, in their order but for what two at a time would do twice: serve one source, or wait for the student that
 * the other one trains.
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
  // Each to its end, whatever the other one met: they share engines and the store.
  const ends = await Promise.allSettled(Array.from({ length: LANES }, lane));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  // What the last one of the other lane kept busy.
  for (const { experiment, index } of queue) await run(experiment, index);
}
