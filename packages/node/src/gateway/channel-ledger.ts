import { ApiError } from '@ogong/host/http/api-error';
import { amount, bytes, columns, integer, named, oneOf, optional, text } from '@ogong/host/store/columns';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import { addHold, sumHolds } from '@ogong/host/store/holds';
import type { Store } from '@ogong/host/store/store';
import { addUsage, toDay, type UsagePlace } from './usage-book.ts';

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

export interface ChannelLedger {
  /**
   * Takes the maximum fee out of the channel and the budgets of the key and its organisation and stores the order that `sign` makes for the
   * resulting voucher. The order is on the disk when this resolves, and only then may anybody else see it.
   * @throws ApiError `budget_exceeded`, `too_many_requests` or `escrow_exhausted`; nothing changed then.
   */
  reserve(reservation: Reservation, sign: (cumulativeAtomic: bigint) => OrderBytes): Promise<OrderBytes>;
  deliver(replyId: string, held: HeldRecord): Promise<void>;
  abandon(replyId: string): Promise<void>;
  /** Keeps why an order brought no answer. The order stays what it is: what it costs is for its validator to say. */
  noteFailure(replyId: string, failure: TryFailure): Promise<void>;
  /** Replaces the reserved maximum by the actual fee. A known fee does not change; its settlement may follow later. */
  close(replyId: string, closing: Closing): Promise<void>;
  channel(validator: string): PayerChannel;
  /** The maximum fees of a channel's orders that have not expired, whatever has become of them. */
  held(validator: string, nowMs: number): bigint;
  find(replyId: string): OrderRow | undefined;
  /** Reply ids with a receipt behind one completion, by choice. */
  findCompletion(completionId: string): string[];
  /** Orders of the same choice that brought no answer, in the order in which they were tried. */
  listFailed(order: Pick<OrderRow, 'completionId' | 'choice'>): OrderRow[];
  /** Orders whose fee or settlement is not known yet, oldest first. */
  listUnsettled(limit: number, offset: number): OrderRow[];
  /** Forgets orders from before a time that are settled for good. @returns how many. */
  expire(beforeMs: number): Promise<number>;
}

export interface Spending {
  readonly spent: bigint;
  readonly reserved: bigint;
}

const channelState = columns({
  cumulativeAtomic: named('cumulative', amount),
  owedAtomic: named('owed', amount),
  outstandingAtomic: named('outstanding', amount),
});
const channelRow = columns({ validator: text, state: channelState });
const spendingState = columns({ spent: amount, reserved: amount });
const spendingRow = columns({ account: text, state: spendingState });
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

