import { toPrintable } from '@ogong/protocol/base/printable';
import { formatSpan } from '../calibration/progress-line.ts';
import type { LoadingModel, LoadingPlace } from '../engine/engine-config.ts';
import { formatBytes } from './format.ts';
import { createPullLine, createReadingLine, LARGE_BYTES } from './pull-progress.ts';

/** A shorter load shows nothing. */
const PATIENCE_MS = 500;

export interface LoadingLineOptions {
  readonly isTerminal: boolean;
  readonly nowMs: () => number;
  /** Calls `run` every so often, until the result is called. */
  readonly repeat: (run: () => void, intervalMs: number) => () => void;
}

function repeat(run: () => void, intervalMs: number): () => void {
  const timer = setInterval(run, intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}

/**
 * Shows that a model is being loaded into memory: on a terminal one line with the time so far, which is written anew. Elsewhere only a
 * large model has lines, one at the beginning and one at the end.
 */
export function createLoadingLine(
  write: (text: string) => void,
  { isTerminal, nowMs, repeat: every }: LoadingLineOptions,
): (model: Omit<LoadingModel, 'reference'>) => (isLoaded: boolean) => void {
  return ({ name: given, sizeBytes }) => {
    const name = toPrintable(given);
    const startedMs = nowMs();
    const seconds = (): number => (nowMs() - startedMs) / 1000;
    const text = sizeBytes === undefined ? `loading ${name}` : `loading ${name}  ${formatBytes(sizeBytes)}`;
    if (!isTerminal && (sizeBytes ?? 0) < LARGE_BYTES) return () => undefined;
    let isShown = !isTerminal;
    if (isShown) write(`${text}\n`);
    const show = (): void => {
      if (seconds() * 1000 < PATIENCE_MS) return;
      isShown = true;
      write(`\r\u001b[K${text}  ${Math.floor(seconds())} s`);
    };
    const stops = isTerminal ? [every(show, PATIENCE_MS)] : [];
    return (isLoaded) => {
      for (const stop of stops) stop();
      if (!isShown) return;
      const end = isLoaded ? `${name} is loaded after ${formatSpan(seconds())}\n` : '';
      write(isTerminal ? `\r\u001b[K${end}` : end);
    };
  };
}

/** Shows downloads, reads and loads of models on standard error, for a program that loads them itself. */
export function createLoadingLines(
  write: (text: string) => void,
  isTerminal: boolean,
): Required<Pick<LoadingPlace, 'onDownload' | 'onReading' | 'onLoading' | 'onBackend'>> {
  const nowMs = (): number => performance.now();
  const showPull = createPullLine(write, isTerminal);
  return {
    onDownload({ file, receivedBytes: completed, totalBytes: total }) {
      showPull({ status: `pulling ${file}`, digest: file, completed, total }, nowMs());
      // The line of a download is over; the next text begins on a line of its own.
      if (completed === total && isTerminal) showPull({ status: `${file} is here` }, nowMs());
    },
    onReading: createReadingLine(write, isTerminal),
    onLoading: createLoadingLine(write, { isTerminal, nowMs, repeat }),
    onBackend: ({ name, backend, why }) => write(`${toPrintable(name)} runs on ${backend}: ${toPrintable(why)}\n`),
  };
}
