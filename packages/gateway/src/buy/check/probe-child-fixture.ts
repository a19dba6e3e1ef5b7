import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { getHeapStatistics } from 'node:v8';
import { Worker } from 'node:worker_threads';
import type { CheckMessage } from './receipt-checker.ts';

// Stands in for the checker's process in its test: reports what it may do, or exits when told to.
const codeOf = (attempt: () => unknown): string => {
  try {
    attempt();
    return 'allowed';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
};

process.on('message', ({ id, job }: Extract<CheckMessage, { readonly job: unknown }>) => {
  if (job.nowMs < 0) process.exit(3);
  const verdict = {
    environment: Object.keys(process.env),
    heapMib: getHeapStatistics().heap_size_limit / 2 ** 20,
    read: codeOf(() => readFileSync(new TextDecoder().decode(job.response))),
    write: codeOf(() => writeFileSync(new TextDecoder().decode(job.request), 'x')),
    start: codeOf(() => spawnSync(process.execPath, ['--version'])),
    thread: codeOf(() => new Worker('', { eval: true })),
  };
  process.send?.({ id, verdict });
});
process.on('disconnect', () => process.exit());