export function createChannelLedger(store: Store, group: GroupCommit): ChannelLedger {
  function readChannel(validator: string): PayerChannel | undefined {
    return channelState.get(store.prepare(`SELECT ${channelState.list} FROM channels WHERE validator = ?`), validator);
  }

  /**
   * The channel as it is known, or more. A fee that was drawn is owed for an order that is known, open or closed. Where more was drawn than
   * all of them may cost, a restored database has forgotten orders; none would be admitted whose voucher does not cover what was drawn.
   */
  function catchUp(validator: string, spentAtomic: bigint): PayerChannel {
    const known = readChannel(validator);
    if (known === undefined) return openChannel(spentAtomic);
    const forgotten = spentAtomic - known.owedAtomic - known.outstandingAtomic;
    return forgotten > 0n ? { ...known, owedAtomic: known.owedAtomic + forgotten } : known;
  }

  function writeChannel(validator: string, state: PayerChannel): void {
    channelRow.insert(store, 'INSERT OR REPLACE INTO channels', { validator, state });
  }

  /** Books one change of an order for everybody whose money it is, and in the usage of its day. */
  function book(
    { keyId, organisation, model, createdMs }: Omit<UsagePlace, 'day'> & { readonly createdMs: number },
    { spent, reserved }: Spending,
  ): void {
    for (const account of organisation === '' ? [keyId] : [keyId, nameAccount(organisation)]) {
      const known = findSpending(store, account);
      const state = { spent: known.spent + spent, reserved: known.reserved + reserved };
      spendingRow.insert(store, 'INSERT OR REPLACE INTO spending', { account, state });
    }
    const place = { day: toDay(createdMs), keyId, model, organisation };
    addUsage(store, place, { costAtomic: spent, reservedAtomic: reserved });
  }

  /** What the open orders of each holder hold of a channel. */
  function readHeld(validator: string): Map<string, bigint> {
    const rows = heldRow.all(store.prepare(`SELECT ${heldRow.list} FROM held WHERE validator = ?`), validator);
    return new Map(rows.map(({ holder, held }) => [holder, held]));
  }

  function writeHeld(validator: string, holder: string, held: bigint): void {
    if (held > 0n) heldRow.insert(store, 'INSERT OR REPLACE INTO held', { validator, holder, held });
    else store.prepare('DELETE FROM held WHERE validator = ? AND holder = ?').run(validator, holder);
  }

  function readOrder(replyId: string): OrderRow | undefined {
    return orderRow.get(store.prepare(`SELECT ${orderRow.list} FROM orders WHERE reply_id = ?`), replyId);
  }

  return {
    reserve: (reservation, sign) =>
      group.write(() => {
        const { validator, keyId, maxFeeAtomic } = reservation;
        const channel = catchUp(validator, reservation.spentAtomic);
        const organisation = reservation.organisation?.id ?? '';
        assertBudgets(reservation, (account) => findSpending(store, account));
        const held = readHeld(validator);
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
        assertCovered(reservation, sumHolds(store, validator, reservation.createdMs));
        const signed = sign(cumulativeAtomic);
        addHold(store, { channel: validator, maxFeeAtomic, expiresAtMs: reservation.expiresMs }, reservation.createdMs);
        writeChannel(validator, {
          ...channel,
          cumulativeAtomic,
          outstandingAtomic: channel.outstandingAtomic + maxFeeAtomic,
        });
        book({ ...reservation, organisation }, { spent: 0n, reserved: maxFeeAtomic });
        writeHeld(validator, holder, (held.get(holder) ?? 0n) + maxFeeAtomic);
        newOrder.insert(store, 'INSERT INTO orders', { ...reservation, organisation, ...signed });
        return signed;
      }),

    deliver: (replyId, { recordHash, feeAtomic, promptTokens, outputTokens }) =>
      group.write(() => {
        const row = readOrder(replyId);
        // A verdict may be here before the gateway's own checks are done; the reply counts as used all the same.
        if (row === undefined || row.state === 'abandoned' || row.heldRecord !== '') return;
        store
          .prepare('UPDATE orders SET state = ?, held_record = ?, held_fee = ? WHERE reply_id = ?')
          .run(row.state === 'closed' ? 'closed' : 'delivered', recordHash, `${feeAtomic}`, replyId);
        addUsage(store, { ...row, day: toDay(row.createdMs) }, { replies: 1, promptTokens, outputTokens });
      }),

    abandon: (replyId) =>
      group.write(() => {
        store.prepare("UPDATE orders SET state = 'abandoned' WHERE reply_id = ? AND state = 'open'").run(replyId);
      }),

    noteFailure: (replyId, { code, reason, shownBytes }) =>
      group.write(() => {
        store
          .prepare('UPDATE orders SET failure = ?, failure_reason = ?, shown_bytes = ? WHERE reply_id = ?')
          .run(code, reason.slice(0, MAX_REASON_LENGTH), shownBytes, replyId);
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
        const channel = readChannel(row.validator) as PayerChannel;
        writeChannel(row.validator, {
          ...channel,
          owedAtomic: channel.owedAtomic + fee,
          outstandingAtomic: channel.outstandingAtomic - row.maxFeeAtomic,
        });
        const holder = nameHolder(row);
        writeHeld(row.validator, holder, (readHeld(row.validator).get(holder) ?? 0n) - row.maxFeeAtomic);
        book(row, { spent: fee, reserved: -row.maxFeeAtomic });
        store
          .prepare(
            "UPDATE orders SET state = 'closed', fee = ?, verdict = ?, detail = ?, judged_record = ? WHERE reply_id = ?",
          )
          .run(`${fee}`, closing.verdict, closing.detail, closing.judgedRecord, replyId);
      }),

    channel: (validator) => store.read(() => readChannel(validator)) ?? openChannel(0n),
    held: (validator, nowMs) => store.read(() => sumHolds(store, validator, nowMs)),
    find: (replyId) => store.read(() => readOrder(replyId)),
    findCompletion: (completionId) =>
      store.read(() =>
        replyIdRow
          .all(
            store.prepare(
              "SELECT reply_id FROM orders JOIN receipts USING (reply_id) WHERE completion_id = ? AND failure = '' ORDER BY choice",
            ),
            completionId,
          )
          .map(({ replyId }) => replyId),
      ),
    listFailed: ({ completionId, choice }) =>
      store.read(() =>
        orderRow.all(
          store.prepare(
            `SELECT ${orderRow.list} FROM orders WHERE completion_id = ? AND choice = ? AND failure <> '' ORDER BY rowid`,
          ),
          completionId,
          choice,
        ),
      ),
    listUnsettled: (limit, offset) =>
      store.read(() =>
        orderRow.all(
          store.prepare(
            `SELECT ${orderRow.list} FROM orders WHERE settlement = '' ORDER BY created_ms, reply_id LIMIT ? OFFSET ?`,
          ),
          limit,
          offset,
        ),
      ),
    expire: (beforeMs) =>
      group.write(() => {
        const settled = store.prepare(
          "DELETE FROM orders WHERE created_ms < ? AND state = 'closed' AND settlement <> ''",
        );
        return Number(settled.run(beforeMs).changes);
      }),
  };
}

