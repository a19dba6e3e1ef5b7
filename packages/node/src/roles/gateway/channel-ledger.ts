import type { GatewayDatabase } from './database.ts';
import { GatewayError } from './gateway-error.ts';

/**
 * What the gateway has signed away, per channel (one validator, one payer). The voucher in an order is cumulative: it
 * lets the validator draw up to that much in all. So that every order in flight is covered and nothing beyond,
 *
 *   owed + outstanding <= cumulative <= the largest that owed + outstanding ever was,
 *
 * where `owed` sums the fees of closed orders and `outstanding` the maximum fees of open ones.
 */
export interface ChannelState {
  readonly cumulativeAtomic: bigint;
  readonly owedAtomic: bigint;
  readonly outstandingAtomic: bigint;
}

/** The next voucher of a channel; never below the one before, since a validator keeps the largest. */
export function computeCumulative(channel: ChannelState, maxFeeAtomic: bigint): bigint {
  const needed = channel.owedAtomic + channel.outstandingAtomic + maxFeeAtomic;
  return needed > channel.cumulativeAtomic ? needed : channel.cumulativeAtomic;
}

export interface Reservation {
  /** Hex, 16 bytes. */
  readonly replyId: string;
  readonly completionId: string;
  readonly choice: number;
  /** Hex address. */
  readonly validator: string;
  readonly keyId: string;
  /** Most that the key may ever spend; undefined: no limit. */
  readonly keyBudgetAtomic: bigint | undefined;
  readonly maxFeeAtomic: bigint;
  /** What the chain lets the validator draw from this channel in all. */
  readonly spendableAtomic: bigint;
  /** What the chain says was drawn already: a floor for what this gateway remembers. */
  readonly spentAtomic: bigint;
  readonly createdMs: number;
  readonly expiresMs: number;
}

export interface SignedOrderBytes {
  readonly order: Uint8Array;
  readonly signature: Uint8Array;
}

/** `open`: in flight. `delivered`: answered and checked. `abandoned`: no good answer came. `closed`: the fee is known. */
export type OrderState = 'open' | 'delivered' | 'abandoned' | 'closed';

export interface OrderRow extends SignedOrderBytes {
  readonly replyId: string;
  readonly completionId: string;
  readonly choice: number;
  readonly validator: string;
  readonly keyId: string;
  readonly maxFeeAtomic: bigint;
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly state: OrderState;
  readonly verdict: string;
  readonly feeAtomic: bigint | undefined;
  readonly detail: string;
  readonly settlement: string;
}

export interface Closing {
  readonly feeAtomic: bigint;
  readonly verdict: string;
  readonly detail: string;
  readonly settlement: string;
}

export interface ChannelLedger {
  /**
   * Takes the maximum fee out of the channel and the key's budget, and stores the order that `sign` makes for the
   * resulting voucher, before anyone else sees it.
   * @throws GatewayError `budget_exceeded` or `escrow_exhausted`; nothing changed then.
   */
  reserve(reservation: Reservation, sign: (cumulativeAtomic: bigint) => SignedOrderBytes): SignedOrderBytes;
  mark(replyId: string, state: 'delivered' | 'abandoned'): void;
  /** Puts the actual fee in the place of the reserved maximum. The first closing of an order stands. */
  close(replyId: string, closing: Closing): void;
  /** Settlement of an order that closed before it was on the chain. */
  noteSettlement(replyId: string, transaction: string): void;
  channel(validator: string): ChannelState;
  find(replyId: string): OrderRow | undefined;
  /** Reply ids of the orders behind a completion that were delivered, by choice. */
  findCompletion(completionId: string): string[];
  /** Orders whose fee is not final, oldest first. */
  listUnsettled(limit: number): OrderRow[];
  spentBy(keyId: string): bigint;
}

