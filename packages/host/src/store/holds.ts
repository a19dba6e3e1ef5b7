import { amount, columns } from './columns.ts';
import type { Store } from './store.ts';

/** Part of the schema of every store that admits or signs orders: what these hold of a channel, by the second of their expiry. */
export const HOLD_TABLE = `
  CREATE TABLE holds (
    channel TEXT NOT NULL,
    until_s INTEGER NOT NULL,
    held TEXT NOT NULL,
    PRIMARY KEY (channel, until_s)
  ) STRICT, WITHOUT ROWID;
`;

const row = columns({ held: amount });
/** Older rows are dropped. A clock that is set back by less forgets no order that is alive again. */
const KEPT_S = 3_600;

export interface HeldOrder {
  /** Hex: of the other side of the channel. */
  readonly channel: string;
  readonly maxFeeAtomic: bigint;
  readonly expiresAtMs: number;
}

/** The maximum fees of a channel's orders that have not expired, whatever has become of them; never less. */
export function sumHolds(store: Store, channel: string, nowMs: number): bigint {
  const select = store.prepare(`SELECT ${row.list} FROM holds WHERE channel = ? AND until_s * 1000 > ?`);
  return row.all(select, channel, nowMs).reduce((sum, { held }) => sum + held, 0n);
}

/** Holds an order's maximum fee until it expires. Belongs inside a transaction. */
export function addHold(store: Store, { channel, maxFeeAtomic, expiresAtMs }: HeldOrder, nowMs: number): void {
  const until = Math.floor(expiresAtMs / 1_000) + 1;
  const known = row.get(
    store.prepare(`SELECT ${row.list} FROM holds WHERE channel = ? AND until_s = ?`),
    channel,
    until,
  );
  store
    .prepare('INSERT OR REPLACE INTO holds (channel, until_s, held) VALUES (?, ?, ?)')
    .run(channel, until, `${(known?.held ?? 0n) + maxFeeAtomic}`);
  store.prepare('DELETE FROM holds WHERE channel = ? AND until_s < ?').run(channel, Math.floor(nowMs / 1_000) - KEPT_S);
}
