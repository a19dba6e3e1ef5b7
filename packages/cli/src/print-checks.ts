import { formatTokens } from '@ogong/protocol/base/amount';
import type { Check } from '@ogong/protocol/base/checks';
import { describeLayers } from '@ogong/protocol/exchange/cohort/segment';
import type { Verdict } from '@ogong/protocol/settlement/verdict-log';
import { writeAmounts } from '@ogong/protocol/verdict/check-amounts';
import { countChecks, describeBeside } from '@ogong/protocol/verdict/check-count';
import type { ReceiptCohort, ReceiptShard } from '@ogong/protocol/verdict/receipt/cohort-checks';
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

/** Skipped checks that the line of a verdict names. */
const MOST_NAMED = 3;

/** An answer that passed its checks, for the line under it. */
export interface PassedAnswer extends Pick<ReceiptVerdict, 'checks' | 'allowed'> {
  /** Hash of the provider's key, hex. */
  readonly provider: string;
  /** With its unit; undefined if the receipt has no fee. */
  readonly fee: string | undefined;
}

/** Formats the verdict on an answer as one line: the numbers of its checks, its fee and its provider. */
export function formatPassed({ checks, allowed, provider, fee }: PassedAnswer): string {
  const count = countChecks(checks);
  const [shown, more] = [allowed.slice(0, MOST_NAMED), allowed.length - MOST_NAMED];
  const rest = more > 0 ? ` and ${more} more` : '';
  const named = allowed.length === 0 ? '' : ` (allowed: ${shown.join(', ')}${rest})`;
  const readers = checks.find(({ id, status }) => id === 'cohort' && status === 'pass')?.detail;
  const parts = [
    `verified: ${count.passed} checks passed, ${count.skipped} skipped${named}`,
    ...[describeBeside(count), fee, readers],
  ];
  return `${[...parts.filter((part) => part !== undefined), `provider ${provider.slice(0, 12)}`].join(' · ')}\n`;
}

/** Formats the shards of a cohort, one per line; empty for a reply that one provider served alone. */
export function formatCohort(cohort: ReceiptCohort | undefined): string {
  if (cohort === undefined) return '';
  const { shards, verdict, culprit } = cohort;
  const rows = shards.map((shard, place) => [
    `${place}`,
    describeLayers(shard),
    shard.providerId.slice(0, 12),
    `price ${formatTokens(BigInt(shard.pricePer1kAtomic))} OGONG`,
    describeBoundary(shard),
    shard.numericClass,
  ]);
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] as number))
      .join('  ')
      .trimEnd(),
  );
  const audited = verdict === undefined ? '' : `audit of the shards: ${AUDITS[verdict]}\n`;
  const blamed =
    culprit === undefined
      ? ''
      : `the validator rejects shard ${culprit.place} (${describeLayers(culprit)}): key ${culprit.providerId}\n`;
  return `cohort: ${shards.length} providers read the prompt\n${lines.map((line) => `  ${line}\n`).join('')}${audited}${blamed}`;
}

/** The audit behind each verdict, as a reader of shards needs it. */
const AUDITS: Readonly<Record<Verdict, string>> = {
  accept: 'all passed',
  unaudited: 'the beacon chose none',
  inconclusive: 'no result',
  reject: 'a fault',
  abandoned: 'none',
  unjudged: 'none',
};

function describeBoundary({ boundary, isLeader }: ReceiptShard): string {
  if (isLeader) return 'leads';
  if (boundary === undefined) return 'no root';
  const { positions, root, isSigned } = boundary;
  return `root ${root.slice(0, 12)} over ${positions} positions, ${isSigned ? 'signed' : 'NOT SIGNED'}`;
}

/** Formats the failed checks, and the number of each kind. */
export function formatFailed(checks: readonly Check[]): string {
  const failed = formatLines(checks.filter(({ status }) => status === 'fail'));
  return `${failed}${formatCounts(checks)}; --checks lists all\n`;
}

/** Formats the promise that applied, if it is known; then one line per check, and the number of each kind. */
export function formatChecks(checks: readonly Check[]): string {
  const posture = checks.find(({ id }) => id === 'posture');
  const head = posture === undefined ? '' : `posture: ${posture.detail}\n`;
  return `${head}${formatLines(checks)}${formatCounts(checks)}\n`;
}

function formatLines(checks: readonly Check[]): string {
  const width = Math.max(0, ...checks.map(({ id }) => id.length));
  return checks
    .map(({ id, status, detail }) => `${marks[status]}  ${id.padEnd(width)}  ${writeAmounts(detail, 'OGONG')}\n`)
    .join('');
}

function formatCounts(checks: readonly Check[]): string {
  const count = countChecks(checks);
  const beside = describeBeside(count);
  const also = beside === undefined ? '' : ` (${beside})`;
  return `${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped${also}`;
}
