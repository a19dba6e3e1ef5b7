import type { Check } from '@ogong/protocol/base/checks';

const marks: Readonly<Record<Check['status'], string>> = { pass: 'ok  ', fail: 'FAIL', skip: 'skip' };

/** Which promise applied, where that is known; then one line per check, and how many there were of each kind. */
export function formatChecks(checks: readonly Check[]): string {
  const width = Math.max(0, ...checks.map(({ id }) => id.length));
  const count = (status: Check['status']): number => checks.filter((check) => check.status === status).length;
  const lines = checks.map(({ id, status, detail }) => `${marks[status]}  ${id.padEnd(width)}  ${detail}\n`);
  const posture = checks.find(({ id }) => id === 'posture');
  const head = posture === undefined ? '' : `posture: ${posture.detail}\n`;
  return `${head}${lines.join('')}${count('pass')} passed, ${count('fail')} failed, ${count('skip')} skipped\n`;
}
