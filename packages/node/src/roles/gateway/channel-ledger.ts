import type { GroupCommit } from '../../store/group-commit.ts';
import type { Store } from '../../store/store.ts';
import { GatewayError } from './gateway-error.ts';

/**
 * What the gateway has signed away, per channel (one validator, one payer). The voucher in an order is cumulative: it
 * lets the validator draw up to that much in all. So that every order in flight is covered and nothing beyond,
 *
 *   owed + outstanding <= cumulative <= the largest that owed + outstanding ever was,
 *
 * where `owed` sums the fees of closed orders and `outstanding` the maximum fees of the others.
 */
export interface ChannelState {
  readonly cumulativeAtomic: bigint;
  readonly owedAtomic: bigint;
  readonly outstandingAtomic: bigint;
}

/** The next voucher of a channel; never below the one before, since a validator keeps the largest. */
export function computeCumulative(channel: ChannelState, maxFeeAtomic: bigint): bigint {
  const needed = channel.owedAtomic + channel.outstandingAtomic + maxFeeAtomic;
  if (needed <= channel.cumulativeAtomic) return channel.cumulativeAtomic;
  return needed;
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
  /** What the chain says was drawn already: where a gateway starts that lost its memory. */
  readonly spentAtomic: bigint;
  readonly createdMs: number;
  readonly expiresMs: number;
}

export interface OrderBytes {
  readonly order: Uint8Array;
  /** 65 bytes. */
  readonly signature: Uint8Array;
}

/** `open`: in flight. `delivered`: answered and checked. `abandoned`: no good answer came. `closed`: the fee is known. */
export type OrderState = 'open' | 'delivered' | 'abandoned' | 'closed';

export interface OrderRow extends OrderBytes {
  readonly replyId: string;
  readonly completionId: string;
  readonly choice: number;
  readonly validator: string;
  readonly keyId: string;
  readonly maxFeeAtomic: bigint;
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly state: OrderState;
  readonly feeAtomic: bigint | undefined;
  readonly verdict: string;
  readonly detail: string;
  /** Transaction hash, `none` where nothing will ever be settled, or empty. */
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
   * Takes the maximum fee out of the channel and the key's budget and stores the order that `sign` makes for the
   * resulting voucher. It is on the disk when this resolves, and only then may anyone else see it.
   * @throws GatewayError `budget_exceeded` or `escrow_exhausted`; nothing changed then.
   */
  reserve(reservation: Reservation, sign: (cumulativeAtomic: bigint) => OrderBytes): Promise<OrderBytes>;
  mark(replyId: string, state: 'delivered' | 'abandoned'): Promise<void>;
  /** Puts the actual fee in the place of the reserved maximum; a fee stands once it is known, its settlement may follow. */
  close(replyId: string, closing: Closing): Promise<void>;
  channel(validator: string): ChannelState;
  find(replyId: string): OrderRow | undefined;
  /** Reply ids with a receipt behind one completion, by choice. */
  findCompletion(completionId: string): string[];
  /** Orders whose fee or settlement is not known yet, oldest first. */
  listUnsettled(limit: number, offset: number): OrderRow[];
  spentBy(keyId: string): bigint;
  /** Forgets orders from before a time that are settled for good. @returns how many. */
  expire(beforeMs: number): Promise<number>;
}

interface Spending {
  readonly spent: bigint;
  readonly reserved: bigint;
}

