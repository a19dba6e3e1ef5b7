import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { VerifierRow } from '../verifiers/measure.ts';
import { SETTINGS, type Setting } from '../verifiers/settings.ts';
import type { VerifierStrategyRow } from './results.ts';
import { toShare } from './share.ts';

export interface VerifierLives {
  readonly seed: number;
  readonly replies: number;
  readonly runs: number;
}

/** What a thread is told: every `lanes`th life from `lane` on. */
export interface Lane extends VerifierLives {
  readonly lane: number;
  readonly lanes: number;
}

/** What it answers, as often as it has lived one to its end. */
export interface Lived {
  readonly place: number;
  readonly row: VerifierRow;
}

/** Every strategy of every setting by itself: one life each. */
export const listLives = (settings: readonly Setting[]): readonly Setting[] =>
  settings.flatMap((setting) => setting.strategies.map((strategy) => ({ ...setting, strategies: [strategy] })));

const NONE = { value: 0, low: 0, high: 1, of: 0 };
const toMeasured = ({ count, of }: { readonly count: number; readonly of: number }) =>
  of === 0 ? NONE : toShare(count, of);

/**
 * How long every strategy of a verifier lives, and what it does until then. On threads, a core each: it takes as long as
 * judging all samples, and hangs on none of them. The same numbers as one after the other.
 */
export async function measureVerifierRows(
  lives: VerifierLives,
  hooks: LivesHooks,
  lanes = availableParallelism(),
): Promise<readonly VerifierStrategyRow[]> {
  const parts = Array.from({ length: lanes }, (_, lane) => runLane({ ...lives, lane, lanes }, hooks));
  const lived = (await Promise.all(parts)).flat().sort((a, b) => a.place - b.place);
  if (lived.length !== listLives(SETTINGS).length) throw new Error(`${lived.length} lives came back`);
  return lived.map(({ row }) => {
    const { setting, strategy, what, runs, excluded, jobs, honestRejected, cheatsPaid, ...honest } = row;
    return {
      ...{ setting, strategy, what, jobs },
      honestLost: honest.honestProvidersEjected + honest.honestVerifiersExcluded,
      excluded: toShare(excluded, runs),
      honestRejected: toMeasured(honestRejected),
      cheatsPaid: toMeasured(cheatsPaid),
    };
  });
}

interface LivesHooks {
  readonly onProgress: (text: string) => void;
  /** Ends the threads. */
  readonly signal: AbortSignal;
}

/** @throws what the thread threw. */
function runLane(lane: Lane, { onProgress, signal }: LivesHooks): Promise<Lived[]> {
  return new Promise((resolve, reject) => {
    const lived: Lived[] = [];
    const worker = new Worker(new URL('./verifier-rows.worker.ts', import.meta.url), { workerData: lane });
    worker.on('message', (life: Lived) => {
      lived.push(life);
      const { setting, strategy, excluded, runs, jobs } = life.row;
      onProgress(`${setting}, ${strategy}: ${excluded} of ${runs} excluded after ${jobs.mean.toFixed(1)} jobs`);
    });
    const stop = (): void => void worker.terminate();
    signal.addEventListener('abort', stop, { once: true });
    worker.once('error', reject);
    worker.once('exit', () => {
      signal.removeEventListener('abort', stop);
      resolve(lived);
    });
  });
}
