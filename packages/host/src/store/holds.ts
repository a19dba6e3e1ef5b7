import { amount, columns, integer, named, text } from './columns.ts';
import { change, findAll, findOne, replaceRow, type Work } from './work.ts';

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
const newRow = columns({ channel: text, until: named('until_s', integer), held: amount });
/** Older rows are dropped. A clock that is set back by less forgets no order that is alive again. */
const KEPT_S = 3_600;

export interface HeldOrder {
  /** Hex: of the other side of the channel. */
  readonly channel: string;
  readonly maxFeeAtomic: bigint;
  readonly expiresAtMs: number;
}

/** The maximum fees of a channel's orders that have not expired, whatever has become of them; never less. */
export function* sumHolds(channel: string, nowMs: number): Work<bigint> {
  const sql = `SELECT ${row.list} FROM holds WHERE channel = ? AND until_s * 1000 > ?`;
  return (yield* findAll(row, sql, channel, nowMs)).reduce((sum, { held }) => sum + held, 0n);
}

/** Holds an order's maximum fee until it expires. Belongs inside a transaction. */
export function* addHold({ channel, maxFeeAtomic, expiresAtMs }: HeldOrder, nowMs: number): Work<void> {
  const until = Math.floor(expiresAtMs / 1_000) + 1;
  const known = yield* findOne(row, `SELECT ${row.list} FROM holds WHERE channel = ? AND until_s = ?`, channel, until);
  const held = (known?.held ?? 0n) + maxFeeAtomic;
  yield* replaceRow(newRow, 'holds', 'channel, until_s', { channel, until, held });
  yield* change('DELETE FROM holds WHERE channel = ? AND until_s < ?', channel, Math.floor(nowMs / 1_000) - KEPT_S);
}
