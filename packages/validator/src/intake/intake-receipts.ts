import { toHex } from '@ogong/protocol/base/bytes';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';

/** Contents of a receipt for a record. */
interface IntakeTerms {
  /** 32 bytes each. */
  readonly orderHash: Uint8Array;
  readonly recordHash: Uint8Array;
  /** Epoch of the intake. */
  readonly epoch: bigint;
}

/**
 * Signs receipts for records. The provider gets a receipt when it hands the record in, and the payer gets the same one
 * with its delivery, mostly within a second. So the newest are kept in memory and signed once.
 */
export type SignIntake = (taken: IntakeTerms) => Promise<Uint8Array>;

const MAX_KNOWN = 4_096;

export function createIntakeReceipts({
  ledger,
  signer,
}: {
  readonly ledger: LedgerDomain;
  readonly signer: ValidatorSigner;
}): SignIntake {
  const known = new Map<string, Promise<Uint8Array>>();
  return (taken) => {
    const { orderHash, recordHash, epoch } = taken;
    const name = `${toHex(orderHash)} ${toHex(recordHash)} ${epoch}`;
    const before = known.get(name);
    if (before !== undefined) return before;
    const word = signer.sign({ kind: 'intake', domain: ledger, validator: signer.address, ...taken });
    known.set(name, word);
    if (known.size > MAX_KNOWN) known.delete(known.keys().next().value as string);
    // A failed signature is tried again.
    word.catch(() => known.delete(name));
    return word;
  };
}
