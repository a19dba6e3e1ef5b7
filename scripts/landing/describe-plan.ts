import { execFileSync } from 'node:child_process';
import { pathOfInput } from './inputs.ts';
import type { PlannedUnit } from './plan.ts';
import { RECORD_PATH } from './record.ts';

/** Files to name behind a reason. */
const MAX_NAMED = 3;

interface DescribedUnit extends PlannedUnit {
  readonly part: string;
  readonly inputs: readonly string[];
}

/** Returns a line for each unit that runs, with the reason, and one line for each part. */
export function describePlan(units: readonly DescribedUnit[], changed: ReadonlySet<string>): string {
  const parts = [...new Set(units.map(({ part }) => part))];
  return parts
    .map((part) => {
      const own = units.filter((unit) => unit.part === part);
      const running = own.filter(({ reason }) => reason !== undefined);
      const lines = running.map(({ name, reason, inputs }) => {
        const named = reason === 'an input changed' ? inputs.map(pathOfInput).filter((path) => changed.has(path)) : [];
        const shown = [...new Set(named)].slice(0, MAX_NAMED).join(', ');
        return `  ${name}: ${reason}${shown === '' ? '' : `: ${shown}${named.length > MAX_NAMED ? ', ...' : ''}`}`;
      });
      return [`${part}: ${running.length} of ${own.length} run`, ...lines].join('\n');
    })
    .join('\n');
}

/** Returns the files that changed since the commit that wrote the record last, as far as this clone knows it. */
export function listChangedFiles(root: string): ReadonlySet<string> {
  const git = (...words: string[]): string =>
    execFileSync('git', words, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const commit = git('log', '-1', '--format=%H', '--', RECORD_PATH).trim();
    return new Set(
      git('diff', '--name-only', '-z', commit === '' ? 'HEAD' : commit)
        .split('\0')
        .filter(Boolean),
    );
  } catch {
    return new Set();
  }
}
