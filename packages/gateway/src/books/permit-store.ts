import type { Hex } from '@ogong/chain/hex';
import type { PermitFunds, SignedPermit, UptoPermit } from '@ogong/chain/money/permits';
import {
  addressText,
  amount,
  bigInteger,
  columns,
  hexText,
  integer,
  mapped,
  named,
  oneOf,
  optionalColumns,
  text,
} from '@ogong/host/store/columns';
import { change, findAll, findOne, insertRow, type Work } from '@ogong/host/store/work';
import { addCredit, type CreditEntry, findGranted } from './credit-store.ts';
import { hasCredit, namePayer, writeHasCall } from './payment-store.ts';
import { findSpending } from './spending-store.ts';

/**
 * `open`: its request runs. `ended`: the request is over, and its price may still be open. `taking`: the amount is fixed, and may be on the
 * chain. `taken`: it is on the chain. `done`: it stays there, and the rest is credited. `unused`: the payer had credit left. `lost`: the
 * chain refused it until its deadline.
 */
export type PermitState = 'open' | 'ended' | 'taking' | 'taken' | 'done' | 'unused' | 'lost';

/** A payment of x402's scheme `upto`: a part of the signed maximum is taken when the price is known. */
export interface PermitRow extends SignedPermit {
  readonly state: PermitState;
  /** Pays for the request. Each permit has its own; an unused one names the account of its payer. */
  readonly account: string;
  /** No earlier block has the transfer. */
  readonly fromBlock: bigint;
  readonly takenAtomic: bigint;
  /** Empty until it is known. */
  readonly transactionHash: string;
  readonly madeMs: number;
}

/** Each query about unsettled permits has this condition as it stands: otherwise SQLite reads all permits instead of the index. */
const UNSETTLED = "state IN ('open', 'ended', 'taking', 'taken')";

/** Part of the schema of a gateway's store. A payer's nonce is taken once. */
export const PERMIT_TABLE = `
  CREATE TABLE permits (
    payer TEXT NOT NULL,
    nonce TEXT NOT NULL,
    recipient TEXT NOT NULL,
    facilitator TEXT NOT NULL,
    maximum TEXT NOT NULL,
    valid_after TEXT NOT NULL,
    deadline TEXT NOT NULL,
    signature TEXT NOT NULL,
    approval_nonce TEXT,
    approval_deadline TEXT,
    approval_signature TEXT,
    state TEXT NOT NULL,
    account TEXT NOT NULL,
    from_block INTEGER NOT NULL,
    taken_atomic TEXT NOT NULL,
    transaction_hash TEXT NOT NULL,
    made_ms INTEGER NOT NULL,
    PRIMARY KEY (payer, nonce)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX permits_by_age ON permits (made_ms);
  CREATE INDEX permits_lost ON permits (payer) WHERE state = 'lost';
  CREATE INDEX permits_unsettled ON permits (made_ms) WHERE ${UNSETTLED};
`;

/** A nonce has 256 bits, more than an amount. */
const nonceText = mapped(text, BigInt, String);
const row = columns({
  ...{ payer: addressText, nonce: nonceText, recipient: addressText, facilitator: addressText, maximum: amount },
  ...{ validAfter: amount, deadline: amount, signature: hexText },
  approval: optionalColumns({
    nonce: named('approval_nonce', amount),
    deadline: named('approval_deadline', amount),
    signature: named('approval_signature', hexText),
  }),
  state: oneOf<PermitState>(['open', 'ended', 'taking', 'taken', 'done', 'unused', 'lost']),
  ...{ account: text, fromBlock: bigInteger, takenAtomic: amount, transactionHash: text, madeMs: integer },
});
type StoredRow = ReturnType<typeof row.read>;

const toPermit = ({
  payer,
  nonce,
  recipient,
  facilitator,
  maximum,
  validAfter,
  deadline,
  approval,
  ...rest
}: StoredRow): PermitRow => ({
  ...rest,
  approval: approval && { ...approval, value: maximum },
  permit: { from: payer, to: recipient, facilitator, maximum, nonce, validAfter, deadline },
});

/** Returns the account of one permit. */
export const namePermit = ({ from, nonce }: Pick<UptoPermit, 'from' | 'nonce'>): string =>
  `${namePayer(from)}:${nonce.toString(16)}`;

/** Permits that are not settled yet. More are refused: each is read when a further one comes. */
const MOST_UNSETTLED = 1_024;

/**
 * Takes a permit's nonce. If its payer has enough credit left, the permit itself is not used.
 * @returns the permit, with its approval if that is needed, or the reason for a refusal. `used`: the nonce. `poor`: the payer cannot pay all of its permits. `owes`: it did not pay before.
 * `full`: too much is unpaid.
 */
