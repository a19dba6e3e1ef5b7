import { ApiError } from '@ogong/host/http/api-error';
import type { Work } from '@ogong/host/store/work';
import { findTogether, type RowQuery } from '@ogong/host/store/work-rows';
import { findGranted } from './credit-store.ts';
import { isPayer, toPayer } from './payment-store.ts';
import { findSpending, nameAccount } from './spending-store.ts';
import { toDay, usageOfDay } from './usage-store.ts';

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
  /** Most that the key's orders of one day in UTC may cost. Default: no limit. */
  readonly keyDayBudgetAtomic?: bigint | undefined;
  /** The organisation of the key, and the most that all of its keys may ever spend. Default: nobody. */
  readonly organisation?: SpendingOrganisation | undefined;
  readonly model: string;
  /** Whether others use the gateway too. One holder may then use no more of a channel than its share, see assertShare. */
  readonly isShared?: boolean;
  readonly maxFeeAtomic: bigint;
  /** The total that the chain lets the validator draw from this channel. */
  readonly spendableAtomic: bigint;
  /** The amount drawn so far, by the chain. A gateway that has lost its data starts from here. */
  readonly spentAtomic: bigint;
  readonly createdMs: number;
  readonly expiresMs: number;
}

/** The budgets that an order counts in, and its cost. */
export type BudgetedOrder = Pick<
  Reservation,
  'keyId' | 'keyBudgetAtomic' | 'keyDayBudgetAtomic' | 'organisation' | 'maxFeeAtomic' | 'createdMs'
>;

export interface KeyOwner {
  readonly keyId: string;
  /** Empty for a key without an organisation. */
  readonly organisation: string;
}

/** Lists the accounts whose budgets an order counts in. */
export const listAccounts = ({ keyId, organisation }: KeyOwner): readonly string[] =>
  organisation === '' ? [keyId] : [keyId, nameAccount(organisation)];

/**
 * Names the holder whose share of a channel and of the gateway's places an order uses. Keys of one organisation are one holder,
 * and so are the permits of one payer. So more of them bring no larger share.
 */
export const nameHolder = ({ keyId, organisation }: KeyOwner): string =>
  organisation === '' ? toPayer(keyId) : nameAccount(organisation);

/**
 * A reservation stays until its order is answered or expires, and abandoning an order costs nothing. So each holder (a key, or
 * all keys of an organisation) that holds something of a channel has an equal share of it. One more share is left for the next
 * holder. A single request may be larger than a share.
 * @throws ApiError `too_many_requests`
 */
export function assertShare(
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
    `The running requests of this key, or of its organisation, reserve ${own} atomic units, their share of the gateway's funds. ` +
      'Wait until one is answered, or lower max_tokens.',
    { retryAfterS: 5 },
  );
}

/**
 * Checks the channel's amount: a validator admits no order unless the channel covers the maximum fees of all unexpired orders.
 */
export function assertCovered({ maxFeeAtomic, spendableAtomic, spentAtomic }: Reservation, heldAtomic: bigint): void {
  const leftAtomic = spendableAtomic - spentAtomic;
  if (heldAtomic + maxFeeAtomic <= leftAtomic) return;
  throw new ApiError(
    'escrow_exhausted',
    `The gateway's channel has ${leftAtomic} atomic units left, and its orders that have not expired hold ${heldAtomic}; try again later.`,
    { retryAfterS: 5 },
  );
}

export function* assertBudgets(order: BudgetedOrder): Work<void> {
  const { keyId, keyBudgetAtomic, organisation, maxFeeAtomic } = order;
  yield* assertDayBudget(order);
  const budgets: [whose: string, account: string, budgetAtomic: bigint | undefined][] = [
    ['this key', keyId, keyBudgetAtomic],
  ];
  if (organisation) budgets.push(["this key's organisation", nameAccount(organisation.id), organisation.budgetAtomic]);
  for (const [whose, account, budgetAtomic] of budgets) {
    const { spent, reserved } = yield* findSpending(account);
    const needed = spent + reserved + maxFeeAtomic;
    // A payer without a key has the amount that it paid in.
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

const DAY_MS = 86_400_000;

/** Rows that the budget of a day is compared with; none without such a budget. */
export const dayRows = ({
  keyId,
  keyDayBudgetAtomic,
  createdMs,
}: Pick<BudgetedOrder, 'keyId' | 'keyDayBudgetAtomic' | 'createdMs'>): readonly RowQuery<unknown>[] =>
  keyDayBudgetAtomic === undefined ? [] : [usageOfDay(keyId, toDay(createdMs))];

/** An order counts on the day on which it is made, also if it is answered after midnight. */
function* assertDayBudget({ keyId, keyDayBudgetAtomic, maxFeeAtomic, createdMs }: BudgetedOrder): Work<void> {
  if (keyDayBudgetAtomic === undefined) return;
  const [rows] = yield* findTogether(usageOfDay(keyId, toDay(createdMs)));
  const used = rows.reduce((sum, { costAtomic, reservedAtomic }) => sum + costAtomic + reservedAtomic, 0n);
  if (used + maxFeeAtomic <= keyDayBudgetAtomic) return;
  throw new ApiError(
    'budget_exceeded',
    `You exceeded this key's budget of a day: ${used} of ${keyDayBudgetAtomic} atomic units are spent or reserved, ` +
      `and this request may cost ${maxFeeAtomic}. Lower max_tokens or wait for the next day in UTC.`,
    { publicCode: 'insufficient_quota', retryAfterS: Math.ceil((DAY_MS - (createdMs % DAY_MS)) / 1_000) },
  );
}
