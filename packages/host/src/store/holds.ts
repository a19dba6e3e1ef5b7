import { amount, columns, integer, named, text } from './columns.ts';
import type { Work } from './work.ts';
import { changeLater, findRow, findTogether, putRow, type RowQuery, type WorkTable } from './work-rows.ts';

/** Part of the schema of every store that admits or signs orders: the amounts that orders reserve on a channel, by expiry. */
export const HOLD_TABLE = `
  CREATE TABLE holds (
    channel TEXT NOT NULL,
    until_s INTEGER NOT NULL,
    held TEXT NOT NULL,
    PRIMARY KEY (channel, until_s)
  ) STRICT, WITHOUT ROWID;
`;

const holdRow = columns({ channel: text, until: named('until_s', integer), held: amount });
type HoldRow = ReturnType<typeof holdRow.read>;
const holdTable: WorkTable<HoldRow> = { name: 'holds', key: ['channel', 'until_s'], row: holdRow };
/**
 * Orders that expire within this time share a row until the last of them may have expired. Each order reads all rows of its channel, and
 * orders live for minutes.
 */
const STEP_S = 8;
/** Older rows are dropped. A clock that is set back by less forgets no order that is alive again. */
const KEPT_S = 3_600;

export interface HeldOrder {
  /** Hex: of the other side of the channel. */
  readonly channel: string;
  readonly maxFeeAtomic: bigint;
  readonly expiresAtMs: number;
}

/** The reserved amount of a channel by orders that have not expired. */
export const liveHolds = (channel: string, nowMs: number): RowQuery<HoldRow> => ({
  table: holdTable,
  key: [channel],
  after: Math.floor(nowMs / 1_000),
});

/** Sums the maximum fees of a channel's orders that have not expired, whatever their state; never less. */
export function* sumHolds(channel: string, nowMs: number): Work<bigint> {
  const [rows] = yield* findTogether(liveHolds(channel, nowMs));
  return rows.reduce((sum, { held }) => sum + held, 0n);
}

/** Holds an order's maximum fee until it expires. Belongs inside a transaction. */
export function* addHold({ channel, maxFeeAtomic, expiresAtMs }: HeldOrder, nowMs: number): Work<void> {
  const until = (Math.floor(expiresAtMs / 1_000 / STEP_S) + 1) * STEP_S;
  const known = yield* findRow(holdTable, channel, until);
  yield* putRow(holdTable, { channel, until, held: (known?.held ?? 0n) + maxFeeAtomic });
  if (known !== undefined) return;
  const before = Math.floor(nowMs / 1_000) - KEPT_S;
  yield* changeLater('old holds', 'DELETE FROM holds WHERE channel = ? AND until_s < ?', channel, before);
}
