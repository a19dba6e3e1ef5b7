import type { CollectProgress } from '@ogong/provider/calibration/collect';
import type { Experiment } from '../plan/experiments.ts';

const EVERY_MS = 10_000;

export interface ProgressOptions {
  readonly nowMs?: () => number;
  readonly write?: (line: string) => void;
}

/**
 * Prints every ten seconds how much of all experiments is done, and about how long the rest takes.
 * @param total number of experiments in this pass.
 */
export function createProgressLine(
  total: number,
  { nowMs = () => performance.now(), write = (line) => void process.stderr.write(`${line}\n`) }: ProgressOptions = {},
) {
  const startedMs = nowMs();
  const finished = new Set<number>();
  let lastMs = startedMs;
  return {
    report(
      { weights, source, provider, verifier }: Experiment,
      { done, total: replies, verifier: by }: CollectProgress,
    ) {
      const now = nowMs();
      if (now - lastMs < EVERY_MS) return;
      lastMs = now;
      const share = finished.size / total;
      const left =
        finished.size === 0 ? '' : `, about ${formatMinutes(((now - startedMs) * (1 - share)) / share)} left`;
      const what = by === undefined ? `served by ${provider}` : `checked by ${verifier}`;
      write(
        `${Math.floor(100 * share)} %: ${finished.size} of ${total} experiments done${left}; now ${source} sold as ${weights}, ${done} of ${replies} ${what}`,
      );
    },
    finish: (index: number): void => void finished.add(index),
  };
}

const formatMinutes = (ms: number): string => (ms < 60_000 ? 'a minute' : `${Math.ceil(ms / 60_000)} minutes`);
