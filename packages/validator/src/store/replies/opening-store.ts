import { bytes, columns, integer, named, real } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';

/** Failed calls to a provider for an opening, and the time counted so far. */
export interface OpeningAsks {
  /** Failed calls, without those in which this validator was at fault. */
  readonly asks: number;
  /** Number of these calls that the provider answered without the opening. */
  readonly refusals: number;
  /** Counted part of the audit window, ms. */
  readonly waitedMs: number;
  /** Planned pause between the last call and the next one, ms. */
  readonly pauseMs: number;
  /** Unix time of the next call, ms. */
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

/** @returns ids of a payee's audits whose missing opening must be asked for again, the longest due first. */
export function listDueAsks(
  store: Store,
  nowMs: number,
  { payee, limit }: { readonly payee: Uint8Array; readonly limit: number },
): Uint8Array[] {
  // A clock that was set back must not delay the next attempt.
  const sql = `SELECT reply_id FROM opening_asks JOIN replies USING (reply_id)
    WHERE state = 'auditing' AND payee = ?2 AND (due_at <= ?1 OR due_at > ?1 + pause_ms) ORDER BY due_at LIMIT ?3`;
  return idColumns.all(store.prepare(sql), nowMs, payee, limit).map(({ replyId }) => replyId);
}
