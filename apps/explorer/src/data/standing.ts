import { toHex } from '@ogong/protocol/base/bytes';
import type { Verdict, VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import type { LedgerReading } from './ledger.ts';
import type { ReadLog } from './logs.ts';

/** One reply of a log, with the page's knowledge of that entry. */
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

/** Claims of the read logs and of the chain about one provider. */
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

/** Content roots of the models that replies were of, by reply id. */
export type ReplyModels = ReadonlyMap<string, string>;
export const UNKNOWN_ROOT = '';

/** Income of some replies of one model on one day, in fees before shares. */
export interface DayOfReplies {
  /** UTC, ISO 8601. */
  readonly day: string;
  /** Content root of the model; empty if nobody showed it, since a log does not name it. */
  readonly modelRoot: string;
  readonly replies: number;
  readonly settledAtomic: bigint;
  /** Claimed by a validator; no batch has settled it yet. */
  readonly pendingAtomic: bigint;
  /** Replies that nothing is owed for, by verdict. */
  readonly unpaid: Readonly<Partial<Record<Verdict, number>>>;
}

/** @returns newest first; within a day the models with the highest income first, and unknown models last. */
export function sumDays(replies: readonly LoggedReply[], models: ReplyModels): readonly DayOfReplies[] {
  const dayOf = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 10);
  const groups = Map.groupBy(replies, ({ id, entry }) => `${dayOf(entry.timeMs)}/${models.get(id) ?? UNKNOWN_ROOT}`);
  return [...groups]
    .map(([key, group]) => {
      const [day, modelRoot] = key.split('/') as [string, string];
      const unpaid: Partial<Record<Verdict, number>> = {};
      for (const { entry } of group)
        if (entry.feeAtomic === 0n) unpaid[entry.verdict] = (unpaid[entry.verdict] ?? 0) + 1;
      const sum = (isCounted: boolean): bigint =>
        group.reduce((total, { entry, isSettled }) => (isSettled === isCounted ? total + entry.feeAtomic : total), 0n);
      const amounts = { settledAtomic: sum(true), pendingAtomic: sum(false) };
      return { day, modelRoot, replies: group.length, ...amounts, unpaid };
    })
    .sort((a, b) => compare(b.day, a.day) || compare(rank(b), rank(a)));
}

const compare = <T>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0);
const rank = ({ modelRoot, settledAtomic, pendingAtomic }: DayOfReplies): bigint =>
  modelRoot === UNKNOWN_ROOT ? -1n : settledAtomic + pendingAtomic;
