import { ApiError } from '@ogong/host/http/api-error';
import { columns, integer, text } from '@ogong/host/store/columns';
import { addHold, liveHolds, sumHolds } from '@ogong/host/store/holds';
import { change, findAll, type Work } from '@ogong/host/store/work';
import { addRow, askAhead, findRow, findTogether, patchRow, type RowQuery } from '@ogong/host/store/work-rows';
import type { WorkOptions, WorkStore } from '@ogong/host/store/work-store';
import {
  catchUp,
  channelRows,
  computeCumulative,
  computeUnexplained,
  findChannel,
  findHeld,
  openChannel,
  type PayerChannel,
  writeChannel,
  writeHeld,
} from './channel-store.ts';
import { grantedTo } from './credit-store.ts';
import {
  findOrder,
  newOrderTable,
  type OrderBytes,
  type OrderRow,
  orderNamed,
  orderRow,
  orderState,
  orderTable,
  type TryFailure,
} from './order-store.ts';
import {
  assertBudgets,
  assertCovered,
  assertShare,
  type BudgetedOrder,
  dayRows,
  listAccounts,
  nameHolder,
  type Reservation,
} from './reservation.ts';
import { findSpending, putSpending, type Spending, spendingOf } from './spending-store.ts';
import { addUsage, toDay, type UsagePlace, usageOf } from './usage-store.ts';

export type UnsettledOrder = Pick<OrderRow, 'replyId' | 'validator' | 'keyId' | 'organisation' | 'state' | 'expiresMs'>;

/** The record of a delivered reply, and its fee. */
export interface HeldRecord {
  /** Hex. */
  readonly recordHash: string;
  readonly feeAtomic: bigint;
  readonly promptTokens: number;
  readonly outputTokens: number;
}

export interface Closing {
  /** Hash of the record that the verdict is about, in hex, or empty. */
  readonly judgedRecord: string;
  readonly feeAtomic: bigint;
  readonly verdict: string;
  readonly detail: string;
  readonly settlement: string;
}

/** Longest stored reason: a provider chooses the text of its refusals. */
const MAX_REASON_LENGTH = 500;

export interface ChannelLedger {
  /**
   * Checks whether key and organisation could pay for an order now. It reserves nothing.
   * @throws ApiError `budget_exceeded`, `credit_exhausted`
   */
  assertBudgets(order: BudgetedOrder): Promise<void>;
  /**
   * Reserves the maximum fee in the channel and in the budgets of the key and its organisation. Stores the order that `sign`
   * makes for the resulting voucher. The order is on the disk when this resolves, and only then may anybody else see it.
   * @throws ApiError `budget_exceeded`, `too_many_requests`, `escrow_exhausted`, or `invalid_request` for a known id; nothing
   * changed then.
   */
  reserve(reservation: Reservation, sign: (cumulativeAtomic: bigint) => OrderBytes): Promise<OrderBytes>;
  deliver(replyId: string, held: HeldRecord): Promise<void>;
  abandon(replyId: string): Promise<void>;
  /** Stores the reason why an order brought no answer. The order keeps its state: its validator decides its cost. */
  noteFailure(replyId: string, failure: TryFailure): Promise<void>;
  /**
   * Replaces the reserved maximum by the actual fee. A known fee does not change; its settlement may follow later. @returns
   * whether it is known only now.
   */
  close(replyId: string, closing: Closing): Promise<boolean>;
  channel(validator: string): Promise<PayerChannel>;
  /** Sums the maximum fees of a channel's orders that have not expired, in any state. */
  held(validator: string, nowMs: number): Promise<bigint>;
  find(replyId: string): Promise<OrderRow | undefined>;
  /** Reply ids with a receipt behind one completion, by choice. */
  findCompletion(completionId: string): Promise<string[]>;
  /** Lists orders of the same choice that brought no answer, in the order of their attempts. */
  listFailed(order: Pick<OrderRow, 'completionId' | 'choice'>): Promise<OrderRow[]>;
  /**
   * Lists orders whose fee or settlement is not known yet, the oldest first. There are thousands, and a round asks about few of
   * them.
   */
  listUnsettled(limit: number, offset: number): Promise<UnsettledOrder[]>;
  /** Finds the known ones among these orders, in their order. */
  findAll(replyIds: readonly string[]): Promise<OrderRow[]>;
  /** Forgets settled orders from before a time. @returns how many. */
  expire(beforeMs: number): Promise<number>;
}

const replyIdRow = columns({ replyId: text });
const unsettledRow = columns({
  ...{ replyId: text, validator: text, keyId: text, organisation: text },
  ...{ state: orderState, expiresMs: integer },
});

