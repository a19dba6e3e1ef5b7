import { concatBytes, toHex } from '../base/bytes.ts';
import { hashRecord } from '../commitment/record.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { encodeAdmissionMembers, type SignedAdmission } from '../exchange/admission.ts';
import { encodeIntakeMembers, type IntakeSignature } from '../exchange/intake-receipt.ts';
import { hashOrder, type LedgerDomain, parseOrder } from '../exchange/order.ts';

/** Number of members of the signed structs that the chain compares, by kind (docs/spec/cases.md#two-signatures). */
export const STATEMENT_MEMBERS = { admission: 4, intake: 4, log: 10, allotment: 4 } as const;

export type StatementKind = keyof typeof STATEMENT_MEMBERS;

/** One signed statement of a validator. */
export interface SignedStatement {
  readonly kind: StatementKind;
  /** The validator that signed it, 20 bytes. */
  readonly accused: Uint8Array;
  /** Members of the signed struct, 32 bytes each. */
  readonly members: Uint8Array;
  /** 65 bytes, or 308 with a sum. */
  readonly signature: Uint8Array;
  /** Times at which the key may have signed for the accused, Unix time in ms. */
  readonly timesMs: readonly number[];
}

/** An order with its validator's statements, from a receipt or from a provider's store. */
export interface ToldOrder {
  /** The order's exact bytes. */
  readonly order: Uint8Array;
  readonly admission: SignedAdmission;
  readonly taken?: { readonly record: Uint8Array; readonly intake: IntakeSignature } | undefined;
}

/** Lists the statements of the validator that an order names. @throws ProtocolError if the order does not parse */
export function listStatements(
  crypto: Crypto,
  ledger: LedgerDomain,
  { order: bytes, admission: { epoch, timeMs, signature }, taken }: ToldOrder,
): readonly SignedStatement[] {
  const order = parseOrder(bytes);
  const { validator } = order;
  const orderHash = hashOrder(crypto, ledger, order);
  const common = { accused: validator, timesMs: [Number(timeMs), Number(order.expiresAtMs)] };
  const members = encodeAdmissionMembers(crypto, { validator, orderHash, epoch, timeMs });
  const admitted = { ...common, kind: 'admission', members, signature } as const;
  if (taken === undefined) return [admitted];
  const recordHash = hashRecord(crypto, taken.record);
  const intake = { validator, orderHash, recordHash, epoch: taken.intake.epoch };
  const said = encodeIntakeMembers(crypto, intake);
  return [admitted, { ...common, kind: 'intake', members: said, signature: taken.intake.signature }];
}

/** The subject of a statement and its claim, as slices of its members, as in the contract. */
const PARTS: Readonly<
  Record<StatementKind, (words: (from: number, to: number) => Uint8Array) => [Uint8Array, Uint8Array]>
> = {
  admission: (words) => [words(1, 2), words(2, 4)],
  intake: (words) => [words(1, 2), words(2, 3)],
  log: (words) => [concatBytes(words(0, 1), words(3, 4)), words(2, 3)],
  allotment: (words) => [words(0, 1), words(1, 4)],
};

/** Finds the first two statements of one account about one subject that differ in their claim. Signatures are not checked. */
export function findContradiction(
  statements: readonly SignedStatement[],
): readonly [SignedStatement, SignedStatement] | undefined {
  const known = new Map<string, { readonly statement: SignedStatement; readonly said: string }>();
  for (const statement of statements) {
    const { kind, accused, members } = statement;
    const [place, said] = PARTS[kind]((from, to) => members.subarray(32 * from, 32 * to)).map(toHex) as [
      string,
      string,
    ];
    const name = `${kind} ${toHex(accused)} ${place}`;
    const other = known.get(name);
    if (other !== undefined && other.said !== said) return [other.statement, statement];
    if (other === undefined) known.set(name, { statement, said });
  }
  return undefined;
}
