import { ApiError } from '@ogong/host/http/api-error';
import { amount, bytes, columns, integer, named, oneOf, optional, text } from '@ogong/host/store/columns';
import { addHold, liveHolds, sumHolds } from '@ogong/host/store/holds';
import { change, findAll, type Work } from '@ogong/host/store/work';
import {
  addRow,
  askAhead,
  dropRow,
  findRow,
  findTogether,
  patchRow,
  putRow,
  type RowQuery,
  type WorkTable,
} from '@ogong/host/store/work-rows';
import type { WorkOptions, WorkStore } from '@ogong/host/store/work-store';
import { findGranted, grantedTo } from './credit-book.ts';
import { isPayer } from './payment-book.ts';
import { findSpending, nameAccount, putSpending, type Spending, spendingOf } from './spending-book.ts';
import { addUsage, toDay, type UsagePlace, usageOf } from './usage-book.ts';

/**
 * What the gateway has signed away, per channel (one validator, one payer). The voucher in an order is cumulative: it
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

/** The next voucher of a channel; never below the one before, since a validator keeps the largest. */
export function computeCumulative(channel: PayerChannel, maxFeeAtomic: bigint): bigint {
  const needed = channel.owedAtomic + channel.outstandingAtomic + maxFeeAtomic;
  if (needed <= channel.cumulativeAtomic) return channel.cumulativeAtomic;
  return needed;
}

export interface SpendingOrganisation {
  readonly id: string;
  /** Undefined: no limit. */
  readonly budgetAtomic: bigint | undefined;
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
  /** Whom the key belongs to, and the most that all of its keys may ever spend. Default: nobody. */
  readonly organisation?: SpendingOrganisation | undefined;
  readonly model: string;
  /** Whether others use the gateway too: then one key may hold no more of a channel than its share, see assertShare. */
  readonly isShared?: boolean;
  readonly maxFeeAtomic: bigint;
  /** What the chain lets the validator draw from this channel in all. */
  readonly spendableAtomic: bigint;
  /** What was drawn already, by the chain. A gateway that has lost its data starts from here. */
  readonly spentAtomic: bigint;
  readonly createdMs: number;
  readonly expiresMs: number;
}

export interface OrderBytes {
  readonly order: Uint8Array;
  /** 65 bytes. */
  readonly signature: Uint8Array;
}

/** Why an order brought no answer. */
export interface TryFailure {
  /** As a client reads it; empty where nothing failed. */
  readonly code: string;
  readonly reason: string;
  /** UTF-8 bytes of its text that the client had by then. */
  readonly shownBytes: number;
}

/** `open`: in flight. `delivered`: answered and checked. `abandoned`: no good answer came. `closed`: the fee is known. */
export type OrderState = 'open' | 'delivered' | 'abandoned' | 'closed';

export interface OrderRow extends OrderBytes {
  readonly replyId: string;
  readonly completionId: string;
  readonly choice: number;
  readonly validator: string;
  readonly keyId: string;
  /** Empty where the key belongs to none. */
  readonly organisation: string;
  readonly model: string;
  readonly maxFeeAtomic: bigint;
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly state: OrderState;
  readonly feeAtomic: bigint | undefined;
  readonly verdict: string;
  readonly detail: string;
  /** Transaction hash, `none` where nothing will ever be settled, or empty. */
  readonly settlement: string;
  /** Hash of the record that was delivered, in hex, or empty. */
  readonly heldRecord: string;
  /** What that record costs. */
  readonly heldFeeAtomic: bigint | undefined;
  /** Hash of the record that the validator judged, in hex, or empty. */
  readonly judgedRecord: string;
  readonly failure: TryFailure;
}

export type UnsettledOrder = Pick<OrderRow, 'replyId' | 'validator' | 'keyId' | 'organisation'>;

/** The record that a reply came with, and its fee. */
export interface HeldRecord {
  /** Hex. */
  readonly recordHash: string;
  readonly feeAtomic: bigint;
  readonly promptTokens: number;
  readonly outputTokens: number;
}

export interface Closing {
  /** Hash of the record that was judged, in hex, or empty. */
  readonly judgedRecord: string;
  readonly feeAtomic: bigint;
  readonly verdict: string;
  readonly detail: string;
  readonly settlement: string;
}

/** A provider words its refusals. */
const MAX_REASON_LENGTH = 500;

/** Whose budgets an order is in, and what it costs. */
export type BudgetedOrder = Pick<Reservation, 'keyId' | 'keyBudgetAtomic' | 'organisation' | 'maxFeeAtomic'>;

