import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { EngineError, type EngineErrorCode } from '../../interface/engine-error.ts';
import { pickEnvironment } from '../../process/child-environment.ts';
import type { ComparedRows, ComparedRun, SegmentCompareOptions } from './compare-segments.ts';

export interface ComparisonOrder {
  readonly modelPath: string;
  /** Slabs of the model, in the order of its layers. */
  readonly slabPaths: readonly string[];
  readonly options?: SegmentCompareOptions;
  readonly runs: readonly ComparedRun[];
}

export type ComparisonAnswer =
  | { readonly kind: 'compared'; readonly rows: ComparedRows }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly code: EngineErrorCode; readonly message: string };

export interface ComparisonProgress {
  /** Called after each run. */
  readonly onRun?: ((rows: ComparedRows) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs a model against the chain of its slabs in a child process, and counts the rows that differ in a bit.
 * @returns sums over all runs.
 * @throws EngineError, also if llama.cpp ends the process.
 */
export function compareInChild(
  order: ComparisonOrder,
  { onRun, signal }: ComparisonProgress = {},
): Promise<ComparedRows> {
  const child = fork(fileURLToPath(new URL('./compare-child.ts', import.meta.url)), [], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    env: pickEnvironment(),
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    ...(signal && { signal }),
  });
  let sum: ComparedRows = { replies: 0, differingReplies: 0, rows: 0, differing: 0 };
  return new Promise((resolve, reject) => {
    child.on('message', (answer: ComparisonAnswer) => {
      if (answer.kind === 'done') resolve(sum);
      else if (answer.kind === 'failed') reject(new EngineError(answer.code, answer.message));
      else {
        sum = addRows(sum, answer.rows);
        onRun?.(answer.rows);
      }
    });
    child.once('error', reject);
    child.once('close', (code, ended) =>
      reject(
        new EngineError('engine-crashed', `llama.cpp ended while it ran the slabs (${ended ?? `exit code ${code}`})`),
      ),
    );
    child.send(order);
  });
}

export const addRows = (a: ComparedRows, b: ComparedRows): ComparedRows => ({
  replies: a.replies + b.replies,
  differingReplies: a.differingReplies + b.differingReplies,
  rows: a.rows + b.rows,
  differing: a.differing + b.differing,
});
