import type { Address } from '@ogong/chain/hex';
import { amount, columns, integer, mapped, oneOf, text } from '@ogong/host/store/columns';
import { change, type Work } from '@ogong/host/store/work';
import { findRow, keepRow, type WorkTable } from '@ogong/host/store/work-rows';
import type { WorkStore } from '@ogong/host/store/work-store';
import { SETTLEMENT_TYPES, type SettlementType } from '@ogong/protocol/http/routes';
import { findPayment, type PaymentRow } from './payment-store.ts';
import { findPermit, type PermitRow } from './permit-store.ts';

/** A signed payment as its call names it. */
interface NamedPayment {
  readonly scheme: 'exact' | 'upto';
  /** CAIP-2. */
  readonly network: string;
  readonly asset: Address;
  readonly payer: Address;
  /** As the payer signed it: hexadecimal for `exact`, decimal for `upto`. */
  readonly nonce: string;
  readonly maximumAtomic: bigint;
}

/** The payment of one call, and its state on the chain. */
export interface CallPayment extends NamedPayment {
  /** Undefined as long as the amount may change. 0 if credit paid, or the chain refused the payment. */
  readonly takenAtomic: bigint | undefined;
  /** Undefined while nothing is taken. */
  readonly transactionHash: string | undefined;
}

/** The chosen settlement type of a call, and its payment. */
export interface CallTerms {
  readonly settlementType: SettlementType;
  /** Undefined for a call with a key. */
  readonly payment: CallPayment | undefined;
}

/** A call of the default type that a key pays for. */
export const DEFAULT_TERMS: CallTerms = { settlementType: 'batch', payment: undefined };

export interface CallStore {
  /** Stores the terms of a call before its first order. Default terms need no row. */
  put(completionId: string, terms: CallTerms, nowMs: number): Promise<void>;
  /** Returns the terms with the present state of the payment. */
  find(completionId: string): Promise<CallTerms>;
  /** Forgets calls from before a time that have no orders left. */
  expire(beforeMs: number): Promise<number>;
}

/** Part of the schema of a gateway's store. The columns of the payment are empty for a call with a key. */
export const CALL_TABLE = `
  CREATE TABLE calls (
    completion_id TEXT PRIMARY KEY,
    settlement_type TEXT NOT NULL,
    scheme TEXT NOT NULL,
    network TEXT NOT NULL,
    asset TEXT NOT NULL,
    payer TEXT NOT NULL,
    nonce TEXT NOT NULL,
    maximum TEXT NOT NULL,
    created_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX calls_by_age ON calls (created_ms);
  CREATE INDEX calls_by_payment ON calls (payer, nonce);
`;

const address = mapped(
  text,
  (value) => value as Address,
  (value) => value,
);
const row = columns({
  ...{ completionId: text, settlementType: oneOf<SettlementType>(SETTLEMENT_TYPES) },
  ...{ scheme: oneOf<NamedPayment['scheme'] | ''>(['exact', 'upto', '']), network: text, asset: address },
  ...{ payer: address, nonce: text, maximum: amount, createdMs: integer },
});
type StoredRow = ReturnType<typeof row.read>;
const callTable: WorkTable<StoredRow> = { name: 'calls', key: ['completion_id'], row };
const NO_PAYMENT = { scheme: '', network: '', asset: '0x', payer: '0x', nonce: '', maximum: 0n } as const;

export function createCallStore(books: WorkStore): CallStore {
  return {
    async put(completionId, { settlementType, payment }, createdMs) {
      if (settlementType === 'batch' && payment === undefined) return;
      const named = payment ? toColumns(payment) : NO_PAYMENT;
      await books.write(() => keepRow(callTable, { completionId, settlementType, ...named, createdMs }));
    },
    find: (completionId) => books.read(() => findTerms(completionId)),
    expire: (beforeMs) => {
      const left = 'EXISTS (SELECT 1 FROM orders WHERE orders.completion_id = calls.completion_id)';
      return books.write(() => change(`DELETE FROM calls WHERE created_ms < ? AND NOT ${left}`, beforeMs));
    },
  };
}

const toColumns = ({ scheme, network, asset, payer, nonce, maximumAtomic: maximum }: NamedPayment) => ({
  ...{ scheme, network, asset, payer, nonce, maximum },
});

function* findTerms(completionId: string): Work<CallTerms> {
  const found = yield* findRow(callTable, completionId);
  if (found === undefined) return DEFAULT_TERMS;
  return { settlementType: found.settlementType, payment: yield* findTaken(found) };
}

function* findTaken(found: StoredRow): Work<CallPayment | undefined> {
  const { scheme, network, asset, payer, nonce, maximum } = found;
  if (scheme === '') return undefined;
  const named = { scheme, network, asset, payer, nonce, maximumAtomic: maximum };
  if (scheme === 'exact') {
    const payment = yield* findPayment({ from: payer, nonce: nonce as `0x${string}` });
    return { ...named, ...readTransfer(payment) };
  }
  return { ...named, ...readPermit(yield* findPermit({ from: payer, nonce: BigInt(nonce) })) };
}

type Place = Pick<CallPayment, 'network' | 'asset'>;
type Taken = Pick<CallPayment, 'takenAtomic' | 'transactionHash'>;

const OPEN: Taken = { takenAtomic: undefined, transactionHash: undefined };
const NOTHING_TAKEN: Taken = { takenAtomic: 0n, transactionHash: undefined };

export function describeTransfer(transfer: PaymentRow, place: Place): CallPayment {
  const { from: payer, nonce, value: maximumAtomic } = transfer.authorization;
  return { scheme: 'exact', ...place, payer, nonce, maximumAtomic, ...readTransfer(transfer) };
}

export function describePermit(found: PermitRow, place: Place): CallPayment {
  const { from: payer, nonce, maximum: maximumAtomic } = found.permit;
  return { scheme: 'upto', ...place, payer, nonce: `${nonce}`, maximumAtomic, ...readPermit(found) };
}

function readTransfer(found: PaymentRow | undefined): Taken {
  if (found === undefined || found.state === 'pending') return OPEN;
  if (found.state !== 'paid' && found.state !== 'final') return NOTHING_TAKEN;
  return { takenAtomic: found.authorization.value, transactionHash: found.transactionHash };
}

function readPermit(found: PermitRow | undefined): Taken {
  if (found === undefined || ['open', 'ended', 'taking'].includes(found.state)) return OPEN;
  if (found.state === 'unused' || found.state === 'lost' || found.takenAtomic === 0n) return NOTHING_TAKEN;
  return { takenAtomic: found.takenAtomic, transactionHash: found.transactionHash };
}
