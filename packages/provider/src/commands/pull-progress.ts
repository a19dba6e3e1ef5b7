import { basename } from 'node:path';
import type { ReadingProgress } from '@ogong/models/file-hashes';
import { toPrintable } from '@ogong/protocol/base/printable';
import { formatSpan } from '../calibration/progress-line.ts';
import { formatBytes } from './format.ts';

/** State of a download after each of its events. */
interface Seen {
  readonly completed: number;
  readonly atMs: number;
}

const WINDOW_MS = 5_000;

/** @param write gets the text for each event of /api/pull. On a terminal it must pass control sequences on: the line is written anew. */
export function createPullLine(
  write: (text: string) => void,
  isTerminal: boolean,
): (event: Readonly<Record<string, unknown>>, nowMs: number) => void {
  const seen: Seen[] = [];
  let last = '';
  let file = '';
  return ({ status, total, completed, digest }, nowMs) => {
    // Names of files come from the host that serves them.
    const words = toPrintable(String(status));
    const name = words.replace(/^pulling /, '');
    if (typeof completed !== 'number') {
      if (name === 'success') return;
      write(`${isTerminal && file !== '' ? '\n' : ''}${words}\n`);
      file = '';
      return;
    }
    if (digest !== file) seen.length = 0;
    file = String(digest);
    seen.push({ completed, atMs: nowMs });
    while (seen.length > 2 && nowMs - (seen[0] as Seen).atMs > WINDOW_MS) seen.shift();
    const line = formatDownload(name, completed, typeof total === 'number' ? total : undefined, computeRate(seen));
    const tenth = typeof total === 'number' ? `${file} ${Math.floor((10 * completed) / total)}` : file;
    if (isTerminal) write(`\r\u001b[K${line}`);
    else if (tenth !== last) write(`${line}\n`);
    last = tenth;
  };
}

/** A smaller file is read and loaded within a second or two. */
export const LARGE_BYTES = 256 * 1024 * 1024;

/** Shows how far a large model file has been read, in the way of a download. */
export function createReadingLine(
  write: (text: string) => void,
  isTerminal = process.stderr.isTTY === true,
): (progress: ReadingProgress) => void {
  const show = createPullLine(write, isTerminal);
  return ({ path, readBytes: completed, totalBytes: total }) => {
    if (total < LARGE_BYTES) return;
    const name = basename(path);
    show({ status: `reading ${name}`, digest: path, completed, total }, performance.now());
    if (completed === total && isTerminal) show({ status: `${name} is read` }, performance.now());
  };
}

/** Bytes per second over the last seconds; undefined if that cannot be said yet. */
function computeRate(seen: readonly Seen[]): number | undefined {
  const [first] = seen;
  const last = seen.at(-1);
  if (first === undefined || last === undefined || last.atMs <= first.atMs) return undefined;
  return ((last.completed - first.completed) * 1000) / (last.atMs - first.atMs);
}

/** Such as `model.gguf  42 %  1.20 GB of 2.86 GB  52.1 MB/s  31 s left`. */
function formatDownload(name: string, completed: number, total: number | undefined, rate: number | undefined): string {
  const part = total === undefined ? [] : [`${Math.floor((100 * completed) / total)} %`];
  const size = formatBytes(completed) + (total === undefined ? '' : ` of ${formatBytes(total)}`);
  const speed = rate === undefined || rate <= 0 ? [] : [`${formatBytes(rate)}/s`];
  const isEnding = total === undefined || rate === undefined || rate <= 0 || completed >= total;
  const left = isEnding ? [] : [`${formatSpan((total - completed) / rate)} left`];
  return [name, ...part, size, ...speed, ...left].join('  ');
}
