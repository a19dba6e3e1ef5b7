import type { Address } from '@ogong/chain/hex';
import type { TransferAuthorization } from '@ogong/chain/money/authorizations';
import { addressText, amount, bigInteger, columns, hexText, integer, oneOf, text } from '@ogong/host/store/columns';
import { change, findAll, findOne, insertRow, type Work } from '@ogong/host/store/work';
import { addCredit, findGranted } from './credit-store.ts';
import type { PaymentOffer } from './payment-wire.ts';
import { findSpending } from './spending-store.ts';

/**
 * `pending`: it may be on the chain. `paid`: it is, and counts. `final`: it is deep enough to stay. `unused`: its payer had
 * credit left. `failed`: it never will be on the chain. `undone`: the chain undid it, and its credit was taken back.
 */
export type PaymentState = 'pending' | 'paid' | 'final' | 'unused' | 'failed' | 'undone';

export interface PaymentRow extends PaymentOffer {
  readonly state: PaymentState;
  /** The credited account. */
  readonly account: string;
  /** The block from which the payment is searched: the chain does not have it before. */
  readonly fromBlock: bigint;
  /** Empty until it is known. */
  readonly transactionHash: string;
  readonly madeMs: number;
}

/** Part of the schema of a gateway's store. A payer's nonce is taken once. */
export const PAYMENT_TABLE = `
  CREATE TABLE payments (
    payer TEXT NOT NULL,
    nonce TEXT NOT NULL,
    recipient TEXT NOT NULL,
    value TEXT NOT NULL,
    valid_after TEXT NOT NULL,
    valid_before TEXT NOT NULL,
    signature TEXT NOT NULL,
    state TEXT NOT NULL,
    account TEXT NOT NULL,
    from_block INTEGER NOT NULL,
    transaction_hash TEXT NOT NULL,
    made_ms INTEGER NOT NULL,
    PRIMARY KEY (payer, nonce)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX payments_by_age ON payments (made_ms);
  CREATE INDEX payments_open ON payments (made_ms) WHERE state IN ('pending', 'paid');
`;

const row = columns({
  ...{
    payer: addressText,
    nonce: hexText,
    recipient: addressText,
    value: amount,
    validAfter: amount,
    validBefore: amount,
  },
  ...{ signature: hexText, state: oneOf<PaymentState>(['pending', 'paid', 'final', 'unused', 'failed', 'undone']) },
  ...{ account: text, fromBlock: bigInteger, transactionHash: text, madeMs: integer },
});

type StoredRow = ReturnType<typeof row.read>;

const toPayment = ({ payer, nonce, recipient, value, validAfter, validBefore, ...rest }: StoredRow): PaymentRow => ({
  ...rest,
  authorization: { from: payer, to: recipient, value, validAfter, validBefore, nonce },
});

/** Returns the account of a payer without a key. */
export const namePayer = (payer: Address): string => `pay:${payer}`;
export const isPayer = (account: string): boolean => account.startsWith('pay:');
/** Returns the account of the payer for that of one of its permits, and any other account as it is. */
export const toPayer = (account: string): string => /^pay:0x[0-9a-f]{40}(?=:)/.exec(account)?.[0] ?? account;

/** Whether the account's earlier payments suffice. */
export function* hasCredit(account: string, neededAtomic: bigint): Work<boolean> {
  const granted = (yield* findGranted(account)) ?? 0n;
  const { spent, reserved } = yield* findSpending(account);
  return granted - spent - reserved >= neededAtomic;
}

/**
 * Takes a payment's nonce. If its payer has enough credit left, the payment itself is not used.
 * @returns the payment's state, or the reason for its refusal: a used nonce, or a payer that has too little.
 */
export function* takePayment(
  { authorization, signature }: PaymentOffer,
  {
    account,
    fromBlock,
    madeMs,
    neededAtomic,
    balanceAtomic,
  }: Pick<PaymentRow, 'account' | 'fromBlock' | 'madeMs'> & {
    readonly neededAtomic: bigint;
    /** Balance of the payer. */
    readonly balanceAtomic: bigint;
  },
): Work<PaymentRow | 'used' | 'poor'> {
  const { from: payer, nonce, to: recipient, value, validAfter, validBefore } = authorization;
  const state: PaymentState = (yield* hasCredit(account, neededAtomic)) ? 'unused' : 'pending';
  if (state === 'pending' && balanceAtomic < value) return 'poor';
  const stored: StoredRow = {
    ...{ payer, nonce, recipient, value, validAfter, validBefore, signature, state, account, fromBlock },
    ...{ transactionHash: '', madeMs },
  };
  const isNew = yield* insertRow(row, 'payments', stored, 'ON CONFLICT DO NOTHING');
  return isNew ? toPayment(stored) : 'used';
}

/** Credits a payment. A repetition changes nothing. */
export function* creditPayment(
  { authorization: { from, nonce, value }, account }: Pick<PaymentRow, 'authorization' | 'account'>,
  transactionHash: string,
  nowMs: number,
): Work<void> {
  yield* addCredit({
    ...{ id: `chain:${from}:${nonce}`, account, amountAtomic: value },
    ...{ detail: transactionHash, madeMs: nowMs },
  });
  const sql = "UPDATE payments SET state = 'paid', transaction_hash = ? WHERE payer = ? AND nonce = ?";
  yield* change(sql, transactionHash, from, nonce);
}

export function* endPayment(
  { authorization: { from, nonce, value }, account, state }: PaymentRow,
  end: Exclude<PaymentState, 'pending' | 'paid' | 'unused'>,
  nowMs: number,
): Work<void> {
  if (end === 'undone' && state === 'paid') {
    const entry = { id: `undone:${from}:${nonce}`, account, amountAtomic: -value };
    yield* addCredit({ ...entry, detail: 'the chain undid it', madeMs: nowMs });
  }
  yield* change('UPDATE payments SET state = ? WHERE payer = ? AND nonce = ?', end, from, nonce);
}

/** Writes the condition that a stored call names the payment, because the call's receipt shows its transaction. */
export const writeHasCall = (table: 'payments' | 'permits'): string =>
  `EXISTS (SELECT 1 FROM calls WHERE calls.payer = ${table}.payer AND calls.nonce = ${table}.nonce)`;

/** Forgets payments that can neither be sent again nor change any more. Their credit stays. */
export const forgetPayments = (beforeMs: number): Work<number> =>
  change(
    `DELETE FROM payments WHERE made_ms < ? AND state NOT IN ('pending', 'paid') AND NOT ${writeHasCall('payments')}`,
    beforeMs,
  );

/** Lists payments whose state on the chain is not final. */
export function* listOpenPayments(limit: number): Work<PaymentRow[]> {
  const sql = `SELECT ${row.list} FROM payments WHERE state IN ('pending', 'paid') ORDER BY made_ms LIMIT ?`;
  return (yield* findAll(row, sql, limit)).map(toPayment);
}

export function* findPayment({
  from,
  nonce,
}: Pick<TransferAuthorization, 'from' | 'nonce'>): Work<PaymentRow | undefined> {
  const found = yield* findOne(row, `SELECT ${row.list} FROM payments WHERE payer = ? AND nonce = ?`, from, nonce);
  return found && toPayment(found);
}
