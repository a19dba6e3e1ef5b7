import { toHex } from '@ogong/protocol/base/bytes';
import type { Verdict, VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import type { LedgerReading } from './ledger.ts';
import type { ReadLog } from './logs.ts';

/** One reply of a log, with what the page knows of that entry. */
export interface LoggedReply {
  readonly entry: VerdictEntry;
  readonly id: string;
  readonly validator: string;
  /** Whether the chain has settled the log up to it. */
  readonly isSettled: boolean;
}

/** Of all logs, newest first. */
export const listReplies = (logs: readonly ReadLog[] = []): readonly LoggedReply[] =>
  logs
    .flatMap(({ validator, entries, settledLength }) =>
      entries.map((entry) => ({
        entry,
        id: toHex(entry.replyId),
        validator: `0x${toHex(validator)}`,
        isSettled: entry.index < settledLength,
      })),
    )
    .sort((a, b) => b.entry.timeMs - a.entry.timeMs);

/** What the logs that were read, and the chain, say of one provider. */
export interface ProviderStanding {
  readonly id: string;
  readonly payee: string;
  readonly replies: number;
  readonly verdicts: Readonly<Partial<Record<Verdict, number>>>;
  /** Before shares; by the chain's events. */
  readonly grossAtomic: bigint;
  readonly isEjected: boolean;
  readonly lastMs: number;
}

export function listProviders(
  replies: readonly LoggedReply[],
  ledger: LedgerReading | undefined,
): readonly ProviderStanding[] {
  const found = new Map<
    string,
    { payee: string; verdicts: Partial<Record<Verdict, number>>; replies: number; lastMs: number }
  >();
  for (const { entry } of replies) {
    const id = toHex(entry.providerId);
    const known = found.get(id) ?? { payee: `0x${toHex(entry.payee)}`, verdicts: {}, replies: 0, lastMs: 0 };
    known.replies++;
    known.verdicts[entry.verdict] = (known.verdicts[entry.verdict] ?? 0) + 1;
    known.lastMs = Math.max(known.lastMs, entry.timeMs);
    found.set(id, known);
  }
  for (const { providerId, payee } of ledger?.payments ?? []) {
    const id = providerId.slice(2);
    if (!found.has(id)) found.set(id, { payee, verdicts: {}, replies: 0, lastMs: 0 });
  }
  return [...found]
    .map(([id, { payee, ...counts }]) => ({
      ...{ id, payee, ...counts },
      grossAtomic: (ledger?.payments ?? [])
        .filter(({ providerId }) => providerId === `0x${id}`)
        .reduce((sum, { gross }) => sum + gross, 0n),
      isEjected: (ledger?.ejections ?? []).some(({ providerId }) => providerId === `0x${id}`),
    }))
    .sort((a, b) => (b.grossAtomic > a.grossAtomic ? 1 : b.grossAtomic < a.grossAtomic ? -1 : b.replies - a.replies));
}

/** What some replies brought on one day, in fees before shares. Whoever reads logs alone does not learn of which model a reply was. */
export interface DayOfReplies {
  /** UTC, ISO 8601. */
  readonly day: string;
  readonly replies: number;
  readonly settledAtomic: bigint;
  /** By the word of a validator; no batch has settled it yet. */
  readonly pendingAtomic: bigint;
  /** Replies that nothing is owed for, by verdict. */
  readonly unpaid: Readonly<Partial<Record<Verdict, number>>>;
}

/** @returns newest first. */
export function sumDays(replies: readonly LoggedReply[]): readonly DayOfReplies[] {
  const groups = Map.groupBy(replies, ({ entry }) => new Date(entry.timeMs).toISOString().slice(0, 10));
  return [...groups]
    .map(([day, group]) => {
      const unpaid: Partial<Record<Verdict, number>> = {};
      for (const { entry } of group)
        if (entry.feeAtomic === 0n) unpaid[entry.verdict] = (unpaid[entry.verdict] ?? 0) + 1;
      const sum = (isCounted: boolean): bigint =>
        group.reduce((total, { entry, isSettled }) => (isSettled === isCounted ? total + entry.feeAtomic : total), 0n);
      return { day, replies: group.length, settledAtomic: sum(true), pendingAtomic: sum(false), unpaid };
    })
    .sort((a, b) => (a.day < b.day ? 1 : -1));
}