export function* takePermit(
  { permit, signature, approval }: SignedPermit,
  terms: {
    readonly fromBlock: bigint;
    readonly madeMs: number;
    readonly neededAtomic: bigint;
    readonly funds: PermitFunds;
    /** Sum of all maxima that may be unsettled, and of all lost payments of the last day. */
    readonly mostUnsettledAtomic: bigint;
  },
): Work<PermitRow | 'used' | 'poor' | 'owes' | 'full'> {
  const { from, to, facilitator, maximum, nonce, validAfter, deadline } = permit;
  const { fromBlock, madeMs } = terms;
  const isUnused = yield* hasCredit(namePayer(from), terms.neededAtomic);
  const cover = isUnused ? 'allowance' : yield* findCover({ permit, approval }, terms);
  if (cover !== 'allowance' && cover !== 'approval') return cover;
  const stored: StoredRow = {
    ...{ payer: from, nonce, recipient: to, facilitator, maximum, validAfter, deadline, signature },
    approval: cover === 'approval' ? approval : undefined,
    ...{ state: isUnused ? 'unused' : 'open', account: isUnused ? namePayer(from) : namePermit(permit) },
    ...{ fromBlock, takenAtomic: 0n, transactionHash: '', madeMs },
  };
  if (!(yield* insertRow(row, 'permits', stored, 'ON CONFLICT DO NOTHING'))) return 'used';
  if (!isUnused) {
    const detail = `up to ${maximum} of ${from}`;
    yield* addCredit({ id: `upto:${stored.account}`, account: stored.account, amountAtomic: maximum, detail, madeMs });
  }
  return toPermit(stored);
}

/**
 * Finds what lets Permit2 move the maximum. An approval replaces the allowance, and each has the next number of its payer. So it covers one
 * payment alone, and no other of this payer may be unsettled beside it.
 */
function* findCover(
  { permit: { from, maximum }, approval }: Pick<SignedPermit, 'permit' | 'approval'>,
  {
    madeMs,
    funds: { balanceAtomic, allowanceAtomic, approvalNonce },
    mostUnsettledAtomic,
  }: { readonly madeMs: number; readonly funds: PermitFunds; readonly mostUnsettledAtomic: bigint },
): Work<'allowance' | 'approval' | 'poor' | 'owes' | 'full'> {
  // Sorted as the index of lost permits is, so that SQLite reads no others.
  const lost = `SELECT ${row.list} FROM permits WHERE state = 'lost' AND (payer = ? OR made_ms > ?) ORDER BY payer LIMIT ${MOST_UNSETTLED}`;
  const losses = yield* findAll(row, lost, from, madeMs - DAY_MS);
  if (losses.some(({ payer }) => payer === from)) return 'owes';
  const unsettled = yield* findAll(row, WAITING);
  const sum = (rows: readonly StoredRow[]): bigint => rows.reduce((total, one) => total + one.maximum, 0n);
  const lostAtomic = losses.reduce((total, one) => total + one.takenAtomic, 0n);
  const own = unsettled.filter(({ payer }) => payer === from);
  const neededAtomic = sum(own) + maximum;
  const isAllowed = neededAtomic <= allowanceAtomic && own.every((one) => one.approval === undefined);
  const isApproved = approval?.nonce === approvalNonce && own.length === 0;
  if (neededAtomic > balanceAtomic || (!isAllowed && !isApproved)) return 'poor';
  if (unsettled.length + losses.length >= MOST_UNSETTLED) return 'full';
  if (sum(unsettled) + lostAtomic + maximum > mostUnsettledAtomic) return 'full';
  return isAllowed ? 'allowance' : 'approval';
}

const DAY_MS = 86_400_000;
/** All permits whose amount is not on the chain, the oldest first. */
const WAITING = `SELECT ${row.list} FROM permits WHERE ${UNSETTLED} AND state <> 'taken' ORDER BY made_ms LIMIT ${MOST_UNSETTLED}`;

/** Notes that a permit's request is over. */
export const endPermit = (account: string): Work<number> =>
  change(`UPDATE permits SET state = 'ended' WHERE account = ? AND state = 'open' AND ${UNSETTLED}`, account);

/** Changes a permit that is still as it was found. @returns false, with nothing changed, if another gateway was faster. */
function* move(
  { permit: { from, nonce }, state, takenAtomic }: PermitRow,
  set: string,
  ...values: string[]
): Work<boolean> {
  const sql = `UPDATE permits SET ${set} WHERE payer = ? AND nonce = ? AND state = ? AND taken_atomic = ?`;
  return (yield* change(sql, ...values, from, `${nonce}`, state, `${takenAtomic}`)) > 0;
}

