import type { Check } from '@ogong/protocol/checks';

const marks: Readonly<Record<Check['status'], string>> = { pass: 'ok  ', fail: 'FAIL', skip: 'skip' };

/** One line per check, then how many there were of each kind. */
export function formatChecks(checks: readonly Check[]): string {
  const width = Math.max(0, ...checks.map(({ id }) => id.length));
  const count = (status: Check['status']): number => checks.filter((check) => check.status === status).length;
  const lines = checks.map(({ id, status, detail }) => `${marks[status]}  ${id.padEnd(width)}  ${detail}\n`);
  return `${lines.join('')}${count('pass')} passed, ${count('fail')} failed, ${count('skip')} skipped\n`;
}