export function createChannelLedger({ sql, transact }: GatewayDatabase): ChannelLedger {
  const readChannel = sql.prepare('SELECT cumulative, owed FROM channels WHERE validator = ?');
  const writeChannel = sql.prepare(
    `INSERT INTO channels (validator, cumulative, owed) VALUES (?, ?, ?)
     ON CONFLICT (validator) DO UPDATE SET cumulative = excluded.cumulative, owed = excluded.owed`,
  );
  const insertOrder = sql.prepare(
    `INSERT INTO orders (reply_id, completion_id, choice, validator, key_id, max_fee, cumulative, order_bytes, signature,
       created_ms, expires_ms, state, verdict, fee, detail, settlement)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', '', NULL, '', '')`,
  );
  const readOrder = sql.prepare('SELECT * FROM orders WHERE reply_id = ?');
  const listOpen = sql.prepare("SELECT * FROM orders WHERE state <> 'closed' ORDER BY created_ms LIMIT ?");
  const listCompletion = sql.prepare(
    `SELECT orders.reply_id FROM orders JOIN receipts USING (reply_id) WHERE completion_id = ? ORDER BY choice`,
  );
  const markOrder = sql.prepare("UPDATE orders SET state = ? WHERE reply_id = ? AND state = 'open'");
  const closeOrder = sql.prepare(
    "UPDATE orders SET state = 'closed', fee = ?, verdict = ?, detail = ?, settlement = ? WHERE reply_id = ?",
  );
  const settleOrder = sql.prepare('UPDATE orders SET settlement = ? WHERE reply_id = ?');
  const readSpending = sql.prepare('SELECT spent FROM spending WHERE key_id = ?');
  const writeSpending = sql.prepare(
    `INSERT INTO spending (key_id, spent) VALUES (?, ?) ON CONFLICT (key_id) DO UPDATE SET spent = excluded.spent`,
  );

  // Sums over open orders, kept beside the table: a reservation must not scan it.
  const outstandingOf = createTally();
  const reservedBy = createTally();
  for (const row of sql.prepare("SELECT validator, key_id, max_fee FROM orders WHERE state <> 'closed'").all()) {
    outstandingOf.add(row.validator as string, BigInt(row.max_fee as string));
    reservedBy.add(row.key_id as string, BigInt(row.max_fee as string));
  }

  function channel(validator: string): ChannelState {
    const row = readChannel.get(validator);
    return {
      cumulativeAtomic: BigInt((row?.cumulative as string | undefined) ?? 0),
      owedAtomic: BigInt((row?.owed as string | undefined) ?? 0),
      outstandingAtomic: outstandingOf.get(validator),
    };
  }
  const spentBy = (keyId: string): bigint => BigInt((readSpending.get(keyId)?.spent as string | undefined) ?? 0);
  const find = (replyId: string): OrderRow | undefined => {
    const row = readOrder.get(replyId);
    return row === undefined ? undefined : toOrderRow(row);
  };

  return {
    channel,
    find,
    spentBy,
    reserve(reservation, sign) {
      const { validator, keyId, keyBudgetAtomic, maxFeeAtomic } = reservation;
      const signed = transact(() => {
        const known = channel(validator);
        const state = { ...known, owedAtomic: max(known.owedAtomic, reservation.spentAtomic) };
        const committed = spentBy(keyId) + reservedBy.get(keyId);
        if (keyBudgetAtomic !== undefined && committed + maxFeeAtomic > keyBudgetAtomic) {
          throw new GatewayError(
            'budget_exceeded',
            `You exceeded the budget of this key: ${committed} of ${keyBudgetAtomic} atomic units are spent or reserved, ` +
              `and this request may cost ${maxFeeAtomic}. Lower max_tokens or raise the key's budget.`,
            { publicCode: 'insufficient_quota' },
          );
        }
        const cumulative = computeCumulative(state, maxFeeAtomic);
        if (cumulative > reservation.spendableAtomic) {
          throw new GatewayError(
            'escrow_exhausted',
            `The gateway's channel holds ${reservation.spendableAtomic} atomic units and would need ${cumulative}; try again later.`,
            { retryAfterS: 5 },
          );
        }
        const order = sign(cumulative);
        writeChannel.run(validator, cumulative.toString(), state.owedAtomic.toString());
        insertOrder.run(
          reservation.replyId,
          reservation.completionId,
          reservation.choice,
          validator,
          keyId,
          maxFeeAtomic.toString(),
          cumulative.toString(),
          order.order,
          order.signature,
          reservation.createdMs,
          reservation.expiresMs,
        );
        return order;
      });
      outstandingOf.add(validator, maxFeeAtomic);
      reservedBy.add(keyId, maxFeeAtomic);
      return signed;
    },
    mark(replyId, state) {
      markOrder.run(state, replyId);
    },
    close(replyId, { feeAtomic, verdict, detail, settlement }) {
      const row = find(replyId);
      if (row === undefined || row.state === 'closed') return;
      // No claim can cost more than the order allowed.
      const fee = feeAtomic < row.maxFeeAtomic ? feeAtomic : row.maxFeeAtomic;
      transact(() => {
        const { cumulativeAtomic, owedAtomic } = channel(row.validator);
        writeChannel.run(row.validator, cumulativeAtomic.toString(), (owedAtomic + fee).toString());
        closeOrder.run(fee.toString(), verdict, detail, settlement, replyId);
        writeSpending.run(row.keyId, (spentBy(row.keyId) + fee).toString());
      });
      outstandingOf.add(row.validator, -row.maxFeeAtomic);
      reservedBy.add(row.keyId, -row.maxFeeAtomic);
    },
    noteSettlement(replyId, transaction) {
      settleOrder.run(transaction, replyId);
    },
    findCompletion: (completionId) => listCompletion.all(completionId).map((row) => row.reply_id as string),
    listUnsettled: (limit) => listOpen.all(limit).map(toOrderRow),
  };
}

function createTally() {
  const sums = new Map<string, bigint>();
  return {
    get: (name: string): bigint => sums.get(name) ?? 0n,
    add(name: string, amount: bigint): void {
      const sum = (sums.get(name) ?? 0n) + amount;
      if (sum === 0n) sums.delete(name);
      else sums.set(name, sum);
    },
  };
}

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);

function toOrderRow(row: Record<string, unknown>): OrderRow {
  return {
    replyId: row.reply_id as string,
    completionId: row.completion_id as string,
    choice: row.choice as number,
    validator: row.validator as string,
    keyId: row.key_id as string,
    maxFeeAtomic: BigInt(row.max_fee as string),
    order: row.order_bytes as Uint8Array,
    signature: row.signature as Uint8Array,
    createdMs: row.created_ms as number,
    expiresMs: row.expires_ms as number,
    state: row.state as OrderState,
    verdict: row.verdict as string,
    feeAtomic: row.fee === null ? undefined : BigInt(row.fee as string),
    detail: row.detail as string,
    settlement: row.settlement as string,
  };
}
