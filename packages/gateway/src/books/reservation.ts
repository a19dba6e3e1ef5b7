import { ApiError } from '@ogong/host/http/api-error';
import type { Work } from '@ogong/host/store/work';
import { findGranted } from './credit-book.ts';
import { isPayer } from './payment-book.ts';
import { findSpending, nameAccount } from './spending-book.ts';

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

/** Whose budgets an order is in, and what it costs. */
export type BudgetedOrder = Pick<Reservation, 'keyId' | 'keyBudgetAtomic' | 'organisation' | 'maxFeeAtomic'>;

export interface KeyOwner {
  readonly keyId: string;
  /** Empty where the key belongs to none. */
  readonly organisation: string;
}

/** Whose budgets an order is in. */
export const listAccounts = ({ keyId, organisation }: KeyOwner): readonly string[] =>
  organisation === '' ? [keyId] : [keyId, nameAccount(organisation)];

/** Whose share of a channel and of the gateway's places an order is in: its organisation's, so that more keys make no larger one. */
export const nameHolder = ({ keyId, organisation }: KeyOwner): string =>
  organisation === '' ? keyId : nameAccount(organisation);

/**
 * What is reserved stays so until an order is answered or expires, and abandoning one costs nothing. So each holder (a key, or all
 * keys of an organisation) that holds something of a channel has an equal share of it. One more share is left for whoever comes
 * next. A single request may be larger than a share.
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
    `The running requests of this key, or of its organisation, hold ${own} atomic units, its share of what the gateway can spend now; ` +
      'wait until one is answered, or lower max_tokens.',
    { retryAfterS: 5 },
  );
}

/** A validator admits no order where the channel does not hold the maximum fees of all orders that have not expired. */
export function assertCovered({ maxFeeAtomic, spendableAtomic, spentAtomic }: Reservation, heldAtomic: bigint): void {
  const leftAtomic = spendableAtomic - spentAtomic;
  if (heldAtomic + maxFeeAtomic <= leftAtomic) return;
  throw new ApiError(
    'escrow_exhausted',
    `The gateway's channel has ${leftAtomic} atomic units left, and its orders that have not expired hold ${heldAtomic}; try again later.`,
    { retryAfterS: 5 },
  );
}

export function* assertBudgets({ keyId, keyBudgetAtomic, organisation, maxFeeAtomic }: BudgetedOrder): Work<void> {
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
