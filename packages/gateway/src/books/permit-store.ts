import type { Address, Hex } from '@ogong/chain/hex';
import type { UptoPermit } from '@ogong/chain/money/permits';
import { amount, bigInteger, columns, integer, mapped, oneOf, text } from '@ogong/host/store/columns';
import { change, findAll, findOne, insertRow, type Work } from '@ogong/host/store/work';
import { addCredit } from './credit-store.ts';
import { hasCredit, namePayer } from './payment-store.ts';
import { findSpending } from './spending-store.ts';

/** A payment of x402's scheme `upto`: a part of the signed maximum is taken when the price is known. */
export interface UptoOffer {
  readonly permit: UptoPermit;
  readonly signature: Hex;
}

/**
 * `open`: its request runs. `ended`: the request is over, and its price may still be open. `taking`: the amount is fixed, and may be on the
 * chain. `taken`: it is on the chain. `done`: it stays there, and the rest is credited. `unused`: the payer had credit left. `lost`: the
 * chain refused it until its deadline.
 */
export type PermitState = 'open' | 'ended' | 'taking' | 'taken' | 'done' | 'unused' | 'lost';

export interface PermitRow extends UptoOffer {
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
    state TEXT NOT NULL,
    account TEXT NOT NULL,
    from_block INTEGER NOT NULL,
    taken_atomic TEXT NOT NULL,
    transaction_hash TEXT NOT NULL,
    made_ms INTEGER NOT NULL,
    PRIMARY KEY (payer, nonce)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX permits_unsettled ON permits (made_ms) WHERE state IN ('open', 'ended', 'taking', 'taken');
`;

const address = mapped(
  text,
  (value) => value as Address,
  (value) => value,
);
const hex = mapped(
  text,
  (value) => value as Hex,
  (value) => value,
);
/** A nonce has 256 bits, more than an amount. */
const nonceText = mapped(text, BigInt, String);
const row = columns({
  ...{ payer: address, nonce: nonceText, recipient: address, facilitator: address, maximum: amount },
  ...{ validAfter: amount, deadline: amount, signature: hex },
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
  ...rest
}: StoredRow): PermitRow => ({
  ...rest,
  permit: { from: payer, to: recipient, facilitator, maximum, nonce, validAfter, deadline },
});

/** Returns the account of one permit. */
export const namePermit = ({ from, nonce }: Pick<UptoPermit, 'from' | 'nonce'>): string =>
  `${namePayer(from)}:${nonce.toString(16)}`;

/** Permits that are not settled yet. More are refused: each is read when a further one comes. */
const MOST_UNSETTLED = 1_024;

/**
 * Takes a permit's nonce. If its payer has enough credit left, the permit itself is not used.
 * @returns the reason for a refusal. `used`: the nonce. `poor`: the payer cannot pay all of its permits. `owes`: it did not pay before.
 * `full`: too much is unpaid.
 */
export function* takePermit(
  { permit, signature }: UptoOffer,
  terms: {
    readonly fromBlock: bigint;
    readonly madeMs: number;
    readonly neededAtomic: bigint;
    /** The amount that permits of the payer can move now. */
    readonly movableAtomic: bigint;
    /** Sum of all maxima that may be unsettled, and of all lost payments of the last day. */
    readonly mostUnsettledAtomic: bigint;
  },
): Work<PermitRow | 'used' | 'poor' | 'owes' | 'full'> {
  const { from, to, facilitator, maximum, nonce, validAfter, deadline } = permit;
  const { fromBlock, madeMs } = terms;
  const isUnused = yield* hasCredit(namePayer(from), terms.neededAtomic);
  if (!isUnused) {
    const refusal = yield* findRefusal(permit, terms);
    if (refusal !== undefined) return refusal;
  }
  const stored: StoredRow = {
    ...{ payer: from, nonce, recipient: to, facilitator, maximum, validAfter, deadline, signature },
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

function* findRefusal(
  { from, maximum }: UptoPermit,
  {
    madeMs,
    movableAtomic,
    mostUnsettledAtomic,
  }: { readonly madeMs: number; readonly movableAtomic: bigint; readonly mostUnsettledAtomic: bigint },
): Work<'poor' | 'owes' | 'full' | undefined> {
  const lost = `SELECT ${row.list} FROM permits WHERE state = 'lost' AND (payer = ? OR made_ms > ?) LIMIT ${MOST_UNSETTLED}`;
  const losses = yield* findAll(row, lost, from, madeMs - DAY_MS);
  if (losses.some(({ payer }) => payer === from)) return 'owes';
  const waiting = `SELECT ${row.list} FROM permits WHERE state IN ('open', 'ended', 'taking') LIMIT ${MOST_UNSETTLED}`;
  const unsettled = yield* findAll(row, waiting);
  const sum = (rows: readonly StoredRow[]): bigint => rows.reduce((total, one) => total + one.maximum, 0n);
  if (sum(unsettled.filter(({ payer }) => payer === from)) + maximum > movableAtomic) return 'poor';
  if (unsettled.length + losses.length >= MOST_UNSETTLED) return 'full';
  return sum([...unsettled, ...losses]) + maximum > mostUnsettledAtomic ? 'full' : undefined;
}

const DAY_MS = 86_400_000;

/** Notes that a permit's request is over. */
export const endPermit = (account: string): Work<number> =>
  change("UPDATE permits SET state = 'ended' WHERE account = ? AND state = 'open'", account);

const move = ({ permit: { from, nonce } }: PermitRow, set: string, ...values: string[]): Work<number> =>
  change(`UPDATE permits SET ${set} WHERE payer = ? AND nonce = ?`, ...values, from, `${nonce}`);

/**
 * Fixes the amount of a permit: all that its account spent and may still have to pay, and no less than the least payment.
 * @returns undefined while the price is open and may stay so.
 */
export function* fixPermit(
  found: PermitRow,
  { leastAtomic, isUrgent }: { readonly leastAtomic: bigint; readonly isUrgent: boolean },
): Work<PermitRow | undefined> {
  const { spent, reserved } = yield* findSpending(found.account);
  if (reserved > 0n && !isUrgent) return undefined;
  const due = spent + reserved;
  if (due === 0n) {
    yield* closePermit(found, 'done');
    return { ...found, state: 'done' };
  }
  const raised = due < leastAtomic ? leastAtomic : due;
  const takenAtomic = raised > found.permit.maximum ? found.permit.maximum : raised;
  yield* move(found, "state = 'taking', taken_atomic = ?", `${takenAtomic}`);
  return { ...found, state: 'taking', takenAtomic };
}

/** Notes the transfer of a permit. */
export const notePermit = (found: PermitRow, transactionHash: string): Work<number> =>
  move(found, "state = 'taken', transaction_hash = ?", transactionHash);

/**
 * Ends a permit. Its account keeps the credit that it spent. The rest of a payment goes to the account of its payer.
 * @param end `done` for a payment that stays on the chain, or that took nothing.
 * @returns false while an order of it is open.
 */
export function* closePermit(found: PermitRow, end: 'done' | 'lost', nowMs = found.madeMs): Work<boolean> {
  const { account, permit, takenAtomic } = found;
  const { spent, reserved } = yield* findSpending(account);
  if (reserved > 0n) return false;
  const keptAtomic = end === 'lost' ? 0n : spent;
  const about = { madeMs: nowMs, detail: end === 'lost' ? 'the payer did not pay' : 'not needed' };
  const backAtomic = keptAtomic - permit.maximum;
  if (backAtomic < 0n) yield* addCredit({ id: `upto-end:${account}`, account, amountAtomic: backAtomic, ...about });
  const leftAtomic = end === 'lost' ? 0n : takenAtomic - spent;
  if (leftAtomic > 0n) {
    const payer = namePayer(permit.from);
    yield* addCredit({ id: `upto-left:${account}`, account: payer, amountAtomic: leftAtomic, ...about });
  }
  yield* move(found, 'state = ?', end);
  return true;
}

/** Forgets permits that cannot be sent again. Payers that did not pay are remembered. */
export const forgetPermits = (beforeMs: number): Work<number> =>
  change("DELETE FROM permits WHERE made_ms < ? AND state IN ('done', 'unused')", beforeMs);

/** Lists permits that still change, the oldest first. */
export function* listUnsettledPermits(limit: number): Work<PermitRow[]> {
  const sql = `SELECT ${row.list} FROM permits WHERE state IN ('open', 'ended', 'taking', 'taken') ORDER BY made_ms LIMIT ?`;
  return (yield* findAll(row, sql, limit)).map(toPermit);
}

/** @internal Tests look at the state of one permit. */
export function* findPermit({ from, nonce }: Pick<UptoPermit, 'from' | 'nonce'>): Work<PermitRow | undefined> {
  const found = yield* findOne(row, `SELECT ${row.list} FROM permits WHERE payer = ? AND nonce = ?`, from, `${nonce}`);
  return found && toPermit(found);
}
