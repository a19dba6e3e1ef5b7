import { setTimeout as delay } from 'node:timers/promises';
import { LinkError } from '@ogong/host/link/link-error';
import type { Logger } from '@ogong/host/log/logger';
import { columns, optional, text } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { createRepeating, type Repeating } from '@ogong/host/time/repeat';
import { toHex } from '@ogong/protocol/base/bytes';
import type { ReplyStatus } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { ServedFinding, ServedRow, ServedStore } from './served-store.ts';

export interface ServedWatchOptions {
  /** Default: 10,000. */
  readonly intervalMs?: number;
  /** Pause between two passes while more is due. Default: 2,000. */
  readonly paceMs?: number;
}

export interface ServedWatchDependencies {
  readonly book: Pick<ServedStore, 'listDue' | 'note'>;
  /** Store with the provider's outbox. */
  readonly store: Pick<Store, 'read'>;
  readonly clock: Clock;
  /** Returns the validator's status of a reply. @throws LinkError */
  readonly ask: (validator: Uint8Array, replyId: Uint8Array) => Promise<ReplyStatus>;
  readonly log: Pick<Logger, 'warn'>;
}

/** Asked of one validator in a pass: 32 a second, below what a validator answers a stranger. */
const AT_ONCE = 64;
/** Rows that are read for a pass, of all validators. */
const READ_AT_ONCE = 512;
/** An order that its validator does not know so long after its expiry was never admitted there, or is forgotten. */
const GRACE_MS = 60_000;
const FIRST_PAUSE_MS = 15_000;
const LONGEST_PAUSE_MS = 600_000;
const WHY_CHARACTERS = 160;

/** Asks validators what became of the replies that were served, until each has its end. */
export function createServedWatch(
  { intervalMs = 10_000, paceMs = 2_000 }: ServedWatchOptions,
  { book, store, clock, ask, log }: ServedWatchDependencies,
): Repeating {
  async function look(row: ServedRow): Promise<void> {
    const nowMs = clock.nowMs();
    // The older a reply is, the less often anything changes about it.
    const pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, (nowMs - row.timeMs) / 8));
    const found = await findOutcome(row, nowMs);
    await book.note(row.replyId, found, Math.ceil(nowMs + pauseMs));
  }

  async function findOutcome(row: ServedRow, nowMs: number): Promise<ServedFinding> {
    const said = (outcome: ServedFinding['outcome'], why = ''): ServedFinding => ({ outcome, owedAtomic: 0n, why });
    const kept = store.read((db) => findInOutbox(db, row.replyId));
    if (kept?.refused !== undefined) return said('record-refused', shorten(kept.refused));
    if (kept !== undefined) return said('not-handed-in');
    try {
      const status = await ask(row.validator, row.replyId);
      return readFinding(status, row);
    } catch (error) {
      if (!(error instanceof LinkError)) throw error;
      const isOver = error.refusal === 'not-found' && nowMs > row.expiresAtMs + GRACE_MS;
      return isOver ? said('unknown-to-validator') : { outcome: row.outcome, owedAtomic: row.owed, why: '' };
    }
  }

  return createRepeating(
    { intervalMs },
    // Repeats while more is due than a pass asks: a provider that serves much would otherwise fall behind for good.
    async (signal) => {
      for (let hasMore = true; hasMore; ) {
        const pause = delay(paceMs, undefined, { signal, ref: false }).catch(() => undefined);
        const due = book.listDue(clock.nowMs(), READ_AT_ONCE);
        const turn = takeTurn(due);
        const results = await Promise.allSettled(turn.map(look));
        for (const result of results) if (result.status === 'rejected') throw result.reason;
        hasMore = turn.length < due.length || due.length === READ_AT_ONCE;
        if (hasMore) await pause;
        if (signal.aborted) return;
      }
    },
    (err) => log.warn({ err }, 'the outcome of served replies cannot be read'),
  );
}

/** The longest waiting of each validator. */
const takeTurn = (due: readonly ServedRow[]): ServedRow[] =>
  [...Map.groupBy(due, ({ validator }) => toHex(validator)).values()].flatMap((rows) => rows.slice(0, AT_ONCE));

const refusedRow = columns({ refused: optional(text) });

const findInOutbox = ({ prepare }: Store, replyId: Uint8Array) =>
  refusedRow.get(prepare('SELECT refused FROM outbox WHERE reply_id = ?'), replyId);

/** Shortens a text to one line, for a terminal. */
const shorten = (words: string): string =>
  words
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, WHY_CHARACTERS);

type StatusWords = Pick<ReplyStatus, 'state' | 'verdict' | 'detail' | 'feeAtomic'>;

/**
 * Reads the outcome from a validator's status of a reply. It may be a lie until the reply is settled; nothing in it is trusted to
 * be well formed.
 */
export function readFinding(
  { state, verdict, detail, feeAtomic }: StatusWords,
  { signed }: Pick<ServedRow, 'signed'>,
): ServedFinding {
  const { failed, isRefused, isUncollectable, isVoid, isBurnt } = readDetail(detail);
  // The fee of an entry that is burnt pays a debt of the key.
  const owedAtomic = isBurnt ? 0n : feeAtomic;
  const unpaid = (outcome: ServedFinding['outcome'], why = ''): ServedFinding => ({ outcome, owedAtomic: 0n, why });
  if (isRefused) return unpaid('entry-refused');
  if (verdict === 'reject') return unpaid('rejected', failed);
  if (verdict === 'unjudged') return unpaid('unjudged');
  if (verdict === 'abandoned' || state === 'abandoned') return unpaid('abandoned');
  if (verdict === '') return unpaid(signed === 0n ? 'unsigned' : 'waits-for-audit');
  if (isVoid) return unpaid('void');
  if (isUncollectable) return unpaid('payer-cannot-pay');
  if (state !== 'settled') return { outcome: 'waits-for-settlement', owedAtomic, why: '' };
  if (isBurnt) return unpaid('burnt');
  return owedAtomic === 0n && signed > 0n ? unpaid('in-doubt', failed) : { outcome: 'paid', owedAtomic, why: '' };
}

function readDetail(detail: string) {
  const read = ((): Record<string, unknown> => {
    try {
      const value: unknown = JSON.parse(detail);
      return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
    } catch {
      return {};
    }
  })();
  const checks: readonly unknown[] = Array.isArray(read.checks) ? read.checks : [];
  const failed = checks.flatMap((check) => {
    const { id, status } = (check ?? {}) as { readonly id?: unknown; readonly status?: unknown };
    return status === 'fail' && typeof id === 'string' ? [id] : [];
  });
  const { isRefused, isUncollectable, isVoid, isBurnt } = read;
  return {
    failed: shorten(failed.join(', ')),
    ...{ isRefused: isRefused === true, isUncollectable: isUncollectable === true },
    ...{ isVoid: isVoid === true, isBurnt: isBurnt === true },
  };
}
