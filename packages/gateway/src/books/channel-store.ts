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
 * Computes the drawn amount that no known order explains. Each drawn fee belongs to a known order, open or closed. So a restored database
 * has lost orders, or the validator drew more than it had told this gateway.
 * @param spentAtomic drawn so far, by the chain.
 */
export const computeUnexplained = (known: PayerChannel | undefined, spentAtomic: bigint): bigint => {
  const unexplained = known === undefined ? 0n : spentAtomic - known.owedAtomic - known.outstandingAtomic;
  return unexplained > 0n ? unexplained : 0n;
};

/** Returns the channel with at least the drawn amount. No order would be admitted unless its voucher covers that amount. */
export function catchUp(known: PayerChannel | undefined, spentAtomic: bigint): PayerChannel {
  if (known === undefined) return openChannel(spentAtomic);
  return { ...known, owedAtomic: known.owedAtomic + computeUnexplained(known, spentAtomic) };
}
