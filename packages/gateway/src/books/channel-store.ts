import { amount, columns, named, text } from '@ogong/host/store/columns';
import type { Work } from '@ogong/host/store/work';
import { dropRow, findRow, findTogether, putRow, type RowQuery, type WorkTable } from '@ogong/host/store/work-rows';

/**
 * Sums of a channel (one validator, one payer): the signed amount and its parts. The voucher in an order is cumulative: it
 * lets the validator draw up to that much in all. To cover every order in flight and nothing more, it keeps to
 *
 *   owed + outstanding <= cumulative <= the largest that owed + outstanding ever was,
 *
 * where `owed` sums the fees of closed orders and `outstanding` the maximum fees of the others.
 */
export interface PayerChannel {
  readonly cumulativeAtomic: bigint;
  readonly owedAtomic: bigint;
  readonly outstandingAtomic: bigint;
}

/** Computes the next voucher of a channel. It is never below the one before, since a validator keeps the largest. */
export function computeCumulative(channel: PayerChannel, maxFeeAtomic: bigint): bigint {
  const needed = channel.owedAtomic + channel.outstandingAtomic + maxFeeAtomic;
  if (needed <= channel.cumulativeAtomic) return channel.cumulativeAtomic;
  return needed;
}

export const openChannel = (spentAtomic: bigint): PayerChannel => ({
  cumulativeAtomic: spentAtomic,
  owedAtomic: spentAtomic,
  outstandingAtomic: 0n,
});

const channelRow = columns({
  validator: text,
  cumulativeAtomic: named('cumulative', amount),
  owedAtomic: named('owed', amount),
  outstandingAtomic: named('outstanding', amount),
});
const heldRow = columns({ validator: text, holder: text, held: amount });
type ChannelRow = ReturnType<typeof channelRow.read>;
const channelTable: WorkTable<ChannelRow> = { name: 'channels', key: ['validator'], row: channelRow };
type HeldRow = ReturnType<typeof heldRow.read>;
const heldTable: WorkTable<HeldRow> = { name: 'held', key: ['validator', 'holder'], row: heldRow };

/** Queries the rows of a channel: the signed amount, and the amount that open orders of each holder reserve. */
export const channelRows = (validator: string): readonly RowQuery<unknown>[] => [
  { table: channelTable, key: [validator] },
  { table: heldTable, key: [validator] },
];

export function* findChannel(name: string): Work<PayerChannel | undefined> {
  const row = yield* findRow(channelTable, name);
  if (row === undefined) return undefined;
  const { validator: _, ...channel } = row;
  return channel;
}

export const writeChannel = (validator: string, state: PayerChannel): Work<void> =>
  putRow(channelTable, { ...state, validator });

/** Finds the amounts that open orders of each holder reserve in a channel. */
export function* findHeld(validator: string): Work<Map<string, bigint>> {
  const [rows] = yield* findTogether<[HeldRow]>({ table: heldTable, key: [validator] });
  return new Map(rows.map(({ holder, held }) => [holder, held]));
}

export function* writeHeld(validator: string, holder: string, held: bigint): Work<void> {
  if (held > 0n) yield* putRow(heldTable, { validator, holder, held });
  else yield* dropRow(heldTable, validator, holder);
}

/**
 * Returns the channel with at least the drawn amount. Each drawn fee belongs to a known order, open or closed. If a validator
 * drew more than all orders may cost, a restored database has lost orders. No order would be admitted unless its voucher covers
 * the drawn amount.
 */
export function* catchUp(validator: string, spentAtomic: bigint): Work<PayerChannel> {
  const known = yield* findChannel(validator);
  if (known === undefined) return openChannel(spentAtomic);
  const forgotten = spentAtomic - known.owedAtomic - known.outstandingAtomic;
  return forgotten > 0n ? { ...known, owedAtomic: known.owedAtomic + forgotten } : known;
}
