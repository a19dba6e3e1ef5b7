import { createHash } from 'node:crypto';
import type { VirtualTime } from './virtual-time.ts';

export interface Trace {
  /** Adds one line. Its position in the trace counts for the hash. */
  note(who: string, what: string): void;
  /** Returns the hash of all lines so far. */
  hash(): string;
  /** Returns the last lines, oldest first. */
  tail(): readonly string[];
  lines(): number;
}

const KEPT = 2_000;

/** Creates a trace: lines with their virtual time. All count for the hash. It keeps the last lines, and `onLine` gets every line. */
export function createTrace(time: VirtualTime, onLine?: (line: string) => void): Trace {
  const digest = createHash('sha256');
  let kept: string[] = [];
  let lines = 0;
  return {
    note(who, what) {
      const line = `${(time.nowMs() / 1_000).toFixed(3).padStart(10)} ${who.padEnd(12)} ${what}`;
      digest.update(line).update('\n');
      lines++;
      onLine?.(line);
      kept.push(line);
      if (kept.length > 2 * KEPT) kept = kept.slice(-KEPT);
    },
    hash: () => digest.copy().digest('hex'),
    tail: () => kept.slice(-KEPT),
    lines: () => lines,
  };
}