/** @param onUnexplained is told of an amount that a validator drew and that no known order explains. */
export function createChannelLedger(
  books: WorkStore,
  onUnexplained: (validator: string, amountAtomic: bigint) => void = () => {},
): ChannelLedger {
  const payers = createPayerMemo();
  return {
    assertBudgets: (order) => books.read(() => assertBudgets(order)),
    async reserve(reservation, sign) {
      const order = { ...reservation, organisation: reservation.organisation?.id ?? '' };
      const { signed, unexplainedAtomic } = await books.write(() => reserve(reservation, sign), touchingOrder(order));
      if (unexplainedAtomic > 0n) onUnexplained(order.validator, unexplainedAtomic);
      // Learn the payer only after the commit: a client may offer the reply id of another holder's order.
      payers.learn(order);
      return signed;
    },
    deliver: (replyId, held) => books.write(() => deliver(replyId, held), payers.touching(replyId)),
    abandon: (replyId) =>
      books.write(
        function* () {
          const row = yield* findOrder(replyId);
          if (row?.state === 'open') yield* patchRow(orderTable, [replyId], { state: 'abandoned' });
        },
        { touches: [nameReply(replyId)] },
      ),
    noteFailure: (replyId, { code, reason, shownBytes }) =>
      books.write(
        function* () {
          const words = { failure: code, failure_reason: reason.slice(0, MAX_REASON_LENGTH), shown_bytes: shownBytes };
          yield* patchRow(orderTable, [replyId], words);
        },
        { touches: [nameReply(replyId)] },
      ),
    // Validators are asked again until the fee is known.
    close: (replyId, closing) =>
      books.write(() => close(replyId, closing), { mayBeLost: true, ...payers.touching(replyId) }),
    channel: async (validator) => (await books.read(() => findChannel(validator))) ?? openChannel(0n),
    held: (validator, nowMs) => books.read(() => sumHolds(validator, nowMs)),
    find: (replyId) => books.read(() => findOrder(replyId)),
    findCompletion: (completionId) =>
      books.read(function* () {
        // A private reply stays listed after its receipt is dropped.
        const isPrivate = `held_record <> '' AND EXISTS
          (SELECT 1 FROM calls WHERE calls.completion_id = orders.completion_id AND settlement_type = 'private')`;
        const hasReceipt = 'EXISTS (SELECT 1 FROM receipts WHERE receipts.reply_id = orders.reply_id)';
        const sql = `SELECT reply_id FROM orders WHERE completion_id = ? AND failure = ''
          AND (${hasReceipt} OR (${isPrivate})) ORDER BY choice`;
        return (yield* findAll(replyIdRow, sql, completionId)).map(({ replyId }) => replyId);
      }),
    listFailed: ({ completionId, choice }) => {
      const sql = `SELECT ${orderRow.list} FROM orders WHERE completion_id = ? AND choice = ? AND failure <> '' ORDER BY rowid`;
      return books.read(() => findAll(orderRow, sql, completionId, choice));
    },
    async listUnsettled(limit, offset) {
      const sql = `SELECT ${unsettledRow.list} FROM orders WHERE settlement = '' ORDER BY created_ms, reply_id LIMIT ? OFFSET ?`;
      const found = await books.read(() => findAll(unsettledRow, sql, limit, offset));
      found.forEach(payers.learn);
      return found;
    },
    findAll: (replyIds) =>
      books.read(function* () {
        const queries = replyIds.map((replyId) => ({ table: orderTable, key: [replyId] }));
        return (yield* findTogether<readonly OrderRow[]>(...queries)).flat();
      }),
    expire: (beforeMs) =>
      books.write(() =>
        change("DELETE FROM orders WHERE created_ms < ? AND state = 'closed' AND settlement <> ''", beforeMs),
      ),
  };
}

type OrderPayer = Pick<OrderRow, 'replyId' | 'validator' | 'keyId' | 'organisation'>;

interface PayerMemo {
  learn(order: OrderPayer): void;
  /** Names the things that a change of this order touches; everything, if its account is unknown. */
  touching(replyId: string): WorkOptions;
}

const MAX_KNOWN_PAYERS = 65_536;

const nameReply = (replyId: string): string => `reply ${replyId}`;

/** Remembers the accounts that pay for orders. An order's account never changes. */
function createPayerMemo(): PayerMemo {
  const known = new Map<string, OrderPayer>();
  return {
    learn({ replyId, validator, keyId, organisation }) {
      known.set(replyId, { replyId, validator, keyId, organisation });
      if (known.size > MAX_KNOWN_PAYERS) known.delete(known.keys().next().value as string);
    },
    touching(replyId) {
      const order = known.get(replyId);
      return order === undefined ? {} : touchingOrder(order);
    },
  };
}

function touchingOrder(order: OrderPayer): WorkOptions {
  const accounts = listAccounts(order).map((account) => `account ${account}`);
  return { touches: [nameReply(order.replyId), `channel ${order.validator}`, ...accounts] };
}

/**
 * Lists the rows that an order's money counts in. Work that changes one reads all of them first, so that a distant database is
 * asked once.
 */
function listMoneyRows(
  order: Pick<OrderRow, 'validator' | 'keyId' | 'organisation' | 'model' | 'createdMs'>,
): readonly RowQuery<unknown>[] {
  return [
    ...channelRows(order.validator),
    ...listAccounts(order).map(spendingOf),
    usageOf({ ...order, day: toDay(order.createdMs) }),
  ];
}