export interface ChannelLedger {
  /** Whether key and organisation could pay for an order now. Nothing is reserved. @throws ApiError `budget_exceeded`, `credit_exhausted` */
  assertBudgets(order: BudgetedOrder): Promise<void>;
  /**
   * Takes the maximum fee out of the channel and the budgets of the key and its organisation and stores the order that `sign` makes for the
   * resulting voucher. The order is on the disk when this resolves, and only then may anybody else see it.
   * @throws ApiError `budget_exceeded`, `too_many_requests`, `escrow_exhausted`, or `invalid_request` for a known id; nothing changed then.
   */
  reserve(reservation: Reservation, sign: (cumulativeAtomic: bigint) => OrderBytes): Promise<OrderBytes>;
  deliver(replyId: string, held: HeldRecord): Promise<void>;
  abandon(replyId: string): Promise<void>;
  /** Keeps why an order brought no answer. The order stays what it is: what it costs is for its validator to say. */
  noteFailure(replyId: string, failure: TryFailure): Promise<void>;
  /** Replaces the reserved maximum by the actual fee. A known fee does not change; its settlement may follow later. @returns whether it is known only now. */
  close(replyId: string, closing: Closing): Promise<boolean>;
  channel(validator: string): Promise<PayerChannel>;
  /** The maximum fees of a channel's orders that have not expired, whatever has become of them. */
  held(validator: string, nowMs: number): Promise<bigint>;
  find(replyId: string): Promise<OrderRow | undefined>;
  /** Reply ids with a receipt behind one completion, by choice. */
  findCompletion(completionId: string): Promise<string[]>;
  /** Orders of the same choice that brought no answer, in the order in which they were tried. */
  listFailed(order: Pick<OrderRow, 'completionId' | 'choice'>): Promise<OrderRow[]>;
  /** Orders whose fee or settlement is not known yet, oldest first. There are thousands, and most are not asked about now. */
  listUnsettled(limit: number, offset: number): Promise<UnsettledOrder[]>;
  /** Those of them that are there, in their order. */
  findAll(replyIds: readonly string[]): Promise<OrderRow[]>;
  /** Forgets orders from before a time that are settled for good. @returns how many. */
  expire(beforeMs: number): Promise<number>;
}

const channelRow = columns({
  validator: text,
  cumulativeAtomic: named('cumulative', amount),
  owedAtomic: named('owed', amount),
  outstandingAtomic: named('outstanding', amount),
});
const heldRow = columns({ validator: text, holder: text, held: amount });
const orderFields = {
  replyId: text,
  completionId: text,
  choice: integer,
  validator: text,
  keyId: text,
  organisation: text,
  model: text,
  maxFeeAtomic: named('max_fee', amount),
  order: named('order_bytes', bytes),
  signature: bytes,
  createdMs: integer,
  expiresMs: integer,
};
const newOrder = columns(orderFields);
const failureFields = columns({
  code: named('failure', text),
  reason: named('failure_reason', text),
  shownBytes: integer,
});
const orderRow = columns({
  ...orderFields,
  state: oneOf<OrderState>(['open', 'delivered', 'abandoned', 'closed']),
  feeAtomic: named('fee', optional(amount)),
  verdict: text,
  detail: text,
  settlement: text,
  heldRecord: text,
  heldFeeAtomic: named('held_fee', optional(amount)),
  judgedRecord: text,
  failure: failureFields,
});
const replyIdRow = columns({ replyId: text });
const unsettledRow = columns({ replyId: text, validator: text, keyId: text, organisation: text });
type ChannelRow = ReturnType<typeof channelRow.read>;
const channelTable: WorkTable<ChannelRow> = { name: 'channels', key: ['validator'], row: channelRow };
type HeldRow = ReturnType<typeof heldRow.read>;
const heldTable: WorkTable<HeldRow> = { name: 'held', key: ['validator', 'holder'], row: heldRow };
const orderTable: WorkTable<OrderRow> = { name: 'orders', key: ['reply_id'], row: orderRow };
const newOrderTable: WorkTable<ReturnType<typeof newOrder.read>> = { ...orderTable, row: newOrder };

const orderNamed = (replyId: string): RowQuery<unknown> => ({ table: newOrderTable, key: [replyId] });

