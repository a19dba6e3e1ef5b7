import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { VerifierRow } from '../../verifiers/measure.ts';
import { SETTINGS, type Setting } from '../../verifiers/settings.ts';
import type { TellRow } from '../../verifiers/tell-apart.ts';
import { listTraffic, type Span, type Traffic } from '../../verifiers/traffic.ts';
import type { AuditTellRow, DetectionResults, VerifierStrategyRow } from '../results.ts';
import { toShare } from '../share.ts';

export interface VerifierMeasureOptions extends Span {
  readonly seed: number;
  /** Audited replies of a life. */
  readonly replies: number;
  /** Lives of a strategy. */
  readonly runs: number;
}

type Task =
  /** One strategy of one setting. */
  { readonly kind: 'live'; readonly setting: Setting } | { readonly kind: 'tell'; readonly traffic: Traffic };

/** The tasks of one thread: every `lanes`th task from `lane` on. */
export interface Lane extends VerifierMeasureOptions {
  readonly lane: number;
  readonly lanes: number;
}

/** The worker's answer to a task. */
export interface VerifierRows {
  readonly place: number;
  readonly lived: readonly VerifierRow[];
  readonly told: readonly TellRow[];
}

export const listTasks = (span: Span): readonly Task[] => [
  ...SETTINGS.flatMap((setting) =>
    setting.strategies.map((strategy): Task => ({ kind: 'live', setting: { ...setting, strategies: [strategy] } })),
  ),
  ...listTraffic(span).map((traffic): Task => ({ kind: 'tell', traffic })),
];

interface Hooks {
  readonly onProgress: (text: string) => void;
  /** Ends the threads. */
  readonly signal: AbortSignal;
}

/**
 * Measures how long each verifier strategy survives, what it does until then, and who can tell an audit. It runs in threads,
 * because it takes as long as the ranks of all samples and does not depend on them. Threads do not change the numbers.
 */
export async function measureVerifierRows(
  options: VerifierMeasureOptions,
  hooks: Hooks,
  lanes = availableParallelism(),
): Promise<Pick<DetectionResults, 'verifiers' | 'auditTells'>> {
  const tasks = listTasks(options);
  const parts = Array.from({ length: lanes }, (_, lane) => runLane({ ...options, lane, lanes }, hooks));
  const done = (await Promise.all(parts)).flat().sort((a, b) => a.place - b.place);
  if (done.length !== tasks.length) {
    throw new Error(`${done.length} of ${tasks.length} measurements of verifiers came back`);
  }
  return {
    verifiers: done.flatMap(({ lived }) => lived.map(toStrategyRow)),
    auditTells: done.flatMap(({ told, place }) => {
      const task = tasks[place];
      return task?.kind === 'tell' ? toTellRows(told, task.traffic) : [];
    }),
  };
}

const NONE = { value: 0, low: 0, high: 1, of: 0 };
const toMeasured = ({ count, of }: { readonly count: number; readonly of: number }) =>
  of === 0 ? NONE : toShare(count, of);

function toStrategyRow(row: VerifierRow): VerifierStrategyRow {
  const { setting, strategy, what, runs, excluded, jobs, honestRejected, cheatsPaid, ...honest } = row;
  return {
    ...{ setting, strategy, what, jobs },
    honestLost: honest.honestProvidersEjected + honest.honestVerifiersExcluded,
    excluded: toShare(excluded, runs),
    honestRejected: toMeasured(honestRejected),
    cheatsPaid: toMeasured(cheatsPaid),
  };
}

/** Leaves out views that have examples of one kind only. */
export function toTellRows(told: readonly TellRow[], { alphaPpm }: Pick<Traffic, 'alphaPpm'>): readonly AuditTellRow[] {
  const full = told.filter(({ positives, negatives }) => positives > 0 && negatives > 0);
  return full.map(({ repeated: _, ...row }) => ({ audited: alphaPpm / 1e6, ...row }));
}

/** @throws the error of the thread. */
function runLane(lane: Lane, { onProgress, signal }: Hooks): Promise<VerifierRows[]> {
  return new Promise((resolve, reject) => {
    const all: VerifierRows[] = [];
    const worker = new Worker(new URL('./verifiers.worker.ts', import.meta.url), { workerData: lane });
    worker.on('message', (done: VerifierRows) => {
      all.push(done);
      for (const { setting, strategy, excluded, runs, jobs } of done.lived) {
        onProgress(`${setting}, ${strategy}: ${excluded} of ${runs} excluded after ${jobs.mean.toFixed(1)} jobs`);
      }
      for (const { question, view, auc } of done.told) onProgress(`${question}, ${view}: AUC ${auc.mean.toFixed(2)}`);
    });
    const stop = (): void => void worker.terminate();
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    worker.once('error', reject);
    worker.once('exit', () => {
      signal.removeEventListener('abort', stop);
      resolve(all);
    });
  });
}
