import { bytes, columns, integer, named, real } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';

/** How often a provider was asked for an opening that has not come, and what that has counted so far. */
export interface OpeningAsks {
  /** Failed attempts, without those in which this validator was at fault. */
  readonly asks: number;
  /** How many of those the provider answered without the opening. */
  readonly refusals: number;
  /** How much of the audit window has passed, ms. */
  readonly waitedMs: number;
  /** Planned between the last ask and the next one, ms. */
  readonly pauseMs: number;
  /** Unix time of the next one, ms. */
  readonly dueAtMs: number;
}

export const NOT_ASKED: OpeningAsks = { asks: 0, refusals: 0, waitedMs: 0, pauseMs: 0, dueAtMs: 0 };

const askFields = {
  asks: integer,
  refusals: integer,
  waitedMs: real,
  pauseMs: integer,
  dueAtMs: named('due_at', integer),
} as const;
const askColumns = columns(askFields);
const keptAsks = columns({ replyId: bytes, ...askFields });
const idColumns = columns({ replyId: bytes });

export function readAsks(store: Store, replyId: Uint8Array): OpeningAsks {
  const sql = `SELECT ${askColumns.list} FROM opening_asks WHERE reply_id = ?`;
  return askColumns.get(store.prepare(sql), replyId) ?? NOT_ASKED;
}

export function keepAsks(store: Store, replyId: Uint8Array, row: OpeningAsks): void {
  keptAsks.insert(store, 'INSERT OR REPLACE INTO opening_asks', { replyId, ...row });
}

export function forgetAsks(store: Store, replyId: Uint8Array): void {
  store.prepare('DELETE FROM opening_asks WHERE reply_id = ?').run(replyId);
}

/** @returns ids of audits whose opening failed to come before and is to be asked for again, the longest due first. */
export function listDueAsks(store: Store, nowMs: number, limit: number): Uint8Array[] {
  // A clock that was set back must not delay the next attempt.
  const sql = 'SELECT reply_id FROM opening_asks WHERE due_at <= ?1 OR due_at > ?1 + pause_ms ORDER BY due_at LIMIT ?2';
  return idColumns.all(store.prepare(sql), nowMs, limit).map(({ replyId }) => replyId);
}
