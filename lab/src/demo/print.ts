import { toHex, utf8Decode } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import type { DemoClaim } from './claims/claims.ts';
import { entriesOf, gainOf, nameOf, sum } from './claims/finding.ts';
import { listHeld } from './claims/held.ts';
import { formatOgong, formatRuledTable, shorten } from './format.ts';
import type { AskedReply, RunRecord } from './run-record.ts';

export interface Screen {
  /** A line of progress, with the time since the start. */
  progress(message: string): void;
  title(text: string): void;
  lines(text: string): void;
  mark(ok: boolean): string;
}

export function createScreen(stream: NodeJS.WriteStream, startedMs: number): Screen {
  const hasColor = stream.isTTY === true && !process.env.NO_COLOR;
  const paint = (code: number, text: string): string => (hasColor ? `\u001b[${code}m${text}\u001b[0m` : text);
  const write = (text: string): void => void stream.write(`${text}\n`);
  return {
    progress: (message) =>
      write(`${paint(90, `[${((performance.now() - startedMs) / 1000).toFixed(1).padStart(6)} s]`)} ${message}`),
    title: (text) => write(`\n${paint(1, text)}`),
    lines: write,
    mark: (ok) => (ok ? paint(32, 'ok  ') : paint(31, 'FAIL')),
  };
}

/** Formats one answer: provider, text, and the checks of the receipt. */
export async function describeReply(
  reply: AskedReply,
  run: Pick<RunRecord, 'crypto' | 'trust' | 'members' | 'nowMs'>,
): Promise<string> {
  const { number, isStreamed, prompt, receipts, durationMs, firstTextMs } = reply;
  const head = `#${String(number).padStart(2, '0')} ${isStreamed ? 'stream' : 'whole '}`;
  const asked = `"${shorten(prompt, 52)}"`;
  if (!receipts) return `${head} ${asked}\n      refused: ${reply.error ?? 'no receipt came'}`;
  const provider = nameOf(run.members, parseOrder(receipts.full.order.bytes).providerId);
  const { request, response } = reply;
  const { checks } = await verifyReceipt(receipts.full, { ...run, request, response });
  const first = firstTextMs === undefined ? '' : `, first text after ${Math.round(firstTextMs)} ms`;
  return [
    `${head} ${asked} by ${provider} in ${Math.round(durationMs)} ms${first}`,
    `      ${shorten(utf8Decode(response), 110)}`,
    `      ${describeChecks(checks)}`,
  ].join('\n');
}

export function describeChecks(checks: readonly Check[]): string {
  const of = (wanted: Check['status']): Check[] => checks.filter(({ status }) => status === wanted);
  const failed = of('fail').map(({ id, detail }) => `FAILED ${id} (${detail})`);
  const skipped = of('skip').map(({ id }) => `skipped ${id}`);
  const passed = of('pass').map(({ id }) => id);
  return [`${passed.length} checks hold: ${passed.join(' ')}`, ...skipped, ...failed].join('; ');
}

const VERDICTS = ['accept', 'reject', 'inconclusive', 'unaudited', 'abandoned', 'unjudged'];

/** Per provider: replies, verdicts and payment. */
export function formatProviders(run: RunRecord): string {
  const entries = entriesOf(run);
  const rows = run.members
    .filter(({ role }) => role === 'provider')
    .map(({ name, providerId, address, isCheat }) => {
      const own = entries.filter((entry) => toHex(entry.providerId) === providerId);
      const count = (verdict: string): string => String(own.filter((entry) => entry.verdict === verdict).length);
      const isEjected = run.ejections.some((ejection) => ejection.providerId === providerId);
      return [
        isCheat ? `${name} (${run.cheat})` : name,
        String(own.length),
        ...VERDICTS.map(count),
        isEjected ? 'ejected' : 'no',
        formatOgong(gainOf(run, address, 'creditAtomic')),
      ];
    });
  const head = ['provider', ' replies', ...VERDICTS.map((verdict) => ` ${verdict}`), 'ejected', ' paid, OGONG'];
  return formatRuledTable([head, ...rows]);
}

export function formatBalances(run: RunRecord): string {
  const moves = run.members.map(({ address }) => ({
    spent: -gainOf(run, address, 'spentAtomic'),
    credited: gainOf(run, address, 'creditAtomic'),
  }));
  const rows = run.members.map(({ name, role }, i) => {
    const { spent = 0n, credited = 0n } = moves[i] ?? {};
    return [name, role, formatOgong(spent), formatOgong(credited)];
  });
  const total = sum(moves.flatMap(({ spent, credited }) => [spent, credited]));
  return formatRuledTable([
    ['party', 'role', ' drawn from escrow', ' credited'],
    ...rows,
    ['sum of all', '', '', formatOgong(total)],
  ]);
}

/** Formats held earnings of providers, and the time of their release. */
export function formatHeld(run: Pick<RunRecord, 'members' | 'books'>): string {
  const { until, parties } = listHeld(run);
  const parts = parties.map(({ name, heldAtomic }) => `${name} ${formatOgong(heldAtomic)}`);
  return parts.length === 0
    ? 'no earnings are held'
    : `held until ${until.slice(11, 19)} UTC at the latest, and lost if the provider's key is ejected before: ${parts.join(', ')} OGONG`;
}

const shownEvidence = 14;

export function formatClaims(claims: readonly DemoClaim[], { mark }: Screen): string {
  return claims
    .map(({ id, statement, ok, evidence }) => {
      const shown = evidence.slice(0, shownEvidence).map((line) => `       ${line}`);
      if (evidence.length > shownEvidence) shown.push(`       and ${evidence.length - shownEvidence} more`);
      return [`${mark(ok)} ${id}: ${statement}`, ...shown].join('\n');
    })
    .join('\n');
}