/** @param account a key's id, or `nameAccount` of an organisation. @param store opened with GATEWAY_SCHEMA. */
export const readSpending = (store: Store, account: string): Spending => store.read(() => findSpending(store, account));

function findSpending(store: Store, account: string): Spending {
  const sql = `SELECT ${spendingState.list} FROM spending WHERE account = ?`;
  return spendingState.get(store.prepare(sql), account) ?? { spent: 0n, reserved: 0n };
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

function assertBudgets(
  { keyId, keyBudgetAtomic, organisation, maxFeeAtomic }: Reservation,
  readSpending: (account: string) => Spending,
): void {
  const budgets: [whose: string, account: string, budgetAtomic: bigint | undefined][] = [
    ['this key', keyId, keyBudgetAtomic],
  ];
  if (organisation) budgets.push(["this key's organisation", nameAccount(organisation.id), organisation.budgetAtomic]);
  for (const [whose, account, budgetAtomic] of budgets) {
    const { spent, reserved } = readSpending(account);
    if (budgetAtomic === undefined || spent + reserved + maxFeeAtomic <= budgetAtomic) continue;
    throw new ApiError(
      'budget_exceeded',
      `You exceeded the budget of ${whose}: ${spent + reserved} of ${budgetAtomic} atomic units are spent or reserved, ` +
        `and this request may cost ${maxFeeAtomic}. Lower max_tokens or raise the budget.`,
      { publicCode: 'insufficient_quota' },
    );
  }
}

/** What an organisation's spending is kept under; no key has such an id. */
export const nameAccount = (organisation: string): string => `org:${organisation}`;

/** Whose share of a channel and of the gateway's places an order is in: its organisation's, so that more keys make no larger one. */
export const nameHolder = ({
  keyId,
  organisation,
}: {
  readonly keyId: string;
  readonly organisation: string;
}): string => (organisation === '' ? keyId : nameAccount(organisation));