export function createChannelLedger(store: Store, group: GroupCommit): ChannelLedger {
  function readChannel(validator: string): ChannelState | undefined {
    const row = store.prepare('SELECT cumulative, owed, outstanding FROM channels WHERE validator = ?').get(validator);
    if (row === undefined) return undefined;
    return {
      cumulativeAtomic: BigInt(row.cumulative as string),
      owedAtomic: BigInt(row.owed as string),
      outstandingAtomic: BigInt(row.outstanding as string),
    };
  }

  function writeChannel(validator: string, state: ChannelState): void {
    store
      .prepare('INSERT OR REPLACE INTO channels (validator, cumulative, owed, outstanding) VALUES (?, ?, ?, ?)')
      .run(validator, `${state.cumulativeAtomic}`, `${state.owedAtomic}`, `${state.outstandingAtomic}`);
  }

  function readSpending(keyId: string): Spending {
    const row = store.prepare('SELECT spent, reserved FROM spending WHERE key_id = ?').get(keyId);
    return { spent: BigInt((row?.spent as string) ?? 0), reserved: BigInt((row?.reserved as string) ?? 0) };
  }

  function writeSpending(keyId: string, { spent, reserved }: Spending): void {
    store
      .prepare('INSERT OR REPLACE INTO spending (key_id, spent, reserved) VALUES (?, ?, ?)')
      .run(keyId, `${spent}`, `${reserved}`);
  }

  function readOrder(replyId: string): OrderRow | undefined {
    const row = store.prepare('SELECT * FROM orders WHERE reply_id = ?').get(replyId);
    return row === undefined ? undefined : toOrderRow(row);
  }

  return {
    reserve: (reservation, sign) =>
      group.write(() => {
        const { validator, keyId, maxFeeAtomic } = reservation;
        const channel = readChannel(validator) ?? openChannel(reservation.spentAtomic);
        const spending = readSpending(keyId);
        assertBudget(reservation, spending);
        const cumulativeAtomic = computeCumulative(channel, maxFeeAtomic);
        if (cumulativeAtomic > reservation.spendableAtomic) {
          throw new GatewayError(
            'escrow_exhausted',
            `The gateway's channel holds ${reservation.spendableAtomic} atomic units and this order needs ${cumulativeAtomic}; try again later.`,
            { retryAfterS: 5 },
          );
        }
        const signed = sign(cumulativeAtomic);
        writeChannel(validator, {
          ...channel,
          cumulativeAtomic,
          outstandingAtomic: channel.outstandingAtomic + maxFeeAtomic,
        });
        writeSpending(keyId, { ...spending, reserved: spending.reserved + maxFeeAtomic });
        store
          .prepare(
            `INSERT INTO orders (reply_id, completion_id, choice, validator, key_id, max_fee, order_bytes, signature,
               created_ms, expires_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          )
          .run(
            reservation.replyId,
            reservation.completionId,
            reservation.choice,
            validator,
            keyId,
            `${maxFeeAtomic}`,
            signed.order,
            signed.signature,
            reservation.createdMs,
            reservation.expiresMs,
          );
        return signed;
      }),

    mark: (replyId, state) =>
      group.write(() => {
        store.prepare("UPDATE orders SET state = ? WHERE reply_id = ? AND state = 'open'").run(state, replyId);
      }),

    close: (replyId, closing) =>
      group.write(() => {
        const row = readOrder(replyId);
        if (row === undefined) return;
        store.prepare('UPDATE orders SET settlement = ? WHERE reply_id = ?').run(closing.settlement, replyId);
        if (row.state === 'closed') return;
        // No claim can cost more than the order allowed.
        const isWithin = closing.feeAtomic <= row.maxFeeAtomic;
        const fee = isWithin ? closing.feeAtomic : row.maxFeeAtomic;
        const channel = readChannel(row.validator) as ChannelState;
        writeChannel(row.validator, {
          ...channel,
          owedAtomic: channel.owedAtomic + fee,
          outstandingAtomic: channel.outstandingAtomic - row.maxFeeAtomic,
        });
        const { spent, reserved } = readSpending(row.keyId);
        writeSpending(row.keyId, { spent: spent + fee, reserved: reserved - row.maxFeeAtomic });
        store
          .prepare("UPDATE orders SET state = 'closed', fee = ?, verdict = ?, detail = ? WHERE reply_id = ?")
          .run(`${fee}`, closing.verdict, closing.detail, replyId);
      }),

    channel: (validator) => store.read(() => readChannel(validator)) ?? openChannel(0n),
    find: (replyId) => store.read(() => readOrder(replyId)),
    findCompletion: (completionId) =>
      store.read(() =>
        store
          .prepare('SELECT reply_id FROM orders JOIN receipts USING (reply_id) WHERE completion_id = ? ORDER BY choice')
          .all(completionId)
          .map((row) => row.reply_id as string),
      ),
    listUnsettled: (limit, offset) =>
      store.read(() =>
        store
          .prepare("SELECT * FROM orders WHERE settlement = '' ORDER BY created_ms, reply_id LIMIT ? OFFSET ?")
          .all(limit, offset)
          .map(toOrderRow),
      ),
    spentBy: (keyId) => store.read(() => readSpending(keyId).spent),
    expire: (beforeMs) =>
      group.write(() => {
        const settled = store.prepare(
          "DELETE FROM orders WHERE created_ms < ? AND state = 'closed' AND settlement <> ''",
        );
        return Number(settled.run(beforeMs).changes);
      }),
  };
}

const openChannel = (spentAtomic: bigint): ChannelState => ({
  cumulativeAtomic: spentAtomic,
  owedAtomic: spentAtomic,
  outstandingAtomic: 0n,
});

function assertBudget({ keyBudgetAtomic, maxFeeAtomic }: Reservation, { spent, reserved }: Spending): void {
  if (keyBudgetAtomic === undefined || spent + reserved + maxFeeAtomic <= keyBudgetAtomic) return;
  throw new GatewayError(
    'budget_exceeded',
    `You exceeded the budget of this key: ${spent + reserved} of ${keyBudgetAtomic} atomic units are spent or reserved, ` +
      `and this request may cost ${maxFeeAtomic}. Lower max_tokens or raise the budget.`,
    { publicCode: 'insufficient_quota' },
  );
}

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
    feeAtomic: row.fee === null ? undefined : BigInt(row.fee as string),
    verdict: row.verdict as string,
    detail: row.detail as string,
    settlement: row.settlement as string,
  };
}
