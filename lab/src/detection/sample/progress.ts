import type { CollectProgress } from '@ogong/node/calibration/collect';
import type { Experiment } from '../plan/experiments.ts';

const EVERY_MS = 10_000;

/** A line on standard error whenever some time went by, or an experiment is done. */
export function createProgressLine(total: number, nowMs: () => number = () => performance.now()) {
  const last = new Map<number, number>();
  return ({ weights, source, provider, verifier }: Experiment, index: number, progress: CollectProgress): void => {
    const now = nowMs();
    const isDone = progress.done === progress.total;
    if (!isDone && now - (last.get(index) ?? 0) < EVERY_MS) return;
    last.set(index, now);
    const what = progress.verifier === undefined ? 'served' : `scored by ${verifier}`;
    process.stderr.write(
      `[${index + 1}/${total}] ${weights} ${source} on ${provider}: ${progress.done} of ${progress.total} ${what}\n`,
    );
  };
}
