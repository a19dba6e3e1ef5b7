import { createHash } from 'node:crypto';
import type { VirtualTime } from './virtual-time.ts';

export interface Trace {
  /** One line: who, what. Its place in the order of all lines counts. */
  note(who: string, what: string): void;
  /** Of all lines so far. */
  hash(): string;
  /** The last lines, oldest first. */
  tail(): readonly string[];
  lines(): number;
}

const KEPT = 2_000;

/** What happened, as lines with their virtual time. All count for the hash; the last ones are kept, or all where `onLine` takes them. */
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
