import type { Store } from '@ogong/host/store/store';

/** How often a provider was asked for an opening that has not come, and what that has counted so far. */
export interface OpeningAsks {
  /** Times that it failed to come, those not counted in which this validator was at fault. */
  readonly asks: number;
  /** Of those, how often the provider answered, and not with the opening. */
  readonly refusals: number;
  /** Of the audit window, ms. */
  readonly waitedMs: number;
  /** Planned between the last ask and the next one, ms. */
  readonly pauseMs: number;
  /** Unix time of the next one, ms. */
  readonly dueAtMs: number;
}

export const NOT_ASKED: OpeningAsks = { asks: 0, refusals: 0, waitedMs: 0, pauseMs: 0, dueAtMs: 0 };

export function readAsks(store: Store, replyId: Uint8Array): OpeningAsks {
  const row = store.prepare('SELECT * FROM opening_asks WHERE reply_id = ?').get(replyId);
  if (row === undefined) return NOT_ASKED;
  return {
    asks: row.asks as number,
    refusals: row.refusals as number,
    waitedMs: row.waited_ms as number,
    pauseMs: row.pause_ms as number,
    dueAtMs: row.due_at as number,
  };
}

export function keepAsks(store: Store, replyId: Uint8Array, row: OpeningAsks): void {
  const { asks, refusals, waitedMs, pauseMs, dueAtMs } = row;
  store
    .prepare(
      `INSERT OR REPLACE INTO opening_asks (reply_id, asks, refusals, waited_ms, pause_ms, due_at)
       VALUES (?, ?, ?, ?, ?, ?)`,
    )
    .run(replyId, asks, refusals, waitedMs, pauseMs, dueAtMs);
}

export function forgetAsks(store: Store, replyId: Uint8Array): void {
  store.prepare('DELETE FROM opening_asks WHERE reply_id = ?').run(replyId);
}

/** @returns ids of audits whose opening failed to come before and is to be asked for again, the longest due first. */
export function listDueAsks(store: Store, nowMs: number, limit: number): Uint8Array[] {
  return store
    .prepare(
      // A clock that was set back must not keep anybody waiting.
      `SELECT reply_id FROM opening_asks WHERE due_at <= ?1 OR due_at > ?1 + pause_ms ORDER BY due_at LIMIT ?2`,
    )
    .all(nowMs, limit)
    .map((row) => row.reply_id as Uint8Array);
}