export function createChannelLedger(books: WorkStore): ChannelLedger {
  const payers = createPayerMemo();
  return {
    assertBudgets: (order) => books.read(() => assertBudgets(order)),
    async reserve(reservation, sign) {
      const order = { ...reservation, organisation: reservation.organisation?.id ?? '' };
      const signed = await books.write(() => reserve(reservation, sign), touchingOrder(order));
      // Only now: a client may offer the reply id of an order of somebody else.
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
    close: (replyId, closing) => books.write(() => close(replyId, closing), payers.touching(replyId)),
    channel: async (validator) => (await books.read(() => findChannel(validator))) ?? openChannel(0n),
    held: (validator, nowMs) => books.read(() => sumHolds(validator, nowMs)),
    find: (replyId) => books.read(() => findOrder(replyId)),
    findCompletion: (completionId) =>
      books.read(function* () {
        const sql =
          "SELECT reply_id FROM orders JOIN receipts USING (reply_id) WHERE completion_id = ? AND failure = '' ORDER BY choice";
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
  /** What a change of this order touches: everything, where it is not known whose order it is. */
  touching(replyId: string): WorkOptions;
}

const MAX_KNOWN_PAYERS = 65_536;

const nameReply = (replyId: string): string => `reply ${replyId}`;

/** Whose money an order is. That never changes, so it is right as long as it is known. */
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

function* findChannel(name: string): Work<PayerChannel | undefined> {
  const row = yield* findRow(channelTable, name);
  if (row === undefined) return undefined;
  const { validator: _, ...channel } = row;
  return channel;
}

const writeChannel = (validator: string, state: PayerChannel): Work<void> =>
  putRow(channelTable, { ...state, validator });

const findOrder = (replyId: string): Work<OrderRow | undefined> => findRow(orderTable, replyId);

/**
 * Rows that the money of an order is booked in. Work that changes one asks for all of them first, so that a database that is
 * far away is asked once.
 */
function listMoneyRows(
  order: Pick<OrderRow, 'validator' | 'keyId' | 'organisation' | 'model' | 'createdMs'>,
): readonly RowQuery<unknown>[] {
  return [
    { table: channelTable, key: [order.validator] },
    { table: heldTable, key: [order.validator] },
    ...listAccounts(order).map(spendingOf),
    usageOf({ ...order, day: toDay(order.createdMs) }),
  ];
}

/** Whose budgets an order is in. */
const listAccounts = ({ keyId, organisation }: Pick<OrderRow, 'keyId' | 'organisation'>): readonly string[] =>
  organisation === '' ? [keyId] : [keyId, nameAccount(organisation)];

/** Books one change of an order for everybody whose money it is, and in the usage of its day. */
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

/** What the open orders of each holder hold of a channel. */
function* findHeld(validator: string): Work<Map<string, bigint>> {
  const [rows] = yield* findTogether<[HeldRow]>({ table: heldTable, key: [validator] });
  return new Map(rows.map(({ holder, held }) => [holder, held]));
}

function* writeHeld(validator: string, holder: string, held: bigint): Work<void> {
  if (held > 0n) yield* putRow(heldTable, { validator, holder, held });
  else yield* dropRow(heldTable, validator, holder);
}

/**
 * The channel as it is known, or more. A fee that was drawn is owed for an order that is known, open or closed. Where more was drawn than
 * all of them may cost, a restored database has forgotten orders; none would be admitted whose voucher does not cover what was drawn.
 */
function* catchUp(validator: string, spentAtomic: bigint): Work<PayerChannel> {
  const known = yield* findChannel(validator);
  if (known === undefined) return openChannel(spentAtomic);
  const forgotten = spentAtomic - known.owedAtomic - known.outstandingAtomic;
  return forgotten > 0n ? { ...known, owedAtomic: known.owedAtomic + forgotten } : known;
}

function* reserve(reservation: Reservation, sign: (cumulativeAtomic: bigint) => OrderBytes): Work<OrderBytes> {
  const { replyId, validator, keyId, maxFeeAtomic, createdMs } = reservation;
  const organisation = reservation.organisation?.id ?? '';
  yield* askAhead(
    orderNamed(replyId),
    ...listMoneyRows({ ...reservation, organisation }),
    ...listAccounts({ keyId, organisation }).map(grantedTo),
    liveHolds(validator, createdMs),
  );
  // A client fixes the nonce of a sealed reply, and may offer it to two gateways with one database.
  if (yield* findRow(newOrderTable, replyId)) {
    throw new ApiError('invalid_request', 'A nonce is for one offer.', { param: 'nonce', publicCode: null });
  }
  const channel = yield* catchUp(validator, reservation.spentAtomic);
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
  return signed;
}

function* deliver(replyId: string, { recordHash, feeAtomic, promptTokens, outputTokens }: HeldRecord): Work<void> {
  const row = yield* findOrder(replyId);
  // A verdict may be here before the gateway's own checks are done; the reply counts as used all the same.
  if (row === undefined || row.state === 'abandoned' || row.heldRecord !== '') return;
  const state = row.state === 'closed' ? 'closed' : 'delivered';
  yield* patchRow(orderTable, [replyId], { state, held_record: recordHash, held_fee: `${feeAtomic}` });
  yield* addUsage({ ...row, day: toDay(row.createdMs) }, { replies: 1, promptTokens, outputTokens });
}

function* close(replyId: string, closing: Closing): Work<boolean> {
  const row = yield* findOrder(replyId);
  if (row === undefined) return false;
  yield* patchRow(orderTable, [replyId], { settlement: closing.settlement });
  if (row.state === 'closed') return false;
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
  const { verdict, detail, judgedRecord } = closing;
  yield* patchRow(orderTable, [replyId], {
    ...{ state: 'closed', fee: `${fee}`, verdict, detail, judged_record: judgedRecord },
  });
  return true;
}

const openChannel = (spentAtomic: bigint): PayerChannel => ({
  cumulativeAtomic: spentAtomic,
  owedAtomic: spentAtomic,
  outstandingAtomic: 0n,
});

/**
 * What is reserved stays so until an order is answered or expires, and abandoning one costs nothing. So each holder, which is a key or
 * all keys of an organisation, that holds something of a channel has an equal share of it, and one more share is left for whoever comes next. A single request may be
 * larger than a share.
 */
function assertShare(
  { isShared = false, maxFeeAtomic }: Reservation,
  {
    holder,
    held,
    roomAtomic,
  }: { readonly holder: string; readonly held: ReadonlyMap<string, bigint>; readonly roomAtomic: bigint },
): void {
  const own = held.get(holder) ?? 0n;
  if (!isShared || own === 0n) return;
  if ((own + maxFeeAtomic) * BigInt(held.size + 1) <= roomAtomic) return;
  throw new ApiError(
    'too_many_requests',
    `The running requests of this key, or of its organisation, hold ${own} atomic units, its share of what the gateway can spend now; ` +
      'wait until one is answered, or lower max_tokens.',
    { retryAfterS: 5 },
  );
}

/** A validator admits no order where the channel does not hold the maximum fees of all orders that have not expired. */
function assertCovered({ maxFeeAtomic, spendableAtomic, spentAtomic }: Reservation, heldAtomic: bigint): void {
  const leftAtomic = spendableAtomic - spentAtomic;
  if (heldAtomic + maxFeeAtomic <= leftAtomic) return;
  throw new ApiError(
    'escrow_exhausted',
    `The gateway's channel has ${leftAtomic} atomic units left, and its orders that have not expired hold ${heldAtomic}; try again later.`,
    { retryAfterS: 5 },
  );
}

function* assertBudgets({ keyId, keyBudgetAtomic, organisation, maxFeeAtomic }: BudgetedOrder): Work<void> {
  const budgets: [whose: string, account: string, budgetAtomic: bigint | undefined][] = [
    ['this key', keyId, keyBudgetAtomic],
  ];
  if (organisation) budgets.push(["this key's organisation", nameAccount(organisation.id), organisation.budgetAtomic]);
  for (const [whose, account, budgetAtomic] of budgets) {
    const { spent, reserved } = yield* findSpending(account);
    const needed = spent + reserved + maxFeeAtomic;
    // Whoever pays without a key has what was paid in, and nothing before.
    const granted = (yield* findGranted(account)) ?? (isPayer(account) ? 0n : undefined);
    if (granted !== undefined && needed > granted) {
      throw new ApiError(
        'credit_exhausted',
        `The credit of ${whose} does not cover this request: ${granted} atomic units were paid in, ${spent + reserved} are spent ` +
          `or reserved, and it may cost ${maxFeeAtomic}. Lower max_tokens or add credit.`,
        { publicCode: 'insufficient_quota' },
      );
    }
    if (budgetAtomic === undefined || needed <= budgetAtomic) continue;
    throw new ApiError(
      'budget_exceeded',
      `You exceeded the budget of ${whose}: ${spent + reserved} of ${budgetAtomic} atomic units are spent or reserved, ` +
        `and this request may cost ${maxFeeAtomic}. Lower max_tokens or raise the budget.`,
      { publicCode: 'insufficient_quota' },
    );
  }
}

/** Whose share of a channel and of the gateway's places an order is in: its organisation's, so that more keys make no larger one. */
export const nameHolder = ({
  keyId,
  organisation,
}: {
  readonly keyId: string;
  readonly organisation: string;
}): string => (organisation === '' ? keyId : nameAccount(organisation));