/** Books one change of an order in all its accounts, and in the usage of its day. */
function* book(
  { keyId, organisation, model, createdMs }: Omit<UsagePlace, 'day'> & { readonly createdMs: number },
  { spent, reserved }: Spending,
): Work<void> {
  for (const account of listAccounts({ keyId, organisation })) {
    const known = yield* findSpending(account);
    const state = { spent: known.spent + spent, reserved: known.reserved + reserved };
    yield* putSpending(account, state);
  }
  const place = { day: toDay(createdMs), keyId, model, organisation };
  yield* addUsage(place, { costAtomic: spent, reservedAtomic: reserved });
}

function* reserve(
  reservation: Reservation,
  sign: (cumulativeAtomic: bigint) => OrderBytes,
): Work<{ readonly signed: OrderBytes; readonly unexplainedAtomic: bigint }> {
  const { replyId, validator, keyId, maxFeeAtomic, createdMs } = reservation;
  const organisation = reservation.organisation?.id ?? '';
  yield* askAhead(
    orderNamed(replyId),
    ...listMoneyRows({ ...reservation, organisation }),
    ...listAccounts({ keyId, organisation }).map(grantedTo),
    ...dayRows(reservation),
    liveHolds(validator, createdMs),
  );
  // A client chooses the nonce of a sealed reply, and may offer it to two gateways with one database.
  if (yield* findRow(newOrderTable, replyId)) {
    throw new ApiError('invalid_request', 'A nonce is for one offer.', { param: 'nonce', publicCode: null });
  }
  const known = yield* findChannel(validator);
  const channel = catchUp(known, reservation.spentAtomic);
  yield* assertBudgets(reservation);
  const held = yield* findHeld(validator);
  const holder = nameHolder({ keyId, organisation });
  assertShare(reservation, { holder, held, roomAtomic: reservation.spendableAtomic - channel.owedAtomic });
  const cumulativeAtomic = computeCumulative(channel, maxFeeAtomic);
  if (cumulativeAtomic > reservation.spendableAtomic) {
    throw new ApiError(
      'escrow_exhausted',
      `The gateway's channel holds ${reservation.spendableAtomic} atomic units and this order needs ${cumulativeAtomic}; try again later.`,
      { retryAfterS: 5 },
    );
  }
  assertCovered(reservation, yield* sumHolds(validator, createdMs));
  const signed = sign(cumulativeAtomic);
  yield* addHold({ channel: validator, maxFeeAtomic, expiresAtMs: reservation.expiresMs }, createdMs);
  yield* writeChannel(validator, {
    ...channel,
    cumulativeAtomic,
    outstandingAtomic: channel.outstandingAtomic + maxFeeAtomic,
  });
  yield* book({ ...reservation, organisation }, { spent: 0n, reserved: maxFeeAtomic });
  yield* writeHeld(validator, holder, (held.get(holder) ?? 0n) + maxFeeAtomic);
  yield* addRow(newOrderTable, { ...reservation, organisation, ...signed });
  return { signed, unexplainedAtomic: computeUnexplained(known, reservation.spentAtomic) };
}

function* deliver(replyId: string, { recordHash, feeAtomic, promptTokens, outputTokens }: HeldRecord): Work<void> {
  const row = yield* findOrder(replyId);
  // A verdict may arrive before the gateway's own checks are done. The reply counts as used then too.
  if (row === undefined || row.state === 'abandoned' || row.heldRecord !== '') return;
  const state = row.state === 'closed' ? 'closed' : 'delivered';
  yield* patchRow(orderTable, [replyId], { state, held_record: recordHash, held_fee: `${feeAtomic}` });
  yield* addUsage({ ...row, day: toDay(row.createdMs) }, { replies: 1, promptTokens, outputTokens });
}

function* close(replyId: string, closing: Closing): Work<boolean> {
  const row = yield* findOrder(replyId);
  if (row === undefined) return false;
  const { settlement, verdict, detail, judgedRecord } = closing;
  if (row.state === 'closed') {
    yield* patchRow(orderTable, [replyId], { settlement });
    return false;
  }
  yield* askAhead(...listMoneyRows(row));
  // No claim can cost more than the order allowed.
  const isWithin = closing.feeAtomic <= row.maxFeeAtomic;
  const fee = isWithin ? closing.feeAtomic : row.maxFeeAtomic;
  const channel = (yield* findChannel(row.validator)) as PayerChannel;
  yield* writeChannel(row.validator, {
    ...channel,
    owedAtomic: channel.owedAtomic + fee,
    outstandingAtomic: channel.outstandingAtomic - row.maxFeeAtomic,
  });
  const holder = nameHolder(row);
  const held = (yield* findHeld(row.validator)).get(holder) ?? 0n;
  yield* writeHeld(row.validator, holder, held - row.maxFeeAtomic);
  yield* book(row, { spent: fee, reserved: -row.maxFeeAtomic });
  yield* patchRow(orderTable, [replyId], {
    ...{ state: 'closed', fee: `${fee}`, settlement, verdict, detail, judged_record: judgedRecord },
  });
  return true;
}
