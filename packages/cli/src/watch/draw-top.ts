import { toPrintable } from '@ogong/protocol/base/printable';
import type { DaemonRow, TopReport } from './summary.ts';

const HEAD = ['daemon', 'role', 'per s', 'total', 'now', 'errors', 'cpu', 'MB', 'lag ms', 'up'];
const NUMBERS = new Set(['per s', 'total', 'cpu', 'MB', 'lag ms', 'up']);
/** Atomic units of one OGONG. */
const UNIT = 1e18;

/** A picture of the network for a terminal: one line for all of it, then one for each daemon. */
export function drawTop(report: TopReport): string {
  const rows = report.daemons.map(toCells);
  const widths = HEAD.map((title, i) => Math.max(title.length, ...rows.map((row) => (row[i] as string).length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) =>
        NUMBERS.has(HEAD[i] as string) ? cell.padStart(widths[i] as number) : cell.padEnd(widths[i] as number),
      )
      .join('  ')
      .trimEnd();
  return [...describeWhole(report), '', line(HEAD), ...rows.map(line), ''].join('\n');
}

function describeWhole({
  daemons,
  repliesPerSecond,
  epoch,
  verdicts,
  audits,
  batchesSettled,
  money,
}: TopReport): string[] {
  const up = daemons.filter(({ isUp }) => isUp).length;
  const { held = 0, withdrawable = 0, paid = 0 } = money.earningsOgong;
  return [
    `${up} of ${daemons.length} daemons answer, epoch ${epoch ?? '-'}, ${showRate(repliesPerSecond)} requests/s`,
    `audits ${audits.scored} scored, ${audits.waiting} waiting, ${audits.failed} failed; verdicts ${showCounts(verdicts)}; ${batchesSettled} batches settled`,
    `fees ${showOgong(money.feesAtomic / UNIT)} OGONG owed; earnings ${showOgong(held)} held, ${showOgong(withdrawable)} withdrawable, ${showOgong(paid)} paid`,
  ];
}

function toCells(row: DaemonRow): string[] {
  if (!row.isUp) return [row.name, 'DOWN', '', '', toPrintable(row.problem ?? '').slice(0, 60), '', '', '', '', ''];
  return [
    row.name,
    row.role,
    showRate(row.perSecond),
    String(row.total),
    showCounts(row.queues),
    showCounts(row.errors),
    row.processor === null ? '-' : `${Math.round(row.processor * 100)}%`,
    showOr(row.memoryMb),
    showOr(row.lagMs),
    row.uptimeS === null ? '-' : showTime(row.uptimeS),
  ];
}

const showOr = (value: number | null): string => (value === null ? '-' : String(value));
const showRate = (rate: number | null): string => (rate === null ? '-' : rate.toFixed(rate < 10 ? 2 : 0));
const showOgong = (amount: number): string => amount.toLocaleString('en', { maximumFractionDigits: 6 });

function showCounts(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  return parts.length === 0 ? '-' : parts.join(', ');
}

function showTime(seconds: number): string {
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`;
}
