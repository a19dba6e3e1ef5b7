import { amount, columns, integer, text } from '@ogong/host/store/columns';
import { findOne, insertRow, replaceRow, type Work } from '@ogong/host/store/work';
import type { CardEvent } from './card-wire.ts';
import { addCredit } from './credit-store.ts';
import { nameAccount } from './spending-store.ts';

/** Part of the schema of a gateway's store: payments by card, by the ids of their provider. It holds nothing of a card. */
export const CARD_TABLES = `
  CREATE TABLE card_payments (
    payment TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    paid INTEGER NOT NULL,
    refunded INTEGER NOT NULL,
    disputed INTEGER NOT NULL,
    disputed_at INTEGER NOT NULL,
    rate TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE card_events (
    id TEXT PRIMARY KEY,
    made_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

const paymentRow = columns({
  payment: text,
  /** Empty until the payment itself is known: the notice of its refund may arrive first. */
  account: text,
  /** Amounts in the least unit of the currency. */
  paid: integer,
  refunded: integer,
  disputed: integer,
  /** Time of the dispute's present state, in seconds. */
  disputedAt: integer,
  /** Atomic units for the currency's least unit. */
  rate: amount,
});
const eventRow = columns({ id: text, madeMs: integer });
type CardPayment = ReturnType<typeof paymentRow.read>;

/** Computes the present worth of a payment: the paid amount less refunds and disputes. */
function computeWorth({ paid, refunded, disputed, rate }: CardPayment): bigint {
  return BigInt(Math.max(0, paid - refunded - disputed)) * rate;
}

/**
 * Books an event. Events may arrive in any order, and more than once.
 * @param rate atomic units for the currency's least unit.
 * @returns the change of the credit; undefined for a known event.
 */
export function* bookCardEvent(
  { id, notice }: CardEvent,
  { rate, nowMs }: { readonly rate: bigint; readonly nowMs: number },
): Work<bigint | undefined> {
  if (notice === undefined) return 0n;
  if (!(yield* insertRow(eventRow, 'card_events', { id, madeMs: nowMs }, 'ON CONFLICT DO NOTHING'))) return undefined;
  const { payment } = notice;
  const known = (yield* findOne(
    paymentRow,
    `SELECT ${paymentRow.list} FROM card_payments WHERE payment = ?`,
    payment,
  )) ?? { payment, account: '', paid: 0, refunded: 0, disputed: 0, disputedAt: 0, rate: 0n };
  const next = change(known, notice, rate);
  yield* replaceRow(paymentRow, 'card_payments', 'payment', next);
  const amountAtomic = computeWorth(next) - computeWorth(known);
  if (next.account === '' || amountAtomic === 0n) return 0n;
  const detail = `payment ${payment} by card`;
  yield* addCredit({ id: `card:${id}`, account: next.account, amountAtomic, detail, madeMs: nowMs });
  return amountAtomic;
}

function change(known: CardPayment, notice: NonNullable<CardEvent['notice']>, rate: bigint): CardPayment {
  switch (notice.kind) {
    case 'paid':
      // Two events may report the same payment.
      return known.account === ''
        ? { ...known, account: nameAccount(notice.organisation), paid: notice.amount, rate }
        : known;
    case 'refunded':
      return { ...known, refunded: Math.max(known.refunded, notice.amount) };
    case 'disputed':
      return notice.atS < known.disputedAt ? known : { ...known, disputed: notice.amount, disputedAt: notice.atS };
  }
}
