import { readFileSync } from 'node:fs';
import type { MeasuredRho } from './models/verification.ts';

interface BenchRow {
  readonly id: string;
  readonly what: string;
  readonly value?: number;
}

/** What an audit cost against the reply that it checks, where `npm run bench` measured it last. */
export function readMeasuredRho(path: string): MeasuredRho[] {
  const bench: { readonly engine: { readonly rows: readonly BenchRow[] } } = JSON.parse(readFileSync(path, 'utf8'));
  return bench.engine.rows.flatMap(({ id, what, value }) =>
    id.startsWith('rho-') && value !== undefined
      ? [{ what: what.replace(/: rho.*?, (\d+) repl/, ', $1 repl').replace(/, prompts.*/, ''), rho: value }]
      : [],
  );
}