/** Brings the credit of a permit's account to an amount. @param id of the entry, which counts once. */
function* setCredit(
  { account }: PermitRow,
  amountAtomic: bigint,
  entry: Pick<CreditEntry, 'id' | 'detail' | 'madeMs'>,
): Work<void> {
  const granted = (yield* findGranted(account)) ?? 0n;
  if (granted !== amountAtomic) yield* addCredit({ ...entry, account, amountAtomic: amountAtomic - granted });
}

/**
 * Fixes the amount of a permit: all that its account spent and may still have to pay, and no less than the least payment. From then on the
 * account can spend no more than this. A permit whose request cost nothing ends.
 * @param found `open` or `ended`.
 * @returns the permit to take; undefined while the price may stay open, if nothing is to be taken, or if another gateway was faster.
 */
export function* fixPermit(
  found: PermitRow,
  {
    leastAtomic,
    isUrgent,
    nowMs,
  }: { readonly leastAtomic: bigint; readonly isUrgent: boolean; readonly nowMs: number },
): Work<PermitRow | undefined> {
  const { account, permit } = found;
  const { spent, reserved } = yield* findSpending(account);
  if (reserved > 0n && !isUrgent) return undefined;
  const due = spent + reserved;
  if (due === 0n) {
    yield* closePermit(found, 'done', nowMs);
    return undefined;
  }
  const raised = due < leastAtomic ? leastAtomic : due;
  const takenAtomic = raised > permit.maximum ? permit.maximum : raised;
  if (!(yield* move(found, "state = 'taking', taken_atomic = ?", `${takenAtomic}`))) return undefined;
  yield* setCredit(found, takenAtomic, { id: `upto-fixed:${account}`, detail: 'not taken', madeMs: nowMs });
  return { ...found, state: 'taking', takenAtomic };
}

/**
 * Notes the transfer of a permit.
 * @param found `taking`, or `taken` by a transfer that the chain replaced.
 * @returns undefined if another gateway was faster.
 */
export function* notePermit(
  found: PermitRow,
  { value: takenAtomic, transactionHash }: { readonly value: bigint; readonly transactionHash: Hex },
): Work<PermitRow | undefined> {
  const set = "state = 'taken', taken_atomic = ?, transaction_hash = ?";
  const isNoted = yield* move(found, set, `${takenAtomic}`, transactionHash);
  return isNoted ? { ...found, state: 'taken', takenAtomic, transactionHash } : undefined;
}

/**
 * Ends a permit. Its account keeps the credit that it spent. The rest of a payment goes to the account of its payer, so the credit of both
 * is the payment.
 * @param end `done` for a payment that stays on the chain, or that took nothing.
 * @returns false while an order of it is open, or if another gateway was faster.
 */
export function* closePermit(found: PermitRow, end: 'done' | 'lost', nowMs: number): Work<boolean> {
  const { account, permit } = found;
  const { spent, reserved } = yield* findSpending(account);
  if (reserved > 0n || !(yield* move(found, 'state = ?', end))) return false;
  const paidAtomic = end === 'lost' ? 0n : found.takenAtomic;
  const keptAtomic = spent < paidAtomic ? spent : paidAtomic;
  const about = { madeMs: nowMs, detail: end === 'lost' ? 'the payer did not pay' : 'not needed' };
  yield* setCredit(found, keptAtomic, { id: `upto-end:${account}`, ...about });
  if (paidAtomic > keptAtomic) {
    const left = { account: namePayer(permit.from), amountAtomic: paidAtomic - keptAtomic };
    yield* addCredit({ id: `upto-left:${account}`, ...left, ...about });
  }
  return true;
}

/** Forgets permits that cannot be sent again. Payers that did not pay are remembered. */
export const forgetPermits = (beforeMs: number): Work<number> =>
  change(
    `DELETE FROM permits WHERE made_ms < ? AND state IN ('done', 'unused') AND NOT ${writeHasCall('permits')}`,
    beforeMs,
  );

/**
 * Lists permits that still change. All permits that are not taken come first, so payers that do not pay cannot delay others. The oldest
 * permits that wait for confirmations follow.
 * @param mostTaken limit of the latter.
 */
export function* listUnsettledPermits(mostTaken: number): Work<PermitRow[]> {
  const taken = `SELECT ${row.list} FROM permits WHERE ${UNSETTLED} AND state = 'taken' ORDER BY made_ms LIMIT ?`;
  return [...(yield* findAll(row, WAITING)), ...(yield* findAll(row, taken, mostTaken))].map(toPermit);
}

export function* findPermit({ from, nonce }: Pick<UptoPermit, 'from' | 'nonce'>): Work<PermitRow | undefined> {
  const found = yield* findOne(row, `SELECT ${row.list} FROM permits WHERE payer = ? AND nonce = ?`, from, `${nonce}`);
  return found && toPermit(found);
}
