import type { Check } from '@ogong/protocol/base/checks';
import type { ReceiptVerdict } from '@ogong/protocol/verdict/receipt/verify-receipt';

const marks: Readonly<Record<Check['status'], string>> = { pass: 'ok  ', fail: 'FAIL', skip: 'skip' };

/** Nothing that a user could give would help: it takes its time. */
const UNSETTLED =
  'not checked: settled: ask again later: a reply settles after its audit, with the next batch of its validator\n';

/** Formats the checks of a verdict, then those skipped with and without permission. */
export function formatVerdict({
  checks,
  missing,
  allowed,
}: Pick<ReceiptVerdict, 'checks' | 'missing' | 'allowed'>): string {
  const without = allowed.length === 0 ? '' : `done without, as allowed: ${allowed.join(', ')}\n`;
  const isLocal = checks.some(({ id, status }) => id === 'local' && status === 'pass');
  const advice = isLocal
    ? 'of a local answer nobody can: do without them by --allow network'
    : 'give what they need (--trust, --deployment, --gateway), or name them with --allow';
  const lacking = missing.filter((id) => id !== 'settled');
  const unchecked = lacking.length === 0 ? '' : `not checked: ${lacking.join(', ')}: ${advice}\n`;
  const unsettled = missing.includes('settled') ? UNSETTLED : '';
  return `${formatChecks(checks)}${without}${unchecked}${unsettled}`;
}

/** Formats the promise that applied, if it is known; then one line per check, and the number of each kind. */
export function formatChecks(checks: readonly Check[]): string {
  const width = Math.max(0, ...checks.map(({ id }) => id.length));
  const count = (status: Check['status']): number => checks.filter((check) => check.status === status).length;
  const lines = checks.map(({ id, status, detail }) => `${marks[status]}  ${id.padEnd(width)}  ${detail}\n`);
  const posture = checks.find(({ id }) => id === 'posture');
  const head = posture === undefined ? '' : `posture: ${posture.detail}\n`;
  return `${head}${lines.join('')}${count('pass')} passed, ${count('fail')} failed, ${count('skip')} skipped\n`;
}
